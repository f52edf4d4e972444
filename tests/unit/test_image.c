/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of records names every member of the structs of a program: a member that is added and
 * not named there would be zero in an artifact.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codegen/artifact/image.h"

#include <string.h>

enum { MOST_RECORDS = 100, MOST_BYTES = 1024 };

typedef struct Seen {
    const ImageRecord *records[MOST_RECORDS];
    int count;
} Seen;

/* What artifacts have no use for, in bytes. */
static size_t left_out(const char *record)
{
    if (!strcmp(record, "PhaseStep"))
        return sizeof(PhaseEvaluate *) + sizeof(void *); /* evaluate, kernel */
    if (!strcmp(record, "HostStep"))
        return sizeof(void *); /* user */
    if (!strcmp(record, "Program"))
        return 2 * sizeof(void *); /* owner, destroy */
    return 0;
}

static size_t bytes_of(const ImageField *field)
{
    size_t length = field->length ? (size_t)field->length : 1;
    switch (field->kind) {
    case IMAGE_bool:
    case IMAGE_byte: return length;
    case IMAGE_int32:
    case IMAGE_uint32:
    case IMAGE_float: return 4 * length;
    case IMAGE_record: return field->record->size * length;
    default: return 8 * length;
    }
}

/* Bytes that no field has, but for those that align the next one. */
static size_t gaps(const ImageRecord *record)
{
    char covered[MOST_BYTES + 8] = {0};
    size_t total = 0, run = 0;
    assert_true(record->size <= MOST_BYTES);
    for (int i = 0; i < record->field_count; i++)
        memset(covered + record->fields[i].offset, 1, bytes_of(&record->fields[i]));
    for (size_t at = 0; at <= record->size; at++) {
        if (at < record->size && !covered[at]) {
            run++;
            continue;
        }
        size_t padding = run % 8; /* at most what 8 bytes of alignment ask for */
        total += run - (run < 8 ? run : padding);
        run = 0;
    }
    return total;
}

static void check(Seen *seen, const ImageRecord *record)
{
    for (int i = 0; i < seen->count; i++)
        if (seen->records[i] == record)
            return;
    assert_true(seen->count < MOST_RECORDS);
    seen->records[seen->count++] = record;
    if (gaps(record) != left_out(record->name))
        fail_msg("%s: %zu bytes are in no field, %zu may be", record->name, gaps(record),
                 left_out(record->name));
    for (int i = 0; i < record->field_count; i++)
        if (record->fields[i].record)
            check(seen, record->fields[i].record);
}

static void test_records_are_whole(void **state)
{
    Seen seen = {0};
    (void)state;
    check(&seen, image_root());
    assert_true(seen.count > 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_records_are_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of tile choices: what is written is read again, and nothing that is damaged is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codegen/tuning.h"
#include "runtime/checksum.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static Boundary boundary;
static Arena *arena;
static char path[] = "/tmp/tenon-tuning-XXXXXX";
static const TuningScope scope = {.machine = "a machine", .model = "a model"};

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(&boundary);
    int file = mkstemp(path);
    return arena && file >= 0 ? close(file) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(arena);
    return unlink(path);
}

static void write_bytes(const char *data, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static char *read_bytes(size_t *length)
{
    static char data[4096];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    *length = fread(data, 1, sizeof data, file);
    fclose(file);
    return data;
}

/* The last warning, where the file is refused; else NULL. */
static const char *refusal(Tuning **tuning)
{
    Diagnostics *diagnostics = diagnostics_create(arena);
    *tuning = tuning_read(arena, path, &scope, diagnostics);
    assert_int_equal(diagnostics->error_count, 0);
    assert_int_equal(diagnostics->count, *tuning ? 0 : 1);
    return *tuning ? NULL : diagnostics->items[0].message;
}

static TuningEntry *add_entry(Tuning *tuning, const char *key, int count, int chosen)
{
    TuningEntry *entry = ARENA_NEW(arena, TuningEntry);
    *entry = (TuningEntry){.key = key, .count = count, .chosen = chosen};
    for (int i = 0; i < count; i++)
        entry->candidates[i] = (TuningCandidate){.rows = 14 - i,
                                                 .vectors = 2,
                                                 .unroll = 1 + i,
                                                 .n_block = 8 * i,
                                                 .predicted_us = 1.5 + i,
                                                 .measured_us = 2.25 + i};
    map_set(&tuning->by_key, key, entry);
    array_push(arena, &tuning->entries, entry);
    return entry;
}

static void write_two(void)
{
    Tuning *tuning = tuning_create(arena);
    tuning->cycle_ns = 0.4;
    add_entry(tuning, "m64:1,0,1", 3, 2);
    add_entry(tuning, "n8:0,1,1", MAX_TILINGS, 0);
    assert_true(tuning_write(tuning, path, &scope, diagnostics_create(arena)));
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    Tuning *tuning;
    write_two();
    assert_null(refusal(&tuning));
    assert_int_equal(tuning->entries.count, 2);
    assert_true(tuning->cycle_ns == 0.4);
    const TuningEntry *first = tuning->entries.items[0], *second = tuning->entries.items[1];
    assert_string_equal(first->key, "m64:1,0,1");
    assert_int_equal(first->count, 3);
    assert_int_equal(first->chosen, 2);
    assert_int_equal(first->candidates[2].rows, 12);
    assert_int_equal(first->candidates[2].n_block, 16);
    assert_true(first->candidates[1].measured_us == 3.25);
    assert_int_equal(second->count, MAX_TILINGS);
    assert_int_equal(second->chosen, 0);
}

static void test_every_damage_is_seen(void **state)
{
    (void)state;
    Tuning *tuning;
    size_t length;
    write_two();
    char *data = read_bytes(&length);
    for (size_t cut = 0; cut < length; cut++) {
        write_bytes(data, cut);
        assert_non_null(refusal(&tuning));
    }
    for (size_t i = 0; i < length; i++) {
        data[i] ^= 1;
        write_bytes(data, length);
        assert_non_null(refusal(&tuning));
        data[i] ^= 1;
    }
    write_bytes(data, length);
    assert_null(refusal(&tuning));
}

/* Lines that nobody has written, under a checksum that fits. */
static void test_nonsense_under_a_good_checksum(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "cycle 0.4\nkey\n",
        "cycle 0.4\nkey \n",
        "cycle 0.4\n 14x2/1/0 1 1 \n",
        "cycle 0.4\nkey 14x2/1/0 1 1\n",
        "cycle 0.4\nkey 0x2/1/0 1 1 \n",
        "cycle 0.4\nkey 14x2/1/-1 1 1 \n",
        "cycle 0.4\nkey 14x2/1/0 nan 1 \n",
        "cycle 0.4\nkey 14x2/1/0 1e99 1 \n",
        "cycle 0.4\nkey 99999x2/1/0 1 1 \n",
        "cycle -1\nkey 14x2/1/0 1 1 \n",
        "cycle\nkey 14x2/1/0 1 1 \n",
        "key 14x2/1/0 1 1 \n",
        "cycle 0.4\nkey 14x2/1/0 1 1 \nkey 14x2/1/0 1 1 \n",
        "cycle 0.4\n\n",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        Tuning *tuning;
        Checksum sum;
        unsigned char bytes[CHECKSUM_BYTES];
        Text text = text_create(arena);
        text_format(&text, "tenon tuning 1\nversion %d.%d.%d\nmachine a machine\nmodel a model\n%s",
                    TN_VERSION_MAJOR, TN_VERSION_MINOR, TN_VERSION_PATCH, lines[i]);
        checksum_begin(&sum);
        checksum_add(&sum, text.data, text.length);
        checksum_end(&sum, bytes);
        text_append(&text, "end 1 ");
        for (int k = 0; k < CHECKSUM_BYTES; k++)
            text_format(&text, "%02x", bytes[k]);
        text_append(&text, "\n");
        write_bytes(text.data, text.length);
        const char *why = refusal(&tuning);
        assert_non_null(why);
        assert_non_null(strstr(why, "a line of it cannot be read"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_every_damage_is_seen),
        cmocka_unit_test(test_nonsense_under_a_good_checksum),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the writers of files refuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codegen/artifact/elf.h"
#include "codegen/artifact/relocate.h"

/* The size is ten decimal digits in the member's header. */
static void test_archive_member(void **state)
{
    const ElfObject object = {0};
    size_t offset, bytes = archive_bytes(&object, 9999999999, &offset);
    (void)state;
    assert_int_equal(bytes, offset + 9999999999 + 1);
    assert_int_equal(archive_bytes(&object, 10000000000, &offset), 0);
}

/* A difference in a number of groups of seven bits, as long as it was. */
static void test_uleb_difference(void **state)
{
    enum { SET = 60, SUB = 61 };
    char place[] = {(char)0x80, 0, 0x55};
    (void)state;
    assert_int_equal(relocate(EM_RISCV, SET, place, 0, 0x12345678), RELOCATION_done);
    assert_int_equal(relocate(EM_RISCV, SUB, place, 0, 0x12345678 - 300), RELOCATION_done);
    assert_int_equal((unsigned char)place[0], (300 & 0x7f) | 0x80);
    assert_int_equal(place[1], 300 >> 7);
    assert_int_equal(place[2], 0x55);
}

static void test_six_bits(void **state)
{
    char place[] = {(char)0xc1};
    (void)state;
    assert_int_equal(relocate(EM_RISCV, R_RISCV_SET6, place, 0, 0x1030), RELOCATION_done);
    assert_int_equal(relocate(EM_RISCV, R_RISCV_SUB6, place, 0, 0x1028), RELOCATION_done);
    assert_int_equal((unsigned char)place[0], 0xc8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_archive_member),
        cmocka_unit_test(test_uleb_difference),
        cmocka_unit_test(test_six_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

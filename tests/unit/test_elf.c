/* SPDX-License-Identifier: Apache-2.0
 *
 * Linking objects, and what the writers of files refuse. The runtime of x86-64 is an object at
 * hand.
 */
#include "codegen/artifact/elf.h"
#include "codegen/artifact/relocate.h"
#include "codegen/llvm/runtime_code.h"

#include <stdint.h>
#include <string.h>

#include "fixture.h"

/* A runtime, in memory that may be changed. */
static ElfObject open_runtime(Fixture *f, const char *triple)
{
    RuntimeCode code;
    ElfObject object;
    assert_true(runtime_code(triple, &code));
    char *data = arena_copy(f->arena, code.object.data, code.object.bytes);
    assert_true(elf_read(&object, data, code.object.bytes, f->diagnostics));
    return object;
}

static const Elf64_Sym *find(const ElfObject *object, const char *name)
{
    for (int64_t i = 1; i < object->symbol_count; i++)
        if (!strcmp(object->symbol_names + object->symbols[i].st_name, name))
            return &object->symbols[i];
    return NULL;
}

/* The object only refers to what it had. */
static void undefine(const ElfObject *object, const char *name)
{
    Elf64_Sym *symbol = (Elf64_Sym *)(uintptr_t)find(object, name);
    assert_non_null(symbol);
    symbol->st_shndx = SHN_UNDEF;
}

static void test_link(void **state)
{
    Fixture *f = *state;
    ElfObject object = open_runtime(f, "x86_64-unknown-linux-gnu"), linked;
    ElfObject library = open_runtime(f, "x86_64-unknown-linux-gnu");
    const Elf64_Sym *before = find(&object, "memcpy");
    int section = before->st_shndx;
    uint64_t bytes = before->st_size;
    undefine(&object, "memcpy");
    assert_true(elf_link(f->arena, &object, &library, &linked, f->diagnostics));
    const Elf64_Sym *after = find(&linked, "memcpy");
    assert_non_null(after);
    assert_int_equal(ELF64_ST_BIND(after->st_info), STB_LOCAL);
    assert_int_equal(after->st_size, bytes);
    assert_string_equal(elf_section_name(&linked, after->st_shndx), ".text");
    const Elf64_Shdr *text = &linked.sections[after->st_shndx];
    assert_memory_equal(linked.data + text->sh_offset + after->st_value,
                        library.data + library.sections[section].sh_offset, bytes);
    assert_int_equal(text->sh_size, bytes); /* and nothing else of the library */
}

static void test_link_refuses(void **state)
{
    Fixture *f = *state;
    ElfObject object = open_runtime(f, "x86_64-unknown-linux-gnu"), linked;
    ElfObject library = open_runtime(f, "x86_64-unknown-linux-gnu");
    ElfObject foreign = open_runtime(f, "aarch64-unknown-linux-gnu");
    assert_false(elf_link(f->arena, &object, &foreign, &linked, f->diagnostics));
    undefine(&object, "memcpy");
    undefine(&library, "memcpy");
    assert_false(elf_check(&object, f->diagnostics));
    assert_false(elf_link(f->arena, &object, &library, &linked, f->diagnostics));
    const char *message = f->diagnostics->items[f->diagnostics->count - 1].message;
    assert_non_null(strstr(message, "needs what is not in it: 'memcpy'"));
}

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
        cmocka_unit_test_setup_teardown(test_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_link_refuses, set_up, tear_down),
        cmocka_unit_test(test_archive_member),
        cmocka_unit_test(test_uleb_difference),
        cmocka_unit_test(test_six_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a relocatable object, and writing it again with its weights: the section of weights, 64
 * bytes as the code generator made it, is moved to the end of the file and grows.
 */
#include "codegen/artifact/elf.h"

#include "codegen/llvm/object.h"

#include <stdio.h>
#include <string.h>

static bool broken(Diagnostics *diagnostics, const char *what)
{
    return error_at(diagnostics, (Location){0}, "internal error: the object file %s", what);
}

static bool has_bytes(const ElfObject *object, uint64_t offset, uint64_t bytes)
{
    return offset <= object->bytes && bytes <= object->bytes - offset;
}

const char *elf_section_name(const ElfObject *object, int section)
{
    return object->section_names + object->sections[section].sh_name;
}

static void find_symbols(ElfObject *object)
{
    for (int i = 1; i < object->section_count; i++) {
        const Elf64_Shdr *section = &object->sections[i];
        if (section->sh_type == SHT_SYMTAB) {
            object->symbol_section = i;
            object->symbols = (const Elf64_Sym *)(const void *)(object->data + section->sh_offset);
            object->symbol_count = (int64_t)(section->sh_size / sizeof(Elf64_Sym));
            object->symbol_names = object->data + object->sections[section->sh_link].sh_offset;
        } else if (!strcmp(elf_section_name(object, i), OBJECT_WEIGHTS)) {
            object->weights = i;
        }
    }
}

bool elf_check(const ElfObject *object, Diagnostics *diagnostics)
{
    for (int64_t i = 1; i < object->symbol_count; i++) {
        const Elf64_Sym *symbol = &object->symbols[i];
        if (symbol->st_shndx == SHN_UNDEF)
            return error_at(diagnostics, (Location){0},
                            "internal error: the artifact needs '%s', which is not in it",
                            object->symbol_names + symbol->st_name);
        if (symbol->st_shndx == SHN_COMMON)
            return broken(diagnostics, "has common symbols");
    }
    for (int i = 1; i < object->section_count; i++) {
        const Elf64_Shdr *section = &object->sections[i];
        bool writable = section->sh_flags & SHF_WRITE && section->sh_size;
        if (writable && strncmp(elf_section_name(object, i), ".data.rel.ro", 12) != 0)
            return error_at(diagnostics, (Location){0},
                            "internal error: the artifact has writable data, %s",
                            elf_section_name(object, i));
    }
    return true;
}

bool elf_read(ElfObject *object, const char *data, size_t bytes, Diagnostics *diagnostics)
{
    *object = (ElfObject){.data = data, .bytes = bytes};
    const Elf64_Ehdr *header = object->header = (const Elf64_Ehdr *)(const void *)data;
    if (bytes < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_type != ET_REL || header->e_ident[EI_CLASS] != ELFCLASS64)
        return broken(diagnostics, "is no ELF file of 64 bits");
    if (header->e_shnum == 0 ||
        !has_bytes(object, header->e_shoff, (uint64_t)header->e_shnum * sizeof(Elf64_Shdr)))
        return broken(diagnostics, "has no section headers");
    object->sections = (const Elf64_Shdr *)(const void *)(data + header->e_shoff);
    object->section_count = header->e_shnum;
    for (int i = 1; i < object->section_count; i++)
        if (object->sections[i].sh_type != SHT_NOBITS &&
            !has_bytes(object, object->sections[i].sh_offset, object->sections[i].sh_size))
            return broken(diagnostics, "has a section outside of it");
    object->section_names = data + object->sections[header->e_shstrndx].sh_offset;
    find_symbols(object);
    return object->symbols || broken(diagnostics, "has no symbols");
}

/* ---- Writing ----------------------------------------------------------------------------- */

enum { WEIGHTS_ALIGNMENT = 4096 };

size_t elf_object_bytes(const ElfObject *object, size_t weight_bytes, size_t *weights_offset)
{
    size_t begin = (object->bytes + WEIGHTS_ALIGNMENT - 1) / WEIGHTS_ALIGNMENT * WEIGHTS_ALIGNMENT;
    *weights_offset = begin;
    return object->weights ? begin + weight_bytes : object->bytes;
}

void elf_object_write(const ElfObject *object, size_t weight_bytes, char *memory)
{
    size_t begin;
    elf_object_bytes(object, weight_bytes, &begin);
    memcpy(memory, object->data, object->bytes);
    if (!object->weights)
        return;
    Elf64_Shdr *section =
        (Elf64_Shdr *)(void *)(memory + object->header->e_shoff) + object->weights;
    section->sh_offset = begin;
    section->sh_size = weight_bytes;
    section->sh_addralign = WEIGHTS_ALIGNMENT;
    Elf64_Sym *symbols =
        (Elf64_Sym *)(void *)(memory + object->sections[object->symbol_section].sh_offset);
    for (int64_t i = 1; i < object->symbol_count; i++)
        if (symbols[i].st_shndx == object->weights &&
            ELF64_ST_TYPE(symbols[i].st_info) == STT_OBJECT)
            symbols[i].st_size = weight_bytes;
}

/* ---- Archives ---------------------------------------------------------------------------- */

enum { ARCHIVE_MAGIC = 8, MEMBER_HEADER = 60 };
static const uint64_t LARGEST_MEMBER = 9999999999;

/* The index: a count, an offset for each symbol, their names; numbers of 32 bits, most significant
 * byte first. The only member begins right behind it, so that they do. */
typedef struct Index {
    uint64_t count, name_bytes, bytes;
} Index;

static bool is_exported(const ElfObject *object, int64_t i)
{
    return ELF64_ST_BIND(object->symbols[i].st_info) == STB_GLOBAL;
}

static Index index_of(const ElfObject *object)
{
    Index index = {0};
    for (int64_t i = 1; i < object->symbol_count; i++)
        if (is_exported(object, i)) {
            index.count++;
            index.name_bytes += strlen(object->symbol_names + object->symbols[i].st_name) + 1;
        }
    index.bytes = 4 * (index.count + 1) + index.name_bytes;
    index.bytes += index.bytes % 2;
    return index;
}

size_t archive_bytes(const ElfObject *object, size_t member_bytes, size_t *member_offset)
{
    Index index = index_of(object);
    if (member_bytes > LARGEST_MEMBER)
        return 0;
    *member_offset = ARCHIVE_MAGIC + MEMBER_HEADER + index.bytes + MEMBER_HEADER;
    return *member_offset + member_bytes + member_bytes % 2;
}

static void write_header(char *at, const char *name, size_t bytes)
{
    char text[MEMBER_HEADER + 16];
    snprintf(text, sizeof text, "%-16.16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0, 0, "644", bytes);
    memcpy(at, text, MEMBER_HEADER);
}

static void write_big_endian(char *at, uint64_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(value >> (24 - 8 * i));
}

void archive_write(const ElfObject *object, const char *member_name, size_t member_bytes,
                   char *memory)
{
    Index index = index_of(object);
    char *at = memory + ARCHIVE_MAGIC + MEMBER_HEADER, *names = at + 4 * (index.count + 1);
    char short_name[17];
    size_t header = ARCHIVE_MAGIC + MEMBER_HEADER + index.bytes;
    memcpy(memory, "!<arch>\n", ARCHIVE_MAGIC);
    write_header(memory + ARCHIVE_MAGIC, "/", index.bytes);
    write_big_endian(at, index.count);
    for (int64_t i = 1; i < object->symbol_count; i++)
        if (is_exported(object, i)) {
            const char *name = object->symbol_names + object->symbols[i].st_name;
            at += 4;
            write_big_endian(at, header);
            memcpy(names, name, strlen(name) + 1);
            names += strlen(name) + 1;
        }
    snprintf(short_name, sizeof short_name, "%.12s.o/", member_name);
    write_header(memory + header, short_name, member_bytes);
    if (member_bytes % 2)
        memory[header + MEMBER_HEADER + member_bytes] = '\n';
}

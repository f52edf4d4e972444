/* SPDX-License-Identifier: Apache-2.0
 *
 * What an object refers to and does not have is taken from another one, the library: a relocatable
 * link of two files, with the library's unused sections left out.
 *
 * The library is compiled with a section for each function and each table. From the names that the
 * object lacks, relocations lead to all that is needed; of sections that may be merged (constants
 * and strings that functions share) single elements are taken. All of it goes behind what the
 * object has in the section of the same kind: .text.host_top_k to .text. Names of the library are
 * seen by nobody but the object. The object's sections keep their numbers.
 */
#include "codegen/artifact/elf.h"

#include "ir/support/hash.h"

#include <string.h>

/* Bytes of a section of the result, which follow each other. */
typedef struct Piece {
    const char *data; /* NULL: as many zeroes */
    uint64_t offset, bytes;
} Piece;

/* A section of the result. */
typedef struct Linked {
    const char *name;
    Elf64_Shdr header;
    ARRAY(Piece) pieces;
    ARRAY(Elf64_Rela) relocations;
    int relocation_section; /* 0: none */
    int64_t symbol;         /* that stands for the section; 0: none yet */
} Linked;

/* Where a section of the library went. */
typedef struct Kept {
    int section;     /* of the result; 0: it is left out */
    uint64_t offset; /* in that */
    uint64_t *moved; /* of a section of elements: offset + 1 by the element's old one; 0: none */
    int relocations; /* the library's section of them; 0: none */
} Kept;

typedef struct Link {
    Arena *arena;
    const ElfObject *object, *library;
    Diagnostics *diagnostics;
    ARRAY(Linked) sections; /* as the headers, the first is empty */
    Kept *kept;             /* by section of the library */
    Map defined;            /* name -> Elf64_Sym of the library */
    ARRAY(int) unread;      /* sections of the library whose relocations are to be followed */
    ARRAY(Elf64_Sym)
    symbols; /* local ones first; those of the object that others see behind them */
    ARRAY(char) names;
    int64_t *of_object, *of_library; /* by symbol: its number in the result; 0: none */
    int name_section;
} Link;

static bool fail(Link *link, const char *what, const char *name)
{
    return error_at(link->diagnostics, (Location){0}, "internal error: the artifact %s '%s'", what,
                    name);
}

static const char *symbol_name(const ElfObject *object, const Elf64_Sym *symbol)
{
    return object->symbol_names + symbol->st_name;
}

static const Elf64_Rela *relocations_of(const ElfObject *object, int section, int64_t *count)
{
    const Elf64_Shdr *header = &object->sections[section];
    *count = (int64_t)(header->sh_size / sizeof(Elf64_Rela));
    return (const Elf64_Rela *)(const void *)(object->data + header->sh_offset);
}

static uint64_t aligned(uint64_t at, uint64_t alignment)
{
    return alignment > 1 ? (at + alignment - 1) / alignment * alignment : at;
}

/* ---- Sections of the result -------------------------------------------------------------- */

static int add_section(Link *link, const char *name, Elf64_Shdr header)
{
    Linked made = {.name = name, .header = header};
    made.header.sh_size = 0;
    array_push(link->arena, &link->sections, made);
    return (int)link->sections.count - 1;
}

/* Behind what the section has; answers where. */
static uint64_t append(Link *link, int number, const char *data, uint64_t bytes, uint64_t alignment)
{
    Linked *section = &link->sections.items[number];
    uint64_t at = aligned(section->header.sh_size, alignment);
    array_push(link->arena, &section->pieces, (Piece){data, at, bytes});
    section->header.sh_size = at + bytes;
    if (section->header.sh_addralign < alignment)
        section->header.sh_addralign = alignment;
    return at;
}

static void take_sections(Link *link)
{
    const ElfObject *object = link->object;
    link->name_section = (int)object->sections[object->symbol_section].sh_link;
    add_section(link, "", object->sections[0]);
    for (int i = 1; i < object->section_count; i++) {
        const Elf64_Shdr *header = &object->sections[i];
        add_section(link, elf_section_name(object, i), *header);
        if (header->sh_type == SHT_RELA || header->sh_type == SHT_SYMTAB ||
            header->sh_type == SHT_STRTAB)
            continue;
        const char *data = header->sh_type == SHT_NOBITS ? NULL : object->data + header->sh_offset;
        append(link, i, data, header->sh_size, 1);
    }
    for (int i = 1; i < object->section_count; i++)
        if (object->sections[i].sh_type == SHT_RELA)
            link->sections.items[object->sections[i].sh_info].relocation_section = i;
}

/* ".text.host_top_k" -> ".text" */
static const char *stem_of(const char *name)
{
    static const char *const stems[] = {".text", ".rodata", ".data.rel.ro"};
    for (size_t i = 0; i < COUNT_OF(stems); i++) {
        size_t length = strlen(stems[i]);
        if (!strncmp(name, stems[i], length) && name[length] == '.')
            return stems[i];
    }
    return name;
}

/* The section of the result that takes a section of the library. Linkers that come later are not to
 * merge elements again: relocations say where they are by the section's symbol, which is not how a
 * linker finds the element that is meant. */
static int section_for(Link *link, const Elf64_Shdr *from, const char *name)
{
    const uint64_t merging = SHF_MERGE | SHF_STRINGS, flags = from->sh_flags & ~merging;
    const char *stem = from->sh_flags & SHF_MERGE ? name : stem_of(name);
    for (int i = 1; i < (int)link->sections.count; i++) {
        Elf64_Shdr *header = &link->sections.items[i].header;
        if (!strcmp(link->sections.items[i].name, stem) && header->sh_type == from->sh_type &&
            (header->sh_flags & ~merging) == flags) {
            header->sh_flags = flags;
            header->sh_entsize = 0;
            return i;
        }
    }
    return add_section(link, stem,
                       (Elf64_Shdr){.sh_type = from->sh_type,
                                    .sh_flags = flags,
                                    .sh_addralign = from->sh_addralign});
}

/* ---- What is needed ---------------------------------------------------------------------- */

/* Of a section of elements, the one at the offset. */
static bool keep_element(Link *link, int number, uint64_t offset)
{
    const Elf64_Shdr *header = &link->library->sections[number];
    const char *data = link->library->data + header->sh_offset;
    Kept *kept = &link->kept[number];
    uint64_t begin = offset, bytes = header->sh_entsize;
    if (offset >= header->sh_size || bytes == 0)
        return fail(link, "refers to nothing in", elf_section_name(link->library, number));
    if (header->sh_flags & SHF_STRINGS) {
        while (begin && data[begin - 1])
            begin--;
        bytes = strnlen(data + begin, header->sh_size - begin) + 1;
    } else {
        begin -= offset % bytes;
    }
    if (!kept->moved)
        kept->moved = ARENA_ARRAY(link->arena, uint64_t, (int64_t)header->sh_size);
    if (!kept->moved[begin])
        kept->moved[begin] =
            append(link, kept->section, data + begin, bytes, header->sh_addralign) + 1;
    kept->moved[offset] = kept->moved[begin] + (offset - begin);
    return true;
}

static bool is_elements(const Link *link, int section)
{
    return link->library->sections[section].sh_flags & SHF_MERGE;
}

/* Where a relocation points to within its symbol's section: what stands for an element is its own
 * symbol, or the section's with the exact offset as addend. */
static uint64_t element_offset(const Elf64_Sym *symbol, int64_t addend)
{
    return ELF64_ST_TYPE(symbol->st_info) == STT_SECTION ? (uint64_t)addend : symbol->st_value;
}

static bool keep(Link *link, const Elf64_Sym *symbol, int64_t addend)
{
    const ElfObject *library = link->library;
    int number = symbol->st_shndx;
    if (symbol->st_shndx == SHN_UNDEF) {
        const char *name = symbol_name(library, symbol);
        symbol = map_get(&link->defined, name);
        return symbol ? keep(link, symbol, addend) : fail(link, "needs what is not in it:", name);
    }
    if (number >= library->section_count)
        return fail(link, "needs an absolute symbol:", symbol_name(library, symbol));
    const Elf64_Shdr *header = &library->sections[number];
    Kept *kept = &link->kept[number];
    bool is_new = !kept->section;
    if (is_new)
        kept->section = section_for(link, header, elf_section_name(library, number));
    if (is_elements(link, number))
        return keep_element(link, number, element_offset(symbol, addend));
    if (!is_new)
        return true;
    kept->offset = append(link, kept->section,
                          header->sh_type == SHT_NOBITS ? NULL : library->data + header->sh_offset,
                          header->sh_size, header->sh_addralign);
    array_push(link->arena, &link->unread, number);
    return true;
}

static void index_library(Link *link)
{
    const ElfObject *library = link->library;
    link->defined = map_create(link->arena);
    for (int64_t i = 1; i < library->symbol_count; i++)
        if (ELF64_ST_BIND(library->symbols[i].st_info) != STB_LOCAL &&
            library->symbols[i].st_shndx != SHN_UNDEF)
            map_set(&link->defined, symbol_name(library, &library->symbols[i]),
                    (void *)(uintptr_t)&library->symbols[i]);
    for (int i = 1; i < library->section_count; i++)
        if (library->sections[i].sh_type == SHT_RELA)
            link->kept[library->sections[i].sh_info].relocations = i;
}

static const Elf64_Sym *definition(const Link *link, const ElfObject *object, int64_t number)
{
    const Elf64_Sym *symbol = &object->symbols[number];
    if (number && symbol->st_shndx == SHN_UNDEF)
        return map_get(&link->defined, symbol_name(object, symbol));
    return symbol;
}

static bool keep_needed(Link *link)
{
    const ElfObject *object = link->object, *library = link->library;
    index_library(link);
    for (int64_t i = 1; i < object->symbol_count; i++) {
        if (object->symbols[i].st_shndx != SHN_UNDEF)
            continue;
        const Elf64_Sym *symbol = definition(link, object, i);
        if (!symbol)
            return fail(link, "needs what is not in it:", symbol_name(object, &object->symbols[i]));
        if (!keep(link, symbol, 0))
            return false;
    }
    for (int64_t k = 0; k < link->unread.count; k++) {
        int64_t count = 0;
        int table = link->kept[link->unread.items[k]].relocations;
        const Elf64_Rela *rela = table ? relocations_of(library, table, &count) : NULL;
        for (int64_t i = 0; i < count; i++)
            if (!keep(link, &library->symbols[ELF64_R_SYM(rela[i].r_info)], rela[i].r_addend))
                return false;
    }
    return true;
}

/* ---- Symbols ----------------------------------------------------------------------------- */

static uint32_t add_name(Link *link, const char *name)
{
    uint32_t at = (uint32_t)link->names.count;
    if (!*name)
        return 0;
    do
        array_push(link->arena, &link->names, *name);
    while (*name++);
    return at;
}

static int64_t add_symbol(Link *link, Elf64_Sym symbol, const char *name)
{
    symbol.st_name = add_name(link, name);
    array_push(link->arena, &link->symbols, symbol);
    return link->symbols.count - 1;
}

static void take_symbols(Link *link, bool is_local)
{
    const ElfObject *object = link->object;
    for (int64_t i = 1; i < object->symbol_count; i++) {
        const Elf64_Sym *symbol = &object->symbols[i];
        if ((ELF64_ST_BIND(symbol->st_info) == STB_LOCAL) != is_local ||
            symbol->st_shndx == SHN_UNDEF)
            continue;
        link->of_object[i] = add_symbol(link, *symbol, symbol_name(object, symbol));
        if (ELF64_ST_TYPE(symbol->st_info) == STT_SECTION)
            link->sections.items[symbol->st_shndx].symbol = link->of_object[i];
    }
}

/* Elements and sections have none of their own: section_symbol() stands for them. */
static void keep_symbols(Link *link)
{
    const ElfObject *library = link->library;
    for (int64_t i = 1; i < library->symbol_count; i++) {
        Elf64_Sym symbol = library->symbols[i];
        if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= library->section_count ||
            ELF64_ST_TYPE(symbol.st_info) == STT_SECTION || is_elements(link, symbol.st_shndx) ||
            !link->kept[symbol.st_shndx].section)
            continue;
        const Kept *kept = &link->kept[symbol.st_shndx];
        symbol.st_info = ELF64_ST_INFO(STB_LOCAL, ELF64_ST_TYPE(symbol.st_info));
        symbol.st_other = STV_DEFAULT;
        symbol.st_shndx = (Elf64_Half)kept->section;
        symbol.st_value += kept->offset;
        link->of_library[i] = add_symbol(link, symbol, symbol_name(library, &library->symbols[i]));
    }
}

static void add_section_symbols(Link *link)
{
    for (int i = 1; i < link->library->section_count; i++) {
        int number = link->kept[i].section;
        Linked *section = &link->sections.items[number];
        if (number && !section->symbol)
            section->symbol =
                add_symbol(link,
                           (Elf64_Sym){.st_info = ELF64_ST_INFO(STB_LOCAL, STT_SECTION),
                                       .st_shndx = (Elf64_Half)number},
                           "");
    }
}

static void make_symbols(Link *link)
{
    array_push(link->arena, &link->names, 0);
    array_push(link->arena, &link->symbols, (Elf64_Sym){0});
    take_symbols(link, true);
    keep_symbols(link);
    add_section_symbols(link);
    link->sections.items[link->object->symbol_section].header.sh_info =
        (uint32_t)link->symbols.count;
    take_symbols(link, false);
}

/* ---- Relocations ------------------------------------------------------------------------- */

/* A relocation that points to the library's symbol. */
static Elf64_Rela to_library(const Link *link, Elf64_Rela rela, const Elf64_Sym *symbol)
{
    uint32_t type = ELF64_R_TYPE(rela.r_info);
    const Kept *kept = &link->kept[symbol->st_shndx];
    uint64_t base = kept->offset;
    int64_t number = link->of_library[symbol - link->library->symbols];
    if (!number) {
        bool is_section = ELF64_ST_TYPE(symbol->st_info) == STT_SECTION;
        number = link->sections.items[kept->section].symbol;
        if (kept->moved) {
            base = kept->moved[element_offset(symbol, rela.r_addend)] - 1;
            rela.r_addend = is_section ? 0 : rela.r_addend;
        }
        rela.r_addend += (int64_t)base;
    }
    rela.r_info = ELF64_R_INFO((uint64_t)number, type);
    return rela;
}

static void add_relocation(Link *link, int number, Elf64_Rela rela)
{
    Linked *section = &link->sections.items[number];
    if (!section->relocation_section) {
        const char *name = arena_format(link->arena, ".rela%s", section->name);
        int made = add_section(link, name,
                               (Elf64_Shdr){.sh_type = SHT_RELA,
                                            .sh_flags = SHF_INFO_LINK,
                                            .sh_link = (uint32_t)link->object->symbol_section,
                                            .sh_info = (uint32_t)number,
                                            .sh_addralign = 8,
                                            .sh_entsize = sizeof(Elf64_Rela)});
        section = &link->sections.items[number];
        section->relocation_section = made;
    }
    array_push(link->arena, &section->relocations, rela);
}

static void take_relocations(Link *link)
{
    const ElfObject *object = link->object;
    for (int i = 1; i < object->section_count; i++) {
        int64_t count = 0;
        if (object->sections[i].sh_type != SHT_RELA)
            continue;
        const Elf64_Rela *from = relocations_of(object, i, &count);
        for (int64_t k = 0; k < count; k++) {
            Elf64_Rela rela = from[k];
            uint64_t symbol = ELF64_R_SYM(rela.r_info);
            if (symbol && object->symbols[symbol].st_shndx == SHN_UNDEF)
                rela = to_library(link, rela, definition(link, object, (int64_t)symbol));
            else
                rela.r_info =
                    ELF64_R_INFO((uint64_t)link->of_object[symbol], ELF64_R_TYPE(rela.r_info));
            add_relocation(link, (int)object->sections[i].sh_info, rela);
        }
    }
}

static void keep_relocations(Link *link)
{
    const ElfObject *library = link->library;
    for (int i = 1; i < library->section_count; i++) {
        const Kept *kept = &link->kept[i];
        int64_t count = 0;
        if (!kept->section || !kept->relocations)
            continue;
        const Elf64_Rela *from = relocations_of(library, kept->relocations, &count);
        for (int64_t k = 0; k < count; k++) {
            const Elf64_Sym *symbol =
                definition(link, library, (int64_t)ELF64_R_SYM(from[k].r_info));
            Elf64_Rela rela = to_library(link, from[k], symbol);
            rela.r_offset += kept->offset;
            add_relocation(link, kept->section, rela);
        }
    }
}

/* ---- The file ---------------------------------------------------------------------------- */

/* Symbols, relocations and names become pieces of their sections. */
static void close_tables(Link *link)
{
    for (int i = 1; i < (int)link->sections.count; i++) {
        Linked *section = &link->sections.items[i];
        if (section->relocation_section)
            append(link, section->relocation_section, (const char *)section->relocations.items,
                   (uint64_t)section->relocations.count * sizeof(Elf64_Rela), 8);
        section->header.sh_name = add_name(link, section->name);
    }
    append(link, link->object->symbol_section, (const char *)link->symbols.items,
           (uint64_t)link->symbols.count * sizeof(Elf64_Sym), 8);
    append(link, link->name_section, link->names.items, (uint64_t)link->names.count, 1);
}

static uint64_t place_sections(Link *link)
{
    uint64_t at = sizeof(Elf64_Ehdr);
    for (int i = 1; i < (int)link->sections.count; i++) {
        Elf64_Shdr *header = &link->sections.items[i].header;
        header->sh_offset = at = aligned(at, header->sh_addralign);
        at += header->sh_type == SHT_NOBITS ? 0 : header->sh_size;
    }
    return aligned(at, 8);
}

static bool write_file(Link *link, ElfObject *linked)
{
    close_tables(link);
    uint64_t headers = place_sections(link);
    size_t bytes = headers + (uint64_t)link->sections.count * sizeof(Elf64_Shdr);
    char *memory = arena_try(link->arena, bytes);
    if (!memory)
        return no_memory_at(link->diagnostics, (Location){0}, "the compiled model");
    Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)memory;
    *header = *link->object->header;
    header->e_shoff = headers;
    header->e_shnum = (Elf64_Half)link->sections.count;
    header->e_shstrndx = (Elf64_Half)link->name_section;
    for (int i = 0; i < (int)link->sections.count; i++) {
        const Linked *section = &link->sections.items[i];
        for (int64_t k = 0; k < section->pieces.count; k++) {
            const Piece *piece = &section->pieces.items[k];
            if (piece->data)
                memcpy(memory + section->header.sh_offset + piece->offset, piece->data,
                       piece->bytes);
        }
        memcpy(memory + headers + (uint64_t)i * sizeof(Elf64_Shdr), &section->header,
               sizeof(Elf64_Shdr));
    }
    return elf_read(linked, memory, bytes, link->diagnostics) &&
           elf_check(linked, link->diagnostics);
}

bool elf_link(Arena *arena, const ElfObject *object, const ElfObject *library, ElfObject *linked,
              Diagnostics *diagnostics)
{
    Link *link = ARENA_NEW(arena, Link);
    *link = (Link){.arena = arena,
                   .object = object,
                   .library = library,
                   .diagnostics = diagnostics,
                   .kept = ARENA_ARRAY(arena, Kept, library->section_count),
                   .of_object = ARENA_ARRAY(arena, int64_t, object->symbol_count),
                   .of_library = ARENA_ARRAY(arena, int64_t, library->symbol_count)};
    if (object->header->e_machine != library->header->e_machine ||
        object->header->e_flags != library->header->e_flags)
        return fail(link, "and its runtime are for different kinds of", "processors");
    take_sections(link);
    if (!keep_needed(link))
        return false;
    make_symbols(link);
    take_relocations(link);
    keep_relocations(link);
    return write_file(link, linked);
}

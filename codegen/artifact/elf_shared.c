/* SPDX-License-Identifier: Apache-2.0
 *
 * From one relocatable object to a shared library; see elf.h.
 */
#include "codegen/artifact/elf.h"

#include "codegen/artifact/relocate.h"
#include "codegen/llvm/object.h"
#include "runtime/artifact.h"

#include <string.h>

/* A section of the result. */
typedef struct Section {
    const char *name;
    uint32_t type, link, info;
    uint64_t flags, offset, bytes, alignment, entry;
    int source;       /* section of the object; 0: made here */
    const void *data; /* what is made here; NULL: written later */
} Section;

enum { SEGMENT_constants, SEGMENT_code, SEGMENT_tables, SEGMENT_weights, SEGMENT_COUNT };

struct ElfShared {
    Arena *arena;
    const ElfObject *object;
    const char *soname, *model;
    ARRAY(Section) sections; /* as section headers, the first is empty */
    int *placed;             /* by section of the object: its number here; 0: left out */
    uint64_t begin[SEGMENT_COUNT], end[SEGMENT_COUNT];
    uint64_t page, headers, bytes;
    int notes, dynamic_symbols, dynamic_names, hash, gnu_hash, relocations, dynamic, symbols, names,
        section_names, weights;
    ARRAY(int64_t) exported; /* symbols of the object */
    Elf64_Sym *symbol_table; /* for debuggers */
    int64_t relocation_count;
    size_t weight_bytes;
};

enum { PROGRAM_HEADERS = SEGMENT_COUNT + 4 };

/* ---- What is in it ----------------------------------------------------------------------- */

static int add(ElfShared *s, Section section)
{
    array_push(s->arena, &s->sections, section);
    return (int)s->sections.count - 1;
}

/* The section's place behind what is there, and its bytes. */
static void put_at(ElfShared *s, int number, uint64_t *at)
{
    Section *section = &s->sections.items[number];
    uint64_t alignment = section->alignment ? section->alignment : 1;
    *at = (*at + alignment - 1) / alignment * alignment;
    section->offset = *at;
    *at += section->bytes;
}

static void find_exported(ElfShared *s)
{
    const ElfObject *object = s->object;
    for (int64_t i = 1; i < object->symbol_count; i++)
        if (ELF64_ST_BIND(object->symbols[i].st_info) == STB_GLOBAL)
            array_push(s->arena, &s->exported, i);
}

static void count_relocations(ElfShared *s)
{
    const ElfObject *object = s->object;
    for (int i = 1; i < object->section_count; i++) {
        const Elf64_Shdr *section = &object->sections[i];
        if (section->sh_type != SHT_RELA ||
            !(object->sections[section->sh_info].sh_flags & SHF_ALLOC))
            continue;
        const Elf64_Rela *rela =
            (const Elf64_Rela *)(const void *)(object->data + section->sh_offset);
        for (uint64_t k = 0; k < section->sh_size / sizeof *rela; k++)
            s->relocation_count +=
                relocation_is_absolute(object->header->e_machine, ELF64_R_TYPE(rela[k].r_info));
    }
}

static size_t exported_name_bytes(const ElfShared *s)
{
    size_t bytes = 1 + strlen(s->soname) + 1;
    for (int64_t i = 0; i < s->exported.count; i++)
        bytes +=
            strlen(s->object->symbol_names + s->object->symbols[s->exported.items[i]].st_name) + 1;
    return bytes;
}

/* GNU's hash of names. The older one has a single chain here, which needs none. */
static uint32_t gnu_hash(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static const char *exported_name(const ElfShared *s, int64_t i)
{
    return s->object->symbol_names + s->object->symbols[s->exported.items[i]].st_name;
}

/* One bucket, one word of the filter that lets everything pass: there are two symbols. */
static void make_hashes(ElfShared *s)
{
    int64_t n = s->exported.count;
    uint32_t *old = ARENA_ARRAY(s->arena, uint32_t, 2 + 1 + n + 1);
    old[0] = 1;
    old[1] = (uint32_t)n + 1;
    old[2] = n ? 1 : 0;
    for (int64_t i = 0; i < n; i++)
        old[4 + i] = i + 1 < n ? (uint32_t)i + 2 : 0;
    s->sections.items[s->hash].data = old;
    s->sections.items[s->hash].bytes = (size_t)(2 + 1 + n + 1) * 4;
    uint32_t *gnu = ARENA_ARRAY(s->arena, uint32_t, 4 + 2 + 1 + n);
    gnu[0] = 1;
    gnu[1] = 1;
    gnu[2] = 1;
    gnu[4] = gnu[5] = UINT32_MAX;
    gnu[6] = n ? 1 : 0;
    for (int64_t i = 0; i < n; i++)
        gnu[7 + i] = (gnu_hash(exported_name(s, i)) & ~1u) | (i + 1 == n);
    s->sections.items[s->gnu_hash].data = gnu;
    s->sections.items[s->gnu_hash].bytes = (size_t)(4 + 2 + 1 + n) * 4;
}

static const uint64_t NOTE_BYTES = 16 + CHECKSUM_BYTES + 20 + sizeof(ArtifactNote);

static void add_linking_sections(ElfShared *s)
{
    s->notes = add(s, (Section){.name = ".note",
                                .type = SHT_NOTE,
                                .flags = SHF_ALLOC,
                                .bytes = NOTE_BYTES,
                                .alignment = 8});
    s->dynamic_symbols =
        add(s, (Section){.name = ".dynsym",
                         .type = SHT_DYNSYM,
                         .flags = SHF_ALLOC,
                         .bytes = (uint64_t)(s->exported.count + 1) * sizeof(Elf64_Sym),
                         .alignment = 8,
                         .entry = sizeof(Elf64_Sym),
                         .info = 1});
    s->dynamic_names = add(s, (Section){.name = ".dynstr",
                                        .type = SHT_STRTAB,
                                        .flags = SHF_ALLOC,
                                        .bytes = exported_name_bytes(s),
                                        .alignment = 1});
    s->hash = add(
        s, (Section){
               .name = ".hash", .type = SHT_HASH, .flags = SHF_ALLOC, .alignment = 8, .entry = 4});
    s->gnu_hash = add(
        s,
        (Section){.name = ".gnu.hash", .type = SHT_GNU_HASH, .flags = SHF_ALLOC, .alignment = 8});
    s->relocations = add(s, (Section){.name = ".rela.dyn",
                                      .type = SHT_RELA,
                                      .flags = SHF_ALLOC,
                                      .bytes = (uint64_t)s->relocation_count * sizeof(Elf64_Rela),
                                      .alignment = 8,
                                      .entry = sizeof(Elf64_Rela)});
    s->sections.items[s->dynamic_symbols].link = (uint32_t)s->dynamic_names;
    s->sections.items[s->hash].link = (uint32_t)s->dynamic_symbols;
    s->sections.items[s->gnu_hash].link = (uint32_t)s->dynamic_symbols;
    s->sections.items[s->relocations].link = (uint32_t)s->dynamic_symbols;
    make_hashes(s);
}

/* The object's sections of one kind. */
static void add_sources(ElfShared *s, uint64_t flags, uint64_t *at)
{
    const ElfObject *object = s->object;
    for (int i = 1; i < object->section_count; i++) {
        const Elf64_Shdr *from = &object->sections[i];
        uint64_t mask = SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR;
        if ((from->sh_flags & mask) != flags || i == object->weights || from->sh_size == 0)
            continue;
        s->placed[i] =
            add(s, (Section){.name = elf_section_name(object, i),
                             .type = from->sh_type == SHT_PROGBITS ? SHT_PROGBITS : from->sh_type,
                             .flags = from->sh_flags & mask,
                             .bytes = from->sh_size,
                             .alignment = from->sh_addralign,
                             .source = i});
        put_at(s, s->placed[i], at);
    }
}

static uint64_t page_up(const ElfShared *s, uint64_t at)
{
    return (at + s->page - 1) / s->page * s->page;
}

static void lay_out(ElfShared *s)
{
    uint64_t at = sizeof(Elf64_Ehdr) + PROGRAM_HEADERS * sizeof(Elf64_Phdr);
    add(s, (Section){.name = ""});
    add_linking_sections(s);
    for (int i = s->notes; i <= s->relocations; i++)
        put_at(s, i, &at);
    add_sources(s, SHF_ALLOC, &at);
    s->end[SEGMENT_constants] = at;

    at = s->begin[SEGMENT_code] = page_up(s, at);
    add_sources(s, SHF_ALLOC | SHF_EXECINSTR, &at);
    s->end[SEGMENT_code] = at;

    at = s->begin[SEGMENT_tables] = page_up(s, at);
    add_sources(s, SHF_ALLOC | SHF_WRITE, &at);
    s->dynamic = add(s, (Section){.name = ".dynamic",
                                  .type = SHT_DYNAMIC,
                                  .flags = SHF_ALLOC | SHF_WRITE,
                                  .bytes = 13 * sizeof(Elf64_Dyn),
                                  .alignment = 8,
                                  .entry = sizeof(Elf64_Dyn),
                                  .link = (uint32_t)s->dynamic_names});
    put_at(s, s->dynamic, &at);
    s->end[SEGMENT_tables] = at;

    if (s->weight_bytes)
        s->weights = add(s, (Section){.name = OBJECT_WEIGHTS,
                                      .type = SHT_PROGBITS,
                                      .flags = SHF_ALLOC,
                                      .bytes = s->weight_bytes,
                                      .alignment = s->page,
                                      .source = s->object->weights});
    if (s->object->weights)
        s->placed[s->object->weights] = s->weights;
}

/* ---- Symbols for debuggers --------------------------------------------------------------- */

static uint64_t symbol_address(const ElfShared *s, const Elf64_Sym *symbol)
{
    int placed = symbol->st_shndx < s->object->section_count ? s->placed[symbol->st_shndx] : 0;
    bool is_loaded = s->sections.items[placed].flags & SHF_ALLOC;
    return placed && is_loaded ? s->sections.items[placed].offset + symbol->st_value
                               : symbol->st_value;
}

static Elf64_Sym moved_symbol(const ElfShared *s, const Elf64_Sym *symbol, uint32_t name)
{
    Elf64_Sym moved = *symbol;
    moved.st_name = name;
    moved.st_value = symbol_address(s, symbol);
    moved.st_shndx = (Elf64_Half)s->placed[symbol->st_shndx];
    if (symbol->st_shndx == s->object->weights)
        moved.st_size = s->weight_bytes;
    return moved;
}

/* The object's named symbols, moved. Names and symbols of the whole file come behind what is
 * loaded. */
static void add_symbols(ElfShared *s, uint64_t *at)
{
    const ElfObject *object = s->object;
    Elf64_Sym *symbols = ARENA_ARRAY(s->arena, Elf64_Sym, object->symbol_count + 1);
    char *names = ARENA_ARRAY(s->arena, char, object->bytes + 1);
    int64_t count = 1, locals = 1;
    uint32_t name_bytes = 1;
    for (int64_t i = 1; i < object->symbol_count; i++) {
        const Elf64_Sym *symbol = &object->symbols[i];
        const char *name = object->symbol_names + symbol->st_name;
        if (!*name || symbol->st_shndx >= object->section_count || !s->placed[symbol->st_shndx])
            continue;
        symbols[count++] = moved_symbol(s, symbol, name_bytes);
        locals += ELF64_ST_BIND(symbol->st_info) == STB_LOCAL;
        memcpy(names + name_bytes, name, strlen(name) + 1);
        name_bytes += (uint32_t)strlen(name) + 1;
    }
    s->symbols = add(s, (Section){.name = ".symtab",
                                  .type = SHT_SYMTAB,
                                  .data = symbols,
                                  .bytes = (uint64_t)count * sizeof *symbols,
                                  .alignment = 8,
                                  .entry = sizeof *symbols,
                                  .info = (uint32_t)locals});
    s->symbol_table = symbols;
    s->names = add(s, (Section){.name = ".strtab",
                                .type = SHT_STRTAB,
                                .data = names,
                                .bytes = name_bytes,
                                .alignment = 1});
    s->sections.items[s->symbols].link = (uint32_t)s->names;
    put_at(s, s->symbols, at);
    put_at(s, s->names, at);
}

/* What only debuggers read, as it is: .debug_info and the like. */
static void add_debug_sections(ElfShared *s, uint64_t *at)
{
    const ElfObject *object = s->object;
    for (int i = 1; i < object->section_count; i++) {
        const Elf64_Shdr *from = &object->sections[i];
        if (strncmp(elf_section_name(object, i), ".debug_", 7) != 0)
            continue;
        s->placed[i] = add(s, (Section){.name = elf_section_name(object, i),
                                        .type = from->sh_type,
                                        .flags = from->sh_flags & (SHF_MERGE | SHF_STRINGS),
                                        .bytes = from->sh_size,
                                        .alignment = from->sh_addralign,
                                        .entry = from->sh_entsize,
                                        .source = i});
        put_at(s, s->placed[i], at);
    }
}

static void add_section_names(ElfShared *s, uint64_t *at)
{
    s->section_names = add(s, (Section){.name = ".shstrtab", .type = SHT_STRTAB, .alignment = 1});
    for (int64_t i = 0; i < s->sections.count; i++)
        s->sections.items[s->section_names].bytes += strlen(s->sections.items[i].name) + 1;
    put_at(s, s->section_names, at);
}

/* At the end, where only now is known. */
static void place_weights(ElfShared *s)
{
    Elf64_Sym *symbols = s->symbol_table;
    uint64_t begin = page_up(s, s->bytes);
    s->sections.items[s->weights].offset = s->begin[SEGMENT_weights] = begin;
    s->bytes = s->end[SEGMENT_weights] = begin + s->weight_bytes;
    for (uint64_t i = 1; i < s->sections.items[s->symbols].bytes / sizeof *symbols; i++)
        if (symbols[i].st_shndx == s->weights)
            symbols[i].st_value = begin;
}

ElfShared *elf_shared_plan(Arena *arena, const ElfObject *object, const char *soname,
                           const char *model, size_t weight_bytes, Diagnostics *diagnostics)
{
    ElfShared *s = ARENA_NEW(arena, ElfShared);
    *s = (ElfShared){.arena = arena,
                     .object = object,
                     .soname = soname,
                     .model = model,
                     .page = object->header->e_machine == EM_AARCH64 ? 65536 : 4096,
                     .weight_bytes = object->weights ? weight_bytes : 0};
    if (!relocation_relative(object->header->e_machine)) {
        unsupported_at(diagnostics, (Location){0}, "shared libraries for ELF machine %d",
                       (int)object->header->e_machine);
        return NULL;
    }
    s->placed = ARENA_ARRAY(arena, int, object->section_count + 1);
    find_exported(s);
    count_relocations(s);
    lay_out(s);
    uint64_t at = s->end[SEGMENT_tables];
    add_symbols(s, &at);
    add_debug_sections(s, &at);
    add_section_names(s, &at);
    s->headers = (at + 7) / 8 * 8;
    s->bytes = s->headers + (uint64_t)s->sections.count * sizeof(Elf64_Shdr);
    if (s->weights)
        place_weights(s);
    return s;
}

size_t elf_shared_bytes(const ElfShared *s, size_t *weights_offset)
{
    *weights_offset = s->weights ? s->begin[SEGMENT_weights] : s->bytes;
    return s->bytes;
}

/* ---- Writing ----------------------------------------------------------------------------- */

static void write_sections(const ElfShared *s, char *memory)
{
    Elf64_Shdr *headers = (Elf64_Shdr *)(void *)(memory + s->headers);
    uint32_t name = 0;
    char *names = memory + s->sections.items[s->section_names].offset;
    for (int64_t i = 0; i < s->sections.count; i++) {
        const Section *section = &s->sections.items[i];
        const char *data = section->data;
        if (section->source && i != s->weights)
            data = s->object->data + s->object->sections[section->source].sh_offset;
        if (data)
            memcpy(memory + section->offset, data, section->bytes);
        headers[i] = (Elf64_Shdr){.sh_name = name,
                                  .sh_type = section->type,
                                  .sh_flags = section->flags,
                                  .sh_addr = section->flags & SHF_ALLOC ? section->offset : 0,
                                  .sh_offset = section->offset,
                                  .sh_size = section->bytes,
                                  .sh_link = section->link,
                                  .sh_info = section->info,
                                  .sh_addralign = section->alignment,
                                  .sh_entsize = section->entry};
        memcpy(names + name, section->name, strlen(section->name) + 1);
        name += (uint32_t)strlen(section->name) + 1;
    }
    headers[0] = (Elf64_Shdr){0};
}

static void write_segments(const ElfShared *s, char *memory)
{
    static const uint32_t flags[] = {PF_R, PF_R | PF_X, PF_R | PF_W, PF_R};
    Elf64_Phdr *p = (Elf64_Phdr *)(void *)(memory + sizeof(Elf64_Ehdr));
    const Section *dynamic = &s->sections.items[s->dynamic], *notes = &s->sections.items[s->notes];
    for (int i = 0; i < SEGMENT_COUNT; i++) {
        uint64_t bytes = s->end[i] - s->begin[i];
        *p++ = (Elf64_Phdr){.p_type = bytes ? PT_LOAD : PT_NULL,
                            .p_flags = flags[i],
                            .p_offset = s->begin[i],
                            .p_vaddr = s->begin[i],
                            .p_paddr = s->begin[i],
                            .p_filesz = bytes,
                            .p_memsz = bytes,
                            .p_align = s->page};
    }
#define SEGMENT(type, flags_, from, size, alignment)                                               \
    *p++ = (Elf64_Phdr){.p_type = (type),                                                          \
                        .p_flags = (flags_),                                                       \
                        .p_offset = (from),                                                        \
                        .p_vaddr = (from),                                                         \
                        .p_paddr = (from),                                                         \
                        .p_filesz = (size),                                                        \
                        .p_memsz = (size),                                                         \
                        .p_align = (alignment)}
    SEGMENT(PT_DYNAMIC, PF_R | PF_W, dynamic->offset, dynamic->bytes, 8);
    SEGMENT(PT_NOTE, PF_R, notes->offset, notes->bytes, 4);
    SEGMENT(PT_GNU_RELRO, PF_R, s->begin[SEGMENT_tables],
            page_up(s, s->end[SEGMENT_tables]) - s->begin[SEGMENT_tables], 1);
    SEGMENT(PT_GNU_STACK, PF_R | PF_W, 0, 0, 16);
#undef SEGMENT
}

static void write_header(const ElfShared *s, char *memory)
{
    Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)memory;
    *header = *s->object->header;
    header->e_type = ET_DYN;
    header->e_entry = 0;
    header->e_phoff = sizeof *header;
    header->e_phentsize = sizeof(Elf64_Phdr);
    header->e_phnum = PROGRAM_HEADERS;
    header->e_shoff = s->headers;
    header->e_shentsize = sizeof(Elf64_Shdr);
    header->e_shnum = (Elf64_Half)s->sections.count;
    header->e_shstrndx = (Elf64_Half)s->section_names;
}

static void write_dynamic_symbols(const ElfShared *s, char *memory)
{
    Elf64_Sym *symbols =
        (Elf64_Sym *)(void *)(memory + s->sections.items[s->dynamic_symbols].offset);
    char *names = memory + s->sections.items[s->dynamic_names].offset;
    uint32_t at = 1;
    memcpy(names + at, s->soname, strlen(s->soname) + 1);
    at += (uint32_t)strlen(s->soname) + 1;
    for (int64_t i = 0; i < s->exported.count; i++) {
        const char *name = exported_name(s, i);
        symbols[i + 1] = moved_symbol(s, &s->object->symbols[s->exported.items[i]], at);
        memcpy(names + at, name, strlen(name) + 1);
        at += (uint32_t)strlen(name) + 1;
    }
}

static void write_dynamic(const ElfShared *s, char *memory)
{
    Elf64_Dyn *d = (Elf64_Dyn *)(void *)(memory + s->sections.items[s->dynamic].offset);
#define OFFSET(section) s->sections.items[s->section].offset
    const Elf64_Dyn entries[] = {
        {DT_SONAME, {1}},
        {DT_HASH, {OFFSET(hash)}},
        {DT_GNU_HASH, {OFFSET(gnu_hash)}},
        {DT_STRTAB, {OFFSET(dynamic_names)}},
        {DT_SYMTAB, {OFFSET(dynamic_symbols)}},
        {DT_STRSZ, {s->sections.items[s->dynamic_names].bytes}},
        {DT_SYMENT, {sizeof(Elf64_Sym)}},
        {DT_RELA, {OFFSET(relocations)}},
        {DT_RELASZ, {s->sections.items[s->relocations].bytes}},
        {DT_RELAENT, {sizeof(Elf64_Rela)}},
        {DT_RELACOUNT, {(uint64_t)s->relocation_count}},
        {DT_FLAGS_1, {DF_1_NOW}},
        {DT_NULL, {0}},
    };
#undef OFFSET
    memcpy(d, entries, sizeof entries);
}

typedef struct Relocating {
    const ElfShared *shared;
    char *memory;
    Elf64_Rela *next; /* of the loader's */
    Diagnostics *diagnostics;
} Relocating;

static uint64_t target_of(const ElfShared *s, const Elf64_Rela *rela)
{
    return symbol_address(s, &s->object->symbols[ELF64_R_SYM(rela->r_info)]) +
           (uint64_t)rela->r_addend;
}

/* What no loader sees: addresses, and offsets in other such sections, are known now. */
static bool relocate_debug(Relocating *r, uint32_t type, uint64_t at, uint64_t target)
{
    int machine = r->shared->object->header->e_machine;
    if (!relocation_is_absolute(machine, type))
        return relocate(machine, type, r->memory + at, 0, target) == RELOCATION_done;
    memcpy(r->memory + at, &target, sizeof target);
    return true;
}

/* RISC-V's low parts name the instruction with the high part, whose relocation has the target. */
static uint64_t high_distance(const ElfShared *s, const Elf64_Rela *table, uint64_t count,
                              uint64_t section, uint64_t high)
{
    for (uint64_t i = 0; i < count; i++)
        if (section + table[i].r_offset == high &&
            ELF64_R_TYPE(table[i].r_info) == R_RISCV_PCREL_HI20)
            return target_of(s, &table[i]) - high;
    return 0;
}

static bool relocate_section(Relocating *r, int number)
{
    const ElfShared *s = r->shared;
    const Elf64_Shdr *section = &s->object->sections[number];
    int machine = s->object->header->e_machine, placed = s->placed[section->sh_info];
    const Elf64_Rela *table =
        (const Elf64_Rela *)(const void *)(s->object->data + section->sh_offset);
    uint64_t count = section->sh_size / sizeof *table;
    uint64_t base = s->sections.items[placed].offset;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t type = ELF64_R_TYPE(table[i].r_info);
        uint64_t address = base + table[i].r_offset, target = target_of(s, &table[i]);
        if (!(s->sections.items[placed].flags & SHF_ALLOC)) {
            if (relocate_debug(r, type, address, target))
                continue;
            return error_at(r->diagnostics, (Location){0},
                            "internal error: relocation %u in %s is unknown", type,
                            s->sections.items[placed].name);
        }
        if (relocation_is_absolute(machine, type)) {
            *r->next++ = (Elf64_Rela){.r_offset = address,
                                      .r_info = ELF64_R_INFO(0, relocation_relative(machine)),
                                      .r_addend = (int64_t)target};
            continue;
        }
        if (relocation_is_low_part(machine, type))
            target = address + high_distance(s, table, count, base, target);
        RelocationResult result = relocate(machine, type, r->memory + address, address, target);
        if (result != RELOCATION_done)
            return error_at(r->diagnostics, (Location){0},
                            "internal error: relocation %u at %s + %llu %s", type,
                            elf_section_name(s->object, (int)section->sh_info),
                            (unsigned long long)table[i].r_offset,
                            result == RELOCATION_unknown ? "is unknown" : "is out of reach");
    }
    return true;
}

static void write_note(const ElfShared *s, const unsigned char *weights_sum, char *memory)
{
    char *at = memory + s->sections.items[s->notes].offset;
    const Elf64_Nhdr id = {.n_namesz = 4, .n_descsz = CHECKSUM_BYTES, .n_type = NT_GNU_BUILD_ID};
    const Elf64_Nhdr own = {
        .n_namesz = 6, .n_descsz = sizeof(ArtifactNote), .n_type = ARTIFACT_NOTE_TYPE};
    size_t weights;
    ArtifactNote note = {.abi = TN_ARTIFACT_ABI, .file_bytes = elf_shared_bytes(s, &weights)};
    note.weights_offset = weights;
    memcpy(note.weights, weights_sum, sizeof note.weights);
    for (int64_t i = 0; i < s->exported.count; i++)
        if (!strcmp(exported_name(s, i), s->model))
            note.model = symbol_address(s, &s->object->symbols[s->exported.items[i]]);
    memcpy(at, &id, sizeof id);
    memcpy(at + 12, "GNU", 4);
    memcpy(at + 32, &own, sizeof own);
    memcpy(at + 44, "Tenon", 6);
    memcpy(at + 52, &note, sizeof note);
    unsigned char sum[CHECKSUM_BYTES];
    size_t begin = (size_t)(at - memory);
    artifact_checksum(memory, weights, begin + 16, begin + 52, sum);
    memcpy(at + 16, sum, sizeof sum);
    memcpy(at + 52, sum, sizeof sum);
}

bool elf_shared_write(const ElfShared *s, const unsigned char *weights_sum, char *memory,
                      Diagnostics *diagnostics)
{
    Relocating r = {.shared = s, .memory = memory, .diagnostics = diagnostics};
    r.next = (Elf64_Rela *)(void *)(memory + s->sections.items[s->relocations].offset);
    write_sections(s, memory);
    write_header(s, memory);
    write_segments(s, memory);
    write_dynamic_symbols(s, memory);
    write_dynamic(s, memory);
    for (int i = 1; i < s->object->section_count; i++) {
        const Elf64_Shdr *section = &s->object->sections[i];
        if (section->sh_type == SHT_RELA && s->placed[section->sh_info] && !relocate_section(&r, i))
            return false;
    }
    write_note(s, weights_sum, memory);
    return true;
}

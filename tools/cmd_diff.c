/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon diff: in what two compiled models differ: what they say of themselves, ports, tables,
 * functions, weights, and if in nothing of these, bytes. Nothing of the files runs, so they may be
 * for any architecture. Exit status as diff's: 0, 1, and 2 for trouble.
 */
#include "session.h"

#include "codegen/artifact/image.h"
#include "ir/support/hash.h"
#include "messages.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EQUAL = 0, DIFFERENT = 1, TROUBLE = 2 };

typedef struct Side {
    const char *path;
    Artifact *artifact;
    const TnArtifactInfo *model;
    const char *data; /* the whole file */
    size_t bytes;
} Side;

typedef struct Comparison {
    Arena *arena;
    bool as_json;
    Side sides[2];
    json_t *differences;
} Comparison;

/* ---- Differences ------------------------------------------------------------------------- */

static void differ(Comparison *c, const char *what, const char *a, const char *b)
{
    json_array_append_new(c->differences,
                          json_pack("{s:s, s:s?, s:s?}", "what", what, "a", a, "b", b));
    if (!c->as_json)
        printf("%s: %s | %s\n", what, a ? a : "-", b ? b : "-");
}

static void compare_text(Comparison *c, const char *what, const char *a, const char *b)
{
    if (strcmp(a ? a : "", b ? b : "") != 0)
        differ(c, what, a, b);
}

static void compare_number(Comparison *c, const char *what, int64_t a, int64_t b)
{
    if (a != b)
        differ(c, what, arena_format(c->arena, "%" PRId64, a),
               arena_format(c->arena, "%" PRId64, b));
}

static void compare_hash(Comparison *c, const char *what, uint64_t a, uint64_t b)
{
    if (a != b)
        differ(c, what, arena_format(c->arena, "%016" PRIx64, a),
               arena_format(c->arena, "%016" PRIx64, b));
}

/* ---- What they say of themselves --------------------------------------------------------- */

static const char *processors(Comparison *c, const TnArtifactInfo *model)
{
    Text text = text_create(c->arena);
    for (int i = 0; i < model->variant_count; i++)
        text_format(&text, "%s%s%s%s", i ? ", " : "", model->variants[i].cpu,
                    *model->variants[i].features ? " " : "", model->variants[i].features);
    return text.data;
}

static const char *tolerances(Comparison *c, const TnArtifactInfo *model)
{
    return arena_format(c->arena, "rtol %g, atol %g", model->rtol, model->atol);
}

static void compare_options(Comparison *c)
{
    const TnArtifactInfo *a = c->sides[0].model, *b = c->sides[1].model;
    compare_text(c, "name", a->name, b->name);
    compare_text(c, "generator", a->generator, b->generator);
    compare_text(c, "target", a->triple, b->triple);
    compare_text(c, "processors", processors(c, a), processors(c, b));
    compare_hash(c, "program and weights, hashed", a->model_hash, b->model_hash);
    compare_text(c, "arena", a->arena_formula, b->arena_formula);
    compare_number(c, "arena bytes", a->arena_bytes, b->arena_bytes);
    compare_number(c, "bytes for each thread", a->thread_bytes, b->thread_bytes);
    compare_text(c, "arena open-ended", a->is_open_ended ? "yes" : "no",
                 b->is_open_ended ? "yes" : "no");
    compare_text(c, "weights are in", a->has_weights ? "the file" : a->weights_file,
                 b->has_weights ? "the file" : b->weights_file);
    compare_text(c, "tolerances", tolerances(c, a), tolerances(c, b));
}

static void compare_ports(Comparison *c, const char *what, int a_count, const TnArtifactPort *a,
                          int b_count, const TnArtifactPort *b)
{
    for (int i = 0; i < a_count || i < b_count; i++) {
        const char *texts[2] = {NULL, NULL};
        if (i < a_count)
            texts[0] = arena_format(c->arena, "%s: %s", a[i].name, a[i].type);
        if (i < b_count)
            texts[1] = arena_format(c->arena, "%s: %s", b[i].name, b[i].type);
        compare_text(c, arena_format(c->arena, "%s %d", what, i), texts[0], texts[1]);
    }
}

static const char *size_text(Comparison *c, const TnArtifactInfo *model, int i)
{
    const TnArtifactSize *size = &model->sizes[i];
    return i < model->size_count ? arena_format(c->arena, "%s, %" PRId64 " .. %" PRId64, size->name,
                                                size->lower, size->upper)
                                 : NULL;
}

static void compare_interface(Comparison *c)
{
    const TnArtifactInfo *a = c->sides[0].model, *b = c->sides[1].model;
    compare_ports(c, "input", a->input_count, a->inputs, b->input_count, b->inputs);
    compare_ports(c, "output", a->output_count, a->outputs, b->output_count, b->outputs);
    for (int i = 0; i < a->size_count || i < b->size_count; i++)
        compare_text(c, arena_format(c->arena, "size %d", i), size_text(c, a, i),
                     size_text(c, b, i));
}

/* ---- Tables ------------------------------------------------------------------------------ */

/* All programs of a file as text. */
static void print_programs(const TnArtifactInfo *model, Text *text)
{
    for (int v = 0; v < model->variant_count; v++) {
        const Program *program = model->variants[v].program;
        text_format(text, "program for %s\n", model->variants[v].cpu);
        program_print(program, text);
        for (int32_t i = 0; i < program->special_count; i++) {
            const SpecialProgram *special = &program->specials[i];
            text_append(text, "program for");
            for (int32_t k = 0; k < special->count; k++)
                text_format(text, " %s=%" PRId64, program->symbols[special->sizes[k].target].name,
                            special->sizes[k].source.number);
            text_append(text, "\n");
            program_print(special->program, text);
        }
    }
}

static const char *next_line(Comparison *c, const char **at)
{
    size_t length = strcspn(*at, "\n");
    const char *line = **at ? arena_string(c->arena, *at, length) : NULL;
    *at += length + ((*at)[length] == '\n');
    return line;
}

/* The first line that differs tells most: what follows is moved by it. */
static void compare_tables(Comparison *c)
{
    Text texts[2] = {text_create(c->arena), text_create(c->arena)};
    print_programs(c->sides[0].model, &texts[0]);
    print_programs(c->sides[1].model, &texts[1]);
    const char *at[2] = {texts[0].data, texts[1].data}, *lines[2];
    for (int number = 1; *at[0] || *at[1]; number++) {
        lines[0] = next_line(c, &at[0]);
        lines[1] = next_line(c, &at[1]);
        if (lines[0] && lines[1] && !strcmp(lines[0], lines[1]))
            continue;
        differ(c, arena_format(c->arena, "tables, from line %d on", number), lines[0], lines[1]);
        return;
    }
}

/* ---- Functions --------------------------------------------------------------------------- */

typedef struct Code {
    const char *name, *bytes;
    uint64_t size;
} Code;

typedef struct CodeList {
    ARRAY(Code) items;
    Map by_name; /* -> number + 1 */
} CodeList;

/* The file has been found good; its sections are looked at with care all the same. */
static const char *in_file(const Side *side, uint64_t offset, uint64_t bytes)
{
    return offset <= side->bytes && bytes <= side->bytes - offset ? side->data + offset : NULL;
}

static void read_functions(Comparison *c, const Side *side, CodeList *list)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)side->data;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(const void *)in_file(
        side, header->e_shoff, (uint64_t)header->e_shnum * sizeof *sections);
    *list = (CodeList){.by_name = map_create(c->arena)};
    for (int s = 0; sections && s < header->e_shnum; s++) {
        const Elf64_Shdr *table = &sections[s];
        if (table->sh_type != SHT_SYMTAB || table->sh_link >= header->e_shnum)
            continue;
        const Elf64_Shdr *strings = &sections[table->sh_link];
        const Elf64_Sym *symbols =
            (const Elf64_Sym *)(const void *)in_file(side, table->sh_offset, table->sh_size);
        const char *names = in_file(side, strings->sh_offset, strings->sh_size);
        for (uint64_t i = 0; symbols && names && i < table->sh_size / sizeof *symbols; i++) {
            const Elf64_Sym *symbol = &symbols[i];
            const char *bytes = in_file(side, symbol->st_value, symbol->st_size);
            if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || !symbol->st_size || !bytes ||
                symbol->st_name >= strings->sh_size)
                continue;
            Code code = {names + symbol->st_name, bytes, symbol->st_size};
            array_push(c->arena, &list->items, code);
            map_set(&list->by_name, code.name, (void *)(intptr_t)list->items.count);
        }
    }
}

static const Code *code_named(const CodeList *list, const char *name)
{
    intptr_t at = (intptr_t)map_get(&list->by_name, name);
    return at ? &list->items.items[at - 1] : NULL;
}

static const char *code_text(Comparison *c, const Code *code)
{
    return code ? arena_format(c->arena, "%" PRIu64 " bytes", code->size) : NULL;
}

/* Addresses are part of the bytes: what calls or reads something that moved differs, too. */
static void compare_functions(Comparison *c)
{
    CodeList lists[2];
    int64_t moved = 0;
    read_functions(c, &c->sides[0], &lists[0]);
    read_functions(c, &c->sides[1], &lists[1]);
    for (int64_t i = 0; i < lists[0].items.count; i++) {
        const Code *a = &lists[0].items.items[i], *b = code_named(&lists[1], a->name);
        if (!b || a->size != b->size)
            differ(c, arena_format(c->arena, "function %s", a->name), code_text(c, a),
                   code_text(c, b));
        else
            moved += memcmp(a->bytes, b->bytes, a->size) != 0;
    }
    for (int64_t i = 0; i < lists[1].items.count; i++) {
        const Code *b = &lists[1].items.items[i];
        if (!code_named(&lists[0], b->name))
            differ(c, arena_format(c->arena, "function %s", b->name), NULL, code_text(c, b));
    }
    if (moved)
        differ(c, "functions of the same size whose bytes differ",
               arena_format(c->arena, "%" PRId64, moved),
               arena_format(c->arena, "%" PRId64, moved));
}

/* ---- Weights ----------------------------------------------------------------------------- */

static const char *weights_of(const Side *side)
{
    return side->model->has_weights ? ((const Program *)side->model->program)->weights : NULL;
}

/* Where constants lie at the same places, how many of them differ. */
static void compare_weights(Comparison *c)
{
    const TnArtifactInfo *a = c->sides[0].model, *b = c->sides[1].model;
    const char *mine = weights_of(&c->sides[0]), *theirs = weights_of(&c->sides[1]);
    const Program *program = a->program;
    int64_t constants = 0, different = 0;
    compare_number(c, "bytes of weights", a->weight_bytes, b->weight_bytes);
    if (!mine || !theirs || a->weight_bytes != b->weight_bytes ||
        !memcmp(mine, theirs, (size_t)a->weight_bytes))
        return;
    for (int32_t i = 0; i < program->buffer_count; i++) {
        const Buffer *buffer = &program->buffers[i];
        int64_t at = buffer->offset.number, bytes = buffer->bytes.number;
        if (buffer->kind != BUFFER_weight)
            continue;
        constants++;
        different += memcmp(mine + at, theirs + at, (size_t)bytes) != 0;
    }
    const char *text =
        arena_format(c->arena, "%" PRId64 " of %" PRId64 " constants differ", different, constants);
    differ(c, "weights", text, text);
}

/* The name that linkers note, which is the file's own when it was made; NULL: none. */
static const char *soname(const Side *side)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)side->data;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(const void *)in_file(
        side, header->e_shoff, (uint64_t)header->e_shnum * sizeof *sections);
    for (int s = 0; sections && s < header->e_shnum; s++) {
        const Elf64_Dyn *entries = (const Elf64_Dyn *)(const void *)in_file(
            side, sections[s].sh_offset, sections[s].sh_size);
        if (sections[s].sh_type != SHT_DYNAMIC || sections[s].sh_link >= header->e_shnum)
            continue;
        const Elf64_Shdr *strings = &sections[sections[s].sh_link];
        for (uint64_t i = 0; entries && i < sections[s].sh_size / sizeof *entries; i++)
            if (entries[i].d_tag == DT_SONAME && entries[i].d_un.d_val < strings->sh_size)
                return in_file(side, strings->sh_offset + entries[i].d_un.d_val, 1);
    }
    return NULL;
}

static void compare_bytes(Comparison *c)
{
    const Side *a = &c->sides[0], *b = &c->sides[1];
    size_t at = 0;
    while (at < a->bytes && at < b->bytes && a->data[at] == b->data[at])
        at++;
    if (at < a->bytes || at < b->bytes)
        differ(c, arena_format(c->arena, "bytes, from %zu on", at),
               arena_format(c->arena, "%zu bytes", a->bytes),
               arena_format(c->arena, "%zu bytes", b->bytes));
}

/* ---- The whole --------------------------------------------------------------------------- */

static bool open_side(Session *session, Side *side)
{
    char message[600];
    struct stat info;
    ArtifactOptions options = {.layout = image_layout(), .to_look = true};
    TnStatus status = artifact_load(side->path, &options, &side->artifact, message, sizeof message);
    int file = status == TN_OK ? open(side->path, O_RDONLY | O_CLOEXEC) : -1;
    void *data = MAP_FAILED;
    if (file >= 0 && fstat(file, &info) == 0)
        data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (file >= 0)
        close(file);
    if (data != MAP_FAILED) {
        side->model = artifact_model(side->artifact);
        side->data = data;
        side->bytes = (size_t)info.st_size;
        return true;
    }
    session_fail(session, TN_IO, "%s", status == TN_OK ? "cannot be read" : message);
    session->status = TROUBLE;
    return false;
}

static void close_side(Side *side)
{
    if (side->data)
        munmap((void *)(uintptr_t)side->data, side->bytes);
    artifact_destroy(side->artifact);
}

static bool compare(Session *session, Comparison *c)
{
    bool same_bytes;
    if (!open_side(session, &c->sides[0]) || !open_side(session, &c->sides[1]))
        return false;
    same_bytes = c->sides[0].bytes == c->sides[1].bytes &&
                 !memcmp(c->sides[0].data, c->sides[1].data, c->sides[0].bytes);
    if (!same_bytes) {
        compare_text(c, "soname", soname(&c->sides[0]), soname(&c->sides[1]));
        compare_options(c);
        compare_interface(c);
        compare_tables(c);
        compare_functions(c);
        compare_weights(c);
        if (json_array_size(c->differences) == 0)
            compare_bytes(c);
    }
    session->status = same_bytes ? EQUAL : DIFFERENT;
    if (c->as_json) {
        json_t *whole =
            json_pack("{s:s, s:s, s:b, s:O}", "a", c->sides[0].path, "b", c->sides[1].path, "equal",
                      same_bytes, "differences", c->differences);
        json_dumpf(whole, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(whole);
    }
    return same_bytes;
}

static bool diff(Session *session)
{
    const Options *options = session->options;
    Comparison c = {.arena = session->arena,
                    .as_json = option_given(options, OPTION_json),
                    .sides = {{.path = options->arguments[0]}, {.path = options->arguments[1]}},
                    .differences = json_array()};
    session->diagnostics = diagnostics_create(session->arena);
    bool equal = compare(session, &c);
    json_decref(c.differences);
    close_side(&c.sides[0]);
    close_side(&c.sides[1]);
    return equal;
}

int command_diff(const Options *options)
{
    return session_run(options, 2, diff);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * From the runtime's sources, which are embedded as they are, to one piece of text.
 *
 * The sources are cut into chunks: one declaration, definition or macro each, with the comment that
 * stands on it. A chunk provides names and mentions others; those that the roots reach are kept, in
 * the order in which a compiler would see them. Headers come where they are first included, once;
 * of the C library the few functions of runtime/bare, under names of their own.
 *
 * Every function becomes static. A name that two files use for different things is changed in the
 * second of them.
 *
 * Cases of a switch that the caller knows not to occur are left out, a line each. A default stands
 * for them.
 *
 * The scanner knows C as this project writes it. Macros that are defined, used and undefined again
 * (tables of the X kind, code for several types) are one chunk with all between, which is kept if
 * anything of its file is.
 */
#include "runtime_text.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

static const struct {
    const char *path, *text;
} sources[] = {
#include "codegen/c/runtime_sources.inc"
};

typedef struct Chunk {
    const char *begin, *end;
    int file;
    bool is_region, is_needed;
    bool makes_static; /* a function or variable that others could see */
} Chunk;

typedef ARRAY(int) IntegerList;

typedef struct Cutter {
    Arena *arena;
    const Map *never; /* labels of cases that are left out */
    ARRAY(Chunk) chunks;
    Map included;  /* path */
    Map providers; /* name -> IntegerList of chunks */
    Map systems;   /* headers of the compiler, in order */
    Map *renamed;  /* by file: name -> new name */
    IntegerList work;
} Cutter;

static const char *source_text(const char *path, int *file)
{
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        if (strcmp(sources[i].path, path) != 0)
            continue;
        *file = (int)i;
        return sources[i].text;
    }
    return NULL;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool is_source(int file)
{
    return ends_with(sources[file].path, ".c");
}

/* ---- Tokens ------------------------------------------------------------------------------ */

/* Past the token at `at`: a name or number, a string, a comment, or one character. */
static const char *skip_token(const char *at)
{
    if (at[0] == '/' && at[1] == '*') {
        const char *end = strstr(at + 2, "*/");
        return end ? end + 2 : at + strlen(at);
    }
    if (*at == '"' || *at == '\'') {
        const char *end = at + 1;
        for (; *end && *end != *at; end++)
            end += *end == '\\' && end[1];
        return *end ? end + 1 : end;
    }
    if (!is_name(*at))
        return at + 1;
    while (is_name(*at))
        at++;
    return at;
}

static bool is_comment(const char *at)
{
    return at[0] == '/' && at[1] == '*';
}

static const char *skip_blanks(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

/* After the directive at `at`, its continuations included. */
static const char *skip_directive(const char *at)
{
    for (;;) {
        const char *end = strchr(at, '\n');
        if (!end)
            return at + strlen(at);
        if (end[-1] != '\\')
            return end + 1;
        at = end + 1;
    }
}

static const char *word_at(Arena *arena, const char *at)
{
    const char *end = at;
    while (is_name(*end))
        end++;
    return arena_string(arena, at, (size_t)(end - at));
}

/* Whether a name at `at`, not the first of its file, is that of a member. */
static bool is_member(const char *at)
{
    return at[-1] == '.' || (at[-1] == '>' && at[-2] == '-');
}

/* Whether a name that may be declared elsewhere stands at `at`. */
static bool is_mention(const char *at)
{
    return (isalpha((unsigned char)*at) || *at == '_') && !is_member(at);
}

/* After the line of a case that is left out, if one begins at `at`; else NULL. */
static const char *skip_case(const Cutter *cutter, const char *at)
{
    bool left_out =
        starts_with(at, "case ") && map_get(cutter->never, word_at(cutter->arena, at + 5));
    return left_out ? strchr(at, '\n') : NULL;
}

/* ---- Cutting ----------------------------------------------------------------------------- */

/* After the declaration or definition at `at`. */
static const char *skip_declaration(const char *at)
{
    int depth = 0;
    bool is_body = false;
    for (char last = 0; *at; at = skip_token(at)) {
        if (is_comment(at) || isspace((unsigned char)*at))
            continue;
        while (*at == '#' && at[-1] == '\n')
            at = skip_blanks(skip_directive(at));
        if (is_comment(at))
            continue;
        if (*at == '{' && depth == 0)
            is_body = last == ')';
        depth += *at == '{' || *at == '(' ? 1 : *at == '}' || *at == ')' ? -1 : 0;
        if (depth == 0 && (*at == ';' || (*at == '}' && is_body)))
            return at + 1;
        last = *at;
    }
    return at;
}

static void add_chunk(Cutter *cutter, const char *begin, const char *end, int file, bool is_region)
{
    array_push(cutter->arena, &cutter->chunks,
               (Chunk){.begin = begin, .end = end, .file = file, .is_region = is_region});
}

/* The text with what it includes of .def and .inc files in its place. */
static const char *expand_tables(Cutter *cutter, const char *text)
{
    Text out = text_create(cutter->arena);
    for (const char *line = text; *line;) {
        const char *end = strchr(line, '\n');
        size_t length = end ? (size_t)(end - line) + 1 : strlen(line);
        if (starts_with(line, "#include \"")) {
            const char *path = line + 10, *close = strchr(path, '"');
            char *name = arena_string(cutter->arena, path, (size_t)(close - path));
            if (ends_with(name, ".def") || ends_with(name, ".inc")) {
                int file;
                const char *table = source_text(name, &file);
                if (!table)
                    table = source_text(arena_format(cutter->arena, "runtime/%s", name), &file);
                text_append(&out, table ? expand_tables(cutter, table) : "");
                line += length;
                continue;
            }
        }
        text_append_bytes(&out, line, length);
        line += length;
    }
    return out.data;
}

static void cut_file(Cutter *cutter, const char *path);

/* Files of the project are named from its root or from their own folder. */
static void cut_include(Cutter *cutter, const char *at, int file)
{
    const char *name = strpbrk(at, "\"<") + 1;
    name = arena_string(cutter->arena, name, strcspn(name, "\">"));
    const char *folder = sources[file].path, *slash = strrchr(folder, '/');
    const char *beside =
        arena_format(cutter->arena, "%.*s/%s", (int)(slash - folder), folder, name);
    const char *places[] = {name, beside, arena_format(cutter->arena, "include/%s", name),
                            arena_format(cutter->arena, "runtime/bare/include/%s", name)};
    int found;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (!source_text(places[i], &found))
            continue;
        cut_file(cutter, places[i]);
        return;
    }
    map_set(&cutter->systems, name, (void *)name);
}

/* After the group that an #if begins. */
static const char *skip_conditional(const char *at)
{
    int depth = 0;
    while (*at) {
        if (starts_with(at, "#if"))
            depth++;
        if (starts_with(at, "#endif") && --depth == 0)
            return skip_directive(at);
        at = skip_directive(at);
    }
    return at;
}

/* Where a macro that is defined at `at` is undefined again, in this text; else NULL. */
static const char *undefined_after(Arena *arena, const char *at)
{
    const char *name = word_at(arena, at + 8);
    const char *found = strstr(at, arena_format(arena, "#undef %s\n", name));
    return found ? skip_directive(found) : NULL;
}

/* From the definition of a macro up to where it and those after it are undefined. */
static const char *skip_region(Arena *arena, const char *at)
{
    const char *stop = undefined_after(arena, at);
    while (at < stop || starts_with(at, "#undef")) {
        at = skip_blanks(at);
        at = *at == '#'       ? skip_directive(at)
             : is_comment(at) ? skip_token(at)
                              : skip_declaration(at);
        const char *next = skip_blanks(at);
        at = starts_with(next, "#undef") ? next : at;
    }
    return at;
}

static const char *cut_directive(Cutter *cutter, const char *at, const char *begin, int file)
{
    Arena *arena = cutter->arena;
    const char *end = skip_directive(at);
    if (starts_with(at, "#include")) {
        cut_include(cutter, at, file);
    } else if (starts_with(at, "#ifndef") && starts_with(end, "#define")) {
        return skip_directive(end); /* an include guard */
    } else if (starts_with(at, "#if")) {
        end = skip_conditional(at);
        if (!starts_with(at, "#ifdef __cplusplus"))
            add_chunk(cutter, begin, end, file, false);
    } else if (starts_with(at, "#define")) {
        bool is_region = undefined_after(arena, at) != NULL;
        if (is_region)
            end = skip_region(arena, at);
        if (!is_region || is_source(file))
            add_chunk(cutter, begin, end, file, is_region);
    }
    return end;
}

static void cut_file(Cutter *cutter, const char *path)
{
    int file = -1;
    const char *text = source_text(path, &file);
    assert(text);
    if (map_get(&cutter->included, path))
        return;
    map_set(&cutter->included, path, (void *)path);
    text = expand_tables(cutter, text);
    const char *comment = NULL;
    for (const char *at = skip_blanks(text); *at;) {
        const char *begin = comment ? comment : at, *next = at;
        comment = NULL;
        if (is_comment(at)) {
            next = skip_token(at);
            if (next[0] == '\n' && next[1] != '\n')
                comment = at; /* it stands on what follows */
        } else if (*at == '#') {
            next = cut_directive(cutter, at, begin, file);
        } else {
            next = skip_declaration(at);
            add_chunk(cutter, begin, next, file, false);
        }
        at = skip_blanks(next);
    }
}

/* ---- Names ------------------------------------------------------------------------------- */

static void provide(Cutter *cutter, const char *name, size_t length, int chunk)
{
    char *key = arena_string(cutter->arena, name, length);
    IntegerList *list = map_get(&cutter->providers, key);
    if (!list) {
        list = arena_allocate(cutter->arena, sizeof *list);
        map_set(&cutter->providers, key, list);
    }
    if (!list->count || list->items[list->count - 1] != chunk)
        array_push(cutter->arena, list, chunk);
}

static const char *skip_comments(const char *at)
{
    at = skip_blanks(at);
    while (is_comment(at))
        at = skip_blanks(skip_token(at));
    return at;
}

/* The names that a declaration, or a group of them, gives a meaning. */
static void find_names(Cutter *cutter, int number)
{
    Chunk *chunk = &cutter->chunks.items[number];
    int braces = 0, parentheses = 0;
    bool in_enum = false;
    char last = 0, before = 0;
    const char *at = skip_comments(chunk->begin);
    const char *first = at;
    if (starts_with(at, "#define")) {
        provide(cutter, at + 8, strcspn(at + 8, " (\n"), number);
        if (!chunk->is_region)
            return;
    }
    for (; at < chunk->end; at = skip_token(at)) {
        if (is_comment(at) || isspace((unsigned char)*at))
            continue;
        if (*at == '#') {
            at = skip_directive(at) - 1;
            continue;
        }
        if (isalpha((unsigned char)*at) || *at == '_') {
            const char *end = skip_token(at), *next = skip_comments(end);
            size_t length = (size_t)(end - at);
            bool is_attribute = starts_with(at, "__attribute__") || starts_with(at, "__asm__");
            in_enum |= starts_with(at, "enum") && length == 4 && braces == 0;
            bool declared =
                braces == 0 && parentheses == 0 && !is_attribute && strchr("([=;,{", *next);
            bool pointed = braces == 0 && parentheses == 1 && last == '*' && before == '(';
            bool enumerated = in_enum && braces == 1 && (last == '{' || last == ',');
            if (declared || pointed || enumerated)
                provide(cutter, at, length, number);
        } else {
            braces += *at == '{' ? 1 : *at == '}' ? -1 : 0;
            parentheses += *at == '(' ? 1 : *at == ')' ? -1 : 0;
            if (braces == 0 && parentheses == 0 && (*at == '}' || *at == ';'))
                in_enum = false;
        }
        before = last;
        last = is_name(*at) ? 'a' : *at;
    }
    static const char *const other[] = {"static ", "typedef ", "enum ", "#", "_Static_assert"};
    chunk->makes_static = !chunk->is_region;
    for (size_t i = 0; i < COUNT_OF(other); i++)
        if (starts_with(first, other[i]))
            chunk->makes_static = false;
    if (starts_with(first, "struct ") && strchr(first, '{') &&
        strchr(first, '{') < strchr(first, ';') &&
        !memchr(first, '(', (size_t)(strchr(first, '{') - first)))
        chunk->makes_static = false;
}

/* ---- What is needed ---------------------------------------------------------------------- */

static void need_chunk(Cutter *cutter, int number)
{
    Chunk *chunk = &cutter->chunks.items[number];
    if (chunk->is_needed)
        return;
    chunk->is_needed = true;
    array_push(cutter->arena, &cutter->work, number);
    for (int64_t i = 0; i < cutter->chunks.count; i++)
        if (cutter->chunks.items[i].is_region && cutter->chunks.items[i].file == chunk->file &&
            is_source(chunk->file))
            need_chunk(cutter, (int)i);
}

/* A name means what its own file or a header says. */
static void need_name(Cutter *cutter, const char *name, int file)
{
    const IntegerList *list = map_get(&cutter->providers, name);
    bool in_header = false, in_file = false;
    for (int64_t i = 0; list && i < list->count; i++) {
        int provider = cutter->chunks.items[list->items[i]].file;
        in_header |= !is_source(provider);
        in_file |= provider == file;
    }
    for (int64_t i = 0; list && i < list->count; i++) {
        int provider = cutter->chunks.items[list->items[i]].file;
        if (in_header || provider == file || (!in_file && file < 0))
            need_chunk(cutter, list->items[i]);
    }
}

static void need_mentioned(Cutter *cutter, int number)
{
    Chunk chunk = cutter->chunks.items[number];
    for (const char *at = chunk.begin; at < chunk.end;) {
        const char *after = skip_case(cutter, at);
        if (!after && is_mention(at))
            need_name(cutter, word_at(cutter->arena, at), chunk.file);
        at = after ? after : skip_token(at);
    }
}

/* Names that files use for different things, and those of the C library. */
static void rename_clashes(Cutter *cutter)
{
    for (int64_t n = 0; n < cutter->providers.count; n++) {
        const MapEntry *entry = &cutter->providers.entries[n];
        const IntegerList *list = entry->value;
        const char *name = entry->key;
        int first = -1;
        bool is_library = false, is_shared = false;
        for (int64_t i = 0; i < list->count; i++) {
            int file = cutter->chunks.items[list->items[i]].file;
            is_library |= starts_with(sources[file].path, "runtime/bare/include/");
            is_shared |= !is_source(file);
        }
        for (int64_t i = 0; i < list->count && !is_shared; i++) {
            const Chunk *chunk = &cutter->chunks.items[list->items[i]];
            if (!chunk->is_needed || chunk->file == first)
                continue;
            if (first < 0) {
                first = chunk->file;
                continue;
            }
            map_set(&cutter->renamed[chunk->file], name,
                    arena_format(cutter->arena, "%s_%d", name, chunk->file));
        }
        for (size_t file = 0; is_library && file < COUNT_OF(sources); file++)
            map_set(&cutter->renamed[file], name, arena_format(cutter->arena, "own_%s", name));
    }
}

/* ---- Text -------------------------------------------------------------------------------- */

static void write_chunk(Cutter *cutter, const Chunk *chunk, RuntimeText *runtime)
{
    const Map *renamed = &cutter->renamed[chunk->file];
    const char *code = skip_comments(chunk->begin), *at = chunk->begin;
    bool has_default = false;
    for (const char *end; at < chunk->end; at = end) {
        const char *text = NULL, *after = skip_case(cutter, at);
        if (after) {
            text_append(&runtime->text, has_default ? "" : "default: break;");
            end = has_default ? skip_blanks(after) : after;
            has_default = true;
            continue;
        }
        end = skip_token(at);
        if (at == code && chunk->makes_static) {
            text_append(&runtime->text, "static ");
            if (starts_with(at, "extern ")) {
                end = skip_blanks(end);
                continue;
            }
        }
        if (is_mention(at))
            text = map_get(renamed, word_at(cutter->arena, at));
        if (text)
            text_append(&runtime->text, text);
        else
            text_append_bytes(&runtime->text, at, (size_t)(end - at));
    }
    if (chunk->end[-1] != '\n')
        text_append(&runtime->text, "\n");
    bool is_long = memchr(code, '\n', (size_t)(chunk->end - 1 - code)) != NULL;
    text_append(&runtime->text, is_long ? "\n" : "");
}

RuntimeText runtime_text(Arena *arena, const char *const *roots, int count, const Map *never)
{
    Cutter cutter = {.arena = arena,
                     .never = never,
                     .included = map_create(arena),
                     .providers = map_create(arena),
                     .systems = map_create(arena)};
    RuntimeText runtime = {text_create(arena), map_create(arena)};
    cutter.renamed = ARENA_ARRAY(arena, Map, COUNT_OF(sources));
    for (size_t i = 0; i < COUNT_OF(sources); i++)
        cutter.renamed[i] = map_create(arena);
    for (size_t i = 0; i < COUNT_OF(sources); i++)
        if (is_source((int)i))
            cut_file(&cutter, sources[i].path);
    for (int64_t i = 0; i < cutter.chunks.count; i++)
        find_names(&cutter, (int)i);
    for (int i = 0; i < count; i++)
        need_name(&cutter, roots[i], -1);
    for (int64_t i = 0; i < cutter.work.count; i++)
        need_mentioned(&cutter, cutter.work.items[i]);
    rename_clashes(&cutter);
    for (int64_t i = 0; i < cutter.systems.count; i++)
        text_format(&runtime.text, "#include <%s>\n", (const char *)cutter.systems.entries[i].key);
    text_append(&runtime.text, "\n");
    for (int64_t i = 0; i < cutter.chunks.count; i++)
        if (cutter.chunks.items[i].is_needed)
            write_chunk(&cutter, &cutter.chunks.items[i], &runtime);
    for (int64_t i = 0; i < cutter.providers.count; i++)
        map_set(&runtime.names, cutter.providers.entries[i].key, (void *)1);
    return runtime;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/tuning.h"

#include "ir/support/new_file.h"
#include "passes/model_text.h"
#include "runtime/checksum.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STRING(x)                    #x
#define VERSION(major, minor, patch) STRING(major) "." STRING(minor) "." STRING(patch)
#define HEAD                         "tenon tuning 1"

static const char version[] = VERSION(TN_VERSION_MAJOR, TN_VERSION_MINOR, TN_VERSION_PATCH);

Tuning *tuning_create(Arena *arena)
{
    Tuning *tuning = ARENA_NEW(arena, Tuning);
    tuning->arena = arena;
    tuning->by_key = map_create(arena);
    tuning->forced = -1;
    return tuning;
}

/* ---- Keys -------------------------------------------------------------------------------- */

static void add_step(Text *key, char before, int64_t step)
{
    if (step == SYMBOLIC_STEP)
        text_format(key, "%c?", before);
    else
        text_format(key, "%c%lld", before, (long long)step);
}

static void add_operand(Text *key, char name, const Operand *operand)
{
    text_format(key, "_%c%s%s", name, operand->tensor->role == TENSOR_constant ? "c" : "",
                operand->inside ? "p" : "");
}

/* m56:3584,0,3584_n64:0,1,1_..._a_bc_e2: role, extent and steps (in a, b and out) of each axis;
 * what is constant (c) or padded (p); operations of the epilogue. */
static const char *key_of(Arena *arena, const Contraction *c)
{
    static const char roles[] = {'m', 'n', 'k', 'b'};
    Text key = text_create(arena);
    for (int i = 0; i < c->axis_count; i++) {
        const Axis *axis = c->axes[i];
        text_format(&key, "%s%c", i ? "_" : "", roles[c->roles[i]]);
        int64_t extent = extent_or(axis->extent, -1);
        if (extent < 0)
            text_append(&key, "?");
        else
            text_format(&key, "%lld", (long long)extent);
        add_step(&key, ':', operand_step(c->pool, &c->a, axis));
        add_step(&key, ',', operand_step(c->pool, &c->b, axis));
        add_step(&key, ',', operand_step(c->pool, &c->out, axis));
    }
    add_operand(&key, 'a', &c->a);
    add_operand(&key, 'b', &c->b);
    text_format(&key, "_e%d", expr_weight(c->pool, c->epilogue));
    return key.data;
}

/* ---- Choosing ---------------------------------------------------------------------------- */

static bool is_same(const TuningCandidate *a, const TuningCandidate *b)
{
    return a->rows == b->rows && a->vectors == b->vectors && a->unroll == b->unroll &&
           a->n_block == b->n_block;
}

static TuningEntry *add_entry(Tuning *tuning, const char *key)
{
    TuningEntry *entry = ARENA_NEW(tuning->arena, TuningEntry);
    entry->key = arena_string(tuning->arena, key, strlen(key));
    map_set(&tuning->by_key, entry->key, entry);
    array_push(tuning->arena, &tuning->entries, entry);
    return entry;
}

/* The candidates of today, with what a file knows of them; what it has chosen, if that is one. */
static void offer(Tuning *tuning, TuningEntry *entry, const Tiling *tilings, int count)
{
    TuningEntry known = *entry;
    entry->count = count;
    entry->chosen = 0;
    entry->is_offered = true;
    for (int i = 0; i < count; i++) {
        const Tiling *t = &tilings[i];
        TuningCandidate *candidate = &entry->candidates[i];
        *candidate = (TuningCandidate){.rows = t->rows,
                                       .vectors = t->vectors,
                                       .unroll = t->unroll,
                                       .n_block = t->n_block,
                                       .cycles = t->cycles,
                                       .predicted_us = t->cycles * tuning->cycle_ns / 1000};
        for (int k = 0; k < known.count; k++) {
            if (!is_same(&known.candidates[k], candidate))
                continue;
            candidate->measured_us = known.candidates[k].measured_us;
            entry->chosen = k == known.chosen ? i : entry->chosen;
        }
    }
}

TuningEntry *tuning_choose(Tuning *tuning, const Contraction *c, const Tiling *candidates,
                           int count, int *choice)
{
    const char *key = key_of(tuning->arena, c);
    TuningEntry *entry = map_get(&tuning->by_key, key);
    if (!entry)
        entry = add_entry(tuning, key);
    if (!entry->is_offered)
        offer(tuning, entry, candidates, count);
    *choice = tuning->forced >= 0 ? tuning->forced : entry->chosen;
    if (*choice >= count)
        *choice = 0;
    return entry;
}

void tuning_add_step(Tuning *tuning, const Step *step, const char *key)
{
    TuningEntry *entry = key ? map_get(&tuning->by_key, key) : NULL;
    if (entry)
        array_push(tuning->arena, &tuning->steps, (TunedStep){step, entry});
}

/* ---- What a file is for ------------------------------------------------------------------ */

static const char *checksum_text(Arena *arena, const char *data, size_t length)
{
    Checksum sum;
    unsigned char bytes[CHECKSUM_BYTES];
    Text text = text_create(arena);
    checksum_begin(&sum);
    checksum_add(&sum, data, length);
    checksum_end(&sum, bytes);
    for (int i = 0; i < CHECKSUM_BYTES; i++)
        text_format(&text, "%02x", bytes[i]);
    return text.data;
}

TuningScope tuning_scope(Arena *arena, const Model *model, const Target *target)
{
    const char *triple, *cpu, *features;
    uint64_t needed;
    Text text = text_create(arena);
    target_describe(arena, target, &triple, &cpu, &features, &needed);
    if (!model_print(model, MODEL_ELEMENTS_SHOWN, &text))
        return (TuningScope){0};
    return (TuningScope){.machine =
                             arena_format(arena, "%s %s %s l1 %lld l2 %lld", triple, cpu,
                                          checksum_text(arena, features, strlen(features)),
                                          (long long)target->l1_bytes, (long long)target->l2_bytes),
                         .model = checksum_text(arena, text.data, text.length)};
}

/* ---- Reading ----------------------------------------------------------------------------- */

enum { MOST_FILE_BYTES = 16 << 20 };

/* All of a file, terminated; NULL if it cannot be read. */
static char *read_all(Arena *arena, const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    if (!file)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        long bytes = ftell(file);
        if (bytes >= 0 && bytes <= MOST_FILE_BYTES && fseek(file, 0, SEEK_SET) == 0)
            data = arena_try(arena, (size_t)bytes + 1);
        if (data && fread(data, 1, (size_t)bytes, file) == (size_t)bytes) {
            data[bytes] = 0;
            *length = (size_t)bytes;
        } else {
            data = NULL;
            errno = bytes > MOST_FILE_BYTES ? EFBIG : EIO;
        }
    }
    fclose(file);
    return data;
}

/* The last line has the checksum of what is before it. */
static bool is_whole(Arena *arena, const char *data, size_t length, long long *count)
{
    static const char word[] = "\nend ";
    const char *last = NULL;
    if (strlen(data) != length)
        return false;
    for (const char *at = data; (at = strstr(at, word)); at++)
        last = at + 1;
    if (!last)
        return false;
    char *end;
    *count = strtoll(last + strlen(word) - 1, &end, 10);
    const char *sum = checksum_text(arena, data, (size_t)(last - data));
    return strcmp(end, arena_format(arena, " %s\n", sum)) == 0;
}

/* The next line without its end; NULL at the end. */
static char *next_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');
    if (!end)
        return NULL;
    *end = 0;
    *at = end + 1;
    return line;
}

/* What stands after a word on the next line; "" if that is another one. */
static const char *named_line(char **at, const char *word)
{
    const char *line = next_line(at);
    size_t length = strlen(word);
    return line && strncmp(line, word, length) == 0 && line[length] == ' ' ? line + length + 1 : "";
}

static bool read_number(char **at, char after, double least, double most, double *number)
{
    char *end;
    *number = strtod(*at, &end);
    bool good = end != *at && *end == after && *number >= least && *number <= most;
    *at = good ? end + 1 : end;
    return good;
}

/* One of a line's candidates: "*14x2/2/0 120.5 118.3". */
static bool read_candidate(char **at, TuningEntry *entry)
{
    double rows, vectors, unroll, block, predicted, measured;
    bool chosen = **at == '*';
    *at += chosen;
    if (entry->count == MAX_TILINGS || !read_number(at, 'x', 1, 256, &rows) ||
        !read_number(at, '/', 1, 256, &vectors) || !read_number(at, '/', 1, 256, &unroll) ||
        !read_number(at, ' ', 0, 1e12, &block) || !read_number(at, ' ', 0, 1e15, &predicted) ||
        !read_number(at, ' ', 0, 1e15, &measured))
        return false;
    if (chosen)
        entry->chosen = entry->count;
    entry->candidates[entry->count++] = (TuningCandidate){.rows = (int)rows,
                                                          .vectors = (int)vectors,
                                                          .unroll = (int)unroll,
                                                          .n_block = (int64_t)block,
                                                          .predicted_us = predicted,
                                                          .measured_us = measured};
    while (**at == ' ')
        ++*at;
    return true;
}

/* "KEY " and candidates, each followed by a space. */
static bool read_entry(Tuning *tuning, char *line)
{
    char *at = strchr(line, ' ');
    if (!at || at == line)
        return false;
    *at++ = 0;
    if (map_get(&tuning->by_key, line))
        return false;
    TuningEntry *entry = add_entry(tuning, line);
    while (*at)
        if (!read_candidate(&at, entry))
            return false;
    return entry->count > 0;
}

static bool read_entries(Tuning *tuning, char *at, long long count)
{
    char *line, *end;
    if (strncmp(at, "cycle ", 6) != 0)
        return false;
    line = next_line(&at) + 6;
    tuning->cycle_ns = strtod(line, &end);
    if (*end || !(tuning->cycle_ns >= 0 && tuning->cycle_ns < 1000))
        return false;
    while ((line = next_line(&at)) && strncmp(line, "end ", 4) != 0)
        if (*line != '#' && !read_entry(tuning, line))
            return false;
    return tuning->entries.count == count;
}

static Tuning *refuse(Diagnostics *diagnostics, const char *path, const char *why)
{
    diagnose(diagnostics, SEVERITY_WARNING, (Location){0},
             "the tuning file %s is not used: %s; tiles are chosen by the cost model", path, why);
    return NULL;
}

Tuning *tuning_read(Arena *arena, const char *path, const TuningScope *scope,
                    Diagnostics *diagnostics)
{
    size_t length;
    long long count = -1;
    errno = 0;
    char *data = read_all(arena, path, &length), *at = data;
    if (!data)
        return refuse(diagnostics, path, errno ? strerror(errno) : "it cannot be read");
    if (strncmp(data, HEAD "\n", strlen(HEAD) + 1) != 0)
        return refuse(diagnostics, path, "it does not begin with '" HEAD "'");
    bool whole = is_whole(arena, data, length, &count);
    next_line(&at);
    const char *found = named_line(&at, "version");
    if (strcmp(found, version) != 0)
        return refuse(diagnostics, path,
                      arena_format(arena, "it is of version %s, this is %s", found, version));
    found = named_line(&at, "machine");
    if (!scope->machine || strcmp(found, scope->machine) != 0)
        return refuse(diagnostics, path,
                      arena_format(arena, "it was measured on another machine (%s, this is %s)",
                                   found, scope->machine ? scope->machine : "unknown"));
    found = named_line(&at, "model");
    if (!scope->model || strcmp(found, scope->model) != 0)
        return refuse(diagnostics, path, "it is for another model, or other sizes or passes");
    if (!whole)
        return refuse(diagnostics, path,
                      "it is damaged or was changed by hand (its checksum is another)");
    Tuning *tuning = tuning_create(arena);
    if (!read_entries(tuning, at, count))
        return refuse(diagnostics, path, "a line of it cannot be read");
    return tuning;
}

/* ---- Writing ----------------------------------------------------------------------------- */

static void print_tile(const TuningCandidate *c, Text *text)
{
    text_format(text, "%dx%d/%d/%lld", c->rows, c->vectors, c->unroll, (long long)c->n_block);
}

static void print_file(const Tuning *tuning, const TuningScope *scope, Text *text)
{
    text_format(text, HEAD "\nversion %s\nmachine %s\nmodel %s\ncycle %.6g\n", version,
                scope->machine, scope->model, tuning->cycle_ns);
    text_append(
        text, "# A line for each distinct contraction: its key, then candidates: rows x vectors / "
              "steps unrolled /\n# vectors in a block, microseconds predicted, microseconds "
              "measured; * is before the one to take.\n");
    for (int64_t i = 0; i < tuning->entries.count; i++) {
        const TuningEntry *entry = tuning->entries.items[i];
        text_append(text, entry->key);
        text_append(text, " ");
        for (int k = 0; k < entry->count; k++) {
            text_append(text, k == entry->chosen ? "*" : "");
            print_tile(&entry->candidates[k], text);
            text_format(text, " %.2f %.2f ", entry->candidates[k].predicted_us,
                        entry->candidates[k].measured_us);
        }
        text_append(text, "\n");
    }
    const char *sum = checksum_text(tuning->arena, text->data, text->length);
    text_format(text, "end %lld %s\n", (long long)tuning->entries.count, sum);
}

bool tuning_write(const Tuning *tuning, const char *path, const TuningScope *scope,
                  Diagnostics *diagnostics)
{
    Text text = text_create(tuning->arena);
    print_file(tuning, scope, &text);
    NewFile *file = new_file_open(tuning->arena, path);
    for (size_t done = 0; file && done < text.length;) {
        ssize_t wrote = write(file->descriptor, text.data + done, text.length - done);
        if (wrote <= 0) {
            new_file_drop(file);
            file = NULL;
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return (file && new_file_commit(file)) ||
           system_error_at(diagnostics, (Location){0}, "cannot write %s", path);
}

void tuning_print(const Tuning *tuning, Text *text)
{
    for (int64_t i = 0; i < tuning->entries.count; i++) {
        const TuningEntry *entry = tuning->entries.items[i];
        if (!entry->is_offered)
            continue;
        text_format(text, "tiles of %s\n", entry->key);
        for (int k = 0; k < entry->count; k++) {
            const TuningCandidate *c = &entry->candidates[k];
            text_format(text, "  %s ", k == entry->chosen ? "*" : " ");
            print_tile(c, text);
            text_format(text, "  predicted %.0f cycles", c->cycles);
            if (c->predicted_us > 0)
                text_format(text, ", %.2f us", c->predicted_us);
            if (c->measured_us > 0)
                text_format(text, "; measured %.2f us", c->measured_us);
            text_append(text, "\n");
        }
    }
}

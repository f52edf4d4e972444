/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include "messages.h"

#include "frontend/tensor_file.h"
#include "tensor_data.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* "-i NAME=FILE", cut at the first '=' after which a file's name can stand: names may hold '='. */
static const char *given_file(const Session *session, const char *name)
{
    size_t length = strlen(name);
    const char *text, *found = NULL;
    for (int i = 0; (text = option_each(session->options, OPTION_input, i)); i++)
        if (strncmp(text, name, length) == 0 && text[length] == '=')
            found = text + length + 1;
    return found;
}

static bool has_ending(const char *path, const char *ending)
{
    size_t length = strlen(path), wanted = strlen(ending);
    return length > wanted && strcasecmp(path + length - wanted, ending) == 0;
}

/* Moves a tensor of the driver's into the session's arena. */
static bool keep(Session *session, TensorData *data, TnValue *value)
{
    size_t bytes = (size_t)data->count * element_bytes(data->element);
    void *copy = arena_try(session->arena, bytes ? bytes : 1);
    *value = (TnValue){.kind = TN_TENSOR,
                       .tensor = {.element = data->element, .rank = data->rank, .data = copy}};
    memcpy(value->tensor.dims, data->dims, sizeof *data->dims * (size_t)data->rank);
    if (copy && data->element == TN_STRING) {
        for (int64_t i = 0; i < data->count; i++) {
            TnString string = ((TnString *)data->data)[i];
            ((TnString *)copy)[i] = (TnString){
                arena_string(session->arena, string.data, (size_t)string.length), string.length};
        }
    } else if (copy) {
        memcpy(copy, data->data, bytes);
    }
    tensor_data_free(data);
    return copy != NULL || session_fail(session, TN_OUT_OF_MEMORY, "out of memory for an input");
}

static bool read_file(Session *session, const char *path, TypeKind kind, const WantedInput *wanted,
                      TnValue *value)
{
    TensorData data = {0};
    if (has_ending(path, ".pb")) {
        const TnValue *read =
            tensor_file_read(session->arena, path, kind, NULL, session->diagnostics);
        if (!read)
            return session_fail(session, TN_IO, NULL);
        *value = *read;
        return true;
    }
    bool good = has_ending(path, ".npy") ? npy_read(path, &data)
                : has_ending(path, ".png") || has_ending(path, ".jpg") || has_ending(path, ".jpeg")
                    ? image_read(path, wanted, &data)
                : has_ending(path, ".wav") ? wav_read(path, wanted, &data)
                : has_ending(path, ".txt")
                    ? text_read(path, wanted, &data)
                    : session_fail(session, TN_BAD_ARGUMENT,
                                   "input '%s': '%s' is no .npy, .pb, .png, .jpg, .wav or .txt",
                                   wanted->name, path);
    if (!good) {
        session->status = EXIT_WRONG_MODEL;
        return false;
    }
    return keep(session, &data, value);
}

/* ---- Random inputs ----------------------------------------------------------------------- */

/* SplitMix64: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators". */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Standard normal, by Box and Muller 1958. */
static double next_normal(uint64_t *state)
{
    double u = ((double)(next_random(state) >> 11) + 1) * 0x1p-53;
    double v = (double)(next_random(state) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static bool draw(Session *session, const Port *port, const int64_t *dims, uint64_t seed,
                 TnValue *value)
{
    const ProgramValue *wanted = &port->value;
    TensorData data;
    if (wanted->kind != TN_TENSOR || wanted->element == TN_STRING)
        return session_fail(session, TN_BAD_ARGUMENT,
                            "input '%s' is %s: give it with -i %s=FILE.pb", port->name, port->type,
                            port->name);
    if (!tensor_data_allocate(&data, wanted->element, wanted->rank, dims)) {
        session->status = EXIT_WRONG_MODEL;
        return false;
    }
    char *at = data.data;
    bool is_float = element_kind(data.element) == ELEMENT_KIND_FLOAT;
    for (int64_t i = 0; i < data.count; i++, at += element_bytes(data.element))
        if (is_float)
            element_from_double(data.element, next_normal(&seed), true, at);
        else if (element_kind(data.element) != ELEMENT_KIND_COMPLEX)
            element_from_int64(data.element, (int64_t)(next_random(&seed) & 1), at);
    return keep(session, &data, value);
}

/* ---- All inputs of a program ------------------------------------------------------------- */

static WantedInput wanted_input(const Port *port)
{
    WantedInput wanted = {.name = port->name, .element = port->value.element};
    wanted.rank = port->value.kind == TN_TENSOR ? port->value.rank : 0;
    for (int d = 0; d < wanted.rank; d++)
        wanted.dims[d] = port->value.dims[d].slot < 0 ? port->value.dims[d].number : -1;
    return wanted;
}

static TypeKind type_kind(TnValueKind kind)
{
    return kind == TN_SEQUENCE ? TYPE_sequence : kind == TN_OPTIONAL ? TYPE_optional : TYPE_tensor;
}

/* Every -i must name an input. */
static bool check_names(Session *session)
{
    const Program *program = session->program;
    const char *text;
    for (int i = 0; (text = option_each(session->options, OPTION_input, i)); i++) {
        bool known = false;
        if (!strchr(text, '='))
            wrong_usage("option '--input' needs NAME=FILE, not '%s'", text);
        for (int p = 0; p < program->input_count && !known; p++) {
            size_t length = strlen(program->inputs[p].name);
            known = strncmp(text, program->inputs[p].name, length) == 0 && text[length] == '=';
        }
        for (int c = 0; c < session->constant_count && !known; c++) {
            size_t length = strlen(session->constants[c].input);
            known = strncmp(text, session->constants[c].input, length) == 0 && text[length] == '=';
        }
        if (known)
            continue;
        Text names = text_create(session->arena);
        for (int p = 0; p < program->input_count; p++)
            text_format(&names, "%s'%s'", p ? ", " : "", program->inputs[p].name);
        return session_fail(session, TN_BAD_ARGUMENT,
                            "there is no input '%.*s'; the model's inputs are %s",
                            (int)strcspn(text, "="), text, names.data);
    }
    return true;
}

static bool is_open(const Port *port, int d, const int64_t *sizes)
{
    int slot = port->value.dims[d].slot;
    return slot >= 0 && sizes[slot] < 0;
}

/* Reads the inputs that are files; their dimensions go into `sizes`. */
static bool read_files(Session *session, int64_t *sizes, TnValue *values)
{
    const Program *program = session->program;
    for (int i = 0; i < program->input_count; i++) {
        const Port *port = &program->inputs[i];
        const char *path = given_file(session, port->name);
        WantedInput wanted = wanted_input(port);
        values[i] = (TnValue){.kind = TN_ABSENT};
        if (!path)
            continue;
        if (!read_file(session, path, type_kind(port->value.kind), &wanted, &values[i]))
            return false;
        if (values[i].kind == TN_TENSOR && values[i].tensor.rank == port->value.rank)
            for (int d = 0; d < port->value.rank; d++)
                if (port->value.dims[d].slot >= 0)
                    sizes[port->value.dims[d].slot] = values[i].tensor.dims[d];
    }
    return true;
}

typedef struct SizeSearch {
    const int64_t *sizes;
    const Symbol *symbol; /* the last one without a size */
    int count;
} SizeSearch;

static void look_for_open(void *user, const Expr *e)
{
    SizeSearch *search = user;
    if (e->kind != EXPR_symbol || search->sizes[((const Symbol *)e->object)->id] >= 0)
        return;
    search->symbol = e->object;
    search->count++;
}

/* Where a file says what 2*N is, N follows; whether a symbol did. */
static bool learn_symbol(const Session *session, int64_t *sizes)
{
    ExprPool *pool = session->model->pool;
    for (int i = 0; i < session->program->input_count; i++) {
        const Port *port = &session->program->inputs[i];
        for (int d = 0; port->value.kind == TN_TENSOR && d < port->value.rank; d++) {
            const Expr *size = session->model->graph->inputs[i]->type->dims[d], *rest;
            SizeSearch search = {.sizes = sizes};
            int64_t factor;
            expr_walk(pool, size, look_for_open, &search);
            if (is_open(port, d, sizes) || search.count != 1 ||
                !expr_split_symbol(pool, size, search.symbol, &factor, &rest))
                continue;
            int64_t known = size_get(port->value.dims[d], sizes);
            int64_t value = (known - expr_evaluate(rest, sizes)) / factor;
            sizes[search.symbol->id] = value > 0 ? value : 0;
            return true;
        }
    }
    return false;
}

typedef struct SizeFill {
    const Session *session;
    int64_t *sizes;
} SizeFill;

static void take_symbol_as_one(const SizeFill *fill, const char *name, int slot)
{
    fill->sizes[slot] = 1;
    if (!fill->session->quiet)
        tell(SEVERITY_NOTE, fill->session->path,
             "size '%s' is not given and taken as 1 (--dim %s=1)", name, name);
}

static void take_as_one(void *user, const Expr *e)
{
    const SizeFill *fill = user;
    const Symbol *symbol = e->object;
    if (e->kind == EXPR_symbol && fill->sizes[symbol->id] < 0)
        take_symbol_as_one(fill, symbol->name, symbol->id);
}

/* Symbols that no file says are 1; sizes in terms of them follow. Of an artifact the names are
 * known, not the expressions. */
static void fill_sizes(const Session *session, int64_t *sizes)
{
    const Program *program = session->program;
    SizeFill fill = {session, sizes};
    while (session->model && learn_symbol(session, sizes))
        continue;
    for (int i = 0; i < program->input_count; i++) {
        const Port *port = &program->inputs[i];
        for (int d = 0; port->value.kind == TN_TENSOR && d < port->value.rank; d++) {
            int slot = port->value.dims[d].slot;
            if (!is_open(port, d, sizes))
                continue;
            if (session->model) {
                const Expr *size = session->model->graph->inputs[i]->type->dims[d];
                expr_walk(session->model->pool, size, take_as_one, &fill);
                sizes[slot] = expr_evaluate(size, sizes);
            } else if (slot < program->symbol_count) {
                take_symbol_as_one(&fill, program->symbols[slot].name, slot);
            }
        }
    }
    for (int64_t i = 0; i < program->entry.step_count; i++)
        if (program->entry.steps[i].kind == STEP_size)
            (void)sizes_follow(&program->entry.steps[i].size,
                               sizes); /* the run says what is wrong */
}

bool inputs_prepare(Session *session, TnValue *values)
{
    const Program *program = session->program;
    int64_t *sizes = ARENA_ARRAY(session->arena, int64_t, program->size_count + 1);
    for (int i = 0; i < program->size_count; i++)
        sizes[i] = -1;
    if (!check_names(session) || !read_files(session, sizes, values))
        return false;
    fill_sizes(session, sizes);
    int64_t seed = option_integer(session->options, OPTION_seed, 0);
    for (int i = 0; i < program->input_count; i++) {
        const Port *port = &program->inputs[i];
        int64_t dims[MAX_RANK] = {0};
        if (values[i].kind != TN_ABSENT)
            continue;
        for (int d = 0; d < port->value.rank && port->value.kind == TN_TENSOR; d++)
            dims[d] = is_open(port, d, sizes) ? 1 : size_get(port->value.dims[d], sizes);
        uint64_t start = (uint64_t)seed * 0x2545f4914f6cdd1du + (uint64_t)i;
        if (!draw(session, port, dims, next_random(&start), &values[i]))
            return false;
    }
    return true;
}

const TnValue *inputs_find(Session *session, const char *name, const void *user)
{
    const char *path = given_file(session, name);
    TnValue *value = ARENA_NEW(session->arena, TnValue);
    WantedInput wanted = {.name = name, .element = TN_INT64, .rank = 1, .dims = {-1}};
    (void)user;
    return path && read_file(session, path, TYPE_tensor, &wanted, value) ? value : NULL;
}

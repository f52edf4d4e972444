/* SPDX-License-Identifier: Apache-2.0
 *
 * Nests to C. The emitter knows loops, registers and addresses, no operators: what it is given is
 * what comes out, loop by loop.
 *
 * Register arrays are local arrays of vectors. Their indices are constant once the unrolled loops
 * around them are, so compilers keep them in registers. An array is declared in the innermost block
 * that holds all its uses.
 */
#include "codegen/artifact/interface.h"
#include "emitter.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { MAX_ARRAYS = 256 };

static void emit_nests(CEmitter *em, const Nest *nest);

void c_line(CEmitter *em, const char *format, ...)
{
    enum { WIDTH = 100 };
    va_list list;
    va_start(list, format);
    const char *text = arena_format_list(em->arena, format, list);
    va_end(list);
    size_t indent = 4 * (size_t)em->depth, room = indent + 40 < WIDTH ? WIDTH - indent : 40;
    text_format(em->out, "%*s", (int)indent, "");
    for (size_t length; (length = strlen(text)) > room; room -= room + indent == WIDTH ? 4 : 0) {
        size_t cut = room; /* after a comma, or ahead of an operator */
        while (cut > 20 && (text[cut] != ' ' || strchr("+-*/%<>=&|?:", text[cut - 1])))
            cut--;
        if (text[cut] != ' ')
            break;
        text_append_bytes(em->out, text, cut);
        text_format(em->out, "\n%*s", (int)indent + 4, "");
        text += cut + 1;
    }
    text_format(em->out, "%s\n", text);
}

/* Names that mean something in every function: types, and macros that compilers define. */
static bool is_taken(const char *name)
{
    static const char *const words[] = {"f32",   "f64",  "i8",    "i16", "i32",  "i64",
                                        "u8",    "u16",  "u32",   "u64", "bool", "true",
                                        "false", "NULL", "linux", "unix"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(name, words[i]) == 0)
            return true;
    return false;
}

const char *c_name(CEmitter *em, const char *wanted)
{
    const char *base = port_identifier(em->arena, wanted), *name = base;
    for (int i = 2; is_taken(name) || map_get(&em->names, name); i++)
        name = arena_format(em->arena, "%s_%d", base, i);
    map_set(&em->names, name, (void *)name);
    return name;
}

/* ---- Register arrays --------------------------------------------------------------------- */

/* A set of arrays: a bit each. */
typedef struct ArraySet {
    uint64_t words[MAX_ARRAYS / 64];
} ArraySet;

static bool has_array(const ArraySet *set, int array)
{
    return set->words[array / 64] >> (array % 64) & 1;
}

static void add_array(ArraySet *set, const Array *array)
{
    set->words[array->id / 64] |= UINT64_C(1) << (array->id % 64);
}

static void add_arrays(ArraySet *set, const ArraySet *more)
{
    for (size_t i = 0; i < COUNT_OF(set->words); i++)
        set->words[i] |= more->words[i];
}

/* Those that an expression reads. */
static const ArraySet *read_arrays(CEmitter *em, const Expr *e)
{
    static const ArraySet none;
    if (!e)
        return &none;
    ArraySet *set = map_get_pointer(&em->mentions, e);
    if (set)
        return set;
    set = ARENA_NEW(em->arena, ArraySet);
    if (e->kind == EXPR_cell)
        add_array(set, e->object);
    for (int i = 0; i < e->count; i++)
        add_arrays(set, read_arrays(em, e->src[i]));
    map_set_pointer(&em->mentions, e, set);
    return set;
}

/* Those that a statement, with all in it, reads; or sets or reads. */
static const ArraySet *arrays_in(CEmitter *em, const Nest *nest, bool reads_only)
{
    Map *map = reads_only ? &em->reads : &em->mentions;
    ArraySet *set = map_get_pointer(map, nest);
    if (set)
        return set;
    set = ARENA_NEW(em->arena, ArraySet);
    if (nest->array && (!reads_only || nest->kind != NEST_set))
        add_array(set, nest->array);
    add_arrays(set, read_arrays(em, nest->condition));
    add_arrays(set, read_arrays(em, nest->index));
    add_arrays(set, read_arrays(em, nest->value));
    for (const Nest *n = nest->body; n; n = n->next)
        add_arrays(set, arrays_in(em, n, reads_only));
    for (const Nest *n = nest->otherwise; n; n = n->next)
        add_arrays(set, arrays_in(em, n, reads_only));
    map_set_pointer(map, nest, set);
    return set;
}

static const ArraySet *mentioned_arrays(CEmitter *em, const Nest *nest)
{
    return arrays_in(em, nest, false);
}

static bool list_mentions(CEmitter *em, const Nest *nest, int array)
{
    for (; nest; nest = nest->next)
        if (has_array(mentioned_arrays(em, nest), array))
            return true;
    return false;
}

static bool list_reads(CEmitter *em, const Nest *nest, int array)
{
    for (; nest; nest = nest->next)
        if (has_array(arrays_in(em, nest, true), array))
            return true;
    return false;
}

static const Array *find_array(const Nest *nest, int id)
{
    const Array *found = NULL;
    for (; nest && !found; nest = nest->next) {
        if (nest->array && nest->array->id == id)
            return nest->array;
        found = find_array(nest->body, id);
        found = found ? found : find_array(nest->otherwise, id);
    }
    return found;
}

/* Whether the first statement of the list that mentions the array gives all of it a value. */
static bool is_set_first(CEmitter *em, const Nest *nest, const Array *array)
{
    while (!has_array(mentioned_arrays(em, nest), array->id))
        nest = nest->next;
    if (nest->kind == NEST_for)
        return !list_mentions(em, nest->next, array->id) && is_set_first(em, nest->body, array);
    return nest->kind == NEST_set && nest->array == array && array->count == 1 &&
           !has_array(read_arrays(em, nest->value), array->id);
}

/* Whether the array, which nobody after `nest` mentions, may be declared further in. */
static bool belongs_inside(CEmitter *em, const Nest *nest, const Array *array)
{
    if (nest->kind == NEST_if)
        return !has_array(read_arrays(em, nest->condition), array->id) &&
               list_mentions(em, nest->body, array->id) !=
                   list_mentions(em, nest->otherwise, array->id);
    return nest->kind == NEST_for &&
           (nest->loop != LOOP_unrolled || is_set_first(em, nest->body, array));
}

/* In the place of a name: the array is set, but not read. */
static const char nobody_reads[] = "";

/* Declares the arrays that this statement, of a list, is the first to mention. */
static void declare_arrays(CEmitter *em, const Nest *nest)
{
    const ArraySet *mentioned = mentioned_arrays(em, nest);
    for (int id = 0; id < em->source->array_count; id++) {
        if (!has_array(mentioned, id) || em->cells[id])
            continue;
        const Array *array = find_array(em->source->nest, id);
        if (!list_mentions(em, nest->next, id) && belongs_inside(em, nest, array))
            continue;
        if (!list_reads(em, nest, id)) { /* schedules set more than each of their parts reads */
            em->cells[id] = nobody_reads;
            continue;
        }
        const char *type = c_type(em->unit, array->type, em->lanes);
        em->cells[id] = c_name(em, array->name);
        em->is_set[id] = false;
        em->is_new[id] = nest->kind == NEST_set && is_set_first(em, nest, array);
        if (em->is_new[id]) /* emit_set() declares it, with its value */
            continue;
        const char *zero = !has_array(em->masked, id)          ? ""
                           : array->count > 1 && em->lanes > 1 ? " = {{0}}"
                           : array->count > 1 || em->lanes > 1 ? " = {0}"
                                                               : " = 0";
        if (array->count > 1)
            c_line(em, "%s %s[%d]%s;", type, em->cells[id], array->count, zero);
        else
            c_line(em, "%s %s%s;", type, em->cells[id], zero);
    }
}

/* Finds the arrays that are set under a mask of lanes: what the mask leaves out is read. */
static void find_masked(CEmitter *em, const Nest *nest, bool masked, ArraySet *set)
{
    for (; nest; nest = nest->next) {
        if (nest->array && masked)
            add_array(set, nest->array);
        bool inside = masked;
        if (nest->kind == NEST_if && em->source->lane)
            inside |= expr_contains_axis(nest->condition, em->source->lane) ||
                      expr_contains_kind(nest->condition, EXPR_cell);
        find_masked(em, nest->body, inside, set);
        find_masked(em, nest->otherwise, inside, set);
    }
}

/* Lanes that the mask leaves out keep what the cell had. */
static void emit_set(CEmitter *em, const Nest *nest)
{
    const Array *array = nest->array;
    const char *cell = em->cells[array->id], *type = "";
    if (cell == nobody_reads)
        return;
    CValue value = c_splat(em, c_value(em, nest->value));
    if (em->is_new[array->id])
        type = arena_format(em->arena, "%s ", c_type(em->unit, array->type, em->lanes));
    em->is_new[array->id] = false;
    if (array->count > 1)
        cell = arena_format(em->arena, "%s[%s]", cell, c_index(em, nest->index).text);
    if (em->mask && em->is_set[array->id])
        value =
            c_select(em, c_atom(em->mask, TN_BOOL, true), value, c_atom(cell, array->type, true));
    em->is_set[array->id] = true;
    c_line(em, "%s%s = %s;", type, cell, value.text);
}

/* ---- Blocks ------------------------------------------------------------------------------ */

static int count_lines(const char *text)
{
    int lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* A body after the head of a loop or branch, in braces unless it is one line. */
static void emit_body(CEmitter *em, const char *head, const Nest *body, bool needs_braces)
{
    Text text = text_create(em->arena), *outer = em->out;
    em->out = &text;
    em->depth++;
    emit_nests(em, body);
    em->depth--;
    em->out = outer;
    bool braces = needs_braces || count_lines(text.data) != 1;
    c_line(em, "%s%s", head, braces ? " {" : "");
    text_append(em->out, text.data);
    if (braces)
        c_line(em, "}");
}

/* Arrays that a block declared end with it. */
static void end_block(CEmitter *em, const char *const *cells)
{
    memcpy(em->cells, cells, (size_t)em->source->array_count * sizeof *cells);
}

static const char **begin_block(CEmitter *em)
{
    const char **cells = ARENA_ARRAY(em->arena, const char *, em->source->array_count + 1);
    memcpy(cells, em->cells, (size_t)em->source->array_count * sizeof *cells);
    return cells;
}

/* ---- Loops ------------------------------------------------------------------------------- */

/* The turns of a parallel loop that are the function's part: of one alone those from begin to end,
 * of a pair its share of them. */
static CValue part_of_loop(CEmitter *em, const Axis *axis, const char **first)
{
    const Axis *outer = em->source->parallel, *inner = em->source->parallel_inner;
    em->uses_part = true;
    *first = "begin";
    if (!inner)
        return c_atom("end", EXPR_INDEX, false);
    CValue count = c_bind(em, c_index(em, inner->extent), "turns");
    const char *turns = c_operand(em, count, MULTIPLICATIVE), *end;
    if (axis == outer) {
        *first = arena_format(em->arena, "begin / %s", turns);
        end = arena_format(em->arena, "(end + %s - 1) / %s", turns, turns);
    } else {
        const char *at = map_get_pointer(&em->axes, outer);
        assert(at);
        *first =
            arena_format(em->arena, "begin > %s * %s ? begin - %s * %s : 0", at, turns, at, turns);
        end = arena_format(em->arena, "(end - %s * %s < %s ? end - %s * %s : %s)", at, turns, turns,
                           at, turns, turns);
    }
    return c_bind(em, c_atom(end, EXPR_INDEX, false), "last");
}

static void emit_loop(CEmitter *em, const Nest *nest)
{
    const Axis *axis = nest->axis;
    const char *first = "0";
    const Expr *extent = axis->extent;
    c_begin_statement(em, &extent, 1);
    CValue end = nest->loop == LOOP_parallel && function_shares(em->source, axis)
                     ? part_of_loop(em, axis, &first)
                     : c_index(em, extent);
    if (strlen(end.text) > 40)
        end = c_bind(em, end, "count");
    const char **cells = begin_block(em), *name = c_name(em, axis->name);
    const void *outer = map_get_pointer(&em->axes, axis);
    map_set_pointer(&em->axes, axis, (void *)name);
    if (nest->loop == LOOP_unrolled) {
        c_line(em, "UNROLL(%s)", end.text);
        em->unit->uses_unroll = true;
    }
    const char *head = arena_format(em->arena, "for (int64_t %s = %s; %s < %s; %s++)", name, first,
                                    name, c_operand(em, end, ADDITIVE), name);
    emit_body(em, head, nest->body, false);
    map_set_pointer(&em->axes, axis, (void *)outer);
    map_set(&em->names, name, NULL); /* the next loop may be called so */
    end_block(em, cells);
}

/* ---- Branches ---------------------------------------------------------------------------- */

/* Whether a text mentions a name. */
static bool mentions(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (; (text = strstr(text, name)); text += length)
        if (text[length] != '_' && !isalnum((unsigned char)text[length]))
            return true;
    return false;
}

/* Statements under a mask of lanes, which gets a name ahead of them if they look at it; answers
 * whether they do. */
static bool emit_under(CEmitter *em, const Nest *body, CValue mask)
{
    const char *outer = em->mask;
    Text binding = text_create(em->arena), text = text_create(em->arena), *out = em->out;
    em->out = &binding;
    em->mask = c_bind(em, mask, "mask").text;
    em->out = &text;
    emit_nests(em, body);
    em->out = out;
    bool is_used = mentions(text.data, em->mask);
    text_append(em->out, is_used ? binding.data : "");
    text_append(em->out, text.data);
    em->mask = outer;
    return is_used;
}

static CValue within(CEmitter *em, CValue mask)
{
    return em->mask ? c_both(em, c_atom(em->mask, TN_BOOL, true), mask) : mask;
}

static void emit_masked(CEmitter *em, const Nest *nest, CValue condition)
{
    if (!nest->otherwise) {
        emit_under(em, nest->body, within(em, condition));
        return;
    }
    Text binding = text_create(em->arena), text = text_create(em->arena), *out = em->out;
    em->out = &binding;
    condition = c_bind(em, condition, "mask");
    CValue other = { arena_format(em->arena, "~%s", condition.text), UNARY, TN_BOOL, true };
    em->out = &text;
    bool is_used = emit_under(em, nest->body, within(em, condition));
    is_used |= emit_under(em, nest->otherwise, within(em, other));
    em->out = out;
    text_append(em->out, is_used ? binding.data : "");
    text_append(em->out, text.data);
}

static void emit_if(CEmitter *em, const Nest *nest)
{
    c_begin_statement(em, &nest->condition, 1);
    CValue condition = c_value(em, nest->condition);
    if (condition.is_vector) {
        emit_masked(em, nest, condition);
        return;
    }
    const char **cells = begin_block(em);
    emit_body(em, arena_format(em->arena, "if (%s)", condition.text), nest->body, true);
    end_block(em, cells);
    if (!nest->otherwise)
        return;
    em->out->data[--em->out->length] = 0; /* "} else {" is one line */
    Text text = text_create(em->arena), *out = em->out;
    em->out = &text;
    emit_body(em, "else", nest->otherwise, true);
    em->out = out;
    text_format(em->out, " %s", text.data + 4 * em->depth);
    end_block(em, cells);
}

/* ---- Statements -------------------------------------------------------------------------- */

static void emit_statement(CEmitter *em, const Nest *nest)
{
    const Expr *roots[] = {nest->condition, nest->index, nest->value};
    c_begin_statement(em, roots, 3);
    switch (nest->kind) {
    case NEST_for:
    case NEST_if: break;
    case NEST_set: emit_set(em, nest); break;
    case NEST_store: c_store(em, nest); break;
    case NEST_transpose:
        c_line(em, "%s(%s);",
               c_helper_transpose(em->unit, c_memory_type(nest->array->type), em->lanes),
               em->cells[nest->array->id]);
        break;
    case NEST_barrier:
        c_line(em, "__asm__ volatile(\"\" ::: \"memory\"); /* nothing moves across */");
        break;
    case NEST_prefetch: c_prefetch(em, nest); break;
    }
}

static void emit_nests(CEmitter *em, const Nest *nest)
{
    for (; nest; nest = nest->next) {
        declare_arrays(em, nest);
        if (nest->kind == NEST_for)
            emit_loop(em, nest);
        else if (nest->kind == NEST_if)
            emit_if(em, nest);
        else
            emit_statement(em, nest);
    }
}

/* ---- Functions --------------------------------------------------------------------------- */

static void note_tensor(void *user, const Expr *e)
{
    CEmitter *em = user;
    if (e->kind == EXPR_fetch && !map_get_pointer(&em->reserved, e->object))
        map_set_pointer(&em->reserved, e->object, (void *)e->object);
}

/* Those that the nest touches; others get no name. */
static void find_tensors(CEmitter *em, const Nest *nest)
{
    for (; nest; nest = nest->next) {
        const Expr *roots[] = {nest->condition, nest->index, nest->value};
        for (size_t i = 0; i < COUNT_OF(roots); i++)
            if (roots[i])
                expr_walk(em->pool, roots[i], note_tensor, em);
        if (nest->tensor && !map_get_pointer(&em->reserved, nest->tensor))
            map_set_pointer(&em->reserved, nest->tensor, (void *)nest->tensor);
        find_tensors(em, nest->body);
        find_tensors(em, nest->otherwise);
    }
}

static void name_tensors(CEmitter *em)
{
    static const char *const parameters[] = {"data", "sizes", "begin", "end", "scratch"};
    for (size_t i = 0; i < COUNT_OF(parameters); i++)
        map_set(&em->names, parameters[i], (void *)parameters[i]);
    find_tensors(em, em->source->nest);
    for (int64_t i = 0; i < em->reserved.count; i++) {
        MapEntry *entry = &em->reserved.entries[i];
        entry->value = (void *)c_name(em, ((const Tensor *)entry->key)->name);
    }
}

static void write_pointers(CEmitter *em, Text *text, bool *uses_scratch)
{
    const Function *source = em->source;
    for (int i = 0; i < source->tensor_count; i++) {
        const Tensor *tensor = source->tensors[i];
        const char *name = map_get_pointer(&em->tensors, tensor);
        const char *type = c_type(em->unit, c_memory_type(tensor->element), 1);
        if (name)
            text_format(text, "    %s%s *%s = data[%d];\n",
                        map_get_pointer(&em->written, tensor) ? "" : "const ", type, name, i);
    }
    for (int i = 0; i < source->scratch_count; i++) {
        const char *name = map_get_pointer(&em->tensors, source->scratch[i]);
        const char *type = c_type(em->unit, c_memory_type(source->scratch[i]->element), 1);
        *uses_scratch |= name != NULL;
        if (name)
            text_format(text, "    %s *%s = (%s *)((char *)scratch + %" PRId64 ");\n", type, name,
                        type, source->scratch_offsets[i]);
    }
    for (int64_t i = 0; i < em->symbols.count; i++) {
        const MapEntry *entry = &em->symbols.entries[i];
        text_format(text, "    const int64_t %s = sizes[%d];\n", (const char *)entry->value,
                    ((const Symbol *)entry->key)->id);
    }
}

/* Long lines are broken at blanks; what looks like an end of the comment is not one. */
static void write_comment(Text *text, const char *comment)
{
    enum { WIDTH = 97 };
    const char *open = "/* ";
    while (*comment) {
        size_t length = strcspn(comment, "\n"), take = length;
        if (length > WIDTH)
            for (take = WIDTH; take > 0 && comment[take] != ' ';)
                take--;
        take = take ? take : WIDTH;
        text_append(text, open);
        for (size_t i = 0; i < take; i++) {
            bool mark = (comment[i] == '*' && comment[i + 1] == '/') ||
                        (comment[i] == '/' && comment[i + 1] == '*');
            text_append_bytes(text, comment + i, 1);
            text_append(text, mark ? " " : "");
        }
        comment += take;
        comment += *comment == '\n' || *comment == ' ';
        text_append(text, *comment ? "\n" : " */\n");
        open = " * ";
    }
}

static void write_unused(CEmitter *em, Text *text, bool uses_data, bool uses_scratch)
{
    const struct {
        const char *name;
        bool used;
    } parameters[] = {{"data", uses_data},
                      {"sizes", em->symbols.count > 0},
                      {"begin", em->uses_part},
                      {"end", em->uses_part},
                      {"scratch", uses_scratch}};
    for (size_t i = 0; i < COUNT_OF(parameters); i++)
        if (!parameters[i].used)
            text_format(text, "    (void)%s;\n", parameters[i].name);
}

/* void name(parameters), the second line below the first parameter. */
static void write_prototype(Text *text, const char *qualifier, const char *name)
{
    size_t indent = strlen(qualifier) + strlen("void ") + strlen(name) + 1;
    text_format(
        text,
        "%svoid %s(void *const *data, const int64_t *sizes,\n%*sint64_t begin, int64_t end, "
        "void *scratch)\n",
        qualifier, name, (int)indent, "");
}

/* Denormals are zero while the kernel runs, where the processor can do that. The kernel's body is a
 * function of its own, so that nothing of it moves past the change. */
static void write_flushing(Text *text, const char *qualifier, const char *name)
{
    enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x40 };
    write_prototype(text, qualifier, name);
    text_format(text,
                "{\n#ifdef __x86_64__\n"
                "    const unsigned mode = __builtin_ia32_stmxcsr();\n"
                "    __builtin_ia32_ldmxcsr(mode | 0x%x); /* denormals are zero */\n"
                "#endif\n"
                "    %s_body(data, sizes, begin, end, scratch);\n"
                "#ifdef __x86_64__\n"
                "    __builtin_ia32_ldmxcsr(mode);\n"
                "#endif\n"
                "}\n\n",
                FLUSH_TO_ZERO | DENORMALS_ARE_ZERO, name);
}

static void write_function(CEmitter *em, const char *name, const char *comment, bool is_public,
                           const char *body)
{
    Text *text = &em->unit->kernel_text;
    const char *qualifier =
        is_public ? em->unit->dialect->public_kernel : em->unit->dialect->private_kernel;
    bool flushes = em->source->flushes_denormals, uses_scratch = false;
    Text pointers = text_create(em->arena);
    write_pointers(em, &pointers, &uses_scratch);
    bool uses_data = strstr(pointers.data, " = data[") != NULL;
    write_comment(text, comment);
    if (flushes)
        write_prototype(text, "static __attribute__((noinline)) ",
                        arena_format(em->arena, "%s_body", name));
    else
        write_prototype(text, qualifier, name);
    text_append(text, "{\n");
    text_append(text, pointers.data);
    write_unused(em, text, uses_data, uses_scratch);
    text_format(text, "\n%s}\n\n", body);
    if (flushes)
        write_flushing(text, qualifier, name);
}

const char *c_unit_function(CUnit *unit, ExprPool *pool, const Function *function,
                            const char *comment, bool is_public)
{
    Arena *arena = unit->arena;
    CEmitter *em = ARENA_NEW(arena, CEmitter);
    Text body = text_create(arena);
    ArraySet *masked = ARENA_NEW(arena, ArraySet);
    int64_t lanes = 1;
    if (function->lane)
        expr_known(function->lane->extent, &lanes);
    assert(function->array_count <= MAX_ARRAYS);
    *em = (CEmitter){.unit = unit,
                     .source = function,
                     .pool = pool,
                     .arena = arena,
                     .lanes = (int)lanes,
                     .out = &body,
                     .depth = 1,
                     .names = map_create(arena),
                     .reserved = map_create(arena),
                     .axes = map_create(arena),
                     .tensors = map_create(arena),
                     .symbols = map_create(arena),
                     .written = map_create(arena),
                     .mentions = map_create(arena),
                     .reads = map_create(arena),
                     .cells = ARENA_ARRAY(arena, const char *, function->array_count + 1),
                     .is_set = ARENA_ARRAY(arena, bool, function->array_count + 1),
                     .is_new = ARENA_ARRAY(arena, bool, function->array_count + 1),
                     .masked = masked};
    find_masked(em, function->nest, false, masked);
    name_tensors(em);
    emit_nests(em, function->nest);
    const char *base = port_identifier(arena, function->name), *name = base;
    for (int i = 2; map_get(&unit->functions, name); i++)
        name = arena_format(arena, "%s_%d", base, i);
    map_set(&unit->functions, name, (void *)name);
    write_function(em, name, comment, is_public, body.data);
    return name;
}

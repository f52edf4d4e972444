/* SPDX-License-Identifier: Apache-2.0
 *
 * Det: determinants by elimination with row pivots, decomposed into a Scan over the columns, for a
 * batch of matrices at once. Rows are not exchanged: a pivot row is marked as used, and the sign
 * changes with the number of unused rows before it.
 */
#include "ir/ops/build.h"
#include "ir/ops/control.h"

static bool infer(InferContext *context, Node *node)
{
    const Type *x = operand_type(node, 0);
    if (x->rank < 2)
        return infer_error(context, node, "X has rank %d, expected 2 or more", x->rank);
    if (!infer_equal(context, node, x->dims[x->rank - 2], x->dims[x->rank - 1],
                     "the rows and columns of X"))
        return false;
    infer_set(context, node, 0, x->element, x->rank - 2, x->dims);
    return true;
}

/* What one step carries, and what it sees: the column's unit vector, and 0 .. n-1. */
typedef struct Step {
    Value *matrix, *used, *det; /* [b, n, n], bool[b, n], [b, 1] */
    Value *column, *numbers;    /* [n], int64[n] */
} Step;

static void make_step(Editor *e, Step *s)
{
    TnElementType element = s->matrix->type->element;
    Value *zero = edit_real(e, element, 0), *one = edit_real(e, element, 1);
    Value *two = edit_real(e, element, 2), *minus = edit_real(e, element, -1);
    Value *entries = build_matmul(e, s->matrix, s->column); /* [b, n] */
    Value *sizes = build(e, "Abs", 1, &entries);
    sizes = build(e, "Where", 3, (Value *[]){s->used, minus, sizes});
    Value *chosen = build_with(e, "ArgMax", BUILD_INT("axis", -1), 1, &sizes); /* [b, 1] */
    Value *is_pivot = build(e, "Equal", 2, (Value *[]){s->numbers, chosen});
    Value *row =
        build_matmul(e, build_unsqueeze(e, build_cast(e, is_pivot, element), -2), s->matrix);
    Value *pivot = build_matmul(e, row, s->column); /* [b, 1] */
    Value *used = build(e, "Or", 2, (Value *[]){s->used, is_pivot});
    Value *is_zero = build(e, "Equal", 2, (Value *[]){pivot, zero});
    Value *divisor = build(e, "Where", 3, (Value *[]){is_zero, one, pivot});
    Value *factor = build(e, "Div", 2, (Value *[]){entries, divisor});
    factor = build(e, "Where", 3, (Value *[]){used, zero, factor});
    Value *change = build_multiply(e, build_unsqueeze(e, factor, -1), row);
    s->matrix = build_subtract(e, s->matrix, change);
    /* The sign: unused rows before the pivot. */
    Value *before = build(e, "Less", 2, (Value *[]){s->numbers, chosen});
    Value *skipped = build(e, "And", 2, (Value *[]){build(e, "Not", 1, &s->used), before});
    if (e->failed)
        return;
    int64_t last = -1;
    Value *count = build(e, "ReduceSum", 2,
                         (Value *[]){build_cast(e, skipped, element), edit_int64s(e, 1, &last)});
    Value *odd = build_with(e, "Mod", BUILD_INT("fmod", 1), 2, (Value *[]){count, two});
    Value *sign = build_subtract(e, one, build_multiply(e, odd, two));
    s->det = build_multiply(e, s->det, build_multiply(e, pivot, sign));
    s->used = used;
}

/* The identity matrix of the operand's size, and int64[n] 0 .. n-1. */
static void make_constants(Editor *e, Value *x, Value **identity, Value **numbers)
{
    int64_t rank = x->type->rank;
    Value *size = build_size(e, x, rank - 1);
    if (e->failed)
        return;
    Value *count = build_squeeze(e, size, 0);
    Value *bounds[] = {edit_int64(e, 0), count, edit_int64(e, 1)};
    *numbers = build(e, "Range", 3, bounds);
    Value *square[] = {size, size};
    Value *zeros = build_fill(e, x->type->element, 0, 2, square);
    *identity = build(e, "EyeLike", 1, &zeros);
}

static Node *make_scan(Editor *e, Value *flat)
{
    TnElementType element = flat->type->element;
    Value *identity = NULL, *numbers = NULL;
    make_constants(e, flat, &identity, &numbers);
    Value *batch = build_size(e, flat, 0), *size = build_size(e, flat, 1);
    if (e->failed)
        return NULL;
    int64_t one = 1;
    Value *rows[] = {batch, size}, *single[] = {batch, edit_int64s(e, 1, &one)};
    Value *operands[] = {flat, build_fill(e, TN_BOOL, 0, 2, rows),
                         build_fill(e, element, 1, 2, single), identity, numbers};
    ScanAttributes attributes = {.num_scan_inputs = 1};
    Node *scan = edit_node(e, &op_scan, &attributes, 5, operands, 3, 1);
    if (!scan)
        return NULL;
    scan->capture_count = 1;
    Graph *body = scan->regions[0];
    for (int i = 0; i < 5; i++)
        graph_add_input(body, NULL, NULL);
    if (!control_seed_regions(e->context, scan)) {
        e->failed = true;
        return NULL;
    }
    Editor inside = edit_at_end(e->context, body);
    inside.model = e->model;
    Step step = {body->inputs[0], body->inputs[1], body->inputs[2], body->inputs[3],
                 body->inputs[4]};
    make_step(&inside, &step);
    e->failed |= inside.failed;
    if (e->failed)
        return NULL;
    graph_add_output(body, step.matrix, NULL);
    graph_add_output(body, step.used, NULL);
    graph_add_output(body, step.det, NULL);
    return edit_infer(e, scan) ? scan : NULL;
}

static bool decompose(Editor *e, const Node *node, Value **values)
{
    Value *x = operand(node, 0);
    TnElementType element = x->type->element;
    int rank = x->type->rank;
    x = build_cast(e, x, element_compute_type(element));
    Value *size = build_size(e, x, rank - 1);
    if (e->failed)
        return false;
    Value *outer = build_with(e, "Shape", BUILD_RANGE("start", 0, "end", rank - 2), 1, &x);
    if (expr_is(x->type->dims[rank - 1], 0)) {
        values[0] = e->failed ? NULL : build_fill(e, element, 1, 1, &outer);
        return !e->failed;
    }
    /* [b, n, n]; the batch is multiplied out, as -1 says nothing of empty tensors. */
    int64_t one = 1;
    Value *batch = edit_int64s(e, 1, &one);
    for (int d = 0; d < rank - 2; d++)
        batch = build_multiply(e, batch, build_size(e, x, d));
    Value *shape = build_concat(e, 0, 3, (Value *[]){batch, size, size});
    Value *flat = build_with(e, "Reshape", BUILD_INT("allowzero", 1), 2, (Value *[]){x, shape});
    Node *scan = e->failed ? NULL : make_scan(e, flat);
    if (!scan) {
        e->failed = true;
        return false;
    }
    Value *det =
        build_with(e, "Reshape", BUILD_INT("allowzero", 1), 2, (Value *[]){result(scan, 2), outer});
    values[0] = build_cast(e, det, element);
    return !e->failed;
}

static const OperandDef operands[] = {{.name = "X", .types = TYPES_FLOAT, .group = 'T'}};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_FLOAT, .group = 'T'}};

const OpDef op_det = {
    .name = "Det",
    .domain = "",
    .summary = "the determinants of the matrices in the last two axes",
    .since = 22,
    .first = 11,
    OPERANDS(operands),
    RESULTS(results),
    .infer = infer,
    .decompose = decompose,
};

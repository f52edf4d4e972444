/* SPDX-License-Identifier: Apache-2.0
 *
 * MatMulInteger and QLinearMatMul: products of 8-bit matrices with zero points, summed in int32. As
 * in conv_integer.c the sum runs over the stored numbers and the zero points come in afterwards:
 *
 *   sum (a - za)(b - zb) = sum a b  -  za sum b  -  zb sum a  +  K za zb
 *
 * A zero point is one number, or one for each row of a (column of b), with batches or without.
 * QLinearMatMul of 8-bit floats sums floats.
 */
#include "ir/ops/matmul.h"

typedef struct Sums {
    const Lowering *l;
    const Tensor *a, *b, *zero_a, *zero_b; /* NULL: the zero point is 0 */
    const Tensor *out;                     /* for its shape */
    TnElementType type;                    /* of the sums */
    const Tensor *products, *sum_a, *sum_b;
} Sums;

static const Tensor *make_sum(const Sums *s, const char *name, bool of_a, bool of_b)
{
    const Lowering *l = s->l;
    const Tensor *sum = lower_temporary(l, name, s->type, s->out->rank, s->out->shape);
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    const Expr *at[MAX_RANK];
    lower_indices(l, reduce, at);
    const Expr *k = compute_reduce_axis(l->kernel, reduce, matmul_depth(s->a, s->b));
    MatMulIndices indices = matmul_indices(l->pool, s->a, s->b, s->out, at, k);
    const Expr *a = expr_convert(l->pool, s->type, expr_load(l->pool, s->a, indices.a));
    const Expr *b = expr_convert(l->pool, s->type, expr_load(l->pool, s->b, indices.b));
    reduce->body = of_a && of_b ? product_of(l->pool, a, b) : of_a ? a : b;
    return sum;
}

static Sums make_sums(const Lowering *l, int a, int zero_a, int b, int zero_b)
{
    Sums s = {.l = l, .a = l->in[a], .b = l->in[b], .out = l->out[0]};
    bool floats = element_kind(s.a->element) == ELEMENT_KIND_FLOAT ||
                  element_kind(s.b->element) == ELEMENT_KIND_FLOAT;
    s.type = floats ? TN_FLOAT : TN_INT32;
    s.zero_a = operand_is_zero(l->node, zero_a) ? NULL : lower_in(l, zero_a);
    s.zero_b = operand_is_zero(l->node, zero_b) ? NULL : lower_in(l, zero_b);
    s.products = make_sum(&s, "products", true, true);
    if (s.zero_a)
        s.sum_b = make_sum(&s, "sum_b", false, true);
    if (s.zero_b)
        s.sum_a = make_sum(&s, "sum_a", true, false);
    return s;
}

/* A zero point or scale at indices of the result. `along`: the axis of the result that a rank-1
 * tensor follows. */
static const Expr *per_row(const Sums *s, const Tensor *tensor, int along, const Expr *const *at)
{
    ExprPool *pool = s->l->pool;
    if (tensor->rank <= 1) {
        bool spread = tensor->rank == 1 && along >= 0 && along < s->out->rank;
        return lower_vector(s->l, tensor, spread ? at[along] : expr_integer(pool, 0));
    }
    return lower_broadcast(s->l, tensor, s->out->rank, at);
}

static int row_axis(const Sums *s)
{
    return s->a->rank > 1 ? s->out->rank - 1 - (s->b->rank > 1) : -1;
}
static int column_axis(const Sums *s)
{
    return s->b->rank > 1 ? s->out->rank - 1 : -1;
}

static const Expr *corrected(const Sums *s, const Expr *const *at)
{
    ExprPool *pool = s->l->pool;
    const Expr *value = expr_load(pool, s->products, at);
    const Expr *zero_a = NULL, *zero_b = NULL;
    if (s->zero_a) {
        zero_a = expr_convert(pool, s->type, per_row(s, s->zero_a, row_axis(s), at));
        value = difference_of(pool, value, product_of(pool, zero_a, expr_load(pool, s->sum_b, at)));
    }
    if (s->zero_b) {
        zero_b = expr_convert(pool, s->type, per_row(s, s->zero_b, column_axis(s), at));
        value = difference_of(pool, value, product_of(pool, zero_b, expr_load(pool, s->sum_a, at)));
    }
    if (zero_a && zero_b) {
        const Expr *depth = expr_from_index(pool, s->type, matmul_depth(s->a, s->b));
        value = sum_of(pool, value, product_of(pool, depth, product_of(pool, zero_a, zero_b)));
    }
    return value;
}

static bool infer_integer(InferContext *context, Node *node)
{
    int rank;
    const Expr *dims[2 * MAX_RANK];
    if (!matmul_infer_dims(context, node, 0, 1, &rank, dims))
        return false;
    infer_set(context, node, 0, TN_INT32, rank, dims);
    return true;
}

static void lower_integer(Lowering *l)
{
    Sums sums = make_sums(l, 0, 2, 1, 3);
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    map->body = corrected(&sums, at);
}

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO };

static bool infer_linear(InferContext *context, Node *node)
{
    int rank;
    const Expr *dims[2 * MAX_RANK];
    if (!matmul_infer_dims(context, node, A, B, &rank, dims))
        return false;
    infer_set(context, node, 0, operand_type(node, Y_ZERO)->element, rank, dims);
    return true;
}

static void lower_linear(Lowering *l)
{
    ExprPool *pool = l->pool;
    const Tensor *y = l->out[0];
    Sums sums = make_sums(l, A, A_ZERO, B, B_ZERO);
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    const Expr *value = expr_convert(pool, TN_FLOAT, corrected(&sums, at));
    const Expr *scale = product_of(pool, per_row(&sums, l->in[A_SCALE], row_axis(&sums), at),
                                   per_row(&sums, l->in[B_SCALE], column_axis(&sums), at));
    scale = ratio_of(pool, scale, per_row(&sums, l->in[Y_SCALE], row_axis(&sums), at));
    const Expr *zero = per_row(&sums, l->in[Y_ZERO], row_axis(&sums), at);
    map->body = lower_quantize(pool, product_of(pool, value, scale), zero, y->element);
}

#define TYPES_BYTE (TYPE_BIT(TN_INT8) | TYPE_BIT(TN_UINT8))
#define TYPES_LINEAR                                                                               \
    (TYPES_BYTE | TYPE_BIT(TN_FLOAT8E4M3FN) | TYPE_BIT(TN_FLOAT8E4M3FNUZ) |                        \
     TYPE_BIT(TN_FLOAT8E5M2) | TYPE_BIT(TN_FLOAT8E5M2FNUZ))
#define TYPES_SCALE (TYPE_BIT(TN_FLOAT) | TYPE_BIT(TN_FLOAT16) | TYPE_BIT(TN_BFLOAT16))

static const OperandDef integer_operands[] = {
    {.name = "A", .types = TYPES_BYTE, .group = 'A'},
    {.name = "B", .types = TYPES_BYTE, .group = 'B'},
    {.name = "a_zero_point", .types = TYPES_BYTE, .group = 'A', .optional = true},
    {.name = "b_zero_point", .types = TYPES_BYTE, .group = 'B', .optional = true},
};
static const OperandDef integer_results[] = {{.name = "Y", .types = TYPE_BIT(TN_INT32)}};

static const OperandDef linear_operands[] = {
    {.name = "a", .types = TYPES_LINEAR, .group = 'A'},
    {.name = "a_scale", .types = TYPES_SCALE, .group = 'S'},
    {.name = "a_zero_point", .types = TYPES_LINEAR, .group = 'A'},
    {.name = "b", .types = TYPES_LINEAR, .group = 'B'},
    {.name = "b_scale", .types = TYPES_SCALE, .group = 'S'},
    {.name = "b_zero_point", .types = TYPES_LINEAR, .group = 'B'},
    {.name = "y_scale", .types = TYPES_SCALE, .group = 'S'},
    {.name = "y_zero_point", .types = TYPES_LINEAR, .group = 'Y'},
};
static const OperandDef linear_results[] = {{.name = "y", .types = TYPES_LINEAR, .group = 'Y'}};

const OpDef op_matmul_integer = {
    .name = "MatMulInteger",
    .domain = "",
    .summary = "y = MatMul(a - a_zero_point, b - b_zero_point), in int32",
    .since = 10,
    .first = 10,
    OPERANDS(integer_operands),
    RESULTS(integer_results),
    .infer = infer_integer,
    .lower = lower_integer,
};

const OpDef op_qlinear_matmul = {
    .name = "QLinearMatMul",
    .domain = "",
    .summary =
        "y = quantize(a_scale * b_scale / y_scale * MatMul(a - a_zero_point, b - b_zero_point))",
    .since = 21,
    .first = 10,
    OPERANDS(linear_operands),
    RESULTS(linear_results),
    .infer = infer_linear,
    .lower = lower_linear,
};

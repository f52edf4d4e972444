/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic that is more than one row: Mod, BitShift and Pow with their attributes and mixed
 * types; Max, Min, Sum and Mean of any number of operands; Clip; Where; Equal, also of strings.
 */
#include "ir/ops/formula.h"
#include "ir/ops/lowering.h"
#include "ir/support/array.h"

/* ---- Mod --------------------------------------------------------------------------------- */

typedef struct ModAttributes {
    int64_t fmod;
} ModAttributes;

static const AttributeDef mod_attributes[] = {
    ATTRIBUTE_INT(ModAttributes, fmod, 0,
                  "1: the sign of the dividend, as C's fmod; 0: of the divisor"),
};

static const OperandDef number_pair[] = {
    {.name = "A", .types = TYPES_NUMBER, .group = 'T'},
    {.name = "B", .types = TYPES_NUMBER, .group = 'T'},
};
static const OperandDef number_result[] = {{.name = "C", .types = TYPES_NUMBER, .group = 'T'}};

static const Expr *index_modulo(ExprPool *pool, const Expr *a, const Expr *b)
{
    int64_t lower, upper;
    expr_bounds(b, &lower, &upper);
    return lower >= 1 ? expr_modulus(pool, a, b) : NULL;
}

static const Expr *index_remainder(ExprPool *pool, const Expr *a, const Expr *b)
{
    int64_t lower, upper;
    expr_bounds(a, &lower, &upper);
    return lower >= 0 ? index_modulo(pool, a, b) : NULL;
}

static bool infer_mod(InferContext *context, Node *node)
{
    const ModAttributes *attributes = node->attributes;
    return infer_formula(context, node, attributes->fmod ? index_remainder : index_modulo);
}

static const Expr *formula_mod(const Formula *f)
{
    const ModAttributes *attributes = f->attributes;
    return attributes->fmod ? BINARY(remainder, X, Y) : BINARY(modulo, X, Y);
}

static void lower_mod(Lowering *l)
{
    lower_formula(l, formula_mod);
}

const OpDef op_mod = {
    .name = "Mod",
    .domain = "",
    .summary = "the remainder of a / b",
    .since = 28,
    .first = 10,
    .traits = TRAIT_elementwise,
    OPERANDS(number_pair),
    RESULTS(number_result),
    ATTRIBUTES(mod_attributes, ModAttributes),
    .infer = infer_mod,
    .lower = lower_mod,
};

/* ---- BitShift ---------------------------------------------------------------------------- */

typedef struct BitShiftAttributes {
    int direction;
} BitShiftAttributes;

enum { SHIFT_left, SHIFT_right };

static const AttributeDef bit_shift_attributes[] = {
    ATTRIBUTE_CHOICE(BitShiftAttributes, direction, "LEFT|RIGHT", -1, "which way"),
};

static const OperandDef integer_pair[] = {
    {.name = "X", .types = TYPES_INTEGER, .group = 'T'},
    {.name = "Y", .types = TYPES_INTEGER, .group = 'T'},
};
static const OperandDef integer_result[] = {{.name = "Z", .types = TYPES_INTEGER, .group = 'T'}};

static bool infer_plain(InferContext *context, Node *node)
{
    return infer_formula(context, node, NULL);
}

static const Expr *formula_bit_shift(const Formula *f)
{
    const BitShiftAttributes *attributes = f->attributes;
    return attributes->direction == SHIFT_left ? BINARY(shift_left, X, Y)
                                               : BINARY(shift_right, X, Y);
}

static void lower_bit_shift(Lowering *l)
{
    lower_formula(l, formula_bit_shift);
}

const OpDef op_bit_shift = {
    .name = "BitShift",
    .domain = "",
    .summary = "x * 2^y or x / 2^y in bits; arithmetic for signed types",
    .since = 28,
    .first = 11,
    .traits = TRAIT_elementwise,
    OPERANDS(integer_pair),
    RESULTS(integer_result),
    ATTRIBUTES(bit_shift_attributes, BitShiftAttributes),
    .infer = infer_plain,
    .lower = lower_bit_shift,
};

/* ---- Pow --------------------------------------------------------------------------------- */

#define TYPES_POWER (TYPES_FLOAT | TYPES_INDEX)

static const OperandDef pow_operands[] = {
    {.name = "X", .types = TYPES_POWER, .group = 'T'},
    {.name = "Y", .types = TYPES_NUMBER},
};
static const OperandDef pow_results[] = {{.name = "Z", .types = TYPES_POWER, .group = 'T'}};

/* The result has the base's type. Whole numbers to whole powers are exact, and wrap; a whole number
 * to a float power is computed in double and truncated. */
static const Expr *formula_pow(const Formula *f)
{
    bool base_is_float = element_kind(f->type) == ELEMENT_KIND_FLOAT;
    bool exponent_is_float = element_kind(Y->type) == ELEMENT_KIND_FLOAT;
    TnElementType type = f->type;
    if (!base_is_float) {
        type = exponent_is_float ? TN_DOUBLE : TN_INT64;
    } else if (Y->type == TN_DOUBLE) {
        type = TN_DOUBLE;
    }
    const Expr *power =
        BINARY(power, expr_convert(f->pool, type, X), expr_convert(f->pool, type, Y));
    return expr_convert(f->pool, f->type, power);
}

static void lower_pow(Lowering *l)
{
    lower_formula(l, formula_pow);
}

const OpDef op_pow = {
    .name = "Pow",
    .domain = "",
    .summary = "x to the power y, in x's type",
    .since = 15,
    .first = 1,
    .traits = TRAIT_elementwise,
    OPERANDS(pow_operands),
    RESULTS(pow_results),
    .infer = infer_plain,
    .lower = lower_pow,
};

/* ---- Max, Min, Sum, Mean ----------------------------------------------------------------- */

static void lower_fold(Lowering *l, ExprKind kind, bool mean)
{
    const Tensor *out = l->out[0];
    Compute *map = kernel_map(l->kernel, out);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    const Expr *folded = lower_broadcast(l, l->in[0], out->rank, indices);
    int count = l->node->operand_count;
    for (int i = 1; i < count; i++) {
        const Expr *next = lower_broadcast(l, l->in[i], out->rank, indices);
        folded = expr_binary(l->pool, kind, folded, next);
    }
    if (mean)
        folded = expr_binary(l->pool, EXPR_divide, folded, expr_real(l->pool, folded->type, count));
    map->body = folded;
}

static const Expr *index_larger(ExprPool *pool, const Expr *a, const Expr *b)
{
    return b ? expr_larger(pool, a, b) : a;
}

static const Expr *index_smaller(ExprPool *pool, const Expr *a, const Expr *b)
{
    return b ? expr_smaller(pool, a, b) : a;
}

/* The indices' function takes two operands; more are not followed. */
#define FOLD(name_, onnx_name, allowed, kind, mean, index_function, summary_)                      \
    static const OperandDef operands_##name_[] = {{.name = "data_0",                               \
                                                   .types = (allowed),                             \
                                                   .group = 'T',                                   \
                                                   .variadic = true,                               \
                                                   .min_variadic = 1}};                            \
    static const OperandDef results_##name_[] = {                                                  \
        {.name = "result", .types = (allowed), .group = 'T'}};                                     \
    static bool infer_##name_(InferContext *context, Node *node)                                   \
    {                                                                                              \
        return infer_formula(context, node, node->operand_count <= 2 ? (index_function) : NULL);   \
    }                                                                                              \
    static void lower_##name_(Lowering *l)                                                         \
    {                                                                                              \
        lower_fold(l, EXPR_##kind, mean);                                                          \
    }                                                                                              \
    const OpDef op_##name_ = {                                                                     \
        .name = (onnx_name),                                                                       \
        .domain = "",                                                                              \
        .summary = (summary_),                                                                     \
        .since = 13,                                                                               \
        .first = 1,                                                                                \
        .traits = TRAIT_elementwise | TRAIT_commutative,                                           \
        OPERANDS(operands_##name_),                                                                \
        RESULTS(results_##name_),                                                                  \
        .infer = infer_##name_,                                                                    \
        .lower = lower_##name_,                                                                    \
    };

FOLD(max, "Max", TYPES_NUMBER, maximum, false, index_larger,
     "the largest of the operands; NaN if one is")
FOLD(min, "Min", TYPES_NUMBER, minimum, false, index_smaller,
     "the smallest of the operands; NaN if one is")
FOLD(sum, "Sum", TYPES_FLOAT, add, false, NULL, "the sum of the operands")
FOLD(mean, "Mean", TYPES_FLOAT, add, true, NULL, "the mean of the operands")

/* ---- Clip -------------------------------------------------------------------------------- */

static const OperandDef clip_operands[] = {
    {.name = "input", .types = TYPES_NUMBER, .group = 'T'},
    {.name = "min", .types = TYPES_NUMBER, .group = 'T', .optional = true},
    {.name = "max", .types = TYPES_NUMBER, .group = 'T', .optional = true},
};

static bool infer_clip(InferContext *context, Node *node)
{
    for (int i = 1; i < node->operand_count; i++) {
        const Type *bound = operand(node, i) ? operand_type(node, i) : NULL;
        if (bound && bound->rank > 0 && !expr_is(type_element_count(context->pool, bound), 1))
            return infer_error(context, node, "%s must be a scalar", node->op->operands[i].name);
    }
    return infer_same_as_first(context, node);
}

static void lower_clip(Lowering *l)
{
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    const Expr *x = expr_load(l->pool, l->in[0], indices);
    if (l->node->operand_count > 1 && l->in[1])
        x = expr_binary(l->pool, EXPR_maximum, x, lower_scalar(l, 1));
    if (l->node->operand_count > 2 && l->in[2])
        x = expr_binary(l->pool, EXPR_minimum, x, lower_scalar(l, 2));
    map->body = x;
}

const OpDef op_clip = {
    .name = "Clip",
    .domain = "",
    .summary = "min(max(x, low), high)",
    .since = 13,
    .first = 1,
    .traits = TRAIT_elementwise,
    OPERANDS(clip_operands),
    RESULTS(number_result),
    .infer = infer_clip,
    .lower = lower_clip,
};

/* ---- Where ------------------------------------------------------------------------------- */

static const OperandDef where_operands[] = {
    {.name = "condition", .types = TYPES_BOOL},
    {.name = "X", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "Y", .types = TYPES_TENSOR, .group = 'T'},
};
static const OperandDef where_results[] = {{.name = "output", .types = TYPES_TENSOR, .group = 'T'}};

static void propagate_where(InferContext *context, Node *node)
{
    int64_t count, counts[3];
    const Expr *const *known[3];
    if (!result_may_have_elements(node, 0, &count))
        return;
    for (int i = 0; i < 3; i++) {
        known[i] = known_elements(node, i, &counts[i]);
        if (!known[i])
            return;
    }
    const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t k = 0; k < count; k++) {
        const Expr *src[3];
        for (int i = 0; i < 3; i++)
            src[i] = known[i][broadcast_position(result(node, 0)->type, k, operand_type(node, i))];
        const Expr *is_set =
            expr_compare(context->pool, EXPR_not_equal, src[0], expr_integer(context->pool, 0));
        elements[k] = expr_select(context->pool, is_set, src[1], src[2]);
    }
    infer_set_elements(context, node, 0, elements, count);
}

static bool infer_where(InferContext *context, Node *node)
{
    if (!infer_formula(context, node, NULL))
        return false;
    propagate_where(context, node);
    return true;
}

static const Expr *formula_where(const Formula *f)
{
    return SELECT(X, Y, Z);
}

static void lower_where(Lowering *l)
{
    lower_formula(l, formula_where);
}

const OpDef op_where = {
    .name = "Where",
    .domain = "",
    .summary = "x where the condition holds, else y",
    .since = 16,
    .first = 9,
    .traits = TRAIT_elementwise,
    OPERANDS(where_operands),
    RESULTS(where_results),
    .infer = infer_where,
    .lower = lower_where,
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * Cast and CastLike: numbers of one type as numbers of another. BitCast: the same bits.
 *
 * What a conversion means for each pair of types is expr_convert()'s business; float8e8m0, which
 * holds powers of two only, is rounded here as round_mode says. Strings are parsed and printed by a
 * host function.
 */
#include "ir/ops/formula.h"
#include "ir/support/array.h"

typedef struct CastAttributes {
    int round_mode;
    int64_t saturate;
    int to;
} CastAttributes;

enum { ROUND_up, ROUND_down, ROUND_nearest };

static const AttributeDef cast_attributes[] = {
    ATTRIBUTE_CHOICE(CastAttributes, round_mode, "up|down|nearest", ROUND_up,
                     "of conversions to float8e8m0"),
    ATTRIBUTE_INT(CastAttributes, saturate, 1, "8-bit floats: the largest number, not infinity"),
    ATTRIBUTE_ELEMENT(CastAttributes, to, TN_UNDEFINED, true, "the type to convert to"),
};

/* The last one, `to`, is Cast's alone. */
static const AttributeDef cast_like_attributes[] = {
    ATTRIBUTE_CHOICE(CastAttributes, round_mode, "up|down|nearest", ROUND_up,
                     "of conversions to float8e8m0"),
    ATTRIBUTE_INT(CastAttributes, saturate, 1, "8-bit floats: the largest number, not infinity"),
};

#define TYPES_CAST (TYPES_NUMBER | TYPES_BOOL | TYPES_STRING | TYPES_SMALL)

static const OperandDef cast_operands[] = {{.name = "input", .types = TYPES_CAST}};
static const OperandDef cast_like_operands[] = {
    {.name = "input", .types = TYPES_CAST},
    {.name = "target_type", .types = TYPES_CAST, .group = 'T'},
};
static const OperandDef cast_results[] = {{.name = "output", .types = TYPES_CAST}};
static const OperandDef cast_like_results[] = {
    {.name = "output", .types = TYPES_CAST, .group = 'T'},
};

/* Indices stay what they are among the integers that they fit in; bools are 0 and 1. */
static const Expr *cast_index(ExprPool *pool, const Expr *e, TnElementType to)
{
    if (to == TN_BOOL) {
        const Expr *is_set = expr_compare(pool, EXPR_not_equal, e, expr_integer(pool, 0));
        return expr_select(pool, is_set, expr_integer(pool, 1), expr_integer(pool, 0));
    }
    /* A size that is a symbol has no useful upper bound; where somebody casts it, it is small. */
    if (!expr_known(e, NULL) || expr_is(e, 0))
        return e;
    return element_is_exact(e, to) ? e : NULL;
}

static bool infer_cast_to(InferContext *context, Node *node, TnElementType to)
{
    const Type *type = operand_type(node, 0);
    infer_set(context, node, 0, to, type->rank, type->dims);
    int64_t count, known_count;
    const Expr *const *known = known_elements(node, 0, &known_count);
    if (!known || !result_may_have_elements(node, 0, &count))
        return true;
    const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++) {
        elements[i] = cast_index(context->pool, known[i], to);
        if (!elements[i])
            return true;
    }
    infer_set_elements(context, node, 0, elements, count);
    return true;
}

static bool infer_cast(InferContext *context, Node *node)
{
    const CastAttributes *cast = node->attributes;
    if (!(TYPES_CAST & TYPE_BIT(cast->to)))
        return infer_error(context, node, "'to' is %s, which nothing can be cast to",
                           element_name((TnElementType)cast->to));
    return infer_cast_to(context, node, (TnElementType)cast->to);
}

static bool infer_cast_like(InferContext *context, Node *node)
{
    return infer_cast_to(context, node, operand_type(node, 1)->element);
}

/* A float rounded to a power of two, by its magnitude: away from zero, toward it, or to the nearest
 * with ties away. Adding the right number below the mantissa carries into the exponent. */
static const Expr *round_to_power(ExprPool *pool, const Expr *x, int mode)
{
    const uint64_t mantissa = 0x7fffff;
    uint64_t carry = mode == ROUND_up ? mantissa : mode == ROUND_nearest ? 0x400000 : 0;
    const Expr *bits = expr_bitcast(pool, TN_UINT32, expr_unary(pool, EXPR_absolute, x));
    bits = expr_binary(pool, EXPR_add, bits, expr_bits(pool, TN_UINT32, carry));
    bits = expr_binary(pool, EXPR_and, bits, expr_bits(pool, TN_UINT32, ~mantissa & 0xffffffff));
    const Expr *rounded = expr_bitcast(pool, TN_FLOAT, bits);
    const Expr *limit = expr_real(pool, TN_FLOAT, 0x1p127);
    const Expr *magnitude = expr_unary(pool, EXPR_absolute, x);
    const Expr *is_small =
        expr_compare(pool, EXPR_less, magnitude, expr_real(pool, TN_FLOAT, 0x1p-126));
    const Expr *is_large = expr_compare(pool, EXPR_less, limit, magnitude);
    return expr_select(pool, expr_either(pool, is_small, is_large), x, rounded);
}

static void lower_cast(Lowering *l)
{
    const CastAttributes *cast = l->node->attributes;
    TnElementType to = l->out[0]->element;
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    const Expr *x = expr_load(l->pool, l->in[0], indices);
    if (to == TN_FLOAT8E8M0)
        x = round_to_power(l->pool, expr_convert(l->pool, TN_FLOAT, x), cast->round_mode);
    map->body = expr_convert_with(l->pool, to, x, cast->saturate != 0);
}

const OpDef op_cast = {
    .name = "Cast",
    .domain = "",
    .summary = "x as another element type",
    .since = 28,
    .first = 1,
    .traits = TRAIT_elementwise,
    OPERANDS(cast_operands),
    RESULTS(cast_results),
    ATTRIBUTES(cast_attributes, CastAttributes),
    .infer = infer_cast,
    .lower = lower_cast,
    .host = "cast_string",
};

const OpDef op_cast_like = {
    .name = "CastLike",
    .domain = "",
    .summary = "x as the second operand's element type",
    .since = 25,
    .first = 15,
    OPERANDS(cast_like_operands),
    RESULTS(cast_like_results),
    ATTRIBUTES(cast_like_attributes, CastAttributes),
    .infer = infer_cast_like,
    .lower = lower_cast,
    .host = "cast_string",
};

/* ---- BitCast ----------------------------------------------------------------------------- */

typedef struct BitCastAttributes {
    int to;
} BitCastAttributes;

static const AttributeDef bit_cast_attributes[] = {
    ATTRIBUTE_ELEMENT(BitCastAttributes, to, TN_UNDEFINED, true, "a type of the same width"),
};

#define TYPES_BITS (TYPES_NUMBER | TYPES_BOOL | TYPES_SMALL | TYPES_COMPLEX)

static const OperandDef bit_cast_operands[] = {{.name = "input", .types = TYPES_BITS}};
static const OperandDef bit_cast_results[] = {{.name = "output", .types = TYPES_BITS}};

static bool infer_bit_cast(InferContext *context, Node *node)
{
    const BitCastAttributes *cast = node->attributes;
    const Type *type = operand_type(node, 0);
    TnElementType to = (TnElementType)cast->to;
    if (!(TYPES_BITS & TYPE_BIT(to)) || element_bits(to) != element_bits(type->element))
        return infer_error(context, node, "%s has not the width of %s", element_name(to),
                           element_name(type->element));
    infer_set(context, node, 0, to, type->rank, type->dims);
    return true;
}

static bool has_arithmetic(TnElementType type)
{
    return element_compute_type(type) == type && (TYPES_NUMBER & TYPE_BIT(type));
}

/* A load of a small element gives its number, not its bits; but to a kernel an element type is only
 * how memory is read, so both tensors are taken for integers of their width. */
static void treat_as_bits(const Lowering *l, const Tensor *tensor)
{
    static const TnElementType types[] = {
        [1] = TN_UINT8, [2] = TN_UINT16, [4] = TN_UINT32, [8] = TN_UINT64, [16] = TN_COMPLEX128};
    l->kernel->tensors[tensor->slot]->element = types[element_bytes(tensor->element)];
}

static void lower_bit_cast(Lowering *l)
{
    const Tensor *in = l->in[0], *out = l->out[0];
    bool direct = has_arithmetic(in->element) && has_arithmetic(out->element);
    if (!direct) {
        treat_as_bits(l, in);
        treat_as_bits(l, out);
    }
    Compute *map = kernel_map(l->kernel, out);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    const Expr *x = expr_load(l->pool, in, indices);
    map->body = direct ? expr_bitcast(l->pool, out->element, x) : x;
}

const OpDef op_bit_cast = {
    .name = "BitCast",
    .domain = "",
    .summary = "the bits of x as another element type",
    .since = 26,
    .first = 26,
    .traits = TRAIT_elementwise,
    OPERANDS(bit_cast_operands),
    RESULTS(bit_cast_results),
    ATTRIBUTES(bit_cast_attributes, BitCastAttributes),
    .infer = infer_bit_cast,
    .lower = lower_bit_cast,
};

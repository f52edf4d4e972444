/* SPDX-License-Identifier: Apache-2.0
 *
 * Preparation of features, ai.onnx.ml: Scaler (a body in text), Binarizer, ArrayFeatureExtractor.
 */
#include "ir/ops/build.h"
#include "ir/ops/formula.h"
#include "ir/support/array.h"

#define TYPES_FEATURE                                                                              \
    (TYPE_BIT(TN_FLOAT) | TYPE_BIT(TN_DOUBLE) | TYPE_BIT(TN_INT64) | TYPE_BIT(TN_INT32))

/* ---- Scaler ------------------------------------------------------------------------------ */

typedef struct ScalerAttributes {
    FloatList offset, scale;
} ScalerAttributes;

/* One number for all features, or one for each. */
static bool check_numbers(InferContext *context, const Node *node, const char *name, int64_t count)
{
    const Type *x = operand_type(node, 0);
    const Expr *number = expr_integer(context->pool, count);
    return count == 1 ||
           (x->rank > 0 && infer_equal(context, node, x->dims[x->rank - 1], number,
                                       arena_format(context->arena, "the features and %s", name)));
}

static bool infer_scaler(InferContext *context, Node *node)
{
    const ScalerAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    if (!check_numbers(context, node, "the offsets", attributes->offset.count) ||
        !check_numbers(context, node, "the scales", attributes->scale.count))
        return false;
    infer_set(context, node, 0, TN_FLOAT, x->rank, x->dims);
    return true;
}

static const OperandDef scaler_operands[] = {{.name = "X", .types = TYPES_FEATURE}};
static const OperandDef scaler_results[] = {{.name = "Y", .types = TYPE_BIT(TN_FLOAT)}};
static const AttributeDef scaler_attributes[] = {
    ATTRIBUTE_REQUIRED(ScalerAttributes, offset, floats, "subtracted first: one, or one a feature"),
    ATTRIBUTE_REQUIRED(ScalerAttributes, scale, floats, "then multiplied: one, or one a feature"),
};

const OpDef op_scaler = {
    .name = "Scaler",
    .domain = "ai.onnx.ml",
    .summary = "(x - offset) * scale, as floats",
    .since = 1,
    .first = 1,
    OPERANDS(scaler_operands),
    RESULTS(scaler_results),
    ATTRIBUTES(scaler_attributes, ScalerAttributes),
    .infer = infer_scaler,
    .function = "scaler",
};

/* ---- Binarizer --------------------------------------------------------------------------- */

typedef struct BinarizerAttributes {
    float threshold;
} BinarizerAttributes;

static bool infer_binarizer(InferContext *context, Node *node)
{
    return infer_formula(context, node, NULL);
}

/* The threshold is a float: integers are compared with it as doubles, which hold both. */
static const Expr *formula_binarizer(const Formula *f)
{
    const BinarizerAttributes *attributes = f->attributes;
    bool is_float = element_kind(f->type) == ELEMENT_KIND_FLOAT;
    const Expr *x = is_float ? X : expr_convert(f->pool, TN_DOUBLE, X);
    const Expr *above = LESS(expr_real(f->pool, x->type, attributes->threshold), x);
    return expr_convert(f->pool, f->type, above);
}

static void lower_binarizer(Lowering *l)
{
    lower_formula(l, formula_binarizer);
}

static const OperandDef binarizer_operands[] = {
    {.name = "X", .types = TYPES_FEATURE, .group = 'T'},
};
static const OperandDef binarizer_results[] = {
    {.name = "Y", .types = TYPES_FEATURE, .group = 'T'},
};
static const AttributeDef binarizer_attributes[] = {
    ATTRIBUTE_FLOAT(BinarizerAttributes, threshold, 0.0f, "what 1 is above"),
};

const OpDef op_binarizer = {
    .name = "Binarizer",
    .domain = "ai.onnx.ml",
    .summary = "1 where x > threshold, else 0",
    .since = 1,
    .first = 1,
    .traits = TRAIT_elementwise,
    OPERANDS(binarizer_operands),
    RESULTS(binarizer_results),
    ATTRIBUTES(binarizer_attributes, BinarizerAttributes),
    .infer = infer_binarizer,
    .lower = lower_binarizer,
};

/* ---- ArrayFeatureExtractor --------------------------------------------------------------- */

/* A vector counts as a matrix of one row. */
static bool infer_extractor(InferContext *context, Node *node)
{
    const Type *x = operand_type(node, 0);
    const Expr *dims[MAX_RANK] = {expr_integer(context->pool, 1)};
    int rank = x->rank > 1 ? x->rank : 2;
    if (x->rank < 1)
        return infer_error(context, node, "X is a scalar, expected a vector or more");
    for (int d = 0; d < x->rank - 1; d++)
        dims[d] = x->dims[d];
    dims[rank - 1] = type_element_count(context->pool, operand_type(node, 1));
    infer_set(context, node, 0, x->element, rank, dims);
    return true;
}

static bool decompose_extractor(Editor *e, const Node *node, Value **results)
{
    Value *x = operand(node, 0);
    if (operand_type(node, 0)->rank == 1)
        x = build_unsqueeze(e, x, 0);
    const int64_t all = -1;
    Value *columns = build(e, "Reshape", 2, (Value *[]){operand(node, 1), edit_int64s(e, 1, &all)});
    results[0] = build_with(e, "Gather", BUILD_INT("axis", -1), 2, (Value *[]){x, columns});
    return true;
}

static const OperandDef extractor_operands[] = {
    {.name = "X", .types = TYPES_FEATURE | TYPES_STRING, .group = 'T'},
    {.name = "Y", .types = TYPE_BIT(TN_INT64)},
};
static const OperandDef extractor_results[] = {
    {.name = "Z", .types = TYPES_FEATURE | TYPES_STRING, .group = 'T'},
};

const OpDef op_array_feature_extractor = {
    .name = "ArrayFeatureExtractor",
    .domain = "ai.onnx.ml",
    .summary = "the columns of x whose numbers are given",
    .since = 1,
    .first = 1,
    OPERANDS(extractor_operands),
    RESULTS(extractor_results),
    .infer = infer_extractor,
    .decompose = decompose_extractor,
};

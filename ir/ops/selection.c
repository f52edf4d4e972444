/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators whose results are chosen by the data: TopK, Unique, NonZero, Compress and
 * NonMaxSuppression. Host functions give their meaning; here is what is known of their types.
 */
#include "ir/ops/op.h"
#include "ir/support/array.h"

/* The sizes of operand 0 with the one along an axis replaced. */
static void replace_size(const Type *type, int axis, const Expr *size, const Expr **dims)
{
    for (int d = 0; d < type->rank; d++)
        dims[d] = d == axis ? size : type->dims[d];
}

/* ---- TopK -------------------------------------------------------------------------------- */

typedef struct TopKAttributes {
    int64_t axis, largest, sorted;
} TopKAttributes;

static const AttributeDef top_k_attributes[] = {
    ATTRIBUTE_INT(TopKAttributes, axis, -1, "along which to choose"),
    ATTRIBUTE_INT(TopKAttributes, largest, 1, "1: the largest; 0: the smallest"),
    ATTRIBUTE_INT(TopKAttributes, sorted, 1, "whether in order; results are always sorted"),
};

static const OperandDef top_k_operands[] = {
    {.name = "X", .types = TYPES_NUMBER, .group = 'T'},
    {.name = "K", .types = TYPE_BIT(TN_INT64)},
};

static const OperandDef top_k_results[] = {
    {.name = "Values", .types = TYPES_NUMBER, .group = 'T'},
    {.name = "Indices", .types = TYPE_BIT(TN_INT64)},
};

static bool infer_top_k(InferContext *context, Node *node)
{
    const TopKAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    const Expr *dims[MAX_RANK];
    int axis;
    int64_t count;
    if (!infer_axis(context, node, attributes->axis, x->rank, &axis))
        return false;
    const Expr *const *k = infer_elements(context, node, 1, &count);
    if (!k)
        return false;
    if (count != 1)
        return infer_error(context, node, "K must have one element, not %lld", (long long)count);
    int64_t known, size;
    if (expr_known(k[0], &known) &&
        (known < 0 || (expr_known(x->dims[axis], &size) && known > size)))
        return infer_error(context, node, "K is %lld, which axis %d does not have",
                           (long long)known, axis);
    replace_size(x, axis, expr_larger(context->pool, k[0], expr_integer(context->pool, 0)), dims);
    infer_set(context, node, 0, x->element, x->rank, dims);
    if (node->result_count > 1)
        infer_set(context, node, 1, TN_INT64, x->rank, dims);
    return true;
}

const OpDef op_top_k = {
    .name = "TopK",
    .domain = "",
    .summary = "The k largest or smallest elements along an axis, and where they were",
    .since = 24,
    .first = 1,
    OPERANDS(top_k_operands),
    RESULTS(top_k_results),
    ATTRIBUTES(top_k_attributes, TopKAttributes),
    .infer = infer_top_k,
    .host = "top_k",
};

/* ---- Unique ------------------------------------------------------------------------------ */

typedef struct UniqueAttributes {
    int64_t axis, sorted;
} UniqueAttributes;

static const AttributeDef unique_attributes[] = {
    ATTRIBUTE_INT(UniqueAttributes, axis, ATTRIBUTE_ABSENT, "of slices; absent: of elements"),
    ATTRIBUTE_INT(UniqueAttributes, sorted, 1, "1: ascending; 0: in order of first occurrence"),
};

static const OperandDef unique_operands[] = {
    {.name = "X", .types = TYPES_NUMBER | TYPES_BOOL | TYPES_STRING, .group = 'T'},
};

static const OperandDef unique_results[] = {
    {.name = "Y", .types = TYPES_NUMBER | TYPES_BOOL | TYPES_STRING, .group = 'T'},
    {.name = "indices", .types = TYPE_BIT(TN_INT64), .optional = true},
    {.name = "inverse_indices", .types = TYPE_BIT(TN_INT64), .optional = true},
    {.name = "counts", .types = TYPE_BIT(TN_INT64), .optional = true},
};

static bool infer_unique(InferContext *context, Node *node)
{
    const UniqueAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    const Expr *length = type_element_count(context->pool, x), *dims[MAX_RANK];
    bool flat = attributes->axis == ATTRIBUTE_ABSENT;
    int axis = 0;
    if (!flat) {
        if (!infer_axis(context, node, attributes->axis, x->rank, &axis))
            return false;
        length = x->dims[axis];
    }
    const Expr *found = infer_fresh_size(context, node, 0, "count", length);
    replace_size(x, axis, found, dims);
    if (flat)
        dims[0] = found;
    infer_set(context, node, 0, x->element, flat ? 1 : x->rank, dims);
    for (int i = 1; i < node->result_count; i++)
        infer_set(context, node, i, TN_INT64, 1, i == 2 ? &length : &found);
    return true;
}

const OpDef op_unique = {
    .name = "Unique",
    .domain = "",
    .summary = "The distinct elements, or slices along an axis, and where they were",
    .since = 28,
    .first = 11,
    .traits = TRAIT_data_dependent,
    OPERANDS(unique_operands),
    RESULTS(unique_results),
    ATTRIBUTES(unique_attributes, UniqueAttributes),
    .infer = infer_unique,
    .host = "unique",
};

/* ---- NonZero ----------------------------------------------------------------------------- */

static const OperandDef non_zero_operands[] = {
    {.name = "X", .types = TYPES_NUMBER | TYPES_BOOL | TYPES_STRING},
};

static const OperandDef non_zero_results[] = {
    {.name = "Y", .types = TYPE_BIT(TN_INT64)},
};

static bool infer_non_zero(InferContext *context, Node *node)
{
    const Type *x = operand_type(node, 0);
    const Expr *count = type_element_count(context->pool, x);
    const Expr *dims[] = {expr_integer(context->pool, x->rank),
                          infer_fresh_size(context, node, 0, "count", count)};
    infer_set(context, node, 0, TN_INT64, 2, dims);
    return true;
}

const OpDef op_non_zero = {
    .name = "NonZero",
    .domain = "",
    .summary = "The indices of the elements that are not zero, a column each",
    .since = 13,
    .first = 9,
    .traits = TRAIT_data_dependent,
    OPERANDS(non_zero_operands),
    RESULTS(non_zero_results),
    .infer = infer_non_zero,
    .host = "non_zero",
};

/* ---- Compress ---------------------------------------------------------------------------- */

typedef struct CompressAttributes {
    int64_t axis;
} CompressAttributes;

static const AttributeDef compress_attributes[] = {
    ATTRIBUTE_INT(CompressAttributes, axis, ATTRIBUTE_ABSENT, "of slices; absent: of elements"),
};

static const OperandDef compress_operands[] = {
    {.name = "input", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "condition", .types = TYPES_BOOL},
};

static const OperandDef compress_results[] = {
    {.name = "output", .types = TYPES_TENSOR, .group = 'T'},
};

static bool infer_compress(InferContext *context, Node *node)
{
    const CompressAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0), *condition = operand_type(node, 1);
    bool flat = attributes->axis == ATTRIBUTE_ABSENT;
    const Expr *length = type_element_count(context->pool, x), *dims[MAX_RANK];
    int axis = 0;
    if (condition->rank != 1)
        return infer_error(context, node, "condition must be a vector, not of rank %d",
                           condition->rank);
    if (!flat) {
        if (!infer_axis(context, node, attributes->axis, x->rank, &axis))
            return false;
        length = x->dims[axis];
    }
    const Expr *most = expr_smaller(context->pool, length, condition->dims[0]);
    const Expr *kept = infer_fresh_size(context, node, 0, "count", most);
    replace_size(x, axis, kept, dims);
    if (flat)
        dims[0] = kept;
    infer_set(context, node, 0, x->element, flat ? 1 : x->rank, dims);
    return true;
}

const OpDef op_compress = {
    .name = "Compress",
    .domain = "",
    .summary = "The elements, or slices along an axis, where a condition holds",
    .since = 28,
    .first = 9,
    .traits = TRAIT_data_dependent,
    OPERANDS(compress_operands),
    RESULTS(compress_results),
    ATTRIBUTES(compress_attributes, CompressAttributes),
    .infer = infer_compress,
    .host = "compress",
};

/* ---- NonMaxSuppression ------------------------------------------------------------------- */

typedef struct SuppressionAttributes {
    int64_t center_point_box;
} SuppressionAttributes;

static const AttributeDef suppression_attributes[] = {
    ATTRIBUTE_INT(SuppressionAttributes, center_point_box, 0,
                  "0: boxes are corners [y1, x1, y2, x2]; 1: [x centre, y centre, width, height]"),
};

static const OperandDef suppression_operands[] = {
    {.name = "boxes", .types = TYPE_BIT(TN_FLOAT)},
    {.name = "scores", .types = TYPE_BIT(TN_FLOAT)},
    {.name = "max_output_boxes_per_class", .types = TYPE_BIT(TN_INT64), .optional = true},
    {.name = "iou_threshold", .types = TYPE_BIT(TN_FLOAT), .optional = true},
    {.name = "score_threshold", .types = TYPE_BIT(TN_FLOAT), .optional = true},
};

static const OperandDef suppression_results[] = {
    {.name = "selected_indices", .types = TYPE_BIT(TN_INT64)},
};

static bool infer_suppression(InferContext *context, Node *node)
{
    const Type *boxes = operand_type(node, 0), *scores = operand_type(node, 1);
    if (boxes->rank != 3 || scores->rank != 3)
        return infer_error(context, node, "boxes and scores must have rank 3, not %d and %d",
                           boxes->rank, scores->rank);
    if (!infer_equal(context, node, boxes->dims[0], scores->dims[0], "numbers of batches") ||
        !infer_equal(context, node, boxes->dims[1], scores->dims[2], "numbers of boxes") ||
        !infer_equal(context, node, boxes->dims[2], expr_integer(context->pool, 4),
                     "coordinates of a box"))
        return false;
    const Expr *most = type_element_count(context->pool, scores);
    const Expr *dims[] = {infer_fresh_size(context, node, 0, "count", most),
                          expr_integer(context->pool, 3)};
    infer_set(context, node, 0, TN_INT64, 2, dims);
    return true;
}

const OpDef op_non_max_suppression = {
    .name = "NonMaxSuppression",
    .domain = "",
    .summary = "The best boxes of each class that do not overlap a better one by much",
    .since = 11,
    .first = 10,
    .traits = TRAIT_data_dependent,
    OPERANDS(suppression_operands),
    RESULTS(suppression_results),
    ATTRIBUTES(suppression_attributes, SuppressionAttributes),
    .infer = infer_suppression,
    .host = "non_max_suppression",
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * LabelEncoder, ai.onnx.ml: a host function.
 */
#include "ir/ops/op.h"
#include "ir/support/array.h"

#define TYPES_LABEL                                                                                \
    (TYPES_STRING | TYPE_BIT(TN_INT64) | TYPE_BIT(TN_INT32) | TYPE_BIT(TN_INT16) |                 \
     TYPE_BIT(TN_FLOAT) | TYPE_BIT(TN_DOUBLE))

typedef struct LabelEncoderAttributes {
    float default_float;
    int64_t default_int64;
    TnString default_string;
    const Constant *default_tensor, *keys_tensor, *values_tensor;
    FloatList keys_floats, values_floats;
    IntList keys_int64s, values_int64s;
    StringList keys_strings, values_strings;
} LabelEncoderAttributes;

static const AttributeDef attributes[] = {
    ATTRIBUTE_FLOAT(LabelEncoderAttributes, default_float, -0.0f, "for what is no key"),
    ATTRIBUTE_INT(LabelEncoderAttributes, default_int64, -1, "for what is no key"),
    ATTRIBUTE_AT(LabelEncoderAttributes, default_string, string, .default_string = "_Unused",
                 .doc = "for what is no key"),
    ATTRIBUTE_OPTIONAL(LabelEncoderAttributes, default_tensor, tensor, "for what is no key"),
    ATTRIBUTE_OPTIONAL(LabelEncoderAttributes, keys_floats, floats, "what is looked up"),
    ATTRIBUTE_OPTIONAL(LabelEncoderAttributes, keys_int64s, ints, "what is looked up"),
    ATTRIBUTE_OPTIONAL(LabelEncoderAttributes, keys_strings, strings, "what is looked up"),
    ATTRIBUTE_OPTIONAL(LabelEncoderAttributes, keys_tensor, tensor, "what is looked up"),
    ATTRIBUTE_OPTIONAL(LabelEncoderAttributes, values_floats, floats, "what keys become"),
    ATTRIBUTE_OPTIONAL(LabelEncoderAttributes, values_int64s, ints, "what keys become"),
    ATTRIBUTE_OPTIONAL(LabelEncoderAttributes, values_strings, strings, "what keys become"),
    ATTRIBUTE_OPTIONAL(LabelEncoderAttributes, values_tensor, tensor, "what keys become"),
};

static const OperandDef operands[] = {{.name = "X", .types = TYPES_LABEL}};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_LABEL}};

/* The keys or the values: how many, and of which type. */
typedef struct Labels {
    int forms; /* how many of the four attributes are given */
    int64_t count;
    TnElementType element;
} Labels;

static Labels count_labels(StringList strings, IntList integers, FloatList reals,
                           const Constant *tensor)
{
    Labels labels = {.forms = (strings.count > 0) + (integers.count > 0) + (reals.count > 0) +
                              (tensor != NULL)};
    labels.count = strings.count + integers.count + reals.count + (tensor ? tensor->count : 0);
    labels.element = strings.count    ? TN_STRING
                     : integers.count ? TN_INT64
                     : reals.count    ? TN_FLOAT
                     : tensor         ? tensor->element
                                      : TN_UNDEFINED;
    return labels;
}

static bool infer(InferContext *context, Node *node)
{
    const LabelEncoderAttributes *a = node->attributes;
    const Type *x = operand_type(node, 0);
    Labels keys = count_labels(a->keys_strings, a->keys_int64s, a->keys_floats, a->keys_tensor);
    Labels values =
        count_labels(a->values_strings, a->values_int64s, a->values_floats, a->values_tensor);
    if (keys.forms != 1 || values.forms != 1)
        return infer_error(context, node, "one attribute must give the keys and one the values");
    if (keys.count != values.count)
        return infer_error(context, node, "there are %lld keys and %lld values",
                           (long long)keys.count, (long long)values.count);
    if (keys.element != x->element)
        return infer_error(context, node, "the keys are of type %s, and X is of type %s",
                           element_name(keys.element), element_name(x->element));
    if (!(TYPES_LABEL & TYPE_BIT(values.element)))
        return infer_error(context, node, "values of type %s", element_name(values.element));
    if (a->default_tensor &&
        (a->default_tensor->count != 1 || a->default_tensor->element != values.element))
        return infer_error(context, node, "default_tensor must be one value");
    infer_set(context, node, 0, values.element, x->rank, x->dims);
    return true;
}

const OpDef op_label_encoder = {
    .name = "LabelEncoder",
    .domain = "ai.onnx.ml",
    .summary = "the value of each element's key",
    .since = 4,
    .first = 2,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, LabelEncoderAttributes),
    .infer = infer,
    .host = "label_encoder",
};

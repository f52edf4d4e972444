/* SPDX-License-Identifier: Apache-2.0
 *
 * Activations with attributes: rows of activation.def, and those whose attributes are not numbers.
 */
#include "ir/ops/formula.h"
#include "ir/support/array.h"

typedef struct ActivationAttributes {
    float a, b;
} ActivationAttributes;

/* Integers are compared with lambd and moved by bias as floats, then truncated. */
static const Expr *shrink(const Formula *f, const Expr *bias, const Expr *lambd)
{
    bool is_float = element_kind(f->type) == ELEMENT_KIND_FLOAT;
    const Expr *x = is_float ? X : expr_convert(f->pool, TN_DOUBLE, X);
    const Expr *zero = expr_real(f->pool, x->type, 0);
    const Expr *moved = SELECT(LESS(x, CALL(negate, lambd)), ADD(x, bias),
                               SELECT(LESS(lambd, x), SUBTRACT(x, bias), zero));
    return is_float ? moved : expr_convert(f->pool, f->type, moved);
}

/* An attribute in the type that the formula computes in. */
static const Expr *number(const Formula *f, float value)
{
    TnElementType type = element_kind(f->type) == ELEMENT_KIND_FLOAT ? f->type : TN_DOUBLE;
    return expr_real(f->pool, type, value);
}

#define A number(f, ((const ActivationAttributes *)f->attributes)->a)
#define B number(f, ((const ActivationAttributes *)f->attributes)->b)

static bool infer_activation(InferContext *context, Node *node)
{
    return infer_formula(context, node, NULL);
}

#define ACTIVATION(name_, onnx_name, first_, since_, operand_types, a_name, a_default, b_name,     \
                   b_default, summary_, formula)                                                   \
    static const Expr *formula_##name_(const Formula *f)                                           \
    {                                                                                              \
        return formula;                                                                            \
    }                                                                                              \
    static void lower_##name_(Lowering *l)                                                         \
    {                                                                                              \
        lower_formula(l, formula_##name_);                                                         \
    }                                                                                              \
    static const OperandDef operands_##name_[] = {                                                 \
        {.name = "x", .types = (operand_types), .group = 'T'},                                     \
    };                                                                                             \
    static const OperandDef results_##name_[] = {                                                  \
        {.name = "y", .types = (operand_types), .group = 'T'},                                     \
    };                                                                                             \
    static const AttributeDef attributes_##name_[] = {                                             \
        {.name = (a_name),                                                                         \
         .kind = ATTRIBUTE_float,                                                                  \
         .offset = offsetof(ActivationAttributes, a),                                              \
         .default_float = (a_default),                                                             \
         .doc = "a number of the formula"},                                                        \
        {.name = (b_name),                                                                         \
         .kind = ATTRIBUTE_float,                                                                  \
         .offset = offsetof(ActivationAttributes, b),                                              \
         .default_float = (b_default),                                                             \
         .doc = "a number of the formula"},                                                        \
    };                                                                                             \
    const OpDef op_##name_ = {                                                                     \
        .name = (onnx_name),                                                                       \
        .domain = "",                                                                              \
        .summary = (summary_),                                                                     \
        .since = (since_),                                                                         \
        .first = (first_),                                                                         \
        .traits = TRAIT_elementwise,                                                               \
        OPERANDS(operands_##name_),                                                                \
        RESULTS(results_##name_),                                                                  \
        .attributes = attributes_##name_,                                                          \
        .attribute_count = sizeof(b_name) > 1 ? 2 : 1,                                             \
        .attributes_size = sizeof(ActivationAttributes),                                           \
        .infer = infer_activation,                                                                 \
        .lower = lower_##name_,                                                                    \
    };

#include "ir/ops/activation.def"

/* ---- Gelu -------------------------------------------------------------------------------- */

typedef struct GeluAttributes {
    int approximate;
} GeluAttributes;

enum { GELU_none, GELU_tanh };

static const AttributeDef gelu_attributes[] = {
    ATTRIBUTE_CHOICE(GeluAttributes, approximate, "none|tanh", GELU_none, "by tanh, or exact"),
};

/* x/2 * (1 + erf(x / sqrt 2)), or x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))) */
static const Expr *formula_gelu(const Formula *f)
{
    const GeluAttributes *attributes = f->attributes;
    const Expr *inner;
    if (attributes->approximate == GELU_tanh) {
        const Expr *cube = MULTIPLY(MULTIPLY(X, X), X);
        inner =
            CALL(tanh, MULTIPLY(K(0.79788456080286535588), ADD(X, MULTIPLY(K(0.044715), cube))));
    } else {
        inner = CALL(erf, MULTIPLY(X, K(0.70710678118654752440)));
    }
    return MULTIPLY(MULTIPLY(X, K(0.5)), ADD(K(1), inner));
}

static void lower_gelu(Lowering *l)
{
    lower_formula(l, formula_gelu);
}

static const OperandDef float_operands[] = {{.name = "x", .types = TYPES_FLOAT, .group = 'T'}};
static const OperandDef float_results[] = {{.name = "y", .types = TYPES_FLOAT, .group = 'T'}};

const OpDef op_gelu = {
    .name = "Gelu",
    .domain = "",
    .summary = "x/2 * (1 + erf(x / sqrt(2))), or its approximation by tanh",
    .since = 20,
    .first = 20,
    .traits = TRAIT_elementwise,
    OPERANDS(float_operands),
    RESULTS(float_results),
    ATTRIBUTES(gelu_attributes, GeluAttributes),
    .infer = infer_activation,
    .lower = lower_gelu,
};

/* ---- SwiGLU ------------------------------------------------------------------------------ */

typedef struct SwigluAttributes {
    float alpha;
} SwigluAttributes;

static const AttributeDef swiglu_attributes[] = {
    ATTRIBUTE_FLOAT(SwigluAttributes, alpha, 1.0f, "scales the gate inside the sigmoid"),
};

static const OperandDef swiglu_operands[] = {
    {.name = "A", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "B", .types = TYPES_FLOAT, .group = 'T'},
};

static const Expr *formula_swiglu(const Formula *f)
{
    const Expr *alpha = number(f, ((const SwigluAttributes *)f->attributes)->alpha);
    return MULTIPLY(MULTIPLY(X, sigmoid(f, MULTIPLY(alpha, X))), Y);
}

static void lower_swiglu(Lowering *l)
{
    lower_formula(l, formula_swiglu);
}

const OpDef op_swiglu = {
    .name = "SwiGLU",
    .domain = "",
    .summary = "a / (1 + exp(-alpha*a)) * b",
    .since = 28,
    .first = 28,
    .traits = TRAIT_elementwise,
    OPERANDS(swiglu_operands),
    RESULTS(float_results),
    ATTRIBUTES(swiglu_attributes, SwigluAttributes),
    .infer = infer_activation,
    .lower = lower_swiglu,
};

/* ---- IsInf ------------------------------------------------------------------------------- */

typedef struct IsInfAttributes {
    int64_t detect_negative, detect_positive;
} IsInfAttributes;

static const AttributeDef is_inf_attributes[] = {
    ATTRIBUTE_INT(IsInfAttributes, detect_negative, 1, "whether -inf counts"),
    ATTRIBUTE_INT(IsInfAttributes, detect_positive, 1, "whether +inf counts"),
};

static const OperandDef is_inf_operands[] = {
    {.name = "X", .types = TYPES_FLOAT | TYPES_SMALL, .group = 'T'},
};
static const OperandDef bool_results[] = {{.name = "Y", .types = TYPES_BOOL}};

static const Expr *formula_is_inf(const Formula *f)
{
    const IsInfAttributes *attributes = f->attributes;
    const Expr *found = expr_bool(f->pool, false);
    if (element_kind(f->type) != ELEMENT_KIND_FLOAT)
        return found;
    if (attributes->detect_negative)
        found = COMPARE(equal, X, expr_lowest(f->pool, f->type));
    if (attributes->detect_positive)
        found = expr_either(f->pool, found, COMPARE(equal, X, expr_highest(f->pool, f->type)));
    return found;
}

static void lower_is_inf(Lowering *l)
{
    lower_formula(l, formula_is_inf);
}

const OpDef op_is_inf = {
    .name = "IsInf",
    .domain = "",
    .summary = "whether x is infinite, of the signs asked for",
    .since = 20,
    .first = 10,
    .traits = TRAIT_elementwise,
    OPERANDS(is_inf_operands),
    RESULTS(bool_results),
    ATTRIBUTES(is_inf_attributes, IsInfAttributes),
    .infer = infer_activation,
    .lower = lower_is_inf,
};

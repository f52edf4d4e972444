/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that draw: RandomNormal, RandomUniform and their -Like forms, Bernoulli, Multinomial
 * and Dropout. The generator is that of philox.h.
 */
#include "ir/ops/build.h"
#include "ir/ops/philox.h"

#include <math.h>

/* Of all four Random operators; the -Like forms have no shape. */
typedef struct RandomAttributes {
    int dtype;
    float mean, scale, low, high, seed;
    IntList shape;
} RandomAttributes;

typedef struct BernoulliAttributes {
    int dtype;
    float seed;
} BernoulliAttributes;

typedef struct MultinomialAttributes {
    int dtype;
    int64_t sample_size;
    float seed;
} MultinomialAttributes;

typedef struct DropoutAttributes {
    int64_t seed;
} DropoutAttributes;

/* The number of the element that a compute makes. */
static const Expr *element_number(const Lowering *l, const Compute *compute, const Tensor *out)
{
    const Expr *at[MAX_RANK];
    lower_indices(l, compute, at);
    return lower_flatten(l->pool, out->rank, out->shape, at);
}

/* A type that can hold a random number of the result's precision. */
static TnElementType real_type(TnElementType element)
{
    return element_compute_type(element) == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT;
}

/* ---- Uniform and normal ------------------------------------------------------------------ */

static bool is_drawn_type(InferContext *context, const Node *node, int dtype)
{
    if (dtype > 0 && dtype < 32 && TYPES_FLOAT & TYPE_BIT(dtype))
        return true;
    return infer_error(context, node, "dtype is %d, expected a float type", dtype);
}

static bool infer_random(InferContext *context, Node *node)
{
    const RandomAttributes *attributes = node->attributes;
    const Expr *dims[MAX_RANK];
    if (attributes->shape.count > MAX_RANK)
        return infer_error(context, node, "shape has more than %d elements", MAX_RANK);
    for (int64_t d = 0; d < attributes->shape.count; d++) {
        if (attributes->shape.items[d] < 0)
            return infer_error(context, node, "shape has a negative element");
        dims[d] = expr_integer(context->pool, attributes->shape.items[d]);
    }
    if (!is_drawn_type(context, node, attributes->dtype))
        return false;
    infer_set(context, node, 0, (TnElementType)attributes->dtype, (int)attributes->shape.count,
              dims);
    return true;
}

static bool infer_random_like(InferContext *context, Node *node)
{
    const RandomAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    int dtype = attributes->dtype ? attributes->dtype : (int)x->element;
    if (!is_drawn_type(context, node, dtype))
        return false;
    infer_set(context, node, 0, (TnElementType)dtype, x->rank, x->dims);
    return true;
}

static void lower_uniform(Lowering *l)
{
    const RandomAttributes *attributes = l->node->attributes;
    const Tensor *y = l->out[0];
    TnElementType type = real_type(y->element);
    Compute *map = kernel_map(l->kernel, y);
    uint64_t key = philox_key(l->node, attributes->seed);
    const Expr *drawn = philox_uniform(l->pool, key, element_number(l, map, y), type);
    const Expr *width = expr_real(l->pool, type, (double)attributes->high - attributes->low);
    map->body = sum_of(l->pool, product_of(l->pool, drawn, width),
                       expr_real(l->pool, type, attributes->low));
}

static void lower_normal(Lowering *l)
{
    const RandomAttributes *attributes = l->node->attributes;
    const Tensor *y = l->out[0];
    TnElementType type = real_type(y->element);
    Compute *map = kernel_map(l->kernel, y);
    uint64_t key = philox_key(l->node, attributes->seed);
    const Expr *drawn = philox_normal(l->pool, key, element_number(l, map, y), type);
    map->body =
        sum_of(l->pool, product_of(l->pool, drawn, expr_real(l->pool, type, attributes->scale)),
               expr_real(l->pool, type, attributes->mean));
}

/* ---- Bernoulli --------------------------------------------------------------------------- */

static bool infer_bernoulli(InferContext *context, Node *node)
{
    const BernoulliAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    TnElementType element = attributes->dtype ? (TnElementType)attributes->dtype : x->element;
    infer_set(context, node, 0, element, x->rank, x->dims);
    return true;
}

static void lower_bernoulli(Lowering *l)
{
    const BernoulliAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0], *y = l->out[0];
    TnElementType type = element_compute_type(x->element);
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    uint64_t key = philox_key(l->node, attributes->seed);
    const Expr *drawn = philox_uniform(l->pool, key, element_number(l, map, y), type);
    const Expr *hit = less_than(l->pool, drawn, expr_load(l->pool, x, at));
    map->body = expr_convert(l->pool, element_compute_type(y->element), hit);
}

/* ---- Multinomial ------------------------------------------------------------------------- */

static bool infer_multinomial(InferContext *context, Node *node)
{
    const MultinomialAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    if (x->rank != 2)
        return infer_error(context, node, "input has rank %d, expected 2", x->rank);
    if (attributes->sample_size < 0 ||
        (attributes->dtype != TN_INT32 && attributes->dtype != TN_INT64))
        return infer_error(context, node, "sample_size must be 0 or more, dtype int32 or int64");
    const Expr *dims[] = {x->dims[0], expr_integer(context->pool, attributes->sample_size)};
    infer_set(context, node, 0, (TnElementType)attributes->dtype, 2, dims);
    return true;
}

/* The operand holds logarithms of weights: a class is drawn where the running sum of the weights
 * passes a uniform share of their total. */
static void lower_multinomial(Lowering *l)
{
    const MultinomialAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0], *y = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(x->element);
    const Expr *at[MAX_RANK];
    const Tensor *maximum = lower_temporary(l, "maximum", type, 1, x->shape);
    Compute *reduce = kernel_reduce(l->kernel, maximum, COMBINE_max);
    at[0] = compute_axis(l->kernel, reduce, 0);
    at[1] = compute_reduce_axis(l->kernel, reduce, x->shape[1]);
    reduce->body = expr_load(pool, x, at);

    const Tensor *running = lower_temporary(l, "running", type, 2, x->shape);
    Compute *scan = kernel_scan(l->kernel, running, COMBINE_sum, 1);
    lower_indices(l, scan, at);
    scan->body = expr_unary(
        pool, EXPR_exp, difference_of(pool, expr_load(pool, x, at), expr_load(pool, maximum, at)));

    const Tensor *passed = lower_temporary(l, "passed", TN_INT64, 2, y->shape);
    Compute *count = kernel_reduce(l->kernel, passed, COMBINE_sum);
    lower_indices(l, count, at);
    const Expr *c = compute_reduce_axis(l->kernel, count, x->shape[1]);
    uint64_t key = philox_key(l->node, attributes->seed);
    const Expr *drawn = philox_uniform(pool, key, element_number(l, count, y), type);
    const Expr *last =
        expr_larger(pool, expr_plus_integer(pool, x->shape[1], -1), expr_integer(pool, 0));
    const Expr *total_at[] = {at[0], last}, *here[] = {at[0], c};
    const Expr *bound = product_of(pool, drawn, expr_load(pool, running, total_at));
    count->body =
        expr_convert(pool, TN_INT64, at_most(pool, expr_load(pool, running, here), bound));

    Compute *map = kernel_map(l->kernel, y);
    lower_indices(l, map, at);
    const Expr *chosen =
        minimum_of(pool, expr_load(pool, passed, at), expr_from_index(pool, TN_INT64, last));
    map->body = expr_convert(pool, y->element, chosen);
}

/* ---- Dropout ----------------------------------------------------------------------------- */

enum { DATA, RATIO, TRAINING };

static bool infer_dropout(InferContext *context, Node *node)
{
    const Type *x = operand_type(node, DATA);
    infer_set_type(node, 0, x);
    if (node->result_count > 1)
        infer_set(context, node, 1, TN_BOOL, x->rank, x->dims);
    return true;
}

/* Outside of training, and where nothing is to be dropped, the operand itself; the mask is true. */
static bool decompose_dropout(Editor *editor, const Node *node, Value **results)
{
    const Constant *training = operand(node, TRAINING) ? operand_constant(node, TRAINING) : NULL;
    const Constant *share = operand(node, RATIO) ? operand_constant(node, RATIO) : NULL;
    bool trains = operand(node, TRAINING) && !(training && constant_get_int64(training, 0) == 0);
    bool drops = !(share && constant_get_double(share, 0) == 0);
    if (trains && drops)
        return false;
    results[0] = operand(node, DATA);
    if (node->result_count > 1) {
        Value *mask = build(editor, "Shape", 1, &results[0]);
        bool *data;
        Constant *yes =
            constant_allocate(editor->context->arena, TN_BOOL, 1, (int64_t[]){1}, (void **)&data);
        *data = true;
        results[1] = build_with(editor, "ConstantOfShape", BUILD_TENSOR("value", yes), 1, &mask);
    }
    return !editor->failed;
}

/* Whether an element is kept. */
static const Expr *is_kept(const Lowering *l, const Compute *map, const Expr *training)
{
    const DropoutAttributes *attributes = l->node->attributes;
    ExprPool *pool = l->pool;
    const Tensor *ratio = lower_in(l, RATIO);
    TnElementType type = ratio ? element_compute_type(ratio->element) : TN_FLOAT;
    const Expr *share = ratio ? lower_scalar(l, RATIO) : expr_real(pool, type, 0.5);
    uint64_t key = philox_key_of_integer(l->node, attributes->seed);
    const Expr *drawn = philox_uniform(pool, key, element_number(l, map, l->in[DATA]), type);
    return expr_either(pool, expr_not(pool, training), at_most(pool, share, drawn));
}

static void lower_dropout(Lowering *l)
{
    const Tensor *x = l->in[DATA], *y = l->out[0], *mask = lower_out(l, 1);
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(x->element);
    const Expr *training =
        lower_in(l, TRAINING) ? lower_scalar(l, TRAINING) : expr_bool(pool, false);
    const Expr *at[MAX_RANK];
    double known;
    bool is_identity = expr_is_constant(training, &known) && known == 0;
    Compute *map = kernel_map(l->kernel, y);
    lower_indices(l, map, at);
    map->body = expr_load(pool, x, at);
    if (!is_identity) {
        const Expr *one = expr_real(pool, type, 1), *zero = expr_real(pool, type, 0);
        const Expr *share = lower_in(l, RATIO) ? expr_convert(pool, type, lower_scalar(l, RATIO))
                                               : expr_real(pool, type, 0.5);
        const Expr *grown = ratio_of(pool, map->body, difference_of(pool, one, share));
        const Expr *kept = expr_select(pool, is_kept(l, map, training), grown, zero);
        map->body = expr_select(pool, training, kept, map->body);
    }
    if (mask) {
        Compute *kept = kernel_map(l->kernel, mask);
        kept->body = is_identity ? expr_bool(pool, true) : is_kept(l, kept, training);
    }
}

/* ---- Definitions ------------------------------------------------------------------------- */

#define TYPES_LIKE (TYPES_NUMBER | TYPES_BOOL | TYPES_STRING | TYPES_COMPLEX)
#define TYPES_EIGHT                                                                                \
    (TYPE_BIT(TN_FLOAT8E4M3FN) | TYPE_BIT(TN_FLOAT8E4M3FNUZ) | TYPE_BIT(TN_FLOAT8E5M2) |           \
     TYPE_BIT(TN_FLOAT8E5M2FNUZ))

static const OperandDef like_operands[] = {{.name = "input", .types = TYPES_LIKE}};
static const OperandDef float_operands[] = {{.name = "input", .types = TYPES_FLOAT}};
static const OperandDef dropout_operands[] = {
    {.name = "data", .types = TYPES_FLOAT | TYPES_EIGHT, .group = 'T'},
    {.name = "ratio", .types = TYPES_FLOAT | TYPES_EIGHT, .optional = true},
    {.name = "training_mode", .types = TYPES_BOOL, .optional = true},
};
static const OperandDef float_results[] = {{.name = "output", .types = TYPES_FLOAT}};
static const OperandDef bernoulli_results[] = {
    {.name = "output", .types = TYPES_NUMBER | TYPES_BOOL}};
static const OperandDef index_results[] = {{.name = "output", .types = TYPES_INDEX}};
static const OperandDef dropout_results[] = {
    {.name = "output", .types = TYPES_FLOAT | TYPES_EIGHT, .group = 'T'},
    {.name = "mask", .types = TYPES_BOOL, .optional = true},
};

#define SEED(Struct) ATTRIBUTE_FLOAT(Struct, seed, SEED_ABSENT, "absent: one is made up")
#define DTYPE(Struct, default_)                                                                    \
    ATTRIBUTE_ELEMENT(Struct, dtype, default_, false, "element type of the result")

static const AttributeDef normal_attributes[] = {
    DTYPE(RandomAttributes, TN_FLOAT),
    ATTRIBUTE_FLOAT(RandomAttributes, mean, 0.0f, "mean of the distribution"),
    ATTRIBUTE_FLOAT(RandomAttributes, scale, 1.0f, "its standard deviation"),
    SEED(RandomAttributes),
    ATTRIBUTE_REQUIRED(RandomAttributes, shape, ints, "of the result"),
};
static const AttributeDef normal_like_attributes[] = {
    DTYPE(RandomAttributes, TN_UNDEFINED),
    ATTRIBUTE_FLOAT(RandomAttributes, mean, 0.0f, "mean of the distribution"),
    ATTRIBUTE_FLOAT(RandomAttributes, scale, 1.0f, "its standard deviation"),
    SEED(RandomAttributes),
};
static const AttributeDef uniform_attributes[] = {
    DTYPE(RandomAttributes, TN_FLOAT),
    ATTRIBUTE_FLOAT(RandomAttributes, high, 1.0f, "upper bound"),
    ATTRIBUTE_FLOAT(RandomAttributes, low, 0.0f, "lower bound"),
    SEED(RandomAttributes),
    ATTRIBUTE_REQUIRED(RandomAttributes, shape, ints, "of the result"),
};
static const AttributeDef uniform_like_attributes[] = {
    DTYPE(RandomAttributes, TN_UNDEFINED),
    ATTRIBUTE_FLOAT(RandomAttributes, high, 1.0f, "upper bound"),
    ATTRIBUTE_FLOAT(RandomAttributes, low, 0.0f, "lower bound"),
    SEED(RandomAttributes),
};
static const AttributeDef bernoulli_attributes[] = {
    DTYPE(BernoulliAttributes, TN_UNDEFINED),
    SEED(BernoulliAttributes),
};
static const AttributeDef multinomial_attributes[] = {
    DTYPE(MultinomialAttributes, TN_INT32),
    ATTRIBUTE_INT(MultinomialAttributes, sample_size, 1, "how often to draw"),
    SEED(MultinomialAttributes),
};
static const AttributeDef dropout_attributes[] = {
    ATTRIBUTE_INT(DropoutAttributes, seed, ATTRIBUTE_ABSENT, "absent: one is made up"),
};

const OpDef op_random_normal = {
    .name = "RandomNormal",
    .domain = "",
    .summary = "a tensor drawn from a normal distribution",
    .since = 22,
    .first = 1,
    .traits = TRAIT_random,
    RESULTS(float_results),
    ATTRIBUTES(normal_attributes, RandomAttributes),
    .infer = infer_random,
    .lower = lower_normal,
};

const OpDef op_random_normal_like = {
    .name = "RandomNormalLike",
    .domain = "",
    .summary = "a tensor of the operand's shape, drawn from a normal distribution",
    .since = 22,
    .first = 1,
    .traits = TRAIT_random,
    OPERANDS(like_operands),
    RESULTS(float_results),
    ATTRIBUTES(normal_like_attributes, RandomAttributes),
    .infer = infer_random_like,
    .lower = lower_normal,
};

const OpDef op_random_uniform = {
    .name = "RandomUniform",
    .domain = "",
    .summary = "a tensor drawn from a uniform distribution",
    .since = 22,
    .first = 1,
    .traits = TRAIT_random,
    RESULTS(float_results),
    ATTRIBUTES(uniform_attributes, RandomAttributes),
    .infer = infer_random,
    .lower = lower_uniform,
};

const OpDef op_random_uniform_like = {
    .name = "RandomUniformLike",
    .domain = "",
    .summary = "a tensor of the operand's shape, drawn from a uniform distribution",
    .since = 22,
    .first = 1,
    .traits = TRAIT_random,
    OPERANDS(like_operands),
    RESULTS(float_results),
    ATTRIBUTES(uniform_like_attributes, RandomAttributes),
    .infer = infer_random_like,
    .lower = lower_uniform,
};

const OpDef op_bernoulli = {
    .name = "Bernoulli",
    .domain = "",
    .summary = "1 with the operand's probability, else 0",
    .since = 22,
    .first = 15,
    .traits = TRAIT_random,
    OPERANDS(float_operands),
    RESULTS(bernoulli_results),
    ATTRIBUTES(bernoulli_attributes, BernoulliAttributes),
    .infer = infer_bernoulli,
    .lower = lower_bernoulli,
};

const OpDef op_multinomial = {
    .name = "Multinomial",
    .domain = "",
    .summary = "classes drawn by the logarithms of their weights",
    .since = 22,
    .first = 7,
    .traits = TRAIT_random,
    OPERANDS(float_operands),
    RESULTS(index_results),
    ATTRIBUTES(multinomial_attributes, MultinomialAttributes),
    .infer = infer_multinomial,
    .lower = lower_multinomial,
};

const OpDef op_dropout = {
    .name = "Dropout",
    .domain = "",
    .summary = "the operand; in training mode zero with probability ratio, else x / (1 - ratio)",
    .since = 22,
    .first = 1,
    .traits = TRAIT_random,
    OPERANDS(dropout_operands),
    RESULTS(dropout_results),
    ATTRIBUTES(dropout_attributes, DropoutAttributes),
    .infer = infer_dropout,
    .decompose = decompose_dropout,
    .lower = lower_dropout,
};

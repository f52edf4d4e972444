/* SPDX-License-Identifier: Apache-2.0
 *
 * fold-batch-norm: BatchNormalization with known moments is y = x * a + b per channel, with
 * a = scale / sqrt(variance + epsilon) and b = bias - mean * a. Where x is made by a convolution or
 * a matrix product with constant weights that nobody else uses, a goes into the weights and b into
 * the bias; elsewhere the node becomes a Mul and an Add, or a Mul alone.
 *
 * This changes rounding: a sum of scaled products in place of a scaled sum. a and b are computed in
 * double and rounded once.
 */
#include "ir/graph/constant.h"
#include "ir/support/array.h"
#include "passes/rewrite.h"

#include <math.h>
#include <string.h>

/* y = x * scale[channel] + offset[channel] */
typedef struct Affine {
    int64_t channels;
    double *scale, *offset;
} Affine;

/* False where the node is not an affine map that is known now. */
static bool affine_of(Pass *pass, const Node *node, Affine *affine)
{
    const Constant *given[4];
    if (node_int(node, "training_mode"))
        return false;
    for (int i = 0; i < 4; i++) {
        given[i] = operand_constant(node, i + 1);
        if (!given[i] || given[i]->count != given[0]->count)
            return false;
    }
    affine->channels = given[0]->count;
    affine->scale = ARENA_ARRAY(pass->scratch, double, affine->channels + 1);
    affine->offset = ARENA_ARRAY(pass->scratch, double, affine->channels + 1);
    double epsilon = (double)node_float(node, "epsilon");
    for (int64_t c = 0; c < affine->channels; c++) {
        double variance = constant_get_double(given[3], c) + epsilon;
        affine->scale[c] = constant_get_double(given[0], c) / sqrt(variance);
        affine->offset[c] =
            constant_get_double(given[1], c) - constant_get_double(given[2], c) * affine->scale[c];
        if (!isfinite(affine->scale[c]) || !isfinite(affine->offset[c]))
            return false;
    }
    return true;
}

/* ---- Constants --------------------------------------------------------------------------- */

/* to[i] = from[i] * factor; borrowed bytes may be unaligned. */
static void scale_floats(const char *from, char *to, int64_t count, double factor)
{
    for (int64_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, from + i * (int64_t)sizeof value, sizeof value);
        value = (float)((double)value * factor);
        memcpy(to + i * (int64_t)sizeof value, &value, sizeof value);
    }
}

static void scale_run(const Constant *from, char *to, int64_t begin, int64_t count, double factor)
{
    size_t bytes = element_bytes(from->element);
    char *out = to + (size_t)begin * bytes;
    if (from->element == TN_FLOAT) {
        scale_floats((const char *)from->data + (size_t)begin * bytes, out, count, factor);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        element_from_double(from->element, constant_get_double(from, begin + i) * factor, false,
                            out + (size_t)i * bytes);
}

/* The constant seen as [outer, channels, inner], each channel times its scale; the channel of an
 * element in group g of `groups`, which are parts of outer, is offset by g * channels. */
static Constant *scale_channels(Arena *arena, const Constant *from, int64_t outer, int64_t channels,
                                int64_t groups, const double *scale)
{
    void *data;
    Constant *to = constant_allocate(arena, from->element, from->rank, from->dims, &data);
    int64_t inner = from->count / (outer * channels);
    for (int64_t o = 0; o < outer; o++) {
        const double *own = scale + o / (outer / groups) * channels;
        for (int64_t c = 0; c < channels; c++)
            scale_run(from, data, (o * channels + c) * inner, inner, own[c]);
    }
    return to;
}

/* A vector of the numbers, shaped [count, 1, ...] of that rank. */
static Constant *vector(Arena *arena, TnElementType element, int rank, int64_t count,
                        const double *numbers)
{
    int64_t dims[MAX_RANK];
    void *data;
    for (int d = 0; d < rank; d++)
        dims[d] = d ? 1 : count;
    Constant *constant = constant_allocate(arena, element, rank, dims, &data);
    for (int64_t i = 0; i < count; i++)
        element_from_double(element, numbers[i], false,
                            (char *)data + (size_t)i * element_bytes(element));
    return constant;
}

/* offset[c] + scale[c] * bias[c], where there is a bias of one number a channel, or one for all. */
static void scale_bias(const Affine *affine, const Constant *bias, double factor)
{
    for (int64_t c = 0; bias && c < affine->channels; c++)
        affine->offset[c] +=
            affine->scale[c] * factor * constant_get_double(bias, bias->count == 1 ? 0 : c);
}

/* ---- Into what comes before -------------------------------------------------------------- */

/* The producer of x, if it is of that operator, used here alone, with constant weights and a bias
 * that is constant or absent. */
static const Node *weighted_producer(const Node *node, const OpDef *op)
{
    const Node *producer = operand_node(node, 0, op);
    if (!producer || !has_one_use(operand(node, 0)) || !operand(producer, 1)->constant ||
        operand(producer, 1)->constant->count == 0)
        return NULL;
    const Value *bias = operand(producer, 2);
    return bias && !bias->constant ? NULL : producer;
}

/* The producer with other weights and the bias `affine->offset`. */
static Value *rebuild(Pass *pass, Node *node, const Node *producer, const Constant *weights,
                      const Affine *affine, const void *attributes)
{
    TnElementType element = result(node, 0)->type->element;
    const Constant *bias = vector(pass->model->arena, element, 1, affine->channels, affine->offset);
    if (!weights || !bias)
        return NULL;
    Editor editor = rewrite_editor(pass, node);
    editor.model = producer;
    Value *w = edit_constant(&editor, weights, operand(producer, 1)->name);
    Value *b = edit_constant(&editor, bias, "bias");
    return edit(&editor, producer->op, attributes, 3, operand(producer, 0), w, b);
}

/* BatchNormalization(Conv(x, w, c)) = Conv(x, w * a, c * a + b): w is [M, C, ...]. */
RULE(into_conv, batch_normalization)
{
    Affine affine;
    const Node *conv = weighted_producer(node, &op_conv);
    if (!conv || !affine_of(pass, node, &affine))
        return NULL;
    const Constant *weights = operand(conv, 1)->constant;
    scale_bias(&affine, operand_constant(conv, 2), 1);
    weights = scale_channels(pass->model->arena, weights, 1, affine.channels, 1, affine.scale);
    return rebuild(pass, node, conv, weights, &affine, conv->attributes);
}

/* BatchNormalization(ConvTranspose(x, w, c)): w is [C, M / group, ...], C in groups. */
RULE(into_conv_transpose, batch_normalization)
{
    Affine affine;
    const Node *conv = weighted_producer(node, &op_conv_transpose);
    if (!conv || !affine_of(pass, node, &affine))
        return NULL;
    const Constant *weights = operand(conv, 1)->constant;
    scale_bias(&affine, operand_constant(conv, 2), 1);
    weights = scale_channels(pass->model->arena, weights, weights->dims[0], weights->dims[1],
                             node_int(conv, "group"), affine.scale);
    return rebuild(pass, node, conv, weights, &affine, conv->attributes);
}

/* BatchNormalization(Gemm(x, w, c)): w is [K, M], or [M, K] if transposed; c is [M] or single. */
RULE(into_gemm, batch_normalization)
{
    Affine affine;
    const Node *gemm = weighted_producer(node, &op_gemm);
    if (!gemm || !affine_of(pass, node, &affine))
        return NULL;
    const Constant *weights = operand(gemm, 1)->constant, *bias = operand_constant(gemm, 2);
    if (bias && bias->count != 1 && bias->count != affine.channels)
        return NULL;
    if (bias && bias->rank == 2 && bias->dims[0] != 1)
        return NULL;
    scale_bias(&affine, bias, (double)node_float(gemm, "beta"));
    int64_t outer = node_int(gemm, "transB") ? 1 : weights->dims[0];
    weights = scale_channels(pass->model->arena, weights, outer, affine.channels, 1, affine.scale);
    void *attributes = arena_copy(pass->model->arena, gemm->attributes, gemm->op->attributes_size);
    *(float *)op_attribute(&op_gemm, attributes, "beta") = 1;
    return rebuild(pass, node, gemm, weights, &affine, attributes);
}

/* BatchNormalization(x) = x * a + b */
RULE(as_multiply_add, batch_normalization)
{
    Affine affine;
    if (!affine_of(pass, node, &affine))
        return NULL;
    const Type *type = result(node, 0)->type;
    int rank = type->rank > 1 ? type->rank - 1 : 1;
    Arena *arena = pass->model->arena;
    const Constant *a = vector(arena, type->element, rank, affine.channels, affine.scale);
    const Constant *b = vector(arena, type->element, rank, affine.channels, affine.offset);
    if (!a || !b)
        return NULL;
    Editor editor = rewrite_editor(pass, node);
    Value *scaled = edit(&editor, &op_mul, NULL, 2, operand(node, 0),
                         edit_constant(&editor, a, operand(node, 1)->name));
    return edit(&editor, &op_add, NULL, 2, scaled,
                edit_constant(&editor, b, operand(node, 2)->name));
}

PassResult pass_fold_batch_norm(Pass *pass, Graph *graph)
{
    static const Rule *const rules[] = {&rule_into_conv, &rule_into_conv_transpose, &rule_into_gemm,
                                        &rule_as_multiply_add};
    return rewrite_graph(pass, graph, rules, (int)COUNT_OF(rules));
}

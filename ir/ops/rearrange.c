/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements moved by a fixed rule: DepthToSpace and SpaceToDepth, Trilu, ReverseSequence.
 */
#include "ir/ops/elements.h"
#include "ir/ops/lowering.h"
#include "ir/support/array.h"

static const OperandDef one_operand[] = {{.name = "input", .types = TYPES_TENSOR, .group = 'T'}};
static const OperandDef results[] = {{.name = "output", .types = TYPES_TENSOR, .group = 'T'}};

/* ---- DepthToSpace, SpaceToDepth ---------------------------------------------------------- */

typedef struct BlockAttributes {
    int64_t blocksize;
    int mode;
} BlockAttributes;

/* How a deep channel is made up: the place in the block before the shallow channel, or after. */
enum { MODE_DCR, MODE_CRD };

static const AttributeDef block_attributes[] = {
    ATTRIBUTE_INT_REQUIRED(BlockAttributes, blocksize, "of blocks of blocksize x blocksize"),
    ATTRIBUTE_CHOICE(BlockAttributes, mode, "DCR|CRD", MODE_DCR,
                     "deep channels in the order block, channel; or channel, block"),
};

/* Size / divisor, exactly. */
static const Expr *divided(InferContext *context, const Node *node, const Expr *size,
                           int64_t divisor, const char *what)
{
    ExprPool *pool = context->pool;
    const Expr *part = expr_quotient(pool, size, expr_integer(pool, divisor));
    return infer_equal(context, node, expr_scale(pool, part, divisor), size, what) ? part : NULL;
}

static bool check_block(InferContext *context, const Node *node)
{
    const BlockAttributes *block = node->attributes;
    int rank = operand_type(node, 0)->rank;
    if (rank != 4)
        return infer_error(context, node, "the operand has rank %d, expected 4", rank);
    if (block->blocksize < 1 || block->blocksize > 1 << 15)
        return infer_error(context, node, "blocksize is %lld", (long long)block->blocksize);
    return true;
}

static bool set_block(InferContext *context, Node *node, const Expr *channels, const Expr *rows,
                      const Expr *columns)
{
    const Type *type = operand_type(node, 0);
    if (!channels || !rows || !columns)
        return false;
    infer_set(context, node, 0, type->element, 4,
              (const Expr *[]){type->dims[0], channels, rows, columns});
    return true;
}

static bool infer_depth_to_space(InferContext *context, Node *node)
{
    if (!check_block(context, node))
        return false;
    int64_t b = ((const BlockAttributes *)node->attributes)->blocksize;
    const Type *type = operand_type(node, 0);
    return set_block(
        context, node, divided(context, node, type->dims[1], b * b, "channels and blocks"),
        expr_scale(context->pool, type->dims[2], b), expr_scale(context->pool, type->dims[3], b));
}

static bool infer_space_to_depth(InferContext *context, Node *node)
{
    if (!check_block(context, node))
        return false;
    int64_t b = ((const BlockAttributes *)node->attributes)->blocksize;
    const Type *type = operand_type(node, 0);
    return set_block(context, node, expr_scale(context->pool, type->dims[1], b * b),
                     divided(context, node, type->dims[2], b, "rows and blocks"),
                     divided(context, node, type->dims[3], b, "columns and blocks"));
}

/* in[n, c, b*h + y, b*w + x] and out[n, c', h, w] or the other way round, with c' made of c, y, x.
 */
static void lower_depth_to_space(Lowering *l)
{
    const BlockAttributes *block = l->node->attributes;
    ExprPool *pool = l->pool;
    const Expr *b = expr_integer(pool, block->blocksize), *i[4];
    Compute *map = kernel_map(l->kernel, l->out[0]);
    lower_indices(l, map, i);
    const Expr *place = expr_plus(pool, expr_times(pool, expr_modulus(pool, i[2], b), b),
                                  expr_modulus(pool, i[3], b));
    const Expr *deep = block->mode == MODE_DCR
                           ? expr_plus(pool, expr_times(pool, place, l->out[0]->shape[1]), i[1])
                           : expr_plus(pool, expr_times(pool, i[1], expr_times(pool, b, b)), place);
    const Expr *own[4] = {i[0], deep, expr_quotient(pool, i[2], b), expr_quotient(pool, i[3], b)};
    map->body = expr_load(pool, l->in[0], own);
}

static void lower_space_to_depth(Lowering *l)
{
    const BlockAttributes *block = l->node->attributes;
    ExprPool *pool = l->pool;
    const Expr *b = expr_integer(pool, block->blocksize), *bb = expr_times(pool, b, b), *i[4];
    Compute *map = kernel_map(l->kernel, l->out[0]);
    lower_indices(l, map, i);
    const Expr *channels = positive_size(pool, l->in[0]->shape[1]);
    bool block_first = block->mode == MODE_DCR;
    const Expr *place =
        block_first ? expr_quotient(pool, i[1], channels) : expr_modulus(pool, i[1], bb);
    const Expr *channel =
        block_first ? expr_modulus(pool, i[1], channels) : expr_quotient(pool, i[1], bb);
    const Expr *own[4] = {
        i[0],
        channel,
        expr_plus(pool, expr_times(pool, i[2], b), expr_quotient(pool, place, b)),
        expr_plus(pool, expr_times(pool, i[3], b), expr_modulus(pool, place, b)),
    };
    map->body = expr_load(pool, l->in[0], own);
}

const OpDef op_depth_to_space = {
    .name = "DepthToSpace",
    .domain = "",
    .summary = "channels laid out as blocks of pixels",
    .since = 28,
    .first = 1,
    OPERANDS(one_operand),
    RESULTS(results),
    ATTRIBUTES(block_attributes, BlockAttributes),
    .infer = infer_depth_to_space,
    .lower = lower_depth_to_space,
};

const OpDef op_space_to_depth = {
    .name = "SpaceToDepth",
    .domain = "",
    .summary = "blocks of pixels stacked as channels",
    .since = 28,
    .first = 1,
    OPERANDS(one_operand),
    RESULTS(results),
    ATTRIBUTES(block_attributes, BlockAttributes),
    .infer = infer_space_to_depth,
    .lower = lower_space_to_depth,
};

/* ---- Trilu ------------------------------------------------------------------------------- */

typedef struct TriluAttributes {
    int64_t upper;
} TriluAttributes;

static const AttributeDef trilu_attributes[] = {
    ATTRIBUTE_INT(TriluAttributes, upper, 1, "which part is kept: the upper, or the lower"),
};

static const OperandDef trilu_operands[] = {
    {.name = "input", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "k", .types = TYPE_BIT(TN_INT64), .optional = true},
};

static bool infer_trilu(InferContext *context, Node *node)
{
    int rank = operand_type(node, 0)->rank;
    if (rank < 2)
        return infer_error(context, node, "the operand has rank %d, expected 2 or more", rank);
    return infer_same_as_first(context, node);
}

/* The diagonal k may be known only when running. It is clamped, so that no sum overflows. */
static const Expr *diagonal(const Lowering *l)
{
    if (!lower_in(l, 1))
        return expr_integer(l->pool, 0);
    const int64_t far = (int64_t)1 << 48;
    const Expr *k = expr_to_index(l->pool, lower_scalar(l, 1));
    k = expr_smaller(l->pool, k, expr_integer(l->pool, far));
    return expr_larger(l->pool, k, expr_integer(l->pool, -far));
}

static void lower_trilu(Lowering *l)
{
    const TriluAttributes *trilu = l->node->attributes;
    const Tensor *in = l->in[0];
    ExprPool *pool = l->pool;
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    const Expr *right = expr_minus(pool, indices[in->rank - 1], indices[in->rank - 2]);
    const Expr *k = diagonal(l);
    const Expr *kept = trilu->upper ? expr_compare(pool, EXPR_less_equal, k, right)
                                    : expr_compare(pool, EXPR_less_equal, right, k);
    map->body =
        expr_select(pool, kept, expr_load(pool, in, indices), zero_value(pool, in->element));
}

const OpDef op_trilu = {
    .name = "Trilu",
    .domain = "",
    .summary = "the upper or lower triangle of matrices, zeros elsewhere",
    .since = 14,
    .first = 14,
    OPERANDS(trilu_operands),
    RESULTS(results),
    ATTRIBUTES(trilu_attributes, TriluAttributes),
    .infer = infer_trilu,
    .lower = lower_trilu,
};

/* ---- ReverseSequence --------------------------------------------------------------------- */

typedef struct ReverseAttributes {
    int64_t batch_axis, time_axis;
} ReverseAttributes;

static const AttributeDef reverse_attributes[] = {
    ATTRIBUTE_INT(ReverseAttributes, batch_axis, 1, "the dimension of sequences"),
    ATTRIBUTE_INT(ReverseAttributes, time_axis, 0, "the dimension along a sequence"),
};

static const OperandDef reverse_operands[] = {
    {.name = "input", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "sequence_lens", .types = TYPE_BIT(TN_INT64)},
};

static bool infer_reverse_sequence(InferContext *context, Node *node)
{
    const ReverseAttributes *reverse = node->attributes;
    const Type *type = operand_type(node, 0), *lengths = operand_type(node, 1);
    int batch, time;
    if (!infer_axis(context, node, reverse->batch_axis, type->rank, &batch) ||
        !infer_axis(context, node, reverse->time_axis, type->rank, &time))
        return false;
    if (batch == time)
        return infer_error(context, node, "batch_axis and time_axis are both %d", batch);
    if (lengths->rank != 1)
        return infer_error(context, node, "sequence_lens has rank %d, expected 1", lengths->rank);
    if (!infer_equal(context, node, lengths->dims[0], type->dims[batch],
                     "the batch size and the number of lengths"))
        return false;
    return infer_same_as_first(context, node);
}

/* The first `length` elements of each sequence backward, the rest as it is. */
static void lower_reverse_sequence(Lowering *l)
{
    const ReverseAttributes *reverse = l->node->attributes;
    const Tensor *in = l->in[0];
    ExprPool *pool = l->pool;
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    int64_t batch = reverse->batch_axis, time = reverse->time_axis;
    batch = batch < 0 ? batch + in->rank : batch;
    time = time < 0 ? time + in->rank : time;
    const Expr *length = expr_to_index(pool, lower_vector(l, l->in[1], indices[batch]));
    length = expr_smaller(pool, length, in->shape[time]);
    const Expr *t = indices[time];
    const Expr *back = expr_plus_integer(pool, expr_minus(pool, length, t), -1);
    indices[time] = expr_select(pool, expr_compare(pool, EXPR_less, t, length), back, t);
    map->body = expr_load(pool, in, indices);
}

const OpDef op_reverse_sequence = {
    .name = "ReverseSequence",
    .domain = "",
    .summary = "the beginning of each sequence backward",
    .since = 28,
    .first = 10,
    OPERANDS(reverse_operands),
    RESULTS(results),
    ATTRIBUTES(reverse_attributes, ReverseAttributes),
    .infer = infer_reverse_sequence,
    .lower = lower_reverse_sequence,
};

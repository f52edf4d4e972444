/* SPDX-License-Identifier: Apache-2.0
 *
 * Means and variances, as temporaries of the kernel that normalises with them: a sum, the mean as a
 * map of it, a sum of squared differences, the variance as a map of that.
 */
#include "ir/ops/moments.h"

/* What is summed: a tensor, or its view in which axis 1 is cut into [group, channel of the group].
 */
typedef struct Summand {
    const Tensor *x;
    TnElementType type;
    const Expr *per_group; /* NULL: the tensor itself */
    int rank;
    const Expr *shape[MAX_RANK];
    const bool *summed;
} Summand;

static Summand source_create(const Tensor *x, TnElementType type, const bool *summed)
{
    Summand source = {.x = x, .type = type, .rank = x->rank, .summed = summed};
    for (int d = 0; d < x->rank; d++)
        source.shape[d] = x->shape[d];
    return source;
}

static const Expr *source_load(const Lowering *l, const Summand *source, const Expr *const *at)
{
    const Expr *from[MAX_RANK];
    for (int d = 0; d < source->x->rank; d++)
        from[d] = at[source->per_group && d > 1 ? d + 1 : d];
    if (source->per_group)
        from[1] = expr_plus(l->pool, expr_times(l->pool, at[1], source->per_group), at[2]);
    return expr_convert(l->pool, source->type, expr_load(l->pool, source->x, from));
}

static const Tensor *sum_tensor(const Lowering *l, const Summand *source, const char *name)
{
    const Expr *sizes[MAX_RANK];
    int rank = 0;
    for (int d = 0; d < source->rank; d++)
        if (!source->summed[d])
            sizes[rank++] = source->shape[d];
    return lower_temporary(l, name, source->type, rank, sizes);
}

/* A sum over the axes; at[] becomes the indices of the source. */
static Compute *open_sum(const Lowering *l, const Summand *source, const Tensor *sum,
                         const Expr **at)
{
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    int kept = 0;
    for (int d = 0; d < source->rank; d++)
        at[d] = source->summed[d] ? compute_reduce_axis(l->kernel, reduce, source->shape[d])
                                  : compute_axis(l->kernel, reduce, kept++);
    return reduce;
}

/* sum / count, as a map of its own. */
static const Tensor *divide(const Lowering *l, const Summand *source, const Tensor *sum,
                            const char *name)
{
    const Expr *count = expr_integer(l->pool, 1), *at[MAX_RANK];
    for (int d = 0; d < source->rank; d++)
        if (source->summed[d])
            count = expr_times(l->pool, count, source->shape[d]);
    const Tensor *mean = lower_temporary(l, name, sum->element, sum->rank, sum->shape);
    Compute *map = kernel_map(l->kernel, mean);
    lower_indices(l, map, at);
    map->body = ratio_of(l->pool, expr_load(l->pool, sum, at),
                         expr_from_index(l->pool, sum->element, count));
    return mean;
}

static void make_mean(const Lowering *l, const Summand *source, Moments *moments)
{
    const Tensor *sum = sum_tensor(l, source, "sum");
    const Expr *at[MAX_RANK];
    Compute *reduce = open_sum(l, source, sum, at);
    reduce->body = source_load(l, source, at);
    moments->mean = divide(l, source, sum, "mean");
}

static void make_variance(const Lowering *l, const Summand *source, Moments *moments)
{
    const Tensor *sum = sum_tensor(l, source, "squares");
    const Expr *at[MAX_RANK];
    Compute *reduce = open_sum(l, source, sum, at);
    const Expr *value = source_load(l, source, at);
    if (moments->mean)
        value = difference_of(l->pool, value, moments_mean(l, moments, source->rank, at));
    reduce->body = product_of(l->pool, value, value);
    moments->variance = divide(l, source, sum, "variance");
}

static Moments moments_for(const bool *summed, int rank)
{
    Moments moments = {0};
    for (int d = 0; d < rank; d++)
        moments.summed[d] = summed[d];
    return moments;
}

Moments moments_create(const Lowering *l, const Tensor *x, TnElementType type, const bool *summed)
{
    Summand source = source_create(x, type, summed);
    Moments moments = moments_for(summed, x->rank);
    make_mean(l, &source, &moments);
    make_variance(l, &source, &moments);
    return moments;
}

Moments mean_square_create(const Lowering *l, const Tensor *x, TnElementType type,
                           const bool *summed)
{
    Summand source = source_create(x, type, summed);
    Moments moments = moments_for(summed, x->rank);
    make_variance(l, &source, &moments);
    return moments;
}

Moments moments_of_groups(const Lowering *l, const Tensor *x, TnElementType type, int64_t groups)
{
    bool summed[MAX_RANK];
    for (int d = 0; d <= x->rank; d++)
        summed[d] = d > 1;
    Summand source = {.x = x, .type = type, .rank = x->rank + 1, .summed = summed};
    const Expr *count = expr_integer(l->pool, groups);
    source.per_group = expr_quotient(l->pool, x->shape[1], count);
    source.shape[0] = x->shape[0];
    source.shape[1] = count;
    source.shape[2] = source.per_group;
    for (int d = 2; d < x->rank; d++)
        source.shape[d + 1] = x->shape[d];
    Moments moments = moments_for(summed, source.rank);
    make_mean(l, &source, &moments);
    make_variance(l, &source, &moments);
    return moments;
}

static void kept_indices(int rank, const bool *summed, const Expr *const *at, const Expr **kept)
{
    int count = 0;
    for (int d = 0; d < rank; d++)
        if (!summed[d])
            kept[count++] = at[d];
}

const Expr *moments_mean(const Lowering *l, const Moments *moments, int rank, const Expr *const *at)
{
    const Expr *kept[MAX_RANK];
    kept_indices(rank, moments->summed, at, kept);
    return expr_load(l->pool, moments->mean, kept);
}

const Expr *moments_variance(const Lowering *l, const Moments *moments, int rank,
                             const Expr *const *at)
{
    const Expr *kept[MAX_RANK];
    kept_indices(rank, moments->summed, at, kept);
    return expr_load(l->pool, moments->variance, kept);
}

const Expr *inverse_deviation(ExprPool *pool, const Expr *variance, double epsilon)
{
    const Expr *raised = sum_of(pool, variance, expr_real(pool, variance->type, epsilon));
    return ratio_of(pool, expr_real(pool, variance->type, 1), expr_unary(pool, EXPR_sqrt, raised));
}

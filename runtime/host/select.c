/* SPDX-License-Identifier: Apache-2.0
 *
 * NonZero, Compress and NonMaxSuppression: what of a tensor is chosen by its data.
 */
#include "runtime/element.h"
#include "runtime/host/host.h"
#include "runtime/host/order.h"

#include <string.h>

static bool is_zero(const TnTensor *x, int64_t i)
{
    const char *element = (const char *)x->data + (size_t)i * element_bytes(x->element);
    if (x->element == TN_STRING)
        return ((const TnString *)x->data)[i].length == 0;
    return element_kind(x->element) == ELEMENT_KIND_FLOAT
               ? element_to_double(x->element, element) == 0
               : element_to_int64(x->element, element) == 0;
}

/* y[d, n]: the n-th place, in row-major order, of an element that is not zero. */
TnStatus host_non_zero(HostCall *call)
{
    const TnTensor *x = host_tensor(call, 0);
    int64_t count = tensor_count(x), found = 0;
    for (int64_t i = 0; i < count; i++)
        found += !is_zero(x, i);
    int64_t *y = host_output(call, 0, 2, (int64_t[]){x->rank, found});
    if (!y)
        return call->status;
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        if (is_zero(x, i))
            continue;
        int64_t rest = i;
        for (int d = x->rank - 1; d >= 0; d--) {
            y[d * found + n] = rest % x->dims[d];
            rest /= x->dims[d];
        }
        n++;
    }
    return TN_OK;
}

/* The slices along an axis, or the elements, where the condition holds. */
TnStatus host_compress(HostCall *call)
{
    const TnTensor *x = host_tensor(call, 0), *condition = host_tensor(call, 1);
    const bool *chosen = condition->data;
    int64_t axis = host_int(call, "axis");
    bool flat = axis == INT64_MIN;
    axis += !flat && axis < 0 ? x->rank : 0;
    int64_t outer = 1, length = flat ? tensor_count(x) : x->dims[axis], inner = 1, kept = 0;
    for (int d = 0; !flat && d < x->rank; d++)
        *(d < axis ? &outer : &inner) *= d == axis ? 1 : x->dims[d];
    int64_t limit = condition->dims[0] < length ? condition->dims[0] : length;
    for (int64_t i = 0; i < limit; i++)
        kept += chosen[i];
    int64_t dims[TN_MAX_RANK];
    memcpy(dims, x->dims, sizeof dims);
    dims[flat ? 0 : axis] = kept;
    char *y = host_output(call, 0, flat ? 1 : x->rank, dims);
    if (!y)
        return call->status;
    size_t bytes = (size_t)inner * element_bytes(x->element);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < limit; i++)
            if (chosen[i]) {
                memcpy(y, (const char *)x->data + (size_t)(o * length + i) * bytes, bytes);
                y += bytes;
            }
    return TN_OK;
}

/* ---- NonMaxSuppression ------------------------------------------------------------------- */

typedef struct Box {
    float y0, x0, y1, x1;
} Box;

static Box box_of(const float *corners, bool by_centre)
{
    if (by_centre) { /* x, y, width, height */
        float w = corners[2] / 2, h = corners[3] / 2;
        return (Box){corners[1] - h, corners[0] - w, corners[1] + h, corners[0] + w};
    }
    const float *c = corners;
    return (Box){c[0] < c[2] ? c[0] : c[2], c[1] < c[3] ? c[1] : c[3], c[0] < c[2] ? c[2] : c[0],
                 c[1] < c[3] ? c[3] : c[1]};
}

static float overlap(Box a, Box b)
{
    float y0 = a.y0 > b.y0 ? a.y0 : b.y0, y1 = a.y1 < b.y1 ? a.y1 : b.y1;
    float x0 = a.x0 > b.x0 ? a.x0 : b.x0, x1 = a.x1 < b.x1 ? a.x1 : b.x1;
    if (y1 <= y0 || x1 <= x0)
        return 0;
    float both = (y1 - y0) * (x1 - x0);
    float either = (a.y1 - a.y0) * (a.x1 - a.x0) + (b.y1 - b.y0) * (b.x1 - b.x0) - both;
    return either > 0 ? both / either : 0;
}

static bool score_before(const void *context, int64_t a, int64_t b)
{
    const float *scores = context;
    return scores[a] > scores[b];
}

typedef struct Suppression {
    int64_t most;
    float overlap_limit, score_limit;
    bool has_score_limit, by_centre;
    int64_t *positions, *spare, *kept;
} Suppression;

/* The boxes that stay, best first, in s->kept; answers how many. */
static int64_t suppress(const Suppression *s, const float *boxes, const float *scores,
                        int64_t count)
{
    int64_t kept = 0, candidates = 0;
    for (int64_t i = 0; i < count; i++)
        if (!s->has_score_limit || scores[i] > s->score_limit)
            s->positions[candidates++] = i;
    order_sort(s->positions, s->spare, candidates, score_before, scores);
    for (int64_t i = 0; i < candidates && kept < s->most; i++) {
        Box box = box_of(boxes + 4 * s->positions[i], s->by_centre);
        bool stays = true;
        for (int64_t j = 0; j < kept && stays; j++)
            stays = overlap(box, box_of(boxes + 4 * s->kept[j], s->by_centre)) <= s->overlap_limit;
        if (stays)
            s->kept[kept++] = s->positions[i];
    }
    return kept;
}

static float optional_float(const HostCall *call, int i)
{
    const TnTensor *tensor = host_tensor(call, i);
    return tensor ? ((const float *)tensor->data)[0] : 0;
}

/* Greedy, for each batch and class by itself. y[n] = {batch, class, box}. */
TnStatus host_non_max_suppression(HostCall *call)
{
    const TnTensor *boxes = host_tensor(call, 0), *scores = host_tensor(call, 1);
    const TnTensor *most = host_tensor(call, 2);
    int64_t batches = scores->dims[0], classes = scores->dims[1], count = scores->dims[2];
    if (boxes->dims[0] != batches || boxes->dims[1] != count || boxes->dims[2] != 4)
        return host_error(call, "boxes must be [%lld, %lld, 4]", (long long)batches,
                          (long long)count);
    int64_t bytes = count * 8, groups = batches * classes;
    Suppression s = {.most = most ? tensor_int64(most, 0) : 0,
                     .overlap_limit = optional_float(call, 3),
                     .score_limit = optional_float(call, 4),
                     .has_score_limit = host_tensor(call, 4) != NULL,
                     .by_centre = host_int(call, "center_point_box") != 0,
                     .positions = host_scratch(call, bytes),
                     .spare = host_scratch(call, bytes),
                     .kept = host_scratch(call, bytes)};
    if (!s.positions || !s.spare || !s.kept)
        return call->status;
    int64_t total = 0;
    for (int64_t g = 0; g < groups; g++)
        total += suppress(&s, (const float *)boxes->data + g / classes * count * 4,
                          (const float *)scores->data + g * count, count);
    int64_t *y = host_output(call, 0, 2, (int64_t[]){total, 3});
    if (!y)
        return call->status;
    for (int64_t g = 0; g < groups; g++) {
        int64_t kept = suppress(&s, (const float *)boxes->data + g / classes * count * 4,
                                (const float *)scores->data + g * count, count);
        for (int64_t i = 0; i < kept; i++, y += 3) {
            y[0] = g / classes;
            y[1] = g % classes;
            y[2] = s.kept[i];
        }
    }
    return TN_OK;
}

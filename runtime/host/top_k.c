/* SPDX-License-Identifier: Apache-2.0
 *
 * TopK: the k largest or smallest along an axis, in order; of equal ones the lower index first.
 */
#include "runtime/element.h"
#include "runtime/host/host.h"
#include "runtime/host/order.h"

#include <string.h>

static bool key_before(const void *context, int64_t a, int64_t b)
{
    const uint64_t *keys = context;
    return keys[a] < keys[b];
}

TnStatus host_top_k(HostCall *call)
{
    const TnTensor *x = host_tensor(call, 0);
    int64_t k = tensor_int64(host_tensor(call, 1), 0), axis = host_int(call, "axis");
    axis += axis < 0 ? x->rank : 0;
    int64_t length = x->dims[axis], outer = 1, inner = 1;
    if (k < 0 || k > length)
        return host_error(call, "k is %lld; the axis has %lld elements", (long long)k,
                          (long long)length);
    for (int d = 0; d < x->rank; d++)
        *(d < axis ? &outer : &inner) *= d == axis ? 1 : x->dims[d];
    int64_t dims[TN_MAX_RANK];
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = k;
    char *values = host_output(call, 0, x->rank, dims);
    int64_t *indices = host_output(call, 1, x->rank, dims);
    uint64_t *keys = host_scratch(call, length * 8);
    int64_t *positions = host_scratch(call, length * 8), *spare = host_scratch(call, length * 8);
    if (!values || !indices || !keys || !positions || !spare)
        return call->status;
    size_t size = element_bytes(x->element);
    const char *data = x->data;
    bool largest = host_int(call, "largest") != 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            for (int64_t at = 0; at < length; at++) {
                const char *element = data + (size_t)((o * length + at) * inner + i) * size;
                uint64_t key = order_key(x->element, element);
                keys[at] = largest ? ~key : key;
                positions[at] = at;
            }
            order_sort(positions, spare, length, key_before, keys);
            for (int64_t at = 0; at < k; at++) {
                int64_t from = (o * length + positions[at]) * inner + i;
                int64_t to = (o * k + at) * inner + i;
                memcpy(values + (size_t)to * size, data + (size_t)from * size, size);
                indices[to] = positions[at];
            }
        }
    return TN_OK;
}

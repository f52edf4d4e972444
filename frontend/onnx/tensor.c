/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors of a document. Elements come in one of seven fields, packed or typed; the first pass
 * finds which, counts and compares with dims, and only then is memory asked for, so that no dims
 * can ask for more than the file backs. A sparse tensor may be larger than its file, up to a limit.
 */
#include "frontend/onnx/tensor.h"

#include <string.h>

enum { MOST_SPARSE_ELEMENTS = 1 << 22 }; /* made dense */

typedef struct Import {
    Arena *arena;
    const TensorProto *tensor;
    Location location;
    ExternalData *external;
    Diagnostics *diagnostics;
    TnElementType element;
    int64_t count, bytes; /* bytes as a file holds them */
} Import;

#define FAIL(import, ...) error_at((import)->diagnostics, (import)->location, __VA_ARGS__)

/* ---- Shape --------------------------------------------------------------------------------- */

static bool count_elements(Import *import, const int64_t *dims, int64_t rank)
{
    if (rank > MAX_RANK)
        return unsupported_at(import->diagnostics, import->location,
                              "a tensor of rank %lld; ranks up to %d are", (long long)rank,
                              MAX_RANK);
    import->count = 1;
    for (int64_t d = 0; d < rank; d++) {
        if (dims[d] < 0 || dims[d] > SIZE_LIMIT)
            return FAIL(import, "dimension %lld of the tensor is %lld", (long long)d,
                        (long long)dims[d]);
        if (__builtin_mul_overflow(import->count, dims[d], &import->count))
            return FAIL(import, "the tensor's element count overflows");
    }
    return true;
}

static bool read_type(Import *import, int32_t type)
{
    if (!element_is_valid(type))
        return FAIL(import, "element type %d is not one of ONNX's", type);
    import->element = (TnElementType)type;
    return true;
}

/* ---- Data ---------------------------------------------------------------------------------- */

typedef enum Storage {
    STORAGE_none,
    STORAGE_raw,
    STORAGE_float,
    STORAGE_int32,
    STORAGE_int64,
    STORAGE_uint64,
    STORAGE_double,
    STORAGE_string,
} Storage;

static const char *storage_name(Storage storage)
{
    static const char *const names[] = {"no data",    "raw_data",    "float_data",  "int32_data",
                                        "int64_data", "uint64_data", "double_data", "string_data"};
    return names[storage];
}

/* The field that holds typed elements of a type. */
static Storage typed_storage(TnElementType element)
{
    switch (element) {
    case TN_FLOAT:
    case TN_COMPLEX64: return STORAGE_float;
    case TN_DOUBLE:
    case TN_COMPLEX128: return STORAGE_double;
    case TN_INT64: return STORAGE_int64;
    case TN_UINT32:
    case TN_UINT64: return STORAGE_uint64;
    case TN_STRING: return STORAGE_string;
    case TN_UNDEFINED: return STORAGE_none;
    case TN_UINT8:
    case TN_INT8:
    case TN_UINT16:
    case TN_INT16:
    case TN_INT32:
    case TN_BOOL:
    case TN_FLOAT16:
    case TN_BFLOAT16:
    case TN_FLOAT8E4M3FN:
    case TN_FLOAT8E4M3FNUZ:
    case TN_FLOAT8E5M2:
    case TN_FLOAT8E5M2FNUZ:
    case TN_UINT4:
    case TN_INT4:
    case TN_FLOAT4E2M1:
    case TN_FLOAT8E8M0:
    case TN_UINT2:
    case TN_INT2:
    case TN_FLOAT6E2M3:
    case TN_FLOAT6E3M2: return STORAGE_int32;
    }
    return STORAGE_none;
}

/* Which field holds data; false if several do. */
static bool find_storage(Import *import, Storage *storage)
{
    const TensorProto *tensor = import->tensor;
    const bool present[] = {
        [STORAGE_raw] = tensor->raw_data.length > 0,
        [STORAGE_float] = tensor->float_data.count > 0,
        [STORAGE_int32] = tensor->int32_data.count > 0,
        [STORAGE_int64] = tensor->int64_data.count > 0,
        [STORAGE_uint64] = tensor->uint64_data.count > 0,
        [STORAGE_double] = tensor->double_data.count > 0,
        [STORAGE_string] = tensor->string_data.count > 0,
    };
    *storage = STORAGE_none;
    for (int i = STORAGE_raw; i <= STORAGE_string; i++) {
        if (!present[i])
            continue;
        if (*storage)
            return FAIL(import, "the tensor has both %s and %s", storage_name(*storage),
                        storage_name((Storage)i));
        *storage = (Storage)i;
    }
    if (*storage == STORAGE_raw ? import->element == TN_STRING
                                : *storage && *storage != typed_storage(import->element))
        return FAIL(import, "elements of type %s cannot be in %s", element_name(import->element),
                    storage_name(*storage));
    return true;
}

static bool all_bools(const unsigned char *data, int64_t count)
{
    unsigned char any = 0;
    for (int64_t i = 0; i < count; i++)
        any |= data[i];
    return any <= 1;
}

static Constant *fail_memory(Import *import)
{
    no_memory_at(import->diagnostics, import->location, "a tensor of %lld elements",
                 (long long)import->count);
    return NULL;
}

static Constant *allocate(Import *import, void **data)
{
    const TensorProto *tensor = import->tensor;
    Constant *constant = constant_try(import->arena, import->element, (int)tensor->dims.count,
                                      tensor->dims.items, data);
    return constant ? constant : fail_memory(import);
}

static Constant *borrow(Import *import, const void *data)
{
    const TensorProto *tensor = import->tensor;
    Constant *constant = constant_create(import->arena, import->element, (int)tensor->dims.count,
                                         tensor->dims.items, data);
    return constant ? constant : fail_memory(import);
}

/* A file's bytes, of which there are import->bytes. */
static Constant *from_packed(Import *import, const void *packed)
{
    TnElementType element = import->element;
    void *data;
    if (element_bits(element) % 8 == 0 &&
        !(element == TN_BOOL && !all_bools(packed, import->count)))
        return borrow(import, packed);
    Constant *constant = allocate(import, &data);
    if (!constant)
        return NULL;
    if (element != TN_BOOL)
        element_unpack(element, import->count, packed, data);
    for (int64_t i = 0; element == TN_BOOL && i < import->count; i++)
        ((bool *)data)[i] = ((const unsigned char *)packed)[i] != 0;
    return constant;
}

/* How many entries of int32_data hold the elements: 4- and 2-bit elements are packed in bytes. */
static int64_t entry_count(TnElementType element, int64_t count)
{
    int64_t bits = element_bits(element);
    return bits < 6 ? (count * bits + 7) / 8 : count;
}

/* Entries of int32_data are narrowed to the element's own width. */
static Constant *from_int32(Import *import)
{
    const int32_t *entries = import->tensor->int32_data.items;
    int64_t entry = entry_count(import->element, import->count);
    size_t width = element_bytes(import->element);
    void *data;
    Constant *constant = allocate(import, &data);
    if (!constant)
        return NULL;
    if (element_bits(import->element) < 6) {
        unsigned char *packed = arena_try(import->arena, (size_t)entry);
        if (!packed)
            return fail_memory(import);
        for (int64_t i = 0; i < entry; i++)
            packed[i] = (unsigned char)entries[i];
        element_unpack(import->element, import->count, packed, data);
        return constant;
    }
    for (int64_t i = 0; i < import->count; i++) {
        int32_t value = import->element == TN_BOOL ? entries[i] != 0 : entries[i];
        memcpy((char *)data + (size_t)i * width, &value, width);
    }
    return constant;
}

static Constant *from_uint32(Import *import)
{
    void *data;
    Constant *constant = allocate(import, &data);
    for (int64_t i = 0; constant && i < import->count; i++)
        ((uint32_t *)data)[i] = (uint32_t)import->tensor->uint64_data.items[i];
    return constant;
}

static int64_t stored_entries(const TensorProto *tensor, Storage storage)
{
    switch (storage) {
    case STORAGE_none: return 0;
    case STORAGE_raw: return tensor->raw_data.length;
    case STORAGE_float: return tensor->float_data.count;
    case STORAGE_int32: return tensor->int32_data.count;
    case STORAGE_int64: return tensor->int64_data.count;
    case STORAGE_uint64: return tensor->uint64_data.count;
    case STORAGE_double: return tensor->double_data.count;
    case STORAGE_string: return tensor->string_data.count;
    }
    return 0;
}

static int64_t expected_entries(const Import *import, Storage storage)
{
    bool is_complex = element_kind(import->element) == ELEMENT_KIND_COMPLEX;
    if (storage == STORAGE_raw)
        return import->bytes;
    if (storage == STORAGE_int32)
        return entry_count(import->element, import->count);
    return is_complex ? 2 * import->count : import->count;
}

static Constant *from_storage(Import *import, Storage storage)
{
    const TensorProto *tensor = import->tensor;
    int64_t expected = expected_entries(import, storage), found = stored_entries(tensor, storage);
    if (expected != found) {
        FAIL(import, "%s has %lld %s, and a tensor of %lld %s elements needs %lld",
             storage_name(storage), (long long)found, storage == STORAGE_raw ? "bytes" : "entries",
             (long long)import->count, element_name(import->element), (long long)expected);
        return NULL;
    }
    switch (storage) {
    case STORAGE_none: return borrow(import, "");
    case STORAGE_raw: return from_packed(import, tensor->raw_data.data);
    case STORAGE_float: return borrow(import, tensor->float_data.items);
    case STORAGE_int32: return from_int32(import);
    case STORAGE_int64: return borrow(import, tensor->int64_data.items);
    case STORAGE_double: return borrow(import, tensor->double_data.items);
    case STORAGE_string: return borrow(import, tensor->string_data.items);
    case STORAGE_uint64:
        return import->element == TN_UINT32 ? from_uint32(import)
                                            : borrow(import, tensor->uint64_data.items);
    }
    return NULL;
}

static Constant *from_external(Import *import)
{
    const char *file;
    int64_t offset;
    if (!import->external || import->element == TN_STRING) {
        FAIL(import, import->external ? "strings cannot be external data"
                                      : "external data is not allowed here");
        return NULL;
    }
    const void *data = external_data_find(import->external, import->tensor, import->location,
                                          import->bytes, &file, &offset);
    Constant *constant = data ? from_packed(import, data) : NULL;
    if (constant) {
        constant->external_location = file;
        constant->external_offset = offset;
    }
    return constant;
}

static bool begin(Import *import)
{
    const TensorProto *tensor = import->tensor;
    if (!read_type(import, tensor->data_type) ||
        !count_elements(import, tensor->dims.items, tensor->dims.count))
        return false;
    if (tensor->has_segment)
        return unsupported_at(import->diagnostics, import->location, "tensors in segments");
    if (import->element == TN_STRING)
        return import->count <= INT64_MAX / 16 || FAIL(import, "the tensor's size overflows");
    if (!element_packed_bytes(import->element, import->count, &import->bytes) ||
        import->bytes > INT64_MAX / 16)
        return FAIL(import, "the tensor's size overflows");
    return true;
}

const Constant *tensor_import(Arena *arena, const TensorProto *tensor, Location location,
                              ExternalData *external, Diagnostics *diagnostics)
{
    Import import = {arena, tensor, location, external, diagnostics, TN_UNDEFINED, 0, 0};
    Storage storage;
    if (!begin(&import) || !find_storage(&import, &storage))
        return NULL;
    if (tensor->data_location == PROTO_LOCATION_EXTERNAL) {
        if (!storage)
            return from_external(&import);
        FAIL(&import, "the tensor has external data and %s", storage_name(storage));
        return NULL;
    }
    if (tensor->data_location != PROTO_LOCATION_DEFAULT) {
        FAIL(&import, "data location %d is not valid", tensor->data_location);
        return NULL;
    }
    if (storage == STORAGE_none && import.count) {
        FAIL(&import, "the tensor has no data, and needs %lld elements", (long long)import.count);
        return NULL;
    }
    return from_storage(&import, storage);
}

/* ---- Sparse -------------------------------------------------------------------------------- */

/* The row-major number of the element that entry i of the indices means; -1 if it is outside. */
static int64_t sparse_position(const Constant *indices, int64_t i, const int64_t *dims, int rank,
                               int64_t count)
{
    if (indices->rank == 1) {
        int64_t position = constant_get_int64(indices, i);
        return position < 0 || position >= count ? -1 : position;
    }
    int64_t position = 0;
    for (int d = 0; d < rank; d++) {
        int64_t index = constant_get_int64(indices, i * rank + d);
        if (index < 0 || index >= dims[d])
            return -1;
        position = position * dims[d] + index;
    }
    return position;
}

static bool check_sparse(Import *import, const Constant *values, const Constant *indices, int rank)
{
    int64_t count = values->count;
    if (values->rank != 1)
        return FAIL(import, "the values of a sparse tensor have rank %d, expected 1", values->rank);
    bool linear = indices->rank == 1 && indices->dims[0] == count;
    bool tuples = indices->rank == 2 && indices->dims[0] == count && indices->dims[1] == rank;
    if (indices->element != TN_INT64 || (!linear && !tuples))
        return FAIL(import, "the indices of a sparse tensor must be int64[%lld] or int64[%lld, %d]",
                    (long long)count, (long long)count, rank);
    return true;
}

static const Constant *densify(Import *import, const SparseTensorProto *tensor,
                               const Constant *values, const Constant *indices)
{
    const int64_t *dims = tensor->dims.items;
    int rank = (int)tensor->dims.count;
    size_t width = element_bytes(values->element);
    void *data;
    Constant *dense = constant_try(import->arena, values->element, rank, dims, &data);
    if (!dense)
        return fail_memory(import);
    for (int64_t i = 0, last = -1; i < values->count; i++) {
        int64_t position = sparse_position(indices, i, dims, rank, dense->count);
        if (position < 0 || position <= last) {
            FAIL(import, "index %lld of a sparse tensor is %s", (long long)i,
                 position < 0 ? "outside of its shape" : "not larger than the one before it");
            return NULL;
        }
        memcpy((char *)data + (size_t)position * width,
               (const char *)values->data + (size_t)i * width, width);
        last = position;
    }
    return dense;
}

const Constant *sparse_tensor_import(Arena *arena, const SparseTensorProto *tensor,
                                     Location location, ExternalData *external,
                                     Diagnostics *diagnostics)
{
    Import import = {arena, NULL, location, external, diagnostics, TN_UNDEFINED, 0, 0};
    if (!tensor->values || !tensor->indices) {
        FAIL(&import, "a sparse tensor without %s", tensor->values ? "indices" : "values");
        return NULL;
    }
    const Constant *values = tensor_import(arena, tensor->values, location, external, diagnostics);
    const Constant *indices =
        values ? tensor_import(arena, tensor->indices, location, external, diagnostics) : NULL;
    if (!indices || !count_elements(&import, tensor->dims.items, tensor->dims.count))
        return NULL;
    if (!check_sparse(&import, values, indices, (int)tensor->dims.count))
        return NULL;
    if (values->element == TN_STRING || import.count > MOST_SPARSE_ELEMENTS) {
        unsupported_at(diagnostics, location,
                       "a sparse tensor of %lld elements of type %s; up to %d numbers are",
                       (long long)import.count, element_name(values->element),
                       MOST_SPARSE_ELEMENTS);
        return NULL;
    }
    return densify(&import, tensor, values, indices);
}

/* ---- Export -------------------------------------------------------------------------------- */

TensorProto *tensor_export(Arena *arena, const Constant *constant, const char *name)
{
    TensorProto *tensor = MESSAGE_NEW(arena, TensorProto);
    int64_t bytes;
    for (int d = 0; d < constant->rank; d++)
        array_push(arena, &tensor->dims, constant->dims[d]);
    PROTO_SET(tensor, data_type, (int32_t)constant->element);
    if (name)
        PROTO_SET(tensor, name, proto_string(name));
    if (constant->element == TN_STRING) {
        for (int64_t i = 0; i < constant->count; i++) {
            TnString string;
            memcpy(&string, (const TnString *)constant->data + i, sizeof string);
            array_push(arena, &tensor->string_data, string);
        }
        return tensor;
    }
    if (!element_packed_bytes(constant->element, constant->count, &bytes))
        return NULL;
    if (element_bits(constant->element) % 8 == 0) {
        PROTO_SET(tensor, raw_data, (TnString){constant->data, bytes});
        return tensor;
    }
    char *packed = arena_try(arena, (size_t)bytes + 1);
    if (!packed)
        return NULL;
    element_pack(constant->element, constant->count, constant->data, packed);
    PROTO_SET(tensor, raw_data, (TnString){packed, bytes});
    return tensor;
}

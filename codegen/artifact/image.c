/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of records, and the walk; see image.h.
 */
#include "codegen/artifact/image.h"

#include "ir/support/text.h"
#include "runtime/host/host.h"

#include <assert.h>
#include <string.h>

/* ---- Records ----------------------------------------------------------------------------- */

#define SCALAR(Type, label, kind_)                                                                 \
    static const ImageField label##_fields[] = {{.kind = IMAGE_##kind_, .tag = -1}};               \
    static const ImageRecord label = {#Type, sizeof(Type), _Alignof(Type), 1, label##_fields, 0};
#define RECORD(Type, ...)                                                                          \
    static const ImageField Type##_fields[] = {__VA_ARGS__};                                       \
    static const ImageRecord Type##_record = {                                                     \
        #Type, sizeof(Type), _Alignof(Type), (int)COUNT_OF(Type##_fields), Type##_fields, 0};
#define FIELD(Type, member, kind_)                                                                 \
    {                                                                                              \
        .name = #member, .kind = IMAGE_##kind_, .offset = offsetof(Type, member), .tag = -1        \
    }
#define ITEMS(Type, member, kind_, length_)                                                        \
    {                                                                                              \
        .name = #member, .kind = IMAGE_##kind_, .offset = offsetof(Type, member),                  \
        .length = (length_), .tag = -1                                                             \
    }
#define EMBED(Type, member, record_, length_)                                                      \
    {                                                                                              \
        .name = #member, .kind = IMAGE_record, .offset = offsetof(Type, member),                   \
        .record = &record_, .length = (length_), .tag = -1                                         \
    }
#define POINTER(Type, member, record_, count_)                                                     \
    {                                                                                              \
        .name = #member, .kind = IMAGE_pointer, .offset = offsetof(Type, member),                  \
        .record = &record_, .count_offset = offsetof(Type, count_),                                \
        .count_is_64 = sizeof(((Type *)0)->count_) == 8, .tag = -1                                 \
    }
#define SINGLE(Type, member, record_)                                                              \
    {                                                                                              \
        .name = #member, .kind = IMAGE_pointer, .offset = offsetof(Type, member),                  \
        .record = &record_, .count_offset = SIZE_MAX, .tag = -1                                    \
    }
#define MEMBER(Type, member, record_, tag_)                                                        \
    {                                                                                              \
        .name = #member, .kind = IMAGE_record, .offset = offsetof(Type, member),                   \
        .record = &record_, .tag = (tag_)                                                          \
    }

SCALAR(int32_t, int32_record, int32)
SCALAR(uint32_t, uint32_record, uint32)
SCALAR(int64_t, int64_record, int64)
SCALAR(float, float_record, float)
SCALAR(unsigned char, byte_record, byte)

RECORD(Size, FIELD(Size, slot, int32), FIELD(Size, number, int64))
RECORD(SizeInstruction, FIELD(SizeInstruction, operation, int32),
       FIELD(SizeInstruction, target, int32), EMBED(SizeInstruction, a, Size_record, 0),
       EMBED(SizeInstruction, b, Size_record, 0), EMBED(SizeInstruction, c, Size_record, 0))
RECORD(ProgramValue, FIELD(ProgramValue, kind, int32), FIELD(ProgramValue, buffer, int32),
       FIELD(ProgramValue, element, int32), FIELD(ProgramValue, rank, int32),
       EMBED(ProgramValue, dims, Size_record, TN_MAX_RANK))
RECORD(TnString, POINTER(TnString, data, byte_record, length), FIELD(TnString, length, int64))
RECORD(Bind, FIELD(Bind, target, int32), EMBED(Bind, source, Size_record, 0))

/* Strings of a constant: `bytes` of them counts bytes, so the count is worked out by the walk. */
RECORD(Buffer, FIELD(Buffer, kind, int32),
       {.name = "constant",
        .kind = IMAGE_pointer,
        .offset = offsetof(Buffer, constant),
        .record = &TnString_record,
        .count_offset = SIZE_MAX,
        .tag = -1},
       EMBED(Buffer, offset, Size_record, 0), EMBED(Buffer, bytes, Size_record, 0),
       FIELD(Buffer, is_string, bool), FIELD(Buffer, is_output, bool))

RECORD(PhaseStep, FIELD(PhaseStep, code, function), FIELD(PhaseStep, buffer_count, int32),
       POINTER(PhaseStep, buffers, int32_record, buffer_count), FIELD(PhaseStep, is_parallel, bool),
       EMBED(PhaseStep, extent, Size_record, 0), FIELD(PhaseStep, cost, double),
       EMBED(PhaseStep, flops, Size_record, 0))

/* The elements of a tensor: bytes, or strings. */
RECORD(TnTensor, FIELD(TnTensor, element, int32), FIELD(TnTensor, rank, int32),
       ITEMS(TnTensor, dims, int64, TN_MAX_RANK),
       {.name = "data",
        .kind = IMAGE_pointer,
        .offset = offsetof(TnTensor, data),
        .record = &byte_record,
        .count_offset = SIZE_MAX,
        .tag = -1})
RECORD(IntList, FIELD(IntList, count, int64), POINTER(IntList, items, int64_record, count))
RECORD(FloatList, FIELD(FloatList, count, int64), POINTER(FloatList, items, float_record, count))
RECORD(StringList, FIELD(StringList, count, int64),
       POINTER(StringList, items, TnString_record, count))
RECORD(HostAttribute, FIELD(HostAttribute, name, string), FIELD(HostAttribute, kind, int32),
       FIELD(HostAttribute, integer, int64), FIELD(HostAttribute, real, float),
       EMBED(HostAttribute, string, TnString_record, 0),
       EMBED(HostAttribute, integers, IntList_record, 0),
       EMBED(HostAttribute, reals, FloatList_record, 0),
       EMBED(HostAttribute, strings, StringList_record, 0),
       SINGLE(HostAttribute, tensor, TnTensor_record))
RECORD(HostStep, FIELD(HostStep, function, function), FIELD(HostStep, operator_name, string),
       FIELD(HostStep, input_count, int32), FIELD(HostStep, output_count, int32),
       FIELD(HostStep, attribute_count, int32),
       POINTER(HostStep, inputs, ProgramValue_record, input_count),
       POINTER(HostStep, outputs, ProgramValue_record, output_count),
       POINTER(HostStep, binds, uint32_record, output_count),
       POINTER(HostStep, attributes, HostAttribute_record, attribute_count))
RECORD(SizeStep, FIELD(SizeStep, count, int32),
       POINTER(SizeStep, instructions, SizeInstruction_record, count))
RECORD(BindStep, FIELD(BindStep, count, int32), POINTER(BindStep, binds, Bind_record, count),
       EMBED(BindStep, tensor, ProgramValue_record, 0), FIELD(BindStep, what, string))
RECORD(CheckStep, EMBED(CheckStep, condition, Size_record, 0), FIELD(CheckStep, message, string))
RECORD(AssignStep, EMBED(AssignStep, to, ProgramValue_record, 0),
       EMBED(AssignStep, from, ProgramValue_record, 0), FIELD(AssignStep, share, bool))
RECORD(AllocateStep, FIELD(AllocateStep, buffer, int32), EMBED(AllocateStep, bytes, Size_record, 0))
RECORD(HaloDim, EMBED(HaloDim, extent, Size_record, 0), FIELD(HaloDim, halo, int64))
RECORD(HaloStep, FIELD(HaloStep, buffer, int32), FIELD(HaloStep, rank, int32),
       FIELD(HaloStep, element_bytes, int32), FIELD(HaloStep, element, int64),
       POINTER(HaloStep, dims, HaloDim_record, rank), EMBED(HaloStep, inner, Size_record, 0))

extern const ImageRecord image_block_record;
static const ImageField IfStep_fields[] = {
    EMBED(IfStep, condition, ProgramValue_record, 0),
    {.name = "branches[0]",
     .kind = IMAGE_pointer,
     .offset = offsetof(IfStep, branches),
     .record = &image_block_record,
     .count_offset = SIZE_MAX,
     .tag = -1},
    {.name = "branches[1]",
     .kind = IMAGE_pointer,
     .offset = offsetof(IfStep, branches) + sizeof(Block *),
     .record = &image_block_record,
     .count_offset = SIZE_MAX,
     .tag = -1},
};
static const ImageRecord IfStep_record = {
    "IfStep", sizeof(IfStep), _Alignof(IfStep), (int)COUNT_OF(IfStep_fields), IfStep_fields, 0};

RECORD(LoopSlice, EMBED(LoopSlice, whole, ProgramValue_record, 0),
       EMBED(LoopSlice, slice, ProgramValue_record, 0), FIELD(LoopSlice, axis, int32),
       FIELD(LoopSlice, reverse, bool), FIELD(LoopSlice, by_pointer, bool),
       FIELD(LoopSlice, is_dynamic, bool), FIELD(LoopSlice, count_symbol, int32),
       FIELD(LoopSlice, binds, uint32))
RECORD(LoopState, EMBED(LoopState, state, ProgramValue_record, 0),
       EMBED(LoopState, next, ProgramValue_record, 0), FIELD(LoopState, by_pointer, bool))
RECORD(LoopStep, EMBED(LoopStep, trip_count, ProgramValue_record, 0),
       EMBED(LoopStep, condition, ProgramValue_record, 0), EMBED(LoopStep, length, Size_record, 0),
       FIELD(LoopStep, is_scan, bool), FIELD(LoopStep, iteration, int32),
       FIELD(LoopStep, condition_in, int32), EMBED(LoopStep, condition_out, ProgramValue_record, 0),
       FIELD(LoopStep, carried_count, int32), FIELD(LoopStep, input_count, int32),
       FIELD(LoopStep, output_count, int32), FIELD(LoopStep, bind_count, int32),
       POINTER(LoopStep, carried, LoopState_record, carried_count),
       POINTER(LoopStep, inputs, LoopSlice_record, input_count),
       POINTER(LoopStep, outputs, LoopSlice_record, output_count),
       POINTER(LoopStep, binds, Bind_record, bind_count),
       SINGLE(LoopStep, body, image_block_record))

static const ImageField Step_fields[] = {
    FIELD(Step, kind, int32),
    FIELD(Step, name, string),
    {.name = "operator", .kind = IMAGE_string, .offset = offsetof(Step, operator), .tag = -1},
    MEMBER(Step, phase, PhaseStep_record, STEP_phase),
    MEMBER(Step, host, HostStep_record, STEP_host),
    MEMBER(Step, size, SizeStep_record, STEP_size),
    MEMBER(Step, bind, BindStep_record, STEP_bind),
    MEMBER(Step, check, CheckStep_record, STEP_check),
    MEMBER(Step, assign, AssignStep_record, STEP_assign),
    MEMBER(Step, allocate, AllocateStep_record, STEP_allocate),
    MEMBER(Step, halo, HaloStep_record, STEP_halo),
    MEMBER(Step, branch, IfStep_record, STEP_if),
    MEMBER(Step, loop, LoopStep_record, STEP_loop),
};
static const ImageRecord Step_record = {"Step",         sizeof(Step),
                                        _Alignof(Step), (int)COUNT_OF(Step_fields),
                                        Step_fields,    offsetof(Step, kind)};

static const ImageField Block_fields[] = {FIELD(Block, step_count, int64),
                                          POINTER(Block, steps, Step_record, step_count)};
const ImageRecord image_block_record = {"Block", sizeof(Block), _Alignof(Block),
                                        2,       Block_fields,  0};

RECORD(Port, FIELD(Port, name, string), EMBED(Port, value, ProgramValue_record, 0),
       FIELD(Port, binds, uint32), FIELD(Port, type, string))
RECORD(SymbolRange, FIELD(SymbolRange, name, string), FIELD(SymbolRange, lower, int64),
       FIELD(SymbolRange, upper, int64))
RECORD(AppendedState, FIELD(AppendedState, input, int32), FIELD(AppendedState, output, int32),
       FIELD(AppendedState, axis, int32), FIELD(AppendedState, capacity, int64))
RECORD(ReplaceableWeight, FIELD(ReplaceableWeight, input, int32),
       FIELD(ReplaceableWeight, offset, int64))
static const ImageRecord Program_record;
RECORD(SpecialProgram, FIELD(SpecialProgram, count, int32),
       POINTER(SpecialProgram, sizes, Bind_record, count),
       SINGLE(SpecialProgram, program, Program_record))
RECORD(Program, EMBED(Program, entry, image_block_record, 0),
       EMBED(Program, main, image_block_record, 0), FIELD(Program, buffer_count, int32),
       FIELD(Program, size_count, int32), FIELD(Program, symbol_count, int32),
       FIELD(Program, input_count, int32), FIELD(Program, output_count, int32),
       POINTER(Program, buffers, Buffer_record, buffer_count),
       POINTER(Program, inputs, Port_record, input_count),
       POINTER(Program, outputs, Port_record, output_count),
       POINTER(Program, symbols, SymbolRange_record, symbol_count),
       EMBED(Program, arena, Size_record, 0), FIELD(Program, arena_formula, string),
       FIELD(Program, worker_scratch, int64), FIELD(Program, has_tail, bool),
       FIELD(Program, pointer_count, int32), FIELD(Program, packed_bytes, int64),
       FIELD(Program, weights, weights), FIELD(Program, weight_bytes, int64),
       FIELD(Program, appended_count, int32),
       POINTER(Program, appended, AppendedState_record, appended_count),
       FIELD(Program, replaceable_count, int32),
       POINTER(Program, replaceable, ReplaceableWeight_record, replaceable_count),
       FIELD(Program, special_count, int32),
       POINTER(Program, specials, SpecialProgram_record, special_count),
       FIELD(Program, given_count, int32), POINTER(Program, given, int32_record, given_count))

RECORD(TnArtifactPort, FIELD(TnArtifactPort, name, string), FIELD(TnArtifactPort, type, string),
       FIELD(TnArtifactPort, kind, int32), FIELD(TnArtifactPort, element, int32),
       FIELD(TnArtifactPort, rank, int32), ITEMS(TnArtifactPort, dims, int64, TN_MAX_RANK),
       FIELD(TnArtifactPort, data, int64), FIELD(TnArtifactPort, sizes, int64),
       FIELD(TnArtifactPort, capacity, int64), FIELD(TnArtifactPort, has_own, bool))
RECORD(TnArtifactSize, FIELD(TnArtifactSize, name, string), FIELD(TnArtifactSize, slot, int32),
       FIELD(TnArtifactSize, lower, int64), FIELD(TnArtifactSize, upper, int64),
       FIELD(TnArtifactSize, offset, int64))
RECORD(TnArtifactVariant, FIELD(TnArtifactVariant, cpu, string),
       FIELD(TnArtifactVariant, features, string), FIELD(TnArtifactVariant, cpu_features, int64),
       SINGLE(TnArtifactVariant, program, Program_record))
RECORD(TnArtifactState, FIELD(TnArtifactState, past, int32), FIELD(TnArtifactState, present, int32),
       SINGLE(TnArtifactState, initial, TnTensor_record), FIELD(TnArtifactState, axis, int32),
       FIELD(TnArtifactState, capacity, int64))
RECORD(TnArtifactSelftest, POINTER(TnArtifactSelftest, inputs, TnTensor_record, input_count),
       POINTER(TnArtifactSelftest, outputs, TnTensor_record, output_count),
       POINTER(TnArtifactSelftest, sizes, int64_record, size_count),
       FIELD(TnArtifactSelftest, input_count, int32),
       FIELD(TnArtifactSelftest, output_count, int32), FIELD(TnArtifactSelftest, size_count, int32))
RECORD(TnArtifactInfo, ITEMS(TnArtifactInfo, magic, byte, 8), FIELD(TnArtifactInfo, abi, uint32),
       FIELD(TnArtifactInfo, size, uint32), FIELD(TnArtifactInfo, name, string),
       FIELD(TnArtifactInfo, generator, string), FIELD(TnArtifactInfo, triple, string),
       FIELD(TnArtifactInfo, cpu, string), FIELD(TnArtifactInfo, features, string),
       FIELD(TnArtifactInfo, model_hash, int64), FIELD(TnArtifactInfo, layout, int64),
       FIELD(TnArtifactInfo, cpu_features, int64), FIELD(TnArtifactInfo, arena_bytes, int64),
       FIELD(TnArtifactInfo, thread_bytes, int64), FIELD(TnArtifactInfo, arena_formula, string),
       FIELD(TnArtifactInfo, weight_bytes, int64), FIELD(TnArtifactInfo, weights_file, string),
       FIELD(TnArtifactInfo, has_weights, bool), FIELD(TnArtifactInfo, is_open_ended, bool),
       FIELD(TnArtifactInfo, rtol, double), FIELD(TnArtifactInfo, atol, double),
       FIELD(TnArtifactInfo, input_count, int32), FIELD(TnArtifactInfo, output_count, int32),
       FIELD(TnArtifactInfo, size_count, int32),
       POINTER(TnArtifactInfo, inputs, TnArtifactPort_record, input_count),
       POINTER(TnArtifactInfo, outputs, TnArtifactPort_record, output_count),
       POINTER(TnArtifactInfo, sizes, TnArtifactSize_record, size_count),
       FIELD(TnArtifactInfo, inputs_size, int64), FIELD(TnArtifactInfo, outputs_size, int64),
       SINGLE(TnArtifactInfo, program, Program_record), FIELD(TnArtifactInfo, run, function),
       FIELD(TnArtifactInfo, variant_count, int32),
       POINTER(TnArtifactInfo, variants, TnArtifactVariant_record, variant_count),
       FIELD(TnArtifactInfo, state_count, int32),
       POINTER(TnArtifactInfo, states, TnArtifactState_record, state_count),
       SINGLE(TnArtifactInfo, selftest, TnArtifactSelftest_record))

static uint64_t hash_record(const ImageRecord *record, uint64_t hash, int depth)
{
    hash = hash_bytes(record->name, strlen(record->name), hash);
    hash = hash_combine(hash, record->size);
    for (int i = 0; i < record->field_count; i++) {
        const ImageField *field = &record->fields[i];
        hash = hash_combine(hash, (uint64_t)field->kind << 32 | (uint64_t)field->offset);
        hash = hash_combine(hash, (uint64_t)field->length);
        /* Blocks hold steps, which hold blocks: a few levels see every record. */
        if (field->record && depth < 6)
            hash = hash_record(field->record, hash, depth + 1);
    }
    return hash;
}

const ImageRecord *image_root(void)
{
    return &TnArtifactInfo_record;
}

uint64_t image_layout(void)
{
    return hash_record(&Program_record, TN_ARTIFACT_ABI, 0);
}

/* ---- Pointers ---------------------------------------------------------------------------- */

const char *phase_symbol(const Phase *phase)
{
    return phase->symbol;
}

/* What a pointer field points to: an array, without an object yet. */
typedef struct Pointed {
    const ImageRecord *record;
    const char *data;
    int64_t count;
} Pointed;

static const char *pointer_at(const char *place)
{
    const char *pointer;
    memcpy(&pointer, place, sizeof pointer);
    return pointer;
}

static int64_t count_at(const ImageField *field, const char *element)
{
    int64_t wide;
    int32_t narrow;
    if (field->count_offset == SIZE_MAX)
        return 1;
    memcpy(&wide, element + field->count_offset, field->count_is_64 ? sizeof wide : sizeof narrow);
    memcpy(&narrow, element + field->count_offset, sizeof narrow);
    return field->count_is_64 ? wide : narrow;
}

/* Some pointers have their count, or their type, elsewhere. */
static Pointed target_of(const ImageField *field, const char *element)
{
    Pointed target = {field->record, pointer_at(element + field->offset), 0};
    if (!target.data)
        return target;
    if (field->kind == IMAGE_string) {
        target.record = NULL;
        target.count = (int64_t)strlen(target.data) + 1;
    } else if (field == &TnTensor_fields[3]) {
        const TnTensor *tensor = (const TnTensor *)(const void *)element;
        target.count = (int64_t)tensor_bytes(tensor);
        if (tensor->element == TN_STRING) {
            target.record = &TnString_record;
            target.count = tensor_count(tensor);
        }
    } else if (field == &Buffer_fields[1]) {
        const Buffer *buffer = (const Buffer *)(const void *)element;
        target.count = buffer->bytes.number / (int64_t)sizeof(TnString);
    } else {
        target.count = count_at(field, element);
    }
    return target;
}

bool image_field_is_there(const ImageRecord *record, const ImageField *field, const char *element)
{
    int tag;
    if (field->tag < 0)
        return true;
    memcpy(&tag, element + record->tag_offset, sizeof tag);
    return tag == field->tag;
}

const char *image_function(const Image *image, const ImageField *field, const char *element)
{
    if (field == &PhaseStep_fields[0]) {
        const PhaseStep *step = (const PhaseStep *)(const void *)element;
        return phase_symbol(step->kernel);
    }
    if (field == &HostStep_fields[0]) {
        const HostStep *step = (const HostStep *)(const void *)element;
        const char *name = step->operator_name ? "unbound" : host_name(step->function);
        return arena_format(image->arena, "host_%s", name);
    }
    return arena_format(image->arena, "%s_run", image->name);
}

/* ---- The walk ---------------------------------------------------------------------------- */

/* What an object says: its record, and for each element its scalars and the numbers of the objects
 * that it points to. Equal ones are the same. */
static void append_element(Image *image, const ImageRecord *record, const char *element,
                           Text *content);

static size_t scalar_bytes(ImageKind kind)
{
    switch (kind) {
    case IMAGE_bool:
    case IMAGE_byte: return 1;
    case IMAGE_int32:
    case IMAGE_uint32:
    case IMAGE_float: return 4;
    case IMAGE_int64:
    case IMAGE_double: return 8;
    default: return 0;
    }
}

static int64_t add_target(Image *image, const Pointed *target);
static void note_function(Image *image, const char *name);

static void append_field(Image *image, const ImageField *field, const char *element, Text *content)
{
    const char *at = element + field->offset;
    int length = field->length ? field->length : 1;
    switch (field->kind) {
    case IMAGE_record:
        for (int i = 0; i < length; i++)
            append_element(image, field->record, at + (size_t)i * field->record->size, content);
        return;
    case IMAGE_pointer:
    case IMAGE_string: {
        Pointed target = target_of(field, element);
        text_format(content, "@%lld;", (long long)add_target(image, &target));
        return;
    }
    case IMAGE_function: {
        const char *name = image_function(image, field, element);
        text_format(content, "&%s;", name);
        if (field == &HostStep_fields[0])
            note_function(image, name);
        return;
    }
    case IMAGE_weights: return;
    default: text_append_bytes(content, at, scalar_bytes(field->kind) * (size_t)length); return;
    }
}

static void append_element(Image *image, const ImageRecord *record, const char *element,
                           Text *content)
{
    for (int i = 0; i < record->field_count; i++)
        if (image_field_is_there(record, &record->fields[i], element))
            append_field(image, &record->fields[i], element, content);
}

static Text content_of(Image *image, const Pointed *target)
{
    Text content = text_create(image->arena);
    text_format(&content, "%s %lld:", target->record ? target->record->name : "text",
                (long long)target->count);
    if (!target->record)
        text_append_bytes(&content, target->data, (size_t)target->count);
    else if (target->record == &byte_record)
        text_append_bytes(&content, target->data, (size_t)target->count);
    else
        for (int64_t i = 0; i < target->count; i++)
            append_element(image, target->record, target->data + i * (int64_t)target->record->size,
                           &content);
    return content;
}

const char *const *image_runtime_functions(const Image *image, int *count)
{
    *count = (int)image->functions.count;
    return image->functions.items;
}

static void note_function(Image *image, const char *name)
{
    for (int64_t i = 0; i < image->functions.count; i++)
        if (!strcmp(image->functions.items[i], name))
            return;
    array_push(image->arena, &image->functions, name);
}

static const char *object_name(Image *image, const ImageRecord *record)
{
    Text name = text_create(image->arena);
    for (const char *c = record ? record->name : "text"; *c; c++)
        text_format(&name, "%c", *c == ' ' ? '_' : *c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    text_format(&name, "%lld", (long long)image->objects.count);
    return name.data;
}

/* The number of the object that has what the target has; 0: nothing is there. */
static int64_t add_target(Image *image, const Pointed *target)
{
    if (!target->data || target->count <= 0)
        return 0;
    Text content = content_of(image, target);
    intptr_t known = (intptr_t)map_get_bytes(&image->by_content, content.data, content.length);
    if (!known) {
        ImageObject object = {.name = object_name(image, target->record),
                              .record = target->record,
                              .data = target->data,
                              .count = target->count};
        array_push(image->arena, &image->objects, object);
        known = (intptr_t)image->objects.count;
        map_set_bytes(&image->by_content, content.data, content.length, (void *)known);
    }
    if (!map_get_bytes(&image->by_place, target, sizeof *target))
        map_set_bytes(&image->by_place, arena_copy(image->arena, target, sizeof *target),
                      sizeof *target, (void *)known);
    return known;
}

static const ImageObject *find(const Image *image, const Pointed *target)
{
    if (!target->data || target->count <= 0)
        return NULL;
    intptr_t known = (intptr_t)map_get_bytes(&image->by_place, target, sizeof *target);
    return known ? &image->objects.items[known - 1] : NULL;
}

const ImageObject *image_target(const Image *image, const ImageField *field, const char *element)
{
    Pointed target = target_of(field, element);
    return find(image, &target);
}

Image *image_create(Arena *arena, const TnArtifactInfo *model, const char *name)
{
    Image *image = ARENA_NEW(arena, Image);
    Pointed whole = {&TnArtifactInfo_record, (const char *)model, 1};
    image->arena = arena;
    image->name = name;
    image->by_content = map_create(arena);
    image->by_place = map_create(arena);
    note_function(image, "model_enter");
    if (model->selftest)
        note_function(image, "selftest_enter");
    add_target(image, &whole);
    image->objects.items[image->objects.count - 1].name = arena_format(arena, "%s_model", name);
    return image;
}

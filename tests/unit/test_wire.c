/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire format: what is read is what was written, protocol buffers' rules of merging, and bytes
 * that are cut or changed anywhere, which must end in a message and never in a crash.
 */
#include "frontend/onnx/wire.h"

#include <stdlib.h>

#include "tests/unit/fixture.h"

static Source source_of(const void *data, size_t length)
{
    return (Source){.name = "bytes", .data = data, .length = length, .is_binary = true};
}

static void *read_bytes(Fixture *fixture, MessageKind kind, const void *data, size_t length)
{
    Source *source = ARENA_NEW(fixture->arena, Source);
    *source = source_of(data, length);
    return wire_read(fixture->arena, kind, source, fixture->diagnostics);
}

/* Fills every field of a message; nested ones to a depth. */
static void fill(Arena *arena, MessageKind kind, void *message, int depth, int *seed)
{
    const MessageDef *def = &message_defs[kind];
    bool oneof_done = false;
    for (int f = 0; f < def->field_count; f++) {
        const FieldDef *field = &def->fields[f];
        size_t bytes = field_item_bytes(field);
        int count = field->has_offset ? 1 : 3;
        if (field->kind == FIELD_message && depth == 0)
            continue;
        if (field->cardinality == FIELD_ONEOF && oneof_done)
            continue;
        oneof_done |= field->cardinality == FIELD_ONEOF;
        char *items = arena_allocate(arena, bytes * (size_t)count);
        for (int i = 0; i < count; i++) {
            char *at = items + bytes * (size_t)i;
            int64_t number = (*seed)++ % 3 == 0 ? -*seed : (int64_t)*seed << (*seed % 40);
            double real = *seed / 3.0;
            float narrow = (float)real;
            if (field->kind == FIELD_message) {
                void *sub = arena_allocate(arena, message_defs[field->message].bytes);
                fill(arena, field->message, sub, depth - 1, seed);
                *(void **)at = sub;
            } else if (field->kind == FIELD_string || field->kind == FIELD_bytes) {
                *(TnString *)at = proto_string(arena_format(arena, "text %d", *seed));
            } else if (field->kind == FIELD_float) {
                memcpy(at, &narrow, 4);
            } else if (field->kind == FIELD_double) {
                memcpy(at, &real, 8);
            } else {
                memcpy(at, &number, bytes);
            }
        }
        if (field->has_offset) {
            memcpy((char *)message + field->offset, items, bytes);
            *((bool *)message + field->has_offset) = true;
        } else {
            ARRAY(char) list = {items, count, count};
            memcpy((char *)message + field->offset, &list, sizeof list);
        }
    }
}

static void test_round_trip_of_every_message(void **state)
{
    Fixture *fixture = *state;
    for (int kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
        int seed = kind;
        size_t length = 0, again_length = 0;
        void *message = arena_allocate(fixture->arena, message_defs[kind].bytes);
        fill(fixture->arena, kind, message, 3, &seed);
        void *bytes = wire_write_bytes(fixture->arena, kind, message, &length);
        assert_non_null(bytes);
        void *copy = read_bytes(fixture, kind, bytes, length);
        assert_non_null(copy);
        assert_true(messages_equal(kind, message, copy));
        void *again = wire_write_bytes(fixture->arena, kind, copy, &again_length);
        assert_int_equal(length, again_length);
        assert_memory_equal(bytes, again, length);
    }
    assert_int_equal(fixture->diagnostics->error_count, 0);
}

static void test_packed_and_unpacked_lists(void **state)
{
    /* dims 2, 3 unpacked, then 4, 300 packed; float_data unpacked */
    static const uint8_t bytes[] = {0x08, 2,    0x08, 3, 0x0a, 3,    4,    0xac,
                                    0x02, 0x25, 0,    0, 0x80, 0x3f, 0x10, 1};
    TensorProto *tensor = read_bytes(*state, MESSAGE_TensorProto, bytes, sizeof bytes);
    assert_non_null(tensor);
    assert_int_equal(tensor->dims.count, 4);
    assert_int_equal(tensor->dims.items[1], 3);
    assert_int_equal(tensor->dims.items[3], 300);
    assert_int_equal(tensor->float_data.count, 1);
    assert_true(tensor->float_data.items[0] == 1.0f);
    assert_int_equal(tensor->data_type, 1);
}

static void test_merging(void **state)
{
    /* ModelProto: graph {name "a", node {}}, graph {name "b", node {}}; ir_version 3, then 9 */
    static const uint8_t bytes[] = {0x3a, 5, 0x12, 1, 'a', 0x0a, 0, 0x08, 3,
                                    0x3a, 5, 0x12, 1, 'b', 0x0a, 0, 0x08, 9};
    ModelProto *model = read_bytes(*state, MESSAGE_ModelProto, bytes, sizeof bytes);
    assert_non_null(model);
    assert_int_equal(model->ir_version, 9);
    assert_int_equal(model->graph->node.count, 2);
    assert_true(proto_equals(model->graph->name, "b"));
}

static void test_last_member_of_a_oneof_counts(void **state)
{
    static const uint8_t bytes[] = {0x08, 5, 0x12, 1, 'N'}; /* dim_value 5, dim_param "N" */
    TensorShapeProtoDimension *dim =
        read_bytes(*state, MESSAGE_TensorShapeProtoDimension, bytes, sizeof bytes);
    assert_non_null(dim);
    assert_false(dim->has_dim_value);
    assert_true(dim->has_dim_param);
}

static void test_unknown_fields_and_groups_are_kept(void **state)
{
    Fixture *fixture = *state;
    /* field 100: group {1: 5, 2: group {}}, field 101: varint; then name "n" (3) */
    static const uint8_t bytes[] = {0xa3, 0x06, 0x08, 5, 0x13, 0x14, 0xa4,
                                    0x06, 0xa8, 0x06, 1, 0x1a, 1,    'n'};
    size_t length;
    NodeProto *node = read_bytes(fixture, MESSAGE_NodeProto, bytes, sizeof bytes);
    assert_non_null(node);
    assert_true(proto_equals(node->name, "n"));
    assert_non_null(node->base.unknown);
    void *written = wire_write_bytes(fixture->arena, MESSAGE_NodeProto, node, &length);
    assert_int_equal(length, sizeof bytes);
    assert_memory_equal((char *)written + 3, bytes, 11); /* known fields come first */
}

static void assert_refused(Fixture *fixture, MessageKind kind, const void *bytes, size_t length,
                           const char *message, const char *path)
{
    int64_t before = fixture->diagnostics->count;
    assert_null(read_bytes(fixture, kind, bytes, length));
    assert_int_equal(fixture->diagnostics->count, before + 1);
    const Diagnostic *diagnostic = &fixture->diagnostics->items[before];
    assert_non_null(strstr(diagnostic->message, message));
    if (path)
        assert_string_equal(diagnostic->location.path, path);
}

static void test_errors_say_where(void **state)
{
    static const uint8_t cut_node[] = {0x3a, 6, 0x0a, 0, 0x0a, 2, 0x1a, 5};
    static const uint8_t field_zero[] = {0x3a, 2, 0x00, 1};
    static const uint8_t wire_type_7[] = {0xff, 0x01};
    static const uint8_t length_2p63[] = {0x3a, 0xff, 0xff, 0xff, 0xff,
                                          0xff, 0xff, 0xff, 0xff, 0x7f};
    static const uint8_t long_varint[] = {0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                          0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
    static const uint8_t wrong_type[] = {0x0a, 1, 'x'}; /* ir_version as bytes */
    static const uint8_t open_group[] = {0xa3, 0x06, 0x08, 5};
    assert_refused(*state, MESSAGE_ModelProto, cut_node, sizeof cut_node,
                   "claims 5 bytes, and only 0 are left", "graph.node[1]");
    assert_refused(*state, MESSAGE_ModelProto, field_zero, sizeof field_zero, "field number 0",
                   "graph");
    assert_refused(*state, MESSAGE_ModelProto, wire_type_7, sizeof wire_type_7, "wire type", NULL);
    assert_refused(*state, MESSAGE_ModelProto, length_2p63, sizeof length_2p63, "claims", NULL);
    assert_refused(*state, MESSAGE_TensorProto, long_varint, sizeof long_varint, "64 bits", NULL);
    assert_refused(*state, MESSAGE_ModelProto, wrong_type, sizeof wrong_type,
                   "ir_version is stored as a length and bytes, expected a varint", NULL);
    assert_refused(*state, MESSAGE_ModelProto, open_group, sizeof open_group, "not closed", NULL);
}

static void test_depth_is_limited(void **state)
{
    Fixture *fixture = *state;
    /* TypeProto { optional_type { elem_type TypeProto { ... */
    for (int pairs = 49; pairs <= 51; pairs += 2) {
        OptionalProto *inner = NULL;
        size_t length;
        for (int i = 0; i < 2 * pairs; i++) {
            OptionalProto *outer = MESSAGE_NEW(fixture->arena, OptionalProto);
            if (inner)
                PROTO_SET(outer, optional_value, inner);
            inner = outer;
        }
        void *bytes = wire_write_bytes(fixture->arena, MESSAGE_OptionalProto, inner, &length);
        if (2 * pairs - 1 <= WIRE_MAX_DEPTH)
            assert_non_null(read_bytes(fixture, MESSAGE_OptionalProto, bytes, length));
        else
            assert_refused(fixture, MESSAGE_OptionalProto, bytes, length, "deeper than 100", NULL);
    }
}

static void test_memory_stays_proportional(void **state)
{
    Fixture *fixture = *state;
    size_t length = (size_t)4 << 20;
    uint8_t *bytes = malloc(length);
    for (size_t i = 0; i < length; i += 2) {
        bytes[i] = 0x0a; /* an empty node */
        bytes[i + 1] = 0;
    }
    Source source = source_of(bytes, length);
    assert_null(wire_read(fixture->arena, MESSAGE_GraphProto, &source, fixture->diagnostics));
    assert_true(arena_bytes(fixture->arena) < (size_t)256 << 20);
    free(bytes);
}

/* Cut at every byte, and each byte changed in several ways. */
static void test_damage_never_crashes(void **state)
{
    Fixture *fixture = *state;
    int seed = 1;
    size_t length, refused = 0;
    ModelProto *model = MESSAGE_NEW(fixture->arena, ModelProto);
    fill(fixture->arena, MESSAGE_ModelProto, model, 2, &seed);
    uint8_t *bytes = wire_write_bytes(fixture->arena, MESSAGE_ModelProto, model, &length);
    static const uint8_t changes[] = {0x01, 0x02, 0x04, 0x08, 0x80, 0xff};
    for (size_t i = 0; i < length; i++) {
        ArenaMark mark = arena_mark(fixture->arena);
        Diagnostics *diagnostics = diagnostics_create(fixture->arena);
        uint8_t *copy = malloc(i ? i : 1); /* exactly sized, so that a checker sees reads beyond */
        memcpy(copy, bytes, i);
        Source source = source_of(copy, i);
        refused += !wire_read(fixture->arena, MESSAGE_ModelProto, &source, diagnostics);
        for (size_t c = 0; c < COUNT_OF(changes); c++) {
            bytes[i] ^= changes[c];
            source = source_of(bytes, length);
            refused += !wire_read(fixture->arena, MESSAGE_ModelProto, &source, diagnostics);
            bytes[i] ^= changes[c];
        }
        free(copy);
        arena_release(fixture->arena, mark);
    }
    assert_true(refused > length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip_of_every_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_packed_and_unpacked_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_merging, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_last_member_of_a_oneof_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_fields_and_groups_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_say_where, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_depth_is_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_stays_proportional, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_never_crashes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

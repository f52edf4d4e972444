/* SPDX-License-Identifier: Apache-2.0
 *
 * Import and export: what a graph becomes, what is refused and with which words, and that a model
 * survives graph -> document -> bytes -> document -> graph.
 */
#include "frontend/load.h"
#include "frontend/onnx/tensor.h"
#include "frontend/onnx/wire.h"
#include "frontend/tensor_file.h"
#include "frontend/text/text.h"
#include "ir/functions/functions.h"
#include "ir/ops/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/fixture.h"

static Document *parse(Fixture *fixture, const char *text)
{
    return document_parse(fixture->arena, "test", text, strlen(text), fixture->diagnostics);
}

static void print_diagnostics(Fixture *fixture)
{
    for (int64_t i = 0; i < fixture->diagnostics->count; i++) {
        Text text = text_create(fixture->arena);
        diagnostic_render(&fixture->diagnostics->items[i], &text);
        print_message("%s\n", text.data);
    }
}

static Model *import_with(Fixture *fixture, const char *text, const ImportOptions *options)
{
    Document *document = parse(fixture, text);
    assert_non_null(document);
    Model *model = model_import(fixture->arena, document, options, NULL, fixture->diagnostics);
    if (!model)
        print_diagnostics(fixture);
    assert_non_null(model);
    assert_true(model_verify(model, fixture->diagnostics));
    return model;
}

static Model *import(Fixture *fixture, const char *text)
{
    return import_with(fixture, text, NULL);
}

/* The import fails, and one of the messages has the words. */
static void assert_refused(Fixture *fixture, const char *text, const char *words)
{
    int64_t before = fixture->diagnostics->count;
    Document *document = parse(fixture, text);
    if (document)
        assert_null(model_import(fixture->arena, document, NULL, NULL, fixture->diagnostics));
    for (int64_t i = before; i < fixture->diagnostics->count; i++)
        if (strstr(fixture->diagnostics->items[i].message, words))
            return;
    print_diagnostics(fixture);
    fail_msg("no message says \"%s\"", words);
}

static char *export_text(Fixture *fixture, const Model *model)
{
    Document *document = model_export(fixture->arena, model, NULL, fixture->diagnostics);
    assert_non_null(document);
    Text text = text_create(fixture->arena);
    text_write(document, &text, NULL);
    return text.data;
}

#define HEADER "<ir_version: 8, opset_import: [\"\" : 17]>\n"

/* ---- Graphs -------------------------------------------------------------------------------- */

static void test_constants_are_made_once_and_where_used(void **state)
{
    Model *model = import(*state, HEADER "g (float[2] x) => (float[2] y)\n"
                                         "<float[1] w = {2.0}, float[1] unused = {3.0}>\n"
                                         "{ c = Constant <value = float[1] {4.0}> ()\n"
                                         "  a = Add (x, w)\n  b = Add (a, c)\n  y = Add (b, w) }");
    assert_int_equal(model->graph->constant_count, 2);
    assert_int_equal(model->graph->node_count, 3);
    assert_string_equal(model->graph->constants[0]->name, "w");
    assert_int_equal(value_use_count(model->graph->constants[0]), 2);
}

static const char *const branches =
    HEADER "g (bool c, float[2] x, float[2] z) => (float[2] y)\n"
           "<float[1] w = {2.0}>\n"
           "{ y = If (c) <\n"
           "    then_branch = t () => (float[2] p) { q = Mul (x, w) p = Add (q, z) },\n"
           "    else_branch = e () => (float[2] p) { p = Sub (z, x) }> }";

static void test_regions_are_closed(void **state)
{
    Model *model = import(*state, branches);
    Node *node = model->graph->first;
    assert_string_equal(node->op->name, "If");
    assert_int_equal(node->capture_count, 2);
    assert_int_equal(node->operand_count, 3);
    assert_string_equal(operand(node, 1)->name, "x");
    assert_string_equal(operand(node, 2)->name, "z");
    for (int r = 0; r < 2; r++) {
        assert_int_equal(node->regions[r]->input_count, 2);
        assert_string_equal(node->regions[r]->inputs[0]->name, "x");
    }
    assert_int_equal(node->regions[0]->constant_count, 1);
    assert_int_equal(node->regions[1]->constant_count, 0);
    assert_int_equal(model->graph->constant_count, 0);
}

static void test_regions_are_opened_again(void **state)
{
    Fixture *fixture = *state;
    char *text = export_text(fixture, import(fixture, branches));
    assert_non_null(strstr(text, "Sub (z, x)"));
    char *again = export_text(fixture, import(fixture, text));
    assert_string_equal(text, again);
}

static void test_captures_reach_through_two_regions(void **state)
{
    Model *model = import(
        *state, HEADER "g (bool c, float[2] x) => (float[2] y)\n"
                       "{ y = If (c) <then_branch = t () => (float[2] p)\n"
                       "    { p = If (c) <then_branch = t2 () => (float[2] q) { q = Relu (x) },\n"
                       "                  else_branch = e2 () => (float[2] q) { q = Neg (x) }> },\n"
                       "  else_branch = e () => (float[2] p) { p = Identity (x) }> }");
    Node *outer = model->graph->first, *inner = outer->regions[0]->first;
    assert_int_equal(outer->capture_count, 2); /* c, as it is used in the region, and x */
    assert_int_equal(inner->capture_count, 1);
    assert_ptr_equal(operand(inner, 1)->graph, outer->regions[0]);
}

static void test_decided_branches_are_all_that_is_looked_at(void **state)
{
    Model *model = import(*state, HEADER
                          "g (float[2, 3] x) => (float[2, 3] y)\n"
                          "{ s = Shape (x)  n = Size (s)  k = Constant <value_int = 2> ()\n"
                          "  c = Equal (n, k)\n"
                          "  y = If (c) <then_branch = t () => (float[2, 3] p) { p = Neg (x) },\n"
                          "    else_branch = e () => (float[2, 3] p) { p = MatMul (x, x) }> }");
    assert_string_equal(model->graph->last->op->name, "Neg");
    assert_string_equal(result(model->graph->last, 0)->name, "y");
}

static void test_readers_of_changing_ranks_move_into_the_branches(void **state)
{
    static const char body[] =
        HEADER "g (bool c, float[2, 3] x, float[1] w) => (%s)\n"
               "<int64[1] zero = {0}>\n"
               "{ y = If (c) <then_branch = t () => (float[2, 3] p) { p = Neg (x) },\n"
               "    else_branch = e () => (float[1, 2, 3] p) { p = Unsqueeze (x, zero) }>\n"
               "  s = Relu (w)  a = Mul (y, s)  n = Size (a) }";
    Fixture *fixture = *state;
    Model *model = import(fixture, arena_format(fixture->arena, body, "int64 n"));
    Node *node = model->graph->last;
    assert_int_equal(model->graph->node_count, 2);
    assert_string_equal(node->op->name, "If");
    assert_int_equal(node->result_count, 1);
    assert_int_equal(node->regions[1]->node_count, 3);
    assert_ptr_equal(graph_output(model->graph, 0), result(node, 0));
    assert_refused(fixture, arena_format(fixture->arena, body, "float[] a"),
                   "whose rank depends on data, leaves the graph");
}

/* ---- Functions ----------------------------------------------------------------------------- */

static void test_functions_are_inlined(void **state)
{
    Model *model =
        import(*state, "<ir_version: 8, opset_import: [\"\" : 17, \"local\" : 1]>\n"
                       "g (float[2, 3] x) => (float[2, 3] y, float[2, 3] z)\n"
                       "{ y = local.f <k = 0> (x)  z = local.f (x) }\n"
                       "<domain: \"local\", opset_import: [\"\" : 17]>\n"
                       "f <k> (a) => (b) { t = Relu (a)  b = Softmax <axis: int = @k> (t) }");
    assert_int_equal(model->graph->node_count, 4);
    Node *first = model->graph->first->next, *second = first->next->next;
    assert_string_equal(first->op->name, "Softmax");
    assert_int_equal(*(const int64_t *)first->attributes, 0);
    assert_int_equal(*(const int64_t *)second->attributes, -1);
    assert_string_equal(result(first, 0)->name, "y");
}

static void test_groups_are_functions_of_tenon(void **state)
{
    Fixture *fixture = *state;
    Model *model = import(fixture, "<ir_version: 8, opset_import: [\"\" : 17, \"tenon\" : 1]>\n"
                                   "g (float[2] x) => (float[2] y)\n{ y = tenon.fused (x, x) }\n"
                                   "<domain: \"tenon\", opset_import: [\"\" : 17]>\n"
                                   "fused (a, b) => (c) { t = Add (a, b)  c = Relu (t) }");
    Node *node = model->graph->first;
    assert_int_equal(node->op->control, CONTROL_group);
    assert_int_equal(node->regions[0]->node_count, 2);
    char *text = export_text(fixture, model);
    assert_non_null(strstr(text, "tenon.fused (x, x)"));
    assert_string_equal(text, export_text(fixture, import(fixture, text)));
}

/* ---- Types and options --------------------------------------------------------------------- */

static void assert_type(Fixture *fixture, const Type *type, const char *expected)
{
    Text text = text_create(fixture->arena);
    type_print(type, &text);
    assert_string_equal(text.data, expected);
}

static void test_sizes(void **state)
{
    Fixture *fixture = *state;
    static const char plain[] = HEADER "g (float[N, ?, 3] x, float[N] n) => (float[N, M, 3] y)"
                                       " { y = Relu (x) }";
    Model *model = import(fixture, plain);
    assert_type(fixture, model->graph->inputs[0]->type, "float[N, x_1, 3]");
    DimSetting dim = {"N", 8};
    ShapeSetting shape = {"x", 3, {-1, 5, 3}};
    ImportOptions options = {.dims = &dim, .dim_count = 1, .shapes = &shape, .shape_count = 1};
    model = import_with(fixture, plain, &options);
    assert_type(fixture, model->graph->inputs[0]->type, "float[8, 5, 3]");
    assert_type(fixture, graph_output(model->graph, 0)->type, "float[8, 5, 3]");
    ShapeSetting first = {"x", 3, {7, -1, -1}};
    options = (ImportOptions){.shapes = &first, .shape_count = 1};
    model = import_with(fixture, plain, &options);
    assert_type(fixture, model->graph->inputs[1]->type, "float[7]");
}

static void test_inputs_with_values(void **state)
{
    Fixture *fixture = *state;
    static const char text[] = HEADER "g (float[2] x, float[1] w) => (float[2] y)\n"
                                      "<float[1] w = {2.0}> { y = Add (x, w) }";
    Model *model = import(fixture, text);
    assert_int_equal(model->graph->input_count, 1);
    assert_true(constant_get_double(model->graph->constants[0]->constant, 0) == 2.0);
    int64_t dims[] = {1};
    float other = 5.0f;
    ConstantSetting setting = {"w", constant_create(fixture->arena, TN_FLOAT, 1, dims, &other)};
    ImportOptions options = {.constants = &setting, .constant_count = 1};
    model = import_with(fixture, text, &options);
    assert_true(constant_get_double(model->graph->constants[0]->constant, 0) == 5.0);
}

/* ---- What is refused ----------------------------------------------------------------------- */

static void test_all_missing_operators_are_listed(void **state)
{
    Fixture *fixture = *state;
    assert_refused(fixture,
                   "<ir_version: 8, opset_import: [\"\" : 15, \"other\" : 2]>\n"
                   "g (float[2] x) => (float[2] y)\n"
                   "{ a = Rellu (x) b = Rellu (a) c = Mish (b) y = other.Thing (c) }",
                   "not supported: Rellu-15: no such operator is known (2 nodes)");
    assert_int_equal(fixture->diagnostics->error_count, 3);
    assert_true(fixture->diagnostics->unsupported);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *body, *words;
    } cases[] = {
        {"{ y = Relu (nobody) }", "nothing makes the value 'nobody'"},
        {"{ y = Relu (a) a = Relu (x) }", "is used before node 1 makes it"},
        {"{ a = Relu (y) y = Relu (a) }", "a cycle: 'y' is needed to make itself"},
        {"{ y = Relu (x) y = Relu (x) }", "'y' is made twice"},
        {"{ y = Relu <alpha = 1.0> (x) }", "Relu has no attribute 'alpha'; known: none"},
        {"{ y = Softmax <axis = \"1\"> (x) }", "of type string, expected int"},
        {"{ y = Softmax <axis = 1, axis = 0> (x) }", "attribute 'axis' is given twice"},
        {"{ y = Concat (x, x) }", "Concat needs the attribute 'axis'"},
        {"{ y = Add (x) }", "Add has 1 operands, expected 2"},
        {"{ y = Cast <to = 99> (x) }", "attribute 'to' is 99, expected an element type"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Fixture *fixture = *state;
        const char *text =
            arena_format(fixture->arena, HEADER "g (float[2] x) => (float[2] y) %s", cases[i].body);
        assert_refused(fixture, text, cases[i].words);
    }
}

static void test_recursion_is_refused(void **state)
{
    assert_refused(*state,
                   "<ir_version: 8, opset_import: [\"\" : 17, \"local\" : 1]>\n"
                   "g (float[2] x) => (float[2] y) { y = local.f (x) }\n"
                   "<domain: \"local\", opset_import: [\"local\" : 1]>\n"
                   "f (a) => (b) { b = local.h (a) }\n"
                   "<domain: \"local\", opset_import: [\"local\" : 1]>\n"
                   "h (a) => (b) { b = local.f (a) }",
                   "calls itself");
}

/* ---- Export -------------------------------------------------------------------------------- */

static int64_t exported_opset(Fixture *fixture, const char *version, const char *body)
{
    const char *text = arena_format(
        fixture->arena, "<ir_version: 14, opset_import: [\"\" : %s]>\ng (float[2, 3] x) => (%s",
        version, body);
    Document *document =
        model_export(fixture->arena, import(fixture, text), NULL, fixture->diagnostics);
    assert_non_null(document);
    return document->model->opset_import.items[0]->version;
}

static void test_lowest_opset(void **state)
{
    assert_int_equal(exported_opset(*state, "28", "float[] y) { y = Relu (x) }"), 13);
    assert_int_equal(exported_opset(*state, "28", "float[] y) { y = Mish (x) }"), 18);
    assert_int_equal(exported_opset(*state, "28", "float[] y) { y = Gelu (x) }"), 20);
    assert_int_equal(exported_opset(*state, "28", "int4[] y) { y = Cast <to = 22> (x) }"), 21);
    assert_int_equal(exported_opset(*state, "6", "float[] y) { y = Selu (x) }"), 13);
    Fixture *fixture = *state;
    Model *model = import(fixture, "<ir_version: 10, opset_import: [\"\" : 20]>\n"
                                   "g (float[2] x) => (float[2] y) { y = Gelu (x) }");
    ExportOptions options = {.opset = 17};
    assert_null(model_export(fixture->arena, model, &options, fixture->diagnostics));
    assert_true(fixture->diagnostics->unsupported);
}

static void test_bytes_and_back(void **state)
{
    Fixture *fixture = *state;
    size_t length;
    Document *document =
        model_export(fixture->arena, import(fixture, branches), NULL, fixture->diagnostics);
    char *bytes = wire_write_bytes(fixture->arena, MESSAGE_ModelProto, document->model, &length);
    Document *copy = document_parse(fixture->arena, "bytes", bytes, length, fixture->diagnostics);
    assert_non_null(copy);
    assert_true(messages_equal(MESSAGE_ModelProto, document->model, copy->model));
    Model *model = model_import(fixture->arena, copy, NULL, NULL, fixture->diagnostics);
    assert_non_null(model);
    assert_true(model_verify(model, fixture->diagnostics));
    for (size_t cut = 0; cut < length; cut++) {
        ArenaMark mark = arena_mark(fixture->arena);
        Diagnostics *diagnostics = diagnostics_create(fixture->arena);
        char *part = malloc(cut ? cut : 1);
        memcpy(part, bytes, cut);
        Document *damaged = document_parse(fixture->arena, "cut", part, cut, diagnostics);
        if (damaged)
            model_import(fixture->arena, damaged, NULL, NULL, diagnostics);
        free(part);
        arena_release(fixture->arena, mark);
    }
}

/* ---- Tensors ------------------------------------------------------------------------------- */

/* Elements 0, 1, 2, ... of every type, from the typed field and from raw bytes. */
static void test_tensors_of_every_type(void **state)
{
    Fixture *fixture = *state;
    enum { COUNT = 5 };
    for (int type = 1; type < ELEMENT_TYPE_COUNT; type++) {
        TnElementType element = (TnElementType)type;
        int64_t dims[] = {COUNT};
        void *data;
        Constant *constant = constant_allocate(fixture->arena, element, 1, dims, &data);
        for (int i = 0; i < COUNT; i++) {
            char *at = (char *)data + (size_t)i * element_bytes(element);
            if (element == TN_STRING)
                *(TnString *)at = proto_string(arena_format(fixture->arena, "s%d", i));
            else if (element_kind(element) == ELEMENT_KIND_COMPLEX)
                memset(at, i, element_bytes(element));
            else
                element_from_int64(element,
                                   element == TN_INT2 || element == TN_BOOL ? i % 2 : i % 4, at);
        }
        TensorProto *proto = tensor_export(fixture->arena, constant, "t");
        const Constant *again =
            tensor_import(fixture->arena, proto, (Location){0}, NULL, fixture->diagnostics);
        assert_non_null(again);
        assert_true(constant_equal(constant, again));
    }
}

static void test_int32_data(void **state)
{
    Fixture *fixture = *state;
    static const struct {
        TnElementType type;
        int32_t entries[3];
        int entry_count;
        int64_t expected[3];
    } cases[] = {
        {TN_INT8, {-1, 2, -128}, 3, {-1, 2, -128}},
        {TN_UINT16, {65535, 0, 7}, 3, {65535, 0, 7}},
        {TN_BOOL, {1, 0, 7}, 3, {1, 0, 1}},
        {TN_INT4, {0x2f, 0x08}, 2, {-1, 2, -8}},
        {TN_UINT4, {0x2f, 0x08}, 2, {15, 2, 8}},
        {TN_INT2, {0x36}, 1, {-2, 1, -1}},
        {TN_FLOAT16, {0x3c00, 0x4000, 0xbc00}, 3, {1, 2, -1}},
        {TN_BFLOAT16, {0x3f80, 0x4000, 0xbf80}, 3, {1, 2, -1}},
    };
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        TensorProto *proto = MESSAGE_NEW(fixture->arena, TensorProto);
        array_push(fixture->arena, &proto->dims, 3);
        PROTO_SET(proto, data_type, cases[c].type);
        for (int i = 0; i < cases[c].entry_count; i++)
            array_push(fixture->arena, &proto->int32_data, cases[c].entries[i]);
        const Constant *constant =
            tensor_import(fixture->arena, proto, (Location){0}, NULL, fixture->diagnostics);
        assert_non_null(constant);
        for (int i = 0; i < 3; i++)
            assert_true(constant_get_double(constant, i) == (double)cases[c].expected[i]);
    }
}

static SparseTensorProto *sparse(Fixture *fixture, int64_t first, int64_t second)
{
    SparseTensorProto *proto = MESSAGE_NEW(fixture->arena, SparseTensorProto);
    PROTO_SET(proto, values, MESSAGE_NEW(fixture->arena, TensorProto));
    PROTO_SET(proto, indices, MESSAGE_NEW(fixture->arena, TensorProto));
    proto->values->data_type = TN_FLOAT;
    proto->indices->data_type = TN_INT64;
    array_push(fixture->arena, &proto->values->dims, 2);
    array_push(fixture->arena, &proto->indices->dims, 2);
    array_push(fixture->arena, &proto->values->float_data, 1.5f);
    array_push(fixture->arena, &proto->values->float_data, 2.5f);
    array_push(fixture->arena, &proto->indices->int64_data, first);
    array_push(fixture->arena, &proto->indices->int64_data, second);
    array_push(fixture->arena, &proto->dims, 2);
    array_push(fixture->arena, &proto->dims, 3);
    return proto;
}

static void test_sparse_tensors(void **state)
{
    Fixture *fixture = *state;
    Location nowhere = {0};
    const Constant *dense = sparse_tensor_import(fixture->arena, sparse(fixture, 1, 5), nowhere,
                                                 NULL, fixture->diagnostics);
    assert_non_null(dense);
    static const double expected[] = {0, 1.5, 0, 0, 0, 2.5};
    for (int i = 0; i < 6; i++)
        assert_true(constant_get_double(dense, i) == expected[i]);
    assert_null(sparse_tensor_import(fixture->arena, sparse(fixture, 1, 6), nowhere, NULL,
                                     fixture->diagnostics));
    assert_null(sparse_tensor_import(fixture->arena, sparse(fixture, 5, 1), nowhere, NULL,
                                     fixture->diagnostics));
}

/* ---- Files --------------------------------------------------------------------------------- */

static char *temporary_folder(Fixture *fixture)
{
    char *folder = arena_format(fixture->arena, "/tmp/import-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static void write_file(const char *path, const void *data, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    fclose(file);
}

static const void *find_external(Fixture *fixture, ExternalData *external, const char *location,
                                 const char *offset, int64_t bytes)
{
    const char *keys[] = {"location", "offset"}, *values[] = {location, offset};
    TensorProto *tensor = MESSAGE_NEW(fixture->arena, TensorProto);
    for (int i = 0; i < 2; i++) {
        StringStringEntryProto *entry = MESSAGE_NEW(fixture->arena, StringStringEntryProto);
        PROTO_SET(entry, key, proto_string(keys[i]));
        PROTO_SET(entry, value, proto_string(values[i]));
        array_push(fixture->arena, &tensor->external_data, entry);
    }
    const char *file;
    int64_t at;
    return external_data_find(external, tensor, (Location){0}, bytes, &file, &at);
}

static void test_external_data_stays_beneath_the_folder(void **state)
{
    Fixture *fixture = *state;
    char *folder = temporary_folder(fixture);
    char *model = arena_format(fixture->arena, "%s/in/model.onnx", folder);
    char *inside = arena_format(fixture->arena, "%s/in", folder);
    char *data = arena_format(fixture->arena, "%s/in/data", folder);
    char *outside = arena_format(fixture->arena, "%s/outside", folder);
    char *link = arena_format(fixture->arena, "%s/in/link", folder);
    assert_int_equal(mkdir(inside, 0700), 0);
    write_file(data, "0123456789abcdef", 16);
    write_file(outside, "0123456789abcdef", 16);
    assert_int_equal(symlink("data", link), 0);
    for (int copy = 0; copy < 2; copy++) {
        ExternalData external =
            external_data_create(fixture->arena, model, false, copy, fixture->diagnostics);
        const char *bytes = find_external(fixture, &external, "data", "4", 12);
        assert_non_null(bytes);
        assert_memory_equal(bytes, "456789abcdef", 12);
        assert_ptr_equal(find_external(fixture, &external, "data", "0", 16), bytes - 4);
        assert_null(find_external(fixture, &external, "data", "4", 13));
        assert_null(find_external(fixture, &external, "data", "17", 0));
        assert_null(find_external(fixture, &external, "data", "-1", 4));
        assert_null(find_external(fixture, &external, "../outside", "0", 16));
        assert_null(find_external(fixture, &external, outside, "0", 16));
        assert_null(find_external(fixture, &external, "link", "0", 16));
        assert_null(find_external(fixture, &external, "", "0", 16));
        assert_null(find_external(fixture, &external, ".", "0", 16));
    }
    ExternalData links =
        external_data_create(fixture->arena, model, true, false, fixture->diagnostics);
    assert_non_null(find_external(fixture, &links, "link", "0", 16));
    unlink(link);
    unlink(data);
    unlink(outside);
    rmdir(inside);
    rmdir(folder);
}

static void test_data_files(void **state)
{
    Fixture *fixture = *state;
    char *folder = temporary_folder(fixture);
    char *path = arena_format(fixture->arena, "%s/value.pb", folder);
    float numbers[] = {1.0f, 2.0f};
    TnValue tensor = {.kind = TN_TENSOR, .tensor = {TN_FLOAT, 1, {2}, numbers}};
    const TnValue *items[] = {&tensor, &tensor};
    TnValue sequence = {.kind = TN_SEQUENCE, .count = 2, .items = items};
    const TnValue *one[] = {&sequence};
    TnValue optional = {.kind = TN_OPTIONAL, .count = 1, .items = one};
    TnValue nothing = {.kind = TN_OPTIONAL};
    const char *name;

    assert_true(tensor_file_write(fixture->arena, path, "t", &tensor, fixture->diagnostics));
    const TnValue *read =
        tensor_file_read(fixture->arena, path, TYPE_tensor, &name, fixture->diagnostics);
    assert_non_null(read);
    assert_string_equal(name, "t");
    assert_memory_equal(read->tensor.data, numbers, sizeof numbers);

    assert_true(tensor_file_write(fixture->arena, path, "o", &optional, fixture->diagnostics));
    read = tensor_file_read(fixture->arena, path, TYPE_optional, &name, fixture->diagnostics);
    assert_non_null(read);
    assert_int_equal(read->count, 1);
    assert_int_equal(read->items[0]->kind, TN_SEQUENCE);
    assert_int_equal(read->items[0]->count, 2);
    assert_int_equal(read->items[0]->items[1]->tensor.dims[0], 2);

    assert_true(tensor_file_write(fixture->arena, path, NULL, &nothing, fixture->diagnostics));
    read = tensor_file_read(fixture->arena, path, TYPE_optional, &name, fixture->diagnostics);
    assert_non_null(read);
    assert_int_equal(read->count, 0);
    unlink(path);
    rmdir(folder);
}

static void test_saving_replaces_the_file_whole(void **state)
{
    Fixture *fixture = *state;
    char *folder = temporary_folder(fixture);
    char *binary = arena_format(fixture->arena, "%s/m.onnx", folder);
    char *text = arena_format(fixture->arena, "%s/m.onnxtxt", folder);
    Model *model = import(fixture, branches);
    for (int i = 0; i < 2; i++) {
        assert_true(model_save(fixture->arena, model, binary, NULL, fixture->diagnostics));
        assert_true(model_save(fixture->arena, model, text, NULL, fixture->diagnostics));
    }
    Model *a = model_load(fixture->arena, binary, NULL, fixture->diagnostics);
    Model *b = model_load(fixture->arena, text, NULL, fixture->diagnostics);
    assert_non_null(a);
    assert_non_null(b);
    assert_string_equal(export_text(fixture, a), export_text(fixture, b));
    unlink(binary);
    unlink(text);
    assert_int_equal(rmdir(folder), 0); /* nothing else is left behind */
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* Every operator whose meaning is a text has one that can be read, and says its parameters. */
static void test_bodies_of_functions(void **state)
{
    Fixture *fixture = *state;
    int count = 0;
    for (int i = 0; i < op_count; i++) {
        const OpDef *op = op_table[i];
        if (!op->function)
            continue;
        const char *text = function_text(op->function);
        assert_non_null(text);
        Source source = {.name = op->function, .data = text, .length = strlen(text)};
        const FunctionProto *body =
            text_parse_function(fixture->arena, &source, fixture->diagnostics);
        assert_non_null(body);
        assert_true(proto_equals(body->name, op->name));
        assert_int_equal(body->input.count, op->operand_count);
        assert_int_equal(body->output.count, op->result_count);
        assert_int_equal(body->attribute.count + body->attribute_proto.count, op->attribute_count);
        assert_null(op->lower);
        count++;
    }
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_constants_are_made_once_and_where_used),
        TEST(test_bodies_of_functions),
        TEST(test_regions_are_closed),
        TEST(test_regions_are_opened_again),
        TEST(test_captures_reach_through_two_regions),
        TEST(test_decided_branches_are_all_that_is_looked_at),
        TEST(test_readers_of_changing_ranks_move_into_the_branches),
        TEST(test_functions_are_inlined),
        TEST(test_groups_are_functions_of_tenon),
        TEST(test_sizes),
        TEST(test_inputs_with_values),
        TEST(test_all_missing_operators_are_listed),
        TEST(test_refusals),
        TEST(test_recursion_is_refused),
        TEST(test_lowest_opset),
        TEST(test_bytes_and_back),
        TEST(test_tensors_of_every_type),
        TEST(test_int32_data),
        TEST(test_sparse_tensors),
        TEST(test_external_data_stays_beneath_the_folder),
        TEST(test_data_files),
        TEST(test_saving_replaces_the_file_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

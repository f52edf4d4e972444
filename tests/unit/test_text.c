/* SPDX-License-Identifier: Apache-2.0
 *
 * The text format: canonical texts are read and written unchanged, other spellings become
 * canonical, numbers and tensors keep their bits, and every mistake is reported where it is.
 */
#include "frontend/tensor_proto_bytes.h"
#include "frontend/text/number.h"
#include "frontend/text/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fixture.h"

static const Source *source_of(Fixture *fixture, const char *text, size_t length)
{
    Source *source = ARENA_NEW(fixture->arena, Source);
    *source = (Source){.name = "model.onnxtxt", .data = text, .length = length};
    return source;
}

static ModelProto *read_model(Fixture *fixture, const char *text)
{
    Document document = {0};
    bool ok = text_parse(fixture->arena, source_of(fixture, text, strlen(text)), &document,
                         fixture->diagnostics);
    if (!ok && fixture->diagnostics->count) {
        Text rendered = text_create(fixture->arena);
        diagnostic_render(&fixture->diagnostics->items[0], &rendered);
        print_message("%s\n", rendered.data);
    }
    return document.model;
}

static const char *written(Fixture *fixture, const ModelProto *model)
{
    Text text = text_create(fixture->arena);
    text_write_model(model, &text, NULL);
    return text.data;
}

/* ---- Round trips ------------------------------------------------------------------------- */

#define HEADER "<ir_version: 10, opset_import: [\"\" : 21]>\n"

static void expect_canonical(Fixture *fixture, const char *text)
{
    ModelProto *model = read_model(fixture, text);
    assert_non_null(model);
    assert_string_equal(written(fixture, model), text);
}

static void test_canonical_texts(void **state)
{
    static const char *const texts[] = {
        HEADER "g (float[N, 8] x) => (float[N, 8] y)\n"
               "{\n"
               "  s = Softmax <axis = -1> (x)\n"
               "  y = Relu (s)\n"
               "}\n",
        /* Types */
        HEADER
        "g (\n"
        "  float a,\n"
        "  float[] b,\n"
        "  float[1] c,\n"
        "  int4[?, \"N + 1\"] d,\n"
        "  seq(optional(float[2])) e,\n"
        "  map(int64, string[]) f\n"
        ") => (sparse_tensor(double[3, 4]) g, opaque() h, opaque(\"a.b\", name) i, untyped)\n"
        "{\n"
        "}\n",
        /* Attributes */
        HEADER "g () => (y)\n"
               "{\n"
               "  y = Op <\n"
               "    i = -3,\n"
               "    f = 1.5,\n"
               "    s = \"a\\\"b\\\\c\nd\",\n"
               "    is = [1, 2],\n"
               "    fs = [1.0, inf, -inf, nan],\n"
               "    ss = [\"a\", \"\"],\n"
               "    e: floats = [],\n"
               "    t = float[2] {1.0, 2.0},\n"
               "    n = int64 seven {7},\n"
               "    ty = float[N],\n"
               "    tys = [float, seq(int8[])],\n"
               "    ts = [float[1] {0.5}, int8 {-1}]\n"
               "  > ()\n"
               "}\n",
        /* Names: labels, overloads, domains, words, absent operands */
        HEADER "\"my graph\" (float \"a b\", int64 float) => (float[2] out)\n"
               "{\n"
               "  [node_1] \"out.1\", \"\" = ai.onnx.ml.Op:variant (\"a b\", \"\", float)\n"
               "  [\"node 2\"] out = \"my-domain.x\".\"aten::add\" (\"out.1\", inf, seq)\n"
               "  = Sink (out)\n"
               "}\n",
        /* Regions */
        HEADER "g (bool c) => (float y)\n"
               "{\n"
               "  y = If <\n"
               "    then_branch = yes () => (float a)\n"
               "    {\n"
               "      a = Constant <value = float {1.0}> ()\n"
               "    },\n"
               "    else_branch = no () => (float b)\n"
               "    <\n"
               "      float w = {2.0}\n"
               "    >\n"
               "    {\n"
               "      b = Identity (w)\n"
               "    }\n"
               "  > (c)\n"
               "}\n",
        /* Structured comments */
        "#@ configuration: [{name: \"pair\", num_devices: 2, device: [\"a\", \"b\"]}]\n" HEADER
        "#@ doc_string: \"line\\nbreak, \\\"quote\\\", \\\\ and \\x00\"\n"
        "#@ metadata_props: [\"k\" : \"v\", \"l\" : \"\"]\n"
        "g (\n"
        "  #@ type.tensor_type.shape.dim[1].denotation: \"CHANNEL\"\n"
        "  #@ type.denotation: \"IMAGE\"\n"
        "  #@ doc_string: \"in\"\n"
        "  float[N, 3] x\n"
        ") => (\n"
        "  #@ type: {tensor_type: {shape: {dim: [{dim_value: 3}]}}}\n"
        "  y,\n"
        "  #@ type: {opaque_type: {domain: \"nameless\"}}\n"
        "  z\n"
        ")\n"
        "<\n"
        "  #@ doc_string: \"data\"\n"
        "  float w = {2.0}\n"
        ">\n"
        "{\n"
        "  #@ doc_string: \"a node\"\n"
        "  #@ device_configurations: [{sharding_spec: [{device: [0, -1]}], pipeline_stage: 3}]\n"
        "  y = If <\n"
        "    #@ g.doc_string: \"a graph\"\n"
        "    #@ doc_string: \"an attribute\"\n"
        "    then_branch = yes () => (a)\n"
        "    {\n"
        "      #@ metadata_props: [\"inside\" : \"1\"]\n"
        "      a = Constant <value = float {1.0}> ()\n"
        "    }\n"
        "  > (x)\n"
        "}\n",
        /* Data */
        HEADER "g () => (float y)\n"
               "<\n"
               "  float[2] a = {-0.0, 1e-45},\n"
               "  float16[2] b = {15360, 65535},\n"
               "  bool[2] c = {0, 1},\n"
               "  int4[3] d = {33, 3},\n"
               "  complex64[1] e = {1.0, -2.0},\n"
               "  string[2] f = {\"x\", \"y z\"},\n"
               "  float[0] g = {},\n"
               "  float[1000] h = [\"location\" : \"w.bin\", \"offset\" : \"4096\"],\n"
               "  uint64 i = {18446744073709551615},\n"
               "  float6e2m3[5] j = {1, 2, 3, 63, 5},\n"
               "  sparse_tensor(float[3, 4]) k = [float[1] {5.0}, int64[1] {7}],\n"
               "  int64[2] typed\n"
               ">\n"
               "{\n"
               "}\n",
        /* Model keys and functions */
        "<\n"
        "  ir_version: 10,\n"
        "  opset_import: [\"\" : 21, \"local\" : 1],\n"
        "  producer_name: \"p\",\n"
        "  producer_version: \"1\",\n"
        "  domain: \"d\",\n"
        "  model_version: 7,\n"
        "  doc_string: \"doc\",\n"
        "  metadata_props: [\"k\" : \"v\", \"l\" : \"w\"]\n"
        ">\n"
        "g (float x) => (float y)\n"
        "{\n"
        "  y = local.F:o <beta = 2.0> (x)\n"
        "}\n"
        "\n"
        "<\n"
        "  domain: \"local\",\n"
        "  overload: \"o\",\n"
        "  opset_import: [\"\" : 21],\n"
        "  doc_string: \"f\"\n"
        ">\n"
        "F <alpha, beta, gamma = 1.0, names: strings = []> (x) => (y)\n"
        "<\n"
        "  float[N] t\n"
        ">\n"
        "{\n"
        "  t = Elu <alpha: float = @alpha> (x)\n"
        "  y = Relu (t)\n"
        "}\n",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        expect_canonical(*state, texts[i]);
}

static void test_other_spellings(void **state)
{
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"g => () { }", "g () => ()\n{\n}\n"},
        {"# comment\n g(x)=>(y)<>{y=Op(,x,)}", "g (x) => (y)\n{\n  y = Op (\"\", x)\n}\n"},
        {"g () => (y) { y = Op () <a = 1> z = Op (,) }",
         "g () => (y)\n{\n  y = Op <a = 1> ()\n  z = Op (\"\")\n}\n"},
        {"g (float[1] x = {1}) => (y) { }",
         "g (float[1] x) => (y)\n<\n  float[1] x = {1.0}\n>\n{\n}\n"},
        {"g () => (y) { y = Op <a: float = 1, b: ints = [1], c = [1, 2.5]> () }",
         "g () => (y)\n{\n  y = Op <a = 1.0, b = [1], c = [1.0, 2.5]> ()\n}\n"},
        {"#@ doc_string: \"the largest thing that begins here\"\n g => () { }",
         "#@ doc_string: \"the largest thing that begins here\"\ng () => ()\n{\n}\n"},
        {"g => (y) { # no structure\n#@metadata_props:[\"a\":\"b\"]\n y = Op () }",
         "g () => (y)\n{\n  #@ metadata_props: [\"a\" : \"b\"]\n  y = Op ()\n}\n"},
        /* Elements one by one become packed bytes; numbers become bit patterns. */
        {"g () => (y) < int4[3] a = {1, 2, -3}, float16[2] b = {1.0, -2.0} > { }",
         "g () => (y)\n<\n  int4[3] a = {33, 13},\n  float16[2] b = {15360, 49152}\n>\n{\n}\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Fixture *fixture = *state;
        const char *text = arena_format(fixture->arena, "%s%s", HEADER, cases[i].text);
        ModelProto *model = read_model(fixture, text);
        assert_non_null(model);
        assert_string_equal(written(fixture, model) + strlen(HEADER), cases[i].canonical);
    }
}

static void test_parts(void **state)
{
    Fixture *fixture = *state;
    Text text = text_create(fixture->arena);
    const char *parts[] = {"F <a> (x) => (y) { y = Relu (x) }", "g (x) => (x) { }",
                           "y = Relu (x) z = Neg (y)", "seq(float[N, 2])", "float[2] {1, 2}"};
    const Source *sources[COUNT_OF(parts)];
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        sources[i] = source_of(fixture, parts[i], strlen(parts[i]));
    FunctionProto *function = text_parse_function(fixture->arena, sources[0], fixture->diagnostics);
    assert_non_null(function);
    assert_int_equal(function->attribute.count, 1);
    assert_non_null(text_parse_graph(fixture->arena, sources[1], fixture->diagnostics));
    GraphProto *nodes = text_parse_nodes(fixture->arena, sources[2], fixture->diagnostics);
    assert_non_null(nodes);
    assert_int_equal(nodes->node.count, 2);
    TypeProto *type = text_parse_type(fixture->arena, sources[3], fixture->diagnostics);
    assert_non_null(type);
    text_write_type(type, &text);
    assert_string_equal(text.data, "seq(float[N, 2])");
    TensorProto *tensor = text_parse_tensor(fixture->arena, sources[4], fixture->diagnostics);
    assert_non_null(tensor);
    const float values[] = {1, 2};
    assert_int_equal(tensor->raw_data.length, sizeof values);
    assert_memory_equal(tensor->raw_data.data, values, sizeof values);
    /* A part is not a model. */
    Document document;
    assert_false(text_parse(fixture->arena, sources[2], &document, fixture->diagnostics));
}

/* ---- Places ------------------------------------------------------------------------------ */

static void test_messages_know_their_bytes(void **state)
{
    const char *text = HEADER "g (float[N] x) => (y) {\n  y = Add <a = 1> (x, x)\n}";
    ModelProto *model = read_model(*state, text);
    assert_non_null(model);
    const NodeProto *node = model->graph->node.items[0];
    assert_int_equal(node->base.begin, strstr(text, "y = Add") - text);
    assert_int_equal(node->base.end, strstr(text, "(x, x)") + 6 - text);
    const AttributeProto *attribute = node->attribute.items[0];
    assert_int_equal(attribute->base.begin, strstr(text, "a = 1") - text);
    assert_int_equal(attribute->base.end, strstr(text, "> (x, x)") - text);
    const ValueInfoProto *input = model->graph->input.items[0];
    assert_int_equal(input->base.begin, strstr(text, "float[N]") - text);
}

static void test_errors(void **state)
{
    static const struct {
        const char *text;
        int line, column;
        const char *message;
    } cases[] = {
        {"g (float x) => (y) { y = Relu x) }", 1, 31, "found 'x', expected '.', '(', ':' or '<'"},
        {"g (flaot x) => (y) { }", 1, 10, "; 'flaot' is no type"},
        {"g (flaot[2] x) => (y) { }", 1, 9, "; 'flaot' is no type"},
        {"g (float x) -> (y) { }", 1, 13, "found '->', expected '=>'"},
        {"g (float x) => (y) { } // g", 1, 24, "comments begin with '#'"},
        {"g (float[1.5] x) => (y) { }", 1, 10,
         "found '1.5', expected a name, a string, an integer, ']' or '?'"},
        {"g (float x) => (y)\n{ y = Relu (x)", 2, 15, "found the end of the text"},
        {"g (float x) => (y) { y = Relu (\"x) }", 1, 32, "this string has no end"},
        {"g (float x) => (y) { y = Relu (x); }", 1, 34, "found ';', which has no meaning here"},
        {"g (float \x01) => (y) { }", 1, 10, "the byte 0x01"},
        {"g (float[-] x) => (y) { }", 1, 10, "found '-' without a number"},
        {"g (float[99999999999999999999] x) => (y) { }", 1, 10, "is out of the range of int64"},
        {"g () => (y) < float[2] a = {1, 2, 3} > { }", 1, 15,
         "the tensor has 3 elements, and its shape asks for 2"},
        {"g () => (y) < float[2] a = {1 2} > { }", 1, 31, "found '2', expected ',' or '}'"},
        {"g () => (y) < float[2] a = {1,} > { }", 1, 31, "expected an element after ','"},
        {"g () => (y) < float[2] a = {,1} > { }", 1, 29, "found ',', expected an element"},
        {"g () => (y) < float[2] a = {x} > { }", 1, 29, "found 'x', expected an element"},
        {"g () => (y) < float[20] a = {1, ...} > { }", 1, 33, "elements were left out here"},
        {"g () => (y) < float[2] a = {1, 2", 1, 33, "the end of the text inside a tensor"},
        {"g () => (y) < float[N] a = {1} > { }", 1, 21, "must be numbers"},
        {"g () => (y) < a = {1} > { }", 1, 15, "a tensor's data needs a tensor type"},
        {"g () => (y) < int8[1] a = {128} > { }", 1, 28, "128 is out of the range of int8"},
        {"g () => (y) < int4[2] a = {1, 8} > { }", 1, 15, "element 1 is out of the range of int4"},
        {"g () => (y) < int64[1] a = {1.5} > { }", 1, 29,
         "found a number with a fraction, expected an integer"},
        {"g () => (y) < string[1] a = {1} > { }", 1, 30, "found an integer, expected a string"},
        {"g () => (y) < float[9999999999, 9999999999] a = {1} > { }", 1, 33,
         "the tensor has too many elements"},
        {"g () => (y) { y = Op <a: whole = 1> () }", 1, 23, "'whole' is no type of attributes"},
        {"g () => (y) { y = Op <a: ints = 1> () }", 1, 33, "attribute 'a': expected ints here"},
        {"g () => (y) { y = Op <a: ints = [1, 2.5]> () }", 1, 37, "attribute 'a': expected ints"},
        {"g () => (y) { y = Op <a = [1, \"x\"]> () }", 1, 31, "attribute 'a': expected ints"},
        {"g () => (y) { y = Op <a = []> () }", 1, 23, "an empty list needs the attribute's type"},
        {"g () => (y) { y = Op <a = @b> () }", 1, 23, "a reference needs the attribute's type"},
        {"<ir_version: \"x\"> g () => (y) { }", 1, 14, "ir_version must be an integer"},
        {"<version: 1> g () => (y) { }", 1, 2, "found 'version', expected ir_version"},
        {"<opset_import: [\"\" : \"x\"]> g () => (y) { }", 1, 17, "must have the form"},
        {"g () => (y) { } <ir_version: 1> F () => () { }", 1, 18, "the header of a function"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Fixture *fixture = *state;
        Document document;
        Diagnostics *diagnostics = diagnostics_create(fixture->arena);
        const Source *source = source_of(fixture, cases[i].text, strlen(cases[i].text));
        assert_false(text_parse(fixture->arena, source, &document, diagnostics));
        assert_int_equal(diagnostics->count, 1);
        int line, column;
        source_position(source, diagnostics->items[0].location.begin, &line, &column);
        if (!strstr(diagnostics->items[0].message, cases[i].message) || line != cases[i].line ||
            column != cases[i].column)
            fail_msg("%s\ngives %d:%d: %s", cases[i].text, line, column,
                     diagnostics->items[0].message);
    }
}

/* ---- Hostile texts ----------------------------------------------------------------------- */

static char *repeat(Fixture *fixture, const char *begin, const char *middle, int count,
                    const char *end)
{
    Text text = text_create(fixture->arena);
    text_append(&text, begin);
    for (int i = 0; i < count; i++)
        text_append(&text, middle);
    text_append(&text, end);
    return text.data;
}

static void expect_error(Fixture *fixture, const char *text, const char *message)
{
    Document document;
    Diagnostics *diagnostics = diagnostics_create(fixture->arena);
    assert_false(
        text_parse(fixture->arena, source_of(fixture, text, strlen(text)), &document, diagnostics));
    assert_true(diagnostics->count > 0);
    if (!strstr(diagnostics->items[0].message, message))
        fail_msg("%s", diagnostics->items[0].message);
}

static void test_depth(void **state)
{
    Fixture *fixture = *state;
    expect_error(fixture, repeat(fixture, "g () => (y) {", "y = If <a = g () => (y) {", 20000, "}"),
                 "graphs are nested more than");
    expect_error(fixture, repeat(fixture, "g (", "seq(", 100000, "float"), "nested too deeply");
    char *types = repeat(fixture, "g (", "seq(", 20, "float");
    expect_error(fixture, repeat(fixture, types, ")", 20, " x) => (x) { }"),
                 "types are nested more than");
}

/* A shape may promise what the text cannot hold. */
static void test_lying_shape(void **state)
{
    Fixture *fixture = *state;
    size_t before = arena_bytes(fixture->arena);
    expect_error(fixture, "g () => () < float[1000000000000] a = {1} > { }", "its shape asks for");
    assert_true(arena_bytes(fixture->arena) - before < 4 << 20);
}

static void test_cut_texts(void **state)
{
    Fixture *fixture = *state;
    const char *text = HEADER "g (float[N] x, seq(int8[]) s) => (y) < int4[3] w = {1, 2, 3} > {\n"
                              "  [l] y = a.B:c <i = 1, t = float[1] {1.5}, g = h () => (z) { }> (x)"
                              "\n}\n<domain: \"d\"> F <a = 1> (x) => (y) { }";
    size_t length = strlen(text);
    for (size_t cut = 0; cut < length; cut++) {
        ArenaMark mark = arena_mark(fixture->arena);
        Document document;
        text_parse(fixture->arena, source_of(fixture, text, cut), &document,
                   diagnostics_create(fixture->arena));
        char *changed = arena_string(fixture->arena, text, length);
        for (int byte = 0; byte < 256; byte += 17) {
            changed[cut] = (char)byte;
            text_parse(fixture->arena, source_of(fixture, changed, length), &document,
                       diagnostics_create(fixture->arena));
        }
        arena_release(fixture->arena, mark);
    }
}

/* ---- Numbers ----------------------------------------------------------------------------- */

static TnString span(const char *text)
{
    return (TnString){text, (int64_t)strlen(text)};
}

static void test_numbers(void **state)
{
    (void)state;
    static const char *const hard[] = {
        "0.0",
        "-0.0",
        "1.5",
        "16777217",
        "16777217.0000000001",
        "1e23",
        "8.5e-46",
        "7.0e-46",
        "1.17549429e-38",
        "3.4028235e38",
        "3.4028236e38",
        "1e400",
        "-1e-400",
        "9007199254740993.0",
        "0.500000029802322387695312500000000000000001",
        "0.50000002980232238769531250",
        "2.2250738585072011e-308",
        "123456789012345678901234567890",
        "1.00000017881393432617187499",
        "1.00000017881393432617187500",
        "1.00000017881393421514957253748434595763683319091796875001",
    };
    for (size_t i = 0; i < COUNT_OF(hard); i++) {
        float single = strtof(hard[i], NULL), read = number_to_float(span(hard[i]));
        double real = strtod(hard[i], NULL), read_double = number_to_double(span(hard[i]));
        assert_memory_equal(&single, &read, sizeof single);
        assert_memory_equal(&real, &read_double, sizeof real);
    }
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        uint32_t bits = (uint32_t)(seed >> 32);
        float value, back;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        char text[64];
        snprintf(text, sizeof text, "%.*g", 6 + i % 12, (double)value);
        back = number_to_float(span(text));
        value = strtof(text, NULL);
        assert_memory_equal(&value, &back, sizeof value);
        snprintf(text, sizeof text, "%.*g", 10 + i % 9, (double)value * 3.7);
        double wide = strtod(text, NULL), wide_back = number_to_double(span(text));
        assert_memory_equal(&wide, &wide_back, sizeof wide);
    }
    int64_t integer;
    uint64_t natural;
    assert_true(number_to_int64(span("-9223372036854775808"), &integer));
    assert_int_equal(integer, INT64_MIN);
    assert_false(number_to_int64(span("9223372036854775808"), &integer));
    assert_false(number_to_int64(span("-9223372036854775809"), &integer));
    assert_true(number_to_uint64(span("18446744073709551615"), &natural));
    assert_true(natural == UINT64_MAX);
    assert_false(number_to_uint64(span("18446744073709551616"), &natural));
    assert_true(isnan(number_to_float(span("NaN"))));
    assert_true(number_to_float(span("-infinity")) == -INFINITY);
}

/* Whatever field holds a tensor's data, the text reads back as the same bytes. */
static void test_typed_data(void **state)
{
    Fixture *fixture = *state;
    TensorProto tensor = {0};
    const int64_t dims[] = {3};
    const int32_t halves[] = {0x3c00, 0x8000, 0x7e01};
    tensor.dims.items = (int64_t *)dims;
    tensor.dims.count = 1;
    tensor.int32_data.items = (int32_t *)halves;
    tensor.int32_data.count = 3;
    PROTO_SET(&tensor, data_type, TN_FLOAT16);
    Text text = text_create(fixture->arena);
    text_write_tensor(&tensor, &text, NULL);
    assert_string_equal(text.data, "float16[3] {15360, 32768, 32257}");
    TensorProto *back = text_parse_tensor(
        fixture->arena, source_of(fixture, text.data, text.length), fixture->diagnostics);
    assert_non_null(back);
    TnString bytes = tensor_proto_bytes(fixture->arena, &tensor);
    assert_int_equal(back->raw_data.length, 6);
    assert_memory_equal(back->raw_data.data, bytes.data, 6);
}

typedef struct Sink {
    int64_t bytes;
} Sink;

static bool keep_outside(void *user, const TensorProto *tensor, const void *data, int64_t bytes,
                         TnString *location, int64_t *offset)
{
    (void)tensor;
    (void)data;
    *location = proto_string("weights.bin");
    *offset = ((Sink *)user)->bytes;
    ((Sink *)user)->bytes += bytes;
    return true;
}

static void test_write_options(void **state)
{
    Fixture *fixture = *state;
    ModelProto *model = read_model(fixture, HEADER "g () => () < float[4] a = {1, 2, 3, 4}, "
                                                   "float[1] b = {5} > { }");
    assert_non_null(model);
    Sink sink = {64};
    WriteOptions options = {.external_threshold = 8, .external = keep_outside, .user = &sink};
    Text text = text_create(fixture->arena);
    text_write_model(model, &text, &options);
    assert_non_null(strstr(text.data, "float[4] a = [\"location\" : \"weights.bin\", \"offset\" : "
                                      "\"64\", \"length\" : \"16\"],"));
    assert_non_null(strstr(text.data, "float[1] b = {5.0}"));
    assert_int_equal(sink.bytes, 80);
    options = (WriteOptions){.element_limit = 2};
    Text brief = text_create(fixture->arena);
    text_write_model(model, &brief, &options);
    assert_non_null(strstr(brief.data, "{1.0, 2.0, ...}"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_canonical_texts), TEST(test_other_spellings),
        TEST(test_parts),           TEST(test_messages_know_their_bytes),
        TEST(test_errors),          TEST(test_depth),
        TEST(test_lying_shape),     TEST(test_cut_texts),
        TEST(test_numbers),         TEST(test_typed_data),
        TEST(test_write_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

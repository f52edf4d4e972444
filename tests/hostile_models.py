# SPDX-License-Identifier: Apache-2.0
"""Damaged, malicious and odd models, made byte by byte: CASES is a list of (name, expected, bytes).

expected: "reject", "accept", or "any" where the standard leaves it open and only crashes, hangs and
memory count. Needs nothing but Python."""
import struct

FLOAT, INT32, INT64, STRING, BOOL = 1, 6, 7, 8, 9
CASES = []


# ---- Protocol buffers ----------------------------------------------------------------------------

def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number, kind):
    return varint(number << 3 | kind)


def integer(number, value):
    return tag(number, 0) + varint(value)


def data(number, value):
    value = value.encode() if isinstance(value, str) else value
    return tag(number, 2) + varint(len(value)) + value


def real(number, value):
    return tag(number, 5) + struct.pack("<f", value)


# ---- ONNX ----------------------------------------------------------------------------------------

def attribute(name, kind, payload):
    return data(1, name) + payload + integer(20, kind)


def a_int(name, value):
    return attribute(name, 2, integer(3, value))


def a_float(name, value):
    return attribute(name, 1, real(2, value))


def a_string(name, value):
    return attribute(name, 3, data(4, value))


def a_ints(name, *values):
    return attribute(name, 7, b"".join(integer(8, v) for v in values))


def a_tensor(name, value):
    return attribute(name, 4, data(5, value))


def a_graph(name, value):
    return attribute(name, 5, data(6, value))


def a_type(name, value):
    return attribute(name, 13, data(14, value))


def reference(name, parameter, kind=2):
    return data(1, name) + integer(20, kind) + data(21, parameter)


def node(op, inputs, outputs, *attributes, name="", domain=""):
    return (b"".join(data(1, i) for i in inputs) + b"".join(data(2, o) for o in outputs) +
            (data(3, name) if name else b"") + data(4, op) +
            b"".join(data(5, a) for a in attributes) + (data(7, domain) if domain else b""))


def dim(size):
    if size is None:
        return b""
    return data(2, size) if isinstance(size, str) else integer(1, size)


def tensor_type(element, dims):
    shape = b"" if dims is None else data(2, b"".join(data(1, dim(d)) for d in dims))
    return data(1, integer(1, element) + shape)


def value(name, dims=(2, 3), element=FLOAT):
    return data(1, name) + data(2, tensor_type(element, dims))


def tensor(name, dims, raw=None, element=FLOAT, extra=b""):
    return (b"".join(integer(1, d) for d in dims) + integer(2, element) + extra +
            (data(8, name) if name else b"") + (data(9, raw) if raw is not None else b""))


def int64s(name, *values):
    return tensor(name, [len(values)], struct.pack(f"<{len(values)}q", *values), INT64)


def floats(name, dims, *values):
    return tensor(name, dims, struct.pack(f"<{len(values)}f", *values))


def graph(nodes, inputs, outputs, initializers=(), name="g", extra=b""):
    return (b"".join(data(1, n) for n in nodes) + data(2, name) +
            b"".join(data(5, t) for t in initializers) + b"".join(data(11, i) for i in inputs) +
            b"".join(data(12, o) for o in outputs) + extra)


def opset(version, domain=""):
    return (data(1, domain) if domain else b"") + integer(2, version)


def function(name, inputs, outputs, nodes, attributes=(), imports=None, domain="local"):
    imports = [opset(17), opset(1, "local")] if imports is None else imports
    return (data(1, name) + b"".join(data(4, i) for i in inputs) +
            b"".join(data(5, o) for o in outputs) + b"".join(data(6, a) for a in attributes) +
            b"".join(data(7, n) for n in nodes) + b"".join(data(9, i) for i in imports) +
            data(10, domain))


def model(graph_bytes, version=17, ir=8, functions=(), imports=()):
    return (integer(1, ir) + data(7, graph_bytes) + data(8, opset(version)) +
            b"".join(data(8, i) for i in imports) + b"".join(data(25, f) for f in functions))


def unary(op="Relu", *attributes, dims=(2, 3), version=17, inputs=("x",), initializers=(),
          domain="", imports=()):
    return model(graph([node(op, inputs, ["y"], *attributes, domain=domain)], [value("x", dims)],
                       [data(1, "y")], initializers), version, imports=imports)


def case(name, expected, content):
    CASES.append((name, expected, content))


# ---- Wire format ---------------------------------------------------------------------------------

VALID = unary()
case("wire_valid", "accept", VALID)
case("wire_empty", "reject", b"")
case("wire_one_byte", "reject", b"\x08")
for cut in (1, 3, 7, len(VALID) // 2, len(VALID) - 2, len(VALID) - 1):
    case(f"wire_cut_{cut}", "reject", VALID[:cut])
case("wire_png", "reject", b"\x89PNG\r\n\x1a\n" + bytes(64))
case("wire_elf", "reject", b"\x7fELF" + bytes(64))
case("wire_zip", "reject", b"PK\x03\x04" + bytes(64))
case("wire_zeroes", "reject", bytes(4096))
case("wire_ones", "reject", b"\xff" * 4096)
case("wire_newlines", "reject", b"\n" * 4096)
case("wire_html", "reject", b"<!DOCTYPE html><html><body>404</body></html>")
case("wire_lfs_pointer", "reject", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
case("wire_only_version", "reject", integer(1, 8))
case("wire_tag_64_bits", "reject", VALID + b"\xff" * 9 + b"\x01")
case("wire_tag_too_long", "reject", VALID + b"\x80" * 11 + b"\x01")
case("wire_length_2p63", "reject", integer(1, 8) + tag(7, 2) + varint(1 << 63))
case("wire_length_2p64_1", "reject", integer(1, 8) + tag(7, 2) + varint((1 << 64) - 1))
case("wire_length_2p32", "reject", integer(1, 8) + tag(7, 2) + varint(1 << 32) + bytes(16))
case("wire_field_zero", "reject", VALID + b"\x00\x01")
case("wire_type_6", "reject", VALID + tag(99, 6))
case("wire_type_7", "reject", VALID + tag(99, 7))
case("wire_unknown_kinds", "accept", VALID + integer(1000, 7) + data(1001, "x") + real(1002, 1.0) +
     tag(1003, 1) + bytes(8))
case("wire_unknown_group", "accept", VALID + tag(99, 3) + integer(1, 1) + tag(99, 4))
case("wire_open_group", "reject", VALID + tag(99, 3) + integer(1, 1))
case("wire_group_mismatch", "reject", VALID + tag(99, 3) + tag(98, 4))
case("wire_group_end_alone", "reject", VALID + tag(99, 4))
case("wire_groups_100000_deep", "reject", VALID + tag(99, 3) * 100000)
case("wire_graph_in_pieces", "accept",
     integer(1, 8) + data(7, data(1, node("Relu", ["x"], ["y"]))) +
     data(7, data(2, "g") + data(11, value("x")) + data(12, data(1, "y"))) + data(8, opset(17)))
case("wire_version_twice", "accept", integer(1, 3) + VALID)
case("wire_graph_as_number", "reject", integer(1, 8) + integer(7, 5) + data(8, opset(17)))
case("wire_packed_dims", "accept",
     model(graph([node("Add", ["x", "w"], ["y"])], [value("x", [2, 3])], [data(1, "y")],
                 [data(1, varint(2) + varint(3)) + integer(2, FLOAT) + data(8, "w") +
                  data(9, bytes(24))])))
case("wire_float_data_odd", "reject",
     unary("Add", inputs=("x", "w"), initializers=[integer(1, 1) + integer(2, FLOAT) +
                                                   data(4, bytes(5)) + data(8, "w")]))
case("wire_million_empty_nodes", "reject", integer(1, 8) + data(7, b"\x0a\x00" * 1000000) +
     data(8, opset(17)))
case("wire_million_unknown", "accept", VALID + integer(99, 1) * 1000000)
case("wire_million_imports", "reject", VALID + data(8, b"") * 300000)
case("wire_dims_million", "reject",
     unary("Add", inputs=("x", "w"), initializers=[tensor("w", [1] * 1000000, bytes(4))]))
case("wire_graph_merged_100000", "reject", integer(1, 8) + data(7, data(1, b"")) * 100000)

# ---- Headers -------------------------------------------------------------------------------------

GRAPH = graph([node("Relu", ["x"], ["y"])], [value("x")], [data(1, "y")])
case("header_no_graph", "reject", integer(1, 8) + data(8, opset(17)))
case("header_no_ir_version", "reject", data(7, GRAPH) + data(8, opset(17)))
case("header_ir_0", "reject", model(GRAPH, ir=0))
case("header_ir_negative", "reject", model(GRAPH, ir=-1))
case("header_ir_99", "reject", model(GRAPH, ir=99))
case("header_ir_huge", "reject", model(GRAPH, ir=1 << 62))
case("header_no_opset", "reject", integer(1, 8) + data(7, GRAPH))
case("header_opset_0", "reject", model(GRAPH, 0))
case("header_opset_negative", "reject", model(GRAPH, -5))
case("header_opset_29", "reject", model(GRAPH, 29))
case("header_opset_huge", "reject", model(GRAPH, (1 << 63) - 1))
case("header_opset_twice_differs", "reject", model(GRAPH, 17, imports=[opset(13)]))
case("header_opset_twice_same", "accept", model(GRAPH, 17, imports=[opset(17)]))
case("header_opset_ai_onnx", "accept", integer(1, 8) + data(7, GRAPH) + data(8, opset(17, "ai.onnx")))
case("header_unused_domain", "accept", model(GRAPH, imports=[opset(3, "com.example")]))
case("header_ir_3", "accept", model(GRAPH, 7, ir=3))
case("header_no_nodes", "any", model(graph([], [value("x")], [data(1, "x")])))
case("header_empty_graph", "reject", model(b""))
case("header_metadata", "accept", VALID + data(14, data(1, "k") + data(2, "v")))

# ---- Structure -----------------------------------------------------------------------------------

case("structure_ghost", "reject", unary(inputs=("nobody",)))
case("structure_ghost_output", "reject",
     model(graph([node("Relu", ["x"], ["y"])], [value("x")], [data(1, "z")])))
case("structure_self_loop", "reject", unary(inputs=("y",)))
case("structure_cycle_2", "reject",
     model(graph([node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"])], [value("x")],
                 [data(1, "b")])))
case("structure_unordered", "reject",
     model(graph([node("Relu", ["a"], ["y"]), node("Relu", ["x"], ["a"])], [value("x")],
                 [data(1, "y")])))
case("structure_cycle_1000", "reject",
     model(graph([node("Relu", [f"v{(i + 1) % 1000}"], [f"v{i}"]) for i in range(1000)],
                 [value("x")], [data(1, "v0")])))
case("structure_output_is_input_name", "reject",
     model(graph([node("Relu", ["x"], ["x"])], [value("x")], [data(1, "x")])))
case("structure_output_twice_in_node", "reject",
     model(graph([node("Split", ["x"], ["y", "y"], a_int("axis", 0))], [value("x", [2, 2])],
                 [data(1, "y")]), 13))
case("structure_input_twice", "reject",
     model(graph([node("Relu", ["x"], ["y"])], [value("x"), value("x")], [data(1, "y")])))
case("structure_output_twice", "reject",
     model(graph([node("Relu", ["x"], ["y"])], [value("x")], [data(1, "y"), data(1, "y")])))
case("structure_initializer_twice", "reject",
     unary("Add", inputs=("x", "w"), initializers=[floats("w", [1], 1.0), floats("w", [1], 2.0)]))
case("structure_initializer_is_result", "reject",
     model(graph([node("Relu", ["x"], ["y"])], [value("x")], [data(1, "y")],
                 [floats("y", [1], 1.0)])))
case("structure_no_operator", "reject", unary(""))
case("structure_nul_in_operator", "reject", unary("Re\0lu"))
case("structure_nul_in_name", "reject", unary(inputs=("x\0y",)))
case("structure_unknown_operator", "reject", unary("Rellu"))
case("structure_unknown_domain", "reject", unary("Relu", domain="com.example"))
case("structure_unknown_domain_imported", "reject",
     unary("Relu", domain="com.example", imports=[opset(1, "com.example")]))
case("structure_long_name", "accept",
     model(graph([node("Relu", ["x" * 100000], ["y"])], [value("x" * 100000)], [data(1, "y")])))
case("structure_odd_names", "accept",
     model(graph([node("Relu", ["a b\"c\\"], ["\xff\n"]), node("Relu", ["\xff\n"], ["y"])],
                 [value("a b\"c\\")], [data(1, "y")])))
case("structure_percent_names", "accept",
     model(graph([node("Relu", ["%s%n%d"], ["y"], name="%n%n")], [value("%s%n%d")], [data(1, "y")])))
case("structure_percent_error", "reject", unary("%s%n%d"))
case("structure_too_many_operands", "reject", unary(inputs=("x", "x", "x")))
case("structure_too_few_operands", "reject", unary("Add", inputs=("x",)))
case("structure_absent_operand", "reject", unary("Add", inputs=("x", "")))
case("structure_no_operands", "reject", unary("Add", inputs=()))
case("structure_million_operands", "reject", unary("Relu", inputs=("x",) * 300000))
case("structure_unused_initializer", "accept", unary(initializers=[floats("w", [1], 1.0)]))
case("structure_input_is_output", "any", model(graph([], [value("x")], [data(1, "x")])))
case("structure_no_outputs", "reject", model(graph([node("Relu", ["x"], ["y"])], [value("x")], [])))
case("structure_input_without_type", "reject",
     model(graph([node("Relu", ["x"], ["y"])], [data(1, "x")], [data(1, "y")])))
case("structure_element_type_99", "reject",
     model(graph([node("Relu", ["x"], ["y"])], [value("x", [2], 99)], [data(1, "y")])))
case("structure_wrong_output_type", "reject",
     model(graph([node("Relu", ["x"], ["y"])], [value("x")], [value("y", [2, 3], INT64)])))
case("structure_mixed_types", "reject",
     model(graph([node("Add", ["x", "z"], ["y"])], [value("x"), value("z", [2, 3], INT64)],
                 [data(1, "y")])))
case("structure_dim_minus_1", "accept", unary(dims=(-1, 3)))
case("structure_dim_minus_7", "reject", unary(dims=(-7, 3)))
case("structure_dim_2p62", "reject", unary(dims=(1 << 62, 3)))
case("structure_dims_overflow", "reject", unary(dims=(1 << 40, 1 << 40)))
case("structure_rank_11", "reject", unary(dims=(1,) * 11))
case("structure_rank_100000", "reject", unary(dims=(1,) * 100000))
case("structure_symbols", "accept", unary(dims=("batch size", "a/b", 3)))
case("structure_nul_symbol", "reject", unary(dims=("a\0b",)))
case("structure_symbol_expression", "accept", unary(dims=("2*N + 1", "N")))
case("structure_symbol_deep_expression", "any", unary(dims=("(" * 50000 + "N" + ")" * 50000,)))
case("structure_symbol_overflow", "any", unary(dims=("99999999999999999999999*N",)))
case("structure_symbol_division", "any", unary(dims=("N/0", "N%0")))

# ---- Attributes ----------------------------------------------------------------------------------

case("attribute_unknown", "reject", unary("Relu", a_int("alpha", 1)))
case("attribute_note", "accept", unary("Relu", a_int("__note", 1)))
case("attribute_wrong_type", "reject", unary("LeakyRelu", a_int("alpha", 1)))
case("attribute_wrong_type_2", "reject", unary("Softmax", a_float("axis", 1.0)))
case("attribute_twice", "reject", unary("Softmax", a_int("axis", 1), a_int("axis", 0)))
case("attribute_type_99", "reject", unary("Softmax", attribute("axis", 99, integer(3, 1))))
case("attribute_type_missing", "any", unary("Softmax", data(1, "axis") + integer(3, 1)))
case("attribute_type_contradicts", "reject", unary("Softmax", attribute("axis", 2, data(4, "1"))))
case("attribute_missing", "reject", unary("Concat", inputs=("x", "x")))
case("attribute_choice", "reject", unary("DepthToSpace", a_int("blocksize", 2), a_string("mode", "ABC"),
                                         dims=(1, 4, 2, 2)))
case("attribute_element", "reject", unary("Cast", a_int("to", 77)))
case("attribute_element_0", "reject", unary("Cast", a_int("to", 0)))
case("attribute_element_huge", "reject", unary("Cast", a_int("to", (1 << 32) + 1)))
case("attribute_axis_outside", "reject", unary("Softmax", a_int("axis", 2)))
case("attribute_axis_min", "reject", unary("Softmax", a_int("axis", -(1 << 63))))
case("attribute_100000_notes", "accept",
     unary("Relu", *[a_int(f"__n{i}", 1) for i in range(100000)]))
case("attribute_nameless", "reject", unary("Relu", integer(3, 1) + integer(20, 2)))
case("attribute_reference_outside", "any", unary("Softmax", reference("axis", "nowhere")))
case("attribute_graph_for_int", "reject", unary("Softmax", a_graph("axis", GRAPH)))

# ---- Tensors -------------------------------------------------------------------------------------


def with_tensor(bytes_, dims=(2, 3)):
    return model(graph([node("Identity", ["w"], ["y"])], [value("x", dims)], [data(1, "y")], [bytes_]))


case("tensor_dim_negative", "reject", with_tensor(tensor("w", [4, -1], bytes(16))))
case("tensor_dim_min", "reject", with_tensor(tensor("w", [-(1 << 63)], b"")))
case("tensor_count_wraps", "reject", with_tensor(tensor("w", [1 << 33, 1 << 31], b"")))
case("tensor_count_wraps_to_4", "reject", with_tensor(tensor("w", [(1 << 62) + 1, 4], bytes(16))))
case("tensor_bytes_wrap", "reject", with_tensor(tensor("w", [1 << 62], b"")))
case("tensor_zero_times_huge", "any", with_tensor(tensor("w", [0, 1 << 40], b"")))
case("tensor_zero_times_2p62", "any", with_tensor(tensor("w", [0, 1 << 62, 1 << 62], b"")))
case("tensor_short", "reject", with_tensor(tensor("w", [3], bytes(11))))
case("tensor_long", "reject", with_tensor(tensor("w", [3], bytes(13))))
case("tensor_no_data", "reject", with_tensor(tensor("w", [3])))
case("tensor_no_data_huge", "reject", with_tensor(tensor("w", [1 << 40])))
case("tensor_empty", "accept", with_tensor(tensor("w", [0])))
case("tensor_scalar", "accept", with_tensor(tensor("w", [], bytes(4))))
case("tensor_type_0", "reject", with_tensor(tensor("w", [1], bytes(4), 0)))
case("tensor_type_99", "reject", with_tensor(tensor("w", [1], bytes(4), 99)))
case("tensor_type_negative", "reject", with_tensor(tensor("w", [1], bytes(4), -1)))
case("tensor_two_fields", "reject",
     with_tensor(tensor("w", [1], bytes(4), extra=data(4, bytes(4)))))
case("tensor_wrong_field", "reject", with_tensor(tensor("w", [1], extra=data(7, varint(1)))))
case("tensor_raw_strings", "reject", with_tensor(tensor("w", [1], b"abcd", STRING)))
case("tensor_string_count", "reject", with_tensor(tensor("w", [2], None, STRING, data(6, "a"))))
case("tensor_segment", "reject", with_tensor(tensor("w", [1], bytes(4), extra=data(3, integer(1, 0)))))
case("tensor_rank_11", "reject", with_tensor(tensor("w", [1] * 11, bytes(4))))
case("tensor_bool_2", "accept",
     model(graph([node("Not", ["w"], ["y"])], [value("x")], [data(1, "y")],
                 [tensor("w", [3], b"\x00\x02\xff", BOOL)])))
case("tensor_int4_odd", "accept", model(graph([node("Identity", ["w"], ["y"])], [value("x")],
                                              [data(1, "y")],
                                              [tensor("w", [3], b"\x21\x03", 22)]), 21, ir=10))
case("tensor_int4_short", "reject", model(graph([node("Identity", ["w"], ["y"])], [value("x")],
                                                [data(1, "y")],
                                                [tensor("w", [3], b"\x21", 22)]), 21, ir=10))
case("tensor_nameless", "reject", with_tensor(tensor("", [1], bytes(4))))
case("tensor_location_7", "reject", with_tensor(tensor("w", [1], bytes(4)) + integer(14, 7)))
case("tensor_constant_without_value", "reject",
     model(graph([node("Constant", [], ["y"])], [], [data(1, "y")])))
case("tensor_constant_two_values", "reject",
     model(graph([node("Constant", [], ["y"], a_int("value_int", 1), a_float("value_float", 1.0))],
                 [], [data(1, "y")])))
case("tensor_constant_short", "reject",
     model(graph([node("Constant", [], ["y"], a_tensor("value", tensor("", [3], bytes(4))))], [],
                 [data(1, "y")])))


def sparse(values, indices, *dims):
    return data(1, values) + data(2, indices) + b"".join(integer(3, d) for d in dims)


def with_sparse(sparse_tensor):
    return model(graph([node("Identity", ["w"], ["y"])], [value("x")], [data(1, "y")],
                       extra=data(15, sparse_tensor)), 17)


case("tensor_sparse", "accept", with_sparse(sparse(floats("w", [2], 1, 2), int64s("", 0, 5), 2, 3)))
case("tensor_sparse_outside", "reject",
     with_sparse(sparse(floats("w", [2], 1, 2), int64s("", 0, 6), 2, 3)))
case("tensor_sparse_negative", "reject",
     with_sparse(sparse(floats("w", [2], 1, 2), int64s("", -1, 5), 2, 3)))
case("tensor_sparse_count", "reject",
     with_sparse(sparse(floats("w", [2], 1, 2), int64s("", 0), 2, 3)))
case("tensor_sparse_unsorted", "reject",
     with_sparse(sparse(floats("w", [2], 1, 2), int64s("", 5, 0), 2, 3)))
case("tensor_sparse_huge", "reject",
     with_sparse(sparse(floats("w", [1], 1), int64s("", 0), 1 << 20, 1 << 20)))
case("tensor_sparse_wraps", "reject",
     with_sparse(sparse(floats("w", [1], 1), int64s("", 0), 1 << 33, 1 << 31)))
case("tensor_sparse_no_indices", "reject", with_sparse(data(1, floats("w", [1], 1)) + integer(3, 4)))
case("tensor_default_wrong_type", "reject",
     model(graph([node("Relu", ["x"], ["y"])], [value("x")], [data(1, "y")], [int64s("x", 1)])))

# ---- External data -------------------------------------------------------------------------------


def external(*pairs):
    return with_tensor(tensor("w", [4], extra=b"".join(
        data(13, data(1, k) + data(2, v)) for k, v in pairs) + integer(14, 1)))


case("external_good", "accept", external(("location", "weights.dat"), ("offset", "0"), ("length", "16")))
case("external_no_length", "accept", external(("location", "weights.dat"), ("offset", "16")))
case("external_dot", "any", external(("location", "./weights.dat"), ("length", "16")))
case("external_missing_file", "reject", external(("location", "nothing.dat")))
case("external_no_location", "reject", external(("offset", "0")))
case("external_empty_location", "reject", external(("location", "")))
case("external_absolute", "reject", external(("location", "/etc/passwd")))
case("external_dotdot", "reject", external(("location", "../weights.dat")))
case("external_dotdot_inside", "reject", external(("location", "sub/../../weights.dat")))
case("external_nul", "reject", external(("location", "weights.dat\0.txt")))
case("external_folder", "reject", external(("location", ".")))
case("external_link", "reject", external(("location", "link.dat"), ("length", "16")))
case("external_link_folder", "reject", external(("location", "folder/passwd"), ("length", "16")))
case("external_fifo", "reject", external(("location", "fifo"), ("length", "16")))
case("external_hard_link", "reject", external(("location", "hard.dat"), ("length", "16")))
case("external_offset_beyond", "reject", external(("location", "weights.dat"), ("offset", "33")))
case("external_length_beyond", "reject",
     external(("location", "weights.dat"), ("offset", "24"), ("length", "16")))
case("external_wraps", "reject",
     external(("location", "weights.dat"), ("offset", str((1 << 64) - 8)), ("length", "16")))
case("external_wraps_2", "reject",
     external(("location", "weights.dat"), ("offset", str((1 << 63) - 8)), ("length", "16")))
case("external_offset_negative", "reject", external(("location", "weights.dat"), ("offset", "-16")))
case("external_offset_hex", "reject", external(("location", "weights.dat"), ("offset", "0x10")))
case("external_offset_empty", "reject", external(("location", "weights.dat"), ("offset", "")))
case("external_length_differs", "reject", external(("location", "weights.dat"), ("length", "12")))
case("external_and_raw", "reject",
     with_tensor(tensor("w", [4], bytes(16), extra=data(13, data(1, "location") +
                                                        data(2, "weights.dat")) + integer(14, 1))))
case("external_strings", "reject",
     with_tensor(tensor("w", [1], None, STRING, data(13, data(1, "location") +
                                                     data(2, "weights.dat")) + integer(14, 1))))
case("external_unknown_key", "accept",
     external(("location", "weights.dat"), ("length", "16"), ("colour", "red")))
case("external_huge_dims", "reject",
     with_tensor(tensor("w", [1 << 40], extra=data(13, data(1, "location") +
                                                   data(2, "weights.dat")) + integer(14, 1))))

# ---- Nesting -------------------------------------------------------------------------------------


def nested_if(depth):
    body = graph([node("Identity", ["x"], ["r"])], [], [value("r")])
    for level in range(depth):
        body = graph([node("If", ["c"], ["r"], a_graph("then_branch", body),
                           a_graph("else_branch", graph([node("Identity", ["x"], ["r"])], [],
                                                        [value("r")])))],
                     [], [value("r")], name=f"level{level}")
    return model(graph([node("If", ["c"], ["y"], a_graph("then_branch", body),
                             a_graph("else_branch", body if depth < 4 else
                                     graph([node("Identity", ["x"], ["r"])], [], [value("r")])))],
                       [value("x"), value("c", [], BOOL)], [data(1, "y")]))


def nested_type(depth, kind):
    inner = tensor_type(FLOAT, [2])
    for _ in range(depth):
        inner = data(kind, data(1, inner))
    return model(graph([node("Identity", ["x"], ["y"])], [data(1, "x") + data(2, inner)],
                       [data(1, "y")]))


case("nesting_if_1", "accept", nested_if(1))
case("nesting_if_8", "accept", nested_if(8))
case("nesting_if_20", "any", nested_if(20))
case("nesting_if_60", "reject", nested_if(60))
case("nesting_if_500", "reject", nested_if(500))
case("nesting_sequence_40", "any", nested_type(40, 4))
case("nesting_sequence_5000", "reject", nested_type(5000, 4))
case("nesting_optional_2", "any", nested_type(2, 9))
case("nesting_optional_5000", "reject", nested_type(5000, 9))
case("nesting_sequence_of_nothing", "reject",
     model(graph([node("Identity", ["x"], ["y"])], [data(1, "x") + data(2, data(4, b""))],
                 [data(1, "y")])))
case("nesting_type_of_nothing", "reject",
     model(graph([node("Identity", ["x"], ["y"])], [data(1, "x") + data(2, b"")], [data(1, "y")])))

# ---- Functions -----------------------------------------------------------------------------------

LOCAL = [opset(1, "local")]


def calling(functions, op="f", inputs=("x",), outputs=("y",), *attributes):
    return model(graph([node(op, inputs, outputs, *attributes, domain="local")], [value("x")],
                       [data(1, outputs[0])]), functions=functions, imports=LOCAL)


F = function("f", ["a"], ["b"], [node("Relu", ["a"], ["b"])])
case("function_good", "accept", calling([F]))
case("function_missing", "reject", calling([]))
case("function_twice", "reject", calling([F, F]))
case("function_recursion", "reject",
     calling([function("f", ["a"], ["b"], [node("f", ["a"], ["b"], domain="local")])]))
case("function_recursion_3", "reject",
     calling([function(name, ["a"], ["b"], [node(callee, ["a"], ["b"], domain="local")])
              for name, callee in (("f", "g"), ("g", "h"), ("h", "f"))]))
case("function_recursion_unused", "reject",
     calling([F, function("g", ["a"], ["b"], [node("g", ["a"], ["b"], domain="local")])]))
case("function_recursion_in_branch", "reject",
     calling([function("f", ["a"], ["b"],
                       [node("Constant", [], ["c"],
                             a_tensor("value", tensor("", [], b"\1", BOOL))),
                        node("If", ["c"], ["b"],
                             a_graph("then_branch", graph([node("f", ["a"], ["r"], domain="local")],
                                                          [], [value("r")])),
                             a_graph("else_branch", graph([node("Relu", ["a"], ["r"])], [],
                                                          [value("r")])))])]))
case("function_doubling_40", "reject",
     calling([function(f"f{i}", ["a"], ["c"],
                       [node(f"f{i + 1}", ["a"], ["b"], domain="local"),
                        node(f"f{i + 1}", ["b"], ["c"], domain="local")]) for i in range(40)] +
             [function("f40", ["a"], ["c"], [node("Relu", ["a"], ["c"])])], "f0"))
case("function_chain_200", "reject",
     calling([function(f"f{i}", ["a"], ["b"], [node(f"f{i + 1}", ["a"], ["b"], domain="local")])
              for i in range(200)] + [function("f200", ["a"], ["b"], [node("Relu", ["a"], ["b"])])],
             "f0"))
case("function_chain_20", "accept",
     calling([function(f"f{i}", ["a"], ["b"], [node(f"f{i + 1}", ["a"], ["b"], domain="local")])
              for i in range(20)] + [function("f20", ["a"], ["b"], [node("Relu", ["a"], ["b"])])],
             "f0"))
case("function_too_many_operands", "reject", calling([F], "f", ("x", "x")))
case("function_too_many_results", "reject", calling([F], "f", ("x",), ("y", "z")))
case("function_unknown_attribute", "reject", calling([F], "f", ("x",), ("y",), a_int("q", 1)))
case("function_attribute", "accept",
     calling([function("f", ["a"], ["b"], [node("Softmax", ["a"], ["b"], reference("axis", "k"))],
                       ["k"])], "f", ("x",), ("y",), a_int("k", 0)))
case("function_attribute_default", "accept",
     calling([function("f", ["a"], ["b"], [node("Softmax", ["a"], ["b"], reference("axis", "k"))],
                       ["k"])]))
case("function_attribute_type", "reject",
     calling([function("f", ["a"], ["b"], [node("Softmax", ["a"], ["b"], reference("axis", "k"))],
                       ["k"])], "f", ("x",), ("y",), a_string("k", "0")))
case("function_output_missing", "reject",
     calling([function("f", ["a"], ["b"], [node("Relu", ["a"], ["c"])])]))
case("function_captures", "reject",
     calling([function("f", ["a"], ["b"], [node("Relu", ["x"], ["b"])])]))
case("function_absent_operand", "reject", calling([F], "f", ()))
case("function_unknown_operator", "reject",
     calling([function("f", ["a"], ["b"], [node("Nothing", ["a"], ["b"])])]))
case("function_opset_99", "reject",
     calling([function("f", ["a"], ["b"], [node("Relu", ["a"], ["b"])], imports=[opset(99)])]))
case("function_passes_through", "any", calling([function("f", ["a"], ["a"], [])]))
case("function_nameless", "reject", calling([F, function("", ["a"], ["b"], [])]))
case("function_group", "accept",
     model(graph([node("g", ["x"], ["y"], domain="tenon")], [value("x")], [data(1, "y")]),
           functions=[function("g", ["a"], ["b"], [node("Relu", ["a"], ["b"])], domain="tenon",
                               imports=[opset(17)])], imports=[opset(1, "tenon")]))
case("function_group_arity", "reject",
     model(graph([node("g", ["x", "x"], ["y"], domain="tenon")], [value("x")], [data(1, "y")]),
           functions=[function("g", ["a"], ["b"], [node("Relu", ["a"], ["b"])], domain="tenon",
                               imports=[opset(17)])], imports=[opset(1, "tenon")]))

# ---- Control flow --------------------------------------------------------------------------------

CONDITION = value("c", [], BOOL)


def if_node(then, otherwise, inputs=("c",), *more):
    return model(graph([node("If", inputs, ["y"], a_graph("then_branch", then),
                             a_graph("else_branch", otherwise), *more)],
                       [value("x"), CONDITION], [data(1, "y")]))


RELU = graph([node("Relu", ["x"], ["r"])], [], [value("r")])
case("control_if", "accept", if_node(RELU, RELU))
case("control_if_no_else", "reject",
     model(graph([node("If", ["c"], ["y"], a_graph("then_branch", RELU))], [value("x"), CONDITION],
                 [data(1, "y")])))
case("control_if_no_outputs", "reject", if_node(RELU, graph([], [], [])))
case("control_if_two_outputs", "reject",
     if_node(RELU, graph([node("Relu", ["x"], ["r"])], [], [value("r"), value("x")])))
case("control_if_float_condition", "reject", if_node(RELU, RELU, ("x",)))
case("control_if_inputs", "reject",
     if_node(graph([node("Relu", ["q"], ["r"])], [value("q")], [value("r")]), RELU))
case("control_if_ghost", "reject",
     if_node(graph([node("Relu", ["nobody"], ["r"])], [], [value("r")]), RELU))
case("control_if_later", "reject",
     model(graph([node("If", ["c"], ["y"], a_graph("then_branch", graph(
         [node("Relu", ["later"], ["r"])], [], [value("r")])), a_graph("else_branch", RELU)),
                  node("Relu", ["x"], ["later"])], [value("x"), CONDITION], [data(1, "y")])))
case("control_if_own_result", "reject",
     if_node(graph([node("Relu", ["y"], ["r"])], [], [value("r")]), RELU))
case("control_if_captured_output", "accept", if_node(graph([], [], [value("x")]), RELU))
case("control_if_graph_twice", "reject", if_node(RELU, RELU, ("c",), a_graph("then_branch", RELU)))


def loop(body_nodes, inputs=("i", "k", "s"), outputs=("k2", "t"), operands=("m", "c", "x")):
    kinds = {"i": ([], INT64), "k": ([], BOOL)}
    body = graph(body_nodes, [value(i, *kinds.get(i, ([2, 3], FLOAT))) for i in inputs],
                 [value(o, [], BOOL) if o.startswith("k") else value(o) for o in outputs])
    return model(graph([node("Loop", operands, ["y"], a_graph("body", body))],
                       [value("x"), value("m", [], INT64), CONDITION], [data(1, "y")]))


STEP = [node("Identity", ["k"], ["k2"]), node("Relu", ["s"], ["t"])]
case("control_loop", "accept", loop(STEP))
case("control_loop_no_body", "reject",
     model(graph([node("Loop", ["m", "c", "x"], ["y"])], [value("x"), value("m", [], INT64),
                                                          CONDITION], [data(1, "y")])))
case("control_loop_few_inputs", "reject", loop(STEP[:1], ("i", "k"), ("k2",)))
case("control_loop_no_inputs", "reject", loop([node("Relu", ["x"], ["t"])], (), ("t",)))
case("control_loop_no_outputs", "reject", loop(STEP, outputs=()))
case("control_loop_condition_float", "reject",
     loop([node("Relu", ["s"], ["k2"]), node("Relu", ["s"], ["t"])]))
case("control_loop_type_changes", "reject",
     loop([node("Identity", ["k"], ["k2"]), node("Cast", ["s"], ["t"], a_int("to", INT64))]))
case("control_loop_grows", "any",
     loop([node("Identity", ["k"], ["k2"]), node("Concat", ["s", "s"], ["t"], a_int("axis", 0))]))
case("control_loop_float_trips", "reject", loop(STEP, operands=("x", "c", "x")))
case("control_loop_no_operands", "any",
     model(graph([node("Loop", [], ["y"], a_graph("body", graph(
         [node("Identity", ["k"], ["k2"]), node("Relu", ["x"], ["t"])],
         [value("i", [], INT64), value("k", [], BOOL)], [value("k2", [], BOOL), value("t")])))],
                 [value("x")], [data(1, "y")])))
SCAN = graph([node("Add", ["s", "e"], ["t"]), node("Identity", ["t"], ["u"])],
             [value("s", [3]), value("e", [3])], [value("t", [3]), value("u", [3])])


def scan(*attributes, operands=("z", "x"), body=SCAN):
    return model(graph([node("Scan", operands, ["y", "h"], a_graph("body", body), *attributes)],
                       [value("x"), value("z", [3])], [data(1, "y"), data(1, "h")]))


case("control_scan", "accept", scan(a_int("num_scan_inputs", 1)))
case("control_scan_no_count", "reject", scan())
case("control_scan_count_0", "reject", scan(a_int("num_scan_inputs", 0)))
case("control_scan_count_9", "reject", scan(a_int("num_scan_inputs", 9)))
case("control_scan_count_negative", "reject", scan(a_int("num_scan_inputs", -1)))
case("control_scan_count_huge", "reject", scan(a_int("num_scan_inputs", 1 << 40)))
case("control_scan_axis", "reject", scan(a_int("num_scan_inputs", 1), a_ints("scan_input_axes", 7)))
case("control_scan_direction", "reject",
     scan(a_int("num_scan_inputs", 1), a_ints("scan_input_directions", 5)))
case("control_scan_no_operands", "reject", scan(a_int("num_scan_inputs", 1), operands=()))



def ranks(*nodes, output=None, inputs=()):
    """y has rank 2 or 3, and then the nodes."""
    then = graph([node("Identity", ["x"], ["p"])], [], [data(1, "p")])
    otherwise = graph([node("Unsqueeze", ["x", "zero"], ["p"])], [], [data(1, "p")],
                      [int64s("zero", 0)])
    return model(graph([node("If", ["c"], ["y"], a_graph("then_branch", then),
                             a_graph("else_branch", otherwise)), *nodes],
                       [value("x"), CONDITION, *inputs], [output or data(1, "z")]))


case("control_ranks_size", "accept", ranks(node("Size", ["y"], ["z"])))
case("control_ranks_chain", "accept",
     ranks(node("Relu", ["y"], ["a"]), node("Add", ["a", "y"], ["b"]),
           node("ReduceSum", ["b"], ["z"], a_int("keepdims", 0))))
case("control_ranks_later_operand", "accept",
     ranks(node("ReduceSum", ["x"], ["s"], a_int("keepdims", 0)), node("Mul", ["y", "s"], ["a"]),
           node("ReduceMax", ["a"], ["z"], a_int("keepdims", 0))))
case("control_ranks_reshape", "accept",
     ranks(node("Constant", [], ["k"], a_tensor("value", int64s("", -1))),
           node("Reshape", ["y", "k"], ["z"])))
case("control_ranks_leaves", "reject", ranks(output=data(1, "y")))
case("control_ranks_leaves_2", "reject", ranks(node("Relu", ["y"], ["z"])))
case("control_ranks_chain_20000", "reject",
     ranks(*[node("Relu", [f"v{i}" if i else "y"], [f"v{i + 1}"]) for i in range(20000)],
           node("Size", ["v20000"], ["z"])))
case("control_ranks_unused", "accept", ranks(node("Relu", ["x"], ["z"])))
case("control_ranks_shape", "any", ranks(node("Shape", ["y"], ["z"])))
case("control_ranks_two", "any",
     model(graph([node("If", ["c"], [r], a_graph("then_branch", graph(
         [node("Identity", ["x"], ["p"])], [], [data(1, "p")])), a_graph("else_branch", graph(
             [node("Unsqueeze", ["x", "zero"], ["p"])], [], [data(1, "p")], [int64s("zero", 0)])))
                  for r in ("y", "u")] + [node("Add", ["y", "u"], ["a"]), node("Size", ["a"], ["z"])],
                 [value("x"), CONDITION], [data(1, "z")])))
case("control_ranks_captured", "any",
     ranks(node("If", ["c"], ["z"], a_graph("then_branch", graph(
         [node("Size", ["y"], ["q"])], [], [data(1, "q")])), a_graph("else_branch", graph(
             [node("Size", ["x"], ["q"])], [], [data(1, "q")])))))
case("control_ranks_captured_beside", "any",
     ranks(node("If", ["d"], ["z"], a_graph("then_branch", graph(
         [node("Size", ["y"], ["q"])], [], [data(1, "q")])), a_graph("else_branch", graph(
             [node("Size", ["x"], ["q"])], [], [data(1, "q")]))), inputs=[value("d", [], BOOL)]))

# ---- Operator parameters -------------------------------------------------------------------------


def convolution(*attributes, dims=(1, 2, 5, 5), weights=(2, 2, 3, 3), op="Conv"):
    count = 1
    for d in weights:
        count *= d
    return model(graph([node(op, ["x", "w"], ["y"], *attributes)], [value("x", dims)],
                       [data(1, "y")], [tensor("w", weights, bytes(4 * count))]))


case("operator_conv", "accept", convolution())
case("operator_conv_stride_0", "reject", convolution(a_ints("strides", 0, 1)))
case("operator_conv_stride_negative", "reject", convolution(a_ints("strides", -1, 1)))
case("operator_conv_dilation_0", "reject", convolution(a_ints("dilations", 0, 1)))
case("operator_conv_dilation_huge", "reject", convolution(a_ints("dilations", 1 << 62, 1)))
case("operator_conv_pads_negative", "any", convolution(a_ints("pads", -1, 0, 0, 0)))
case("operator_conv_pads_huge", "reject", convolution(a_ints("pads", 1 << 62, 0, 1 << 62, 0)))
case("operator_conv_pads_count", "reject", convolution(a_ints("pads", 1, 1)))
case("operator_conv_strides_count", "reject", convolution(a_ints("strides", 1, 1, 1)))
case("operator_conv_group_0", "reject", convolution(a_int("group", 0)))
case("operator_conv_group_negative", "reject", convolution(a_int("group", -2)))
case("operator_conv_group_3", "reject", convolution(a_int("group", 3)))
case("operator_conv_kernel_shape", "reject", convolution(a_ints("kernel_shape", 5, 5)))
case("operator_conv_channels", "reject", convolution(weights=(2, 3, 3, 3)))
case("operator_conv_kernel_too_large", "reject", convolution(weights=(2, 2, 9, 9)))
case("operator_conv_rank", "reject", convolution(dims=(2, 5)))
case("operator_conv_auto_pad", "reject", convolution(a_string("auto_pad", "SAME")))
case("operator_conv_transpose_stride_0", "reject",
     convolution(a_ints("strides", 0, 0), op="ConvTranspose"))
case("operator_pool_no_kernel", "reject", unary("MaxPool", dims=(1, 1, 4, 4)))
case("operator_pool_kernel_0", "reject", unary("MaxPool", a_ints("kernel_shape", 0, 0), dims=(1, 1, 4, 4)))
case("operator_pool_kernel_huge", "reject",
     unary("AveragePool", a_ints("kernel_shape", 1 << 62, 1 << 62), dims=(1, 1, 4, 4)))
case("operator_matmul", "reject", unary("MatMul", inputs=("x", "x")))
case("operator_gemm_rank", "reject", unary("Gemm", inputs=("x", "x"), dims=(2, 2, 2)))


def with_int64s(op, *values, attributes=(), dims=(2, 3), version=17):
    return model(graph([node(op, ["x", "s"], ["y"], *attributes)], [value("x", dims)],
                       [data(1, "y")], [int64s("s", *values)]), version)


case("operator_reshape", "accept", with_int64s("Reshape", 3, 2))
case("operator_reshape_count", "reject", with_int64s("Reshape", 4, 2))
case("operator_reshape_two_unknown", "reject", with_int64s("Reshape", -1, -1))
case("operator_reshape_negative", "reject", with_int64s("Reshape", -2, 3))
case("operator_reshape_overflow", "reject", with_int64s("Reshape", 1 << 62, 1 << 62))
case("operator_reshape_zero_outside", "reject", with_int64s("Reshape", 1, 6, 0))
case("operator_reshape_no_divisor", "reject", with_int64s("Reshape", -1, 4))
case("operator_reshape_rank_2000", "reject", with_int64s("Reshape", *[1] * 2000))
case("operator_expand_negative", "reject", with_int64s("Expand", -3, 3))
case("operator_expand_huge", "reject", with_int64s("Expand", 1 << 40, 2, 3))
case("operator_expand_wraps", "reject", with_int64s("Expand", 1 << 32, 1 << 32, 2, 3))
case("operator_tile_negative", "reject", with_int64s("Tile", -1, 1))
case("operator_tile_huge", "reject", with_int64s("Tile", 1 << 40, 1 << 40))
case("operator_tile_count", "reject", with_int64s("Tile", 1))
case("operator_unsqueeze_twice", "reject", with_int64s("Unsqueeze", 0, 0))
case("operator_unsqueeze_outside", "reject", with_int64s("Unsqueeze", 9))
case("operator_unsqueeze_20", "reject", with_int64s("Unsqueeze", *range(20)))
case("operator_squeeze_not_1", "reject", with_int64s("Squeeze", 0))
case("operator_constant_of_shape_huge", "reject",
     model(graph([node("ConstantOfShape", ["s"], ["y"])], [], [data(1, "y")],
                 [int64s("s", 1 << 21, 1 << 21)])))
case("operator_constant_of_shape_negative", "reject",
     model(graph([node("ConstantOfShape", ["s"], ["y"])], [], [data(1, "y")], [int64s("s", -1)])))
case("operator_split_sum", "reject", with_int64s("Split", 1, 4, attributes=[a_int("axis", 1)]))
case("operator_transpose", "reject", unary("Transpose", a_ints("perm", 0, 0)))
case("operator_transpose_short", "reject", unary("Transpose", a_ints("perm", 0)))
case("operator_concat_shapes", "reject",
     model(graph([node("Concat", ["x", "z"], ["y"], a_int("axis", 0))],
                 [value("x"), value("z", [2, 4])], [data(1, "y")])))
case("operator_broadcast", "reject",
     model(graph([node("Add", ["x", "z"], ["y"])], [value("x"), value("z", [3, 2])], [data(1, "y")])))
case("operator_range_huge", "reject",
     model(graph([node("Range", ["a", "b", "d"], ["y"])], [], [data(1, "y")],
                 [tensor(n, [], struct.pack("<q", v), INT64)
                  for n, v in (("a", 0), ("b", 1 << 62), ("d", 1))])))
case("operator_range_zero", "reject",
     model(graph([node("Range", ["a", "b", "d"], ["y"])], [], [data(1, "y")],
                 [tensor(n, [], struct.pack("<q", v), INT64)
                  for n, v in (("a", 0), ("b", 5), ("d", 0))])))
case("operator_divide_by_zero", "any",
     model(graph([node("Div", ["a", "b"], ["y"])], [], [data(1, "y")],
                 [int64s("a", 1), int64s("b", 0)])))
case("operator_mod_by_zero", "any",
     model(graph([node("Mod", ["a", "b"], ["y"])], [], [data(1, "y")],
                 [int64s("a", 1), int64s("b", 0)])))
case("operator_gather_constant_outside", "any",
     model(graph([node("Gather", ["a", "b"], ["y"])], [], [data(1, "y")],
                 [int64s("a", 1), int64s("b", 5)])))
case("operator_onehot_depth", "reject",
     model(graph([node("OneHot", ["i", "d", "v"], ["y"])], [value("i", [2], INT64)], [data(1, "y")],
                 [int64s("d", -5), floats("v", [2], 0, 1)])))
case("operator_topk_negative", "reject", with_int64s("TopK", -1))
case("operator_cumsum_axis", "reject",
     model(graph([node("CumSum", ["x", "a"], ["y"])], [value("x")], [data(1, "y")],
                 [tensor("a", [], struct.pack("<q", 7), INT64)])))
case("operator_pad_count", "reject", with_int64s("Pad", 1, 1))
case("operator_pad_huge", "reject", with_int64s("Pad", 1 << 62, 0, 1 << 62, 0))
case("operator_pad_negative", "reject", with_int64s("Pad", -5, 0, 0, 0))
case("operator_slice_counts", "reject",
     model(graph([node("Slice", ["x", "a", "b"], ["y"])], [value("x")], [data(1, "y")],
                 [int64s("a", 0, 0), int64s("b", 1)])))
case("operator_slice_step_0", "reject",
     model(graph([node("Slice", ["x", "a", "b", "c", "d"], ["y"])], [value("x")], [data(1, "y")],
                 [int64s("a", 0), int64s("b", 1), int64s("c", 0), int64s("d", 0)])))
case("operator_slice_min", "accept",
     model(graph([node("Slice", ["x", "a", "b", "c", "d"], ["y"])], [value("x")], [data(1, "y")],
                 [int64s("a", (1 << 63) - 1), int64s("b", -(1 << 63)), int64s("c", 0),
                  int64s("d", -1)])))
case("operator_depth_to_space", "reject", unary("DepthToSpace", a_int("blocksize", 3), dims=(1, 4, 2, 2)))
case("operator_depth_to_space_0", "reject",
     unary("DepthToSpace", a_int("blocksize", 0), dims=(1, 4, 2, 2)))
case("operator_einsum", "reject", unary("Einsum", a_string("equation", "ij,jk->ik")))
case("operator_einsum_nonsense", "reject", unary("Einsum", a_string("equation", "->->,,..")))
case("operator_gru_hidden", "reject",
     model(graph([node("GRU", ["x", "w", "r"], ["y"], a_int("hidden_size", -4))],
                 [value("x", [2, 3, 4]), value("w", [1, 12, 4]), value("r", [1, 12, 4])],
                 [data(1, "y")])))
case("operator_lrn_size", "reject", unary("LRN", a_int("size", 0), dims=(1, 4, 2, 2)))
case("operator_group_norm", "reject",
     model(graph([node("GroupNormalization", ["x", "s", "b"], ["y"], a_int("num_groups", 0))],
                 [value("x", [1, 4, 2]), value("s", [4]), value("b", [4])], [data(1, "y")]), 21, ir=10))
case("operator_resize_negative", "reject",
     model(graph([node("Resize", ["x", "", "s"], ["y"])], [value("x", [1, 1, 4, 4])], [data(1, "y")],
                 [floats("s", [4], 1, 1, -2, 2)])))
case("operator_resize_huge", "reject",
     model(graph([node("Resize", ["x", "", "s"], ["y"])], [value("x", [1, 1, 4, 4])], [data(1, "y")],
                 [floats("s", [4], 1, 1, 1e30, 2)])))
case("operator_resize_nan", "reject",
     model(graph([node("Resize", ["x", "", "s"], ["y"])], [value("x", [1, 1, 4, 4])], [data(1, "y")],
                 [floats("s", [4], 1, 1, float("nan"), 2)])))

# ---- Scale ---------------------------------------------------------------------------------------

case("scale_chain_2000", "accept",
     model(graph([node("Relu", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(2000)],
                 [value("x")], [data(1, "v2000")])))
case("scale_wide_sum", "accept", unary("Sum", inputs=("x",) * 200))
case("scale_doubling_60", "any",
     model(graph([node("Add", [f"v{i}" if i else "x"] * 2, [f"v{i + 1}"]) for i in range(60)],
                 [value("x")], [data(1, "v60")])))
case("scale_concat_doubling_60", "reject",
     model(graph([node("Concat", [f"v{i}" if i else "x"] * 2, [f"v{i + 1}"], a_int("axis", 0))
                  for i in range(60)], [value("x")], [data(1, "v60")])))
case("scale_concat_doubling_constant_26", "any",
     model(graph([node("Concat", [f"v{i}" if i else "w"] * 2, [f"v{i + 1}"], a_int("axis", 0))
                  for i in range(26)], [value("x")], [data(1, "v26")], [floats("w", [4], 1, 2, 3, 4)])))
case("scale_1000_inputs", "accept",
     model(graph([node("Sum", [f"x{i}" for i in range(1000)], ["y"])],
                 [value(f"x{i}") for i in range(1000)], [data(1, "y")])))
case("scale_symbols_1000", "accept",
     model(graph([node("Relu", [f"x{i}"], [f"y{i}"]) for i in range(200)],
                 [value(f"x{i}", [f"N{i}", f"M{i}"]) for i in range(200)],
                 [data(1, f"y{i}") for i in range(200)])))

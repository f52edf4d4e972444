#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes history.def from the schemas of the Python package onnx: python3 history.py > history.def"""
import onnx
import onnx.defs

FLOOR = 7
BITS = {"undefined": 0, "float": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6,
        "int64": 7, "string": 8, "bool": 9, "float16": 10, "double": 11, "uint32": 12,
        "uint64": 13, "complex64": 14, "complex128": 15, "bfloat16": 16, "float8e4m3fn": 17,
        "float8e4m3fnuz": 18, "float8e5m2": 19, "float8e5m2fnuz": 20, "uint4": 21, "int4": 22,
        "float4e2m1": 23, "float8e8m0": 24, "uint2": 25, "int2": 26, "float6e2m3": 27,
        "float6e3m2": 28}


def type_bits(text):
    if text.startswith("seq("):
        return 1 << 29
    if text.startswith("optional("):
        return 1 << 30
    name = text.split("(", 1)[1].rstrip(")") if "(" in text else ""
    return 1 << BITS[name] if name in BITS else 0


def types(schema):
    mask = 0
    groups = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
    for formal in list(schema.inputs) + list(schema.outputs):
        for text in groups.get(formal.type_str, [formal.type_str]):
            mask |= type_bits(text)
    return mask


def count(formals, most):
    variadic = formals and formals[-1].option == onnx.defs.OpSchema.FormalParameterOption.Variadic
    return 99 if variadic else most


def least(formals):
    """How many must be there: the first ones that are not optional."""
    number = 0
    for formal in formals:
        if formal.option == onnx.defs.OpSchema.FormalParameterOption.Optional:
            break
        number += 1 if formal.option == onnx.defs.OpSchema.FormalParameterOption.Single \
            else formal.min_arity
    return number


def main():
    rows = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "" and not schema.deprecated:
            rows.setdefault(schema.name, {})[schema.since_version] = schema
    print(f"""/* SPDX-License-Identifier: Apache-2.0
 *
 * Versions of ai.onnx's operators from opset {FLOOR} on, by history.py from onnx {onnx.__version__}:
 *
 *     HISTORY(name, version, least operands, most operands, most results, element types by bit (29:
 *             sequences, 30: optionals), "attributes")
 */""")
    for name in sorted(rows):
        versions = sorted(rows[name])
        older = [v for v in versions if v <= FLOOR]
        for version in older[-1:] + [v for v in versions if v > FLOOR]:
            schema = rows[name][version]
            attributes = "|".join(sorted(schema.attributes))
            print(f'HISTORY({name}, {version}, {least(schema.inputs)}, '
                  f'{count(schema.inputs, schema.max_input)}, '
                  f'{count(schema.outputs, schema.max_output)}, {types(schema):#x}, '
                  f'"{attributes}")')
    print("#undef HISTORY")


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes schemas.def from the installed onnx package: make_schemas.py > schemas.def

A row for each version of an operator that took other types or attributes than the one before it,
from the version on that means what the newest does (the column `until` of upgrade.def).
"""
import os
import re

import onnx
from onnx import defs

HEAD = """/* SPDX-License-Identifier: Apache-2.0
 *
 * What versions of operators take: SCHEMA(operator, since, inputs, outputs, attributes). Written by
 * make_schemas.py from onnx %s.
 *
 * A number an input or output: the element types it may have, by bit, bit 29 a sequence, bit 30 an
 * optional, bit 31 any other; bit 0 says that the last one may be repeated. Rows of an operator go
 * from old to new.
 */"""
SEQUENCE, OPTIONAL, OTHER = 1 << 29, 1 << 30, 1 << 31


def type_bit(name):
    tensor = re.fullmatch(r"tensor\((\w+)\)", name)
    if tensor:
        return 1 << getattr(onnx.TensorProto, tensor.group(1).upper())
    if name.startswith("seq("):
        return SEQUENCE
    return OPTIONAL if name.startswith("optional(") else OTHER


def masks(parameters, constraints):
    result = []
    for parameter in parameters:
        mask = 0
        for name in constraints.get(parameter.type_str, [parameter.type_str]):
            mask |= type_bit(name)
        variadic = parameter.option == defs.OpSchema.FormalParameterOption.Variadic
        result.append(mask | int(variadic))
    return tuple(result)


def first_versions():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "upgrade.def")
    with open(path, encoding="utf-8") as file:
        return dict(re.findall(r'UPGRADE\("", "(\w+)", (\w+),', file.read()))


def hexadecimal(numbers):
    return ", ".join("0x%x" % number for number in numbers) or "0"


def main():
    first = first_versions()
    operators = {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "":
            operators.setdefault(schema.name, []).append(schema)
    print(HEAD % onnx.__version__)
    for name in sorted(operators):
        schemas = sorted(operators[name], key=lambda schema: schema.since_version)
        if schemas[-1].deprecated or first.get(name) == "ANY_VERSION":
            continue
        before = None
        for schema in schemas:
            if schema.deprecated or schema.since_version < int(first.get(name, 1)):
                continue
            constraints = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
            attributes = sorted(a for a in schema.attributes if a != "consumed_inputs")
            row = (masks(schema.inputs, constraints), masks(schema.outputs, constraints), attributes)
            if row != before:
                print('SCHEMA("%s", %d, TYPES(%s), TYPES(%s), "%s")' % (
                    name, schema.since_version, hexadecimal(row[0]), hexadecimal(row[1]),
                    " ".join(attributes)))
            before = row
    print("#undef SCHEMA")


if __name__ == "__main__":
    main()

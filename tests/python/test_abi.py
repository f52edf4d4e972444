# SPDX-License-Identifier: Apache-2.0
"""tenon._abi has the numbers of include/tenon.h, as a C program that includes it prints them."""

import ctypes
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from tenon import _abi

INCLUDE = Path(__file__).resolve().parents[2] / "include"

STRUCTS = {
    "TnString": _abi.String,
    "TnTensor": _abi.Tensor,
    "TnValue": _abi.Value,
    "TnParallel": _abi.Parallel,
    "TnLoadOptions": _abi.LoadOptions,
    "TnSymbolSize": _abi.SymbolSize,
    "TnInputShape": _abi.InputShape,
    "TnInputValue": _abi.InputValue,
    "TnCompileOptions": _abi.CompileOptions,
    "TnPort": _abi.Port,
    "TnContextOptions": _abi.ContextOptions,
    "TnAllocator": _abi.Allocator,
    "TnReader": _abi.Reader,
    "TnDiagnostic": _abi.Diagnostic,
    "TnModelInfo": _abi.ModelInfo,
    "TnSymbol": _abi.Symbol,
    "TnState": _abi.State,
    "TnCache": _abi.Cache,
    "TnProgramInfo": _abi.ProgramInfo,
    "TnStep": _abi.Step,
    "TnType": _abi.Type,
    "TnAttribute": _abi.Attribute,
    "TnOperator": _abi.Operator,
    "TnOptimizeOptions": _abi.OptimizeOptions,
}
if "TnSaveOptions" in (INCLUDE / "tenon.h").read_text():
    STRUCTS.update({"TnSaveOptions": _abi.SaveOptions, "TnOpenOptions": _abi.OpenOptions})

ENUMS = {
    "TN_": (_abi.Status, _abi.ElementType, _abi.ValueKind, _abi.Severity, _abi.Format),
    "TN_REPORT_": (_abi.Report,),
    "TN_ATTRIBUTE_": (_abi.AttributeKind,),
}


def constants():
    """(name in C, value here)"""
    yield "TN_MAX_RANK", _abi.MAX_RANK
    for prefix, enums in ENUMS.items():
        for enum in enums:
            for member in enum:
                yield prefix + member.name, int(member)


def program():
    """A C program that prints "NAME NUMBER" lines."""
    lines = ["#include <stdio.h>", "#include <stddef.h>", '#include "tenon.h"', "int main(void) {"]
    for name, _ in constants():
        lines.append(f'printf("{name} %lld\\n", (long long){name});')
    for name, struct in STRUCTS.items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        for field, *_ in struct._fields_:
            where = f"{name}.{field}"
            lines.append(f'printf("{where} %zu\\n", offsetof({name}, {field}));')
            lines.append(f'printf("{where}:size %zu\\n", sizeof((({name} *)0)->{field}));')
    return "\n".join([*lines, "return 0; }"])


@unittest.skipUnless(shutil.which("cc"), "there is no C compiler")
class TheAbi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            source, binary = Path(folder, "abi.c"), Path(folder, "abi")
            source.write_text(program())
            subprocess.run(["cc", "-std=c11", f"-I{INCLUDE}", "-o", binary, source], check=True)
            printed = subprocess.run([binary], check=True, capture_output=True, text=True).stdout
        cls.c = {name: int(number) for name, number in map(str.split, printed.splitlines())}

    def test_constants(self):
        for name, value in constants():
            self.assertEqual(value, self.c[name], name)

    def test_structures(self):
        for name, struct in STRUCTS.items():
            fields = [field for field, *_ in struct._fields_]
            for field in fields:
                descriptor = getattr(struct, field)
                self.assertEqual(descriptor.offset, self.c[f"{name}.{field}"], f"{name}.{field}")
                self.assertEqual(descriptor.size, self.c[f"{name}.{field}:size"], f"{name}.{field}")
            if fields[0] == "size":  # may grow at the end
                self.assertLessEqual(ctypes.sizeof(struct), self.c[name], name)
            else:
                self.assertEqual(ctypes.sizeof(struct), self.c[name], name)

    def test_functions_are_declared(self):
        declared = set(re.findall(r"\b(tn_\w+)\(", (INCLUDE / "tenon.h").read_text()))
        for name, _, _ in _abi.PROTOTYPES:
            if name not in _abi.OPTIONAL:
                self.assertIn(name, declared)


if __name__ == "__main__":
    unittest.main()

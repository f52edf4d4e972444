#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what the tree promises about itself; prints each violation with its place.

* a folder includes only from folders to its left: include, runtime, ir, frontend, passes, codegen
* the library prints nothing, exits nowhere, and makes no call that uses LLVM's global context
* functions that invite overflows are not used
* every source file begins with its licence, and none is longer than 1,000 lines
* ops.def is sorted and without doubles
* the code generator and what decides on groups of kernels name no operator
* no call makes nodes or instructions in two of its arguments: C leaves open which is made first, so what comes out
  would depend on the compiler

usage: layers.py ROOT"""
import os
import re
import sys

NAMELESS = ("codegen/", "passes/group_kernels.c", "passes/kernel_facts.")
LAYERS = ["include", "runtime", "ir", "frontend", "passes", "codegen"]
BANNED = r"\b(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|atof|alloca|setlocale)\s*\("
PRINTS = r"(?<![\w.>])(printf|puts|putchar|perror|exit|_exit|abort|system)\s*\(|\bf(printf|puts|putc)\s*\(|\b(stdout|stderr)\b"
GLOBAL_LLVM = (r"\bLLVM(Int(1|8|16|32|64|128|)Type|(Half|Float|Double|Void|BFloat)Type|AppendBasicBlock|"
               r"InsertBasicBlock|CreateBuilder|StructType|ConstStruct|ConstString|MDNode|MDString|"
               r"ModuleCreateWithName|GetGlobalContext|GetMDKindID)\s*\(")


MAKES = re.compile(r"\b(emit_\w+|LLVMBuild\w+|build_\w+|edit_\w+|axis_create|nest_array|kernel_tensor|expr_new_symbol)\s*\(")


def strip_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"",
                  lambda m: re.sub(r"[^\n]", " ", m.group(0)) if m.group(0)[0] == "/" else '""', text, flags=re.S)


def arguments(code, at):
    """The arguments of a call, from behind its parenthesis."""
    depth, begin, found = 0, at, []
    while depth >= 0 and at < len(code):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        if depth < 0 or (depth == 0 and code[at] == ","):
            found.append(code[begin:at])
            begin = at + 1
        at += 1
    return found


def unordered_calls(code):
    for call in re.finditer(r"\b(?!(?:if|for|while|switch|return)\b)\w+\(", code):
        if sum(bool(MAKES.search(argument)) for argument in arguments(code, call.end())) > 1:
            yield code.count("\n", 0, call.start()) + 1


def main():
    root = sys.argv[1]
    wrong = []
    sources = []
    ops = re.findall(r"^OP\((\w+)\)", open(os.path.join(root, "ir/ops/ops.def")).read(), re.M)
    operator = re.compile(r"\bop_(" + "|".join(ops) + r")\b")
    for layer in LAYERS + ["tools", "tests", "examples"]:
        for folder, _, names in os.walk(os.path.join(root, layer)):
            sources += [(layer, os.path.relpath(os.path.join(folder, n), root)) for n in names
                        if n.endswith((".c", ".h", ".def", ".y", ".l", ".inc"))]
    for layer, path in sorted(sources):
        text = open(os.path.join(root, path), errors="replace").read()
        if "SPDX-License-Identifier: Apache-2.0" not in text[:300]:
            wrong.append(f"{path}:1: no licence line")
        if text.count("\n") > 1000:
            wrong.append(f"{path}: {text.count(chr(10))} lines: two concepts?")
        code = strip_comments(text)
        if layer in LAYERS:
            wrong += [f"{path}:{number}: two arguments make something: in which order?" for number in unordered_calls(code)]
        for number, (line, original) in enumerate(zip(code.split("\n"), text.split("\n")), 1):
            place = f"{path}:{number}"
            include = re.match(r'\s*#\s*include\s+"(\w+)/', original)
            if include and layer in LAYERS and include.group(1) in LAYERS + ["tools", "tests"]:
                target = include.group(1)
                if target not in LAYERS or LAYERS.index(target) > LAYERS.index(layer):
                    wrong.append(f"{place}: {layer}/ must not include from {target}/")
            if re.search(BANNED, line) and not path.endswith("banned.h"):
                wrong.append(f"{place}: banned function: {original.strip()}")
            if path.startswith(NAMELESS) and operator.search(line):
                wrong.append(f"{place}: knows an operator: {original.strip()}")
            if layer in LAYERS and path.endswith((".c", ".h", ".y", ".l")) and layer != "include":
                if re.search(PRINTS, line):
                    wrong.append(f"{place}: the library must not print or exit: {original.strip()}")
                if re.search(GLOBAL_LLVM, line):
                    wrong.append(f"{place}: uses LLVM's global context: {original.strip()}")
    if ops != sorted(set(ops)):
        wrong.append("ir/ops/ops.def: not sorted, or an operator stands twice")
    print("\n".join(wrong))
    print(f"{len(sources)} files: {len(wrong)} violations")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

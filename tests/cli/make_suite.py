#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a suite of tests in a folder for tests/cli/suite.txt: y = |x|, right, nearly right and wrong; a draw
that is in its range, and one that is not.

usage: make_suite.py TENON FOLDER"""
import os
import struct
import subprocess
import sys

ABS = '<ir_version: 10, opset_import: ["" : 21]>\ng (float[2] x) => (float[2] y) { y = Abs (x) }\n'
DRAW = '<ir_version: 10, opset_import: ["" : 21]>\ng () => (float[8] y) { y = RandomUniform <shape = [8]> () }\n'


def tensor(numbers):
    """A TensorProto: dims (1), data_type (2), raw_data (9)."""
    raw = struct.pack(f"<{len(numbers)}f", *numbers)
    return bytes([0x08, len(numbers), 0x10, 1, 0x4a, len(raw)]) + raw


def make(tenon, folder, text, inputs, outputs):
    data = os.path.join(folder, "test_data_set_0")
    os.makedirs(data)
    path = os.path.join(folder, "model.onnx")
    source = os.path.join(folder, "model.onnxtxt")
    open(source, "w").write(text)
    subprocess.run([tenon, "convert", source, path], check=True)
    for what, values in (("input", inputs), ("output", outputs)):
        for i, numbers in enumerate(values):
            open(os.path.join(data, f"{what}_{i}.pb"), "wb").write(tensor(numbers))


def main():
    tenon, folder = sys.argv[1:]
    make(tenon, f"{folder}/a/right", ABS, [[-1, 2]], [[1, 2]])
    make(tenon, f"{folder}/a/nearly", ABS, [[-1, 2]], [[1.01, 2]])
    make(tenon, f"{folder}/wrong", ABS, [[-1, 2]], [[1, 5]])
    make(tenon, f"{folder}/draws/inside", DRAW, [], [[0.25, 0.75] * 4])
    make(tenon, f"{folder}/draws/outside", DRAW, [], [[70.0, 71.0] * 4])


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what models compute through C with what machine code computes: the same bits.

usage: same_bits.py [--jobs N] [--options WORDS] TENON COMPILER MODEL|FOLDER...

A folder stands for all model.onnx beneath it. Each model is run twice on the same inputs (random ones of a fixed seed), by --via jit and by --via c
with the compiler ("gcc -O1"). Statuses and all files of results have to be equal, but for which NaN a
NaN is. Models of which Tenon says that they are not supported as artifacts are counted apart. Ends with 77 where the compiler or a folder is not there.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import shlex
import subprocess
import sys
import tempfile

# By NumPy's name of a type: bytes, the mask of the exponent, the mask of the fraction.
FLOATS = {"<f2": (2, 0x7C00, 0x03FF), "<f4": (4, 0x7F800000, 0x007FFFFF),
          "<f8": (8, 0x7FF0000000000000, 0x000FFFFFFFFFFFFF)}


NO_ARTIFACT = "is not supported as an artifact"


def read_npy(path):
    """The header, with type and shape, and the elements' bytes."""
    with open(path, "rb") as file:
        content = file.read()
    if not content.startswith(b"\x93NUMPY"):
        return b"", content
    begin = 10 + int.from_bytes(content[8:10], "little")
    return content[:begin], content[begin:]


def without_payloads(header, data):
    """The bytes with every NaN the same one."""
    kind = re.search(rb"'descr': '([^']*)'", header)
    layout = FLOATS.get(kind.group(1).decode()) if kind else None
    if not layout:
        return data
    size, exponent, fraction = layout
    words = [int.from_bytes(data[i:i + size], "little") for i in range(0, len(data), size)]
    return [-1 if w & exponent == exponent and w & fraction else w for w in words]


def difference(a, b):
    """What differs between two folders of results; None: nothing."""
    names = sorted(os.listdir(a))
    if names != sorted(os.listdir(b)):
        return "other files of results"
    for name in names:
        x, y = read_npy(os.path.join(a, name)), read_npy(os.path.join(b, name))
        if x != y and (x[0] != y[0] or without_payloads(*x) != without_payloads(*y)):
            return f"{name} differs"
    return None


def run(arguments, model, via):
    """The exit status, and the folder of results."""
    folder = tempfile.mkdtemp(dir=arguments.scratch)
    command = [arguments.tenon, "run", model, "--seed", "5", "-o", folder, "--via", via, "--threads", "1",
               *shlex.split(arguments.options)]
    if via == "c":
        command += ["--cc", arguments.compiler]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return done.returncode, folder, done.stderr


def compare(arguments, model):
    jit, jit_folder, _ = run(arguments, model, "jit")
    through_c, c_folder, error = run(arguments, model, "c")
    if "not supported:" in error and "in an artifact" in error:
        return NO_ARTIFACT
    if jit != through_c:
        return f"status {through_c} through C, {jit} else: {error}"
    return difference(jit_folder, c_folder)


def main():
    parser = argparse.ArgumentParser(description="the same bits through C as by machine code")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--options", default="", help="more options of tenon run")
    parser.add_argument("tenon")
    parser.add_argument("compiler")
    parser.add_argument("models", nargs="+")
    arguments = parser.parse_args()
    try:
        subprocess.run([arguments.compiler.split()[0], "--version"], stdout=subprocess.DEVNULL, check=True)
    except OSError:
        print(f"skipped: there is no '{arguments.compiler}'")
        return 77
    models = []
    for path in arguments.models:
        if not os.path.exists(path):
            print(f"skipped: {path} is not there")
            return 77
        models += sorted(glob.glob(f"{path}/**/model.onnx", recursive=True)) if os.path.isdir(path) else [path]
    failed = apart = 0
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        arguments.scratch = scratch
        for model, wrong in zip(models, pool.map(lambda m: compare(arguments, m), models)):
            apart += wrong == NO_ARTIFACT
            failed += wrong not in (None, NO_ARTIFACT)
            if wrong:
                print(f"{'not compared' if wrong == NO_ARTIFACT else 'FAILED'}: {model}: {wrong}")
    print(f"{len(models) - failed - apart} have the same bits, {failed} have not, {apart} are no artifacts")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

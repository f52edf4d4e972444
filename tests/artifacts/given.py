#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ONNX's model tests as objects in hosts without a C library: for this processor, in a root that holds nothing but
the host, and for others under qemu.

usage: given.py TENON FOLDER COUNT TARGET...     TARGET: native, aarch64-linux-gnu, riscv64-linux-gnu

FOLDER has tests as ONNX has them (model.onnx, test_data_set_0), at any depth. The first COUNT of those whose inputs
and outputs are tensors of numbers of known sizes, in the order of their names, are compiled to an object each, from
which nothing may be undefined, linked with given.c, -nostdlib -static, and run. Exit status 77: skipped, with the reason,
where a tool is missing."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LARGEST = 8 << 20  # bytes of inputs, outputs and arena of a test that is taken: qemu has to run it
#: TensorProto.data_type -> bytes of an element, and which field has them if raw_data has not
TYPES = {1: (4, 4), 2: (1, 5), 3: (1, 5), 6: (4, 5), 7: (8, 7), 9: (1, 5), 11: (8, 10)}


class Unfit(Exception):
    """A test that this host cannot take."""


def run(*command, **settings):
    return subprocess.run(command, capture_output=True, text=True, **settings)


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """The fields of a protobuf message: number and value, bytes where they have a length."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            length = {1: 8, 5: 4}.get(key & 7)
            if length is None:
                length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        yield key >> 3, value


def elements_of(data):
    """The elements of a TensorProto in a file, as they lie in memory."""
    kind, raw, packed, count = 0, None, {}, 1
    for number, value in fields(data):
        if number == 2:
            kind = value
        elif number == 9:
            raw = value
        elif number in (4, 5, 7, 10):
            packed.setdefault(number, []).append(value)
        elif number == 1:
            for dim in [value] if isinstance(value, int) else varints(value):
                count *= dim
    if kind not in TYPES:
        raise Unfit("an element type of its own")
    size, field = TYPES[kind]
    if raw is None:
        parts = packed.get(field, [])
        if field in (4, 10):
            raw = b"".join(parts)
        else:
            numbers = [n for part in parts for n in ([part] if isinstance(part, int) else varints(part))]
            raw = b"".join((n & (1 << 8 * size) - 1).to_bytes(size, "little") for n in numbers)
    if len(raw) != count * size:
        raise Unfit("%d bytes for %d elements" % (len(raw), count))
    return raw


def varints(data):
    at = 0
    while at < len(data):
        value, at = varint(data, at)
        yield value


def blobs(test, kind, lines):
    """Writes the tensors of a data set beside the host, and the table of them."""
    files = sorted(glob.glob(os.path.join(test, "test_data_set_0", kind + "_*.pb")),
                   key=lambda path: int(path.rsplit("_", 1)[1][:-3]))
    rows = []
    for i, path in enumerate(files):
        data = elements_of(open(path, "rb").read())
        with open("%s_%d.bin" % (kind, i), "wb") as file:
            file.write(data)
        lines.append('__asm__(".section .rodata\\n.balign 64\\n%s_%d:\\n.incbin \\"%s_%d.bin\\"\\n.byte 0\\n.text\\n");' %
                     (kind, i, kind, i))
        lines.append("extern const char %s_%d[];" % (kind, i))
        rows.append("{%s_%d, %d}" % (kind, i, len(data)))
    if sum(os.path.getsize("%s_%d.bin" % (kind, i)) for i in range(len(files))) > LARGEST:
        raise Unfit("too large")
    lines.append("static const struct {const char *data; unsigned long bytes;} given_%ss[] = {%s};" %
                 (kind, ", ".join(rows + ["{0, 0}"])))
    return len(files)


def build(test, target):
    """The test's host as ./host; Unfit where it is none for this."""
    lines = ['#include "model.h"', "#define MODEL model_model", "#define GIVEN_INPUTS model_inputs",
             "#define GIVEN_OUTPUTS model_outputs", "#define ARENA_BYTES MODEL_ARENA_BYTES"]
    inputs, outputs = blobs(test, "input", lines), blobs(test, "output", lines)
    options = [] if target == "native" else ["--target", target]
    done = run(TENON, "compile", os.path.join(test, "model.onnx"), "-o", "model.o", *options)
    if "not supported" in done.stderr:
        raise Unfit("an operator that nobody has")
    if done.returncode:
        return "compile: " + done.stderr[-300:]
    header = open("model.h").read()
    arena = re.search(r"#define MODEL_ARENA_BYTES \(\(size_t\)(\d+)\)", header)
    structs = header[header.index("typedef struct model_inputs {"):header.index("} model_outputs;")]
    if not arena or re.search(r"\b(int64_t|size_t|TnValue|TnString) \w", structs):
        raise Unfit("sizes that depend on others, or no tensors of numbers")
    if int(arena.group(1)) > LARGEST:
        raise Unfit("too large")
    undefined = run("nm", "-u", "model.o") if target == "native" else None
    if undefined and undefined.stdout.strip():
        return "undefined: " + undefined.stdout
    lines += ["_Static_assert(%d == sizeof given_inputs / sizeof *given_inputs - 1, \"\");" % inputs,
              "_Static_assert(%d == sizeof given_outputs / sizeof *given_outputs - 1, \"\");" % outputs]
    with open("given_data.h", "w") as file:
        file.write("\n".join(lines) + "\n")
    own = [CLANG] if target == "native" else [CLANG, "--target=" + target]
    done = run(*own, "-O1", "-std=c11", "-Wall", "-Werror", "-ffreestanding", "-nostdlib", "-static", "-fuse-ld=lld", "-I.",
               os.path.join(HERE, "given.c"), "model.o", "-o", "host")
    return "link: " + done.stderr[-400:] if done.returncode else None


def run_host(target):
    """Its status; for this processor in a root of its own, if that is allowed."""
    if target != "native":
        return run("qemu-" + target.split("-")[0], "./host").returncode
    shutil.rmtree("root", ignore_errors=True)
    os.mkdir("root")
    shutil.copy("host", "root/host")
    if os.geteuid() != 0:
        return run("./host").returncode
    return subprocess.run(["/host"], preexec_fn=lambda: os.chroot("root"), executable="/host").returncode


def main():
    tests = sorted(os.path.dirname(path) for path in glob.glob(os.path.join(DATA, "**", "model.onnx"), recursive=True))
    failures = 0
    if not tests:
        print("skipped: there are no tests in " + DATA)
        return 77
    for target in TARGETS:
        taken = passed = 0
        if target == "native" and os.geteuid() != 0:
            print("the root folder cannot be changed by this user: hosts run where they are")
        for test in tests:
            if taken == COUNT:
                break
            try:
                wrong = build(test, target)
            except Unfit:
                continue
            taken += 1
            status = None if wrong else run_host(target)
            passed += status == 0
            if wrong or status:
                print("WRONG: %s for %s: %s" % (os.path.basename(test), target, wrong or "status %d" % status))
        print("%s: %d of %d tests pass" % (target, passed, taken))
        failures += passed != taken or taken < min(COUNT, 30)
    return failures != 0


if __name__ == "__main__":
    TENON, DATA, COUNT, TARGETS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    CLANG = next((c for c in ("clang-19", "clang") if shutil.which(c)), "clang-19")
    missing = [tool for tool in [CLANG, "nm"] + ["qemu-" + t.split("-")[0] for t in TARGETS if t != "native"]
               if not shutil.which(tool)]
    if missing:
        print("skipped: %s not installed" % ", ".join(missing))
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        status = main()
        os.chdir("/")
    sys.exit(status)

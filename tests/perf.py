#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--perf-map and --jitdump: an entry for each kernel, with its node's name; no file without the options.

usage: perf.py TENON"""
import os
import re
import struct
import subprocess
import sys
import tempfile

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "artifacts", "image.onnxtxt")
TENON = os.path.abspath(sys.argv[1])


def run(*options):
    """The contents of the two files that the process wrote; None for one that is not there."""
    process = subprocess.Popen([TENON, "run", MODEL, *options], stdout=subprocess.DEVNULL)
    if process.wait() != 0:
        sys.exit("tenon run failed")
    found = []
    for path in ("/tmp/perf-%d.map" % process.pid, "jit-%d.dump" % process.pid):
        found.append(open(path, "rb").read() if os.path.exists(path) else None)
        if found[-1] is not None:
            os.remove(path)
    return (*found, process.pid)


def read_map(text):
    """[(begin, bytes, name)]"""
    lines = [re.fullmatch("([0-9a-f]+) ([0-9a-f]+) (.+)", line) for line in text.decode().splitlines()]
    if None in lines:
        sys.exit("a line is none of perf's")
    return [(int(line[1], 16), int(line[2], 16), line[3]) for line in lines]


def read_dump(data, pid):
    """The same of a jitdump, as its specification has it (tools/perf of the Linux kernel)."""
    magic, version, size, machine, _, process, _, flags = struct.unpack_from("=6I2Q", data)
    if (magic, version, size, process, flags) != (0x4A695444, 1, 40, pid, 0) or machine not in (62, 183, 243):
        sys.exit("a header that is none: %s" % data[:40])
    found, at, last = [], size, 0
    while at < len(data):
        kind, size, time, process, thread, vma, address, code, number = struct.unpack_from("=2IQ2I4Q", data, at)
        name, begin = data[at + 56:data.index(b"\0", at + 56)].decode(), data.index(b"\0", at + 56) + 1
        if (kind, process, vma, number) != (0, pid, address, len(found)) or begin + code != at + size or time < last:
            sys.exit("a record that is none: %s" % data[at:at + 56])
        if not any(data[begin:begin + code]):
            sys.exit("no code of %s" % name)
        found.append((address, code, name))
        at, last = at + size, time
    return found


def main():
    map_, dump, pid = run("--perf-map", "--jitdump")
    found = read_map(map_)
    if not any("Conv" in name or "_tenon" in name or "group" in name.lower() for _, _, name in found):
        sys.exit("the kernels are not there: %s" % found)
    if any(bytes_ <= 0 for _, bytes_, _ in found) or any(a[0] + a[1] > b[0] for a, b in zip(found, found[1:])):
        sys.exit("places overlap: %s" % found)
    if read_dump(dump, pid) != found:
        sys.exit("the two files disagree: %s, %s" % (found, read_dump(dump, pid)))
    for options, expected in (((), (False, False)), (("--perf-map",), (True, False)), (("--jitdump",), (False, True))):
        there = tuple(content is not None for content in run(*options)[:2])
        if there != expected:
            sys.exit("%s writes %s" % (options, there))
    print("ok: %s" % ", ".join(name for _, _, name in found))


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    main()
    os.chdir("/")

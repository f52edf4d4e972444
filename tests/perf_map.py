#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--perf-map: a line for each kernel, with its node's name; no file without the option.

usage: perf_map.py TENON"""
import os
import re
import subprocess
import sys

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "artifacts", "image.onnxtxt")


def run(*options):
    """The process's own map: {name: (begin, bytes)}; None if it wrote none."""
    process = subprocess.Popen([sys.argv[1], "run", MODEL, *options], stdout=subprocess.DEVNULL)
    path = "/tmp/perf-%d.map" % process.pid
    if process.wait() != 0:
        sys.exit("tenon run failed")
    if not os.path.exists(path):
        return None
    with open(path) as file:
        lines = [re.fullmatch("([0-9a-f]+) ([0-9a-f]+) (.+)\n", line) for line in file]
    os.remove(path)
    if None in lines:
        sys.exit("a line is none of perf's")
    return {line[3]: (int(line[1], 16), int(line[2], 16)) for line in lines}


found = run("--perf-map")
if not found or not any("Conv" in name or "_tenon" in name or "group" in name.lower() for name in found):
    sys.exit("the kernels are not there: %s" % found)
places = sorted(found.values())
if any(bytes_ <= 0 for _, bytes_ in places) or any(a[0] + a[1] > b[0] for a, b in zip(places, places[1:])):
    sys.exit("places overlap: %s" % places)
if run() is not None:
    sys.exit("a map that nobody asked for")
print("ok: %s" % ", ".join(found))

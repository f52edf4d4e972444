#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a fresh process takes to its first result, beside ONNX Runtime's session creation.

usage: start.py [--rounds N] [--json FILE] BUILD MODEL

BUILD is a build folder with tenon and libtenon.so, MODEL an ONNX model. In each round, interleaved, a process each:

  linked   a C host that is linked with the compiled model alone, from exec() to its end: results of zeros
  loaded   a C host that opens the compiled model with tn_program_load(), from main() to the result
  warm     a C host that compiles the model with a warm cache, from main() to the result
  session  onnxruntime.InferenceSession() in Python, the imports not counted

The median of the rounds is printed, of the hosts that open a model also how long that takes, and what the processor
worked for the whole process, which says more on a machine that is not quiet. Files are in the page cache. Needs
onnxruntime and a C compiler (CC)."""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SESSION = """
import sys, time, onnxruntime
begin = time.perf_counter()
onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
print((time.perf_counter() - begin) * 1e3)
"""


def output_of(*command, **settings):
    return subprocess.run(command, check=True, capture_output=True, text=True, **settings).stdout


def worked_ms():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e3


def build_hosts(build, model, folder):
    cc = os.environ.get("CC", "cc")
    output_of(os.path.join(build, "tenon"), "compile", model, "-o", os.path.join(folder, "model.so"),
              "--example", os.path.join(folder, "main.c"))
    output_of(cc, "-O1", "main.c", "model.so", "-Wl,-rpath," + folder, "-o", "linked", cwd=folder)
    output_of(cc, "-O1", "-I" + os.path.join(HERE, "../../include"), os.path.join(HERE, "start.c"), "-L" + build,
              "-ltenon", "-Wl,-rpath," + build, "-o", os.path.join(folder, "start"))


def linked(folder, model):
    begin = time.perf_counter()
    output_of(os.path.join(folder, "linked"))
    return {"linked": (time.perf_counter() - begin) * 1e3}


def loaded(folder, model):
    opened, result, _ = output_of(os.path.join(folder, "start"), os.path.join(folder, "model.so")).split()
    return {"loaded": float(result), "loaded: opening": float(opened)}


def warm(folder, model):
    opened, result, how = output_of(os.path.join(folder, "start"), model, os.path.join(folder, "cache")).split()
    return {"warm" if how == "cached" else "cold": float(result), "warm: opening" if how == "cached" else
            "cold: opening": float(opened)}


def session(folder, model):
    return {"session": float(output_of(sys.executable, "-c", SESSION, model))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json")
    parser.add_argument("build")
    parser.add_argument("model")
    given = parser.parse_args()
    build, model = os.path.abspath(given.build), os.path.abspath(given.model)
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        build_hosts(build, model, folder)
        warm(folder, model)  # fills the cache
        for _ in range(given.rounds):
            for contender in (linked, loaded, warm, session):
                begin = worked_ms()
                made = contender(folder, model)
                if contender is not session:
                    made[contender.__name__ + ": processor"] = worked_ms() - begin
                for name, value in made.items():
                    times.setdefault(name, []).append(value)
    for name, values in times.items():
        print("%-18s %8.1f ms   (least %.1f)" % (name, statistics.median(values), min(values)))
    if given.json:
        with open(given.json, "w") as file:
            json.dump({"model": model, "rounds": given.rounds, "milliseconds": times}, file, indent=1)


if __name__ == "__main__":
    main()

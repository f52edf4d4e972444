#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tenon diff: what it says of two compiled models, and its exit status.

usage: diff.py TENON"""
import json
import os

from harness import HERE, TENON, check, main, tenon

HASH = "program and weights, hashed"


def compile_model(model, output, *options):
    done = tenon("compile", model, "-o", output, "--name", "dense", "--mcpu", "x86-64-v3", *options)
    check(done.returncode == 0, "compile %s %s" % (output, done.stderr.strip()))


def differences(a, b):
    """{what: (a, b)} of --json, which must say what the text says."""
    text, as_json = tenon("diff", a, b), tenon("diff", "--json", a, b)
    whole = json.loads(as_json.stdout)
    check(text.returncode == as_json.returncode == (0 if whole["equal"] else 1), "status of diff %s %s" % (a, b))
    lines = ["%s: %s | %s" % (d["what"], d["a"] or "-", d["b"] or "-") for d in whole["differences"]]
    check(text.stdout.splitlines() == lines, "text and JSON say the same")
    print("\n".join("    " + line for line in lines))
    return {d["what"]: (d["a"], d["b"]) for d in whole["differences"]}


def test():
    model = os.path.join(HERE, "dense.onnxtxt")
    text = open(model).read()
    with open("weights.onnxtxt", "w") as file:
        file.write(text.replace("11, 12}", "11, 13}"))
    with open("shape.onnxtxt", "w") as file:
        file.write(text.replace("y = Relu (h)", "g = Relu (h)\n  y = Neg (g)"))
    compile_model(model, "a.so")
    os.mkdir("again")
    compile_model(model, "again/a.so")
    check(differences("a.so", "again/a.so") == {} and tenon("diff", "a.so", "again/a.so").stdout == "", "equal files")
    compile_model(model, "b.so")
    check(differences("a.so", "b.so") == {"soname": ("a.so", "b.so")}, "another name")
    os.mkdir("changed")
    compile_model("weights.onnxtxt", "changed/a.so")
    found = differences("a.so", "changed/a.so")
    check(set(found) == {HASH, "weights"} and "1 of 1 constants differ" in found["weights"], "another weight")
    compile_model("shape.onnxtxt", "shape.so")
    found = differences("a.so", "shape.so")
    check(HASH in found and any(what.startswith("function") for what in found), "another node")
    compile_model(model, "narrow.so", "--mcpu", "x86-64-v2")
    found = differences("a.so", "narrow.so")
    check(found["processors"] == ("x86-64-v3", "x86-64-v2") and any(what.startswith("function") for what in found),
          "another processor")
    compile_model(model, "arm.so", "--target", "aarch64-linux-gnu", "--mcpu", "cortex-a76")
    found = differences("a.so", "arm.so")
    check("aarch64" in found["target"][1], "another architecture")
    compile_model(model, "fast.so", "--specialize", "N=4")
    found = differences("a.so", "fast.so")
    check(any(what.startswith("tables") for what in found), "a fast path")
    compile_model(model, "apart.so", "--weights", "apart.weights")
    check("weights are in" in differences("a.so", "apart.so"), "weights in another file")
    bytes_ = bytearray(open("a.so", "rb").read())
    bytes_[len(bytes_) // 3] ^= 1
    open("damaged.so", "wb").write(bytes_)
    for files, words in ((("a.so", "damaged.so"), "damaged"), (("a.so", "nothing.so"), "No such file"),
                         ((model, "a.so"), "no shared library"), (("a.so",), "needs two files")):
        done = tenon("diff", *files)
        check(done.returncode == 2 and words in done.stderr and not done.stdout,
              "trouble is status 2: " + done.stderr.strip())


main(test=test)

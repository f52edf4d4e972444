#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What debuggers are told, and the texts that compile writes.

usage: debug.py TENON PART     PART: files, gdb

Exit status 77: skipped, with the reason, where a tool of the system is missing."""
import os
import re
import sys

from harness import CC, FAILURES, HERE, TENON, check, main, need, run

HOST = """#include "image.h"
static _Alignas(64) char arena[IMAGE_ARENA_BYTES];
static float x[768];
int main(void)
{
    image_inputs inputs = {.x = x};
    image_outputs outputs = {0};
    return image_run(&inputs, &outputs, arena, sizeof arena, NULL);
}
"""


def compile_model(name, output, *options, **settings):
    done = run(TENON, "compile", os.path.join(HERE, name + ".onnxtxt"), "-o", output, *options, **settings)
    check(done.returncode == 0, "compile %s to %s %s %s" % (name, output, " ".join(options), done.stderr.strip()))


def read(path, mode="r"):
    with open(path, mode) as file:
        return file.read()


def files():
    """The same bytes anywhere; tables that other tools read; the texts of kernels and of the graph."""
    need("llvm-dwarfdump-19")
    for ending in ("so", "o", "a"):
        compile_model("image", "image." + ending, "-g")
        os.makedirs("elsewhere", exist_ok=True)
        compile_model("image", "elsewhere/image." + ending, "-g", env={"HOME": "/nowhere", "PWD": "/"})
        data = read("image." + ending, "rb")
        check(data == read("elsewhere/image." + ending, "rb"), "image.%s has the same bytes from another folder" % ending)
        check(os.getcwd().encode() not in data and HERE.encode() not in data, "no folder is named in it")
    compile_model("image", "listing.kernels", "--name", "image")
    check(read("image.kernels") == read("listing.kernels"), "--emit kernels gives the text beside the library")
    compile_model("image", "listing.txt", "--emit", "kernels")
    check(read("listing.txt") == read("listing.kernels"), "--emit says what, whatever the ending")
    compile_model("image", "plain.so", "--name", "image")
    one, other = (run(TENON, "run", file, "--seed", "3").stdout for file in ("image.so", "plain.so"))
    check(one and one == other.replace("plain.so", "image.so"), "it computes what the file without does")
    for target, cpu in (("x86_64-linux-gnu", "x86-64-v2,x86-64-v3"), ("aarch64-linux-gnu", None),
                        ("riscv64-linux-gnu", None)):
        for name in ("image", "found"):
            compile_model(name, name + "_t.so", "-g", "--target", target, *(["--mcpu", cpu] if cpu else []))
            done = run("llvm-dwarfdump-19", "--verify", name + "_t.so")
            check(done.returncode == 0 and "No errors" in done.stdout, "the tables of %s for %s are sound" % (name, target))
            text = read(name + "_t.kernels").split("\n")
            found = re.findall(r'DW_TAG_subprogram.*?DW_AT_name\s*\("(.*?)"\).*?DW_AT_decl_line\s*\((\d+)\)',
                               run("llvm-dwarfdump-19", "--debug-info", name + "_t.so").stdout, re.DOTALL)
            check(found and all(text[int(line) - 1].startswith("function " + node + ".") for node, line in found),
                  "its functions are in %s_t.kernels" % name)
    done = run(TENON, "compile", os.path.join(HERE, "image.onnxtxt"), "-o", "image.c", "-g")
    check(done.returncode == 1 and "not supported" in done.stderr and not os.path.exists("image.c"),
          "-g is refused for C: " + done.stderr.strip())
    graph_and_errors()


def graph_and_errors():
    compile_model("image", "graph.onnxtxt")
    compile_model("image", "graph.txt", "--emit", "graph")
    check(read("graph.onnxtxt") == read("graph.txt") and "Conv" in read("graph.txt"), "the graph as text")
    one = run(TENON, "run", "graph.onnxtxt", "--seed", "3").stdout
    other = run(TENON, "run", os.path.join(HERE, "image.onnxtxt"), "--seed", "3").stdout
    check(one and one == other, "the optimised graph computes what the model does")
    check(not os.path.exists("graph.h"), "texts have no header")
    with open("wide.onnxtxt", "w") as file:  # more weights than are written out in C
        file.write('<ir_version: 8, opset_import: ["" : 17]>\nwide (float[1, 64] x) => (float[1, 128] y)\n'
                   '<float[64, 128] w = {%s}>\n{\n  y = MatMul (x, w)\n}\n' % ", ".join(["0.5"] * 64 * 128))
    os.makedirs("with.dot", exist_ok=True)
    done = run(TENON, "compile", "wide.onnxtxt", "-o", "with.dot/out", "--emit", "c")
    check(done.returncode == 0 and sorted(os.listdir("with.dot")) == ["out", "out.h", "out.weights"],
          "C under a name without an ending %s %s" % (os.listdir("with.dot"), done.stderr))
    for options, message in ((["-o", "x.exe"], "ends in none of"), (["-o", "x.so", "--emit", "exe"], "'exe'")):
        done = run(TENON, "compile", os.path.join(HERE, "image.onnxtxt"), *options)
        check(done.returncode == 2 and message in done.stderr, "%s: %s" % (" ".join(options), done.stderr.strip()[:160]))


def debugger():
    """A breakpoint on a node's name, in a shared library and in an object that a linker took."""
    need("gdb", CC)
    with open("main.c", "w") as file:
        file.write(HOST)
    for ending in ("so", "o"):
        compile_model("image", "image." + ending, "-g")
        done = run(CC, "-std=c11", "-O1", "-I.", "main.c", "./image." + ending, "-o", "host")
        check(done.returncode == 0, "the host of image.%s %s" % (ending, done.stderr[:300]))
        text = read("image.kernels").split("\n")
        at = next(i for i, line in enumerate(text) if line.startswith("function r."))
        store = next(i for i, line in enumerate(text) if i > at and line.strip().startswith("r["))
        done = run("gdb", "-nx", "-batch", "-ex", "set breakpoint pending on", "-ex", "set debuginfod enabled off",
                   "-ex", "break r", "-ex", "run", "-ex", "bt", "-ex", "break image.kernels:%d" % (store + 1),
                   "-ex", "continue", "./host",
                   env={**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": "."})
        if "ptrace: Operation not permitted" in done.stderr:
            print("skipped: processes may not be traced here")
            sys.exit(77)
        check("at ./image.kernels:%d\n" % (at + 1) in done.stdout, "%s: it stops at the node, at its line" % ending)
        check("\n%d\t%s\n" % (at + 1, text[at]) in done.stdout, "%s: gdb shows the text" % ending)
        check(re.search(r"#\d+ .* in main \(", done.stdout), "%s: the way back to main() is known" % ending)
        check("\n%d\t%s\n" % (store + 1, text[store]) in done.stdout, "%s: it stops at a statement" % ending)
        if FAILURES:
            print(done.stdout, done.stderr)
    model = os.path.join(HERE, "image.onnxtxt")
    done = run("gdb", "-nx", "-batch", "-ex", "set breakpoint pending on", "-ex", "set debuginfod enabled off",
               "-ex", "break r", "-ex", "run", "-ex", "bt 1", "--args", TENON, "run", "-g", model)
    check("at ./image.kernels:%d\n" % (at + 1) in done.stdout and "\n%d\t%s\n" % (at + 1, text[at]) in done.stdout,
          "it stops at the node in tenon run, too")
    one, other = run(TENON, "run", "-g", model, "--seed", "3"), run(TENON, "run", model, "--seed", "3")
    check(one.stdout and one.stdout == other.stdout, "which computes the same" + one.stderr)
    done = run(TENON, "run", "-g", "--via", "interpreter", model)
    check(done.returncode == 2 and "machine code" in done.stderr, "the interpreter has none: " + done.stderr.strip())


main(files=files, gdb=debugger)

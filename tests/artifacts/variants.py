#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One file, several programs: for some kinds of processors (--mcpu A,B,C) and for some sizes (--specialize).

usage: variants.py TENON PART     PART: processors, sizes

Exit status 77: skipped, with the reason, where a tool of the system is missing."""
import json
import os
import random
import shutil
import struct

from harness import CC, HERE, TENON, check, main, need, run

LEVELS = ["x86-64-v4", "x86-64-v3", "x86-64-v2"]


def floats(chance, *shape):
    count = 1
    for extent in shape:
        count *= extent
    numbers = ", ".join("%.4f" % chance.uniform(-1, 1) for _ in range(count))
    return "float%s %%s = {%s}" % (list(shape), numbers)


# name: (text, elements of the input and of the result for N)
def models():
    """Weights are most of each: matrices on either side of an input, convolutions, odd extents."""
    chance = random.Random(3)
    tensor = lambda name, *shape: floats(chance, *shape) % name
    return {
        "rows": ("""<ir_version: 8, opset_import: ["" : 17]>
rows (float[N, 100] x) => (float[N, 37] y)
<%s, %s, %s>
{
  h = MatMul (x, a)
  i = Add (h, b)
  j = Relu (i)
  k = MatMul (j, c)
  y = Softmax (k)
}
""" % (tensor("a", 100, 81), tensor("b", 81), tensor("c", 81, 37)), lambda n: (n * 100, n * 37)),
        "left": ("""<ir_version: 8, opset_import: ["" : 17]>
left (float[N, 50, 19] x) => (float[N, 29, 19] y)
<%s>
{
  y = MatMul (w, x)
}
""" % tensor("w", 29, 50), lambda n: (n * 50 * 19, n * 29 * 19)),
        "picture": ("""<ir_version: 8, opset_import: ["" : 17]>
picture (float[N, 8, 11, 11] x) => (float[N, 48] y)
<%s, %s, %s>
{
  a = Conv <pads = [1, 1, 1, 1]> (x, v)
  b = Relu (a)
  c = Conv <strides = [2, 2]> (b, w)
  d = Conv <group = 24> (c, u)
  e = GlobalAveragePool (d)
  f = Flatten (e)
  y = Tanh (f)
}
""" % (tensor("v", 24, 8, 3, 3), tensor("w", 24, 24, 1, 1), tensor("u", 48, 1, 3, 3)),
                    lambda n: (n * 8 * 121, n * 48)),
    }


MODELS = models()


def compile_model(name, output, *options):
    with open(name + ".onnxtxt", "w") as file:
        file.write(MODELS[name][0])
    done = run(TENON, "compile", name + ".onnxtxt", "-o", output, "--name", name, "--header", name + ".h", *options)
    check(done.returncode == 0, "compile %s %s %s" % (output, " ".join(options), done.stderr.strip()))


def build_host(name):
    shutil.copy(name + ".h", "variant.h")
    done = run(CC, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I.", HERE + "/variant_host.c", "-o", "host", "-ldl")
    check(done.returncode == 0, "the host builds %s" % done.stderr[:300])


def result(path, name, n, cpu=None):
    """The result's bits as text; or what the run answered."""
    elements = [str(count) for count in MODELS[name][1](n)]
    emulator = ["qemu-x86_64", "-cpu", cpu] if cpu else []
    done = run(*emulator, "./host", "./" + path, name, *elements, str(n))
    return done.stdout if done.returncode in (0, 3) else "crashed: %d %s" % (done.returncode, done.stderr)


def values(bits):
    return [struct.unpack(">f", bytes.fromhex(line))[0] for line in bits.split()]


def near(a, b):
    """Sums of at most 1000 products of numbers below 2, in another order or with one rounding less."""
    return len(a) == len(b) and all(abs(x - y) <= 1e-5 * (1 + abs(y)) for x, y in zip(a, b))


def weight_bytes(path):
    return json.loads(run(TENON, "inspect", "--json", path).stdout)["weight_bytes"]


def processors():
    """Each level's code runs where the processor has what it needs, with the bits of that level's own file."""
    need(CC, "qemu-x86_64")
    features = open("/proc/cpuinfo").read()
    for name in MODELS:
        compile_model(name, "all.so", "--mcpu", ",".join(LEVELS))
        build_host(name)
        alone = {}
        for level in LEVELS:
            compile_model(name, level + ".so", "--mcpu", level)
            alone[level] = level + ".so"
        here = "x86-64-v4" if "avx512vl" in features else "x86-64-v3"
        for cpu, level in (("Nehalem", "x86-64-v2"), ("Haswell", "x86-64-v3"), (None, here)):
            both = result("all.so", name, 3, cpu), result(alone[level], name, 3, cpu)
            check(both[0] == both[1] and len(both[0]) > 50, "%s on %s has the bits of %s %s" %
                  (name, cpu or "this processor", level, "" if both[0] == both[1] else str(both)[:200]))
        narrow, wide = result("all.so", name, 3, "Nehalem"), result("all.so", name, 3)
        check(near(values(narrow), values(wide)), "%s: the levels agree" % name)
        text = result("all.so", name, 3, "core2duo")
        check(text.startswith("2 ") and "the processor lacks SSE4.1" in text, "a processor with none: " + text.strip())
        # One copy of the weights; panels are a little wider than the tiles of one processor.
        check(weight_bytes("all.so") <= 1.4 * weight_bytes(alone[here]), "%s: one copy of the weights, %d bytes, not %d" %
              (name, weight_bytes("all.so"), weight_bytes(alone[here])))
        sizes = {path: os.path.getsize(path) for path in ["all.so"] + list(alone.values())}
        print(sizes)
        before = open("all.so", "rb").read()
        compile_model(name, "all.so", "--mcpu", ",".join(reversed(LEVELS)))
        check(open("all.so", "rb").read() == before, "the order of --mcpu does not matter")
    for wrong, words in (("x86-64-v3,x86-64-v3", "ask the same"), ("x86-64-v3,,", "empty"),
                         ("x86-64-v3,i386dx9", "'i386dx9'")):
        done = run(TENON, "compile", "rows.onnxtxt", "-o", "wrong.so", "--mcpu", wrong)
        check(done.returncode == 1 and words in done.stderr and not os.path.exists("wrong.so"),
              "--mcpu %s: %s" % (wrong, done.stderr.strip()))
    done = run(TENON, "compile", "rows.onnxtxt", "-o", "wrong.so", "--target", "aarch64-linux-gnu", "--mcpu",
               "cortex-a76,cortex-a53")
    check(done.returncode == 1 and "told apart" in done.stderr, "two processors of aarch64: " + done.stderr.strip())


def sizes():
    """Fast paths compute what the general one does, and add no weights."""
    need(CC)
    for name in MODELS:
        compile_model(name, "general.so", "--mcpu", "x86-64-v2")
        compile_model(name, "one.so", "--mcpu", "x86-64-v2", "--specialize", "N=8")
        compile_model(name, "three.so", "--mcpu", "x86-64-v2", "--specialize", "N=1,8,32")
        build_host(name)
        for n in (1, 2, 8, 9, 32):
            general, special = result("general.so", name, n), result("three.so", name, n)
            check(near(values(general), values(special)), "%s at N = %d%s" %
                  (name, n, ", the same bits" if general == special else ""))
        about = json.loads(run(TENON, "inspect", "--json", "three.so").stdout)
        check(about["specialized"] == [{"N": 1}, {"N": 8}, {"N": 32}], "%s says so: %s" % (name, about["specialized"]))
        check(weight_bytes("three.so") == weight_bytes("one.so") <= 1.4 * weight_bytes("general.so"),
              "%s: weights once: %d bytes with three fast paths, %d with one, %d with none" %
              (name, weight_bytes("three.so"), weight_bytes("one.so"), weight_bytes("general.so")))
        own = run(TENON, "run", "three.so", "--dim", "N=8", "--seed", "4").stdout
        other = run(TENON, "run", "one.so", "--dim", "N=8", "--seed", "4").stdout
        check(own and own == other, "%s in process" % name)
    compile_model("rows", "both.so", "--mcpu", "x86-64-v3,x86-64-v2", "--specialize", "N=1,4")
    compile_model("rows", "general.so", "--mcpu", "x86-64-v2")
    build_host("rows")
    for n in (1, 3, 4):
        check(near(values(result("both.so", "rows", n)), values(result("general.so", "rows", n))),
              "several processors and sizes, N = %d" % n)
    for wrong, words, status in (("M=3", "no size 'M'", 1), ("N=x", "needs NAME=N", 2), ("N", "needs NAME=N", 2)):
        done = run(TENON, "compile", "rows.onnxtxt", "-o", "wrong.so", "--specialize", wrong)
        check(done.returncode == status and words in done.stderr and not os.path.exists("wrong.so"),
              "--specialize %s: %s" % (wrong, done.stderr.strip()))
    done = run(TENON, "compile", "rows.onnxtxt", "-o", "wrong.c", "--specialize", "N=1")
    check(done.returncode == 1 and "in C" in done.stderr, "not in C: " + done.stderr.strip())


main(processors=processors, sizes=sizes)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiled models, from the outside: what their files are, and what hosts see.

usage: artifacts.py TENON PART     PART: files, hosts, damage, cross

Exit status 77: skipped, with the reason, where a tool of the system is missing."""
import os
import random
import shutil

from harness import CC, HERE, TENON, check, main, need, run

MODELS = ["dense", "found", "words", "control", "image"]


def compile_model(name, output, *options, **settings):
    done = run(TENON, "compile", os.path.join(HERE, name + ".onnxtxt"), "-o", output, *options, **settings)
    check(done.returncode == 0, "compile %s to %s %s %s" % (name, os.path.basename(output), " ".join(options),
                                                          done.stderr.strip()))


def files():
    """Nothing is imported, two names are exported, headers are C and C++, bytes do not vary."""
    need("nm", CC)
    for name in MODELS:
        for ending in ("so", "o", "a"):
            path = "%s.%s" % (name, ending)
            compile_model(name, path)
            table = run("nm", *(["-D"] if ending == "so" else []), path).stdout
            names = [line.split()[-1] for line in table.split("\n") if " T " in line or " R " in line or " D " in line]
            check(" U " not in table, "nm -u %s is empty" % path)
            check(sorted(names) == [name + "_model", name + "_run"], "%s exports %s" % (path, names))
        for language, standard in (("c", "c11"), ("c", "c17"), ("c++", "c++17")):
            done = run(CC, "-x", language, "-std=" + standard, "-Wall", "-Wextra", "-Werror", "-pedantic",
                       "-fsyntax-only", name + ".h")
            check(done.returncode == 0, "%s.h as %s %s" % (name, standard, done.stderr[:300]))
        os.makedirs("elsewhere", exist_ok=True)
        compile_model(name, "elsewhere/%s.so" % name, env={"PATH": "", "HOME": "/nowhere", "LC_ALL": "C"})
        check(open(name + ".so", "rb").read() == open("elsewhere/%s.so" % name, "rb").read(),
              "%s.so has the same bytes from another folder, without PATH" % name)
        jit = run(TENON, "run", os.path.join(HERE, name + ".onnxtxt"), "--seed", "5")
        so = run(TENON, "run", name + ".so", "--seed", "5")
        check(jit.returncode == so.returncode and jit.stdout == so.stdout, "%s.so computes what jit does" % name)
    runtime = {name: {line.split()[-1] for line in run("nm", name + ".so").stdout.splitlines()} for name in MODELS}
    check("host_non_zero" in runtime["found"] and "host_string_concat" in runtime["words"],
          "what a model calls of the runtime is in its file")
    for name in ("dense", "image"):
        surplus = [function for function in runtime[name] if function.startswith("host_")]
        check(not surplus, "%s.so has nothing of the runtime that it does not need %s" % (name, surplus))
    compile_model("image", "apart.so", "--weights", "apart.weights")
    compile_model("image", "image.s")
    compile_model("image", "image.ll")
    apart, inside = run(TENON, "run", "apart.so"), run(TENON, "run", "image.so")
    check(apart.stdout == inside.stdout.replace("image.so", "apart.so") and apart.stdout, "weights beside the file")
    os.remove("apart.weights")
    check(run(TENON, "run", "apart.so").returncode == 1, "weights that are not there")
    done = run(TENON, "compile", os.path.join(HERE, "dense.onnxtxt"), "-o", "/nonexistent/x.so")
    check(done.returncode == 1 and "cannot be written" in done.stderr, "a folder that is not there")
    done = run(TENON, "compile", os.path.join(HERE, "dense.onnxtxt"), "-o", "x.so", "--mcpu", "i386dx9")
    check(done.returncode == 1 and "the processor 'i386dx9'" in done.stderr, "a processor that is not there")
    check(not os.path.exists("x.so") and not os.path.exists("x.h"), "what fails leaves no file")
    done = run(TENON, "compile", os.path.join(HERE, "dense.onnxtxt"), "-o", "x.so", "--name", "2x")
    check(done.returncode == 1 and "no identifier" in done.stderr, "a name that is none")


def hosts():
    """C hosts: with a C library, without one, and the generated example."""
    need(CC)
    for name in ("dense", "found", "image"):
        compile_model(name, name + ".o", "--example", name + "_main.c")
        done = run(CC, "-std=c11", "-Wall", "-Wextra", "-Werror", "-I.", name + "_main.c", name + ".o", "-o", name)
        check(done.returncode == 0, "the example of %s builds %s" % (name, done.stderr[:300]))
        done = run("./" + name)
        check(done.returncode == 0 and "success" in done.stdout, "the example of %s runs" % name)
    done = run(CC, "-std=c11", "-Wall", "-Wextra", "-I.", HERE + "/host.c", "dense.o", "found.o", "-o", "host")
    check(done.returncode == 0, "two models in one program %s" % done.stderr[:500])
    check("#define FOUND_AT_CAPACITY ((size_t)64)" in open("found.h").read(), "as many are found as there are, at most")
    compile_model("found", "few.so", "--name", "few", "--max", "at_count=2")
    check("#define FEW_AT_CAPACITY ((size_t)16)" in open("few.h").read(), "no more than --max allows")
    compile_model("open", "open.o")
    done = run(CC, "-std=c11", "-Wall", "-Wextra", "-Werror", "-I.", HERE + "/open_host.c", "open.o", "-o", "open")
    check(done.returncode == 0, "a host that asks for capacities %s" % done.stderr[:500])
    done = run("./open")
    check(done.returncode == 0, "capacities follow from the inputs' sizes, and are no larger than they must be " + done.stdout)
    compile_model("open", "less.so", "--max", "at_count=5")
    check("(16 * tn_smaller(" in open("less.h").read(), "--max bounds a capacity, too")
    ones = run(TENON, "run", "few.so", "--seed", "1")
    check(ones.returncode == 1 and "between 0 and 2" in ones.stderr, "data that asks for more: " + ones.stderr.strip())
    done = run("./host")
    print(done.stdout, end="")
    check(done.returncode == 0, "the host of two models")
    done = run(CC, "-std=c11", "-O1", "-nostdlib", "-static", "-fno-stack-protector", "-I.", HERE + "/bare.c",
               "image.o", "found.o", "-o", "bare")
    check(done.returncode == 0, "a host without a C library %s" % done.stderr[:500])
    check(run("./bare").returncode == 0, "it runs")


def damage():
    """A damaged file is refused with a text: cut short, bits flipped, or something else altogether."""
    compile_model("dense", "dense.so")
    whole = open("dense.so", "rb").read()
    chance = random.Random(11)
    wrong = 0
    for i in range(150):
        bytes_ = bytearray(whole)
        if i % 3 == 0:
            bytes_ = bytes_[:chance.randrange(len(bytes_))]
        else:
            for _ in range(1 + i % 5):
                bytes_[chance.randrange(len(bytes_) - 4096)] ^= 1 << chance.randrange(8)
        open("damaged.so", "wb").write(bytes_)
        done = run(TENON, "run", "damaged.so")
        if done.returncode != 1 or "error:" not in done.stderr:
            wrong += 1
            print(i, done.returncode, done.stderr[:200])
    check(wrong == 0, "150 damaged files are refused")
    shutil.copy(shutil.which("true") or "/bin/true", "other.so")
    done = run(TENON, "run", "other.so")
    check(done.returncode == 1 and "error:" in done.stderr, "another program is refused: " + done.stderr.strip())
    compile_model("dense", "far.so", "--target", "riscv64-linux-gnu")
    done = run(TENON, "run", "far.so")
    check(done.returncode == 1 and "architecture" in done.stderr, "another architecture is refused")


def cross():
    """Objects for other processors, in a host without a C library, under qemu."""
    clang = next((c for c in ("clang-19", "clang") if shutil.which(c)), "clang-19")
    need(clang, "qemu-aarch64", "qemu-riscv64", "qemu-x86_64")
    for target, command in (("aarch64-linux-gnu", ["qemu-aarch64"]), ("riscv64-linux-gnu", ["qemu-riscv64"]),
                            ("x86_64-linux-gnu", ["qemu-x86_64", "-cpu", "Nehalem"])):
        extra = ["--mcpu", "x86-64-v2"] if target.startswith("x86") else []
        for name in ("image", "found"):
            compile_model(name, name + ".o", "--target", target, *extra)
        done = run(clang, "--target=" + target, "-O1", "-std=c11", "-ffreestanding", "-nostdlib", "-static",
                   "-fuse-ld=lld", "-I.", HERE + "/bare.c", "image.o", "found.o", "-o", "bare")
        check(done.returncode == 0, "link for %s %s" % (target, done.stderr[:300]))
        status = run(*command, "./bare").returncode
        check(status == 0, "run for %s: %d" % (target, status))
    for name in ("image", "found"):
        compile_model(name, name + ".o", "--target", "x86_64-linux-gnu", "--mcpu", "x86-64-v3")
    run(clang, "-O1", "-std=c11", "-ffreestanding", "-nostdlib", "-static", "-fuse-ld=lld", "-I.", HERE + "/bare.c",
        "image.o", "found.o", "-o", "bare")
    status = run("qemu-x86_64", "-cpu", "Nehalem", "./bare").returncode
    check(status == 3, "a processor without AVX2 is told so, not killed: %d" % status)


main(files=files, hosts=hosts, damage=damage, cross=cross)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Output files appear whole or not at all: where files may not grow, where the disk is full, where the process is
killed, and what an earlier one left behind.

usage: whole_files.py TENON [KILLS]     KILLS: how often each command is killed; 12 if left out

Exit status 77: skipped, with the reason."""
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

from harness import TENON, check, main, run

SIDE = 1024


def write_model(path, layers):
    """A chain of matrix products of 4 MB each, so that writing takes a while."""
    with open(os.path.join(os.path.dirname(path), "weights.bin"), "wb") as file:
        for i in range(layers * SIDE):
            file.write((i + 1).to_bytes(4, "little") * SIDE)
    weights = ",\n".join('float[%d, %d] w%d = ["location": "weights.bin", "offset": "%d", "length": "%d"]' %
                         (SIDE, SIDE, i, i * SIDE * SIDE * 4, SIDE * SIDE * 4) for i in range(layers))
    nodes = "\n".join("  h%d = MatMul (h%d, w%d)" % (i + 1, i, i) for i in range(layers - 1))
    with open(path, "w") as file:
        file.write('<ir_version: 8, opset_import: ["" : 17]>\nchain (float[1, %d] h0) => (float[1, %d] y)\n<%s>\n{\n%s\n'
                   "  y = MatMul (h%d, w%d)\n}\n" % (SIDE, SIDE, weights, nodes, layers - 1, layers - 1))


def commands(model, small):
    """Name, arguments that write to {}, the files that may appear."""
    return [
        ("shared library", ["compile", model, "-o", "{}/m.so"], {"m.so", "m.h"}),
        ("weights apart", ["compile", model, "-o", "{}/m.so", "--weights", "{}/m.weights"], {"m.so", "m.h", "m.weights"}),
        ("object", ["compile", model, "-o", "{}/m.o"], {"m.o", "m.h"}),
        ("archive", ["compile", model, "-o", "{}/m.a"], {"m.a", "m.h"}),
        ("C", ["compile", model, "-o", "{}/m.c"], {"m.c", "m.h", "m.weights"}),
        ("binary model", ["convert", model, "{}/m.onnx"], {"m.onnx"}),
        ("textual model", ["convert", model, "{}/m.onnxtxt"], {"m.onnxtxt", "m.onnxtxt.weights"}),
        ("results", ["run", small, "-o", "{}", "--seed", "3"], {"0_y.npy"}),
    ]


def start(arguments, folder, **settings):
    return subprocess.Popen([TENON] + [argument.format(folder) for argument in arguments], stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True, **settings)


def contents(folder):
    return {name: open(os.path.join(folder, name), "rb").read() for name in os.listdir(folder)}


def empty(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)


def no_growth(name, arguments, whole):
    """A limit on the size of files, with the signal as a shell leaves it."""
    largest = max(len(data) for data in whole.values())
    for limit in sorted({0, largest // 2, largest - 1}):
        empty("out")
        process = start(arguments, "out",
                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        words = process.communicate()[1]
        check(process.returncode == 1 and "error:" in words and not
              [n for n, data in contents("out").items() if data != whole[n]],
              "%s, files of at most %d bytes: %s, left: %s" % (name, limit, words.strip()[-80:], os.listdir("out")))


def full_disk(name, arguments, whole):
    """A small file system of its own, in a name space of its own."""
    total = sum(len(data) for data in whole.values())
    script = 'mount -t tmpfs -o size=%d none full || exit 9; "$@"; status=$?; ls -A full; exit $status'
    script %= max(4096, total // 2 // 4096 * 4096)
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", TENON] +
                          [argument.format("full") for argument in arguments], capture_output=True, text=True)
    left = set(done.stdout.split())
    largest = max(whole, key=lambda name: len(whole[name]))
    check(done.returncode == 1 and "error:" in done.stderr and left <= set(whole) - {largest},
          "%s, disk full: %s, left: %s" % (name, done.stderr.strip()[-90:], sorted(left)))


def killed(name, arguments, whole, seconds, chance, kills):
    """Killed at random moments, over nothing and over an older file of each name."""
    wrong, finished = [], 0
    for i in range(kills):
        empty("out")
        older = i % 2 == 1
        for file in whole if older else ():
            with open(os.path.join("out", file), "wb") as old:
                old.write(b"old")
        process = start(arguments, "out")
        time.sleep(chance.uniform(0, 1.1 * seconds))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        finished += process.returncode == 0
        for file, data in contents("out").items():
            if file not in whole or (data != whole[file] and not (older and data == b"old")):
                wrong.append("%s, %d bytes, status %d" % (file, len(data), process.returncode))
    check(not wrong, "%s, killed %d times (%d had ended) %s" % (name, kills, finished, wrong))


def left_behind(arguments, whole):
    """What another file system's rules, or an older process, may have left under a temporary name."""
    empty("out")
    for ending in (".new", ".part"):
        with open("out/m.so" + ending, "wb") as file:
            file.write(b"left behind")
    with open("out/m.so", "wb") as file:
        file.write(b"old")
    process = start(arguments, "out")
    words = process.communicate()[1]
    found = contents("out")
    check(process.returncode == 0 and found["m.so"] == whole["m.so"] and "m.so.new" not in found,
          "names that are left behind: %s %s" % (sorted(found), words.strip()))


def can_mount():
    done = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True)
    if done.returncode:
        print("skipped: no file system can be mounted here, so none is full: " + done.stderr.strip())
    return done.returncode == 0


def at_once(arguments, whole):
    """Several processes that make the same file."""
    for old in (False, True):
        empty("out")
        if old:
            with open("out/m.so", "wb") as file:
                file.write(b"old")
        processes = [start(arguments, "out") for _ in range(4)]
        words = [process.communicate()[1] for process in processes]
        check(all(process.returncode == 0 for process in processes) and contents("out") == whole,
              "four at once: %s %s" % (sorted(os.listdir("out")), [word for word in words if word]))


def test():
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    chance = random.Random(5)
    write_model(os.path.abspath("large.onnxtxt"), 6)
    with open("small.onnxtxt", "w") as file:
        file.write('<ir_version: 8, opset_import: ["" : 17]>\nsmall (float[300, 400] x) => (float[300, 400] y) { y = Relu (x) }\n')
    mounts = can_mount()
    for name, arguments, files in commands("large.onnxtxt", "small.onnxtxt"):
        empty("out")
        begin = time.time()
        words = start(arguments, "out").communicate()[1]
        seconds = time.time() - begin
        whole = contents("out")
        check(set(whole) == files, "%s: %s %s" % (name, sorted(whole), words.strip()))
        no_growth(name, arguments, whole)
        if mounts:
            os.makedirs("full", exist_ok=True)
            full_disk(name, arguments, whole)
        killed(name, arguments, whole, seconds, chance, kills)
        if name == "shared library":
            left_behind(arguments, whole)
            at_once(arguments, whole)


main(test=test)

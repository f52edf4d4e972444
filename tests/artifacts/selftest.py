#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NAME_selftest() of --embed-selftest: good as it is, and what it says of damage, callers and arenas.

usage: selftest.py TENON"""
import ctypes
import os
import shutil
import struct
import subprocess

from harness import CC, HERE, TENON, check, main, run

OK, INVALID_MODEL, BAD_ARGUMENT, ARENA_TOO_SMALL = 0, 1, 3, 6


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("parallel_for", ctypes.c_void_p), ("user", ctypes.c_void_p),
                ("threads", ctypes.c_int), ("weights", ctypes.c_void_p), ("cancel", ctypes.c_void_p),
                ("message", ctypes.c_char_p), ("message_bytes", ctypes.c_size_t),
                ("arena_needed", ctypes.POINTER(ctypes.c_size_t))]


def compile_model(name, output, *options):
    done = subprocess.run([TENON, "compile", os.path.join(HERE, name + ".onnxtxt"), "-o", output, "--name", name,
                           "--embed-selftest", *options], capture_output=True, text=True)
    check(done.returncode == 0, "compile %s %s %s" % (output, " ".join(options), done.stderr.strip()))


def selftest(path, name, arena_bytes=1 << 20, misaligned=0, weights=None):
    """(status, message, bytes needed)"""
    library = ctypes.CDLL(os.path.abspath(path))
    memory = ctypes.create_string_buffer(arena_bytes + 128)
    arena = (ctypes.addressof(memory) + 63) // 64 * 64 + misaligned
    message, needed = ctypes.create_string_buffer(300), ctypes.c_size_t(0)
    options = Options(size=ctypes.sizeof(Options), message=ctypes.cast(message, ctypes.c_char_p), message_bytes=300,
                      arena_needed=ctypes.pointer(needed), weights=weights)
    function = getattr(library, name + "_selftest")
    status = function(ctypes.c_void_p(arena if arena_bytes else None), ctypes.c_size_t(arena_bytes), ctypes.byref(options))
    return status, message.value.decode(), needed.value


def damaged(path, output, at, bit):
    """The file with one bit changed, under a name that no library was loaded by."""
    whole = bytearray(open(path, "rb").read())
    whole[at] ^= 1 << bit
    open(output, "wb").write(whole)


def section(path, name):
    """(offset, bytes) of a section of the file."""
    whole = open(path, "rb").read()
    table, = struct.unpack_from("<Q", whole, 0x28)
    count, names = struct.unpack_from("<HH", whole, 0x3c)
    headers = [struct.unpack_from("<IIQQQQIIQQ", whole, table + 64 * i) for i in range(count)]
    strings = headers[names][4]
    for header in headers:
        if whole[strings + header[0]:].split(b"\0", 1)[0].decode() == name:
            return header[4], header[5]
    return None


def test():
    for name in ("dense", "image", "found"):
        path = name + ".so"
        compile_model(name, path)
        check(selftest(path, name)[:2] == (OK, ""), "%s as it is" % name)
        compile_model(name, name + "-multi.so", "--mcpu", "x86-64-v2,x86-64-v3")
        check(selftest(name + "-multi.so", name)[:2] == (OK, ""), "%s for two processors" % name)
        for arena_bytes in (0, 1, 100, 1000):
            status, message, needed = selftest(path, name, arena_bytes)
            check(status == ARENA_TOO_SMALL and needed > arena_bytes, "an arena of %d bytes: %d, %s" %
                  (arena_bytes, needed, message))
        status, message, needed = selftest(path, name, 100)
        while status == ARENA_TOO_SMALL:
            before = needed
            status, message, needed = selftest(path, name, before)
            if status == ARENA_TOO_SMALL and needed <= before:
                break
        check(status == OK, "%s in the arena that it asks for: %d %s" % (name, before, message))
        check(selftest(path, name, misaligned=4)[0] == BAD_ARGUMENT, "a misaligned arena")
    for name in ("dense", "image"):
        offset, size = section(name + ".so", ".tenon_weights")
        for number, bit in ((0, 0), (0, 7), (size - 64 - 1, 6)):
            copy = "%s-%d-%d.so" % (name, number, bit)
            damaged(name + ".so", copy, offset + number, bit)
            status, message, _ = selftest(copy, name)
            check(status == INVALID_MODEL and "weights are damaged" in message,
                  "bit %d of byte %d of the weights: %d %s" % (bit, number, status, message))
    # What is computed counts, too: the golden result itself, changed, is no longer what the model makes.
    at = open("image.so", "rb").read().find(struct.pack("<8f", *golden_of_image()))
    check(at > 0, "the golden result is in the file")
    damaged("image.so", "wrong.so", at + 2, 6)
    status, message, _ = selftest("wrong.so", "image")
    check(status == INVALID_MODEL and "output 'y' is wrong in element 0" in message, "another result: " + message)
    compile_model("image", "apart.so", "--weights", "apart.weights")
    bytes_ = open("apart.weights", "rb").read()
    memory = ctypes.create_string_buffer(len(bytes_) + 64)
    place = (ctypes.addressof(memory) + 63) // 64 * 64
    ctypes.memmove(place, bytes_, len(bytes_))
    check(selftest("apart.so", "image", weights=place)[0] == OK, "weights in a file of their own")
    ctypes.memset(place + 5, 77, 1)
    check(selftest("apart.so", "image", weights=place)[0] == INVALID_MODEL, "which are damaged")
    check(selftest("apart.so", "image")[0] == BAD_ARGUMENT, "and which are not given")
    done = subprocess.run([TENON, "compile", os.path.join(HERE, "control.onnxtxt"), "-o", "c.so", "--embed-selftest"],
                          capture_output=True, text=True)
    check(done.returncode == 1 and "no tensor" in done.stderr and not os.path.exists("c.so"),
          "a sequence: " + done.stderr.strip())
    if shutil.which(CC):
        compile_model("dense", "dense.c")
        done = subprocess.run([CC, "-O1", "-shared", "-fPIC", "-o", "through-c.so", "dense.c"], capture_output=True, text=True)
        check(done.returncode == 0, "C builds %s" % done.stderr[:300])
        check(selftest("through-c.so", "dense")[0] == OK, "through C")


def golden_of_image():
    """What image makes of the inputs in the file, by the interpreter."""
    done = subprocess.run([TENON, "run", os.path.join(HERE, "image.onnxtxt"), "--via", "interpreter"],
                          capture_output=True, text=True)
    return [float(x) for x in done.stdout.split("{")[1].split("}")[0].split(",")]


main(test=test)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sounds and pictures as inputs: files that other tools wrote (Python's wave, cjpeg), through an Identity, must
give the samples and pixels that these tools say are in them.

usage: media.py TENON"""
import ast
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import wave

MODEL = """<ir_version: 8, opset_import: ["" : 13]>
g (%s x) => (%s y)
{
  y = Identity (x)
}
"""


def read_npy(path):
    """Shape and values of a little-endian file of floats or bytes."""
    data = open(path, "rb").read()
    length = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + length].decode())
    code = {"<f4": "f", "<f8": "d", "|u1": "B"}[header["descr"]]
    size = struct.calcsize(code)
    return header["shape"], list(struct.unpack(f"<{(len(data) - 10 - length) // size}{code}", data[10 + length:]))


class Bench:
    def __init__(self, tenon, folder):
        self.tenon, self.folder, self.failures, self.count = tenon, folder, 0, 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, what, type_, file, status=0):
        """The output of an Identity of that type, or standard error where it must fail."""
        model, out = self.path("m.onnxtxt"), self.path("out")
        open(model, "w").write(MODEL % (type_, type_))
        shutil.rmtree(out, ignore_errors=True)
        done = subprocess.run([self.tenon, "run", model, "-i", f"x={file}", "-o", out], capture_output=True, text=True)
        if done.returncode != status:
            self.expect(what, f"exit status {status}", f"{done.returncode}: {done.stderr}")
            return None, []
        return read_npy(os.path.join(out, "0_y.npy")) if status == 0 else done.stderr

    def expect(self, what, expected, found):
        self.count += 1
        if expected != found:
            self.failures += 1
            print(f"FAILED {what}: expected {str(expected)[:200]}, found {str(found)[:200]}")


def write_wav(path, width, channels, frames):
    """Frames of integers as a sound; 8 bits are unsigned, as WAVE has them."""
    with wave.open(path, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(16000)
        file.writeframes(b"".join((v + 128 if width == 1 else v).to_bytes(width, "little", signed=width > 1)
                                  for frame in frames for v in frame))


def sounds(bench):
    draw = random.Random(1)
    for width in (1, 2, 3, 4):
        top = 1 << (8 * width - 1)
        frames = [(-top, top - 1), (0, 1), (top - 1, -top)] + \
            [(draw.randrange(-top, top), draw.randrange(-top, top)) for _ in range(50)]
        for channels in (1, 2):
            part = [f[:channels] for f in frames]
            file = bench.path("s.wav")
            write_wav(file, width, channels, part)
            name = f"{8 * width} bits, {channels} channels"
            exact = [[v / top for v in f] for f in part]
            bench.expect(name, ((53,), [sum(f) / channels for f in exact]), bench.run(name, "double[T]", file))
            bench.expect(name + ", rows", ((1, channels, 53), [f[c] for c in range(channels) for f in exact]),
                         bench.run(name, f"double[B, {channels}, T]", file))
            cut, padded = [sum(f) / channels for f in exact[:20]], [sum(f) / channels for f in exact] + [0] * 7
            bench.expect(name + ", cut", ((20,), cut), bench.run(name, "double[20]", file))
            bench.expect(name + ", padded", ((60,), padded), bench.run(name, "double[60]", file))
    frames = open(bench.path("s.wav"), "rb").read()
    broken = bench.path("broken.wav")
    open(broken, "wb").write(frames[:30])
    bench.expect("cut header", True, "is no PCM or float sound" in str(bench.run("cut header", "float[T]", broken, 1)))
    open(broken, "wb").write(b"RIFX" + frames[4:])
    bench.expect("no RIFF", True, "is not a RIFF WAVE file" in str(bench.run("no RIFF", "float[T]", broken, 1)))
    bench.expect("integers", True, "to an input of floats" in str(bench.run("integers", "int32[T]", bench.path("s.wav"), 1)))


def read_ppm(data):
    fields = data.split(None, 4)
    width, height = int(fields[1]), int(fields[2])
    return width, height, list(data[len(data) - 3 * width * height:])


def pictures(bench):
    width, height = 13, 7
    pixels = bytes((x * 19 if c == 0 else y * 35 if c == 1 else 255 - x * 10 - y * 5) for y in range(height)
                   for x in range(width) for c in range(3))
    file = bench.path("p.JPG")
    subprocess.run(["cjpeg", "-quality", "90", "-outfile", file], check=True,
                   input=b"P6\n%d %d\n255\n" % (width, height) + pixels)
    decoded = subprocess.run(["djpeg", "-ppm", file], check=True, capture_output=True).stdout
    w, h, expected = read_ppm(decoded)
    bench.expect("size of the picture", (width, height), (w, h))
    bench.expect("bytes", ((height, width, 3), expected), bench.run("bytes", "uint8[H, W, 3]", file))
    planes = [expected[(y * width + x) * 3 + c] for c in range(3) for y in range(height) for x in range(width)]
    to_float = lambda value: struct.unpack("f", struct.pack("f", value))[0]
    bench.expect("floats", ((1, 3, height, width), [to_float(v / 255) for v in planes]),
                 bench.run("floats", "float[B, 3, H, W]", file))
    grey = [round(0.299 * r + 0.587 * g + 0.114 * b) for r, g, b in zip(*[iter(expected)] * 3)]
    shape, found = bench.run("grey", "uint8[H, W]", file)
    bench.expect("grey", ((height, width), True), (shape, all(abs(a - b) <= 1 for a, b in zip(grey, found))))
    digit = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples", "digits", "7.png")
    shutil.copy(digit, bench.path("D.PNG"))
    bench.expect("D.PNG", bench.run("7.png", "float[H, W]", digit), bench.run("D.PNG", "float[H, W]", bench.path("D.PNG")))
    cut = bench.path("cut.jpg")
    open(cut, "wb").write(open(file, "rb").read()[:40])
    bench.expect("a cut file", True, "cut.jpg" in str(bench.run("a cut file", "uint8[H, W, 3]", cut, 1)))


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(sys.argv[1], folder)
        sounds(bench)
        if shutil.which("cjpeg") and shutil.which("djpeg"):
            pictures(bench)
        else:
            print("skipped: pictures, since cjpeg and djpeg (Debian's libjpeg-turbo-progs) are not installed")
        print(f"{bench.count - bench.failures} passed, {bench.failures} failed")
        return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())

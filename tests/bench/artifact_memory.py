#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Anonymous memory that compiling a model with large weights takes at its peak, in MB.

usage: artifact_memory.py TENON GIGABYTES|MODEL [FOLDER]

MODEL is an ONNX file: real_weights.py makes one of 575 MB of the light vgg19. GIGABYTES asks for a chain of matrix
products whose weights, all different, are in a file of their own (sparse, but for a few numbers a page, so that no
two tensors are equal). FOLDER is where files are made; there must be room for twice the weights. Peak anonymous memory is RssAnon of the process, looked
at every few milliseconds: pages of mapped files do not count."""
import os
import subprocess
import sys
import tempfile
import time

SIDE = 8192  # of a matrix: 256 MiB


def write_model(folder, count):
    size = SIDE * SIDE * 4
    with open(os.path.join(folder, "weights.bin"), "wb") as file:
        file.truncate(size * count)
        for i in range(count):
            for page in range(0, size, 1 << 20):
                file.seek(i * size + page)
                file.write((i * 7 + 1).to_bytes(4, "little"))
    weights = ",\n".join(
        'float[%d, %d] w%d = ["location": "weights.bin", "offset": "%d", "length": "%d"]' %
        (SIDE, SIDE, i, i * size, size) for i in range(count))
    nodes = "\n".join("  h%d = MatMul (h%d, w%d)" % (i + 1, i, i) for i in range(count - 1))
    path = os.path.join(folder, "large.onnxtxt")
    with open(path, "w") as file:
        file.write('<ir_version: 8, opset_import: ["" : 17]>\nlarge (float[1, %d] h0) => (float[1, %d] y)\n<%s>\n{\n%s\n'
                   "  y = MatMul (h%d, w%d)\n}\n" % (SIDE, SIDE, weights, nodes, count - 1, count - 1))
    return path


def peak_of(command):
    process = subprocess.Popen(command)
    peak = 0
    while process.poll() is None:
        try:
            for line in open("/proc/%d/status" % process.pid):
                if line.startswith("RssAnon"):
                    peak = max(peak, int(line.split()[1]))
        except OSError:
            pass
        time.sleep(0.003)
    return process.returncode, peak / 1024


def main():
    tenon, model = sys.argv[1:3]
    with tempfile.TemporaryDirectory(dir=sys.argv[3] if len(sys.argv) > 3 else None) as folder:
        if not os.path.exists(model):
            model = write_model(folder, max(1, round(float(model) * (1 << 30) / (SIDE * SIDE * 4))))
        output = os.path.join(folder, "large.so")
        begin = time.time()
        status, peak = peak_of([tenon, "compile", model, "-o", output])
        print("%s: status %d, %.1f s, peak %.0f MB anonymous, file %.2f GB" %
              (os.path.basename(model), status, time.time() - begin, peak,
               os.path.getsize(output) / 1e9 if status == 0 else 0))
        return status


if __name__ == "__main__":
    sys.exit(main())

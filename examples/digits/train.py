#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the network of examples/digits and writes digits.onnx and the pictures.

Digits are drawn from a font of this project's own (5 x 7 dots), each dot a soft disc, turned, sheared,
scaled, shifted, with strokes of varying width and noise: 28 x 28 grey pixels. The network is two
convolutions with batch normalisation and a dense layer, about 9,000 weights, trained with Adam in
NumPy alone; onnx is only needed to write the file. Fixed seeds: the same machine gives the same file.

usage: train.py [FOLDER]     needs numpy and onnx; a minute on one core"""
import os
import struct
import sys
import zlib

import numpy as np

FONT = """
.###. ..#.. .###. .###. ...#. ##### .###. ##### .###. .###.
#...# .##.. #...# #...# ..##. #.... #.... ....# #...# #...#
#...# ..#.. ....# ....# .#.#. ####. #.... ...#. #...# #...#
#...# ..#.. ...#. ..##. #..#. ....# ####. ..#.. .###. .####
#...# ..#.. ..#.. ....# ##### ....# #...# ..#.. #...# ....#
#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ....#
.###. .###. ##### .###. ...#. .###. .###. .#... .###. .###.
"""
ROWS = [line.split() for line in FONT.strip().split("\n")]
DOTS = [np.array([(x - 2, y - 3) for y in range(7) for x in range(5) if ROWS[y][d][x] == "#"], float)
        for d in range(10)]


def draw(digit, random, noise=0.12):
    """float[28, 28], ink is 1."""
    angle, shear = random.normal(0, 0.13), random.normal(0, 0.15)
    scale = random.uniform(2.4, 3.5, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    places = (DOTS[digit] * scale) @ np.array([[1, 0], [shear, 1]]) @ turn + 13.5 + random.normal(0, 1.2, 2)
    width = random.uniform(1.2, 2.1)
    y, x = np.mgrid[0:28, 0:28]
    distance = np.sqrt((x[..., None] - places[:, 0]) ** 2 + (y[..., None] - places[:, 1]) ** 2)
    ink = 1 / (1 + np.exp((distance.min(-1) - width) * 3))
    return np.clip(ink * random.uniform(0.7, 1) + random.normal(0, noise, ink.shape), 0, 1).astype(np.float32)


def batch(count, random):
    labels = random.integers(0, 10, count)
    return np.stack([draw(d, random) for d in labels])[:, None], labels


def windows(x):
    """float[N, C, H, W] -> float[N, H, W, C * 9], 3 x 3 with a border of zeros."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = [padded[:, :, i:i + h, j:j + w] for i in range(3) for j in range(3)]
    return np.stack(taps, 2).reshape(n, c * 9, h, w).transpose(0, 2, 3, 1)


def windows_back(g, shape):
    n, c, h, w = shape
    g = g.transpose(0, 3, 1, 2).reshape(n, c, 9, h, w)
    padded = np.zeros((n, c, h + 2, w + 2), g.dtype)
    for k in range(9):
        padded[:, :, k // 3:k // 3 + h, k % 3:k % 3 + w] += g[:, :, k]
    return padded[:, :, 1:-1, 1:-1]


class Block:
    """Convolution, batch normalisation, ReLU, 2 x 2 maximum."""

    def __init__(self, inputs, outputs, random):
        self.weight = (random.normal(0, 1, (outputs, inputs * 9)) * np.sqrt(2 / (inputs * 9))).astype(np.float32)
        self.scale, self.shift = np.ones(outputs, np.float32), np.zeros(outputs, np.float32)
        self.mean, self.variance = np.zeros(outputs, np.float32), np.ones(outputs, np.float32)

    def parameters(self):
        return [self.weight, self.scale, self.shift]

    def forward(self, x, training):
        self.shape, self.taps = x.shape, windows(x)
        y = self.taps @ self.weight.T
        if training:
            mean, variance = y.mean((0, 1, 2)), y.var((0, 1, 2))
            self.mean += 0.05 * (mean - self.mean)
            self.variance += 0.05 * (variance - self.variance)
        else:
            mean, variance = self.mean, self.variance
        self.deviation = np.sqrt(variance + 1e-5)
        self.normal = (y - mean) / self.deviation
        z = np.maximum(self.normal * self.scale + self.shift, 0)
        n, h, w, c = z.shape
        self.cells = z.reshape(n, h // 2, 2, w // 2, 2, c)
        self.z, self.out = z, self.cells.max((2, 4))
        return self.out.transpose(0, 3, 1, 2)

    def backward(self, g):
        g = g.transpose(0, 2, 3, 1)[:, :, None, :, None, :]
        g = (g * (self.cells == self.out[:, :, None, :, None, :])).reshape(self.z.shape) * (self.z > 0)
        scale = (g * self.normal).sum((0, 1, 2))
        shift = g.sum((0, 1, 2))
        count = g.size / g.shape[-1]
        g = (g - shift / count - self.normal * scale / count) * self.scale / self.deviation
        weight = np.tensordot(g, self.taps, ((0, 1, 2), (0, 1, 2)))
        return windows_back(g @ self.weight, self.shape), [weight, scale, shift]


def train():
    random = np.random.default_rng(7)
    blocks = [Block(1, 8, random), Block(8, 16, random)]
    dense = (random.normal(0, 1, (16 * 49, 10)) * 0.03).astype(np.float32)
    bias = np.zeros(10, np.float32)
    parameters = blocks[0].parameters() + blocks[1].parameters() + [dense, bias]
    first, second = [np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters]
    for step in range(1, 701):
        x, labels = batch(64, random)
        hidden = blocks[1].forward(blocks[0].forward(x, True), True)
        flat = hidden.reshape(len(x), -1)
        scores = flat @ dense + bias
        p = np.exp(scores - scores.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        loss = -np.log(p[np.arange(len(x)), labels] + 1e-9).mean()
        p[np.arange(len(x)), labels] -= 1
        p /= len(x)
        g, g1 = blocks[1].backward((p @ dense.T).reshape(hidden.shape))
        _, g0 = blocks[0].backward(g)
        rate = 3e-3 * min(1, (701 - step) / 300)
        for i, gradient in enumerate(g0 + g1 + [flat.T @ p, p.sum(0)]):
            first[i] += 0.1 * (gradient - first[i])
            second[i] += 0.001 * (gradient ** 2 - second[i])
            parameters[i] -= (rate * (first[i] / (1 - 0.9 ** step)) /
                              (np.sqrt(second[i] / (1 - 0.999 ** step)) + 1e-8)).astype(np.float32)
        if step % 100 == 0:
            print(f"step {step}: loss {loss:.4f}", flush=True)
    x, labels = batch(2000, np.random.default_rng(11))
    hidden = blocks[1].forward(blocks[0].forward(x, False), False)
    right = ((hidden.reshape(len(x), -1) @ dense + bias).argmax(1) == labels).mean()
    print(f"right on {right:.2%} of 2000 digits that it has not seen")
    return blocks, dense, bias


def write_model(path, blocks, dense, bias):
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    tensor = lambda name, value: numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name)
    nodes, weights, value = [], [], "picture"
    for i, b in enumerate(blocks, 1):
        names = [f"conv{i}.weight"] + [f"norm{i}.{n}" for n in ("scale", "shift", "mean", "variance")]
        weights += [tensor(names[0], b.weight.reshape(len(b.weight), -1, 3, 3)), tensor(names[1], b.scale),
                    tensor(names[2], b.shift), tensor(names[3], b.mean), tensor(names[4], b.variance)]
        nodes += [helper.make_node("Conv", [value, names[0]], [f"c{i}"], f"conv{i}", pads=[1, 1, 1, 1]),
                  helper.make_node("BatchNormalization", [f"c{i}"] + names[1:], [f"n{i}"], f"norm{i}"),
                  helper.make_node("Relu", [f"n{i}"], [f"r{i}"], f"relu{i}"),
                  helper.make_node("MaxPool", [f"r{i}"], [f"p{i}"], f"pool{i}", kernel_shape=[2, 2], strides=[2, 2])]
        value = f"p{i}"
    nodes += [helper.make_node("Flatten", [value], ["flat"], "flatten"),
              helper.make_node("Gemm", ["flat", "dense.weight", "dense.bias"], ["scores"], "dense"),
              helper.make_node("Softmax", ["scores"], ["probabilities"], "softmax", axis=1)]
    weights += [tensor("dense.weight", dense), tensor("dense.bias", bias)]
    graph = helper.make_graph(
        nodes, "digits", [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="examples/digits")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def write_png(path, grey):
    """float[H, W] in 0..1 -> 8-bit grey PNG."""
    rows = b"".join(b"\0" + bytes((row * 255).astype(np.uint8)) for row in grey)
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) +
                   chunk(b"IEND", b""))


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for d in (3, 7):
        write_png(os.path.join(folder, f"{d}.png"), draw(d, np.random.default_rng(100 + d)))
    write_model(os.path.join(folder, "digits.onnx"), *train())

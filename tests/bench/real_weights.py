#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A model of the real size from one of ONNX's light ones, whose weights are ConstantOfShape nodes.

usage: real_weights.py LIGHT.onnx OUTPUT.onnx

Each such node becomes an initializer of random numbers of the same shape, scaled so that a layer keeps the size of
what goes through it: 575 MB for vgg19. The same numbers each time. Needs onnx and NumPy."""
import sys

import numpy
import onnx
from onnx import numpy_helper


def main():
    model = onnx.load(sys.argv[1])
    graph = model.graph
    shapes = {tensor.name: tensor for tensor in graph.initializer}
    light = [node for node in graph.node if node.op_type == "ConstantOfShape" and node.input[0] in shapes]
    chance = numpy.random.default_rng(7)
    for node in light:
        shape = numpy_helper.to_array(shapes[node.input[0]])
        fan_in = int(numpy.prod(shape[1:])) if len(shape) > 1 else 1
        weights = chance.standard_normal(shape, dtype=numpy.float32)
        weights *= numpy.float32((2 / fan_in) ** 0.5 if len(shape) > 1 else 0.01)
        graph.initializer.append(numpy_helper.from_array(weights, node.output[0]))
        graph.node.remove(node)
    read = {name for node in graph.node for name in node.input}
    for name in {node.input[0] for node in light} - read:
        graph.initializer.remove(shapes[name])
        for value in [value for value in graph.input if value.name == name]:
            graph.input.remove(value)
    model.ir_version = max(model.ir_version, 4)  # initializers need not be inputs
    onnx.save(model, sys.argv[2])
    print("%d weights, %.0f MB" % (len(light), model.ByteSize() / 1e6))


if __name__ == "__main__":
    main()

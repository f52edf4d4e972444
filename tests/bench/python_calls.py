#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a call from Python costs, beside ONNX Runtime's, on models that compute next to nothing.

    PYTHONPATH=bindings/python python_calls.py [--rounds N]

The two take turns in one process, on one thread; the best round counts, in microseconds a call.
Results are compared first.
"""

import argparse
import time

import numpy as np
import onnx.parser
import onnxruntime
import tenon

HEADER = '<ir_version: 10, opset_import: ["" : 21]>\n'
MODELS = {
    "one input": "g (float[N, 4] x) => (float[N, 4] y) { y = Relu (x) }",
    "static": "g (float[8, 4] x) => (float[8, 4] y) { y = Relu (x) }",
    "ten inputs, ten outputs": "g ({}) => ({}) {{ {} }}".format(
        ", ".join(f"float[N, 4] x{i}" for i in range(10)),
        ", ".join(f"float[N, 4] y{i}" for i in range(10)),
        " ".join(f"y{i} = Relu (x{i})" for i in range(10)),
    ),
}
CALLS = 200


def microseconds(call) -> float:
    begin = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - begin) / CALLS * 1e6


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=50)
    rounds = arguments.parse_args().rounds
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    for name, text in MODELS.items():
        program = tenon.compile(HEADER + text)
        model = onnx.parser.parse_model(HEADER + text).SerializeToString()
        session = onnxruntime.InferenceSession(model, options)
        feeds = {
            n: np.random.default_rng(0).normal(size=(8, 4)).astype("f4")
            for n in program.input_names
        }
        out = list(program(feeds))
        for ours, theirs in zip(out, session.run(None, feeds)):
            np.testing.assert_array_equal(ours, theirs)
        calls = {
            "tenon": lambda p=program, f=feeds: p(f),
            "tenon, out=": lambda p=program, f=feeds, o=out: p(f, out=o),
            "onnxruntime": lambda s=session, f=feeds: s.run(None, f),
        }
        best = dict.fromkeys(calls, float("inf"))
        for _ in range(rounds):
            for who, call in calls.items():
                best[who] = min(best[who], microseconds(call))
        print(f"{name}: " + ", ".join(f"{who} {cost:.1f} us" for who, cost in best.items()))


if __name__ == "__main__":
    main()

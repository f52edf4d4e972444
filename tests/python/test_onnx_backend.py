# SPDX-License-Identifier: Apache-2.0
"""ONNX's own test runner over tenon.onnx_backend: all of its tests but for those on whole
networks."""

import re
import tempfile
import unittest
import warnings
from collections import Counter
from unittest import mock

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import onnx.backend.test  # noqa: E402
import onnx.parser  # noqa: E402
import tenon  # noqa: E402
from onnx import helper  # noqa: E402
from tenon import onnx_backend  # noqa: E402

# Tests that the runner is not asked for, and why.
EXCLUDED = {
    "_cuda$": "Tenon has no such device",
    "^test_bernoulli(_double|_seed)?(_expanded)?_cpu$": "the expected values are random",
    "^test_training_dropout(_default)?(_mask)?_cpu$": "the expected values are random",
    "^test_loop16_seq_none_cpu$": """the runner cannot compare sequences of scalars: it asks
    for their len()""",
    "^test_(bvlc|densenet|inception|resnet|shufflenet|squeezenet|vgg|zfnet)": """a whole network,
    whose expectations the runner computes in Python for minutes""",
}

# How many at least pass: a ratchet. The numbers are those of onnx 1.23.
PASSED = {"Node": 1861, "PyTorchConverted": 82, "PyTorchOperator": 35, "Simple": 21}


class Outcomes(unittest.TestResult):
    """Keeps what became of each test of the runner."""

    def __init__(self):
        super().__init__()
        self.passed = Counter()

    def addSuccess(self, test):
        super().addSuccess(test)
        category = re.search(r"OnnxBackend(\w+?)ModelTest", test.id())
        self.passed[category[1]] += 1


class TheRunner(unittest.TestCase):
    def test_all(self):
        runner = onnx.backend.test.BackendTest(onnx_backend, __name__)
        for pattern in EXCLUDED:
            runner.exclude(pattern)
        outcomes = Outcomes()
        with tempfile.TemporaryDirectory() as home, mock.patch.dict("os.environ", ONNX_HOME=home):
            runner.test_suite.run(outcomes)
        for test, text in outcomes.failures + outcomes.errors:
            print(f"FAILED {test.id()}: {text.strip().splitlines()[-1]}")
        self.assertTrue(outcomes.wasSuccessful())
        unexpected = [
            f"{test.id()}: {reason}"
            for test, reason in outcomes.skipped
            if not reason.startswith("matched exclude pattern")
            and "no such operator is known" not in reason
            and not reason.startswith("ONNX contradicts itself")
            and "doesn't support device" not in reason
            and "test_gradient_of_add" not in test.id()  # the operator Gradient, in a model's file
        ]
        self.assertEqual(unexpected, [])
        print(", ".join(f"{name}: {count} passed" for name, count in outcomes.passed.items()))
        if onnx.__version__.startswith("1.23."):
            for category, floor in PASSED.items():
                self.assertGreaterEqual(outcomes.passed[category], floor, category)
        else:  # newer tests are judged, too; older sets are smaller
            self.assertGreaterEqual(outcomes.passed["Node"], 1000)


LINEAR = """<ir_version: 10, opset_import: ["" : 21]>
g (float[N, 2] x) => (float[N, 2] y) { y = Add (x, x) }"""


class TheInterface(unittest.TestCase):
    def test_devices(self):
        self.assertTrue(onnx_backend.supports_device("CPU"))
        self.assertTrue(onnx_backend.supports_device("CPU:0"))
        self.assertFalse(onnx_backend.supports_device("CUDA"))

    def test_run_model(self):
        model = onnx.parser.parse_model(LINEAR)
        x = np.ones((3, 2), np.float32)
        for inputs in (x, [x], (x,), {"x": x}):
            np.testing.assert_array_equal(onnx_backend.run_model(model, inputs)["y"], x + x)

    def test_run_node(self):
        a, b = np.ones((2, 3), np.float32), np.arange(3, dtype=np.float32)
        node = helper.make_node("Mul", ["a", "b"], ["c"])
        np.testing.assert_array_equal(onnx_backend.run_node(node, [a, b])[0], a * b)
        node = helper.make_node("TopK", ["v", "k"], ["values", "indices"], axis=0)
        outputs = onnx_backend.run_node(node, {"v": b, "k": np.array([2])}, opset_version=11)
        np.testing.assert_array_equal(outputs["indices"], [2, 1])

    def test_values_that_decide_structure(self):
        model = onnx.parser.parse_model(
            """<ir_version: 10, opset_import: ["" : 21]>
g (float[2, 3] x, int64[1] axes) => (float[M, K] y) { y = ReduceSum (x, axes) }"""
        )
        with self.assertRaises(tenon.UnsupportedError) as caught:
            tenon.compile(model)
        self.assertEqual(caught.exception.needs, ("axes",))
        prepared = onnx_backend.prepare(model)
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        for axis in (0, 1, 0, -1):
            y = prepared.run([x, np.array([axis])])["y"]
            np.testing.assert_array_equal(y, x.sum(axis, keepdims=True))

    def test_where_the_standard_contradicts_itself(self):
        node = helper.make_node(
            "Resize", ["x", "", "s"], ["y"], mode="linear",
            coordinate_transformation_mode="align_corners",
        )  # fmt: skip
        x = np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4)
        infos = [
            helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x.shape),
            helper.make_tensor_value_info("s", onnx.TensorProto.FLOAT, [4]),
        ]
        result = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 1, 1, "n"])
        model = helper.make_model(helper.make_graph([node], "g", infos, [result]))
        prepared = onnx_backend.prepare(model)
        y = prepared.run([x, np.array([1, 1, 1, 0.5], np.float32)])["y"]
        np.testing.assert_array_equal(y, [[[[0, 3]]]])
        with self.assertRaisesRegex(unittest.SkipTest, "contradicts itself on Resize"):
            prepared.run([x, np.array([1, 1, 1, 0.8], np.float32)])

    def test_what_is_not_supported_is_skipped(self):
        node = helper.make_node("NoSuchThing", ["x"], ["y"])
        info = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2])
        result = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2])
        model = helper.make_model(helper.make_graph([node], "g", [info], [result]))
        self.assertFalse(onnx_backend.is_compatible(model))
        self.assertTrue(onnx_backend.is_compatible(onnx.parser.parse_model(LINEAR)))
        self.assertFalse(onnx_backend.is_compatible(onnx.parser.parse_model(LINEAR), "CUDA"))
        with self.assertRaises(unittest.SkipTest) as caught:
            onnx_backend.prepare(model)
        self.assertIsInstance(caught.exception, tenon.UnsupportedError)
        self.assertIn("NoSuchThing", str(caught.exception))


if __name__ == "__main__":
    unittest.main()

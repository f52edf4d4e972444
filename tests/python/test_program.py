# SPDX-License-Identifier: Apache-2.0
"""tenon.compile() and what it makes, against NumPy."""

import ctypes
import gc
import json
import pickle
import tempfile
import threading
import unittest
from pathlib import Path

import numpy as np
import tenon
from tenon import _library

try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None

HEADER = '<ir_version: 10, opset_import: ["" : 21]>\n'
LINEAR = (
    HEADER
    + """g (float[N, 3] x) => (float[N, 2] y, float[2, N] z)
<float[3, 2] w = {1, 2, 3, 4, 5, 6}> { y = MatMul (x, w) z = Transpose (y) }"""
)
WEIGHT = np.array([[1, 2], [3, 4], [5, 6]], np.float32)


def identity(kind):
    """A model that gives what it takes."""
    return f"{HEADER}g ({kind} x) => ({kind} y) {{ y = Identity (x) }}"


class Sources(unittest.TestCase):
    def check(self, program):
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        np.testing.assert_array_equal(program(x)["y"], x @ WEIGHT)

    def test_text(self):
        self.check(tenon.compile(LINEAR))

    def test_bytes(self):
        self.check(tenon.compile(LINEAR.encode()))
        self.check(tenon.compile(bytearray(LINEAR.encode())))
        self.check(tenon.compile(memoryview(LINEAR.encode())))

    def test_path(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "linear.onnxtxt")
            path.write_text(LINEAR)
            self.check(tenon.compile(path))
            self.check(tenon.compile(str(path)))

    def test_model_proto(self):
        try:
            import onnx.parser
        except ImportError:
            self.skipTest("onnx is not installed")
        self.check(tenon.compile(onnx.parser.parse_model(LINEAR)))

    def test_a_model_is_compiled_twice(self):
        model = tenon.Model(LINEAR, name="linear")
        self.check(model.compile())
        self.check(tenon.compile(model, sizes={"N": 2}))

    def test_programs_outlive_what_they_are_made_of(self):
        program = tenon.compile(LINEAR.encode())
        gc.collect()
        self.check(program)

    def test_what_is_no_model(self):
        with self.assertRaisesRegex(tenon.BadArgumentError, "not a int"):
            tenon.compile(3)


class Options(unittest.TestCase):
    def test_sizes(self):
        program = tenon.compile(LINEAR, sizes={"N": 4})
        self.assertEqual(program.inspect().inputs[0].shape, (4, 3))
        with self.assertRaises(tenon.BadArgumentError):
            program(np.zeros((5, 3), np.float32))

    def test_shapes(self):
        program = tenon.compile(LINEAR, shapes={"x": (7, None)})
        self.assertEqual(program.inspect().inputs[0].shape, (7, 3))

    def test_values(self):
        text = HEADER + "g (float[N] x, float[N] k) => (float[N] y) { y = Mul (x, k) }"
        k = np.array([2, 3], np.float32)
        program = tenon.compile(text, values={"k": k})
        self.assertEqual(program.input_names, ("x",))
        del k
        gc.collect()
        np.testing.assert_array_equal(program(np.array([5, 7], np.float32))[0], [10, 21])

    def test_backends_threads_and_pipelines_agree(self):
        x = np.random.default_rng(0).random((5, 3), np.float32)
        expected = tenon.compile(LINEAR)(x)["y"]
        for options in ({"backend": "interpreter"}, {"threads": 2}, {"threads": 0}):
            with self.subTest(**options):
                made = tenon.compile(LINEAR, **options)(x)["y"]
                np.testing.assert_allclose(made, expected, rtol=1e-6)

    def test_cache(self):
        x = np.random.default_rng(0).random((5, 3), np.float32)
        with tempfile.TemporaryDirectory() as folder:
            first = tenon.compile(LINEAR, cache=folder)
            again = tenon.compile(LINEAR, cache=Path(folder), cache_limit=1 << 20)
            self.assertFalse(first.inspect().from_cache)
            self.assertTrue(again.inspect().from_cache)
            np.testing.assert_array_equal(again(x)["y"], first(x)["y"])

    def test_wrong_ones(self):
        for options in ({"backend": "abacus"}, {"threads": -1}, {"shapes": {"x": (1,) * 11}}):
            with self.subTest(**options), self.assertRaises(tenon.BadArgumentError):
                tenon.compile(LINEAR, **options)


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.program = tenon.compile(LINEAR)
        cls.x = np.arange(6, dtype=np.float32).reshape(2, 3)

    def test_forms(self):
        two = tenon.compile(HEADER + "g (float x, float y) => (float z) { z = Sub (x, y) }")
        for made in (
            two(5, 3),
            two([5, 3]),
            two({"y": 3, "x": 5}),
            two(5, y=3),
            two(x=5, y=3),
            two({"x": 5}, y=3),
            two.run((5, 3)),
        ):
            self.assertEqual(made["z"], 2)

    def test_outputs(self):
        outputs = self.program(self.x)
        y, z = outputs
        self.assertIs(outputs["y"], y)
        self.assertEqual(outputs.keys(), ["y", "z"])
        self.assertIs(dict(outputs.items())["z"], z)
        with self.assertRaisesRegex(KeyError, "no output is called 'q'"):
            outputs["q"]
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(outputs))["z"], z)

    def test_results_are_the_callers(self):
        first = self.program(self.x)["y"]
        before = first.copy()
        self.program(self.x + 1)
        np.testing.assert_array_equal(first, before)

    def test_sizes_change(self):
        for n in (1, 2, 2, 5, 0, 2, 9):
            x = np.random.default_rng(n).random((n, 3), np.float32)
            outputs = self.program(x)
            np.testing.assert_allclose(outputs["y"], x @ WEIGHT, rtol=1e-6)
            np.testing.assert_array_equal(outputs["z"], outputs["y"].T)

    def test_data_decides_sizes(self):
        program = tenon.compile(HEADER + "g (float[N] x) => (int64[1, M] y) { y = NonZero (x) }")
        for x in ([0, 1, 2], [0, 0, 2], [0, 0, 0], [1, 2, 3]):
            x = np.array(x, np.float32)
            np.testing.assert_array_equal(program(x)[0], [np.flatnonzero(x)])

    def test_layouts(self):
        x = np.random.default_rng(1).random((3, 2), np.float32).T  # not row major
        np.testing.assert_allclose(self.program(x)["y"], x @ WEIGHT, rtol=1e-6)
        x = np.random.default_rng(1).random((4, 3)).astype(">f4")
        np.testing.assert_allclose(self.program(x)["y"], x.astype("<f4") @ WEIGHT, rtol=1e-6)
        bytes_ = np.zeros(25, np.uint8)
        x = bytes_[1:].view(np.float32).reshape(2, 3)  # not aligned
        np.testing.assert_array_equal(self.program(x)["y"], np.zeros((2, 2)))

    def test_lists_and_numbers(self):
        np.testing.assert_array_equal(self.program({"x": [[1, 0, 0]]})["y"], WEIGHT[:1])

    def test_out(self):
        y = np.full((2, 2), np.nan, np.float32)
        outputs = self.program(self.x, out={"y": y})
        self.assertIs(outputs["y"], y)
        np.testing.assert_array_equal(y, self.x @ WEIGHT)
        np.testing.assert_array_equal(self.program(self.x, out=[None, None])["y"], y)
        np.testing.assert_array_equal(self.program(self.x)["y"], y)

    def test_out_that_does_not_fit(self):
        good = np.empty((2, 2), np.float32)
        readonly = good.copy()
        readonly.flags.writeable = False
        shared = np.zeros((4, 3), np.float32)
        for y in (np.empty((3, 2), np.float32), np.empty((2, 2)), readonly, good.T[:, ::-1], [1]):
            with self.assertRaises(tenon.BadArgumentError):
                self.program(self.x, out={"y": y})
        with self.assertRaisesRegex(tenon.BadArgumentError, "shares memory"):
            self.program(shared[:2], out={"y": shared.reshape(-1)[:4].reshape(2, 2)})
        with self.assertRaisesRegex(tenon.BadArgumentError, "no output 'q'"):
            self.program(self.x, out={"q": good})
        np.testing.assert_array_equal(self.program(self.x)["y"], self.x @ WEIGHT)

    def test_what_does_not_fit(self):
        for inputs, text in (
            ((self.x.astype(np.float64),), "float64, not float32"),
            ((self.x[0],), "1 dimensions"),
            ((np.zeros((2, 4), np.float32),), "size 4 in dimension 1, expected 3"),
            ((self.x, self.x), "2 inputs are given, 1 expected"),
            (({"y": self.x},), "input 'x' is missing; there is no input 'y'"),
            (("text",), "no tensor"),
            ((np.zeros((1,) * 12, np.float32),), "12 dimensions"),
        ):
            with self.subTest(text), self.assertRaisesRegex(tenon.BadArgumentError, text):
                self.program(*inputs)
        np.testing.assert_array_equal(self.program(self.x)["y"], self.x @ WEIGHT)

    def test_threads_have_a_context_each(self):
        wrong = []

        def work(seed):
            generator = np.random.default_rng(seed)
            for _ in range(200):
                x = generator.random((generator.integers(1, 6), 3), np.float32)
                if not np.allclose(self.program(x)["y"], x @ WEIGHT, rtol=1e-5):
                    wrong.append(seed)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class ElementTypes(unittest.TestCase):
    def round_trip(self, kind, x):
        program = tenon.compile(identity(f"{kind}[N]"))
        for _ in range(2):
            y = program(x)["y"]
            self.assertEqual(y.shape, x.shape)
        out = np.empty_like(y)
        self.assertIs(program(x, out=[out])[0], out)
        np.testing.assert_array_equal(out, y)
        return y

    def test_numpys_own(self):
        for kind, dtype in (
            ("float", "f4"), ("double", "f8"), ("float16", "f2"), ("bool", "?"),
            ("int8", "i1"), ("int16", "i2"), ("int32", "i4"), ("int64", "i8"),
            ("uint8", "u1"), ("uint16", "u2"), ("uint32", "u4"), ("uint64", "u8"),
            ("complex64", "c8"), ("complex128", "c16"),
        ):  # fmt: skip
            with self.subTest(kind):
                x = np.array([0, 1, 3], dtype)
                y = self.round_trip(kind, x)
                self.assertEqual(y.dtype, x.dtype)
                np.testing.assert_array_equal(y, x)

    @unittest.skipUnless(ml_dtypes, "ml_dtypes is not installed")
    def test_those_of_ml_dtypes(self):
        for kind, name in (
            ("bfloat16", "bfloat16"),
            ("float8e4m3fn", "float8_e4m3fn"),
            ("float8e4m3fnuz", "float8_e4m3fnuz"),
            ("float8e5m2", "float8_e5m2"),
            ("float8e5m2fnuz", "float8_e5m2fnuz"),
            ("float4e2m1", "float4_e2m1fn"),
            ("int4", "int4"),
            ("int2", "int2"),
        ):
            with self.subTest(kind):
                x = np.array([-1, 0, 1], np.float32).astype(getattr(ml_dtypes, name))
                y = self.round_trip(kind, x)
                self.assertEqual(y.dtype, x.dtype)
                np.testing.assert_array_equal(y.astype(np.float32), x.astype(np.float32))

    @unittest.skipUnless(ml_dtypes, "ml_dtypes is not installed")
    def test_values_arrive(self):
        text = '<ir_version: 13, opset_import: ["" : 25]>\n'
        for kind in ("int4", "uint4", "bfloat16"):
            model = f"{text}g ({kind}[N] x) => (float[N] y) {{ y = Cast <to = 1> (x) }}"
            x = np.array([1, 2, 3], getattr(ml_dtypes, kind))
            x[0] = -4 if kind != "uint4" else 15
            np.testing.assert_array_equal(tenon.compile(model)(x)[0], x.astype(np.float32))

    def test_raw_forms(self):
        model = HEADER + "g (bfloat16[N] x) => (float[N] y) { y = Cast <to = 1> (x) }"
        x = np.array([0x3F80, 0xC000], np.uint16)
        np.testing.assert_array_equal(tenon.compile(model)(x)[0], [1, -2])
        model = HEADER + "g (int4[N] x) => (float[N] y) { y = Cast <to = 1> (x) }"
        program = tenon.compile(model)
        np.testing.assert_array_equal(program(np.array([-8, 7], np.int8))[0], [-8, 7])
        with self.assertRaisesRegex(tenon.BadArgumentError, "outside of -8 to 7"):
            program(np.array([8], np.int8))

    def test_strings(self):
        program = tenon.compile(HEADER + "g (string[N] x) => (string[N] y) { y = Identity (x) }")
        for x in (
            np.array(["a", "", "äöü", "nul\0in"], object),
            np.array(["text", "x"]),
            np.array([b"bytes", "text"], object),
            np.array([], object),
            ["a", "list"],
        ):
            y = program({"x": x})["y"]
            expected = [item.decode() if isinstance(item, bytes) else str(item) for item in x]
            self.assertEqual(y.dtype, object)
            self.assertEqual(y.tolist(), expected)
        with self.assertRaisesRegex(tenon.BadArgumentError, "holds a int"):
            program(np.array([1], object))


class Containers(unittest.TestCase):
    def test_sequences(self):
        program = tenon.compile(
            HEADER
            + """g (seq(float[]) s, float[M] x) => (seq(float[]) t, int64 n)
{ t = SequenceInsert (s, x) n = SequenceLength (t) }"""
        )
        s = [np.ones((2, 2), np.float32), np.zeros(3, np.float32)]
        x = np.array([5], np.float32)
        for items in (s, [], s[:1]):
            outputs = program(items, x)
            self.assertEqual(outputs["n"], len(items) + 1)
            for made, given in zip(outputs["t"], [*items, x]):
                np.testing.assert_array_equal(made, given)
        with self.assertRaisesRegex(tenon.BadArgumentError, "not a list"):
            program(x, x)
        with self.assertRaisesRegex(tenon.BadArgumentError, "item 1 of input 's'"):
            program([x, x.astype(np.float64)], x)

    def test_optionals(self):
        program = tenon.compile(
            HEADER + "g (optional(float[2]) x) => (bool y) { y = OptionalHasElement (x) }"
        )
        self.assertTrue(program(np.zeros(2, np.float32))["y"])
        self.assertFalse(program(None)["y"])
        self.assertFalse(program({"x": None})["y"])

    def test_one_list_for_one_sequence(self):
        program = tenon.compile(
            HEADER + "g (seq(float[]) s) => (int64 n) { n = SequenceLength (s) }"
        )
        self.assertEqual(program([np.zeros(1, np.float32)] * 3)["n"], 3)
        self.assertEqual(program([])["n"], 0)


class Tiers(unittest.TestCase):
    def test_a_quick_program_becomes_a_fast_one(self):
        x = np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)
        expected = tenon.compile(LINEAR)(x)["y"]
        program = tenon.compile(LINEAR, quick=True)
        self.assertTrue(program.inspect().is_quick)
        np.testing.assert_array_equal(program(x)["y"], expected)
        thread = threading.Thread(target=program.optimize)
        thread.start()
        while thread.is_alive():
            np.testing.assert_array_equal(program(x)["y"], expected)
        thread.join()
        self.assertFalse(program.inspect().is_quick)
        np.testing.assert_array_equal(program(x)["y"], expected)


class States(unittest.TestCase):
    TEXT = (
        HEADER
        + """g (float[2] x, float[2] past) => (float[2] y, float[2] present)
{ present = Add (past, x) y = Neg (present) }"""
    )

    def test_a_session_keeps_them(self):
        program = tenon.compile(self.TEXT, states={"past": "present"})
        self.assertEqual((program.input_names, program.output_names), (("x",), ("y",)))
        first, second = program.session(), program.session()
        x = np.array([1, 2], np.float32)
        for n in (1, 2, 3):
            np.testing.assert_array_equal(first(x)["y"], -n * x)
        np.testing.assert_array_equal(second(x=x)["y"], -x)
        np.testing.assert_array_equal(first.state("past"), 3 * x)
        first.set_state("past", 10 * x)
        np.testing.assert_array_equal(first({"x": x})["y"], -11 * x)
        first.reset()
        np.testing.assert_array_equal(first.state("past"), 0 * x)
        with self.assertRaisesRegex(tenon.BadArgumentError, "no state 'q'"):
            first.state("q")
        with self.assertRaises(tenon.BadArgumentError):
            first.set_state("past", np.zeros(3, np.float32))
        with self.assertRaisesRegex(tenon.BadArgumentError, "a session keeps"):
            program(x)

    def test_initial_values(self):
        start = np.array([5, 6], np.float32)
        program = tenon.compile(self.TEXT, states={"past": "present"}, initial={"past": start})
        session = program.session()
        np.testing.assert_array_equal(session.state("past"), start)
        np.testing.assert_array_equal(session(np.ones(2, np.float32))["y"], -start - 1)

    def test_a_state_with_a_capacity(self):
        text = (
            HEADER
            + """g (float[1, 2] x, float[P, 2] past) => (float[2] y, float[Q, 2] present)
<int64[1] axes = {0}>
{ present = Concat <axis = 0> (past, x) y = ReduceSum <keepdims = 0> (present, axes) }"""
        )
        program = tenon.compile(
            text,
            states={"past": "present"},
            initial={"past": np.zeros((0, 2), np.float32)},
            capacities={"past": 3},
        )
        self.assertEqual(program.inspect().appended_states, 1)
        session = program.session()
        rows = np.arange(6, dtype=np.float32).reshape(3, 2)
        for n in (1, 2, 3):
            np.testing.assert_array_equal(session(rows[n - 1 : n])["y"], rows[:n].sum(axis=0))
        np.testing.assert_array_equal(session.state("past"), rows)
        with self.assertRaisesRegex(tenon.BadArgumentError, "longer than its capacity, 3"):
            session(rows[:1])
        with self.assertRaisesRegex(tenon.BadArgumentError, "'z' has a capacity and is no state"):
            tenon.compile(text, states={"past": "present"}, capacities={"z": 1})

    def test_weights_are_replaced(self):
        x = np.ones((1, 3), np.float32)
        program = tenon.compile(LINEAR, replaceable=["w"])
        np.testing.assert_array_equal(program(x)["y"], x @ WEIGHT)
        program.set_weight("w", 2 * WEIGHT)
        np.testing.assert_array_equal(program(x)["y"], x @ WEIGHT * 2)
        program.set_weight("w", None)
        np.testing.assert_array_equal(program(x)["y"], x @ WEIGHT)
        for name, value in (("w", WEIGHT.T), ("q", WEIGHT)):
            with self.assertRaisesRegex(tenon.BadArgumentError, f"weight '{name}': "):
                program.set_weight(name, value)


class Building(unittest.TestCase):
    def test_a_model_is_built(self):
        model = tenon.Model.create("net")
        graph = model.graph
        graph.add_input("x", "float[N, 3]")
        graph.add_constant("w", WEIGHT)
        product = graph.add("MatMul", ["x", "w"], ["h"], name="product")
        graph.add("Softmax", ["h"], ["s"], axis=-1)
        graph.add_text("y = Neg (s)")
        graph.add_output("y")
        model.check()
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        e = np.exp(x @ WEIGHT - (x @ WEIGHT).max(axis=-1, keepdims=True))
        expected = -e / e.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(model.compile()(x)["y"], expected, rtol=1e-5)
        self.assertEqual(repr(product), "<tenon.Node h = MatMul (x, w)>")
        self.assertEqual([node.op_type for node in graph.nodes], ["MatMul", "Softmax", "Neg"])
        self.assertEqual(graph.find("product").outputs, ("h",))
        self.assertIsNone(graph.find("nothing"))
        self.assertEqual(tenon.Model(model.text()).inspect().operators, model.inspect().operators)

    def test_a_model_is_edited(self):
        model = tenon.Model(LINEAR)
        before = model.compile()
        x = np.ones((1, 3), np.float32)
        model.graph.set_constant("w", 2 * WEIGHT)
        np.testing.assert_array_equal(model.compile()(x)["y"], x @ WEIGHT * 2)
        np.testing.assert_array_equal(before(x)["y"], x @ WEIGHT)
        node = model.graph.find("y")
        with self.assertRaises(tenon.Error) as caught:
            node.set("no_such_attribute", 1)
        self.assertIn("no_such_attribute", str(caught.exception))
        with self.assertRaises(tenon.Error):
            node.remove()  # its output is read
        with self.assertRaisesRegex(tenon.BadArgumentError, "cannot be a dict"):
            node.set("axis", {})
        with self.assertRaises(tenon.Error):
            model.graph.add("Softmax", ["x"], ["nobody"], wrong=1)
        self.assertIsNone(model.graph.find("nobody"))

    def test_functions_and_bodies(self):
        model = tenon.Model.create("net")
        model.set_opset(21)
        model.set_opset(1, "acme")
        model.add_function(
            '<domain: "acme", opset_import: ["" : 21]> Twice (a) => (b) { b = Add (a, a) }'
        )
        graph = model.graph
        graph.add_input("x", "float[2]")
        graph.add_input("c", "bool")
        graph.add("acme.Twice", ["x"], ["t"])
        branch = graph.add("If", ["c"], ["y"])
        for name, text in (("then_branch", "p = Neg (t)"), ("else_branch", "p = Identity (t)")):
            body = branch.add_graph(name)
            body.add_text(text)
            body.add_output("p")
        graph.add_output("y", "float[2]")
        program = model.compile()
        x = np.array([1, 2], np.float32)
        np.testing.assert_array_equal(program(x, True)["y"], -2 * x)
        np.testing.assert_array_equal(program(x, False)["y"], 2 * x)


class Readers(unittest.TestCase):
    def test_files_are_read_by_the_caller(self):
        onnxtxt = LINEAR.encode()
        asked = []

        def read(name):
            asked.append(name)
            return bytes(b ^ 0x5A for b in hidden) if name == "secret.onnxtxt" else None

        hidden = bytes(b ^ 0x5A for b in onnxtxt)
        x = np.ones((1, 3), np.float32)
        program = tenon.Model("secret.onnxtxt", reader=read).compile()
        gc.collect()
        np.testing.assert_array_equal(program(x)["y"], x @ WEIGHT)
        self.assertEqual(asked, ["secret.onnxtxt"])
        with self.assertRaises(tenon.FileError):
            tenon.Model("other.onnxtxt", reader=read)

        def fail(name):
            raise RuntimeError(f"no key for {name}")

        with self.assertRaisesRegex(RuntimeError, "no key for secret.onnxtxt"):
            tenon.Model("secret.onnxtxt", reader=fail)

    def test_weights_are_read_by_the_caller(self):
        with tempfile.TemporaryDirectory() as folder:
            path, weights = Path(folder, "m.so"), Path(folder, "m.weights")
            tenon.compile(LINEAR).save(path, weights=weights)
            plain = weights.read_bytes()
            weights.unlink()
            x = np.ones((1, 3), np.float32)
            program = tenon.load(path, reader=lambda name: plain)
            np.testing.assert_array_equal(program(x)["y"], x @ WEIGHT)


class Operators(unittest.TestCase):
    TEXT = """<ir_version: 10, opset_import: ["" : 21, "acme" : 1]>
g (float[N, 3] x) => (float[N, 3] y, int64[M] k)
{ c = acme.Cap <limit = 2.0> (x) y = Neg (c) k = acme.Find <words = ["a", "b"]> (x, c) }"""

    @staticmethod
    def cap(x, *, limit):
        return (limit * np.tanh(x / limit)).astype(x.dtype)

    @staticmethod
    def find(x, y, *, words):
        return np.flatnonzero(x > y).astype(np.int64) + len(words)

    def operators(self):
        self.types = []

        def type_of(*types, words):
            self.types.append(types)
            return "int64[?]"

        return [
            tenon.Operator("acme.Cap", self.cap, attributes={"limit": 1.0}),
            tenon.Operator(
                "acme.Find", self.find, infer=type_of, inputs=2, attributes={"words": [str]}
            ),
        ]

    def expect(self, program):
        x = np.linspace(-4, 4, 12, dtype=np.float32).reshape(4, 3)
        y, k = program(x)
        np.testing.assert_array_equal(y, -self.cap(x, limit=2.0))
        np.testing.assert_array_equal(k, self.find(x, -y, words="ab"))

    def test_a_program_calls_them(self):
        model = tenon.Model(self.TEXT)
        for operator in self.operators():
            model.add_operator(operator)
        program = model.compile()
        del model, operator
        gc.collect()
        self.assertIn(("float[N, 3]", "float[N, 3]"), self.types)
        self.expect(program)
        with tempfile.TemporaryDirectory() as folder:
            program.save(Path(folder, "m.so"))
            self.expect(tenon.load(Path(folder, "m.so"), operators=self.operators()))
            with self.assertRaisesRegex(tenon.UnsupportedError, "acme"):
                tenon.load(Path(folder, "m.so"))

    def test_what_they_raise_ends_the_call(self):
        def divide(x):
            raise ZeroDivisionError("by nothing")

        text = self.TEXT.replace("acme.Cap <limit = 2.0>", "acme.Bad").replace(
            'k = acme.Find <words = ["a", "b"]> (x, c)', "k = Constant <value_ints = [1]> ()"
        )
        for compute, message in (
            (divide, "ZeroDivisionError: by nothing"),
            (lambda x: x.astype(np.float64), "elements of type float64, not float32"),
            (lambda x: (x, x), "2 results for 1 outputs"),
            (lambda x: x[:1], "result 0 has other sizes than were inferred"),
        ):
            model = tenon.Model(text)
            model.add_operator(tenon.Operator("acme.Bad", compute))
            program = model.compile()
            with self.assertRaisesRegex(tenon.Error, message):
                program(np.ones((4, 3), np.float32))
        with self.assertRaises(tenon.BadArgumentError):
            tenon.Operator("Bad", divide)
        with self.assertRaises(tenon.BadArgumentError):
            tenon.Operator("acme.Bad", divide, attributes={"a": {}})
        with self.assertRaises(tenon.BadArgumentError):
            model.add_operator(tenon.Operator("acme.Bad", divide))  # there is one


class Saving(unittest.TestCase):
    def setUp(self):
        if not hasattr(_library.library(), "tn_program_save"):
            self.skipTest("this build of the library cannot save programs")
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.x = np.random.default_rng(0).random((5, 3), np.float32)

    def path(self, name):
        return Path(self.folder.name, name)

    def test_save_and_load(self):
        program = tenon.compile(LINEAR)
        program.save(self.path("linear.so"))
        loaded = tenon.load(self.path("linear.so"))
        self.assertEqual(loaded.input_names, ("x",))
        expected = program(self.x)
        for threads in (1, 2):
            made = tenon.load(str(self.path("linear.so")), threads=threads)(self.x)
            for name, value in expected.items():
                np.testing.assert_array_equal(made[name], value)
        self.assertEqual(loaded.inspect().outputs, program.inspect().outputs)

    def test_header_and_weights(self):
        text = (
            HEADER
            + "g (float[N, 64] x) => (float[N, 64] y) <float[64] w = {%s}> { y = Add (x, w) }"
        )
        program = tenon.compile(text % ", ".join(map(str, range(64))))
        header, weights = self.path("m.h"), self.path("m.weights")
        program.save(self.path("m.so"), name="net", header=header, weights=weights)
        self.assertIn("net_run", header.read_text())
        self.assertTrue(weights.is_file())
        x = np.zeros((2, 64), np.float32)
        np.testing.assert_array_equal(tenon.load(self.path("m.so"))(x)["y"], [range(64)] * 2)
        moved = self.path("elsewhere")
        weights.rename(moved)
        np.testing.assert_array_equal(
            tenon.load(self.path("m.so"), weights=moved)(x)["y"], program(x)["y"]
        )

    def test_what_cannot_be(self):
        program = tenon.compile(LINEAR)
        with self.assertRaises(tenon.BadArgumentError):
            program.save(self.path("linear.exe"))
        with self.assertRaises(tenon.FileError):
            program.save(self.path("no/such/folder.so"))
        with self.assertRaises(tenon.FileError):
            tenon.load(self.path("nothing.so"))
        self.path("garbage.so").write_bytes(b"\x7fELF garbage")
        with self.assertRaises(tenon.InvalidModelError):
            tenon.load(self.path("garbage.so"))

    def test_replaceable_weights(self):
        x = np.ones((1, 3), np.float32)
        tenon.compile(LINEAR, replaceable=["w"]).save(self.path("replaceable.so"))
        loaded = tenon.load(self.path("replaceable.so"))
        np.testing.assert_array_equal(loaded(x)["y"], x @ WEIGHT)
        loaded.set_weight("w", 2 * WEIGHT)
        np.testing.assert_array_equal(loaded(x)["y"], x @ WEIGHT * 2)

    def test_states(self):
        start = np.array([5, 6], np.float32)
        program = tenon.compile(States.TEXT, states={"past": "present"}, initial={"past": start})
        program.save(self.path("states.so"))
        loaded = tenon.load(self.path("states.so"))
        self.assertEqual((loaded.input_names, loaded.output_names), (("x",), ("y",)))
        session, again = loaded.session(), program.session()
        for _ in range(3):
            x = np.ones(2, np.float32)
            np.testing.assert_array_equal(session(x)["y"], again(x)["y"])
        np.testing.assert_array_equal(session.state("past"), start + 3)

    def test_damaged_weights(self):
        program = tenon.compile(LINEAR)
        path = self.path("m.so")
        program.save(path)
        damaged = bytearray(path.read_bytes())
        damaged[-60] ^= 1
        path.write_bytes(damaged)
        with self.assertRaisesRegex(tenon.InvalidModelError, "weights"):
            tenon.load(path)
        tenon.load(path, trust_weights=True)


class _Foreign:
    """A tensor of another library, with DLPack alone."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class DLPack(unittest.TestCase):
    def test_in(self):
        program = tenon.compile(LINEAR)
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        np.testing.assert_array_equal(program(_Foreign(x))["y"], x @ WEIGHT)
        np.testing.assert_array_equal(program(_Foreign(x[:, ::-1]))["y"], x[:, ::-1] @ WEIGHT)
        with self.assertRaisesRegex(tenon.BadArgumentError, "float64, not float32"):
            program(_Foreign(x.astype(np.float64)))

    def test_in_is_not_copied(self):
        from tenon._dlpack import from_dlpack

        x = np.arange(6, dtype=np.float32)
        shared = from_dlpack(_Foreign(x), "x")
        self.assertTrue(np.shares_memory(shared, x))

    def test_out(self):
        y = tenon.compile(LINEAR)(np.ones((1, 3), np.float32))["y"]
        again = np.from_dlpack(y)
        self.assertTrue(np.shares_memory(again, y))


class Inspection(unittest.TestCase):
    def test_ports(self):
        program = tenon.compile(LINEAR, name="linear")
        inspection = program.inspect()
        self.assertEqual(inspection.name, "linear")
        self.assertEqual([port.name for port in inspection.outputs], ["y", "z"])
        self.assertEqual(inspection.inputs[0].shape, ("N", 3))
        self.assertEqual(inspection.inputs[0].dtype, np.float32)
        self.assertEqual([symbol.name for symbol in inspection.symbols], ["N"])
        self.assertIn("N", inspection.arena)
        self.assertIn("input   x: float[N, 3]", str(inspection))
        self.assertEqual(json.loads(json.dumps(inspection.as_dict()))["outputs"][0]["name"], "y")
        self.assertIn("x: float[N, 3]", repr(program))

    def test_formulas_and_containers(self):
        program = tenon.compile(
            HEADER
            + """g (float[N, 2] x, seq(int64[]) s) => (float[M] y, seq(int64[]) t)
{ shape = Constant <value = int64[1] {-1}> () y = Reshape (x, shape) t = Identity (s) }"""
        )
        inspection = program.inspect()
        self.assertEqual(inspection.outputs[0].shape, ("2*N",))
        self.assertEqual(inspection.inputs[1].kind, "sequence")
        self.assertIsNone(inspection.inputs[1].shape)

    def test_steps_and_reports(self):
        program = tenon.compile(LINEAR, reports=["kernels", "model", "explanations_json"])
        inspection = program.inspect()
        self.assertEqual(sum(s.kind == "kernel" for s in inspection.steps), inspection.kernels)
        self.assertGreater(inspection.kernels, 0)
        self.assertIn("float[N, 3] x", program.report("model"))
        json.loads(program.report("explanations_json"))
        with self.assertRaisesRegex(KeyError, "not asked for 'passes'"):
            program.report("passes")
        with self.assertRaisesRegex(tenon.BadArgumentError, "no report 'all'"):
            tenon.compile(LINEAR, reports=["all"])

    def test_profile(self):
        program = tenon.compile(LINEAR)
        times = program.profile([np.ones((4, 3), np.float32)], runs=3)
        self.assertEqual([time.step for time in times], list(program.inspect().steps))
        self.assertEqual({time.runs for time in times if time.step.kind == "kernel"}, {3})
        self.assertGreater(sum(time.seconds for time in times), 0)

    def test_models(self):
        model = tenon.Model(LINEAR)
        inspection = model.inspect()
        self.assertEqual((inspection.name, inspection.opset, inspection.ir_version), ("g", 21, 10))
        self.assertEqual(inspection.operators, {"MatMul": 1, "Transpose": 1})
        self.assertEqual(inspection.symbols, ("N",))
        self.assertEqual((inspection.weights, inspection.weight_elements), (1, 6))
        self.assertEqual([port.name for port in inspection.inputs], ["x"])
        self.assertIn("MatMul (x, w)", model.text())
        self.assertIn("...", model.text(elements=2))
        with tempfile.TemporaryDirectory() as folder:
            for name in ("again.onnx", "again.onnxtxt"):
                path = Path(folder, name)
                model.save(path)
                self.assertEqual(tenon.Model(path).inspect(), inspection)
            with self.assertRaises(tenon.FileError):
                model.save(Path(folder, "no", "such", "folder.onnx"))


class Errors(unittest.TestCase):
    def test_invalid_model(self):
        with self.assertRaises(tenon.InvalidModelError) as caught:
            tenon.compile(HEADER + "g (float[2] x) => (float[2] y) { y = Relu (q) }")
        error = caught.exception
        self.assertEqual(error.status, tenon.Status.INVALID_MODEL)
        self.assertIsInstance(error, (tenon.Error, ValueError))
        self.assertTrue(any("'q'" in diagnostic.text for diagnostic in error.diagnostics))
        self.assertIn("'q'", str(error))

    def test_unsupported(self):
        with self.assertRaises(tenon.UnsupportedError) as caught:
            tenon.compile(HEADER + "g (float[2] x) => (float[2] y) { y = NoSuchThing (x) }")
        self.assertIn("NoSuchThing", str(caught.exception))

    def test_no_file(self):
        with self.assertRaises(tenon.FileError) as caught:
            tenon.compile("/nowhere/model.onnx")
        self.assertIsInstance(caught.exception, OSError)
        self.assertIn("/nowhere/model.onnx", str(caught.exception))

    def test_garbage(self):
        for data in (b"", b"\0", b"\x08\x07garbage", bytes(range(256))):
            with self.subTest(data), self.assertRaises(tenon.InvalidModelError):
                tenon.compile(data)

    def test_while_running(self):
        program = tenon.compile(
            HEADER + "g (seq(float[2]) s, int64 i) => (float[2] y) { y = SequenceAt (s, i) }"
        )
        s = [np.zeros(2, np.float32), np.ones(2, np.float32)]
        with self.assertRaisesRegex(tenon.BadArgumentError, "position 7"):
            program(s, 7)
        np.testing.assert_array_equal(program(s, 1)[0], [1, 1])

    def test_compiling_is_given_up(self):
        class Stop(Exception):
            pass

        def stop():
            raise Stop

        with self.assertRaises(tenon.CancelledError):
            tenon.compile(LINEAR, seconds=1e-9)
        with self.assertRaises(tenon.CancelledError):
            tenon.compile(LINEAR, proceed=lambda: False)
        with self.assertRaises(Stop):
            tenon.compile(LINEAR, proceed=stop)

    def test_where_it_is(self):
        with self.assertRaises(tenon.InvalidModelError) as caught:
            tenon.compile(HEADER + "g (float x) => (float y) {\n  y = Relu (q)\n}", name="here")
        (diagnostic,) = (d for d in caught.exception.diagnostics if d.line)
        self.assertEqual((diagnostic.file, diagnostic.line), ("here", 3))
        self.assertEqual(diagnostic.severity, tenon.Severity.ERROR)
        self.assertNotIn("here", diagnostic.message)

    def test_each_status_has_a_class(self):
        from tenon.errors import error_of

        for status in tenon.Status:
            if status != tenon.Status.OK:
                error = error_of(status, "what", [tenon.Diagnostic(tenon.Severity.ERROR, "why")])
                self.assertEqual(error.status, status)
                self.assertEqual(str(error), "what\nwhy")


class Memory(unittest.TestCase):
    def test_nothing_is_kept(self):
        """Programs, contexts and results go with their last reference."""
        from tenon import program as module

        given_back = []
        original = module._give_back
        module._give_back = lambda destroy, *rest: (given_back.append(1), original(destroy, *rest))
        try:
            program = tenon.compile(LINEAR)
            program(np.ones((1, 3), np.float32))
            del program
            gc.collect()
        finally:
            module._give_back = original
        self.assertEqual(len(given_back), 3)  # the model, the program, its context

    def test_addresses(self):
        from tenon import _values

        for array in (np.zeros(3), np.zeros((4, 4))[1:], np.array(3.0)):
            self.assertEqual(_values.address(array), array.ctypes.data)
        self.assertEqual(ctypes.sizeof(ctypes.c_void_p), 8)


if __name__ == "__main__":
    unittest.main()

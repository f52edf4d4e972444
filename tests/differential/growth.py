# SPDX-License-Identifier: Apache-2.0
"""Grows random ONNX graphs, a node at a time, beside the values that an oracle says they have.

A node is proposed, run by the oracle (ONNX Runtime; where that lacks an element type, onnx.reference), and
kept if its results are finite. So shapes need no inference here, and every graph has expected outputs.

How far another right answer may be off is measured, not guessed: each value has a *shadow*, computed by the
same nodes from operands that are moved by a few units in the last place before each node that rounds. Where
value and shadow differ in an integer or a bool, the node is dropped: rounding alone would decide there.
Values that floats hold exactly are not moved, which is why inputs are small multiples of 1/4.
"""
import random
import warnings

import numpy as np
import onnx
from onnx import AttributeProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

try:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
except ImportError:
    onnxruntime = None

OPSET = 21
MOST_ELEMENTS = 20000
FLOATS = ("float32", "float64", "float16")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED + UNSIGNED
NUMBERS = FLOATS + INTEGERS
EVERY = NUMBERS + ("bool",)
EPSILON = {np.dtype(name): float(np.finfo(name).eps) for name in FLOATS}


class Dropped(Exception):
    """A proposal that leads to nothing: an operand that does not fit, a value that is not finite."""


class Value:
    """A tensor of the graph: its name, its elements, its shadow, and the type of float that rounded it last."""

    def __init__(self, name, array, shadow=None, constant=False, node=None):
        self.name, self.array, self.constant, self.node = name, array, constant, node
        self.shadow = array if shadow is None else shadow

    dtype = property(lambda self: self.array.dtype)
    shape = property(lambda self: self.array.shape)
    rank = property(lambda self: self.array.ndim)


class Node:
    def __init__(self, operator, inputs, outputs, attributes, domain=""):
        self.operator, self.inputs, self.outputs = operator, inputs, outputs
        self.attributes, self.domain = attributes, domain

    def proto(self, inputs=None, outputs=None):
        """The node, with these names for its operands and results if given."""
        inputs = inputs or [v.name if v else "" for v in self.inputs]
        outputs = outputs or [v if isinstance(v, str) else v.name for v in self.outputs]
        proto = helper.make_node(self.operator, inputs, outputs, domain=self.domain)
        for name, value in self.attributes.items():
            empty = isinstance(value, (list, tuple)) and not value
            proto.attribute.append(helper.make_attribute(name, value, attr_type=AttributeProto.INTS if empty else None))
        return proto


def element_type(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def tensor_info(name, array):
    return helper.make_tensor_value_info(name, element_type(array), array.shape)


def opsets(nodes):
    versions = {"": OPSET, "ai.onnx.ml": 3}
    return [helper.make_opsetid(domain, versions[domain]) for domain in sorted({""} | {n.domain for n in nodes})]


def model_of(nodes, inputs, outputs, constants):
    graph = helper.make_graph([n.proto() for n in nodes], "g", [tensor_info(v.name, v.array) for v in inputs],
                              [tensor_info(v.name, v.array) for v in outputs],
                              [numpy_helper.from_array(v.array, v.name) for v in constants])
    return helper.make_model(graph, opset_imports=opsets(nodes), ir_version=10)


def evaluate(node, arrays, engine=None):
    """The results of one node for operands that may be None. engine: "reference", or what is best."""
    names = [f"i{k}" if a is not None else "" for k, a in enumerate(arrays)]
    feeds = {n: a for n, a in zip(names, arrays) if n}
    outputs = [f"o{k}" if name else "" for k, name in enumerate(node.outputs)]
    proto = node.proto(names, outputs)
    results = [helper.make_value_info(o, onnx.TypeProto()) for o in outputs if o]
    graph = helper.make_graph([proto], "g", [tensor_info(n, a) for n, a in feeds.items()], results)
    model = helper.make_model(graph, opset_imports=opsets([node]), ir_version=10)
    if onnxruntime and engine != "reference":
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                                   providers=["CPUExecutionProvider"])
        except Exception as error:
            if "NOT_IMPLEMENTED" not in str(error) and "Type Error" not in str(error):
                raise Dropped(str(error)) from error
        else:
            try:
                return session.run(None, feeds)
            except Exception as error:
                raise Dropped(str(error)) from error
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return [np.asarray(r) for r in ReferenceEvaluator(model).run(None, feeds)]
    except Exception as error:  # whatever its Python code raises
        raise Dropped(str(error)) from error


def is_exact(array):
    """Whether sums and products of some such elements are exact, too."""
    if array.dtype.kind != "f":
        return True
    bits, most = (4, 32) if array.dtype == np.float16 else (8, 2048)
    scaled = array.astype(np.float64) * 2**bits
    return bool(np.all(np.isfinite(scaled)) and np.all(scaled == np.rint(scaled)) and np.all(np.abs(array) <= most))


class Growth:
    """A graph that grows. `random` decides everything."""

    def __init__(self, seed, engine=None):
        self.random = random.Random(seed)
        self.numpy = np.random.default_rng(seed)
        self.engine = engine
        self.values, self.inputs, self.constants, self.nodes = [], [], [], []

    # ---- What operators' proposals are made of ------------------------------------------------

    def chance(self, probability):
        return self.random.random() < probability

    def choice(self, items):
        return self.random.choice(list(items))

    def integer(self, low, high):
        return self.random.randint(low, high)

    def size(self):
        """A size of a dimension: mostly small and odd, sometimes 0, sometimes more than a vector."""
        return self.random.choices([0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33],
                                   [1, 6, 8, 8, 6, 6, 4, 3, 3, 2, 2, 1])[0]

    def shape(self, rank=None, least=0):
        rank = self.random.choices([0, 1, 2, 3, 4, 5], [1, 3, 5, 5, 4, 1])[0] if rank is None else rank
        while True:
            shape = tuple(max(self.size(), least) for _ in range(rank))
            if np.prod(shape, dtype=np.int64) <= MOST_ELEMENTS:
                return shape

    def elements(self, shape, dtype, low=None, high=None):
        dtype = np.dtype(dtype)
        if dtype == bool:
            return self.numpy.integers(0, 2, shape).astype(bool)
        if dtype.kind == "f":
            low, high = -4 if low is None else low, 4 if high is None else high
            return np.asarray(self.numpy.integers(int(low * 4), int(high * 4) + 1, shape) / 4).astype(dtype)
        low = (0 if dtype.kind == "u" else -8) if low is None else low
        return np.asarray(self.numpy.integers(low, (8 if high is None else high) + 1, shape)).astype(dtype)

    def new(self, array, constant=None):
        """A new input or initialiser with these elements."""
        constant = self.chance(0.4) if constant is None else constant
        array = np.asarray(array)
        value = Value(f"{'c' if constant else 'x'}{len(self.constants if constant else self.inputs)}", array,
                      constant=constant)
        (self.constants if constant else self.inputs).append(value)
        return value

    def constant(self, array, dtype=None):
        return self.new(np.asarray(array, dtype), constant=True)

    def fresh(self, shape, dtype, low=None, high=None, constant=None):
        return self.new(self.elements(shape, dtype, low, high), constant)

    def pick(self, dtypes, rank=None, ranks=None, least=0):
        """A value of the graph of one of these element types, or a new input. ranks: (least, most)."""
        low, high = ranks if ranks else (rank, rank) if rank is not None else (0, 5)
        fitting = [v for v in self.values if v.dtype.name in dtypes and low <= v.rank <= high
                   and all(s >= least for s in v.shape)]
        if fitting and self.chance(0.8):
            return self.choice(fitting[-6:])
        dtype = "float32" if "float32" in dtypes and self.chance(0.5) else self.choice(dtypes)
        rank = self.integer(low, high) if (low, high) != (0, 5) else None
        value = self.fresh(self.shape(rank, least), dtype, constant=False)
        self.values.append(value)
        return value

    def broadcastable(self, shape):
        """A shape that broadcasts together with this one."""
        if self.chance(0.3):
            return shape
        dropped = self.integer(0, len(shape)) if self.chance(0.5) else 0
        return tuple(1 if s and self.chance(0.35) else s for s in shape[dropped:])

    def partner(self, value, low=None, high=None, dtype=None):
        """A second operand for an element-wise operator."""
        dtype = dtype or value.dtype.name
        fitting = []
        for other in self.values:
            if other.dtype == dtype and low is None:
                try:  # 0 with 1 is 0, which sizes that only running tells are not told of
                    if 0 not in np.broadcast_shapes(other.shape, value.shape) or other.shape == value.shape:
                        fitting.append(other)
                except ValueError:
                    pass
        if fitting and self.chance(0.5):
            return self.choice(fitting)
        return self.fresh(self.broadcastable(value.shape), dtype, low, high)

    def axis(self, rank):
        if rank == 0:
            raise Dropped("no axis")
        return self.integer(-rank, rank - 1)

    def axes(self, rank, least=0):
        """Some axes, each once, in any order, some counted from the end."""
        count = self.integer(min(least, rank), rank)
        return [a - rank if self.chance(0.3) else a for a in self.random.sample(range(rank), count)]

    # ---- Growing ------------------------------------------------------------------------------

    def moved(self, array, amount):
        """The elements, each off by up to `amount` of its type's epsilon."""
        if array.dtype.kind != "f" or not array.size:
            return array
        noise = self.numpy.uniform(-1, 1, array.shape) * amount * EPSILON[array.dtype]
        return (array.astype(np.float64) * (1 + noise)).astype(array.dtype)

    def add(self, operator, inputs, outputs=1, exact=True, domain="", engine=None, **attributes):
        """Adds a node, if its results are worth it. outputs: how many, or a list of bools (which are there).
        exact: whether it gives exactly representable results exactly."""
        present = [True] * outputs if isinstance(outputs, int) else outputs
        number = len(self.nodes)
        names = [f"v{number}_{k}" if there else "" for k, there in enumerate(present)]
        node = Node(operator, inputs, names, {k: v for k, v in attributes.items() if v is not None}, domain)
        engine = engine or self.engine
        results = evaluate(node, [v.array if v else None for v in inputs], engine)
        for result in results:
            if not isinstance(result, np.ndarray) or result.dtype.name not in EVERY:
                raise Dropped("a type that is not compared")
            if result.size > MOST_ELEMENTS or (result.dtype.kind == "f" and not np.all(np.isfinite(result))):
                raise Dropped("too large, or not finite")
            if result.dtype.kind == "f" and np.any(np.abs(result) > (1e3 if result.dtype == np.float16 else 1e6)):
                raise Dropped("too large")
        clean = exact and all(v is None or (v.shadow is v.array and is_exact(v.array)) for v in inputs) \
            and all(is_exact(r) for r in results)
        shadows = results
        if not clean:
            operands = [None if v is None else self.moved(v.shadow, 4) for v in inputs]
            shadows = [self.moved(r, 4) for r in evaluate(node, operands, engine)]
        values = []
        for result, shadow, name in zip(results, shadows, [n for n in names if n]):
            if result.shape != shadow.shape or (result.dtype.kind != "f" and not np.array_equal(result, shadow)):
                raise Dropped("rounding decides")
            if result.dtype.kind == "f" and off(result, shadow) > 1000 * EPSILON[result.dtype]:
                raise Dropped("ill-conditioned")
            values.append(Value(name, result, shadow, node=node))
        node.outputs = [next((v for v in values if v.name == name), "") for name in names]
        self.nodes.append(node)
        self.values.extend(values)
        return values

    def outputs(self):
        """What nobody reads, and now and then what somebody does."""
        read = {id(v) for n in self.nodes for v in n.inputs if v}
        return [v for v in self.values if v.node and (id(v) not in read or self.chance(0.15))]


def off(array, shadow):
    """How far apart they are, as a fraction of the largest element."""
    if array.dtype.kind != "f" or not array.size:
        return 0.0
    largest = float(np.max(np.abs(array.astype(np.float64))))
    return float(np.max(np.abs(array.astype(np.float64) - shadow.astype(np.float64)))) / (largest or 1.0)

# SPDX-License-Identifier: Apache-2.0
"""Tenon as a backend of the package ``onnx``, whose own test runner drives it.

    import onnx.backend.test
    import tenon.onnx_backend

    runner = onnx.backend.test.BackendTest(tenon.onnx_backend, __name__)
    globals().update(runner.test_cases)

The module itself has the functions of a backend: :func:`prepare`, :func:`run_model`,
:func:`run_node`, :func:`supports_device`, :func:`is_compatible`.

What Tenon does not implement is told by :class:`NotImplementedByTenon`, which is both
:class:`tenon.UnsupportedError` and ``unittest.SkipTest``: the runner counts such a test as skipped,
with the reason, neither as failed nor as passed.
"""

from __future__ import annotations

import unittest
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.backend.base import Backend, BackendRep

from . import _abi
from ._elements import element_of
from .errors import UnsupportedError
from .model import Model
from .program import Outputs, Program

__all__ = [
    "NotImplementedByTenon",
    "TenonBackend",
    "TenonRep",
    "is_compatible",
    "prepare",
    "run_model",
    "run_node",
    "supports_device",
]

_OPTIONS = ("sizes", "shapes", "values", "pipeline", "backend", "threads")
_MOST_PROGRAMS = 16  # of one model, for different values of the inputs that it needs


class NotImplementedByTenon(UnsupportedError, unittest.SkipTest):
    """The model is legal, and Tenon does not implement something in it."""


# ---- Where the standard contradicts itself -------------------------------------------------------

# In these places the text of an operator and ONNX's reference implementation, from which the
# runner's expectations come, give different results. Tenon follows the text, as ONNX Runtime does;
# this backend runs no such model, so that nobody takes one for the other.


def _attribute(node: onnx.NodeProto, name: str) -> str | None:
    found = [a.s.decode() for a in node.attribute if a.name == name]
    return found[0] if found else None


def _resize_contradicts(node: onnx.NodeProto, values: Mapping[str, Any]) -> bool:
    """The text divides by the length of the result, the reference by length * scale."""
    if _attribute(node, "coordinate_transformation_mode") != "align_corners":
        return False
    x = values.get(node.input[0])
    scales = values.get(node.input[2]) if len(node.input) > 2 else None
    if x is None or scales is None or np.size(scales) != np.ndim(x):
        return False
    lengths = np.array(np.shape(x)) * np.asarray(scales, np.float64)
    return not np.allclose(lengths, np.round(lengths), rtol=0, atol=1e-5)


def _roi_align_contradicts(node: onnx.NodeProto, _values: Mapping[str, Any]) -> bool:
    """The text takes the largest of interpolated samples, the reference of weighted corners."""
    return _attribute(node, "mode") == "max"


_CONTRADICTIONS = {
    "Resize": (
        _resize_contradicts,
        "the length that align_corners divides by is not a whole number",
    ),
    "RoiAlign": (_roi_align_contradicts, "mode is max"),
}


def _check_contradictions(nodes: Sequence[onnx.NodeProto], values: Mapping[str, Any]) -> None:
    for node in nodes:
        contradicts, what = _CONTRADICTIONS[node.op_type]
        if contradicts(node, values):
            raise NotImplementedByTenon(
                f"ONNX contradicts itself on {node.op_type} where {what}: its text and its "
                "reference implementation differ"
            )


# ---- The backend ---------------------------------------------------------------------------------


class TenonRep(BackendRep):
    """A prepared model.

    Some models can only be compiled with the values of some inputs, such as the axes of a
    reduction, because these decide which operations there are. Such a model is compiled when it is
    run, once for each of their values.
    """

    def __init__(self, proto: onnx.ModelProto, options: Mapping[str, Any]) -> None:
        self._model = model = Model(proto)
        self._constants = {
            tensor.name: numpy_helper.to_array(tensor)
            for tensor in proto.graph.initializer
            if len(tensor.dims) == 1 and tensor.dims[0] <= _abi.MAX_RANK
        }
        self._doubtful = [node for node in proto.graph.node if node.op_type in _CONTRADICTIONS]
        self._options = options
        self._names = [port.name for port in model.inspect().inputs]
        self._needs: tuple[str, ...] = ()
        self._programs: dict[tuple, Program] = {}  # by the values of needed inputs
        try:
            self._program({})
        except UnsupportedError as error:
            if not error.needs:
                raise
            self._needs = error.needs

    def run(self, inputs: Any, **kwargs: Any) -> Outputs:
        """Runs the model. Inputs: a list in the model's order, a dictionary, or one array."""
        if not isinstance(inputs, Mapping):
            listed = [inputs] if isinstance(inputs, np.ndarray) else inputs
            inputs = dict(zip(self._names, listed))
        _check_contradictions(self._doubtful, {**self._constants, **inputs})
        program = self._program_for(inputs)
        return program.run({name: inputs.get(name) for name in program.input_names})

    def _program_for(self, inputs: Mapping[str, Any]) -> Program:
        while True:
            values = {name: np.asarray(inputs[name]) for name in self._needs}
            try:
                return self._program(values)
            except UnsupportedError as error:
                if set(error.needs) <= set(self._needs):
                    raise _not_implemented(error) from None
                self._needs += tuple(name for name in error.needs if name not in self._needs)

    def _program(self, values: Mapping[str, np.ndarray]) -> Program:
        key = tuple((array.tobytes(), array.shape, array.dtype) for array in values.values())
        if key not in self._programs:
            if len(self._programs) == _MOST_PROGRAMS:
                del self._programs[next(iter(self._programs))]
            bound = {**self._options.get("values", {}), **values}
            self._programs[key] = self._model.compile(**{**self._options, "values": bound})
        return self._programs[key]


def _not_implemented(error: UnsupportedError) -> NotImplementedByTenon:
    made = NotImplementedByTenon(error.args[0], error.diagnostics)
    made.needs = error.needs
    return made


class TenonBackend(Backend):
    """The backend; all its methods are class methods."""

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Tenon runs on the CPU."""
        return device.split(":")[0] == "CPU"

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether the model compiles for the device. No machine code is made to find out."""
        if not cls.supports_device(device):
            return False
        try:
            cls.prepare(model, device, **{**kwargs, "backend": "interpreter"})
        except UnsupportedError:
            return False
        return True

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> TenonRep:
        """Compiles the model. Options of :meth:`tenon.Model.compile` may be among `kwargs`.

        Raises :class:`NotImplementedByTenon`.
        """
        if not cls.supports_device(device):
            raise NotImplementedByTenon(f"there is no device '{device}'")
        options = {name: kwargs[name] for name in _OPTIONS if name in kwargs}
        try:
            return TenonRep(model, options)
        except UnsupportedError as error:
            raise _not_implemented(error) from None

    @classmethod
    def run_model(
        cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any
    ) -> Outputs:
        """Compiles the model and runs it once."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Sequence[Any] | Mapping[str, Any],
        device: str = "CPU",
        outputs_info: Sequence[tuple[np.dtype, tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> Outputs:
        """Runs one node, of `opset_version` of its domain (default: onnx's newest).

        `outputs_info` is not needed: types and shapes are inferred.
        """
        super().run_node(node, inputs, device, outputs_info, **kwargs)  # checks the node
        names = list(dict.fromkeys(name for name in node.input if name))
        if not isinstance(inputs, Mapping):
            inputs = dict(zip(names, inputs))
        arrays = {name: np.asarray(inputs[name]) for name in names}
        infos = [
            helper.make_tensor_value_info(name, element_of(array.dtype).type, array.shape)
            for name, array in arrays.items()
        ]
        results = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = helper.make_graph([node], "node", infos, results)
        version = kwargs.get("opset_version", onnx.defs.onnx_opset_version())
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(node.domain, version)])
        return cls.run_model(model, arrays, device, **kwargs)


is_compatible = TenonBackend.is_compatible
prepare = TenonBackend.prepare
run_model = TenonBackend.run_model
run_node = TenonBackend.run_node
supports_device = TenonBackend.supports_device

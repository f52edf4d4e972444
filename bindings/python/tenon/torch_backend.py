# SPDX-License-Identifier: Apache-2.0
"""Tenon as a backend of ``torch.compile``, for inference on the CPU.

    import torch
    import tenon.torch_backend  # not needed where Tenon is installed from its wheel

    model = torch.compile(model.eval(), backend="tenon")
    with torch.inference_mode():
        y = model(x)

A graph that TorchDynamo has captured goes through PyTorch's own ONNX export to Tenon. Its
parameters and buffers become constants of the program that are read where PyTorch has them. Should
one be changed or replaced later, the next call notices and compiles again.

What the exporter or Tenon cannot do (gradients, tensors on other devices, graphs that change their
inputs, operators without an ONNX form) runs as PyTorch would run it, and the logger "tenon" says
why; ``options={"fallback": False}`` raises :class:`tenon.UnsupportedError` instead. Other options
are those of :meth:`tenon.Model.compile`: ``options={"threads": 4}``.
"""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch._dynamo.backends import registry

from .errors import BadArgumentError, Error, UnsupportedError
from .model import Model
from .program import Program

__all__ = ["tenon_backend"]

_log = logging.getLogger("tenon")


def tenon_backend(
    graph: torch.fx.GraphModule,
    inputs: Sequence[Any],
    *,
    options: dict[str, Any] | None = None,
    **_mode: Any,
) -> Callable[..., Any]:
    """What ``torch.compile(backend="tenon")`` calls with each graph that it captures."""
    options = dict(options or {})
    fallback = options.pop("fallback", True)
    reason: Error
    try:
        return _Compiled(graph, inputs, options, graph.forward if fallback else None)
    except Error as error:
        reason = error
    except Exception as error:  # the exporter's, of whatever class
        reason = UnsupportedError(f"PyTorch's ONNX export failed: {type(error).__name__}: {error}")
        reason.__cause__ = error
    if not fallback:
        raise reason
    _log.warning("a graph is left to PyTorch: %s", reason)
    return graph.forward


class _Unsuitable(UnsupportedError):
    """A graph that Tenon is not asked to compile."""


# ---- Tensors -------------------------------------------------------------------------------------

# Types that NumPy lacks go through integers of their width.
_BITS = {
    dtype: bits
    for names, bits in (
        (("bfloat16",), torch.int16),
        (("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"), torch.uint8),
    )
    for dtype in (getattr(torch, name, None) for name in names)
    if dtype
}


def _array(tensor: torch.Tensor) -> np.ndarray:
    """An array that shares the memory of a tensor."""
    tensor = tensor.detach()
    if tensor.dtype in _BITS:
        import ml_dtypes  # which torch.onnx needs, too

        name = str(tensor.dtype).removeprefix("torch.")
        return tensor.view(_BITS[tensor.dtype]).numpy().view(getattr(ml_dtypes, name))
    return tensor.numpy()


def _tensor(array: np.ndarray) -> torch.Tensor:
    """A tensor that shares the memory of an array."""
    dtype = getattr(torch, array.dtype.name, None)
    if dtype in _BITS:
        return torch.from_numpy(array.view(f"i{array.itemsize}")).view(dtype)
    return torch.from_numpy(array)


def _version(tensor: torch.Tensor) -> int:
    """Counts the changes of a tensor; those of inference tensors are not counted."""
    return -1 if tensor.is_inference() else tensor._version


# ---- Graphs --------------------------------------------------------------------------------------


def _is_weight(node: torch.fx.Node, example: Any) -> bool:
    """Whether an input of the graph is a parameter or a buffer of a module."""
    if isinstance(example, torch.nn.Parameter):
        return True
    source = getattr(node, "_dynamo_source", None)
    while source is not None:
        if "ParamBuffer" in type(source).__name__:
            return True
        source = getattr(source, "base", None)
    return False


def _check_inputs(inputs: Sequence[Any]) -> None:
    for example in inputs:
        if not isinstance(example, torch.Tensor):
            if not isinstance(example, (int, torch.SymInt)):
                raise _Unsuitable(f"an input is a {type(example).__name__}")
        elif example.device.type != "cpu":
            raise _Unsuitable(f"a tensor is on {example.device}; Tenon runs on the CPU")
        elif example.layout != torch.strided or example.is_quantized:
            raise _Unsuitable(f"a tensor has the layout {example.layout}")
        elif example.requires_grad and torch.is_grad_enabled():
            raise _Unsuitable("gradients are wanted; use torch.inference_mode() or torch.no_grad()")


def _symbols_of(node: torch.fx.Node) -> list[Any]:
    """The sizes of a placeholder's tensor, as symbols or numbers."""
    value = node.meta.get("example_value")
    return list(value.shape) if isinstance(value, torch.Tensor) else []


def _read_sizes_from_tensors(graph: torch.fx.GraphModule) -> list[int]:
    """Replaces the graph's inputs that are sizes by what reads them from a tensor's shape.

    Returns the positions of the inputs that are left, which are all tensors.
    """
    nodes = [node for node in graph.graph.nodes if node.op == "placeholder"]
    left = []
    for i, node in enumerate(nodes):
        value = node.meta.get("example_value")
        if isinstance(value, torch.Tensor):
            left.append(i)
            continue
        found = [
            (other, d)
            for other in nodes
            for d, size in enumerate(_symbols_of(other))
            if isinstance(size, torch.SymInt) and str(size) == str(value)
        ]
        if node.users:
            if not found:
                raise _Unsuitable(f"the input {node.name} is a number that is no tensor's size")
            other, d = found[0]
            with graph.graph.inserting_after(nodes[-1]):
                size = graph.graph.call_function(torch.ops.aten.sym_size.int, (other, d))
            node.replace_all_uses_with(size)
        graph.graph.erase_node(node)
    return left


def _constant(value: Any, _inputs: Sequence[Any], _tensors: Sequence[Any]) -> Any:
    return value


def _given(at: int, inputs: Sequence[Any], _tensors: Sequence[Any]) -> Any:
    return inputs[at]


def _made(at: int, _inputs: Sequence[Any], tensors: Sequence[Any]) -> Any:
    return tensors[at]


class _Results:
    """What the graph returns: tensors that the program makes, or inputs as they are."""

    def __init__(self, graph: torch.fx.GraphModule) -> None:
        nodes = list(graph.graph.nodes)
        inputs = [node for node in nodes if node.op == "placeholder"]
        returned = nodes[-1].args[0]
        if not isinstance(returned, (list, tuple)):
            raise _Unsuitable("the graph does not return a list")
        made: list[torch.fx.Node] = []
        self.plan: list[Callable[[Sequence[Any], Sequence[Any]], Any]] = []
        for result in returned:
            if not isinstance(result, torch.fx.Node):
                self.plan.append(functools.partial(_constant, result))
            elif result in inputs:
                at = inputs.index(result)
                self.plan.append(functools.partial(_given, at))
            elif isinstance(result.meta.get("example_value"), torch.Tensor):
                if result not in made:
                    made.append(result)
                at = made.index(result)
                self.plan.append(functools.partial(_made, at))
            else:
                raise _Unsuitable(f"the result {result.name} is no tensor")
        if not made:
            raise _Unsuitable("the graph computes no tensor")
        nodes[-1].args = (tuple(made),)

    def collect(self, inputs: Sequence[Any], tensors: Sequence[Any]) -> list[Any]:
        return [rule(inputs, tensors) for rule in self.plan]


# ---- Export --------------------------------------------------------------------------------------


def _export(graph: torch.fx.GraphModule, inputs: Sequence[torch.Tensor]) -> Any:
    """An onnx.ModelProto of a graph all of whose inputs are tensors, in their order."""
    nodes = [node for node in graph.graph.nodes if node.op == "placeholder"]
    shapes = tuple(
        {
            d: torch.export.Dim.AUTO
            for d, size in enumerate(_symbols_of(node))
            if type(size) is not int
        }
        for node in nodes
    )
    clone = torch.fx.GraphModule(graph, graph.graph)
    detached = tuple(tensor.detach() for tensor in inputs)
    with warnings.catch_warnings(), torch._guards.tracing(None), torch.no_grad():
        warnings.simplefilter("ignore")
        exported = torch.export.export(clone, detached, dynamic_shapes=shapes, strict=False)
        made = torch.onnx.export(exported, dynamo=True, verbose=False, optimize=False)
    signature = made.exported_program.graph_signature  # of the graph in its functional form
    if signature.user_inputs_to_mutate or signature.buffers_to_mutate:
        raise _Unsuitable("the graph changes its inputs")
    return made.model_proto


class _Compiled:
    """A compiled graph, which is called with the graph's inputs."""

    def __init__(
        self,
        graph: torch.fx.GraphModule,
        inputs: Sequence[Any],
        options: dict[str, Any],
        fallback: Callable[..., Any] | None,
    ) -> None:
        _check_inputs(inputs)
        self.fallback = fallback
        graph = torch.fx.GraphModule(graph, torch.fx.Graph.__deepcopy__(graph.graph, {}))
        self.options = options
        self.results = _Results(graph)
        nodes = [node for node in graph.graph.nodes if node.op == "placeholder"]
        weights = {i for i, node in enumerate(nodes) if _is_weight(node, inputs[i])}
        kept = _read_sizes_from_tensors(graph)
        graph.recompile()
        model = _export(graph, [inputs[i] for i in kept])
        names = [value.name for value in model.graph.input]
        if len(names) != len(kept):
            raise _Unsuitable("the export has another number of inputs than the graph")
        self.model = Model(model, name="torch")
        self.weights = [(i, name) for i, name in zip(kept, names) if i in weights]
        self.live = [(i, name) for i, name in zip(kept, names) if i not in weights]
        self.program, self.seen = self._compile(inputs)

    def _compile(self, inputs: Sequence[Any]) -> tuple[Program, list[tuple[torch.Tensor, int]]]:
        values = {name: _array(inputs[i]) for i, name in self.weights}
        seen = [(inputs[i], _version(inputs[i])) for i, _ in self.weights]
        return self.model.compile(**self.options, values=values), seen

    def __call__(self, *inputs: Any) -> list[Any]:
        program, seen = self.program, self.seen
        for (i, _), (tensor, version) in zip(self.weights, seen):
            if inputs[i] is not tensor or _version(tensor) != version:
                program, seen = self._compile(inputs)
                self.program, self.seen = program, seen
                break
        try:
            made = program.run({name: _array(inputs[i]) for i, name in self.live})
        except BadArgumentError as error:  # a size that the exporter took for fixed
            if not self.fallback:
                raise
            _log.warning("a call is left to PyTorch: %s", error)
            return self.fallback(*inputs)
        return self.results.collect(inputs, [_tensor(array) for array in made])


# An installed Tenon is registered by the entry point of its wheel, which torch loads when asked.
if "tenon" not in registry._BACKENDS:
    registry.register_backend(compiler_fn=tenon_backend, name="tenon")

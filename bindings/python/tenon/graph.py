# SPDX-License-Identifier: Apache-2.0
"""Graphs of models that are built or edited."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _abi
from ._elements import element_of
from ._library import library
from ._values import as_array, put_tensor
from .errors import BadArgumentError

if TYPE_CHECKING:
    from .model import Model

__all__ = ["Graph", "Node"]


def _tensor(value: Any, what: str, keep: list) -> _abi.Tensor:
    tensor = _abi.Tensor()
    array = as_array(value, None, what)
    put_tensor(tensor, array, element_of(array.dtype), what, keep)
    return tensor


class Graph:
    """The graph of a :class:`Model`, or one that is an attribute of a node.

    Names tie it together: an input, a constant and each output of a node make a value of a name
    that is given once; nodes read values by name and stand in an order in which they can be
    computed. Names, operators and attributes are checked at once, types by :meth:`Model.check` or
    when the model is compiled. A call that fails changes nothing.
    """

    def __init__(self, model: Model, pointer: int) -> None:
        self._model = model
        self._pointer = pointer

    def _do(self, function: str, *arguments: Any) -> None:
        self._model._edit(getattr(library(), function)(self._pointer, *arguments))

    def add_input(self, name: str, type: str) -> None:
        """type: as in ONNX's textual syntax, "float[N, 3]"; sizes may be names."""
        self._do("tn_graph_add_input", name.encode(), type.encode())

    def add_output(self, name: str, type: str | None = None) -> None:
        """A value that is there becomes an output."""
        self._do("tn_graph_add_output", name.encode(), type.encode() if type else None)

    def remove_input(self, name: str) -> None:
        """Nobody may read it any more."""
        self._do("tn_graph_remove_input", name.encode())

    def remove_output(self, name: str) -> None:
        """The value stays."""
        self._do("tn_graph_remove_output", name.encode())

    def add_constant(self, name: str, value: Any) -> None:
        """An initializer; the array is copied."""
        keep: list[Any] = []
        tensor = _tensor(value, f"constant '{name}'", keep)
        self._do("tn_graph_add_constant", name.encode(), ctypes.byref(tensor))

    def set_constant(self, name: str, value: Any) -> None:
        """Another value for an initializer that is there."""
        keep: list[Any] = []
        tensor = _tensor(value, f"constant '{name}'", keep)
        self._do("tn_graph_set_constant", name.encode(), ctypes.byref(tensor))

    def replace(self, name: str, by: str) -> None:
        """Nodes that read `name` read `by` from now on."""
        self._do("tn_graph_replace", name.encode(), by.encode())

    def add(
        self,
        op_type: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        name: str | None = None,
        **attributes: Any,
    ) -> Node:
        """A node at the end: ``graph.add("Softmax", ["x"], ["y"], axis=-1)``.

        Inputs that are left out, and outputs that nobody wants, are "". Attributes are those of
        :meth:`Node.set`; bodies are :meth:`Node.add_graph`'s.
        """
        pointer = ctypes.c_void_p()
        self._do(
            "tn_graph_add_node",
            op_type.encode(),
            name.encode() if name else None,
            len(inputs),
            (ctypes.c_char_p * len(inputs))(*(i.encode() for i in inputs)),
            len(outputs),
            (ctypes.c_char_p * len(outputs))(*(o.encode() for o in outputs)),
            ctypes.byref(pointer),
        )
        assert pointer.value
        node = Node(self._model, pointer.value)
        try:
            for key, value in attributes.items():
                node.set(key, value)
        except BaseException:
            node.remove()
            raise
        return node

    def add_text(self, text: str) -> None:
        """Nodes in ONNX's textual syntax, attributes and bodies included; all of them or none."""
        self._do("tn_graph_add_text", text.encode())

    @property
    def nodes(self) -> list[Node]:
        """All of them, in order."""
        c = library()
        count = c.tn_graph_node_count(self._pointer)
        return [Node(self._model, c.tn_graph_node(self._pointer, i)) for i in range(count)]

    def find(self, name: str) -> Node | None:
        """A node by its name or by that of a value that it makes."""
        pointer = library().tn_graph_find_node(self._pointer, name.encode())
        return Node(self._model, pointer) if pointer else None


class Node:
    """A node of a :class:`Graph`; good until it is removed."""

    def __init__(self, model: Model, pointer: int) -> None:
        self._model = model
        self._pointer = pointer

    def __repr__(self) -> str:
        return f"<tenon.Node {', '.join(self.outputs)} = {self.op_type} ({', '.join(self.inputs)})>"

    def _do(self, function: str, *arguments: Any) -> None:
        self._model._edit(getattr(library(), function)(self._pointer, *arguments))

    @property
    def op_type(self) -> str:
        """ "Conv", "acme.Swish"."""
        return library().tn_node_op_type(self._pointer).decode()

    @property
    def name(self) -> str:
        """ "" if it has none."""
        return library().tn_node_name(self._pointer).decode()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of what it reads; "" for one that is left out."""
        return tuple(self._names(library().tn_node_input))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what it makes."""
        return tuple(self._names(library().tn_node_output))

    def _names(self, ask: Any) -> Iterator[str]:
        names = (ask(self._pointer, i) for i in itertools.count())
        return (name.decode() for name in itertools.takewhile(lambda n: n is not None, names))

    def set_input(self, i: int, name: str) -> None:
        """i may be one more than there are: a new operand."""
        self._do("tn_node_set_input", i, name.encode())

    def remove(self) -> None:
        """Its outputs must not be used any more."""
        self._do("tn_node_remove")

    def move(self, before: Node | None) -> None:
        """To another place in the order: before a node, or to the end."""
        self._do("tn_node_move", before._pointer if before else None)

    def set(self, name: str, value: Any) -> None:
        """An attribute: an int, float, str, a list of these, or an array."""
        key = name.encode()
        if isinstance(value, np.ndarray):
            keep: list[Any] = []
            tensor = _tensor(value, f"attribute '{name}'", keep)
            self._do("tn_node_set_tensor", key, ctypes.byref(tensor))
        elif isinstance(value, (bool, int, np.integer)):
            self._do("tn_node_set_int", key, int(value))
        elif isinstance(value, (float, np.floating)):
            self._do("tn_node_set_float", key, float(value))
        elif isinstance(value, str):
            self._do("tn_node_set_string", key, value.encode())
        elif isinstance(value, (list, tuple)):
            self._set_list(key, list(value))
        else:
            raise BadArgumentError(f"attribute '{name}' cannot be a {type(value).__name__}")

    def _set_list(self, key: bytes, items: list) -> None:
        count = len(items)
        if all(isinstance(item, (int, np.integer)) for item in items):
            self._do("tn_node_set_ints", key, count, (ctypes.c_int64 * count)(*map(int, items)))
        elif all(isinstance(item, str) for item in items):
            texts = (ctypes.c_char_p * count)(*(item.encode() for item in items))
            self._do("tn_node_set_strings", key, count, texts)
        else:
            self._do("tn_node_set_floats", key, count, (ctypes.c_float * count)(*items))

    def add_graph(self, name: str) -> Graph:
        """An empty graph as an attribute ("body"); it sees the names of the graphs around."""
        pointer = ctypes.c_void_p()
        self._do("tn_node_add_graph", name.encode(), ctypes.byref(pointer))
        assert pointer.value
        return Graph(self._model, pointer.value)

    def remove_attribute(self, name: str) -> None:
        """It is as if it had not been said."""
        self._do("tn_node_remove_attribute", name.encode())

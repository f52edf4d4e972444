# SPDX-License-Identifier: Apache-2.0
"""Operators in Python, for what no ONNX operator says.

(Where ONNX's operators say it, a function in text is better, :meth:`Model.add_function`: it is
compiled and fused like everything else.)
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _abi
from ._abi import AttributeKind, Status
from ._elements import Element, element
from ._library import library
from ._types import Type, parse_type
from ._values import address, as_array, get_tensor, memory_of
from .errors import BadArgumentError

__all__ = ["Operator"]

_LISTS = {int: AttributeKind.INTS, float: AttributeKind.FLOATS, str: AttributeKind.STRINGS}
_SCALARS = {int: AttributeKind.INT, float: AttributeKind.FLOAT, str: AttributeKind.STRING}


class Operator:
    """An operator of the program that uses the package.

        def cap(x, *, limit):
            return limit * np.tanh(x / limit)

        model.add_operator(tenon.Operator("acme.Cap", cap, attributes={"limit": 1.0}))

    name
        "domain.Name", as nodes call it.
    compute
        Is called with an array for each input (None for one that is left out), which are copies,
        and the attributes by name. Answers an array, or a tuple of one for each output, of exactly
        the inferred element types. It runs on the thread that called the program, and may run on
        several at once. What it raises ends the call with :class:`BadArgumentError`.
    infer
        Is called with the type of each input as text ("float[N, 3]"; None for one that is left out)
        and the attributes by name. Answers the type of the output, or a tuple of types, of which
        "?" is a size that is known only when compute() has run. None: all outputs have the type of
        the first input.
    inputs
        How many, or the least and the most.
    attributes
        What each is by its name: ``int``, ``float`` or ``str`` for one that has to be there, a
        number for one that has this default, ``[int]``, ``[float]`` or ``[str]`` for a list and
        ``np.ndarray`` for a tensor, which may be left out ([] and None then).
    since
        The version of the domain that it came with.
    """

    def __init__(
        self,
        name: str,
        compute: Callable[..., Any],
        *,
        infer: Callable[..., Any] | None = None,
        inputs: int | tuple[int, int] = 1,
        outputs: int = 1,
        attributes: Mapping[str, Any] | None = None,
        since: int = 1,
    ) -> None:
        domain, dot, short = name.rpartition(".")
        if not dot or not domain or not short:
            raise BadArgumentError(f"an operator is called 'domain.Name', not '{name}'")
        self.name = name
        self.compute = compute
        self.infer = infer
        self._outputs = outputs
        self._kinds: dict[str, AttributeKind] = {}
        table = (_abi.Attribute * len(attributes or {}))()
        for row, (key, given) in zip(table, (attributes or {}).items()):
            self._describe(row, key, given)
        least, most = (inputs, inputs) if isinstance(inputs, int) else inputs
        # What must live as long as the library may call; descriptions borrow it.
        self._keep: tuple[Any, ...] = (
            table,
            _abi.CallFunction(self._infer),
            _abi.CallFunction(self._compute),
        )
        self._description = _abi.Operator(
            size=ctypes.sizeof(_abi.Operator),
            domain=domain.encode(),
            name=short.encode(),
            since=since,
            min_inputs=least,
            max_inputs=most,
            outputs=outputs,
            attributes=table,
            attribute_count=len(table),
            compute=self._keep[2],
        )
        if infer:
            self._description.infer = self._keep[1]

    def __repr__(self) -> str:
        return f"<tenon.Operator {self.name}>"

    def _describe(self, row: _abi.Attribute, key: str, given: Any) -> None:
        if isinstance(given, type) and given in _SCALARS:
            row.kind, row.required = _SCALARS[given], True
        elif isinstance(given, list) and len(given) == 1 and given[0] in _LISTS:
            row.kind = _LISTS[given[0]]
        elif given is np.ndarray:
            row.kind = AttributeKind.TENSOR
        elif type(given) is int:
            row.kind, row.default_int = AttributeKind.INT, given
        elif type(given) is float:
            row.kind, row.default_float = AttributeKind.FLOAT, given
        else:
            raise BadArgumentError(f"attribute '{key}' of {self.name} cannot be {given!r}")
        row.name = key.encode()
        self._kinds[key] = AttributeKind(row.kind)

    # ---- What the library calls ------------------------------------------------------------------

    def _infer(self, _user: int | None, call: int) -> int:
        return _guarded(call, self._infer_types)

    def _compute(self, _user: int | None, call: int) -> int:
        return _guarded(call, self._compute_outputs)

    def _attributes(self, call: int) -> dict[str, Any]:
        return {key: _attribute(call, key.encode(), kind) for key, kind in self._kinds.items()}

    def _infer_types(self, call: int) -> int:
        c = library()
        texts = [_input_type(call, i) for i in range(c.tn_call_input_count(call))]
        made = self._types(texts, self._attributes(call))
        for i, kind in enumerate(made[: c.tn_call_output_count(call)]):
            described = _abi.Type(element=kind.tensor_element.type, rank=len(kind.shape or ()))
            for d, size in enumerate(kind.shape or ()):
                described.dims[d] = None if size == "?" else str(size).encode()
            status = c.tn_call_set_type(call, i, ctypes.byref(described))
            if status != Status.OK:
                return status
        return Status.OK

    def _types(self, inputs: Sequence[str | None], attributes: dict[str, Any]) -> list[Type]:
        """What infer() answers, as types."""
        assert self.infer
        answer = self.infer(*inputs, **attributes)
        texts = [answer] if isinstance(answer, str) else list(answer)
        if len(texts) != self._outputs:
            raise BadArgumentError(f"infer() gave {len(texts)} types for {self._outputs} outputs")
        return [parse_type(text) for text in texts]

    def _elements(self, arrays: Sequence[Any], attributes: dict[str, Any]) -> list[Element]:
        if not self.infer:
            return [arrays[0][1]] * self._outputs
        texts = [a and _text_of_type(a[1], [str(size) for size in a[0].shape]) for a in arrays]
        return [kind.tensor_element for kind in self._types(texts, attributes)]

    def _compute_outputs(self, call: int) -> int:
        c = library()
        attributes = self._attributes(call)
        arrays = [_input(call, i) for i in range(c.tn_call_input_count(call))]
        elements = self._elements(arrays, attributes)
        answer = self.compute(*(a and a[0] for a in arrays), **attributes)
        results = answer if isinstance(answer, tuple) else (answer,)
        if len(results) != self._outputs:
            raise BadArgumentError(
                f"compute() gave {len(results)} results for {self._outputs} outputs"
            )
        for i, (result, kind) in enumerate(zip(results, elements)):
            if i >= c.tn_call_output_count(call) or not c.tn_call_wants(call, i):
                continue
            what = f"output {i}"
            if kind.is_string:
                raise BadArgumentError(f"{what} has strings, which Python cannot give")
            array = memory_of(as_array(result, kind, what), kind, what)
            dims = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
            memory = c.tn_call_output(call, i, array.ndim, dims)
            if not memory:
                return c.tn_call_status(call)
            if array.nbytes:
                ctypes.memmove(memory, address(array), array.nbytes)
        return Status.OK


def _guarded(call: int, work: Callable[[int], int]) -> int:
    """Exceptions cannot pass through C."""
    try:
        return work(call)
    except BaseException as error:
        return library().tn_call_fail(call, f"{type(error).__name__}: {error}".encode())


def _text_of_type(kind: Element, sizes: Sequence[str]) -> str:
    """As in ONNX's textual syntax: a formula is quoted, a scalar has no brackets."""
    quoted = [size if re.fullmatch(r"\w+|\?", size) else f'"{size}"' for size in sizes]
    return kind.type.name.lower() + (f"[{', '.join(quoted)}]" if sizes else "")


def _input(call: int, i: int) -> tuple[np.ndarray, Element] | None:
    tensor = library().tn_call_input(call, i)
    return (get_tensor(tensor.contents), element(tensor.contents.element)) if tensor else None


def _input_type(call: int, i: int) -> str | None:
    kind = _abi.Type()
    if library().tn_call_input_type(call, i, ctypes.byref(kind)) != Status.OK:
        return None
    sizes = [(kind.dims[d] or b"?").decode() for d in range(kind.rank)]
    return _text_of_type(element(kind.element), sizes)


def _attribute(call: int, name: bytes, kind: AttributeKind) -> Any:
    c, count = library(), ctypes.c_int64()
    if kind == AttributeKind.INT:
        return c.tn_call_int(call, name)
    if kind == AttributeKind.FLOAT:
        return c.tn_call_float(call, name)
    if kind == AttributeKind.STRING:
        return _text(c.tn_call_string(call, name))
    if kind == AttributeKind.TENSOR:
        tensor = c.tn_call_tensor(call, name)
        return get_tensor(tensor.contents) if tensor else None
    lists = {
        AttributeKind.INTS: c.tn_call_ints,
        AttributeKind.FLOATS: c.tn_call_floats,
        AttributeKind.STRINGS: c.tn_call_strings,
    }
    items = lists[kind](call, name, ctypes.byref(count))
    found = [items[i] for i in range(count.value)] if items else []
    return [_text(item) for item in found] if kind == AttributeKind.STRINGS else found


def _text(string: _abi.String) -> str:
    text = ctypes.string_at(string.data, string.length) if string.length else b""
    return text.decode("utf-8", "surrogateescape")

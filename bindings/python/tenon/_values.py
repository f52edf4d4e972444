# SPDX-License-Identifier: Apache-2.0
"""Python's values to the library's, and back.

A tensor is an array, a sequence a list, an optional None or its item. What goes in is borrowed
where it lies as the library wants it (row major, without gaps, in the machine's byte order), else
copied. What comes out is copied, since the library's memory is the next run's.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import numpy as np

from . import _abi
from ._abi import ValueKind
from ._dlpack import from_dlpack
from ._elements import Element, element
from ._types import Type
from .errors import BadArgumentError

# ---- Arrays --------------------------------------------------------------------------------------

# Where an array's struct has the pointer to its elements: after the head of each object, as NumPy's
# C interface has it.
_POINTER_OFFSET = object.__basicsize__


def _address_by_interface(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _address_by_struct(array: np.ndarray) -> int:
    return ctypes.c_void_p.from_address(id(array) + _POINTER_OFFSET).value or 0


def _struct_is_known() -> bool:
    if sys.implementation.name != "cpython":
        return False
    probe = np.arange(6)[2:]
    return _address_by_struct(probe) == _address_by_interface(probe)


#: The address of an array's first element. The array interface takes longer to make than many
#: models to run, so that it is not asked where the struct can be read.
address = _address_by_struct if _struct_is_known() else _address_by_interface


def as_array(value: Any, kind: Element | None, what: str) -> np.ndarray:
    """An array of what a caller gave for a tensor.

    Arrays and all that speaks DLPack or NumPy's protocols keep their elements' type; Python's
    numbers, strings and nested lists get `kind`, or what NumPy makes of them.
    """
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__dlpack__"):
        return from_dlpack(value, what)
    if isinstance(value, np.generic) or hasattr(value, "__array__"):
        return np.asarray(value)
    try:
        return np.asarray(value, dtype=kind.dtype if kind else None)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadArgumentError(f"{what} is no tensor: {error}") from error


def _encode(array: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Strings as (an array of TnString, the bytes that it points to)."""
    encoded = []
    for item in array.ravel().tolist():
        if isinstance(item, str):
            encoded.append(item.encode("utf-8", "surrogateescape"))
        elif isinstance(item, bytes):
            encoded.append(item)
        else:
            raise BadArgumentError(
                f"{what} is a tensor of strings and holds a {type(item).__name__}"
            )
    text = np.frombuffer(b"".join(encoded) or b"\0", np.uint8)
    lengths = np.array([len(item) for item in encoded], np.int64)
    strings = np.empty((len(encoded), 2), np.int64)
    strings[:, 0] = address(text) + np.cumsum(lengths) - lengths
    strings[:, 1] = lengths
    return strings, text


def describe(tensor: _abi.Tensor, kind: Element, shape: tuple[int, ...], what: str) -> None:
    """Tells the library a tensor's element type and shape."""
    if len(shape) > _abi.MAX_RANK:
        raise BadArgumentError(
            f"{what} has {len(shape)} dimensions; at most {_abi.MAX_RANK} may be"
        )
    tensor.element = kind.type
    tensor.rank = len(shape)
    tensor.dims[: len(shape)] = shape


def put_tensor(
    tensor: _abi.Tensor, array: np.ndarray, kind: Element, what: str, keep: list
) -> None:
    """Describes an array to the library; what must outlive the description is added to `keep`."""
    describe(tensor, kind, array.shape, what)
    if kind.is_string:
        if array.dtype.kind not in "OUST":
            raise BadArgumentError(f"{what} has elements of type {array.dtype}, not strings")
        array, text = _encode(array, what)
        keep.append(text)
    else:
        array = memory_of(array, kind, what)
    keep.append(array)
    tensor.data = address(array)


def memory_of(array: np.ndarray, kind: Element, what: str) -> np.ndarray:
    """An array as it lies in the library's memory: borrowed if it can be."""
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if not array.flags.c_contiguous or not array.flags.aligned:
        array = np.array(array, order="C")  # np.ascontiguousarray() makes a scalar a vector
    return kind.to_memory(array, what)


def get_tensor(tensor: _abi.Tensor) -> np.ndarray:
    """A copy of a tensor of the library."""
    kind = element(tensor.element)
    shape = tuple(tensor.dims[: tensor.rank])
    if kind.is_string:
        return _decode(tensor.data, shape)
    array = np.empty(shape, kind.memory)
    if array.nbytes:
        ctypes.memmove(address(array), tensor.data, array.nbytes)
    return kind.from_memory(array)


def _decode(data: int, shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(shape, np.object_)
    flat = array.reshape(-1)
    strings = (_abi.String * array.size).from_address(data) if array.size else ()
    for i, string in enumerate(strings):
        text = ctypes.string_at(string.data, string.length) if string.length else b""
        flat[i] = text.decode("utf-8", "surrogateescape")
    return array


# ---- Values --------------------------------------------------------------------------------------


def put_value(value: _abi.Value, given: Any, kind: Type, what: str, keep: list) -> None:
    """Describes what a caller gave for an input of this type."""
    value.kind = kind.kind
    if kind.kind == ValueKind.TENSOR:
        assert kind.element
        put_tensor(value.tensor, as_array(given, kind.element, what), kind.element, what, keep)
        return
    assert kind.inner
    if kind.kind == ValueKind.OPTIONAL:
        items = [] if given is None else [given]
    elif isinstance(given, (list, tuple)):
        items = list(given)
    else:
        raise BadArgumentError(
            f"{what} is {kind}, and a {type(given).__name__} is given, not a list"
        )
    storage = (_abi.Value * len(items))()
    pointers = (ctypes.POINTER(_abi.Value) * len(items))()
    for i, item in enumerate(items):
        where = what if kind.kind == ValueKind.OPTIONAL else f"item {i} of {what}"
        put_value(storage[i], item, kind.inner, where, keep)
        pointers[i] = ctypes.pointer(storage[i])
    keep += [storage, pointers]
    value.count = len(items)
    value.items = ctypes.cast(pointers, ctypes.POINTER(ctypes.POINTER(_abi.Value)))


def get_value(value: _abi.Value) -> Any:
    """A copy of a value of the library: an array, a list, None or an optional's item."""
    if value.kind == ValueKind.TENSOR:
        return get_tensor(value.tensor)
    items = [get_value(value.items[i].contents) for i in range(value.count)]
    if value.kind == ValueKind.SEQUENCE:
        return items
    return items[0] if items else None

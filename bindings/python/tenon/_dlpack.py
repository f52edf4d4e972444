# SPDX-License-Identifier: Apache-2.0
"""Tensors of other libraries, through DLPack, as NumPy arrays that share their memory.

NumPy reads all types that it has itself. For the others (bfloat16, floats of 8 bits) the capsule is
read here: it is kept alive by the array and never marked as used, so that its own destructor gives
the memory back.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ._abi import ElementType
from ._elements import element
from .errors import BadArgumentError

_CPU = 1

# (DLDataTypeCode, bits) of types that NumPy's own reader does not take.
_TYPES = {
    (4, 16): ElementType.BFLOAT16,
    (10, 8): ElementType.FLOAT8E4M3FN,
    (11, 8): ElementType.FLOAT8E4M3FNUZ,
    (12, 8): ElementType.FLOAT8E5M2,
    (13, 8): ElementType.FLOAT8E5M2FNUZ,
    (14, 8): ElementType.FLOAT8E8M0,
}


class _DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype = ctypes.c_void_p
_get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


class _Owner:
    """What an array of borrowed memory has as its base."""

    def __init__(self, capsule: Any, interface: dict[str, Any]) -> None:
        self.capsule = capsule
        self.__array_interface__ = interface


def _read_capsule(value: Any) -> np.ndarray | None:
    """None: the type is none of those that are read here."""
    capsule = value.__dlpack__()
    tensor = _DLTensor.from_address(_get_pointer(capsule, b"dltensor"))
    kind = _TYPES.get((tensor.code, tensor.bits))
    if kind is None or tensor.lanes != 1 or tensor.device_type != _CPU:
        return None
    memory = element(kind).memory
    strides = None
    if tensor.strides:
        strides = tuple(step * memory.itemsize for step in tensor.strides[: tensor.ndim])
    interface = {
        "version": 3,
        "typestr": memory.str,
        "shape": tuple(tensor.shape[: tensor.ndim]),
        "strides": strides,
        "data": ((tensor.data or 0) + tensor.byte_offset, True),
    }
    array = np.asarray(_Owner(capsule, interface))
    return array if element(kind).dtype == memory else array.view(element(kind).dtype)


def from_dlpack(value: Any, what: str) -> np.ndarray:
    """An array that shares the memory of a tensor, which must be the CPU's."""
    try:
        return np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        reason = error
    try:
        array = _read_capsule(value)
    except (BufferError, RuntimeError, TypeError, ValueError):
        array = None
    if array is None:
        raise BadArgumentError(f"{what} cannot be read through DLPack: {reason}") from reason
    return array

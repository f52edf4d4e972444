# SPDX-License-Identifier: Apache-2.0
"""Element types and NumPy's data types.

Most ONNX types are NumPy types. For the others there are two spellings. One is the types of the
package ``ml_dtypes`` (``bfloat16``, ``float8_e4m3fn``, ``int4``, ...), which results have where
that package can be imported. The other is the raw form, which results have where it cannot: the
bits of an element as an unsigned integer of 8 or 16 bits, and for ``int4`` and ``int2`` their value
as an ``int8``. Inputs may have either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._abi import ElementType
from .errors import BadArgumentError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

try:
    import ml_dtypes
except ImportError:  # raw integers do
    ml_dtypes = None  # type: ignore[assignment]

_PLAIN: dict[ElementType, DTypeLike] = {
    ElementType.FLOAT: np.float32,
    ElementType.UINT8: np.uint8,
    ElementType.INT8: np.int8,
    ElementType.UINT16: np.uint16,
    ElementType.INT16: np.int16,
    ElementType.INT32: np.int32,
    ElementType.INT64: np.int64,
    ElementType.STRING: np.object_,
    ElementType.BOOL: np.bool_,
    ElementType.FLOAT16: np.float16,
    ElementType.DOUBLE: np.float64,
    ElementType.UINT32: np.uint32,
    ElementType.UINT64: np.uint64,
    ElementType.COMPLEX64: np.complex64,
    ElementType.COMPLEX128: np.complex128,
}

# Types that NumPy lacks: the name in ml_dtypes, the raw form.
_EXTENDED: dict[ElementType, tuple[str, DTypeLike]] = {
    ElementType.BFLOAT16: ("bfloat16", np.uint16),
    ElementType.FLOAT8E4M3FN: ("float8_e4m3fn", np.uint8),
    ElementType.FLOAT8E4M3FNUZ: ("float8_e4m3fnuz", np.uint8),
    ElementType.FLOAT8E5M2: ("float8_e5m2", np.uint8),
    ElementType.FLOAT8E5M2FNUZ: ("float8_e5m2fnuz", np.uint8),
    ElementType.UINT4: ("uint4", np.uint8),
    ElementType.INT4: ("int4", np.int8),
    ElementType.FLOAT4E2M1: ("float4_e2m1fn", np.uint8),
    ElementType.FLOAT8E8M0: ("float8_e8m0fnu", np.uint8),
    ElementType.UINT2: ("uint2", np.uint8),
    ElementType.INT2: ("int2", np.int8),
    ElementType.FLOAT6E2M3: ("float6_e2m3fn", np.uint8),
    ElementType.FLOAT6E3M2: ("float6_e3m2fn", np.uint8),
}

# Values that the raw form of a type narrower than a byte may have: the first, the last.
_RANGES = {
    ElementType.UINT4: (0, 15),
    ElementType.INT4: (-8, 7),
    ElementType.UINT2: (0, 3),
    ElementType.INT2: (-2, 1),
    ElementType.FLOAT4E2M1: (0, 15),
    ElementType.FLOAT6E2M3: (0, 63),
    ElementType.FLOAT6E3M2: (0, 63),
}

_INTEGERS = {ElementType.UINT4, ElementType.INT4, ElementType.UINT2, ElementType.INT2}


class Element:
    """One element type, as the library's memory and as NumPy see it."""

    __slots__ = ("dtype", "is_plain", "memory", "type")

    def __init__(self, kind: ElementType) -> None:
        self.type = kind
        self.is_plain = kind in _PLAIN and kind != ElementType.STRING
        if kind in _PLAIN:
            self.memory = self.dtype = np.dtype(_PLAIN[kind])
            return
        name, raw = _EXTENDED[kind]
        self.memory = np.dtype(raw)
        self.dtype = np.dtype(getattr(ml_dtypes, name, raw))

    @property
    def is_string(self) -> bool:
        return self.type == ElementType.STRING

    def to_memory(self, array: np.ndarray, what: str) -> np.ndarray:
        """The array's elements as the library has them in memory: itself, a view, or a copy."""
        if array.dtype == self.memory:
            if self.type in _RANGES and array.size:
                low, high = _RANGES[self.type]
                if array.min() < low or array.max() > high:
                    raise BadArgumentError(
                        f"{what} is {self.type.name.lower()} in its raw form, {self.memory}, and "
                        f"has elements outside of {low} to {high}"
                    )
            return array
        if array.dtype == self.dtype:
            # ml_dtypes keeps the low bits of an integer, the library its value
            return array.astype(self.memory) if self.type in _INTEGERS else array.view(self.memory)
        raise BadArgumentError(f"{what} has elements of type {array.dtype}, not {self.dtype}")

    def from_memory(self, array: np.ndarray) -> np.ndarray:
        """The opposite: an array of `dtype` from one of `memory`."""
        if self.dtype == self.memory:
            return array
        return array.astype(self.dtype) if self.type in _INTEGERS else array.view(self.dtype)


_elements: dict[int, Element] = {}


def element(kind: int) -> Element:
    """The element type of a number of ONNX's."""
    found = _elements.get(kind)
    if found is None:
        found = _elements[kind] = Element(ElementType(kind))
    return found


_by_name = {
    "float": ElementType.FLOAT,
    "double": ElementType.DOUBLE,
    **{kind.name.lower(): kind for kind in ElementType},
}


def element_named(name: str) -> Element:
    """The element type of a name of ONNX's textual syntax: "float", "int64"."""
    return element(_by_name[name])


def element_of(dtype: Any) -> Element:
    """The element type whose arrays have this data type."""
    dtype = np.dtype(dtype)
    if dtype.kind in "OUST":
        return element(ElementType.STRING)
    for kind in (*_PLAIN, *_EXTENDED):
        if element(kind).dtype == dtype:
            return element(kind)
    raise BadArgumentError(f"NumPy's type {dtype} is no element type of ONNX")

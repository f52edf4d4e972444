# SPDX-License-Identifier: Apache-2.0
"""Types of inputs and outputs, read from the text that the library gives: ``float[N, 3]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Union

from ._abi import ValueKind
from ._elements import Element, element_named

#: A dimension: a number, or a formula in symbols ("N", "2*N + 1").
Dim = Union[int, str]

_wrappers = {"seq": ValueKind.SEQUENCE, "optional": ValueKind.OPTIONAL}


@dataclass(frozen=True)
class Type:
    """The type of a value: a tensor has an element and perhaps a shape, the others an inner
    type."""

    text: str
    kind: ValueKind
    element: Element | None = None
    shape: tuple[Dim, ...] | None = None
    inner: Type | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def tensor_element(self) -> Element:
        """The element type of what is known to be a tensor."""
        assert self.element is not None
        return self.element

    @property
    def symbols(self) -> frozenset[str]:
        """Names that occur in the sizes."""
        if self.inner:
            return self.inner.symbols
        texts = [dim for dim in self.shape or () if isinstance(dim, str)]
        return frozenset(re.findall(r"[A-Za-z_]\w*", " ".join(texts)))


# A dimension: a number, a name, "?" where it is not known, or a formula in quotes.
_DIM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))\s*(?:,|$)')


def _dims(text: str) -> tuple[Dim, ...]:
    dims: list[Dim] = []
    for quoted, plain in _DIM.findall(text):
        dims.append(int(plain) if re.fullmatch(r"-?\d+", plain) else plain or quoted)
    return tuple(dims)


def parse_type(text: str) -> Type:
    """The type that a text of the library describes."""
    wrapped = re.fullmatch(r"(seq|optional)\((.*)\)", text, re.DOTALL)
    if wrapped:
        return Type(text, _wrappers[wrapped[1]], inner=parse_type(wrapped[2]))
    if text in ("", "?"):  # a model may leave a type open
        return Type(text, ValueKind.TENSOR)
    name, bracket, rest = text.partition("[")
    dims = rest.rpartition("]")[0]
    shape = (_dims(dims) or None) if bracket else ()  # "float" is a scalar, "float[]" of any rank
    return Type(text, ValueKind.TENSOR, element=element_named(name.strip()), shape=shape)

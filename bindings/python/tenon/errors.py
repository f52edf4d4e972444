# SPDX-License-Identifier: Apache-2.0
"""Exceptions: one class for each status of the library, all of them ``tenon.Error``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ._abi import Severity, Status

__all__ = [
    "ArenaTooSmallError",
    "BadArgumentError",
    "CancelledError",
    "Diagnostic",
    "Error",
    "FileError",
    "InternalError",
    "InvalidModelError",
    "OutOfMemoryError",
    "UnsupportedError",
]


class Diagnostic(NamedTuple):
    """Something that the library has to say of a model: what was found, what was expected, where.

    What is not known is None.
    """

    severity: Severity
    text: str  #: with place and excerpt
    message: str | None = None  #: without the place
    file: str | None = None  #: a path, or the name that was given to a model in memory
    line: int | None = None  #: in a text, from 1 on
    column: int | None = None  #: in bytes, from 1 on
    begin: int | None = None  #: the place in bytes from the file's beginning
    end: int | None = None
    path: str | None = None  #: in a binary model: "graph.node[3].attribute[0]"
    node: str | None = None  #: the node's name, or that of its first output

    def __str__(self) -> str:
        return self.text


class Error(Exception):
    """A call of the library failed.

    ``status`` says how, ``diagnostics`` why (a list of :class:`Diagnostic`, perhaps empty), and
    ``str()`` both.
    """

    status: Status = Status.INTERNAL

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.diagnostics = list(diagnostics)

    def __str__(self) -> str:
        lines = [str(self.args[0]) if self.args else ""]
        lines += [d.text.rstrip("\n") for d in self.diagnostics if d.severity != Severity.NOTE]
        return "\n".join(lines)


class InvalidModelError(Error, ValueError):
    """The model is malformed, or contradicts itself."""

    status = Status.INVALID_MODEL


class UnsupportedError(Error, NotImplementedError):
    """The model is legal, and uses something that is not implemented.

    ``needs`` names inputs whose values decide the model's structure: where it is not empty, the
    model may compile with those among ``values``.
    """

    status = Status.UNSUPPORTED
    needs: tuple[str, ...] = ()


class BadArgumentError(Error, ValueError):
    """An argument has another name, type, shape or range than was asked for."""

    status = Status.BAD_ARGUMENT


class OutOfMemoryError(Error, MemoryError):
    """There is no memory for it."""

    status = Status.OUT_OF_MEMORY


class FileError(Error, OSError):
    """A file could not be read or written."""

    status = Status.IO


class ArenaTooSmallError(Error):
    """The arena that was given is smaller than what the run needs."""

    status = Status.ARENA_TOO_SMALL


class CancelledError(Error):
    """The run was cancelled."""

    status = Status.CANCELLED


class InternalError(Error):
    """A bug in Tenon; please report it."""

    status = Status.INTERNAL


_classes = {
    kind.status: kind
    for kind in (
        InvalidModelError,
        UnsupportedError,
        BadArgumentError,
        OutOfMemoryError,
        FileError,
        ArenaTooSmallError,
        CancelledError,
        InternalError,
    )
}


def error_of(status: int, message: str, diagnostics: Sequence[Diagnostic] = ()) -> Error:
    """The exception for a status that is not OK."""
    return _classes.get(Status(status), Error)(message, diagnostics)

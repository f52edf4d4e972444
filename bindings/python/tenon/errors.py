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
    """Something that the library has to say of a model: what was found, what was expected, where."""

    severity: Severity
    text: str

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
    """The model is legal, and uses something that is not implemented."""

    status = Status.UNSUPPORTED


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

# SPDX-License-Identifier: Apache-2.0
"""What the library has to say while it reads, compiles, saves and loads."""

from __future__ import annotations

import logging
from typing import Any

from . import _abi
from ._abi import Severity, Status
from ._library import library
from .errors import Diagnostic, error_of

_log = logging.getLogger("tenon")

_levels = {
    Severity.ERROR: logging.DEBUG,  # an exception carries it, too
    Severity.WARNING: logging.WARNING,
    Severity.NOTE: logging.INFO,
}


def text_of(text: bytes | None) -> str | None:
    return text.decode("utf-8", "replace").rstrip("\n") if text else None


class Messages:
    """Collects diagnostics, and tells the logger "tenon"."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.callback = _abi.Diagnose(self._receive)

    def _receive(self, _user: int | None, pointer: Any) -> None:
        c = pointer.contents
        diagnostic = Diagnostic(
            severity=Severity(c.severity),
            text=text_of(c.text) or "",
            message=text_of(c.message),
            file=text_of(c.file),
            line=c.line or None,
            column=c.column or None,
            begin=c.begin if c.begin >= 0 else None,
            end=c.end if c.end >= 0 else None,
            path=text_of(c.path),
            node=text_of(c.node),
        )
        self.diagnostics.append(diagnostic)
        _log.log(_levels[diagnostic.severity], "%s", diagnostic.text)

    def check(self, status: int, what: str) -> None:
        """Raises the exception of a status."""
        if status != Status.OK:
            text = library().tn_status_text(status).decode()
            raise error_of(status, f"{what}: {text}", self.diagnostics)

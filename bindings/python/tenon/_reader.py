# SPDX-License-Identifier: Apache-2.0
"""Files that the caller reads in the library's stead."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _abi

#: Answers the bytes of a file by its name, or None where there is no such file.
Read = Callable[[str], Any]


class Reader:
    """A TnReader. The bytes of the file that was asked for last are kept until another is."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._last: tuple[bytes, np.ndarray] | None = None
        self._lock = threading.Lock()
        self.raised: BaseException | None = None  #: what the caller's function raised
        self.functions = (_abi.ReaderLength(self._length), _abi.ReaderRead(self._read_piece))

    @property
    def table(self) -> _abi.Reader:
        length, read = (ctypes.cast(f, ctypes.c_void_p) for f in self.functions)
        return _abi.Reader(length=length, read=read)

    def _bytes(self, name: bytes) -> np.ndarray | None:
        with self._lock:
            if self._last and self._last[0] == name:
                return self._last[1]
            try:
                found = self._read(os.fsdecode(name))
            except FileNotFoundError:
                found = None
            except BaseException as error:  # cannot pass through C; the caller of C raises it
                self.raised = error
                found = None
            if found is None:
                return None
            self._last = (name, np.frombuffer(found, np.uint8) if len(found) else np.empty(0, "u1"))
            return self._last[1]

    def _length(self, _user: int | None, name: bytes) -> int:
        found = self._bytes(name)
        return -1 if found is None else found.nbytes

    def _read_piece(
        self, _user: int | None, name: bytes, offset: int, data: int, length: int
    ) -> bool:
        found = self._bytes(name)
        if found is None or offset < 0 or offset + length > found.nbytes:
            return False
        if length:
            ctypes.memmove(data, found.ctypes.data + offset, length)
        return True

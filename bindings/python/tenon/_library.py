# SPDX-License-Identifier: Apache-2.0
"""Finds and opens libtenon, once.

Looked for in this order: the file that ``$TENON_LIBRARY`` names; beside this module, where a wheel
carries it; ``build/release`` of the repository that this module stands in.
"""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path
from typing import Any

from . import _abi
from .errors import UnsupportedError

FILE_NAME = "libtenon.so"

_lock = threading.Lock()
_library: ctypes.CDLL | None = None


def candidates() -> list[Path]:
    """Where the library may lie, the first first."""
    chosen = os.environ.get("TENON_LIBRARY")
    if chosen:
        return [Path(chosen)]
    here = Path(__file__).resolve().parent
    found = [here / FILE_NAME]
    if len(here.parents) >= 3:  # <repository>/bindings/python/tenon
        found.append(here.parents[2] / "build" / "release" / FILE_NAME)
    return found


def find() -> Path:
    """The path of the library.

    Raises ImportError, which says where it was looked for.
    """
    places = candidates()
    for place in places:
        if place.is_file():
            return place
    listed = ", ".join(str(place) for place in places)
    raise ImportError(
        f"{FILE_NAME} was not found; looked for {listed}. Build it (./demo), or name the file in "
        "the environment variable TENON_LIBRARY"
    )


def _open(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    for name, result, arguments in _abi.PROTOTYPES:
        function = getattr(library, name, None)
        if function is None:
            if name in _abi.OPTIONAL:
                continue
            raise ImportError(f"{path} does not export {name}: it is of another version")
        function.restype = result
        function.argtypes = arguments
    return library


def library() -> ctypes.CDLL:
    """The opened library, with the prototypes of :mod:`tenon._abi`."""
    global _library
    if _library is None:
        with _lock:
            if _library is None:
                _library = _open(find())
    return _library


def optional_function(name: str) -> Any:
    """A function of :data:`tenon._abi.OPTIONAL`; raises UnsupportedError where it is not there."""
    function = getattr(library(), name, None)
    if function is None:
        raise UnsupportedError(f"this build of the library has no {name}()")
    return function


def bare_function(name: str) -> Any:
    """A function of the library whose arguments are ctypes' own already, so that it takes less time
    to call; its result is an int."""
    return library()[name]

# SPDX-License-Identifier: Apache-2.0
"""Tenon compiles ONNX models to machine code, in process.

    import tenon

    program = tenon.compile("model.onnx")  # or bytes, ONNX text, an onnx.ModelProto
    outputs = program({"x": x})  # NumPy arrays, or anything with __dlpack__
    outputs["y"]

``tenon.onnx_backend`` drives it from ONNX's own test runner, ``tenon.torch_backend`` from
``torch.compile``. Errors are exceptions of the class :class:`Error`. Messages that are no errors go
to the logger "tenon".
"""

from . import _library
from ._abi import ElementType, Severity, Status
from .errors import (
    ArenaTooSmallError,
    BadArgumentError,
    CancelledError,
    Diagnostic,
    Error,
    FileError,
    InternalError,
    InvalidModelError,
    OutOfMemoryError,
    UnsupportedError,
)
from .graph import Graph, Node
from .model import Model, ModelInspection, compile
from .operator import Operator
from .program import Inspection, Outputs, Port, Program, Session, Step, StepTime, Symbol, load

__version__ = _library.library().tn_version().decode()

__all__ = [
    "ArenaTooSmallError",
    "BadArgumentError",
    "CancelledError",
    "Diagnostic",
    "ElementType",
    "Error",
    "FileError",
    "Graph",
    "Inspection",
    "InternalError",
    "InvalidModelError",
    "Model",
    "ModelInspection",
    "Node",
    "Operator",
    "OutOfMemoryError",
    "Outputs",
    "Port",
    "Program",
    "Session",
    "Severity",
    "Status",
    "Step",
    "StepTime",
    "Symbol",
    "UnsupportedError",
    "compile",
    "load",
]

# SPDX-License-Identifier: Apache-2.0
"""include/tenon.h as ctypes sees it: enumerations, structures, prototypes.

This module is the only one that knows layouts. tests/python/test_abi.py compares each number in it
with what a C program that includes the header prints.
"""

from __future__ import annotations

import ctypes
import enum
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p

__all__ = [
    "MAX_RANK",
    "PROTOTYPES",
    "CompileOptions",
    "ContextOptions",
    "ElementType",
    "InputShape",
    "InputValue",
    "LoadOptions",
    "Log",
    "Parallel",
    "Port",
    "Severity",
    "Status",
    "String",
    "SymbolSize",
    "Tensor",
    "Value",
    "ValueKind",
]


class Status(enum.IntEnum):
    """What a call of the library answers (``TnStatus``)."""

    OK = 0
    INVALID_MODEL = 1
    UNSUPPORTED = 2
    BAD_ARGUMENT = 3
    OUT_OF_MEMORY = 4
    IO = 5
    ARENA_TOO_SMALL = 6
    CANCELLED = 7
    INTERNAL = 8


class ElementType(enum.IntEnum):
    """ONNX's ``TensorProto.DataType`` (``TnElementType``)."""

    UNDEFINED = 0
    FLOAT = 1
    UINT8 = 2
    INT8 = 3
    UINT16 = 4
    INT16 = 5
    INT32 = 6
    INT64 = 7
    STRING = 8
    BOOL = 9
    FLOAT16 = 10
    DOUBLE = 11
    UINT32 = 12
    UINT64 = 13
    COMPLEX64 = 14
    COMPLEX128 = 15
    BFLOAT16 = 16
    FLOAT8E4M3FN = 17
    FLOAT8E4M3FNUZ = 18
    FLOAT8E5M2 = 19
    FLOAT8E5M2FNUZ = 20
    UINT4 = 21
    INT4 = 22
    FLOAT4E2M1 = 23
    FLOAT8E8M0 = 24
    UINT2 = 25
    INT2 = 26
    FLOAT6E2M3 = 27
    FLOAT6E3M2 = 28


class ValueKind(enum.IntEnum):
    """What a value is (``TnValueKind``)."""

    ABSENT = 0
    TENSOR = 1
    SEQUENCE = 2
    OPTIONAL = 3


class Severity(enum.IntEnum):
    """How bad a message is (``TnSeverity``)."""

    ERROR = 0
    WARNING = 1
    NOTE = 2


MAX_RANK = 10


class String(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("length", c_int64)]


class Tensor(ctypes.Structure):
    _fields_ = [
        ("element", c_int),
        ("rank", c_int),
        ("dims", c_int64 * MAX_RANK),
        ("data", c_void_p),
    ]


class Value(ctypes.Structure):
    pass


Value._fields_ = [
    ("kind", c_int),
    ("tensor", Tensor),
    ("count", c_int64),
    ("items", POINTER(POINTER(Value))),
]


class Parallel(ctypes.Structure):
    _fields_ = [("parallel_for", c_void_p), ("user", c_void_p), ("threads", c_int)]


# void log(void *user, TnSeverity severity, const char *text)
Log = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p)


class LoadOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("log", Log), ("log_user", c_void_p)]


class SymbolSize(ctypes.Structure):
    _fields_ = [("symbol", c_char_p), ("size", c_int64)]


class InputShape(ctypes.Structure):
    _fields_ = [("input", c_char_p), ("rank", c_int), ("dims", c_int64 * MAX_RANK)]


class InputValue(ctypes.Structure):
    _fields_ = [("input", c_char_p), ("tensor", Tensor)]


class CompileOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("log", Log),
        ("log_user", c_void_p),
        ("backend", c_char_p),
        ("pipeline", c_char_p),
        ("parallel", Parallel),
        ("sizes", POINTER(SymbolSize)),
        ("shapes", POINTER(InputShape)),
        ("values", POINTER(InputValue)),
        ("size_count", c_int),
        ("shape_count", c_int),
        ("value_count", c_int),
    ]


class Port(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("type", c_char_p),
        ("kind", c_int),
        ("element", c_int),
        ("rank", c_int),
        ("dims", c_int64 * MAX_RANK),
    ]


class ContextOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("parallel", Parallel)]


# Handles are void pointers: (name, result, arguments).
PROTOTYPES = [
    ("tn_version", c_char_p, []),
    ("tn_status_text", c_char_p, [c_int]),
    ("tn_model_load", c_int, [c_char_p, POINTER(LoadOptions), POINTER(c_void_p)]),
    (
        "tn_model_parse",
        c_int,
        [c_void_p, c_size_t, c_char_p, POINTER(LoadOptions), POINTER(c_void_p)],
    ),
    ("tn_model_destroy", None, [c_void_p]),
    ("tn_compile", c_int, [c_void_p, POINTER(CompileOptions), POINTER(c_void_p)]),
    ("tn_program_destroy", None, [c_void_p]),
    ("tn_program_input_count", c_int, [c_void_p]),
    ("tn_program_output_count", c_int, [c_void_p]),
    ("tn_program_input", c_int, [c_void_p, c_int, POINTER(Port)]),
    ("tn_program_output", c_int, [c_void_p, c_int, POINTER(Port)]),
    ("tn_program_arena_formula", c_char_p, [c_void_p]),
    ("tn_context_create", c_int, [c_void_p, POINTER(ContextOptions), POINTER(c_void_p)]),
    ("tn_context_destroy", None, [c_void_p]),
    ("tn_run", c_int, [c_void_p, c_int, POINTER(Value), c_int, POINTER(Value)]),
    ("tn_context_error", c_char_p, [c_void_p]),
    ("tn_context_set_arena", None, [c_void_p, c_void_p, c_size_t]),
    ("tn_context_arena_needed", c_int64, [c_void_p]),
    (
        "tn_context_arena_bytes",
        c_int,
        [c_void_p, c_int, POINTER(Value), POINTER(c_int64)],
    ),
]

# SPDX-License-Identifier: Apache-2.0
"""include/tenon.h as ctypes sees it: enumerations, structures, prototypes.

This module is the only one that knows layouts. tests/python/test_abi.py compares each number in it
with what a C program that includes the header prints.
"""

from __future__ import annotations

import ctypes
import enum
from ctypes import (
    POINTER,
    c_bool,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int64,
    c_size_t,
    c_uint,
    c_void_p,
)


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


class Report(enum.IntFlag):
    """What compiling can tell of itself (``TnReport``)."""

    STEPS = 1
    KERNELS = 2
    MODEL = 4
    EXPLANATIONS = 8
    EXPLANATIONS_JSON = 16
    PASSES = 32


class Format(enum.IntEnum):
    """How a model is written (``TnFormat``)."""

    BINARY = 0
    TEXT = 1


class AttributeKind(enum.IntEnum):
    """What an attribute of an operator of the host's is (``TnAttributeKind``)."""

    INT = 0
    FLOAT = 1
    STRING = 2
    INTS = 3
    FLOATS = 4
    STRINGS = 5
    TENSOR = 6


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


class Allocator(ctypes.Structure):
    _fields_ = [("allocate", c_void_p), ("release", c_void_p), ("user", c_void_p)]


class Reader(ctypes.Structure):
    _fields_ = [("length", c_void_p), ("read", c_void_p), ("user", c_void_p)]


class Diagnostic(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("severity", c_int),
        ("message", c_char_p),
        ("text", c_char_p),
        ("file", c_char_p),
        ("line", c_int),
        ("column", c_int),
        ("begin", c_int64),
        ("end", c_int64),
        ("path", c_char_p),
        ("node", c_char_p),
    ]


class Type(ctypes.Structure):
    _fields_ = [("element", c_int), ("rank", c_int), ("dims", c_char_p * MAX_RANK)]


class Attribute(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("kind", c_int),
        ("required", c_bool),
        ("default_int", c_int64),
        ("default_float", c_float),
    ]


# TnStatus infer(void *user, TnCall *), and compute()
CallFunction = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)


class Operator(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("domain", c_char_p),
        ("name", c_char_p),
        ("since", c_int),
        ("min_inputs", c_int),
        ("max_inputs", c_int),
        ("outputs", c_int),
        ("attributes", POINTER(Attribute)),
        ("attribute_count", c_int),
        ("infer", CallFunction),
        ("compute", CallFunction),
        ("user", c_void_p),
    ]


# int64_t length(void *user, const char *name)
ReaderLength = ctypes.CFUNCTYPE(c_int64, c_void_p, c_char_p)
# bool read(void *user, const char *name, int64_t offset, void *data, int64_t length)
ReaderRead = ctypes.CFUNCTYPE(c_bool, c_void_p, c_char_p, c_int64, c_void_p, c_int64)
# void diagnose(void *user, const TnDiagnostic *)
Diagnose = ctypes.CFUNCTYPE(None, c_void_p, POINTER(Diagnostic))
# bool proceed(void *user)
Proceed = ctypes.CFUNCTYPE(c_bool, c_void_p)
# void needs_value(void *user, const char *input)
NeedsValue = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)
# bool writer(void *user, const void *data, size_t length)
Writer = ctypes.CFUNCTYPE(c_bool, c_void_p, c_void_p, c_size_t)


class LoadOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("log", c_void_p),
        ("log_user", c_void_p),
        ("diagnose", Diagnose),
        ("diagnose_user", c_void_p),
        ("reader", Reader),
        ("allocator", Allocator),
    ]


class ModelInfo(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("producer", c_char_p),
        ("ir_version", c_int64),
        ("opset", c_int64),
        ("node_count", c_int64),
        ("weight_count", c_int64),
        ("weight_elements", c_int64),
        ("operator_count", c_int),
    ]


class SymbolSize(ctypes.Structure):
    _fields_ = [("symbol", c_char_p), ("size", c_int64)]


class InputShape(ctypes.Structure):
    _fields_ = [("input", c_char_p), ("rank", c_int), ("dims", c_int64 * MAX_RANK)]


class InputValue(ctypes.Structure):
    _fields_ = [("input", c_char_p), ("tensor", Tensor)]


class State(ctypes.Structure):
    _fields_ = [
        ("past", c_char_p),
        ("present", c_char_p),
        ("initial", POINTER(Tensor)),
        ("capacity", c_int64),
    ]


class Cache(ctypes.Structure):
    _fields_ = [("folder", c_char_p), ("limit", c_int64)]


class CompileOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("log", c_void_p),
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
        ("diagnose", Diagnose),
        ("diagnose_user", c_void_p),
        ("allocator", Allocator),
        ("reports", c_uint),
        ("seconds", c_double),
        ("proceed", Proceed),
        ("proceed_user", c_void_p),
        ("states", POINTER(State)),
        ("replaceable", POINTER(c_char_p)),
        ("state_count", c_int),
        ("replaceable_count", c_int),
        ("needs_value", NeedsValue),
        ("needs_value_user", c_void_p),
        ("cache", POINTER(Cache)),
        ("quick", c_bool),
        ("math", c_char_p),
        ("tuning", c_char_p),
    ]


class OptimizeOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("parallel", Parallel),
        ("seconds", c_double),
        ("proceed", Proceed),
        ("proceed_user", c_void_p),
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


class SaveOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("log", c_void_p),
        ("log_user", c_void_p),
        ("diagnose", Diagnose),
        ("diagnose_user", c_void_p),
        ("name", c_char_p),
        ("header", c_char_p),
        ("weights", c_char_p),
    ]


class OpenOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("log", c_void_p),
        ("log_user", c_void_p),
        ("diagnose", Diagnose),
        ("diagnose_user", c_void_p),
        ("weights", c_char_p),
        ("reader", Reader),
        ("allocator", Allocator),
        ("operators", POINTER(Operator)),
        ("operator_count", c_int),
        ("trust_weights", c_bool),
    ]


class Symbol(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("lower", c_int64), ("upper", c_int64)]


class ProgramInfo(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("step_count", c_int),
        ("kernel_count", c_int),
        ("weight_bytes", c_int64),
        ("packed_bytes", c_int64),
        ("worker_bytes", c_int64),
        ("needs_more_memory", c_bool),
        ("from_cache", c_bool),
        ("is_quick", c_bool),
        ("appended_states", c_int),
    ]


class Step(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("op_type", c_char_p), ("kind", c_char_p), ("depth", c_int)]


class ContextOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("parallel", Parallel),
        ("allocator", Allocator),
        ("profile", c_bool),
    ]


# Functions that a build of the library may lack; they then raise tenon.UnsupportedError.
OPTIONAL = ("tn_program_save", "tn_program_load")

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
    ("tn_model_input_count", c_int, [c_void_p]),
    ("tn_model_output_count", c_int, [c_void_p]),
    ("tn_model_input", c_int, [c_void_p, c_int, POINTER(Port)]),
    ("tn_model_output", c_int, [c_void_p, c_int, POINTER(Port)]),
    ("tn_model_symbol", c_char_p, [c_void_p, c_int]),
    ("tn_model_info", c_int, [c_void_p, POINTER(ModelInfo)]),
    ("tn_model_operator", c_char_p, [c_void_p, c_int, POINTER(c_int64)]),
    ("tn_model_write", c_int, [c_void_p, c_int, Writer, c_void_p]),
    ("tn_model_print", c_int, [c_void_p, c_int64, Writer, c_void_p]),
    ("tn_model_save", c_int, [c_void_p, c_char_p]),
    ("tn_model_create", c_int, [c_char_p, POINTER(LoadOptions), POINTER(c_void_p)]),
    ("tn_model_graph", c_void_p, [c_void_p]),
    ("tn_model_set_opset", c_int, [c_void_p, c_char_p, c_int64]),
    ("tn_model_add_function", c_int, [c_void_p, c_char_p]),
    ("tn_model_add_operator", c_int, [c_void_p, POINTER(Operator)]),
    ("tn_model_check", c_int, [c_void_p]),
    ("tn_graph_add_input", c_int, [c_void_p, c_char_p, c_char_p]),
    ("tn_graph_add_output", c_int, [c_void_p, c_char_p, c_char_p]),
    ("tn_graph_remove_input", c_int, [c_void_p, c_char_p]),
    ("tn_graph_remove_output", c_int, [c_void_p, c_char_p]),
    ("tn_graph_add_constant", c_int, [c_void_p, c_char_p, POINTER(Tensor)]),
    ("tn_graph_set_constant", c_int, [c_void_p, c_char_p, POINTER(Tensor)]),
    ("tn_graph_replace", c_int, [c_void_p, c_char_p, c_char_p]),
    (
        "tn_graph_add_node",
        c_int,
        [
            *(c_void_p, c_char_p, c_char_p),
            *(c_int, POINTER(c_char_p), c_int, POINTER(c_char_p)),
            POINTER(c_void_p),
        ],
    ),
    ("tn_graph_add_text", c_int, [c_void_p, c_char_p]),
    ("tn_graph_node_count", c_int, [c_void_p]),
    ("tn_graph_node", c_void_p, [c_void_p, c_int]),
    ("tn_graph_find_node", c_void_p, [c_void_p, c_char_p]),
    ("tn_node_op_type", c_char_p, [c_void_p]),
    ("tn_node_name", c_char_p, [c_void_p]),
    ("tn_node_input", c_char_p, [c_void_p, c_int]),
    ("tn_node_output", c_char_p, [c_void_p, c_int]),
    ("tn_node_set_input", c_int, [c_void_p, c_int, c_char_p]),
    ("tn_node_remove", c_int, [c_void_p]),
    ("tn_node_move", c_int, [c_void_p, c_void_p]),
    ("tn_node_set_int", c_int, [c_void_p, c_char_p, c_int64]),
    ("tn_node_set_float", c_int, [c_void_p, c_char_p, c_float]),
    ("tn_node_set_string", c_int, [c_void_p, c_char_p, c_char_p]),
    ("tn_node_set_ints", c_int, [c_void_p, c_char_p, c_int, POINTER(c_int64)]),
    ("tn_node_set_floats", c_int, [c_void_p, c_char_p, c_int, POINTER(c_float)]),
    ("tn_node_set_strings", c_int, [c_void_p, c_char_p, c_int, POINTER(c_char_p)]),
    ("tn_node_set_tensor", c_int, [c_void_p, c_char_p, POINTER(Tensor)]),
    ("tn_node_add_graph", c_int, [c_void_p, c_char_p, POINTER(c_void_p)]),
    ("tn_node_remove_attribute", c_int, [c_void_p, c_char_p]),
    ("tn_call_input_count", c_int, [c_void_p]),
    ("tn_call_output_count", c_int, [c_void_p]),
    ("tn_call_int", c_int64, [c_void_p, c_char_p]),
    ("tn_call_float", c_float, [c_void_p, c_char_p]),
    ("tn_call_string", String, [c_void_p, c_char_p]),
    ("tn_call_ints", POINTER(c_int64), [c_void_p, c_char_p, POINTER(c_int64)]),
    ("tn_call_floats", POINTER(c_float), [c_void_p, c_char_p, POINTER(c_int64)]),
    ("tn_call_strings", POINTER(String), [c_void_p, c_char_p, POINTER(c_int64)]),
    ("tn_call_tensor", POINTER(Tensor), [c_void_p, c_char_p]),
    ("tn_call_fail", c_int, [c_void_p, c_char_p]),
    ("tn_call_input_type", c_int, [c_void_p, c_int, POINTER(Type)]),
    ("tn_call_set_type", c_int, [c_void_p, c_int, POINTER(Type)]),
    ("tn_call_input", POINTER(Tensor), [c_void_p, c_int]),
    ("tn_call_wants", c_bool, [c_void_p, c_int]),
    ("tn_call_output", c_void_p, [c_void_p, c_int, c_int, POINTER(c_int64)]),
    ("tn_call_status", c_int, [c_void_p]),
    ("tn_compile", c_int, [c_void_p, POINTER(CompileOptions), POINTER(c_void_p)]),
    ("tn_program_save", c_int, [c_void_p, c_char_p, POINTER(SaveOptions)]),
    ("tn_program_load", c_int, [c_char_p, POINTER(OpenOptions), POINTER(c_void_p)]),
    ("tn_program_destroy", None, [c_void_p]),
    ("tn_program_optimize", c_int, [c_void_p, POINTER(OptimizeOptions)]),
    ("tn_program_input_count", c_int, [c_void_p]),
    ("tn_program_output_count", c_int, [c_void_p]),
    ("tn_program_input", c_int, [c_void_p, c_int, POINTER(Port)]),
    ("tn_program_output", c_int, [c_void_p, c_int, POINTER(Port)]),
    ("tn_program_arena_formula", c_char_p, [c_void_p]),
    ("tn_program_state_count", c_int, [c_void_p]),
    ("tn_program_state", c_int, [c_void_p, c_int, POINTER(Port)]),
    (
        "tn_program_set_weight",
        c_int,
        [c_void_p, c_char_p, POINTER(Tensor), POINTER(c_char_p)],
    ),
    ("tn_program_report", c_char_p, [c_void_p, c_int]),
    ("tn_program_symbol_count", c_int, [c_void_p]),
    ("tn_program_symbol", c_int, [c_void_p, c_int, POINTER(Symbol)]),
    ("tn_program_info", c_int, [c_void_p, POINTER(ProgramInfo)]),
    ("tn_program_step", c_int, [c_void_p, c_int, POINTER(Step)]),
    ("tn_context_create", c_int, [c_void_p, POINTER(ContextOptions), POINTER(c_void_p)]),
    ("tn_context_destroy", None, [c_void_p]),
    ("tn_run", c_int, [c_void_p, c_int, POINTER(Value), c_int, POINTER(Value)]),
    ("tn_context_error", c_char_p, [c_void_p]),
    ("tn_context_set_arena", None, [c_void_p, c_void_p, c_size_t]),
    ("tn_context_arena_needed", c_int64, [c_void_p]),
    (
        "tn_context_step_time",
        c_int,
        [c_void_p, c_int, POINTER(c_int64), POINTER(c_int64)],
    ),
    ("tn_context_state", c_int, [c_void_p, c_int, POINTER(Tensor)]),
    ("tn_context_set_state", c_int, [c_void_p, c_int, POINTER(Tensor)]),
    ("tn_context_reset", c_int, [c_void_p]),
    (
        "tn_context_arena_bytes",
        c_int,
        [c_void_p, c_int, POINTER(Value), POINTER(c_int64)],
    ),
]

# SPDX-License-Identifier: Apache-2.0
"""Programs: compiled models, which are called.

A call borrows the arrays that it is given, and writes into arrays that it makes, or that the caller
gives (`out`). What a run needs of memory and tables is kept in a context; a program keeps those
that no call is using, so that each of many threads that call it at once has one of its own, and the
next call finds its tables as the last one left them.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from . import _abi
from ._abi import Status, ValueKind
from ._elements import Element, element_of
from ._library import bare_function, library, optional_function
from ._messages import Messages
from ._reader import Read, Reader
from ._types import Dim, Type, parse_type
from ._values import (
    address,
    as_array,
    describe,
    get_tensor,
    get_value,
    memory_of,
    put_tensor,
    put_value,
)
from .errors import BadArgumentError, Diagnostic, error_of
from .operator import Operator

__all__ = [
    "Inspection",
    "Outputs",
    "Port",
    "Program",
    "Session",
    "Step",
    "StepTime",
    "Symbol",
    "load",
]


class Handle:
    """A pointer of the library, given back when the last reference to it is gone.

    `keep` is whatever must outlive what the pointer points to.
    """

    __slots__ = ("__weakref__", "keep", "pointer")

    def __init__(self, pointer: int | None, destroy: Any, *keep: Any) -> None:
        self.pointer = pointer
        self.keep = keep
        finalizer = weakref.finalize(self, _give_back, destroy, pointer, keep)
        finalizer.atexit = False  # the process' end frees all, and threads may still be running


def _give_back(destroy: Any, pointer: int | None, _keep: Any) -> None:
    destroy(pointer)


@dataclass(frozen=True)
class Port:
    """An input or an output."""

    name: str
    type: str  #: in ONNX's textual syntax: "float[N, 3]", "seq(int64[])"
    kind: str  #: "tensor", "sequence" or "optional"
    dtype: np.dtype | None  #: of a tensor's arrays
    shape: tuple[Dim, ...] | None  #: of a tensor: numbers, and formulas in symbols

    @classmethod
    def of(cls, name: str, kind: Type) -> Port:
        dtype = kind.element.dtype if kind.element else None
        return cls(name, kind.text, kind.kind.name.lower(), dtype, kind.shape)


class Symbol(NamedTuple):
    """A size that a program is open in, and the range in which it works."""

    name: str
    lower: int
    upper: int


class Step(NamedTuple):
    """A step of a program."""

    name: str  #: the node's, or that of its first output
    op_type: str  #: "Conv"; "group" where several were fused
    kind: str  #: "kernel", "host", "if", "loop", ...
    depth: int  #: 0: of the program itself; 1: inside of a branch or a body; ...


class StepTime(NamedTuple):
    """What a step took."""

    step: Step
    runs: int
    seconds: float  #: in all; that of an If or a Loop includes its steps


@dataclass(frozen=True)
class Inspection:
    """What a program is. ``str()`` of it is for people, :meth:`as_dict` for JSON."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    symbols: tuple[Symbol, ...]
    arena: str  #: bytes of memory for intermediate values, a formula in the symbols
    arena_may_grow: bool  #: sizes that follow from data may need more
    steps: tuple[Step, ...]
    kernels: int  #: how many of the steps are machine code
    weight_bytes: int  #: of constants that are read as they are
    packed_bytes: int  #: of constants in a layout of the program's own
    worker_bytes: int  #: of scratch memory for each thread that runs
    from_cache: bool  #: it was compiled before
    is_quick: bool  #: its code waits for :meth:`Program.optimize`
    appended_states: int  #: states that calls append to where they lie
    threads: int
    library: str  #: the library's version

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, texts and numbers."""
        made = asdict(self)
        for port in (*made["inputs"], *made["outputs"]):
            port["dtype"] = str(port["dtype"]) if port["dtype"] is not None else None
        for key in ("symbols", "steps"):
            made[key] = [row._asdict() for row in getattr(self, key)]
        return made

    def __str__(self) -> str:
        lines = [self.name]
        lines += [f"  input   {port.name}: {port.type}" for port in self.inputs]
        lines += [f"  output  {port.name}: {port.type}" for port in self.outputs]
        lines += [f"  size    {name}: {lower} to {upper}" for name, lower, upper in self.symbols]
        more = ", and what data decides" if self.arena_may_grow else ""
        lines.append(f"  arena   {self.arena} bytes{more}")
        lines.append(f"  weights {self.weight_bytes} bytes, {self.packed_bytes} packed")
        lines.append(f"  steps   {len(self.steps)}, {self.kernels} of them kernels")
        return "\n".join(lines)


class Outputs(tuple):
    """What a run made: a tuple in the program's order, which also answers to names.

    ``outputs[0]``, ``outputs["y"]``, ``y, z = outputs``, ``dict(outputs.items())``.
    """

    _positions: Mapping[str, int]

    def __new__(cls, values: Any, positions: Mapping[str, int]) -> Outputs:
        made = super().__new__(cls, values)
        made._positions = positions
        return made

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self._positions:
                raise KeyError(f"no output is called '{key}'; there are {', '.join(self.keys())}")
            key = self._positions[key]
        return super().__getitem__(key)

    def __getnewargs__(self) -> tuple[tuple, dict[str, int]]:
        return tuple(self), dict(self._positions)

    def keys(self) -> list[str]:
        """The outputs' names."""
        return list(self._positions)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Pairs of a name and its value."""
        return zip(self._positions, self)


# ---- Contexts ------------------------------------------------------------------------------------


class _Input:
    """One input of a context: what the last call said of it is said again only where it differs."""

    __slots__ = ("dtype", "kind", "shape", "tensor", "value", "what")

    def __init__(self, value: _abi.Value, name: str, kind: Type) -> None:
        self.value = value
        self.tensor = value.tensor
        self.what = f"input '{name}'"
        self.kind = kind
        self.shape: tuple[int, ...] | None = None  # that the table has
        self.dtype: np.dtype | None = None  # of arrays that need no conversion
        if kind.kind == ValueKind.TENSOR and kind.tensor_element.is_plain:
            self.dtype = kind.tensor_element.dtype

    def put(self, given: Any, keep: list) -> None:
        """Points the table to what a caller gave; `keep` gets what must live as long as the run."""
        if self.dtype is None:
            self._put_slowly(given, keep)
            return
        if (
            type(given) is not np.ndarray
            or given.dtype != self.dtype
            or not given.flags.c_contiguous
            or not given.flags.aligned
        ):
            given = as_array(given, self.kind.tensor_element, self.what)
            given = memory_of(given, self.kind.tensor_element, self.what)
        if given.shape != self.shape:
            describe(self.tensor, self.kind.tensor_element, given.shape, self.what)
            self.value.kind = ValueKind.TENSOR
            self.shape = given.shape
        keep.append(given)
        self.tensor.data = address(given)

    def _put_slowly(self, given: Any, keep: list) -> None:
        if self.kind.kind == ValueKind.TENSOR:
            given = as_array(given, self.kind.tensor_element, self.what)
            self.shape = given.shape
        put_value(self.value, given, self.kind, self.what, keep)


class _Output:
    """One output of a context.

    Where its shape is known before the run, because the program has no other or because the last
    run, of the same input shapes, had it, the run writes into an array that is then the result.
    """

    __slots__ = (
        "described",
        "element",
        "follows",
        "kind",
        "name",
        "shape",
        "static",
        "tensor",
        "value",
    )

    def __init__(self, value: _abi.Value, name: str, kind: Type, symbols: frozenset[str]) -> None:
        self.value = value
        self.tensor = value.tensor
        self.name = name
        self.kind = kind
        self.element: Element | None = None  # None: no array can be given
        self.static: tuple[int, ...] | None = None  # the only shape there is
        self.follows = False  # the shape follows from the shapes of the inputs
        self.described: tuple[int, ...] | None = None  # the shape that the table has
        if kind.kind == ValueKind.TENSOR and not kind.tensor_element.is_string:
            self.element = kind.element
            self.follows = kind.shape is not None and kind.symbols <= symbols
            numbers = tuple(dim for dim in kind.shape or () if isinstance(dim, int))
            self.static = numbers if numbers == kind.shape else None
        self.shape = self.static

    def place(self, given: np.ndarray | None) -> np.ndarray | None:
        """Says where the run is to write; None: into the context's memory."""
        if given is not None:
            array = self._of_caller(given)
        elif self.shape is not None:
            array = np.empty(self.shape, self.kind.tensor_element.memory)
        else:
            self.value.kind = ValueKind.ABSENT
            self.described = None
            return None
        if array.shape != self.described:
            describe(self.tensor, self.kind.tensor_element, array.shape, f"output '{self.name}'")
            self.described = array.shape
        self.value.kind = ValueKind.TENSOR
        self.tensor.data = address(array)
        return array

    def _of_caller(self, given: np.ndarray) -> np.ndarray:
        what = f"the array given for output '{self.name}'"
        if not self.element:
            raise BadArgumentError(
                f"output '{self.name}' is {self.kind}: no array can be given for it"
            )
        if not isinstance(given, np.ndarray):
            raise BadArgumentError(f"{what} is a {type(given).__name__}, not a NumPy array")
        if given.dtype not in (self.element.dtype, self.element.memory):
            raise BadArgumentError(
                f"{what} has elements of type {given.dtype}, not {self.element.dtype}"
            )
        if not given.flags.carray:
            raise BadArgumentError(f"{what} is not contiguous in C order, aligned and writable")
        return given

    def take(self, placed: np.ndarray | None, given: np.ndarray | None) -> Any:
        """What the run made."""
        if placed is None:
            taken = get_value(self.value)
            if self.follows:
                self.shape = taken.shape
            return taken
        element = self.kind.tensor_element
        if given is None:
            return element.from_memory(placed)
        if given.dtype != element.memory:  # the run wrote the library's form over it
            given[...] = element.from_memory(given.view(element.memory))
        return given


class _Context:
    """A context of the library, with its tables of inputs and outputs."""

    def __init__(self, program: Program, *, profile: bool = False) -> None:
        options = _abi.ContextOptions(size=ctypes.sizeof(_abi.ContextOptions), profile=profile)
        options.parallel.threads = program.threads
        pointer = ctypes.c_void_p()
        status = library().tn_context_create(
            program._handle.pointer, ctypes.byref(options), ctypes.byref(pointer)
        )
        expect_ok(status)
        self.handle = Handle(pointer.value, library().tn_context_destroy, program._handle)
        self.pointer = pointer
        self.input_values = (_abi.Value * len(program.input_names))()
        self.output_values = (_abi.Value * len(program.output_names))()
        tensors = (kind for kind in program._input_types if kind.kind == ValueKind.TENSOR)
        symbols = frozenset().union(*(kind.symbols for kind in tensors))
        self.inputs = [
            _Input(*three)
            for three in zip(self.input_values, program.input_names, program._input_types)
        ]
        self.outputs = [
            _Output(*three, symbols)
            for three in zip(self.output_values, program.output_names, program._output_types)
        ]
        self.positions = program._output_positions
        self.run_program = bare_function("tn_run")
        self.arguments = (
            pointer,
            ctypes.c_int(len(self.inputs)),
            ctypes.byref(self.input_values),
            ctypes.c_int(len(self.outputs)),
            ctypes.byref(self.output_values),
        )
        self.shapes: list = []  # of the inputs of the last run

    def run(self, inputs: Sequence[Any], out: Sequence[np.ndarray | None] | None) -> Outputs:
        """Runs once; raises the exception of what went wrong."""
        keep: list[Any] = []
        for slot, given in zip(self.inputs, inputs):
            slot.put(given, keep)
        shapes = [slot.shape for slot in self.inputs]
        if shapes != self.shapes:
            self.shapes = shapes
            for output in self.outputs:
                output.shape = output.static
        given_out = (None,) * len(self.outputs) if out is None else out
        placed = [slot.place(given) for slot, given in zip(self.outputs, given_out)]
        if out is not None:
            _check_overlap(out, keep)
        status = self.run_program(*self.arguments)
        if status != Status.OK:
            text = library().tn_context_error(self.pointer).decode("utf-8", "replace")
            raise error_of(status, text or library().tn_status_text(status).decode())
        taken = [slot.take(*two) for slot, *two in zip(self.outputs, placed, given_out)]
        return Outputs(taken, self.positions)

    def step_time(self, i: int) -> tuple[int, float]:
        """How often a step ran, and for how many seconds in all."""
        runs, nanoseconds = ctypes.c_int64(), ctypes.c_int64()
        expect_ok(
            library().tn_context_step_time(
                self.pointer, i, ctypes.byref(runs), ctypes.byref(nanoseconds)
            )
        )
        return runs.value, nanoseconds.value / 1e9


def _check_overlap(out: Sequence[np.ndarray | None], inputs: Sequence[Any]) -> None:
    """A run may write an output before it has read all inputs."""
    spans = [
        (address(array), address(array) + array.nbytes, is_output)
        for arrays, is_output in ((out, True), (inputs, False))
        for array in arrays
        if isinstance(array, np.ndarray) and array.nbytes
    ]
    end = {True: 0, False: 0}  # of the outputs and of the inputs that begin earlier
    for begin, after, is_output in sorted(spans):
        if begin < end[True] or (is_output and begin < end[False]):
            raise BadArgumentError(
                "an array given for an output shares memory with an input or another output"
            )
        end[is_output] = max(end[is_output], after)


# ---- Programs ------------------------------------------------------------------------------------


class Program:
    """A compiled model. Made by :func:`tenon.compile` and :func:`tenon.load`.

    A program is called with its inputs, and may be called from many threads at once; the GIL is not
    held while it runs.
    """

    def __init__(
        self, handle: Handle, name: str, threads: int, diagnostics: Sequence[Diagnostic]
    ) -> None:
        self._handle = handle
        self.name = name
        self.threads = threads
        #: What there was to say while compiling, as a list of :class:`Diagnostic`.
        self.diagnostics = list(diagnostics)
        c = library()
        inputs = dict(port_types(handle, c.tn_program_input_count, c.tn_program_input))
        outputs = dict(port_types(handle, c.tn_program_output_count, c.tn_program_output))
        #: Names, in the order of positional inputs and of the outputs.
        self.input_names = tuple(inputs)
        self.output_names = tuple(outputs)
        self._input_types = tuple(inputs.values())
        self._output_types = tuple(outputs.values())
        self._output_positions = {name: i for i, name in enumerate(outputs)}
        #: Types of the states, by name.
        self._state_types = dict(port_types(handle, c.tn_program_state_count, c.tn_program_state))
        self._idle: list[_Context] = []

    def __repr__(self) -> str:
        inputs = ", ".join(f"{n}: {t}" for n, t in zip(self.input_names, self._input_types))
        outputs = ", ".join(f"{n}: {t}" for n, t in zip(self.output_names, self._output_types))
        return f"<tenon.Program {self.name} ({inputs}) -> ({outputs})>"

    def __call__(
        self, *inputs: Any, out: Mapping[str, Any] | Sequence[Any] | None = None, **named: Any
    ) -> Outputs:
        """Runs the program: ``program(x, y)``, ``program({"x": x, "y": y})``, ``program(x=x, y=y)``
        or ``program([x, y])``; see :meth:`run`.

        A list is the list of inputs, unless the program's only input is a sequence or an optional.
        """
        return self.run(self._given(inputs, named), out=out)

    def _given(self, inputs: tuple, named: dict[str, Any]) -> Mapping[str, Any] | Sequence[Any]:
        given: Any = inputs
        if len(inputs) == 1:
            only = inputs[0]
            is_list = isinstance(only, (list, tuple)) and not self._takes_one_list()
            if isinstance(only, Mapping) or is_list:
                given = only
        if named:
            if isinstance(given, Mapping):
                given = {**given, **named}
            else:
                self._check_count(len(given), most=True)
                given = {**dict(zip(self.input_names, given)), **named}
        return given

    def run(
        self,
        inputs: Mapping[str, Any] | Sequence[Any],
        *,
        out: Mapping[str, Any] | Sequence[Any] | None = None,
    ) -> Outputs:
        """Runs the program and returns what it made, as :class:`Outputs`.

        ``inputs``: by name, or in the program's order. A tensor is an array, or anything that
        offers ``__dlpack__`` on the CPU, of exactly the element type asked for; or Python numbers,
        which are converted. A tensor of strings is an array of ``str`` or ``bytes`` objects. A
        sequence is a list; an optional is None or its item. Arrays in C order are not copied.

        ``out``: arrays of the caller for some outputs, by name, or in order with None where there
        is none. They are filled and are the results. They must have the exact type and shape, and
        share no memory with inputs.

        Raises :class:`BadArgumentError` where inputs do not fit, and what running may raise.
        """
        if self._state_types:
            raise BadArgumentError(
                "the program has states, which a session keeps: program.session()"
            )
        ordered = self._ordered(inputs)
        placed = None if out is None else self._ordered_out(out)
        context = self._idle_context() or _Context(self)
        try:
            return context.run(ordered, placed)
        finally:
            self._idle.append(context)

    def _idle_context(self) -> _Context | None:
        try:
            return self._idle.pop()  # in one step, whichever threads do it
        except IndexError:
            return None

    def _takes_one_list(self) -> bool:
        return len(self._input_types) == 1 and self._input_types[0].kind != ValueKind.TENSOR

    def _check_count(self, count: int, most: bool = False) -> None:
        expected = len(self.input_names)
        if count > expected or (count < expected and not most):
            raise BadArgumentError(
                f"{count} inputs are given, {expected} expected: {', '.join(self.input_names)}"
            )

    def _ordered(self, inputs: Mapping[str, Any] | Sequence[Any]) -> Sequence[Any]:
        if not isinstance(inputs, Mapping):
            self._check_count(len(inputs))
            return inputs
        missing = [name for name in self.input_names if name not in inputs]
        unknown = [name for name in inputs if name not in self.input_names]
        if missing or unknown:
            problems = [f"input '{name}' is missing" for name in missing]
            problems += [f"there is no input '{name}'" for name in unknown]
            raise BadArgumentError(f"{'; '.join(problems)}; inputs: {', '.join(self.input_names)}")
        return [inputs[name] for name in self.input_names]

    def _ordered_out(self, out: Mapping[str, Any] | Sequence[Any]) -> Sequence[Any]:
        if isinstance(out, Mapping):
            unknown = [name for name in out if name not in self._output_positions]
            if unknown:
                raise BadArgumentError(
                    f"there is no output '{unknown[0]}'; outputs: {', '.join(self.output_names)}"
                )
            return [out.get(name) for name in self.output_names]
        if isinstance(out, np.ndarray):
            out = [out]
        if len(out) != len(self.output_names):
            raise BadArgumentError(
                f"arrays for {len(out)} outputs are given, {len(self.output_names)} expected"
            )
        return out

    def save(
        self,
        path: str | os.PathLike,
        *,
        name: str | None = None,
        header: str | os.PathLike | None = None,
        weights: str | os.PathLike | None = None,
    ) -> None:
        """Writes the program as a compiled model that needs no library.

        The path's ending says as what: a shared library (.so), which :func:`load` reads, an object
        (.o), an archive (.a), assembly (.s) or LLVM's language (.ll). Files appear whole or not at
        all.

        name
            The prefix of what the file exports; None: the path's stem.
        header
            Where to write a C header for it; None: nowhere.
        weights
            A file of their own for the weights; None: they are in the file.

        Raises :class:`BadArgumentError`, :class:`UnsupportedError` (operators of the caller's in
        another form than a shared library), :class:`FileError`.
        """
        messages = Messages()
        options = _abi.SaveOptions(size=ctypes.sizeof(_abi.SaveOptions), diagnose=messages.callback)
        options.name = name.encode() if name else None
        options.header = os.fsencode(header) if header else None
        options.weights = os.fsencode(weights) if weights else None
        save = optional_function("tn_program_save")
        status = save(self._handle.pointer, os.fsencode(path), ctypes.byref(options))
        messages.check(status, os.fspath(path))

    def session(self) -> Session:
        """A context of one's own, which keeps the states from run to run."""
        return Session(self)

    def optimize(self) -> None:
        """Gives a program that was compiled with ``quick=True`` the code that it would have without.

        Calls may go on meanwhile, and have the same results: ``Thread(target=program.optimize)``.
        """
        options = _abi.OptimizeOptions(size=ctypes.sizeof(_abi.OptimizeOptions))
        options.parallel.threads = self.threads
        expect_ok(
            library().tn_program_optimize(self._handle.pointer, ctypes.byref(options))
        )

    def set_weight(self, name: str, value: Any | None) -> None:
        """Another value for a weight that was compiled as replaceable, of its type and shape;
        copied.

        None: the model's own again. Runs under way go on with the value that they began with.
        """
        why = ctypes.c_char_p()
        tensor = None
        keep: list[Any] = []
        if value is not None:
            tensor = _abi.Tensor()
            array = as_array(value, None, f"weight '{name}'")
            put_tensor(tensor, array, element_of(array.dtype), f"weight '{name}'", keep)
        status = library().tn_program_set_weight(
            self._handle.pointer,
            name.encode(),
            ctypes.byref(tensor) if tensor else None,
            ctypes.byref(why),
        )
        if status != Status.OK:
            text = why.value or library().tn_status_text(status)
            raise error_of(status, f"weight '{name}': {text.decode()}")

    def inspect(self) -> Inspection:
        """What the program takes, makes, needs and does."""
        c, pointer = library(), self._handle.pointer
        info = _abi.ProgramInfo(size=ctypes.sizeof(_abi.ProgramInfo))
        expect_ok(c.tn_program_info(pointer, ctypes.byref(info)))
        return Inspection(
            name=self.name,
            inputs=tuple(map(Port.of, self.input_names, self._input_types)),
            outputs=tuple(map(Port.of, self.output_names, self._output_types)),
            symbols=tuple(map(self._symbol, range(c.tn_program_symbol_count(pointer)))),
            arena=c.tn_program_arena_formula(pointer).decode(),
            arena_may_grow=info.needs_more_memory,
            steps=tuple(map(self._step, range(info.step_count))),
            kernels=info.kernel_count,
            weight_bytes=info.weight_bytes,
            packed_bytes=info.packed_bytes,
            worker_bytes=info.worker_bytes,
            from_cache=info.from_cache,
            is_quick=info.is_quick,
            appended_states=info.appended_states,
            threads=self.threads,
            library=c.tn_version().decode(),
        )

    def _symbol(self, i: int) -> Symbol:
        symbol = _abi.Symbol()
        expect_ok(library().tn_program_symbol(self._handle.pointer, i, ctypes.byref(symbol)))
        return Symbol(symbol.name.decode(), symbol.lower, symbol.upper)

    def _step(self, i: int) -> Step:
        step = _abi.Step()
        expect_ok(library().tn_program_step(self._handle.pointer, i, ctypes.byref(step)))
        return Step(step.name.decode(), step.op_type.decode(), step.kind.decode(), step.depth)

    def report(self, name: str) -> str:
        """A report that :meth:`Model.compile` was asked for; KeyError where it was not."""
        text = library().tn_program_report(self._handle.pointer, report_bits([name]))
        if text is None:
            raise KeyError(f"compile(reports=...) was not asked for '{name}'")
        return text.decode("utf-8", "replace")

    def profile(
        self, inputs: Mapping[str, Any] | Sequence[Any], *, runs: int = 1
    ) -> list[StepTime]:
        """Runs the program so many times and says what each step took, in their order."""
        context = _Context(self, profile=True)
        ordered = self._ordered(inputs)
        for _ in range(runs):
            context.run(ordered, None)
        return [
            StepTime(step, *context.step_time(i)) for i, step in enumerate(self.inspect().steps)
        ]


def load(
    path: str | os.PathLike,
    *,
    weights: str | os.PathLike | None = None,
    threads: int = 1,
    trust_weights: bool = False,
    reader: Read | None = None,
    operators: Sequence[Operator] = (),
) -> Program:
    """A program from a shared library that :meth:`Program.save` or ``tenon compile`` has written.

    It has to be of this version of Tenon and for this processor. The file is mapped, and must not
    change while the program lives. ``weights``: the file of weights that were saved apart; None:
    beside it, as it was saved. ``threads``: how many work at once in each run; 0: one a core.
    ``trust_weights``: do not compare them with their checksum, which reads all of them.
    ``reader``: answers the bytes of that file by its path, to decrypt them, say. ``operators``:
    those that the model was compiled with, by their names.

    Raises :class:`FileError`, :class:`InvalidModelError` (the file is damaged, or none of Tenon's),
    :class:`UnsupportedError` (another version, architecture or processor).
    """
    messages = Messages()
    options = _abi.OpenOptions(size=ctypes.sizeof(_abi.OpenOptions), diagnose=messages.callback)
    options.weights = os.fsencode(weights) if weights else None
    options.trust_weights = trust_weights
    own_reader = Reader(reader) if reader else None
    if own_reader:
        options.reader = own_reader.table
    table = (_abi.Operator * len(operators))(*(op._description for op in operators))
    options.operators, options.operator_count = table, len(operators)
    pointer = ctypes.c_void_p()
    load_program = optional_function("tn_program_load")
    status = load_program(os.fsencode(path), ctypes.byref(options), ctypes.byref(pointer))
    if own_reader and own_reader.raised:
        raise own_reader.raised
    messages.check(status, os.fspath(path))
    keep = (own_reader, table, list(operators))
    handle = Handle(pointer.value, library().tn_program_destroy, keep)
    return Program(handle, os.fspath(path), thread_count(threads), messages.diagnostics)


def thread_count(threads: int) -> int:
    """How many threads are meant: 0 is one a core."""
    if threads < 0:
        raise BadArgumentError(f"threads is {threads}; it may not be negative")
    return threads or os.cpu_count() or 1


# ---- Sessions ------------------------------------------------------------------------------------


class Session:
    """Runs of a program one after another, with states that go from each to the next.

    Made by :meth:`Program.session`. A session is for one thread at a time.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._context = _Context(program)

    def __call__(
        self, *inputs: Any, out: Mapping[str, Any] | Sequence[Any] | None = None, **named: Any
    ) -> Outputs:
        """Runs the program; the arguments are those of :meth:`Program.__call__`."""
        return self.run(self.program._given(inputs, named), out=out)

    def run(
        self,
        inputs: Mapping[str, Any] | Sequence[Any],
        *,
        out: Mapping[str, Any] | Sequence[Any] | None = None,
    ) -> Outputs:
        """Runs the program; the arguments are those of :meth:`Program.run`."""
        placed = None if out is None else self.program._ordered_out(out)
        return self._context.run(self.program._ordered(inputs), placed)

    def _state(self, name: str) -> tuple[int, Type]:
        states = self.program._state_types
        if name not in states:
            raise BadArgumentError(f"there is no state '{name}'; there are {', '.join(states)}")
        return list(states).index(name), states[name]

    def state(self, name: str) -> np.ndarray:
        """A copy of a state, by the name of its input."""
        tensor = _abi.Tensor()
        i, _ = self._state(name)
        status = library().tn_context_state(self._context.pointer, i, ctypes.byref(tensor))
        if status != Status.OK:
            raise error_of(status, f"state '{name}' has no value yet")
        return get_tensor(tensor)

    def set_state(self, name: str, value: Any) -> None:
        """Another value for a state; copied."""
        tensor = _abi.Tensor()
        keep: list[Any] = []
        i, kind = self._state(name)
        what = f"state '{name}'"
        array = as_array(value, kind.tensor_element, what)
        put_tensor(tensor, array, kind.tensor_element, what, keep)
        status = library().tn_context_set_state(self._context.pointer, i, ctypes.byref(tensor))
        if status != Status.OK:
            text = library().tn_context_error(self._context.pointer) or b""
            raise error_of(status, text.decode() or f"{what} is {kind}")

    def reset(self) -> None:
        """All states as a new session has them."""
        expect_ok(library().tn_context_reset(self._context.pointer))


# ---- What both share -----------------------------------------------------------------------------


def report_bits(names: Iterable[str]) -> int:
    """TnReport bits of reports' names."""
    known = {str(report.name).lower(): report for report in _abi.Report}
    bits = 0
    for name in [names] if isinstance(names, str) else names:
        if name not in known:
            raise BadArgumentError(f"there is no report '{name}'; there are {', '.join(known)}")
        bits |= known[name]
    return bits


def expect_ok(status: int) -> None:
    """Raises the exception of a status."""
    if status != Status.OK:
        raise error_of(status, library().tn_status_text(status).decode())


def port_types(handle: Handle, count: Any, describe_port: Any) -> list[tuple[str, Type]]:
    """Names and types of a model's or a program's inputs or outputs."""
    found = []
    for i in range(count(handle.pointer)):
        port = _abi.Port()
        expect_ok(describe_port(handle.pointer, i, ctypes.byref(port)))
        found.append((port.name.decode(), parse_type(port.type.decode())))
    return found

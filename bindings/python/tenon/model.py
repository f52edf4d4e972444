# SPDX-License-Identifier: Apache-2.0
"""Models and their compilation."""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from . import _abi
from ._abi import Status
from ._elements import element_of
from ._library import library
from ._messages import Messages, text_of
from ._reader import Read, Reader
from ._values import as_array, put_tensor
from .errors import BadArgumentError, OutOfMemoryError, UnsupportedError, error_of
from .graph import Graph
from .operator import Operator
from .program import Handle, Port, Program, expect_ok, port_types, report_bits, thread_count

if TYPE_CHECKING:
    import onnx
    from numpy.typing import ArrayLike

    #: What a model may be given as; see :class:`Model`.
    ModelLike = Union[str, os.PathLike, bytes, bytearray, memoryview, "onnx.ModelProto"]

__all__ = ["Model", "ModelInspection", "compile"]


def _serialized(model: Any) -> bytes:
    """The bytes of an onnx.ModelProto."""
    try:
        return model.SerializeToString()
    except Exception as error:  # protobuf's own class, by version; above 2 GiB
        raise BadArgumentError(
            f"the model cannot be serialised ({error}); save it with external data, give its path"
        ) from error


class Model:
    """A model that has been read, to be compiled once or more often.

    ``source`` is one of

    * a path (``str`` or ``os.PathLike``) of an ONNX file, binary or text. Large tensors stay in the
      file, which is mapped and must not change while the model or a program of it lives;
    * ONNX's textual syntax as a ``str``: one that contains ``=>``, as each graph's signature does;
    * the bytes of either form (``bytes``, ``bytearray``, ``memoryview``), which are borrowed;
    * an ``onnx.ModelProto``.

    ``name`` is what messages call a model that is not a file. ``reader``: reads the model's files in
    the library's stead, to decrypt them, say; it is called with a path, or with the location of
    external data as the model has it, and answers the bytes, or None if there is no such file.
    Raises :class:`InvalidModelError`,
    :class:`UnsupportedError`, :class:`FileError`.
    """

    def __init__(
        self, source: ModelLike, *, name: str | None = None, reader: Read | None = None
    ) -> None:
        messages = Messages()
        own_reader = Reader(reader) if reader else None
        options = _abi.LoadOptions(size=ctypes.sizeof(_abi.LoadOptions), diagnose=messages.callback)
        if own_reader:
            options.reader = own_reader.table
        pointer = ctypes.c_void_p()
        keep: Any = None
        if isinstance(source, str) and "=>" in source:
            source = source.encode()
        if isinstance(source, (str, os.PathLike)):
            self.name = os.fspath(source)
            status = library().tn_model_load(
                os.fsencode(source), ctypes.byref(options), ctypes.byref(pointer)
            )
        else:
            self.name = name or "<memory>"
            if hasattr(source, "SerializeToString"):
                source = _serialized(source)
            if not isinstance(source, (bytes, bytearray, memoryview)):
                raise BadArgumentError(
                    "a model is a path, text, bytes or an onnx.ModelProto, not a "
                    + type(source).__name__
                )
            keep = np.frombuffer(source, np.uint8) if len(source) else np.zeros(1, np.uint8)
            status = library().tn_model_parse(
                keep.ctypes.data,
                len(source),
                self.name.encode(),
                ctypes.byref(options),
                ctypes.byref(pointer),
            )
        if own_reader and own_reader.raised:
            raise own_reader.raised
        messages.check(status, self.name)
        self._take(pointer.value, messages, keep, own_reader)

    def _take(self, pointer: int | None, messages: Messages, *keep: Any) -> None:
        self._reader = next((item for item in keep if isinstance(item, Reader)), None)
        self._told = len(messages.diagnostics)
        #: What there was to say while reading and editing, as a list of :class:`Diagnostic`.
        self.diagnostics = messages.diagnostics
        self._operators: list[Operator] = []  # programs keep the list, too
        handle_keep = (*keep, messages, self._operators)
        self._handle = Handle(pointer, library().tn_model_destroy, *handle_keep)

    @classmethod
    def create(cls, name: str) -> Model:
        """An empty model of the newest operator set, to be built by means of :attr:`graph`."""
        model = cls.__new__(cls)
        model.name = name
        messages = Messages()
        options = _abi.LoadOptions(size=ctypes.sizeof(_abi.LoadOptions), diagnose=messages.callback)
        pointer = ctypes.c_void_p()
        status = library().tn_model_create(
            name.encode(), ctypes.byref(options), ctypes.byref(pointer)
        )
        messages.check(status, name)
        model._take(pointer.value, messages)
        return model

    # ---- Building and editing --------------------------------------------------------------------

    def _edit(self, status: int) -> None:
        """Raises the exception of an edit that failed, with what there is to say of it alone."""
        new = self.diagnostics[self._told :]
        self._told = len(self.diagnostics)
        if status != Status.OK:
            text = library().tn_status_text(status).decode()
            raise error_of(status, f"{self.name}: {text}", new)

    @property
    def graph(self) -> Graph:
        """The main graph. While it is edited no other thread may use the model; programs that were
        made of it before stay as they are."""
        pointer = library().tn_model_graph(self._handle.pointer)
        if not pointer:
            raise OutOfMemoryError("no memory for the model's graph")
        return Graph(self, pointer)

    def set_opset(self, version: int, domain: str = "") -> None:
        """Which version of an operator set the model speaks; "" is ai.onnx."""
        self._edit(
            library().tn_model_set_opset(self._handle.pointer, domain.encode(), version)
        )

    def add_function(self, text: str) -> None:
        """A model-local function in ONNX's textual syntax, which nodes call as "domain.Name"."""
        self._edit(library().tn_model_add_function(self._handle.pointer, text.encode()))

    def add_operator(self, operator: Operator) -> None:
        """The model knows the operator from now on."""
        status = library().tn_model_add_operator(
            self._handle.pointer, ctypes.byref(operator._description)
        )
        self._edit(status)
        self._operators.append(operator)

    def check(self) -> None:
        """Raises what compiling would find wrong with types and shapes."""
        self._edit(library().tn_model_check(self._handle.pointer))

    def __repr__(self) -> str:
        return f"<tenon.Model {self.name}>"

    def inspect(self) -> ModelInspection:
        """What the model says of itself, before anything is compiled."""
        c = library()
        info = _abi.ModelInfo(size=ctypes.sizeof(_abi.ModelInfo))
        expect_ok(c.tn_model_info(self._handle.pointer, ctypes.byref(info)))
        count = ctypes.c_int64()
        operators = {}
        for i in range(info.operator_count):
            name = c.tn_model_operator(self._handle.pointer, i, ctypes.byref(count))
            operators[name.decode()] = count.value
        names = (c.tn_model_symbol(self._handle.pointer, i) for i in itertools.count())
        return ModelInspection(
            name=text_of(info.name) or "",
            producer=text_of(info.producer) or "",
            ir_version=info.ir_version,
            opset=info.opset,
            inputs=self._ports(c.tn_model_input_count, c.tn_model_input),
            outputs=self._ports(c.tn_model_output_count, c.tn_model_output),
            symbols=tuple(name.decode() for name in itertools.takewhile(bool, names)),
            nodes=info.node_count,
            operators=operators,
            weights=info.weight_count,
            weight_elements=info.weight_elements,
        )

    def _ports(self, count: Any, describe: Any) -> tuple[Port, ...]:
        types = port_types(self._handle, count, describe)
        return tuple(Port.of(name, kind) for name, kind in types)

    def text(self, elements: int | None = None) -> str:
        """The model in ONNX's textual syntax.

        ``elements``: of larger tensors only so many elements are written, and "...", which cannot
        be read back; None: all are.
        """
        pieces: list[bytes] = []

        def take(_user: int | None, data: int | None, size: int) -> bool:
            pieces.append(ctypes.string_at(data or 0, size))
            return True

        write = _abi.Writer(take)
        c = library()
        if elements is None:
            status = c.tn_model_write(self._handle.pointer, _abi.Format.TEXT, write, None)
        else:
            status = c.tn_model_print(self._handle.pointer, elements, write, None)
        expect_ok(status)
        return b"".join(pieces).decode("utf-8", "replace")

    def save(self, path: str | os.PathLike) -> None:
        """Writes the model: text where the path ends in .onnxtxt or .txt, else binary.

        The file appears whole or not at all. Raises :class:`FileError`.
        """
        status = library().tn_model_save(self._handle.pointer, os.fsencode(path))
        Messages().check(status, os.fspath(path))

    def compile(
        self,
        *,
        sizes: Mapping[str, int] | None = None,
        shapes: Mapping[str, Sequence[int | None]] | None = None,
        values: Mapping[str, ArrayLike] | None = None,
        states: Mapping[str, str] | None = None,
        initial: Mapping[str, ArrayLike] | None = None,
        capacities: Mapping[str, int] | None = None,
        replaceable: Sequence[str] = (),
        pipeline: str | None = None,
        backend: str | None = None,
        threads: int = 1,
        reports: Iterable[str] = (),
        cache: str | os.PathLike | None = None,
        cache_limit: int = 0,
        quick: bool = False,
        math: str | None = None,
        seconds: float | None = None,
        proceed: Callable[[], bool] | None = None,
    ) -> Program:
        """Compiles the model.

        sizes
            Numbers for symbolic sizes of the model: ``{"N": 8}``.
        shapes
            Shapes of inputs, by name; None or -1 where a size is to stay as the model says.
        values
            Inputs that are known now, by name: the program is compiled for them, and they are no
            inputs any more. Arrays are borrowed where they can be: they must not change.
        states
            Inputs and the outputs that are their next values, by name: ``{"past": "present"}``.
            Neither is an input or an output of the program any more; a :class:`Session` keeps them.
        initial
            What a new session's states are, by the input's name; without: zeros, where the size is
            known.
        capacities
            How long states that grow along one axis may get, by the input's name. There is memory
            for so much from the beginning, and a call writes what it adds instead of the whole
            state; one that would go beyond raises :class:`BadArgumentError`. Where the model does
            not allow for it, a note among the diagnostics says why.
        replaceable
            Weights, by name, that :meth:`Program.set_weight` may replace, at a price in speed.
        pipeline
            Passes, as ``tenon opt --passes`` takes them; None: the default.
        backend
            ``"llvm"`` (None) or ``"interpreter"``.
        threads
            How many threads work at once, while compiling and in each run. 0: one a core. Results
            have the same bits whatever the number.
        reports
            What :meth:`Program.report` should have: of "steps", "kernels", "model", "explanations",
            "explanations_json", "passes".
        cache
            A folder, made if it is not there, where compiled programs are kept: the same model with
            the same options is then only compiled once. What lies in it is run, so that nobody else
            may be able to write to it.
        cache_limit
            Bytes that the folder may have; 0: 1 GiB.
        quick
            Code soon rather than fast code, of the same bits; :meth:`Program.optimize` does the
            rest, on a thread of the caller's, say.
        math
            "strict": no sum is restated in a way that rounds otherwise; "default" (or None): where
            that is faster.
        seconds
            Compiling that takes longer ends with :class:`CancelledError`.
        proceed
            Is called often, on this thread; where it answers false or raises, compiling ends with
            :class:`CancelledError` or with what it raised. Ctrl-C ends compiling in any case.

        Raises :class:`InvalidModelError`, :class:`UnsupportedError`, :class:`BadArgumentError`,
        :class:`CancelledError`.
        """
        threads = thread_count(threads)
        messages = Messages()
        needs: list[str] = []
        raised: list[BaseException] = []
        keep: list[Any] = []
        options = _abi.CompileOptions(size=ctypes.sizeof(_abi.CompileOptions))
        options.diagnose = messages.callback
        options.backend = backend.encode() if backend else None
        options.pipeline = pipeline.encode() if pipeline is not None else None
        options.parallel.threads = threads
        options.sizes, options.size_count = _sizes(sizes or {})
        options.shapes, options.shape_count = _shapes(shapes or {})
        options.values, options.value_count = _values(values or {}, keep)
        options.states, options.state_count = _states(
            states or {}, initial or {}, capacities or {}, keep
        )
        weights = [name.encode() for name in replaceable]
        options.replaceable = (ctypes.c_char_p * len(weights))(*weights)
        options.replaceable_count = len(weights)
        options.reports = report_bits(reports)
        options.quick = quick
        options.seconds = seconds or 0
        options.math = math.encode() if math else None
        if cache is not None:
            options.cache = ctypes.pointer(_abi.Cache(os.fsencode(cache), cache_limit))
        options.needs_value = _abi.NeedsValue(lambda _user, name: needs.append(name.decode()))
        options.proceed = _abi.Proceed(lambda _user: _ask(proceed, raised))
        pointer = ctypes.c_void_p()
        status = library().tn_compile(
            self._handle.pointer, ctypes.byref(options), ctypes.byref(pointer)
        )
        if raised:
            raise raised[0]
        if self._reader and self._reader.raised:
            raise self._reader.raised
        try:
            messages.check(status, self.name)
        except UnsupportedError as error:
            error.needs = tuple(needs)
            raise
        handle = Handle(pointer.value, library().tn_program_destroy, self._handle.keep, keep)
        return Program(handle, self.name, threads, messages.diagnostics)


@dataclass(frozen=True)
class ModelInspection:
    """What a model says of itself."""

    name: str  #: of the graph
    producer: str
    ir_version: int
    opset: int  #: of ai.onnx; 0: none
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    symbols: tuple[str, ...]  #: symbolic sizes that inputs are declared with
    nodes: int  #: those of sub-graphs included
    operators: dict[str, int]  #: how many nodes have each
    weights: int  #: how many
    weight_elements: int


def _ask(proceed: Callable[[], bool] | None, raised: list[BaseException]) -> bool:
    """Asks the caller; and lets Python handle signals, so that Ctrl-C ends a compilation."""
    try:
        return bool(proceed()) if proceed else True
    except BaseException as error:  # cannot pass through C; compile() raises it
        raised.append(error)
        return False


def _sizes(sizes: Mapping[str, int]) -> tuple[Any, int]:
    table = (_abi.SymbolSize * len(sizes))()
    for row, (symbol, size) in zip(table, sizes.items()):
        row.symbol, row.size = symbol.encode(), int(size)
    return table, len(sizes)


def _shapes(shapes: Mapping[str, Sequence[int | None]]) -> tuple[Any, int]:
    table = (_abi.InputShape * len(shapes))()
    for row, (name, shape) in zip(table, shapes.items()):
        if len(shape) > _abi.MAX_RANK:
            raise BadArgumentError(
                f"the shape of '{name}' has {len(shape)} dimensions; at most {_abi.MAX_RANK} may be"
            )
        row.input, row.rank = name.encode(), len(shape)
        row.dims[: len(shape)] = [-1 if size is None else int(size) for size in shape]
    return table, len(shapes)


def _values(values: Mapping[str, ArrayLike], keep: list) -> tuple[Any, int]:
    table = (_abi.InputValue * len(values))()
    for row, (name, value) in zip(table, values.items()):
        what = f"the value of '{name}'"
        array = as_array(value, None, what)
        row.input = name.encode()
        put_tensor(row.tensor, array, element_of(array.dtype), what, keep)
    return table, len(values)


def _states(
    states: Mapping[str, str],
    initial: Mapping[str, Any],
    capacities: Mapping[str, int],
    keep: list,
) -> tuple[Any, int]:
    for given, what in ((initial, "an initial value"), (capacities, "a capacity")):
        unknown = [name for name in given if name not in states]
        if unknown:
            raise BadArgumentError(f"'{unknown[0]}' has {what} and is no state")
    table = (_abi.State * len(states))()
    for row, (past, present) in zip(table, states.items()):
        row.past, row.present = past.encode(), present.encode()
        row.capacity = int(capacities.get(past, 0))
        if past in initial:
            what = f"the initial value of '{past}'"
            array = as_array(initial[past], None, what)
            tensor = _abi.Tensor()
            put_tensor(tensor, array, element_of(array.dtype), what, keep)
            row.initial = ctypes.pointer(tensor)
    return table, len(states)


def compile(source: ModelLike | Model, *, name: str | None = None, **options: Any) -> Program:
    """Reads a model and compiles it: a :class:`Program`, which is called with the inputs.

        program = tenon.compile("model.onnx")
        y, = program(x)

    ``source`` and ``name`` are those of :class:`Model` (or a model that has been read), ``options``
    those of :meth:`Model.compile`.
    """
    model = source if isinstance(source, Model) else Model(source, name=name)
    return model.compile(**options)

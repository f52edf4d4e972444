#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Tenon writes, others read: roundtrip.py TENON [DATA [NAME...]]

Each conformance model goes binary -> graph -> binary (tenon convert) and, with --form=text, through text.
What comes out must pass onnx.checker and give the expected results, in ONNX Runtime where that
reads the model's versions, else in onnx's reference evaluator. Engines that cannot run the original
do not judge. With --form=document nothing is imported: binary -> text -> binary (tenon convert
--as-is) must keep every field, onnx's own messages being the judge, and onnx's parser must skip the
comments. DATA holds unpacked suites (default: unpacked from $TENON_TEST_DATA or ../shared).
Exit status 77: skipped, with the reason.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


try:
    import numpy
    import onnx
    import onnx.parser
    from onnx import checker, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError as error:
    skip(f"the Python package {error.name} is not installed")
try:
    import onnxruntime
    onnxruntime.set_default_logger_severity(4)
except ImportError:
    onnxruntime = None

RTOL, ATOL = 1e-3, 1e-6
# Random results, or engines that are known to be wrong on the original (see the suites' README).
NOT_COMPARABLE = ("dropout", "bernoulli", "random", "multinomial", "training_dropout")


def read_value(path, kind):
    data = path.read_bytes()
    if kind == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


def read_data(folder, model):
    initial = {t.name for t in model.graph.initializer}
    declared = [i for i in model.graph.input if i.name not in initial]
    inputs = {}
    for i, info in enumerate(declared):
        path = folder / f"input_{i}.pb"
        if path.exists():
            inputs[info.name] = read_value(path, info.type.WhichOneof("value"))
    expected = []
    for i, info in enumerate(model.graph.output):
        expected.append(read_value(folder / f"output_{i}.pb", info.type.WhichOneof("value")))
    return inputs, expected


def run_runtime(path, inputs):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = {i.name for i in session.get_inputs()}
    return session.run(None, {k: v for k, v in inputs.items() if k in names})


def run_reference(path, inputs):
    return ReferenceEvaluator(str(path)).run(None, inputs)


def same(a, b):
    if isinstance(a, (list, tuple)) or isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if a is None or b is None:
        return a is None and b is None
    a, b = numpy.asarray(a), numpy.asarray(b)
    if a.shape != b.shape:
        return False
    if a.dtype.kind in "OSU" or b.dtype.kind in "OSU":
        return (a.astype(str) == b.astype(str)).all()
    if a.dtype != b.dtype:
        return False
    if a.dtype.kind == "c":
        a, b = a.view(a.real.dtype), b.view(b.real.dtype)
    a, b = a.astype(numpy.float64), b.astype(numpy.float64)
    return numpy.allclose(a, b, rtol=RTOL, atol=ATOL, equal_nan=True)


def judge(original, converted, inputs, expected):
    """(verdict, message): good, bad, or unjudged where no engine runs the original rightly."""
    reasons = []
    for engine in ([run_runtime] if onnxruntime else []) + [run_reference]:
        try:
            if same(engine(converted, inputs), expected):
                return "good", ""
            reason = "other results"
        except Exception as error:
            reason = str(error)[:300]
        try:
            judges = same(engine(original, inputs), expected)
        except Exception:
            judges = False
        if judges and "No implementation for operator" not in reason:
            reasons.append(f"{engine.__name__}: {reason}")
    return ("bad", "; ".join(reasons)) if reasons else ("unjudged", "")


def convert(tenon, source, target, opset):
    asked = [f"--opset={opset}"] if opset else []
    run = subprocess.run([tenon, "convert", *asked, source, target], capture_output=True, text=True,
                         timeout=60, check=False)
    if run.returncode == 0:
        return "converted", ""
    unsupported = "not supported: " in run.stderr and run.returncode == 1
    needs = "must be known at compile time" in run.stderr
    return ("unsupported" if unsupported or needs else "bad"), run.stderr.strip()[:300]


def check(tenon, folder, scratch, through_text, opset):
    model_path = folder / "model.onnx"
    model = onnx.load(model_path)
    target = scratch / "converted.onnx"
    source = model_path
    if through_text:
        verdict, message = convert(tenon, model_path, scratch / "converted.onnxtxt", 0)
        if verdict != "converted":
            return verdict, message
        source = scratch / "converted.onnxtxt"
    verdict, message = convert(tenon, source, target, opset)
    if verdict != "converted":
        return ("bad", "its own text is refused: " + message) if through_text else (verdict, message)
    try:
        checker.check_model(onnx.load(target), full_check=False)
    except Exception as error:
        try:
            checker.check_model(model, full_check=False)
        except Exception:
            return "unjudged", ""
        return "bad", f"onnx.checker: {str(error)[:300]}"
    data = folder / "test_data_set_0"
    if not data.exists() or any(word in folder.name for word in NOT_COMPARABLE):
        return "good", ""
    inputs, expected = read_data(data, model)
    return judge(model_path, target, inputs, expected)


def fill_types(attribute):
    """The oldest models leave out what their attributes are."""
    if attribute.type == onnx.AttributeProto.UNDEFINED and not attribute.ref_attr_name:
        kinds = {"f": 1, "i": 2, "s": 3, "t": 4, "g": 5, "floats": 6, "ints": 7, "strings": 8,
                 "tensors": 9, "graphs": 10}
        said = [kinds[field.name] for field, _ in attribute.ListFields() if field.name in kinds]
        attribute.type = said[0] if said else onnx.AttributeProto.INTS


def has_data(tensor):
    fields = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data",
              "string_data")
    return tensor.data_type and any(len(getattr(tensor, field)) for field in fields)


def normalise(message):
    """What text does not tell apart: raw and typed data, and empty fields and absent ones."""
    if isinstance(message, onnx.TensorProto) and has_data(message):
        array = numpy_helper.to_array(message)
        bare = onnx.TensorProto()
        bare.CopyFrom(message)
        for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data",
                      "uint64_data", "string_data"):
            bare.ClearField(field)
        message.CopyFrom(bare)
        if array.dtype.kind == "O":
            message.string_data.extend(item if isinstance(item, bytes) else item.encode()
                                       for item in array.reshape(-1))
        else:
            if array.dtype.kind == "f":
                array = numpy.where(numpy.isnan(array), array.dtype.type("nan"), array)
            message.raw_data = array.tobytes()
    if isinstance(message, onnx.AttributeProto):
        fill_types(message)
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            is_list = not isinstance(value, (str, bytes, int, float))
            if not is_list and value == field.default_value and field.name not in ("i", "f", "s") \
                    and field.containing_oneof is None:
                message.ClearField(field.name)
            continue
        for item in value if hasattr(value, "add") else [value]:
            normalise(item)
    return message


def first_difference(a, b, path=""):
    for field in a.DESCRIPTOR.fields:
        x, y = getattr(a, field.name), getattr(b, field.name)
        where = f"{path}.{field.name}".lstrip(".")
        if hasattr(x, "add") and len(x) == len(y):
            for i, (left, right) in enumerate(zip(x, y)):
                if left != right:
                    return first_difference(left, right, f"{where}[{i}]")
        elif x != y and hasattr(x, "DESCRIPTOR"):
            return first_difference(x, y, where)
        elif x != y:
            return f"{where}: {str(x)[:120]!r} became {str(y)[:120]!r}"
        elif field.type != field.TYPE_MESSAGE and not hasattr(x, "append") and \
                a.HasField(field.name) != b.HasField(field.name):
            return f"{where}: present became absent, or the reverse"
    return f"{path}: something"


def parses(text):
    try:
        onnx.parser.parse_model(text)
        return True
    except Exception:
        return False


def check_document(tenon, path, scratch):
    """Binary -> text -> binary keeps everything."""
    text, back = scratch / "document.onnxtxt", scratch / "document.onnx"
    for source, target in (path, text), (text, back):
        run = subprocess.run([tenon, "convert", "--as-is", source, target], capture_output=True,
                             text=True, timeout=60, check=False)
        if run.returncode:
            return "bad", run.stderr.strip()[:300]
    a = normalise(onnx.load(path))
    b = normalise(onnx.load(back))
    if a != b:
        return "bad", first_difference(a, b)
    lines = text.read_text(errors="surrogateescape").splitlines(keepends=True)
    plain = "".join(line for line in lines if not line.lstrip().startswith("#@"))
    if len(plain) < 1 << 20 and len(plain) != sum(map(len, lines)) and parses(plain) and \
            not parses("".join(lines)):
        return "bad", "onnx's parser does not skip the comments"
    return "good", ""


def fill(message, depth):
    """Sets every field that a model can say, down to a depth."""
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof or field.name in ("type", "ref_attr_name", "data_type",
                                                    "data_location", "elem_type", "key_type"):
            continue
        is_list = hasattr(getattr(message, field.name), "append")
        if field.type == field.TYPE_MESSAGE:
            if depth > 0:
                holder = getattr(message, field.name)
                fill(holder.add() if is_list else holder, depth - 1)
            continue
        value = {field.CPPTYPE_STRING: 'say "it"\n', field.CPPTYPE_INT32: 3,
                 field.CPPTYPE_INT64: -4, field.CPPTYPE_UINT64: 5, field.CPPTYPE_FLOAT: 0.5,
                 field.CPPTYPE_DOUBLE: 0.25, field.CPPTYPE_ENUM: 1}[field.cpp_type]
        if field.type == field.TYPE_BYTES:
            value = b"\x00\xff\n"
        if is_list:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)


def model_of_everything():
    """Notes, denotations, annotations and whatever else has no syntax, on each kind of thing."""
    model = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21, "local" : 1]>
        g (float[N, 3] x, seq(float) s, bool c) => (float[N, 3] y)
        <float[3] w = {1, 2, 3}, float[N, 3] t>
        {
          t = local.F <beta = 2.0> (x)
          y = If <then_branch = yes () => (float[N, 3] a) { a = Add (t, w) },
                  else_branch = no () => (float[N, 3] b) { b = Neg (t) }> (c)
        }
        <domain: "local", opset_import: ["" : 21]>
        F <alpha, beta = 1.0> (x) => (y) { y = Relu (x) }""")
    model.configuration.add(name="two", num_devices=2, device=["a", "b"])
    fill(model.training_info.add(), 4)

    def note(thing):
        names = [field.name for field in thing.DESCRIPTOR.fields]
        if "doc_string" in names:
            thing.doc_string = f"about {type(thing).__name__}\n\t\"{len(names)}\""
        if "metadata_props" in names:
            thing.metadata_props.add(key="k", value="v")
            thing.metadata_props.add(key="", value="\\")
        if "denotation" in names:
            thing.denotation = "D"
        if "quantization_annotation" in names:
            fill(thing.quantization_annotation.add(), 2)
        if "device_configurations" in names:
            fill(thing.device_configurations.add(), 4)
        for field, value in list(thing.ListFields()):
            skipped = ("metadata_props", "training_info", "quantization_annotation",
                       "device_configurations")
            if field.type == field.TYPE_MESSAGE and field.name not in skipped:
                for item in value if hasattr(value, "add") else [value]:
                    note(item)

    note(model)
    model.graph.value_info.add(name="untyped").type.tensor_type.shape.dim.add(dim_value=3)
    return model


def unpack(scratch):
    archives = pathlib.Path(os.environ.get("TENON_TEST_DATA", ROOT.parent / "shared")) / "onnx-tests"
    if not archives.is_dir():
        skip(f"no test data in {archives}")
    for name in ("node", "models"):
        with tarfile.open(archives / f"{name}.tar.xz") as archive:
            archive.extractall(scratch, filter="data")
    return scratch


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tenon")
    parser.add_argument("data", nargs="?", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--form", choices=("binary", "text", "document"), default="binary",
                        help="what to go through on the way")
    parser.add_argument("--opset", type=int, default=0, help="to ask for (default: the lowest)")
    arguments = parser.parse_args()
    counts, failures = {}, []
    with tempfile.TemporaryDirectory() as temporary:
        scratch = pathlib.Path(temporary)
        data = arguments.data or unpack(scratch)
        folders = sorted(path.parent for path in data.rglob("model.onnx"))
        if arguments.form == "document":
            everything = scratch / "everything.onnx"
            onnx.save(model_of_everything(), everything)
            folders = [everything] + sorted(path for path in data.rglob("*.onnx"))
        folders = [f for f in folders if f.parent.name != "light"]
        if arguments.names:
            folders = [f for f in folders if f.name in arguments.names]
        for folder in folders:
            if arguments.form == "document":
                verdict, message = check_document(arguments.tenon, folder, scratch)
            else:
                verdict, message = check(arguments.tenon, folder, scratch,
                                         arguments.form == "text", arguments.opset)
            counts[verdict] = counts.get(verdict, 0) + 1
            if verdict == "bad" or (arguments.names and message):
                failures.append(folder.name)
                name = folder.name if folder.name != "model.onnx" else folder.parent.name
                print(f"{verdict}: {name}: {message}")
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    if not failures and not counts.get("good"):
        skip("no test data")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Tenon writes, others read: roundtrip.py TENON [DATA [NAME...]]

Each conformance model goes binary -> graph -> binary (tenon convert) and, with --form=text, through text.
What comes out must pass onnx.checker and give the expected results, in ONNX Runtime where that
reads the model's versions, else in onnx's reference evaluator. Engines that cannot run the original
do not judge. DATA holds unpacked suites (default: unpacked from $TENON_TEST_DATA or ../shared).
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


def convert(tenon, source, target):
    run = subprocess.run([tenon, "convert", source, target], capture_output=True, text=True,
                         timeout=60, check=False)
    if run.returncode == 0:
        return "converted", ""
    unsupported = "not supported: " in run.stderr and run.returncode == 1
    needs = "must be known at compile time" in run.stderr
    return ("unsupported" if unsupported or needs else "bad"), run.stderr.strip()[:300]


def check(tenon, folder, scratch, through_text):
    model_path = folder / "model.onnx"
    model = onnx.load(model_path)
    target = scratch / "converted.onnx"
    source = model_path
    if through_text:
        verdict, message = convert(tenon, model_path, scratch / "converted.onnxtxt")
        if verdict != "converted":
            return verdict, message
        source = scratch / "converted.onnxtxt"
    verdict, message = convert(tenon, source, target)
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
    parser.add_argument("--form", choices=("binary", "text"), default="binary",
                        help="what to go through on the way")
    arguments = parser.parse_args()
    counts, failures = {}, []
    with tempfile.TemporaryDirectory() as temporary:
        scratch = pathlib.Path(temporary)
        data = arguments.data or unpack(scratch)
        folders = sorted(path.parent for path in data.rglob("model.onnx"))
        folders = [f for f in folders if f.parent.name != "light"]
        if arguments.names:
            folders = [f for f in folders if f.name in arguments.names]
        for folder in folders:
            verdict, message = check(arguments.tenon, folder, scratch, arguments.form == "text")
            counts[verdict] = counts.get(verdict, 0) + 1
            if verdict == "bad" or (arguments.names and message):
                failures.append(folder.name)
                print(f"{verdict}: {folder.name}: {message}")
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    if not counts.get("good"):
        skip("no test data")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

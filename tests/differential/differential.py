#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random models by every route: differential.py TENON [--graphs N] [--seed S] [--nodes N] [--operator NAME]...

Graphs of random operators, attributes, element types and shapes (proposals.py) with the results that an oracle
says they have (growth.py) are written as a suite, which `tenon check` judges once for each way of compiling
in ROUTES. A failure is reduced (outputs and nodes taken away while it still fails) and kept in --keep DIR;
where onnx.reference agrees with Tenon, the oracles differ and it is skipped.
The same seed gives the same graphs with the same versions of the oracles. --minutes N goes on with further
seeds. Exit status 77: skipped, with the reason.
"""
import argparse
import collections
import copy
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
    import onnx
    from growth import EPSILON, Dropped, Growth, Value, evaluate, model_of, off
    from proposals import PROPOSALS
except ImportError as missing:
    print(f"skipped: the Python package {missing.name} is not installed")
    sys.exit(77)

ROUTES = {
    "interpreter-O0": ["--via=interpreter", "-O0"],
    "interpreter": ["--via=interpreter", "--verify-each", "--roundtrip-each"],
    "jit-O0": ["-O0"],
    "jit-O1": ["-O1"],
    "jit": [],
    "jit-split": ["--split-kernels"],
    "jit-dynamic": ["--dynamic"],
    "jit-threads": ["--threads=3"],
    "interpreter-dynamic": ["--via=interpreter", "--dynamic"],
    "so": ["--via=so"],
}
QUICK = ("interpreter-O0", "interpreter", "jit-O1", "jit", "jit-dynamic", "jit-threads")


def grow(seed, operators, most):
    """A graph of up to `most` nodes."""
    growth = Growth(seed)
    wanted, tries = growth.integer(1, most), 0
    weights = [PROPOSALS[o][0] for o in operators]
    while len(growth.nodes) < wanted and tries < 20 * wanted:
        tries += 1
        operator = growth.random.choices(operators, weights)[0]
        before = len(growth.values), len(growth.nodes)
        try:
            PROPOSALS[operator][1](growth, operator)
        except Dropped:
            del growth.values[before[0]:], growth.nodes[before[1]:]
    return growth


class Case:
    """A model with its inputs and expected outputs; smaller versions of it are made by cutting."""

    def __init__(self, name, nodes, outputs):
        self.name, self.outputs = name, outputs
        needed, kept = {id(v) for v in outputs}, []
        for node in reversed(nodes):
            if any(v and id(v) in needed for v in node.outputs):
                kept.append(node)
                needed.update(id(v) for v in node.inputs if v)
        self.nodes = kept[::-1]
        made = {id(v) for n in self.nodes for v in n.outputs if v}
        leaves = {id(v): v for n in self.nodes for v in n.inputs if v and id(v) not in made}
        self.inputs = [v for v in leaves.values() if not v.constant]
        self.constants = [v for v in leaves.values() if v.constant]

    def tolerance(self):
        """Of rounding, measured: see growth.py. The least precise type in the graph says the rest."""
        types = [v.dtype for n in self.nodes for v in list(n.inputs) + list(n.outputs) if v and v.dtype in EPSILON]
        floor = 16 * max([EPSILON[t] for t in types], default=0)
        return floor + 4 * max([off(v.array, v.shadow) for v in self.outputs], default=0)

    def write(self, folder):
        data = folder / self.name / "test_data_set_0"
        data.mkdir(parents=True)
        model = model_of(self.nodes, self.inputs, self.outputs, self.constants)
        (folder / self.name / "model.onnx").write_bytes(model.SerializeToString())
        for kind, values in ("input", self.inputs), ("output", self.outputs):
            for i, value in enumerate(values):
                (data / f"{kind}_{i}.pb").write_bytes(onnx.numpy_helper.from_array(value.array, value.name).SerializeToString())


def check(tenon, cases, arguments, folder):
    """What `tenon check` says of the cases: name -> (result, reason)."""
    suite = folder / "suite"
    if suite.exists():
        shutil.rmtree(suite)
    for case in cases:
        case.write(suite)
    (folder / "overrides.tsv").write_text("".join(
        f"{c.name}\trtol={c.tolerance():g} atol-max={c.tolerance():g}\n" for c in cases))
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    run = subprocess.run([tenon, "check", "--suite", str(suite), "--overrides", str(folder / "overrides.tsv"), "--json",
                          str(report), *arguments], capture_output=True, text=True, errors="replace", check=False)
    if not report.exists():
        raise SystemExit(f"tenon check {' '.join(arguments)} failed:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return {t["name"]: (t["outcome"], t.get("reason", "")) for t in json.loads(report.read_text())["tests"]}


def reduce(tenon, case, arguments, folder, kind):
    """The smallest case that still fails: by fewer outputs, then by fewer nodes, whose results become inputs."""

    def fails(smaller):
        outcome, reason = check(tenon, [smaller], arguments, folder)[smaller.name]
        return outcome == "failed" and kind_of(reason) == kind

    for output in case.outputs:
        smaller = Case(case.name, case.nodes, [output])
        if fails(smaller):
            case = smaller
            break
    changed = True
    while changed:
        changed = False
        for node in case.nodes:
            left = [n for n in case.nodes if n is not node]
            outputs = [v for v in case.outputs if v not in node.outputs]
            smaller = Case(case.name, left, outputs) if outputs else None
            if smaller and len(smaller.nodes) < len(case.nodes) and fails(smaller):
                case, changed = smaller, True
                break
    return case


def kind_of(reason):
    """Failures of one kind are shown once; wrong elements are one kind whatever they are."""
    return "wrong" if "expected" in reason and "output" in reason else reason.split(":")[-1].strip()[:60]


def is_disputed(tenon, case, arguments, folder):
    """Whether onnx.reference takes Tenon's side: then the oracles differ, and nothing is shown."""
    arrays = {id(v): v.array for v in case.inputs + case.constants}
    try:
        for node in case.nodes:
            results = iter(evaluate(node, [arrays[id(v)] if v else None for v in node.inputs], "reference"))
            arrays.update((id(v), next(results)) for v in node.outputs if v)
    except Dropped:
        return False
    other = copy.copy(case)
    other.outputs = [Value(v.name, arrays[id(v)], v.shadow) for v in case.outputs]
    if any(a.array.shape != b.array.shape for a, b in zip(other.outputs, case.outputs)):
        for value in other.outputs:
            value.shadow = value.array
    return check(tenon, [other], arguments, folder)[case.name][0] == "passed"


def words(case):
    """The nodes, and what goes into them."""
    lines = ["  " + onnx.printer.to_text(n.proto()).strip() for n in case.nodes]
    for value in case.inputs + case.constants:
        elements = np.array2string(value.array.reshape(-1), separator=",", threshold=12).replace("\n", "")
        lines.append(f"    {value.name}: {value.dtype.name}{list(value.shape)} {elements}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tenon")
    parser.add_argument("--graphs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nodes", type=int, default=7)
    parser.add_argument("--operator", action="append", help="only these")
    parser.add_argument("--route", action="append", choices=ROUTES, help="default: " + ", ".join(QUICK))
    parser.add_argument("--all-routes", action="store_true")
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--keep", type=pathlib.Path, help="where reduced failures are kept")
    options = parser.parse_args()
    known = {o["name"] for o in json.loads(subprocess.run([options.tenon, "ops", "--json"], capture_output=True,
                                                          check=True).stdout)["operators"]}
    operators = [o for o in PROPOSALS if o in known and (not options.operator or o in options.operator)]
    routes = list(ROUTES) if options.all_routes else options.route or QUICK
    end = time.monotonic() + 60 * options.minutes
    counts, used, seed = collections.Counter(), collections.Counter(), options.seed
    while True:
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            cases = {}
            for seed in range(seed, seed + options.graphs):
                growth = grow(seed, operators, options.nodes)
                if growth.nodes and growth.outputs():
                    name = f"seed{seed}"
                    cases[name] = Case(name, growth.nodes, growth.outputs())
                    used.update(n.operator for n in growth.nodes)
            for route in routes:
                results = check(options.tenon, list(cases.values()), ROUTES[route], folder)
                for name, (outcome, reason) in results.items():
                    if outcome == "failed":
                        case = reduce(options.tenon, cases[name], ROUTES[route], folder, kind_of(reason))
                        if is_disputed(options.tenon, case, ROUTES[route], folder):
                            outcome, reason = "skipped", "the oracles differ: " + reason
                    counts[outcome] += 1
                    if outcome == "failed":
                        print(f"FAILED {name} {route}: {reason}\n{words(case)}", flush=True)
                        if options.keep:
                            shutil.rmtree(options.keep / f"{name}-{route}", ignore_errors=True)
                            case.write(options.keep / f"{name}-{route}")
                    elif outcome == "skipped":
                        print(f"skipped {name} {route}: {reason}")
        seed += 1
        if time.monotonic() >= end:
            break
    print("operators: " + " ".join(f"{o}:{n}" for o, n in used.most_common()))
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())

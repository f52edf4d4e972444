#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is in a table has a test: a model of tests/ops/ has a node of each operator; each pass stands in a RUN
line of tests/passes/<its name>*.onnxtxt, or in a pipeline of tests/unit/test_passes.c where only a host can ask for it.

usage: registry.py TENON ROOT"""
import glob
import json
import os
import re
import subprocess
import sys


def listing(tenon, command):
    return json.loads(subprocess.run([tenon, command, "--json"], check=True, capture_output=True, text=True).stdout)


def operators_without_test(tenon, root):
    used = set()
    for path in glob.glob(os.path.join(root, "tests", "ops", "*.onnxtxt")):
        model = open(path).read().split("\n# EXPECT\n")[0]
        used.update(re.findall(r"=\s*([\w.]+)\s*[<(]", model))
    names = [f"{o['domain']}.{o['name']}".lstrip(".") for o in listing(tenon, "ops")["operators"]]
    return [n for n in names if n not in used and not n.startswith("tenon.")]


def passes_without_test(tenon, root):
    unit = open(os.path.join(root, "tests", "unit", "test_passes.c")).read()
    missing = []
    for name in (p["name"] for p in listing(tenon, "passes")["passes"]):
        pattern = os.path.join(root, "tests", "passes", name.replace("-", "_") + "*.onnxtxt")
        runs = [line for path in glob.glob(pattern) for line in open(path) if line.startswith("# RUN:")]
        if not any(name in run for run in runs) and f'"{name}' not in unit:
            missing.append(name)
    return missing


def main():
    tenon, root = sys.argv[1:]
    operators, passes = operators_without_test(tenon, root), passes_without_test(tenon, root)
    for name in operators:
        print(f"no model of tests/ops/ has a node {name}")
    for name in passes:
        print(f"no test of tests/passes/ runs the pass {name}")
    return 1 if operators or passes else 0


if __name__ == "__main__":
    sys.exit(main())

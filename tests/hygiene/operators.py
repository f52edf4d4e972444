#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each operator has a test in tests/ops/: a model there has a node of it.

usage: operators.py TENON ROOT"""
import glob
import json
import os
import re
import subprocess
import sys


def main():
    tenon, root = sys.argv[1:]
    listing = subprocess.run([tenon, "ops", "--json"], check=True, capture_output=True, text=True).stdout
    names = [f"{o['domain']}.{o['name']}".lstrip(".") for o in json.loads(listing)["operators"]]
    used = set()
    for path in glob.glob(os.path.join(root, "tests", "ops", "*.onnxtxt")):
        model = open(path).read().split("\n# EXPECT\n")[0]
        used.update(re.findall(r"=\s*([\w.]+)\s*[<(]", model))
    missing = [n for n in names if n not in used and not n.startswith("tenon.")]
    for name in missing:
        print(f"no model of tests/ops/ has a node {name}")
    print(f"{len(names) - len(missing)} operators have a test")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Runs a file of unit tests of the Python package: run.py [--needs MODULE]... FILE.

Exits with 77, and says why, where a module that the tests need is not there, or where all of them
were skipped.
"""

import argparse
import importlib
import sys
import unittest
import warnings
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--needs", action="append", default=[])
parser.add_argument("file", type=Path)
arguments = parser.parse_args()

for name in ["numpy", *arguments.needs]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(name)
    except ImportError as error:
        print(f"skipped: {name} cannot be imported by {sys.executable}: {error}")
        sys.exit(77)

sys.path.insert(0, str(arguments.file.resolve().parent))
suite = unittest.defaultTestLoader.loadTestsFromName(arguments.file.stem)
result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
reasons = {reason for _, reason in result.skipped}
for reason in sorted(reasons)[:20]:
    print(f"skipped: {reason}")
if not result.wasSuccessful() or result.testsRun == 0:
    sys.exit(1)
sys.exit(77 if len(result.skipped) == result.testsRun else 0)

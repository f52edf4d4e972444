# SPDX-License-Identifier: Apache-2.0
"""docs/python.md is right, and examples/host.py runs."""

import doctest
import os
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Documentation(unittest.TestCase):
    def test_docs(self):
        before = os.getcwd()
        os.chdir(ROOT)  # the examples name files of the repository
        try:
            flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
            path = str(ROOT / "docs" / "python.md")
            failed, tried = doctest.testfile(path, module_relative=False, optionflags=flags)
        finally:
            os.chdir(before)
        self.assertEqual(failed, 0)
        self.assertGreater(tried, 5)

    def run_host(self, *arguments):
        command = [sys.executable, ROOT / "examples" / "host.py", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    def test_host(self):
        run = self.run_host(ROOT / "examples" / "linear.onnxtxt")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("input x: float[N, 3]", run.stdout)
        self.assertIn("output y: float32[1, 2]", run.stdout)
        self.assertIn("[[0. 1.]]", run.stdout)
        self.assertEqual(self.run_host(ROOT / "examples/digits/digits.onnx").returncode, 0)

    def test_host_with_errors(self):
        run = self.run_host("nowhere.onnx")
        self.assertEqual(run.returncode, 1)
        self.assertIn("nowhere.onnx", run.stderr)
        self.assertEqual(self.run_host().returncode, 2)


if __name__ == "__main__":
    unittest.main()

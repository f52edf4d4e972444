# SPDX-License-Identifier: Apache-2.0
"""The wheel installs into an empty environment and runs a model there, without the repository."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

STRANGER = """
import importlib.metadata, os, sys
import numpy as np
import tenon
from tenon import _library
assert _library.find().parent == __import__("pathlib").Path(tenon.__file__).parent, _library.find()
assert importlib.metadata.version("tenon") == tenon.__version__
(point,) = importlib.metadata.entry_points(group="torch_dynamo_backends")
assert (point.name, point.value) == ("tenon", "tenon.torch_backend:tenon_backend")
program = tenon.compile('<ir_version: 10, opset_import: ["" : 21]> '
                        'g (float[N] x) => (float[N] y) { y = Add (x, x) }')
assert (program(np.arange(3, dtype=np.float32))["y"] == [0, 2, 4]).all()
print("ran", tenon.__version__)
"""


def clean_environment():
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "TENON_LIBRARY")}


class TheWheel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.wheel = cls.build(Path(cls.folder.name, "first"))

    @staticmethod
    def build(output):
        command = [sys.executable, ROOT / "bindings/python/build_wheel.py", "--output", output]
        library = os.environ.get("TENON_LIBRARY")
        command += ["--library", library] if library else []
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return Path(run.stdout.strip())

    def test_name_and_contents(self):
        self.assertRegex(self.wheel.name, r"^tenon-\d+\.\d+\.\d+-py3-none-(many)?linux_\w+\.whl$")
        with zipfile.ZipFile(self.wheel) as archive:
            self.assertIsNone(archive.testzip())
            names = archive.namelist()
            info = next(name for name in names if name.endswith("/WHEEL"))
            tag = re.search(r"Tag: (.*)", archive.read(info).decode())[1]
        self.assertTrue(self.wheel.name.endswith(f"-{tag}.whl"))
        for name in ("tenon/__init__.py", "tenon/libtenon.so", "tenon/py.typed"):
            self.assertIn(name, names)
        sources = {f"tenon/{path.name}" for path in (ROOT / "bindings/python/tenon").glob("*.py")}
        self.assertEqual(sources, {name for name in names if name.endswith(".py")})

    def test_the_same_bytes_again(self):
        again = self.build(Path(self.folder.name, "second"))
        self.assertEqual(self.wheel.read_bytes(), again.read_bytes())

    def test_it_installs_and_runs(self):
        venv = Path(self.folder.name, "venv")
        python = venv / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        install = subprocess.run(
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", self.wheel],
            env=clean_environment(),
            capture_output=True,
            text=True,
        )
        if install.returncode and "numpy" in install.stderr:
            self.skipTest("pip cannot get numpy, which the wheel requires")
        self.assertEqual(install.returncode, 0, install.stderr)
        run = subprocess.run(
            [python, "-c", STRANGER],
            cwd=self.folder.name,
            env=clean_environment(),
            capture_output=True,
            text=True,
        )
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("ran ", run.stdout)


if __name__ == "__main__":
    unittest.main()

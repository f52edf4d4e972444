# SPDX-License-Identifier: Apache-2.0
"""torch.compile(backend="tenon") against PyTorch itself."""

import os
import subprocess
import sys
import tempfile
import unittest
import warnings
import zipfile
from pathlib import Path

warnings.simplefilter("ignore")

import tenon  # noqa: E402
import tenon.torch_backend  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

STRICT = {"fallback": False}


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        n, length, width = x.shape
        parts = self.qkv(self.norm1(x)).view(n, length, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(n, length, width))
        return x + self.mlp(self.norm2(x))


def mlp():
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4), nn.Softmax(-1)).eval()


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, stride=2), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8,
        5),
    ).eval()  # fmt: skip


class Case(unittest.TestCase):
    def setUp(self):
        torch._dynamo.reset()
        torch.manual_seed(0)

    def check(self, model, compiled, *inputs, rtol=1e-4, atol=1e-5):
        with torch.inference_mode():
            torch.testing.assert_close(compiled(*inputs), model(*inputs), rtol=rtol, atol=atol)

    def compile(self, model, **options):
        return torch.compile(model, backend="tenon", options={**STRICT, **options})


class Models(Case):
    def test_mlp(self):
        model = mlp()
        self.check(model, self.compile(model), torch.randn(3, 8))

    def test_cnn(self):
        model = cnn()
        self.check(model, self.compile(model), torch.randn(2, 3, 16, 16))

    def test_transformer_block(self):
        model = Block(32, 4).eval()
        self.check(model, self.compile(model), torch.randn(2, 7, 32))

    def test_function_of_many_results(self):
        def function(x, y):
            return {"sum": x + y, "same": x, "more": [(x * y).relu(), None, 3]}

        x, y = torch.randn(2, 4), torch.randn(4)
        made = self.compile(function)(x, y)
        torch.testing.assert_close(made["sum"], x + y)
        self.assertIs(made["same"], x)
        torch.testing.assert_close(made["more"][0], (x * y).relu())
        self.assertEqual(made["more"][1:], [None, 3])

    def test_element_types(self):
        model = nn.Linear(8, 4)
        for dtype, rtol in ((torch.float64, 1e-12), (torch.bfloat16, 2**-6)):
            with self.subTest(dtype):
                torch._dynamo.reset()
                converted = model.to(dtype)
                x = torch.randn(3, 8).to(dtype)
                self.check(converted, self.compile(converted), x, rtol=rtol, atol=rtol)


class Sizes(Case):
    def test_dynamic(self):
        model = mlp()
        compiled = torch.compile(model, backend="tenon", dynamic=True, options=STRICT)
        for n in (3, 5, 17, 2):
            self.check(model, compiled, torch.randn(n, 8))

    def test_they_become_dynamic(self):
        model = Block(32, 4).eval()
        compiled = self.compile(model)
        for n, length in ((2, 7), (2, 9), (3, 9), (4, 11)):
            self.check(model, compiled, torch.randn(n, length, 32))

    def test_one_program_runs_them(self):
        made = []
        original = tenon.torch_backend._Compiled

        class Counted(original):
            def __init__(self, *arguments):
                super().__init__(*arguments)
                made.append(self)

        tenon.torch_backend._Compiled = Counted
        try:
            model = mlp()
            compiled = torch.compile(model, backend="tenon", dynamic=True, options=STRICT)
            for n in (3, 5, 17, 8):
                self.check(model, compiled, torch.randn(n, 8))
        finally:
            tenon.torch_backend._Compiled = original
        self.assertEqual(len(made), 1)


class Weights(Case):
    def test_changes_in_place_are_seen(self):
        model = nn.Linear(4, 2)
        compiled = self.compile(model)
        x = torch.randn(3, 4)
        self.check(model, compiled, x)
        with torch.no_grad():
            model.weight.mul_(2)
            model.bias.zero_()
        self.check(model, compiled, x)

    def test_other_weights_are_seen(self):
        model = nn.Linear(4, 2)
        compiled = self.compile(model)
        x = torch.randn(3, 4)
        self.check(model, compiled, x)
        model.load_state_dict(nn.Linear(4, 2).state_dict())
        self.check(model, compiled, x)
        model.weight = nn.Parameter(torch.randn(2, 4))
        self.check(model, compiled, x)


class Fallback(Case):
    def test_gradients(self):
        model = mlp()
        compiled = torch.compile(model, backend="tenon")
        x = torch.randn(3, 8, requires_grad=True)
        with self.assertLogs("tenon", "WARNING") as logs:
            compiled(x).sum().backward()
        self.assertIn("gradients are wanted", logs.output[0])
        self.assertIsNotNone(x.grad)

    def test_it_can_be_forbidden(self):
        compiled = self.compile(mlp())
        with self.assertRaisesRegex(Exception, "gradients are wanted"):
            compiled(torch.randn(3, 8, requires_grad=True))

    def test_inputs_that_are_changed(self):
        def function(x):
            x.add_(1)
            return x * 2

        compiled = torch.compile(function, backend="tenon")
        x = torch.zeros(3)
        with torch.no_grad(), self.assertLogs("tenon", "WARNING") as logs:
            torch.testing.assert_close(compiled(x), torch.full((3,), 2.0))
        self.assertIn("changes its inputs", logs.output[0])
        torch.testing.assert_close(x, torch.ones(3))

    def test_operators_without_an_onnx_form(self):
        def function(x):
            return torch.special.airy_ai(x) + 1

        compiled = torch.compile(function, backend="tenon")
        x = torch.rand(3)
        with torch.no_grad(), self.assertLogs("tenon", "WARNING"):
            torch.testing.assert_close(compiled(x), function(x))


class Tensors(unittest.TestCase):
    """Tensors as inputs of a program, through DLPack."""

    HEADER = '<ir_version: 13, opset_import: ["" : 25]>\n'

    def test_they_are_inputs(self):
        for kind, dtype in (
            ("float", torch.float32),
            ("bool", torch.bool),
            ("bfloat16", torch.bfloat16),
            ("float8e4m3fn", torch.float8_e4m3fn),
            ("float8e5m2", torch.float8_e5m2),
        ):
            with self.subTest(kind):
                graph = f"g ({kind}[N, M] x) => (float[N, M] y) {{ y = Cast <to = 1> (x) }}"
                x = torch.tensor([[0.5, 1, -2], [3, 0, 1]]).to(dtype)
                program = tenon.compile(self.HEADER + graph)
                for given in (x, x.T):
                    made = torch.from_dlpack(program(given)["y"])
                    torch.testing.assert_close(made, given.to(torch.float32))

    def test_they_are_not_copied(self):
        from tenon._dlpack import from_dlpack

        for dtype in (torch.float32, torch.bfloat16):
            x = torch.zeros(4, dtype=dtype)
            array = from_dlpack(x, "x")
            self.assertEqual(array.ctypes.data, x.data_ptr())
            x.fill_(1)
            self.assertEqual(array.astype("f4").tolist(), [1, 1, 1, 1])

    def test_what_wants_gradients_is_refused(self):
        program = tenon.compile(f"{self.HEADER}g (float[N] x) => (float[N] y) {{ y = Neg (x) }}")
        with self.assertRaisesRegex(tenon.BadArgumentError, "DLPack"):
            program(torch.zeros(3, requires_grad=True))


INSTALLED = """
import torch
compiled = torch.compile(lambda x: x * 2 + 1, backend="tenon", options={"fallback": False})
assert compiled(torch.ones(3)).tolist() == [3, 3, 3]
import tenon
print(tenon.__file__)
"""


class Registration(unittest.TestCase):
    def test_an_installed_wheel_registers_it(self):
        root = Path(__file__).resolve().parents[2]
        environment = {k: v for k, v in os.environ.items() if k != "TENON_LIBRARY"}
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, root / "bindings/python/build_wheel.py", "--output", folder]
            if "TENON_LIBRARY" in os.environ:
                command += ["--library", os.environ["TENON_LIBRARY"]]
            made = subprocess.run(command, check=True, capture_output=True, text=True)
            with zipfile.ZipFile(made.stdout.strip()) as wheel:
                wheel.extractall(folder)
            environment["PYTHONPATH"] = folder
            run = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", INSTALLED],
                env=environment,
                cwd=folder,
                capture_output=True,
                text=True,
            )
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertTrue(run.stdout.startswith(folder), run.stdout)

    def test_it_is_listed(self):
        self.assertIn("tenon", torch._dynamo.list_backends(None))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Runs a model on zeros, with sizes of 1 where the model leaves them open, and says what comes out.

PYTHONPATH=bindings/python python3 examples/host.py examples/linear.onnxtxt
"""

import sys

import numpy as np
import tenon


def zeros(port: tenon.Port) -> object:
    """A value for an input: zeros, an empty list, or nothing."""
    if port.kind != "tensor":
        return [] if port.kind == "sequence" else None
    shape = [size if isinstance(size, int) else 1 for size in port.shape]
    return np.full(shape, "") if port.dtype == object else np.zeros(shape, port.dtype)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: host.py MODEL", file=sys.stderr)
        return 2
    try:
        program = tenon.compile(sys.argv[1])
        ports = program.inspect().inputs
        for port in ports:
            print(f"input {port.name}: {port.type}")
        outputs = program({port.name: zeros(port) for port in ports})
    except tenon.Error as error:
        print(error, file=sys.stderr)
        return 1
    for name, value in outputs.items():
        print(
            f"output {name}: {value.dtype}{list(value.shape)}" if hasattr(value, "dtype") else name
        )
        print(value)
    return 0


if __name__ == "__main__":
    sys.exit(main())

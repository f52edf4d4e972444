#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds a wheel of the package tenon that carries libtenon.so.

    build_wheel.py [--library build/release/libtenon.so] [--output DIR]

Prints the wheel's path. A wheel is a zip file with a list of its contents, so that nothing but the
standard library is needed, and `strip` where it is there. The same library gives the same bytes.

The platform's tag says what the library asks of the system that it is installed on. It is
manylinux_2_N where glibc 2.N and libraries that all distributions have will do (PEP 600), and else
linux, which installs on this distribution and its like.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# What PEP 600's policies let a wheel take from the system.
SYSTEM_LIBRARIES = re.compile(
    r"(ld-linux.*|libc|libm|libdl|libpthread|librt|libgcc_s|libstdc\+\+|libz)\.so\.\d+$"
)

METADATA = """\
Metadata-Version: 2.1
Name: tenon
Version: {version}
Summary: A graph compiler for deep-learning models: ONNX in, native code out
License: Apache-2.0
Requires-Python: >=3.9
Requires-Dist: numpy>=1.23
Provides-Extra: onnx
Requires-Dist: onnx; extra == 'onnx'
Provides-Extra: torch
Requires-Dist: torch; extra == 'torch'
Requires-Dist: onnxscript; extra == 'torch'
Description-Content-Type: text/markdown

{description}"""

ENTRY_POINTS = """\
[torch_dynamo_backends]
tenon = tenon.torch_backend:tenon_backend
"""

WHEEL = """\
Wheel-Version: 1.0
Generator: tenon build_wheel
Root-Is-Purelib: false
Tag: {tag}
"""


# ---- What the library needs ----------------------------------------------------------------------

DT_NEEDED, DT_STRTAB, DT_STRSZ = 1, 5, 10
PT_LOAD, PT_DYNAMIC = 1, 2


class Elf:
    """The dynamic section of a 64-bit little-endian shared library."""

    def __init__(self, data: bytes) -> None:
        if data[:6] != b"\x7fELF\x02\x01":
            raise SystemExit("the library is no 64-bit little-endian ELF file")
        self.data = data
        offset, size, count = struct.unpack_from("<Q14xHH", data, 32)
        headers = [struct.unpack_from("<IIQQQQQQ", data, offset + i * size) for i in range(count)]
        self.loads = [h for h in headers if h[0] == PT_LOAD]
        dynamic = next(h for h in headers if h[0] == PT_DYNAMIC)
        self.entries = list(struct.iter_unpack("<QQ", data[dynamic[2] : dynamic[2] + dynamic[5]]))
        tags = dict(self.entries)
        begin = self.file_offset(tags[DT_STRTAB])
        self.strings = data[begin : begin + tags[DT_STRSZ]]

    def file_offset(self, address: int) -> int:
        for _, _, offset, start, _, size, *_ in self.loads:
            if start <= address < start + size:
                return offset + address - start
        raise SystemExit("the library's dynamic section points nowhere")

    def string(self, at: int) -> str:
        return self.strings[at : self.strings.index(b"\0", at)].decode()

    def needed(self) -> list[str]:
        """Names of the libraries that it is linked with."""
        return [self.string(value) for tag, value in self.entries if tag == DT_NEEDED]

    def glibc(self) -> tuple[int, int]:
        """The oldest glibc that has all symbols it takes from there."""
        found = re.findall(rb"\0GLIBC_(\d+)\.(\d+)(?:\.\d+)?(?=\0)", self.strings)
        return max(((int(a), int(b)) for a, b in found), default=(2, 17))


def platform_tag(library: bytes) -> str:
    """The platform that a wheel with this library is for."""
    elf = Elf(library)
    machine = platform.machine()
    foreign = [name for name in elf.needed() if not SYSTEM_LIBRARIES.match(name)]
    if foreign:
        print(f"not manylinux: the library needs {', '.join(foreign)}", file=sys.stderr)
        return f"linux_{machine}"
    return "manylinux_{}_{}_{}".format(*elf.glibc(), machine)


# ---- The wheel -----------------------------------------------------------------------------------


def stripped(library: Path) -> bytes:
    """The library's bytes, without what only debuggers and linkers want."""
    if not shutil.which("strip"):
        return library.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, library.name)
        subprocess.run(["strip", "--strip-unneeded", "-o", copy, library.resolve()], check=True)
        return copy.read_bytes()


def version_of(header: Path) -> str:
    numbers = re.findall(r"#define TN_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header.read_text())
    return ".".join(numbers)


def contents(library: bytes, version: str, tag: str) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the wheel's files, but for the list of them."""
    for path in sorted((HERE / "tenon").iterdir()):
        if path.suffix == ".py" or path.name == "py.typed":
            yield f"tenon/{path.name}", path.read_bytes()
    yield "tenon/libtenon.so", library
    info = f"tenon-{version}.dist-info"
    description = (ROOT / "docs" / "python.md").read_text()
    yield f"{info}/METADATA", METADATA.format(version=version, description=description).encode()
    yield f"{info}/WHEEL", WHEEL.format(tag=tag).encode()
    yield f"{info}/entry_points.txt", ENTRY_POINTS.encode()
    yield f"{info}/licenses/LICENSE", (ROOT / "LICENSE").read_bytes()


def write(path: Path, files: list[tuple[str, bytes]], record: str) -> None:
    """Writes the zip file, whole or not at all."""
    lines = []
    part = path.with_suffix(".part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name, data in files:
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
                lines.append(f"{name},sha256={digest.decode()},{len(data)}\n")
                put(archive, name, data)
            put(archive, record, "".join([*lines, f"{record},,\n"]).encode())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.external_attr = (0o755 if name.endswith(".so") else 0o644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)


def main() -> None:
    parser = argparse.ArgumentParser(description="Builds a wheel of the package tenon.")
    parser.add_argument("--library", type=Path, default=ROOT / "build/release/libtenon.so")
    parser.add_argument("--output", type=Path, default=ROOT / "build/wheel")
    arguments = parser.parse_args()
    if not arguments.library.is_file():
        parser.error(f"there is no library {arguments.library}; build it first (./demo)")
    version = version_of(ROOT / "include" / "tenon.h")
    library = stripped(arguments.library)
    tag = f"py3-none-{platform_tag(library)}"
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"tenon-{version}-{tag}.whl"
    write(path, list(contents(library, version, tag)), f"tenon-{version}.dist-info/RECORD")
    print(path)


if __name__ == "__main__":
    main()

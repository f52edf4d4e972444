#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile and odd models: hostile.py COMMAND... runs COMMAND FILE for each of hostile_models.py, and
for those of the folder hostile/ in $TENON_TEST_DATA (../shared), as far as it is there.

A model is rejected with an ordinary message that names the file, and exit status 1. Whatever is
expected, nothing may crash, take more than 2 s (of processors, so that a busy machine does not
matter) or more than 256 MiB."""
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

import hostile_models

SECONDS, MEBIBYTES = 2.0, 256
# A sanitizer's own memory and slowness are not the program's.
if os.environ.get("TENON_HOSTILE_SLOW"):
    SECONDS, MEBIBYTES = 40.0, 1 << 20


def run(command, path):
    """(exit status, standard error, seconds, mebibytes)"""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command + [str(path)], stdout=subprocess.DEVNULL, stderr=errors,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU,
                                                                         (60, 60)))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = usage.ru_utime + usage.ru_stime
        errors.seek(0)
        return (process.returncode, errors.read().decode(errors="replace"), seconds,
                usage.ru_maxrss / 1024)


def judge(expected, path, status, message, seconds, mebibytes):
    """What is wrong, or None."""
    if status not in (0, 1):
        return f"ended with {status}: {message[-200:]}"
    if seconds > SECONDS:
        return f"took {seconds:.1f} s"
    if mebibytes > MEBIBYTES:
        return f"took {mebibytes:.0f} MiB"
    if expected == "accept" and status:
        return f"refused: {message[:300]}"
    if expected == "reject" and not status:
        return "accepted"
    if status and path.name not in message:
        return f"the message does not name the file: {message[:200]}"
    return None


def prepare(folder):
    """Files beside the models: external data, and ways out of the folder."""
    (folder / "weights.dat").write_bytes(bytes(range(32)))
    (folder / "sub").mkdir()
    (folder / "link.dat").symlink_to("/etc/passwd")
    (folder / "folder").symlink_to("/etc")
    os.mkfifo(folder / "fifo")
    (folder / "other.dat").write_bytes(bytes(32))
    os.link(folder / "other.dat", folder / "hard.dat")


def cases(folder):
    for name, expected, content in hostile_models.CASES:
        path = folder / f"{name}.onnx"
        path.write_bytes(content)
        yield path, expected
    root = pathlib.Path(__file__).resolve().parent.parent
    shared = pathlib.Path(os.environ.get("TENON_TEST_DATA", root.parent / "shared")) / "hostile"
    if (shared / "manifest.tsv").exists():
        for line in (shared / "manifest.tsv").read_text().splitlines()[1:]:
            name, expected, _ = line.split("\t")
            yield shared / name, expected


def main():
    command = sys.argv[1:]
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        prepare(folder)
        for path, expected in cases(folder):
            wrong = judge(expected, path, *run(command, path))
            if wrong:
                print(f"{path.name} ({expected}): {wrong}")
                failed += 1
            else:
                passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

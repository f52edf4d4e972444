# SPDX-License-Identifier: Apache-2.0
"""What the tests of compiled models share: checks that are counted, and how their programs begin and end."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CC = os.environ.get("CC", "cc")
TENON = os.path.abspath(sys.argv[1])
FAILURES = []


def check(good, what):
    print(("ok: " if good else "WRONG: ") + what)
    if not good:
        FAILURES.append(what)


def run(*command, **settings):
    return subprocess.run(command, capture_output=True, text=True, **settings)


def tenon(*command, **settings):
    return run(TENON, *command, **settings)


def need(*tools):
    """Ends the program as skipped, with the reason, where a tool of the system is missing."""
    for tool in tools:
        if not shutil.which(tool):
            print("skipped: %s is not installed" % tool)
            sys.exit(77)


def main(**parts):
    """Runs the part that the command line names, or the only one, in an empty folder, and ends the program."""
    part = parts[sys.argv[2]] if len(parts) > 1 else next(iter(parts.values()))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        part()
        os.chdir("/")
    print("%d failures" % len(FAILURES))
    sys.exit(bool(FAILURES))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs golden tests: text files that hold a command and what it must print.

usage: run_golden.py [--update] [--jobs N] TENON FILE...

A test is any text file with structured comments:

  # RUN: tenon opt --passes=canonicalize %s     a command; several are run in order, in one shell each
  # STATUS: 1                                   the exit status that the command before must have (0)
  # EXPECT                                      all lines after this one, without "# ", are what the
  # ...                                         commands' standard output must be, together
  # CHECK: fragment                             fragments of standard output, in this order
  # STDERR: fragment                            fragments of standard error, in this order
  h = MatMul (x, w)   # error: 784 and 785      standard error must report an error on this very line
                                                whose message has this fragment (status 1 is implied)
  # NEEDS: command                              skipped, with that reason, unless the command succeeds

In commands %s is the file, %d its folder, %t a temporary folder of the test, and `tenon` the binary
given. In a Markdown file each fenced block marked `onnx` is a test; without a RUN line it is checked
by `tenon check`. A test that expects nothing fails. --update rewrites what follows EXPECT, and adds it to a
test that expects nothing yet."""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

MARK = re.compile(r"^\s*# ?(RUN|STATUS|CHECK|STDERR|NEEDS): ?(.*)$")


class Test:
    def __init__(self, name, path, text, folder):
        self.name, self.path, self.text, self.folder = name, path, text, folder
        self.runs, self.checks, self.stderr, self.needs, self.errors = [], [], [], [], []
        self.expect = self.expect_at = None
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            if line.strip() in ("# EXPECT", "#EXPECT"):
                self.expect_at = number
                rest = lines[number:]
                while rest and rest[-1] == "":
                    rest.pop()
                self.expect = "".join(re.sub(r"^# ?", "", l) + "\n" for l in rest)
                break
            mark = MARK.match(line)
            if mark:
                kind, value = mark.groups()
                if kind == "RUN":
                    self.runs.append([value, 0])
                elif kind == "STATUS":
                    self.runs[-1][1] = int(value)
                elif kind == "CHECK":
                    self.checks.append(value)
                elif kind == "STDERR":
                    self.stderr.append(value)
                else:
                    self.needs.append(value)
            elif "# error:" in line:
                self.errors.append((number, line.split("# error:", 1)[1].strip()))
        if self.errors and self.runs and self.runs[-1][1] == 0:
            self.runs[-1][1] = 1

    def expects_nothing(self):
        return self.expect is None and not (self.checks or self.stderr or self.errors) and \
            not any(status or "tenon check" in command for command, status in self.runs)

    def updated(self, output):
        head = self.text.split("\n")[: self.expect_at] if self.expect_at else self.text.rstrip("\n").split("\n") + ["# EXPECT"]
        body = [("# " + l).rstrip() for l in output.rstrip("\n").split("\n")]
        return "\n".join(head + body) + "\n"


def in_order(fragments, text):
    at = 0
    for fragment in fragments:
        found = text.find(fragment, at)
        if found < 0:
            return fragment
        at = found + len(fragment)
    return None


def difference(expected, found):
    import difflib
    return "".join(difflib.unified_diff(expected.splitlines(True), found.splitlines(True),
                                        "expected", "found"))


def run(test, tenon, update):
    """Answers (ok, words)."""
    with tempfile.TemporaryDirectory() as temporary:
        environment = dict(os.environ, PATH=os.path.dirname(os.path.abspath(tenon)) + ":" + os.environ["PATH"])
        shell = lambda command: subprocess.run(
            ["sh", "-c", command.replace("%s", test.path).replace("%d", test.folder).replace("%t", temporary)],
            capture_output=True, text=True, timeout=300, env=environment, errors="replace")
        for need in test.needs:
            if shell(need).returncode != 0:
                return None, "skipped: needs " + need
        output = errors = ""
        for command, status in test.runs:
            done = shell(command)
            output += done.stdout
            errors += done.stderr
            if done.returncode != status:
                return False, f"{command}\nexit status {done.returncode}, expected {status}\n{done.stderr}"
        name = os.path.basename(test.path)
        for number, fragment in test.errors:
            where = re.compile(re.escape(name) + rf":{number}:\d+: (node '.*': )?error: .*" +
                               re.escape(fragment))
            if not where.search(errors):
                return False, f"no error on line {number} with '{fragment}' in\n{errors}"
        missing = in_order(test.checks, output)
        if missing is not None:
            return False, f"'{missing}' is missing, or out of order, in\n{output}"
        missing = in_order(test.stderr, errors)
        if missing is not None:
            return False, f"standard error lacks '{missing}', or has it out of order:\n{errors}"
        if output != test.expect if test.expect is not None else test.expects_nothing():
            if update and test.path.endswith((".onnxtxt", ".txt")):
                open(test.path, "w").write(test.updated(output))
                return True, "updated"
            if test.expect is None:
                return False, "it expects nothing (run_golden.py --update writes what it printed)"
            return False, difference(test.expect, output) + "(run_golden.py --update rewrites it)"
    return True, ""


def tests_of(path, scratch):
    text = open(path, errors="replace").read()
    folder = os.path.dirname(os.path.abspath(path))
    if not path.endswith(".md"):
        test = Test(path, os.path.abspath(path), text, folder)
        if not test.runs:
            raise SystemExit(f"{path}: no RUN line")
        return [test]
    tests = []
    for number, block in enumerate(re.findall(r"^```onnx\n(.*?)^```", text, re.M | re.S), 1):
        name = f"{os.path.basename(path)}_{number}.onnxtxt"
        file = os.path.join(scratch, name)
        open(file, "w").write(block)
        test = Test(f"{path} block {number}", file, block, folder)
        if not test.runs:
            test.runs = [["tenon check %s", 1 if test.errors else 0]]
        tests.append(test)
    return tests


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("tenon")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory() as scratch, \
            concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        tests = [test for file in arguments.files for test in tests_of(file, scratch)]
        for test, (ok, words) in zip(tests, pool.map(lambda t: run(t, arguments.tenon, arguments.update), tests)):
            passed += ok is True
            failed += ok is False
            skipped += ok is None
            if words:
                print(f"{'FAILED ' if ok is False else ''}{test.name}: {words}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed + skipped else 0


if __name__ == "__main__":
    sys.exit(main())

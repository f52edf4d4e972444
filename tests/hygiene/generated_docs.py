#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/operators.md and docs/passes.md from what the driver lists; with --check says whether they
are up to date.

usage: generated_docs.py [--check] TENON DOCS"""
import json
import os
import subprocess
import sys


def listing(tenon, command):
    return json.loads(subprocess.run([tenon, command, "--json"], check=True, capture_output=True, text=True).stdout)


def operators(tenon):
    ops = listing(tenon, "ops")["operators"]
    lines = ["# Operators", "",
             f"{len(ops)} operators, generated from `ir/ops/` by `tests/hygiene/generated_docs.py`. *Versions*: the oldest that is",
             "upgraded at import, and the one that is implemented. *Meaning*: what everything else derives from.", "",
             "| operator | versions | meaning | what it computes |", "|---|---|---|---|"]
    for op in sorted(ops, key=lambda o: (o["domain"], o["name"])):
        name = f"{op['domain']}.{op['name']}" if op["domain"] else op["name"]
        summary = op["summary"].replace("|", "\\|").replace("*", "\\*")
        lines.append(f"| {name} | {op['first']}-{op['since']} | {op['meaning']} | {summary} |")
    return "\n".join(lines) + "\n"


def passes(tenon):
    all_passes = listing(tenon, "passes")
    lines = ["# Passes", "", "Generated from `passes/passes.def` and `pipelines.def` by `tests/hygiene/generated_docs.py`.", "",
             "| pass | what it does | options |", "|---|---|---|"]
    for p in all_passes["passes"]:
        options = "; ".join(f"`{n}` = {o['default']}: {o['doc']}" for n, o in p["options"].items())
        lines.append(f"| `{p['name']}` | {p['summary']} | {options} |")
    lines += ["", "Named pipelines:", ""]
    lines += [f"* `@{n}`: `{t}`" for n, t in all_passes["pipelines"].items()]
    return "\n".join(lines) + "\n"


def main():
    check = "--check" in sys.argv
    tenon, docs = [a for a in sys.argv[1:] if a != "--check"]
    stale = 0
    for name, make in (("operators.md", operators), ("passes.md", passes)):
        path, text = os.path.join(docs, name), make(tenon)
        if check and (not os.path.exists(path) or open(path).read() != text):
            print(f"{path} is not up to date: run tests/hygiene/generated_docs.py {tenon} {docs}")
            stale += 1
        elif not check:
            open(path, "w").write(text)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

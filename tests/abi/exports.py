#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that libtenon.so exports what tests/abi/exports.txt lists, and that the header declares it.

A name that is gone breaks programs that were linked against it; a new one belongs into the list, by
--update, and into the header, with its documentation.

usage: exports.py [--update] LIBRARY HEADER LIST"""
import re
import subprocess
import sys


def exported(library):
    lines = subprocess.run(["nm", "-D", "--defined-only", "--no-weak", library], check=True, text=True,
                           capture_output=True).stdout.splitlines()
    return sorted(line.split()[2].split("@")[0] for line in lines)


def declared(header):
    text = re.sub(r"/\*.*?\*/", " ", open(header).read(), flags=re.S)
    return sorted(re.findall(r"\bTN_API\b[^;{]*?\b(tn_\w+)\s*\(", text))


def differences(what, ours, theirs):
    for name in sorted(set(ours) ^ set(theirs)):
        print(f"{name}: {what[0] if name in ours else what[1]}")
    return set(ours) != set(theirs)


def main():
    arguments = [a for a in sys.argv[1:] if a != "--update"]
    if len(arguments) != 3:
        sys.exit(__doc__)
    library, header, path = arguments
    names = exported(library)
    if "--update" in sys.argv:
        open(path, "w").write("".join(name + "\n" for name in names))
    listed = open(path).read().split()
    wrong = differences(("listed, and not exported any more", "exported, and not listed"), listed, names)
    wrong |= differences(("declared in the header, and not exported", "exported, and not in the header"),
                         declared(header), names)
    print(f"{len(names)} functions are exported")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

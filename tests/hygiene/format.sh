#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All C files are as clang-format 14 writes them. Skipped (77) where it is not installed.
cd "$1" || exit 1
command -v clang-format-14 >/dev/null || { echo "skipped: clang-format-14 is not installed"; exit 77; }
find include runtime ir frontend passes codegen tools tests examples \( -name '*.c' -o -name '*.h' \) -print0 |
    xargs -0 clang-format-14 --dry-run -Werror 2>&1 | grep -E 'error|warning' | head -20 | tee /dev/stderr | grep -q . && exit 1
exit 0

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs a build into a temporary folder and uses it from there as a stranger would:
# install.sh BUILD SOURCE. Also checks that the shared library exports tn_* alone.
set -eu
build=$1 source=$2
command -v pkg-config >/dev/null || { echo "skipped: pkg-config is not installed"; exit 77; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cmake --install "$build" --prefix "$root" >/dev/null
library=$(find "$root" -name libtenon.so)
PKG_CONFIG_PATH=$(dirname "$(find "$root" -name tenon.pc)")
export PKG_CONFIG_PATH
cc -std=c11 -Wall -Wextra -Werror -o "$root/run" "$source/examples/run.c" $(pkg-config --cflags --libs tenon)
LD_LIBRARY_PATH=$(dirname "$library") "$root/run" "$source/examples/digits/digits.onnx"
echo '#include <tenon.h>' | c++ -std=c++17 -x c++ -fsyntax-only $(pkg-config --cflags tenon) -
if nm -D --defined-only "$library" | awk '{print $3}' | grep -v '^tn_'; then
    echo "the library exports more than tn_*"
    exit 1
fi

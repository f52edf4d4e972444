# SPDX-License-Identifier: Apache-2.0
# Sourced by ./demo and ./check: installs what is missing (Debian packages, by name) and builds.

packages="gcc g++ cmake ninja-build flex bison llvm-19-dev zlib1g-dev libzstd-dev libpng-dev
libjpeg62-turbo-dev libjpeg-turbo-progs libjansson-dev libcmocka-dev python3 python3-venv xz-utils clang-format-14
clang-19"
packages_slow="libclang-rt-19-dev qemu-user gdb"

say() { printf '\n== %s\n' "$*"; }

# setup PACKAGE...: installs those that are not there.
setup() {
    missing=
    for p in "$@"; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
    done
    [ -n "$missing" ] || return 0
    say "installing:$missing"
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -q >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends $missing >build/apt.log 2>&1 || {
        tail -3 build/apt.log
        echo "could not install:$missing"
        return 1
    }
}

# build PRESET [TARGET...]: configures once, builds what changed.
build() {
    preset=$1; shift
    say "building build/$preset"
    [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >"build/$preset.log" 2>&1 || { tail -20 "build/$preset.log"; return 1; }
    cmake --build "build/$preset" ${1:+--target "$@"} >"build/$preset.log" 2>&1 || { grep -E 'error|FAILED' "build/$preset.log" | head -20; return 1; }
    tail -1 "build/$preset.log"
}

# peers: a Python environment with the oracles, build/venv; answers 1, and says why, without a network.
peers() {
    [ -x build/venv/bin/python ] && build/venv/bin/python -c 'import onnx, onnxruntime, numpy' 2>/dev/null && return 0
    say "installing the oracles (onnx, onnxruntime, numpy) into build/venv"
    { [ -x build/venv/bin/python ] || python3 -m venv build/venv; } >build/pip.log 2>&1 &&
        timeout 600 build/venv/bin/pip install -q --disable-pip-version-check numpy onnx onnxruntime >>build/pip.log 2>&1 || {
        echo "skipped: tests against other tools, since onnx and onnxruntime cannot be installed: $(tail -1 build/pip.log | cut -c1-120)"
        return 1
    }
}

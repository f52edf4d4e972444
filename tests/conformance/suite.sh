#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a conformance suite: suite.sh TENON DATA NAME FLOOR ARGUMENT...
#
# DATA is the folder where test data is unpacked (made once). NAME: nodes, models, shipped, zoo or
# zoo-int8. Passes if no test fails and at least FLOOR pass. The archives come from $TENON_TEST_DATA
# (default: the folder shared/ beside the checkout); without them the node tests of Debian's package
# libonnx-testdata are used, and the others are skipped (status 77).
set -u
faults=
tenon=$1 data=$2 name=$3 floor=$4
shift 4
root=$(cd "$(dirname "$0")/../.." && pwd)
archives=${TENON_TEST_DATA:-$root/../shared}
mkdir -p "$data"

unpack() { # unpack ARCHIVE FOLDER
    [ -d "$2" ] && return 0
    mkdir -p "$2.$$" && tar xJf "$1" -C "$2.$$" && mv -T "$2.$$" "$2" 2>/dev/null || { rm -rf "$2.$$"; [ -d "$2" ]; }
}

case $name in
nodes)
    if [ -f "$archives/onnx-tests/node.tar.xz" ]; then
        unpack "$archives/onnx-tests/node.tar.xz" "$data/nodes"
        suite=$data/nodes
    elif [ -d /usr/share/libonnx-testdata/data/node ]; then
        suite=/usr/share/libonnx-testdata/data/node
        floor=900
        faults=$root/tests/conformance/debian-faults.tsv
    else
        echo "skipped: no test data: neither $archives/onnx-tests nor Debian's libonnx-testdata is there"
        exit 77
    fi ;;
models)
    [ -f "$archives/onnx-tests/models.tar.xz" ] || { echo "skipped: $archives/onnx-tests is not there"; exit 77; }
    unpack "$archives/onnx-tests/models.tar.xz" "$data/models"
    suite=$data/models ;;
shipped)
    [ -d "$archives/models/shipped" ] || { echo "skipped: $archives/models is not there"; exit 77; }
    for f in "$archives"/models/shipped/*.tar.xz; do
        unpack "$f" "$data/shipped-parts/$(basename "$f" .tar.xz)"
    done
    suite=$data/shipped-parts ;;
zoo | zoo-int8)
    [ -d "$archives/zoo" ] || { echo "skipped: $archives/zoo is not there"; exit 77; }
    python=$root/build/venv/bin/python
    "$python" -c 'import onnx, onnxruntime' 2>/dev/null || { echo "skipped: the zoo's weights are made with onnx and onnxruntime, which are not installed"; exit 77; }
    for f in "$archives"/zoo/*.onnx; do
        n=$(basename "$f" .onnx) folder=$data/zoo
        case $n in *int8*) folder=$data/zoo-int8 ;; esac
        [ -f "$folder/$n/test_data_set_0/output_0.pb" ] || "$python" "$archives/zoo/fill.py" "$folder" "$n" >/dev/null 2>&1
    done
    suite=$data/$name ;;
*)
    echo "no suite is called $name"
    exit 2 ;;
esac

out=$(mktemp)
"$tenon" check --suite "$suite" --overrides "$root/tests/conformance/overrides.tsv" "$@" >"$out" 2>&1
status=$?
grep -E '^(FAILED|failed)' "$out" | head -40
last=$(tail -1 "$out")
echo "$last"
passed=$(echo "$last" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
unexpected=
if [ -n "$faults" ]; then # all failures must be known faults of old expectations
    sed -n 's/^FAILED \([^:]*\):.*/\1/p' "$out" | while read -r test; do
        grep -q "^$test	" "$faults" || echo "$test"
    done | grep -q . && unexpected=some || unexpected=none
    echo "failures above are faults of old expectations that debian-faults.tsv explains: $unexpected others"
fi
rm -f "$out"
[ "$status" = 0 ] || [ "$unexpected" = none ] || exit 1
[ "${passed:-0}" -ge "$floor" ] || { echo "only ${passed:-0} passed; at least $floor should"; exit 1; }

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Python with the oracles, build/venv, if that is there by now; else any.
# usage: oracles.sh ARGUMENT... as of python
python=$(dirname "$0")/../build/venv/bin/python
[ -x "$python" ] || python=python3
exec "$python" "$@"

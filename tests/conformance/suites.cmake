# SPDX-License-Identifier: Apache-2.0
# tenon_suite(name suite floor arguments...): floors rise as more passes.
tenon_suite(nodes-interpreter nodes 1000 --via interpreter)
tenon_suite(nodes-jit nodes 1000 --via jit)

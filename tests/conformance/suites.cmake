# SPDX-License-Identifier: Apache-2.0
# tenon_suite(name suite floor arguments...): floors rise as more passes.
tenon_suite(nodes-interpreter nodes 1554 --via interpreter)
tenon_suite(nodes-jit nodes 1554 --via jit)
# Every pass leaves a graph that keeps the rules and prints to what it is read from.
tenon_suite(nodes-roundtrip nodes 1554 --via interpreter --verify-each --roundtrip-each)
# The same where only running tells the sizes of inputs.
tenon_suite(nodes-dynamic nodes 1552 --via interpreter --dynamic --verify-each --roundtrip-each)
tenon_suite(nodes-so nodes 1554 --via so)
tenon_suite(models-so models 150 --via so)
tenon_suite(models-interpreter models 150 --via interpreter)
tenon_suite(models-jit models 150 --via jit)
tenon_suite(shipped-interpreter shipped 10 --via interpreter --rtol 1e-3 --atol-max 1e-4)
tenon_suite(shipped-jit shipped 10 --via jit --rtol 1e-3 --atol-max 1e-4)
tenon_suite(zoo-jit zoo 12 --via jit --rtol 1e-3 --atol-max 1e-4)
tenon_suite(zoo-int8-jit zoo-int8 1 --via jit --rtol 1e-3 --atol-max 5e-2)
# Through C and the compilers of the system.
tenon_suite(models-c-gcc models 150 --via c --cc "gcc -O1")
tenon_suite(models-c-clang models 145 --via c --cc "clang-19 -O1")
tenon_suite(nodes-c nodes 1540 --via c --cc "gcc -O1")
# A compiler is run for each test: minutes for the models, half an hour for the nodes.
set_tests_properties(conformance/models-c-clang conformance/nodes-c PROPERTIES LABELS slow)

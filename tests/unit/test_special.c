/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs for certain sizes beside the one for all: which of them a run takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/run.h"

/* float[N] x. There are no steps: what runs is all there is to see. */
static Port general_port(void)
{
    Port port = {.name = "x", .type = "float[N]", .binds = 1};
    port.value = (ProgramValue){.kind = TN_TENSOR, .element = TN_FLOAT, .rank = 1};
    port.value.dims[0] = size_slot(0);
    return port;
}

static void test_choice(void **state)
{
    (void)state;
    SymbolRange range = {"N", 0, 100};
    Buffer buffer = {.kind = BUFFER_input};
    Port any = general_port(), four = any, eight = any;
    four.binds = eight.binds = 0;
    four.value.dims[0] = size_number(4);
    eight.value.dims[0] = size_number(8);
    Program special[] = {
        {.buffer_count = 1, .input_count = 1, .buffers = &buffer, .inputs = &four},
        {.buffer_count = 1, .input_count = 1, .buffers = &buffer, .inputs = &eight}};
    special[0].arena = special[1].arena = size_number(0);
    special[1].size_count = 50; /* larger tables than the general program's */
    Bind is_four = {0, size_number(4)}, is_eight = {0, size_number(8)};
    SpecialProgram specials[] = {{1, &is_four, &special[0]}, {1, &is_eight, &special[1]}};
    Program general = {.buffer_count = 1,
                       .size_count = 1,
                       .symbol_count = 1,
                       .input_count = 1,
                       .buffers = &buffer,
                       .inputs = &any,
                       .symbols = &range,
                       .arena = size_number(0),
                       .special_count = 2,
                       .specials = specials};
    float data[9] = {0};
    TnValue x = {.kind = TN_TENSOR, .tensor = {.element = TN_FLOAT, .rank = 1, .data = data}};
    Run *run = run_create(&general, (Parallel){.threads = 1});
    assert_non_null(run);
    const struct {
        int64_t size;
        const Program *taken;
    } cases[] = {
        {5, &general}, {4, &special[0]}, {8, &special[1]}, {4, &special[0]}, {9, &general}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        x.tensor.dims[0] = cases[i].size;
        assert_int_equal(run_program(run, 1, &x, 0, NULL), TN_OK);
        assert_ptr_equal(run->program, cases[i].taken);
    }
    x.tensor.dims[0] = 101; /* the general program's range holds for all */
    assert_int_equal(run_program(run, 1, &x, 0, NULL), TN_BAD_ARGUMENT);
    run_destroy(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

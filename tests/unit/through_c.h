/* SPDX-License-Identifier: Apache-2.0
 *
 * Part of test_llvm.c where that is compiled as test_c: the same nests, emitted as C and compiled.
 */
#ifndef TESTS_UNIT_THROUGH_C_H
#define TESTS_UNIT_THROUGH_C_H

#include "tools/c_route.h"

static int64_t same_bits, other_nans;

/* The same nests through C: the same bits, but for which NaN a NaN is. */
static void check_c(Test *t, Phase *const *phases, int count, const Memory *inputs,
                    const Memory *expected)
{
    static const char *const compilers[] = {"gcc -O2", "clang-19 -O2"};
    static const char *const present[] = {"gcc --version > /dev/null 2>&1",
                                          "clang-19 --version > /dev/null 2>&1"};
    for (size_t c = 0; c < COUNT_OF(compilers); c++) {
        if (system(present[c]) != 0) {
            print_message("skipped: there is no '%s'\n", compilers[c]);
            continue;
        }
        Diagnostics *diagnostics = diagnostics_create(t->arena);
        Parallel alone = {.threads = 1};
        void *module;
        c_route_compiler(compilers[c]);
        TnStatus status =
            backend_c.compile(&t->target, &alone, t->arena, phases, count, &module, diagnostics);
        if (status != TN_OK)
            fail_msg("%s", diagnostics->count ? diagnostics->items[0].message : "no code");
        Memory memory = memory_copy(t, inputs);
        for (int i = 0; i < count; i++)
            run_phase(t, phases[i], &memory, 3);
        if (count)
            check_in_place(t, phases[0], count, inputs, &memory);
        for (int i = 0; i < t->kernel->tensor_count; i++) {
            const Tensor *tensor_ = t->kernel->tensors[i];
            size_t bytes = element_bytes(tensor_->element);
            for (int64_t e = 0; e < memory.counts[i]; e++) {
                char *x = (char *)expected->data[i] + (size_t)e * bytes;
                char *y = (char *)memory.data[i] + (size_t)e * bytes;
                bool same = memcmp(x, y, bytes) == 0;
                same_bits += same;
                if (same || tensor_->role == TENSOR_temporary)
                    continue;
                double a = element_to_double(tensor_->element, x);
                double b = element_to_double(tensor_->element, y);
                if (!isnan(a) || !isnan(b))
                    fail_msg("%s: %s[%lld] is %.9g, through LLVM %.9g", compilers[c], tensor_->name,
                             (long long)e, b, a);
                other_nans++;
            }
        }
        memory_destroy(t, &memory);
        backend_c.destroy(module);
    }
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Part of test_llvm.c where that is compiled as test_c: the same nests, emitted as C and compiled.
 */
#ifndef TESTS_UNIT_THROUGH_C_H
#define TESTS_UNIT_THROUGH_C_H

#include "tools/c_route.h"

static int64_t same_bits, other_nans;
static const char *const *compilers; /* "gcc -O2" */
static int compiler_count;

/* Those that the command line names. */
static bool find_compilers(int count, char **names)
{
    compilers = (const char *const *)names;
    compiler_count = count;
    for (int c = 0; c < count; c++) {
        char command[100];
        snprintf(command, sizeof command, "%.*s --version > /dev/null 2>&1",
                 (int)strcspn(names[c], " "), names[c]);
        if (system(command) != 0) {
            print_message("skipped: there is no '%s'\n", names[c]);
            return false;
        }
    }
    return true;
}

/* The same nests through C: the same bits, but for which NaN a NaN is. */
static void check_c(Test *t, Phase *const *phases, int count, const Memory *inputs,
                    const Memory *expected)
{
    int counted = overwrites; /* once a kernel, not once a compiler */
    for (int c = 0; c < compiler_count; c++) {
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
    overwrites = counted;
}

#endif

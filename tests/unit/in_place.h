/* SPDX-License-Identifier: Apache-2.0
 *
 * Part of test_llvm.c: kernels run with a result in the place of an operand, wherever that is said
 * to be good.
 */
#ifndef TESTS_UNIT_IN_PLACE_H
#define TESTS_UNIT_IN_PLACE_H

static int overwrites; /* in all tests together */

static bool differ(Test *t, const Memory *a, const Memory *b)
{
    for (int i = 0; i < t->kernel->tensor_count; i++) {
        size_t bytes = element_bytes(t->kernel->tensors[i]->element);
        if (t->kernel->tensors[i]->role == TENSOR_output &&
            memcmp(a->data[i], b->data[i], (size_t)a->counts[i] * bytes) != 0)
            return true;
    }
    return false;
}

/* Results in the place of operands, where that is said to be good: the same bits. */
static void check_in_place(Test *t, const Phase *phases, int count, const Memory *given,
                           const Memory *expected)
{
    Tensor *const *tensors = t->kernel->tensors;
    bool is_operand[MAX_SLOTS] = {false};
    for (int r = 0; r < t->kernel->tensor_count; r++)
        for (int o = 0; o < t->kernel->tensor_count; o++) {
            size_t bytes = (size_t)given->counts[o] * element_bytes(tensors[o]->element);
            if (tensors[r]->role != TENSOR_output || tensors[o]->role != TENSOR_input ||
                given->counts[r] != given->counts[o] ||
                element_bytes(tensors[r]->element) != element_bytes(tensors[o]->element))
                continue;
            is_operand[o] = true;
            bool good = may_overwrite(phases, count, tensors[r], is_operand);
            is_operand[o] = false;
            for (int way = -3; good && way <= 3; way += 2) {
                Memory m = memory_copy(t, given);
                void *own = m.data[o];
                memcpy(m.data[r], own, bytes);
                m.data[o] = m.data[r];
                for (int i = 0; i < count; i++)
                    run_phase(t, &phases[i], &m, way);
                m.data[o] = own;
                if (differ(t, expected, &m))
                    fail_msg("%s lies in the place of %s", tensors[r]->name, tensors[o]->name);
                memory_destroy(t, &m);
            }
            overwrites += good;
        }
}

#endif

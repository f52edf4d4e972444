/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a compilation may go on: until a moment, or as long as the host's function says so. It
 * is looked at between passes, nodes and functions; once spent it stays so, and whoever sees that
 * ends its work in the ordinary way.
 */
#ifndef IR_SUPPORT_BUDGET_H
#define IR_SUPPORT_BUDGET_H

#include "ir/support/arena.h"

#include <pthread.h>
#include <stdatomic.h>

struct Budget {
    bool (*proceed)(void *user); /* called on the thread that made the budget alone; or NULL */
    void *user;
    int64_t deadline; /* of CLOCK_MONOTONIC, in nanoseconds; 0: none */
    pthread_t owner;
    atomic_bool spent;
};

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t monotonic_ns(void);
/* seconds 0: no deadline. */
void budget_start(Budget *budget, double seconds, bool (*proceed)(void *user), void *user);
/* On any thread. NULL: never. */
bool budget_is_spent(Budget *budget);

#endif

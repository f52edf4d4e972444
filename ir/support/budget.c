/* SPDX-License-Identifier: Apache-2.0 */
#include "ir/support/budget.h"

#include <time.h>

int64_t monotonic_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

void budget_start(Budget *budget, double seconds, bool (*proceed)(void *user), void *user)
{
    const double longest = 1e9; /* seconds */
    budget->proceed = proceed;
    budget->user = user;
    budget->deadline =
        seconds > 0 && seconds < longest ? monotonic_ns() + (int64_t)(seconds * 1e9) : 0;
    budget->owner = pthread_self();
    atomic_init(&budget->spent, false);
}

bool budget_is_spent(Budget *budget)
{
    if (!budget)
        return false;
    if (atomic_load(&budget->spent))
        return true;
    bool spent = budget->deadline && monotonic_ns() >= budget->deadline;
    if (!spent && budget->proceed && pthread_equal(budget->owner, pthread_self()))
        spent = !budget->proceed(budget->user);
    if (spent)
        atomic_store(&budget->spent, true);
    return spent;
}

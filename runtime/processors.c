/* SPDX-License-Identifier: Apache-2.0
 *
 * How many processors this process may use at a time. The affinity mask says which; a control group
 * may say how much of them, as a quota of time in each period: of the process's own group and of
 * all above it the smallest counts.
 */
#include "runtime/threads.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PATH = 4096 };

/* Processors in a quota; INT_MAX if it is no limit. */
static int quota_processors(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return INT_MAX;
    long long processors = quota / period + (quota % period != 0);
    return processors < INT_MAX ? (int)processors : INT_MAX;
}

/* "max 100000" or "200000 100000", of one group of version 2. */
static int unified_quota(const char *group)
{
    char path[MOST_PATH];
    long long quota = 0, period = 0;
    bool fits = (size_t)snprintf(path, sizeof path, "%s/cpu.max", group) < sizeof path;
    FILE *file = fits ? fopen(path, "re") : NULL;
    if (!file)
        return INT_MAX;
    int fields = fscanf(file, "%lld %lld", &quota, &period);
    fclose(file);
    return fields == 2 ? quota_processors(quota, period) : INT_MAX;
}

static long long read_number(const char *group, const char *name)
{
    char path[MOST_PATH];
    long long number = -1;
    bool fits = (size_t)snprintf(path, sizeof path, "%s/%s", group, name) < sizeof path;
    FILE *file = fits ? fopen(path, "re") : NULL;
    if (!file)
        return -1;
    if (fscanf(file, "%lld", &number) != 1)
        number = -1;
    fclose(file);
    return number;
}

/* The same of version 1; a quota of -1 is none. */
static int separate_quota(const char *group)
{
    return quota_processors(read_number(group, "cpu.cfs_quota_us"),
                            read_number(group, "cpu.cfs_period_us"));
}

/* The least of a group and all above it, up to where the hierarchy is mounted. */
static int least_quota(const char *mount, const char *group, int (*quota_of)(const char *))
{
    char path[MOST_PATH];
    size_t root = strlen(mount);
    int least = INT_MAX;
    if ((size_t)snprintf(path, sizeof path, "%s%s", mount, group) >= sizeof path)
        return INT_MAX;
    for (;;) {
        int quota = quota_of(path);
        least = quota < least ? quota : least;
        char *last = strrchr(path, '/');
        if (!last || strlen(path) <= root)
            return least;
        *last = 0;
        if (strlen(path) < root)
            return least;
    }
}

/* Whether a list as in "cpu,cpuacct" has "cpu". */
static bool has_cpu(const char *controllers)
{
    for (const char *at = controllers; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, "cpu", 3) == 0 && (at[3] == 0 || at[3] == ','))
            return true;
    }
    return false;
}

/* Lines as in "0::/user.slice" (version 2) and "4:cpu,cpuacct:/docker/1f". */
static int group_processors(void)
{
    char line[MOST_PATH];
    int least = INT_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':'), *group;
        if (!controllers || !(group = strchr(++controllers, ':')))
            continue;
        *group++ = 0;
        group[strcspn(group, "\n")] = 0;
        if (strcmp(group, "/") == 0)
            *group = 0;
        int quota = INT_MAX;
        if (!*controllers)
            quota = least_quota("/sys/fs/cgroup", group, unified_quota);
        else if (has_cpu(controllers))
            quota = least_quota("/sys/fs/cgroup/cpu", group, separate_quota);
        least = quota < least ? quota : least;
    }
    if (file)
        fclose(file);
    return least;
}

int thread_processors(void)
{
    cpu_set_t sets[8]; /* one alone has too few bits for some machines */
    int allowed = sched_getaffinity(0, sizeof sets, sets) ? 1 : CPU_COUNT_S(sizeof sets, sets);
    int quota = group_processors();
    int processors = allowed < quota ? allowed : quota;
    return processors > 0 ? processors : 1;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of host functions. Artifacts do without: they name the functions that they need.
 */
#include "runtime/host/host.h"

#include <string.h>

typedef struct HostEntry {
    const char *name;
    HostFunction *function;
} HostEntry;

static const HostEntry entries[] = {
#define HOST(name) {#name, host_##name},
#include "runtime/host/host.def"
    {NULL, NULL},
};

HostFunction *host_find(const char *name)
{
    for (const HostEntry *entry = entries; entry->name; entry++)
        if (!strcmp(entry->name, name))
            return entry->function;
    return NULL;
}

const char *host_name(HostFunction *function)
{
    for (const HostEntry *entry = entries; entry->name; entry++)
        if (entry->function == function)
            return entry->name;
    return NULL;
}

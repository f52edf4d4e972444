/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled programs kept on disk (TnCompileOptions.cache).
 */
#ifndef CODEGEN_API_CACHE_H
#define CODEGEN_API_CACHE_H

#include "codegen/api/api.h"

typedef struct CacheEntry {
    const char *folder, *path;
    int64_t limit; /* of the folder, in bytes */
} CacheEntry;

/* Where the program is kept, or will be. False if it is not to be, or cannot be. */
bool cache_open(CacheEntry *entry, Arena *arena, const TnModel *model,
                const TnCompileOptions *options, const CompileSettings *settings);
/* The program, if the entry is there and good; else NULL, and a damaged entry is gone. */
Program *cache_load(const CacheEntry *entry);
/* Makes the entry from an optimised model, and loads it; NULL where that cannot be done, for
 * whatever reason: then the program is compiled as if there were no cache. */
Program *cache_make(const CacheEntry *entry, Model *model, const CompileSettings *settings);

#endif

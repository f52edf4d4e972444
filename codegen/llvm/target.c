/* SPDX-License-Identifier: Apache-2.0
 *
 * What schedules may know of the host: vector width, registers, caches.
 */
#include "codegen/backend.h"

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>
#include <string.h>
#include <unistd.h>

/* Whether "+name" is one of the comma-separated features. */
static bool has_feature(const char *features, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = features; (at = strstr(at, name)); at += length) {
        bool begins = at > features && at[-1] == '+' && (at == features + 1 || at[-2] == ',');
        if (begins && (at[length] == ',' || at[length] == 0))
            return true;
    }
    return false;
}

static int64_t cache_bytes(int name, int64_t otherwise)
{
    long bytes = sysconf(name);
    return bytes > 0 ? bytes : otherwise;
}

void target_host(Target *target)
{
    char *features = LLVMGetHostCPUFeatures(), *triple = LLVMGetDefaultTargetTriple();
    *target = (Target){.vector_bytes = 16, .vector_registers = 16};
    bool is_x86 = strncmp(triple, "x86_64", 6) == 0;
    if (!is_x86) {
        target->vector_registers = 32;
        target->has_fma = strncmp(triple, "aarch64", 7) == 0;
    } else if (has_feature(features, "avx512f") && has_feature(features, "avx512bw") &&
               has_feature(features, "avx512dq") && has_feature(features, "avx512vl")) {
        target->vector_bytes = 64;
        target->vector_registers = 32;
    } else if (has_feature(features, "avx2")) {
        target->vector_bytes = 32;
    }
    if (is_x86)
        target->has_fma = has_feature(features, "fma");
    target->l1_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 32 << 10);
    target->l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, 1 << 20);
    LLVMDisposeMessage(features);
    LLVMDisposeMessage(triple);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cpu.h"

#if defined(__x86_64__)
typedef struct Registers {
    uint32_t a, b, c, d;
} Registers;

static Registers cpuid(uint32_t leaf, uint32_t subleaf)
{
    Registers r;
    __asm__ volatile("cpuid"
                     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

/* Which registers the system saves. */
static uint32_t enabled_state(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

uint64_t cpu_features(void)
{
    enum { AVX_STATE = 0x6, AVX512_STATE = 0xe6 };
    Registers basic = cpuid(1, 0), more = {0}, extended = {0};
    if (cpuid(0, 0).a >= 7)
        more = cpuid(7, 0);
    if (cpuid(0x80000000, 0).a >= 0x80000001)
        extended = cpuid(0x80000001, 0);
    uint32_t state = basic.c >> 27 & 1 ? enabled_state() : 0;
    bool avx = (state & AVX_STATE) == AVX_STATE && (basic.c >> 28 & 1);
    bool avx512 = avx && (state & AVX512_STATE) == AVX512_STATE;
    uint64_t features = 0;
    features |= basic.c >> 19 & 1 ? TN_CPU_SSE41 : 0;
    features |= avx ? TN_CPU_AVX : 0;
    features |= avx && (more.b >> 5 & 1) ? TN_CPU_AVX2 : 0;
    features |= avx && (basic.c >> 12 & 1) ? TN_CPU_FMA : 0;
    features |= avx && (basic.c >> 29 & 1) ? TN_CPU_F16C : 0;
    features |= (more.b >> 3 & 1) && (more.b >> 8 & 1) && (extended.c >> 5 & 1) ? TN_CPU_BMI2 : 0;
    uint32_t wide = (uint32_t)1 << 16 | (uint32_t)1 << 17 | (uint32_t)1 << 28 | (uint32_t)1 << 30 |
                    (uint32_t)1 << 31;
    features |= avx512 && (more.b & wide) == wide ? TN_CPU_AVX512 : 0;
    features |= avx512 && (more.c >> 11 & 1) ? TN_CPU_VNNI : 0;
    return features;
}
#else
/* What compiled models use is in the base of the architecture. */
uint64_t cpu_features(void)
{
    return 0;
}
#endif

const char *cpu_feature_name(uint64_t feature)
{
    switch (feature) {
    case TN_CPU_SSE41: return "SSE4.1";
    case TN_CPU_AVX: return "AVX";
    case TN_CPU_AVX2: return "AVX2";
    case TN_CPU_FMA: return "FMA";
    case TN_CPU_F16C: return "F16C";
    case TN_CPU_BMI2: return "BMI2";
    case TN_CPU_AVX512: return "AVX-512";
    case TN_CPU_VNNI: return "AVX512-VNNI";
    }
    return "?";
}

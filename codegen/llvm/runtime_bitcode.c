/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime_bitcode.h"

#include <string.h>

#define EMBED(architecture)                                                                        \
    __asm__(".section .rodata\n"                                                                   \
            ".balign 16\n"                                                                         \
            "tenon_bitcode_" #architecture ":\n"                                                   \
            ".incbin \"" TENON_BITCODE_FOLDER "/" #architecture ".bc\"\n"                          \
            "tenon_bitcode_" #architecture "_end:\n"                                               \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const char tenon_bitcode_##architecture[], tenon_bitcode_##architecture##_end[];

EMBED(x86_64)
EMBED(aarch64)
EMBED(riscv64)

const RuntimeBitcode *runtime_bitcode(const char *triple)
{
    static const RuntimeBitcode all[] = {
#define ROW(architecture)                                                                          \
    {#architecture "-", tenon_bitcode_##architecture, tenon_bitcode_##architecture##_end}
        ROW(x86_64), ROW(aarch64), ROW(riscv64)};
    for (int i = 0; i < 3; i++)
        if (!strncmp(triple, all[i].architecture, strlen(all[i].architecture)) &&
            strstr(triple, "linux"))
            return &all[i];
    return (void *)0;
}

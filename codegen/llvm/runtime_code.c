/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime_code.h"

#include <string.h>

#define EMBED(architecture, form, ending)                                                          \
    __asm__(".section .rodata\n"                                                                   \
            ".balign 16\n"                                                                         \
            "tenon_" #form "_" #architecture ":\n"                                                 \
            ".incbin \"" TENON_BITCODE_FOLDER "/" #architecture ending "\"\n"                      \
            "tenon_" #form "_" #architecture "_end:\n"                                             \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const char tenon_##form##_##architecture[], tenon_##form##_##architecture##_end[];

#define EMBED_BOTH(architecture)                                                                   \
    EMBED(architecture, bitcode, ".bc")                                                            \
    EMBED(architecture, object, ".o")

EMBED_BOTH(x86_64)
EMBED_BOTH(aarch64)
EMBED_BOTH(riscv64)

#define BYTES(form, architecture)                                                                  \
    (size_t)(tenon_##form##_##architecture##_end - tenon_##form##_##architecture)
#define ROW(architecture)                                                                          \
    {                                                                                              \
#architecture "-", {tenon_bitcode_##architecture, BYTES(bitcode, architecture) },          \
        {                                                                                          \
            tenon_object_##architecture, BYTES(object, architecture)                               \
        }                                                                                          \
    }

_Bool runtime_code(const char *triple, RuntimeCode *code)
{
    const RuntimeCode all[] = {ROW(x86_64), ROW(aarch64), ROW(riscv64)};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strncmp(triple, all[i].architecture, strlen(all[i].architecture)) &&
            strstr(triple, "linux")) {
            *code = all[i];
            return 1;
        }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program without a C library begins and ends with, on x86-64, AArch64 and RISC-V under
 * Linux: it defines start(), which does not return but calls leave().
 */
#ifndef TESTS_ARTIFACTS_BARE_H
#define TESTS_ARTIFACTS_BARE_H

static _Noreturn void leave(long status)
{
#if defined(__x86_64__)
    __asm__ volatile("syscall" : : "a"(60L), "D"(status) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long number __asm__("x8") = 93, first __asm__("x0") = status;
    __asm__ volatile("svc 0" : : "r"(number), "r"(first) : "memory");
#else
    register long number __asm__("a7") = 93, first __asm__("a0") = status;
    __asm__ volatile("ecall" : : "r"(number), "r"(first) : "memory");
#endif
    for (;;)
        ;
}

__attribute__((used)) static void start(void);

/* The stack is aligned to 16 here, as no function expects it on x86-64. */
#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n and $-16, %rsp\n call start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n bl start\n");
#else
__asm__(".globl _start\n_start:\n call start\n");
#endif

#endif

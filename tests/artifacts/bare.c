/* SPDX-License-Identifier: Apache-2.0
 *
 * A host without a C library: linked with -nostdlib -static, it runs `image` and `found` and ends
 * with status 0 if they compute what they should. For x86-64, AArch64 and RISC-V.
 */
#include "found.h"
#include "image.h"

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

static _Alignas(64) char arena[1 << 20];
static float picture[3 * 16 * 16];

__attribute__((used)) static void start(void)
{
    float y[8], sum = 0, x[8] = {0, 1, 0, 2, 0, 0, 3, 0};
    image_inputs inputs = {.x = picture};
    image_outputs outputs = {.y = y};
    found_inputs ask = {.x = x};
    found_outputs told = {0};
    for (int i = 0; i < 3 * 16 * 16; i++)
        picture[i] = (float)(i % 17) / 16;
    if (sizeof arena < IMAGE_ARENA_BYTES || sizeof arena < FOUND_ARENA_BYTES)
        leave(2);
    if (image_run(&inputs, &outputs, arena, sizeof arena, 0) != TN_OK)
        leave(3);
    for (int i = 0; i < 8; i++)
        sum += y[i];
    if (!(sum > 0.999f && sum < 1.001f))
        leave(4);
    if (found_run(&ask, &told, arena, sizeof arena, 0) != TN_OK || told.at_dims[1] != 3 ||
        told.at[2] != 6)
        leave(5);
    leave(0);
}

/* The stack is aligned to 16 here, as no function expects it on x86-64. */
#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n and $-16, %rsp\n call start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n bl start\n");
#else
__asm__(".globl _start\n_start:\n call start\n");
#endif

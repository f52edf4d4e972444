/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/artifact/relocate.h"

#include <elf.h>
#include <string.h>

uint32_t relocation_relative(int machine)
{
    switch (machine) {
    case EM_X86_64: return R_X86_64_RELATIVE;
    case EM_AARCH64: return R_AARCH64_RELATIVE;
    case EM_RISCV: return R_RISCV_RELATIVE;
    }
    return 0;
}

bool relocation_is_absolute(int machine, uint32_t type)
{
    switch (machine) {
    case EM_X86_64: return type == R_X86_64_64;
    case EM_AARCH64: return type == R_AARCH64_ABS64;
    case EM_RISCV: return type == R_RISCV_64;
    }
    return false;
}

bool relocation_is_low_part(int machine, uint32_t type)
{
    return machine == EM_RISCV && (type == R_RISCV_PCREL_LO12_I || type == R_RISCV_PCREL_LO12_S);
}

static uint32_t get32(const char *place)
{
    uint32_t value;
    memcpy(&value, place, sizeof value);
    return value;
}

static RelocationResult put(char *place, uint64_t value, size_t bytes)
{
    memcpy(place, &value, bytes); /* little endian, as the machines and this one are */
    return RELOCATION_done;
}

/* The bits of `mask` of the word become `bits`. */
static RelocationResult patch(char *place, uint32_t mask, uint64_t bits)
{
    return put(place, (get32(place) & ~mask) | ((uint32_t)bits & mask), 4);
}

static bool fits(int64_t value, int bits)
{
    return value >= -((int64_t)1 << (bits - 1)) && value < (int64_t)1 << (bits - 1);
}

/* ---- x86-64 ------------------------------------------------------------------------------ */

static RelocationResult relocate_x86(uint32_t type, char *place, uint64_t address, uint64_t target)
{
    int64_t distance = (int64_t)(target - address);
    switch (type) {
    case R_X86_64_PC32:
    case R_X86_64_PLT32:
        return fits(distance, 32) ? put(place, (uint64_t)distance, 4) : RELOCATION_too_far;
    case R_X86_64_32: return target >> 32 ? RELOCATION_too_far : put(place, target, 4);
    case R_X86_64_PC64: return put(place, (uint64_t)distance, 8);
    }
    return RELOCATION_unknown;
}

/* ---- AArch64 ----------------------------------------------------------------------------- */

/* Loads and stores count in units of what they move. */
static RelocationResult patch_low12(char *place, uint64_t target, int shift)
{
    if (target & ((1u << shift) - 1))
        return RELOCATION_too_far;
    return patch(place, 0xfffu << 10, (target & 0xfff) >> shift << 10);
}

static RelocationResult patch_adr(char *place, int64_t value)
{
    uint64_t low = (uint64_t)value & 3, high = (uint64_t)value >> 2 & 0x7ffff;
    return fits(value, 21) ? patch(place, 0x60ffffe0, low << 29 | high << 5) : RELOCATION_too_far;
}

static RelocationResult relocate_aarch64(uint32_t type, char *place, uint64_t address,
                                         uint64_t target)
{
    int64_t distance = (int64_t)(target - address);
    int64_t pages = (int64_t)(target >> 12) - (int64_t)(address >> 12);
    switch (type) {
    case R_AARCH64_ABS32: return target >> 32 ? RELOCATION_too_far : put(place, target, 4);
    case R_AARCH64_PREL64: return put(place, (uint64_t)distance, 8);
    case R_AARCH64_PREL32:
        return fits(distance, 32) ? put(place, (uint64_t)distance, 4) : RELOCATION_too_far;
    case R_AARCH64_ADR_PREL_LO21: return patch_adr(place, distance);
    case R_AARCH64_ADR_PREL_PG_HI21: return patch_adr(place, pages);
    case R_AARCH64_ADD_ABS_LO12_NC:
    case R_AARCH64_LDST8_ABS_LO12_NC: return patch_low12(place, target, 0);
    case R_AARCH64_LDST16_ABS_LO12_NC: return patch_low12(place, target, 1);
    case R_AARCH64_LDST32_ABS_LO12_NC: return patch_low12(place, target, 2);
    case R_AARCH64_LDST64_ABS_LO12_NC: return patch_low12(place, target, 3);
    case R_AARCH64_LDST128_ABS_LO12_NC: return patch_low12(place, target, 4);
    case R_AARCH64_CALL26:
    case R_AARCH64_JUMP26:
        return fits(distance, 28) ? patch(place, 0x03ffffff, (uint64_t)distance >> 2)
                                  : RELOCATION_too_far;
    case R_AARCH64_CONDBR19:
        return fits(distance, 21) ? patch(place, 0x7ffffu << 5, (uint64_t)distance >> 2 << 5)
                                  : RELOCATION_too_far;
    case R_AARCH64_TSTBR14:
        return fits(distance, 16) ? patch(place, 0x3fffu << 5, (uint64_t)distance >> 2 << 5)
                                  : RELOCATION_too_far;
    }
    return RELOCATION_unknown;
}

/* ---- RISC-V ------------------------------------------------------------------------------ */

static uint32_t bit(uint64_t value, int from, int to)
{
    return (uint32_t)(value >> from & 1) << to;
}

static uint32_t field(uint64_t value, int from, int count, int to)
{
    return (uint32_t)(value >> from & (((uint64_t)1 << count) - 1)) << to;
}

enum { SET_ULEB128 = 60, SUB_ULEB128 = 61 }; /* younger than <elf.h> */

/* Sums and differences in data: jump tables. */
static RelocationResult accumulate(char *place, uint64_t target, size_t bytes, bool subtract)
{
    uint64_t value = 0;
    memcpy(&value, place, bytes);
    return put(place, subtract ? value - target : value + target, bytes);
}

/* The same in six bits of a byte. */
static RelocationResult accumulate_six(char *place, uint64_t target, bool subtract)
{
    uint64_t low = subtract ? (uint64_t)*place - target : target;
    return put(place, ((uint64_t)*place & 0xc0) | (low & 0x3f), 1);
}

/* The same in a number whose bytes each say whether more follow; as many as there are stay, enough
 * for the difference. */
static RelocationResult accumulate_uleb(char *place, uint64_t target, bool subtract)
{
    uint64_t value = 0;
    int count = 0;
    do
        value |= (uint64_t)(place[count] & 0x7f) << (7 * count);
    while (place[count++] & 0x80 && count < 9);
    value = subtract ? value - target : target;
    for (int i = 0; i < count; i++)
        place[i] = (char)((value >> (7 * i) & 0x7f) | (i + 1 < count ? 0x80 : 0));
    return RELOCATION_done;
}

static RelocationResult relocate_riscv(uint32_t type, char *place, uint64_t address,
                                       uint64_t target)
{
    uint64_t d = target - address;
    int64_t distance = (int64_t)d;
    switch (type) {
    case R_RISCV_RELAX: return RELOCATION_done;
    case R_RISCV_BRANCH:
        if (!fits(distance, 13))
            return RELOCATION_too_far;
        return patch(place, 0xfe000f80,
                     bit(d, 12, 31) | field(d, 5, 6, 25) | field(d, 1, 4, 8) | bit(d, 11, 7));
    case R_RISCV_JAL:
        if (!fits(distance, 21))
            return RELOCATION_too_far;
        return patch(place, 0xfffff000,
                     bit(d, 20, 31) | field(d, 1, 10, 21) | bit(d, 11, 20) | field(d, 12, 8, 12));
    case R_RISCV_RVC_BRANCH:
        if (!fits(distance, 9))
            return RELOCATION_too_far;
        return put(place,
                   (get32(place) & 0xe383) | bit(d, 8, 12) | field(d, 3, 2, 10) |
                       field(d, 6, 2, 5) | field(d, 1, 2, 3) | bit(d, 5, 2),
                   2);
    case R_RISCV_RVC_JUMP:
        if (!fits(distance, 12))
            return RELOCATION_too_far;
        return put(place,
                   (get32(place) & 0xe003) | bit(d, 11, 12) | bit(d, 4, 11) | field(d, 8, 2, 9) |
                       bit(d, 10, 8) | bit(d, 6, 7) | bit(d, 7, 6) | field(d, 1, 3, 3) |
                       bit(d, 5, 2),
                   2);
    case R_RISCV_CALL:
    case R_RISCV_CALL_PLT: /* auipc, then jalr */
        if (!fits(distance + 0x800, 32))
            return RELOCATION_too_far;
        patch(place, 0xfffff000, d + 0x800);
        return patch(place + 4, 0xfff00000, d << 20);
    case R_RISCV_PCREL_HI20:
        return fits(distance + 0x800, 32) ? patch(place, 0xfffff000, d + 0x800)
                                          : RELOCATION_too_far;
    case R_RISCV_PCREL_LO12_I: return patch(place, 0xfff00000, d << 20);
    case R_RISCV_PCREL_LO12_S:
        return patch(place, 0xfe000f80, field(d, 5, 7, 25) | field(d, 0, 5, 7));
    case R_RISCV_32: return target >> 32 ? RELOCATION_too_far : put(place, target, 4);
    case R_RISCV_32_PCREL: return fits(distance, 32) ? put(place, d, 4) : RELOCATION_too_far;
    case R_RISCV_ADD8: return accumulate(place, target, 1, false);
    case R_RISCV_ADD16: return accumulate(place, target, 2, false);
    case R_RISCV_ADD32: return accumulate(place, target, 4, false);
    case R_RISCV_ADD64: return accumulate(place, target, 8, false);
    case R_RISCV_SUB8: return accumulate(place, target, 1, true);
    case R_RISCV_SUB16: return accumulate(place, target, 2, true);
    case R_RISCV_SUB32: return accumulate(place, target, 4, true);
    case R_RISCV_SUB64: return accumulate(place, target, 8, true);
    case R_RISCV_SET6: return accumulate_six(place, target, false);
    case R_RISCV_SUB6: return accumulate_six(place, target, true);
    case SET_ULEB128: return accumulate_uleb(place, target, false);
    case SUB_ULEB128: return accumulate_uleb(place, target, true);
    case R_RISCV_SET8: return put(place, target, 1);
    case R_RISCV_SET16: return put(place, target, 2);
    case R_RISCV_SET32: return put(place, target, 4);
    }
    return RELOCATION_unknown;
}

RelocationResult relocate(int machine, uint32_t type, char *place, uint64_t address,
                          uint64_t target)
{
    switch (machine) {
    case EM_X86_64: return relocate_x86(type, place, address, target);
    case EM_AARCH64: return relocate_aarch64(type, place, address, target);
    case EM_RISCV: return relocate_riscv(type, place, address, target);
    }
    return RELOCATION_unknown;
}

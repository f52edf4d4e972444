/* SPDX-License-Identifier: Apache-2.0
 *
 * The file as a whole: what stands ahead of kernels, and names.
 */
#include "emitter.h"

#include <string.h>

const Dialect dialect_c = {
    .name = "C17",
    .helper = "static inline __attribute__((always_inline, unused))",
    .private_kernel = "static ",
    .public_kernel = "",
    .has_vectors = true,
};

CUnit *c_unit_create(Arena *arena, const Target *target, const Dialect *dialect)
{
    CUnit *unit = ARENA_NEW(arena, CUnit);
    *unit = (CUnit){.arena = arena,
                    .target = target,
                    .dialect = dialect,
                    .types = map_create(arena),
                    .instances = map_create(arena),
                    .functions = map_create(arena),
                    .type_text = text_create(arena),
                    .helper_text = text_create(arena),
                    .kernel_text = text_create(arena)};
    return unit;
}

void c_unit_reserve(CUnit *unit, const Map *names)
{
    for (int64_t i = 0; i < names->count; i++)
        map_set(&unit->functions, names->entries[i].key, (void *)1);
}

/* ---- Types ------------------------------------------------------------------------------- */

TnElementType c_memory_type(TnElementType type)
{
    if (type == TN_BOOL)
        return TN_UINT8;
    if (type == TN_FLOAT || type == TN_DOUBLE)
        return type;
    bool is_signed = element_kind(type) == ELEMENT_KIND_SIGNED;
    switch (element_bytes(type)) {
    case 1: return is_signed ? TN_INT8 : TN_UINT8;
    case 2: return is_signed ? TN_INT16 : TN_UINT16;
    case 4: return is_signed ? TN_INT32 : TN_UINT32;
    default: return is_signed ? TN_INT64 : TN_UINT64;
    }
}

typedef struct TypeName {
    const char *name, *standard;
} TypeName;

static TypeName name_of(TnElementType type)
{
    switch ((int)type) {
    case TN_FLOAT: return (TypeName){"f32", "float"};
    case TN_DOUBLE: return (TypeName){"f64", "double"};
    case TN_INT8: return (TypeName){"i8", "int8_t"};
    case TN_INT16: return (TypeName){"i16", "int16_t"};
    case TN_INT32: return (TypeName){"i32", "int32_t"};
    case TN_UINT8: return (TypeName){"u8", "uint8_t"};
    case TN_UINT16: return (TypeName){"u16", "uint16_t"};
    case TN_UINT32: return (TypeName){"u32", "uint32_t"};
    case TN_UINT64: return (TypeName){"u64", "uint64_t"};
    case TN_BOOL: return (TypeName){"bool", "int32_t"};
    default: return (TypeName){"i64", "int64_t"};
    }
}

/* Elements may alias: an arena's memory holds one type now and another later. */
const char *c_type(CUnit *unit, TnElementType type, int lanes)
{
    if (lanes == 1 && type == TN_BOOL)
        return "bool";
    if (lanes == 1 && type == EXPR_INDEX)
        return "int64_t";
    TypeName type_name = name_of(type);
    const char *name = type_name.name;
    if (lanes > 1)
        name = arena_format(unit->arena, "%sx%d", name, lanes);
    if (map_get(&unit->types, name))
        return name;
    map_set(&unit->types, name, (void *)name);
    int bytes = type == TN_BOOL ? 4 : type == EXPR_INDEX ? 8 : (int)element_bytes(type);
    if (lanes > 1)
        text_format(&unit->type_text, "typedef %s %s __attribute__((vector_size(%d)));\n",
                    type_name.standard, name, lanes * bytes);
    else
        text_format(&unit->type_text, "typedef %s %s __attribute__((may_alias));\n",
                    type_name.standard, name);
    return name;
}

/* ---- The file ---------------------------------------------------------------------------- */

bool c_is_x86(const Target *target)
{
#ifdef __x86_64__
    bool host = true;
#else
    bool host = false;
#endif
    return target->triple ? strncmp(target->triple, "x86_64", 6) == 0 : host;
}

const char *c_features(const CUnit *unit)
{
    static const struct {
        uint64_t bit;
        const char *names;
    } all[] = {{TN_CPU_SSE41, "sse4.1"}, {TN_CPU_AVX, "avx"},
               {TN_CPU_AVX2, "avx2"},    {TN_CPU_FMA, "fma"},
               {TN_CPU_F16C, "f16c"},    {TN_CPU_AVX512, "avx512f,avx512bw,avx512dq,avx512vl"}};
    const Target *target = unit->target;
    uint64_t needed = target->needed;
    if (!needed) /* a target made by hand */
        needed = (target->vector_bytes >= 64   ? TN_CPU_AVX512 | TN_CPU_AVX2
                  : target->vector_bytes >= 32 ? TN_CPU_AVX2
                                               : 0) |
                 (target->has_fma ? TN_CPU_FMA : 0);
    Text text = text_create(unit->arena);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (needed & all[i].bit)
            text_format(&text, "%s%s", text.length ? "," : "", all[i].names);
    return text.data;
}

/* Ahead of the code, and after it. */
static void write_pragmas(const CUnit *unit, Text *text)
{
    const char *features = c_features(unit);
    if (c_is_x86(unit->target) && *features)
        text_format(text,
                    "#ifdef __clang__\n"
                    "#pragma clang attribute push(__attribute__((target(\"%s\"))), \\\n"
                    "                             apply_to = function)\n"
                    "#else\n"
                    "#pragma GCC push_options\n"
                    "#pragma GCC target(\"%s\")\n"
                    "#endif\n",
                    features, features);
    else
        text_append(text, "#ifndef __clang__\n#pragma GCC push_options\n#endif\n");
    text_append(text, "/* What is computed is what is written: no contraction, no reordering. */\n"
                      "#ifdef __clang__\n"
                      "#pragma STDC FP_CONTRACT OFF\n"
                      "#else\n"
                      "#pragma GCC optimize(\"fp-contract=off\", \"no-math-errno\")\n"
                      "#endif\n\n");
    text_format(text, "#define HELPER %s\n", unit->dialect->helper);
    if (!unit->uses_unroll)
        return;
    text_append(
        text, "#define PRAGMA(text) _Pragma(#text)\n"
              "#ifdef __clang__\n"
              "#pragma clang diagnostic ignored \"-Wpass-failed\" /* where it does not unroll */\n"
              "#define UNROLL(count) PRAGMA(clang loop unroll(full))\n"
              "#else\n"
              "#define UNROLL(count) PRAGMA(GCC unroll count)\n"
              "#endif\n");
}

static void write_end(const CUnit *unit, Text *text)
{
    bool pushed = c_is_x86(unit->target) && *c_features(unit);
    text_format(text, "%s\n#pragma GCC pop_options\n#endif\n",
                pushed ? "#ifdef __clang__\n#pragma clang attribute pop\n#else"
                       : "#ifndef __clang__");
}

void c_unit_write(const CUnit *unit, Text *text)
{
    text_append(text, "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\n");
    if (!unit->kernel_text.length) /* Clang complains of pragmas that nothing follows */
        return;
    write_pragmas(unit, text);
    text_format(text, "\n%s\n", unit->type_text.data);
    text_append(text, unit->helper_text.data);
    text_append(text, unit->kernel_text.data);
    write_end(unit, text);
}

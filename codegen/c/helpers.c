/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers: the functions that kernels in C are written with.
 *
 * helpers.txt holds them as sections, each for some types and for scalars, vectors or both. The
 * first section that fits is filled in for the type at hand, after the helpers that it needs, and
 * once a unit. What has as many shapes as there are lanes, or another spelling in each compiler, is
 * made here.
 */
#include "codegen/small_float.h"
#include "emitter.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static const struct {
    const char *name, *text;
} embedded[] = {
#include "codegen/c/embedded.inc"
};

static bool is_real(TnElementType type)
{
    return type == TN_FLOAT || type == TN_DOUBLE;
}

static TnElementType integer_of_width(TnElementType type, bool is_signed)
{
    switch (type == TN_BOOL ? 4 : element_bytes(type)) {
    case 1: return is_signed ? TN_INT8 : TN_UINT8;
    case 2: return is_signed ? TN_INT16 : TN_UINT16;
    case 4: return is_signed ? TN_INT32 : TN_UINT32;
    default: return is_signed ? TN_INT64 : TN_UINT64;
    }
}

/* ---- Sections ---------------------------------------------------------------------------- */

/* What a section is filled in for. */
typedef struct Instance {
    CUnit *unit;
    TnElementType type, second;
    int lanes;
} Instance;

typedef struct Section {
    const char *needs, *needs_end; /* the names after "needs" */
    const char *body, *end;
} Section;

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether "float-vector" and the like cover the instance. */
static bool covers(const char *types, const Instance *instance)
{
    static const char *const kinds[] = {"any", "float", "signed", "unsigned", "integer"};
    bool is_float = is_real(instance->type);
    bool is_signed = element_kind(instance->type) == ELEMENT_KIND_SIGNED;
    bool fits[] = {true, is_float, is_signed, !is_float && !is_signed, !is_float};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!starts_with(types, kinds[i]))
            continue;
        const char *shape = types + strlen(kinds[i]);
        if (starts_with(shape, "-scalar"))
            return fits[i] && instance->lanes == 1;
        if (starts_with(shape, "-vector"))
            return fits[i] && instance->lanes > 1;
        return fits[i];
    }
    return false;
}

static bool find_section(const char *name, const Instance *instance, Section *section)
{
    size_t length = strlen(name);
    const char *at = embedded[0].text;
    while ((at = strstr(at, "\n-- "))) {
        at += 4;
        const char *line_end = strchr(at, '\n');
        if (!starts_with(at, name) || at[length] != ' ' || !covers(at + length + 1, instance))
            continue;
        const char *needs = strstr(at, " needs "), *end = strstr(line_end, "\n\n-- ");
        section->needs = needs && needs < line_end ? needs + 7 : line_end;
        section->needs_end = line_end;
        section->body = line_end + 1;
        section->end = end ? end + 1 : line_end + strlen(line_end);
        return true;
    }
    return false;
}

/* ---- Filling in -------------------------------------------------------------------------- */

static const char *type_name(const Instance *i, TnElementType type)
{
    return c_type(i->unit, type, i->lanes);
}

static const char *limit_name(const Instance *i, bool highest)
{
    bool is_signed = element_kind(i->type) == ELEMENT_KIND_SIGNED;
    if (!is_signed && !highest)
        return "0";
    return arena_format(i->unit->arena, "%sINT%d_%s", is_signed ? "" : "U", element_bits(i->type),
                        highest ? "MAX" : "MIN");
}

/* The first float that is beyond the integers, or the least that is not. */
static const char *limit_value(const Instance *i, bool highest)
{
    bool is_signed = element_kind(i->type) == ELEMENT_KIND_SIGNED;
    double value = 1;
    for (int bit = is_signed ? 1 : 0; bit < element_bits(i->type); bit++)
        value *= 2;
    value = highest ? value : is_signed ? -value : 0;
    return arena_format(i->unit->arena, "%.1f%s", value, i->second == TN_FLOAT ? "f" : "");
}

static void append_lanes(const Instance *i, Text *out, const char *repeat, size_t length)
{
    for (int l = 0; l < i->lanes; l++) {
        text_append(out, l ? ", " : "");
        if (repeat)
            text_append_bytes(out, repeat, length);
        else
            text_format(out, "%d", l);
    }
}

/* Replaces the placeholder at `at`, after the '$'; answers what follows it. */
static const char *fill_in(const Instance *i, Text *out, const char *at)
{
    bool single = i->type == TN_FLOAT;
    const struct {
        const char *name, *by;
    } words[] = {
        {"SCALE_LIMIT", single ? "278.0f" : "2098.0"},
        {"BIAS", single ? "127" : "1023"},
        {"MANTISSA", single ? "23" : "52"},
        {"WHOLE", single ? "8388608.0f" : "4503599627370496.0"}, /* has no fractions from here */
        {"ABOVE", starts_with(at, "ABOVE") ? limit_value(i, true) : ""},
        {"BELOW", starts_with(at, "BELOW") ? limit_value(i, false) : ""},
        {"HIGHEST", starts_with(at, "HIGHEST") ? limit_name(i, true) : ""},
        {"LOWEST", starts_with(at, "LOWEST") ? limit_name(i, false) : ""},
        {"HIGH", element_bytes(i->type) == 8 ? "INT64_MAX" : "INT32_MAX"},
    };
    for (size_t w = 0; w < COUNT_OF(words); w++) {
        if (!starts_with(at, words[w].name))
            continue;
        text_append(out, words[w].by);
        return at + strlen(words[w].name);
    }
    if (starts_with(at, "REPEAT(")) {
        const char *end = strchr(at, ')');
        append_lanes(i, out, at + 7, (size_t)(end - at) - 7);
        return end + 1;
    }
    if (starts_with(at, "COUNT")) {
        append_lanes(i, out, NULL, 0);
        return at + 5;
    }
    CUnit *unit = i->unit;
    switch (*at) {
    case 'T': text_append(out, type_name(i, i->type)); break;
    case 'V': text_append(out, type_name(i, i->second)); break;
    case 'S': text_append(out, c_type(unit, i->type, 1)); break;
    case 'U': text_append(out, type_name(i, integer_of_width(i->type, false))); break;
    case 'I': text_append(out, type_name(i, integer_of_width(i->type, true))); break;
    case 'J': text_append(out, c_type(unit, integer_of_width(i->type, true), 1)); break;
    case 'M':
        text_append(out, i->lanes == 1 ? "bool" : type_name(i, integer_of_width(i->type, true)));
        break;
    case 'K': text_append(out, type_name(i, TN_BOOL)); break;
    case 'X': text_append(out, type_name(i, TN_INT64)); break;
    case 'L': text_format(out, "%d", i->lanes); break;
    case 'N': text_format(out, "%d", element_bits(i->type)); break;
    case 'f': text_append(out, single ? "f" : ""); break;
    default: assert(!"an unknown placeholder");
    }
    return at + 1;
}

static void write_body(const Instance *instance, const Section *section, Text *out)
{
    for (const char *at = section->body; at < section->end;) {
        const char *mark = memchr(at, '$', (size_t)(section->end - at));
        text_append_bytes(out, at, (size_t)((mark ? mark : section->end) - at));
        at = mark ? fill_in(instance, out, mark + 1) : section->end;
    }
}

/* ---- Instances --------------------------------------------------------------------------- */

/* Adds a finished helper; its name stands ahead of the first '(' after the qualifier. */
static const char *add_helper(CUnit *unit, const char *key, const char *text)
{
    const char *end = strchr(strstr(text, "HELPER "), '('), *begin = end;
    while (begin[-1] != ' ' && begin[-1] != '*')
        begin--;
    const char *name = arena_string(unit->arena, begin, (size_t)(end - begin));
    map_set(&unit->instances, key, (void *)name);
    text_format(&unit->helper_text, "%s\n", text);
    return name;
}

static const char *instantiate(CUnit *unit, const char *name, const Instance *instance);

/* "select add/U": helpers for the same type, or for that of a letter. */
static void write_needs(CUnit *unit, const Section *section, const Instance *instance)
{
    for (const char *at = section->needs; at < section->needs_end;) {
        size_t length = strcspn(at, " \n/");
        Instance other = {unit, instance->type, instance->type, instance->lanes};
        const char *name = arena_string(unit->arena, at, length);
        at += length;
        if (*at == '/') {
            other.type =
                at[1] == 'V' ? instance->second : integer_of_width(instance->type, at[1] == 'I');
            at += 2;
        }
        instantiate(unit, name, &other);
        while (*at == ' ')
            at++;
    }
}

typedef struct Native Native;
static const Native *find_native(const char *name);
static void write_native(const Instance *instance, const Native *native, Text *out);

/* Whether a section speaks of a second type. */
static bool has_second(const Section *section)
{
    const char *found = strstr(section->body, "$V");
    return found && found < section->end;
}

/* Whether the target has to round to whole numbers by arithmetic. */
static bool rounds_plainly(const CUnit *unit, const char *name)
{
    bool rounds = !strcmp(name, "floor") || !strcmp(name, "ceil") || !strcmp(name, "trunc") ||
                  !strcmp(name, "round");
    return rounds && c_is_x86(unit->target) && !strstr(c_features(unit), "sse4.1");
}

static const char *instantiate(CUnit *unit, const char *name, const Instance *instance)
{
    Section section = {0};
    bool is_native = instance->lanes > 1 && find_native(name);
    if (instance->lanes == 1 && rounds_plainly(unit, name))
        name = arena_format(unit->arena, "%s_plain", name);
    bool found = is_native || find_section(name, instance, &section);
    assert(found && "no such helper");
    (void)found;
    int second = !is_native && has_second(&section) ? (int)instance->second : 0;
    const char *key = arena_format(unit->arena, "%s %d %d %d", name, (int)instance->type, second,
                                   instance->lanes);
    const char *known = map_get(&unit->instances, key);
    if (known)
        return known;
    Text text = text_create(unit->arena);
    if (is_native) {
        write_native(instance, find_native(name), &text);
        return add_helper(unit, key, text.data);
    }
    write_needs(unit, &section, instance);
    write_body(instance, &section, &text);
    return add_helper(unit, key, text.data);
}

const char *c_helper_between(CUnit *unit, const char *name, TnElementType type,
                             TnElementType second, int lanes)
{
    return instantiate(unit, name, &(Instance){unit, type, second, lanes});
}

const char *c_helper(CUnit *unit, const char *name, TnElementType type, int lanes)
{
    return c_helper_between(unit, name, type, type, lanes);
}

/* ---- What compilers spell in their own ways ---------------------------------------------- */

/* Functions of vectors: Clang's name, GCC's for x86 at 16, 32 and 64 bytes ("ps" or "pd" goes where
 * the % is), and the macro that tells that the processor has it. */
struct Native {
    const char *name;
    int operands;
    const char *clang, *gcc[3], *macros[3], *scalar;
};

static const Native natives[] = {
    {"fma",
     3,
     "fma",
     {"vfmadd%(a, b, c)", "vfmadd%256(a, b, c)", "vfmadd%512_mask(a, b, c, -1, 4)"},
     {"__FMA__", "__FMA__", "__AVX512F__"},
     "__builtin_fma"},
    {"sqrt",
     1,
     "sqrt",
     {"sqrt%(a)", "sqrt%256(a)", "sqrt%512_mask(a, a, -1, 4)"},
     {"__SSE2__", "__AVX__", "__AVX512F__"},
     "__builtin_sqrt"},
    {"floor",
     1,
     "floor",
     {"round%(a, 9)", "round%256(a, 9)", "rndscale%_mask(a, 9, a, -1, 4)"},
     {"__SSE4_1__", "__AVX__", "__AVX512F__"},
     "__builtin_floor"},
    {"ceil",
     1,
     "ceil",
     {"round%(a, 10)", "round%256(a, 10)", "rndscale%_mask(a, 10, a, -1, 4)"},
     {"__SSE4_1__", "__AVX__", "__AVX512F__"},
     "__builtin_ceil"},
    {"trunc",
     1,
     "trunc",
     {"round%(a, 11)", "round%256(a, 11)", "rndscale%_mask(a, 11, a, -1, 4)"},
     {"__SSE4_1__", "__AVX__", "__AVX512F__"},
     "__builtin_trunc"},
    {"round",
     1,
     "roundeven",
     {"round%(a, 8)", "round%256(a, 8)", "rndscale%_mask(a, 8, a, -1, 4)"},
     {"__SSE4_1__", "__AVX__", "__AVX512F__"},
     "__builtin_rint"},
};

/* The call of GCC's function, over the parts of a vector that is wider than the target's. */
static void write_gcc_call(const Instance *i, const Native *native, int size, Text *out)
{
    const char *spelling = native->gcc[size], *mark = strchr(spelling, '%');
    int part_lanes = (16 << size) / (int)element_bytes(i->type), parts = i->lanes / part_lanes;
    Text call = text_create(i->unit->arena);
    text_append(&call, "__builtin_ia32_");
    text_append_bytes(&call, spelling, (size_t)(mark - spelling));
    text_append(&call, i->type == TN_FLOAT ? "ps" : "pd");
    text_append(&call, mark + 1);
    if (parts == 1) {
        text_format(out, "    return %s;\n", call.data);
        return;
    }
    const char *whole = type_name(i, i->type), *part = c_type(i->unit, i->type, part_lanes);
    text_format(out, "    union {\n        %s whole;\n        %s parts[%d];\n    } ", whole, part,
                parts);
    for (int o = 0; o < native->operands; o++)
        text_format(out, "%s%c = {%c}", o ? ", " : "", 'x' + o, 'a' + o);
    text_format(out, ";\n    for (int i = 0; i < %d; i++) {\n        const %s ", parts, part);
    for (int o = 0; o < native->operands; o++)
        text_format(out, "%s%c = %c.parts[i]", o ? ", " : "", 'a' + o, 'x' + o);
    text_format(out, ";\n        x.parts[i] = %s;\n    }\n    return x.whole;\n", call.data);
}

static const Native *find_native(const char *name)
{
    for (size_t n = 0; n < COUNT_OF(natives); n++)
        if (strcmp(natives[n].name, name) == 0)
            return &natives[n];
    return NULL;
}

static void write_lane_calls(const Instance *i, const Native *native, const char *scalar, Text *out)
{
    text_format(out, "    for (int l = 0; l < %d; l++)\n        a[l] = %s(%s);\n    return a;\n",
                i->lanes, scalar, native->operands == 3 ? "a[l], b[l], c[l]" : "a[l]");
}

static void write_native(const Instance *i, const Native *native, Text *out)
{
    CUnit *unit = i->unit;
    const char *type = type_name(i, i->type), *suffix = i->type == TN_FLOAT ? "f" : "";
    int bytes = i->lanes * (int)element_bytes(i->type), most = unit->target->vector_bytes;
    int width = bytes < most ? bytes : most, size = width >= 64 ? 2 : width >= 32 ? 1 : 0;
    bool plain = rounds_plainly(unit, native->name);
    text_format(out, "HELPER %s %s_%s(", type, native->name, type);
    for (int o = 0; o < native->operands; o++)
        text_format(out, "%s%s %c", o ? ", " : "", type, 'a' + o);
    text_append(out, ")\n{\n");
    if (plain) {
        write_lane_calls(i, native, c_helper(unit, native->name, i->type, 1), out);
        text_append(out, "}\n");
        return;
    }
    text_format(out, "#if defined __clang__\n    return __builtin_elementwise_%s(%s);\n",
                native->clang, native->operands == 3 ? "a, b, c" : "a");
    if (width >= 16) {
        text_format(out, "#elif defined %s\n", native->macros[size]);
        write_gcc_call(i, native, size, out);
    }
    text_append(out, "#else\n");
    write_lane_calls(i, native, arena_format(unit->arena, "%s%s", native->scalar, suffix), out);
    text_append(out, "#endif\n}\n");
}

/* ---- Lanes ------------------------------------------------------------------------------- */

static const char *shuffle(const Instance *i, const char *a, const char *b, const int *places)
{
    Text text = text_create(i->unit->arena);
    text_format(&text, "__builtin_shufflevector(%s, %s", a, b);
    for (int l = 0; l < i->lanes; l++)
        text_format(&text, ",%s%d", l == 0 ? "\n                                " : " ", places[l]);
    text_append(&text, ")");
    return text.data;
}

/* Halves, quarters, ...: one fixed tree. */
const char *c_helper_across(CUnit *unit, ExprKind kind, TnElementType type, int lanes)
{
    Instance i = {unit, type, type, lanes};
    ExprKind combine = kind == EXPR_across_sum   ? EXPR_add
                       : kind == EXPR_across_max ? EXPR_maximum
                                                 : EXPR_minimum;
    const char *key = arena_format(unit->arena, "across %d %d %d", (int)kind, (int)type, lanes);
    const char *known = map_get(&unit->instances, key), *vector = c_type(unit, type, lanes);
    if (known)
        return known;
    const char *step = c_binary_text(unit, combine, type, lanes, "a", "b");
    Text text = text_create(unit->arena);
    text_format(&text, "HELPER %s %s_%s(%s a)\n{\n    %s b;\n", c_type(unit, type, 1),
                expr_kind_name(kind), vector, vector, vector);
    for (int half = lanes / 2; half; half /= 2) {
        int places[64];
        for (int l = 0; l < lanes; l++)
            places[l] = l ^ half;
        text_format(&text, "    b = %s;\n    a = %s;\n", shuffle(&i, "a", "a", places), step);
    }
    text_append(&text, "    return a[0];\n}\n");
    return add_helper(unit, key, text.data);
}

/* Rows of as many lanes as there are rows: squares of 2 x 2, then of 2 x 2 of those, ... */
const char *c_helper_transpose(CUnit *unit, TnElementType type, int lanes)
{
    Instance i = {unit, type, type, lanes};
    const char *key = arena_format(unit->arena, "transpose %d %d", (int)type, lanes);
    const char *known = map_get(&unit->instances, key), *vector = c_type(unit, type, lanes);
    if (known)
        return known;
    Text text = text_create(unit->arena);
    text_format(&text,
                "/* Rows become columns. */\nHELPER void transpose_%s(%s *rows)\n{\n    %s a, b;\n",
                vector, vector, vector);
    for (int s = 1; s < lanes; s *= 2) {
        int low[64], high[64];
        for (int l = 0; l < lanes; l++) {
            low[l] = l & s ? lanes + l - s : l;
            high[l] = l & s ? lanes + l : l + s;
        }
        text_format(&text,
                    "    UNROLL(%d)\n    for (int i = 0; i < %d; i++) {\n"
                    "        if (i & %d)\n            continue;\n"
                    "        a = rows[i], b = rows[i + %d];\n        rows[i] = %s;\n",
                    lanes, lanes, s, s, shuffle(&i, "a", "b", low));
        text_format(&text, "        rows[i + %d] = %s;\n    }\n", s, shuffle(&i, "a", "b", high));
    }
    text_append(&text, "}\n");
    unit->uses_unroll = true;
    return add_helper(unit, key, text.data);
}

/* ---- Small floats ------------------------------------------------------------------------ */

/* Words as text; each result gets a name. */
typedef struct TextMath {
    WordMath math;
    Instance i;
    Text *out;
    int count;
} TextMath;

static void *named(TextMath *m, const char *type, const char *text)
{
    const char *name = arena_format(m->i.unit->arena, "t%d", ++m->count);
    text_format(m->out, "    const %s %s = %s;\n", type, name, text);
    return (void *)name;
}

static const char *word_type(const TextMath *m)
{
    return type_name(&m->i, TN_UINT32);
}

static const char *condition_type(const TextMath *m)
{
    return m->i.lanes == 1 ? "bool" : type_name(&m->i, TN_INT32);
}

static void *text_number(WordMath *math, uint32_t value)
{
    TextMath *m = (TextMath *)math;
    return arena_format(m->i.unit->arena, value < 10 ? "%" PRIu32 "u" : "0x%" PRIx32 "u", value);
}

static void *text_operation(WordMath *math, WordOperation operation, void *a, void *b)
{
    static const char *const signs[] = {
        [WORD_and] = "&",         [WORD_or] = "|",           [WORD_add] = "+",
        [WORD_shift_left] = "<<", [WORD_shift_right] = ">>", [WORD_equal] = "==",
        [WORD_above] = ">",       [WORD_below] = "<"};
    TextMath *m = (TextMath *)math;
    const char *text = arena_format(m->i.unit->arena, "%s %s %s", (const char *)a, signs[operation],
                                    (const char *)b);
    return named(m, operation >= WORD_equal ? condition_type(m) : word_type(m), text);
}

/* Numbers stand for vectors, too. */
static const char *as_word(TextMath *m, const char *text)
{
    if (m->i.lanes == 1 || text[0] == 't')
        return text;
    const char *splat = c_helper(m->i.unit, "splat", TN_UINT32, m->i.lanes);
    return arena_format(m->i.unit->arena, "%s(%s)", splat, text);
}

static void *text_select(WordMath *math, void *condition, void *a, void *b)
{
    TextMath *m = (TextMath *)math;
    const char *select = c_helper(m->i.unit, "select", TN_UINT32, m->i.lanes);
    return named(m, word_type(m),
                 arena_format(m->i.unit->arena, "%s(%s, %s, %s)", select, (const char *)condition,
                              as_word(m, a), as_word(m, b)));
}

static void *text_either(WordMath *math, void *a, void *b)
{
    TextMath *m = (TextMath *)math;
    return named(m, condition_type(m),
                 arena_format(m->i.unit->arena, "%s | %s", (const char *)a, (const char *)b));
}

static void *text_bits(WordMath *math, void *value, TnElementType to, TnElementType from)
{
    TextMath *m = (TextMath *)math;
    const char *bits = c_helper_between(m->i.unit, "bits", to, from, m->i.lanes);
    return named(m, type_name(&m->i, to),
                 arena_format(m->i.unit->arena, "%s(%s)", bits, (const char *)value));
}

static void *text_to_bits(WordMath *math, void *real)
{
    return text_bits(math, real, TN_UINT32, TN_FLOAT);
}

static void *text_from_bits(WordMath *math, void *word)
{
    return text_bits(math, word, TN_FLOAT, TN_UINT32);
}

static const char *real_text(TextMath *m, double value)
{
    Text text = text_create(m->i.unit->arena);
    text_append_float(&text, (float)value);
    text_append(&text, "f");
    return text.data;
}

static void *text_multiply(WordMath *math, void *word, double by)
{
    TextMath *m = (TextMath *)math;
    Arena *arena = m->i.unit->arena;
    const char *type = type_name(&m->i, TN_FLOAT), *text = word;
    const char *count = m->i.lanes == 1 ? arena_format(arena, "(%s)%s", type, text)
                                        : arena_format(arena, "__builtin_convertvector((%s)%s, %s)",
                                                       type_name(&m->i, TN_INT32), text, type);
    return named(m, type, arena_format(arena, "%s * %s", count, real_text(m, by)));
}

static void *text_add(WordMath *math, void *real, double to)
{
    TextMath *m = (TextMath *)math;
    return named(m, type_name(&m->i, TN_FLOAT),
                 arena_format(m->i.unit->arena, "%s + %s", (const char *)real, real_text(m, to)));
}

static TextMath text_math(CUnit *unit, int lanes, Text *out)
{
    return (TextMath){{text_number, text_operation, text_select, text_either, text_to_bits,
                       text_from_bits, text_multiply, text_add},
                      {unit, TN_FLOAT, TN_FLOAT, lanes},
                      out,
                      0};
}

const char *c_helper_read(CUnit *unit, TnElementType small, int lanes)
{
    const char *key = arena_format(unit->arena, "read %d %d", (int)small, lanes);
    const char *known = map_get(&unit->instances, key);
    if (known)
        return known;
    Text body = text_create(unit->arena), text = text_create(unit->arena);
    TextMath math = text_math(unit, lanes, &body);
    const char *code = c_type(unit, c_memory_type(small), lanes), *word = word_type(&math);
    const char *real = c_type(unit, TN_FLOAT, lanes);
    if (lanes == 1)
        text_format(&body, "    const %s t = code;\n", word);
    else
        text_format(&body, "    const %s t = __builtin_convertvector(code, %s);\n", word, word);
    const char *result = small_float_read(&math.math, small, (void *)"t");
    text_format(&text,
                "/* %s to float. */\nHELPER %s %s_from_%s(%s code)\n{\n%s    return %s;\n}\n",
                element_name(small), real, real, element_name(small), code, body.data, result);
    return add_helper(unit, key, text.data);
}

const char *c_helper_write(CUnit *unit, TnElementType small, bool saturate, int lanes)
{
    const char *key = arena_format(unit->arena, "write %d %d %d", (int)small, saturate, lanes);
    const char *known = map_get(&unit->instances, key);
    if (known)
        return known;
    Text body = text_create(unit->arena), text = text_create(unit->arena);
    TextMath math = text_math(unit, lanes, &body);
    const char *code = c_type(unit, c_memory_type(small), lanes);
    const char *real = c_type(unit, TN_FLOAT, lanes);
    const char *result = small_float_write(&math.math, small, (void *)"a", saturate);
    text_format(&text, "/* float to %s, to nearest even. */\nHELPER %s %s%s_from_%s(%s a)\n{\n%s",
                element_name(small), code, element_name(small), saturate ? "_saturated" : "", real,
                real, body.data);
    if (lanes == 1)
        text_format(&text, "    return (%s)%s;\n}\n", code, result);
    else
        text_format(&text, "    return __builtin_convertvector(%s, %s);\n}\n", result, code);
    return add_helper(unit, key, text.data);
}

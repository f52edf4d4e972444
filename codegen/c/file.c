/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernels first, which need nothing, then the runtime, weights, tables, and NAME_run.
 */
#include "codegen/c/file.h"

#include "codegen/c/runtime_text.h"
#include "codegen/c/unit.h"
#include "codegen/function_key.h"

#include <inttypes.h>
#include <string.h>

enum { LINE_WIDTH = 100 };

typedef struct Writer {
    const CFileRequest *request;
    Arena *arena;
    const Image *image;
    Map functions; /* the symbol of a kernel -> its name in C */
    Map described; /* Kernel -> how many functions compute it so far */
    Text *text;
} Writer;

/* ---- Kernels ----------------------------------------------------------------------------- */

/* Collects what the steps of a block that run a symbol are called. */
static void find_nodes(const Block *block, const char *symbol, Text *names, int *count)
{
    enum { MOST = 8 };
    for (int64_t i = 0; i < block->step_count; i++) {
        const Step *step = &block->steps[i];
        if (step->kind == STEP_if)
            for (int b = 0; b < 2; b++)
                find_nodes(step->branch.branches[b], symbol, names, count);
        else if (step->kind == STEP_loop)
            find_nodes(step->loop.body, symbol, names, count);
        if (step->kind != STEP_phase || strcmp(phase_symbol(step->phase.kernel), symbol) != 0)
            continue;
        if (++*count > MOST)
            continue;
        text_format(names, "%s%s%s'%s'", *count > 1 ? ", " : "", step->operator? step->operator: "",
                    step->operator? " " : "", step->name ? step->name : "");
    }
}

static const char *comment_of(Writer *w, const Phase *phase)
{
    Text text = text_create(w->arena);
    int count = 0;
    find_nodes(&w->request->lowered->program->main, phase->symbol, &text, &count);
    if (count > 8)
        text_format(&text, " and %d more", count - 8);
    intptr_t before = (intptr_t)map_get_pointer(&w->described, phase->kernel);
    map_set_pointer(&w->described, phase->kernel, (void *)(before + 1));
    if (before) {
        text_format(&text, ": part %d of the kernel above", (int)before + 1);
        return text.data;
    }
    text_append(&text, "\n");
    kernel_print(phase->kernel, &text);
    return text.data;
}

static void write_kernels(Writer *w, const Map *taken)
{
    const Lowered *lowered = w->request->lowered;
    CUnit *unit = c_unit_create(w->arena, &w->request->settings->target, &dialect_c);
    c_unit_reserve(unit, taken);
    for (int i = 0; i < lowered->phase_count; i++) {
        const Phase *phase = lowered->phases[i];
        if (!phase->function || map_get(&w->functions, phase->symbol))
            continue;
        const char *name = c_unit_function(unit, lowered->model->pool, phase->function,
                                           comment_of(w, phase), false);
        map_set(&w->functions, phase->symbol, (void *)name);
    }
    c_unit_write(unit, w->text);
}

/* ---- Weights ----------------------------------------------------------------------------- */

static void write_weight_bytes(Writer *w)
{
    const Weights *weights = w->request->weights;
    unsigned char *bytes = arena_try(w->arena, (size_t)weights->bytes);
    if (!bytes)
        return;
    weights_write(weights, &w->request->settings->parallel, (char *)bytes);
    text_append(w->text, "static const unsigned char weights[] __attribute__((aligned(64))) = {");
    for (int64_t i = 0; i < weights->bytes; i++)
        text_format(w->text, "%s%d,", i % 20 ? " " : "\n    ", bytes[i]);
    text_append(w->text, "\n};\n\n");
}

static void write_weights(Writer *w)
{
    const char *name = w->image->name, *file = w->request->weights_file;
    if (!w->request->interface->info.has_weights)
        return;
    if (!file) {
        write_weight_bytes(w);
        return;
    }
    text_format(w->text,
                "/* The weights are in a file that the assembler includes; it looks for it in the\n"
                " * folder in which it runs. */\n"
                "#ifndef WEIGHTS_FILE\n#define WEIGHTS_FILE \"%s\"\n#endif\n"
                "__asm__(\".pushsection .rodata\\n\"\n"
                "        \".balign 64\\n\"\n"
                "        \"%s_weights:\\n\"\n"
                "        \".incbin \\\"\" WEIGHTS_FILE \"\\\"\\n\"\n"
                "        \".popsection\\n\");\n"
                "extern const unsigned char weights[] __asm__(\"%s_weights\")\n"
                "    __attribute__((visibility(\"hidden\")));\n\n",
                file, name, name);
}

/* ---- Tables ------------------------------------------------------------------------------ */

static void append_literal(Text *text, const char *string)
{
    text_append(text, "\"");
    for (const unsigned char *c = (const unsigned char *)string; *c; c++)
        if (*c == '"' || *c == '\\' || *c == '?')
            text_format(text, "\\%c", *c);
        else if (*c < ' ' || *c > '~')
            text_format(text, "\\%03o", *c);
        else
            text_append_bytes(text, (const char *)c, 1);
    text_append(text, "\"");
}

static void append_real(Text *text, double value, bool single)
{
    if (value != value)
        text_append(text, "__builtin_nan(\"\")");
    else if (value - value != 0)
        text_append(text, value < 0 ? "-__builtin_inf()" : "__builtin_inf()");
    else if (single)
        text_append_float(text, (float)value);
    else
        text_append_double(text, value);
    if (value - value == 0)
        text_append(text, single ? "f" : "");
}

static void append_integer(Text *text, int64_t value)
{
    if (value == INT64_MIN)
        text_append(text, "INT64_MIN");
    else if (value > INT32_MAX || value <= INT32_MIN)
        text_format(text, "INT64_C(%" PRId64 ")", value);
    else
        text_format(text, "%" PRId64, value);
}

static const char *function_name(Writer *w, const char *symbol)
{
    const char *name = map_get(&w->functions, symbol);
    return name ? name : symbol;
}

static Text element_text(Writer *w, const ImageRecord *record, const char *element);

static void append_item(Writer *w, const ImageField *field, const char *element, const char *at,
                        Text *text)
{
    int32_t narrow = 0;
    int64_t wide;
    double real;
    float single;
    switch (field->kind) {
    case IMAGE_bool: text_append(text, *at ? "true" : "false"); return;
    case IMAGE_byte: text_format(text, "%u", (unsigned)(unsigned char)*at); return;
    case IMAGE_int32:
    case IMAGE_uint32:
        memcpy(&narrow, at, sizeof narrow);
        append_integer(text, field->kind == IMAGE_int32 ? narrow : (int64_t)(uint32_t)narrow);
        return;
    case IMAGE_int64:
        memcpy(&wide, at, sizeof wide);
        append_integer(text, wide);
        return;
    case IMAGE_double:
        memcpy(&real, at, sizeof real);
        append_real(text, real, false);
        return;
    case IMAGE_float:
        memcpy(&single, at, sizeof single);
        append_real(text, (double)single, true);
        return;
    case IMAGE_record: text_append(text, element_text(w, field->record, at).data); return;
    case IMAGE_weights:
        text_append(text, w->request->interface->info.has_weights ? "weights" : "0");
        return;
    case IMAGE_function: {
        const char *symbol = image_function(w->image, field, element);
        text_append(text, symbol ? function_name(w, symbol) : "0");
        return;
    }
    case IMAGE_string: {
        const ImageObject *target = image_target(w->image, field, element);
        if (target)
            append_literal(text, target->data);
        else
            text_append(text, "0");
        return;
    }
    case IMAGE_pointer: {
        const ImageObject *target = image_target(w->image, field, element);
        text_format(text, "%s%s", target ? "(void *)" : "", target ? target->name : "0");
        return;
    }
    }
}

static bool is_zero(const char *text)
{
    return !strcmp(text, "0") || !strcmp(text, "false") || !strcmp(text, "0.0") ||
           !strcmp(text, "0.0f") || !strcmp(text, "{0}") || !strcmp(text, "{0, 0}");
}

static Text field_text(Writer *w, const ImageField *field, const char *element)
{
    Text text = text_create(w->arena);
    const char *at = element + field->offset;
    if (!field->length) {
        append_item(w, field, element, at, &text);
        return text;
    }
    size_t bytes = field->kind == IMAGE_record  ? field->record->size
                   : field->kind == IMAGE_byte  ? 1
                   : field->kind == IMAGE_int64 ? 8
                                                : 4;
    Text items = text_create(w->arena);
    size_t end = 0; /* of the last that is not zero */
    for (int i = 0; i < field->length; i++) {
        Text item = text_create(w->arena);
        append_item(w, field, element, at + (size_t)i * bytes, &item);
        text_format(&items, "%s%s", i ? ", " : "", item.data);
        if (!is_zero(item.data))
            end = items.length;
    }
    if (!end) {
        text_append(&text, "{0}");
        return text;
    }
    text_append(&text, "{");
    text_append_bytes(&text, items.data, end);
    text_append(&text, "}");
    return text;
}

/* Small records of numbers are lists; in others fields have their names, and zeroes are left out.
 */
static Text element_text(Writer *w, const ImageRecord *record, const char *element)
{
    Text text = text_create(w->arena);
    bool is_list = record->field_count == 2;
    int count = 0;
    for (int i = 0; i < record->field_count; i++)
        is_list &= record->fields[i].kind <= IMAGE_byte && !record->fields[i].length;
    if (record->field_count == 1 && !record->fields[0].name)
        return field_text(w, &record->fields[0], element);
    text_append(&text, "{");
    for (int i = 0; i < record->field_count; i++) {
        const ImageField *field = &record->fields[i];
        if (!image_field_is_there(record, field, element))
            continue;
        Text value = field_text(w, field, element);
        if (is_list)
            text_format(&text, "%s%s", count++ ? ", " : "", value.data);
        else if (!is_zero(value.data))
            text_format(&text, "%s.%s = %s", count++ ? ", " : "", field->name, value.data);
    }
    text_append(&text, count ? "}" : "0}");
    return text;
}

/* Broken after commas where a line would be too long. */
static void append_wrapped(Text *out, const char *text, const char *indent)
{
    size_t width = LINE_WIDTH - strlen(indent);
    while (strlen(text) > width) {
        size_t best = 0;
        bool quoted = false;
        for (size_t i = 0; text[i] && (i < width || !best); i++) {
            if (text[i] == '"' && (i == 0 || text[i - 1] != '\\'))
                quoted = !quoted;
            if (!quoted && text[i] == ',' && text[i + 1] == ' ')
                best = i + 1;
        }
        if (!best)
            break;
        text_append_bytes(out, text, best);
        text_format(out, "\n%s", indent);
        text += best + 1;
    }
    text_append(out, text);
}

static void write_object(Writer *w, const ImageObject *object)
{
    if (!object->record)
        return; /* strings are written where they are used */
    text_format(w->text, "static const %s %s[] = {\n", object->record->name, object->name);
    bool is_scalar = object->record->field_count == 1 && !object->record->fields[0].name;
    Text row = text_create(w->arena);
    for (int64_t i = 0; i < object->count; i++) {
        Text element =
            element_text(w, object->record, object->data + i * (int64_t)object->record->size);
        if (is_scalar) {
            text_format(&row, "%s%s", i ? ", " : "", element.data);
            continue;
        }
        text_append(w->text, "    ");
        append_wrapped(w->text, element.data, "     ");
        text_append(w->text, ",\n");
    }
    if (is_scalar) {
        text_append(w->text, "    ");
        append_wrapped(w->text, row.data, "    ");
        text_append(w->text, ",\n");
    }
    text_append(w->text, "};\n\n");
}

static void write_tables(Writer *w)
{
    const Image *image = w->image;
    const char *name = image->name;
    text_format(
        w->text,
        "TnStatus %s_run(const void *inputs, void *outputs, void *arena, size_t arena_bytes,"
        "\n                const TnRunOptions *options);\n"
        "extern const TnArtifactInfo %s_model;\n\n",
        name, name);
    for (int64_t i = 0; i + 1 < image->objects.count; i++)
        write_object(w, &image->objects.items[i]);
    const ImageObject *model = &image->objects.items[image->objects.count - 1];
    text_format(w->text, "const TnArtifactInfo %s_model =\n    ", name);
    append_wrapped(w->text, element_text(w, model->record, model->data).data, "     ");
    text_format(w->text,
                ";\n\nTnStatus %s_run(const void *inputs, void *outputs, void *arena, size_t "
                "arena_bytes,\n                const TnRunOptions *options)\n{\n"
                "    return model_enter(&%s_model, inputs, outputs, arena, arena_bytes, options);\n"
                "}\n",
                name, name);
    if (w->request->interface->info.selftest)
        text_format(w->text,
                    "\nTnStatus %s_selftest(void *arena, size_t arena_bytes, const TnRunOptions "
                    "*options);\n"
                    "TnStatus %s_selftest(void *arena, size_t arena_bytes, const TnRunOptions "
                    "*options)\n{\n"
                    "    return selftest_enter(&%s_model, arena, arena_bytes, options);\n}\n",
                    name, name, name);
}

/* ---- What steps there are ---------------------------------------------------------------- */

/* Takes the kinds of a block's steps out of the set. */
static void remove_kinds(const Block *block, const char *const *labels, Map *never)
{
    for (int64_t i = 0; i < block->step_count; i++) {
        const Step *step = &block->steps[i];
        map_set(never, labels[step->kind], NULL);
        if (step->kind == STEP_if)
            for (int b = 0; b < 2; b++)
                remove_kinds(step->branch.branches[b], labels, never);
        else if (step->kind == STEP_loop)
            remove_kinds(step->loop.body, labels, never);
    }
}

/* The kinds of steps that the program has none of. */
static Map missing_kinds(Writer *w, const Program *program)
{
    static const char *const labels[] = {[STEP_phase] = "STEP_phase",
                                         [STEP_host] = "STEP_host",
                                         [STEP_size] = "STEP_size",
                                         [STEP_bind] = "STEP_bind",
                                         [STEP_check] = "STEP_check",
                                         [STEP_assign] = "STEP_assign",
                                         [STEP_allocate] = "STEP_allocate",
                                         [STEP_halo] = "STEP_halo",
                                         [STEP_if] = "STEP_if",
                                         [STEP_loop] = "STEP_loop"};
    Map never = map_create(w->arena);
    for (size_t i = 0; i < COUNT_OF(labels); i++)
        map_set(&never, labels[i], (void *)labels[i]);
    remove_kinds(&program->entry, labels, &never);
    remove_kinds(&program->main, labels, &never);
    return never;
}

/* ---- The file ---------------------------------------------------------------------------- */

static void write_head(Writer *w)
{
    const TnArtifactInfo *info = &w->request->interface->info;
    text_format(w->text,
                "/* %s, compiled to C by %s for %s (%s).\n"
                " *\n"
                " * Kernels, the part of the runtime that they need, tables, and %s_run(), which\n"
                " * the header declares. For GCC 12 or Clang 19 and later:\n"
                " *\n"
                " *   cc -O2 -c %s.c\n"
                " */\n",
                info->name, info->generator, info->triple, info->cpu, w->image->name,
                w->image->name);
}

void c_file_write(const CFileRequest *request, Text *text)
{
    const Lowered *lowered = request->lowered;
    Arena *arena = lowered->model->arena;
    Writer w = {.request = request,
                .arena = arena,
                .functions = map_create(arena),
                .described = map_create(arena),
                .text = text};
    const Function **functions = ARENA_ARRAY(arena, const Function *, lowered->phase_count + 1);
    int *chosen = ARENA_ARRAY(arena, int, lowered->phase_count + 1), named;
    functions_share(arena, lowered->phases, lowered->phase_count, functions, chosen);
    w.image = image_create(arena, &request->interface->info, request->interface->name);
    const char *const *used = image_runtime_functions(w.image, &named);
    ARRAY(const char *) roots = {0};
    array_push(arena, &roots, "TnArtifactInfo");
    array_push(arena, &roots, "Program");
    for (int i = 0; i < named; i++)
        array_push(arena, &roots, used[i]);
    Map never = missing_kinds(&w, lowered->program);
    RuntimeText runtime = runtime_text(arena, roots.items, (int)roots.count, &never);
    write_head(&w);
    write_kernels(&w, &runtime.names);
    text_append(text, "\n/* ---- The runtime "
                      "----------------------------------------------------------------- */\n\n"
                      "#ifndef __clang__\n"
                      "#pragma GCC push_options\n"
                      "#pragma GCC optimize(\"no-strict-aliasing\")\n"
                      "#endif\n");
    text_append(text, runtime.text.data);
    text_append(text, "#ifndef __clang__\n#pragma GCC pop_options\n#endif\n\n"
                      "/* ---- The model "
                      "------------------------------------------------------------------- */\n\n");
    write_weights(&w);
    write_tables(&w);
}

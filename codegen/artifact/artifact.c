/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/artifact/artifact.h"

#include "codegen/artifact/elf.h"
#include "codegen/artifact/interface.h"
#include "codegen/c/file.h"
#include "codegen/function_key.h"
#include "codegen/llvm/object.h"
#include "codegen/llvm/runtime_code.h"
#include "runtime/artifact.h"

#include <string.h>

typedef struct Making {
    Arena *arena;
    const ArtifactPart *parts;
    int part_count;
    const ArtifactRequest *request;
    Diagnostics *diagnostics;
    const char *name;
    Weights *weights;
    Interface *interface;
    ARRAY(OutputFile) files;
    const char *weights_apart; /* the bytes of a file of their own; or NULL */
    bool io_failed;
} Making;

static const struct {
    const char *ending;
    ArtifactForm form;
} endings[] = {
    {".so", ARTIFACT_shared},       {".o", ARTIFACT_object},      {".a", ARTIFACT_archive},
    {".s", ARTIFACT_assembly},      {".ll", ARTIFACT_ir},         {".c", ARTIFACT_c},
    {".kernels", ARTIFACT_kernels}, {".onnxtxt", ARTIFACT_graph}, {".onnx", ARTIFACT_graph},
};

bool artifact_form_of(const char *path, ArtifactForm *form)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        size_t ending = strlen(endings[i].ending);
        if (length > ending && !strcmp(path + length - ending, endings[i].ending)) {
            *form = endings[i].form;
            return true;
        }
    }
    return false;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "dir/resnet-50.v2.so" -> "resnet_50" */
static const char *stem(Arena *arena, const char *path)
{
    const char *name = file_name(path);
    return port_identifier(arena, arena_string(arena, name, strcspn(name, ".")));
}

static OutputFile *next_file(Making *m)
{
    array_push(m->arena, &m->files, (OutputFile){0});
    return &m->files.items[m->files.count - 1];
}

static bool add_text(Making *m, const char *path, const Text *text)
{
    if (output_text(m->arena, next_file(m), path, text->data, text->length, m->diagnostics))
        return true;
    m->files.count--;
    m->io_failed = true;
    return false;
}

static bool add_file(Making *m, const char *path, size_t bytes)
{
    if (output_open(m->arena, next_file(m), path, bytes, m->diagnostics))
        return true;
    m->files.count--;
    m->io_failed = true;
    return false;
}

static char *memory_of(const Making *m)
{
    return m->files.items[m->files.count - 1].memory;
}

/* ---- Code -------------------------------------------------------------------------------- */

/* What functions for a processor end in; nothing where there is but one. */
static const char *suffix_of(const Making *m, const ArtifactPart *part)
{
    bool alone = part->settings == m->parts[0].settings &&
                 part->settings == m->parts[m->part_count - 1].settings;
    return alone ? "" : arena_format(m->arena, ".%s", part->settings->target.cpu);
}

static const ObjectPart *object_parts(Making *m)
{
    ObjectPart *made = ARENA_ARRAY(m->arena, ObjectPart, m->part_count);
    FunctionSharing *sharing = NULL;
    for (int i = 0; i < m->part_count; i++) {
        const ArtifactPart *part = &m->parts[i];
        if (i == 0 || part->settings != m->parts[i - 1].settings) {
            sharing = ARENA_NEW(m->arena, FunctionSharing);
            *sharing = function_sharing(m->arena, suffix_of(m, part));
            sharing->apart = m->request->source != NULL;
        }
        int64_t before = sharing->functions.count;
        functions_add(sharing, part->lowered->phases, part->lowered->phase_count);
        int64_t count = sharing->functions.count - before;
        /* A program of host functions alone has none. */
        const Function **own = ARENA_ARRAY(m->arena, const Function *, count + 1);
        for (int64_t k = 0; k < count; k++)
            own[k] = sharing->functions.items[before + k];
        made[i] = (ObjectPart){.target = &part->settings->target,
                               .pool = part->lowered->model->pool,
                               .functions = own,
                               .function_count = (int)count};
    }
    return made;
}

static Listing list_parts(Making *m)
{
    Listing listing = listing_create(m->arena);
    for (int i = 0; i < m->part_count; i++)
        listing_add(&listing, m->parts[i].lowered->phases, m->parts[i].lowered->phase_count);
    return listing;
}

/* The text that the code's lines are in. */
static bool write_source(Making *m, const SourceLines **source)
{
    const char *path = m->request->source;
    if (!path)
        return true;
    Listing listing = list_parts(m);
    *source = listing_lines(&listing, file_name(path));
    return add_text(m, path, &listing.text);
}

static bool make_object(Making *m, ObjectForm form, char **data, size_t *length)
{
    const SourceLines *source = NULL;
    const ObjectPart *parts = object_parts(m);
    if (!write_source(m, &source))
        return false;
    ObjectRequest request = {.parts = parts,
                             .source = source,
                             .part_count = m->part_count,
                             .image = image_create(m->arena, &m->interface->info, m->name),
                             .has_weights = m->interface->info.has_weights,
                             .has_selftest = m->interface->info.selftest != NULL,
                             .form = form};
    return object_make(&request, data, length, m->diagnostics);
}

/* The model's object with what it needs of the runtime. */
static bool link_object(Making *m, const char *data, size_t length, ElfObject *object)
{
    ElfObject own, runtime;
    RuntimeCode code;
    return runtime_code(m->interface->info.triple, &code) &&
           elf_read(&own, data, length, m->diagnostics) &&
           elf_read(&runtime, code.object.data, code.object.bytes, m->diagnostics) &&
           elf_link(m->arena, &own, &runtime, object, m->diagnostics);
}

/* Every phase has code: the interpreter is no part of artifacts. */
static bool check_block(const Block *block, ArtifactForm form, Diagnostics *diagnostics)
{
    for (int64_t i = 0; i < block->step_count; i++) {
        const Step *step = &block->steps[i];
        if (step->kind == STEP_if && (!check_block(step->branch.branches[0], form, diagnostics) ||
                                      !check_block(step->branch.branches[1], form, diagnostics)))
            return false;
        if (step->kind == STEP_loop && !check_block(step->loop.body, form, diagnostics))
            return false;
        if (step->kind == STEP_host && step->host.operator_name && form != ARTIFACT_shared)
            return unsupported_at(diagnostics, (Location){.node = step->name},
                                  "%s, an operator of the host, in anything but a shared library",
                                  step->host.operator_name);
        const Phase *phase = step->kind == STEP_phase ? step->phase.kernel : NULL;
        if (phase && !phase->function)
            return unsupported_at(diagnostics, (Location){.node = step->name},
                                  "%s on these element types in an artifact",
                                  step->operator? step->operator: "a node");
    }
    return true;
}

/* ---- Files ------------------------------------------------------------------------------- */

static void write_weights(const Making *m, char *memory)
{
    weights_write(m->weights, &m->parts[0].settings->parallel, memory);
}

static bool write_shared(Making *m, const ElfObject *object)
{
    size_t offset;
    ElfShared *shared = elf_shared_plan(m->arena, object, file_name(m->request->path),
                                        arena_format(m->arena, "%s_model", m->name),
                                        (size_t)m->weights->bytes, m->diagnostics);
    if (!shared || !add_file(m, m->request->path, elf_shared_bytes(shared, &offset)))
        return false;
    unsigned char sum[CHECKSUM_BYTES];
    char *memory = memory_of(m);
    const char *weights = object->weights ? memory + offset : m->weights_apart;
    if (object->weights)
        write_weights(m, memory + offset);
    artifact_weights_checksum(weights, (size_t)m->weights->bytes, sum);
    return elf_shared_write(shared, sum, memory, m->diagnostics);
}

static bool write_object(Making *m, const ElfObject *object)
{
    bool in_archive = m->request->form == ARTIFACT_archive;
    size_t weights = (size_t)m->weights->bytes, offset, member = 0;
    size_t bytes = elf_object_bytes(object, weights, &offset), whole = bytes;
    if (in_archive)
        whole = archive_bytes(object, bytes, &member);
    if (!whole)
        return unsupported_at(m->diagnostics, (Location){0},
                              "an archive member of %zu bytes, for whose size archives have ten "
                              "digits: write an object or a shared library, or put the weights "
                              "into a file of their own",
                              bytes);
    if (!add_file(m, m->request->path, whole))
        return false;
    char *memory = memory_of(m);
    if (in_archive)
        archive_write(object, m->name, bytes, memory);
    elf_object_write(object, weights, memory + member);
    if (object->weights)
        write_weights(m, memory + member + offset);
    return true;
}

/* Large weights go to a file beside it, which the assembler includes. */
static bool write_c(Making *m)
{
    const char *path = m->request->path, *name = file_name(path), *dot = strrchr(name, '.');
    size_t stem_bytes = dot && dot > name ? (size_t)(dot - path) : strlen(path);
    if (m->request->source)
        return unsupported_at(m->diagnostics, (Location){0},
                              "debugging information in C: its compiler's own (-g) shows that C");
    if (m->part_count > 1)
        return unsupported_at(m->diagnostics, (Location){0},
                              "several processors, or fast paths for given sizes, in C");
    bool apart = m->interface->info.has_weights && m->weights->bytes > C_FILE_WEIGHTS;
    const char *weights = arena_format(m->arena, "%.*s.weights", (int)stem_bytes, path);
    CFileRequest request = {.lowered = m->parts[0].lowered,
                            .settings = m->parts[0].settings,
                            .interface = m->interface,
                            .weights = m->weights,
                            .weights_file = apart ? file_name(weights) : NULL};
    Text text = text_create(m->arena);
    c_file_write(&request, &text);
    if (!add_text(m, path, &text) || (apart && !add_file(m, weights, (size_t)m->weights->bytes)))
        return false;
    if (apart)
        write_weights(m, memory_of(m));
    return true;
}

static bool write_kernels(Making *m)
{
    object_parts(m); /* their final names */
    Listing listing = list_parts(m);
    return add_text(m, m->request->path, &listing.text);
}

static bool write_code(Making *m)
{
    ArtifactForm form = m->request->form;
    char *data = NULL;
    size_t length = 0;
    ElfObject object;
    if (form == ARTIFACT_c)
        return write_c(m);
    if (form == ARTIFACT_kernels)
        return write_kernels(m);
    if (!make_object(m,
                     form == ARTIFACT_assembly ? OBJECT_assembly
                     : form == ARTIFACT_ir     ? OBJECT_ir
                                               : OBJECT_file,
                     &data, &length))
        return false;
    if (form == ARTIFACT_assembly || form == ARTIFACT_ir)
        return add_text(m, m->request->path, &(Text){.data = data, .length = length});
    return link_object(m, data, length, &object) &&
           (form == ARTIFACT_shared ? write_shared(m, &object) : write_object(m, &object));
}

static bool write_all(Making *m)
{
    const ArtifactRequest *request = m->request;
    if (request->weights) {
        if (!add_file(m, request->weights, (size_t)m->weights->bytes))
            return false;
        write_weights(m, memory_of(m));
        m->weights_apart = memory_of(m);
    }
    if (!write_code(m))
        return false;
    if (request->header) {
        Text text = text_create(m->arena);
        header_write(m->interface, &text);
        if (!add_text(m, request->header, &text))
            return false;
    }
    if (request->example) {
        Text text = text_create(m->arena);
        const char *header =
            request->header ? file_name(request->header) : arena_format(m->arena, "%s.h", m->name);
        example_write(m->interface, header, &text);
        if (!add_text(m, request->example, &text))
            return false;
    }
    return true;
}

/* ---- States ------------------------------------------------------------------------------ */

static int find_port(const TnArtifactPort *ports, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(ports[i].name, name))
            return i;
    return -1;
}

static void set_room(const Program *program, TnArtifactState *state)
{
    for (int32_t i = 0; i < program->appended_count; i++)
        if (program->appended[i].input == state->past) {
            state->axis = program->appended[i].axis;
            state->capacity = program->appended[i].capacity;
        }
}

static void add_states(Making *m)
{
    TnArtifactInfo *info = &m->interface->info;
    TnArtifactState *states = ARENA_ARRAY(m->arena, TnArtifactState, m->request->state_count + 1);
    for (int i = 0; i < m->request->state_count; i++) {
        const ArtifactState *from = &m->request->states[i];
        states[i] = (TnArtifactState){
            .past = find_port(info->inputs, info->input_count, from->past),
            .present = find_port(info->outputs, info->output_count, from->present),
            .initial = from->initial};
        set_room(m->parts[0].lowered->program, &states[i]);
    }
    info->states = states;
    info->state_count = m->request->state_count;
}

TnStatus artifact_write(const ArtifactPart *parts, int part_count, const ArtifactRequest *request,
                        Diagnostics *diagnostics)
{
    Making m = {.arena = parts[0].lowered->model->arena,
                .parts = parts,
                .part_count = part_count,
                .request = request,
                .diagnostics = diagnostics};
    const Lowered **lowered = ARENA_ARRAY(m.arena, const Lowered *, part_count);
    for (int i = 0; i < part_count; i++) {
        lowered[i] = parts[i].lowered;
        if (!check_block(&lowered[i]->program->main, request->form, diagnostics))
            return TN_UNSUPPORTED;
    }
    m.name = request->name ? request->name : stem(m.arena, request->path);
    if (strcmp(m.name, port_identifier(m.arena, m.name)) != 0) {
        error_at(diagnostics, (Location){0}, "the name '%s' is no identifier of C", m.name);
        return TN_BAD_ARGUMENT;
    }
    m.weights = weights_plan(m.arena, lowered, part_count, request->golden_inputs != NULL);
    m.interface =
        interface_create(m.arena, parts, part_count, m.weights, m.name, !request->weights);
    if (request->golden_inputs)
        interface_add_selftest(m.interface, request->golden_inputs, request->golden_outputs);
    if (request->weights)
        m.interface->info.weights_file = file_name(request->weights);
    add_states(&m);
    if (write_all(&m)) {
        if (output_commit(m.files.items, (int)m.files.count, diagnostics))
            return TN_OK;
        return TN_IO;
    }
    output_drop(m.files.items, (int)m.files.count);
    return m.io_failed                  ? TN_IO
           : diagnostics->out_of_memory ? TN_OUT_OF_MEMORY
           : diagnostics->unsupported   ? TN_UNSUPPORTED
                                        : TN_INTERNAL;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a model: read, import, verify; what was imported is exported, written, and must read
 * back as it was; then it goes through the default pipeline and is compiled for the interpreter.
 */
#include "compiling.h"
#include "frontend/load.h"
#include "frontend/onnx/wire.h"
#include "ir/ops/op.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST_COMPILED = 4096 };

static void check_export(Arena *arena, const Model *model, Diagnostics *diagnostics)
{
    size_t length;
    Document *document = model_export(arena, model, NULL, diagnostics);
    if (!document)
        return;
    void *bytes = wire_write_bytes(arena, MESSAGE_ModelProto, document->model, &length);
    Source source = {.name = "again", .data = bytes, .length = length, .is_binary = true};
    if (!bytes)
        return;
    ModelProto *again = wire_read(arena, MESSAGE_ModelProto, &source, diagnostics);
    if (!again || !messages_equal(MESSAGE_ModelProto, again, document->model))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Boundary boundary;
    Arena *volatile arena = arena_create(&boundary);
    if (arena && !setjmp(boundary.jump)) {
        Diagnostics *diagnostics = diagnostics_create(arena);
        Document *document = document_parse(arena, "fuzz", data, size, diagnostics);
        Model *model = document ? model_import(arena, document, NULL, NULL, diagnostics) : NULL;
        if (model && !model_verify(model, diagnostics))
            abort();
        if (model) {
            check_export(arena, model, diagnostics);
            if (size <= LARGEST_COMPILED &&
                fuzz_optimise(model, "@default", true, arena_create_child(arena)))
                fuzz_compile(model);
        } else if (!diagnostics->error_count)
            abort();
    }
    arena_destroy(arena);
    return 0;
}

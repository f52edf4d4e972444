/* SPDX-License-Identifier: Apache-2.0
 *
 * A host of any compiled model of floats: opens a shared library, runs it on numbers that its size
 * alone decides, prints the bits of the first result. Ends with 3 and the message where the run
 * fails.
 *
 *     variant_host FILE.so NAME ELEMENTS_IN ELEMENTS_OUT [SIZE...]
 */
#include "variant.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA = 1 << 22 };

int main(int argc, char **argv)
{
    static union {
        char bytes[512];
        const void *pointer;
        int64_t size;
    } inputs, outputs;
    char symbol[200], message[300] = "";
    if (argc < 5)
        return 2;
    void *library = dlopen(argv[1], RTLD_NOW);
    snprintf(symbol, sizeof symbol, "%s_model", argv[2]);
    const TnArtifactInfo *model = library ? dlsym(library, symbol) : NULL;
    if (!model) {
        printf("%s\n", dlerror());
        return 2;
    }
    size_t in = strtoul(argv[3], NULL, 10), out = strtoul(argv[4], NULL, 10);
    float *x = aligned_alloc(64, (in * 4 + 63) / 64 * 64), *y;
    for (size_t i = 0; i < in; i++)
        x[i] = (float)(i * 7 % 23) / 16 - 0.5f;
    memcpy(inputs.bytes + model->inputs[0].data, &x, sizeof x);
    for (int i = 0; i < model->size_count && i + 5 < argc; i++) {
        int64_t size = strtoll(argv[i + 5], NULL, 10);
        memcpy(inputs.bytes + model->sizes[i].offset, &size, sizeof size);
    }
    TnRunOptions options = {
        .size = sizeof options, .message = message, .message_bytes = sizeof message};
    TnStatus status = model->run(&inputs, &outputs, aligned_alloc(64, ARENA), ARENA, &options);
    if (status != TN_OK) {
        printf("%d %s\n", (int)status, message);
        return 3;
    }
    memcpy(&y, outputs.bytes + model->outputs[0].data, sizeof y);
    for (size_t i = 0; i < out; i++) {
        uint32_t bits;
        memcpy(&bits, &y[i], sizeof bits);
        printf("%08x\n", bits);
    }
    return 0;
}

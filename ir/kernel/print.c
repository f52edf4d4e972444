/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernels as text: the tensors of the signature, then each temporary and each compute on a line.
 */
#include "kernel.h"

#include <inttypes.h>
#include <stdlib.h>

static void print_layout(const Tensor *tensor, Text *text)
{
    const Layout *layout = &tensor->layout;
    text_append(text, " as \"");
    for (int i = 0; i < layout->piece_count; i++) {
        const Piece *piece = &layout->pieces[i];
        text_format(text, "%s%d", i ? " " : "", piece->dim);
        if (piece->divisor != 1)
            text_format(text, "/%" PRId64, piece->divisor);
        if (piece->modulus)
            text_format(text, "%%%" PRId64, piece->modulus);
    }
    text_append(text, "\"");
    if (!tensor_has_halo(tensor))
        return;
    for (int d = 0; d < tensor->rank; d++)
        text_format(text, "%s%" PRId64, d ? ", " : " halo (", layout->halo[d]);
    text_append(text, ") of ");
    expr_print(layout->fill, text);
}

static void print_tensor(const Tensor *tensor, Text *text)
{
    text_format(text, "%s: %s[", tensor->name, element_name(tensor->element));
    for (int d = 0; d < tensor->rank; d++) {
        text_append(text, d ? ", " : "");
        expr_print(tensor->shape[d], text);
    }
    text_append(text, "]");
    if (!tensor_is_row_major(tensor))
        print_layout(tensor, text);
}

static void print_tensors(const Kernel *kernel, bool outputs, Text *text)
{
    bool first = true;
    text_append(text, "(");
    for (int i = 0; i < kernel->tensor_count; i++) {
        const Tensor *tensor = kernel->tensors[i];
        bool is_input = tensor->role == TENSOR_input || tensor->role == TENSOR_constant;
        if (outputs ? tensor->role != TENSOR_output : !is_input)
            continue;
        text_append(text, first ? "" : ", ");
        text_append(text, tensor->role == TENSOR_constant ? "constant " : "");
        print_tensor(tensor, text);
        first = false;
    }
    text_append(text, ")");
}

static void print_axes(const char *word, int count, const Axis *const *axes, Text *text)
{
    for (int i = 0; i < count; i++) {
        text_append(text, i ? ", " : word);
        text_format(text, "%s < ", axes[i]->name);
        expr_print(axes[i]->extent, text);
    }
}

static void print_target(const Kernel *kernel, const Compute *compute, Text *text)
{
    text_format(text, "%s[", compute->out->name);
    for (int d = 0; d < compute->out->rank; d++) {
        text_append(text, d ? ", " : "");
        expr_print(compute->kind == COMPUTE_scatter ? compute->target[d]
                                                    : expr_axis(kernel->pool, compute->axes[d]),
                   text);
    }
    text_append(text, "]");
}

/* "out[...] = body", "= max body", "= sum along 1 backward exclusive body", "+= body". */
static void print_compute(const Kernel *kernel, const Compute *compute, Text *text)
{
    print_target(kernel, compute, text);
    if (compute->kind == COMPUTE_scatter && compute->combine != COMBINE_none)
        text_format(text, " %s= ", combine_name(compute->combine));
    else
        text_append(text, compute->kind == COMPUTE_scatter ? " := " : " = ");
    if (compute->kind == COMPUTE_reduce || compute->kind == COMPUTE_scan)
        text_format(text, "%s ", combine_name(compute->combine));
    if (compute->kind == COMPUTE_scan)
        text_format(text, "along %d %s%s", compute->scan_dim, compute->reverse ? "backward " : "",
                    compute->exclusive ? "exclusive " : "");
    if (compute->kind == COMPUTE_reduce &&
        compute->accumulate != element_compute_type(compute->out->element))
        text_format(text, "in %s ", element_name(compute->accumulate));
    expr_print(compute->body, text);
    print_axes("   for ", compute->axis_count, compute->axes, text);
    print_axes("   over ", compute->reduce_count, compute->reduce_axes, text);
    text_append(text, "\n");
}

void kernel_print(const Kernel *kernel, Text *text)
{
    text_format(text, "kernel %s ", kernel->name);
    print_tensors(kernel, false, text);
    text_append(text, " => ");
    print_tensors(kernel, true, text);
    text_append(text, "\n");
    bool *announced = ARENA_ARRAY(text->arena, bool, kernel->tensor_count + 1);
    for (int i = 0; i < kernel->compute_count; i++) {
        const Compute *compute = kernel->computes[i];
        const Tensor *out = compute->out;
        if (out->role != TENSOR_output && !announced[out->slot]) {
            announced[out->slot] = true;
            text_append(text, "  ");
            print_tensor(out, text);
            text_append(text, "\n");
        }
        text_append(text, "  ");
        print_compute(kernel, compute, text);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs as text: buffers and steps, for --explain and for tests.
 */
#include "codegen/compile.h"
#include "ir/support/text.h"

static void print_size(Size size, Text *text)
{
    if (size.slot < 0)
        text_format(text, "%lld", (long long)size.number);
    else
        text_format(text, "s%d", size.slot);
}

static void print_value(const ProgramValue *value, Text *text)
{
    if (value->kind == TN_ABSENT) {
        text_append(text, "-");
        return;
    }
    text_format(text, "b%d", value->buffer);
    if (value->kind != TN_TENSOR)
        return;
    text_format(text, ":%s[", element_name(value->element));
    for (int d = 0; d < value->rank; d++) {
        text_append(text, d ? ", " : "");
        print_size(value->dims[d], text);
    }
    text_append(text, "]");
}

static void print_values(const ProgramValue *values, int32_t count, Text *text)
{
    for (int32_t i = 0; i < count; i++) {
        text_append(text, i ? ", " : "");
        print_value(&values[i], text);
    }
}

static const char *const operations[] = {
    [SIZE_add] = "add",           [SIZE_multiply] = "multiply",
    [SIZE_quotient] = "quotient", [SIZE_modulus] = "modulus",
    [SIZE_larger] = "larger",     [SIZE_smaller] = "smaller",
    [SIZE_less] = "less",         [SIZE_less_equal] = "less_equal",
    [SIZE_equal] = "equal",       [SIZE_not_equal] = "not_equal",
    [SIZE_and] = "and",           [SIZE_or] = "or",
    [SIZE_not] = "not",           [SIZE_select] = "select",
};

static void print_sizes(const SizeStep *step, int indent, Text *text)
{
    for (int32_t i = 0; i < step->count; i++) {
        const SizeInstruction *in = &step->instructions[i];
        text_format(text, "%*ss%d = %s ", i ? indent : 0, "", in->target,
                    operations[in->operation]);
        print_size(in->a, text);
        text_append(text, " ");
        print_size(in->b, text);
        if (in->operation == SIZE_select) {
            text_append(text, " ");
            print_size(in->c, text);
        }
        text_append(text, i + 1 < step->count ? "\n" : "");
    }
}

static void print_binds(const BindStep *bind, Text *text)
{
    text_append(text, "bind");
    for (int32_t i = 0; i < bind->count; i++) {
        text_format(text, " s%d = ", bind->binds[i].target);
        if (bind->tensor.kind == TN_TENSOR)
            text_format(text, "b%d[%d]", bind->tensor.buffer, i);
        else
            print_size(bind->binds[i].source, text);
    }
}

static void print_halo(const HaloStep *halo, Text *text)
{
    text_format(text, "halo b%d", halo->buffer);
    for (int32_t d = 0; d < halo->rank; d++) {
        text_append(text, d ? ", " : " (");
        print_size(halo->dims[d].extent, text);
        if (halo->dims[d].halo)
            text_format(text, " of them %d + %d", (int)halo->dims[d].halo, (int)halo->dims[d].halo);
    }
    text_append(text, ")");
}

static void print_block(const Block *block, int indent, Text *text);

static void print_step(const Step *step, int indent, Text *text)
{
    const char *name = step->name ? step->name : "";
    switch (step->kind) {
    case STEP_phase:
        text_format(text, "phase %s (", name);
        for (int32_t i = 0; i < step->phase.buffer_count; i++)
            text_format(text, "%sb%d", i ? ", " : "", step->phase.buffers[i]);
        text_append(text, ")");
        if (step->phase.is_parallel) {
            text_append(text, " over ");
            print_size(step->phase.extent, text);
        }
        break;
    case STEP_host:
        text_format(text, "host %s (", name);
        print_values(step->host.inputs, step->host.input_count, text);
        text_append(text, ") => (");
        print_values(step->host.outputs, step->host.output_count, text);
        text_append(text, ")");
        break;
    case STEP_size: print_sizes(&step->size, indent, text); break;
    case STEP_bind: print_binds(&step->bind, text); break;
    case STEP_check:
        text_append(text, "check ");
        print_size(step->check.condition, text);
        text_format(text, ": %s", step->check.message);
        break;
    case STEP_assign:
        print_value(&step->assign.to, text);
        text_append(text, step->assign.share ? " := " : " = ");
        print_value(&step->assign.from, text);
        break;
    case STEP_allocate:
        text_format(text, "allocate b%d, ", step->allocate.buffer);
        print_size(step->allocate.bytes, text);
        break;
    case STEP_halo: print_halo(&step->halo, text); break;
    case STEP_if:
        text_append(text, "if ");
        print_value(&step->branch.condition, text);
        text_append(text, "\n");
        print_block(step->branch.branches[0], indent + 2, text);
        text_format(text, "%*selse\n", indent, "");
        print_block(step->branch.branches[1], indent + 2, text);
        return;
    case STEP_loop:
        text_append(text, "loop\n");
        print_block(step->loop.body, indent + 2, text);
        return;
    }
    text_append(text, "\n");
}

static void print_block(const Block *block, int indent, Text *text)
{
    for (int64_t i = 0; i < block->step_count; i++) {
        text_format(text, "%*s", indent, "");
        print_step(&block->steps[i], indent, text);
    }
}

void program_print(const Program *program, Text *text)
{
    text_format(text, "arena %s\n", program->arena_formula);
    for (int32_t i = 0; i < program->buffer_count; i++) {
        const Buffer *buffer = &program->buffers[i];
        if (buffer->kind != BUFFER_planned)
            continue;
        text_format(text, "  b%d at ", i);
        print_size(buffer->offset, text);
        text_append(text, ", ");
        print_size(buffer->bytes, text);
        text_append(text, " bytes\n");
    }
    text_append(text, "entry\n");
    print_block(&program->entry, 2, text);
    text_append(text, "main\n");
    print_block(&program->main, 2, text);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * From nodes to steps: kernels by the backend's schedule, views without a step, host functions as
 * they are, control flow in lower_control.c.
 */
#include "codegen/builder.h"
#include "codegen/flops.h"
#include "codegen/host_attributes.h"
#include "codegen/overwrite.h"
#include "ir/support/budget.h"

#include <assert.h>
#include <string.h>

static bool fail_at(Builder *b, const Node *node, const char *message)
{
    b->failed = true;
    return unsupported_at(b->diagnostics, node_location(node), "%s-%d: %s", node->op->name,
                          node->op->since, message);
}

/* ---- Kernels ----------------------------------------------------------------------------- */

static bool is_without_arithmetic(const Kernel *kernel)
{
    for (int i = 0; i < kernel->tensor_count; i++) {
        ElementKind kind = element_kind(kernel->tensors[i]->element);
        if (kind == ELEMENT_KIND_STRING || kind == ELEMENT_KIND_COMPLEX)
            return true;
    }
    return false;
}

static const Expr *tensor_bytes_of(Builder *b, const Tensor *tensor)
{
    return expr_scale(b->pool, tensor->length, (int64_t)element_bytes(tensor->element));
}

static int32_t temporary_buffer(Builder *b, const Node *node, const Tensor *tensor)
{
    const Expr *bytes = tensor_bytes_of(b, tensor);
    if (size_is_entry(b, bytes))
        return add_buffer(b, (BufferPlan){.kind = BUFFER_planned, .bytes = bytes});
    int32_t buffer = add_buffer(b, (BufferPlan){.kind = BUFFER_dynamic});
    b->has_tail = true;
    append_step(b, &(Step){.kind = STEP_allocate,
                           .name = node_location(node).node,
                           .allocate = {.buffer = buffer, .bytes = size_of(b, bytes)}});
    return buffer;
}

/* Says where the value is, too; lower_kernel() defines it. */
static int32_t result_buffer(Builder *b, const Node *node, Value *value, const Tensor *tensor)
{
    const Expr *bytes = tensor_bytes_of(b, tensor);
    ProgramValue *made = ARENA_NEW(b->arena, ProgramValue);
    const AppendedState *appended = appended_output(b, value);
    if (appended) {
        *made = value_of(b, b->model->graph->inputs[appended->input]);
        program_value_dims(b, value->type, made);
        map_set_pointer(&b->scope->values, value, made);
        return made->buffer;
    }
    *made = new_tensor(b, value->type, bytes);
    program_value_dims(b, value->type, made);
    if (!buffer_is_planned(b, made->buffer))
        append_step(b, &(Step){.kind = STEP_allocate,
                               .name = node_location(node).node,
                               .allocate = {.buffer = made->buffer, .bytes = size_of(b, bytes)}});
    map_set_pointer(&b->scope->values, value, made);
    return made->buffer;
}

static bool phase_uses(const Phase *phase, const Tensor *tensor);

static bool is_used(const Phase *phases, int count, const Tensor *tensor)
{
    while (count-- > 0)
        if (phase_uses(&phases[count], tensor))
            return true;
    return false;
}

static int32_t copy_in_layout(Builder *b, const Node *node, Value *value, const Tensor *tensor);

/* The buffers of a kernel's tensors by slot. Results get theirs here, and temporaries that are not
 * only passed on in registers or in a row of scratch. */
static int32_t *kernel_buffers(Builder *b, const Node *node, const KernelOfNode *made_kernel,
                               const Phase *phases, int phase_count)
{
    const Kernel *kernel = made_kernel->kernel;
    int32_t *buffers = ARENA_ARRAY(b->arena, int32_t, kernel->tensor_count + 1);
    for (int i = 0; i < kernel->tensor_count; i++) {
        const Tensor *tensor = kernel->tensors[i];
        Value *value = made_kernel->values[i];
        if (made_kernel->is_copy[i]) {
            buffers[i] = copy_in_layout(b, node, value, tensor);
        } else if (tensor->role == TENSOR_output && value) {
            buffers[i] = result_buffer(b, node, value, tensor);
        } else if (value && tensor->role == TENSOR_constant) {
            buffers[i] = -1; /* only if a phase reads it as it is */
        } else if (value) {
            buffers[i] = value_is_made(b, value) ? value_of(b, value).buffer : -1;
        } else if (is_used(phases, phase_count, tensor)) {
            buffers[i] = temporary_buffer(b, node, tensor);
        } else {
            buffers[i] = -1;
        }
        if (tensor->role != TENSOR_input && buffers[i] >= 0)
            b->buffers.items[buffers[i]].begins_late = true;
    }
    return buffers;
}

typedef struct PhaseContext {
    Builder *builder;
    const Node *node;
    const Kernel *kernel;
    Value **values;
    int32_t *buffers; /* by slot */
} PhaseContext;

static const Packing *find_packing(const Function *function, const Tensor *tensor)
{
    for (const Packing *packing = function->packings; packing; packing = packing->next)
        if (packing->packed == tensor)
            return packing;
    return NULL;
}

static int32_t tensor_buffer(PhaseContext *context, const Phase *phase, const Tensor *tensor)
{
    Builder *b = context->builder;
    const Packing *packing = phase->function ? find_packing(phase->function, tensor) : NULL;
    if (packing)
        return packed_buffer(b, packing);
    int slot = tensor->slot;
    if (slot < 0 || slot >= context->kernel->tensor_count)
        return -1;
    if (context->buffers[slot] < 0 && value_is_made(b, context->values[slot]))
        context->buffers[slot] = value_of(b, context->values[slot]).buffer;
    return context->buffers[slot];
}

static void note_pointers(Builder *b, int32_t count)
{
    if (count > b->pointer_count)
        b->pointer_count = count;
}

/* Whether the phase reads or writes the tensor; a constant as it is, and not only packed. */
static bool phase_uses(const Phase *phase, const Tensor *tensor)
{
    ExprPool *pool = phase->kernel->pool;
    if (phase->function)
        return find_packing(phase->function, tensor) ||
               nest_touches(pool, phase->function->nest, tensor);
    for (int i = 0; i < phase->kernel->compute_count; i++) {
        const Compute *compute = phase->kernel->computes[i];
        if (compute->out == tensor || compute_reads(pool, compute, tensor))
            return true;
    }
    return false;
}

static void append_phase(PhaseContext *context, Phase *phase, const Expr *flops)
{
    Builder *b = context->builder;
    const Function *function = phase->function;
    int count = function ? function->tensor_count : context->kernel->tensor_count;
    int32_t *buffers = ARENA_ARRAY(b->arena, int32_t, count + 1);
    for (int i = 0; i < count; i++) {
        const Tensor *tensor = function ? function->tensors[i] : context->kernel->tensors[i];
        buffers[i] = phase_uses(phase, tensor) ? tensor_buffer(context, phase, tensor) : -1;
        begin_buffer(b, buffers[i]);
        touch_buffer(b, buffers[i]);
    }
    PhaseStep step = {.kernel = phase,
                      .buffer_count = count,
                      .buffers = buffers,
                      .extent = size_number(1),
                      .flops = size_of(b, flops)};
    const Expr *turns = NULL; /* of the parallel loop */
    if (function) {
        turns = function->parallel ? function_turns(b->pool, function) : NULL;
        step.cost = function->cost;
        if (function->scratch_bytes > b->worker_scratch)
            b->worker_scratch = function->scratch_bytes;
    } else {
        Evaluator *evaluator = phase->evaluator;
        int64_t scratch = (int64_t)evaluator_scratch_bytes(evaluator);
        const Axis *parallel = evaluator_parallel(evaluator);
        turns = parallel ? parallel->extent : NULL;
        step.cost = phase->cost;
        if (scratch > b->worker_scratch)
            b->worker_scratch = scratch;
    }
    if (turns) {
        step.is_parallel = true;
        step.extent = size_of(b, turns);
    }
    note_pointers(b, count);
    array_push(b->arena, &b->phases, phase);
    append_step(b, &(Step){.kind = STEP_phase,
                           .name = node_location(context->node).node,
                           .operator= context->node->op->name,
                           .phase = step});
}

/* A kernel in phases; each compute apart, where the host wants to see them so. */
static Phase *schedule(Builder *b, const Backend *backend, const Kernel *kernel, int *count)
{
    const Target *target = &b->settings->target;
    if (!b->settings->split_kernels)
        return backend->schedule(target, b->arena, kernel, count, b->diagnostics);
    Phase *phases = ARENA_ARRAY(b->arena, Phase, kernel->compute_count + 1);
    *count = kernel->compute_count;
    for (int i = 0; i < *count; i++) {
        int one = 0;
        const Phase *phase =
            backend->schedule(target, b->arena, kernel_single(kernel, i), &one, b->diagnostics);
        if (!phase)
            return NULL;
        assert(one == 1);
        phases[i] = *phase;
    }
    return phases;
}

/* The first phase counts for all, unless each has a kernel of its own. */
static const Expr *phase_flops(const Phase *phase, const Kernel *kernel, bool is_first)
{
    bool counts = is_first || phase->kernel != kernel;
    return counts ? kernel_flops(phase->kernel) : expr_integer(kernel->pool, 0);
}

/* The bits of an element whose value is a constant of its compute type. */
static uint64_t fill_bits(const Tensor *tensor, const Expr *constant)
{
    double value = 0;
    uint64_t bits = 0;
    bool known = expr_is_constant(constant, &value);
    assert(known);
    (void)known;
    element_from_double(tensor->element, value, false, &bits);
    return bits;
}

static void append_halo(Builder *b, const Node *node, const Tensor *tensor, int32_t buffer)
{
    const Layout *layout = &tensor->layout;
    HaloDim *dims = ARENA_ARRAY(b->arena, HaloDim, layout->piece_count + 1);
    HaloStep halo = {.buffer = buffer,
                     .element_bytes = (int32_t)element_bytes(tensor->element),
                     .element = fill_bits(tensor, layout->fill),
                     .dims = dims};
    const Expr *inner = expr_integer(b->pool, 1);
    for (int i = 0; i < layout->piece_count; i++) {
        const Piece *piece = &layout->pieces[i];
        assert(piece->divisor == 1 && !piece->modulus);
        dims[i] = (HaloDim){size_of(b, piece->extent), layout->halo[piece->dim]};
        inner = expr_times(b->pool, inner, piece->extent);
        if (dims[i].halo) {
            halo.rank = i + 1;
            inner = expr_integer(b->pool, 1);
        }
    }
    halo.inner = size_of(b, inner);
    begin_buffer(b, buffer);
    touch_buffer(b, buffer);
    append_step(
        b, &(Step){
               .kind = STEP_halo, .name = node_location(node).node, .operator= NULL, .halo = halo});
}

static void lower_made_kernel(Builder *b, const Node *node, const KernelOfNode *made,
                              int32_t *last_buffer);

/* The buffer of a value's copy in the layout of `tensor`, made where it is first asked for. */
static int32_t copy_in_layout(Builder *b, const Node *node, Value *value, const Tensor *tensor)
{
    intptr_t known = (intptr_t)map_get_pointer(&b->copies, value);
    if (known)
        return (int32_t)known - 1;
    Kernel *kernel = kernel_create(b->pool, arena_format(b->arena, "%s_laid_out", value->name));
    Tensor *from =
        kernel_tensor(kernel, "from", TENSOR_input, tensor->element, tensor->rank, tensor->shape);
    Tensor *to =
        kernel_tensor(kernel, "to", TENSOR_output, tensor->element, tensor->rank, tensor->shape);
    to->layout = tensor->layout;
    to->length = tensor->length;
    const Expr *indices[MAX_RANK];
    Compute *copy = kernel_map(kernel, to);
    for (int d = 0; d < tensor->rank; d++)
        indices[d] = compute_axis(kernel, copy, d);
    copy->body = expr_load(b->pool, from, indices);
    Value *values[2] = {value, NULL};
    bool is_copy[2] = {false, false};
    int32_t buffer = -1;
    lower_made_kernel(b, node, &(KernelOfNode){kernel, values, is_copy}, &buffer);
    map_set_pointer(&b->copies, value, (void *)(intptr_t)(buffer + 1));
    return buffer;
}

/* A result's halo is filled before the kernel runs: it must be where the operand's is, and alike.
 */
static bool halos_agree(const Tensor *result, const Tensor *operand)
{
    return !tensor_has_halo(result) || tensor_same_layout(result, operand);
}

static bool may_share(const PhaseContext *context, int result, int operand)
{
    const Kernel *kernel = context->kernel;
    const Tensor *to = kernel->tensors[result], *from = kernel->tensors[operand];
    if (to->role != TENSOR_output || from->role != TENSOR_input || context->buffers[result] < 0 ||
        context->buffers[operand] < 0 || element_bytes(to->element) != element_bytes(from->element))
        return false;
    for (int i = 0; i < kernel->tensor_count; i++)
        if (context->buffers[i] == context->buffers[operand] &&
            !halos_agree(to, kernel->tensors[i]))
            return false;
    return can_share_memory(context->builder, context->buffers[result], context->buffers[operand]);
}

/* Which results may lie where an operand does. A buffer may be several of the kernel's tensors. */
static void note_in_place(PhaseContext *context, const Phase *phases, int count, int64_t first)
{
    Builder *b = context->builder;
    const Kernel *kernel = context->kernel;
    bool *is_operand = ARENA_ARRAY(b->arena, bool, kernel->tensor_count + 1);
    for (int r = 0; r < kernel->tensor_count; r++)
        for (int o = 0; o < kernel->tensor_count; o++) {
            int32_t to = context->buffers[r], from = context->buffers[o];
            if (!may_share(context, r, o))
                continue;
            for (int i = 0; i < kernel->tensor_count; i++)
                is_operand[i] = i != r && context->buffers[i] == from;
            if (may_overwrite(phases, count, kernel->tensors[r], is_operand))
                array_push(b->arena, &b->in_place, (InPlace){to, from, first, b->position - 1});
        }
}

/* *last_buffer: that of the kernel's last tensor; or NULL. */
static void lower_made_kernel(Builder *b, const Node *node, const KernelOfNode *made,
                              int32_t *last_buffer)
{
    PhaseContext context = {
        .builder = b, .node = node, .kernel = made->kernel, .values = made->values};
    const Backend *backend = (b->settings->backend->moves_everything && !b->settings->writes_c) ||
                                     !is_without_arithmetic(context.kernel)
                                 ? b->settings->backend
                                 : &backend_interpreter;
    int count = 0;
    Phase *phases = schedule(b, backend, context.kernel, &count);
    if (!phases) {
        b->failed = true;
        return;
    }
    int64_t first = b->position;
    context.buffers = kernel_buffers(b, node, made, phases, count);
    for (int i = 0; i < context.kernel->tensor_count; i++) {
        const Tensor *tensor = context.kernel->tensors[i];
        if (tensor->role != TENSOR_input && context.buffers[i] >= 0 && tensor_has_halo(tensor))
            append_halo(b, node, tensor, context.buffers[i]);
    }
    for (int i = 0; i < count; i++)
        append_phase(&context, &phases[i], phase_flops(&phases[i], context.kernel, i == 0));
    note_in_place(&context, phases, count, first);
    if (last_buffer)
        *last_buffer = context.buffers[context.kernel->tensor_count - 1];
}

static void lower_kernel(Builder *b, const Node *node)
{
    lower_made_kernel(b, node, map_get_pointer(&b->kernels, node), NULL);
    for (int i = 0; i < node->result_count; i++) {
        Value *value = result(node, i);
        if (value->name[0] && !b->failed)
            define_value(b, value, value_of(b, value));
    }
}

/* ---- Views ------------------------------------------------------------------------------- */

static void lower_view_node(Builder *b, const Node *node)
{
    Value *value = result(node, 0);
    ProgramValue view = value_of(b, operand(node, 0));
    view.rank = value->type->kind == TYPE_tensor ? value->type->rank : 0;
    program_value_dims(b, value->type, &view);
    define_value(b, value, view);
}

/* ---- Host functions ---------------------------------------------------------------------- */

/* "acme.Swish", of an operator of the host's; else NULL. */
static const char *operator_name(Arena *arena, const OpDef *op)
{
    return op->host_function ? arena_format(arena, "%s.%s", op->domain, op->name) : NULL;
}

/* A host function gives all results of its operator, also those at the end that a node leaves out.
 */
static int host_output_count(const Node *node)
{
    const OpDef *op = node->op;
    return op->result_count > node->result_count ? op->result_count : node->result_count;
}

/* Where the node's results go. Dimensions that are symbols without a value, binds[i], are slots
 * that the function fills. */
static ProgramValue *host_outputs(Builder *b, const Node *node, const uint32_t *binds)
{
    ProgramValue *outputs = ARENA_ARRAY(b->arena, ProgramValue, host_output_count(node) + 1);
    for (int i = node->result_count; i < host_output_count(node); i++)
        outputs[i] = (ProgramValue){.kind = TN_ABSENT,
                                    .buffer = -1,
                                    .element = element_of_result(node, &node->op->results[i])};
    for (int i = 0; i < node->result_count; i++) {
        Value *value = result(node, i);
        outputs[i] = (ProgramValue){.kind = TN_ABSENT, .buffer = -1};
        if (!value->name[0]) {
            if (type_is_tensor(value->type))
                outputs[i].element = value->type->element;
            continue;
        }
        outputs[i] = new_value(b, value->type);
        for (int d = 0; d < outputs[i].rank; d++)
            if (binds[i] >> d & 1)
                outputs[i].dims[d] = size_slot(symbol_unbound(b, value->type->dims[d]));
    }
    return outputs;
}

/* After the step: what it has made has sizes, and is there. */
static void define_host_outputs(Builder *b, const Node *node, const ProgramValue *outputs,
                                const uint32_t *binds)
{
    for (int i = 0; i < node->result_count; i++)
        for (int d = 0; d < outputs[i].rank; d++)
            if (binds[i] >> d & 1)
                symbol_bind(b, outputs[i].dims[d].slot);
    for (int i = 0; i < node->result_count; i++) {
        ProgramValue made = outputs[i];
        if (made.kind == TN_ABSENT)
            continue;
        program_value_dims(b, result(node, i)->type, &made);
        define_value(b, result(node, i), made);
    }
}

static void lower_host(Builder *b, const Node *node)
{
    const OpDef *op = node->op;
    HostFunction *function = op->host_function ? op->host_function : host_find(op->host);
    if (!function) {
        fail_at(b, node, "its host function is not there");
        return;
    }
    ProgramValue *inputs = ARENA_ARRAY(b->arena, ProgramValue, node->operand_count + 1);
    uint32_t *binds = ARENA_ARRAY(b->arena, uint32_t, host_output_count(node) + 1);
    for (int i = 0; i < node->operand_count; i++) {
        inputs[i] = value_of(b, operand(node, i));
        touch_value(b, &inputs[i]);
    }
    for (int i = 0; i < node->result_count; i++)
        binds[i] = result(node, i)->name[0] ? unbound_dims(b, result(node, i)->type) : 0;
    ProgramValue *outputs = host_outputs(b, node, binds);
    for (int i = 0; i < node->result_count; i++)
        touch_value(b, &outputs[i]);
    note_pointers(b, node->operand_count + host_output_count(node));
    b->has_tail = true; /* scratch, at least */
    append_step(b, &(Step){.kind = STEP_host,
                           .name = node_location(node).node,
                           .operator= op->name,
                           .host = {.function = function,
                                    .user = op->host_user,
                                    .operator_name = operator_name(b->arena, op),
                                    .input_count = node->operand_count,
                                    .output_count = host_output_count(node),
                                    .inputs = inputs,
                                    .outputs = outputs,
                                    .binds = binds,
                                    .attribute_count = op->attribute_count,
                                    .attributes = host_attributes(b->arena, node)}});
    define_host_outputs(b, node, outputs, binds);
}

/* ---- Graphs ------------------------------------------------------------------------------ */

static bool is_kernel(const Node *node)
{
    const OpDef *op = node->op;
    return !(op->traits & TRAIT_view) && !node_uses_host(node) &&
           (op->control == CONTROL_group || op->lower);
}

static void lower_node(Builder *b, Node *node)
{
    const OpDef *op = node->op;
    if (op->traits & TRAIT_view)
        lower_view_node(b, node);
    else if (node_uses_host(node))
        lower_host(b, node);
    else if (is_kernel(node))
        lower_kernel(b, node);
    else if (op->control != CONTROL_none)
        lower_control(b, node);
    else
        fail_at(b, node, "this instance has not been decomposed");
}

static void make_kernels(Builder *b, Graph *graph, const bool *needed)
{
    FOR_EACH_NODE (node, graph) {
        if (!needed[node->id] || !is_kernel(node))
            continue;
        KernelOfNode *made = ARENA_NEW(b->arena, KernelOfNode);
        *made = kernel_of_node(b->pool, node);
        map_set_pointer(&b->kernels, node, made);
    }
}

void lower_graph_nodes(Builder *b, Graph *graph)
{
    const bool *needed = find_needed_nodes(b, graph);
    make_kernels(b, graph, needed);
    if (graph == b->model->graph)
        append_states(b, graph, needed);
    if (b->settings->backend->lays_out)
        select_layouts(b, graph);
    FOR_EACH_NODE (node, graph) {
        b->failed |= budget_is_spent(arena_budget(b->arena));
        if (needed[node->id] && !b->failed)
            lower_node(b, node);
        if (b->failed)
            return;
    }
}

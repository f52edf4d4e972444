/* SPDX-License-Identifier: Apache-2.0
 *
 * The way from a model to a program: inputs, nodes, outputs, the memory plan, machine code, packed
 * constants.
 */
#include "codegen/builder.h"
#include "codegen/pack.h"
#include "codegen/plan_memory.h"
#include "codegen/tuning.h"
#include "ir/support/budget.h"

#include <string.h>

/* What a program owns beside arenas. */
typedef struct ProgramOwner {
    const Backend *backend;
    void *module, *quick_module;
    void *packed;
    Target target;
    Lowered lowered;
} ProgramOwner;

void compile_settings_default(CompileSettings *settings)
{
    *settings = (CompileSettings){.backend = &backend_llvm, .parallel = {.threads = 1}};
    target_host(&settings->target);
}

/* ---- Inputs and outputs ------------------------------------------------------------------ */

static void bind_input_dims(Builder *b, Graph *graph, Port *ports)
{
    for (int i = 0; i < graph->input_count; i++) {
        const Type *type = graph->inputs[i]->type;
        ports[i] = (Port){.name = graph->inputs[i]->name, .type = type_text(b->arena, type)};
        for (int d = 0; d < type->rank && type_is_tensor(type); d++) {
            int symbol = symbol_unbound(b, type->dims[d]);
            if (symbol < 0)
                continue;
            ports[i].binds |= (uint32_t)1 << d;
            symbol_bind_entry(b, symbol);
        }
    }
    for (const InputSize *size = b->input_sizes; size; size = size->next) {
        ports[size->input].binds |= (uint32_t)1 << size->dim;
        symbol_bind_entry(b, ((const Symbol *)size->given->object)->id);
    }
    input_sizes_bind(b, graph);
}

/* Of a tensor, or of those that a sequence or an optional holds. */
static TnElementType item_element(const Type *type)
{
    while (type && (type->kind == TYPE_sequence || type->kind == TYPE_optional))
        type = type->inner;
    return type_is_tensor(type) ? type->element : TN_UNDEFINED;
}

static void add_inputs(Builder *b, Graph *graph, Port *ports)
{
    bind_input_dims(b, graph, ports);
    for (int i = 0; i < graph->input_count && !b->failed; i++) {
        Value *value = graph->inputs[i];
        bool is_tensor = type_is_tensor(value->type);
        if (is_tensor && value->type->rank < 0) {
            unsupported_at(b->diagnostics, (Location){.node = value->name},
                           "input '%s' of unknown rank", value->name);
            b->failed = true;
            return;
        }
        ProgramValue *where = &ports[i].value;
        where->kind = is_tensor                            ? TN_TENSOR
                      : value->type->kind == TYPE_optional ? TN_OPTIONAL
                                                           : TN_SEQUENCE;
        where->buffer = add_buffer(b, (BufferPlan){.kind = BUFFER_input});
        if (is_tensor) {
            where->element = value->type->element;
            where->rank = value->type->rank;
        }
        program_value_dims(b, value->type, where);
        define_value(b, value, *where);
        where->element = item_element(value->type);
    }
    for (const InputSize *size = b->input_sizes; size && !b->failed; size = size->next)
        ports[size->input].value.dims[size->dim] =
            size_slot(((const Symbol *)size->given->object)->id);
}

/* An output has planned memory of its own, that the caller's may stand in for, or is dynamic. */
static void add_outputs(Builder *b, Graph *graph, Port *ports)
{
    for (int i = 0; i < graph->output_count && !b->failed; i++) {
        Value *value = graph_output(graph, i);
        ProgramValue where = value_of(b, value);
        const BufferPlan *plan = &b->buffers.items[where.buffer];
        bool is_tensor = where.kind == TN_TENSOR;
        bool is_own =
            plan->kind == BUFFER_planned ? !plan->is_output : plan->kind == BUFFER_dynamic;
        if (is_tensor && !is_own && !appended_output(b, value)) {
            ProgramValue copy = new_value(b, value->type);
            program_value_dims(b, value->type, &copy);
            emit_assign(b, graph->output_names[i], copy, where);
            where = copy;
        }
        if (is_tensor && buffer_is_planned(b, where.buffer))
            b->buffers.items[where.buffer].is_output = true;
        ports[i] = (Port){.name = graph->output_names[i],
                          .value = where,
                          .type = type_text(b->arena, value->type)};
    }
    for (int i = 0; i < graph->output_count && !b->failed; i++)
        touch_value(b, &ports[i].value);
}

/* ---- Memory ------------------------------------------------------------------------------ */

/* Results that lie where operands do become one item with them; answers how many items are left.
 * The operand must end with the kernel, also as a part of what it was joined with. */
static int64_t join_in_place(Builder *b, PlanItem *items, PlanItem **item_of, int64_t count)
{
    for (int64_t i = 0; i < b->in_place.count; i++) {
        const InPlace *pair = &b->in_place.items[i];
        PlanItem *to = item_of[pair->result], *from = item_of[pair->operand];
        if (to == from || from->last > pair->last || to->first < pair->first)
            continue;
        from->last = to->last;
        to->first = -1;
        item_of[pair->result] = from;
    }
    int64_t kept = 0;
    PlanItem **moved = ARENA_ARRAY(b->arena, PlanItem *, count + 1);
    for (int64_t i = 0; i < count; i++)
        if (items[i].first >= 0) {
            moved[i] = &items[kept];
            items[kept++] = items[i];
        }
    for (int64_t i = 0; i < b->buffers.count; i++)
        if (item_of[i])
            item_of[i] = moved[item_of[i] - items];
    return kept;
}

static bool plan_buffers(Builder *b, Program *program)
{
    int64_t count = 0;
    PlanItem *items = ARENA_ARRAY(b->arena, PlanItem, b->buffers.count + 1);
    PlanItem **item_of = ARENA_ARRAY(b->arena, PlanItem *, b->buffers.count + 1);
    for (int64_t i = 0; i < b->buffers.count; i++) {
        const BufferPlan *plan = &b->buffers.items[i];
        if (plan->kind != BUFFER_planned)
            continue;
        item_of[i] = &items[count++];
        *item_of[i] = (PlanItem){.bytes = plan->bytes, .first = plan->first, .last = plan->last};
    }
    count = join_in_place(b, items, item_of, count);
    const Expr *total = plan_memory(b->pool, b->arena, items, count);
    if (!total)
        return error_at(b->diagnostics, (Location){0}, "the model needs too much memory");
    program->buffers = ARENA_ARRAY(b->arena, Buffer, b->buffers.count + 1);
    program->buffer_count = (int32_t)b->buffers.count;
    for (int64_t i = 0; i < b->buffers.count; i++) {
        const BufferPlan *plan = &b->buffers.items[i];
        Buffer *buffer = &program->buffers[i];
        *buffer = (Buffer){.kind = plan->kind,
                           .constant = plan->constant,
                           .bytes = size_number(plan->constant_bytes),
                           .is_string = plan->is_string,
                           .is_output = plan->is_output};
        program->weight_bytes += plan->constant_bytes;
        if (plan->kind != BUFFER_planned)
            continue;
        buffer->bytes = size_of(b, plan->bytes);
        buffer->offset = size_of(b, item_of[i]->offset);
    }
    program->arena = size_of(b, total);
    b->arena_bytes = total;
    Text text = text_create(b->arena);
    expr_print(total, &text);
    program->arena_formula = text.data;
    return !b->failed;
}

/* ---- Code -------------------------------------------------------------------------------- */

static void evaluate_phase(const void *kernel, void *const *data, const int64_t *sizes,
                           int64_t begin, int64_t end, void *scratch)
{
    evaluator_run(kernel, sizes, data, scratch, begin, end);
}

static void list_choices(const Builder *b, Text *text)
{
    for (int64_t i = 0; i < b->phases.count; i++) {
        const Phase *phase = b->phases.items[i];
        if (phase->function && phase->function->choice)
            text_format(text, "%s: %s\n", phase->kernel->name, phase->function->choice);
    }
}

static void collect_phases(Builder *b, Lowered *lowered)
{
    lowered->phases = ARENA_ARRAY(b->arena, Phase *, b->phases.count + 1);
    if (b->settings->listing)
        listing_add(b->settings->listing, b->phases.items, b->phases.count);
    if (b->settings->choices)
        list_choices(b, b->settings->choices);
    for (int64_t i = 0; i < b->phases.count; i++)
        if (b->phases.items[i]->function)
            lowered->phases[lowered->phase_count++] = b->phases.items[i];
}

/* Until there is code, a step holds its Phase; one that is machine code goes on holding it. */
static void finish_block(const Block *block, Tuning *tuning)
{
    for (int64_t i = 0; i < block->step_count; i++) {
        Step *step = &block->steps[i];
        if (step->kind == STEP_if) {
            finish_block(step->branch.branches[0], tuning);
            finish_block(step->branch.branches[1], tuning);
        } else if (step->kind == STEP_loop) {
            finish_block(step->loop.body, tuning);
        } else if (step->kind == STEP_phase) {
            const Phase *phase = step->phase.kernel;
            step->phase.code = phase->code;
            step->phase.evaluate = phase->function ? NULL : evaluate_phase;
            step->phase.kernel = phase->function ? (const void *)phase : phase->evaluator;
            if (tuning && phase->function)
                tuning_add_step(tuning, step, phase->function->key);
        }
    }
}

/* ---- The program ------------------------------------------------------------------------- */

static void set_entry(Builder *b, Program *program)
{
    StepList steps = b->entry_binds;
    if (b->entry_code.count)
        array_push(b->arena, &steps,
                   (Step){.kind = STEP_size,
                          .size = {.count = (int32_t)b->entry_code.count,
                                   .instructions = b->entry_code.items}});
    for (int64_t i = 0; i < b->entry_checks.count; i++)
        array_push(b->arena, &steps, (Step){.kind = STEP_check, .check = b->entry_checks.items[i]});
    program->entry = (Block){.step_count = steps.count, .steps = steps.items};
}

static void set_symbols(Builder *b, Program *program)
{
    program->symbol_count = b->symbol_count;
    program->size_count = b->slot_count;
    program->symbols = ARENA_ARRAY(b->arena, SymbolRange, b->symbol_count + 1);
    for (int i = 0; i < b->symbol_count; i++) {
        const Symbol *symbol = expr_pool_symbol(b->pool, i);
        program->symbols[i] = (SymbolRange){symbol->name, symbol->lower, symbol->upper};
    }
}

/* Called by program_destroy(), or by the arena where compiling ended without memory. */
static void release_owner(void *user)
{
    ProgramOwner *owner = user;
    if (owner->backend && owner->module)
        owner->backend->destroy(owner->module);
    if (owner->backend && owner->quick_module)
        owner->backend->destroy(owner->quick_module);
    packed_destroy(owner->packed);
    owner->module = owner->quick_module = owner->packed = NULL;
}

static void destroy_program(Program *program)
{
    release_owner(program->owner);
}

void program_destroy(Program *program)
{
    if (program && program->destroy)
        program->destroy(program);
}

static TnStatus failure(const Builder *b)
{
    if (budget_is_spent(arena_budget(b->arena)))
        return TN_CANCELLED;
    return diagnostics_status(b->diagnostics);
}

static void set_needs(const Builder *b, Program *program)
{
    program->worker_scratch = b->worker_scratch;
    program->has_tail = b->has_tail;
    program->pointer_count = b->pointer_count;
}

static TnStatus build(Builder *b, Program *program)
{
    Graph *graph = b->model->graph;
    program->input_count = graph->input_count;
    program->output_count = graph->output_count;
    program->inputs = ARENA_ARRAY(b->arena, Port, graph->input_count + 1);
    program->outputs = ARENA_ARRAY(b->arena, Port, graph->output_count + 1);
    scope_open(b);
    bind_constants(b);
    add_inputs(b, graph, program->inputs);
    if (!b->failed)
        emit_assumptions(b);
    if (!b->failed)
        lower_graph_nodes(b, graph);
    if (!b->failed)
        add_outputs(b, graph, program->outputs);
    if (b->failed)
        return failure(b);
    if (!plan_buffers(b, program))
        return failure(b);
    program->appended = b->appended.items;
    program->appended_count = (int32_t)b->appended.count;
    program->main = *scope_close(b);
    set_entry(b, program);
    set_symbols(b, program);
    set_needs(b, program);
    if (expr_pool_symbol_count(b->pool) != b->symbol_count) {
        error_at(b->diagnostics, (Location){0}, "lowering has made new symbols");
        return TN_INTERNAL;
    }
    return TN_OK;
}

TnStatus program_lower(Model *model, const CompileSettings *settings, Lowered *lowered,
                       Diagnostics *diagnostics)
{
    Arena *arena = model->arena;
    Program *made = ARENA_NEW(arena, Program);
    InputSize *input_sizes = input_sizes_find(model);
    Builder b = {.model = model,
                 .arena = arena,
                 .pool = model->pool,
                 .settings = settings,
                 .diagnostics = diagnostics,
                 .input_sizes = input_sizes,
                 .symbol_count = expr_pool_symbol_count(model->pool)};
    b.slot_count = b.symbol_count;
    b.is_bound = ARENA_ARRAY(arena, bool, b.symbol_count + 1);
    b.is_entry = ARENA_ARRAY(arena, bool, b.symbol_count + 1);
    b.checked = ARENA_ARRAY(arena, bool, model->assumption_count + 1);
    b.entry_sizes = map_create(arena);
    b.constants = map_create(arena);
    b.bindings = map_create(arena);
    b.kernels = map_create(arena);
    b.copies = map_create(arena);
    for (int64_t i = 0; i < model->binding_count; i++)
        if (!map_get_pointer(&b.bindings, model->bindings[i].value))
            map_set_pointer(&b.bindings, model->bindings[i].value, &model->bindings[i]);
    TnStatus status = build(&b, made);
    *lowered = (Lowered){.model = model,
                         .program = made,
                         .is_entry = b.is_entry,
                         .arena = b.arena_bytes,
                         .packed = b.packed};
    if (status == TN_OK)
        collect_phases(&b, lowered);
    return status;
}

static TnStatus make_code(const Lowered *lowered, const CompileSettings *settings,
                          ProgramOwner *owner, Diagnostics *diagnostics)
{
    TnStatus status =
        pack_constants(lowered->packed, &settings->parallel, lowered->program, diagnostics);
    if (status != TN_OK)
        return status;
    owner->packed = lowered->packed;
    owner->backend = settings->backend;
    owner->target = settings->target;
    owner->lowered = *lowered;
    status =
        owner->backend->compile(&settings->target, &settings->parallel, lowered->model->arena,
                                lowered->phases, lowered->phase_count, &owner->module, diagnostics);
    if (status == TN_OK)
        finish_block(&lowered->program->main, settings->target.tuning);
    return status;
}

TnStatus program_compile(Model *model, const CompileSettings *settings, Program **program,
                         Diagnostics *diagnostics)
{
    Lowered lowered;
    ProgramOwner *owner = ARENA_NEW(model->arena, ProgramOwner);
    *program = NULL;
    TnStatus status = program_lower(model, settings, &lowered, diagnostics);
    if (status != TN_OK)
        return status;
    arena_defer(model->arena, release_owner, owner);
    lowered.program->owner = owner;
    lowered.program->destroy = destroy_program;
    status = make_code(&lowered, settings, owner, diagnostics);
    if (status != TN_OK)
        program_destroy(lowered.program);
    else
        *program = lowered.program;
    return status;
}

/* ---- Better code ------------------------------------------------------------------------- */

static void exchange_code(const Block *block)
{
    for (int64_t i = 0; i < block->step_count; i++) {
        Step *step = &block->steps[i];
        if (step->kind == STEP_if) {
            exchange_code(step->branch.branches[0]);
            exchange_code(step->branch.branches[1]);
        } else if (step->kind == STEP_loop) {
            exchange_code(step->loop.body);
        } else if (step->kind == STEP_phase && step->phase.code) {
            const Phase *phase = step->phase.kernel;
            __atomic_store_n(&step->phase.code, phase->code, __ATOMIC_RELEASE);
        }
    }
}

TnStatus program_recompile(Program *program, const Parallel *parallel, Diagnostics *diagnostics)
{
    ProgramOwner *owner = program->owner;
    void *made = NULL;
    if (!owner->target.quick)
        return TN_OK;
    Target target = owner->target;
    target.quick = false;
    const Lowered *lowered = &owner->lowered;
    TnStatus status =
        owner->backend->compile(&target, parallel, lowered->model->arena, lowered->phases,
                                lowered->phase_count, &made, diagnostics);
    if (status != TN_OK)
        return status;
    owner->quick_module = owner->module;
    owner->module = made;
    owner->target = target;
    exchange_code(&program->main);
    return TN_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Scopes, steps, buffers and values of a program under construction; see builder.h.
 */
#include "codegen/builder.h"

#include <string.h>

/* ---- Scopes and steps -------------------------------------------------------------------- */

Scope *scope_open(Builder *b)
{
    Scope *scope = ARENA_NEW(b->arena, Scope);
    scope->outer = b->scope;
    scope->sizes = map_create(b->arena);
    scope->values = map_create(b->arena);
    return b->scope = scope;
}

static void flush_sizes(Builder *b)
{
    Scope *scope = b->scope;
    if (!scope->pending.count)
        return;
    Step step = {
        .kind = STEP_size,
        .size = {.count = (int32_t)scope->pending.count, .instructions = scope->pending.items}};
    memset(&scope->pending, 0, sizeof scope->pending);
    array_push(b->arena, &scope->steps, step);
    b->position++;
}

Block *scope_close(Builder *b)
{
    Scope *scope = b->scope;
    flush_sizes(b);
    for (int64_t i = 0; i < scope->bound.count; i++)
        b->is_bound[scope->bound.items[i]] = false;
    b->scope = scope->outer;
    Block *block = ARENA_NEW(b->arena, Block);
    *block = (Block){.step_count = scope->steps.count, .steps = scope->steps.items};
    return block;
}

Step *append_step(Builder *b, const Step *step)
{
    flush_sizes(b);
    array_push(b->arena, &b->scope->steps, *step);
    b->position++;
    return &b->scope->steps.items[b->scope->steps.count - 1];
}

/* ---- Buffers ----------------------------------------------------------------------------- */

int32_t add_buffer(Builder *b, BufferPlan plan)
{
    plan.first = plan.last = b->position;
    array_push(b->arena, &b->buffers, plan);
    return (int32_t)(b->buffers.count - 1);
}

void touch_buffer(Builder *b, int32_t buffer)
{
    if (buffer >= 0 && b->buffers.items[buffer].last < b->position)
        b->buffers.items[buffer].last = b->position;
}

void begin_buffer(Builder *b, int32_t buffer)
{
    BufferPlan *plan = buffer >= 0 ? &b->buffers.items[buffer] : NULL;
    if (plan && plan->begins_late)
        plan->first = plan->last = b->position;
    if (plan)
        plan->begins_late = false;
}

void touch_value(Builder *b, const ProgramValue *value)
{
    if (value->kind != TN_ABSENT)
        touch_buffer(b, value->buffer);
}

bool buffer_is_planned(const Builder *b, int32_t buffer)
{
    return b->buffers.items[buffer].kind == BUFFER_planned;
}

bool can_share_memory(const Builder *b, int32_t result, int32_t operand)
{
    const BufferPlan *to = &b->buffers.items[result], *from = &b->buffers.items[operand];
    return to->kind == BUFFER_planned && from->kind == BUFFER_planned && to->bytes == from->bytes;
}

bool buffer_is_shareable(const Builder *b, int32_t buffer)
{
    const BufferPlan *plan = &b->buffers.items[buffer];
    return plan->kind != BUFFER_planned && !plan->is_borrowed;
}

/* ---- Values ------------------------------------------------------------------------------ */

bool dims_are_entry(Builder *b, const Type *type)
{
    for (int d = 0; d < type->rank; d++)
        if (!size_is_entry(b, type->dims[d]))
            return false;
    return true;
}

const Expr *type_bytes(Builder *b, const Type *type)
{
    return expr_scale(b->pool, type_element_count(b->pool, type),
                      (int64_t)element_bytes(type->element));
}

static TnValueKind kind_of(const Type *type)
{
    return type->kind == TYPE_tensor     ? TN_TENSOR
           : type->kind == TYPE_optional ? TN_OPTIONAL
                                         : TN_SEQUENCE;
}

void program_value_dims(Builder *b, const Type *type, ProgramValue *value)
{
    for (int d = 0; d < type->rank && value->kind == TN_TENSOR; d++)
        value->dims[d] = size_of(b, type->dims[d]);
}

ProgramValue new_tensor(Builder *b, const Type *type, const Expr *bytes)
{
    ProgramValue value = {.kind = TN_TENSOR, .element = type->element, .rank = type->rank};
    BufferPlan plan = {.kind = BUFFER_dynamic};
    if (dims_are_entry(b, type))
        plan = (BufferPlan){.kind = BUFFER_planned, .bytes = bytes};
    else
        b->has_tail = true;
    for (int d = 0; d < type->rank; d++)
        value.dims[d] =
            size_is_bound(b, type->dims[d]) ? size_of(b, type->dims[d]) : size_number(-1);
    value.buffer = add_buffer(b, plan);
    return value;
}

ProgramValue new_value(Builder *b, const Type *type)
{
    if (kind_of(type) == TN_TENSOR)
        return new_tensor(b, type, type_bytes(b, type));
    b->has_tail = true;
    return (ProgramValue){.kind = kind_of(type),
                          .buffer = add_buffer(b, (BufferPlan){.kind = BUFFER_value})};
}

uint32_t unbound_dims(Builder *b, const Type *type)
{
    uint32_t mask = 0;
    for (int d = 0; d < type->rank && type->kind == TYPE_tensor; d++)
        if (symbol_unbound(b, type->dims[d]) >= 0)
            mask |= (uint32_t)1 << d;
    return mask;
}

/* Constants stay where they are, unless their elements are not aligned. */
static const void *aligned_constant(Builder *b, const Constant *constant)
{
    size_t bytes = constant_bytes(constant), unit = element_bytes(constant->element);
    unit = unit > 8 ? 8 : unit ? unit : 1;
    if (b->settings->moves_constants || (uintptr_t)constant->data % unit == 0)
        return constant->data;
    void *copy = arena_try(b->arena, bytes ? bytes : 1);
    if (!copy)
        longjmp(arena_boundary(b->arena)->jump, 1);
    memcpy(copy, constant->data, bytes);
    return copy;
}

static int32_t constant_buffer(Builder *b, const Constant *constant)
{
    intptr_t known = (intptr_t)map_get_pointer(&b->constants, constant->data);
    if (known && constant->data)
        return (int32_t)(known - 1);
    int32_t buffer = add_buffer(b, (BufferPlan){.kind = BUFFER_constant,
                                                .constant = aligned_constant(b, constant),
                                                .constant_bytes = (int64_t)constant_bytes(constant),
                                                .is_string = constant->element == TN_STRING});
    if (constant->data)
        map_set_pointer(&b->constants, constant->data, (void *)(intptr_t)(buffer + 1));
    return buffer;
}

static ProgramValue constant_value_of(Builder *b, const Constant *constant)
{
    ProgramValue value = {.kind = TN_TENSOR,
                          .buffer = constant_buffer(b, constant),
                          .element = constant->element,
                          .rank = constant->rank};
    for (int d = 0; d < constant->rank; d++)
        value.dims[d] = size_number(constant->dims[d]);
    return value;
}

ProgramValue value_of(Builder *b, Value *value)
{
    if (!value)
        return (ProgramValue){.kind = TN_ABSENT, .buffer = -1};
    if (value->kind == VALUE_constant)
        return constant_value_of(b, value->constant);
    for (const Scope *scope = b->scope; scope; scope = scope->outer) {
        const ProgramValue *known = map_get_pointer(&scope->values, value);
        if (known)
            return *known;
    }
    if (!b->failed)
        error_at(b->diagnostics, (Location){.node = value->name},
                 "the value '%s' is read before it is made", value->name);
    b->failed = true;
    return (ProgramValue){.kind = TN_ABSENT, .buffer = -1};
}

bool value_is_made(const Builder *b, const Value *value)
{
    if (!value || value->kind == VALUE_constant)
        return value != NULL;
    for (const Scope *scope = b->scope; scope; scope = scope->outer)
        if (map_get_pointer(&scope->values, value))
            return true;
    return false;
}

static void bind_symbols(Builder *b, const Binding *binding, const ProgramValue *where)
{
    if (binding->count == 0)
        return;
    Bind *binds = ARENA_ARRAY(b->arena, Bind, binding->count);
    for (int64_t i = 0; i < binding->count; i++)
        binds[i].target = ((const Symbol *)binding->symbols[i]->object)->id;
    bool entry = b->buffers.items[where->buffer].kind == BUFFER_input && !b->scope->outer;
    Step step = {.kind = STEP_bind,
                 .bind = {.count = (int32_t)binding->count,
                          .binds = binds,
                          .tensor = *where,
                          .what = arena_format(b->arena, "'%s'", binding->value->name)}};
    if (entry) {
        array_push(b->arena, &b->entry_binds, step);
    } else {
        touch_value(b, where);
        append_step(b, &step);
    }
    for (int64_t i = 0; i < binding->count; i++) {
        if (entry)
            symbol_bind_entry(b, binds[i].target);
        else
            symbol_bind(b, binds[i].target);
    }
}

/* A value that took the place of others may have several bindings. */
static void bind_elements(Builder *b, Value *value, const ProgramValue *where)
{
    const Model *model = value->graph->model;
    const Binding *first = map_get_pointer(&b->bindings, value);
    if (!first || where->kind != TN_TENSOR)
        return;
    for (const Binding *binding = first; binding < model->bindings + model->binding_count;
         binding++)
        if (binding->value == value)
            bind_symbols(b, binding, where);
}

void bind_constants(Builder *b)
{
    ARRAY(Bind) binds = {0};
    for (int64_t i = 0; i < b->model->binding_count; i++) {
        const Binding *binding = &b->model->bindings[i];
        const Constant *constant = binding->value->constant;
        for (int64_t k = 0; constant && k < binding->count && k < constant->count; k++) {
            int symbol = ((const Symbol *)binding->symbols[k]->object)->id;
            Size source = size_number(constant_get_int64(constant, k));
            array_push(b->arena, &binds, (Bind){.target = symbol, .source = source});
            symbol_bind_entry(b, symbol);
        }
    }
    if (binds.count)
        array_push(b->arena, &b->entry_binds,
                   (Step){.kind = STEP_bind,
                          .bind = {.count = (int32_t)binds.count, .binds = binds.items}});
}

void define_value(Builder *b, Value *value, ProgramValue where)
{
    ProgramValue *copy = ARENA_NEW(b->arena, ProgramValue);
    *copy = where;
    map_set_pointer(&b->scope->values, value, copy);
    bind_elements(b, value, &where);
    emit_assumptions(b);
}

/* ---- Moving ------------------------------------------------------------------------------ */

void emit_assign(Builder *b, const char *name, ProgramValue to, ProgramValue from)
{
    if (to.buffer == from.buffer)
        return;
    touch_value(b, &to);
    touch_value(b, &from);
    append_step(b, &(Step){.kind = STEP_assign,
                           .name = name,
                           .assign = {.to = to,
                                      .from = from,
                                      .share = !buffer_is_planned(b, to.buffer) &&
                                               buffer_is_shareable(b, from.buffer)}});
}

/* Symbols first, so that the checks may speak of them. */
void bind_dims(Builder *b, const Node *node, const Type *type, const Type *from_type,
               const ProgramValue *from, BindList *binds)
{
    BindList own = {0};
    BindList *list = binds ? binds : &own;
    if (type->kind != TYPE_tensor)
        return;
    uint32_t unbound = unbound_dims(b, type);
    for (int d = 0; d < type->rank; d++) {
        if (!(unbound >> d & 1))
            continue;
        int symbol = ((const Symbol *)type->dims[d]->object)->id;
        array_push(b->arena, list, (Bind){.target = symbol, .source = from->dims[d]});
    }
    if (!binds && own.count)
        append_step(b, &(Step){.kind = STEP_bind,
                               .name = node_location(node).node,
                               .bind = {.count = (int32_t)own.count, .binds = own.items}});
    for (int64_t i = 0; !binds && i < own.count; i++)
        symbol_bind(b, own.items[i].target);
    for (int d = 0; d < type->rank; d++) {
        if (unbound >> d & 1 || type->dims[d] == from_type->dims[d] ||
            !size_is_bound(b, type->dims[d]))
            continue;
        emit_check(b, expr_compare(b->pool, EXPR_equal, type->dims[d], from_type->dims[d]),
                   arena_format(b->arena, "%s%s%s%s: two sizes of a value differ in dimension %d",
                                node->op->name, node->name ? " '" : "",
                                node->name ? node->name : "", node->name ? "'" : "", d));
    }
}

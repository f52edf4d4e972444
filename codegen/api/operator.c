/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators of the host. Each becomes an OpDef like those of ir/ops, with tables made here, and
 * lives in the model's arena. As nothing is known of what its function does, it counts as random:
 * passes neither compute nor merge its nodes.
 */
#include "codegen/api/api.h"

#include "codegen/host_attributes.h"
#include "runtime/element.h"

#include <stdlib.h>

typedef struct HostOperator {
    OpDef def; /* first: nodes point to it */
    TnOperator own;
} HostOperator;

struct TnCall {
    const HostOperator *op;
    HostCall *host; /* while running */
    uint64_t made;  /* bit i: memory for output i was asked for */
    InferContext *context;
    Node *node;
    bool failed;   /* while inferring: it has been said why */
    HostCall look; /* while inferring: for the attributes */
};

/* ---- Inference --------------------------------------------------------------------------- */

int tn_call_input_count(const TnCall *call)
{
    return call->host ? call->host->input_count : call->node->operand_count;
}

int tn_call_output_count(const TnCall *call)
{
    return call->host ? call->host->output_count : call->node->result_count;
}

TnStatus tn_call_input_type(TnCall *call, int i, TnType *type)
{
    if (call->host || i < 0 || i >= call->node->operand_count || !type)
        return TN_BAD_ARGUMENT;
    const Type *from = operand(call->node, i) ? operand(call->node, i)->type : NULL;
    if (!type_is_tensor(from) || from->rank < 0)
        return TN_BAD_ARGUMENT;
    *type = (TnType){.element = from->element, .rank = from->rank};
    for (int d = 0; d < from->rank; d++) {
        Text text = text_create(call->context->arena);
        expr_print(from->dims[d], &text);
        type->dims[d] = text.data;
    }
    return TN_OK;
}

static const Expr *size_from(TnCall *call, int i, int d, const char *text)
{
    InferContext *context = call->context;
    if (!text)
        return infer_fresh_size(context, call->node, i, arena_format(context->arena, "size%d", d),
                                NULL);
    const Expr *size = expr_parse_size(context->pool, text);
    if (!size)
        call->failed |= !infer_error(context, call->node, "output %d: '%s' is no size", i, text);
    return size;
}

TnStatus tn_call_set_type(TnCall *call, int i, const TnType *type)
{
    const Expr *dims[MAX_RANK];
    if (call->host || i < 0 || i >= call->node->result_count || !type || type->rank < 0 ||
        type->rank > TN_MAX_RANK || !element_is_valid(type->element))
        return TN_BAD_ARGUMENT;
    for (int d = 0; d < type->rank; d++) {
        dims[d] = size_from(call, i, d, type->dims[d]);
        if (!dims[d])
            return TN_BAD_ARGUMENT;
    }
    infer_set(call->context, call->node, i, type->element, type->rank, dims);
    return TN_OK;
}

TnStatus tn_call_fail(TnCall *call, const char *message)
{
    if (call->host)
        return host_error(call->host, "%s", message);
    call->failed |= !infer_error(call->context, call->node, "%s", message);
    return TN_BAD_ARGUMENT;
}

/* All results are like the first operand. */
static TnStatus infer_same(TnCall *call)
{
    TnType type;
    TnStatus status = tn_call_input_type(call, 0, &type);
    for (int i = 0; i < call->node->result_count && status == TN_OK; i++)
        status = tn_call_set_type(call, i, &type);
    return status;
}

static bool infer(InferContext *context, Node *node)
{
    const HostOperator *op = (const HostOperator *)node->op;
    TnCall call = {.op = op,
                   .context = context,
                   .node = node,
                   .look = {.attribute_count = op->def.attribute_count,
                            .attributes = host_attributes(context->arena, node)}};
    TnStatus status = op->own.infer ? op->own.infer(op->own.user, &call) : infer_same(&call);
    if (call.failed)
        return false;
    if (status != TN_OK)
        return infer_error(context, node, "its infer function answers: %s", tn_status_text(status));
    for (int i = 0; i < node->result_count; i++)
        if (!result(node, i)->type)
            return infer_error(context, node, "its infer function sets no type for output %d", i);
    return true;
}

/* ---- Running ----------------------------------------------------------------------------- */

const TnTensor *tn_call_input(const TnCall *call, int i)
{
    return call->host && i >= 0 ? host_tensor(call->host, i) : NULL;
}

bool tn_call_wants(const TnCall *call, int i)
{
    return call->host && i >= 0 && host_wanted(call->host, i);
}

void *tn_call_output(TnCall *call, int i, int rank, const int64_t *dims)
{
    HostCall *host = call->host;
    if (!host)
        return NULL;
    bool valid = i >= 0 && i < host->output_count && rank >= 0 && rank <= TN_MAX_RANK;
    for (int d = 0; valid && d < rank; d++)
        valid = dims[d] >= 0;
    if (valid) {
        call->made |= (uint64_t)1 << i;
        return host_output(host, i, rank, dims);
    }
    host->status =
        host_error(host, "output %d of rank %d: there is none, or a size is negative", i, rank);
    return NULL;
}

void *tn_call_scratch(TnCall *call, int64_t bytes)
{
    return call->host ? host_scratch(call->host, bytes) : NULL;
}

TnStatus tn_call_status(const TnCall *call)
{
    return call->host ? call->host->status : TN_BAD_ARGUMENT;
}

static TnStatus compute(HostCall *host)
{
    const HostOperator *op = host->user;
    TnCall call = {.op = op, .host = host};
    TnStatus status = op->own.compute(op->own.user, &call);
    if (status != TN_OK && !host->error[0])
        host_error(host, "its function answers: %s", tn_status_text(status));
    for (int i = 0; i < host->output_count && status == TN_OK; i++)
        if (host_wanted(host, i) && !(call.made >> i & 1))
            status = host_error(host, "its function has not made output %d", i);
    return status;
}

/* ---- Attributes -------------------------------------------------------------------------- */

static const HostCall *attributes_of(const TnCall *call)
{
    return call->host ? call->host : &call->look;
}

int64_t tn_call_int(const TnCall *call, const char *name)
{
    return host_int(attributes_of(call), name);
}

float tn_call_float(const TnCall *call, const char *name)
{
    return host_float(attributes_of(call), name);
}

TnString tn_call_string(const TnCall *call, const char *name)
{
    return host_string(attributes_of(call), name);
}

const int64_t *tn_call_ints(const TnCall *call, const char *name, int64_t *count)
{
    IntList list = host_ints(attributes_of(call), name);
    *count = list.count;
    return list.items;
}

const float *tn_call_floats(const TnCall *call, const char *name, int64_t *count)
{
    FloatList list = host_floats(attributes_of(call), name);
    *count = list.count;
    return list.items;
}

const TnString *tn_call_strings(const TnCall *call, const char *name, int64_t *count)
{
    StringList list = host_strings(attributes_of(call), name);
    *count = list.count;
    return list.items;
}

const TnTensor *tn_call_tensor(const TnCall *call, const char *name)
{
    return host_tensor_attribute(attributes_of(call), name);
}

/* ---- Registering ------------------------------------------------------------------------- */

static const char *copy(Arena *arena, const char *text)
{
    return arena_string(arena, text, strlen(text));
}

/* The table of attributes, and the struct that it describes: a field of 16 bytes each. */
static void set_attributes(Arena *arena, OpDef *def, const TnOperator *given)
{
    enum { FIELD_BYTES = 16 };
    static const AttributeKind kinds[] = {
        [TN_ATTRIBUTE_INT] = ATTRIBUTE_int,       [TN_ATTRIBUTE_FLOAT] = ATTRIBUTE_float,
        [TN_ATTRIBUTE_STRING] = ATTRIBUTE_string, [TN_ATTRIBUTE_INTS] = ATTRIBUTE_ints,
        [TN_ATTRIBUTE_FLOATS] = ATTRIBUTE_floats, [TN_ATTRIBUTE_STRINGS] = ATTRIBUTE_strings,
        [TN_ATTRIBUTE_TENSOR] = ATTRIBUTE_tensor,
    };
    AttributeDef *defs = ARENA_ARRAY(arena, AttributeDef, given->attribute_count + 1);
    for (int i = 0; i < given->attribute_count; i++) {
        const TnAttribute *from = &given->attributes[i];
        defs[i] = (AttributeDef){.name = copy(arena, from->name),
                                 .kind = kinds[from->kind],
                                 .offset = (size_t)i * FIELD_BYTES,
                                 .required = from->required,
                                 .default_int = from->default_int,
                                 .default_float = from->default_float,
                                 .doc = ""};
    }
    def->attributes = defs;
    def->attribute_count = given->attribute_count;
    def->attributes_size = (size_t)given->attribute_count * FIELD_BYTES;
}

static void set_operands(Arena *arena, OpDef *def, const TnOperator *given)
{
    OperandDef *operands = ARENA_ARRAY(arena, OperandDef, given->max_inputs + 1);
    OperandDef *results = ARENA_ARRAY(arena, OperandDef, given->outputs + 1);
    for (int i = 0; i < given->max_inputs; i++)
        operands[i] = (OperandDef){.name = arena_format(arena, "input %d", i),
                                   .types = TYPES_TENSOR,
                                   .optional = i >= given->min_inputs};
    for (int i = 0; i < given->outputs; i++)
        results[i] = (OperandDef){
            .name = arena_format(arena, "output %d", i), .types = TYPES_TENSOR, .optional = i > 0};
    def->operands = operands;
    def->operand_count = given->max_inputs;
    def->results = results;
    def->result_count = given->outputs;
}

static const OpDef *make_operator(Arena *arena, const TnOperator *given)
{
    HostOperator *op = ARENA_NEW(arena, HostOperator);
    op->own = *given;
    op->def = (OpDef){.name = copy(arena, given->name),
                      .domain = copy(arena, given->domain),
                      .summary = "",
                      .since = given->since,
                      .first = given->since,
                      .traits = TRAIT_random,
                      .infer = infer,
                      .host = "host_operator",
                      .host_function = compute,
                      .host_user = op};
    set_operands(arena, &op->def, given);
    set_attributes(arena, &op->def, given);
    return &op->def;
}

static bool is_valid(const TnOperator *op)
{
    enum { MOST = 64 };
    bool valid = op->domain && op->name && *op->domain && *op->name && op->since >= 1 &&
                 op->compute && op->min_inputs >= 0 && op->max_inputs >= op->min_inputs &&
                 op->max_inputs <= 1024 && op->outputs >= 1 && op->outputs <= MOST &&
                 op->attribute_count >= 0 && op->attribute_count <= MOST &&
                 (op->infer || op->min_inputs > 0);
    for (int i = 0; valid && i < op->attribute_count; i++)
        valid = op->attributes[i].name && (unsigned)op->attributes[i].kind <= TN_ATTRIBUTE_TENSOR;
    return valid;
}

/* ---- Loaded programs --------------------------------------------------------------------- */

bool operator_is_called(const TnOperator *op, const char *name)
{
    size_t domain = op->domain ? strlen(op->domain) : 0;
    return domain && op->name && !strncmp(name, op->domain, domain) && name[domain] == '.' &&
           !strcmp(name + domain + 1, op->name);
}

bool operator_bind(Arena *arena, const TnOperator *given, HostStep *step, const char **reason)
{
    if (!is_valid(given)) {
        *reason = "the operator that is given is not complete, or contradicts itself";
        return false;
    }
    if (step->input_count < given->min_inputs || step->input_count > given->max_inputs ||
        step->output_count > given->outputs) {
        *reason = "the operator that is given has another number of inputs or outputs";
        return false;
    }
    HostOperator *op = ARENA_NEW(arena, HostOperator);
    op->own = *given;
    step->function = compute;
    step->user = op;
    return true;
}

/* ---- Models ------------------------------------------------------------------------------ */

TnStatus tn_model_add_operator(TnModel *model, const TnOperator *given)
{
    TnOperator op = {.size = sizeof op};
    api_copy_options(&op, sizeof op, given);
    if (!model || !given || !is_valid(&op))
        return TN_BAD_ARGUMENT;
    if (setjmp(model->boundary.jump))
        return TN_OUT_OF_MEMORY;
    Draft *draft = model_draft(model);
    return model_edited(model, draft_add_operator(draft, make_operator(model->arena, &op)));
}

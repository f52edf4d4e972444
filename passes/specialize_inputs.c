/* SPDX-License-Identifier: Apache-2.0
 *
 * specialize-inputs: binds inputs of the model to the values that the host gave. An input that is
 * bound is a constant and no input any more; sizes that its shape decides become numbers
 * everywhere.
 */
#include "ir/graph/constant.h"
#include "passes/pass.h"
#include "passes/run.h"
#include "passes/sizes.h"

static bool refuse(Pass *pass, const Value *input, const Type *given)
{
    Text found = text_create(pass->scratch), expected = text_create(pass->scratch);
    type_print(given, &found);
    type_print(input->type, &expected);
    return error_at(pass->diagnostics, (Location){.node = input->name},
                    "input '%s' is bound to a value of type %s, expected %s", input->name,
                    found.data, expected.data);
}

/* Makes the input's sizes those of the constant. */
static bool fix_sizes(Pass *pass, const Value *input, const Type *given)
{
    const Type *type = input->type;
    if (!type_is_tensor(type) || type->element != given->element ||
        (type->rank >= 0 && type->rank != given->rank))
        return refuse(pass, input, given);
    for (int d = 0; d < type->rank; d++) {
        const Expr *size = input->type->dims[d];
        if (size->kind == EXPR_symbol)
            model_substitute_size(pass->model, size->object, given->dims[d]);
        double equal = 0;
        const Expr *condition =
            expr_compare(pass->model->pool, EXPR_equal, input->type->dims[d], given->dims[d]);
        if (expr_is_constant(condition, &equal) && equal == 0)
            return refuse(pass, input, given);
        model_assume(pass->model, condition, "sizes of an input that is bound to a value");
    }
    return true;
}

static bool bind_input(Pass *pass, Graph *graph, Value *input, const Constant *constant)
{
    const char *name = input->name;
    Value *value = graph_add_constant(graph, name, constant);
    if (!fix_sizes(pass, input, value->type))
        return false;
    value_replace_uses(input, value);
    graph_remove_input(graph, input->index);
    value_rename(value, name);
    pass_count(pass, "input");
    return true;
}

PassResult pass_specialize_inputs(Pass *pass, Graph *graph)
{
    int64_t before = pass->changes;
    for (int i = 0; i < graph->input_count && pass_allows(pass);) {
        Value *input = graph->inputs[i];
        const Constant *constant = run_input_value(pass, input->name);
        if (!constant)
            i++;
        else if (!bind_input(pass, graph, input, constant))
            return PASS_FAILED;
    }
    if (pass->changes != before && !graph_infer(pass->infer, graph))
        return PASS_FAILED;
    return pass_result(pass, before);
}

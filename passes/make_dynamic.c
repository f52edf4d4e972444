/* SPDX-License-Identifier: Apache-2.0
 *
 * make-dynamic: every size of the model's inputs becomes a symbol of its own, "x_0" for the first
 * one of x, so that `tenon check --dynamic` can compare what a model computes with sizes known at
 * run time to what it computes with sizes known before. Sizes of 1 stay, since they may mean
 * "broadcast", unless asked for; so do those that are symbols already.
 */
#include "passes/pass.h"

static const Expr *new_symbol(Model *model, const char *input, int dim)
{
    const char *name = arena_format(model->arena, "%s_%d", input, dim);
    const Expr *symbol = expr_new_symbol(model->pool, name, 0, SIZE_LIMIT);
    for (int number = 1; !symbol; number++)
        symbol = expr_new_symbol(model->pool, arena_format(model->arena, "%s_%d", name, number), 0,
                                 SIZE_LIMIT);
    return symbol;
}

static void make_input_dynamic(Pass *pass, Value *input)
{
    if (!type_is_tensor(input->type))
        return;
    Type *type = arena_copy(pass->model->arena, input->type, sizeof *type);
    int64_t least = pass_option(pass, "ones") ? 0 : 2, size;
    for (int d = 0; d < type->rank; d++) {
        if (!pass_allows(pass) || !expr_known(type->dims[d], &size) || size < least)
            continue;
        type->dims[d] = new_symbol(pass->model, input->name, d);
        pass_count(pass, "size");
    }
    input->type = type;
}

PassResult pass_make_dynamic(Pass *pass, Graph *graph)
{
    int64_t before = pass->changes;
    for (int i = 0; i < graph->input_count; i++)
        make_input_dynamic(pass, graph->inputs[i]);
    if (pass->changes != before && !graph_infer(pass->infer, graph))
        return PASS_FAILED;
    return pass_result(pass, before);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The graph IR: use lists under editing, names, types, attributes, constants, cloning, outlining,
 * and a verifier that sees what is broken.
 */
#include "ir/graph/constant.h"
#include "ir/graph/graph.h"
#include "ir/ops/edit.h"
#include "ir/ops/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

typedef struct Fixture {
    Boundary boundary;
    Arena *arena;
    Diagnostics *diagnostics;
    Model *model;
    Graph *graph;
    InferContext context;
    Editor editor;
} Fixture;

static int set_up(void **state)
{
    Fixture *f = calloc(1, sizeof *f);
    if (setjmp(f->boundary.jump))
        abort();
    f->arena = arena_create(&f->boundary);
    f->diagnostics = diagnostics_create(f->arena);
    f->model = model_create(f->arena, f->diagnostics);
    f->graph = f->model->graph;
    f->context = (InferContext){.model = f->model,
                                .pool = f->model->pool,
                                .arena = f->arena,
                                .diagnostics = f->diagnostics};
    f->editor = edit_at_end(&f->context, f->graph);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *f = *state;
    arena_destroy(f->arena);
    free(f);
    return 0;
}

static Value *input(Fixture *f, const char *name, TnElementType element, const char *a,
                    const char *b)
{
    const Expr *dims[] = {expr_parse_size(f->model->pool, a), expr_parse_size(f->model->pool, b)};
    return graph_add_input(f->graph, name, type_tensor(f->arena, element, 2, dims));
}

static const char *last_message(const Fixture *f)
{
    return f->diagnostics->count ? f->diagnostics->items[f->diagnostics->count - 1].message : "";
}

static void verify_good(Fixture *f)
{
    if (!graph_verify(f->graph, f->diagnostics))
        fail_msg("%s", last_message(f));
}

static void test_use_lists_follow_edits(void **state)
{
    Fixture *f = *state;
    Value *x = input(f, "x", TN_FLOAT, "N", "4"), *y = input(f, "y", TN_FLOAT, "N", "4");
    Value *a = edit(&f->editor, &op_add, NULL, 2, x, x);
    Value *b = edit(&f->editor, &op_mul, NULL, 2, a, y);
    for (int i = 0; i < 9; i++) /* the array of outputs moves; the uses must follow */
        graph_add_output(f->graph, b, arena_format(f->arena, "out%d", i));
    verify_good(f);
    assert_int_equal(value_use_count(x), 2);
    assert_int_equal(value_use_count(b), 9);
    assert_true(value_is_output(b));
    value_replace_uses(x, y);
    assert_int_equal(value_use_count(x), 0);
    assert_int_equal(value_use_count(y), 3);
    node_add_operand(a->producer, x);
    node_remove_operand(a->producer, 0);
    assert_ptr_equal(operand(a->producer, 0), y);
    assert_ptr_equal(operand(a->producer, 1), x);
    graph_remove_output(f->graph, 0);
    assert_string_equal(f->graph->output_names[0], "out1");
    verify_good(f);
}

static void test_removed_names_are_free_again(void **state)
{
    Fixture *f = *state;
    Value *x = input(f, "x", TN_FLOAT, "2", "2");
    Value *a = edit(&f->editor, &op_relu, NULL, 1, x);
    Value *b = edit(&f->editor, &op_relu, NULL, 1, x);
    assert_string_equal(a->name, "relu");
    assert_string_equal(b->name, "relu_1");
    node_remove(a->producer);
    assert_null(graph_find(f->graph, "relu"));
    value_rename(b, "relu");
    assert_string_equal(b->name, "relu");
    value_rename(b, "x");
    assert_string_equal(b->name, "x_1");
    assert_ptr_equal(graph_find(f->graph, "x_1"), b);
    verify_good(f);
}

static void test_nodes_move(void **state)
{
    Fixture *f = *state;
    Value *x = input(f, "x", TN_FLOAT, "2", "2");
    Node *a = edit(&f->editor, &op_relu, NULL, 1, x)->producer;
    Node *b = edit(&f->editor, &op_abs, NULL, 1, x)->producer;
    Node *c = edit(&f->editor, &op_neg, NULL, 1, result(b, 0))->producer;
    node_move_before(c, a);
    assert_false(graph_verify(f->graph, f->diagnostics));
    assert_non_null(strstr(last_message(f), "used before it is made"));
    node_move_before(b, c);
    assert_ptr_equal(f->graph->first, b);
    assert_ptr_equal(f->graph->last, a);
    verify_good(f);
}

static void test_verifier_sees_a_foreign_operand(void **state)
{
    Fixture *f = *state;
    Value *x = input(f, "x", TN_FLOAT, "2", "2");
    Value *a = edit(&f->editor, &op_relu, NULL, 1, x);
    Use *use = &a->producer->operands[0];
    *use->link = use->next; /* off the list, and still there */
    assert_false(graph_verify(f->graph, f->diagnostics));
}

static void test_types(void **state)
{
    Fixture *f = *state;
    Value *x = input(f, "x", TN_FLOAT16, "2*N+1", "3");
    assert_string_equal(type_text(f->arena, x->type), "float16[\"2*N + 1\", 3]");
    assert_string_equal(
        type_text(f->arena, type_sequence(f->arena, type_unranked(f->arena, TN_INT64))),
        "seq(int64[])");
    assert_string_equal(type_text(f->arena, type_tensor(f->arena, TN_BOOL, 0, NULL)), "bool");
    assert_false(type_is_static(x->type));
    const Expr *same[] = {expr_parse_size(f->model->pool, "N*2+1"),
                          expr_integer(f->model->pool, 3)};
    assert_true(type_equal(x->type, type_tensor(f->arena, TN_FLOAT16, 2, same)));
    assert_false(type_equal(x->type, type_tensor(f->arena, TN_FLOAT, 2, same)));
}

static void test_attributes_by_table(void **state)
{
    Fixture *f = *state;
    const OpDef *op = &op_layer_normalization;
    void *a = op_attributes(f->arena, op), *b = op_attributes(f->arena, op);
    assert_true(attributes_equal(op->attributes, op->attribute_count, a, b));
    for (int i = 0; i < op->attribute_count; i++)
        assert_true(attribute_is_default(&op->attributes[i], a));
    uint64_t hash = attributes_hash(op->attributes, op->attribute_count, a);
    *(float *)op_attribute(op, a, "epsilon") = 1e-6f;
    assert_false(attributes_equal(op->attributes, op->attribute_count, a, b));
    assert_true(hash != attributes_hash(op->attributes, op->attribute_count, a));
    assert_int_equal(choice_find("constant|reflect|edge", "edge", 4), 2);
    assert_int_equal(choice_find("constant|reflect|edge", "edg", 3), -1);
    size_t length;
    assert_memory_equal(choice_name("constant|reflect|edge", 1, &length), "reflect", 7);
    assert_int_equal(length, 7);
    assert_null(choice_name("a|b", 2, &length));
}

static void test_constants(void **state)
{
    Fixture *f = *state;
    char bytes[1 + 4 * sizeof(float)];
    float values[] = {1, 1, 1, 2};
    memcpy(bytes + 1, values, sizeof values); /* borrowed, and unaligned */
    int64_t dims[] = {2, 2};
    Constant *a = constant_create(f->arena, TN_FLOAT, 2, dims, bytes + 1);
    void *data;
    Constant *b = constant_allocate(f->arena, TN_FLOAT, 2, dims, &data);
    memcpy(data, values, sizeof values);
    assert_true(constant_equal(a, b));
    assert_true(constant_hash(a) == constant_hash(b));
    assert_true(constant_get_double(a, 3) == 2);
    assert_false(constant_is_uniform(a));
    int64_t huge[] = {INT64_MAX / 2, 4};
    assert_null(constant_create(f->arena, TN_FLOAT, 2, huge, NULL));
    assert_true(constant_get_int64(constant_scalar_int64(f->arena, -7), 0) == -7);
    TnString ab[] = {{"a", 1}, {"b", 1}}, copy[] = {{"a", 1}, {"b", 1}};
    int64_t two = 2;
    assert_true(constant_equal(constant_create(f->arena, TN_STRING, 1, &two, ab),
                               constant_create(f->arena, TN_STRING, 1, &two, copy)));
}

static void test_inference_says_what_is_wrong(void **state)
{
    Fixture *f = *state;
    Value *x = input(f, "x", TN_FLOAT, "N", "4"), *i = input(f, "i", TN_INT64, "N", "4");
    assert_null(edit(&f->editor, &op_add, NULL, 2, x, i));
    assert_true(f->editor.failed);
    assert_non_null(strstr(last_message(f), "'i', has element type int64, expected float"));
    f->editor.failed = false;
    assert_null(edit(&f->editor, &op_add, NULL, 1, x));
    assert_non_null(strstr(last_message(f), "Add has 1 operands, expected 2"));
    f->editor.failed = false;
    assert_null(edit(&f->editor, &op_add, NULL, 2, x, NULL));
    assert_non_null(strstr(last_message(f), "operand 1"));
    f->editor.failed = false;
    Value *z = input(f, "z", TN_FLOAT, "N", "3");
    assert_null(edit(&f->editor, &op_add, NULL, 2, x, z));
    assert_non_null(strstr(last_message(f), "4 and 3 differ"));
}

static void test_unequal_symbols_broadcast_under_an_assumption(void **state)
{
    Fixture *f = *state;
    Value *x = input(f, "x", TN_FLOAT, "N", "1"), *y = input(f, "y", TN_FLOAT, "M", "4");
    Value *sum = edit(&f->editor, &op_add, NULL, 2, x, y);
    assert_string_equal(type_text(f->arena, sum->type), "float[\"max(M, N)\", 4]");
    /* that they are equal unless one is 1; that it is not 0 and 1, of which the larger is wrong */
    assert_int_equal(f->model->assumption_count, 2);
    const Expr *n = x->type->dims[0], *m = y->type->dims[0];
    const Expr *holds = f->model->assumptions[0].condition;
    holds =
        expr_substitute_symbol(f->model->pool, holds, n->object, expr_integer(f->model->pool, 3));
    double value;
    const Expr *same =
        expr_substitute_symbol(f->model->pool, holds, m->object, expr_integer(f->model->pool, 3));
    const Expr *other =
        expr_substitute_symbol(f->model->pool, holds, m->object, expr_integer(f->model->pool, 2));
    assert_true(expr_is_constant(same, &value) && value == 1);
    assert_true(expr_is_constant(other, &value) && value == 0);
    const Expr *filled = expr_substitute_symbol(f->model->pool, f->model->assumptions[1].condition,
                                                n->object, expr_integer(f->model->pool, 0));
    filled =
        expr_substitute_symbol(f->model->pool, filled, m->object, expr_integer(f->model->pool, 1));
    assert_true(expr_is_constant(filled, &value) && value == 0);
}

static void test_inference_finds_its_symbols_again(void **state)
{
    Fixture *f = *state;
    Value *x = input(f, "x", TN_FLOAT, "N", "4");
    Node *node = edit_node(&f->editor, &op_non_zero, NULL, 1, &x, 1, 0);
    assert_true(edit_infer(&f->editor, node));
    const Type *first = result(node, 0)->type;
    assert_true(node_infer(&f->context, node));
    assert_true(type_equal(first, result(node, 0)->type));
}

static void test_clone_into_another_model(void **state)
{
    Fixture *f = *state;
    Value *x = input(f, "x", TN_FLOAT, "N", "4");
    Value *one = edit_real(&f->editor, TN_FLOAT, 1);
    Value *y = edit(&f->editor, &op_add, NULL, 2, edit(&f->editor, &op_relu, NULL, 1, x), one);
    graph_add_output(f->graph, y, "y");
    Arena *arena = arena_create(&f->boundary);
    Model *copy = model_clone(f->model, arena);
    assert_true(model_verify(copy, f->diagnostics));
    assert_int_equal(copy->graph->node_count, 2);
    const Value *z = graph_output(copy->graph, 0);
    assert_string_equal(z->name, y->name);
    assert_ptr_not_equal(z->type->dims[0], y->type->dims[0]);
    assert_ptr_equal(z->type->dims[0], expr_symbol(copy->pool, "N"));
    assert_ptr_equal(copy->graph->constants[0]->constant->data, one->constant->data);
    arena_destroy(arena);
}

static void test_outline(void **state)
{
    Fixture *f = *state;
    Value *x = input(f, "x", TN_FLOAT, "N", "4"), *y = input(f, "y", TN_FLOAT, "N", "4");
    Value *a = edit(&f->editor, &op_mul, NULL, 2, x, edit_real(&f->editor, TN_FLOAT, 2));
    Value *b = edit(&f->editor, &op_add, NULL, 2, a, y);
    Value *c = edit(&f->editor, &op_relu, NULL, 1, b);
    graph_add_output(f->graph, b, "b");
    graph_add_output(f->graph, c, "c");
    Node *nodes[] = {a->producer, b->producer};
    Node *group = graph_outline(f->graph, nodes, 2, c->producer);
    verify_good(f);
    assert_int_equal(f->graph->node_count, 2);
    assert_int_equal(group->operand_count, 2); /* x and y; the constant went inside */
    assert_int_equal(group->result_count, 1);
    assert_string_equal(result(group, 0)->name, "add");
    assert_ptr_equal(operand(c->producer, 0), result(group, 0));
    assert_true(node_infer(&f->context, group));
    Value *inputs[] = {x, y}, *outputs[1];
    graph_inline(group->regions[0], f->graph, group, inputs, outputs);
    value_replace_uses(result(group, 0), outputs[0]);
    node_remove(group);
    verify_good(f);
    assert_int_equal(f->graph->node_count, 3);
}

static void test_constants_in_order_of_use(void **state)
{
    Fixture *f = *state;
    Value *x = input(f, "x", TN_FLOAT, "N", "4");
    Value *unused = edit_real(&f->editor, TN_FLOAT, 1), *late = edit_real(&f->editor, TN_FLOAT, 2);
    Value *early = edit_real(&f->editor, TN_FLOAT, 3);
    Value *a = edit(&f->editor, &op_add, NULL, 2, x, early);
    graph_add_output(f->graph, edit(&f->editor, &op_mul, NULL, 2, a, late), "y");
    (void)unused;
    assert_int_equal(graph_order_constants(f->graph), 1);
    assert_int_equal(f->graph->constant_count, 2);
    assert_ptr_equal(f->graph->constants[0], early);
    verify_good(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_use_lists_follow_edits),
        TEST(test_removed_names_are_free_again),
        TEST(test_nodes_move),
        TEST(test_verifier_sees_a_foreign_operand),
        TEST(test_types),
        TEST(test_attributes_by_table),
        TEST(test_constants),
        TEST(test_inference_says_what_is_wrong),
        TEST(test_unequal_symbols_broadcast_under_an_assumption),
        TEST(test_inference_finds_its_symbols_again),
        TEST(test_clone_into_another_model),
        TEST(test_outline),
        TEST(test_constants_in_order_of_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

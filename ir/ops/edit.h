/* SPDX-License-Identifier: Apache-2.0
 *
 * Editing graphs: new nodes at a place, inferred as they are made. Used by decompositions, passes
 * and the upgrade rules.
 *
 *     Editor editor = edit_before(&context, node);
 *     Value *scaled = edit(&editor, &op_mul, NULL, 2, x, scale);
 *     value_replace_uses(result(node, 0), scaled);
 */
#ifndef IR_OPS_EDIT_H
#define IR_OPS_EDIT_H

#include "ir/graph/constant.h"
#include "ir/graph/graph.h"

struct InferContext;

typedef struct Editor {
    struct InferContext *context;
    Graph *graph;
    Node *before;      /* NULL: the end */
    const Node *model; /* new nodes take its name and location; or NULL */
    bool failed;       /* an inference failed; the diagnostics say why; later calls do nothing */
} Editor;

Editor edit_before(struct InferContext *context, Node *node);
Editor edit_at_end(struct InferContext *context, Graph *graph);

/* A node with one result. Operands follow as Value *, NULL for an absent one. NULL once the editor
 * has failed. */
Value *edit(Editor *editor, const OpDef *op, const void *attributes, int operand_count, ...);
/* Any number of results and regions; regions are empty graphs to be filled before edit_infer(). */
Node *edit_node(Editor *editor, const OpDef *op, const void *attributes, int operand_count,
                Value *const *operands, int result_count, int region_count);
bool edit_infer(Editor *editor, Node *node);

Value *edit_constant(Editor *editor, const Constant *constant, const char *hint);
Value *edit_int64s(Editor *editor, int64_t count, const int64_t *values); /* rank 1 */
Value *edit_int64(Editor *editor, int64_t value);                         /* a scalar */
Value *edit_real(Editor *editor, TnElementType element, double value);    /* a scalar */

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewriting by rules.
 *
 * A rule looks at one node, and at what makes its operands, and answers what to use in place of the
 * node's first result. It is a C function with the equation above it:
 *
 *     // Transpose(Transpose(x, p), q) = Transpose(x, p[q])
 *     RULE(transpose_of_transpose, transpose) { ... }
 *
 * Rules for writing rules:
 *   - the right side is never more work than the left, for any sizes; mind values with other users;
 *   - a rule that only reorders goes one way, so that no other rule undoes it;
 *   - types are preserved exactly; a rule that makes a type more precise says RULE_REFINES, and the
 *     model is inferred again;
 *   - bits are preserved exactly, of NaNs and zeros, too (x * 1 is x, x + 0 is not: -0 + 0 is 0). A
 *     rule that changes rounding lives in a pass of its own, which says so;
 *   - a rule makes nodes with rewrite_editor() alone, and makes none before it is sure to apply;
 *   - conditions are tested from the cheap to the dear.
 *
 * Nodes are visited in order, new nodes at once, and until nothing applies any more. What loses its
 * last user on the way is removed.
 */
#ifndef PASSES_REWRITE_H
#define PASSES_REWRITE_H

#include "passes/pass.h"

/* NULL: the rule does not apply. The node's own first result: the node was changed in place. */
typedef Value *RuleFunction(Pass *pass, Node *node);

typedef struct Rule {
    const char *name;
    const OpDef *op; /* of the node; NULL: any */
    bool refines;
    RuleFunction *apply;
} Rule;

#define RULE_WITH(name, op_, refines_)                                                             \
    static RuleFunction name;                                                                      \
    static const Rule rule_##name = {#name, op_, refines_, name};                                  \
    static Value *name(__attribute__((unused)) Pass *pass, Node *node)
#define RULE(name, op)         RULE_WITH(name, &op_##op, false)
#define RULE_REFINES(name, op) RULE_WITH(name, &op_##op, true)
#define RULE_ANY(name)         RULE_WITH(name, NULL, false)
#define RULE_ANY_REFINES(name) RULE_WITH(name, NULL, true)

PassResult rewrite_graph(Pass *pass, Graph *graph, const Rule *const *rules, int rule_count);

/* New nodes right before `node`, with its name. */
Editor rewrite_editor(Pass *pass, Node *node);
/* The node that makes operand i, if it is of that operator; else NULL. */
Node *operand_node(const Node *node, int i, const OpDef *op);
/* Whether a value has one use, and leaves no graph. */
bool has_one_use(const Value *value);
/* Whether nobody needs any of the node's results: uses it, or assumes something of it. */
bool is_unused(const Node *node);
/* Removes a node whose results are unused, and then what was used by it alone. */
void remove_dead(Node *node);
/* The integers of an operand whose elements are all known; false otherwise. In the pass's scratch.
 */
bool known_list(Pass *pass, const Node *node, int i, IntList *list);
/* The permutation of a Transpose of that rank; the default is the reversed order. */
void transpose_permutation(const Node *transpose, int rank, int64_t *permutation);
/* Whether the operand is a constant all of whose elements are this number. */
bool is_uniform(const Node *node, int i, double number);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * eliminate-common: nodes that compute the same become one, and so do equal constants.
 *
 * A node is known by its operator, attributes, operands and the wanted ones of its results; the
 * first of its kind stays. Nodes are in execution order, so it stands before the users of all
 * others. Commutative operators compare without regard to the order of their two operands. Nodes
 * with regions are left alone; so are random ones.
 */
#include "passes/pass.h"

/* Nodes of one hash, in the order of the graph. */
typedef struct Bucket {
    Node *node;
    struct Bucket *next;
} Bucket;

static uint64_t value_key(const Map *numbers, const Value *value)
{
    return value ? (uint64_t)(uintptr_t)map_get_pointer(numbers, value) : 0;
}

static uint64_t node_hash(const Map *numbers, const Node *node)
{
    const OpDef *op = node->op;
    uint64_t hash = hash_bytes(&op, sizeof op, 0);
    hash = hash_combine(hash, (uint64_t)node->result_count);
    if (op->attribute_count)
        hash = hash_combine(hash,
                            attributes_hash(op->attributes, op->attribute_count, node->attributes));
    if ((op->traits & TRAIT_commutative) && node->operand_count == 2) {
        uint64_t a = value_key(numbers, operand(node, 0)), b = value_key(numbers, operand(node, 1));
        return hash_combine(hash_combine(hash, a < b ? a : b), a < b ? b : a);
    }
    for (int i = 0; i < node->operand_count; i++)
        hash = hash_combine(hash, value_key(numbers, operand(node, i)));
    return hash;
}

static bool same_operands(const Node *a, const Node *b)
{
    bool same = a->operand_count == b->operand_count;
    for (int i = 0; same && i < a->operand_count; i++)
        same = operand(a, i) == operand(b, i);
    if (same || !(a->op->traits & TRAIT_commutative) || a->operand_count != 2 ||
        b->operand_count != 2)
        return same;
    return operand(a, 0) == operand(b, 1) && operand(a, 1) == operand(b, 0);
}

/* Whether a has every result that somebody wants of b, with the same type. */
static bool same_results(const Node *a, const Node *b)
{
    if (a->result_count != b->result_count)
        return false;
    for (int i = 0; i < a->result_count; i++) {
        const Value *x = result(a, i), *y = result(b, i);
        if (y->first_use && (!x->name[0] || !type_equal(x->type, y->type)))
            return false;
    }
    return true;
}

static bool same_nodes(const Node *a, const Node *b)
{
    const OpDef *op = a->op;
    return op == b->op && same_operands(a, b) && same_results(a, b) &&
           (!op->attribute_count ||
            attributes_equal(op->attributes, op->attribute_count, a->attributes, b->attributes));
}

/* Constants of more bytes are compared by address alone: equal weights are rare, and reading them
 * is slow. */
enum { BYTES_COMPARED = 1 << 16 };

static bool same_constants(const Constant *a, const Constant *b)
{
    if (constant_bytes(a) > BYTES_COMPARED && a->data != b->data)
        return false;
    return constant_equal(a, b);
}

static uint64_t constant_key(const Constant *constant)
{
    return constant_bytes(constant) > BYTES_COMPARED ? (uint64_t)constant->count
                                                     : constant_hash(constant);
}

static void merge_constants(Pass *pass, Graph *graph)
{
    Map buckets = map_create(pass->scratch);
    typedef struct Known {
        Value *value;
        struct Known *next;
    } Known;
    for (int i = 0; i < graph->constant_count; i++) {
        Value *value = graph->constants[i];
        if (!value->first_use)
            continue;
        uint64_t hash = constant_key(value->constant);
        Known *first = map_get_bytes(&buckets, &hash, sizeof hash), *known = first;
        while (known && !same_constants(known->value->constant, value->constant))
            known = known->next;
        if (!known) {
            Known *added = ARENA_NEW(pass->scratch, Known);
            *added = (Known){value, first};
            map_set_bytes(&buckets, arena_copy(pass->scratch, &hash, sizeof hash), sizeof hash,
                          added);
        } else if (pass_allows(pass)) {
            value_replace_uses(value, known->value);
            pass_count(pass, "constant");
        }
    }
}

static bool may_merge(const Node *node)
{
    return node->region_count == 0 && !(node->op->traits & TRAIT_random) && node->result_count > 0;
}

static void merge_into(Pass *pass, Node *known, Node *node)
{
    for (int i = 0; i < node->result_count; i++)
        if (result(node, i)->first_use)
            value_replace_uses(result(node, i), result(known, i));
    node_remove(node);
    pass_count(pass, "node");
}

PassResult pass_eliminate_common(Pass *pass, Graph *graph)
{
    int64_t before = pass->changes;
    merge_constants(pass, graph);
    /* Values are hashed by a number, not by address, so that runs are alike. */
    Map numbers = map_create(pass->scratch), buckets = map_create(pass->scratch);
    uintptr_t number = 0;
    for (int i = 0; i < graph->input_count; i++)
        map_set_pointer(&numbers, graph->inputs[i], (void *)++number);
    for (int i = 0; i < graph->constant_count; i++)
        map_set_pointer(&numbers, graph->constants[i], (void *)++number);
    FOR_EACH_NODE_SAFE (node, graph) {
        if (may_merge(node) && pass_allows(pass)) {
            uint64_t hash = node_hash(&numbers, node);
            Bucket *first = map_get_bytes(&buckets, &hash, sizeof hash), *known = first;
            while (known && !same_nodes(known->node, node))
                known = known->next;
            if (known) {
                merge_into(pass, known->node, node);
                continue;
            }
            Bucket *added = ARENA_NEW(pass->scratch, Bucket);
            *added = (Bucket){node, first};
            map_set_bytes(&buckets, arena_copy(pass->scratch, &hash, sizeof hash), sizeof hash,
                          added);
        }
        for (int i = 0; i < node->result_count; i++)
            map_set_pointer(&numbers, result(node, i), (void *)++number);
    }
    return pass_result(pass, before);
}

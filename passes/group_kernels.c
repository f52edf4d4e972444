/* SPDX-License-Identifier: Apache-2.0
 *
 * group-kernels: decides which nodes become one kernel, and makes a tenon.group of them.
 *
 * Groups grow from seeds, in three rounds, each in the order of the graph:
 *
 *   1. contractions (matrix products, convolutions, pools) take the maps that follow them, on the
 *      tile while it is in registers, and the transposes of their operands, which packing reads
 *      through;
 *   2. row groups: softmax, normalisations, and reductions of the last axes take maps before and
 *      after them that work on the same rows, and each other: a mean, a variance and what is done
 *      with them become one pass over each row;
 *   3. maps of one shape take each other.
 *
 * A group is convex: no path leaves it and comes back, also not through other groups, so that the
 * graph of groups has an order. Nothing is computed twice: a value that somebody outside reads is
 * stored and stays a result of the group. A contraction's group has one result: the tile has one
 * store.
 *
 * The price of an edge between two kernels is the time of its bytes where they would live, and a
 * step of the program; what fusing costs is work that is not as good as alone. An edge is fused if
 * it gains. The numbers need not be exact: nearly all edges gain, and those that do not are large
 * and reread.
 *
 * View operators cost nothing between kernels and stay outside; sink-views has moved them out of
 * the way where it could.
 */
#include "ir/support/array.h"
#include "passes/kernel_facts.h"
#include "passes/rewrite.h"

#include <math.h>
#include <stdlib.h>

typedef enum GroupKind { GROUP_contraction, GROUP_rows, GROUP_maps } GroupKind;

enum { MEMBERS_MAX = 32, TENSORS_MAX = 24 };

typedef struct KernelGroup {
    GroupKind kind;
    int count;
    Node *members[MEMBERS_MAX]; /* in the order in which they joined */
    const KernelFacts *seed;
} KernelGroup;

typedef struct Grouping {
    Pass *pass;
    Graph *graph;
    ExprPool *pool;
    int node_count;
    Node **nodes; /* by id */
    KernelFacts *facts;
    KernelGroup **group_of; /* by id; NULL: none */
    bool *bound;            /* by id: a result's elements are read by the program */
    int *visited, visit;
    const Node **stack;
    ARRAY(KernelGroup *) groups;
} Grouping;

/* ---- The price of an edge ---------------------------------------------------------------- */

#define STEP_NANOSECONDS 400.0 /* to start a kernel on all threads and to wait for the last one */

enum { TIMES_REREAD = 10 }; /* an operand of a product that is not packed, by a guess */

/* Nanoseconds to move a byte to or from where a tensor of that size lives: the second cache, the
 * third one, or memory. Read by one core of a Zen 5 server. */
static double price_of_byte(double bytes)
{
    static const struct {
        double most, gigabytes_a_second;
    } levels[] = {{512e3, 268}, {24e6, 112}, {INFINITY, 42}};
    int level = 0;
    while (bytes > levels[level].most)
        level++;
    return 1 / levels[level].gigabytes_a_second;
}

/* What is saved: reading the value, and writing it if nobody else needs it, and a step. */
static double edge_gain(const KernelFacts *producer, bool is_private)
{
    double moves = is_private ? 2 : 1;
    return STEP_NANOSECONDS + moves * producer->bytes * price_of_byte(producer->bytes);
}

/* A transpose that is read through instead of done: the contraction's packing gathers. What cannot
 * be packed, because nobody knows how long the sums are, is read with the operand's own strides
 * again and again, from a cache that it does not fit well. */
static double read_through_cost(const Grouping *g, const Node *transpose, const Node *contraction)
{
    const KernelFacts *facts = &g->facts[contraction->id], *moved = &g->facts[transpose->id];
    double once = moved->bytes * price_of_byte(moved->bytes);
    int lanes = facts->lane_operand;
    bool is_packed =
        lanes < 0 || operand(contraction, lanes) != result(transpose, 0) || facts->sums_known;
    return (moved->strided ? once : 0) + (is_packed ? 0 : TIMES_REREAD * once);
}

/* ---- Explaining -------------------------------------------------------------------------- */

static const char *label(Arena *arena, const Node *node)
{
    const char *name = node_location(node).node;
    return arena_format(arena, "%s %s", node->op->name, name ? name : "");
}

static void explain(Grouping *g, const Node *from, const Node *to, bool fused, const char *reason)
{
    const KernelFacts *facts = &g->facts[from->id];
    bool is_read_through = facts->moves && g->facts[to->id].shape == SHAPE_contraction;
    Figure figures[] = {{"bytes", facts->bytes},
                        {"gain_ns", edge_gain(facts, has_one_use(result(from, 0)))},
                        {"cost_ns", is_read_through ? read_through_cost(g, from, to) : 0}};
    Arena *arena = g->pass->scratch;
    const char *subject = arena_format(arena, "%s -> %s", label(arena, from), label(arena, to));
    pass_explain(g->pass, subject, fused, reason, (int)COUNT_OF(figures), figures);
}

/* ---- Shapes ------------------------------------------------------------------------------ */

static bool same_dims(const Type *type, int rank, const Expr *const *dims)
{
    bool same = type->rank == rank;
    for (int d = 0; same && d < rank; d++)
        same = type->dims[d] == dims[d];
    return same;
}

static bool same_type_dims(const Type *a, const Type *b)
{
    return same_dims(a, b->rank, b->dims);
}

/* Whether the type has one element for each row of the group's space. */
static bool is_row_shape(const KernelFacts *rows, const Type *type)
{
    if (type->rank != rows->full_rank)
        return false;
    int outer = rows->full_rank - rows->row_axes;
    for (int d = 0; d < type->rank; d++)
        if (d < outer ? type->dims[d] != rows->full[d] : !expr_is(type->dims[d], 1))
            return false;
    return true;
}

static bool same_rows(const KernelFacts *a, const KernelFacts *b)
{
    bool same = a->full_rank == b->full_rank && a->row_axes == b->row_axes;
    for (int d = 0; same && d < a->full_rank; d++)
        same = a->full[d] == b->full[d];
    return same;
}

/* ---- Convexity --------------------------------------------------------------------------- */

static bool is_member(const KernelGroup *group, const Node *node)
{
    for (int i = 0; i < group->count; i++)
        if (group->members[i] == node)
            return true;
    return false;
}

/* A search backward from the group's operands, for a way back into it. */
typedef struct Search {
    Grouping *g;
    const KernelGroup *group;
    const Node *added; /* counts as a member */
    int first;         /* the least number of a member: nothing before it depends on the group */
    const Node **stack;
    int depth;
} Search;

static bool is_inside(const Search *s, const Node *node)
{
    return node == s->added || is_member(s->group, node);
}

/* Whether no member of the group comes after the first of the target. */
static bool is_before(const KernelGroup *group, int first)
{
    for (int i = 0; i < group->count; i++)
        if (group->members[i]->id > first)
            return false;
    return true;
}

static void push(Search *s, const Node *node)
{
    Grouping *g = s->g;
    const KernelGroup *own = g->group_of[node->id];
    bool is_early = own ? is_before(own, s->first) : node->id < s->first;
    if (is_early || g->visited[node->id] == g->visit)
        return;
    for (int i = 0; i < (own ? own->count : 1); i++) {
        const Node *member = own ? own->members[i] : node;
        g->visited[member->id] = g->visit;
        s->stack[s->depth++] = member;
    }
}

/* Pushes what makes the operands. True if a member does, seen from outside. */
static bool push_operands(Search *s, const Node *node)
{
    bool from_inside = is_inside(s, node);
    for (int i = 0; i < node->operand_count; i++) {
        const Node *producer = operand(node, i) ? operand(node, i)->producer : NULL;
        if (!producer)
            continue;
        if (!is_inside(s, producer))
            push(s, producer);
        else if (!from_inside)
            return true;
    }
    return false;
}

/* Whether the group stays convex with one more node, groups counting as one node each. */
static bool stays_convex(Grouping *g, const KernelGroup *group, const Node *added)
{
    Search s = {.g = g, .group = group, .added = added, .first = added->id, .stack = g->stack};
    g->visit++;
    for (int i = 0; i < group->count; i++)
        s.first = group->members[i]->id < s.first ? group->members[i]->id : s.first;
    push_operands(&s, added);
    for (int i = 0; i < group->count; i++)
        push_operands(&s, group->members[i]);
    while (s.depth)
        if (push_operands(&s, s.stack[--s.depth]))
            return false;
    return true;
}

/* ---- Growing ----------------------------------------------------------------------------- */

static bool is_free(const Grouping *g, const Node *node)
{
    return !g->group_of[node->id] && !g->bound[node->id];
}

/* Values that a node reads from outside of the group. */
static int outside_count(const KernelGroup *group, const Node *node)
{
    int count = 0;
    for (int i = 0; i < node->operand_count; i++)
        count += operand(node, i) &&
                 !(operand(node, i)->producer && is_member(group, operand(node, i)->producer));
    return count;
}

static bool has_room(const KernelGroup *group, const Node *node)
{
    int count = outside_count(group, node);
    for (int i = 0; i < group->count; i++)
        count += outside_count(group, group->members[i]);
    return group->count < MEMBERS_MAX && count <= TENSORS_MAX;
}

static bool escapes(const KernelGroup *group, const Value *value)
{
    FOR_EACH_USE (use, value)
        if (!use->user || !is_member(group, use->user))
            return true;
    return false;
}

static int escape_count(const KernelGroup *group)
{
    int count = 0;
    for (int i = 0; i < group->count; i++)
        for (int r = 0; r < group->members[i]->result_count; r++)
            count += escapes(group, result(group->members[i], r));
    return count;
}

/* Whether a node may join, and if not, why. `from` -> `to` is the edge that brings it in. */
typedef const char *JoinTest(Grouping *g, const KernelGroup *group, const Node *from,
                             const Node *to, const Node *joining);

/* NULL: it may. */
static const char *refusal(Grouping *g, const KernelGroup *group, const Node *from, const Node *to,
                           const Node *joining, JoinTest *test)
{
    if (g->facts[joining->id].shape == SHAPE_none)
        return "no kernel: a host function or control flow";
    if (g->facts[joining->id].shape == SHAPE_view)
        return "a view costs nothing";
    if (g->bound[joining->id])
        return "sizes are read from its elements";
    if (g->group_of[joining->id])
        return "in another group";
    if (!has_room(group, joining))
        return "the group is full";
    const char *reason = test(g, group, from, to, joining);
    if (reason)
        return reason;
    return stays_convex(g, group, joining) ? NULL : "a path leaves the group and comes back";
}

static const char *fits_epilogue(Grouping *g, const KernelGroup *group, const Node *from,
                                 const Node *to, const Node *joining)
{
    (void)to;
    const KernelFacts *facts = &g->facts[joining->id];
    if (facts->shape != SHAPE_map)
        return "not a map";
    if (facts->strided)
        return "reads across the tile";
    if (facts->elements != group->seed->elements)
        return "another shape";
    bool is_same = same_type_dims(result(joining, 0)->type, result(from, 0)->type);
    return is_same || facts->moves ? NULL : "another shape";
}

static const char *fits_rows(Grouping *g, const KernelGroup *group, const Node *from,
                             const Node *to, const Node *joining)
{
    (void)from;
    (void)to;
    const KernelFacts *facts = &g->facts[joining->id];
    const Type *type = result(joining, 0)->type;
    if (facts->shape == SHAPE_reduction || facts->shape == SHAPE_rows)
        return same_rows(facts, group->seed) ? NULL : "other rows";
    if (facts->shape != SHAPE_map)
        return "not of rows";
    if (facts->strided)
        return "reads across rows";
    bool fits = same_dims(type, group->seed->full_rank, group->seed->full) ||
                is_row_shape(group->seed, type);
    return fits ? NULL : "another shape";
}

static const char *fits_maps(Grouping *g, const KernelGroup *group, const Node *from,
                             const Node *to, const Node *joining)
{
    (void)from;
    (void)to;
    const KernelFacts *facts = &g->facts[joining->id];
    if (facts->shape != SHAPE_map)
        return "not a map";
    if (facts->strided)
        return "reads across memory";
    return same_type_dims(result(joining, 0)->type, result(group->members[0], 0)->type)
               ? NULL
               : "another shape";
}

static void join(Grouping *g, KernelGroup *group, Node *node)
{
    group->members[group->count++] = node;
    g->group_of[node->id] = group;
}

static void leave_last(Grouping *g, KernelGroup *group)
{
    g->group_of[group->members[--group->count]->id] = NULL;
}

/* Takes in the first user of the group's values that may join; false if there is none. */
static bool grow_down(Grouping *g, KernelGroup *group, JoinTest *test)
{
    for (int i = 0; i < group->count; i++) {
        Node *from = group->members[i];
        FOR_EACH_USE (use, result(from, 0)) {
            Node *to = use->user;
            if (!to || is_member(group, to) || refusal(g, group, from, to, to, test))
                continue;
            join(g, group, to);
            return true;
        }
    }
    return false;
}

/* The same for what makes the group's operands. */
static bool grow_up(Grouping *g, KernelGroup *group, JoinTest *test)
{
    for (int i = 0; i < group->count; i++) {
        Node *to = group->members[i];
        for (int k = 0; k < to->operand_count; k++) {
            Node *from = operand(to, k) ? operand(to, k)->producer : NULL;
            if (!from || is_member(group, from) || refusal(g, group, from, to, from, test))
                continue;
            join(g, group, from);
            return true;
        }
    }
    return false;
}

/* ---- The three rounds -------------------------------------------------------------------- */

static KernelGroup *start_group(Grouping *g, GroupKind kind, Node *seed)
{
    KernelGroup *group = ARENA_NEW(g->pass->scratch, KernelGroup);
    group->kind = kind;
    group->seed = &g->facts[seed->id];
    join(g, group, seed);
    return group;
}

/* Keeps the group if it has more than its seed, and the change is allowed. */
static void finish_group(Grouping *g, KernelGroup *group)
{
    if (group->count > 1 && pass_allows(g->pass)) {
        static const char *const rules[] = {"contraction", "rows", "maps"};
        array_push(g->pass->scratch, &g->groups, group);
        pass_count(g->pass, rules[group->kind]);
        return;
    }
    while (group->count)
        leave_last(g, group);
}

/* NULL: the node is a transpose that the contraction reads through. */
static const char *refuse_transpose(Grouping *g, const Node *from, const Node *to)
{
    const KernelFacts *facts = &g->facts[from->id];
    if (facts->shape != SHAPE_map || !facts->moves ||
        facts->elements != estimate_elements(g->pool, operand_type(from, 0)) ||
        operand_type(from, 0)->element != result(from, 0)->type->element)
        return "no transpose";
    if (!has_one_use(result(from, 0)))
        return "others read it, too";
    return edge_gain(facts, true) > read_through_cost(g, from, to) ? NULL
                                                                   : "costs more than it gains";
}

static void take_transposes(Grouping *g, KernelGroup *group, const Node *seed)
{
    for (int k = 0; k < seed->operand_count; k++) {
        Node *from = operand(seed, k) ? operand(seed, k)->producer : NULL;
        if (from && is_free(g, from) && !refuse_transpose(g, from, seed) && has_room(group, from) &&
            stays_convex(g, group, from))
            join(g, group, from);
    }
}

static void group_contraction(Grouping *g, Node *seed)
{
    KernelGroup *group = start_group(g, GROUP_contraction, seed);
    int best = 1;
    while (grow_down(g, group, fits_epilogue))
        if (escape_count(group) == 1)
            best = group->count;
    while (group->count > best)
        leave_last(g, group);
    take_transposes(g, group, seed);
    finish_group(g, group);
}

static void group_rows(Grouping *g, Node *seed)
{
    KernelGroup *group = start_group(g, GROUP_rows, seed);
    while (grow_down(g, group, fits_rows) || grow_up(g, group, fits_rows))
        ;
    finish_group(g, group);
}

static void group_maps(Grouping *g, Node *seed)
{
    if (g->facts[seed->id].strided)
        return;
    KernelGroup *group = start_group(g, GROUP_maps, seed);
    while (grow_down(g, group, fits_maps) || grow_up(g, group, fits_maps))
        ;
    finish_group(g, group);
}

static void for_each_seed(Grouping *g, KernelShape a, KernelShape b,
                          void (*grow)(Grouping *, Node *))
{
    for (int i = 0; i < g->node_count; i++) {
        KernelShape shape = g->facts[i].shape;
        if ((shape == a || shape == b) && is_free(g, g->nodes[i]))
            grow(g, g->nodes[i]);
    }
}

/* ---- Every edge, explained --------------------------------------------------------------- */

static const char *why_apart(Grouping *g, const Node *from, const Node *to)
{
    static JoinTest *const tests[] = {fits_epilogue, fits_rows, fits_maps};
    const KernelGroup *group = g->group_of[from->id] ? g->group_of[from->id] : g->group_of[to->id];
    if (!group)
        return g->facts[from->id].shape == SHAPE_view || g->facts[to->id].shape == SHAPE_view
                   ? "a view costs nothing"
                   : "no group takes either";
    const Node *joining = group == g->group_of[to->id] ? from : to;
    if (joining == from && &g->facts[to->id] == group->seed && !g->group_of[from->id] &&
        g->facts[from->id].shape == SHAPE_map && group->kind == GROUP_contraction)
        return refuse_transpose(g, from, to);
    const char *reason = refusal(g, group, from, to, joining, tests[group->kind]);
    return reason ? reason : "the group would have two results";
}

static void explain_edges(Grouping *g)
{
    for (int i = 0; pass_explains(g->pass) && i < g->node_count; i++) {
        const Node *to = g->nodes[i];
        for (int k = 0; k < to->operand_count; k++) {
            const Node *from = operand(to, k) ? operand(to, k)->producer : NULL;
            if (!from)
                continue;
            const KernelGroup *group = g->group_of[i];
            bool fused = group && group == g->group_of[from->id];
            explain(g, from, to, fused, fused ? "one kernel" : why_apart(g, from, to));
        }
    }
}

/* ---- Making the groups ------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    return (*(Node *const *)a)->id - (*(Node *const *)b)->id;
}

/* Appends the node, or the group that it is in, after all that it depends on. */
static void place(Grouping *g, Node *node, Node **order, int *placed)
{
    if (g->visited[node->id] == g->visit)
        return;
    KernelGroup *group = g->group_of[node->id];
    int count = group ? group->count : 1;
    Node **members = group ? group->members : &node;
    for (int i = 0; i < count; i++)
        g->visited[members[i]->id] = g->visit;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < members[i]->operand_count; k++)
            if (operand(members[i], k) && operand(members[i], k)->producer)
                place(g, operand(members[i], k)->producer, order, placed);
    order[(*placed)++] = members[0];
}

static void make_groups(Grouping *g)
{
    for (int64_t i = 0; i < g->groups.count; i++)
        qsort(g->groups.items[i]->members, (size_t)g->groups.items[i]->count, sizeof(Node *),
              compare_ids);
    Node **order = ARENA_ARRAY(g->pass->scratch, Node *, g->node_count + 1);
    int placed = 0;
    g->visit++;
    for (int i = 0; i < g->node_count; i++)
        place(g, g->nodes[i], order, &placed);
    for (int i = 0; i < placed; i++) {
        KernelGroup *group = g->group_of[order[i]->id];
        if (group)
            graph_outline(g->graph, group->members, group->count, NULL);
        else
            node_move_before(order[i], NULL);
    }
}

static void mark_bound(Grouping *g)
{
    const Model *model = g->graph->model;
    for (int64_t i = 0; i < model->binding_count; i++) {
        const Value *value = model->bindings[i].value;
        if (value->graph == g->graph && value->producer)
            g->bound[value->producer->id] = true;
    }
}

PassResult pass_group_kernels(Pass *pass, Graph *graph)
{
    int64_t before = pass->changes;
    Arena *scratch = pass->scratch;
    graph_number(graph);
    int count = graph->node_count;
    Grouping g = {
        .pass = pass,
        .graph = graph,
        .pool = pass->model->pool,
        .node_count = count,
        .nodes = ARENA_ARRAY(scratch, Node *, count + 1),
        .facts = ARENA_ARRAY(scratch, KernelFacts, count + 1),
        .group_of = ARENA_ARRAY(scratch, KernelGroup *, count + 1),
        .bound = ARENA_ARRAY(scratch, bool, count + 1),
        .visited = ARENA_ARRAY(scratch, int, count + 1),
        .stack = ARENA_ARRAY(scratch, const Node *, count + 1),
    };
    FOR_EACH_NODE (node, graph) {
        g.nodes[node->id] = node;
        g.facts[node->id] = kernel_facts(g.pool, node);
    }
    mark_bound(&g);
    for_each_seed(&g, SHAPE_contraction, SHAPE_contraction, group_contraction);
    for_each_seed(&g, SHAPE_rows, SHAPE_reduction, group_rows);
    for_each_seed(&g, SHAPE_map, SHAPE_map, group_maps);
    explain_edges(&g);
    if (pass->changes != before)
        make_groups(&g);
    return pass_result(pass, before);
}

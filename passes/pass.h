/* SPDX-License-Identifier: Apache-2.0
 *
 * Passes: what one is, and what it works with.
 *
 * A pass is a function over one graph. The driver (passes/run.h) visits the regions of a graph
 * before the graph itself, but not the bodies of fused groups, which are done. Everything that is
 * the same for all passes is the driver's: verification, printing, timing, counting, stopping.
 *
 * A pass counts its changes, one by one, each under the name of a rule, and asks for leave before
 * it makes one: this is how --bisect finds the first change that goes wrong.
 *
 *     if (!pass_allows(pass))
 *         break;
 *     value_replace_uses(result(node, 0), operand(node, 0));
 *     pass_count(pass, "identity");
 */
#ifndef PASSES_PASS_H
#define PASSES_PASS_H

#include "ir/graph/graph.h"
#include "ir/ops/op.h"

typedef enum PassResult { PASS_FAILED, PASS_UNCHANGED, PASS_CHANGED } PassResult;

typedef struct Pass Pass;

/* Problems with the user's model are reported to pass->diagnostics, then PASS_FAILED. */
typedef PassResult PassFunction(Pass *pass, Graph *graph);

#define PASS(function, name, scope, summary) PassFunction pass_##function;
#define OPTION(pass, name, default_value, doc)
#include "passes/passes.def"

typedef enum PassScope {
    SCOPE_graphs, /* the graph and, before it, every region in it */
    SCOPE_model,  /* the main graph alone: the pass looks into regions itself, or need not */
} PassScope;

typedef struct PassDef {
    const char *name; /* as in pipelines: "fold-constants" */
    PassScope scope;
    const char *summary;
    PassFunction *run;
} PassDef;

typedef struct OptionDef {
    const char *pass, *name;
    int64_t default_value;
    const char *doc;
} OptionDef;

extern const PassDef pass_table[];
extern const int pass_table_count;
extern const OptionDef pass_option_table[];
extern const int pass_option_table_count;
const PassDef *pass_find(const char *name, size_t length); /* NULL if there is none */

/* An option as given: fold-constants{small = 64}. */
typedef struct PassOption {
    const char *name;
    int64_t value;
    Location location;
    const struct PassOption *next;
} PassOption;

struct Pass {
    const PassDef *def;
    const PassOption *options;
    Model *model;
    InferContext *infer;
    Diagnostics *diagnostics;
    Arena *scratch; /* released after the pass */
    struct PassRun *run;
    int64_t changes; /* of this run of the pass, in all graphs */
};

/* Whether the pass may make one more change. */
bool pass_allows(const Pass *pass);
/* Counts a change that was made, under the name of its rule. */
void pass_count(Pass *pass, const char *rule);
/* PASS_CHANGED if changes were counted since `before`, which was pass->changes. */
PassResult pass_result(const Pass *pass, int64_t before);

/* Infers a node again and sets *changed if that made another type of a result. */
bool pass_infer_again(Pass *pass, Node *node, bool *changed);

/* The option's value, or its default from passes.def. */
int64_t pass_option(const Pass *pass, const char *name);

/* ---- Explanations ------------------------------------------------------------------------ */

/* Why something was done, or was not: a verdict on a subject, with the numbers that decided. Names
 * are literals. */
typedef struct Figure {
    const char *name;
    double value;
} Figure;

enum { FIGURES_MAX = 8 };

typedef struct Explanation {
    const char *pass;
    const char *subject; /* "conv_1 -> relu_1" */
    bool done;
    const char *reason;
    int figure_count;
    Figure figures[FIGURES_MAX];
} Explanation;

/* Whether anybody listens: making explanations may cost. */
bool pass_explains(const Pass *pass);
void pass_explain(Pass *pass, const char *subject, bool done, const char *reason, int figure_count,
                  const Figure *figures);

#endif

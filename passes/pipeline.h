/* SPDX-License-Identifier: Apache-2.0
 *
 * Pipelines: passes in order, as a line of text.
 *
 *     pipeline = step {',' step}
 *     step     = name ['{' key '=' number {',' key '=' number} '}']
 *              | 'repeat' ['{' 'rounds' '=' number '}'] '(' pipeline ')'
 *              | '@' name of a pipeline in pipelines.def
 *
 * repeat goes on until a round changes nothing; after its last round (10) it complains and goes on.
 */
#ifndef PASSES_PIPELINE_H
#define PASSES_PIPELINE_H

#include "passes/pass.h"

typedef enum PipelineStepKind { STEP_pass, STEP_repeat, STEP_named } PipelineStepKind;

typedef struct PipelineStep {
    PipelineStepKind kind;
    Location location;
    const PassDef *pass;             /* of a pass */
    const PassOption *options;       /* of a pass */
    const char *name;                /* of a named pipeline */
    int rounds;                      /* of a repeat */
    const struct PipelineStep *body; /* of a repeat, and of a named pipeline: its steps */
    const struct PipelineStep *next;
} PipelineStep;

enum { ROUNDS_DEFAULT = 10, ROUNDS_MOST = 1000 };

typedef struct PipelineDef {
    const char *name, *text;
} PipelineDef;
extern const PipelineDef pipeline_table[];
extern const int pipeline_count;
const PipelineDef *pipeline_find(const char *name);

/* False and diagnostics where the text is not a pipeline. An empty text is one without steps. */
bool pipeline_parse(Arena *arena, const char *text, Diagnostics *diagnostics,
                    const PipelineStep **steps);
/* Canonical: parsing it gives the same steps. */
void pipeline_print(const PipelineStep *steps, Text *text);

typedef struct OrderDef {
    const char *before, *after; /* passes, as in pipelines */
    const char *why;
} OrderDef;
extern const OrderDef order_table[];
extern const int order_count;
/* The first step that runs the pass of that name; NULL: none does. */
const PipelineStep *pipeline_find_step(const PipelineStep *steps, const char *pass);
/* Where two passes of order.def both occur, the first occurrence of `before` must come first. */
bool pipeline_check_order(const PipelineStep *steps, Diagnostics *diagnostics);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The oldest operator set and IR version in which a model can be said: what the writers stamp,
 * since other runtimes lag behind the newest ones. Operators keep their newest form; only the stamp
 * is older, and attributes that have their default are left out.
 */
#ifndef FRONTEND_OPSET_LOWEST_H
#define FRONTEND_OPSET_LOWEST_H

#include "ir/graph/graph.h"

/* The first version of ai.onnx in which the node means the same. Regions are not looked at; nodes
 * of other domains give 1. */
int64_t opset_lowest_of_node(const Node *node);
/* For all nodes of a graph and of its regions; at least 7, which the oldest runtimes read. */
int64_t opset_lowest(const Graph *graph);
/* Which IR version came with a version of ai.onnx. */
int64_t ir_version_of_opset(int64_t opset);
/* The oldest that has the operator set, and the element types of all values and constants. */
int64_t ir_version_lowest(const Graph *graph, int64_t opset);

#endif

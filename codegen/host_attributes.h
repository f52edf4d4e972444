/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEGEN_HOST_ATTRIBUTES_H
#define CODEGEN_HOST_ATTRIBUTES_H

#include "ir/graph/graph.h"
#include "runtime/host/host.h"

/* One for each row of the operator's table. The data of tensors is borrowed from the node. */
const HostAttribute *host_attributes(Arena *arena, const Node *node);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Upgrade rules: nodes of older operator versions become nodes of the newest while a model is
 * imported. A rule sees the document's node and its operands as values with types, and makes what
 * the node means today: new nodes with the editor, or a changed copy of the node, finished the
 * ordinary way.
 *
 *     static bool upgrade_squeeze(Upgrade *upgrade)   (until 13: axes as an attribute)
 *     {
 *         const AttributeProto *axes = node_proto_attribute(upgrade->node, "axes");
 *         NodeProto *node = upgrade_copy_without(upgrade, "axes");
 *         Value *operands[] = {upgrade->operands[0],
 *                              axes ? edit_int64s(upgrade->editor, axes->ints.count,
 *                                                 axes->ints.items) : NULL};
 *         return upgrade_finish(upgrade, node, 2, operands);
 *     }
 */
#ifndef FRONTEND_OPSET_UPGRADE_H
#define FRONTEND_OPSET_UPGRADE_H

#include "frontend/document.h"
#include "ir/ops/edit.h"

typedef struct Upgrade {
    Editor *editor;
    const NodeProto *node; /* references to a function's attributes are replaced already */
    int64_t version;       /* which the model, or the function, imports of the node's domain */
    Location location;     /* of the node, for diagnostics */
    int operand_count;
    Value *const *operands; /* NULL: absent */
    int result_count;       /* as node->output; one that is not wanted has an empty name there */
    Value **results;        /* to be set: every one that is wanted */
    struct Importer *importer;
} Upgrade;

/* False after a diagnostic, or when the editor has failed. */
typedef bool UpgradeRule(Upgrade *upgrade);

/* The rule for a node of a model of that version; NULL where the node means the same today (or the
 * operator is unknown). Domain "ai.onnx" is "". Also knows operators that exist no longer. */
UpgradeRule *upgrade_find(TnString domain, TnString name, int64_t version);

/* A copy of the node to be changed: its lists are its own, what they point at is shared. */
NodeProto *upgrade_copy(Upgrade *upgrade);
NodeProto *upgrade_copy_without(Upgrade *upgrade, const char *attribute);
void upgrade_remove_attribute(NodeProto *copy, const char *attribute);
void upgrade_set_int(Upgrade *upgrade, NodeProto *copy, const char *attribute, int64_t value);
void upgrade_set_ints(Upgrade *upgrade, NodeProto *copy, const char *attribute, int64_t count,
                      const int64_t *values);
void upgrade_set_float(Upgrade *upgrade, NodeProto *copy, const char *attribute, float value);
void upgrade_set_string(Upgrade *upgrade, NodeProto *copy, const char *attribute,
                        const char *value);

/* Makes the node of the newest operator called node->op_type from a changed copy and these operands
 * (NULL: absent), and sets the results. The rest of the importer; frontend/import_node.c. */
bool upgrade_finish(Upgrade *upgrade, const NodeProto *node, int operand_count,
                    Value *const *operands);
/* A tensor attribute's value as a constant; NULL after a diagnostic. */
const Constant *upgrade_tensor(Upgrade *upgrade, const TensorProto *tensor);

#endif

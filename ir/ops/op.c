/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of operators.
 */
#include "ir/ops/op.h"
#include "ir/support/array.h"

#include <string.h>

const OpDef *const op_table[] = {
#define OP(name) &op_##name,
#include "ir/ops/ops.def"
};

const int op_count = (int)COUNT_OF(op_table);

const OpDef *op_find(const char *domain, const char *name)
{
    if (!domain || !strcmp(domain, "ai.onnx"))
        domain = "";
    for (int i = 0; i < op_count; i++) {
        const OpDef *op = op_table[i];
        if (op->name[0] == name[0] && !strcmp(op->name, name) && !strcmp(op->domain, domain))
            return op;
    }
    return NULL;
}

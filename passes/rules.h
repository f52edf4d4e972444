/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of canonicalize, by what they are about.
 */
#ifndef PASSES_RULES_H
#define PASSES_RULES_H

#include "passes/rewrite.h"

typedef struct RuleSet {
    const Rule *const *rules;
    int count;
} RuleSet;

extern const RuleSet arithmetic_rules; /* rules_arithmetic.c */
extern const RuleSet view_rules;       /* rules_view.c: reshapes, transposes, copies of a part */
extern const RuleSet window_rules;     /* rules_window.c: padding */
extern const RuleSet control_rules;    /* rules_control.c: branches, values known from sizes */

#endif

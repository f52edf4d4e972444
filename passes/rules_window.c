/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of canonicalize: padding that windows can do themselves.
 */
#include "ir/support/array.h"
#include "passes/rules.h"

const RuleSet window_rules = {NULL, 0};

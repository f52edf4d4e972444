/* SPDX-License-Identifier: Apache-2.0
 *
 * What the upgrade rules have in common. A rule may rely on nothing that its node says: operands
 * may be missing and attributes may have the wrong type. What a rule does not look at, the checks
 * of the newest operator do.
 */
#ifndef FRONTEND_OPSET_RULES_H
#define FRONTEND_OPSET_RULES_H

#include "frontend/opset/upgrade.h"

enum { ANY_VERSION = 1000 };

#define UPGRADE(domain, operator, until, rule) UpgradeRule upgrade_##rule;
#include "frontend/opset/upgrade.def"

/* One attribute of a new node: the member that its kind asks for. The list ends with a NULL name.
 */
typedef struct Setting {
    const char *name;
    int64_t integer;
    float real;
    const char *string; /* of a string or a choice */
} Setting;

/* A new node of the newest operator, with one result; NULL after a diagnostic. Operands follow as
 * Value *. settings may be NULL. */
Value *rule_make(Upgrade *upgrade, const char *op, const Setting *settings, int operand_count, ...);

/* The operand, NULL if it is absent. */
Value *rule_operand(const Upgrade *upgrade, int i);
/* Ends a rule that has nothing to change but the attributes. */
bool rule_keep(Upgrade *upgrade, const NodeProto *node);
/* False after a "not supported" diagnostic that names operator and version. */
bool rule_unsupported(Upgrade *upgrade, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool rule_error(Upgrade *upgrade, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The rank of an operand that is there; false after a diagnostic where it is unknown. */
bool rule_rank(Upgrade *upgrade, int i, int *rank);
TnElementType rule_element(const Upgrade *upgrade, int i);
bool rule_wants(const Upgrade *upgrade, int result);

/* Values of attributes. One of another type is reported, and fails the rule at its end. */
int64_t rule_int(Upgrade *upgrade, const char *attribute, int64_t absent);
double rule_float(Upgrade *upgrade, const char *attribute, double absent);
bool rule_has(const Upgrade *upgrade, const char *attribute);
bool rule_string_is(const Upgrade *upgrade, const char *attribute, const char *text);
/* An int list attribute as a constant; NULL where there is none. */
Value *rule_ints(Upgrade *upgrade, const char *attribute);
/* A scalar of the first operand's element type; NULL after a diagnostic if that is no number. */
Value *rule_number(Upgrade *upgrade, double number);
/* A float list as float32 numbers of rank 1. */
Value *rule_floats(Upgrade *upgrade, int64_t count, const float *values);
Arena *rule_arena(const Upgrade *upgrade);

#endif

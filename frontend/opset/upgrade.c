/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of upgrade rules, and what rules build with: copies of nodes, new nodes.
 */
#include "frontend/opset/rules.h"
#include "ir/ops/op.h"
#include "runtime/element.h"

#include <assert.h>
#include <string.h>

typedef struct UpgradeRow {
    const char *domain, *op;
    int until;
    UpgradeRule *rule;
} UpgradeRow;

static const UpgradeRow rows[] = {
#define UPGRADE(domain, operator, until, rule) {domain, operator, until, upgrade_##rule},
#include "frontend/opset/upgrade.def"
};

/* Until opset 6 many operators had a list of inputs whose memory they might reuse. */
static bool upgrade_consumed_inputs(Upgrade *upgrade)
{
    return rule_keep(upgrade, upgrade_copy(upgrade));
}

UpgradeRule *upgrade_find(TnString domain, TnString name, int64_t version)
{
    domain = proto_domain(domain);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (version < rows[i].until && proto_equals(name, rows[i].op) &&
            proto_equals(domain, rows[i].domain))
            return rows[i].rule;
    }
    return domain.length == 0 && version < 6 ? upgrade_consumed_inputs : NULL;
}

/* ---- Copies ------------------------------------------------------------------------------ */

NodeProto *upgrade_copy(Upgrade *upgrade)
{
    Arena *arena = rule_arena(upgrade);
    const NodeProto *node = upgrade->node;
    NodeProto *copy = MESSAGE_NEW(arena, NodeProto);
    *copy = *node;
    memset(&copy->attribute, 0, sizeof copy->attribute);
    for (int64_t i = 0; i < node->attribute.count; i++)
        array_push(arena, &copy->attribute, node->attribute.items[i]);
    upgrade_remove_attribute(copy, "consumed_inputs");
    return copy;
}

NodeProto *upgrade_copy_without(Upgrade *upgrade, const char *attribute)
{
    NodeProto *copy = upgrade_copy(upgrade);
    upgrade_remove_attribute(copy, attribute);
    return copy;
}

void upgrade_remove_attribute(NodeProto *copy, const char *attribute)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < copy->attribute.count; i++) {
        if (!proto_equals(copy->attribute.items[i]->name, attribute))
            copy->attribute.items[kept++] = copy->attribute.items[i];
    }
    copy->attribute.count = kept;
}

/* An empty attribute of that name in place of any that the node has. */
static AttributeProto *new_attribute(Upgrade *upgrade, NodeProto *copy, const char *name,
                                     ProtoAttributeType type)
{
    Arena *arena = rule_arena(upgrade);
    upgrade_remove_attribute(copy, name);
    AttributeProto *attribute = MESSAGE_NEW(arena, AttributeProto);
    attribute->base = upgrade->node->base;
    attribute->base.unknown = NULL;
    PROTO_SET(attribute, name, proto_string(name));
    PROTO_SET(attribute, type, (int32_t)type);
    array_push(arena, &copy->attribute, attribute);
    return attribute;
}

void upgrade_set_int(Upgrade *upgrade, NodeProto *copy, const char *attribute, int64_t value)
{
    AttributeProto *made = new_attribute(upgrade, copy, attribute, PROTO_ATTRIBUTE_INT);
    PROTO_SET(made, i, value);
}

void upgrade_set_ints(Upgrade *upgrade, NodeProto *copy, const char *attribute, int64_t count,
                      const int64_t *values)
{
    AttributeProto *made = new_attribute(upgrade, copy, attribute, PROTO_ATTRIBUTE_INTS);
    for (int64_t i = 0; i < count; i++)
        array_push(rule_arena(upgrade), &made->ints, values[i]);
}

void upgrade_set_float(Upgrade *upgrade, NodeProto *copy, const char *attribute, float value)
{
    AttributeProto *made = new_attribute(upgrade, copy, attribute, PROTO_ATTRIBUTE_FLOAT);
    PROTO_SET(made, f, value);
}

void upgrade_set_string(Upgrade *upgrade, NodeProto *copy, const char *attribute, const char *value)
{
    AttributeProto *made = new_attribute(upgrade, copy, attribute, PROTO_ATTRIBUTE_STRING);
    PROTO_SET(made, s, proto_string(value));
}

/* ---- New nodes --------------------------------------------------------------------------- */

static void apply_setting(const OpDef *op, void *attributes, const Setting *setting)
{
    const AttributeDef *def = NULL;
    for (int i = 0; i < op->attribute_count; i++) {
        if (!strcmp(op->attributes[i].name, setting->name))
            def = &op->attributes[i];
    }
    assert(def);
    void *field = (char *)attributes + def->offset;
    if (def->kind == ATTRIBUTE_int)
        *(int64_t *)field = setting->integer;
    else if (def->kind == ATTRIBUTE_element)
        *(int *)field = (int)setting->integer;
    else if (def->kind == ATTRIBUTE_float)
        *(float *)field = setting->real;
    else if (def->kind == ATTRIBUTE_string)
        *(TnString *)field = proto_string(setting->string);
    else if (def->kind == ATTRIBUTE_choice)
        *(int *)field = choice_find(def->choices, setting->string, strlen(setting->string));
    else
        assert(!"a kind of attribute that rules do not set");
}

Value *rule_make(Upgrade *upgrade, const char *name, const Setting *settings, int operand_count,
                 ...)
{
    enum { MOST = 8 };
    Value *operands[MOST];
    assert(operand_count <= MOST);
    va_list list;
    va_start(list, operand_count);
    for (int i = 0; i < operand_count; i++)
        operands[i] = va_arg(list, Value *);
    va_end(list);
    if (upgrade->editor->failed)
        return NULL;
    const OpDef *op = op_find("", name);
    if (!op) {
        rule_unsupported(upgrade, "it needs %s, which is not there", name);
        return NULL;
    }
    void *attributes = NULL;
    if (op->attributes_size) {
        attributes = arena_allocate(rule_arena(upgrade), op->attributes_size);
        attributes_set_defaults(op->attributes, op->attribute_count, attributes);
    }
    for (; settings && settings->name; settings++)
        apply_setting(op, attributes, settings);
    Node *node = edit_node(upgrade->editor, op, attributes, operand_count, operands, 1, 0);
    return node && edit_infer(upgrade->editor, node) ? result(node, 0) : NULL;
}

bool rule_keep(Upgrade *upgrade, const NodeProto *node)
{
    return upgrade_finish(upgrade, node, upgrade->operand_count, upgrade->operands);
}

/* ---- Questions --------------------------------------------------------------------------- */

Arena *rule_arena(const Upgrade *upgrade)
{
    return upgrade->editor->context->model->arena;
}

Value *rule_operand(const Upgrade *upgrade, int i)
{
    return i < upgrade->operand_count ? upgrade->operands[i] : NULL;
}

bool rule_wants(const Upgrade *upgrade, int result)
{
    return result < upgrade->result_count && upgrade->node->output.items[result].length > 0;
}

__attribute__((format(printf, 3, 0))) static bool report(Upgrade *upgrade, bool unsupported,
                                                         const char *format, va_list list)
{
    const NodeProto *node = upgrade->node;
    Diagnostics *diagnostics = upgrade->editor->context->diagnostics;
    const char *why = arena_format_list(rule_arena(upgrade), format, list);
    int length = (int)node->op_type.length, name_length = (int)node->name.length;
    const char *op = node->op_type.data, *name = node->name.data;
    return unsupported
               ? unsupported_at(diagnostics, upgrade->location, "%.*s-%lld%s%.*s%s: %s", length, op,
                                (long long)upgrade->version, name_length ? " '" : "", name_length,
                                name_length ? name : "", name_length ? "'" : "", why)
               : error_at(diagnostics, upgrade->location, "%.*s-%lld%s%.*s%s: %s", length, op,
                          (long long)upgrade->version, name_length ? " '" : "", name_length,
                          name_length ? name : "", name_length ? "'" : "", why);
}

bool rule_unsupported(Upgrade *upgrade, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    report(upgrade, true, format, list);
    va_end(list);
    return false;
}

bool rule_error(Upgrade *upgrade, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    report(upgrade, false, format, list);
    va_end(list);
    return false;
}

bool rule_rank(Upgrade *upgrade, int i, int *rank)
{
    const Value *value = rule_operand(upgrade, i);
    if (!value)
        return rule_error(upgrade, "operand %d is missing", i);
    if (!type_is_tensor(value->type) || value->type->rank < 0)
        return rule_unsupported(upgrade, "the rank of operand '%s' is not known", value->name);
    *rank = value->type->rank;
    return true;
}

TnElementType rule_element(const Upgrade *upgrade, int i)
{
    const Value *value = rule_operand(upgrade, i);
    return value && type_is_tensor(value->type) ? value->type->element : TN_UNDEFINED;
}

/* An attribute that must be of a type; NULL where it is absent, or wrong and reported. Models of
 * the first IR version do not say what their attributes are. */
static const AttributeProto *find_attribute(Upgrade *upgrade, const char *name,
                                            ProtoAttributeType type, const char *wanted)
{
    const AttributeProto *found = node_proto_attribute(upgrade->node, name);
    if (!found || found->type == (int32_t)type || found->type == PROTO_ATTRIBUTE_UNDEFINED)
        return found;
    if (!upgrade->editor->failed)
        rule_error(upgrade, "its attribute '%s' must be %s", name, wanted);
    upgrade->editor->failed = true;
    return NULL;
}

int64_t rule_int(Upgrade *upgrade, const char *attribute, int64_t absent)
{
    const AttributeProto *found =
        find_attribute(upgrade, attribute, PROTO_ATTRIBUTE_INT, "an integer");
    return found && found->has_i ? found->i : absent;
}

double rule_float(Upgrade *upgrade, const char *attribute, double absent)
{
    const AttributeProto *found =
        find_attribute(upgrade, attribute, PROTO_ATTRIBUTE_FLOAT, "a number");
    return found && found->has_f ? (double)found->f : absent;
}

bool rule_has(const Upgrade *upgrade, const char *attribute)
{
    return node_proto_attribute(upgrade->node, attribute) != NULL;
}

bool rule_string_is(const Upgrade *upgrade, const char *attribute, const char *text)
{
    const AttributeProto *found = node_proto_attribute(upgrade->node, attribute);
    return found && proto_equals(found->s, text);
}

Value *rule_ints(Upgrade *upgrade, const char *attribute)
{
    const AttributeProto *found =
        find_attribute(upgrade, attribute, PROTO_ATTRIBUTE_INTS, "a list of integers");
    return found ? edit_int64s(upgrade->editor, found->ints.count, found->ints.items) : NULL;
}

Value *rule_number(Upgrade *upgrade, double number)
{
    TnElementType element = rule_element(upgrade, 0);
    if (element_kind(element) == ELEMENT_KIND_FLOAT || TYPES_INTEGER & TYPE_BIT(element))
        return edit_real(upgrade->editor, element, number);
    if (!upgrade->editor->failed)
        rule_error(upgrade, "operand 0 is of type %s, which is no number",
                   element == TN_UNDEFINED ? "unknown" : element_name(element));
    upgrade->editor->failed = true;
    return NULL;
}

Value *rule_floats(Upgrade *upgrade, int64_t count, const float *values)
{
    void *data;
    Constant *constant = constant_allocate(rule_arena(upgrade), TN_FLOAT, 1, &count, &data);
    if (count)
        memcpy(data, values, (size_t)count * sizeof *values);
    return edit_constant(upgrade->editor, constant, NULL);
}

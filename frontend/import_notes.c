/* SPDX-License-Identifier: Apache-2.0
 *
 * Notes: what stands beside values, nodes and graphs and means nothing to a compiler.
 */
#include "frontend/importer.h"

static const char *import_text(Importer *importer, TnString text)
{
    return arena_string(importer->arena, text.data, (size_t)text.length);
}

const Notes *import_notes(Importer *importer, TnString doc, int64_t property_count,
                          StringStringEntryProto *const *properties)
{
    if (!doc.length && !property_count)
        return NULL;
    Notes *notes = ARENA_NEW(importer->arena, Notes);
    Property *items = ARENA_ARRAY(importer->arena, Property, property_count + 1);
    for (int64_t i = 0; i < property_count; i++)
        items[i] = (Property){import_text(importer, properties[i]->key),
                              import_text(importer, properties[i]->value)};
    notes->doc = doc.length ? import_text(importer, doc) : NULL;
    notes->properties = items;
    notes->property_count = (int)property_count;
    return notes;
}

static void note_value(Importer *importer, Graph *graph, TnString name, const Notes *notes)
{
    if (!notes)
        return;
    Value *value = graph_find(graph, import_text(importer, name));
    if (value && !value->notes)
        value->notes = notes;
}

static void note_values(Importer *importer, Graph *graph, int64_t count,
                        ValueInfoProto *const *infos)
{
    for (int64_t i = 0; i < count; i++)
        note_value(importer, graph, infos[i]->name,
                   import_notes(importer, infos[i]->doc_string, infos[i]->metadata_props.count,
                                infos[i]->metadata_props.items));
}

void import_graph_notes(Importer *importer, Graph *graph, const GraphProto *proto)
{
    graph->notes = import_notes(importer, proto->doc_string, proto->metadata_props.count,
                                proto->metadata_props.items);
    note_values(importer, graph, proto->input.count, proto->input.items);
    note_values(importer, graph, proto->output.count, proto->output.items);
    note_values(importer, graph, proto->value_info.count, proto->value_info.items);
    for (int64_t i = 0; i < proto->initializer.count; i++) {
        const TensorProto *tensor = proto->initializer.items[i];
        note_value(importer, graph, tensor->name,
                   import_notes(importer, tensor->doc_string, tensor->metadata_props.count,
                                tensor->metadata_props.items));
    }
}

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
    int kept = 0;
    Property *items = ARENA_ARRAY(importer->arena, Property, property_count + 1);
    for (int64_t i = 0; i < property_count; i++)
        if (!import_is_own_note(properties[i]->key))
            items[kept++] = (Property){import_text(importer, properties[i]->key),
                                       import_text(importer, properties[i]->value)};
    if (!doc.length && !kept)
        return NULL;
    Notes *notes = ARENA_NEW(importer->arena, Notes);
    *notes = (Notes){doc.length ? import_text(importer, doc) : NULL, items, kept};
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

void import_value_notes(Importer *importer, Graph *graph, int64_t count,
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
    import_value_notes(importer, graph, proto->input.count, proto->input.items);
    import_value_notes(importer, graph, proto->output.count, proto->output.items);
    import_value_notes(importer, graph, proto->value_info.count, proto->value_info.items);
    for (int64_t i = 0; i < proto->initializer.count; i++) {
        const TensorProto *tensor = proto->initializer.items[i];
        note_value(importer, graph, tensor->name,
                   import_notes(importer, tensor->doc_string, tensor->metadata_props.count,
                                tensor->metadata_props.items));
    }
}

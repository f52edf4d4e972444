/* SPDX-License-Identifier: Apache-2.0
 *
 * A line is "ADDRESS SIZE NAME", in hexadecimal. How long a kernel is nobody says: it goes on until
 * the next one begins, or its mapping ends.
 */
#include "perf_map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Place {
    uintptr_t begin, end; /* end: at most */
    const char *operator, * node;
} Place;

typedef struct PlaceList {
    Arena *arena;
    ARRAY(Place) places;
} PlaceList;

static void collect(PlaceList *list, const Block *block)
{
    for (int64_t i = 0; i < block->step_count; i++) {
        const Step *step = &block->steps[i];
        if (step->kind == STEP_if) {
            collect(list, step->branch.branches[0]);
            collect(list, step->branch.branches[1]);
        } else if (step->kind == STEP_loop) {
            collect(list, step->loop.body);
        } else if (step->kind == STEP_phase && step->phase.code) {
            Place place = {.begin = (uintptr_t)step->phase.code,
                           .operator= step->operator
                           ? step->operator: "kernel",
                           .node = step->name ? step->name : "" };
            array_push(list->arena, &list->places, place);
        }
    }
}

static int compare_places(const void *a, const void *b)
{
    const Place *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Where the mappings of this process end that places are in. */
static void limit_to_mappings(PlaceList *list)
{
    char line[512];
    FILE *file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file)) {
        uintptr_t begin, end;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &begin, &end) != 2)
            continue;
        for (int64_t i = 0; i < list->places.count; i++)
            if (list->places.items[i].begin >= begin && list->places.items[i].begin < end)
                list->places.items[i].end = end;
    }
    if (file)
        fclose(file);
}

static bool write_places(const PlaceList *list, FILE *file)
{
    bool good = true;
    for (int64_t i = 0; i < list->places.count; i++) {
        const Place *place = &list->places.items[i];
        const Place *next = i + 1 < list->places.count ? place + 1 : NULL;
        uintptr_t end = next && next->begin < place->end ? next->begin : place->end;
        if (next && next->begin == place->begin)
            continue; /* layers that share a kernel: the last of them names it */
        if (end > place->begin)
            good &= fprintf(file, "%" PRIxPTR " %" PRIxPTR " %s %s\n", place->begin,
                            end - place->begin, place->operator, place->node) > 0;
    }
    return good;
}

bool perf_map_write(Session *session)
{
    PlaceList list = {.arena = session->arena};
    const char *path = arena_format(session->arena, "/tmp/perf-%d.map", (int)getpid());
    collect(&list, &session->program->main);
    if (list.places.count)
        qsort(list.places.items, (size_t)list.places.count, sizeof *list.places.items,
              compare_places);
    limit_to_mappings(&list);
    FILE *file = fopen(path, "wx"); /* never through somebody's link */
    bool good = file && write_places(&list, file);
    int error = errno;
    good = file && fclose(file) == 0 && good;
    if (!good && file)
        unlink(path);
    return good ||
           session_fail(session, TN_IO, "'%s' cannot be written: %s", path, strerror(error));
}

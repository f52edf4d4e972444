/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a kernel is nobody says: it goes on until the next one begins, or its mapping ends.
 */
#include "perf.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
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

/* Sorted, each kernel once: of layers that share one, the last names it. */
static void find_places(PlaceList *list, Session *session)
{
    int64_t kept = 0;
    collect(list, &session->program->main);
    if (list->places.count)
        qsort(list->places.items, (size_t)list->places.count, sizeof *list->places.items,
              compare_places);
    limit_to_mappings(list);
    for (int64_t i = 0; i < list->places.count; i++) {
        Place place = list->places.items[i];
        const Place *next = i + 1 < list->places.count ? &list->places.items[i + 1] : NULL;
        if (next && next->begin < place.end)
            place.end = next->begin;
        if (place.end > place.begin)
            list->places.items[kept++] = place;
    }
    list->places.count = kept;
}

/* ---- Names alone ------------------------------------------------------------------------- */

/* A line is "ADDRESS SIZE NAME", in hexadecimal. */
static bool write_map(const PlaceList *list, FILE *file)
{
    bool good = true;
    for (int64_t i = 0; i < list->places.count; i++) {
        const Place *place = &list->places.items[i];
        good &= fprintf(file, "%" PRIxPTR " %" PRIxPTR " %s %s\n", place->begin,
                        place->end - place->begin, place->operator, place->node) > 0;
    }
    return good;
}

/* ---- With the code ----------------------------------------------------------------------- */

enum { JITDUMP_MAGIC = 0x4a695444, JITDUMP_VERSION = 1, JITDUMP_LOAD = 0 };

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64 };
#else
enum { MACHINE = EM_RISCV };
#endif

typedef struct DumpHeader {
    uint32_t magic, version, bytes, machine, padding, process;
    uint64_t time, flags;
} DumpHeader;

/* A function that is there from now on; its name, terminated, and its code follow. */
typedef struct DumpLoad {
    uint32_t kind, bytes;
    uint64_t time;
    uint32_t process, thread;
    uint64_t address_at_first, address, code_bytes, number;
} DumpLoad;

/* perf record's own, with -k mono. */
static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* That a page of the file is mapped to be executed is how perf record learns of it. */
static bool announce_dump(FILE *file)
{
    long page = sysconf(_SC_PAGESIZE);
    return fflush(file) == 0 && mmap(NULL, (size_t)page, PROT_READ | PROT_EXEC, MAP_PRIVATE,
                                     fileno(file), 0) != MAP_FAILED;
}

static bool write_dump(const PlaceList *list, FILE *file)
{
    uint32_t process = (uint32_t)getpid();
    DumpHeader header = {.magic = JITDUMP_MAGIC,
                         .version = JITDUMP_VERSION,
                         .bytes = sizeof header,
                         .machine = MACHINE,
                         .process = process,
                         .time = monotonic_ns()};
    bool good = fwrite(&header, sizeof header, 1, file) == 1 && announce_dump(file);
    for (int64_t i = 0; good && i < list->places.count; i++) {
        const Place *place = &list->places.items[i];
        const char *name = arena_format(list->arena, "%s %s", place->operator, place->node);
        size_t code = place->end - place->begin, name_bytes = strlen(name) + 1;
        DumpLoad load = {.kind = JITDUMP_LOAD,
                         .bytes = (uint32_t)(sizeof load + name_bytes + code),
                         .time = monotonic_ns(),
                         .process = process,
                         .thread = process,
                         .address_at_first = place->begin,
                         .address = place->begin,
                         .code_bytes = code,
                         .number = (uint64_t)i};
        good = fwrite(&load, sizeof load, 1, file) == 1 && fwrite(name, name_bytes, 1, file) == 1 &&
               fwrite((const void *)place->begin, code, 1, file) == 1;
    }
    return good;
}

/* ---- Files ------------------------------------------------------------------------------- */

static bool write_file(Session *session, const PlaceList *list, const char *path,
                       bool (*write)(const PlaceList *list, FILE *file))
{
    FILE *file = fopen(path, "wx+"); /* never through somebody's link */
    bool good = file && write(list, file);
    int error = errno;
    good = file && fclose(file) == 0 && good;
    if (!good && file)
        unlink(path);
    return good ||
           session_fail(session, TN_IO, "'%s' cannot be written: %s", path, strerror(error));
}

bool perf_tell(Session *session)
{
    bool map = option_given(session->options, OPTION_perf_map);
    bool dump = option_given(session->options, OPTION_jitdump);
    PlaceList list = {.arena = session->arena};
    int process = (int)getpid();
    if (!map && !dump)
        return true;
    find_places(&list, session);
    return (!map ||
            write_file(session, &list, arena_format(session->arena, "/tmp/perf-%d.map", process),
                       write_map)) &&
           (!dump || write_file(session, &list,
                                arena_format(session->arena, "jit-%d.dump", process), write_dump));
}

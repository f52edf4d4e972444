/* SPDX-License-Identifier: Apache-2.0
 *
 * Measured choices of tiles, in place of the cost model's.
 *
 * A schedule offers candidates for each contraction, its own choice first (tiling.c). A tuning says
 * which one to take, by the contraction's structure: a key made of the roles, extents and steps of
 * its axes. `tenon tune` measures them on a machine and writes a file of text, which later compiles
 * read:
 *
 *     tenon tuning 1
 *     version 0.1.0
 *     machine x86_64-pc-linux-gnu cascadelake 4c1f... l1 32768 l2 1048576
 *     model 5d0c...
 *     cycle 0.41
 *     # comments
 *     KEY *14x2/2/0 120.5 118.3  12x2/2/0 121.0 119.9 ...
 *     end 53 9e77...
 *
 * A candidate is rows x vectors / steps unrolled / vectors in a block (0: all), then the
 * microseconds that the model predicts and those that were measured; '*' is before the one to take.
 * The last line counts the keys and has the checksum of all before it. A file can only choose among
 * what the schedule offers today, so that none can make a result wrong; what fits nothing is left
 * to the model. No choice changes bits: each element is summed in the same order with any tile.
 */
#ifndef CODEGEN_TUNING_H
#define CODEGEN_TUNING_H

#include "codegen/contraction.h"
#include "ir/graph/graph.h"
#include "runtime/program.h"

typedef struct TuningCandidate {
    int rows, vectors, unroll;
    int64_t n_block;
    double predicted_us, measured_us; /* 0: not known */
    double cycles;                    /* as the model guesses; 0: it has not been asked */
} TuningCandidate;

typedef struct TuningEntry {
    const char *key;
    int count;
    int chosen; /* 0: the model's own */
    TuningCandidate candidates[MAX_TILINGS];
    bool is_offered; /* a schedule has asked for it: the candidates are today's */
} TuningEntry;

/* A step whose kernel is a contraction. */
typedef struct TunedStep {
    const Step *step;
    TuningEntry *entry;
} TunedStep;

typedef struct Tuning {
    Arena *arena;
    Map by_key;
    ARRAY(TuningEntry *) entries; /* in the order in which they were met */
    ARRAY(TunedStep) steps;       /* of the program that was compiled last */
    int forced;                   /* measuring: every entry's candidate of this number; -1: none */
    double cycle_ns;              /* 0: not known */
} Tuning;

/* Without entries: schedules add what they offer. */
Tuning *tuning_create(Arena *arena);
/* The entry for a contraction with these candidates, made where there is none; and the number of
 * the candidate to take. */
TuningEntry *tuning_choose(Tuning *tuning, const Contraction *c, const Tiling *candidates,
                           int count, int *choice);
void tuning_add_step(Tuning *tuning, const Step *step, const char *key);

/* What a file must have been made for. The model counts by its structure, weights do not. */
typedef struct TuningScope {
    const char *machine, *model;
} TuningScope;
/* NULL texts, after a diagnostic, where the model cannot be printed. */
TuningScope tuning_scope(Arena *arena, const Model *model, const Target *target);

/* Reads a file. NULL after a warning that says why it is of no use: it cannot be read, is damaged,
 * or is for something else. */
Tuning *tuning_read(Arena *arena, const char *path, const TuningScope *scope,
                    Diagnostics *diagnostics);
/* False after an error. */
bool tuning_write(const Tuning *tuning, const char *path, const TuningScope *scope,
                  Diagnostics *diagnostics);
/* For people: each contraction with its candidates, their predicted and measured times. */
void tuning_print(const Tuning *tuning, Text *text);

#endif

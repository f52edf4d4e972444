/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon tune: measures the tiles that schedules offer for each distinct contraction of a model, in
 * the model itself, and writes which ones to take (codegen/tuning.h).
 *
 * The model is compiled once for each number of a candidate, all contractions taking theirs of that
 * number at a time, and run again and again: what counts is the least time of a step. A candidate
 * that promises a gain must then show it once more, in runs that alternate with the model's own
 * choice.
 */
#include "inputs.h"
#include "messages.h"

#include <stdlib.h>

/* A candidate must be so much faster than the cost model's own choice. */
static const double gain_at_first = 0.97, gain_at_last = 0.98;

/* One compiled program and what its steps take. */
typedef struct Trial {
    Program *program;
    Run *run;
    TnValue *outputs;
    int64_t count;
    TunedStep *steps;
    int64_t *run_ns, *calls, *best_ns; /* of the run under way; a call of the best run */
} Trial;

static void observe(void *user, const Step *step, int64_t nanoseconds)
{
    Trial *trial = user;
    for (int64_t i = 0; i < trial->count; i++)
        if (trial->steps[i].step == step) {
            trial->run_ns[i] += nanoseconds;
            trial->calls[i]++;
        }
}

static bool run_once(Session *session, Trial *trial, const TnValue *inputs)
{
    const Program *program = trial->program;
    TnStatus status = run_program(trial->run, program->input_count, inputs, program->output_count,
                                  trial->outputs);
    for (int64_t i = 0; i < trial->count; i++) {
        int64_t call = trial->calls[i] ? trial->run_ns[i] / trial->calls[i] : 0;
        if (call > 0 && (!trial->best_ns[i] || call < trial->best_ns[i]))
            trial->best_ns[i] = call;
        trial->run_ns[i] = trial->calls[i] = 0;
    }
    return status == TN_OK || session_fail(session, status, "%s", trial->run->error);
}

static void end_trial(Trial *trial)
{
    run_destroy(trial->run);
    program_destroy(trial->program);
    *trial = (Trial){0};
}

/* The program that the session has compiled, which becomes the trial's, ready to run. */
static bool begin_trial(Session *session, Trial *trial)
{
    const Tuning *tuning = session->tuning;
    Arena *arena = session->arena;
    size_t count = (size_t)tuning->steps.count;
    *trial = (Trial){.program = session->program, .count = tuning->steps.count};
    session->program = NULL;
    trial->outputs = ARENA_ARRAY(arena, TnValue, trial->program->output_count + 1);
    trial->steps = ARENA_ARRAY(arena, TunedStep, count + 1);
    if (count)
        memcpy(trial->steps, tuning->steps.items, count * sizeof *trial->steps);
    trial->run_ns = ARENA_ARRAY(arena, int64_t, count + 1);
    trial->calls = ARENA_ARRAY(arena, int64_t, count + 1);
    trial->best_ns = ARENA_ARRAY(arena, int64_t, count + 1);
    trial->run = run_create(trial->program, session_parallel(session));
    if (!trial->run)
        return session_fail(session, TN_OUT_OF_MEMORY, "out of memory");
    trial->run->observer = observe;
    trial->run->observer_user = trial;
    return true;
}

/* Compiles with every contraction's candidate of a number; -1: the chosen ones. */
static bool compile_trial(Session *session, int forced, Trial *trial)
{
    session->tuning->forced = forced;
    session->tuning->steps.count = 0;
    return session_compile(session) && begin_trial(session, trial);
}

/* The mean of an entry's steps, in microseconds; 0: it has not run. */
static double entry_us(const Trial *trial, const TuningEntry *entry)
{
    double total = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < trial->count; i++)
        if (trial->steps[i].entry == entry && trial->best_ns[i]) {
            total += (double)trial->best_ns[i] / 1000;
            count++;
        }
    return count ? total / (double)count : 0;
}

static bool measure(Session *session, Trial *trials, int count, const TnValue *inputs)
{
    enum { LEAST_RUNS = 5 };
    double seconds = option_real(session->options, OPTION_min_time, 0.5);
    int64_t begin = now_ns();
    for (int i = 0; i < LEAST_RUNS || (double)(now_ns() - begin) < seconds * 1e9; i++)
        for (int k = 0; k < count; k++)
            if (!run_once(session, &trials[k], inputs))
                return false;
    return true;
}

static void record(Tuning *tuning, const Trial *trial, int number)
{
    for (int64_t i = 0; i < tuning->entries.count; i++) {
        TuningEntry *entry = tuning->entries.items[i];
        if (number < entry->count)
            entry->candidates[number].measured_us = entry_us(trial, entry);
    }
}

static int most_candidates(const Tuning *tuning)
{
    int most = 0;
    for (int64_t i = 0; i < tuning->entries.count; i++)
        if (tuning->entries.items[i]->count > most)
            most = tuning->entries.items[i]->count;
    return most;
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What a cycle of the cost model takes: the median over the model's own choices. */
static void calibrate(Session *session)
{
    Tuning *tuning = session->tuning;
    double *ratios = ARENA_ARRAY(session->arena, double, tuning->entries.count + 1);
    size_t count = 0;
    for (int64_t i = 0; i < tuning->entries.count; i++) {
        const TuningCandidate *own = &tuning->entries.items[i]->candidates[0];
        if (own->cycles > 0 && own->measured_us > 0)
            ratios[count++] = own->measured_us * 1000 / own->cycles;
    }
    if (!count)
        return;
    qsort(ratios, count, sizeof *ratios, compare_numbers);
    tuning->cycle_ns = ratios[count / 2];
    for (int64_t i = 0; i < tuning->entries.count; i++) {
        TuningEntry *entry = tuning->entries.items[i];
        for (int k = 0; k < entry->count; k++)
            entry->candidates[k].predicted_us =
                entry->candidates[k].cycles * tuning->cycle_ns / 1000;
    }
}

static void choose_fastest(Tuning *tuning)
{
    for (int64_t i = 0; i < tuning->entries.count; i++) {
        TuningEntry *entry = tuning->entries.items[i];
        double least = entry->candidates[0].measured_us * gain_at_first;
        for (int k = 1; k < entry->count; k++) {
            double us = entry->candidates[k].measured_us;
            if (us > 0 && us < least) {
                least = us;
                entry->chosen = k;
            }
        }
    }
}

/* The first of two trials runs the model's own choices, the second the chosen ones. Answers how
 * many of these are kept. */
static int64_t keep_confirmed(Tuning *tuning, const Trial trials[2])
{
    int64_t kept = 0;
    for (int64_t i = 0; i < tuning->entries.count; i++) {
        TuningEntry *entry = tuning->entries.items[i];
        double own = entry_us(&trials[0], entry), other = entry_us(&trials[1], entry);
        if (entry->chosen && other > own * gain_at_last)
            entry->chosen = 0;
        else if (entry->chosen) {
            entry->candidates[0].measured_us = own;
            entry->candidates[entry->chosen].measured_us = other;
        }
        kept += entry->chosen != 0;
    }
    return kept;
}

static double total_us(const Tuning *tuning, const Trial *trial, bool chosen)
{
    double total = 0;
    for (int64_t i = 0; i < trial->count; i++) {
        const TuningEntry *entry = trial->steps[i].entry;
        total += entry->candidates[chosen ? entry->chosen : 0].measured_us;
    }
    (void)tuning;
    return total;
}

static bool measure_all(Session *session, const TnValue *inputs)
{
    Tuning *tuning = session->tuning;
    int most = most_candidates(tuning);
    for (int number = 0; number < most; number++) {
        Trial trial;
        show_progress("tuning %lld contractions: candidate %d of %d",
                      (long long)tuning->entries.count, number + 1, most);
        bool good =
            (number ? compile_trial(session, number, &trial) : begin_trial(session, &trial)) &&
            measure(session, &trial, 1, inputs);
        if (good)
            record(tuning, &trial, number);
        end_trial(&trial);
        if (!good)
            return false;
    }
    calibrate(session);
    choose_fastest(tuning);
    return true;
}

static bool confirm(Session *session, const TnValue *inputs)
{
    Tuning *tuning = session->tuning;
    Trial trials[2] = {{0}};
    show_progress("tuning: comparing what was chosen");
    bool good = compile_trial(session, 0, &trials[0]) && compile_trial(session, -1, &trials[1]) &&
                measure(session, trials, 2, inputs);
    clear_progress();
    if (good) {
        int64_t kept = keep_confirmed(tuning, trials);
        printf(
            "%lld contractions: %lld are faster with another tile; %.4g ms instead of %.4g ms in "
            "all\n",
            (long long)tuning->entries.count, (long long)kept,
            total_us(tuning, &trials[0], true) / 1000, total_us(tuning, &trials[0], false) / 1000);
    }
    end_trial(&trials[0]);
    end_trial(&trials[1]);
    return good;
}

static bool tune(Session *session)
{
    const char *path = option_text(session->options, OPTION_tuned, NULL);
    if (!path)
        wrong_usage("'tenon tune' needs '-o FILE'");
    session->tuning = tuning_create(session->arena);
    session->tuning->forced = 0;
    if (!session_build(session, session->options->arguments[0]))
        return false;
    if (session->artifact)
        return session_fail(session, TN_BAD_ARGUMENT, "%s is compiled already: tune its model",
                            session->path);
    TnValue *inputs = ARENA_ARRAY(session->arena, TnValue, session->program->input_count + 1);
    bool good =
        inputs_prepare(session, inputs) && measure_all(session, inputs) && confirm(session, inputs);
    clear_progress();
    if (!good)
        return false;
    return tuning_write(session->tuning, path, &session->tuning_scope, session->diagnostics) ||
           session_fail(session, TN_IO, NULL);
}

int command_tune(const Options *options)
{
    return session_run(options, 1, tune);
}

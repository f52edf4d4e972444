/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon bench: runs a model again and again on the same inputs and reports latency percentiles,
 * rate of floating-point operations (as the model states them) and peak memory. --per-kernel adds
 * the time of each step: its least over runs of their own, which what else the machine does
 * disturbs least. With several threads these runs alternate with runs on one, which tells how much
 * faster the threads are together.
 */
#include "inputs.h"
#include "messages.h"
#include "perf.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_RUNS = 3, MOST_RUNS = 1 << 20, PROFILED_RUNS = 10 };

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A field of /proc/self/status in bytes; 0 if it is not there. */
static int64_t status_bytes(const char *field)
{
    char line[256];
    long long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0)
            kilobytes = strtoll(line + strlen(field) + 1, NULL, 10);
    if (file)
        fclose(file);
    return kilobytes * 1024;
}

typedef struct Memory {
    int64_t peak_rss, peak_anonymous;
} Memory;

static void look_at_memory(Memory *memory)
{
    /* not getrusage(), whose maximum is that of the process that started this one, too */
    int64_t anonymous = status_bytes("RssAnon:");
    memory->peak_rss = status_bytes("VmHWM:");
    if (anonymous > memory->peak_anonymous)
        memory->peak_anonymous = anonymous;
}

typedef struct StepTime {
    const Step *step;
    int64_t run_ns, best_ns; /* in the run under way; in the best run */
    int64_t alone_ns;        /* in the best run on one thread */
} StepTime;

typedef struct Profile {
    StepTime *items;
    int64_t count, capacity;
    int threads;
} Profile;

static void observe(void *user, const Step *step, int64_t nanoseconds)
{
    Profile *profile = user;
    int64_t at = 0;
    while (at < profile->count && profile->items[at].step != step)
        at++;
    if (at == profile->count) {
        if (profile->count == profile->capacity) {
            profile->capacity = profile->capacity * 2 + 64;
            StepTime *items = realloc(profile->items, sizeof *items * (size_t)profile->capacity);
            if (!items)
                return;
            profile->items = items;
        }
        profile->items[profile->count++] =
            (StepTime){.step = step, .best_ns = INT64_MAX, .alone_ns = INT64_MAX};
    }
    profile->items[at].run_ns += nanoseconds;
}

static void finish_profiled_run(Profile *profile, bool alone)
{
    for (int64_t i = 0; i < profile->count; i++) {
        StepTime *time = &profile->items[i];
        int64_t *best = alone ? &time->alone_ns : &time->best_ns;
        if (time->run_ns < *best)
            *best = time->run_ns;
        time->run_ns = 0;
    }
}

typedef struct Result {
    int64_t *times;
    int64_t count;
    double flops;
    Memory memory;
    Profile profile;
} Result;

static bool measure(Session *session, Run *run, const TnValue *inputs, TnValue *outputs,
                    Result *result)
{
    const Program *program = session->program;
    double seconds = option_real(session->options, OPTION_min_time, 1);
    TnStatus status =
        run_program(run, program->input_count, inputs, program->output_count, outputs);
    if (status != TN_OK)
        return session_fail(session, status, "%s", run->error);
    int64_t begin = now_ns(), capacity = 0;
    while (result->count < LEAST_RUNS ||
           ((double)(now_ns() - begin) < seconds * 1e9 && result->count < MOST_RUNS)) {
        if (result->count == capacity) {
            capacity = capacity * 2 + 256;
            int64_t *times = realloc(result->times, sizeof *times * (size_t)capacity);
            if (!times)
                return session_fail(session, TN_OUT_OF_MEMORY, "out of memory");
            result->times = times;
        }
        int64_t start = now_ns();
        status = run_program(run, program->input_count, inputs, program->output_count, outputs);
        result->times[result->count++] = now_ns() - start;
        if (status != TN_OK)
            return session_fail(session, status, "%s", run->error);
    }
    result->flops = run_flops(run);
    qsort(result->times, (size_t)result->count, sizeof *result->times, compare_times);
    return true;
}

/* The longest first. */
static int compare_steps(const void *a, const void *b)
{
    const StepTime *x = a, *y = b;
    return (x->best_ns < y->best_ns) - (x->best_ns > y->best_ns);
}

static bool profile_run(Session *session, Run *run, const TnValue *inputs, TnValue *outputs,
                        Profile *profile, bool alone)
{
    const Program *program = session->program;
    const Parallel parallel = run->parallel;
    if (alone)
        run->parallel.threads = 1;
    run->observer = observe;
    run->observer_user = profile;
    TnStatus status =
        run_program(run, program->input_count, inputs, program->output_count, outputs);
    finish_profiled_run(profile, alone);
    run->observer = NULL;
    run->parallel = parallel;
    return status == TN_OK || session_fail(session, status, "%s", run->error);
}

/* Each step's time, in runs of their own; sorted, the longest first. */
static bool profile_steps(Session *session, Run *run, const TnValue *inputs, TnValue *outputs,
                          Profile *profile)
{
    double seconds = option_real(session->options, OPTION_min_time, 1);
    int64_t begin = now_ns();
    profile->threads = run->parallel.threads;
    for (int i = 0; i < PROFILED_RUNS || (double)(now_ns() - begin) < seconds * 1e9; i++)
        if ((profile->threads > 1 && !profile_run(session, run, inputs, outputs, profile, true)) ||
            !profile_run(session, run, inputs, outputs, profile, false))
            return false;
    if (profile->count)
        qsort(profile->items, (size_t)profile->count, sizeof *profile->items, compare_steps);
    return true;
}

static double percentile(const Result *result, double part)
{
    return (double)result->times[(int64_t)((double)(result->count - 1) * part + 0.5)] / 1e6;
}

/* Operations of a step for each millisecond that it takes, in units of 10^9 a second. */
static double step_gflops(const StepTime *time, const int64_t *sizes)
{
    bool counts = time->step->kind == STEP_phase && time->best_ns > 0;
    return counts ? (double)size_get(time->step->phase.flops, sizes) / (double)time->best_ns : 0;
}

/* How much faster all threads are than one. */
static double speed_up(int64_t alone_ns, int64_t together_ns)
{
    return together_ns > 0 ? (double)alone_ns / (double)together_ns : 1;
}

static int64_t step_pieces(const StepTime *time, const int64_t *sizes)
{
    return time->step->kind == STEP_phase ? phase_pieces(&time->step->phase, sizes) : 1;
}

static void print_profile_head(const Profile *profile, double total)
{
    int64_t alone = 0;
    for (int64_t i = 0; i < profile->count; i++)
        alone += profile->items[i].alone_ns;
    printf("\n%lld steps, %.4f ms", (long long)profile->count, total / 1e6);
    if (profile->threads > 1)
        printf("; on one thread %.4f ms: %d threads are %.2f times as fast. Of each step: pieces "
               "that threads share, times as fast",
               (double)alone / 1e6, profile->threads, speed_up(alone, (int64_t)total));
    printf("\n");
}

static void print_profile(const Profile *profile, const int64_t *sizes)
{
    double total = 0;
    for (int64_t i = 0; i < profile->count; i++)
        total += (double)profile->items[i].best_ns;
    if (profile->count)
        print_profile_head(profile, total);
    for (int64_t i = 0; i < profile->count; i++) {
        const StepTime *time = &profile->items[i];
        double gflops = step_gflops(time, sizes);
        char rate[32] = "", shared[32] = "";
        if (gflops > 0)
            snprintf(rate, sizeof rate, "%.1f GFLOP/s", gflops);
        if (profile->threads > 1)
            snprintf(shared, sizeof shared, "%3lld %5.2f  ", (long long)step_pieces(time, sizes),
                     speed_up(time->alone_ns, time->best_ns));
        printf("%9.4f ms %5.1f %% %16s  %s%-9s %s\n", (double)time->best_ns / 1e6,
               100 * (double)time->best_ns / total, rate, shared, step_kind_name(time->step),
               time->step->name ? time->step->name : "");
    }
}

static void print_result(const Session *session, const Result *result, const int64_t *sizes)
{
    double median = percentile(result, 0.5), load = (double)session->load_ns / 1e6;
    printf("%s: median %.4g ms, p10 %.4g ms, p90 %.4g ms over %lld runs, threads: %lld\n",
           session->path, median, percentile(result, 0.1), percentile(result, 0.9),
           (long long)result->count,
           (long long)option_integer(session->options, OPTION_threads, 1));
    printf("%.4g GFLOP, %.4g GFLOP/s; load %.4g ms, passes %.4g ms, code %.4g ms\n",
           result->flops / 1e9, result->flops / median / 1e6, load,
           (double)session->passes_ns / 1e6, (double)session->compile_ns / 1e6);
    printf("peak memory %.1f MiB, of which anonymous %.1f MiB\n",
           (double)result->memory.peak_rss / 0x1p20,
           (double)result->memory.peak_anonymous / 0x1p20);
    print_profile(&result->profile, sizes);
}

static json_t *profile_json(const Profile *profile, const Run *run)
{
    json_t *steps = json_array();
    for (int64_t i = 0; i < profile->count; i++) {
        const StepTime *time = &profile->items[i];
        json_t *step = json_pack(
            "{s:o, s:s, s:f, s:f, s:f, s:I}", "name",
            text_json(time->step->name ? time->step->name : ""), "kind", step_kind_name(time->step),
            "ms", (double)time->best_ns / 1e6, "gflops", step_gflops(time, run->sizes), "bytes",
            step_bytes(run, time->step), "pieces", (json_int_t)step_pieces(time, run->sizes));
        if (profile->threads > 1)
            json_object_set_new(step, "one_thread_ms", json_real((double)time->alone_ns / 1e6));
        json_array_append_new(steps, step);
    }
    return steps;
}

static void print_json(const Session *session, const Result *result, const Run *run)
{
    json_t *json =
        json_pack("{s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I}", "model",
                  text_json(session->path), "median_ms", percentile(result, 0.5), "p10_ms",
                  percentile(result, 0.1), "p90_ms", percentile(result, 0.9), "compile_ms",
                  (double)(session->load_ns + session->passes_ns + session->compile_ns) / 1e6,
                  "code_ms", (double)session->compile_ns / 1e6, "gflop", result->flops / 1e9,
                  "gflops", result->flops / percentile(result, 0.5) / 1e6, "threads",
                  (json_int_t)option_integer(session->options, OPTION_threads, 1), "runs",
                  (json_int_t)result->count, "peak_rss_bytes", (json_int_t)result->memory.peak_rss,
                  "peak_anonymous_bytes", (json_int_t)result->memory.peak_anonymous);
    if (option_given(session->options, OPTION_per_kernel))
        json_object_set_new(json, "steps", profile_json(&result->profile, run));
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(json);
}

static bool bench(Session *session)
{
    Result result = {0};
    if (!session_build(session, session->options->arguments[0]) || !perf_tell(session))
        return false;
    look_at_memory(&result.memory);
    const Program *program = session->program;
    TnValue *inputs = ARENA_ARRAY(session->arena, TnValue, program->input_count + 1);
    TnValue *outputs = ARENA_ARRAY(session->arena, TnValue, program->output_count + 1);
    if (!inputs_prepare(session, inputs))
        return false;
    Run *run = run_create(program, session_parallel(session));
    if (!run)
        return session_fail(session, TN_OUT_OF_MEMORY, "out of memory");
    bool good = measure(session, run, inputs, outputs, &result) &&
                (!option_given(session->options, OPTION_per_kernel) ||
                 profile_steps(session, run, inputs, outputs, &result.profile));
    look_at_memory(&result.memory);
    if (good && option_given(session->options, OPTION_json))
        print_json(session, &result, run);
    else if (good)
        print_result(session, &result, run->sizes);
    run_destroy(run);
    free(result.times);
    free(result.profile.items);
    return good;
}

int command_bench(const Options *options)
{
    return session_run(options, 1, bench);
}

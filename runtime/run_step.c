/* SPDX-License-Identifier: Apache-2.0
 *
 * What each kind of step does.
 */
#include "runtime/run_internal.h"

#include "runtime/element.h"

#include <string.h>

TnTensor run_tensor(const Run *run, const ProgramValue *value)
{
    TnTensor tensor = {.element = value->element,
                       .rank = value->rank,
                       .data = value->buffer >= 0 ? run->data[value->buffer] : NULL};
    for (int d = 0; d < value->rank; d++)
        tensor.dims[d] = size_get(value->dims[d], run->sizes);
    return tensor;
}

int64_t run_bytes(const Run *run, const ProgramValue *value)
{
    TnTensor tensor = run_tensor(run, value);
    return memory_tensor_bytes(&tensor);
}

/* ---- Kernels ----------------------------------------------------------------------------- */

/* Of about so many cycles each, a few times what it takes to share them; 64 at most. */
int64_t phase_pieces(const PhaseStep *phase, const int64_t *sizes)
{
    enum { PIECE_CYCLES = 8000, MOST_PIECES = 64 };
    int64_t extent = phase->is_parallel ? size_get(phase->extent, sizes) : 1;
    double pieces = (double)extent * phase->cost / PIECE_CYCLES;
    int64_t most = extent < MOST_PIECES ? extent : MOST_PIECES;
    return pieces < 1 ? 1 : pieces < (double)most ? (int64_t)pieces : most;
}

static void set_pointers(const Run *run, const PhaseStep *phase, void **pointers)
{
    for (int32_t i = 0; i < phase->buffer_count; i++)
        pointers[i] = phase->buffers[i] >= 0 ? run->data[phase->buffers[i]] : NULL;
}

static void run_part(const Run *run, const PhaseStep *phase, void *const *pointers, int64_t piece,
                     int64_t pieces, int worker)
{
    char *scratch = run->worker_scratch + worker * memory_align(run->program->worker_scratch);
    int64_t begin = 0, end = -1;
    if (phase->is_parallel) {
        int64_t extent = size_get(phase->extent, run->sizes);
        int64_t whole = extent / pieces, rest = extent % pieces;
        if (extent <= 0)
            return;
        begin = piece * whole + (piece < rest ? piece : rest);
        end = begin + whole + (piece < rest);
    }
    /* Better code may take its place while runs go on (program_recompile). */
    PhaseCode *code = __atomic_load_n(&phase->code, __ATOMIC_ACQUIRE);
    if (code)
        code(pointers, run->sizes, begin, end, scratch);
    else
        phase->evaluate(phase->kernel, pointers, run->sizes, begin, end, scratch);
}

void run_phase_piece(const Run *run, const PhaseStep *phase, void **pointers, int64_t piece,
                     int64_t pieces, int worker)
{
    set_pointers(run, phase, pointers);
    run_part(run, phase, pointers, piece, pieces, worker);
}

typedef struct PhaseRun {
    const Run *run;
    const PhaseStep *phase;
    int64_t pieces;
} PhaseRun;

static void run_piece(void *context, int64_t piece, int worker)
{
    const PhaseRun *p = context;
    if (!run_is_cancelled(p->run))
        run_part(p->run, p->phase, p->run->pointers, piece, p->pieces, worker);
}

static TnStatus run_phase(Run *run, const Step *step)
{
    PhaseRun p = {.run = run, .phase = &step->phase};
    set_pointers(run, p.phase, run->pointers);
    p.pieces = run->parallel.threads > 1 ? phase_pieces(p.phase, run->sizes) : 1;
    if (p.pieces == 1)
        run_part(run, p.phase, run->pointers, 0, 1, 0);
    else
        parallel_run(&run->parallel, p.pieces, run_piece, &p);
    if (p.pieces > 1 && run_is_cancelled(run)) /* pieces may be missing */
        return run_fail(run, TN_CANCELLED, step, "cancelled");
    return TN_OK;
}

/* ---- Host functions ---------------------------------------------------------------------- */

static void gather_operands(Run *run, const HostStep *host)
{
    for (int32_t i = 0; i < host->input_count; i++) {
        const ProgramValue *value = &host->inputs[i];
        run->operands[i] = &run->values[i];
        run->values[i] = (TnValue){.kind = TN_TENSOR};
        if (value->kind == TN_ABSENT)
            run->operands[i] = NULL;
        else if (value->kind == TN_TENSOR)
            run->values[i].tensor = run_tensor(run, value);
        else
            run->operands[i] = run->data[value->buffer];
    }
}

static bool is_placed(const Run *run, const ProgramValue *value)
{
    return value->kind == TN_TENSOR && run->program->buffers[value->buffer].kind == BUFFER_planned;
}

static TnStatus take_result(Run *run, const Step *step, int32_t i, const TnValue *made)
{
    const ProgramValue *value = &step->host.outputs[i];
    if (value->kind == TN_ABSENT)
        return TN_OK;
    if (made->kind != value->kind)
        return run_fail(run, TN_INTERNAL, step, "result %d is of another kind than inferred", i);
    if (value->kind != TN_TENSOR) {
        TnValue *kept = memory_tail(&run->memory, sizeof *kept);
        if (!kept)
            return run_no_memory(run);
        *kept = *made;
        run->data[value->buffer] = kept;
        return TN_OK;
    }
    if (!made->tensor.data || made->tensor.rank != value->rank ||
        made->tensor.element != value->element)
        return run_fail(run, TN_BAD_ARGUMENT, step,
                        "result %d is %s of rank %d, expected %s of rank %d", i,
                        element_name(made->tensor.element), made->tensor.rank,
                        element_name(value->element), value->rank);
    for (int d = 0; d < value->rank; d++) {
        int64_t size = made->tensor.dims[d];
        if (step->host.binds[i] >> d & 1) {
            TnStatus status = run_bind_symbol(run, step, value->dims[d].slot, size);
            if (status != TN_OK)
                return status;
        } else if (value->dims[d].slot >= 0 || value->dims[d].number >= 0) {
            if (size_get(value->dims[d], run->sizes) != size)
                return run_fail(run, TN_BAD_ARGUMENT, step,
                                "result %d has size %lld in dimension %d, expected %lld", i,
                                (long long)size, d,
                                (long long)size_get(value->dims[d], run->sizes));
        }
    }
    run->data[value->buffer] = made->tensor.data;
    return TN_OK;
}

static TnStatus run_host(Run *run, const Step *step)
{
    const HostStep *host = &step->host;
    gather_operands(run, host);
    TnValue *outputs = run->values + host->input_count;
    int64_t top = run->memory.top;
    for (int32_t i = 0; i < host->output_count; i++) {
        const ProgramValue *value = &host->outputs[i];
        outputs[i] = (TnValue){.kind = value->kind};
        if (value->kind == TN_TENSOR && is_placed(run, value))
            outputs[i].tensor = run_tensor(run, value);
        outputs[i].tensor.element = value->element;
        if (value->kind != TN_ABSENT)
            outputs[i].tensor.rank = value->rank;
    }
    HostCall call = {.input_count = host->input_count,
                     .output_count = host->output_count,
                     .attribute_count = host->attribute_count,
                     .inputs = run->operands,
                     .outputs = outputs,
                     .attributes = host->attributes,
                     .user = host->user,
                     .memory = &run->memory};
    TnStatus status = host->function(&call);
    run->memory.top = top;
    if (status == TN_ARENA_TOO_SMALL)
        return run_no_memory(run);
    if (status != TN_OK)
        return run_fail(run, status, step, "%s", call.error);
    for (int32_t i = 0; i < host->output_count; i++) {
        status = take_result(run, step, i, &outputs[i]);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

/* ---- Sizes ------------------------------------------------------------------------------- */

static bool floor_divide(int64_t a, int64_t b, int64_t *quotient, int64_t *modulus)
{
    if (b <= 0)
        return false;
    *quotient = a / b - (a % b < 0);
    *modulus = a - *quotient * b;
    return true;
}

static bool run_size(const SizeInstruction *in, int64_t *sizes)
{
    int64_t a = size_get(in->a, sizes), b = size_get(in->b, sizes), other;
    int64_t *to = &sizes[in->target];
    switch (in->operation) {
    case SIZE_add: return !__builtin_add_overflow(a, b, to);
    case SIZE_multiply: return !__builtin_mul_overflow(a, b, to);
    case SIZE_quotient: return floor_divide(a, b, to, &other);
    case SIZE_modulus: return floor_divide(a, b, &other, to);
    case SIZE_larger: *to = a > b ? a : b; return true;
    case SIZE_smaller: *to = a < b ? a : b; return true;
    case SIZE_less: *to = a < b; return true;
    case SIZE_less_equal: *to = a <= b; return true;
    case SIZE_equal: *to = a == b; return true;
    case SIZE_not_equal: *to = a != b; return true;
    case SIZE_and: *to = a && b; return true;
    case SIZE_or: *to = a || b; return true;
    case SIZE_not: *to = !a; return true;
    case SIZE_select: *to = a ? b : size_get(in->c, sizes); return true;
    }
    return false;
}

bool sizes_follow(const SizeStep *step, int64_t *sizes)
{
    for (int32_t i = 0; i < step->count; i++)
        if (!run_size(&step->instructions[i], sizes))
            return false;
    return true;
}

static TnStatus run_sizes(Run *run, const Step *step)
{
    return sizes_follow(&step->size, run->sizes)
               ? TN_OK
               : run_fail(run, TN_BAD_ARGUMENT, step,
                          "a size overflows or divides by something not positive");
}

/* Indices end at 2^47 on either side. "To the very end" is often said with the largest integer. */
static int64_t index_of(int64_t element)
{
    const int64_t far = (int64_t)1 << 47;
    return element < -far ? -far : element > far ? far : element;
}

static TnStatus run_bind(Run *run, const Step *step)
{
    const BindStep *bind = &step->bind;
    TnTensor tensor = {0};
    if (bind->tensor.kind == TN_TENSOR) {
        tensor = run_tensor(run, &bind->tensor);
        if (tensor_count(&tensor) < bind->count)
            return run_fail(run, TN_BAD_ARGUMENT, step, "%s has too few elements", bind->what);
    }
    for (int32_t i = 0; i < bind->count; i++) {
        int64_t value = tensor.rank || tensor.data ? index_of(tensor_int64(&tensor, i))
                                                   : size_get(bind->binds[i].source, run->sizes);
        if (run_bind_symbol(run, step, bind->binds[i].target, value) != TN_OK)
            return TN_BAD_ARGUMENT;
    }
    return TN_OK;
}

static TnStatus run_check(Run *run, const Step *step)
{
    if (size_get(step->check.condition, run->sizes))
        return TN_OK;
    return run_fail(run, TN_BAD_ARGUMENT, NULL, "%s", step->check.message);
}

/* ---- Moving ------------------------------------------------------------------------------ */

static TnStatus run_assign(Run *run, const Step *step)
{
    const AssignStep *assign = &step->assign;
    int32_t to = assign->to.buffer, from = assign->from.buffer;
    if (assign->to.kind != TN_TENSOR || assign->share) {
        run->data[to] = run->data[from];
        return TN_OK;
    }
    int64_t bytes = run_bytes(run, &assign->from);
    if (bytes < 0)
        return run_fail(run, TN_BAD_ARGUMENT, step, "a size overflows");
    if (run->program->buffers[to].kind == BUFFER_dynamic) {
        run->data[to] = memory_tail(&run->memory, bytes);
        if (!run->data[to])
            return run_no_memory(run);
    }
    if (bytes > 0 && run->data[to] != run->data[from])
        memmove(run->data[to], run->data[from], (size_t)bytes);
    return TN_OK;
}

static TnStatus run_allocate(Run *run, const Step *step)
{
    const AllocateStep *allocate = &step->allocate;
    int64_t bytes = size_get(allocate->bytes, run->sizes);
    if (bytes < 0)
        return run_fail(run, TN_BAD_ARGUMENT, step, "a size is negative");
    run->data[allocate->buffer] = memory_tail(&run->memory, bytes);
    return run->data[allocate->buffer] ? TN_OK : run_no_memory(run);
}

/* ---- Halos ------------------------------------------------------------------------------- */

static void fill(char *at, int64_t bytes, const HaloStep *halo)
{
    if (halo->element == 0) {
        memset(at, 0, (size_t)bytes);
        return;
    }
    for (int64_t i = 0; i < bytes; i += halo->element_bytes)
        memcpy(at + i, &halo->element, (size_t)halo->element_bytes);
}

/* The dimensions from `d` on, which take bytes[d] and begin at `at`. */
static void fill_halo(char *at, int d, const HaloStep *halo, const int64_t *bytes,
                      const int64_t *sizes)
{
    const HaloDim *dim = &halo->dims[d];
    int64_t inner = bytes[d + 1], extent = size_get(dim->extent, sizes);
    fill(at, dim->halo * inner, halo);
    fill(at + (extent - dim->halo) * inner, dim->halo * inner, halo);
    if (d + 1 == halo->rank)
        return;
    for (int64_t i = dim->halo; i < extent - dim->halo; i++)
        fill_halo(at + i * inner, d + 1, halo, bytes, sizes);
}

TnStatus run_halo(Run *run, const Step *step)
{
    const HaloStep *halo = &step->halo;
    int64_t bytes[TN_MAX_RANK + 1];
    bytes[halo->rank] = halo->element_bytes * size_get(halo->inner, run->sizes);
    for (int d = halo->rank - 1; d >= 0; d--)
        bytes[d] = bytes[d + 1] * size_get(halo->dims[d].extent, run->sizes);
    fill_halo(run->data[halo->buffer], 0, halo, bytes, run->sizes);
    return TN_OK;
}

static TnStatus run_if(Run *run, const Step *step)
{
    const uint8_t *condition = run->data[step->branch.condition.buffer];
    return run_block(run, step->branch.branches[*condition ? 0 : 1]);
}

/* ---- Dispatch ---------------------------------------------------------------------------- */

static TnStatus dispatch(Run *run, const Step *step)
{
    switch (step->kind) {
    case STEP_phase: return run_phase(run, step);
    case STEP_host: return run_host(run, step);
    case STEP_size: return run_sizes(run, step);
    case STEP_bind: return run_bind(run, step);
    case STEP_check: return run_check(run, step);
    case STEP_assign: return run_assign(run, step);
    case STEP_allocate: return run_allocate(run, step);
    case STEP_halo: return run_halo(run, step);
    case STEP_if: return run_if(run, step);
    case STEP_loop: return run_loop(run, step);
    }
    return run_fail(run, TN_INTERNAL, step, "an unknown step");
}

TnStatus run_step(Run *run, const Step *step)
{
    if (!run->observer)
        return dispatch(run, step);
    int64_t begin = run->clock();
    TnStatus status = dispatch(run, step);
    run->observer(run->observer_user, step, run->clock() - begin);
    return status;
}

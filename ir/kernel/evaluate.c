/* SPDX-License-Identifier: Apache-2.0
 *
 * The interpreter: walks the loops of a plan and runs, at each level, the instructions that depend
 * on it. Loads and stores look at the range of their indices over a whole chunk: lanes outside get
 * the fill value, or zero where there is none, so that no data can make it touch foreign memory.
 * Compiled with -fwrapv: indices made from data may be any number before they are checked.
 */
#include "ir/kernel/evaluate.h"

#include <assert.h>
#include <string.h>

/* ---- Indices ----------------------------------------------------------------------------- */

static void set_affine(Cell *cell, int64_t base, int64_t step)
{
    cell->is_affine = true;
    cell->base = base;
    cell->step = step;
}

static int64_t *set_row(Cell *cell)
{
    cell->is_affine = false;
    return cell->data = cell->storage;
}

static int64_t floor_quotient(int64_t a, int64_t b)
{
    if (b <= 0)
        return 0;
    int64_t q = a / b;
    return a % b < 0 ? q - 1 : q;
}

static void run_linear(const Frame *f, const Instruction *in, Cell *to, int64_t n)
{
    int64_t base = in->e->integer, step = 0;
    bool is_affine = true;
    for (int i = 0; i < in->source_count; i++) {
        const Cell *cell = &f->cells[in->sources[i]];
        is_affine &= cell->is_affine;
        base += cell->base * in->e->factors[i];
        step += cell->step * in->e->factors[i];
    }
    if (is_affine) {
        set_affine(to, base, step);
        return;
    }
    int64_t *row = set_row(to);
    for (int64_t l = 0; l < n; l++)
        row[l] = in->e->integer;
    for (int i = 0; i < in->source_count; i++) {
        const Cell *cell = &f->cells[in->sources[i]];
        for (int64_t l = 0; l < n; l++)
            row[l] += in->e->factors[i] * cell_at(cell, l);
    }
}

static int64_t index_operation(Action action, int64_t a, int64_t b)
{
    switch ((int)action) {
    case ACTION_times: return a * b;
    case ACTION_quotient: return floor_quotient(a, b);
    case ACTION_modulus: return a - floor_quotient(a, b) * b;
    case ACTION_larger: return a > b ? a : b;
    default: return a < b ? a : b;
    }
}

/* Whether the result is an arithmetic sequence over all lanes, and which. */
static bool stays_affine(Action action, const Cell *a, const Cell *b, int64_t n, Cell *to)
{
    if (!a->is_affine || !b->is_affine)
        return false;
    if (a->step == 0 && b->step == 0) {
        set_affine(to, index_operation(action, a->base, b->base), 0);
        return true;
    }
    int64_t last_a = a->base + a->step * (n - 1), last_b = b->base + b->step * (n - 1);
    switch ((int)action) {
    case ACTION_times:
        if (a->step && b->step)
            return false;
        set_affine(to, a->base * b->base, a->step * b->base + b->step * a->base);
        return true;
    case ACTION_quotient:
    case ACTION_modulus:
        if (b->step || b->base <= 0 ||
            floor_quotient(a->base, b->base) != floor_quotient(last_a, b->base))
            return false;
        set_affine(to, index_operation(action, a->base, b->base),
                   action == ACTION_quotient ? 0 : a->step);
        return true;
    case ACTION_larger:
    case ACTION_smaller: {
        bool a_first = index_operation(action, a->base, b->base) == a->base;
        bool a_last = index_operation(action, last_a, last_b) == last_a;
        if (a_first && a_last)
            set_affine(to, a->base, a->step);
        else if (index_operation(action, a->base, b->base) == b->base &&
                 index_operation(action, last_a, last_b) == last_b)
            set_affine(to, b->base, b->step);
        else
            return false;
        return true;
    }
    }
    return false;
}

static void run_index_operation(const Frame *f, const Instruction *in, Cell *to, int64_t n)
{
    const Cell *a = &f->cells[in->sources[0]], *b = &f->cells[in->sources[1]];
    if (stays_affine(in->action, a, b, n, to))
        return;
    int64_t *row = set_row(to);
    for (int64_t l = 0; l < n; l++)
        row[l] = index_operation(in->action, cell_at(a, l), cell_at(b, l));
}

static bool is_row(const Frame *f, int reg)
{
    return f->plan->registers[reg].is_row;
}

static void run_select_index(const Frame *f, const Instruction *in, Cell *to, int64_t n)
{
    const uint8_t *condition = f->cells[in->sources[0]].data;
    const Cell *a = &f->cells[in->sources[1]], *b = &f->cells[in->sources[2]];
    bool uniform = !is_row(f, in->sources[0]);
    if (uniform) {
        const Cell *chosen = condition[0] ? a : b;
        if (chosen->is_affine) {
            set_affine(to, chosen->base, chosen->step);
            return;
        }
    }
    int64_t *row = set_row(to);
    for (int64_t l = 0; l < n; l++)
        row[l] = condition[uniform ? 0 : l] ? cell_at(a, l) : cell_at(b, l);
}

static void run_to_index(const Frame *f, const Instruction *in, Cell *to, int64_t n)
{
    const Cell *from = &f->cells[in->sources[0]];
    int64_t one;
    TnElementType type = f->plan->registers[in->sources[0]].type;
    if (in->is_row) {
        row_convert(TN_INT64, type, n, set_row(to), from->data);
    } else {
        row_convert(TN_INT64, type, 1, &one, from->data);
        set_affine(to, one, 0);
    }
}

/* ---- Memory ------------------------------------------------------------------------------ */

static int64_t ceiling_quotient(int64_t a, int64_t b)
{
    return -floor_quotient(-a, b);
}

void clip_range(int64_t base, int64_t step, int64_t extent, int64_t *lower, int64_t *upper)
{
    int64_t from = *lower, to = *upper;
    if (step == 0 || base < -EXPR_LIMIT || base > EXPR_LIMIT) {
        if (step != 0 || base < 0 || base >= extent)
            to = from;
    } else if (step > 0) {
        if (base < 0)
            from = ceiling_quotient(-base, step);
        if (extent - base <= 0)
            to = from;
        else
            to = ceiling_quotient(extent - base, step);
    } else {
        if (base < 0)
            to = from;
        else
            to = floor_quotient(base, -step) + 1;
        if (base >= extent)
            from = ceiling_quotient(base - extent + 1, -step);
    }
    *lower = from > *lower ? from : *lower;
    *upper = to < *upper ? to : *upper;
    if (*lower > *upper)
        *lower = *upper;
}

static void resolve_each(const Frame *f, const Access *access, int64_t n)
{
    for (int64_t l = 0; l < n; l++) {
        int64_t offset = 0;
        bool inside = true;
        for (int d = 0; d < access->rank; d++) {
            int64_t index = cell_at(&f->cells[access->index[d]], l);
            inside &= index >= 0 && index < f->cells[access->extent[d]].base;
            offset += index * f->cells[access->stride[d]].base;
        }
        if (access->offset >= 0)
            offset = cell_at(&f->cells[access->offset], l);
        f->offsets[l] = inside ? offset : -1;
    }
}

static Resolved resolve(const Frame *f, const Access *access, int64_t n)
{
    Resolved r = {.is_affine = true, .lower = 0, .upper = n};
    for (int d = 0; d < access->rank; d++) {
        const Cell *index = &f->cells[access->index[d]];
        if (!index->is_affine) {
            r.is_affine = false;
            break;
        }
        int64_t stride = f->cells[access->stride[d]].base;
        clip_range(index->base, index->step, f->cells[access->extent[d]].base, &r.lower, &r.upper);
        r.offset += index->base * stride;
        r.step += index->step * stride;
    }
    if (r.is_affine && access->offset >= 0) {
        const Cell *offset = &f->cells[access->offset];
        r.is_affine = offset->is_affine;
        r.offset = offset->base;
        r.step = offset->step;
    }
    if (!r.is_affine)
        resolve_each(f, access, n);
    return r;
}

static const char *element_at(const Frame *f, const Tensor *tensor, int64_t offset)
{
    return (const char *)f->data[tensor->slot] + offset * (int64_t)element_bytes(tensor->element);
}

static const uint64_t zero_element[2];

static void fill_lanes(TnElementType type, char *row, int64_t from, int64_t to, const char *fill,
                       bool fill_is_row)
{
    size_t bytes = element_bytes(type);
    if (to <= from)
        return;
    if (fill_is_row)
        memcpy(row + (size_t)from * bytes, fill + (size_t)from * bytes,
               (size_t)(to - from) * bytes);
    else
        row_fill(type, to - from, row + (size_t)from * bytes, fill);
}

static void run_load(const Frame *f, const Instruction *in, Cell *to, int64_t n)
{
    const Access *access = in->access;
    const Tensor *tensor = access->tensor;
    const void *fill = access->fill >= 0 ? f->cells[access->fill].data : zero_element;
    bool fill_is_row = access->fill >= 0 && is_row(f, access->fill);
    Resolved r = resolve(f, access, n);
    if (!r.is_affine) {
        to->data = to->storage;
        row_gather(tensor->element, n, to->data, f->data[tensor->slot], f->offsets, fill,
                   !fill_is_row);
        return;
    }
    bool is_plain = element_compute_type(tensor->element) == tensor->element;
    if (r.lower == 0 && r.upper == n && is_plain && (r.step == 1 || n == 1)) {
        to->data = (void *)element_at(f, tensor, r.offset);
        return;
    }
    to->data = to->storage;
    size_t bytes = element_bytes(in->type);
    char *row = to->data;
    fill_lanes(in->type, row, 0, r.lower, fill, fill_is_row);
    if (r.lower < r.upper)
        row_load(tensor->element, r.upper - r.lower, row + (size_t)r.lower * bytes,
                 element_at(f, tensor, r.offset + r.lower * r.step), r.step);
    fill_lanes(in->type, row, r.lower > r.upper ? r.lower : r.upper, n, fill, fill_is_row);
}

/* ---- Values ------------------------------------------------------------------------------ */

static int uniform_bits(const Frame *f, const Instruction *in)
{
    int bits = 0;
    if (in->is_row)
        for (int i = 0; i < in->source_count; i++)
            bits |= is_row(f, in->sources[i]) ? 0 : 1 << i;
    return bits;
}

/* The row of an index, as int64. */
static const int64_t *index_row(const Frame *f, int reg, int64_t n, int64_t *buffer)
{
    const Cell *cell = &f->cells[reg];
    if (!cell->is_affine)
        return cell->data;
    for (int64_t l = 0; l < n; l++)
        buffer[l] = cell->base + cell->step * l;
    return buffer;
}

static void run_bitcast(const Instruction *in, const Cell *from, TnElementType from_type, void *out,
                        int64_t n)
{
    TnElementType source = in->e->src[0]->type, target = in->e->type;
    size_t from_bytes = element_bytes(from_type), to_bytes = element_bytes(in->type);
    for (int64_t i = 0; i < n; i++) {
        const char *value = (const char *)from->data + (size_t)i * from_bytes;
        uint32_t bits = 0;
        if (source != from_type && from_type == TN_FLOAT)
            bits = element_float_to_small(source, *(const float *)value, false);
        else
            memcpy(&bits, value, from_bytes < 4 ? from_bytes : 4);
        char *to = (char *)out + (size_t)i * to_bytes;
        if (target != in->type && in->type == TN_FLOAT)
            *(float *)to = element_small_to_float(target, bits);
        else
            memcpy(to, &bits, to_bytes < 4 ? to_bytes : 4);
    }
}

static void run_value(const Frame *f, const Instruction *in, Cell *to, int64_t n)
{
    const Cell *a = in->source_count > 0 ? &f->cells[in->sources[0]] : NULL;
    const Cell *b = in->source_count > 1 ? &f->cells[in->sources[1]] : NULL;
    const Cell *c = in->source_count > 2 ? &f->cells[in->sources[2]] : NULL;
    int uniform = uniform_bits(f, in);
    void *out = to->data = to->storage;
    switch ((int)in->action) {
    case ACTION_constant: memcpy(out, &in->e->bits, sizeof in->e->bits); return;
    case ACTION_operation: in->operation(n, out, a->data, b ? b->data : NULL, uniform); return;
    case ACTION_compare_index: {
        int64_t left[EVALUATE_MAX_CHUNK], right[EVALUATE_MAX_CHUNK];
        in->operation(n, out, index_row(f, in->sources[0], n, left),
                      index_row(f, in->sources[1], n, right), 0);
        return;
    }
    case ACTION_from_index: {
        int64_t row[EVALUATE_MAX_CHUNK];
        row_convert(in->type, TN_INT64, n, out, index_row(f, in->sources[0], n, row));
        return;
    }
    case ACTION_fma: row_fma(in->type, n, out, a->data, b->data, c->data, uniform); return;
    case ACTION_dot4: row_dot4(n, out, a->data, b->data, c->data, uniform); return;
    case ACTION_select: row_select(in->type, n, out, a->data, b->data, c->data, uniform); return;
    case ACTION_convert:
        row_convert(in->type, f->plan->registers[in->sources[0]].type, n, out, a->data);
        return;
    case ACTION_round:
        memcpy(out, a->data, (size_t)n * element_bytes(in->type));
        row_round(in->e->type, in->e->integer != 0, n, out);
        return;
    case ACTION_bitcast:
        run_bitcast(in, a, f->plan->registers[in->sources[0]].type, out, n);
        return;
    }
}

static void run_instruction(Frame *f, const Instruction *in)
{
    Cell *to = &f->cells[in->target];
    int64_t n = in->is_row ? f->n : 1;
    switch (in->action) {
    case ACTION_integer: set_affine(to, in->e->integer, 0); return;
    case ACTION_symbol: set_affine(to, f->sizes[((const Symbol *)in->e->object)->id], 0); return;
    case ACTION_axis: set_affine(to, f->position[in->loop], in->is_row); return;
    case ACTION_linear: run_linear(f, in, to, n); return;
    case ACTION_times:
    case ACTION_quotient:
    case ACTION_modulus:
    case ACTION_larger:
    case ACTION_smaller: run_index_operation(f, in, to, n); return;
    case ACTION_select_index: run_select_index(f, in, to, n); return;
    case ACTION_to_index: run_to_index(f, in, to, n); return;
    case ACTION_load: run_load(f, in, to, n); return;
    case ACTION_constant:
    case ACTION_from_index:
    case ACTION_operation:
    case ACTION_compare_index:
    case ACTION_fma:
    case ACTION_dot4:
    case ACTION_select:
    case ACTION_convert:
    case ACTION_round:
    case ACTION_bitcast: run_value(f, in, to, n); return;
    }
}

static void run_level(Frame *f, int level)
{
    const ComputePlan *plan = f->plan;
    for (int i = plan->level_begin[level]; i < plan->level_begin[level + 1]; i++)
        run_instruction(f, &plan->instructions[i]);
}

/* ---- Results ----------------------------------------------------------------------------- */

/* Stores lanes 0 .. n of a row of a compute type. */
static void store_row(Frame *f, TnElementType type, const void *row, bool uniform, int64_t n)
{
    const Access *access = &f->plan->out;
    const Tensor *out = access->tensor;
    TnElementType wanted = element_compute_type(out->element);
    if (type != wanted) {
        row_convert(wanted, type, uniform ? 1 : n, f->converted, row);
        row = f->converted;
    }
    Resolved r = resolve(f, access, n);
    if (!r.is_affine) {
        row_scatter(out->element, n, f->data[out->slot], f->offsets, row, uniform);
    } else if (r.lower < r.upper) {
        size_t bytes = element_bytes(wanted);
        row_store(out->element, r.upper - r.lower,
                  (void *)element_at(f, out, r.offset + r.lower * r.step), r.step,
                  (const char *)row + (uniform ? 0 : (size_t)r.lower * bytes), uniform);
    }
}

static int64_t carried_width(const Frame *f)
{
    return f->plan->row < f->plan->reduce_begin ? f->n : 1;
}

static void start_carried(Frame *f)
{
    const ComputePlan *plan = f->plan;
    row_fill(plan->carried, carried_width(f), f->carried, &plan->neutral->bits);
}

/* The body's row in the carried type. */
static const void *body_row(Frame *f, int64_t n, bool *uniform)
{
    const ComputePlan *plan = f->plan;
    const void *row = f->cells[plan->body].data;
    *uniform = !is_row(f, plan->body);
    if (plan->body_type == plan->carried)
        return row;
    row_convert(plan->carried, plan->body_type, *uniform ? 1 : n, f->converted, row);
    return f->converted;
}

/* Combines the chunk's row into the carried row, or folds it into the carried element. */
static void combine_chunk(Frame *f)
{
    const ComputePlan *plan = f->plan;
    Combine combine = plan->compute->combine;
    bool uniform = !is_row(f, plan->body);
    if (plan->row < plan->reduce_begin) {
        if (combine == COMBINE_sum && plan->carried == TN_DOUBLE && plan->body_type == TN_FLOAT &&
            !uniform) {
            row_add_widened(f->n, (double *)f->carried, f->cells[plan->body].data);
            return;
        }
        const void *row = body_row(f, f->n, &uniform);
        plan->combine(f->n, f->carried, f->carried, row, uniform ? ROW_UNIFORM_B : 0);
    } else if (uniform) {
        const void *row = body_row(f, 1, &uniform);
        for (int64_t l = 0; l < f->n; l++)
            plan->combine(1, f->carried, f->carried, row, 0);
    } else {
        row_fold(combine, plan->carried, plan->body_type, f->n, f->carried,
                 f->cells[plan->body].data);
    }
}

/* One step of a scan whose row is another axis. */
static void scan_step(Frame *f)
{
    const ComputePlan *plan = f->plan;
    bool uniform;
    if (plan->compute->exclusive)
        store_row(f, plan->carried, f->carried, false, f->n);
    const void *row = body_row(f, f->n, &uniform);
    plan->combine(f->n, f->carried, f->carried, row, uniform ? ROW_UNIFORM_B : 0);
    if (!plan->compute->exclusive)
        store_row(f, plan->carried, f->carried, false, f->n);
}

/* A chunk of a scan along the row itself. */
static void scan_chunk(Frame *f)
{
    const ComputePlan *plan = f->plan;
    bool uniform;
    size_t bytes = element_bytes(plan->carried);
    char results[EVALUATE_MAX_CHUNK * sizeof(double)] __attribute__((aligned(64)));
    const char *row = body_row(f, f->n, &uniform);
    for (int64_t k = 0; k < f->n; k++) {
        int64_t l = plan->compute->reverse ? f->n - 1 - k : k;
        if (plan->compute->exclusive)
            memcpy(results + (size_t)l * bytes, f->carried, bytes);
        plan->combine(1, f->carried, f->carried, row + (uniform ? 0 : (size_t)l * bytes), 0);
        if (!plan->compute->exclusive)
            memcpy(results + (size_t)l * bytes, f->carried, bytes);
    }
    store_row(f, plan->carried, results, false, f->n);
}

static void scatter_chunk(Frame *f)
{
    const ComputePlan *plan = f->plan;
    const Tensor *out = plan->out.tensor;
    TnElementType type = element_compute_type(out->element);
    size_t bytes = element_bytes(type);
    bool uniform = !is_row(f, plan->body);
    const char *row = f->cells[plan->body].data;
    resolve_each(f, &plan->out, f->n);
    if (plan->compute->combine == COMBINE_none) {
        row_scatter(out->element, f->n, f->data[out->slot], f->offsets, row, uniform);
        return;
    }
    for (int64_t l = 0; l < f->n; l++) {
        uint64_t value[2];
        if (f->offsets[l] < 0)
            continue;
        void *element = (void *)element_at(f, out, f->offsets[l]);
        row_load(out->element, 1, value, element, 1);
        plan->combine(1, value, value, row + (uniform ? 0 : (size_t)l * bytes), 0);
        row_store(out->element, 1, element, 1, value, false);
    }
}

static void finish_chunk(Frame *f)
{
    const ComputePlan *plan = f->plan;
    switch (plan->compute->kind) {
    case COMPUTE_map:
        store_row(f, plan->body_type, f->cells[plan->body].data, !is_row(f, plan->body), f->n);
        return;
    case COMPUTE_reduce: combine_chunk(f); return;
    case COMPUTE_scan:
        if (plan->row < plan->reduce_begin)
            scan_step(f);
        else
            scan_chunk(f);
        return;
    case COMPUTE_scatter: scatter_chunk(f); return;
    }
}

/* ---- Loops ------------------------------------------------------------------------------- */

static void run_loops(Frame *f, int level);

static void run_loop(Frame *f, int level)
{
    const ComputePlan *plan = f->plan;
    const Loop *loop = &plan->loops[level];
    int64_t begin = 0, end = f->cells[loop->extent].base;
    if (loop->is_cut && f->end >= 0) {
        begin = f->begin;
        end = f->end < end ? f->end : end;
    }
    int64_t total = end - begin, width = loop->is_row ? plan->chunk : 1;
    for (int64_t done = 0; done < total; done += width) {
        int64_t n = total - done < width ? total - done : width;
        f->position[level] = loop->is_reverse ? end - done - n : begin + done;
        if (loop->is_row)
            f->n = n;
        run_level(f, level + 1);
        run_loops(f, level + 1);
    }
}

static void run_loops(Frame *f, int level)
{
    const ComputePlan *plan = f->plan;
    bool folds = plan->compute->kind == COMPUTE_reduce || plan->compute->kind == COMPUTE_scan;
    bool starts = folds && level == plan->reduce_begin && !plan->product;
    if (starts)
        start_carried(f);
    if (level < plan->loop_count)
        run_loop(f, level);
    else if (plan->product)
        product_run(f);
    else
        finish_chunk(f);
    if (starts && plan->compute->kind == COMPUTE_reduce)
        store_row(f, plan->carried, f->carried, false, carried_width(f));
}

static char *take(char **memory, size_t bytes)
{
    char *result = *memory;
    *memory += (bytes + 63) / 64 * 64;
    return result;
}

static void run_plan(const ComputePlan *plan, const int64_t *sizes, void *const *data,
                     char *scratch, int64_t begin, int64_t end)
{
    Frame f = {.plan = plan, .sizes = sizes, .data = data, .begin = begin, .end = end, .n = 1};
    f.cells = (Cell *)take(&scratch, (size_t)plan->register_count * sizeof(Cell));
    f.offsets = (int64_t *)take(&scratch, EVALUATE_MAX_CHUNK * sizeof(int64_t));
    f.carried = take(&scratch, EVALUATE_MAX_CHUNK * sizeof(int64_t));
    f.converted = take(&scratch, EVALUATE_MAX_CHUNK * 2 * sizeof(int64_t));
    for (int i = 0; i < plan->register_count; i++) {
        f.cells[i] = (Cell){.is_affine = true};
        f.cells[i].storage = f.cells[i].data = scratch + plan->registers[i].offset;
    }
    f.scratch = scratch + plan->frame_bytes;
    run_level(&f, 0);
    run_loops(&f, 0);
}

void evaluator_run(const Evaluator *evaluator, const int64_t *sizes, void *const *data,
                   void *scratch, int64_t begin, int64_t end)
{
    for (int i = 0; i < evaluator->plan_count; i++)
        run_plan(&evaluator->plans[i], sizes, data, scratch, begin, end);
}

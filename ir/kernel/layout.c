/* SPDX-License-Identifier: Apache-2.0
 *
 * Layouts: where an element is. A layout is read from text, pieces from the outermost to the
 * innermost, each "dim", "dim/divisor", "dim%modulus" or "dim/divisor%modulus". Strides follow from
 * the extents, the innermost piece having stride 1.
 *
 * With a halo of h, dimension d of extent n takes n + 2 h elements in memory, index i standing at
 * i + h. A dimension that is cut in pieces is rounded up to whole pieces.
 */
#include "kernel.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>

static int64_t read_number(const char **at)
{
    int64_t value = 0;
    while (isdigit((unsigned char)**at))
        value = value * 10 + *(*at)++ - '0';
    return value;
}

static void read_pieces(Layout *layout, const char *text)
{
    for (const char *at = text; *at;) {
        if (*at == ' ') {
            at++;
            continue;
        }
        assert(isdigit((unsigned char)*at) && layout->piece_count < 2 * MAX_RANK);
        Piece *piece = &layout->pieces[layout->piece_count++];
        *piece = (Piece){.dim = (int)read_number(&at), .divisor = 1};
        if (*at == '/') {
            at++;
            piece->divisor = read_number(&at);
        }
        if (*at == '%') {
            at++;
            piece->modulus = read_number(&at);
        }
    }
}

static void row_major(Layout *layout, int rank)
{
    for (int d = 0; d < rank; d++)
        layout->pieces[layout->piece_count++] = (Piece){.dim = d, .divisor = 1};
}

bool tensor_has_halo(const Tensor *tensor)
{
    for (int d = 0; d < tensor->rank; d++)
        if (tensor->layout.halo[d])
            return true;
    return false;
}

bool tensor_halo_covers(ExprPool *pool, const Tensor *tensor, int d, const Expr *index,
                        int64_t halo)
{
    const Expr *extent = expr_plus_integer(pool, tensor->shape[d], 2 * halo);
    return expr_inside(pool, expr_plus_integer(pool, index, halo), extent) == expr_bool(pool, true);
}

/* From the extents of the pieces. */
static void set_strides(ExprPool *pool, Tensor *tensor)
{
    const Expr *stride = expr_integer(pool, 1);
    for (int i = tensor->layout.piece_count - 1; i >= 0; i--) {
        tensor->layout.pieces[i].stride = stride;
        stride = expr_times(pool, stride, tensor->layout.pieces[i].extent);
    }
    tensor->length = stride;
}

void tensor_set_layout(ExprPool *pool, Tensor *tensor, const char *pieces, const int64_t *halo,
                       const Expr *fill)
{
    Layout *layout = &tensor->layout;
    *layout = (Layout){0};
    for (int d = 0; halo && d < tensor->rank; d++)
        layout->halo[d] = halo[d];
    if (pieces)
        read_pieces(layout, pieces);
    else
        row_major(layout, tensor->rank);
    for (int i = 0; i < layout->piece_count; i++) {
        Piece *piece = &layout->pieces[i];
        const Expr *whole =
            expr_plus_integer(pool, tensor->shape[piece->dim], 2 * layout->halo[piece->dim]);
        piece->extent = piece->modulus ? expr_integer(pool, piece->modulus)
                                       : expr_round_up_quotient(pool, whole,
                                                                expr_integer(pool, piece->divisor));
    }
    set_strides(pool, tensor);
    if (tensor_has_halo(tensor))
        layout->fill = fill ? fill : expr_whole(pool, element_compute_type(tensor->element), 0);
}

void tensor_set_room(ExprPool *pool, Tensor *tensor, int dim, const Expr *capacity)
{
    tensor_set_layout(pool, tensor, NULL, NULL, NULL);
    tensor->layout.pieces[dim].extent = capacity;
    set_strides(pool, tensor);
}

const Expr *tensor_offset(ExprPool *pool, const Tensor *tensor, const Expr *const *indices)
{
    const Layout *layout = &tensor->layout;
    const Expr *offset = expr_integer(pool, 0);
    for (int i = 0; i < layout->piece_count; i++) {
        const Piece *piece = &layout->pieces[i];
        const Expr *index = expr_plus_integer(pool, indices[piece->dim], layout->halo[piece->dim]);
        index = expr_quotient(pool, index, expr_integer(pool, piece->divisor));
        if (piece->modulus)
            index = expr_modulus(pool, index, expr_integer(pool, piece->modulus));
        offset = expr_plus(pool, offset, expr_times(pool, index, piece->stride));
    }
    return offset;
}

bool tensor_is_row_major(const Tensor *tensor)
{
    const Layout *layout = &tensor->layout;
    if (layout->piece_count != tensor->rank)
        return false;
    for (int d = 0; d < tensor->rank; d++) {
        const Piece *piece = &layout->pieces[d];
        if (piece->dim != d || piece->divisor != 1 || piece->modulus || layout->halo[d] ||
            piece->extent != tensor->shape[d])
            return false;
    }
    return true;
}

bool tensor_same_layout(const Tensor *a, const Tensor *b)
{
    if (a->rank != b->rank || a->layout.piece_count != b->layout.piece_count ||
        a->layout.fill != b->layout.fill || a->length != b->length)
        return false;
    for (int d = 0; d < a->rank; d++)
        if (a->shape[d] != b->shape[d] || a->layout.halo[d] != b->layout.halo[d])
            return false;
    for (int i = 0; i < a->layout.piece_count; i++) {
        const Piece *p = &a->layout.pieces[i], *q = &b->layout.pieces[i];
        if (p->dim != q->dim || p->divisor != q->divisor || p->modulus != q->modulus ||
            p->stride != q->stride || p->extent != q->extent)
            return false;
    }
    return true;
}

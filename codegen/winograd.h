/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolutions with fewer products. A sum over a window of 3 (or 5) steps in two axes, and over an
 * axis that lies in both factors, one of them constant, is restated as
 *
 *     v[a, e, tile, c]   = sum over i, j of bt[a, i] bt[e, j] x[.. m y + i, m x + j ..]
 *     products[a, e, tile, o] = sum over c of v[a, e, tile, c] u[a, e, o, c]
 *     results[tile, o, p, q]  = sum over a, e of at[p, a] at[q, e] products[a, e, tile, o]
 *
 * for tiles of m x m results (Winograd 1980: F(m x m, 3 x 3)), with u, made of the weights when
 * they are packed, in the same way. Instead of 9 m^2 products for each channel there are (m + 2)^2.
 * The tables follow from the points at which polynomials are evaluated (Toom-Cook).
 *
 * Sums are rounded otherwise than they would be one product after the other: --math=strict keeps to
 * the direct ones. What it gains, and whether it gains at all, winograd_choose() reckons.
 */
#ifndef CODEGEN_WINOGRAD_H
#define CODEGEN_WINOGRAD_H

#include "codegen/contraction.h"

/* The computes from `first` on in tiles of m x m results, so many of them at a time, whatever it
 * costs. NULL: they are of another form. *count: how many computes it stands for. */
Function *winograd_build(const Kernel *kernel, int first, const Target *target, int m, int64_t tile,
                         int *count);

/* The best of the direct sum, which `direct` describes, and tiles of 2 x 2 and 4 x 4, for the
 * computes from `first` on. NULL: the direct one. */
Function *winograd_schedule(const Kernel *kernel, int first, const Target *target,
                            const Contraction *direct, int *count);

#endif

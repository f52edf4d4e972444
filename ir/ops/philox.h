/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers as expressions: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011), a function from a counter and a key to 128 random bits.
 *
 * The counter is the number of the element that is drawn, so results do not depend on the order in
 * which elements are computed. The key is the node's seed, or where it has none a hash of its first
 * result's name; a compiled model therefore draws the same numbers in every run.
 */
#ifndef IR_OPS_PHILOX_H
#define IR_OPS_PHILOX_H

#include "ir/ops/lowering.h"

/* The default of a float attribute `seed`. */
#define SEED_ABSENT NAN

/* The key of a node with that seed (NaN: absent), and of one with an integer seed. */
uint64_t philox_key(const Node *node, float seed);
uint64_t philox_key_of_integer(const Node *node, int64_t seed);
/* Four uint32 values for an element. */
void philox(ExprPool *pool, uint64_t key, const Expr *element, const Expr **words);
/* For an element, in float or double: uniform in [0, 1), standard normal (Box and Muller). */
const Expr *philox_uniform(ExprPool *pool, uint64_t key, const Expr *element, TnElementType type);
const Expr *philox_normal(ExprPool *pool, uint64_t key, const Expr *element, TnElementType type);

#endif

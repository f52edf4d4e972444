/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups: several computes in one function, with temporaries that live in a tile.
 *
 * A group is a kernel and a split: an axis of its last compute, cut into tiles. The loop over tiles
 * is what threads share; inside it every compute is restated over what one tile needs, and
 * scheduled as if it stood alone. What one member makes and another reads lies in scratch that is
 * as large as a tile needs it, and so stays in a near cache.
 *
 * Which axis of an earlier compute is the split one is read off the loads: where a member is loaded
 * at the split axis itself, its own axis there is split, too.
 *
 * Members are contractions, and *chains*: maps, scatters and sums over short axes whose factors are
 * a table, a constant of known numbers. The short axes of a chain are unrolled, so that the table's
 * numbers become those of the code and what is passed on stays in registers.
 */
#ifndef CODEGEN_GROUP_H
#define CODEGEN_GROUP_H

#include "codegen/schedule.h"

/* The kernel as one function: `tile` steps at a time of axis number `axis` of its last compute.
 * NULL where it is of another form, or nothing lies contiguous along an axis that all share. */
Function *group_schedule(const Target *target, const Kernel *kernel, int axis, int64_t tile);

#endif

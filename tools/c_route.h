/* SPDX-License-Identifier: Apache-2.0
 *
 * --via c: C, made into a library by a compiler of the system, and loaded. The library of Tenon
 * itself never runs a program.
 */
#ifndef TOOLS_C_ROUTE_H
#define TOOLS_C_ROUTE_H

#include "codegen/backend.h"

/* The command, with its options, to which the names of files are added. */
void c_route_compiler(const char *command);
/* FOLDER/STEM.c as a shared library, opened with dlopen(). On failure a diagnostic: TN_IO where the
 * compiler cannot be run, TN_INTERNAL where it does not take what we wrote. */
TnStatus c_route_build(Arena *arena, const char *folder, const char *stem, void **library,
                       Diagnostics *diagnostics);
/* Removes the folder with what the two made in it. */
void c_route_clean(Arena *arena, const char *folder, const char *stem);

/* Kernels alone, for tests of nests. */
extern const Backend backend_c;

#endif

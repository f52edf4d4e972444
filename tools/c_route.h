/* SPDX-License-Identifier: Apache-2.0
 *
 * --via c: kernels as C, made into a library by a compiler of the system, and loaded. The library
 * of Tenon itself never runs a program.
 */
#ifndef TOOLS_C_ROUTE_H
#define TOOLS_C_ROUTE_H

#include "codegen/backend.h"

extern const Backend backend_c;

/* The command, with its options, to which the names of files are added. */
void c_route_compiler(const char *command);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and folders.
 */
#ifndef TOOLS_FOLDER_H
#define TOOLS_FOLDER_H

#include "ir/support/arena.h"

#include <stdbool.h>

bool is_file(const char *path);
bool is_folder(const char *path);
/* The folder's entries that begin so, sorted; for free_names(). */
char **list_folder(const char *folder, const char *prefix, int *count);
void free_names(char **names, int count);
/* A new, empty folder TMPDIR/NAME-XXXXXX (in /tmp where there is no TMPDIR); NULL: it cannot be
 * made. */
const char *temporary_folder(Arena *arena, const char *name);
/* "folder/name", to be freed. */
char *join_path(const char *folder, const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that appear whole or not at all, also where the disk is full or the process is killed.
 *
 * A file is made without a name (O_TMPFILE), so that whatever ends the process takes it along, and
 * gets its name when all is written. Where its name is taken, it is called PATH.new for the moment
 * between a link and a rename. Where the file system cannot do that, or /proc is not there, it is
 * PATH.part from the beginning, and locked: what a killed process left there, the next one finds
 * unlocked and takes for its own. Several processes may make the same file: one of theirs, whole,
 * has the name in the end.
 *
 * This is about processes that end, not about machines that do: nothing waits for the disk.
 */
#ifndef IR_SUPPORT_NEW_FILE_H
#define IR_SUPPORT_NEW_FILE_H

#include "ir/support/arena.h"

typedef struct NewFile {
    const char *path;
    int descriptor;        /* to read and write; -1: it is committed or dropped */
    const char *temporary; /* the name that it has so far; NULL: none */
} NewFile;

/* An empty file, dropped with the arena unless it is committed before. NULL, and errno, on failure.
 */
NewFile *new_file_open(Arena *arena, const char *path);
/* Gives the file its name and closes it; false, and errno, on failure: then it is dropped. */
bool new_file_commit(NewFile *file);
void new_file_drop(NewFile *file);

#endif

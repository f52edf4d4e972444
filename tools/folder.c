/* SPDX-License-Identifier: Apache-2.0 */
#include "folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **list_folder(const char *folder, const char *prefix, int *count)
{
    DIR *directory = opendir(folder);
    char **names = NULL;
    *count = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        char **larger = realloc(names, sizeof *names * (size_t)(*count + 1));
        if (!larger)
            break;
        names = larger;
        names[(*count)++] = strdup(entry->d_name);
    }
    if (directory)
        closedir(directory);
    if (*count)
        qsort(names, (size_t)*count, sizeof *names, compare_names);
    return names;
}

void free_names(char **names, int count)
{
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

const char *temporary_folder(Arena *arena, const char *name)
{
    const char *base = getenv("TMPDIR");
    char *folder = arena_format(arena, "%s/%s-XXXXXX", base && *base ? base : "/tmp", name);
    return mkdtemp(folder);
}

char *join_path(const char *folder, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        abort();
    return path;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over files and folders, where libFuzzer is not there to do it: the corpus is a
 * regression test of every build.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    size_t length = data ? fread(data, 1, (size_t)size, file) : 0;
    fclose(file);
    if (data)
        LLVMFuzzerTestOneInput(data, length);
    free(data);
    return 0;
}

static int run_folder(const char *path)
{
    struct dirent **entries;
    int failures = 0, count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char name[4096];
        struct stat facts;
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (stat(name, &facts) == 0 && S_ISREG(facts.st_mode))
            failures += run_file(name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return count < 0 ? 1 : failures;
}

int main(int argc, char **argv)
{
    int failures = 0;
    for (int i = 1; i < argc; i++) {
        struct stat facts;
        bool is_folder = stat(argv[i], &facts) == 0 && S_ISDIR(facts.st_mode);
        failures += is_folder ? run_folder(argv[i]) : run_file(argv[i]);
    }
    return failures != 0;
}

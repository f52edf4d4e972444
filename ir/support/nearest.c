/* SPDX-License-Identifier: Apache-2.0
 *
 * The distance is that of optimal string alignment, without regard to case:
 * https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance. A third of the letters may
 * differ, and no more than three.
 */
#include "ir/support/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { MAX_LENGTH = 64, MAX_DISTANCE = 3 };

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static bool is_same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Of texts of at most MAX_LENGTH letters. */
static int distance_of(const char *a, int a_length, const char *b, int b_length)
{
    int rows[3][MAX_LENGTH + 1]; /* row i: the first i letters of a to the first j of b */
    for (int j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (int i = 1; i <= a_length; i++) {
        int *row = rows[i % 3], *last = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= b_length; j++) {
            int change = last[j - 1] + !is_same(a[i - 1], b[j - 1]);
            row[j] = smaller(change, 1 + smaller(last[j], row[j - 1]));
            if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1]))
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

Nearest nearest_to(const char *word)
{
    int length = (int)strnlen(word, MAX_LENGTH + 1);
    int most = smaller(length / 3, MAX_DISTANCE);
    return (Nearest){.word = word, .distance = length > MAX_LENGTH ? 0 : most + 1};
}

void nearest_consider(Nearest *nearest, const char *name)
{
    int length = (int)strnlen(name, MAX_LENGTH + 1);
    int word_length = (int)strnlen(nearest->word, MAX_LENGTH + 1);
    if (length > MAX_LENGTH || word_length > MAX_LENGTH)
        return;
    int distance = distance_of(nearest->word, word_length, name, length);
    if (distance >= nearest->distance)
        return;
    nearest->name = name;
    nearest->distance = distance;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of many names a word was meant to be.
 *
 *     Nearest nearest = nearest_to(word);
 *     for each name:
 *         nearest_consider(&nearest, name);
 *     nearest.name: the one that is most like the word, NULL if none is near
 */
#ifndef IR_SUPPORT_NEAREST_H
#define IR_SUPPORT_NEAREST_H

typedef struct Nearest {
    const char *word;
    const char *name;
    int distance; /* of the name, in letters to add, leave out, change or swap */
} Nearest;

Nearest nearest_to(const char *word);
void nearest_consider(Nearest *nearest, const char *name);

#endif

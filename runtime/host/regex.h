/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions in RE2's syntax, without captures: alternation, groups, * + ? {m,n} (greedy
 * or not: a full match does not care), classes with ranges and \d \w \s and [:alpha:] names, . ^ $
 * \b \B. Matching takes time proportional to pattern times text (Thompson 1968, "Regular
 * expression search algorithm"): no pattern can hang it.
 */
#ifndef RUNTIME_HOST_REGEX_H
#define RUNTIME_HOST_REGEX_H

#include "tenon.h"

typedef struct Regex Regex;

/* Memory that regex_compile() needs at most. */
int64_t regex_bytes(TnString pattern);
/* NULL, or what is wrong with the pattern. */
const char *regex_compile(TnString pattern, void *memory, int64_t bytes, Regex **regex);
/* Whether the whole text matches; both are UTF-8. */
bool regex_matches(Regex *regex, TnString text);

#endif

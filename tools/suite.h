/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder of tests in the layout of ONNX's own: at any depth, folders with a model.onnx and its
 * test_data_set_*.
 */
#ifndef TOOLS_SUITE_H
#define TOOLS_SUITE_H

#include "options.h"

/* Runs all tests, several at a time, prints those that did not pass and the counts, and answers the
 * exit status: good only if none failed and there was one. */
int check_suite(const Options *options, const char *folder);

#endif

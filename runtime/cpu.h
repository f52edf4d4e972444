/* SPDX-License-Identifier: Apache-2.0
 *
 * What this processor can do, as far as compiled models ask: TN_CPU_... of tenon_model.h.
 */
#ifndef RUNTIME_CPU_H
#define RUNTIME_CPU_H

#include "tenon_model.h"

uint64_t cpu_features(void);
/* "AVX2" */
const char *cpu_feature_name(uint64_t feature);

#endif

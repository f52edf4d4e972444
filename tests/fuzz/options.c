/* SPDX-License-Identifier: Apache-2.0
 *
 * The sanitizer under libFuzzer: an allocation of a size that a file makes up fails, as it would
 * on a machine without so much memory; it is not a finding.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:max_allocation_size_mb=256";
}

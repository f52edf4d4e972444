/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/host/host.h"

/* Stands in compiled models for operators of the host's, until one is loaded and bound. */
TnStatus host_unbound(HostCall *call)
{
    host_error(call, "this is an operator of the host's: such a model runs in a program that "
                     "tn_program_load() has made");
    return TN_UNSUPPORTED;
}

/* SPDX-License-Identifier: MIT */
/* Numbers and prototypes of the helpers, from helpers.def. */
#ifndef FRONTENDS_X86_HELPERS_H
#define FRONTENDS_X86_HELPERS_H

#include "translator/ir.h"

enum x86_helper {
#define HELPER(name, flags) HLP_##name,
#include "frontends/x86/helpers.def"
#undef HELPER
    HLP_COUNT
};

#define HELPER(name, flags) uint64_t helper_##name(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c);
#include "frontends/x86/helpers.def"
#undef HELPER

#endif

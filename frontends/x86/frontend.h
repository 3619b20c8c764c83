/* SPDX-License-Identifier: MIT */
/*
 * The x86 frontend as the machine's start-up sees it: choose the model (-cpu, topology), then let
 * the accelerator make the vCPUs.
 */
#ifndef FRONTENDS_X86_FRONTEND_H
#define FRONTENDS_X86_FRONTEND_H

#include "frontends/x86/cpuid.h"
#include "translator/frontend.h"

extern const struct frontend_ops x86_frontend;

/* For all vCPUs made from now on; the default is what x86_model_parse(NULL) gives. */
void x86_set_model(const struct x86_model *model);
const struct x86_model *x86_get_model(void);

#endif

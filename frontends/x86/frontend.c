/* SPDX-License-Identifier: MIT */
/* The x86 frontend's table for the translator (translator/frontend.h). */
#include "frontends/x86/frontend.h"
#include "frontends/x86/gen.h"
#include "frontends/x86/sys.h"

static struct x86_model machine_model;
static bool model_chosen;

void x86_set_model(const struct x86_model *model)
{
    machine_model = *model;
    model_chosen = true;
}

const struct x86_model *x86_get_model(void)
{
    if (!model_chosen) {
        x86_model_parse(&machine_model, NULL, NULL);
        model_chosen = true;
    }
    return &machine_model;
}

static void frontend_reset(struct vcpu *v)
{
    X86_CPU(v)->model = x86_get_model();
    x86_cpu_reset(X86_CPU(v));
}

const struct frontend_ops x86_frontend = {
    .name = "x86",
    .globals = x86_globals,
    .n_globals = X86_G_COUNT,
    .helpers = x86_helpers,
    .n_helpers = HLP_COUNT,
    .cpu_size = sizeof(struct x86_cpu),
    .get_mode = x86_get_mode,
    .walk = x86_walk,
    .watch = x86_watch,
    .check_crossing = x86_check_crossing,
    .translate = x86_translate,
    .poll = x86_poll,
    .deliver = x86_deliver,
    .host_fault = x86_host_fault,
    .reset = frontend_reset,
    .as = x86_as,
};

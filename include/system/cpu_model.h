/* SPDX-License-Identifier: MIT */
/* CPU models by name (-cpu): implemented by the frontend. Before vCPUs are made. */
#ifndef SYSTEM_CPU_MODEL_H
#define SYSTEM_CPU_MODEL_H

#include "util/base.h"

#include <glib.h>

struct error;

/* One line per model, then the features that may follow it. */
void cpu_model_help(GString *out);

/*
 * Choose the model of all vCPUs: "model[,+feature][,-feature][,feature=on|off]...". 0, or -EINVAL
 * with err and a suggestion.
 */
int cpu_model_select(const char *text, struct error **err);

/* How vCPU index n is placed, for CPUID leaves 1, 4, Bh and APIC ids. */
void cpu_model_set_topology(uint32_t dies, uint32_t cores, uint32_t threads);

/* APIC id of vCPU n in this topology (SDM vol. 3, 8.9). */
uint32_t cpu_apic_id(unsigned index);

#endif

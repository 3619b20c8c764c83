/* SPDX-License-Identifier: MIT */
/* CPU models by name (-cpu): implemented by the frontend. Main thread, before vCPUs are made. */
#ifndef SYSTEM_CPU_MODEL_H
#define SYSTEM_CPU_MODEL_H

#include "util/base.h"

struct error;

/* Prints the models and the features that may follow them. */
void cpu_model_help(void);

/* How CPUs are grouped, for CPUID and APIC ids. Before cpu_model_select(). */
void cpu_model_set_topology(uint32_t sockets, uint32_t dies, uint32_t cores, uint32_t threads);

/*
 * Choose the model of all vCPUs: "model[,+feature][,-feature][,feature=on|off]...". 0, or -EINVAL
 * with err and a suggestion.
 */
int cpu_model_select(const char *text, struct error **err);

/* Every model's name; alias_of: the one it stands for, or NULL. */
void cpu_model_for_each(void (*fn)(const char *name, const char *alias_of, void *opaque),
                        void *opaque);

/* Every feature, and whether a CPU of this text (as cpu_model_select()'s) would have it. */
int cpu_model_expand(const char *text, void (*fn)(const char *name, bool on, void *opaque),
                     void *opaque, struct error **err);

/* APIC id of vCPU n in this topology (SDM vol. 3A, 9.9.3). */
uint32_t cpu_apic_id(unsigned index);
bool cpu_has_x2apic(void);

#endif

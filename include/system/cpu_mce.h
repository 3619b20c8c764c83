/* SPDX-License-Identifier: MIT */
/* Machine check errors for a vCPU; implemented by the frontend. The vCPU stands still. */
#ifndef SYSTEM_CPU_MCE_H
#define SYSTEM_CPU_MCE_H

#include "util/base.h"

struct error;
struct vcpu;

/* Contents of the registers IA32_MCi_STATUS, _ADDR, _MISC of a bank and IA32_MCG_STATUS. */
struct vcpu_mce {
    unsigned bank;
    uint64_t status, mcg_status, addr, misc;
};

unsigned vcpu_mce_banks(void);

/* Uncorrected errors raise #MC. -EINVAL with err: no such bank, or the status is not valid. */
int vcpu_inject_mce(struct vcpu *cpu, const struct vcpu_mce *e, struct error **err);

#endif

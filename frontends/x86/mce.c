/* SPDX-License-Identifier: MIT */
/*
 * Machine checks: errors put into the banks from outside (the monitor's mce), and #MC for those the
 * CPU could not correct. Reference: Intel SDM vol. 3B, chapter 16.
 */
#include <errno.h>

#include "frontends/x86/cpuid.h"
#include "frontends/x86/msr.h"
#include "frontends/x86/sys.h"
#include "system/cpu_mce.h"
#include "util/error.h"

#define STATUS_VAL  BIT(63)
#define STATUS_OVER BIT(62)
#define STATUS_UC   BIT(61)
#define STATUS_EN   BIT(60)

unsigned vcpu_mce_banks(void)
{
    return X86_MCE_BANKS;
}

/* A new error replaces an old one if it is worse; else it is only counted as lost. */
static void log_error(uint64_t *bank, const struct vcpu_mce *e)
{
    bool keep = (bank[1] & STATUS_VAL) && ((bank[1] & STATUS_UC) || !(e->status & STATUS_UC));

    if (keep) {
        bank[1] |= STATUS_OVER;
        return;
    }
    uint64_t over = bank[1] & STATUS_VAL ? STATUS_OVER : 0;
    bank[1] = e->status | over;
    bank[2] = e->addr;
    bank[3] = e->misc;
}

int vcpu_inject_mce(struct vcpu *v, const struct vcpu_mce *e, struct error **err)
{
    struct x86_cpu *c = X86_CPU(v);

    if (e->bank >= X86_MCE_BANKS || !(e->status & STATUS_VAL) || !x86_cpuid_bit(c, 1, 3, 14)) {
        error_set(err, "there are the banks 0 to %u, and bit 63 of a valid status is set",
                  X86_MCE_BANKS - 1);
        return -EINVAL;
    }
    log_error(&c->mce_banks[4 * e->bank], e);
    if (!(e->status & STATUS_UC) || !(e->status & STATUS_EN)) {
        return 0; /* corrected, or not to be reported: software finds it when it looks */
    }
    c->mcg_pending = e->mcg_status;
    vcpu_raise_event(v, VCPU_EV_MCE);
    return 0;
}

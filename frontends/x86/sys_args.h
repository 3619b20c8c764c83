/* SPDX-License-Identifier: MIT */
/* Numbers shared by the generators and helpers of system instructions. */
#ifndef FRONTENDS_X86_SYS_ARGS_H
#define FRONTENDS_X86_SYS_ARGS_H

/* helper_get_sysreg() */
enum x86_sysreg { SYSREG_LDTR, SYSREG_TR, SYSREG_MSW, SYSREG_GDT_BASE, SYSREG_GDT_LIMIT, SYSREG_IDT_BASE, SYSREG_IDT_LIMIT };

#endif

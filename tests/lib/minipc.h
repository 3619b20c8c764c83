/* SPDX-License-Identifier: MIT */
/*
 * The least machine that runs bare-metal guests in a test's own process: RAM, a BIOS ROM below
 * 4 GiB and below 1 MiB, one vCPU on the calling thread, debug console ports (402h, E9h), the
 * debug-exit port (F4h), and a port (F5h) that raises events in the CPU: 1 NMI, 2 SMI, 4 INTR
 * with the vector last written to port F6h.
 */
#ifndef TESTS_LIB_MINIPC_H
#define TESTS_LIB_MINIPC_H

#include "util/base.h"

struct backend_ops;

#define MINIPC_TIMEOUT (-1)
#define MINIPC_HALTED  (-2) /* HLT with nothing to wake it */
#define MINIPC_RESET   (-3) /* triple fault or another reset request */

/*
 * Run a ROM image until it exits: the value written to the debug-exit port, or MINIPC_*. The
 * console's output goes to `out` (always terminated). cpu: as -cpu.
 */
int minipc_run(const struct backend_ops *backend, const char *cpu, const char *rom_path, double seconds, char *out,
               size_t out_size);

#endif

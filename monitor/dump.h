/* SPDX-License-Identifier: MIT */
/* The machine's memory and registers as an ELF core file, as crash and gdb read it. */
#ifndef MONITOR_DUMP_H
#define MONITOR_DUMP_H

#include "util/base.h"

struct error;

struct dump_options {
    bool paging;            /* segments by linear addresses of the first CPU, for gdb */
    uint64_t begin, length; /* of physical memory */
};

/* The vCPUs stand still. *size: what has been written. 0 or -errno with err set. */
int dump_write(int fd, const struct dump_options *o, uint64_t *size, struct error **err);

#endif

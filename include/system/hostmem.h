/* SPDX-License-Identifier: MIT */
/*
 * Where guest memory comes from, if the user says: objects memory-backend-ram, -memfd and -file,
 * chosen by -machine memory-backend=ID. Main thread, device lock held.
 */
#ifndef SYSTEM_HOSTMEM_H
#define SYSTEM_HOSTMEM_H

#include "util/base.h"

struct error;
struct object;

/* By id; counts as used from then on. NULL with err: none, or no memory backend. */
struct object *hostmem_claim(const char *id, struct error **err);

uint64_t hostmem_size(const struct object *obj);

/* Puts the backend behind an allocated block (its first ram_addr_t) of its size. */
int hostmem_apply(const struct object *obj, uint64_t ram, struct error **err);

#endif

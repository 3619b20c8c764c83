/* SPDX-License-Identifier: MIT */
/*
 * Memory of a frontend's CPU struct. Below it lies a stack, since translated code uses the
 * struct's address as its stack pointer, and below that a page nobody may touch.
 */
#include "translator/vcpu.h"

#include <sys/mman.h>

#define STACK KIB(256)
#define GUARD KIB(4)

static size_t total(size_t size)
{
    return GUARD + STACK + ALIGN_UP(size, KIB(4));
}

void *vcpu_alloc(size_t size)
{
    uint8_t *p = mmap(NULL, total(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    if (mprotect(p, GUARD, PROT_NONE)) {
        munmap(p, total(size));
        return NULL;
    }
    return p + GUARD + STACK;
}

void vcpu_free(void *cpu, size_t size)
{
    if (cpu)
        munmap((uint8_t *)cpu - GUARD - STACK, total(size));
}

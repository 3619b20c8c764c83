/* SPDX-License-Identifier: MIT */
/*
 * Message-signalled interrupts between their senders and the one receiver.
 */
#include "hw/core/msi.h"

#include "hw/core/memory.h"

static void (*msi_handler)(void *opaque, uint64_t addr, uint32_t data);
static void *msi_opaque;

void msi_set_handler(void (*handler)(void *opaque, uint64_t addr, uint32_t data), void *opaque)
{
    msi_handler = handler;
    msi_opaque = opaque;
}

void msi_send(uint64_t addr, uint32_t data)
{
    if ((addr & ~(uint64_t)~MSI_ADDR_MASK) != MSI_ADDR_BASE) {
        addr_space_stl_le(&as_memory, addr, data);
        return;
    }
    if (msi_handler)
        msi_handler(msi_opaque, addr, data);
}

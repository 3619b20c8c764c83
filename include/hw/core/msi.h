/* SPDX-License-Identifier: MIT */
/*
 * Message-signalled interrupts as they appear on the system bus: a dword write
 * to FEEx_xxxxh (Intel SDM vol. 3A, 11.11). Senders are PCI functions, the
 * IO-APIC and the HPET; the interrupt controllers register the receiver.
 */
#ifndef HW_CORE_MSI_H
#define HW_CORE_MSI_H

#include "util/base.h"

#define MSI_ADDR_BASE 0xfee00000u
#define MSI_ADDR_MASK 0xfff00000u

/* The address fields and the data fields. */
#define MSI_ADDR_DEST_SHIFT    12
#define MSI_ADDR_DEST_LOGICAL  (1u << 2)
#define MSI_ADDR_REDIRECT      (1u << 3)
#define MSI_DATA_VECTOR_MASK   0xffu
#define MSI_DATA_MODE_SHIFT    8 /* delivery mode, 3 bits */
#define MSI_DATA_LEVEL_ASSERT  (1u << 14)
#define MSI_DATA_TRIGGER_LEVEL (1u << 15)

/* The receiver; any thread, without or with the device lock. */
void msi_set_handler(void (*handler)(void *opaque, uint64_t addr, uint32_t data), void *opaque);

/* Deliver a message. One to any other address is a plain dword write to memory.
 * Any thread. */
void msi_send(uint64_t addr, uint32_t data);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Local APICs: one device "apic" per vCPU (property "cpu" says which), and the
 * interrupt bus between them, the IO-APIC and the senders of messages.
 *
 * Everything here may be called from any thread, with or without the device lock,
 * unless it says otherwise.
 */
#ifndef HW_INTC_APIC_H
#define HW_INTC_APIC_H

#include "util/base.h"

struct device;
struct irq;

#define APIC_BASE_DEFAULT 0xfee00000u

enum apic_delivery {
    APIC_FIXED,
    APIC_LOWEST,
    APIC_SMI,
    APIC_REMOTE_READ, /* reserved since the P6 */
    APIC_NMI,
    APIC_INIT,
    APIC_SIPI, /* reserved in redirection and message data */
    APIC_EXTINT,
};

/* One interrupt message, as on the bus. */
struct apic_message {
    uint32_t dest;
    uint8_t vector;
    uint8_t delivery; /* enum apic_delivery */
    bool logical;     /* dest is a logical one */
    bool level;       /* trigger mode */
};

/* To whoever it names. True if somebody took it. */
bool apic_bus_send(const struct apic_message *msg);

/* Dword write to FEEx_xxxxh; the handler of msi_set_handler(). */
void apic_bus_msi(uint64_t addr, uint32_t data);

/*
 * The wires to LINT0 (pin 0; from the 8259s) and LINT1 (pin 1; NMI) of every CPU.
 * apic_bus_set_pic() names the 8259s that answer ExtINT acknowledges. Before the
 * vCPUs start.
 */
struct irq *apic_bus_lint(unsigned pin);
void apic_bus_set_pic(struct device *i8259);

/* Who hears of the ends of level-triggered interrupts: the IO-APIC. With the device lock held. */
void apic_bus_set_eoi_handler(void (*eoi)(void *opaque, uint8_t vector), void *opaque);

/*
 * What firmware does on the boot CPU: enable the APIC, 8259s through LINT0, NMI
 * through LINT1. For kernels that are started without firmware. vCPU not running.
 */
void apic_set_virtual_wire(struct device *apic);

/* The CPU's APIC id. */
uint32_t apic_id(const struct device *apic);

/* Registers as text for the monitor (`info lapic`). vCPU not running. */
char *apic_describe(const struct device *apic);

#endif

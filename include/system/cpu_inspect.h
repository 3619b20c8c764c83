/* SPDX-License-Identifier: MIT */
/*
 * Looking into a vCPU from outside: registers by name, address translation without side effects,
 * the list of mappings, disassembly. For the monitor; implemented by the frontend.
 *
 * All functions: the vCPU stands still (between vcpu_gate_close() and vcpu_gate_open()) or it is
 * the calling thread's. Nothing here changes its state or the guest's memory.
 */
#ifndef SYSTEM_CPU_INSPECT_H
#define SYSTEM_CPU_INSPECT_H

#include "util/base.h"
#include "util/types.h"

#include <glib.h>

struct vcpu;

/* A register by its name ("rax", "eax", "rip", "cs", "cr3", "efer" ...); false if there is none. */
bool vcpu_register(const struct vcpu *cpu, const char *name, uint64_t *value);
/* The names, NULL after the last. */
const char *vcpu_register_name(unsigned i);

/* All registers as text; fpu: x87 and SSE too. */
void vcpu_describe(const struct vcpu *cpu, bool fpu, GString *out);

uint64_t vcpu_pc(const struct vcpu *cpu); /* linear address of the next instruction */
bool vcpu_halted(const struct vcpu *cpu);
unsigned vcpu_code_bits(const struct vcpu *cpu); /* 16, 32, 64 by CS */
bool vcpu_wide(const struct vcpu *cpu);          /* linear addresses of 64 bits in use */
bool vcpu_paging(const struct vcpu *cpu);

struct vcpu_mapping {
    gva_t va;
    gpa_t pa;
    uint64_t size;
    uint64_t bits; /* of the last entry */
    bool user, write, no_execute;
};

/* Where a linear address is; false if the page tables say nowhere. */
bool vcpu_translate(const struct vcpu *cpu, gva_t addr, struct vcpu_mapping *out);

/* Every mapping in the order of addresses, but for tables that repeat the one before them. False if fn has ended it by returning false, or there
 * are too many tables (a guest can make them endless). */
bool vcpu_for_each_mapping(const struct vcpu *cpu,
                           bool (*fn)(const struct vcpu_mapping *m, void *opaque), void *opaque);

/* Memory as the CPU sees it; how many bytes could be read before a hole. */
uint64_t vcpu_read_memory(const struct vcpu *cpu, gva_t addr, void *buf, uint64_t len);
uint64_t vcpu_read_physical(const struct vcpu *cpu, gpa_t addr, void *buf, uint64_t len);

/* One instruction of `bits` bit code as text; its length, 0 if it is none. */
unsigned vcpu_disassemble(const uint8_t *code, unsigned avail, uint64_t pc, unsigned bits,
                          char *buf, size_t size);

#endif

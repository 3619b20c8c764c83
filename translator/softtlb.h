/* SPDX-License-Identifier: MIT */
/*
 * The soft TLB: guest linear page -> host page, per vCPU.
 *
 * First level: direct mapped, separate tables for reads and writes, one set per access class, the
 * class being static in a block (its key). Translated code does, inline:
 *     i = (addr >> 12) & (SOFTTLB_ENTRIES - 1)
 *     t = addr ^ entry[i].tag;  if (t > 4096 - size) slow path
 *     host = t + entry[i].host
 * A hit's t is the page offset, so one compare catches wrong page and page crossing. An empty
 * entry i holds softtlb_empty_tag(i), which cannot match any address that selects entry i.
 * Pages that need the slow path always (MMIO, watched, ROM/code/clean pages for writes) are
 * never put into the table concerned. A write entry exists only for pages whose PTE is dirty.
 *
 * Entries belong to their vCPU's thread; another thread may only ask for a flush by event, except
 * softtlb_remove_write() (code page made, dirty log cleared): atomic tag stores into remote write
 * entries, which the remote vCPU is sure to have seen once it has passed a poll (exec.h epoch).
 *
 * Second level: tagged by context (address space generation), larger; refilled without leaving
 * translated code (leaf C), then the frontend's page walk.
 */
#ifndef TRANSLATOR_SOFTTLB_H
#define TRANSLATOR_SOFTTLB_H

#include "util/base.h"
#include "util/types.h"

#define SOFTTLB_BITS 10
#define SOFTTLB_ENTRIES (1u << SOFTTLB_BITS)
#define SOFTTLB_PAGE 4096u

/* Access classes (mmu_idx). */
enum softtlb_class { TLB_USER, TLB_KERNEL, TLB_KERNEL_AC /* supervisor, user pages allowed (AC=1 or no SMAP) */, SOFTTLB_SETS };
enum tlb_access { TLB_READ, TLB_WRITE, TLB_FETCH };

struct softtlb_entry { uint64_t tag, host; };
struct softtlb_set { struct softtlb_entry rd[SOFTTLB_ENTRIES], wr[SOFTTLB_ENTRIES]; };
static inline uint64_t softtlb_empty_tag(unsigned i) { return (uint64_t)(i ^ 1) << 12; }

/* What a page walk found (filled by frontend_ops.walk). */
struct tlb_walk {
    gpa_t gpa;        /* physical address of the 4 KiB page */
    bool read, write, fetch; /* allowed for this class; write only when D is set */
    bool global;
    uint64_t span;    /* size of the mapping that holds it (4 KiB, 2 MiB, ...) */
};

struct vcpu;
struct softtlb_l2;

/*
 * Accesses from C (helpers, and the slow path of translated code). They raise guest exceptions by
 * the frontend's walk (which does not return then), do MMIO, handle page crossing, code pages and
 * dirty tracking. `info`: SOFTTLB_INFO(size, class, mem flags).
 */
uint64_t softtlb_load(struct vcpu *cpu, gva_t addr, unsigned size, unsigned mmu_idx, unsigned memflags);
void softtlb_store(struct vcpu *cpu, gva_t addr, uint64_t val, unsigned size, unsigned mmu_idx, unsigned memflags);
/* bytes of any length, all pages probed before the first byte is written */
void softtlb_read(struct vcpu *cpu, gva_t addr, void *buf, unsigned len, unsigned mmu_idx, unsigned memflags);
void softtlb_write(struct vcpu *cpu, gva_t addr, const void *buf, unsigned len, unsigned mmu_idx, unsigned memflags);
/* Raise what the access would; returns the host address if [addr, addr+size) is plain RAM in one page and may be accessed directly, else NULL. */
void *softtlb_probe(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a, unsigned mmu_idx, unsigned memflags);
/* First-level miss: refill and return the host address, or NULL when the access must go by softtlb_load/store. */
void *softtlb_refill(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a, unsigned mmu_idx, unsigned memflags);

/* Flushes, on the vCPU's own thread. Keep the code TLB and jump table in step (exec.h). */
void softtlb_flush_all(struct vcpu *cpu);            /* global pages too */
void softtlb_flush_nonglobal(struct vcpu *cpu);
void softtlb_flush_page(struct vcpu *cpu, gva_t addr);
void softtlb_init(struct vcpu *cpu);
void softtlb_fini(struct vcpu *cpu);

#endif

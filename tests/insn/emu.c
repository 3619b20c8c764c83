/* SPDX-License-Identifier: MIT */
/*
 * A vCPU for instruction tests. Guest-physical layout, mapped one to one:
 *   1000 page tables   8000 IDT   9000 GDT   10000 handlers, 16 bytes each
 *   20000 code   30000 data (EMU_DATA)   40000 top of the stack
 */
#include "tests/insn/emu.h"

#include "frontends/x86/fault.h"
#include "frontends/x86/fpu.h"
#include "frontends/x86/frontend.h"
#include "frontends/x86/sys.h"
#include "hw/core/lock.h"
#include "hw/core/memory.h"
#include "system/cpu.h"
#include "translator/backend.h"
#include "translator/exec.h"
#include "translator/tb.h"
#include "util/error.h"

#include <stdlib.h>

enum {
    EMU_PML4 = 0x1000,
    EMU_IDT = 0x8000,
    EMU_GDT = 0x9000,
    EMU_HANDLERS = 0x10000,
    EMU_CODE = 0x20000,
    EMU_STACK = 0x40000,
    EMU_RAM = 0x100000,
};
enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, SEL_CODE = 8, SEL_DATA = 16 };

static struct mem_region emu_ram;
static struct x86_cpu *the_cpu;
static uint8_t *emu_host;

static void put64(unsigned at, uint64_t v)
{
    st_le64(emu_host + at, v);
}

static void make_page_tables(void)
{
    put64(EMU_PML4, 0x2000 | PTE_P | PTE_W);
    put64(0x2000, 0x3000 | PTE_P | PTE_W);
    put64(0x3000, 0x4000 | PTE_P | PTE_W);
    for (unsigned page = 0; page < EMU_RAM; page += 4096)
        put64(0x4000 + page / 512, page | PTE_P | PTE_W);
    put64(0x4000 + (EMU_DATA + NATIVE_MEMORY) / 512, 0);
}

static void make_idt(void)
{
    for (unsigned n = 0; n < 256; n++) {
        unsigned handler = EMU_HANDLERS + 16 * n;

        put64(EMU_IDT + 16 * n, (handler & 0xffff) | SEL_CODE << 16 | 0x8e00ull << 32 |
                                    (uint64_t)(handler >> 16) << 48);
        put64(EMU_IDT + 16 * n + 8, 0);
        emu_host[handler] = 0xf4;
    }
    put64(EMU_GDT + SEL_CODE, 0x00af9b000000ffff);
    put64(EMU_GDT + SEL_DATA, 0x00cf93000000ffff);
}

static void make_memory(void)
{
    struct error *err = NULL;

    device_lock();
    memory_init();
    if (mem_region_init_ram(&emu_ram, "ram", EMU_RAM, &err))
        abort();
    mem_region_add(as_memory.root, 0, &emu_ram);
    device_unlock();
    cpu_set_address_spaces(&as_memory, &as_smm, &as_io);
    emu_host = ram_ptr(emu_ram.ram);
    make_page_tables();
    make_idt();
}

static void long_mode(struct x86_cpu *c)
{
    c->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    c->cr3 = EMU_PML4;
    c->efer = EFER_LME | EFER_LMA | EFER_NXE;
    c->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    c->xcr0 = 3;
    c->gdtr = (struct x86_dtable){EMU_GDT, 0xff};
    c->idtr = (struct x86_dtable){EMU_IDT, 0xfff};
    x86_seg_put(c, X86_CS, SEL_CODE, 0, 0xffffffff, 0xa09b);
    for (unsigned s = X86_ES; s <= X86_GS; s++) {
        if (s != X86_CS)
            x86_seg_put(c, s, SEL_DATA, 0, 0xffffffff, 0xc093);
    }
    c->v.greg[X86_GREG_DF] = 1;
    x86_control_changed(c);
    vcpu_flush_everything(&c->v);
}

static const struct backend_ops *find_backend(const char *name)
{
    return strcmp(name, "jit") ? &backend_interp : &backend_x86_64;
}

static void stop(void)
{
    exec_vcpu_fini(&the_cpu->v);
    exec_stop();
    vcpu_free(the_cpu, sizeof(*the_cpu));
}

bool emu_start(const char *name)
{
    const struct backend_ops *be = find_backend(name);
    struct error *err = NULL;

    if (!be)
        return false;
    make_memory();
    if (exec_start(&x86_frontend, be, MIB(16), &err))
        abort();
    the_cpu = vcpu_alloc(sizeof(*the_cpu));
    if (!the_cpu)
        abort();
    if (exec_vcpu_init(&the_cpu->v))
        abort();
    exec_set_current(&the_cpu->v);
    x86_frontend.reset(&the_cpu->v);
    long_mode(the_cpu);
    atexit(stop);
    return true;
}

struct x86_cpu *emu_cpu(void)
{
    return the_cpu;
}

void emu_set_control(uint64_t cr0, uint64_t cr4)
{
    the_cpu->cr0 = cr0;
    the_cpu->cr4 = cr4;
    x86_control_changed(the_cpu);
}

uint8_t *emu_memory(void)
{
    return emu_host + EMU_DATA;
}

static void load_state(const struct native_state *s)
{
    struct x86_cpu *c = the_cpu;

    for (unsigned i = 0; i < 16; i++)
        c->v.greg[i] = i == X86_RSP ? EMU_STACK : s->greg[i];
    memcpy(c->v.fx, s->fx, 416);
    x86_fpu_set_control(&c->v, ld_le16(s->fx), ld_le16(s->fx + 2));
    x86_put_eflags(c, 2 | (s->flags & EFL_ARITH));
    x86_fpu_changed(c);
    c->v.pc = EMU_CODE;
    c->v.halted = false;
    c->exc.vector = -1;
}

static void store_state(struct native_state *s)
{
    const struct x86_cpu *c = the_cpu;

    for (unsigned i = 0; i < 16; i++)
        s->greg[i] = c->v.greg[i];
    memcpy(s->fx, c->v.fx, 416);
    s->flags = c->v.flags & EFL_ARITH;
}

/* Which handler has halted, with the interrupted RIP and flags from its frame. */
static int taken_vector(struct native_state *s)
{
    uint64_t pc = the_cpu->v.pc - 1;
    unsigned frame = the_cpu->v.greg[X86_RSP];
    int vector;

    if (pc < EMU_HANDLERS || pc >= EMU_HANDLERS + 256 * 16)
        return -1;
    vector = (pc - EMU_HANDLERS) / 16;
    if (x86_vector_has_error(vector))
        frame += 8;
    s->fault_pc = ld_le64(emu_host + frame) - EMU_CODE;
    s->flags = ld_le64(emu_host + frame + 16) & EFL_ARITH;
    return vector;
}

int emu_run(struct native_state *s, const uint8_t *code, unsigned len)
{
    memcpy(emu_host + EMU_CODE, code, len);
    emu_host[EMU_CODE + len] = 0xf4;
    tb_invalidate_ram(emu_ram.ram + EMU_CODE, len + 1);
    load_state(s);
    exec_run(&the_cpu->v);
    store_state(s);
    s->fault_pc = 0;
    return taken_vector(s);
}

/* SPDX-License-Identifier: MIT */
/* An emulated CPU for single-instruction tests. See machine.h. */
#include "tests/insn/machine.h"
#include "frontends/x86/cpuid.h"
#include "frontends/x86/decode.h"
#include "frontends/x86/fpu.h"
#include "frontends/x86/frontend.h"
#include "frontends/x86/mode.h"
#include "frontends/x86/sys.h"
#include "hw/core/lock.h"
#include "hw/core/memory.h"
#include "translator/backend.h"
#include "translator/exec.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PML4 = 0x1000,
    PDPT = 0x2000,
    PD = 0x3000,
    PT_CODE = 0x4000,
    PT_DATA = 0x5000,
    CODE = 0x10000,
    DATA = 0x20000,
    RAM_SIZE = 0x200000
};
enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40 };
#define PTE_NX (1ull << 63)

static struct mem_region root, io_root, ram;
static struct addr_space mem_as, ports_as;
static struct frontend_ops ops;
static struct x86_cpu *cpu;
static bool second_page_there = true;

/* --- memory --------------------------------------------------------------------------- */

static uint8_t *phys(uint32_t addr)
{
    return ram_ptr(ram.ram) + addr;
}

static void map_page(uint32_t table, uint32_t linear, uint32_t to, uint64_t bits)
{
    st_le64(phys(table) + (linear >> 12 & 511) * 8, to | bits);
}

static void build_tables(void)
{
    const uint64_t table = PTE_P | PTE_W | PTE_U | PTE_A, user = PTE_P | PTE_U | PTE_A;

    st_le64(phys(PML4), PDPT | table);
    st_le64(phys(PDPT), PD | table);
    st_le64(phys(PD) + (NATIVE_CODE >> 21) * 8, PT_CODE | table);
    st_le64(phys(PD) + (NATIVE_DATA >> 21) * 8, PT_DATA | table);
    for (uint32_t i = 0; i < 2; i++) {
        map_page(PT_CODE, NATIVE_CODE + i * NATIVE_PAGE, CODE + i * NATIVE_PAGE, user);
        map_page(PT_DATA, NATIVE_DATA + i * NATIVE_PAGE, DATA + i * NATIVE_PAGE,
                 user | PTE_W | PTE_D | PTE_NX);
    }
    map_page(PT_DATA, NATIVE_DATA + NATIVE_RO_PAGE * NATIVE_PAGE,
             DATA + NATIVE_RO_PAGE * NATIVE_PAGE, user | PTE_NX);
}

static void show_second_page(bool there)
{
    if (there == second_page_there)
        return;
    second_page_there = there;
    map_page(PT_CODE, NATIVE_CODE + NATIVE_PAGE, CODE + NATIVE_PAGE,
             there ? PTE_P | PTE_U | PTE_A : 0);
    vcpu_flush_page(&cpu->v, NATIVE_CODE + NATIVE_PAGE);
}

static void write_code(uint32_t at, const uint8_t *bytes, unsigned len)
{
    addr_space_write(&mem_as, CODE + at, bytes, len);
}

/* --- exceptions end a case ---------------------------------------------------------------- */

static void record(struct vcpu *v)
{
    if (cpu->exc.vector >= 0) /* else: try again, the mode has changed */
        vcpu_raise_event(v, VCPU_EV_STOP);
}

/* --- start ---------------------------------------------------------------------------------- */

static void start_segments(unsigned bits, const uint16_t sel[6])
{
    const uint32_t data = SEG_P | SEG_S | SEG_DPL | SEG_G | SEG_DB | 3,
                   code = SEG_P | SEG_S | SEG_DPL | SEG_G | 11;

    cpu->cpl = 3;
    x86_seg_put(cpu, X86_CS, sel[X86_CS], 0, UINT32_MAX, code | (bits == 64 ? SEG_L : SEG_DB));
    for (unsigned s = X86_ES; s <= X86_GS; s++) {
        if (s == X86_CS)
            continue;
        if (sel[s] & ~3)
            x86_seg_put(cpu, s, sel[s], 0, UINT32_MAX, data);
        else
            x86_seg_put_null(cpu, s, sel[s]);
    }
}

static void start_cpu(unsigned bits, const uint16_t sel[6])
{
    cpu->cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_ET | CR0_AM;
    cpu->cr3 = PML4;
    cpu->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    cpu->efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
    cpu->xcr0 = 3;
    cpu->idtr.limit = 0;
    x86_control_changed(cpu);
    start_segments(bits, sel);
    x86_update_mode(cpu);
}

void machine_start(const char *backend_name, unsigned bits, const uint16_t sel[6])
{
    const struct backend_ops *be =
        !strcmp(backend_name, "interp") ? &backend_interp : &backend_x86_64;
    struct error *err = NULL;

    if (ram_init(RAM_SIZE, &err) || mem_region_init_ram(&ram, "ram", RAM_SIZE, &err))
        abort();
    mem_region_init_container(&root, "system", 1ull << 40);
    mem_region_init_container(&io_root, "io", 0x10000);
    device_lock();
    mem_region_add(&root, 0, &ram);
    addr_space_init(&mem_as, "memory", &root);
    addr_space_init(&ports_as, "io", &io_root);
    device_unlock();
    cpu_set_address_spaces(&mem_as, &mem_as, &ports_as);
    ops = x86_frontend;
    ops.deliver = record;
    if (exec_start(&ops, be, MIB(32), &err))
        abort();
    cpu = vcpu_alloc(sizeof(*cpu));
    if (!cpu || exec_vcpu_init(&cpu->v))
        abort();
    exec_set_current(&cpu->v);
    ops.reset(&cpu->v);
    build_tables();
    start_cpu(bits, sel);
    for (uint32_t i = 0; i < 2 * NATIVE_PAGE; i++)
        write_code(i, (const uint8_t[]){0xcc}, 1);
}

uint64_t machine_features(void)
{
    return x86_cpu_features(cpu);
}

/* --- segments of NATIVE_LDT cases --- */

static const struct {
    uint32_t base, limit;
    bool big, read_only;
    unsigned kind;
} segments[NATIVE_SEG_COUNT] = {
#define SEG(name, base, limit, big, kind, ro) {base, limit, big, ro, kind},
    NATIVE_SEGMENTS(SEG)
#undef SEG
};

static uint32_t segment_attr(unsigned n)
{
    uint32_t type = segments[n].kind == 2
                        ? 9 | (segments[n].read_only ? 0 : 2)
                        : 1 | (segments[n].read_only ? 0 : 2) | segments[n].kind << 2;

    return SEG_P | SEG_S | SEG_DPL | type | (segments[n].big ? SEG_DB : 0) |
           (segments[n].limit > 0xfffff ? SEG_G : 0);
}

static void put_segments(const uint16_t *sel)
{
    for (unsigned s = X86_ES; s <= X86_GS; s++) {
        unsigned n = sel[s] >> 3;

        if (sel[s] & 4)
            x86_seg_put(cpu, s, sel[s], segments[n].base, segments[n].limit, segment_attr(n));
        else
            x86_seg_put_null(cpu, s, sel[s]);
    }
}

/* --- a case ----------------------------------------------------------------------------------- */

static void put_state(const struct native_state *s)
{
    memcpy(cpu->v.greg, s->reg, sizeof(s->reg));
    x86_put_eflags(cpu, (uint32_t)s->flags);
    cpu->v.pc = s->rip;
    memcpy(cpu->v.fx, s->fx, 416);
    cpu->fpu_ip = cpu->fpu_dp = cpu->fpu_op = 0;
    cpu->fpu_ip_off = 0;
    x86_fpu_set_control(&cpu->v, ld_le16(s->fx), ld_le16(s->fx + 2));
    x86_fpu_changed(cpu);
    cpu->intr_shadow = false;
    x86_update_mode(cpu);
}

static void get_state(struct native_state *s)
{
    memcpy(s->reg, cpu->v.greg, sizeof(s->reg));
    s->flags = x86_get_eflags(cpu);
    s->rip = cpu->v.pc;
    memcpy(s->fx, cpu->v.fx, 512);
}

/* There is no IDT: INT3 and its like are #GP with the vector in the error code. */
static void get_exception(struct native_case *c)
{
    c->vector = (uint32_t)cpu->exc.vector;
    c->error = cpu->exc.has_error ? cpu->exc.error : 0;
    c->cr2 = cpu->exc.cr2;
    if (c->vector != X86_GP || !(c->error & 2))
        return;
    switch (c->error >> 3) {
    case X86_BP:
    case X86_OF:
    case X86_DB:
        c->vector = c->error >> 3;
        c->error = 0;
    }
}

void machine_run(struct native_case *c)
{
    static const uint8_t fill[NATIVE_MAX_CODE] = {[0 ... NATIVE_MAX_CODE - 1] = 0xcc};

    memcpy(phys(DATA), c->data, NATIVE_RW_BYTES);
    memcpy(phys(DATA + NATIVE_RO_PAGE * NATIVE_PAGE), c->ro, NATIVE_PAGE);
    write_code(c->code_at, c->code, c->code_len);
    show_second_page(!(c->flags & NATIVE_CODE_END));
    if (c->flags & NATIVE_LDT)
        put_segments(c->sel);
    put_state(&c->in);
    if (c->flags & NATIVE_LDT)
        cpu->v.pc += segments[c->sel[X86_CS] >> 3].base;
    cpu->exc.vector = -1;
    cpu->delivering = -1;
    cpu->ext = 0;
    cpu->db_pending = 0;
    __atomic_fetch_and((uint32_t *)&cpu->v.events, ~(uint32_t)VCPU_EV_STOP, __ATOMIC_SEQ_CST);
    exec_run(&cpu->v);
    get_state(&c->out);
    if (c->flags & NATIVE_LDT)
        c->out.rip = (uint32_t)(c->out.rip - segments[c->sel[X86_CS] >> 3].base);
    get_exception(c);
    memcpy(c->data, phys(DATA), NATIVE_RW_BYTES);
    write_code(c->code_at, fill, c->code_len);
}

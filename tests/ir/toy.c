/* SPDX-License-Identifier: MIT */
/*
 * The toy guest: translator, walker, machine. See toy.h.
 */
#include "tests/ir/toy.h"

#include "hw/core/lock.h"
#include "hw/core/memory.h"
#include "system/cpu.h"
#include "translator/simd_ops.h"
#include "util/error.h"

#include <stdatomic.h>
#include <stdlib.h>

#define REG(n) IR_GLOBAL((n) & 7)

static const struct ir_global globals[] = {
    {"r0", offsetof(struct vcpu, greg[0]), IR_I64, 0}, {"r1", offsetof(struct vcpu, greg[1]), IR_I64, 1},
    {"r2", offsetof(struct vcpu, greg[2]), IR_I64, 2}, {"r3", offsetof(struct vcpu, greg[3]), IR_I64, 3},
    {"r4", offsetof(struct vcpu, greg[4]), IR_I64, 4}, {"r5", offsetof(struct vcpu, greg[5]), IR_I64, 5},
    {"r6", offsetof(struct vcpu, greg[6]), IR_I64, 6}, {"r7", offsetof(struct vcpu, greg[7]), IR_I64, 7},
};

/* --- helpers --------------------------------------------------------------------------- */

static uint64_t toy_raise(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    TOY(cpu)->pending = a;
    vcpu_unwind_exit(cpu);
}

static uint64_t toy_count(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    TOY(cpu)->helper_calls += a;
    cpu->greg[7] += a;
    return 0;
}

static uint64_t toy_halted(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    cpu->pc = a + cpu->pc_page;
    cpu->halted = true;
    return 0;
}

enum { HLP_RAISE, HLP_COUNT, HLP_HALT };
static const struct ir_helper helpers[] = {
    {"raise", toy_raise, HF_RAISE | HF_NORETURN},
    {"count", toy_count, HF_READ_GLOBALS | HF_WRITE_GLOBALS},
    {"halt", toy_halted, 0},
};

/* --- translating ------------------------------------------------------------------------- */

struct decode {
    struct ir_block *b;
    const uint8_t *code, *code2;
    unsigned avail, pos;
    unsigned start; /* offset in the page of the first byte */
    bool more;      /* the instruction goes on behind the page and we have no second page */
};

static uint8_t fetch(struct decode *d)
{
    unsigned n = d->pos++;

    if (n < d->avail)
        return d->code[n];
    if (d->code2)
        return d->code2[n - d->avail];
    d->more = true;
    return 0;
}

static uint32_t fetch32(struct decode *d)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < 4; i++)
        v |= (uint32_t)fetch(d) << 8 * i;
    return v;
}

static void gen_mem(struct decode *d, enum ir_op op, enum ir_type t, unsigned reg, unsigned base,
                    uint32_t disp)
{
    struct ir_mem m = {.base = REG(base), .abits = 64, .lbits = 64, .disp = disp};
    struct ir_insn *i = ir_emit(d->b, op, t);

    i->mem = ir_mem_add(d->b, &m);
    if (op == IR_ld)
        i->dst = REG(reg);
    else
        i->src[0] = REG(reg);
    if (op == IR_rmw) {
        i->aux = IR_add;
        i->irf = IRF_LOCK;
    }
}

static void gen_exit(struct decode *d, int64_t rel, int cond)
{
    int64_t off = (int64_t)d->start + d->pos + rel;
    unsigned slot = ir_exit_add(d->b, off, rel < 0 || off < 0 || off >= 4096);
    struct ir_insn *i = ir_emit(d->b, cond < 0 ? IR_exit : IR_exit_if, IR_I64);

    i->aux = slot;
    i->cond = cond < 0 ? 0 : cond;
}

static void gen_call(struct decode *d, unsigned helper, int64_t arg)
{
    ir_ref c = ir_const(d->b, arg);
    struct ir_insn *i = ir_emit(d->b, IR_call, IR_I64);

    i->aux = helper;
    i->src[0] = c;
}

static bool gen_arith(struct decode *d, unsigned op)
{
    ir_ref x = REG(fetch(d)), y = op == 0x0a ? ir_const(d->b, 1) : REG(fetch(d));
    struct ir_insn *i = ir_emit(d->b, op == 2 ? IR_add : op == 3 ? IR_cmp : IR_sub, IR_I64);

    if (op != 3)
        i->dst = x;
    i->src[0] = x;
    i->src[1] = y;
    i->fdef = op == 0x0a ? OSZAP : OSZAPC;
    return true;
}

static bool gen_div(struct decode *d)
{
    unsigned x = fetch(d), y = fetch(d);
    ir_ref zero = ir_const(d->b, 0);
    struct ir_insn *i = ir_emit(d->b, IR_divu, IR_I64);

    i->dst = REG(x);
    i->dst2 = ir_temp(d->b, IR_I64);
    i->src[0] = REG(x);
    i->src[1] = zero;
    i->src[2] = REG(y);
    return true;
}

static bool gen_simd(struct decode *d)
{
    unsigned x = fetch(d) & 15, y = fetch(d) & 15;
    struct ir_insn *i = ir_emit(d->b, IR_simd, IR_I64);

    i->aux = SIMD_ADDPD;
    i->xreg = x;
    i->xrm = y;
    return true;
}

/* Returns false when the block ends. */
static bool gen_insn(struct decode *d)
{
    uint8_t op = fetch(d), x, y;
    uint32_t v;

    switch (op) {
    case 1:
        x = fetch(d);
        v = fetch32(d);
        ir_mov(d->b, IR_I64, REG(x), ir_const(d->b, v));
        return true;
    case 2:
    case 3:
    case 0x0a:
        return gen_arith(d, op);
    case 4:
        x = fetch(d);
        y = fetch(d);
        gen_exit(d, (int8_t)y, x & 15);
        gen_exit(d, 0, -1);
        return false;
    case 5:
        v = fetch32(d);
        gen_exit(d, (int32_t)v, -1);
        return false;
    case 6:
        x = fetch(d);
        ir_emit(d->b, IR_exit_ind, IR_I64)->src[0] = REG(x);
        return false;
    case 7:
    case 8:
    case 0x0e:
        x = fetch(d);
        y = fetch(d);
        v = fetch32(d);
        gen_mem(d, op == 7 ? IR_ld : IR_st, op == 0x0e ? IR_I8 : IR_I64, x, y, v);
        return true;
    case 9:
        gen_call(d, HLP_HALT, d->start + d->pos);
        ir_emit(d->b, IR_exit_loop, IR_I64);
        return false;
    case 0x0b:
        gen_call(d, HLP_COUNT, fetch(d));
        return true;
    case 0x0c:
        x = fetch(d);
        y = fetch(d);
        gen_mem(d, IR_rmw, IR_I64, x, y, 0);
        return true;
    case 0x0d:
        return gen_div(d);
    case 0x0f:
        return gen_simd(d);
    default:
        gen_call(d, HLP_RAISE, 6);
        ir_emit(d->b, IR_exit_loop, IR_I64);
        return false;
    }
}

static void drop_since(struct ir_block *b, unsigned insns, unsigned exits)
{
    b->n_insns = insns;
    b->n_exits = exits;
}

static int toy_translate(struct vcpu *cpu, const struct tb_key *key, const uint8_t *code,
                         unsigned avail, const uint8_t *code2, struct ir_block *b)
{
    struct decode d = {.b = b, .code = code, .code2 = code2, .avail = avail, .start = key->phys & 0xfff};
    bool go_on = true;

    b->mmu_idx = TLB_USER;
    while (go_on) {
        unsigned insns = b->n_insns, exits = b->n_exits, at = d.pos;
        struct ir_insn *i = ir_emit(b, IR_insn, IR_I64);

        i->aux = d.start + at;
        go_on = gen_insn(&d);
        if (d.more || (d.pos > avail && at)) { /* a straddler is a block of its own */
            if (!at)
                return 1;
            drop_since(b, insns, exits);
            d.pos = at;
            gen_exit(&d, 0, -1);
            break;
        }
        b->insns[insns].imm = d.pos - at;
        b->guest_insns++;
        b->guest_bytes = d.pos;
        if (go_on && (b->guest_insns == 32 || d.pos >= avail || key->variant & TBV_ONE_INSN)) {
            gen_exit(&d, 0, -1);
            break;
        }
    }
    return 0;
}

/* --- the rest of the frontend ---------------------------------------------------------------- */

static void toy_get_mode(struct vcpu *cpu, struct tb_key *key)
{
    key->mode = TOY(cpu)->mode;
}

static int toy_walk(struct vcpu *cpu, gva_t addr, enum tlb_access a, unsigned mmu_idx,
                    unsigned memflags, bool probe_only, struct tlb_walk *out)
{
    struct toy_cpu *c = TOY(cpu);

    if (addr >= c->hole && addr < c->hole_end) {
        if (probe_only)
            return -1;
        c->pending = 14;
        c->exc_addr = addr;
        vcpu_unwind_exit(cpu);
    }
    *out = (struct tlb_walk){.gpa = addr & ~0xfffull, .read = true, .write = true, .fetch = true,
                             .global = true, .span = 4096};
    return 0;
}

static bool toy_poll(struct vcpu *cpu)
{
    return !cpu->halted;
}

static void toy_deliver(struct vcpu *cpu)
{
    struct toy_cpu *c = TOY(cpu);

    c->exception = c->pending;
    c->pending = -1;
    c->exc_pc = cpu->pc;
    c->delivered++;
    if (c->handler)
        cpu->pc = c->handler;
    else
        cpu->halted = true;
}

static void toy_host_fault(struct vcpu *cpu, int signo, int code)
{
    TOY(cpu)->pending = signo + 100;
}

static void toy_reset(struct vcpu *cpu)
{
    st_le16(cpu->fx, 0x37f);
    st_le32(cpu->fx + 24, 0x1f80);
}

static struct addr_space *toy_as(struct vcpu *cpu)
{
    return &as_memory;
}

const struct frontend_ops toy_frontend = {
    .name = "toy",
    .globals = globals,
    .n_globals = ARRAY_SIZE(globals),
    .helpers = helpers,
    .n_helpers = ARRAY_SIZE(helpers),
    .cpu_size = sizeof(struct toy_cpu),
    .get_mode = toy_get_mode,
    .walk = toy_walk,
    .translate = toy_translate,
    .poll = toy_poll,
    .deliver = toy_deliver,
    .host_fault = toy_host_fault,
    .reset = toy_reset,
    .as = toy_as,
};

const struct frontend_ops *toy_guest = &toy_frontend;

/* --- the machine ---------------------------------------------------------------------------------- */

uint64_t toy_mmio_value;
unsigned toy_mmio_writes;
static struct mem_region ram, mmio;

static uint64_t mmio_read(void *opaque, uint64_t off, unsigned size)
{
    return toy_mmio_value + off;
}

static void mmio_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    toy_mmio_value = val;
    toy_mmio_writes++;
}

static const struct mem_ops mmio_ops = {
    .read = mmio_read, .write = mmio_write, .flags = MEM_OPS_LOCKLESS};

static struct toy_cpu *new_cpu(void)
{
    struct toy_cpu *c = vcpu_alloc(sizeof(*c));

    assert(c);
    c->exception = c->pending = -1;
    assert(!exec_vcpu_init(&c->v));
    toy_reset(&c->v);
    return c;
}

struct toy_cpu *toy_start(const struct backend_ops *be, size_t code_size, unsigned cpus)
{
    struct error *err = NULL;

    device_lock();
    memory_init();
    assert(!mem_region_init_ram(&ram, "ram", TOY_RAM, &err));
    mem_region_init_io(&mmio, "mmio", 4096, &mmio_ops, NULL);
    mem_region_add(as_memory.root, 0, &ram);
    mem_region_add(as_memory.root, TOY_MMIO, &mmio);
    device_unlock();
    assert(!exec_start(toy_guest, be, code_size, &err));
    for (unsigned i = 0; i < cpus; i++)
        new_cpu();
    return toy_cpu(0);
}

struct toy_cpu *toy_cpu(unsigned n)
{
    return TOY(exec_vcpu(n));
}

void toy_stop(void)
{
    for (unsigned n = exec_vcpu_count(); n-- > 0;) {
        struct vcpu *cpu = exec_vcpu(n);

        exec_vcpu_fini(cpu);
        vcpu_free(cpu, sizeof(struct toy_cpu));
    }
    exec_stop();
    device_lock();
    mem_region_del(as_memory.root, &ram);
    mem_region_del(as_memory.root, &mmio);
    mem_region_fini(&ram);
    mem_region_fini(&mmio);
    memory_fini();
    device_unlock();
    ram_fini();
}

void toy_run(struct toy_cpu *c, uint64_t pc)
{
    exec_set_current(&c->v);
    c->v.pc = pc;
    c->v.halted = false;
    while (!c->v.halted) {
        exec_run(&c->v);
        atomic_store(&c->v.events, 0);
    }
}

/* --- the assembler ------------------------------------------------------------------------------------ */

static void byte(struct toy_asm *a, uint8_t b)
{
    addr_space_write(&as_memory, a->at++, &b, 1);
}

static void word(struct toy_asm *a, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        byte(a, v >> 8 * i);
}

void toy_mov(struct toy_asm *a, unsigned r, uint32_t imm)
{
    byte(a, 1);
    byte(a, r);
    word(a, imm);
}

void toy_op2(struct toy_asm *a, unsigned op, unsigned x, unsigned y)
{
    byte(a, op);
    byte(a, x);
    byte(a, y);
}

void toy_op1(struct toy_asm *a, unsigned op, unsigned x)
{
    byte(a, op);
    byte(a, x);
}

void toy_mem(struct toy_asm *a, unsigned op, unsigned r, unsigned base, uint32_t disp)
{
    byte(a, op);
    byte(a, r);
    byte(a, base);
    word(a, disp);
}

void toy_jcc(struct toy_asm *a, enum ir_cond c, uint64_t target)
{
    byte(a, 4);
    byte(a, c);
    byte(a, target - (a->at + 1));
}

void toy_jmp(struct toy_asm *a, uint64_t target)
{
    byte(a, 5);
    word(a, target - (a->at + 4));
}

void toy_halt(struct toy_asm *a)
{
    byte(a, 9);
}

/* SPDX-License-Identifier: MIT */
/* A machine of RAM, ROM, one vCPU and three ports, for bare-metal guests in unit tests. */
#include "tests/lib/minipc.h"

#include "frontends/x86/frontend.h"
#include "hw/core/clock.h"
#include "hw/core/lock.h"
#include "hw/core/memory.h"
#include "system/cpu.h"
#include "system/runstate.h"
#include "translator/backend.h"
#include "translator/exec.h"
#include "util/error.h"

#include <stdatomic.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define RAM_SIZE MIB(64)

static struct {
    struct mem_region ram, rom, rom_low, ports[4];
    struct vcpu *cpu;
    char *out;
    size_t out_size, out_len;
    bool exited;
    unsigned exit_value;
    uint8_t vector;
    int64_t deadline;
} pc;

/* --- ports ---------------------------------------------------------------------------- */

static uint64_t console_read(void *opaque, uint64_t off, unsigned size)
{
    return 0xe9;
}

static void console_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    if (pc.out_len + 1 < pc.out_size) {
        pc.out[pc.out_len++] = val;
        pc.out[pc.out_len] = 0;
    }
}

static uint64_t zero_read(void *opaque, uint64_t off, unsigned size)
{
    return 0;
}

static void exit_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    pc.exited = true;
    pc.exit_value = val;
    vcpu_raise_event(pc.cpu, VCPU_EV_STOP);
}

static void event_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    static const uint32_t events[] = {VCPU_EV_NMI, VCPU_EV_SMI, VCPU_EV_INTR};

    if (off == 1) {
        pc.vector = val;
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(events); i++)
        if (val >> i & 1)
            vcpu_raise_event(pc.cpu, events[i]);
}

static const struct mem_ops console_ops = {.read = console_read, .write = console_write, .valid = {1, 4, false}, .impl = {1, 1, false}};
static const struct mem_ops exit_ops = {.read = zero_read, .write = exit_write, .valid = {1, 4, false}, .impl = {1, 4, false}};
static const struct mem_ops event_ops = {.read = zero_read, .write = event_write, .valid = {1, 4, false}, .impl = {1, 1, false}};

static void add_port(unsigned n, const char *name, unsigned port, unsigned len, const struct mem_ops *ops)
{
    mem_region_init_io(&pc.ports[n], name, len, ops, NULL);
    mem_region_add(as_io.root, port, &pc.ports[n]);
}

/* --- the interrupt source ---------------------------------------------------------------- */

static int apic_ack(void *opaque)
{
    vcpu_lower_event(pc.cpu, VCPU_EV_INTR);
    return pc.vector;
}

static bool apic_pending(void *opaque)
{
    return atomic_load(&pc.cpu->events) & VCPU_EV_INTR;
}

static uint8_t tpr;

static uint8_t apic_get_tpr(void *opaque)
{
    return tpr;
}

static void apic_set_tpr(void *opaque, uint8_t v)
{
    tpr = v;
}

static uint64_t apic_get_base(void *opaque)
{
    return 0xfee00900;
}

static int apic_set_base(void *opaque, uint64_t v)
{
    return 0;
}

static int apic_msr_read(void *opaque, uint32_t msr, uint64_t *v)
{
    *v = 0;
    return msr == 0x6e0 ? 0 : -1;
}

static int apic_msr_write(void *opaque, uint32_t msr, uint64_t v)
{
    return msr == 0x6e0 ? 0 : -1;
}

static uint8_t apic_sipi_vector(void *opaque)
{
    return 0;
}

static void apic_init(void *opaque)
{
}

static const struct vcpu_apic_ops apic_ops = {
    .ack = apic_ack, .pending = apic_pending, .get_tpr = apic_get_tpr, .set_tpr = apic_set_tpr,
    .get_base = apic_get_base, .set_base = apic_set_base, .msr_read = apic_msr_read, .msr_write = apic_msr_write,
    .sipi_vector = apic_sipi_vector, .init = apic_init,
};

/* --- building and running ------------------------------------------------------------------- */

static void fail(const char *what, struct error *err)
{
    fprintf(stderr, "minipc: %s: %s\n", what, err ? error_msg(err) : "failed");
    exit(2);
}

static void load_rom(const char *path)
{
    struct error *err = NULL;
    FILE *f = fopen(path, "rb");
    static uint8_t image[MIB(1)];
    size_t n = f ? fread(image, 1, sizeof(image), f) : 0;

    if (!n || n % 4096)
        fail(path, NULL);
    fclose(f);
    if (mem_region_init_rom(&pc.rom, "rom", n, &err))
        fail("rom", err);
    memcpy(ram_ptr(pc.rom.ram), image, n);
    mem_region_add(as_memory.root, GIB(4) - n, &pc.rom);
    mem_region_init_alias(&pc.rom_low, "rom-low", &pc.rom, n - MIN(n, KIB(128)), MIN(n, KIB(128)));
    mem_region_add_overlap(as_memory.root, MIB(1) - MIN(n, KIB(128)), &pc.rom_low, 1);
}

static void build(const char *rom_path)
{
    struct error *err = NULL;

    if (ram_init(RAM_SIZE + MIB(16), &err))
        fail("ram_init", err);
    memory_init();
    device_lock();
    if (mem_region_init_ram(&pc.ram, "ram", RAM_SIZE, &err))
        fail("ram", err);
    mem_region_add(as_memory.root, 0, &pc.ram);
    load_rom(rom_path);
    add_port(0, "console", 0x402, 1, &console_ops);
    add_port(1, "console-e9", 0xe9, 1, &console_ops);
    add_port(2, "exit", 0xf4, 1, &exit_ops);
    add_port(3, "events", 0xf5, 2, &event_ops);
    cpu_set_address_spaces(&as_memory, &as_smm, &as_io);
    clock_virtual_start();
    device_unlock();
}

static struct vcpu *make_cpu(const struct backend_ops *backend, const char *cpu)
{
    struct error *err = NULL;
    struct vcpu *v = vcpu_alloc(x86_frontend.cpu_size);
    struct x86_model model;

    if (x86_model_parse(&model, cpu, &err))
        fail("cpu", err);
    x86_set_model(&model);
    if (exec_start(&x86_frontend, backend, MIB(16), &err))
        fail("exec_start", err);
    if (exec_vcpu_init(v))
        fail("exec_vcpu_init", NULL);
    exec_set_current(v);
    vcpu_set_apic(v, &apic_ops, NULL);
    x86_frontend.reset(v);
    vcpu_context_changed(v);
    return v;
}

static void on_deadline(int sig)
{
    vcpu_raise_event(pc.cpu, VCPU_EV_STOP);
}

static int why_stopped(void)
{
    if (pc.exited)
        return pc.exit_value;
    if (X86_CPU(pc.cpu)->shutdown)
        return MINIPC_RESET;
    if (pc.cpu->halted && !(atomic_load(&pc.cpu->events) & ~(uint32_t)VCPU_EV_STOP))
        return MINIPC_HALTED;
    return MINIPC_TIMEOUT;
}

int minipc_run(const struct backend_ops *backend, const char *cpu, const char *rom_path, double seconds, char *out,
               size_t out_size)
{
    int64_t end;

    memset(&pc, 0, sizeof(pc));
    pc.out = out;
    pc.out_size = out_size;
    out[0] = 0;
    build(rom_path);
    pc.cpu = make_cpu(backend, cpu);
    signal(SIGALRM, on_deadline);
    alarm((unsigned)(seconds + 1));
    end = clock_now(CLK_REALTIME) + (int64_t)(seconds * NS_PER_SEC);
    do {
        vcpu_lower_event(pc.cpu, VCPU_EV_STOP);
        exec_run(pc.cpu);
    } while (!pc.exited && !pc.cpu->halted && clock_now(CLK_REALTIME) < end);
    alarm(0);
    return why_stopped();
}

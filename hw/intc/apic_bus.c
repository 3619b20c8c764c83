/* SPDX-License-Identifier: MIT */
/*
 * What lies between the local APICs: interrupt messages and who accepts them, the
 * LINT wires, the windows through which CPUs see their APIC's registers.
 *
 * Intel SDM vol. 3A, 11.6 (inter-processor interrupts, destination modes), 11.11
 * (message-signalled interrupts). Lowest priority goes to the CPU of the lowest
 * processor priority, in turn among equals.
 *
 * A CPU that has moved its APIC elsewhere hides memory there from the others too.
 */
#include "hw/intc/apic_int.h"

#include "hw/core/irq.h"
#include "hw/core/lock.h"
#include "hw/core/msi.h"
#include "hw/intc/i8259.h"
#include "system/cpu.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

#include <errno.h>

#define CPUS_MAX        1024
#define IDS_MAX         4096
#define WINDOW_SIZE     0x1000
#define MESSAGES_SIZE   0x100000
#define WINDOW_PRIORITY 1000

#define ICR_LOGICAL         0x0800u
#define ICR_ASSERT          0x4000u
#define ICR_LEVEL           0x8000u
#define ICR_DELIVERY_SHIFT  8
#define ICR_SHORTHAND_SHIFT 18

enum icr_shorthand {
    SHORTHAND_NONE,
    SHORTHAND_SELF,
    SHORTHAND_ALL,
    SHORTHAND_OTHERS,
};

/* One per process, as there is one set of vCPUs. */
static struct apic_bus {
    struct apic *by_cpu[CPUS_MAX]; /* atomic */
    struct apic *by_id[IDS_MAX];   /* atomic */
    unsigned end;                  /* behind the last CPU; atomic */
    unsigned count;
    unsigned next; /* where lowest priority starts to look; atomic */
    bool lint[2];  /* levels; atomic */
    struct irq lint_in[2];
    struct device *pic;
    void (*eoi)(void *opaque, uint8_t vector);
    void *eoi_opaque;
    struct mem_region window; /* FEE00000h: registers, and messages behind them */
} bus;

static struct apic *apic_of_cpu(unsigned index)
{
    return index < CPUS_MAX ? __atomic_load_n(&bus.by_cpu[index], __ATOMIC_ACQUIRE) : NULL;
}

static struct apic *apic_of_id(uint32_t id)
{
    return id < IDS_MAX ? __atomic_load_n(&bus.by_id[id], __ATOMIC_ACQUIRE) : NULL;
}

/* --- accepting ------------------------------------------------------------ */

static bool accept_vector(struct apic *apic, const struct apic_message *msg)
{
    if (!(APIC_LOAD(apic->svr) & APIC_SVR_ENABLE))
        return false;
    if (msg->vector < APIC_VECTOR_MIN)
        apic_error(apic, APIC_ESR_RECV_VECTOR);
    else
        apic_request(apic, msg->vector, msg->level);
    return true;
}

static bool accept(struct apic *apic, const struct apic_message *msg)
{
    if (!apic_enabled(apic))
        return false;
    switch (msg->delivery) {
    case APIC_FIXED:
    case APIC_LOWEST:
        return accept_vector(apic, msg);
    case APIC_SMI:
        vcpu_raise_event(apic->cpu, VCPU_EV_SMI);
        return true;
    case APIC_NMI:
        vcpu_raise_event(apic->cpu, VCPU_EV_NMI);
        return true;
    case APIC_INIT:
        vcpu_raise_event(apic->cpu, VCPU_EV_INIT);
        return true;
    case APIC_SIPI:
        APIC_STORE(apic->sipi_vector, msg->vector);
        vcpu_raise_event(apic->cpu, VCPU_EV_SIPI);
        return true;
    case APIC_EXTINT:
        APIC_STORE(apic->extint, 1);
        vcpu_raise_event(apic->cpu, VCPU_EV_INTR);
        return true;
    default:
        return false;
    }
}

/* --- addressing ----------------------------------------------------------- */

static bool logical_match(const struct apic *apic, uint32_t dest)
{
    uint32_t ldr = APIC_LOAD(apic->ldr);

    if (apic_is_x2apic(apic))
        return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);
    ldr >>= 24;
    if (APIC_LOAD(apic->dfr) >> 28 == 0xf) /* flat */
        return dest <= 0xff && (ldr & dest);
    return dest <= 0xff && (dest >> 4 == 0xf || dest >> 4 == ldr >> 4) && (ldr & dest & 0xf);
}

static bool addressed(const struct apic *apic, const struct apic_message *msg)
{
    if (msg->dest == APIC_BROADCAST)
        return true;
    return msg->logical ? logical_match(apic, msg->dest) : apic->id == msg->dest;
}

static bool send_lowest(const struct apic_message *msg)
{
    unsigned end = __atomic_load_n(&bus.end, __ATOMIC_ACQUIRE);
    unsigned first = __atomic_fetch_add(&bus.next, 1, __ATOMIC_RELAXED);
    struct apic *best = NULL;

    for (unsigned i = 0; i < end; i++) {
        struct apic *apic = apic_of_cpu((first + i) % end);

        if (!apic || !apic_enabled(apic) || !(APIC_LOAD(apic->svr) & APIC_SVR_ENABLE) ||
            !addressed(apic, msg))
            continue;
        if (!best || APIC_LOAD(apic->ppr) < APIC_LOAD(best->ppr))
            best = apic;
    }
    return best && accept(best, msg);
}

static bool send_all(const struct apic_message *msg, const struct apic *except)
{
    unsigned end = __atomic_load_n(&bus.end, __ATOMIC_ACQUIRE);
    bool taken = false;

    for (unsigned i = 0; i < end; i++) {
        struct apic *apic = apic_of_cpu(i);

        if (apic && apic != except && addressed(apic, msg))
            taken |= accept(apic, msg);
    }
    return taken;
}

bool apic_bus_send(const struct apic_message *msg)
{
    struct apic *apic;

    TRACE(apic_send, "dest %#x%s vector %#x delivery %u level %d", msg->dest,
          msg->logical ? " logical" : "", msg->vector, msg->delivery, msg->level);
    if (!msg->logical && msg->dest != APIC_BROADCAST) {
        apic = apic_of_id(msg->dest);
        return apic && accept(apic, msg);
    }
    return msg->delivery == APIC_LOWEST ? send_lowest(msg) : send_all(msg, NULL);
}

/* --- senders -------------------------------------------------------------- */

void apic_bus_msi(uint64_t addr, uint32_t data)
{
    struct apic_message msg = {
        .dest = (uint32_t)(addr >> MSI_ADDR_DEST_SHIFT) & 0xff,
        .vector = data & MSI_DATA_VECTOR_MASK,
        .delivery = data >> MSI_DATA_MODE_SHIFT & 7,
        .logical = addr & MSI_ADDR_DEST_LOGICAL,
        .level = data & MSI_DATA_TRIGGER_LEVEL,
    };

    if (msg.delivery == APIC_SIPI || (msg.level && !(data & MSI_DATA_LEVEL_ASSERT)))
        return;
    if (msg.dest == 0xff && !msg.logical)
        msg.dest = APIC_BROADCAST;
    apic_bus_send(&msg);
}

static void msi_handler(void *opaque, uint64_t addr, uint32_t data)
{
    apic_bus_msi(addr, data);
}

/* Which delivery modes an ICR write may use with a shorthand, bit masks. The manual
 * calls more of them invalid than processors refuse: kernels send NMIs to all. */
#define ICR_MODES                                                                                  \
    (1u << APIC_FIXED | 1u << APIC_LOWEST | 1u << APIC_SMI | 1u << APIC_NMI | 1u << APIC_INIT |    \
     1u << APIC_SIPI)
static const uint8_t icr_modes[] = {
    [SHORTHAND_NONE] = ICR_MODES,
    [SHORTHAND_SELF] = 1u << APIC_FIXED | 1u << APIC_NMI,
    [SHORTHAND_ALL] = ICR_MODES,
    [SHORTHAND_OTHERS] = ICR_MODES,
};

static void send_shorthand(struct apic *from, struct apic_message *msg, unsigned shorthand)
{
    msg->dest = APIC_BROADCAST;
    if (shorthand == SHORTHAND_SELF)
        accept(from, msg);
    else
        send_all(msg, shorthand == SHORTHAND_OTHERS ? from : NULL);
}

void apic_bus_ipi(struct apic *from, uint32_t icr, uint32_t dest)
{
    unsigned shorthand = icr >> ICR_SHORTHAND_SHIFT & 3;
    struct apic_message msg = {
        .dest = dest,
        .vector = icr & 0xff,
        .delivery = icr >> ICR_DELIVERY_SHIFT & 7,
        .logical = icr & ICR_LOGICAL,
    };

    if (!(icr_modes[shorthand] & 1u << msg.delivery)) {
        guest_error("IPI %#x: delivery mode %u is not possible", icr, msg.delivery);
        return;
    }
    /* INIT level de-assert only sets arbitration ids, which are no more. */
    if (msg.delivery == APIC_INIT && (icr & ICR_LEVEL) && !(icr & ICR_ASSERT))
        return;
    if (msg.delivery <= APIC_LOWEST && msg.vector < APIC_VECTOR_MIN) {
        apic_error(from, APIC_ESR_SEND_VECTOR);
        return;
    }
    if (!apic_is_x2apic(from) && dest == 0xff && !msg.logical)
        msg.dest = APIC_BROADCAST;
    if (shorthand == SHORTHAND_NONE)
        apic_bus_send(&msg);
    else
        send_shorthand(from, &msg, shorthand);
}

/* --- wires ---------------------------------------------------------------- */

bool apic_bus_lint_level(unsigned pin)
{
    return __atomic_load_n(&bus.lint[pin], __ATOMIC_SEQ_CST);
}

static void lint_changed(void *opaque, int pin, int level)
{
    bool rising = level && !bus.lint[pin];
    unsigned end = __atomic_load_n(&bus.end, __ATOMIC_ACQUIRE);

    __atomic_store_n(&bus.lint[pin], level != 0, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < end; i++) {
        struct apic *apic = apic_of_cpu(i);

        if (apic)
            apic_lint_changed(apic, (unsigned)pin, level != 0, rising);
    }
}

struct irq *apic_bus_lint(unsigned pin)
{
    assert(pin < 2);
    if (!bus.lint_in[0].handler)
        irq_init_array(bus.lint_in, 2, lint_changed, NULL);
    return &bus.lint_in[pin];
}

void apic_bus_set_pic(struct device *i8259)
{
    bus.pic = i8259;
}

/* LINT0 follows the 8259s, so their output is read without the lock. */
bool apic_bus_pic_pending(void)
{
    return bus.pic && apic_bus_lint_level(0);
}

int apic_bus_pic_ack(void)
{
    bool taken;
    int vector = -1;

    if (!bus.pic)
        return -1;
    taken = device_lock_acquire();
    if (i8259_pending(bus.pic))
        vector = i8259_ack(bus.pic);
    device_lock_restore(taken);
    return vector;
}

void apic_bus_set_eoi_handler(void (*eoi)(void *opaque, uint8_t vector), void *opaque)
{
    bus.eoi = eoi;
    bus.eoi_opaque = opaque;
}

void apic_bus_eoi(uint8_t vector)
{
    bool taken;

    if (!bus.eoi)
        return;
    taken = device_lock_acquire();
    bus.eoi(bus.eoi_opaque, vector);
    device_lock_restore(taken);
}

/* --- windows -------------------------------------------------------------- */

/* The APIC the running CPU sees at page `page`, or NULL. */
static struct apic *visible_apic(uint64_t page)
{
    struct vcpu *cpu = vcpu_current();
    struct apic *apic = cpu ? apic_of_cpu(vcpu_index(cpu)) : NULL;
    uint64_t base;

    if (!apic)
        return NULL;
    base = APIC_LOAD(apic->base);
    if ((base & (APIC_BASE_EN | APIC_BASE_EXTD)) != APIC_BASE_EN || (base & APIC_BASE_ADDR) != page)
        return NULL;
    return apic;
}

static void bad_register(struct apic *apic, const char *what, uint64_t off)
{
    guest_error("local APIC of CPU %u: %s of reserved register %#x", apic->cpu_index, what,
                (unsigned)off);
    apic_error(apic, APIC_ESR_REGISTER);
}

/* A register is the first dword of 16 bytes; parts of it may be read. */
static uint64_t register_read(struct apic *apic, uint64_t off, unsigned size)
{
    uint32_t val;

    if ((off & 0xf) + size > 4)
        return 0;
    if (!apic_reg_read(apic, (unsigned)off >> 4, &val))
        bad_register(apic, "read", off);
    return val >> (off & 3) * 8 & mask64(size * 8);
}

static void register_write(struct apic *apic, uint64_t off, uint32_t val, unsigned size)
{
    if ((off & 0xf) || size != 4)
        return;
    if (!apic_reg_write(apic, (unsigned)off >> 4, val))
        bad_register(apic, "write", off);
}

/* Behind the registers, and for everybody who is no CPU, writes are messages. */
static uint64_t default_read(void *opaque, uint64_t off, unsigned size)
{
    struct apic *apic = off < WINDOW_SIZE ? visible_apic(APIC_BASE_DEFAULT) : NULL;

    return apic ? register_read(apic, off, size) : UINT64_MAX;
}

static void default_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct apic *apic = off < WINDOW_SIZE ? visible_apic(APIC_BASE_DEFAULT) : NULL;

    if (apic)
        register_write(apic, off, (uint32_t)val, size);
    else if (size == 4)
        apic_bus_msi(APIC_BASE_DEFAULT + off, (uint32_t)val);
}

static uint64_t moved_read(void *opaque, uint64_t off, unsigned size)
{
    struct apic *owner = opaque;
    struct apic *apic = visible_apic(APIC_LOAD(owner->base) & APIC_BASE_ADDR);

    return apic ? register_read(apic, off, size) : UINT64_MAX;
}

static void moved_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct apic *owner = opaque;
    struct apic *apic = visible_apic(APIC_LOAD(owner->base) & APIC_BASE_ADDR);

    if (apic)
        register_write(apic, off, (uint32_t)val, size);
}

static const struct mem_ops default_ops = {
    .read = default_read,
    .write = default_write,
    .valid = {.min = 1, .max = 4},
    .flags = MEM_OPS_LOCKLESS | MEM_OPS_REENTRANT,
};

static const struct mem_ops moved_ops = {
    .read = moved_read,
    .write = moved_write,
    .valid = {.min = 1, .max = 4},
    .flags = MEM_OPS_LOCKLESS | MEM_OPS_REENTRANT,
};

void apic_bus_move_window(struct apic *apic)
{
    uint64_t page = apic->base & APIC_BASE_ADDR;
    bool wanted = apic_enabled(apic) && !apic_is_x2apic(apic) && page != APIC_BASE_DEFAULT;
    bool taken;

    if (!wanted && !apic->window_mapped)
        return;
    taken = device_lock_acquire();
    mem_txn_begin();
    if (apic->window_mapped)
        mem_region_del(as_memory.root, &apic->window);
    if (wanted)
        mem_region_add_overlap(as_memory.root, page, &apic->window, WINDOW_PRIORITY);
    apic->window_mapped = wanted;
    mem_txn_commit();
    device_lock_restore(taken);
}

/* --- membership ----------------------------------------------------------- */

static void map_default_window(void)
{
    mem_region_init_io(&bus.window, "apic", MESSAGES_SIZE, &default_ops, NULL);
    mem_region_add_overlap(as_memory.root, APIC_BASE_DEFAULT, &bus.window, WINDOW_PRIORITY);
    msi_set_handler(msi_handler, NULL);
}

int apic_bus_add(struct apic *apic, struct error **err)
{
    if (apic_of_cpu(apic->cpu_index) || apic_of_id(apic->id)) {
        error_set(err, "CPU %u or APIC id %u has a local APIC already", apic->cpu_index, apic->id);
        return -EEXIST;
    }
    if (bus.count++ == 0)
        map_default_window();
    mem_region_init_io(&apic->window, "apic-moved", WINDOW_SIZE, &moved_ops, apic);
    __atomic_store_n(&bus.by_id[apic->id], apic, __ATOMIC_RELEASE);
    __atomic_store_n(&bus.by_cpu[apic->cpu_index], apic, __ATOMIC_RELEASE);
    if (apic->cpu_index >= bus.end)
        __atomic_store_n(&bus.end, apic->cpu_index + 1, __ATOMIC_RELEASE);
    return 0;
}

void apic_bus_remove(struct apic *apic)
{
    __atomic_store_n(&bus.by_cpu[apic->cpu_index], NULL, __ATOMIC_RELEASE);
    __atomic_store_n(&bus.by_id[apic->id], NULL, __ATOMIC_RELEASE);
    mem_region_fini(&apic->window);
    if (--bus.count)
        return;
    msi_set_handler(NULL, NULL);
    mem_region_del(as_memory.root, &bus.window);
    mem_region_fini(&bus.window);
    __atomic_store_n(&bus.end, 0, __ATOMIC_RELEASE);
}

/* SPDX-License-Identifier: MIT */
/*
 * Local APIC of one vCPU: registers, priorities, local sources.
 *
 * Intel SDM vol. 3A, chapter 11 (xAPIC; x2APIC in 11.12). The version register
 * says 14h with six LVT entries and no suppression of EOI broadcasts.
 *
 * Not modelled: focus processors and bus arbitration (accepted and ignored),
 * remote reads (reserved since the P6), and writing the xAPIC ID (model specific;
 * it is read-only here).
 */
#include "hw/intc/apic_int.h"

#include "hw/core/vmstate.h"
#include "hw/intc/i8259.h"
#include "system/cpu.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

#include <inttypes.h>

#define APIC_VERSION  (0x14u | (LVT_COUNT - 1u) << 16)
#define APIC_CPUS_MAX 1024

#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC       0x800
#define MSR_X2APIC_END   0x83f

#define SVR_WMASK 0x3ffu

/* --- 256-bit registers ---------------------------------------------------- */

static int highest_bit(const uint64_t words[4])
{
    for (int i = 3; i >= 0; i--) {
        uint64_t word = __atomic_load_n(&words[i], __ATOMIC_SEQ_CST);

        if (word)
            return i * 64 + 63 - __builtin_clzll(word);
    }
    return -1;
}

static void set_bit(uint64_t words[4], unsigned n)
{
    __atomic_fetch_or(&words[n / 64], BIT(n % 64), __ATOMIC_SEQ_CST);
}

static void clear_bit(uint64_t words[4], unsigned n)
{
    __atomic_fetch_and(&words[n / 64], ~BIT(n % 64), __ATOMIC_SEQ_CST);
}

static bool test_bit(const uint64_t words[4], unsigned n)
{
    return APIC_LOAD(words[n / 64]) & BIT(n % 64);
}

/* Bits of a register that only its owner writes. */
static void own_bit(uint64_t words[4], unsigned n, bool on)
{
    words[n / 64] = (words[n / 64] & ~BIT(n % 64)) | (uint64_t)on << n % 64;
}

/* --- what can be delivered ------------------------------------------------ */

static void update_ppr(struct apic *apic)
{
    int service = highest_bit(apic->isr);
    uint32_t ppr = apic->tpr;

    if (service >= 0 && ((uint32_t)service & 0xf0) > (ppr & 0xf0))
        ppr = (uint32_t)service & 0xf0;
    APIC_STORE(apic->ppr, ppr);
}

/* The vector to be served now, or -1. */
static int deliverable(const struct apic *apic)
{
    int request = highest_bit(apic->irr);

    return request >> 4 > (int)(APIC_LOAD(apic->ppr) >> 4) ? request : -1;
}

/* Do the 8259s ask through this APIC (or past it, when it is off)? */
static bool extint_pending(const struct apic *apic)
{
    uint32_t lvt = APIC_LOAD(apic->lvt[LVT_LINT0]);

    if (APIC_LOAD(apic->extint) && apic_bus_pic_pending())
        return true;
    if (!apic_bus_lint_level(0))
        return false;
    if (!apic_enabled(apic))
        return true;
    return !(lvt & APIC_LVT_MASKED) && (lvt >> APIC_LVT_MODE_SHIFT & 7) == APIC_EXTINT;
}

static bool something_pending(const struct apic *apic)
{
    return deliverable(apic) >= 0 || extint_pending(apic);
}

static void raise_if_pending(struct apic *apic)
{
    if (something_pending(apic))
        vcpu_raise_event(apic->cpu, VCPU_EV_INTR);
}

/* Lower the event unless there is more; see apic_int.h for the order. */
static bool settle(struct apic *apic)
{
    vcpu_lower_event(apic->cpu, VCPU_EV_INTR);
    if (!something_pending(apic))
        return false;
    vcpu_raise_event(apic->cpu, VCPU_EV_INTR);
    return true;
}

/* --- requests, from any thread -------------------------------------------- */

void apic_request(struct apic *apic, uint8_t vector, bool level)
{
    if (level)
        set_bit(apic->tmr, vector);
    else if (test_bit(apic->tmr, vector))
        clear_bit(apic->tmr, vector);
    set_bit(apic->irr, vector);
    vcpu_raise_event(apic->cpu, VCPU_EV_INTR);
}

void apic_error(struct apic *apic, uint32_t esr_bits)
{
    uint32_t old = __atomic_fetch_or(&apic->esr_pending, esr_bits, __ATOMIC_SEQ_CST);

    guest_error("local APIC of CPU %u: error %#x", apic->cpu_index, esr_bits);
    if (esr_bits & ~old)
        apic_fire_lvt(apic, LVT_ERROR);
}

void apic_fire_lvt(struct apic *apic, enum apic_lvt lvt)
{
    uint32_t entry = APIC_LOAD(apic->lvt[lvt]);
    uint8_t vector = entry & APIC_LVT_VECTOR;

    if (entry & APIC_LVT_MASKED)
        return;
    if (vector >= APIC_VECTOR_MIN)
        apic_request(apic, vector, false);
    else if (lvt != LVT_ERROR)
        apic_error(apic, APIC_ESR_RECV_VECTOR);
    else
        __atomic_fetch_or(&apic->esr_pending, APIC_ESR_RECV_VECTOR, __ATOMIC_SEQ_CST);
}

/* --- LINT pins ------------------------------------------------------------ */

/* Level-triggered, as only LINT0 can be: again only after the EOI. */
static void lint_request_level(struct apic *apic, unsigned pin, uint32_t entry)
{
    uint32_t bit = 1u << pin;

    if (__atomic_fetch_or(&apic->lint_remote_irr, bit, __ATOMIC_SEQ_CST) & bit)
        return;
    if ((entry & APIC_LVT_VECTOR) >= APIC_VECTOR_MIN)
        apic_request(apic, entry & APIC_LVT_VECTOR, true);
    else
        apic_error(apic, APIC_ESR_RECV_VECTOR);
}

static void lint_fixed(struct apic *apic, unsigned pin, uint32_t entry, bool rising)
{
    if (pin == 0 && (entry & APIC_LVT_LEVEL))
        lint_request_level(apic, pin, entry);
    else if (rising)
        apic_fire_lvt(apic, LVT_LINT0 + pin);
}

/* The pins of an APIC that is off are the CPU's INTR and NMI. */
static void lint_bypass(struct apic *apic, unsigned pin, bool rising)
{
    if (pin == 0)
        vcpu_raise_event(apic->cpu, VCPU_EV_INTR);
    else if (rising)
        vcpu_raise_event(apic->cpu, VCPU_EV_NMI);
}

void apic_lint_changed(struct apic *apic, unsigned pin, bool level, bool rising)
{
    uint32_t entry = APIC_LOAD(apic->lvt[LVT_LINT0 + pin]);

    if (!level)
        return;
    if (!apic_enabled(apic)) {
        lint_bypass(apic, pin, rising);
        return;
    }
    if (entry & APIC_LVT_MASKED)
        return;
    switch (entry >> APIC_LVT_MODE_SHIFT & 7) {
    case APIC_FIXED:
        lint_fixed(apic, pin, entry, rising);
        break;
    case APIC_EXTINT:
        vcpu_raise_event(apic->cpu, VCPU_EV_INTR);
        break;
    case APIC_NMI:
        if (rising)
            vcpu_raise_event(apic->cpu, VCPU_EV_NMI);
        break;
    case APIC_SMI:
        if (rising)
            vcpu_raise_event(apic->cpu, VCPU_EV_SMI);
        break;
    case APIC_INIT:
        if (rising)
            vcpu_raise_event(apic->cpu, VCPU_EV_INIT);
        break;
    default:
        break;
    }
}

/* --- end of interrupt ----------------------------------------------------- */

static void lint_eoi(struct apic *apic, uint8_t vector)
{
    if (!(APIC_LOAD(apic->lint_remote_irr) & 1) ||
        (apic->lvt[LVT_LINT0] & APIC_LVT_VECTOR) != vector)
        return;
    __atomic_fetch_and(&apic->lint_remote_irr, ~1u, __ATOMIC_SEQ_CST);
    apic_lint_changed(apic, 0, apic_bus_lint_level(0), false);
}

static void end_of_interrupt(struct apic *apic)
{
    int vector = highest_bit(apic->isr);

    if (vector < 0)
        return;
    own_bit(apic->isr, (unsigned)vector, false);
    update_ppr(apic);
    if (unlikely(test_bit(apic->tmr, (unsigned)vector))) {
        lint_eoi(apic, (uint8_t)vector);
        apic_bus_eoi((uint8_t)vector);
    }
    raise_if_pending(apic);
}

/* --- registers ------------------------------------------------------------ */

/* Register numbers: offset in the page / 16, MSR - 800h. */
enum apic_reg {
    REG_ID = 0x02,
    REG_VERSION = 0x03,
    REG_TPR = 0x08,
    REG_APR = 0x09,
    REG_PPR = 0x0a,
    REG_EOI = 0x0b,
    REG_RRD = 0x0c,
    REG_LDR = 0x0d,
    REG_DFR = 0x0e,
    REG_SVR = 0x0f,
    REG_ISR = 0x10,
    REG_TMR = 0x18,
    REG_IRR = 0x20,
    REG_ESR = 0x28,
    REG_ICR_LOW = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_LVT = 0x32,
    REG_INITIAL = 0x38,
    REG_CURRENT = 0x39,
    REG_DIVIDE = 0x3e,
    REG_SELF_IPI = 0x3f,
    REG_COUNT = 0x40,
};

/* What the LVT entries store, by enum apic_lvt. */
static const uint32_t lvt_wmask[LVT_COUNT] = {
    [LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_PERF] = 0x107ff,
    [LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff,   [LVT_ERROR] = 0x100ff,
};

static uint32_t read_word(const uint64_t words[4], unsigned n)
{
    return (uint32_t)(APIC_LOAD(words[n / 2]) >> 32 * (n & 1));
}

static uint32_t read_lvt(const struct apic *apic, unsigned n)
{
    uint32_t entry = apic->lvt[n];

    if (n == LVT_LINT0 && (APIC_LOAD(apic->lint_remote_irr) & 1))
        entry |= APIC_LVT_REMOTE_IRR;
    return entry;
}

static uint32_t read_id(const struct apic *apic)
{
    return apic_is_x2apic(apic) ? apic->id : apic->id << 24;
}

static bool read_rest(const struct apic *apic, unsigned n, uint32_t *val)
{
    if (n >= REG_ISR && n < REG_ISR + 8)
        *val = read_word(apic->isr, n - REG_ISR);
    else if (n >= REG_TMR && n < REG_TMR + 8)
        *val = read_word(apic->tmr, n - REG_TMR);
    else if (n >= REG_IRR && n < REG_IRR + 8)
        *val = read_word(apic->irr, n - REG_IRR);
    else if (n >= REG_LVT && n < REG_LVT + LVT_COUNT)
        *val = read_lvt(apic, n - REG_LVT);
    else
        return false;
    return true;
}

bool apic_reg_read(struct apic *apic, unsigned n, uint32_t *val)
{
    *val = 0;
    switch (n) {
    case REG_CURRENT:
        *val = apic_timer_count(apic);
        return true;
    case REG_ID:
        *val = read_id(apic);
        return true;
    case REG_VERSION:
        *val = APIC_VERSION;
        return true;
    case REG_TPR:
        *val = apic->tpr;
        return true;
    case REG_PPR:
        *val = apic->ppr;
        return true;
    case REG_APR:
    case REG_RRD:
    case REG_EOI:
        return !apic_is_x2apic(apic);
    case REG_LDR:
        *val = apic->ldr;
        return true;
    case REG_DFR:
        *val = apic->dfr;
        return !apic_is_x2apic(apic);
    case REG_SVR:
        *val = apic->svr;
        return true;
    case REG_ESR:
        *val = apic->esr;
        return true;
    case REG_ICR_LOW:
        *val = apic->icr_low;
        return true;
    case REG_ICR_HIGH:
        *val = apic->icr_high;
        return !apic_is_x2apic(apic);
    case REG_INITIAL:
        *val = apic->initial_count;
        return true;
    case REG_DIVIDE:
        *val = apic->divide;
        return true;
    default:
        return read_rest(apic, n, val);
    }
}

static void write_tpr(struct apic *apic, uint32_t val)
{
    uint32_t old = apic->tpr;

    APIC_STORE(apic->tpr, val & 0xff);
    update_ppr(apic);
    if ((val & 0xff) < old)
        raise_if_pending(apic);
}

static void write_lvt(struct apic *apic, unsigned n, uint32_t val)
{
    uint32_t old = apic->lvt[n];

    val &= lvt_wmask[n];
    if (!(apic->svr & APIC_SVR_ENABLE))
        val |= APIC_LVT_MASKED;
    __atomic_store_n(&apic->lvt[n], val, __ATOMIC_SEQ_CST); /* before the level is looked at */
    if (n == LVT_TIMER) {
        apic_timer_lvt_changed(apic, old);
    } else if (n == LVT_LINT0) {
        /* Edge-triggered has no remote IRR; a level that waits is seen now. */
        if (!(val & APIC_LVT_LEVEL))
            __atomic_fetch_and(&apic->lint_remote_irr, ~1u, __ATOMIC_SEQ_CST);
        apic_lint_changed(apic, 0, apic_bus_lint_level(0), false);
    }
}

/* Switching the APIC off masks all local sources. */
static void write_svr(struct apic *apic, uint32_t val)
{
    APIC_STORE(apic->svr, val & SVR_WMASK);
    for (unsigned i = 0; i < LVT_COUNT && !(val & APIC_SVR_ENABLE); i++)
        write_lvt(apic, i, apic->lvt[i]);
}

static void write_esr(struct apic *apic)
{
    apic->esr = __atomic_exchange_n(&apic->esr_pending, 0, __ATOMIC_SEQ_CST);
}

static void write_icr(struct apic *apic, uint32_t low, uint32_t dest)
{
    apic->icr_low = low & 0xccfff & ~0x1000u;
    apic_bus_ipi(apic, apic->icr_low, dest);
}

static void write_self_ipi(struct apic *apic, uint32_t val)
{
    if ((val & 0xff) >= APIC_VECTOR_MIN)
        apic_request(apic, val & 0xff, false);
    else
        apic_error(apic, APIC_ESR_SEND_VECTOR);
}

/* Registers only one of the two modes has. */
static bool write_rest(struct apic *apic, unsigned n, uint32_t val)
{
    bool x2apic = apic_is_x2apic(apic);

    if (n >= REG_LVT && n < REG_LVT + LVT_COUNT) {
        write_lvt(apic, n - REG_LVT, val);
        return true;
    }
    switch (n) {
    case REG_ID:
        return !x2apic;
    case REG_LDR:
        if (!x2apic)
            APIC_STORE(apic->ldr, val & 0xff000000);
        return !x2apic;
    case REG_DFR:
        if (!x2apic)
            APIC_STORE(apic->dfr, val | 0x0fffffff);
        return !x2apic;
    case REG_ICR_HIGH:
        if (!x2apic)
            apic->icr_high = val & 0xff000000;
        return !x2apic;
    case REG_SELF_IPI:
        if (x2apic)
            write_self_ipi(apic, val);
        return x2apic;
    default:
        return false;
    }
}

bool apic_reg_write(struct apic *apic, unsigned n, uint32_t val)
{
    switch (n) {
    case REG_EOI:
        end_of_interrupt(apic);
        return true;
    case REG_TPR:
        write_tpr(apic, val);
        return true;
    case REG_INITIAL:
        apic_timer_set_count(apic, val);
        return true;
    case REG_ICR_LOW:
        write_icr(apic, val, apic->icr_high >> 24);
        return true;
    case REG_SVR:
        write_svr(apic, val);
        return true;
    case REG_ESR:
        write_esr(apic);
        return true;
    case REG_DIVIDE:
        apic_timer_set_divide(apic, val);
        return true;
    default:
        return write_rest(apic, n, val);
    }
}

/* --- MSRs ----------------------------------------------------------------- */

static int msr_read(void *opaque, uint32_t msr, uint64_t *val)
{
    struct apic *apic = opaque;
    uint32_t low;

    if (msr == MSR_TSC_DEADLINE) {
        *val = apic->tsc_deadline;
        return 0;
    }
    if (msr < MSR_X2APIC || msr > MSR_X2APIC_END || !apic_is_x2apic(apic) ||
        msr - MSR_X2APIC == REG_SELF_IPI || !apic_reg_read(apic, msr - MSR_X2APIC, &low))
        return -1;
    *val = low;
    if (msr - MSR_X2APIC == REG_ICR_LOW)
        *val |= (uint64_t)apic->icr_high << 32;
    return 0;
}

/* Bits that are reserved in x2APIC mode: #GP instead of ignored. */
static uint64_t msr_wmask(unsigned n)
{
    if (n >= REG_LVT && n < REG_LVT + LVT_COUNT)
        return lvt_wmask[n - REG_LVT] | (n == REG_LVT + LVT_LINT0 ? 0x5000 : 0x1000);
    switch (n) {
    case REG_TPR:
    case REG_SELF_IPI:
        return 0xff;
    case REG_SVR:
        return SVR_WMASK;
    case REG_ICR_LOW:
        return 0xffffffff000cdfff;
    case REG_INITIAL:
        return UINT32_MAX;
    case REG_DIVIDE:
        return 0xb;
    default: /* EOI and ESR take only 0 */
        return 0;
    }
}

static int msr_write(void *opaque, uint32_t msr, uint64_t val)
{
    struct apic *apic = opaque;
    unsigned n = msr - MSR_X2APIC;

    if (msr == MSR_TSC_DEADLINE) {
        apic_timer_set_deadline(apic, val);
        return 0;
    }
    if (msr < MSR_X2APIC || msr > MSR_X2APIC_END || !apic_is_x2apic(apic) || (val & ~msr_wmask(n)))
        return -1;
    if (n == REG_ICR_LOW) {
        apic->icr_high = (uint32_t)(val >> 32);
        write_icr(apic, (uint32_t)val, apic->icr_high);
        return 0;
    }
    return apic_reg_write(apic, n, (uint32_t)val) ? 0 : -1;
}

/* --- state changes -------------------------------------------------------- */

static uint32_t x2apic_ldr(uint32_t id)
{
    return (id >> 4) << 16 | 1u << (id & 0xf);
}

/* Power-up state of everything but ID and base. */
static void reset_registers(struct apic *apic)
{
    for (unsigned i = 0; i < 4; i++) {
        apic->isr[i] = 0;
        APIC_STORE(apic->irr[i], 0);
        APIC_STORE(apic->tmr[i], 0);
    }
    APIC_STORE(apic->svr, 0xff);
    APIC_STORE(apic->ldr, apic_is_x2apic(apic) ? x2apic_ldr(apic->id) : 0);
    APIC_STORE(apic->dfr, UINT32_MAX);
    APIC_STORE(apic->tpr, 0);
    APIC_STORE(apic->ppr, 0);
    for (unsigned i = 0; i < LVT_COUNT; i++)
        APIC_STORE(apic->lvt[i], APIC_LVT_MASKED);
    APIC_STORE(apic->lint_remote_irr, 0);
    APIC_STORE(apic->esr_pending, 0);
    APIC_STORE(apic->extint, 0);
    apic->esr = apic->icr_low = apic->icr_high = apic->divide = apic->initial_count = 0;
    apic->timer_start = 0;
    apic->timer_over = false;
    apic->tsc_deadline = 0;
    timer_cancel(&apic->timer);
    settle(apic);
}

/* The allowed moves between off, xAPIC and x2APIC; figure 11-27. */
static bool base_move_valid(const struct apic *apic, uint64_t val)
{
    uint64_t mode = val & (APIC_BASE_EN | APIC_BASE_EXTD);
    uint64_t old = apic->base & (APIC_BASE_EN | APIC_BASE_EXTD);

    if (val & ~(APIC_BASE_ADDR | APIC_BASE_EN | APIC_BASE_EXTD | APIC_BASE_BSP))
        return false;
    if (mode == APIC_BASE_EXTD || ((mode & APIC_BASE_EXTD) && !apic->x2apic))
        return false;
    if (old == 0 && (mode & APIC_BASE_EXTD))
        return false;
    return !((old & APIC_BASE_EXTD) && mode == APIC_BASE_EN);
}

static int set_base(void *opaque, uint64_t val)
{
    struct apic *apic = opaque;
    uint64_t old = apic->base;

    if (!base_move_valid(apic, val))
        return -1;
    TRACE(apic_base, "cpu %u base %#" PRIx64, apic->cpu_index, val);
    APIC_STORE(apic->base, val);
    if ((old ^ val) & APIC_BASE_EN)
        reset_registers(apic);
    if (~old & val & APIC_BASE_EXTD) {
        APIC_STORE(apic->ldr, x2apic_ldr(apic->id));
        apic->icr_high = 0;
    }
    if (old != val)
        apic_bus_move_window(apic);
    return 0;
}

static uint64_t get_base(void *opaque)
{
    return ((struct apic *)opaque)->base;
}

/* --- the CPU's side ------------------------------------------------------- */

static bool op_pending(void *opaque)
{
    struct apic *apic = opaque;

    return something_pending(apic) || settle(apic);
}

static int op_ack(void *opaque)
{
    struct apic *apic = opaque;
    int vector = deliverable(apic);

    if (vector >= 0) {
        clear_bit(apic->irr, (unsigned)vector);
        own_bit(apic->isr, (unsigned)vector, true);
        update_ppr(apic);
    } else if (extint_pending(apic)) {
        APIC_STORE(apic->extint, 0);
        vector = apic_bus_pic_ack();
    }
    settle(apic);
    return vector;
}

static uint8_t op_get_tpr(void *opaque)
{
    return (uint8_t)((struct apic *)opaque)->tpr;
}

static void op_set_tpr(void *opaque, uint8_t tpr)
{
    write_tpr(opaque, tpr);
}

static uint8_t op_sipi_vector(void *opaque)
{
    return APIC_LOAD(((struct apic *)opaque)->sipi_vector);
}

static void op_init(void *opaque)
{
    reset_registers(opaque);
}

static const struct vcpu_apic_ops cpu_ops = {
    .ack = op_ack,
    .pending = op_pending,
    .get_tpr = op_get_tpr,
    .set_tpr = op_set_tpr,
    .get_base = get_base,
    .set_base = set_base,
    .msr_read = msr_read,
    .msr_write = msr_write,
    .sipi_vector = op_sipi_vector,
    .init = op_init,
};

/* --- for machine and monitor ---------------------------------------------- */

static struct apic *to_apic(const struct device *dev)
{
    return container_of(dev, struct apic, dev);
}

uint32_t apic_id(const struct device *dev)
{
    return to_apic(dev)->id;
}

void apic_set_virtual_wire(struct device *dev)
{
    struct apic *apic = to_apic(dev);

    write_svr(apic, APIC_SVR_ENABLE | 0xff);
    write_lvt(apic, LVT_LINT0, APIC_EXTINT << APIC_LVT_MODE_SHIFT | APIC_LVT_LEVEL);
    write_lvt(apic, LVT_LINT1, APIC_NMI << APIC_LVT_MODE_SHIFT);
}

static void describe_set(GString *out, const char *name, const uint64_t words[4])
{
    g_string_append_printf(out, "%s", name);
    for (unsigned n = 0; n < 256; n++) {
        if (test_bit(words, n))
            g_string_append_printf(out, " %u", n);
    }
    g_string_append(out, "\n");
}

char *apic_describe(const struct device *dev)
{
    static const char *const names[LVT_COUNT] = {"timer", "thermal", "perf",
                                                 "lint0", "lint1",   "error"};
    const struct apic *apic = to_apic(dev);
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "id %u base %#" PRIx64 " svr %#x ldr %#x dfr %#x\n", apic->id,
                           apic->base, apic->svr, apic->ldr, apic->dfr);
    g_string_append_printf(out, "tpr %#x ppr %#x esr %#x icr %#x dest %#x\n", apic->tpr, apic->ppr,
                           apic->esr, apic->icr_low, apic->icr_high);
    for (unsigned i = 0; i < LVT_COUNT; i++)
        g_string_append_printf(out, "lvt %-8s %#07x\n", names[i], read_lvt(apic, i));
    g_string_append_printf(out, "timer count %u of %u, divide %#x, deadline %#" PRIx64 "\n",
                           apic_timer_count(apic), apic->initial_count, apic->divide,
                           apic->tsc_deadline);
    describe_set(out, "isr", apic->isr);
    describe_set(out, "irr", apic->irr);
    return g_string_free(out, FALSE);
}

/* --- life ----------------------------------------------------------------- */

static void apic_reset(struct device *dev, enum reset_kind kind)
{
    struct apic *apic = to_apic(dev);
    uint64_t bsp = vcpu_is_bsp(apic->cpu) ? APIC_BASE_BSP : 0;

    APIC_STORE(apic->base, APIC_BASE_DEFAULT | APIC_BASE_EN | bsp);
    APIC_STORE(apic->sipi_vector, 0);
    reset_registers(apic);
    apic_bus_move_window(apic);
}

static int apic_realize(struct device *dev, struct error **err)
{
    struct apic *apic = to_apic(dev);
    int ret;

    apic->cpu = vcpu_get(apic->cpu_index);
    if (!apic->cpu) {
        error_set(err, "there is no CPU %u for the local APIC", apic->cpu_index);
        return -ENOENT;
    }
    ret = apic_bus_add(apic, err);
    if (ret < 0)
        return ret;
    apic_timer_init(apic);
    APIC_STORE(apic->base, APIC_BASE_DEFAULT | APIC_BASE_EN);
    vcpu_set_apic(apic->cpu, &cpu_ops, apic);
    return 0;
}

static void apic_unrealize(struct device *dev)
{
    struct apic *apic = to_apic(dev);

    vcpu_set_apic(apic->cpu, NULL, NULL);
    APIC_STORE(apic->base, 0);
    apic_bus_move_window(apic);
    apic_bus_remove(apic);
    timer_fini(&apic->timer);
}

static int apic_post_load(void *state, unsigned version, struct error **err)
{
    struct apic *apic = state;
    uint64_t mode = apic->base & (APIC_BASE_EN | APIC_BASE_EXTD);

    if (mode == APIC_BASE_EXTD || ((mode & APIC_BASE_EXTD) && !apic->x2apic)) {
        error_set(err, "local APIC of CPU %u: mode of base %#" PRIx64 " is not possible",
                  apic->cpu_index, apic->base);
        return -EINVAL;
    }
    apic->base &= APIC_BASE_ADDR | APIC_BASE_EN | APIC_BASE_EXTD | APIC_BASE_BSP;
    for (unsigned i = 0; i < LVT_COUNT; i++)
        apic->lvt[i] &= lvt_wmask[i];
    apic->tpr &= 0xff;
    apic->divide &= 0xb;
    apic->timer_start = MIN(MAX(apic->timer_start, -((int64_t)1 << 40)), clock_now(CLK_VIRTUAL));
    update_ppr(apic);
    apic_bus_move_window(apic);
    settle(apic);
    return 0;
}

static const struct vm_field apic_fields[] = {
    VM_U64_ARRAY(struct apic, irr),   VM_U64_ARRAY(struct apic, tmr),
    VM_U64_ARRAY(struct apic, isr),   VM_U64(struct apic, base),
    VM_U32(struct apic, svr),         VM_U32(struct apic, ldr),
    VM_U32(struct apic, dfr),         VM_U32(struct apic, tpr),
    VM_U32_ARRAY(struct apic, lvt),   VM_U32(struct apic, lint_remote_irr),
    VM_U32(struct apic, esr_pending), VM_U32(struct apic, extint),
    VM_U8(struct apic, sipi_vector),  VM_U32(struct apic, esr),
    VM_U32(struct apic, icr_low),     VM_U32(struct apic, icr_high),
    VM_U32(struct apic, divide),      VM_U32(struct apic, initial_count),
    VM_S64(struct apic, timer_start), VM_U64(struct apic, tsc_deadline),
    VM_TIMER(struct apic, timer),     VM_END,
};
static const struct vmstate apic_vmstate = {
    .name = "apic",
    .version = 1,
    .fields = apic_fields,
    .post_load = apic_post_load,
};

static const struct prop apic_props[] = {
    PROP_U32("cpu", struct apic, cpu_index, 0, 0, APIC_CPUS_MAX - 1, "index of the vCPU it is in"),
    PROP_U32("id", struct apic, id, 0, 0, 0xffe, "APIC id"),
    PROP_BOOL("x2apic", struct apic, x2apic, false, "has x2APIC mode, as CPUID must say then"),
    PROP_END,
};

DEVICE_DEFINE(apic, .name = "apic", .help = "local APIC", .bus = BUS_SYSTEM,
              .state_size = sizeof(struct apic), .props = apic_props, .vmstate = &apic_vmstate,
              .no_user = true, .is_default = true, .hotpluggable = true, .realize = apic_realize,
              .unrealize = apic_unrealize, .reset = apic_reset);

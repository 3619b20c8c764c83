/* SPDX-License-Identifier: MIT */
/* ACPI fixed hardware, ACPI 6.4 chapters 4.8.3 (PM1, PM timer) and 4.8.4 (GPE). */
#include "hw/acpi/acpi_pm.h"

#include "hw/core/vmstate.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/log.h"

enum {
    PM1_STS_TMR = 0x0001,
    PM1_STS_GBL = 0x0020,
    PM1_STS_PWRBTN = 0x0100,
    PM1_STS_RTC = 0x0400,
    PM1_STS_WAK = 0x8000,
    PM1_STS_ALL = 0x8531
};
enum { PM1_EN_ALL = 0x0521 };
enum {
    PM1_CNT_SCI_EN = 0x0001,
    PM1_CNT_SLP_TYP = 0x1c00,
    PM1_CNT_SLP_EN = 0x2000,
    PM1_CNT_KEPT = 0x1c03
};

/* SLP_TYP values, as the tables' _S3 to _S5 objects say (hw/acpi/dsdt-pc.asl). */
enum { SLP_TYP_S5 = 0, SLP_TYP_S3 = 1, SLP_TYP_S4 = 2 };

#define TIMER_BITS 24

static uint64_t timer_ticks(void)
{
    return clock_ns_to_ticks(clock_now(CLK_VIRTUAL), ACPI_PM_TIMER_HZ);
}

/* --- SCI -------------------------------------------------------------------------------------- */

static bool gpe_pending(const struct acpi_pm *pm)
{
    for (unsigned i = 0; i < ACPI_GPE_BYTES; i++) {
        if (pm->gpe_sts[i] & pm->gpe_en[i]) {
            return true;
        }
    }
    return false;
}

static void update_sci(struct acpi_pm *pm)
{
    bool event = (pm->pm1_sts & pm->pm1_en & PM1_EN_ALL) || gpe_pending(pm);

    irq_set(pm->sci, (pm->pm1_cnt & PM1_CNT_SCI_EN) && event);
}

void acpi_pm_set_sci_enabled(struct acpi_pm *pm, bool on)
{
    pm->pm1_cnt = (uint16_t)((pm->pm1_cnt & ~PM1_CNT_SCI_EN) | (on ? PM1_CNT_SCI_EN : 0));
    update_sci(pm);
}

void acpi_pm_raise_gpe(struct acpi_pm *pm, unsigned bit)
{
    assert(bit < 8 * ACPI_GPE_BYTES);
    pm->gpe_sts[bit / 8] |= (uint8_t)(1u << (bit % 8));
    update_sci(pm);
}

/* --- the timer's event: its highest bit changes ------------------------------------------------- */

static void arm_overflow(struct acpi_pm *pm)
{
    uint64_t half = BIT(TIMER_BITS - 1);

    if (pm->pm1_en & PM1_STS_TMR) {
        timer_arm(&pm->overflow,
                  clock_ticks_to_ns((timer_ticks() / half + 1) * half, ACPI_PM_TIMER_HZ));
    } else {
        timer_cancel(&pm->overflow);
    }
}

static void overflow_expired(void *opaque)
{
    struct acpi_pm *pm = opaque;

    pm->pm1_sts |= PM1_STS_TMR;
    update_sci(pm);
    arm_overflow(pm);
}

/* --- registers -------------------------------------------------------------------------------- */

static uint64_t evt_read(void *opaque, uint64_t off, unsigned size)
{
    struct acpi_pm *pm = opaque;
    return (off < 2 ? pm->pm1_sts : pm->pm1_en) >> 8 * (off & 1) & mask64(8 * size);
}

static void write_enable(struct acpi_pm *pm, uint16_t val)
{
    pm->pm1_en = val & PM1_EN_ALL;
    arm_overflow(pm);
    runstate_wakeup_enable(WAKEUP_RTC, pm->pm1_en & PM1_STS_RTC);
    runstate_wakeup_enable(WAKEUP_PM_TIMER, pm->pm1_en & PM1_STS_TMR);
}

/* Bytes or words: a byte of the status must not clear bits of the other. */
static void evt_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct acpi_pm *pm = opaque;

    unsigned shift = 8 * (unsigned)(off & 1);

    if (off < 2) {
        pm->pm1_sts &= (uint16_t) ~(val << shift & PM1_STS_ALL);
    } else {
        write_enable(pm, (uint16_t)deposit32(pm->pm1_en, shift, 8 * size, (uint32_t)val));
    }
    update_sci(pm);
}

static uint64_t cnt_read(void *opaque, uint64_t off, unsigned size)
{
    struct acpi_pm *pm = opaque;
    return pm->pm1_cnt;
}

static void go_to_sleep(struct acpi_pm *pm)
{
    unsigned type = extract32(pm->pm1_cnt, 10, 3);

    if (type == SLP_TYP_S5 || type == SLP_TYP_S4) {
        runstate_request_shutdown(SHUTDOWN_GUEST_POWEROFF);
    } else if (type == SLP_TYP_S3) {
        runstate_request_suspend();
    } else {
        guest_error("acpi: sleep type %u is not one of the tables", type);
    }
}

static void cnt_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct acpi_pm *pm = opaque;

    /* SCI_EN belongs to the SMI command port. */
    pm->pm1_cnt =
        (uint16_t)((val & PM1_CNT_KEPT & ~PM1_CNT_SCI_EN) | (pm->pm1_cnt & PM1_CNT_SCI_EN));
    if (val & PM1_CNT_SLP_EN) {
        go_to_sleep(pm);
    }
}

static uint64_t tmr_read(void *opaque, uint64_t off, unsigned size)
{
    return timer_ticks() & mask64(TIMER_BITS);
}

static void tmr_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    guest_error("acpi: write to the PM timer");
}

static uint64_t gpe_read(void *opaque, uint64_t off, unsigned size)
{
    struct acpi_pm *pm = opaque;
    return off < ACPI_GPE_BYTES ? pm->gpe_sts[off] : pm->gpe_en[off - ACPI_GPE_BYTES];
}

static void gpe_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct acpi_pm *pm = opaque;

    if (off < ACPI_GPE_BYTES) {
        pm->gpe_sts[off] &= (uint8_t)~val;
    } else {
        pm->gpe_en[off - ACPI_GPE_BYTES] = (uint8_t)val;
    }
    update_sci(pm);
}

static const struct mem_ops evt_ops = {
    .read = evt_read, .write = evt_write, .valid = {1, 4, false}, .impl = {1, 2, false}};
static const struct mem_ops cnt_ops = {
    .read = cnt_read, .write = cnt_write, .valid = {1, 4, false}, .impl = {2, 2, false}};
static const struct mem_ops tmr_ops = {.read = tmr_read,
                                       .write = tmr_write,
                                       .valid = {1, 4, false},
                                       .impl = {4, 4, false},
                                       .flags = MEM_OPS_LOCKLESS};
static const struct mem_ops gpe_ops = {
    .read = gpe_read, .write = gpe_write, .valid = {1, 4, false}, .impl = {1, 1, false}};

/* --- the outside ------------------------------------------------------------------------------ */

static void powerdown_pressed(struct notifier *n, void *data)
{
    struct acpi_pm *pm = container_of(n, struct acpi_pm, powerdown);

    pm->pm1_sts |= PM1_STS_PWRBTN;
    update_sci(pm);
}

static void rtc_alarm(void *opaque, int n, int level)
{
    struct acpi_pm *pm = opaque;

    pm->pm1_sts |= level ? PM1_STS_RTC : 0;
    update_sci(pm);
}

static void woken(struct notifier *n, void *data)
{
    struct acpi_pm *pm = container_of(n, struct acpi_pm, wakeup);
    static const uint16_t cause[WAKEUP_COUNT] = {
        [WAKEUP_RTC] = PM1_STS_RTC,
        [WAKEUP_PM_TIMER] = PM1_STS_TMR,
        [WAKEUP_POWER_BUTTON] = PM1_STS_PWRBTN,
    };

    pm->pm1_sts |= PM1_STS_WAK | cause[*(enum wakeup_reason *)data];
    update_sci(pm);
}

/* --- life ------------------------------------------------------------------------------------- */

void acpi_pm_init(struct acpi_pm *pm, struct irq *sci)
{
    pm->sci = sci;
    irq_init(&pm->alarm_in, rtc_alarm, pm, 0);
    mem_region_init_io(&pm->evt_io, "acpi-evt", 4, &evt_ops, pm);
    mem_region_init_io(&pm->cnt_io, "acpi-cnt", 2, &cnt_ops, pm);
    mem_region_init_io(&pm->tmr_io, "acpi-tmr", 4, &tmr_ops, pm);
    mem_region_init_io(&pm->gpe_io, "acpi-gpe", 2 * ACPI_GPE_BYTES, &gpe_ops, pm);
    timer_init(&pm->overflow, CLK_VIRTUAL, overflow_expired, pm);
    pm->powerdown.notify = powerdown_pressed;
    pm->wakeup.notify = woken;
    runstate_add_powerdown_notifier(&pm->powerdown);
    runstate_add_wakeup_notifier(&pm->wakeup);
}

void acpi_pm_fini(struct acpi_pm *pm)
{
    runstate_remove_notifier(&pm->powerdown);
    runstate_remove_notifier(&pm->wakeup);
    timer_fini(&pm->overflow);
    mem_region_fini(&pm->evt_io);
    mem_region_fini(&pm->cnt_io);
    mem_region_fini(&pm->tmr_io);
    mem_region_fini(&pm->gpe_io);
}

void acpi_pm_reset(struct acpi_pm *pm, enum reset_kind kind)
{
    if (kind == RESET_WAKE) {
        return; /* on standby power: it says what woke the machine */
    }
    pm->pm1_sts = pm->pm1_en = pm->pm1_cnt = 0;
    memset(pm->gpe_sts, 0, sizeof(pm->gpe_sts));
    memset(pm->gpe_en, 0, sizeof(pm->gpe_en));
    timer_cancel(&pm->overflow);
    runstate_wakeup_enable(WAKEUP_POWER_BUTTON, true);
    update_sci(pm);
}

static int acpi_pm_post_load(void *state, unsigned version, struct error **err)
{
    update_sci(state);
    arm_overflow(state);
    return 0;
}

const struct vmstate acpi_pm_vmstate = {
    .name = "acpi-pm",
    .version = 1,
    .post_load = acpi_pm_post_load,
    .fields =
        (const struct vm_field[]){
            VM_U16(struct acpi_pm, pm1_sts),
            VM_U16(struct acpi_pm, pm1_en),
            VM_U16(struct acpi_pm, pm1_cnt),
            VM_U8_ARRAY(struct acpi_pm, gpe_sts),
            VM_U8_ARRAY(struct acpi_pm, gpe_en),
            VM_END,
        },
};

/* SPDX-License-Identifier: MIT */
/*
 * Stopping and going on: all vCPUs stand while the debugger looks (all-stop). It goes on with some
 * of them running, some making a step, some held.
 *
 * A step with nothing else running and the clock to stand (Qqemu.sstep) does not start the machine:
 * the vCPUs are let out of the gate for it, the run state stays what it is.
 */
#include "gdbstub/stub.h"

#include "gdbstub/text.h"
#include "system/cpu.h"
#include "system/runstate.h"
#include "translator/vcpu.h"

/* --- stopping --------------------------------------------------------------------------------- */

void stub_pause(void)
{
    stub.running = false;
    if (runstate_is_running()) {
        vm_stop(RUNSTATE_DEBUG);
    } else if (stub.silent) {
        vm_step(false);
    }
    stub.silent = false;
    deferred_cancel(&stub.stopped);
    for (unsigned i = 0; i < vcpu_count(); i++) {
        debug_set_run(vcpu_get(i), DEBUG_RUN, false);
    }
}

static void append_register(GString *out, struct vcpu *cpu, unsigned n)
{
    uint8_t raw[16];

    debug_read_register(cpu, &stub.desc->regs[n], raw);
    g_string_append_printf(out, "%02x:", n);
    text_put_bytes(out, raw, stub.desc->regs[n].bytes);
    g_string_append_c(out, ';');
}

/* "T05thread:01;reason;registers" of stub.c_cpu. */
static void send_stop(unsigned signal, const char *reason)
{
    struct vcpu *cpu = stub_cpu(stub.c_cpu);

    stub.g_cpu = stub.c_cpu;
    g_string_printf(stub.reply, "T%02xthread:%02x;%s", signal, stub.c_cpu + 1, reason);
    for (const uint8_t *n = stub.desc->expedited; *n != 0xff; n++) {
        append_register(stub.reply, cpu, *n);
    }
    stub_send_reply();
}

void stub_send_stop(unsigned signal)
{
    send_stop(signal, "");
}

/* The stop of one vCPU that has stopped by itself. */
static void send_vcpu_stop(unsigned index)
{
    static const char *const watches[] = {
        [DEBUG_STOP_WRITE] = "watch",
        [DEBUG_STOP_READ] = "rwatch",
        [DEBUG_STOP_ACCESS] = "awatch",
    };
    struct debug_stop s = debug_take_stop(stub_cpu(index));
    char reason[64] = "";

    stub.c_cpu = index;
    if (s.reason >= DEBUG_STOP_WRITE) {
        g_snprintf(reason, sizeof(reason), "%s:%llx;", watches[s.reason],
                   (unsigned long long)s.addr);
    } else if (s.reason == DEBUG_STOP_CODE && stub.swbreak) {
        g_strlcpy(reason, "swbreak:;", sizeof(reason));
    } else if (s.reason == DEBUG_STOP_CODE_HW && stub.hwbreak) {
        g_strlcpy(reason, "hwbreak:;", sizeof(reason));
    }
    send_stop(SIGNAL_TRAP, reason);
}

/* The vCPU to tell of: the current one, else the first with a reason; -1: none. */
static int stopped_vcpu(void)
{
    unsigned n = vcpu_count();

    for (unsigned i = 0; i < n; i++) {
        unsigned index = (stub.c_cpu + i) % n;
        if (vcpu_get(index)->debug.reason != DEBUG_STOP_NONE) {
            return (int)index;
        }
    }
    return -1;
}

/* Those that stopped at the same time: what happens before an instruction will happen again. */
static void drop_other_stops(void)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        struct vcpu *cpu = vcpu_get(i);
        if (cpu->debug.reason < DEBUG_STOP_WRITE) {
            debug_drop_stop(cpu);
        }
    }
}

void stub_vcpu_stopped(void *opaque)
{
    if (!stub.running) {
        return;
    }
    stub_pause();
    int index = stopped_vcpu();
    if (index >= 0) {
        send_vcpu_stop((unsigned)index);
        drop_other_stops();
    } else {
        stub_send_stop(SIGNAL_TRAP);
    }
}

/* Somebody else has stopped the machine. */
void stub_state_changed(struct notifier *n, void *data)
{
    static const uint8_t signals[RUNSTATE_COUNT] = {
        [RUNSTATE_PAUSED] = SIGNAL_INT,    [RUNSTATE_DEBUG] = SIGNAL_TRAP,
        [RUNSTATE_SHUTDOWN] = SIGNAL_QUIT, [RUNSTATE_GUEST_PANICKED] = SIGNAL_ABRT,
        [RUNSTATE_IO_ERROR] = SIGNAL_STOP, [RUNSTATE_INTERNAL_ERROR] = SIGNAL_ABRT,
        [RUNSTATE_WATCHDOG] = SIGNAL_ALRM,
    };
    enum runstate state = *(enum runstate *)data;

    if (stub.connected && stub.running && signals[state]) {
        stub_pause();
        stub_send_stop(signals[state]);
    }
}

/* --- going on --------------------------------------------------------------------------------- */

/* In the other states no CPU shall run, whatever the debugger says. */
static bool may_start(void)
{
    switch (runstate_get()) {
    case RUNSTATE_PRELAUNCH:
    case RUNSTATE_PAUSED:
    case RUNSTATE_DEBUG:
    case RUNSTATE_IO_ERROR:
    case RUNSTATE_WATCHDOG:
    case RUNSTATE_GUEST_PANICKED:
        return true;
    default:
        return false;
    }
}

/* A data access that has been seen but not told of. */
static bool tell_old_stop(void)
{
    int index = stopped_vcpu();

    if (index >= 0) {
        send_vcpu_stop((unsigned)index);
    }
    return index >= 0;
}

static void apply(struct vcpu *cpu, const struct stub_action *a)
{
    enum debug_run run = a->run < 0 ? DEBUG_HOLD : (enum debug_run)a->run;

    debug_set_run(cpu, run, stub.sstep & SSTEP_NOIRQ && !cpu->halted);
    if (run == DEBUG_STEP && a->range_end > a->range_start) {
        debug_set_range(cpu, a->range_start, a->range_end);
    }
}

/* Is it a step that leaves the clock alone? A halted CPU would wait for it for ever. */
static bool is_silent(const struct stub_action *actions)
{
    if (!(stub.sstep & SSTEP_NOTIMER)) {
        return false;
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        if (actions[i].run == DEBUG_RUN || (actions[i].run == DEBUG_STEP && vcpu_get(i)->halted)) {
            return false;
        }
    }
    return true;
}

void stub_resume(const struct stub_action *actions)
{
    if (tell_old_stop()) {
        return;
    }
    stub.silent = is_silent(actions) && may_start();
    for (unsigned i = 0; i < vcpu_count(); i++) {
        apply(vcpu_get(i), &actions[i]);
    }
    stub.running = true;
    if (stub.silent) {
        vm_step(true);
    } else if (may_start()) {
        vm_start();
    }
}

void stub_let_go(void)
{
    stub.running = false;
    for (unsigned i = 0; i < vcpu_count(); i++) {
        debug_drop_stop(vcpu_get(i));
    }
    if (may_start()) {
        vm_start();
    }
}

/* --- packets ---------------------------------------------------------------------------------- */

static void no_actions(struct stub_action *actions)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        actions[i] = (struct stub_action){.run = -1};
    }
}

/* One action of vCont: "c", "C05", "s", "S05", "rSTART,END"; without its thread. */
static bool parse_action(const char **p, struct stub_action *a)
{
    char verb = *(*p)++;
    uint64_t start, end;

    *a = (struct stub_action){.run = g_ascii_tolower(verb) == 'c' ? DEBUG_RUN : DEBUG_STEP};
    switch (verb) {
    case 'c':
    case 's':
        return true;
    case 'C':
    case 'S':
        return text_hex(p, &start); /* signals mean nothing here */
    case 'r':
        if (!text_hex(p, &start) || !text_skip(p, ',') || !text_hex(p, &end)) {
            return false;
        }
        a->range_start = start;
        a->range_end = end;
        return true;
    default:
        return false;
    }
}

/* The first action that names a thread counts. */
static void assign(struct stub_action *actions, int index, const struct stub_action *a)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        if ((index < 0 || (unsigned)index == i) && actions[i].run < 0) {
            actions[i] = *a;
        }
    }
}

/* ";action[:thread]..." */
void handle_vcont(const char *p)
{
    struct stub_action *actions = g_new0(struct stub_action, vcpu_count());
    bool ok = *p == ';', any = false;

    no_actions(actions);
    while (ok && text_skip(&p, ';')) {
        struct stub_action a;
        int index = -1;
        ok = parse_action(&p, &a);
        if (ok && text_skip(&p, ':')) {
            ok = parse_thread(&p, &index);
        }
        if (ok) {
            assign(actions, index, &a);
        }
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        any |= actions[i].run >= 0;
    }
    if (ok && !*p && any) {
        stub_resume(actions);
    } else {
        stub_reply("E22");
        stub_send_reply();
    }
    g_free(actions);
}

static bool set_pc(uint64_t pc)
{
    uint8_t raw[8];

    st_le64(raw, pc);
    return debug_write_register(stub_cpu(stub.c_cpu), &stub.desc->regs[stub.desc->expedited[0]],
                                raw) == 0;
}

/* "c[addr]", "s[addr]", "C05[;addr]", "S05[;addr]": the vCPU Hc has chosen, with c all of them. */
void handle_continue(const char *p, bool step, bool with_signal)
{
    struct stub_action *actions;
    uint64_t v;
    bool ok = !with_signal || text_hex(&p, &v);

    ok = ok && (!with_signal || !*p || text_skip(&p, ';'));
    if (ok && *p) {
        ok = text_hex(&p, &v) && !*p && set_pc(v);
    }
    if (!ok) {
        stub_reply("E22");
        stub_send_reply();
        return;
    }
    actions = g_new0(struct stub_action, vcpu_count());
    for (unsigned i = 0; i < vcpu_count(); i++) {
        actions[i].run = i == stub.c_cpu && step ? DEBUG_STEP : DEBUG_RUN;
    }
    stub_resume(actions);
    g_free(actions);
}

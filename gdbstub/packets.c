/* SPDX-License-Identifier: MIT */
/* The packets but for queries: threads, registers, memory, the ends of a session. */
#include "gdbstub/stub.h"

#include <stdlib.h>

#include "gdbstub/text.h"
#include "system/cpu.h"
#include "system/runstate.h"

/* Bytes of memory in a reply of two digits each. */
#define MEMORY_MAX (RSP_PACKET_MAX / 2 - 16)

/* --- threads: vCPU n is thread n + 1, 0 is any, -1 all --------------------------------------- */

bool parse_thread(const char **p, int *index)
{
    uint64_t id, unused;

    if (text_skip(p, 'p')) { /* "pPROCESS.THREAD": there is one process */
        if (!text_hex(p, &unused) || !text_skip(p, '.')) {
            return false;
        }
    }
    if (g_str_has_prefix(*p, "-1")) {
        *p += 2;
        *index = -1;
        return true;
    }
    if (!text_hex(p, &id) || id > vcpu_count()) {
        return false;
    }
    *index = id ? (int)id - 1 : (int)stub.c_cpu;
    return true;
}

static void handle_set_thread(const char *p)
{
    char op = *p ? *p++ : 0;
    int index;

    if ((op != 'g' && op != 'c') || !parse_thread(&p, &index)) {
        stub_reply("E22");
        return;
    }
    if (index >= 0 && op == 'g') {
        stub.g_cpu = (unsigned)index;
    } else if (index >= 0) {
        stub.c_cpu = (unsigned)index;
    }
    stub_reply("OK");
}

static void handle_alive(const char *p)
{
    int index;

    stub_reply(parse_thread(&p, &index) ? "OK" : "E22");
}

/* --- registers -------------------------------------------------------------------------------- */

static void handle_read_all(void)
{
    uint8_t raw[16];

    for (unsigned i = 0; i < stub.desc->n_regs; i++) {
        debug_read_register(stub_cpu(stub.g_cpu), &stub.desc->regs[i], raw);
        text_put_bytes(stub.reply, raw, stub.desc->regs[i].bytes);
    }
}

/* Values that are not taken are left as they were: the debugger writes back what it has read. */
static void write_registers(const char *p, bool pc)
{
    uint8_t raw[16];

    for (unsigned i = 0; i < stub.desc->n_regs; i++) {
        const struct debug_register *r = &stub.desc->regs[i];
        if (text_bytes(&p, raw, r->bytes) != r->bytes) {
            break;
        }
        if ((i == stub.desc->expedited[0]) == pc) {
            debug_write_register(stub_cpu(stub.g_cpu), r, raw);
        }
    }
}

/* The PC last, since its limits are those of CS and the mode. */
static void handle_write_all(const char *p)
{
    write_registers(p, false);
    write_registers(p, true);
    stub_reply("OK");
}

static const struct debug_register *parse_register(const char **p)
{
    uint64_t n;

    return text_hex(p, &n) && n < stub.desc->n_regs ? &stub.desc->regs[n] : NULL;
}

static void handle_read_one(const char *p)
{
    const struct debug_register *r = parse_register(&p);
    uint8_t raw[16];

    if (!r) {
        stub_reply("E22");
        return;
    }
    debug_read_register(stub_cpu(stub.g_cpu), r, raw);
    text_put_bytes(stub.reply, raw, r->bytes);
}

static void handle_write_one(const char *p)
{
    const struct debug_register *r = parse_register(&p);
    uint8_t raw[16];

    if (!r || !text_skip(&p, '=') || text_bytes(&p, raw, r->bytes) != r->bytes || *p ||
        debug_write_register(stub_cpu(stub.g_cpu), r, raw) < 0) {
        stub_reply("E22");
        return;
    }
    stub_reply("OK");
}

/* --- memory ----------------------------------------------------------------------------------- */

static uint64_t access_memory(uint64_t addr, void *buf, uint64_t len, bool write)
{
    struct vcpu *cpu = stub_cpu(stub.g_cpu);

    return stub.physical ? debug_access_physical(cpu, addr, buf, len, write)
                         : debug_access_memory(cpu, addr, buf, len, write);
}

bool parse_range(const char **p, uint64_t *addr, uint64_t *len)
{
    return text_hex(p, addr) && text_skip(p, ',') && text_hex(p, len);
}

/* "addr,len"; binary: the form of x. A reply may be shorter than asked for. */
static void handle_read_memory(const char *p, bool binary)
{
    uint64_t addr, len;

    if (!parse_range(&p, &addr, &len)) {
        stub_reply("E22");
        return;
    }
    len = MIN(len, (uint64_t)MEMORY_MAX);
    uint8_t *buf = g_malloc(len + 1);
    uint64_t got = access_memory(addr, buf, len, false);
    if (len && !got) {
        stub_reply("E14");
    } else if (binary) {
        g_string_append_c(stub.reply, 'b');
        g_string_append_len(stub.reply, (const char *)buf, (gssize)got);
    } else {
        text_put_bytes(stub.reply, buf, got);
    }
    g_free(buf);
}

/* "addr,len:" and digits, or (X) the bytes themselves up to `end`. */
static void handle_write_memory(const char *p, const char *end, bool binary)
{
    uint64_t addr, len;
    uint8_t *buf = g_malloc(RSP_PACKET_MAX);
    bool ok = parse_range(&p, &addr, &len) && text_skip(&p, ':') && len <= RSP_PACKET_MAX;

    if (ok && binary) {
        ok = (uint64_t)(end - p) == len;
        memcpy(buf, p, ok ? len : 0);
    } else if (ok) {
        ok = text_bytes(&p, buf, len) == len && !*p;
    }
    if (!ok) {
        stub_reply("E22");
    } else {
        stub_reply(access_memory(addr, buf, len, true) == len ? "OK" : "E14");
    }
    g_free(buf);
}

/* --- ends ------------------------------------------------------------------------------------- */

static void handle_detach(void)
{
    stub_reply("OK");
    stub_send_reply();
    stub_points_clear();
    stub_let_go();
}

static void kill_machine(void)
{
    runstate_request_shutdown(SHUTDOWN_HOST_QUIT);
}

/* Start again: the machine is reset and stops before the first instruction. */
static void handle_run(void)
{
    stub.reset_run = true;
    runstate_request_reset(RESET_REASON_HOST);
}

static void handle_v(const char *p)
{
    if (!strcmp(p, "Cont?")) {
        stub_reply("vCont;c;C;s;S;r");
    } else if (g_str_has_prefix(p, "Cont")) {
        handle_vcont(p + strlen("Cont"));
        return;
    } else if (g_str_has_prefix(p, "Kill")) {
        stub_reply("OK");
        kill_machine();
    } else if (g_str_has_prefix(p, "Attach")) {
        stub_pause();
        stub_send_stop(SIGNAL_TRAP);
        return;
    } else if (g_str_has_prefix(p, "Run")) {
        handle_run();
        return;
    }
    stub_send_reply(); /* what is not known gets an empty reply */
}

/* --- all of them ------------------------------------------------------------------------------ */

/* Those with no reply, or one of their own. True: it was one. */
static bool handle_unanswered(const char *p)
{
    switch (*p) {
    case '?':
        stub_pause();
        stub_send_stop(SIGNAL_TRAP);
        return true;
    case 'c':
    case 's':
        handle_continue(p + 1, *p == 's', false);
        return true;
    case 'C':
    case 'S':
        handle_continue(p + 1, *p == 'S', true);
        return true;
    case 'v':
        handle_v(p + 1);
        return true;
    case 'D':
        handle_detach();
        return true;
    case 'k':
        kill_machine();
        return true;
    case 'R':
        if (stub.extended) {
            runstate_request_reset(RESET_REASON_HOST);
        }
        return true;
    default:
        return false;
    }
}

static void handle(const char *p, size_t len)
{
    if (handle_unanswered(p)) {
        return;
    }
    switch (*p) {
    case '!':
        stub.extended = true;
        stub_reply("OK");
        break;
    case 'g':
        handle_read_all();
        break;
    case 'G':
        handle_write_all(p + 1);
        break;
    case 'p':
        handle_read_one(p + 1);
        break;
    case 'P':
        handle_write_one(p + 1);
        break;
    case 'm':
    case 'x':
        handle_read_memory(p + 1, *p == 'x');
        break;
    case 'M':
    case 'X':
        handle_write_memory(p + 1, p + len, *p == 'X');
        break;
    case 'H':
        handle_set_thread(p + 1);
        break;
    case 'T':
        handle_alive(p + 1);
        break;
    case 'Z':
    case 'z':
        handle_point(p + 1, *p == 'Z');
        break;
    case 'q':
    case 'Q':
        handle_query(p);
        break;
    default:
        break; /* empty: not known */
    }
    stub_send_reply();
}

/* After a detach the machine runs while the debugger may still ask; the vCPUs stand meanwhile. */
void stub_handle(const char *p, size_t len)
{
    bool runs = runstate_is_running();

    g_string_truncate(stub.reply, 0);
    if (stub.running) { /* nobody may ask now */
        stub_reply("E16");
        stub_send_reply();
        return;
    }
    if (runs) {
        vcpu_gate_close();
    }
    handle(p, len);
    if (runs) {
        vcpu_gate_open();
    }
}

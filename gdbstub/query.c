/* SPDX-License-Identifier: MIT */
/* q and Q packets: what the stub can, lists of threads, the target description, monitor commands. */
#include "gdbstub/stub.h"

#include "gdbstub/text.h"
#include "monitor/monitor.h"
#include "system/cpu.h"

#define THREADS_IN_REPLY 64

static void query_supported(const char *args)
{
    char **features = g_strsplit(args, ";", -1);

    for (char **f = features; *f; f++) {
        stub.swbreak |= !strcmp(*f, "swbreak+");
        stub.hwbreak |= !strcmp(*f, "hwbreak+");
    }
    g_strfreev(features);
    g_string_printf(stub.reply,
                    "PacketSize=%x;qXfer:features:read+;qXfer:memory-map:read+;vContSupported+;"
                    "swbreak+;hwbreak+;"
                    "QStartNoAckMode+;ConditionalBreakpoints+;binary-upload+",
                    RSP_PACKET_MAX);
}

static void set_no_ack(const char *args)
{
    stub_reply("OK");
    stub.no_ack = true;
}

static void query_current(const char *args)
{
    if (*args) {
        return; /* another one that begins so */
    }
    g_string_printf(stub.reply, "QC%02x", stub.g_cpu + 1);
}

static void list_threads(void)
{
    unsigned n = vcpu_count();

    if (stub.list_cpu == n) {
        stub_reply("l");
        return;
    }
    for (unsigned i = 0; i < THREADS_IN_REPLY && stub.list_cpu < n; i++) {
        g_string_append_printf(stub.reply, "%c%02x", i ? ',' : 'm', ++stub.list_cpu);
    }
}

static void query_first_threads(const char *args)
{
    stub.list_cpu = 0;
    list_threads();
}

static void query_next_threads(const char *args)
{
    list_threads();
}

static void query_thread_info(const char *args)
{
    char text[64];
    int index;

    if (!parse_thread(&args, &index) || index < 0) {
        stub_reply("E22");
        return;
    }
    g_snprintf(text, sizeof(text), "CPU#%d [%s]", index,
               debug_cpu_state(stub_cpu((unsigned)index)));
    text_put_bytes(stub.reply, text, strlen(text));
}

static void query_attached(const char *args)
{
    stub_reply("1"); /* quitting the debugger lets the guest go on */
}

/* "offset,length" of a text. */
static void send_part(const char *text, uint64_t offset, uint64_t len)
{
    uint64_t all = strlen(text);

    if (offset > all) {
        stub_reply("E22");
        return;
    }
    len = MIN(MIN(len, all - offset), (uint64_t)RSP_PACKET_MAX / 2);
    g_string_append_c(stub.reply, offset + len == all ? 'l' : 'm');
    g_string_append_len(stub.reply, text + offset, (gssize)len);
}

static void query_features(const char *args)
{
    uint64_t offset, len;

    if (!g_str_has_prefix(args, "target.xml:")) {
        stub_reply("E00");
        return;
    }
    args += strlen("target.xml:");
    if (parse_range(&args, &offset, &len)) {
        send_part(stub.xml, offset, len);
    } else {
        stub_reply("E22");
    }
}

static void query_memory_map(const char *args)
{
    uint64_t offset, len;

    if (!parse_range(&args, &offset, &len)) {
        stub_reply("E22");
        return;
    }
    if (!offset || !stub.memory_map) {
        g_free(stub.memory_map);
        stub.memory_map = stub_memory_map(stub.physical || !debug_paging(stub_cpu(stub.g_cpu)));
    }
    send_part(stub.memory_map, offset, len);
}

/* Output goes ahead in O packets, as much as each takes. */
static void send_console(const char *text)
{
    size_t len = strlen(text);

    while (len) {
        size_t n = MIN(len, (size_t)RSP_PACKET_MAX / 4);
        g_string_assign(stub.reply, "O");
        text_put_bytes(stub.reply, text, n);
        stub_send_reply();
        text += n;
        len -= n;
    }
}

static void query_monitor(const char *args)
{
    char *line = g_malloc0(strlen(args) / 2 + 1);

    text_bytes(&args, (uint8_t *)line, strlen(args) / 2);
    if (*args) {
        stub_reply("E22");
    } else {
        char *text = monitor_run_line(line, stub.g_cpu);
        send_console(text);
        g_free(text);
        stub_reply("OK");
    }
    g_free(line);
}

static void query_sstep_bits(const char *args)
{
    g_string_printf(stub.reply, "ENABLE=%x,NOIRQ=%x,NOTIMER=%x", SSTEP_ENABLE, SSTEP_NOIRQ,
                    SSTEP_NOTIMER);
}

static void query_sstep(const char *args)
{
    g_string_printf(stub.reply, "0x%x", stub.sstep);
}

static void set_sstep(const char *args)
{
    uint64_t v;

    if (!text_hex(&args, &v) || v & ~(uint64_t)(SSTEP_ENABLE | SSTEP_NOIRQ | SSTEP_NOTIMER)) {
        stub_reply("E22");
        return;
    }
    stub.sstep = (unsigned)v;
    stub_reply("OK");
}

static void query_physical(const char *args)
{
    stub_reply(stub.physical ? "1" : "0");
}

static void set_physical(const char *args)
{
    if (strcmp(args, "0") && strcmp(args, "1")) {
        stub_reply("E22");
        return;
    }
    stub.physical = *args == '1';
    stub_reply("OK");
}

/* The debugger offers to look up symbols: thank you, no. */
static void query_symbol(const char *args)
{
    stub_reply("OK");
}

/* By prefix, longer ones first. */
static const struct {
    const char *name;
    void (*handle)(const char *args);
} queries[] = {
    {"qSupported", query_supported},
    {"QStartNoAckMode", set_no_ack},
    {"qfThreadInfo", query_first_threads},
    {"qsThreadInfo", query_next_threads},
    {"qThreadExtraInfo,", query_thread_info},
    {"qAttached", query_attached},
    {"qXfer:features:read:", query_features},
    {"qXfer:memory-map:read:", query_memory_map},
    {"qRcmd,", query_monitor},
    {"qqemu.sstepbits", query_sstep_bits},
    {"qqemu.sstep", query_sstep},
    {"Qqemu.sstep=", set_sstep},
    {"Qqemu.sstep:", set_sstep},
    {"qqemu.PhyMemMode", query_physical},
    {"Qqemu.PhyMemMode:", set_physical},
    {"qSymbol:", query_symbol},
    {"qC", query_current},
};

void handle_query(const char *text)
{
    for (unsigned i = 0; i < ARRAY_SIZE(queries); i++) {
        if (g_str_has_prefix(text, queries[i].name)) {
            const char *args = text + strlen(queries[i].name);
            queries[i].handle(*args == ':' ? args + 1 : args);
            return;
        }
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the gdb stub: packets made from valid ones by changing bytes, cutting and joining, most
 * with a right checksum, in pieces of any size; and agent expressions of random bytes. The vCPUs
 * are real but do not run.
 *
 *     build/tests/fuzz/rsp [-t SECONDS] [-s SEED]    two seconds if not said
 *
 * Meant for MODE=asan: the sanitizers say what is wrong.
 */
#include "tests/dev/fakechr.h"
#include "tests/lib/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "accel/accel.h"
#include "frontends/x86/frontend.h"
#include "gdbstub/gdbstub.h"
#include "gdbstub/stub.h"
#include "system/cpu.h"
#include "system/mainloop.h"

/* Commands of the monitor may touch files: replaced (tests/fuzz/build.mk). */
char *__wrap_monitor_run_line(const char *line, unsigned cpu);
char *__wrap_monitor_run_line(const char *line, unsigned cpu)
{
    return g_strdup_printf("%u: %s\n", cpu, line);
}

#define PACKETS     200u /* in a session */
#define EXPRESSIONS 500u /* after each */

static const char *const seeds[] = {
    "?",
    "!",
    "g",
    "Gdeadbeef00112233",
    "p10",
    "P10=f0ff000000000000",
    "P33=00000000000000000000000000000000",
    "P43=ffffffffffffffff",
    "m1000,40",
    "x1000,40",
    "mffffffffffffffff,2",
    "M1000,4:deadbeef",
    "X1000,4:abcd",
    "Hg2",
    "Hc-1",
    "T1",
    "Tp1.1",
    "Z0,7c00,1",
    "Z0,7c00,1;X6,26001022002227;X3,220127",
    "Z1,fe062,1",
    "Z2,46c,4",
    "Z3,1000,1000",
    "Z4,fff,2",
    "z0,7c00,1",
    "z2,46c,4",
    "c",
    "s",
    "c1000",
    "C05;1000",
    "vCont?",
    "vCont;c",
    "vCont;s:1;c",
    "vCont;r100,200:1",
    "vAttach;1",
    "vMustReplyEmpty",
    "D",
    "R00",
    "qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386",
    "qXfer:features:read:target.xml:0,fff",
    "qXfer:memory-map:read::0,fff",
    "qXfer:memory-map:read::40,20",
    "qfThreadInfo",
    "qsThreadInfo",
    "qThreadExtraInfo,1",
    "qC",
    "qAttached",
    "qRcmd,68656c70",
    "qqemu.sstep",
    "Qqemu.sstep=7",
    "Qqemu.PhyMemMode:1",
    "Qqemu.PhyMemMode:0",
    "QStartNoAckMode",
};

static void mutate(GString *s)
{
    static const char likely_bytes[] = "0123456789abcdefXZzpP,;:=-.+\1\xff}";
    char c = (char)likely_bytes[fuzz_below(sizeof(likely_bytes) - 1)];
    gsize at = fuzz_below(s->len + 1);

    switch (fuzz_below(5)) {
    case 0:
        g_string_insert_c(s, (gssize)at, c);
        break;
    case 1:
        g_string_truncate(s, at);
        break;
    case 2:
        g_string_append(s, seeds[fuzz_below(ARRAY_SIZE(seeds))]);
        break;
    default:
        if (at < s->len) {
            s->str[at] = fuzz_below(8) ? c : (char)fuzz_below(256);
        }
    }
}

static GByteArray *make_input(void)
{
    GString *s = g_string_new(seeds[fuzz_below(ARRAY_SIZE(seeds))]);
    GByteArray *out = g_byte_array_new();

    for (uint64_t n = fuzz_below(6); n; n--) {
        mutate(s);
    }
    if (fuzz_below(500) == 0) { /* a very long one */
        g_string_set_size(s, RSP_PACKET_MAX + fuzz_below(10000));
    }
    rsp_frame(out, s->str, s->len);
    if (fuzz_below(20) == 0) {
        out->data[fuzz_below(out->len)] = (uint8_t)fuzz_below(256);
    }
    g_string_free(s, TRUE);
    return out;
}

static void send_in_pieces(struct fake_chr *chr, const GByteArray *in)
{
    for (size_t at = 0; at < in->len;) {
        size_t piece = fuzz_below(4) ? 65536 : 1 + fuzz_below(20), n = MIN(in->len - at, piece);
        chardev_input(&chr->chr, in->data + at, n);
        at += n;
    }
    if (fuzz_below(4) == 0) {
        chardev_input(&chr->chr, (const uint8_t *)"-", 1); /* the last one again */
    }
    chardev_input(&chr->chr, (const uint8_t *)"\3", 1);
    g_string_truncate(chr->out, 0);
}

static void one_session(struct fake_chr *chr)
{
    chardev_send_event(&chr->chr, CHARDEV_OPENED);
    for (unsigned i = 0; i < PACKETS; i++) {
        GByteArray *in = make_input();
        send_in_pieces(chr, in);
        g_byte_array_free(in, TRUE);
    }
    chardev_send_event(&chr->chr, CHARDEV_CLOSED);
}

static void one_expression(void)
{
    size_t len = 1 + fuzz_below(40);
    struct agent_code *code = g_malloc(sizeof(*code) + len);
    uint64_t value;

    code->len = len;
    for (size_t i = 0; i < len; i++) {
        code->code[i] = (uint8_t)(fuzz_below(3) ? fuzz_below(0x34) : fuzz_below(256));
    }
    agent_run(code, vcpu_get(0), debug_description(vcpu_get(0), DEBUG_WIDTH_64), &value);
    g_free(code);
}

static void setup(void)
{
    static struct mem_region ram;

    memory_init();
    ck_assert_int_eq(mainloop_init(NULL), 0);
    device_lock();
    ck_assert_int_eq(mem_region_init_ram(&ram, "ram", MIB(1), NULL), 0);
    mem_region_add(as_memory.root, 0, &ram);
    cpu_set_address_spaces(&as_memory, &as_smm, &as_io);
    ck_assert_int_eq(accel_add("interp", NULL), 0);
    ck_assert_int_eq(accel_choose(NULL), 0);
    ck_assert_int_eq(accel_create_vcpus(&x86_frontend, 2, NULL), 0);
}

START_TEST(test_packets)
{
    unsigned long sessions = 0;

    setup();
    struct fake_chr *chr = fake_chr_new("debugger");
    chr->chr.is_open = false;
    ck_assert_int_eq(gdbstub_start("chardev:debugger", NULL), 0);
    for (; fuzz_goes_on(); sessions++) {
        one_session(chr);
        for (unsigned i = 0; i < EXPRESSIONS; i++) {
            one_expression();
        }
    }
    printf("rsp: %lu sessions of %u packets and %u expressions\n", sessions, PACKETS, EXPRESSIONS);
}
END_TEST

int main(int argc, char **argv)
{
    fuzz_begin(argc, argv);
    const TTest *const tests[] = {test_packets};
    return test_run_all("fuzz/rsp", tests, ARRAY_SIZE(tests));
}

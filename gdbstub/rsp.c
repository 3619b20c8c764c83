/* SPDX-License-Identifier: MIT */
/* Framing of packets (rsp.h). */
#include "gdbstub/rsp.h"

#define ESCAPE     '}'
#define ESCAPE_XOR 0x20

void rsp_init(struct rsp *r)
{
    r->state = RSP_IDLE;
    r->len = 0;
}

static void begin(struct rsp *r)
{
    r->state = RSP_DATA;
    r->sum = 0;
    r->len = 0;
    r->overlong = r->bad_digit = false;
}

static void add(struct rsp *r, uint8_t byte)
{
    if (r->len == RSP_PACKET_MAX) {
        r->overlong = true;
    } else {
        r->data[r->len++] = (char)byte;
    }
}

static enum rsp_event idle(struct rsp *r, uint8_t byte)
{
    switch (byte) {
    case '$':
        begin(r);
        return RSP_NOTHING;
    case '+':
        return RSP_ACK;
    case '-':
        return RSP_NAK;
    case 3:
        return RSP_INTERRUPT;
    default:
        return RSP_NOTHING; /* noise */
    }
}

/* A bare $ cannot be data: a packet has been cut off, another begins. */
static void data(struct rsp *r, uint8_t byte)
{
    if (byte == '$') {
        begin(r);
        return;
    }
    if (byte == '#') {
        r->state = RSP_SUM1;
        return;
    }
    r->sum = (uint8_t)(r->sum + byte);
    if (byte == ESCAPE) {
        r->state = RSP_ESCAPE;
    } else {
        add(r, byte);
    }
}

static void digit(struct rsp *r, uint8_t byte)
{
    int v = g_ascii_xdigit_value((char)byte);

    r->bad_digit |= v < 0;
    r->given = (uint8_t)(r->given << 4 | (v & 15));
}

static enum rsp_event end(struct rsp *r)
{
    r->state = RSP_IDLE;
    r->data[r->len] = 0;
    return r->bad_digit || r->given != r->sum ? RSP_BAD : r->overlong ? RSP_OVERLONG : RSP_PACKET;
}

enum rsp_event rsp_feed(struct rsp *r, uint8_t byte)
{
    switch (r->state) {
    case RSP_IDLE:
        return idle(r, byte);
    case RSP_DATA:
        data(r, byte);
        break;
    case RSP_ESCAPE:
        r->sum = (uint8_t)(r->sum + byte);
        add(r, byte ^ ESCAPE_XOR);
        r->state = RSP_DATA;
        break;
    case RSP_SUM1:
        digit(r, byte);
        r->state = RSP_SUM2;
        break;
    case RSP_SUM2:
        digit(r, byte);
        return end(r);
    }
    return RSP_NOTHING;
}

static bool needs_escape(uint8_t byte)
{
    return byte == '$' || byte == '#' || byte == ESCAPE || byte == '*';
}

void rsp_frame(GByteArray *out, const void *bytes, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *p = bytes;
    uint8_t sum = 0;

    g_byte_array_append(out, (const uint8_t *)"$", 1);
    guint start = out->len;
    for (size_t i = 0; i < len; i++) {
        const uint8_t escaped[2] = {ESCAPE, p[i] ^ ESCAPE_XOR};
        if (needs_escape(p[i])) {
            g_byte_array_append(out, escaped, 2);
        } else {
            g_byte_array_append(out, &p[i], 1);
        }
    }
    for (guint i = start; i < out->len; i++) {
        sum = (uint8_t)(sum + out->data[i]);
    }
    const uint8_t tail[3] = {'#', (uint8_t)hex[sum >> 4], (uint8_t)hex[sum & 15]};
    g_byte_array_append(out, tail, 3);
}

/* SPDX-License-Identifier: MIT */
/*
 * Telnet (RFC 854, 855, 856, 857, 858), as server: character at a time, eight bits, the guest echoes;
 * as client: what a terminal would ask of such a server. Options are negotiated by the rules of RFC 1143 in short form: a change asked for
 * is answered once, a confirmation is not. Subnegotiations are skipped.
 */
#include "chardev/codec.h"

enum {
    TELNET_SE = 240,
    TELNET_BRK = 243,
    TELNET_IP = 244,
    TELNET_AYT = 246,
    TELNET_SB = 250,
    TELNET_WILL = 251,
    TELNET_WONT = 252,
    TELNET_DO = 253,
    TELNET_DONT = 254,
    TELNET_IAC = 255,
};

enum {
    OPTION_BINARY = 0,
    OPTION_ECHO = 1,
    OPTION_SGA = 3, /* suppress go ahead */
};

enum telnet_state {
    STATE_DATA,
    STATE_CR, /* network virtual terminal: CR NUL is CR, CR LF is Enter */
    STATE_IAC,
    STATE_OPTION, /* after WILL, WONT, DO, DONT */
    STATE_SUB,
    STATE_SUB_IAC,
};

/* What we do and what the other end may do. */
struct telnet_role {
    uint32_t ours, theirs;
    uint32_t ask_theirs; /* what we ask for; all of ours is offered */
};

#define BINARY (1u << OPTION_BINARY)
#define ECHO   (1u << OPTION_ECHO)
#define SGA    (1u << OPTION_SGA)

static const struct telnet_role server = {BINARY | ECHO | SGA, BINARY | SGA, BINARY | SGA};
/* Whether a server echoes is its own affair. */
static const struct telnet_role client = {BINARY | SGA, BINARY | ECHO | SGA, BINARY | SGA};

struct telnet {
    const struct telnet_role *role;
    enum telnet_state state;
    uint8_t verb;
    uint32_t ours, theirs; /* options in effect, by number; what we asked for is in `asked` */
    uint32_t asked_ours, asked_theirs;
};

static void *new_codec(const struct telnet_role *role)
{
    struct telnet *t = g_new0(struct telnet, 1);

    t->role = role;
    return t;
}

static void *server_new(void)
{
    return new_codec(&server);
}

static void *client_new(void)
{
    return new_codec(&client);
}

static void send_option(GByteArray *out, uint8_t verb, uint8_t option)
{
    const uint8_t command[] = {TELNET_IAC, verb, option};
    g_byte_array_append(out, command, sizeof(command));
}

static void ask(GByteArray *out, uint8_t verb, uint32_t options)
{
    static const uint8_t order[] = {OPTION_ECHO, OPTION_SGA, OPTION_BINARY};

    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        if (options >> order[i] & 1) {
            send_option(out, verb, order[i]);
        }
    }
}

static void telnet_hello(void *codec, GByteArray *out)
{
    struct telnet *t = codec;

    ask(out, TELNET_WILL, t->role->ours);
    ask(out, TELNET_DO, t->role->ask_theirs);
    t->asked_ours = t->role->ours;
    t->asked_theirs = t->role->ask_theirs;
}

/*
 * The other end wants one of the options of `*state` on or off. Answers, unless it is what is in
 * effect already or the answer to our own request.
 */
static void change(uint32_t *state, uint32_t *asked, uint32_t allowed, uint8_t option, bool on,
                   const uint8_t verbs[2], GByteArray *reply)
{
    uint32_t bit = option < 32 ? 1u << option : 0;
    bool was = *state & bit, mine = *asked & bit, now = on && (allowed & bit);

    *asked &= ~bit;
    *state = now ? *state | bit : *state & ~bit;
    if (!mine && (now != was || (on && !now))) {
        send_option(reply, verbs[now], option);
    }
}

static void negotiate(struct telnet *t, uint8_t option, GByteArray *reply)
{
    static const uint8_t about_us[] = {TELNET_WONT, TELNET_WILL};
    static const uint8_t about_them[] = {TELNET_DONT, TELNET_DO};

    if (t->verb == TELNET_DO || t->verb == TELNET_DONT) {
        change(&t->ours, &t->asked_ours, t->role->ours, option, t->verb == TELNET_DO, about_us,
               reply);
    } else {
        change(&t->theirs, &t->asked_theirs, t->role->theirs, option, t->verb == TELNET_WILL,
               about_them, reply);
    }
}

static void add_byte(struct codec_io *io, uint8_t byte)
{
    g_byte_array_append(io->in, &byte, 1);
}

static enum telnet_state command(struct telnet *t, uint8_t byte, struct codec_io *io)
{
    static const char here[] = "\r\n[doppel]\r\n";

    switch (byte) {
    case TELNET_IAC:
        add_byte(io, byte);
        break;
    case TELNET_BRK:
        io->breaks++;
        break;
    case TELNET_IP:
        add_byte(io, 3); /* Ctrl-C */
        break;
    case TELNET_AYT:
        g_byte_array_append(io->reply, (const uint8_t *)here, sizeof(here) - 1);
        break;
    case TELNET_SB:
        return STATE_SUB;
    case TELNET_WILL:
    case TELNET_WONT:
    case TELNET_DO:
    case TELNET_DONT:
        t->verb = byte;
        return STATE_OPTION;
    default:
        break;
    }
    return STATE_DATA;
}

static enum telnet_state data(struct telnet *t, uint8_t byte, struct codec_io *io)
{
    if (byte == TELNET_IAC) {
        return STATE_IAC;
    }
    add_byte(io, byte);
    return byte == '\r' && !(t->theirs & BINARY) ? STATE_CR : STATE_DATA;
}

static enum telnet_state after_cr(struct telnet *t, uint8_t byte, struct codec_io *io)
{
    return byte == 0 || byte == '\n' ? STATE_DATA : data(t, byte, io);
}

static bool telnet_decode(void *codec, const uint8_t *buf, size_t len, struct codec_io *io)
{
    struct telnet *t = codec;

    for (size_t i = 0; i < len; i++) {
        switch (t->state) {
        case STATE_DATA:
            t->state = data(t, buf[i], io);
            break;
        case STATE_CR:
            t->state = after_cr(t, buf[i], io);
            break;
        case STATE_IAC:
            t->state = command(t, buf[i], io);
            break;
        case STATE_OPTION:
            negotiate(t, buf[i], io->reply);
            t->state = STATE_DATA;
            break;
        case STATE_SUB:
            t->state = buf[i] == TELNET_IAC ? STATE_SUB_IAC : STATE_SUB;
            break;
        case STATE_SUB_IAC:
            t->state = buf[i] == TELNET_SE ? STATE_DATA : STATE_SUB;
            break;
        }
    }
    return true;
}

static void telnet_encode(void *codec, const uint8_t *buf, size_t len, GByteArray *out)
{
    static const uint8_t iac = TELNET_IAC;

    for (size_t i = 0; i < len; i++) {
        g_byte_array_append(out, &buf[i], 1);
        if (buf[i] == TELNET_IAC) {
            g_byte_array_append(out, &iac, 1);
        }
    }
}

const struct codec_class codec_telnet = {
    .name = "telnet",
    .new = server_new,
    .free = g_free,
    .hello = telnet_hello,
    .decode = telnet_decode,
    .encode = telnet_encode,
};

const struct codec_class codec_telnet_client = {
    .name = "telnet",
    .new = client_new,
    .free = g_free,
    .hello = telnet_hello,
    .decode = telnet_decode,
    .encode = telnet_encode,
};

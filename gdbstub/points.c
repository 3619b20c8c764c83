/* SPDX-License-Identifier: MIT */
/* Z and z packets: breakpoints and watchpoints, with conditions evaluated here. */
#include "gdbstub/stub.h"

#include <errno.h>

#include "gdbstub/text.h"

#define CONDITIONS_MAX 16
#define CODE_MAX       4096

/* The conditions of a point: it counts if one of them holds, or cannot be evaluated. */
struct conditions {
    const struct debug_description *desc;
    unsigned count;
    struct agent_code *code[CONDITIONS_MAX];
};

static void free_conditions(void *opaque)
{
    struct conditions *c = opaque;

    for (unsigned i = 0; c && i < c->count; i++) {
        g_free(c->code[i]);
    }
    g_free(c);
}

void stub_points_clear(void)
{
    debug_points_clear(free_conditions);
}

static bool holds(struct vcpu *cpu, void *opaque)
{
    const struct conditions *c = opaque;

    for (unsigned i = 0; i < c->count; i++) {
        uint64_t v;
        if (!agent_run(c->code[i], cpu, c->desc, &v) || v) {
            return true;
        }
    }
    return false;
}

/* "Xlen,bytes" one after the other. */
static bool parse_condition(const char **p, struct conditions *c)
{
    uint64_t len;

    if (c->count == CONDITIONS_MAX || !text_hex(p, &len) || len > CODE_MAX || !text_skip(p, ',')) {
        return false;
    }
    struct agent_code *code = g_malloc(sizeof(*code) + len);
    code->len = len;
    c->code[c->count++] = code;
    return text_bytes(p, code->code, len) == len;
}

/* The rest of a Z packet; NULL in *out: there are none. False: it makes no sense. */
static bool parse_conditions(const char *p, struct conditions **out)
{
    struct conditions *c = g_new0(struct conditions, 1);
    bool ok = true;

    c->desc = stub.desc;
    while (ok && text_skip(&p, ';') && !g_str_has_prefix(p, "cmds:")) {
        while (ok && text_skip(&p, 'X')) {
            ok = parse_condition(&p, c);
        }
    }
    ok = ok && !*p;
    *out = ok && c->count ? c : NULL;
    if (!*out) {
        free_conditions(c);
    }
    return ok;
}

static void insert_point(struct debug_point *point, const char *rest)
{
    struct conditions *c;

    if (!parse_conditions(rest, &c)) {
        stub_reply("E22");
        return;
    }
    point->condition = c ? holds : NULL;
    point->opaque = c;
    int ret = debug_point_add(point);
    if (ret == -EEXIST) { /* perhaps with other conditions */
        void *old;
        debug_point_remove(point->kind, point->addr, point->len, &old);
        free_conditions(old);
        ret = debug_point_add(point);
    }
    if (ret < 0) {
        free_conditions(c);
    }
    stub_reply(ret < 0 ? "E28" : "OK");
}

/* "kind,addr,len[;conditions]" */
void handle_point(const char *args, bool insert)
{
    uint64_t kind, addr, len;
    void *old = NULL;

    if (!text_hex(&args, &kind) || kind > DEBUG_POINT_ACCESS) {
        stub_reply(""); /* not known */
        return;
    }
    if (!text_skip(&args, ',') || !text_hex(&args, &addr) || !text_skip(&args, ',') ||
        !text_hex(&args, &len) || (kind >= DEBUG_POINT_WRITE && (!len || len > KIB(64)))) {
        stub_reply("E22");
        return;
    }
    struct debug_point point = {.kind = (enum debug_point_kind)kind, .addr = addr, .len = len};
    if (insert) {
        insert_point(&point, args);
        return;
    }
    int ret = debug_point_remove(point.kind, addr, len, &old);
    free_conditions(old);
    stub_reply(ret < 0 ? "E02" : "OK");
}

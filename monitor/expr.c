/* SPDX-License-Identifier: MIT */
/*
 * Expressions of the text monitor: 64-bit integers, $registers, + - * / % & | ^ ~, parentheses; * / %
 * bind tighter than & | ^, these tighter than + and - (as in QEMU). Hexadecimal with 0x, octal with 0,
 * 'c' is a character.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "monitor/internal.h"
#include "system/cpu_inspect.h"
#include "system/runstate.h"

#define EXPR_DEPTH_MAX 64

struct expr {
    struct monitor *m;
    const char *s;
    unsigned depth;
    struct error **err;
};

static int sum(struct expr *e, int64_t *v);

static void blanks(struct expr *e)
{
    while (isspace((uint8_t)*e->s)) {
        e->s++;
    }
}

static int reg(struct expr *e, int64_t *v)
{
    size_t len = strcspn(e->s, " \t+-*/%&|^()~,");
    char *name = g_strndup(e->s, len);
    uint64_t value = 0;

    vcpu_gate_close();
    bool found = vcpu_register(monitor_vcpu(e->m), name, &value);
    vcpu_gate_open();
    if (!found) {
        error_set(e->err, "there is no register '%s'", name);
    }
    g_free(name);
    e->s += len;
    *v = (int64_t)value;
    return found ? 0 : -EINVAL;
}

static int number(struct expr *e, int64_t *v)
{
    char *end;

    errno = 0;
    *v = (int64_t)strtoull(e->s, &end, 0);
    if (end == e->s || errno || isalnum((uint8_t)*end)) {
        error_set(e->err, "a number is expected at '%.20s'", e->s);
        return -EINVAL;
    }
    e->s = end;
    return 0;
}

static int parenthesis(struct expr *e, int64_t *v)
{
    int ret = ++e->depth > EXPR_DEPTH_MAX ? -EINVAL : sum(e, v);

    e->depth--;
    blanks(e);
    if (ret < 0 || *e->s != ')') {
        if (e->err && !*e->err) {
            error_set(e->err, "')' is missing");
        }
        return -EINVAL;
    }
    e->s++;
    return 0;
}

static int unary(struct expr *e, int64_t *v)
{
    char sign = 0;
    int ret;

    blanks(e);
    if (*e->s && strchr("+-~", *e->s)) {
        sign = *e->s++;
        ret = ++e->depth > EXPR_DEPTH_MAX ? -EINVAL : unary(e, v);
        if (ret < 0 && e->err && !*e->err) {
            error_set(e->err, "too many signs");
        }
        e->depth--;
        *v = sign == '-' ? (int64_t) - (uint64_t)*v : sign == '~' ? ~*v : *v;
        return ret;
    }
    if (*e->s == '(') {
        e->s++;
        ret = parenthesis(e, v);
    } else if (*e->s == '$') {
        e->s++;
        ret = reg(e, v);
    } else if (*e->s == '\'' && e->s[1] && e->s[2] == '\'') {
        *v = (uint8_t)e->s[1];
        e->s += 3;
        ret = 0;
    } else {
        ret = number(e, v);
    }
    return ret;
}

static int apply(struct expr *e, char op, int64_t *a, int64_t b)
{
    uint64_t x = (uint64_t)*a, y = (uint64_t)b;

    if ((op == '/' || op == '%') && (!b || (*a == INT64_MIN && b == -1))) {
        error_set(e->err, "division by zero or overflow");
        return -EINVAL;
    }
    switch (op) {
    case '*':
        x *= y;
        break;
    case '/':
        x = (uint64_t)(*a / b);
        break;
    case '%':
        x = (uint64_t)(*a % b);
        break;
    case '&':
        x &= y;
        break;
    case '|':
        x |= y;
        break;
    case '^':
        x ^= y;
        break;
    case '+':
        x += y;
        break;
    default:
        x -= y;
    }
    *a = (int64_t)x;
    return 0;
}

/* Operands of `ops` joined by them, left to right. */
static int chain(struct expr *e, const char *ops, int (*operand)(struct expr *e, int64_t *v),
                 int64_t *v)
{
    int64_t right;

    if (operand(e, v) < 0) {
        return -EINVAL;
    }
    for (;;) {
        const char *here = e->s;
        blanks(e);
        char op = *e->s;
        if (!op || !strchr(ops, op)) {
            e->s = here;
            return 0;
        }
        e->s++;
        if (operand(e, &right) < 0 || apply(e, op, v, right) < 0) {
            return -EINVAL;
        }
    }
}

static int product(struct expr *e, int64_t *v)
{
    return chain(e, "*/%", unary, v);
}

static int logic(struct expr *e, int64_t *v)
{
    return chain(e, "&|^", product, v);
}

static int sum(struct expr *e, int64_t *v)
{
    return chain(e, "+-", logic, v);
}

int expr_parse(struct monitor *m, const char **text, int64_t *value, struct error **err)
{
    struct expr e = {.m = m, .s = *text, .err = err};
    int ret = sum(&e, value);

    blanks(&e);
    *text = e.s;
    return ret;
}

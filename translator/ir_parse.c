/* SPDX-License-Identifier: MIT */
/*
 * Reads the text form of IR back (grammar: ir_print.c). The caller has initialised the block and
 * set its globals and helpers. Checks spelling only; ir_verify() checks sense.
 */
#include "translator/ir.h"

#include "util/error.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

struct parser {
    struct ir_block *b;
    const char *p; /* next character */
    unsigned line;
    const char *wrong; /* what was expected */
};

static bool fail(struct parser *s, const char *expected)
{
    if (!s->wrong)
        s->wrong = expected;
    return false;
}

/* --- characters, words, numbers --------------------------------------------------------- */

static void skip_blanks(struct parser *s)
{
    while (*s->p == ' ')
        s->p++;
}

static bool at_end(struct parser *s)
{
    skip_blanks(s);
    return !*s->p || *s->p == '\n' || *s->p == '#';
}

static bool accept(struct parser *s, const char *text)
{
    size_t n = strlen(text);

    if (strncmp(s->p, text, n))
        return false;
    s->p += n;
    return true;
}

static bool expect(struct parser *s, const char *text)
{
    skip_blanks(s);
    return accept(s, text) || fail(s, text);
}

static bool word(struct parser *s, char *out, size_t size)
{
    size_t n = 0;

    while ((isalnum((unsigned char)*s->p) || *s->p == '_') && n + 1 < size)
        out[n++] = *s->p++;
    out[n] = 0;
    return n || fail(s, "a word");
}

static bool number(struct parser *s, long long *v)
{
    char *end;

    errno = 0;
    *v = strtoll(s->p, &end, 0);
    if (end == s->p || errno)
        return fail(s, "a number");
    s->p = end;
    return true;
}

static bool number_in(struct parser *s, long long max, unsigned *v)
{
    long long n;

    if (!number(s, &n))
        return false;
    if (n < 0 || n > max)
        return fail(s, "a smaller number");
    *v = n;
    return true;
}

static int find_word(const char *const *list, unsigned n, const char *w)
{
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(list[i], w))
            return i;
    return -1;
}

static bool type_word(struct parser *s, unsigned *type)
{
    static const char *const names[] = {"i8", "i16", "i32", "i64"};
    char w[16];
    int i;

    if (!word(s, w, sizeof(w)))
        return false;
    i = find_word(names, ARRAY_SIZE(names), w);
    *type = i < 0 ? 0 : i;
    return i >= 0 || fail(s, "a type");
}

static bool flag_set(struct parser *s, char close, uint8_t *flags)
{
    static const char letters[] = "CPAZSO";
    const char *at;

    *flags = 0;
    for (; *s->p && (at = strchr(letters, *s->p)); s->p++)
        *flags |= 1u << (at - letters);
    if (*s->p != close)
        return fail(s, "flags");
    s->p++;
    return true;
}

/* --- operands ------------------------------------------------------------------------------ */

static bool global_ref(struct parser *s, ir_ref *r)
{
    char w[32];

    if (!word(s, w, sizeof(w)))
        return false;
    for (unsigned i = 0; i < s->b->n_globals; i++)
        if (!strcmp(s->b->globals[i].name, w)) {
            *r = accept(s, ".hi") ? IR_HI(i) : IR_GLOBAL(i);
            return true;
        }
    return fail(s, "the name of a global");
}

static bool temp_ref(struct parser *s, ir_ref *r)
{
    unsigned n, type;

    if (!number_in(s, IR_MAX_TEMPS - 1, &n))
        return false;
    if (accept(s, ":")) {
        if (!type_word(s, &type))
            return false;
        while (s->b->n_temps <= n)
            ir_temp(s->b, IR_I8);
        s->b->temp_types[n] = type;
    }
    *r = IR_REF(IR_CLASS_TEMP, n);
    return true;
}

static bool is_temp(const char *p)
{
    return p[0] == 't' && isdigit((unsigned char)p[1]);
}

static bool ref(struct parser *s, ir_ref *r)
{
    long long v;

    skip_blanks(s);
    *r = IR_NONE;
    if (*s->p == '_' && !isalnum((unsigned char)s->p[1]) && s->p[1] != '_')
        return accept(s, "_");
    if (accept(s, "$")) {
        if (!number(s, &v))
            return false;
        *r = ir_const(s->b, v);
        return true;
    }
    if (is_temp(s->p)) {
        s->p++;
        return temp_ref(s, r);
    }
    return global_ref(s, r);
}

static bool mem_attribute(struct parser *s, struct ir_mem *m)
{
    unsigned n;

    if (accept(s, "seg="))
        return ref(s, &m->seg);
    if (accept(s, "stack")) {
        m->flags |= IR_MEM_STACK;
        return true;
    }
    if (accept(s, "align")) {
        m->flags |= IR_MEM_ALIGN;
        return true;
    }
    if (accept(s, "window")) {
        m->flags |= IR_MEM_WINDOW;
        return true;
    }
    if (accept(s, "a")) {
        if (!number_in(s, 64, &n))
            return false;
        m->abits = n;
        return true;
    }
    if (!accept(s, "l"))
        return fail(s, "an attribute of memory");
    if (!number_in(s, 64, &n))
        return false;
    m->lbits = n;
    return true;
}

static bool starts_number(const char *p)
{
    return isdigit((unsigned char)*p) || *p == '-';
}

/* After "[": the terms, in the printer's order. */
static bool mem_terms(struct parser *s, struct ir_mem *m)
{
    long long v;
    unsigned scale;
    ir_ref r;

    while (!starts_number(s->p)) {
        if (!ref(s, &r))
            return false;
        if (accept(s, "*")) {
            if (!number_in(s, 8, &scale))
                return false;
            m->index = r;
            m->scale = scale == 8 ? 3 : scale == 4 ? 2 : scale == 2;
        } else {
            m->base = r;
        }
        if (!expect(s, "+"))
            return false;
        skip_blanks(s);
    }
    if (!number(s, &v))
        return false;
    m->disp = v;
    return true;
}

static bool mem_operand(struct parser *s, struct ir_insn *i)
{
    struct ir_mem m = {.abits = 64, .lbits = 64};

    if (!expect(s, "[") || !mem_terms(s, &m) || !expect(s, "]"))
        return false;
    while (accept(s, ":"))
        if (!mem_attribute(s, &m))
            return false;
    i->mem = ir_mem_add(s->b, &m);
    return true;
}

/* --- insns ----------------------------------------------------------------------------------- */

static bool x_attribute(struct parser *s, struct ir_insn *i)
{
    uint8_t *const to[] = {&i->xreg, &i->xrm, &i->imm, &i->imm2};
    unsigned v;

    for (unsigned n = 0; n < ARRAY_SIZE(to); n++) {
        if ((n && !expect(s, ",")) || !number_in(s, 255, &v))
            return false;
        *to[n] = v;
    }
    return true;
}

static bool attribute(struct parser *s, struct ir_insn *i)
{
    unsigned v;

    if (accept(s, "{"))
        return flag_set(s, '}', &i->fdef);
    if (accept(s, "("))
        return flag_set(s, ')', &i->fuse);
    if (accept(s, "live{"))
        return flag_set(s, '}', &i->flive);
    if (accept(s, "aux="))
        return number_in(s, UINT32_MAX, &i->aux);
    if (accept(s, "info=")) {
        if (!number_in(s, 255, &v))
            return false;
        i->finfo = v;
        return true;
    }
    if (accept(s, "x="))
        return x_attribute(s, i);
    if (accept(s, "lock")) {
        i->irf |= IRF_LOCK;
        return true;
    }
    if (accept(s, "rex")) {
        i->irf |= IRF_REX;
        return true;
    }
    return fail(s, "an attribute");
}

static bool operands(struct parser *s, struct ir_insn *i)
{
    const struct ir_op_info *op = &ir_op_info[i->op];
    ir_ref *const to[] = {&i->dst, &i->dst2, &i->src[0], &i->src[1], &i->src[2]};
    bool first = true;

    for (unsigned n = 0; n < ARRAY_SIZE(to); n++) {
        if (n < 2 ? n >= op->dsts : n - 2 >= op->srcs)
            continue;
        if ((!first && !expect(s, ",")) || !ref(s, to[n]))
            return false;
        first = false;
    }
    skip_blanks(s);
    if (!(op->attrs & IRA_MEM) && *s->p != ',')
        return true;
    if (!(op->attrs & IRA_MEM))
        i->irf |= IRF_MEM;
    return (first || expect(s, ",")) && mem_operand(s, i);
}

static bool condition(struct parser *s, struct ir_insn *i)
{
    static const char *const names[] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                        "s", "ns", "p", "np", "l", "ge", "le", "g"};
    char w[16];
    int c;

    if (!expect(s, ".") || !word(s, w, sizeof(w)))
        return false;
    c = find_word(names, ARRAY_SIZE(names), w);
    i->cond = c < 0 ? 0 : c;
    return c >= 0 || fail(s, "a condition");
}

static int op_named(const char *w)
{
    for (unsigned op = 0; op < IR_OP_COUNT; op++)
        if (!strcmp(ir_op_info[op].name, w))
            return op;
    return -1;
}

static bool insn(struct parser *s)
{
    struct ir_insn i = {0};
    unsigned type;
    char w[32];
    int op;

    if (!word(s, w, sizeof(w)))
        return false;
    op = op_named(w);
    if (op < 0)
        return fail(s, "an operation");
    i.op = op;
    if (!expect(s, ".") || !type_word(s, &type))
        return false;
    i.type = type;
    if (ir_op_info[op].attrs & IRA_COND && !condition(s, &i))
        return false;
    if (!operands(s, &i))
        return false;
    while (!at_end(s))
        if (!attribute(s, &i))
            return false;
    if (op == IR_label || op == IR_skip_if || op == IR_skip_ifz)
        s->b->n_labels = MAX(s->b->n_labels, MIN(i.aux, (unsigned)IR_MAX_LABELS - 1) + 1);
    if (s->b->n_insns == IR_MAX_INSNS)
        return fail(s, "fewer lines");
    *ir_emit(s->b, op, type) = i;
    return true;
}

/* --- lines -------------------------------------------------------------------------------------- */

static bool header(struct parser *s)
{
    unsigned mmu, pc;

    if (!expect(s, "mmu=") || !number_in(s, 255, &mmu) || !expect(s, "pc=") ||
        !number_in(s, 64, &pc))
        return false;
    s->b->mmu_idx = mmu;
    s->b->pc_bits = pc;
    return true;
}

static bool exit_line(struct parser *s)
{
    unsigned n;
    long long off;

    if (!number_in(s, IR_MAX_EXITS - 1, &n) || !expect(s, "off=") || !number(s, &off))
        return false;
    if (n != s->b->n_exits)
        return fail(s, "exits in order");
    if (off != (int32_t)off)
        return fail(s, "an offset of 32 bits");
    skip_blanks(s);
    ir_exit_add(s->b, off, accept(s, "poll"));
    return true;
}

static bool line(struct parser *s)
{
    if (at_end(s))
        return true;
    if (accept(s, "block "))
        return header(s);
    if (!strncmp(s->p, "exit", 4) && isdigit((unsigned char)s->p[4])) {
        s->p += 4;
        return exit_line(s);
    }
    return insn(s);
}

int ir_parse(struct ir_block *b, const char *text, struct error **err)
{
    struct parser s = {.b = b, .p = text, .line = 1};

    ir_block_reset(b);
    for (;; s.line++) {
        if (!line(&s) || (!at_end(&s) && !fail(&s, "the end of the line")))
            break;
        while (*s.p && *s.p != '\n')
            s.p++;
        if (!*s.p++)
            return 0;
    }
    error_set(err, "line %u: expected %s", s.line, s.wrong);
    return -EINVAL;
}

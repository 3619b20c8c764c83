/* SPDX-License-Identifier: MIT */
/* The target description as XML. GDB manual, appendix G. */
#include "gdbstub/stub.h"

static void put_register(GString *out, const struct debug_register *r, unsigned number)
{
    g_string_append_printf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"",
                           r->name, r->bytes * 8, r->type, number);
    if (r->group) {
        g_string_append_printf(out, " group=\"%s\"", r->group);
    }
    g_string_append(out, "/>\n");
}

static void put_feature(GString *out, const struct debug_description *d, unsigned feature)
{
    g_string_append_printf(out, "<feature name=\"%s\">\n%s\n", d->features[feature],
                           d->types[feature]);
    for (unsigned i = 0; i < d->n_regs; i++) {
        if (d->regs[i].feature == feature) {
            put_register(out, &d->regs[i], i);
        }
    }
    g_string_append(out, "</feature>\n");
}

char *stub_target_xml(const struct debug_description *d)
{
    GString *out = g_string_new("<?xml version=\"1.0\"?>\n"
                                "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n");

    g_string_append_printf(out, "<architecture>%s</architecture>\n", d->architecture);
    for (unsigned i = 0; i < d->n_features; i++) {
        put_feature(out, d, i);
    }
    g_string_append(out, "</target>\n");
    return g_string_free(out, FALSE);
}

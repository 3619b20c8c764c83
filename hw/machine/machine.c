/* SPDX-License-Identifier: MIT */
/* The tables of machines and of graphics cards. */
#include "hw/machine/machine.h"

#include "util/error.h"
#include "util/optlist.h"

extern const struct machine_class *const __start_doppel_machines[];
extern const struct machine_class *const __stop_doppel_machines[];

#define FOR_EACH_MACHINE(p)                                                                        \
    for (const struct machine_class *const *p = __start_doppel_machines;                           \
         p < __stop_doppel_machines; p++)

static bool matches(const struct machine_class *cls, const char *name)
{
    if (!name) {
        return cls->is_default;
    }
    return !strcmp(cls->name, name) || (cls->alias && !strcmp(cls->alias, name));
}

const struct machine_class *machine_find(const char *name, struct error **err)
{
    const char *names[32] = {NULL};
    unsigned n = 0;

    FOR_EACH_MACHINE(p)
    {
        if (matches(*p, name)) {
            return *p;
        }
        if (n < ARRAY_SIZE(names) - 1) {
            names[n++] = (*p)->alias ? (*p)->alias : (*p)->name;
        }
    }
    error_set(err, "unknown machine '%s'%s; -machine help lists them", name,
              util_did_you_mean(name, names));
    return NULL;
}

void machine_help(GString *out)
{
    FOR_EACH_MACHINE(p)
    {
        const struct machine_class *m = *p;
        if (m->alias) {
            g_string_append_printf(out, "%-20s %s (alias of %s)\n", m->alias, m->help, m->name);
        }
        g_string_append_printf(out, "%-20s %s%s\n", m->name, m->help,
                               m->is_default ? " (default)" : "");
    }
}

void machine_for_each(void (*fn)(const struct machine_class *cls, void *opaque), void *opaque)
{
    FOR_EACH_MACHINE(p)
    {
        fn(*p, opaque);
    }
}

/* --- graphics cards ----------------------------------------------------------------------------- */

const struct machine_card machine_cards[] = {
    {"std", "standard VGA with VBE (default)", "VGA"},
    {"cirrus", "Cirrus Logic GD5446, for old guests", "cirrus-vga"},
    {"virtio", "VGA that becomes a virtio display, for guests with a driver", "virtio-vga"},
    {"none", "no graphics", NULL},
    {.name = NULL},
};

const struct machine_card *machine_find_card(const char *name, struct error **err)
{
    const char *names[ARRAY_SIZE(machine_cards)] = {NULL};

    for (unsigned i = 0; machine_cards[i].name; i++) {
        if (!strcmp(machine_cards[i].name, name)) {
            return &machine_cards[i];
        }
        names[i] = machine_cards[i].name;
    }
    error_set(err, "-vga: unknown card '%s'%s; -vga help lists them", name,
              util_did_you_mean(name, names));
    return NULL;
}

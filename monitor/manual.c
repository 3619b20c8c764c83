/* SPDX-License-Identifier: MIT */
/* The manual's chapter of commands, from the tables (docs/monitor-commands.md). */
#include "monitor/internal.h"
#include "monitor/schema.h"

static const char head[] =
    "# Monitor commands\n\n"
    "This page is made from the command table (`monitor/commands.def`, `monitor/types.def`);\n"
    "`build/tests/monitor/manual --write` writes it anew, a test compares.\n\n";

/* "a:int *b:[str]" as "a: int, b: list of str, optional". */
static void append_members(GString *out, const char *members)
{
    struct schema_member m;
    bool open = false, first = true;

    while (schema_next(&members, &m, &open)) {
        g_string_append_printf(out, "%s`%s`: %s%s%s", first ? "" : ", ", m.name,
                               m.list ? "list of " : "", m.type, m.optional ? " (optional)" : "");
        first = false;
    }
    if (open) {
        g_string_append_printf(out, "%sothers as the command's text form", first ? "" : ", ");
    }
}

static void append_text_command(GString *out, const struct command *c)
{
    GString *usage = g_string_new(NULL);
    const char *alias = strchr(c->hmp, '|');

    hmp_usage(c, usage);
    char **parts = g_strsplit(c->help, "|", -1);
    char *help = g_strjoinv("\\|", parts);
    g_string_append_printf(out, "| `%s`%s%s%s | %s |\n", usage->str, alias ? ", `" : "",
                           alias ? alias + 1 : "", alias ? "`" : "", help);
    g_free(help);
    g_strfreev(parts);
    g_string_free(usage, TRUE);
}

static void append_text_commands(GString *out)
{
    g_string_append(out, "## Text monitor\n\n| command | does |\n|---|---|\n");
    for (const struct command *c = commands; c->help; c++) {
        if (c->hmp) {
            append_text_command(out, c);
        }
    }
}

static void append_qmp_commands(GString *out)
{
    g_string_append(out, "\n## QMP commands\n");
    for (const struct command *c = commands; c->help; c++) {
        if (!c->qmp) {
            continue;
        }
        g_string_append_printf(out, "\n**%s**: %s.", c->qmp, c->help);
        if (g_ascii_isupper(*c->args)) {
            g_string_append_printf(out, " Takes `%s`.", c->args);
        } else if (*c->args) {
            g_string_append(out, " Takes ");
            append_members(out, c->args);
            g_string_append_c(out, '.');
        }
        if (*c->returns) {
            g_string_append_printf(out, " Returns `%s`.", c->returns);
        }
        g_string_append_c(out, '\n');
    }
}

static void append_events(GString *out)
{
    g_string_append(out, "\n## QMP events\n");
    for (const struct schema_event *e = schema_events; e->name; e++) {
        g_string_append_printf(out, "\n**%s**: %s.", e->name, e->help);
        if (*e->members) {
            g_string_append(out, " Has ");
            append_members(out, e->members);
            g_string_append_c(out, '.');
        }
        if (e->rate_ms) {
            g_string_append_printf(out, " At most one in %u ms.", e->rate_ms);
        }
        g_string_append_c(out, '\n');
    }
}

static void append_types(GString *out)
{
    g_string_append(out, "\n## QMP types\n");
    const struct schema_type *t;

    for (unsigned i = 0; (t = schema_type_at(i)); i++) {
        if (t->derived) {
            continue; /* differs from build to build */
        }
        g_string_append_printf(out, "\n**%s**: ", t->name);
        if (t->kind == SCHEMA_ENUM || t->kind == SCHEMA_ALTERNATE) {
            char *values = g_strchomp(g_strdup(t->members));
            g_string_append_printf(out, "one of %s\n", values);
            g_free(values);
            continue;
        }
        append_members(out, t->members);
        if (t->tag) {
            g_string_append_printf(out, "; by `%s`: ", t->tag);
            append_members(out, t->variants);
        }
        g_string_append_c(out, '\n');
    }
}

char *monitor_manual(void)
{
    GString *out = g_string_new(head);

    append_text_commands(out);
    append_qmp_commands(out);
    append_events(out);
    append_types(out);
    return g_string_free(out, FALSE);
}

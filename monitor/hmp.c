/* SPDX-License-Identifier: MIT */
/*
 * The text monitor's language: a line is a command of the table (one or two words) and arguments
 * by its syntax. Help and completion come from the same rows. Names and spellings are those of
 * QEMU's HMP.
 *
 * Syntax of a row: "name:type *optional:type -f:flag". Types: str, rest (to the end of the line),
 * int (an expression), size (512k, 2M), bool (on, off), fmt (/10xw), and strings that differ in what
 * completes them: file, block, chardev, device, driver, key, command, qom, log, trace.
 */
#include "monitor/internal.h"

#include <ctype.h>
#include <errno.h>

#include "monitor/complete.h"
#include "util/optlist.h"

#define NAME_MAX_LEN 64

/* --- names -------------------------------------------------------------------------------------- */

bool hmp_name_matches(const char *names, const char *word, size_t len)
{
    while (names) {
        size_t n = strcspn(names, "|");
        if (n == len && !memcmp(names, word, len)) {
            return true;
        }
        names = names[n] ? names + n + 1 : NULL;
    }
    return false;
}

static size_t word_length(const char *text)
{
    return strcspn(text, " \t");
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* The row a line begins with; *rest: behind its name. */
static const struct command *find(const char *line, const char **rest)
{
    size_t first = word_length(line);
    const char *second = skip_blanks(line + first);
    size_t second_len = word_length(second);
    char both[NAME_MAX_LEN];

    g_snprintf(both, sizeof(both), "%.*s %.*s", (int)MIN(first, (size_t)30), line,
               (int)MIN(second_len, (size_t)30), second);
    for (const struct command *c = commands; c->help; c++) {
        if (c->hmp && second_len && hmp_name_matches(c->hmp, both, strlen(both))) {
            *rest = skip_blanks(second + second_len);
            return c;
        }
    }
    /* As QEMU: x/10i is x /10i. */
    size_t slash = strcspn(line, "/");
    first = slash < first && slash ? slash : first;
    for (const struct command *c = commands; c->help; c++) {
        if (c->hmp && hmp_name_matches(c->hmp, line, first)) {
            *rest = skip_blanks(line + first);
            return c;
        }
    }
    return NULL;
}

/* --- syntax ------------------------------------------------------------------------------------- */

struct param {
    char name[32], type[16];
    bool optional, flag;
};

static bool next_param(const char **syntax, struct param *p)
{
    const char *s = *syntax + strspn(*syntax, " ");
    size_t len = strcspn(s, " ");

    if (!len) {
        return false;
    }
    *syntax = s + len;
    memset(p, 0, sizeof(*p));
    p->optional = *s == '*' || *s == '-';
    p->flag = *s == '-';
    s += p->optional;
    const char *colon = memchr(s, ':', len);
    assert(colon && (size_t)(colon - s) < sizeof(p->name));
    memcpy(p->name, s, (size_t)(colon - s));
    g_strlcpy(p->type, colon + 1, MIN(sizeof(p->type), (size_t)(*syntax - colon)));
    if (p->flag) {
        /* "-f:force": the letter is what is typed, the word is the argument's name */
        char letter = p->name[0];
        g_snprintf(p->name, sizeof(p->name), "%s", colon + 1);
        p->name[MIN((size_t)(*syntax - colon - 1), sizeof(p->name) - 1)] = 0;
        p->type[0] = letter;
        p->type[1] = 0;
    }
    return true;
}

void hmp_usage(const struct command *c, GString *out)
{
    const char *syntax = c->syntax;
    struct param p;

    g_string_append_len(out, c->hmp, (gssize)strcspn(c->hmp, "|"));
    while (next_param(&syntax, &p)) {
        if (p.flag) {
            g_string_append_printf(out, " [-%s]", p.type);
        } else if (!strcmp(p.type, "fmt")) {
            g_string_append(out, " [/fmt]");
        } else {
            g_string_append_printf(out, p.optional ? " [%s]" : " %s", p.name);
        }
    }
}

/* --- arguments ---------------------------------------------------------------------------------- */

/* A word or a "quoted one"; NULL with err if the quote does not end. */
static char *take_word(const char **text, struct error **err)
{
    const char *s = *text;
    GString *out;

    if (*s != '"') {
        size_t len = word_length(s);
        *text = skip_blanks(s + len);
        return g_strndup(s, len);
    }
    out = g_string_new(NULL);
    for (s++; *s && *s != '"'; s++) {
        s += *s == '\\' && s[1];
        g_string_append_c(out, *s);
    }
    if (*s != '"') {
        error_set(err, "the quote is not closed");
        g_string_free(out, TRUE);
        return NULL;
    }
    *text = skip_blanks(s + 1);
    return g_string_free(out, FALSE);
}

static int take_typed(const struct param *p, char *word, json_t *args, struct error **err)
{
    uint64_t size;
    bool on;

    if (!g_utf8_validate(word, -1, NULL)) {
        error_set(err, "%s: not valid UTF-8", p->name);
        return -EINVAL;
    }
    if (!strcmp(p->type, "size")) {
        int ret = opt_parse_size(p->name, word, 1, &size, err);
        if (ret == 0) {
            json_object_set_new(args, p->name, json_integer((json_int_t)(size & INT64_MAX)));
        }
        return ret;
    }
    if (!strcmp(p->type, "bool")) {
        int ret = opt_parse_bool(p->name, word, &on, err);
        if (ret == 0) {
            json_object_set_new(args, p->name, json_boolean(on));
        }
        return ret;
    }
    json_object_set_new(args, p->name, json_string(word));
    return 0;
}

static int take_argument(struct monitor *m, const struct param *p, const char **text, json_t *args,
                         struct error **err)
{
    int64_t value;

    if (!strcmp(p->type, "int")) {
        int ret = expr_parse(m, text, &value, err);
        if (ret == 0) {
            json_object_set_new(args, p->name, json_integer(value));
        }
        return ret;
    }
    char *word = NULL;
    if (!strcmp(p->type, "rest")) {
        word = g_strdup(*text);
        *text += strlen(*text);
    } else {
        word = take_word(text, err);
    }
    int ret = word ? take_typed(p, word, args, err) : -EINVAL;
    g_free(word);
    return ret;
}

/* Is the next thing on the line this parameter? */
static bool present(const struct param *p, const char *text)
{
    if (p->flag) {
        return text[0] == '-' && text[1] == p->type[0] && (!text[2] || isspace((uint8_t)text[2]));
    }
    if (!strcmp(p->type, "fmt")) {
        return *text == '/';
    }
    return *text != 0;
}

static int parse(struct monitor *m, const struct command *c, const char *text, json_t *args,
                 struct error **err)
{
    const char *syntax = c->syntax;
    struct param p;

    while (next_param(&syntax, &p)) {
        if (!present(&p, text)) {
            if (p.optional || !strcmp(p.type, "fmt")) {
                continue;
            }
            error_set(err, "%s is missing", p.name);
            return -EINVAL;
        }
        if (p.flag) {
            json_object_set_new(args, p.name, json_true());
            text = skip_blanks(text + 2);
        } else if (take_argument(m, &p, &text, args, err) < 0) {
            return -EINVAL;
        }
    }
    if (*text) {
        error_set(err, "'%s' is too much", text);
        return -EINVAL;
    }
    return 0;
}

/* --- running ------------------------------------------------------------------------------------ */

void hmp_via_qmp(struct monitor *m, json_t *args)
{
    struct error *err = NULL;
    json_t *ret = qmp_call(m, m->running, args, &err);

    if (ret) {
        json_decref(ret);
    } else {
        mon_error(m, err);
    }
}

static void list_matching(struct monitor *m, const char *prefix, bool with_aliases)
{
    for (const struct command *c = commands; c->help; c++) {
        GString *usage = g_string_new(NULL);
        if (c->hmp && g_str_has_prefix(c->hmp, prefix)) {
            hmp_usage(c, usage);
            const char *alias = strchr(c->hmp, '|');
            mon_print(m, "%s%s%s%s -- %s\n", usage->str, alias && with_aliases ? " (also: " : "",
                      alias && with_aliases ? alias + 1 : "", alias && with_aliases ? ")" : "",
                      c->help);
        }
        g_string_free(usage, TRUE);
    }
}

static void unknown(struct monitor *m, const char *line)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    bool info = g_str_has_prefix(line, "info ");
    const char *word = info ? skip_blanks(line + 5) : line;
    char *first = g_strndup(word, word_length(word));

    for (const struct command *c = commands; c->help; c++) {
        if (c->hmp && g_str_has_prefix(c->hmp, "info ") == info) {
            g_ptr_array_add(names, g_strndup(c->hmp + 5 * info, strcspn(c->hmp + 5 * info, "|")));
        }
    }
    g_ptr_array_add(names, NULL);
    const char *hint = util_did_you_mean(first, (const char *const *)names->pdata);
    mon_print(m, "unknown command: '%s%s'%s\n", info ? "info " : "", first, hint);
    g_free(first);
    g_ptr_array_free(names, TRUE);
}

void hmp_line(struct monitor *m, const char *line)
{
    const char *rest;
    struct error *err = NULL;

    line = skip_blanks(line);
    char *text = g_strchomp(g_strdup(line));
    const struct command *c = *text && *text != '#' ? find(text, &rest) : NULL;
    if (c) {
        const struct command *outer = m->running;
        json_t *args = json_object();
        m->running = c;
        if (parse(m, c, rest, args, &err) == 0) {
            c->show(m, args);
        } else {
            GString *usage = g_string_new(NULL);
            hmp_usage(c, usage);
            mon_print(m, "Error: %s\nUsage: %s\n", error_msg(err), usage->str);
            g_string_free(usage, TRUE);
            error_free(err);
        }
        m->running = outer;
        json_decref(args);
    } else if (*text && *text != '#') {
        unknown(m, text);
    }
    g_free(text);
}

void hmp_help(struct monitor *m, json_t *args)
{
    const char *name = arg_str(args, "name"), *rest;
    const struct command *c = name && strcmp(name, "info") ? find(name, &rest) : NULL;

    if (c) {
        char *only = g_strndup(c->hmp, strlen(c->hmp));
        list_matching(m, only, true);
        g_free(only);
    } else if (name && strcmp(name, "info")) {
        unknown(m, name);
    } else {
        list_matching(m, name ? "info " : "", true);
    }
}

void hmp_info(struct monitor *m, json_t *args)
{
    const char *name = arg_str(args, "what");

    if (name) {
        char *line = g_strdup_printf("info %s", name);
        unknown(m, line);
        g_free(line);
    } else {
        list_matching(m, "info ", false);
    }
}

/* --- completion --------------------------------------------------------------------------------- */

/* The names of commands that go on as typed: the first word, or the second of two. */
static void complete_names(const char *line, size_t pos, GPtrArray *out, size_t *start)
{
    while (*start && line[*start - 1] != ' ') {
        (*start)--;
    }
    for (const struct command *c = commands; c->help; c++) {
        const char *name = c->hmp;
        while (name && *name) {
            size_t len = strcspn(name, "|"), word = *start;
            if (len >= pos && !memcmp(name, line, pos) && len > word) {
                size_t end = word + strcspn(name + word, " |");
                char *found = g_strndup(name + word, end - word);
                complete_add(out, found);
                g_free(found);
            }
            name = name[len] ? name + len + 1 : NULL;
        }
    }
}

/* The parameter the word at `at` (behind the name) is, counting words; flags may come first. */
static bool param_at(const struct command *c, const char *args, size_t at, struct param *p)
{
    const char *syntax = c->syntax, *s = args;

    while (next_param(&syntax, p)) {
        if (p->flag || !strcmp(p->type, "fmt")) {
            if (present(p, s)) {
                s = skip_blanks(s + word_length(s));
            }
            continue;
        }
        if ((size_t)(s - args) >= at || !strcmp(p->type, "rest")) {
            return true;
        }
        s = skip_blanks(s + word_length(s));
    }
    return false;
}

void hmp_complete(struct monitor *m, const char *line, size_t pos, GPtrArray *out, size_t *start)
{
    char *typed = g_strndup(line, pos);
    const char *text = skip_blanks(typed), *args;
    size_t skipped = (size_t)(text - typed);
    const struct command *c = find(text, &args);
    struct param p;

    *start = pos - skipped;
    complete_names(text, pos - skipped, out, start);
    *start += skipped;
    if (c && !out->len) {
        *start = pos;
        while (*start > (size_t)(args - typed) && typed[*start - 1] != ' ') {
            (*start)--;
        }
        const char *word = typed + *start;
        if (param_at(c, args, (size_t)(word - args), &p)) {
            complete_word(p.type, word, out);
        }
    }
    g_free(typed);
}

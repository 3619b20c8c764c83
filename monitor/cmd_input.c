/* SPDX-License-Identifier: MIT */
/* Commands that act for a user at the keyboard, the mouse and the screen. */
#include <stdlib.h>

#include "hw/core/clock.h"
#include "hw/core/device.h"
#include "monitor/internal.h"
#include "monitor/keys.h"
#include "ui/display.h"
#include "ui/picture.h"
#include "ui/text.h"
#include "ui/input.h"

#define KEYS_MAX        16u
#define HOLD_DEFAULT_MS 100
#define HOLD_MAX_MS     100000

/* --- keys --------------------------------------------------------------------------------------- */

/* Keys pressed together; released in reverse order when their time is up. */
struct chord {
    unsigned codes[KEYS_MAX], count;
    int64_t hold_ms;
};

static GQueue chords = G_QUEUE_INIT; /* the first is down */
static struct timer release_timer;

#define CHORDS_MAX 1000u

static void press_first(void)
{
    const struct chord *c = g_queue_peek_head(&chords);

    for (unsigned i = 0; c && i < c->count; i++) {
        input_send_key(c->codes[i], true);
    }
    if (c) {
        timer_arm(&release_timer, clock_now(CLK_REALTIME) + c->hold_ms * NS_PER_MS);
    }
}

static void release_first(void *opaque)
{
    struct chord *c = g_queue_pop_head(&chords);

    for (unsigned i = c->count; i-- > 0;) {
        input_send_key(c->codes[i], false);
    }
    g_free(c);
    press_first();
}

static json_t *press(const struct chord *chord, struct error **err)
{
    static bool initialized;

    if (chord->hold_ms < 0 || chord->hold_ms > HOLD_MAX_MS) {
        error_set(err, "Parameter 'hold-time' expects at most %d ms", HOLD_MAX_MS);
        return NULL;
    }
    if (chords.length >= CHORDS_MAX) {
        error_set(err, "too many keys are waiting to be sent");
        return NULL;
    }
    if (!initialized) {
        timer_init(&release_timer, CLK_REALTIME, release_first, NULL);
        initialized = true;
    }
    g_queue_push_tail(&chords, g_memdup2(chord, sizeof(*chord)));
    if (chords.length == 1) {
        press_first();
    }
    return qmp_empty();
}

static unsigned code_of(json_t *key)
{
    json_t *data = json_object_get(key, "data");

    if (json_is_string(data)) {
        return key_by_name(json_string_value(data), json_string_length(data));
    }
    /* A number is a PC scan code, with bit 7 for those behind E0h; the first 88 are Linux's codes. */
    json_int_t n = json_integer_value(data);
    return n > 0 && n <= 88 ? (unsigned)n : 0;
}

json_t *qmp_send_key(struct monitor *m, json_t *args, struct error **err)
{
    struct chord chord = {.hold_ms = arg_int(args, "hold-time", HOLD_DEFAULT_MS)};
    json_t *keys = json_object_get(args, "keys"), *key;
    size_t i;

    if (json_array_size(keys) > KEYS_MAX) {
        error_set(err, "at most %u keys can be pressed together", KEYS_MAX);
        return NULL;
    }
    json_array_foreach(keys, i, key)
    {
        unsigned code = code_of(key);
        if (!code) {
            error_set(err, "key %zu is none of a PC", i);
            return NULL;
        }
        chord.codes[chord.count++] = code;
    }
    return press(&chord, err);
}

void hmp_sendkey(struct monitor *m, json_t *args)
{
    struct chord chord = {.hold_ms = arg_int(args, "hold-time", HOLD_DEFAULT_MS)};
    const char *text = arg_str(args, "keys");
    struct error *err = NULL;

    while (*text && chord.count < KEYS_MAX) {
        size_t len = strcspn(text, "-");
        len += len == 0; /* "-" itself */
        unsigned code = len == 1 && *text == '-' ? key_by_name("minus", 5) : 0;
        code = code ? code : len == 1 && *text == '<' ? key_by_name("less", 4) : code;
        code = code ? code : key_by_name(text, len);
        if (!code) {
            mon_print(m, "Error: unknown key '%.*s'\n", (int)len, text);
            return;
        }
        chord.codes[chord.count++] = code;
        text += len;
        text += *text == '-';
    }
    json_t *ret = press(&chord, &err);
    if (ret) {
        json_decref(ret);
    } else {
        mon_error(m, err);
    }
}

/* --- the mouse ---------------------------------------------------------------------------------- */

static unsigned buttons;
static unsigned place[2]; /* of an absolute device */
static bool place_changed;

/* Both coordinates together, though they come as two events. */
static void send_place(void)
{
    if (place_changed) {
        input_send_move_to(place[0], place[1]);
    }
    place_changed = false;
}

static void send_button(json_t *event)
{
    static const struct {
        const char *name;
        unsigned bit;
        int dz, dw;
    } rows[] = {
        {"left", INPUT_LEFT, 0, 0}, {"middle", INPUT_MIDDLE, 0, 0}, {"right", INPUT_RIGHT, 0, 0},
        {"side", INPUT_SIDE, 0, 0}, {"extra", INPUT_EXTRA, 0, 0},   {"wheel-up", 0, -1, 0},
        {"wheel-down", 0, 1, 0},    {"wheel-left", 0, 0, -1},       {"wheel-right", 0, 0, 1}};
    const char *name = json_string_value(json_object_get(event, "button"));
    bool down = json_is_true(json_object_get(event, "down"));

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].name, name)) {
            continue;
        }
        if (down) {
            input_send_wheel(rows[i].dz, rows[i].dw);
        }
        buttons = down ? buttons | rows[i].bit : buttons & ~rows[i].bit;
        input_send_buttons(buttons);
    }
}

static void send_motion(json_t *event, bool absolute)
{
    bool y = !strcmp(json_string_value(json_object_get(event, "axis")), "y");
    json_int_t value = json_integer_value(json_object_get(event, "value"));

    if (absolute) {
        place[y] = (unsigned)CLAMP(value, 0, (json_int_t)INPUT_ABS_MAX);
        place_changed = true;
    } else {
        int delta = (int)CLAMP(value, -32768, 32767);
        input_send_move(y ? 0 : delta, y ? delta : 0, 0);
    }
}

json_t *qmp_input_send_event(struct monitor *m, json_t *args, struct error **err)
{
    json_t *event;
    size_t i;

    json_array_foreach(json_object_get(args, "events"), i, event)
    {
        const char *type = json_string_value(json_object_get(event, "type"));
        json_t *data = json_object_get(event, "data");
        if (strcmp(type, "abs")) {
            send_place();
        }
        if (!strcmp(type, "btn")) {
            send_button(data);
        } else if (!strcmp(type, "key")) {
            unsigned code = code_of(json_object_get(data, "key"));
            if (code) {
                input_send_key(code, json_is_true(json_object_get(data, "down")));
            }
        } else {
            send_motion(data, !strcmp(type, "abs"));
        }
    }
    send_place();
    return qmp_empty();
}

static int small_number(const char *text)
{
    return text ? (int)CLAMP(strtol(text, NULL, 0), -32768, 32767) : 0;
}

void hmp_mouse_move(struct monitor *m, json_t *args)
{
    int x = small_number(arg_str(args, "dx")), y = small_number(arg_str(args, "dy"));

    if (input_is_absolute()) {
        input_send_move_to((unsigned)MAX(x, 0), (unsigned)MAX(y, 0));
    } else {
        input_send_move(x, y, small_number(arg_str(args, "dz")));
    }
}

void hmp_mouse_button(struct monitor *m, json_t *args)
{
    int64_t state = arg_int(args, "state", 0);

    buttons = (state & 1 ? INPUT_LEFT : 0) | (state & 2 ? INPUT_MIDDLE : 0) |
              (state & 4 ? INPUT_RIGHT : 0);
    input_send_buttons(buttons);
}

static bool is_mouse(const struct input_handler *h)
{
    return h->move || h->move_to;
}

static void describe_mouse(struct input_handler *h, void *opaque)
{
    json_t *list = opaque;
    int index = (int)json_array_size(list);

    if (is_mouse(h)) {
        json_array_append_new(list,
                              json_pack("{s:s, s:i, s:b, s:b}", "name", h->name, "index", index,
                                        "current", index == 0, "absolute", h->move_to != NULL));
    }
}

json_t *qmp_query_mice(struct monitor *m, json_t *args, struct error **err)
{
    json_t *list = json_array();

    input_for_each(describe_mouse, list);
    return list;
}

void hmp_info_mice(struct monitor *m, json_t *args)
{
    json_t *list = qmp_query_mice(m, args, NULL), *row;
    size_t i;

    json_array_foreach(list, i, row)
    {
        mon_print(m, "%c Mouse #%zu: %s%s\n", i ? ' ' : '*', i,
                  json_string_value(json_object_get(row, "name")),
                  json_is_true(json_object_get(row, "absolute")) ? " (absolute)" : "");
    }
    if (!json_array_size(list)) {
        mon_puts(m, "No mouse devices connected\n");
    }
    json_decref(list);
}

struct mouse_search {
    int64_t left;
    struct input_handler *found;
};

static void find_mouse(struct input_handler *h, void *opaque)
{
    struct mouse_search *s = opaque;

    if (is_mouse(h) && s->left-- == 0) {
        s->found = h;
    }
}

void hmp_mouse_set(struct monitor *m, json_t *args)
{
    struct mouse_search s = {.left = arg_int(args, "index", 0)};

    input_for_each(find_mouse, &s);
    if (s.found) {
        input_activate(s.found);
    } else {
        mon_puts(m, "Error: there is no such mouse; info mice lists them\n");
    }
}

/* --- the screen --------------------------------------------------------------------------------- */

/* By device and head, or the primary display. */
static struct display *find_screen(struct monitor *m, json_t *args, struct error **err)
{
    const char *id = arg_str(args, "device");
    unsigned head = (unsigned)arg_int(args, "head", 0);
    struct device *dev = id ? device_find(id) : NULL;
    struct display *d = id && !dev ? NULL : display_find(dev, head);

    if (id && !dev) {
        m->error_class = QERR_DEVICE_NOT_FOUND;
        error_set(err, "Device '%s' not found", id);
    } else if (!d && (id || head)) {
        error_set(err, "No graphical console with head %u", head);
    } else if (!d) {
        error_set(err, "There is no console to take a screendump from");
    }
    return d;
}

json_t *qmp_screendump(struct monitor *m, json_t *args, struct error **err)
{
    const char *format = arg_str(args, "format");
    struct display *d = find_screen(m, args, err);
    struct picture p;

    if (!d || picture_take(d, &p, err) < 0) {
        return NULL;
    }
    int ret = picture_save(&p, arg_str(args, "filename"), format && !strcmp(format, "png"), err);
    picture_free(&p);
    return ret < 0 ? NULL : qmp_empty();
}

void hmp_info_screen(struct monitor *m, json_t *args)
{
    struct display *d = display_find(NULL, 0);
    char *text = d ? text_dump(display_source_of(d)) : NULL;

    mon_puts(m, text ? text : "The screen is not in text mode.\n");
    g_free(text);
}

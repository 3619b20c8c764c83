/* SPDX-License-Identifier: MIT */
/*
 * Events on their way to the QMP monitors. They may come from any thread; the main thread sends
 * them, in order. Those with a rate (types.def) are sent at once if the last is long enough ago,
 * else the latest of them when the time is up.
 */
#include "monitor/internal.h"

#include <pthread.h>

#include "hw/core/clock.h"
#include "monitor/schema.h"
#include "system/mainloop.h"
#include "util/mgmt_event.h"

struct queued {
    json_t *message;
    const struct schema_event *row;
    struct queued *next;
};

/* One event with a rate. Events of different members (two serial ports) have an entry each. */
struct limited {
    const struct schema_event *row;
    char *key;
    json_t *waiting; /* sent when the timer expires; NULL: none came since the last */
    struct timer timer;
    struct limited *next;
};

#define LIMITED_MAX 256

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static struct queued *queue_first, **queue_last = &queue_first;
static struct deferred sender;
static struct limited *limited_events;
static unsigned limited_count;

static void send_all(json_t *message)
{
    struct monitor *m;

    TAILQ_FOREACH(m, &monitors, link)
    {
        if (!m->opts.qmp || !m->open || !m->negotiated) {
            continue;
        }
        if (!monitor_choked(m)) {
            qmp_send(m, json_incref(message));
        }
    }
    json_decref(message);
}

/* --- rates -------------------------------------------------------------------------------------- */

static void period_over(void *opaque)
{
    struct limited *l = opaque;

    if (l->waiting) {
        send_all(l->waiting);
        l->waiting = NULL;
        timer_arm(&l->timer, clock_now(CLK_REALTIME) + l->row->rate_ms * NS_PER_MS);
    }
}

/* What tells one such event's object from another's. */
static const char *key_of(json_t *message)
{
    const char *id = json_string_value(json_object_get(json_object_get(message, "data"), "id"));

    return id ? id : "";
}

static struct limited *find_limited(const struct schema_event *row, const char *key)
{
    struct limited *l = limited_events;

    while (l && (l->row != row || strcmp(l->key, key))) {
        l = l->next;
    }
    return l;
}

static struct limited *new_limited(const struct schema_event *row, const char *key)
{
    struct limited *l = g_new0(struct limited, 1);

    l->row = row;
    l->key = g_strdup(key);
    timer_init(&l->timer, CLK_REALTIME, period_over, l);
    l->next = limited_events;
    limited_events = l;
    limited_count++;
    return l;
}

static void send_limited(const struct schema_event *row, json_t *message)
{
    const char *key = limited_count < LIMITED_MAX ? key_of(message) : "";
    struct limited *l = find_limited(row, key);

    if (!l) {
        l = new_limited(row, key);
    }
    if (timer_pending(&l->timer)) {
        json_decref(l->waiting);
        l->waiting = message;
        return;
    }
    timer_arm(&l->timer, clock_now(CLK_REALTIME) + row->rate_ms * NS_PER_MS);
    send_all(message);
}

/* --- the queue ---------------------------------------------------------------------------------- */

static struct queued *take(void)
{
    pthread_mutex_lock(&queue_lock);
    struct queued *q = queue_first;
    queue_first = NULL;
    queue_last = &queue_first;
    pthread_mutex_unlock(&queue_lock);
    return q;
}

static void send_queued(void *opaque)
{
    struct queued *q = take(), *next;

    for (; q; q = next) {
        next = q->next;
        if (q->row->rate_ms) {
            send_limited(q->row, q->message);
        } else {
            send_all(q->message);
        }
        g_free(q);
    }
}

/* "server.host" is a member of the member "server". */
static void set_member(json_t *data, const char *name, json_t *v)
{
    const char *dot = strchr(name, '.');

    if (dot) {
        char *outer = g_strndup(name, (gsize)(dot - name));
        if (!json_object_get(data, outer)) {
            json_object_set_new(data, outer, json_object());
        }
        set_member(json_object_get(data, outer), dot + 1, v);
        g_free(outer);
    } else {
        json_object_set_new(data, name, v);
    }
}

static json_t *to_json(const struct mgmt_field *fields)
{
    json_t *data = json_object();

    for (; fields->type != MGMT_TYPE_END; fields++) {
        json_t *v = NULL;
        if (fields->type == MGMT_TYPE_INT) {
            v = json_integer(fields->num);
        } else if (fields->type == MGMT_TYPE_BOOL) {
            v = json_boolean(fields->num);
        } else if (fields->str) {
            v = json_string(fields->str);
        }
        if (v) {
            set_member(data, fields->name, v);
        }
    }
    return data;
}

static json_t *new_message(const char *event, json_t *data)
{
    gint64 now = g_get_real_time();
    json_t *message =
        json_pack("{s:{s:I, s:I}, s:s}", "timestamp", "seconds", (json_int_t)(now / G_USEC_PER_SEC),
                  "microseconds", (json_int_t)(now % G_USEC_PER_SEC), "event", event);

    if (json_object_size(data)) {
        json_object_set(message, "data", data);
    }
    json_decref(data);
    return message;
}

static void enqueue(const struct schema_event *row, json_t *data)
{
    struct queued *q = g_new0(struct queued, 1);

    q->row = row;
    q->message = new_message(row->name, data);
    pthread_mutex_lock(&queue_lock);
    *queue_last = q;
    queue_last = &q->next;
    pthread_mutex_unlock(&queue_lock);
    /* On the main thread at once: before the reply to the command that caused it, as QEMU does. */
    if (mainloop_thread()) {
        send_queued(NULL);
    } else {
        deferred_schedule(&sender);
    }
}

void event_send(const char *event, json_t *data)
{
    const struct schema_event *row = schema_find_event(event);

    assert(row);
    enqueue(row, data);
}

static void heard(const char *event, const struct mgmt_field *fields)
{
    event_send(event, to_json(fields));
}

void events_flush(void)
{
    send_queued(NULL);
    for (struct limited *l = limited_events; l; l = l->next) {
        if (l->waiting) {
            send_all(l->waiting);
            l->waiting = NULL;
        }
    }
}

void events_init(void)
{
    deferred_init(&sender, send_queued, NULL);
    mgmt_event_listen(heard);
}

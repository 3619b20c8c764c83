/* SPDX-License-Identifier: MIT */
/* Character devices: life cycle, output queue, and the wiring of frontends to backends. */
#include "chardev/chardev.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "hw/core/device.h"
#include "hw/core/lock.h"
#include "system/fds.h"
#include "util/error.h"
#include "util/rows.h"

extern const struct chardev_class *const __start_doppel_chardevs[];
extern const struct chardev_class *const __stop_doppel_chardevs[];

static TAILQ_HEAD(chardev_list, chardev) chardevs = TAILQ_HEAD_INITIALIZER(chardevs);

#define FOR_EACH_CLASS(p)                                                                          \
    for (const struct chardev_class *const *p = __start_doppel_chardevs;                           \
         p < __stop_doppel_chardevs; p++)

static const struct chardev_class *class_find(const char *name, struct error **err)
{
    return rows_find(__start_doppel_chardevs, __stop_doppel_chardevs, name,
                     "character device backend", err);
}

void chardev_help(GString *out)
{
    FOR_EACH_CLASS(p)
    {
        g_string_append_printf(out, "%-10s %s\n", (*p)->name, (*p)->help);
    }
}

void chardev_class_for_each(void (*fn)(const struct chardev_class *cls, void *opaque), void *opaque)
{
    FOR_EACH_CLASS(p)
    {
        fn(*p, opaque);
    }
}

struct chardev *chardev_find(const char *id)
{
    struct chardev *chr;

    TAILQ_FOREACH(chr, &chardevs, link)
    {
        if (chr->id && !strcmp(chr->id, id)) {
            return chr;
        }
    }
    return NULL;
}

void chardev_for_each(void (*fn)(struct chardev *chr, void *opaque), void *opaque)
{
    struct chardev *chr, *next;

    for (chr = TAILQ_FIRST(&chardevs); chr; chr = next) {
        next = TAILQ_NEXT(chr, link); /* fn may free it */
        fn(chr, opaque);
    }
}

static void chardev_release(struct chardev *chr)
{
    if (chr->log_fd >= 0) {
        close(chr->log_fd);
    }
    g_byte_array_free(chr->queue, TRUE);
    pthread_mutex_destroy(&chr->lock);
    g_free(chr->id);
    g_free(chr->label);
    g_free(chr);
}

static int open_log(struct chardev *chr, const struct chardev_opts *opts, struct error **err)
{
    int flags = O_WRONLY | O_CREAT | (opts->log_append ? O_APPEND : O_TRUNC);

    chr->log_fd = opts->logfile ? fds_open(opts->logfile, flags, 0666) : -1;
    if (opts->logfile && chr->log_fd < 0) {
        return error_set_errno(err, -chr->log_fd, "logfile '%s'", opts->logfile);
    }
    return 0;
}

struct chardev *chardev_create(const char *backend, const struct chardev_opts *opts,
                               struct error **err)
{
    const struct chardev_class *cls = class_find(backend, err);

    if (!cls) {
        return NULL;
    }
    if (opts->id && chardev_find(opts->id)) {
        error_set(err, "there is a chardev '%s' already", opts->id);
        return NULL;
    }
    struct chardev *chr = g_malloc0(cls->state_size);
    chr->cls = cls;
    chr->id = g_strdup(opts->id);
    chr->label = opts->path ? g_strdup_printf("%s:%s", backend, opts->path) : g_strdup(backend);
    chr->queue = g_byte_array_new();
    pthread_mutex_init(&chr->lock, NULL);
    if (open_log(chr, opts, err) < 0 || (cls->open && cls->open(chr, opts, err) < 0)) {
        chardev_release(chr);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&chardevs, chr, link);
    return chr;
}

void chardev_free(struct chardev *chr)
{
    chardev_flush(chr);
    TAILQ_REMOVE(&chardevs, chr, link);
    if (chr->cls->close) {
        chr->cls->close(chr);
    }
    chardev_release(chr);
}

void chardev_cleanup(void)
{
    struct chardev *chr;

    /* Those made later may build on earlier ones. */
    while ((chr = TAILQ_LAST(&chardevs, chardev_list))) {
        chardev_free(chr);
    }
}

int chardev_attach(struct chardev *chr, const struct chardev_handlers *handlers, void *opaque,
                   struct error **err)
{
    if (chr->cls->attach) {
        return chr->cls->attach(chr, handlers, opaque, err);
    }
    if (chr->in_use) {
        error_set(err, "chardev '%s' is in use", chr->id ? chr->id : chr->label);
        return -EBUSY;
    }
    chr->handlers = handlers;
    chr->opaque = opaque;
    chr->in_use = true;
    if (chr->is_open) {
        chardev_send_event(chr, CHARDEV_OPENED);
    }
    chardev_accept_input(chr);
    return 0;
}

void chardev_detach(struct chardev *chr, void *opaque)
{
    if (chr->cls->detach) {
        chr->cls->detach(chr, opaque);
        return;
    }
    chr->handlers = NULL;
    chr->opaque = NULL;
    chr->in_use = false;
}

/* The frontend moves without noticing, but for the state of the other end. */
static void move_frontend(struct chardev *chr, struct chardev *next)
{
    const struct chardev_handlers *handlers = chr->handlers;
    void *opaque = chr->opaque;

    if (chr->is_open && !next->is_open && handlers->event) {
        handlers->event(opaque, CHARDEV_CLOSED);
    }
    chardev_detach(chr, opaque);
    handlers->replaced(opaque, next);
    int ret = chardev_attach(next, handlers, opaque, NULL);
    assert(ret == 0);
    if (chr->refused && handlers->writable) {
        handlers->writable(opaque);
    }
}

int chardev_replace(struct chardev *chr, struct chardev *next, struct error **err)
{
    if (chr->cls->attach || next->cls->attach) {
        error_set(err, "a mux can neither be replaced nor replace another chardev");
        return -ENOTSUP;
    }
    if (chr->in_use && !chr->handlers->replaced) {
        error_set(err, "who uses chardev '%s' does not let it be replaced", chr->id);
        return -EBUSY;
    }
    if (chr->in_use) {
        move_frontend(chr, next);
    }
    g_free(next->id);
    next->id = g_steal_pointer(&chr->id);
    chardev_free(chr);
    return 0;
}

/* --- output ------------------------------------------------------------------------------- */

/* Hands bytes to the backend. Returns how many are dealt with. */
static size_t backend_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = chr->cls->write(chr, buf + done, len - done);
        if (n == 0) {
            break;
        }
        if (n < 0) {
            return len; /* nobody there any more: lost */
        }
        done += (size_t)n;
    }
    return done;
}

/* A log that cannot be written ends; the guest's output goes on. The mutex is held. */
static void log_output(struct chardev *chr, const uint8_t *buf, size_t len)
{
    while (len && chr->log_fd >= 0) {
        ssize_t n = write(chr->log_fd, buf, len);
        if (n < 0 && errno != EINTR) {
            warn_report("logfile of chardev %s ends: %s", chr->label, g_strerror(errno));
            close(chr->log_fd);
            chr->log_fd = -1;
        } else if (n > 0) {
            buf += n;
            len -= (size_t)n;
        }
    }
}

/* What the backend and the queue take. The mutex is held. */
static size_t write_locked(struct chardev *chr, const uint8_t *bytes, size_t len)
{
    if (!chr->cls->write) {
        return len;
    }
    size_t done = chr->queue->len ? 0 : backend_write(chr, bytes, len);
    size_t room = CHARDEV_QUEUE_MAX - chr->queue->len;
    size_t queued = MIN(len - done, room);
    g_byte_array_append(chr->queue, bytes + done, (guint)queued);
    done += queued;
    if (chr->lossy && !(chr->handlers && chr->handlers->lossless)) {
        done = len;
    }
    chr->refused |= done < len;
    return done;
}

size_t chardev_write(struct chardev *chr, const void *buf, size_t len)
{
    if (!chr) {
        return len;
    }
    pthread_mutex_lock(&chr->lock);
    size_t done = write_locked(chr, buf, len);
    log_output(chr, buf, done);
    pthread_mutex_unlock(&chr->lock);
    return done;
}

/* After the queue has become shorter: whether the frontend waits to hear of it. */
static bool was_refused(struct chardev *chr)
{
    bool tell = chr->refused;

    chr->refused = false;
    return tell;
}

static void tell_writable(struct chardev *chr)
{
    if (chr->handlers && chr->handlers->writable) {
        chr->handlers->writable(chr->opaque);
    }
}

void chardev_drop_output(struct chardev *chr)
{
    pthread_mutex_lock(&chr->lock);
    g_byte_array_set_size(chr->queue, 0);
    bool tell = was_refused(chr);
    pthread_mutex_unlock(&chr->lock);
    if (tell) {
        tell_writable(chr);
    }
}

bool chardev_flush(struct chardev *chr)
{
    if (!chr->cls->write) {
        return true;
    }
    pthread_mutex_lock(&chr->lock);
    size_t done = backend_write(chr, chr->queue->data, chr->queue->len);
    g_byte_array_remove_range(chr->queue, 0, (guint)done);
    bool empty = chr->queue->len == 0;
    bool tell = done > 0 && was_refused(chr);
    pthread_mutex_unlock(&chr->lock);
    if (tell) {
        tell_writable(chr);
    }
    return empty;
}

/* --- descriptors ---------------------------------------------------------------------------- */

int chardev_take_fd(struct chardev *chr)
{
    return chr->cls->take_fd ? chr->cls->take_fd(chr) : -1;
}

int chardev_add_client(struct chardev *chr, int fd, struct error **err)
{
    if (!chr->cls->add_client) {
        error_set(err, "chardev '%s' has no clients", chr->id ? chr->id : chr->label);
        return -ENOTSUP;
    }
    return chr->cls->add_client(chr, fd, err);
}

/* --- input -------------------------------------------------------------------------------- */

void chardev_accept_input(struct chardev *chr)
{
    if (chr && chr->cls->accept_input) {
        chr->cls->accept_input(chr);
    }
}

size_t chardev_can_read(struct chardev *chr)
{
    const struct chardev_handlers *h = chr->handlers;

    if (chr->cls->can_read) {
        return chr->cls->can_read(chr);
    }
    if (!h || !h->read) {
        return 0;
    }
    return h->can_read ? h->can_read(chr->opaque) : 4096;
}

void chardev_input(struct chardev *chr, const uint8_t *buf, size_t len)
{
    if (len && chr->handlers && chr->handlers->read) {
        chr->handlers->read(chr->opaque, buf, len);
    }
}

void chardev_send_event(struct chardev *chr, enum chardev_event event)
{
    if (event == CHARDEV_OPENED || event == CHARDEV_CLOSED) {
        chr->is_open = event == CHARDEV_OPENED;
    }
    if (chr->handlers && chr->handlers->event) {
        chr->handlers->event(chr->opaque, event);
    }
}

/* --- properties --------------------------------------------------------------------------- */

static int resolve(struct device *dev, const char *name, void **out, struct error **err)
{
    struct chardev *chr = chardev_find(name);

    if (!chr) {
        error_set(err, "there is no chardev '%s'", name);
        return -ENOENT;
    }
    *out = chr;
    return 0;
}

static const char *object_name(const void *object)
{
    const struct chardev *chr = object;
    return chr->id ? chr->id : chr->label;
}

void chardev_init(void)
{
    static const struct prop_resolver resolver = {.resolve = resolve, .name = object_name};
    prop_set_resolver(PROP_TYPE_CHARDEV, &resolver);
}

CHARDEV_DEFINE(chardev_null, .name = "null", .help = "throws output away, never has input",
               .state_size = sizeof(struct chardev));

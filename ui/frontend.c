/* SPDX-License-Identifier: MIT */
/* The table of front ends, and which one is taken if nobody says. */
#include "ui/frontend.h"

#include <errno.h>
#include <stdlib.h>

#include "config.h"
#include "ui/display.h"
#include "ui/vnc.h"
#include "util/error.h"
#include "util/log.h"
#include "util/optlist.h"

/* --- rows --------------------------------------------------------------------------------------- */

static int none_start(const struct frontend_config *config, const char *options, struct error **err)
{
    if (*options) {
        error_set(err, "-display none takes no options");
        return -EINVAL;
    }
    return 0;
}

static const struct frontend none_frontend = {
    .name = "none", .help = "the screen is not shown", .start = none_start};

/* vnc=ADDRESS[,...] is -vnc ADDRESS[,...]. */
static int vnc_start(const struct frontend_config *config, const char *options, struct error **err)
{
    if (!*options) {
        error_set(err, "-display vnc=ADDRESS: where? e.g. vnc=:0");
        return -EINVAL;
    }
    return vnc_add(options, err);
}

static const struct frontend vnc_frontend = {
    .name = "vnc", .help = "a VNC server: vnc=ADDRESS,... as -vnc ADDRESS,...", .start = vnc_start};

#if !CONFIG_SDL
const struct frontend sdl_frontend = {.name = "sdl", .help = "a window", .missing = "libsdl2-dev"};
#endif

#if !CONFIG_CURSES
const struct frontend curses_frontend = {
    .name = "curses", .help = "text screens in the terminal", .missing = "libncurses-dev"};
#endif

static const struct frontend *const frontends[] = {&sdl_frontend, &curses_frontend, &vnc_frontend,
                                                   &none_frontend};

/* --- choice ------------------------------------------------------------------------------------- */

const struct frontend *frontend_find(const char *text, const char **options, struct error **err)
{
    const char *names[ARRAY_SIZE(frontends) + 1] = {NULL};
    size_t len = strcspn(text, ",=");
    const struct frontend *found = NULL;
    char *name = g_strndup(text, len);

    for (unsigned i = 0; i < ARRAY_SIZE(frontends); i++) {
        names[i] = frontends[i]->name;
        found = strcmp(name, names[i]) ? found : frontends[i];
    }
    if (!found) {
        error_set(err, "-display: there is no '%s'%s; -display help lists what there is", name,
                  util_did_you_mean(name, names));
    } else if (found->missing) {
        error_set(err, "-display %s: not built in (package %s was missing)", name, found->missing);
        found = NULL;
    }
    g_free(name);
    *options = text + len + (text[len] != '\0');
    return found;
}

void frontend_help(GString *out)
{
    for (unsigned i = 0; i < ARRAY_SIZE(frontends); i++) {
        const struct frontend *f = frontends[i];

        g_string_append_printf(out, "%-8s %s%s\n", f->name, f->help,
                               f->missing ? " (not built in)" : "");
    }
}

static bool window_system(void)
{
    const char *x11 = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");

    return (x11 && *x11) || (wayland && *wayland);
}

static void say_address(void *opaque, const struct vnc_address *a, const char *auth,
                        const char *vencrypt)
{
    if (a && a->host && a->service && !a->websocket) {
        info_report("no window system: the screen is shown by VNC at %s port %s, for this machine "
                    "only",
                    a->host, a->service);
    }
}

static void no_server(void *opaque, const char *id, const char *auth, const char *vencrypt,
                      const char *display)
{
}

static void no_client(void *opaque, const struct vnc_address *a, const char *x509_dname,
                      const char *sasl_username)
{
}

/* Somebody who starts doppel with nothing but a disk on a server wants to see it nevertheless. */
static int start_local_vnc(struct error **err)
{
    static const struct vnc_inspector fns = {
        .server = no_server, .listener = say_address, .client = no_client};
    int ret = vnc_add("localhost:0,to=99", err);

    if (ret == 0) {
        vnc_inspect(&fns, NULL);
    }
    return ret;
}

static const struct frontend *running;

static int start(const struct frontend *f, const struct frontend_config *config,
                 const char *options, struct error **err)
{
    int ret = f->start(config, options, err);

    running = ret == 0 ? f : NULL;
    return ret;
}

/* A window system that does not let us in is none. */
static bool try_window(const struct frontend_config *config)
{
    struct error *err = NULL;

    if (start(&sdl_frontend, config, "", &err) == 0) {
        return true;
    }
    error_free(err);
    return false;
}

int frontend_start(const char *text, const struct frontend_config *config, bool alone,
                   struct error **err)
{
    const char *options;

    if (text) {
        const struct frontend *f = frontend_find(text, &options, err);
        return f ? start(f, config, options, err) : -EINVAL;
    }
    if (!display_find(NULL, 0)) {
        return 0;
    }
    if (!sdl_frontend.missing && window_system() && try_window(config)) {
        return 0;
    }
    return alone ? start_local_vnc(err) : 0;
}

void frontend_stop(void)
{
    if (running && running->stop) {
        running->stop();
    }
    running = NULL;
}

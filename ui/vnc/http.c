/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket port: a request to be upgraded becomes a VNC connection, any other GET (RFC 9110,
 * RFC 9112) gets a file of the web console, one per connection. The console is noVNC as its Debian
 * package installs it; only plain files of that directory are ever served, by names of letters,
 * digits and a few signs.
 *
 * Browsers let any page of the web open WebSockets to any address. Where no password protects the
 * guest, requests made by other sites' pages are refused by their Origin; so are, on this machine,
 * those of pages whose site has made its own name mean this machine.
 */
#include "ui/vnc/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/tls.h"
#include "util/error.h"
#include "util/trace.h"

#define WEB_DIR     "/usr/share/novnc"
#define WEB_PAGE    "vnc.html"
#define WEB_START   "/" WEB_PAGE "?autoconnect=true&resize=scale&path=websockify"
#define REQUEST_MAX 8192u
#define FILE_MAX    MIB(4)
#define SENDING_US  60000000

/* --- answers ------------------------------------------------------------------------------------- */

static void answer(struct vnc_client *c, const char *status, const char *headers, const void *body,
                   size_t len, bool with_body)
{
    char *head =
        g_strdup_printf("HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n"
                        "X-Content-Type-Options: nosniff\r\nX-Frame-Options: SAMEORIGIN\r\n"
                        "Referrer-Policy: no-referrer\r\n%s\r\n",
                        status, len, headers);

    vnc_client_send(c, head, strlen(head));
    if (with_body) {
        vnc_client_send(c, body, len);
    }
    g_free(head);
    vnc_client_end(c);
    vnc_timer_arm(&c->deadline, vnc_now() + SENDING_US, c->deadline.cb, c);
}

static void answer_text(struct vnc_client *c, const char *status, const char *text)
{
    answer(c, status, "Content-Type: text/plain; charset=utf-8\r\n", text, strlen(text), true);
}

/* --- files --------------------------------------------------------------------------------------- */

static const char *type_of(const char *path)
{
    static const char *const rows[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".oga", "audio/ogg"},
        {".mp3", "audio/mpeg"},
        {".ttf", "font/ttf"},
        {".woff", "font/woff"},
        {".woff2", "font/woff2"},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (g_str_has_suffix(path, rows[i][0])) {
            return rows[i][1];
        }
    }
    return NULL; /* what no console consists of */
}

/* "a/b-c.js": no empty parts, none that begins with a dot, nothing to be decoded. */
static bool path_ok(const char *path)
{
    bool first = true;

    for (; *path; path++) {
        if (*path == '/' ? first : !g_ascii_isalnum(*path) && !strchr("._-", *path)) {
            return false;
        }
        if (first && *path == '.') {
            return false;
        }
        first = *path == '/';
    }
    return !first;
}

/* Opened part by part: no symbolic link leads out of the directory. -1: there is no such file. */
static int open_beneath(const char *path)
{
    int dir = open(WEB_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char **parts = g_strsplit(path, "/", -1);

    for (char **p = parts; dir >= 0 && *p; p++) {
        int flags = p[1] ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK;
        int next = openat(dir, *p, flags | O_NOFOLLOW | O_CLOEXEC);
        close(dir);
        dir = next;
    }
    g_strfreev(parts);
    return dir;
}

static GByteArray *read_file(const char *path)
{
    int fd = path_ok(path) ? open_beneath(path) : -1;
    GByteArray *out = g_byte_array_new();
    uint8_t buf[16384];
    struct stat st;
    ssize_t n = -1;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size <= FILE_MAX) {
        while ((n = read(fd, buf, sizeof(buf))) > 0 && out->len < FILE_MAX) {
            g_byte_array_append(out, buf, (guint)n);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    if (n != 0) {
        g_byte_array_free(out, TRUE);
        return NULL;
    }
    return out;
}

static const char not_installed[] =
    "The guest's screen would be here if noVNC were installed on the machine that runs doppel.\n"
    "Install it (on Debian: apt install novnc), then load this page again; the guest can go on.\n"
    "VNC viewers that speak WebSocket can use this port as it is.\n";

static void serve(struct vnc_client *c, const char *target, bool with_body)
{
    char *path = g_strndup(target + 1, strcspn(target + 1, "?#")), *header;
    const char *type = type_of(path);

    if (!*path) {
        answer(c, "302 Found", "Location: " WEB_START "\r\n", "", 0, with_body);
        g_free(path);
        return;
    }
    GByteArray *file = type ? read_file(path) : NULL;
    TRACE(vnc_http, "%s %s", path, file ? "found" : "not found");
    if (file) {
        header = g_strdup_printf("Content-Type: %s\r\n", type);
        answer(c, "200 OK", header, file->data, file->len, with_body);
        g_free(header);
        g_byte_array_free(file, TRUE);
    } else if (!strcmp(path, WEB_PAGE)) {
        answer_text(c, "404 Not Found", not_installed);
    } else {
        answer_text(c, "404 Not Found", "There is no such file.\n");
    }
    g_free(path);
}

/* --- requests ------------------------------------------------------------------------------------ */

/* The value of a header of the request, or NULL; to be freed. */
static char *header_of(const char *request, const char *name)
{
    size_t len = strlen(name);

    for (const char *l = strstr(request, "\r\n"); l && l[2] != '\r'; l = strstr(l + 2, "\r\n")) {
        const char *start = l + 2 + len + 1;
        if (!g_ascii_strncasecmp(l + 2, name, len) && l[2 + len] == ':') {
            return g_strstrip(g_strndup(start, strcspn(start, "\r\n")));
        }
    }
    return NULL;
}

/* A name of this machine nobody else can have given to it: an address, "localhost" (RFC 6761, 6.3),
 * or what it calls itself, as vnc_web_announce() does. host: as in the header, with or without a port. */
static bool certainly_local(const char *host)
{
    bool v6 = host[0] == '[';
    char *name = g_strndup(host + v6, strcspn(host + v6, v6 ? "]" : ":"));
    bool local = g_hostname_is_ip_address(name) || !g_ascii_strcasecmp(name, "localhost") ||
                 !g_ascii_strcasecmp(name, g_get_host_name());

    g_free(name);
    return local;
}

static bool from_this_machine(const struct vnc_client *c)
{
    return g_str_has_prefix(c->at.host, "127.") || !strcmp(c->at.host, "::1");
}

/* Made by a page that came from here, or by no page at all? */
static bool own_origin(const struct vnc_client *c, const char *request)
{
    char *origin = header_of(request, "Origin"), *host = header_of(request, "Host");
    const char *authority = origin ? strstr(origin, "://") : NULL;
    bool own = !origin || (authority && host && !g_ascii_strcasecmp(authority + 3, host) &&
                           (!from_this_machine(c) || certainly_local(host)));

    g_free(origin);
    g_free(host);
    return own;
}

static void upgrade(struct vnc_client *c, const char *request)
{
    if (!vnc_server_has_password(c->server) && !own_origin(c, request)) {
        answer_text(c, "403 Forbidden", "This page comes from somewhere else.\n");
    } else if (vnc_stream_start_websocket(&c->stream) < 0) {
        vnc_client_end(c); /* the refusal has been queued */
    } else {
        vnc_handshake_start(c);
    }
}

static void answer_request(struct vnc_client *c, const char *request)
{
    char **words = g_strsplit(request, " ", 3);
    bool get = !strcmp(words[0], "GET"), head = !strcmp(words[0], "HEAD");
    char *upgrade_to = header_of(request, "Upgrade");

    if (!words[0][0] || !words[1] || !words[2] || words[1][0] != '/' ||
        !g_str_has_prefix(words[2], "HTTP/1.")) {
        answer_text(c, "400 Bad Request", "This is no request.\n");
    } else if (get && upgrade_to && !g_ascii_strcasecmp(upgrade_to, "websocket")) {
        upgrade(c, request);
    } else if (get || head) {
        serve(c, words[1], get);
    } else {
        answer_text(c, "405 Method Not Allowed", "There is only GET.\n");
    }
    g_free(upgrade_to);
    g_strfreev(words);
}

ssize_t vnc_step_web(struct vnc_client *c, const uint8_t *buf, size_t len)
{
    size_t searched = MIN(len, (size_t)REQUEST_MAX);
    const uint8_t *end = memmem(buf, searched, "\r\n\r\n", 4);

    if (memchr(buf, 0, end ? (size_t)(end - buf) : searched) || (!end && len >= REQUEST_MAX)) {
        answer_text(c, "400 Bad Request", "This is no request.\n");
        return (ssize_t)len;
    }
    if (!end) {
        return 0;
    }
    size_t used = (size_t)(end - buf) + 4;
    char *request = g_strndup((const char *)buf, used);
    answer_request(c, request);
    g_free(request);
    return (ssize_t)used;
}

/* --- telling the user ---------------------------------------------------------------------------- */

/* To be freed; NULL: there is no such port. */
static char *url_of(const struct vnc_server *s)
{
    const char *scheme = s->creds ? "https" : "http";

    for (unsigned i = 0; i < s->listener_count; i++) {
        const struct vnc_endpoint *at = &s->listeners[i].at;
        bool any = !strcmp(at->host, "0.0.0.0") || !strcmp(at->host, "::");
        const char *host = any ? g_get_host_name() : at->host;
        if (at->websocket) {
            const char *format = strchr(host, ':') ? "%s://[%s]:%s/" : "%s://%s:%s/";
            return g_strdup_printf(format, scheme, host, at->service);
        }
    }
    return NULL;
}

void vnc_web_announce(const struct vnc_server *s)
{
    char *url = url_of(s);

    if (!url) {
        return;
    }
    if (s->creds && tls_creds_kind(s->creds) != TLS_X509) {
        warn_report("-vnc: browsers would need tls-creds-x509 for %s", url);
    } else if (access(WEB_DIR "/" WEB_PAGE, R_OK) < 0) {
        info_report("%s would show the screen to browsers if noVNC were installed (package novnc)",
                    url);
    } else {
        info_report("browsers find the screen at %s", url);
    }
    g_free(url);
}

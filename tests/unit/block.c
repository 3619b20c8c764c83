/* SPDX-License-Identifier: MIT */
/* Block layer: raw images, overlays, read-only, bounds, errors, media; -drive, good and bad. */
#include "tests/test.h"

#include "block/block.h"
#include "hw/core/lock.h"
#include "util/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTORS 100u

static char *dir, *file;

static void cleanup(void)
{
    char *fifo = g_strdup_printf("%s/fifo", dir);

    g_unlink(file);
    g_unlink(fifo);
    g_rmdir(dir);
    g_free(fifo);
}

static void setup(void)
{
    uint8_t sector[512];

    device_lock();
    dir = g_dir_make_tmp("doppel-block-XXXXXX", NULL);
    file = g_strdup_printf("%s/a,b.img", dir); /* a comma is doubled in options */
    FILE *f = fopen(file, "w");
    for (unsigned i = 0; i < SECTORS; i++) {
        memset(sector, (int)i, sizeof(sector));
        ck_assert_uint_eq(fwrite(sector, 1, 512, f), 512);
    }
    fclose(f);
    atexit(cleanup);
}

static const struct drive_options defaults = {
    .interface = DRIVE_IF_IDE, .bus = -1, .unit = -1, .index = -1};

/* "%s" in the text is the image, escaped. */
static int drive(const char *text, struct error **err)
{
    char **parts = g_strsplit(file, ",", -1), *escaped = g_strjoinv(",,", parts);
    char **pieces = g_strsplit(text, "%s", -1), *full = g_strjoinv(escaped, pieces);
    int ret = block_parse_drive(full, &defaults, err);

    g_strfreev(parts);
    g_strfreev(pieces);
    g_free(escaped);
    g_free(full);
    return ret;
}

static struct block_device *open_drive(const char *text)
{
    struct error *err = NULL;

    ck_assert_msg(drive(text, &err) == 0, "%s: %s", text, err ? error_msg(err) : "");
    struct block_device *d = block_device_find("d");
    ck_assert_ptr_nonnull(d);
    return d;
}

static int result;

static void done(struct block_request *req, int ret)
{
    result = ret;
}

static int request(struct block_device *d, enum block_op op, uint64_t offset, void *buf, size_t len)
{
    struct iovec iov = {buf, len};
    struct block_request req = {
        .op = op, .offset = offset, .length = len, .iov = &iov, .iov_count = 1, .done = done};

    result = 1;
    block_submit(d, &req);
    ck_assert_int_eq(result, 1); /* never from inside */
    block_drain(d);
    ck_assert_int_le(result, 0);
    return result;
}

static uint8_t on_disk(uint64_t at)
{
    uint8_t byte = 0;
    int fd = open(file, O_RDONLY);

    ck_assert_int_eq(pread(fd, &byte, 1, (off_t)at), 1);
    close(fd);
    return byte;
}

START_TEST(test_raw)
{
    uint8_t buf[2048], ones[2048];
    struct block_device *d;

    setup();
    memset(ones, 0xee, sizeof(ones));
    d = open_drive("file=%s,format=raw,id=d,serial=X1");
    ck_assert_uint_eq(block_length(d), SECTORS * 512);
    ck_assert(block_present(d) && !block_readonly(d) && !block_is_cdrom(d));
    ck_assert_str_eq(block_serial(d), "X1");
    ck_assert_int_eq(request(d, BLOCK_READ, 5 * 512, buf, 1024), 0);
    ck_assert_uint_eq(buf[0], 5);
    ck_assert_uint_eq(buf[1023], 6);
    ck_assert_int_eq(request(d, BLOCK_WRITE, 512, ones, 512), 0);
    ck_assert_int_eq(request(d, BLOCK_FLUSH, 0, NULL, 0), 0);
    ck_assert_uint_eq(on_disk(512), 0xee);
    ck_assert_uint_eq(on_disk(1024), 2);
    ck_assert_int_eq(request(d, BLOCK_WRITE_ZEROES, 1024, NULL, 1024), 0);
    ck_assert_uint_eq(on_disk(1024), 0);
    ck_assert_int_eq(request(d, BLOCK_DISCARD, 4096, NULL, 4096), 0);
    ck_assert_int_eq(request(d, BLOCK_READ, 4096, buf, 512), 0);
    ck_assert_uint_eq(buf[0], 0);
    /* bounds */
    ck_assert_int_eq(request(d, BLOCK_READ, (SECTORS - 1) * 512, buf, 512), 0);
    ck_assert_int_eq(request(d, BLOCK_READ, (SECTORS - 1) * 512, buf, 1024), -EIO);
    ck_assert_int_eq(request(d, BLOCK_WRITE, SECTORS * 512, ones, 512), -EIO);
    ck_assert_int_eq(request(d, BLOCK_READ, UINT64_MAX - 511, buf, 512), -EIO);
    ck_assert_int_eq(request(d, BLOCK_DISCARD, UINT64_MAX - 511, NULL, 1024), -EIO);
    ck_assert_int_eq(request(d, BLOCK_WRITE_ZEROES, 0, NULL, SIZE_MAX), -EIO);
    const struct block_stat *st = block_get_stats(d)->of;
    ck_assert_uint_eq(st[BLOCK_STAT_READ].invalid, 2);
    ck_assert_uint_eq(st[BLOCK_STAT_WRITE].invalid, 2);
    ck_assert_uint_eq(st[BLOCK_STAT_UNMAP].invalid, 1);
    ck_assert_uint_eq(st[BLOCK_STAT_READ].failed, 0);
    ck_assert_uint_eq(st[BLOCK_STAT_WRITE].bytes, 512 + 1024);
    ck_assert_uint_eq(block_get_stats(d)->write_end, 2048);
    /* the file shrinks under us: zeros */
    ck_assert_int_eq(truncate(file, 512), 0);
    memset(buf, 1, sizeof(buf));
    ck_assert_int_eq(request(d, BLOCK_READ, 0, buf, 1024), 0);
    ck_assert_uint_eq(buf[511], 0);
    ck_assert_uint_eq(buf[512], 0);
    block_cleanup();
}
END_TEST

START_TEST(test_many_pieces)
{
    static uint8_t buf[SECTORS * 512];
    struct iovec iov[1000];
    struct block_device *d;

    setup();
    d = open_drive("file=%s,format=raw,id=d");
    uint64_t len = 0;
    for (unsigned i = 0; i < 1000; i++) {
        iov[i] = (struct iovec){buf + len, i % 7 ? 2 : 0};
        len += iov[i].iov_len;
    }
    struct block_request req = {
        .op = BLOCK_READ, .offset = 100, .iov = iov, .iov_count = 1000, .done = done};
    block_submit(d, &req);
    block_drain(d);
    ck_assert_int_eq(result, 0);
    ck_assert_uint_eq(req.length, len);
    for (uint64_t i = 0; i < len; i++)
        ck_assert_uint_eq(buf[i], (100 + i) / 512);
    block_cleanup();
}
END_TEST

START_TEST(test_snapshot)
{
    uint8_t buf[20000], model[SECTORS * 512];
    struct block_device *d;

    setup();
    for (unsigned i = 0; i < sizeof(model); i++)
        model[i] = (uint8_t)(i / 512);
    d = open_drive("file=%s,format=raw,id=d,snapshot=on");
    ck_assert(!block_readonly(d));
    srand(1);
    for (unsigned i = 0; i < 500; i++) {
        unsigned at = (unsigned)rand() % sizeof(model);
        unsigned len = (unsigned)rand() % sizeof(buf) + 1;
        len = MIN(len, (unsigned)sizeof(model) - at);
        if (i % 2) {
            memset(buf, (int)i, len);
            memset(model + at, (int)i, len);
            ck_assert_int_eq(request(d, BLOCK_WRITE, at, buf, len), 0);
        } else {
            ck_assert_int_eq(request(d, BLOCK_READ, at, buf, len), 0);
            ck_assert_mem_eq(buf, model + at, len);
        }
    }
    block_cleanup();
    for (unsigned i = 0; i < SECTORS; i++)
        ck_assert_uint_eq(on_disk(i * 512), i); /* as it was */
}
END_TEST

START_TEST(test_readonly)
{
    uint8_t buf[512] = {0};
    struct block_device *d;

    setup();
    ck_assert_int_eq(chmod(file, 0400), 0);
    d = open_drive("file=%s,format=raw,id=d,readonly=on");
    ck_assert(block_readonly(d));
    ck_assert_int_eq(request(d, BLOCK_WRITE, 0, buf, 512), -EROFS);
    ck_assert_int_eq(request(d, BLOCK_DISCARD, 0, NULL, 512), -EROFS);
    ck_assert_int_eq(request(d, BLOCK_READ, 512, buf, 512), 0);
    ck_assert_uint_eq(buf[0], 1);
    block_cleanup();
}
END_TEST

static unsigned changes;
static bool locked;

static void media_changed(void *opaque)
{
    changes++;
}

static bool open_tray;
static unsigned eject_requests;

static bool tray_is_open(void *opaque)
{
    return open_tray;
}

static void set_tray(void *opaque, bool open)
{
    open_tray = open;
}

static void eject_request(void *opaque, bool force)
{
    eject_requests++;
}

static bool tray_locked(void *opaque)
{
    return locked;
}

START_TEST(test_media)
{
    static const struct block_device_ops ops = {.media_changed = media_changed,
                                                .tray_locked = tray_locked,
                                                .tray_open = tray_is_open,
                                                .set_tray = set_tray,
                                                .eject_request = eject_request};
    struct error *err = NULL;
    struct block_device *d;
    uint8_t buf[512];

    setup();
    d = open_drive("if=ide,media=cdrom,id=d");
    ck_assert(!block_present(d) && block_is_cdrom(d) && block_length(d) == 0);
    ck_assert_int_eq(request(d, BLOCK_READ, 0, buf, 512), -ENOMEDIUM);
    ck_assert_int_eq(block_attach(d, &ops, NULL, NULL, &err), 0);
    ck_assert_int_eq(block_attach(d, &ops, NULL, NULL, &err), -EBUSY);
    error_free(err);
    err = NULL;
    ck_assert_int_lt(block_change(d, "/nonexistent", NULL, false, false, &err), 0);
    ck_assert(strstr(error_msg(err), "/nonexistent") != NULL);
    error_free(err);
    err = NULL;
    ck_assert_uint_eq(changes, 0);
    ck_assert_int_eq(block_change(d, file, NULL, false, false, &err), 0);
    ck_assert_uint_eq(changes, 1);
    ck_assert(block_readonly(d));
    ck_assert_int_eq(request(d, BLOCK_READ, 0, buf, 512), 0);
    locked = true;
    ck_assert_int_eq(block_eject(d, false, &err), -EBUSY);
    error_free(err);
    err = NULL;
    ck_assert(block_present(d));
    ck_assert_uint_eq(eject_requests, 1);
    ck_assert(!open_tray);
    ck_assert_int_eq(block_remove_medium(d, NULL), -EBUSY);
    ck_assert_int_eq(block_eject(d, true, &err), 0);
    ck_assert(!block_present(d) && open_tray);
    ck_assert_uint_eq(changes, 2);
    ck_assert_int_eq(block_close_tray(d, &err), 0);
    ck_assert(!open_tray);
    locked = false;
    ck_assert_int_eq(block_open_tray(d, false, &err), 0);
    ck_assert_int_eq(block_open_tray(d, false, &err), 0);
    ck_assert(open_tray);
    block_device_drop(d); /* as soon as nobody uses it */
    ck_assert_ptr_null(block_device_find("d"));
    block_detach(d);
    block_cleanup();
}
END_TEST

START_TEST(test_places)
{
    static const struct {
        const char *text, *id;
        int bus, unit;
    } drives[] = {
        {"file=%s,format=raw,snapshot=on", "ide0-hd0", 0, 0},
        {"media=cdrom", "ide1-cd0", 1, 0},
        {"media=cdrom", "ide1-cd1", 1, 1},
        {"index=1,media=cdrom", "ide0-cd1", 0, 1},
    };
    struct error *err = NULL;

    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(drives); i++) {
        ck_assert_msg(drive(drives[i].text, &err) == 0, "%s", err ? error_msg(err) : "");
        struct block_device *d = block_find_drive(DRIVE_IF_IDE, drives[i].bus, drives[i].unit);
        ck_assert_ptr_nonnull(d);
        ck_assert_str_eq(block_id(d), drives[i].id);
    }
    ck_assert_int_lt(drive("media=cdrom", &err), 0);
    ck_assert(strstr(error_msg(err), "no place") != NULL);
    error_free(err);
    block_cleanup();
}
END_TEST

START_TEST(test_bad_drives)
{
    static const struct {
        const char *text, *part;
    } bad[] = {
        {"file=/nonexistent", "cannot open image '/nonexistent'"},
        {"file=/tmp", "directory"},
        {"file=/dev/null", "neither a file nor a block device"},
        {"file=%s,format=quow2", "unknown image format 'quow2'"},
        {"file=%s,if=sata", "if"},
        {"file=%s,flie=x", "did you mean 'file'"},
        {"file=%s,index=9", "no place"},
        {"file=%s,index=-1", "index"},
        {"file=%s,index=banana", "banana"},
        {"file=%s,unit=2,bus=0", "units 0 to 1"},
        {"file=%s,bus=2", "no place"},
        {"file=%s,index=0,unit=1", "either index or bus and unit"},
        {"file=%s,media=tape", "tape"},
        {"file=%s,cache=maybe", "maybe"},
        {"file=%s,readonly=perhaps", "perhaps"},
        {"index=0,media=cdrom", "two drives have if=ide,index=0"},
        {"if=none,id=taken", "already"},
    };

    setup();
    open_drive("if=ide,index=0,media=cdrom,id=d");
    ck_assert_int_eq(drive("if=none,id=taken", NULL), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct error *err = NULL;
        ck_assert_msg(drive(bad[i].text, &err) < 0, "%s", bad[i].text);
        ck_assert_msg(err && strstr(error_msg(err), bad[i].part) != NULL, "%s: '%s' lacks '%s'",
                      bad[i].text, err ? error_msg(err) : "", bad[i].part);
        ck_assert_ptr_null(strchr(error_msg(err), '\n'));
        error_free(err);
    }
    block_cleanup();
}
END_TEST

START_TEST(test_bad_files)
{
    struct error *err = NULL;
    char *text;

    setup();
    ck_assert_int_eq(truncate(file, 0), 0);
    ck_assert_int_lt(drive("file=%s,format=raw", &err), 0);
    ck_assert(strstr(error_msg(err), "is empty") != NULL);
    error_free(err);
    err = NULL;
    text = g_strdup_printf("file=%s/fifo", dir);
    char *fifo = g_strdup_printf("%s/fifo", dir);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    ck_assert_int_lt(drive(text, &err), 0); /* and does not hang */
    error_free(err);
    err = NULL;
    g_free(text);
    g_free(fifo);
    /* a partial last sector */
    ck_assert_int_eq(truncate(file, 700), 0);
    struct block_device *d = open_drive("file=%s,format=raw,id=d");
    ck_assert_uint_eq(block_length(d), 1024);
    uint8_t buf[512];
    memset(buf, 7, sizeof(buf));
    ck_assert_int_eq(request(d, BLOCK_READ, 512, buf, 512), 0);
    ck_assert_uint_eq(buf[511], 0);
    block_cleanup();
}
END_TEST

static int node(const char *text, struct error **err)
{
    char *full = g_strdup_printf("%s,file.filename=", text);
    char **parts = g_strsplit(file, ",", -1), *escaped = g_strjoinv(",,", parts);
    char *whole = g_strconcat(full, escaped, NULL);
    int ret = block_node_add(whole, err);

    g_strfreev(parts);
    g_free(escaped);
    g_free(full);
    g_free(whole);
    return ret;
}

START_TEST(test_nodes)
{
    static const char *const bad[] = {
        "driver=raw,node-name=n,read-only=on", /* twice */
        "driver=raw", "driver=nosuch,node-name=x", "driver=raw,node-name=-x", "node-name=x",
        "driver=raw,node-name=x,cache.direct=on", "driver=raw,node-name=x,detect=on",
        "driver=raw,node-name=d",
    };
    struct error *err = NULL;
    uint8_t buf[512];

    setup();
    struct block_device *d = open_drive("if=none,id=d");
    ck_assert_int_eq(node("driver=raw,node-name=n,discard=unmap", &err), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        ck_assert_msg(node(bad[i], &err) < 0, "%s", bad[i]);
        ck_assert_ptr_nonnull(err);
        error_free(err);
        err = NULL;
    }
    ck_assert_int_lt(block_node_add("driver=file,node-name=x,filename=/nonexistent/x", NULL), 0);
    ck_assert_int_lt(block_node_add("driver=raw,node-name=x,file=nosuch", NULL), 0);
    ck_assert_int_eq(block_insert_node(d, block_node_find("n"), &err), 0);
    ck_assert(block_node_of(d) == block_node_find("n"));
    ck_assert_int_eq(block_insert_node(d, block_node_find("n"), NULL), -EBUSY);
    ck_assert_int_eq(request(d, BLOCK_READ, 5 * 512, buf, 512), 0);
    ck_assert_uint_eq(buf[0], 5);
    ck_assert_int_eq(request(d, BLOCK_DISCARD, 4096, NULL, 4096), 0);
    ck_assert_uint_eq(on_disk(4096), 0);
    ck_assert_int_eq(block_node_del("n", NULL), -EBUSY);
    ck_assert_int_eq(block_remove_medium(d, &err), 0);
    ck_assert_int_eq(block_node_del("n", &err), 0);
    ck_assert_int_eq(block_node_del("n", NULL), -ENOENT);
    /* a file and a format on it, that must go first */
    g_chmod(file, 0400);
    char **parts = g_strsplit(file, ",", -1), *escaped = g_strjoinv(",,", parts);
    char *text = g_strdup_printf("driver=file,node-name=f,auto-read-only=on,filename=%s", escaped);
    ck_assert_int_eq(block_node_add(text, &err), 0);
    ck_assert_int_eq(block_node_add("driver=raw,node-name=r,file=f", &err), 0);
    ck_assert_int_eq(block_node_del("f", NULL), -EBUSY);
    ck_assert_int_eq(block_insert_node(d, block_node_find("r"), &err), 0);
    ck_assert_int_eq(request(d, BLOCK_DISCARD, 8192, NULL, 4096), block_readonly(d) ? -EROFS : 0);
    ck_assert_uint_eq(on_disk(8192), 16); /* discard=ignore is the default */
    block_device_drop(d);
    ck_assert_int_eq(block_node_del("r", &err), 0);
    ck_assert_int_eq(block_node_del("f", &err), 0);
    g_strfreev(parts);
    g_free(escaped);
    g_free(text);
    block_cleanup();
}
END_TEST

START_TEST(test_resize)
{
    uint8_t buf[1024], ones[512];
    struct stat st;

    setup();
    memset(ones, 0xee, sizeof(ones));
    struct block_device *d = open_drive("file=%s,format=raw,id=d");
    ck_assert_int_eq(block_resize(d, 100 * 512 + 1, NULL), 0);
    ck_assert_uint_eq(block_length(d), 101 * 512);
    ck_assert_int_eq(request(d, BLOCK_READ, 99 * 512, buf, 1024), 0);
    ck_assert(buf[511] == 99 && buf[512] == 0);
    ck_assert_int_eq(block_resize(d, 10 * 512, NULL), 0);
    ck_assert_int_eq(request(d, BLOCK_READ, 10 * 512, buf, 512), -EIO);
    ck_assert_int_lt(block_resize(d, 0, NULL), 0);
    ck_assert_int_lt(block_resize(d, UINT64_MAX - 511, NULL), 0);
    ck_assert_int_lt(block_commit(d, NULL), 0); /* no overlay */
    block_device_drop(d);
    /* an overlay alone, then with what is below */
    d = open_drive("file=%s,format=raw,id=d,snapshot=on");
    ck_assert_int_eq(block_resize(d, 40 * 512, NULL), 0);
    ck_assert_int_eq(request(d, BLOCK_READ, 9 * 512, buf, 1024), 0);
    ck_assert(buf[511] == 9 && buf[512] == 0);
    ck_assert_int_eq(request(d, BLOCK_WRITE, 30 * 512, ones, 512), 0);
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_int_eq(st.st_size, 10 * 512);
    ck_assert_int_eq(block_commit(d, NULL), 0);
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_int_eq(st.st_size, 40 * 512);
    ck_assert(on_disk(30 * 512) == 0xee && on_disk(9 * 512) == 9 && on_disk(31 * 512) == 0);
    ck_assert_int_eq(request(d, BLOCK_WRITE, 0, ones, 512), 0); /* kept apart again */
    ck_assert_uint_eq(on_disk(0), 0);
    ck_assert_int_eq(request(d, BLOCK_READ, 0, buf, 512), 0);
    ck_assert_uint_eq(buf[0], 0xee);
    block_cleanup();
    d = open_drive("file=%s,format=raw,id=d,readonly=on");
    ck_assert_int_lt(block_resize(d, 512, NULL), 0);
    block_cleanup();
}
END_TEST

TEST_MAIN("block", test_nodes, test_resize, test_raw, test_many_pieces, test_snapshot, test_readonly, test_media,
          test_places, test_bad_drives, test_bad_files)

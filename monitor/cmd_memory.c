/* SPDX-License-Identifier: MIT */
/* Commands that save memory to files. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "hw/core/memory.h"
#include "monitor/dump.h"
#include "monitor/internal.h"
#include "system/cpu.h"
#include "system/cpu_inspect.h"
#include "system/fds.h"
#include "system/runstate.h"

#define CHUNK 65536u

typedef bool read_fn(const struct vcpu *cpu, uint64_t addr, void *buf, uint64_t len);

static bool read_linear(const struct vcpu *cpu, uint64_t addr, void *buf, uint64_t len)
{
    return vcpu_read_memory(cpu, addr, buf, len) == len;
}

static bool read_physical(const struct vcpu *cpu, uint64_t addr, void *buf, uint64_t len)
{
    if (vcpu_read_physical(cpu, addr, buf, len) < len) {
        addr_space_read(&as_memory, addr, buf, len); /* holes read as ones, devices are asked */
    }
    return true;
}

static int copy_out(const struct vcpu *cpu, read_fn *read, uint64_t addr, uint64_t size, FILE *f,
                    struct error **err)
{
    uint8_t *buf = g_malloc(CHUNK);
    int ret = 0;

    for (uint64_t done = 0; done < size && ret == 0;) {
        uint64_t at = addr + done, n = MIN(size - done, CHUNK - (at & (CHUNK - 1)));
        if (!read(cpu, at, buf, n)) {
            error_set(err, "Invalid addr 0x%016" PRIx64 "/size %" PRIu64 " specified", addr, size);
            ret = -EFAULT;
        } else if (fwrite(buf, 1, n, f) != n) {
            ret = error_set_errno(err, errno, "writing the file");
        }
        done += n;
    }
    g_free(buf);
    return ret;
}

static json_t *save(const struct vcpu *cpu, read_fn *read, json_t *args, struct error **err)
{
    const char *name = arg_str(args, "filename");
    int64_t size = arg_int(args, "size", 0);

    if (size < 0) {
        error_set(err, "Parameter 'size' expects a number of bytes");
        return NULL;
    }
    FILE *f = fopen(name, "we");
    if (!f) {
        error_set_errno(err, errno, "Could not open '%s'", name);
        return NULL;
    }
    vcpu_gate_close();
    int ret = copy_out(cpu, read, (uint64_t)arg_int(args, "val", 0), (uint64_t)size, f, err);
    vcpu_gate_open();
    if (fclose(f) && ret == 0) {
        ret = error_set_errno(err, errno, "writing '%s'", name);
    }
    return ret < 0 ? NULL : qmp_empty();
}

json_t *qmp_memsave(struct monitor *m, json_t *args, struct error **err)
{
    int64_t index = arg_int(args, "cpu-index", 0);

    if (index < 0 || index >= vcpu_count()) {
        error_set(err, "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    return save(vcpu_get((unsigned)index), read_linear, args, err);
}

void hmp_memsave(struct monitor *m, json_t *args)
{
    json_object_set_new(args, "cpu-index", json_integer(vcpu_index(monitor_vcpu(m))));
    hmp_via_qmp(m, args);
}

json_t *qmp_pmemsave(struct monitor *m, json_t *args, struct error **err)
{
    return save(vcpu_get(0), read_physical, args, err);
}

/* --- dump-guest-memory -------------------------------------------------------------------------- */

static const char *last_status = "none";
static uint64_t last_size;

json_t *qmp_query_dump(struct monitor *m, json_t *args, struct error **err)
{
    return json_pack("{s:s, s:I, s:I}", "status", last_status, "completed", (json_int_t)last_size,
                     "total", (json_int_t)last_size);
}

json_t *qmp_query_dump_capability(struct monitor *m, json_t *args, struct error **err)
{
    return json_pack("{s:[s]}", "formats", "elf");
}

static int open_target(const char *protocol, struct error **err)
{
    int fd = -1;

    if (g_str_has_prefix(protocol, "file:")) {
        fd = open(protocol + 5, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0) {
            error_set_errno(err, errno, "Could not open '%s'", protocol + 5);
        }
    } else if (g_str_has_prefix(protocol, "fd:")) {
        fd = fds_take(protocol + 3);
        if (fd < 0) {
            error_set(err, "File descriptor named '%s' has not been found", protocol + 3);
        }
    } else {
        error_set(err, "parameter 'protocol' must start with 'file:' or 'fd:'");
    }
    return fd;
}

static bool dump_range_ok(json_t *args, struct error **err)
{
    int64_t begin = arg_int(args, "begin", 0), length = arg_int(args, "length", 0);
    const char *format = arg_str(args, "format");

    if (format && strcmp(format, "elf")) {
        error_set(err, "this build supports only the format 'elf'");
    } else if (arg_has(args, "begin") != arg_has(args, "length")) {
        error_set(err, "'begin' and 'length' go together");
    } else if (begin < 0 || length < 0) {
        error_set(err, "'begin' and 'length' are addresses and sizes");
    } else if (arg_has(args, "begin") && arg_bool(args, "paging", false)) {
        error_set(err, "with 'paging' no part can be chosen");
    } else {
        return true;
    }
    return false;
}

json_t *qmp_dump_guest_memory(struct monitor *m, json_t *args, struct error **err)
{
    struct dump_options o = {.paging = arg_bool(args, "paging", false),
                             .begin = (uint64_t)arg_int(args, "begin", 0),
                             .length = (uint64_t)arg_int(args, "length", INT64_MAX)};

    if (!dump_range_ok(args, err)) {
        return NULL;
    }
    int fd = open_target(arg_str(args, "protocol"), err);
    if (fd < 0) {
        return NULL;
    }
    struct error *local = NULL;
    vcpu_gate_close();
    int ret = dump_write(fd, &o, &last_size, &local);
    vcpu_gate_open();
    close(fd);
    last_status = ret < 0 ? "failed" : "completed";
    if (arg_bool(args, "detach", false)) { /* it has ended before it could be waited for */
        json_t *data = json_pack("{s:o}", "result", qmp_query_dump(m, args, NULL));
        if (ret < 0) {
            json_object_set_new(data, "error", json_string(error_msg(local)));
        }
        event_send("DUMP_COMPLETED", data);
    }
    if (ret < 0) {
        error_propagate(err, local);
        return NULL;
    }
    return qmp_empty();
}

void hmp_dump_guest_memory(struct monitor *m, json_t *args)
{
    char *protocol = g_strdup_printf("file:%s", arg_str(args, "filename"));

    json_object_set_new(args, "protocol", json_string(protocol));
    json_object_del(args, "filename");
    if (!arg_has(args, "paging")) {
        json_object_set_new(args, "paging", json_false());
    }
    hmp_via_qmp(m, args);
    g_free(protocol);
}

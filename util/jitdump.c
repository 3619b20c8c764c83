/* SPDX-License-Identifier: MIT */
/*
 * Perf's dump of code made at run time: the bytes of every block with a name and a time, so that
 * `perf inject --jit` makes ELF files of them and `perf annotate` shows instructions even of code
 * that has been thrown away since. Reference: Linux, tools/perf/Documentation/jitdump-specification.txt.
 *
 * Numbers are in the host's byte order, times those of CLOCK_MONOTONIC (perf record -k mono). Perf
 * learns of the file from an executable mapping of it.
 */
#include "util/jitdump.h"

#include <elf.h>
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "util/error.h"

#define MAGIC   0x4a695444u
#define VERSION 1u

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#else
#define HOST_MACHINE EM_NONE
#endif

enum record { RECORD_CODE_LOAD = 0 };

struct header {
    uint32_t magic, version, total_size, machine, pad, pid;
    uint64_t timestamp, flags;
};

/* Followed by the name with its NUL, and the code. */
struct code_load {
    uint32_t id, total_size;
    uint64_t timestamp;
    uint32_t pid, tid;
    uint64_t vma, addr, size, index;
};

_Static_assert(sizeof(struct header) == 40 && sizeof(struct code_load) == 56, "as perf has them");

static FILE *dump;
static pthread_mutex_t dump_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t next_index;

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int begin(const char *path, struct error **err)
{
    const struct header head = {.magic = MAGIC,
                                .version = VERSION,
                                .total_size = sizeof(head),
                                .machine = HOST_MACHINE,
                                .pid = (uint32_t)getpid(),
                                .timestamp = now()};

    if (fwrite(&head, sizeof(head), 1, dump) != 1 || fflush(dump) ||
        mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(dump),
             0) == MAP_FAILED) {
        return error_set_errno(err, errno, "cannot write and map '%s'", path);
    }
    return 0;
}

int jitdump_open(struct error **err)
{
    char *path = g_strdup_printf("/tmp/jit-%d.dump", (int)getpid());
    int ret = 0;

    dump = fopen(path, "w+xe");
    if (!dump) {
        ret = error_set_errno(err, errno, "cannot make '%s'", path);
    } else if ((ret = begin(path, err)) < 0) {
        fclose(dump);
        dump = NULL;
    }
    g_free(path);
    return ret;
}

bool jitdump_enabled(void)
{
    return dump;
}

void jitdump_add(const void *code, size_t size, const char *name)
{
    size_t name_size = strlen(name) + 1;
    struct code_load r = {.id = RECORD_CODE_LOAD,
                          .total_size = (uint32_t)(sizeof(r) + name_size + size),
                          .pid = (uint32_t)getpid(),
                          .tid = (uint32_t)gettid(),
                          .vma = (uintptr_t)code,
                          .addr = (uintptr_t)code,
                          .size = size};

    pthread_mutex_lock(&dump_lock);
    r.timestamp = now(); /* in the order of the file */
    r.index = next_index++;
    fwrite(&r, sizeof(r), 1, dump);
    fwrite(name, name_size, 1, dump);
    fwrite(code, size, 1, dump);
    pthread_mutex_unlock(&dump_lock);
}

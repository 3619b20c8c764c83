/* SPDX-License-Identifier: MIT */
/*
 * Runs the bare-metal guests in this process: all of them by all backends, or
 *     run interp|jit ROM [CPU [SECONDS]]
 * one, with its console shown; the status then is the guest's, 3 if it did not get to its end.
 * LOG_ITEMS in the environment is as -d.
 */
#include "tests/lib/minipc.h"
#include "translator/backend.h"
#include "util/error.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern const struct backend_ops backend_x86_64 __attribute__((weak));

/* What must hold on every CPU runs on the default one. */
static const struct guest {
    const char *name, *cpu;
} guests[] = {
    {"segments", NULL},
    {"gates", NULL},
    {"tasks", NULL},
    {"vm86", NULL},
    {"debug", NULL},
    {"real", NULL},
    {"long", NULL},
    {"paging64", NULL},
    {"amd32", "Opteron_G1"},
    {"amd64", "Opteron_G1"},
};

static const struct backend_ops *find_backend(const char *name)
{
    return strcmp(name, "jit") ? &backend_interp : &backend_x86_64;
}

static int run_one(const char *accel, const char *rom, const char *cpu, double seconds)
{
    static char out[65536];
    int status = minipc_run(find_backend(accel), cpu, rom, seconds, out, sizeof(out));

    fputs(out, stdout);
    if (status == MINIPC_TIMEOUT)
        puts("timeout");
    else if (status == MINIPC_HALTED)
        puts("halted");
    else if (status == MINIPC_RESET)
        puts("reset");
    fflush(stdout);
    return status < 0 ? 3 : status;
}

/* In a child: a machine can be built once in a process. */
static bool run_child(const char *accel, const struct guest *guest)
{
    const char *build = getenv("B");
    char rom[512];
    int status;
    pid_t pid;

    snprintf(rom, sizeof(rom), "%s/x86/%s.rom", build ? build : "build", guest->name);
    printf("%s %s: ", accel, guest->name);
    fflush(stdout);
    pid = fork();
    if (!pid)
        _exit(run_one(accel, rom, guest->cpu, 60));
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int run_all(void)
{
    static const char *const accels[] = {"interp", "jit"};
    int failed = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(accels); i++)
        for (unsigned n = 0; n < ARRAY_SIZE(guests) && find_backend(accels[i]); n++)
            failed += !run_child(accels[i], &guests[n]);
    return failed != 0;
}

int main(int argc, char **argv)
{
    const char *items = getenv("LOG_ITEMS");
    struct error *err = NULL;
    uint32_t mask = 0;

    if (items && !log_parse_items(items, &mask, &err))
        log_set_mask(mask);
    if (argc < 3)
        return run_all();
    if (!find_backend(argv[1]))
        return 77;
    return run_one(argv[1], argv[2], argc > 3 ? argv[3] : NULL, argc > 4 ? atof(argv[4]) : 20);
}

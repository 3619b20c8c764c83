/* SPDX-License-Identifier: MIT */
/*
 * Processes: forks and executes a command again and again.
 *     spawn N FILE COMMAND...     FILE: what the command writes, or /dev/null
 * The checksum is that of FILE and of the exit statuses.
 */
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

const char bench_name[] = "spawn";

void bench_prepare(void)
{
    bench_require(bench_args[0] && bench_args[1], "no command");
}

static int run_once(void)
{
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        execv(bench_args[1], bench_args + 1);
        _exit(127);
    }
    waitpid(child, &status, 0);
    return status;
}

static uint64_t sum_file(const char *path)
{
    FILE *file = fopen(path, "r");
    uint64_t sum = 0;
    int c;

    bench_require(file != NULL, "no output");
    while ((c = getc(file)) != EOF)
        sum = bench_mix(sum, c + 1);
    fclose(file);
    return sum;
}

uint64_t bench_run(uint64_t iterations)
{
    uint64_t failed = 0;

    while (iterations--)
        failed += run_once() != 0;
    bench_require(!failed, "the command failed");
    return sum_file(bench_args[0]);
}

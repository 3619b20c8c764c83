/* SPDX-License-Identifier: MIT */
/* docs/monitor-commands.md says what the command table says; --write makes it so. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "monitor/monitor.h"

#define PAGE "docs/monitor-commands.md"

int main(int argc, char **argv)
{
    char *made = monitor_manual(), *there = NULL;
    int status = 0;

    if (argc > 1 && !strcmp(argv[1], "--write")) {
        status = !g_file_set_contents(PAGE, made, -1, NULL);
    } else if (!g_file_get_contents(PAGE, &there, NULL, NULL) || strcmp(there, made)) {
        printf("%s is not what the command table says; %s --write writes it\n", PAGE, argv[0]);
        status = 1;
    } else {
        printf("%s is up to date\n", PAGE);
    }
    g_free(made);
    g_free(there);
    return status;
}

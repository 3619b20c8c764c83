/* SPDX-License-Identifier: MIT */
/* The terminal on standard input: raw mode while a guest uses it, restored on every exit. */
#ifndef CHARDEV_TERMINAL_H
#define CHARDEV_TERMINAL_H

#include <stdbool.h>

/* Raw mode if fd is a terminal. `signals`: Ctrl-C and Ctrl-Z keep their meaning. */
void terminal_raw(int fd, bool signals);

/* As it was. Safe in a signal handler, harmless when nothing was changed. */
void terminal_restore(void);

#endif

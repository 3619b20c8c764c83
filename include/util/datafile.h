/* SPDX-License-Identifier: MIT */
/*
 * Firmware and other data files by name: BIOS images, option ROMs.
 */
#ifndef UTIL_DATAFILE_H
#define UTIL_DATAFILE_H

#include "util/base.h"

struct error;

/* Look here (-L) before the standard directories. */
void datafile_add_dir(const char *dir);

/*
 * Path of a file: a name with a slash, or of a file in the current directory, as
 * it is; else the first directory that has it. NULL if none has. Free with
 * g_free().
 */
char *datafile_find(const char *name);

/*
 * Its contents; `max` bounds the size. Free with g_free(). NULL with err set,
 * which names the package that has the well-known ones.
 */
uint8_t *datafile_load(const char *name, size_t max, size_t *size, struct error **err);

#endif

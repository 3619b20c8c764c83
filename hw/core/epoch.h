/* SPDX-License-Identifier: MIT */
/*
 * Read-mostly data without locks for readers: readers bracket their use,
 * writers publish a new version and hand the old one to epoch_defer(), which
 * frees it when every reader that was active then has finished.
 */
#ifndef HW_CORE_EPOCH_H
#define HW_CORE_EPOCH_H

/* Any thread; nests; never blocks. */
void epoch_read_begin(void);
void epoch_read_end(void);

/* After the new version is visible (a seq_cst store): free the old one later.
 * One writer at a time (the device lock). */
void epoch_defer(void (*release)(void *data), void *data);

/* Free what can be freed now. Returns how many are still waiting. */
unsigned epoch_collect(void);

#endif

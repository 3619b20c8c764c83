/* SPDX-License-Identifier: MIT */
/* The zlib streams of a client. A rectangle's data: begin, then writes, the last one said so. */
#ifndef UI_VNC_ENC_ZLIB_H
#define UI_VNC_ENC_ZLIB_H

#include "ui/vnc/enc_int.h"

/* Level 0 to 9 and strategy of zlib hold from here on; may append to out. */
void enc_stream_begin(struct vnc_encoder *e, enum enc_stream_id id, int level, int strategy,
                      GByteArray *out);
void enc_stream_write(struct vnc_encoder *e, enum enc_stream_id id, const uint8_t *data, size_t n,
                      bool last, GByteArray *out);
/* Write and empty e->plain. */
void enc_flush_plain(struct vnc_encoder *e, enum enc_stream_id id, bool last, GByteArray *out);
void enc_streams_close(struct vnc_encoder *e);

#endif

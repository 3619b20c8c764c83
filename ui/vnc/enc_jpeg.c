/* SPDX-License-Identifier: MIT */
/* Pieces of the Tight encodings as JPEG, by libturbojpeg. Without it there are none. */
#include "ui/vnc/enc_tight.h"

#include "config.h"

#if CONFIG_JPEG
#include <turbojpeg.h>

#define HOST_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* What the client's quality levels 0 to 9 are. */
static const struct {
    int quality, subsampling;
} levels[10] = {
    {10, TJSAMP_420}, {15, TJSAMP_420}, {20, TJSAMP_420}, {30, TJSAMP_420}, {40, TJSAMP_420},
    {50, TJSAMP_420}, {60, TJSAMP_420}, {70, TJSAMP_420}, {80, TJSAMP_422}, {92, TJSAMP_444},
};

bool enc_jpeg(struct vnc_encoder *e, const struct enc_area *source, int quality, GByteArray *out)
{
    int w = (int)source->w, h = (int)source->h, subsampling = levels[quality].subsampling;
    guint at = out->len;

    if (!e->jpeg) {
        e->jpeg = tjInitCompress();
    }
    if (!e->jpeg) {
        return false;
    }
    unsigned long size = tjBufSize(w, h, subsampling);
    unsigned char *to = enc_grow(out, size);
    if (tjCompress2(e->jpeg, (const unsigned char *)source->px, w, (int)(source->stride * 4), h,
                    HOST_BIG_ENDIAN ? TJPF_XRGB : TJPF_BGRX, &to, &size, subsampling,
                    levels[quality].quality, TJFLAG_NOREALLOC | TJFLAG_FASTDCT) != 0) {
        g_byte_array_set_size(out, at);
        return false;
    }
    g_byte_array_set_size(out, at + (guint)size);
    return true;
}

void enc_jpeg_fini(struct vnc_encoder *e)
{
    if (e->jpeg) {
        tjDestroy(e->jpeg);
    }
}
#else
bool enc_jpeg(struct vnc_encoder *e, const struct enc_area *source, int quality, GByteArray *out)
{
    return false;
}

void enc_jpeg_fini(struct vnc_encoder *e)
{
}
#endif

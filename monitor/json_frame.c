/* SPDX-License-Identifier: MIT */
/*
 * The framing of JSON texts (RFC 8259) in a stream. A text ends where its brackets close. An error
 * ends at the end of the line, at the next opening bracket if there was only garbage between
 * texts, and always at a byte FEh or FFh, which can be in no text: clients send it to start afresh.
 */
#include "monitor/json_frame.h"

void json_frame_init(struct json_frame *f,
                     void (*emit)(void *opaque, const char *text, size_t len, const char *error),
                     void *opaque)
{
    *f = (struct json_frame){.text = g_byte_array_new(), .emit = emit, .opaque = opaque};
}

void json_frame_fini(struct json_frame *f)
{
    g_byte_array_free(f->text, TRUE);
    f->text = NULL;
}

/* What has been collected is dropped, its memory too if it was much. */
static void clear(struct json_frame *f)
{
    if (f->text->len > KIB(64)) {
        g_byte_array_free(f->text, TRUE);
        f->text = g_byte_array_new();
    } else {
        g_byte_array_set_size(f->text, 0);
    }
    f->depth = f->marks = 0;
    f->in_string = f->escaped = f->in_word = false;
}

void json_frame_reset(struct json_frame *f)
{
    clear(f);
    f->skipping = f->at_bracket = false;
}

static void fail(struct json_frame *f, const char *error, uint8_t byte)
{
    f->at_bracket = f->depth == 0 && !f->in_string;
    clear(f);
    f->skipping = byte != '\n';
    f->emit(f->opaque, NULL, 0, error);
}

static void complete(struct json_frame *f)
{
    GByteArray *text = f->text;

    f->text = g_byte_array_new();
    clear(f);
    g_byte_array_append(text, (const guint8 *)"", 1);
    f->emit(f->opaque, (const char *)text->data, text->len - 1, NULL);
    g_byte_array_free(text, TRUE);
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void string_byte(struct json_frame *f, uint8_t byte)
{
    if (byte < 0x20) {
        fail(f, "JSON parse error, control character in string", byte);
        return;
    }
    g_byte_array_append(f->text, &byte, 1);
    if (f->escaped) {
        f->escaped = false;
    } else if (byte == '\\') {
        f->escaped = true;
    } else if (byte == '"') {
        f->in_string = false;
        if (!f->depth) {
            complete(f);
        }
    }
}

static void open_bracket(struct json_frame *f, uint8_t byte)
{
    if (f->depth == JSON_DEPTH_MAX) {
        fail(f, "JSON nesting depth limit exceeded", byte);
        return;
    }
    f->depth++;
    g_byte_array_append(f->text, &byte, 1);
}

static void close_bracket(struct json_frame *f, uint8_t byte)
{
    g_byte_array_append(f->text, &byte, 1);
    if (!f->depth || --f->depth == 0) {
        complete(f);
    }
}

/* Outside of strings; 0: of no meaning to the framing. */
static void plain_byte(struct json_frame *f, uint8_t byte)
{
    if (strchr("{}[],:", byte) && byte && ++f->marks > JSON_MARKS_MAX) {
        fail(f, "JSON token count limit exceeded", byte);
    } else if (byte == '{' || byte == '[') {
        open_bracket(f, byte);
    } else if (byte == '}' || byte == ']') {
        close_bracket(f, byte);
    } else if (byte == '"') {
        f->in_string = true;
        g_byte_array_append(f->text, &byte, 1);
    } else if (byte >= 0x80 || (byte < 0x20 && !is_blank(byte))) {
        fail(f, "JSON parse error, stray byte", byte);
    } else if (f->depth || !is_blank(byte)) {
        f->in_word |= f->depth == 0;
        g_byte_array_append(f->text, &byte, 1);
    }
}

/* A number or literal that stands alone ends before the next byte that cannot be part of it. */
static void end_word(struct json_frame *f, uint8_t byte)
{
    if (f->in_word && (is_blank(byte) || strchr("{}[]\",:", byte))) {
        complete(f);
    }
}

static bool still_skipping(struct json_frame *f, uint8_t byte)
{
    if (byte == '\n') {
        f->skipping = false;
        return true;
    }
    if (f->at_bracket && (byte == '{' || byte == '[')) {
        f->skipping = false;
    }
    return f->skipping;
}

static void feed_byte(struct json_frame *f, uint8_t byte)
{
    if (byte >= 0xfe) {
        bool clean = !f->text->len && !f->skipping;
        if (!clean && !f->skipping) {
            f->emit(f->opaque, NULL, 0, "JSON parse error, stray byte");
        }
        json_frame_reset(f);
        return;
    }
    if (f->skipping && still_skipping(f, byte)) {
        return;
    }
    end_word(f, byte);
    if (f->text->len >= JSON_TEXT_MAX) {
        fail(f, "JSON text size limit exceeded", byte);
    } else if (f->in_string) {
        string_byte(f, byte);
    } else {
        plain_byte(f, byte);
    }
}

/* How many bytes from here on change nothing but the text, or nothing at all. */
static size_t dull_bytes(const struct json_frame *f, const uint8_t *buf, size_t len)
{
    size_t n = 0;

    if (f->skipping && !f->at_bracket) {
        while (n < len && buf[n] != '\n' && buf[n] < 0xfe) {
            n++;
        }
    } else if (f->in_string && !f->escaped && !f->skipping) {
        len = MIN(len, JSON_TEXT_MAX - f->text->len);
        while (n < len && buf[n] >= 0x20 && buf[n] != '"' && buf[n] != '\\' && buf[n] < 0xfe) {
            n++;
        }
    }
    return n;
}

void json_frame_feed(struct json_frame *f, const uint8_t *buf, size_t len)
{
    size_t i = 0;

    while (i < len) {
        size_t n = dull_bytes(f, buf + i, len - i);
        if (n && !f->skipping) {
            g_byte_array_append(f->text, buf + i, (guint)n);
        }
        i += n;
        if (i < len) {
            feed_byte(f, buf[i++]);
        }
    }
}

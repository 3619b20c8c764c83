/* SPDX-License-Identifier: MIT */
/*
 * What of a device is saved: a table of fields with versions.
 *
 *   static const struct vm_field rtc_fields[] = {
 *       VM_BUFFER(struct rtc, cmos),
 *       VM_U8(struct rtc, index),
 *       VM_TIMER(struct rtc, update_timer),
 *       VM_U32_SINCE(struct rtc, irq_lost, 2),
 *       VM_END,
 *   };
 *   static const struct vmstate rtc_vmstate = {
 *       .name = "mc146818rtc", .version = 2, .fields = rtc_fields, .post_load = rtc_post_load,
 *   };
 *
 * Every member of a state struct that is not listed and is not a property or
 * wiring carries a comment saying that it is derived, and post_load rebuilds
 * it. Numbers are big endian in the stream; every field carries its name and
 * length, so that streams can be listed, and mismatches are named. Streams are
 * hostile input: lengths and counts are checked, post_load checks values that
 * are used as an index. Device lock held, vCPUs paused.
 */
#ifndef HW_CORE_VMSTATE_H
#define HW_CORE_VMSTATE_H

#include "util/base.h"

struct device;
struct error;
struct vmstate;

enum vm_kind {
    VM_KIND_END,
    VM_KIND_BOOL,
    VM_KIND_UINT,    /* 1, 2, 4 or 8 bytes by elem_size; also signed and enums */
    VM_KIND_BUFFER,  /* raw bytes */
    VM_KIND_VBUFFER, /* pointer to bytes, as many as a length field says */
    VM_KIND_STRUCT,  /* by the table `sub` */
    VM_KIND_PTR,     /* pointer to a struct by the table `sub` */
    VM_KIND_TIMER,   /* struct timer: its deadline */
};

struct vm_field {
    const char *name;
    enum vm_kind kind;
    uint32_t offset;
    uint32_t elem_size;
    uint32_t count;      /* elements of an array, 1 for a scalar; bound of varying ones */
    uint32_t num_offset; /* varying count or length: where the uint32_t holding it is ... */
    bool num;            /* ... if this says so; it must precede in the table */
    bool alloc;          /* PTR, VBUFFER: loading allocates it, zeroed, with g_malloc() */
    uint16_t since;      /* first version that has it; 0: all */
    const struct vmstate *sub;
    bool (*exists)(const void *state); /* saved and expected only if true */
};

struct vmstate {
    const char *name;
    uint16_t version;     /* what is written */
    uint16_t min_version; /* the oldest that can be read; 0: any */
    const struct vm_field *fields;
    void (*pre_save)(void *state);
    int (*pre_load)(void *state, struct error **err);
    /* Rebuild what is derived; check what is used as an index. */
    int (*post_load)(void *state, unsigned version, struct error **err);
};

/* The type of a field is checked at compile time: VM_CHECK_ is 0. */
#define VM_CHECK_(S, f, type)                                                                      \
    (0 * sizeof(struct {                                                                           \
         _Static_assert(__builtin_types_compatible_p(__typeof__(((S *)0)->f), __typeof__(type)),   \
                        "field is not of this type");                                              \
         int unused;                                                                               \
     }))
#define VM_UINT_(S, f, type, n, ver)                                                               \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_UINT, .offset = offsetof(S, f) + VM_CHECK_(S, f, type),        \
        .elem_size = sizeof_field(S, f) / (n), .count = (n), .since = ver                          \
    }
#define VM_COUNT_(S, f) (sizeof_field(S, f) / sizeof(((S *)0)->f[0]))

#define VM_U8(S, f)  VM_UINT_(S, f, uint8_t, 1, 0)
#define VM_U16(S, f) VM_UINT_(S, f, uint16_t, 1, 0)
#define VM_U32(S, f) VM_UINT_(S, f, uint32_t, 1, 0)
#define VM_U64(S, f) VM_UINT_(S, f, uint64_t, 1, 0)
#define VM_S8(S, f)  VM_UINT_(S, f, int8_t, 1, 0)
#define VM_S16(S, f) VM_UINT_(S, f, int16_t, 1, 0)
#define VM_S32(S, f) VM_UINT_(S, f, int32_t, 1, 0)
#define VM_S64(S, f) VM_UINT_(S, f, int64_t, 1, 0)

#define VM_U8_SINCE(S, f, ver)  VM_UINT_(S, f, uint8_t, 1, ver)
#define VM_U16_SINCE(S, f, ver) VM_UINT_(S, f, uint16_t, 1, ver)
#define VM_U32_SINCE(S, f, ver) VM_UINT_(S, f, uint32_t, 1, ver)
#define VM_U64_SINCE(S, f, ver) VM_UINT_(S, f, uint64_t, 1, ver)

/* An enum or any other 1, 2, 4 or 8 byte scalar, unchecked type. */
#define VM_ENUM(S, f)                                                                              \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_UINT, .offset = offsetof(S, f),                                \
        .elem_size = sizeof_field(S, f), .count = 1                                                \
    }
#define VM_BOOL(S, f)                                                                              \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_BOOL, .offset = offsetof(S, f) + VM_CHECK_(S, f, bool),        \
        .elem_size = 1, .count = 1                                                                 \
    }
#define VM_BOOL_ARRAY(S, f)                                                                        \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_BOOL, .offset = offsetof(S, f), .elem_size = 1,                \
        .count = VM_COUNT_(S, f)                                                                   \
    }

/* Whole arrays; two-dimensional ones as VM_BUFFER if of bytes. */
#define VM_U8_ARRAY(S, f)  VM_UINT_(S, f, uint8_t[VM_COUNT_(S, f)], VM_COUNT_(S, f), 0)
#define VM_U16_ARRAY(S, f) VM_UINT_(S, f, uint16_t[VM_COUNT_(S, f)], VM_COUNT_(S, f), 0)
#define VM_U32_ARRAY(S, f) VM_UINT_(S, f, uint32_t[VM_COUNT_(S, f)], VM_COUNT_(S, f), 0)
#define VM_U64_ARRAY(S, f) VM_UINT_(S, f, uint64_t[VM_COUNT_(S, f)], VM_COUNT_(S, f), 0)

/* Bytes inside the struct. */
#define VM_BUFFER(S, f)                                                                            \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_BUFFER, .offset = offsetof(S, f),                              \
        .elem_size = sizeof_field(S, f), .count = 1                                                \
    }

/*
 * Bytes behind a pointer the device has allocated with room for `max`; the
 * uint32_t field `len`, listed before, says how many are in use.
 */
#define VM_VBUFFER(S, f, len, max)                                                                 \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_VBUFFER, .offset = offsetof(S, f), .elem_size = 1,             \
        .count = (max), .num = true, .num_offset = offsetof(S, len) + VM_CHECK_(S, len, uint32_t)  \
    }

/* A struct, an array of structs, the first `n` (a uint32_t field listed before)
 * of an array of structs; struct behind a pointer that is never NULL. */
#define VM_STRUCT(S, f, table)                                                                     \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_STRUCT, .offset = offsetof(S, f),                              \
        .elem_size = sizeof_field(S, f), .count = 1, .sub = (table)                                \
    }
#define VM_STRUCT_ARRAY(S, f, table)                                                               \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_STRUCT, .offset = offsetof(S, f),                              \
        .elem_size = sizeof(((S *)0)->f[0]), .count = VM_COUNT_(S, f), .sub = (table)              \
    }
#define VM_STRUCT_VARRAY(S, f, n, table)                                                           \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_STRUCT, .offset = offsetof(S, f),                              \
        .elem_size = sizeof(((S *)0)->f[0]), .count = VM_COUNT_(S, f), .sub = (table),             \
        .num = true, .num_offset = offsetof(S, n) + VM_CHECK_(S, n, uint32_t)                      \
    }
#define VM_STRUCT_PTR(S, f, table)                                                                 \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_PTR, .offset = offsetof(S, f), .elem_size = sizeof(void *),    \
        .count = 1, .sub = (table)                                                                 \
    }

/*
 * The same behind pointers the loader allocates for as many as there are, NULL for none: `n` bytes,
 * `n` structs, at most `max`. pre_load frees what was there and sets both to zero; after a load
 * that fails there may be fewer than `n` said, but what is there is whole or zero, or NULL.
 */
#define VM_VBUFFER_ALLOC(S, f, len, max)                                                           \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_VBUFFER, .offset = offsetof(S, f), .elem_size = 1,             \
        .count = (max), .num = true, .alloc = true,                                                \
        .num_offset = offsetof(S, len) + VM_CHECK_(S, len, uint32_t)                               \
    }
#define VM_STRUCT_ALLOC(S, f, n, max, table)                                                       \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_PTR, .offset = offsetof(S, f),                                 \
        .elem_size = sizeof(((S *)0)->f[0]), .count = (max), .sub = (table), .num = true,          \
        .alloc = true, .num_offset = offsetof(S, n) + VM_CHECK_(S, n, uint32_t)                    \
    }

/* struct timer: armed and when. */
#define VM_TIMER(S, f)                                                                             \
    {                                                                                              \
        .name = #f, .kind = VM_KIND_TIMER, .offset = offsetof(S, f), .elem_size = 8, .count = 1    \
    }
#define VM_END                                                                                     \
    {                                                                                              \
        .kind = VM_KIND_END                                                                        \
    }

/* --- streams -------------------------------------------------------------- */

/* Growable when written, bounded when read. */
struct vm_stream {
    uint8_t *data;
    size_t len;  /* bytes written, or there to be read */
    size_t size; /* allocated */
    size_t pos;  /* reading */
};

void vm_stream_init(struct vm_stream *s);
void vm_stream_init_read(struct vm_stream *s, const void *data, size_t len);
void vm_stream_fini(struct vm_stream *s);

void vm_stream_put(struct vm_stream *s, const void *buf, size_t len);
void vm_stream_put_be(struct vm_stream *s, uint64_t v, unsigned bytes);
void vm_stream_put_str(struct vm_stream *s, const char *str); /* at most 255 bytes */

/* false: the stream ends before. */
bool must_check vm_stream_get(struct vm_stream *s, void *buf, size_t len);
bool must_check vm_stream_get_be(struct vm_stream *s, uint64_t *v, unsigned bytes);
bool must_check vm_stream_get_str(struct vm_stream *s, char str[256]);

/*
 * One section: name, instance, version, length, fields. For state outside of
 * devices too (vCPUs, clocks).
 */
void vmstate_save(struct vm_stream *s, const struct vmstate *vs, const char *instance, void *state);

/* Reads the section that comes next, which must have this name and instance. */
int vmstate_load(struct vm_stream *s, const struct vmstate *vs, const char *instance, void *state,
                 struct error **err);

/* The section of one device; its instance is device_path(). Nothing without
 * a vmstate. */
void device_save(struct vm_stream *s, struct device *dev);
int device_load(struct vm_stream *s, struct device *dev, struct error **err);

/* All devices. Loading finds each section's device by its path. */
void device_save_all(struct vm_stream *s);
int device_load_all(struct vm_stream *s, struct error **err);

/* Every field of the next section as "name = value" lines, without the tables. */
int vm_stream_describe(struct vm_stream *s, void (*line)(const char *text, void *opaque),
                       void *opaque);

/* --- tests ---------------------------------------------------------------- */

/*
 * Round trip for unit tests: save, reset, load, save again; both streams must be
 * equal. Also loads every truncation of the stream, which must fail cleanly.
 * 0, or -EINVAL with err naming the first field that differs. The device is
 * left as it was.
 */
int vmstate_check(struct device *dev, struct error **err);

#endif

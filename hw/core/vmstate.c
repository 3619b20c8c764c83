/* SPDX-License-Identifier: MIT */
/*
 * Saved state: tables to a byte stream and back.
 *
 * A section is
 *     'S'  name  instance  version:2  length:4  fields
 * and a field
 *     'F'  name  kind:1  elem_size:4  count:4  data
 * with names as length:1 and bytes, all numbers big endian. The data of scalars
 * and buffers is count * elem_size bytes; of structs, count times a length:4 and
 * the fields of the struct; of a timer, its deadline.
 */
#include "hw/core/vmstate.h"

#include "hw/core/clock.h"
#include "hw/core/device.h"
#include "hw/core/lock.h"
#include "util/error.h"
#include "util/uint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define MARK_SECTION 'S'
#define MARK_FIELD   'F'
#define DEPTH_MAX    8 /* structs in structs */

/* --- streams -------------------------------------------------------------- */

void vm_stream_init(struct vm_stream *s)
{
    memset(s, 0, sizeof(*s));
}

void vm_stream_init_read(struct vm_stream *s, const void *data, size_t len)
{
    vm_stream_init(s);
    vm_stream_put(s, data, len);
}

void vm_stream_fini(struct vm_stream *s)
{
    g_free(s->data);
    vm_stream_init(s);
}

void vm_stream_put(struct vm_stream *s, const void *buf, size_t len)
{
    if (s->size - s->len < len) {
        s->size = MAX(s->size * 2, ALIGN_UP(s->len + len, (size_t)4096));
        s->data = g_realloc(s->data, s->size);
    }
    if (len)
        memcpy(s->data + s->len, buf, len);
    s->len += len;
}

static void encode_be(uint8_t *p, uint64_t v, unsigned bytes)
{
    while (bytes--) {
        p[bytes] = (uint8_t)v;
        v >>= 8;
    }
}

void vm_stream_put_be(struct vm_stream *s, uint64_t v, unsigned bytes)
{
    uint8_t buf[8];

    encode_be(buf, v, bytes);
    vm_stream_put(s, buf, bytes);
}

void vm_stream_put_str(struct vm_stream *s, const char *str)
{
    size_t len = strlen(str);

    assert(len <= 255);
    vm_stream_put_be(s, len, 1);
    vm_stream_put(s, str, len);
}

bool vm_stream_get(struct vm_stream *s, void *buf, size_t len)
{
    if (s->len - s->pos < len)
        return false;
    if (len)
        memcpy(buf, s->data + s->pos, len);
    s->pos += len;
    return true;
}

bool vm_stream_get_be(struct vm_stream *s, uint64_t *v, unsigned bytes)
{
    uint8_t buf[8];

    *v = 0;
    if (!vm_stream_get(s, buf, bytes))
        return false;
    for (unsigned i = 0; i < bytes; i++)
        *v = *v << 8 | buf[i];
    return true;
}

bool vm_stream_get_str(struct vm_stream *s, char str[256])
{
    uint64_t len;

    str[0] = 0;
    if (!vm_stream_get_be(s, &len, 1) || !vm_stream_get(s, str, len))
        return false;
    str[len] = 0;
    return true;
}

/* A length to be filled in when what follows is complete. */
static size_t begin_length(struct vm_stream *s)
{
    vm_stream_put_be(s, 0, 4);
    return s->len;
}

static void end_length(struct vm_stream *s, size_t begin)
{
    encode_be(s->data + begin - 4, s->len - begin, 4);
}

/* A stretch of `len` bytes of `outer`, which is moved past it. */
static bool sub_stream(struct vm_stream *outer, uint64_t len, struct vm_stream *inner)
{
    if (outer->len - outer->pos < len)
        return false;
    *inner = *outer;
    inner->len = outer->pos + len;
    outer->pos += len;
    return true;
}

/* --- fields: common ------------------------------------------------------- */

/* How many elements are in use now. */
static uint32_t field_count(const struct vm_field *f, const void *state)
{
    uint32_t n;

    if (!f->num)
        return f->count;
    n = *(const uint32_t *)((const char *)state + f->num_offset);
    assert(n <= f->count);
    return n;
}

static bool field_present(const struct vm_field *f, const void *state, unsigned version)
{
    return f->since <= version && (!f->exists || f->exists(state));
}

static bool is_struct(const struct vm_field *f)
{
    return f->kind == VM_KIND_STRUCT || f->kind == VM_KIND_PTR;
}

static char *element(const struct vm_field *f, void *state, uint32_t i)
{
    char *p = (char *)state + f->offset;

    if (f->kind == VM_KIND_PTR || f->kind == VM_KIND_VBUFFER)
        p = *(char **)p;
    return p + (size_t)i * f->elem_size;
}

/* --- saving --------------------------------------------------------------- */

static void save_fields(struct vm_stream *s, const struct vmstate *vs, void *state);

static void save_struct(struct vm_stream *s, const struct vmstate *vs, void *state)
{
    size_t begin = begin_length(s);

    vm_stream_put_be(s, vs->version, 2);
    save_fields(s, vs, state);
    end_length(s, begin);
}

static void save_data(struct vm_stream *s, const struct vm_field *f, void *state, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char *p = element(f, state, i);

        switch (f->kind) {
        case VM_KIND_BOOL:
            vm_stream_put_be(s, *(bool *)p, 1);
            break;
        case VM_KIND_UINT:
            vm_stream_put_be(s, uint_load(p, f->elem_size), f->elem_size);
            break;
        case VM_KIND_BUFFER:
            vm_stream_put(s, p, f->elem_size);
            break;
        case VM_KIND_TIMER:
            vm_stream_put_be(s, (uint64_t)timer_expire_ns((struct timer *)p), 8);
            break;
        default:
            save_struct(s, f->sub, p);
        }
    }
}

static void save_field(struct vm_stream *s, const struct vm_field *f, void *state)
{
    uint32_t count = field_count(f, state);

    vm_stream_put_be(s, MARK_FIELD, 1);
    vm_stream_put_str(s, f->name);
    vm_stream_put_be(s, f->kind, 1);
    vm_stream_put_be(s, is_struct(f) ? 0 : f->elem_size, 4);
    vm_stream_put_be(s, count, 4);
    if (f->kind == VM_KIND_VBUFFER)
        vm_stream_put(s, element(f, state, 0), count);
    else
        save_data(s, f, state, count);
}

static void save_fields(struct vm_stream *s, const struct vmstate *vs, void *state)
{
    if (vs->pre_save)
        vs->pre_save(state);
    for (const struct vm_field *f = vs->fields; f->kind != VM_KIND_END; f++) {
        if (field_present(f, state, vs->version))
            save_field(s, f, state);
    }
}

void vmstate_save(struct vm_stream *s, const struct vmstate *vs, const char *instance, void *state)
{
    size_t begin;

    vm_stream_put_be(s, MARK_SECTION, 1);
    vm_stream_put_str(s, vs->name);
    vm_stream_put_str(s, instance);
    vm_stream_put_be(s, vs->version, 2);
    begin = begin_length(s);
    save_fields(s, vs, state);
    end_length(s, begin);
}

/* --- loading -------------------------------------------------------------- */

struct field_header {
    char name[256];
    uint64_t kind, elem_size, count;
};

static bool get_field_header(struct vm_stream *s, struct field_header *h)
{
    uint64_t mark;

    return vm_stream_get_be(s, &mark, 1) && mark == MARK_FIELD && vm_stream_get_str(s, h->name) &&
           vm_stream_get_be(s, &h->kind, 1) && vm_stream_get_be(s, &h->elem_size, 4) &&
           vm_stream_get_be(s, &h->count, 4);
}

static int truncated(const char *name, struct error **err)
{
    error_set(err, "saved state '%s' is damaged or too short", name);
    return -EINVAL;
}

static int load_fields(struct vm_stream *s, const struct vmstate *vs, void *state, unsigned version,
                       unsigned depth, struct error **err);

static int load_struct(struct vm_stream *s, const struct vmstate *vs, void *state, unsigned depth,
                       struct error **err)
{
    struct vm_stream inner;
    uint64_t len, version;

    if (!vm_stream_get_be(s, &len, 4) || !sub_stream(s, len, &inner) ||
        !vm_stream_get_be(&inner, &version, 2))
        return truncated(vs->name, err);
    return load_fields(&inner, vs, state, (unsigned)version, depth + 1, err);
}

static int load_timer(struct vm_stream *s, struct timer *t, const char *name, struct error **err)
{
    uint64_t v;

    if (!vm_stream_get_be(s, &v, 8))
        return truncated(name, err);
    timer_arm(t, (int64_t)v);
    return 0;
}

static int load_element(struct vm_stream *s, const struct vm_field *f, char *p, unsigned depth,
                        struct error **err)
{
    uint64_t v;

    switch (f->kind) {
    case VM_KIND_BOOL:
        if (!vm_stream_get_be(s, &v, 1) || v > 1)
            return truncated(f->name, err);
        *(bool *)p = v;
        return 0;
    case VM_KIND_UINT:
        if (!vm_stream_get_be(s, &v, f->elem_size))
            return truncated(f->name, err);
        uint_store(p, f->elem_size, v);
        return 0;
    case VM_KIND_BUFFER:
        return vm_stream_get(s, p, f->elem_size) ? 0 : truncated(f->name, err);
    case VM_KIND_TIMER:
        return load_timer(s, (struct timer *)p, f->name, err);
    default:
        return load_struct(s, f->sub, p, depth, err);
    }
}

/* Does the field in the stream have the shape the table expects? */
static bool shape_matches(const struct field_header *h, const struct vm_field *f, const void *state)
{
    uint64_t want = f->count;

    if (f->num)
        want = *(const uint32_t *)((const char *)state + f->num_offset);
    return !strcmp(h->name, f->name) && h->kind == f->kind && h->count == want &&
           want <= f->count && h->elem_size == (is_struct(f) ? 0 : f->elem_size);
}

/* Room for what follows. An element takes at least a byte of the stream. */
static int allocate(struct vm_stream *s, const struct vm_field *f, void *state, uint64_t count,
                    struct error **err)
{
    void **p = (void **)((char *)state + f->offset);

    if (count > s->len - s->pos)
        return truncated(f->name, err);
    *p = count ? g_try_malloc0_n(count, f->elem_size) : NULL;
    if (count && !*p)
        return error_set_errno(err, ENOMEM, "saved state '%s'", f->name);
    return 0;
}

static int load_field(struct vm_stream *s, const struct vm_field *f, void *state, unsigned depth,
                      struct error **err)
{
    struct field_header h;
    int ret = 0;

    if (!get_field_header(s, &h))
        return truncated(f->name, err);
    if (!shape_matches(&h, f, state)) {
        error_set(err, "saved state has field '%s' where '%s' should be, or another size", h.name,
                  f->name);
        return -EINVAL;
    }
    if (f->alloc)
        ret = allocate(s, f, state, h.count, err);
    if (f->kind == VM_KIND_VBUFFER && !ret)
        return vm_stream_get(s, element(f, state, 0), h.count) ? 0 : truncated(f->name, err);
    for (uint32_t i = 0; i < h.count && !ret; i++)
        ret = load_element(s, f, element(f, state, i), depth, err);
    return ret;
}

static int load_fields(struct vm_stream *s, const struct vmstate *vs, void *state, unsigned version,
                       unsigned depth, struct error **err)
{
    int ret = 0;

    assert(depth < DEPTH_MAX);
    if (version > vs->version || version < vs->min_version) {
        error_set(err, "saved state '%s' has version %u; %u to %u can be read", vs->name, version,
                  vs->min_version, vs->version);
        return -EINVAL;
    }
    if (vs->pre_load)
        ret = vs->pre_load(state, err);
    for (const struct vm_field *f = vs->fields; !ret && f->kind != VM_KIND_END; f++) {
        if (field_present(f, state, version))
            ret = load_field(s, f, state, depth, err);
    }
    if (!ret && s->pos != s->len)
        ret = truncated(vs->name, err);
    if (!ret && vs->post_load)
        ret = vs->post_load(state, version, err);
    return ret;
}

struct section_header {
    char name[256], instance[256];
    uint64_t version, len;
};

static bool get_section_header(struct vm_stream *s, struct section_header *h)
{
    uint64_t mark;

    return vm_stream_get_be(s, &mark, 1) && mark == MARK_SECTION && vm_stream_get_str(s, h->name) &&
           vm_stream_get_str(s, h->instance) && vm_stream_get_be(s, &h->version, 2) &&
           vm_stream_get_be(s, &h->len, 4);
}

int vmstate_load(struct vm_stream *s, const struct vmstate *vs, const char *instance, void *state,
                 struct error **err)
{
    struct section_header h;
    struct vm_stream inner;
    int ret;

    if (!get_section_header(s, &h) || !sub_stream(s, h.len, &inner))
        return truncated(vs->name, err);
    if (strcmp(h.name, vs->name) != 0 || strcmp(h.instance, instance) != 0) {
        error_set(err, "saved state is of '%s' %s, not of '%s' %s", h.name, h.instance, vs->name,
                  instance);
        return -EINVAL;
    }
    ret = load_fields(&inner, vs, state, (unsigned)h.version, 0, err);
    if (ret < 0)
        error_prepend(err, "%s %s: ", vs->name, instance);
    return ret;
}

/* --- devices -------------------------------------------------------------- */

void device_save(struct vm_stream *s, struct device *dev)
{
    char *path;

    if (!dev->cls->vmstate)
        return;
    path = device_path(dev);
    vmstate_save(s, dev->cls->vmstate, path, dev);
    g_free(path);
}

int device_load(struct vm_stream *s, struct device *dev, struct error **err)
{
    char *path;
    int ret;

    if (!dev->cls->vmstate)
        return 0;
    path = device_path(dev);
    ret = vmstate_load(s, dev->cls->vmstate, path, dev, err);
    g_free(path);
    return ret;
}

static bool save_one(struct device *dev, void *opaque)
{
    device_save(opaque, dev);
    return false;
}

void device_save_all(struct vm_stream *s)
{
    assert(device_locked());
    device_for_each(save_one, s);
}

static bool has_path(struct device *dev, void *opaque)
{
    char *path = device_path(dev);
    bool same = dev->cls->vmstate && !strcmp(path, opaque);

    g_free(path);
    return same;
}

static int load_next(struct vm_stream *s, struct error **err)
{
    struct section_header h;
    struct vm_stream ahead = *s;
    struct device *dev;

    if (!get_section_header(&ahead, &h))
        return truncated("devices", err);
    dev = device_for_each(has_path, h.instance);
    if (!dev) {
        error_set(err, "saved state is of '%s' at %s, which this machine does not have", h.name,
                  h.instance);
        return -ENODEV;
    }
    return device_load(s, dev, err);
}

int device_load_all(struct vm_stream *s, struct error **err)
{
    int ret = 0;

    assert(device_locked());
    while (!ret && s->pos < s->len)
        ret = load_next(s, err);
    return ret;
}

/* --- description ---------------------------------------------------------- */

struct printer {
    void (*line)(const char *text, void *opaque);
    void *opaque;
};

static bool describe_fields(struct vm_stream *s, const struct printer *out, unsigned depth);

static bool describe_structs(struct vm_stream *s, const struct field_header *h,
                             const struct printer *out, unsigned depth)
{
    struct vm_stream inner;
    uint64_t len, version;

    if (depth >= DEPTH_MAX)
        return false;
    for (uint64_t i = 0; i < h->count; i++) {
        if (!vm_stream_get_be(s, &len, 4) || !sub_stream(s, len, &inner) ||
            !vm_stream_get_be(&inner, &version, 2) || !describe_fields(&inner, out, depth + 1))
            return false;
    }
    return true;
}

static bool describe_data(struct vm_stream *s, const struct field_header *h,
                          const struct printer *out, unsigned depth)
{
    GString *text = g_string_new(NULL);
    struct vm_stream data;
    bool ok = sub_stream(s, h->elem_size * h->count, &data);

    g_string_append_printf(text, "%*s%s =", depth * 2, "", h->name);
    for (uint64_t i = 0; ok && i < h->elem_size * h->count; i++) {
        if (!h->elem_size || i % h->elem_size == 0)
            g_string_append_c(text, ' ');
        g_string_append_printf(text, "%02x", data.data[data.pos + i]);
    }
    if (ok)
        out->line(text->str, out->opaque);
    g_string_free(text, TRUE);
    return ok;
}

static bool describe_fields(struct vm_stream *s, const struct printer *out, unsigned depth)
{
    struct field_header h;
    char text[300];
    bool ok;

    while (s->pos < s->len) {
        if (!get_field_header(s, &h))
            return false;
        if (h.kind == VM_KIND_STRUCT || h.kind == VM_KIND_PTR) {
            snprintf(text, sizeof(text), "%*s%s:", depth * 2, "", h.name);
            out->line(text, out->opaque);
            ok = describe_structs(s, &h, out, depth);
        } else {
            ok = describe_data(s, &h, out, depth);
        }
        if (!ok)
            return false;
    }
    return true;
}

int vm_stream_describe(struct vm_stream *s, void (*line)(const char *text, void *opaque),
                       void *opaque)
{
    const struct printer out = {line, opaque};
    struct section_header h;
    struct vm_stream inner;
    char text[600];

    if (!get_section_header(s, &h) || !sub_stream(s, h.len, &inner))
        return -EINVAL;
    snprintf(text, sizeof(text), "%s %s version %" PRIu64, h.name, h.instance, h.version);
    line(text, opaque);
    return describe_fields(&inner, &out, 1) ? 0 : -EINVAL;
}

/* --- the round trip of the tests ------------------------------------------ */

/* Name the first line in which two descriptions differ. */
static void collect_line(const char *text, void *opaque)
{
    g_ptr_array_add(opaque, g_strdup(text));
}

static GPtrArray *lines_of(const struct vm_stream *s)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    struct vm_stream copy = *s;

    copy.pos = 0;
    vm_stream_describe(&copy, collect_line, lines);
    return lines;
}

static int report_difference(const struct vm_stream *a, const struct vm_stream *b,
                             struct error **err)
{
    GPtrArray *la = lines_of(a), *lb = lines_of(b);
    guint i = 0;

    while (i < la->len && i < lb->len && !strcmp(la->pdata[i], lb->pdata[i]))
        i++;
    error_set(err, "state changed by save and load: was '%s', is '%s'",
              i < la->len ? (char *)la->pdata[i] : "", i < lb->len ? (char *)lb->pdata[i] : "");
    g_ptr_array_free(la, TRUE);
    g_ptr_array_free(lb, TRUE);
    return -EINVAL;
}

/* Every stream that is cut off must be refused. */
static int check_truncations(struct device *dev, const struct vm_stream *whole, struct error **err)
{
    size_t step = MAX(whole->len / 512, (size_t)1);

    for (size_t len = 0; len < whole->len; len += step) {
        struct vm_stream cut = *whole;

        cut.len = len;
        cut.pos = 0;
        if (device_load(&cut, dev, NULL) == 0) {
            error_set(err, "a stream cut off at byte %zu of %zu is accepted", len, whole->len);
            return -EINVAL;
        }
    }
    return 0;
}

int vmstate_check(struct device *dev, struct error **err)
{
    struct vm_stream before, after;
    int ret;

    assert(device_locked());
    vm_stream_init(&before);
    vm_stream_init(&after);
    device_save(&before, dev);
    device_reset(dev, RESET_COLD);
    ret = check_truncations(dev, &before, err);
    if (!ret)
        ret = device_load(&before, dev, err);
    if (!ret)
        device_save(&after, dev);
    if (!ret && (before.len != after.len || memcmp(before.data, after.data, before.len) != 0))
        ret = report_difference(&before, &after, err);
    vm_stream_fini(&before);
    vm_stream_fini(&after);
    return ret;
}

/* SPDX-License-Identifier: MIT */
/*
 * Objects a user makes by -object and object_add: back-ends and credentials that other things
 * refer to by id. A kind of object registers by OBJECT_DEFINE, a row in a linker section.
 * Main thread, device lock held.
 */
#ifndef SYSTEM_OBJECT_H
#define SYSTEM_OBJECT_H

#include "util/base.h"
#include "util/optlist.h"

#include <glib.h>
#include <sys/queue.h>

struct error;
struct object;

/* `kind` is what users of the object ask for: "rng" ... */
struct object_class {
    const char *name;
    const char *kind;
    const char *help;
    size_t state_size;                /* of a struct that starts with struct object */
    const struct opt_desc *descs;     /* its properties; may be NULL */
    bool is_private;                  /* the properties are shown to nobody */
    void (*init)(struct object *obj); /* defaults, before the properties are set; may be NULL */
    /* The properties are set. 0 or -errno with err set. */
    int (*open)(struct object *obj, struct error **err);
    void (*close)(struct object *obj);
};

struct object {
    const struct object_class *cls;
    char *id;
    struct opt_list opts; /* strings of the properties point into it */
    unsigned users;       /* it cannot go while there are some */
    TAILQ_ENTRY(object) link;
};

#define OBJECT_SECTION "doppel_objects"
#define OBJECT_DEFINE(ident, ...)                                                                  \
    static const struct object_class ident##_object = {__VA_ARGS__};                               \
    static const struct object_class *const ident##_object_entry                                   \
        __attribute__((used, section(OBJECT_SECTION))) = &ident##_object

/* "qom-type", "id" and the class's properties. */
int object_add(const struct opt_list *opts, struct error **err);
int object_add_text(const char *text, struct error **err);

/* One for internal use, without an id; object_free() ends it. NULL with err set. */
struct object *object_new(const char *type, struct error **err);
void object_free(struct object *obj);

/* -ENOENT, or -EBUSY while it is in use. */
int object_del(const char *id, struct error **err);

struct object *object_find(const char *id);
bool object_is(const struct object *obj, const char *kind);
const struct object_class *object_class_find(const char *name); /* or NULL */
void object_class_for_each(void (*fn)(const struct object_class *cls, void *opaque), void *opaque);

void object_for_each(void (*fn)(struct object *obj, void *opaque), void *opaque);

/* -object help, -object TYPE,help. */
void object_help(GString *out);
int object_help_props(const char *type, GString *out, struct error **err);

/*
 * Help, if the text of an -object asks for it ("help", "TYPE,help", "?"): 1, with it in out, else 0.
 * -errno: of a type that is none.
 */
int object_help_for(const char *text, GString *out, struct error **err);

/* Registers the resolver of PROP_OBJECT. */
void object_init(void);

#endif

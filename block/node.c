/* SPDX-License-Identifier: MIT */
/*
 * Named images: -blockdev and blockdev-add make them, drives use them as media. A node with a
 * protocol driver ("file") names a file, one with a format driver is an image in such a node. The
 * image is open while a drive has it; that it can be opened is tried when the node is made.
 */
#include <errno.h>

#include "block/device.h"
#include "util/error.h"
#include "util/optlist.h"

struct block_node {
    char *name, *driver, *file;
    struct block_node *child; /* of a format driver; it has one parent */
    struct drive_options opts;
    uint64_t length; /* when it was last open */
    bool auto_readonly;
    bool internal; /* a child without a name: goes with its parent */
    bool in_use;   /* by a drive or a parent */
    TAILQ_ENTRY(block_node) link;
};

static TAILQ_HEAD(node_list, block_node) nodes = TAILQ_HEAD_INITIALIZER(nodes);

static const char *const protocols[] = {"file", "host_device", NULL};

static bool is_protocol(const char *driver)
{
    return g_strv_contains(protocols, driver);
}

/* --- options ---------------------------------------------------------------------------------- */

static const char *const discard_names[] = {"ignore", "unmap", "off", "on", NULL};
static const char *const aio_names[] = {"threads", NULL};
static const char *const locking_names[] = {"auto", "on", NULL};

struct node_text {
    const char *driver, *name, *filename;
    bool readonly, auto_readonly, direct, no_flush;
    int discard, aio, locking;
    const char *child;
    const char *child_driver, *child_filename, *child_name;
    bool child_readonly, child_auto_readonly, child_direct, child_no_flush;
    int child_discard, child_aio, child_locking;
};

#define F(field) OPT_FIELD(struct node_text, field)
static const struct opt_desc node_descs[] = {
    {"driver", OPT_STR, F(driver), .help = "file, host_device or an image format"},
    {"node-name", OPT_STR, F(name)},
    {"filename", OPT_STR, F(filename)},
    {"read-only", OPT_BOOL, F(readonly)},
    {"auto-read-only", OPT_BOOL, F(auto_readonly)},
    {"cache.direct", OPT_BOOL, F(direct)},
    {"cache.no-flush", OPT_BOOL, F(no_flush)},
    {"discard", OPT_ENUM, F(discard), .names = discard_names},
    {"aio", OPT_ENUM, F(aio), .names = aio_names},
    {"locking", OPT_ENUM, F(locking), .names = locking_names},
    {"file", OPT_STR, F(child), .help = "the node a format's image is in"},
    {"file.driver", OPT_STR, F(child_driver)},
    {"file.node-name", OPT_STR, F(child_name)},
    {"file.filename", OPT_STR, F(child_filename)},
    {"file.read-only", OPT_BOOL, F(child_readonly)},
    {"file.auto-read-only", OPT_BOOL, F(child_auto_readonly)},
    {"file.cache.direct", OPT_BOOL, F(child_direct)},
    {"file.cache.no-flush", OPT_BOOL, F(child_no_flush)},
    {"file.discard", OPT_ENUM, F(child_discard), .names = discard_names},
    {"file.aio", OPT_ENUM, F(child_aio), .names = aio_names},
    {"file.locking", OPT_ENUM, F(child_locking), .names = locking_names},
    {.type = OPT_END},
};
#undef F

/* The part about the child, as if it were a node of its own. */
static struct node_text child_text(const struct node_text *t)
{
    return (struct node_text){.driver = t->child_driver ? t->child_driver : "file",
                              .name = t->child_name,
                              .filename = t->child_filename,
                              .readonly = t->child_readonly || t->readonly,
                              .auto_readonly = t->child_auto_readonly || t->auto_readonly,
                              .no_flush = t->child_no_flush || t->no_flush,
                              .discard = t->child_discard};
}

/* --- nodes ------------------------------------------------------------------------------------ */

struct block_node *block_node_find(const char *name)
{
    struct block_node *node;

    TAILQ_FOREACH(node, &nodes, link)
    {
        if (!strcmp(node->name, name)) {
            return node;
        }
    }
    return NULL;
}

static void free_node(struct block_node *node)
{
    TAILQ_REMOVE(&nodes, node, link);
    if (node->child) {
        node->child->in_use = false;
        if (node->child->internal) {
            free_node(node->child);
        }
    }
    g_free(node->name);
    g_free(node->driver);
    g_free(node->file);
    g_free(node);
}

static bool name_ok(const char *name, struct error **err)
{
    if (!g_ascii_isalpha(*name) || strlen(name) > 31 ||
        strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-._") != strlen(name)) {
        error_set(err, "Invalid node-name: '%s'", name);
        return false;
    }
    if (block_node_find(name) || block_device_find(name)) {
        error_set(err, "Duplicate nodes with node-name='%s'", name);
        return false;
    }
    return true;
}

static struct block_node *new_node(const struct node_text *t, struct error **err)
{
    static unsigned anonymous;

    if (t->name && !name_ok(t->name, err)) {
        return NULL;
    }
    struct block_node *node = g_new0(struct block_node, 1);
    node->name = t->name ? g_strdup(t->name) : g_strdup_printf("#block%03u", anonymous++);
    node->internal = !t->name;
    node->driver = g_strdup(t->driver);
    node->auto_readonly = t->auto_readonly;
    node->opts = (struct drive_options){.readonly = t->readonly,
                                        .no_flush = t->no_flush,
                                        .ignore_discard = !(t->discard & 1)};
    TAILQ_INSERT_TAIL(&nodes, node, link);
    return node;
}

static struct block_node *new_protocol(const struct node_text *t, struct error **err)
{
    if (!t->filename) {
        error_set(err, "A block device must be specified for \"filename\"");
        return NULL;
    }
    struct block_node *node = new_node(t, err);
    if (node) {
        node->file = g_strdup(t->filename);
    }
    return node;
}

static struct block_node *find_child(const struct node_text *t, struct error **err)
{
    struct block_node *child = t->child ? block_node_find(t->child) : NULL;

    if (t->child_filename) {
        struct node_text inner = child_text(t);
        return new_protocol(&inner, err);
    }
    if (!t->child) {
        error_set(err, "A block device must be specified for \"file\"");
    } else if (!child) {
        error_set(err, "Cannot find device='' nor node-name='%s'", t->child);
    } else if (child->in_use || !is_protocol(child->driver)) {
        error_set(err, "Node '%s' is %s", t->child, child->in_use ? "in use" : "no file");
        child = NULL;
    }
    return child;
}

static struct block_node *new_format(const struct node_text *t, struct error **err)
{
    struct block_node *child = find_child(t, err);
    struct block_node *node = child ? new_node(t, err) : NULL;

    if (node) {
        node->child = child;
        node->file = g_strdup(child->file);
        node->opts.no_flush |= child->opts.no_flush;
        node->opts.readonly |= child->opts.readonly;
        node->auto_readonly |= child->auto_readonly;
        child->in_use = true;
    } else if (child && child->internal) {
        free_node(child);
    }
    return node;
}

/* --- images ----------------------------------------------------------------------------------- */

struct block_image *block_node_open(struct block_node *node, struct error **err)
{
    const char *format = is_protocol(node->driver) ? "raw" : node->driver;
    struct drive_options opts = node->opts;

    if (node->in_use) {
        error_set(err, "Node '%s' is in use", node->name);
        return NULL;
    }
    bool retry = node->auto_readonly && !opts.readonly;
    struct block_image *img = block_open_medium(node->file, format, &opts, retry ? NULL : err);
    if (!img && retry) {
        opts.readonly = true;
        img = block_open_medium(node->file, format, &opts, err);
    }
    node->in_use = img != NULL;
    node->length = img ? img->length : 0;
    return img;
}

void block_node_close(struct block_node *node, struct block_image *img)
{
    node->length = img->length;
    block_image_close(img);
    node->in_use = false;
}

const char *block_node_file(const struct block_node *node)
{
    return node->file;
}

const char *block_node_name(const struct block_node *node)
{
    return node->name;
}

/* --- adding and removing ---------------------------------------------------------------------- */

static int try_to_open(struct block_node *node, struct error **err)
{
    struct block_image *img = block_node_open(node, err);

    if (!img) {
        free_node(node);
        return -EINVAL;
    }
    block_node_close(node, img);
    return 0;
}

static int add(const struct node_text *t, struct error **err)
{
    struct block_node *node;

    if (!t->driver || !t->name) {
        error_set(err, "Parameter '%s' is missing", t->driver ? "node-name" : "driver");
        return -EINVAL;
    }
    if (t->direct || t->child_direct) {
        error_set(err, "cache.direct is not supported: the host's page cache is always used");
        return -ENOTSUP;
    }
    if (is_protocol(t->driver)) {
        node = new_protocol(t, err);
    } else if (block_format_exists(t->driver)) {
        node = new_format(t, err);
    } else {
        error_set(err, "Unknown driver '%s'", t->driver);
        return -ENOENT;
    }
    return node ? try_to_open(node, err) : -EINVAL;
}

int block_node_add(const char *text, struct error **err)
{
    struct node_text t = {0};
    struct opt_list list;

    opt_list_parse(&list, text, NULL);
    int ret = opt_apply(&list, node_descs, &t, "-blockdev", err);
    if (ret == 0) {
        ret = add(&t, err);
    }
    opt_list_free(&list);
    return ret;
}

int block_node_del(const char *name, struct error **err)
{
    struct block_node *node = block_node_find(name);

    if (!node) {
        error_set(err, "Failed to find node with node-name='%s'", name);
        return -ENOENT;
    }
    if (node->in_use) {
        error_set(err, "Node %s is in use", name);
        return -EBUSY;
    }
    free_node(node);
    return 0;
}

void block_node_for_each(void (*fn)(const struct block_node *node, void *opaque), void *opaque)
{
    struct block_node *node;

    TAILQ_FOREACH(node, &nodes, link)
    {
        fn(node, opaque);
    }
}

void block_node_describe(const struct block_node *node, struct block_node_info *info)
{
    *info = (struct block_node_info){.name = node->name,
                                     .driver = node->driver,
                                     .file = node->file,
                                     .length = node->length,
                                     .readonly = node->opts.readonly,
                                     .no_flush = node->opts.no_flush,
                                     .ignore_discard = node->opts.ignore_discard};
}

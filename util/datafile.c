/* SPDX-License-Identifier: MIT */
/*
 * Data files: where distributions put firmware, and which package has it.
 */
#include "util/datafile.h"

#include "config.h"
#include "util/error.h"

#include <errno.h>
#include <glib.h>
#include <sys/stat.h>

static const char *const standard_dirs[] = {
    CONFIG_DATADIR,    "/usr/share/seabios", "/usr/share/qemu",
    "/usr/share/OVMF", "/usr/lib/ipxe/qemu", "/usr/share/vgabios",
};

static const struct {
    const char *pattern;
    const char *package;
} packages[] = {
    {"bios*.bin", "seabios"},
    {"vgabios*", "seabios"},
    {"OVMF*", "ovmf"},
    {"*.rom", "ipxe-qemu"},
};

static GPtrArray *extra_dirs;

void datafile_add_dir(const char *dir)
{
    if (!extra_dirs)
        extra_dirs = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(extra_dirs, g_strdup(dir));
}

static char *try_dir(const char *dir, const char *name)
{
    char *path = g_build_filename(dir, name, NULL);

    if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return path;
    g_free(path);
    return NULL;
}

char *datafile_find(const char *name)
{
    char *path = NULL;

    if (strchr(name, '/') || g_file_test(name, G_FILE_TEST_IS_REGULAR))
        return g_file_test(name, G_FILE_TEST_EXISTS) ? g_strdup(name) : NULL;
    for (guint i = 0; extra_dirs && i < extra_dirs->len && !path; i++)
        path = try_dir(extra_dirs->pdata[i], name);
    for (size_t i = 0; i < ARRAY_SIZE(standard_dirs) && !path; i++)
        path = try_dir(standard_dirs[i], name);
    return path;
}

static void set_missing(const char *name, struct error **err)
{
    for (size_t i = 0; i < ARRAY_SIZE(packages); i++) {
        if (!strchr(name, '/') && g_pattern_match_simple(packages[i].pattern, name)) {
            error_set(err, "firmware file '%s' is not installed (package %s has it)", name,
                      packages[i].package);
            return;
        }
    }
    error_set(err, "file '%s' not found", name);
}

static bool size_allowed(const char *path, size_t max, struct error **err)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        error_set_errno(err, errno, "cannot read '%s'", path);
        return false;
    }
    if (!S_ISREG(st.st_mode) || !st.st_size || (uint64_t)st.st_size > max) {
        error_set(err, "'%s' is no firmware: %s", path,
                  !S_ISREG(st.st_mode) ? "not a file"
                  : !st.st_size        ? "empty"
                                       : "too large");
        return false;
    }
    return true;
}

uint8_t *datafile_load(const char *name, size_t max, size_t *size, struct error **err)
{
    char *path = datafile_find(name), *data = NULL;
    GError *gerr = NULL;

    if (!path) {
        set_missing(name, err);
        return NULL;
    }
    if (size_allowed(path, max, err) && !g_file_get_contents(path, &data, size, &gerr)) {
        error_set(err, "%s", gerr->message);
        g_error_free(gerr);
    }
    g_free(path);
    return (uint8_t *)data;
}

/* SPDX-License-Identifier: MIT */
/*
 * The list of accelerators and the choice among them (-accel, -machine accel=).
 */
#include "accel/accel.h"

#include "util/error.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>

static bool no_kvm(struct error **err)
{
    error_set(err, "not built into this version");
    return false;
}

static bool not_on_linux(struct error **err)
{
    error_set(err, "it exists on other host systems only");
    return false;
}

static const struct accel_ops accel_kvm = {
    .name = "kvm",
    .help = "Linux KVM (not in this version)",
    .available = no_kvm,
};
static const struct accel_ops accel_xen = {
    .name = "xen",
    .help = "Xen (not in this version)",
    .available = no_kvm,
};
static const struct accel_ops accel_hvf = {
    .name = "hvf",
    .help = "macOS Hypervisor (not on this host)",
    .available = not_on_linux,
};
static const struct accel_ops accel_whpx = {
    .name = "whpx",
    .help = "Windows Hypervisor Platform (not on this host)",
    .available = not_on_linux,
};
static const struct accel_ops accel_nvmm = {
    .name = "nvmm",
    .help = "NetBSD NVMM (not on this host)",
    .available = not_on_linux,
};

static const struct accel_ops *const rows[] = {
    &accel_jit, &accel_interp, &accel_kvm, &accel_xen, &accel_hvf, &accel_whpx, &accel_nvmm, NULL,
};

#define MAX_WANTED 16
#define CODE_SIZE_MIN MIB(1)
#define CODE_SIZE_MAX GIB(1)

static const struct accel_ops *wanted[MAX_WANTED];
static unsigned n_wanted;
static const struct accel_ops *chosen;
static struct accel_config config;

const struct accel_ops *accel_row(unsigned i)
{
    return i < ARRAY_SIZE(rows) ? rows[i] : NULL;
}

const char *accel_name(void)
{
    return chosen ? chosen->name : "none";
}

/* --- parsing ---------------------------------------------------------------------------- */

static int unknown(const char *name, struct error **err)
{
    const char *names[ARRAY_SIZE(rows)] = {0}, *guess;

    for (unsigned i = 0; rows[i]; i++)
        names[i] = rows[i]->name;
    guess = util_suggest(name, names);
    if (guess)
        error_set(err, "unknown accelerator '%s'; did you mean '%s'?", name, guess);
    else
        error_set(err, "unknown accelerator '%s' (see -accel help)", name);
    return -EINVAL;
}

static int add_name(const char *name, struct error **err)
{
    for (unsigned i = 0; rows[i]; i++) {
        if (strcmp(name, rows[i]->name) && (!rows[i]->alias || strcmp(name, rows[i]->alias)))
            continue;
        if (n_wanted == MAX_WANTED) {
            error_set(err, "more than %d accelerators", MAX_WANTED);
            return -EINVAL;
        }
        wanted[n_wanted++] = rows[i];
        return 0;
    }
    return unknown(name, err);
}

static int set_code_size(const char *text, struct error **err)
{
    char *end;
    unsigned long long mib = strtoull(text, &end, 10);

    if (end == text || *end || mib < CODE_SIZE_MIN >> 20 || mib > CODE_SIZE_MAX >> 20) {
        error_set(err, "tb-size is a number of MiB from %llu to %llu, not '%s'",
                  (unsigned long long)CODE_SIZE_MIN >> 20, (unsigned long long)CODE_SIZE_MAX >> 20,
                  text);
        return -EINVAL;
    }
    config.code_size = mib << 20;
    return 0;
}

static int set_profile(const char *text, struct error **err)
{
    if (strcmp(text, "on") && strcmp(text, "off")) {
        error_set(err, "profile is on or off, not '%s'", text);
        return -EINVAL;
    }
    config.profile = !strcmp(text, "on");
    return 0;
}

static int set_property(char *text, struct error **err)
{
    static const char *const names[] = {"tb-size", "thread", "profile", NULL};
    char *value = strchr(text, '=');
    const char *guess;

    if (value)
        *value++ = 0;
    if (!strcmp(text, "tb-size"))
        return set_code_size(value ? value : "", err);
    if (!strcmp(text, "profile"))
        return set_profile(value ? value : "on", err);
    if (!strcmp(text, "thread")) {
        if (value && !strcmp(value, "multi"))
            return 0;
        error_set(err, "every vCPU has a thread of its own: only thread=multi is possible");
        return -EINVAL;
    }
    guess = util_suggest(text, names);
    error_set(err, "unknown accelerator property '%s'%s%s%s", text, guess ? "; did you mean '" : "",
              guess ? guess : "", guess ? "'?" : "");
    return -EINVAL;
}

static int add_parts(char *text, struct error **err)
{
    char *save = NULL, *names = strtok_r(text, ",", &save), *part, *save2 = NULL;
    int ret = 0;

    if (!names) {
        error_set(err, "an accelerator's name is missing");
        return -EINVAL;
    }
    if (!strncmp(names, "accel=", 6))
        names += 6;
    for (char *name = strtok_r(names, ":", &save2); name && !ret; name = strtok_r(NULL, ":", &save2))
        ret = add_name(name, err);
    while (!ret && (part = strtok_r(NULL, ",", &save)))
        ret = set_property(part, err);
    return ret;
}

int accel_add(const char *text, struct error **err)
{
    char *copy = strdup(text);
    int ret;

    if (!copy)
        return error_set_errno(err, ENOMEM, "-accel");
    ret = add_parts(copy, err);
    free(copy);
    return ret;
}

/* --- choosing ----------------------------------------------------------------------------- */

static bool try_one(const struct accel_ops *ops, const struct accel_ops *next)
{
    struct error *err = NULL;

    if (!ops->available || ops->available(&err)) {
        chosen = ops;
        return true;
    }
    if (next)
        warn_report("accelerator %s is not available: %s; trying %s", ops->name, error_msg(err),
                    next->name);
    else
        warn_report("accelerator %s is not available: %s", ops->name, error_msg(err));
    error_free(err);
    return false;
}

int accel_choose(struct error **err)
{
    if (!n_wanted) {
        wanted[n_wanted++] = &accel_jit;
        wanted[n_wanted++] = &accel_interp;
    }
    for (unsigned i = 0; i < n_wanted; i++)
        if (try_one(wanted[i], i + 1 < n_wanted ? wanted[i + 1] : NULL))
            return 0;
    error_set(err, "no accelerator of the list is available (-accel jit always is on x86-64)");
    return -ENODEV;
}

/* --- the chosen one ------------------------------------------------------------------------- */

static void log_row(void *arg, const char *name, uint64_t value)
{
    log_printf("%-40s %llu\n", name, (unsigned long long)value);
}

int accel_create_vcpus(const struct frontend_ops *frontend, unsigned count, struct error **err)
{
    int ret = chosen->init(&config, frontend, err);

    for (unsigned i = 0; !ret && i < count; i++)
        ret = chosen->create_vcpu(err);
    return ret;
}

int accel_start(struct error **err)
{
    return chosen->start(err);
}

void accel_stop(void)
{
    if (!chosen)
        return;
    if (log_enabled(LOG_STATS))
        accel_print_stats(log_row, NULL);
    chosen->stop();
}

void accel_print_stats(void (*print)(void *arg, const char *name, uint64_t value), void *arg)
{
    if (chosen && chosen->print_stats)
        chosen->print_stats(print, arg);
}

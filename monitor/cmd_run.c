/* SPDX-License-Identifier: MIT */
/* Commands about running, stopping and what the machine is. */
#include <inttypes.h>

#include "accel/accel.h"
#include "hw/core/memory.h"
#include "hw/machine/machine.h"
#include "monitor/internal.h"
#include "monitor/machine_info.h"
#include "monitor/pager.h"
#include "monitor/schema.h"
#include "system/actions.h"
#include "system/cpu_model.h"
#include "system/options.h"
#include "system/runstate.h"
#include "system/version.h"

static const struct machine_config *config;
static const struct machine_class *machine;

const struct machine_config *monitor_machine_config(void)
{
    return config;
}

const struct machine_class *monitor_machine(void)
{
    return machine;
}

void monitor_init(const struct machine_config *cfg, const struct machine_class *cls)
{
    config = cfg;
    machine = cls;
    events_init();
    device_events_init();
}

/* --- running ------------------------------------------------------------------------------------ */

json_t *qmp_stop(struct monitor *m, json_t *args, struct error **err)
{
    if (runstate_is_running()) {
        vm_stop(RUNSTATE_PAUSED);
    }
    return qmp_empty();
}

json_t *qmp_cont(struct monitor *m, json_t *args, struct error **err)
{
    switch (runstate_get()) {
    case RUNSTATE_SHUTDOWN:
    case RUNSTATE_INTERNAL_ERROR:
        error_set(err, "Resetting the Virtual Machine is required");
        return NULL;
    case RUNSTATE_SUSPENDED:
        break; /* it sleeps until something wakes it */
    default:
        vm_start();
    }
    return qmp_empty();
}

json_t *qmp_system_reset(struct monitor *m, json_t *args, struct error **err)
{
    runstate_request_reset(RESET_REASON_HOST);
    return qmp_empty();
}

json_t *qmp_system_powerdown(struct monitor *m, json_t *args, struct error **err)
{
    runstate_request_powerdown();
    return qmp_empty();
}

json_t *qmp_system_wakeup(struct monitor *m, json_t *args, struct error **err)
{
    if (runstate_get() != RUNSTATE_SUSPENDED) {
        error_set(err, "Unable to wake up: guest is not in suspended state");
        return NULL;
    }
    runstate_request_wakeup(WAKEUP_OTHER);
    return qmp_empty();
}

json_t *qmp_quit(struct monitor *m, json_t *args, struct error **err)
{
    runstate_request_shutdown(SHUTDOWN_HOST_QUIT);
    return qmp_empty();
}

json_t *qmp_query_status(struct monitor *m, json_t *args, struct error **err)
{
    return json_pack("{s:b, s:b, s:s}", "running", runstate_is_running(), "singlestep", 0, "status",
                     runstate_name(runstate_get()));
}

void hmp_info_status(struct monitor *m, json_t *args)
{
    if (runstate_is_running()) {
        mon_puts(m, "VM status: running\n");
    } else {
        mon_print(m, "VM status: paused (%s)\n", runstate_name(runstate_get()));
    }
}

json_t *qmp_set_action(struct monitor *m, json_t *args, struct error **err)
{
    const char *event;
    json_t *action;

    json_object_foreach(args, event, action)
    {
        if (action_set(event, json_string_value(action), err) < 0) {
            return NULL;
        }
    }
    return qmp_empty();
}

json_t *qmp_watchdog_set_action(struct monitor *m, json_t *args, struct error **err)
{
    return action_set("watchdog", arg_str(args, "action"), err) < 0 ? NULL : qmp_empty();
}

void hmp_set_action(struct monitor *m, json_t *args)
{
    json_t *action = json_pack("{s:O}", arg_str(args, "what"), json_object_get(args, "action"));

    hmp_via_qmp(m, action);
    json_decref(action);
}

/* --- what it is --------------------------------------------------------------------------------- */

json_t *qmp_query_name(struct monitor *m, json_t *args, struct error **err)
{
    json_t *ret = json_object();

    if (config->name) {
        json_object_set_new(ret, "name", json_string(config->name));
    }
    return ret;
}

void hmp_info_name(struct monitor *m, json_t *args)
{
    if (config->name) {
        mon_print(m, "%s\n", config->name);
    }
}

static char *uuid_text(void)
{
    const uint8_t *u = config->uuid;
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < 16; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        g_string_append_printf(text, "%s%02x", dash ? "-" : "", u[i]);
    }
    return g_string_free(text, FALSE);
}

json_t *qmp_query_uuid(struct monitor *m, json_t *args, struct error **err)
{
    char *text = uuid_text();
    json_t *ret = json_pack("{s:s}", "UUID", text);

    g_free(text);
    return ret;
}

void hmp_info_uuid(struct monitor *m, json_t *args)
{
    char *text = uuid_text();

    mon_print(m, "%s\n", text);
    g_free(text);
}

json_t *qmp_query_kvm(struct monitor *m, json_t *args, struct error **err)
{
    bool used = !strcmp(accel_name(), "kvm");

    return json_pack("{s:b, s:b}", "enabled", used, "present", used);
}

void hmp_info_kvm(struct monitor *m, json_t *args)
{
    mon_print(m, "kvm support: %s\n",
              strcmp(accel_name(), "kvm") ? "not in use (see -accel)" : "enabled");
}

json_t *qmp_query_target(struct monitor *m, json_t *args, struct error **err)
{
    return json_pack("{s:s}", "arch", "x86_64");
}

/* The optional default-cpu-type is left out: libvirt looks for `max` among the models it knows. */
static void describe_machine(const struct machine_class *cls, void *opaque)
{
    json_t *row =
        json_pack("{s:s, s:i, s:b, s:b, s:b}", "name", cls->name, "cpu-max", (int)cls->max_cpus,
                  "hotpluggable-cpus", 0, "numa-mem-supported", 0, "deprecated", 0);

    if (cls->alias) {
        json_object_set_new(row, "alias", json_string(cls->alias));
    }
    if (cls->is_default) {
        json_object_set_new(row, "is-default", json_true());
    }
    if (cls->default_ram_id) {
        json_object_set_new(row, "default-ram-id", json_string(cls->default_ram_id));
    }
    json_array_append_new(opaque, row);
}

json_t *qmp_query_machines(struct monitor *m, json_t *args, struct error **err)
{
    json_t *list = json_array();

    machine_for_each(describe_machine, list);
    return list;
}

json_t *qmp_query_current_machine(struct monitor *m, json_t *args, struct error **err)
{
    return json_pack("{s:b}", "wakeup-suspend-support", config->acpi);
}

static void describe_model(const char *name, const char *alias_of, void *opaque)
{
    char *type = g_strdup_printf("%s-x86_64-cpu", name);
    json_t *row = json_pack("{s:s, s:b, s:s, s:b, s:b}", "name", name, "static", !strcmp(name, "base"),
                            "typename", type, "deprecated", 0, "migration-safe", strcmp(name, "max") != 0);

    if (alias_of) {
        json_object_set_new(row, "alias-of", json_string(alias_of));
    }
    json_array_append_new(opaque, row);
    g_free(type);
}

json_t *qmp_query_cpu_definitions(struct monitor *m, json_t *args, struct error **err)
{
    json_t *list = json_array();

    cpu_model_for_each(describe_model, list);
    return list;
}

json_t *qmp_query_iothreads(struct monitor *m, json_t *args, struct error **err)
{
    return json_array();
}

/* Without migration its states never change: the one switch is kept for who looks. */
static bool migration_events;

json_t *qmp_query_migrate_capabilities(struct monitor *m, json_t *args, struct error **err)
{
    return json_pack("[{s:s, s:b}]", "capability", "events", "state", migration_events);
}

json_t *qmp_migrate_set_capabilities(struct monitor *m, json_t *args, struct error **err)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_object_get(args, "capabilities"), i, row)
    {
        migration_events = json_is_true(json_object_get(row, "state"));
    }
    return qmp_empty();
}

void hmp_info_iothreads(struct monitor *m, json_t *args)
{
}

json_t *qmp_query_memory_size_summary(struct monitor *m, json_t *args, struct error **err)
{
    return json_pack("{s:I}", "base-memory", (json_int_t)config->ram_size);
}

void hmp_info_memory_size_summary(struct monitor *m, json_t *args)
{
    mon_print(m, "base memory: %" PRIu64 "\n", config->ram_size);
}

void hmp_boot_set(struct monitor *m, json_t *args)
{
    const char *order = arg_str(args, "bootdevice");
    struct error *err = NULL;

    if (!machine->set_boot_order) {
        mon_print(m, "Error: the boot order of machine %s cannot be changed\n", machine->name);
    } else if (machine->set_boot_order(order, &err) < 0) {
        mon_error(m, err);
    } else {
        mon_print(m, "boot device list now set to %s\n", order);
    }
}

/* --- texts --------------------------------------------------------------------------------------- */

/* {"human-readable-text": ...}, of a text that is freed. */
static json_t *human_readable(GString *text)
{
    json_t *ret = json_pack("{s:s}", "human-readable-text", text->str);

    g_string_free(text, TRUE);
    return ret;
}

static void show(struct monitor *m, GString *text)
{
    mon_puts(m, text->str);
    g_string_free(text, TRUE);
}

static void append_counter(void *arg, const char *name, uint64_t value)
{
    g_string_append_printf(arg, "%-40s %" PRIu64 "\n", name, value);
}

static GString *jit_text(void)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "accelerator: %s\n", accel_name());
    accel_print_stats(append_counter, text);
    return text;
}

json_t *qmp_x_query_jit(struct monitor *m, json_t *args, struct error **err)
{
    return human_readable(jit_text());
}

void hmp_info_jit(struct monitor *m, json_t *args)
{
    show(m, jit_text());
}

static void append_rom(const struct mem_section *s, void *opaque)
{
    if (s->flags & MEM_SEC_ROM) {
        g_string_append_printf(opaque,
                               "addr=%016" PRIx64 " size=0x%06" PRIx64 " mem=rom name=\"%s\"\n",
                               s->gpa, s->len, s->mr->name);
    }
}

static GString *roms_text(void)
{
    GString *text = g_string_new(NULL);

    addr_space_for_each(&as_memory, append_rom, text);
    return text;
}

json_t *qmp_x_query_roms(struct monitor *m, json_t *args, struct error **err)
{
    return human_readable(roms_text());
}

void hmp_info_roms(struct monitor *m, json_t *args)
{
    show(m, roms_text());
}

static void append_block(const struct ram_block_info *info, void *opaque)
{
    g_string_append_printf(opaque, "%-24s %4u KiB  0x%012" PRIx64 " 0x%012" PRIx64 "\n", info->name,
                           (unsigned)(RAM_PAGE_SIZE >> 10), info->addr, info->size);
}

static GString *ram_text(void)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "%-24s %8s  %14s %14s\n", "Block Name", "PSize", "Offset", "Used");
    ram_for_each_block(append_block, text);
    return text;
}

json_t *qmp_x_query_ramblock(struct monitor *m, json_t *args, struct error **err)
{
    return human_readable(ram_text());
}

void hmp_info_ramblock(struct monitor *m, json_t *args)
{
    show(m, ram_text());
}

/* --- the monitors themselves -------------------------------------------------------------------- */

void hmp_info_version(struct monitor *m, json_t *args)
{
    mon_puts(m, DOPPEL_VERSION "\n");
}

void hmp_info_history(struct monitor *m, json_t *args)
{
    const char *line;

    for (unsigned i = 0; m->editor && (line = editor_history(m->editor, i)); i++) {
        mon_print(m, "%u: '%s'\n", i, line);
    }
}

void hmp_pager(struct monitor *m, json_t *args)
{
    int64_t rows = arg_int(args, "rows", -1);

    if (rows < -1 || rows > 10000) {
        mon_puts(m, "Error: rows: 0 to 10000\n");
    } else if (m->pager) {
        pager_set_rows(m->pager, (int)rows);
    }
}

json_t *qmp_human_monitor_command(struct monitor *m, json_t *args, struct error **err)
{
    int64_t cpu = arg_int(args, "cpu-index", 0);

    if (cpu < 0 || cpu >= config->smp.cpus) {
        error_set(err, "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    char *text = monitor_run_line(arg_str(args, "command-line"), (unsigned)cpu);
    char *clean = g_utf8_make_valid(text, -1);
    json_t *ret = json_string(clean);
    g_free(clean);
    g_free(text);
    return ret;
}

/* The names in an option's syntax, "[timestamp=on|off][,guest-name=on|off]": what stands before '='. */
static json_t *option_parameters(const char *syntax)
{
    json_t *params = json_array();

    for (const char *eq = strchr(syntax, '='); eq; eq = strchr(eq + 1, '=')) {
        const char *start = eq;
        while (start > syntax && (g_ascii_isalnum(start[-1]) || strchr("-_.", start[-1]))) {
            start--;
        }
        char *name = g_strndup(start, (gsize)(eq - start));
        if (g_ascii_islower(*name)) {
            json_array_append_new(params,
                                  json_pack("{s:s, s:s}", "name", name, "type", "string"));
        }
        g_free(name);
    }
    return params;
}

static void describe_option(const char *name, const char *arg, const char *help, void *opaque)
{
    json_array_append_new(opaque, json_pack("{s:s, s:o}", "option", name, "parameters",
                                            option_parameters(arg ? arg : "")));
}

json_t *qmp_query_command_line_options(struct monitor *m, json_t *args, struct error **err)
{
    const char *only = arg_str(args, "option");
    json_t *all = json_array(), *list = json_array(), *row;
    size_t i;

    options_for_each(describe_option, all);
    json_array_foreach(all, i, row)
    {
        if (!only || !strcmp(only, json_string_value(json_object_get(row, "option")))) {
            json_array_append(list, row);
        }
    }
    json_decref(all);
    if (only && !json_array_size(list)) {
        error_set(err, "invalid option name: %s", only);
        json_decref(list);
        return NULL;
    }
    return list;
}

/* SPDX-License-Identifier: MIT */
/* Commands about CPUs and what they see: registers, mappings, memory dumps, disassembly, ports. */
#include <ctype.h>
#include <inttypes.h>

#include "hw/core/device.h"
#include "hw/core/memory.h"
#include "hw/intc/apic.h"
#include "hw/intc/gsi.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/machine/machine.h"
#include "monitor/internal.h"
#include "monitor/machine_info.h"
#include "system/cpu.h"
#include "system/cpu_inspect.h"
#include "system/cpu_mce.h"
#include "system/runstate.h"

struct vcpu *monitor_vcpu(struct monitor *m)
{
    struct vcpu *cpu = vcpu_get(m->cpu);

    return cpu ? cpu : vcpu_get(0);
}

static void show(struct monitor *m, GString *text)
{
    mon_puts(m, text->str);
    g_string_free(text, TRUE);
}

/* --- CPUs --------------------------------------------------------------------------------------- */

json_t *qmp_query_cpus_fast(struct monitor *m, json_t *args, struct error **err)
{
    const struct machine_config *cfg = monitor_machine_config();
    json_t *list = json_array();

    for (unsigned i = 0; i < vcpu_count(); i++) {
        char *path = g_strdup_printf("/machine/cpu[%u]", i);
        unsigned core = i / cfg->smp.threads;
        json_t *props = json_pack(
            "{s:i, s:i, s:i}", "socket-id", (int)(core / cfg->smp.cores / cfg->smp.dies), "core-id",
            (int)(core % cfg->smp.cores), "thread-id", (int)(i % cfg->smp.threads));
        if (cfg->smp.dies > 1) {
            json_object_set_new(props, "die-id",
                                json_integer(core / cfg->smp.cores % cfg->smp.dies));
        }
        json_array_append_new(list,
                              json_pack("{s:i, s:s, s:i, s:o, s:s}", "cpu-index", (int)i,
                                        "qom-path", path, "thread-id", vcpu_thread_id(vcpu_get(i)),
                                        "props", props, "target", "x86_64"));
        g_free(path);
    }
    return list;
}

void hmp_info_cpus(struct monitor *m, json_t *args)
{
    vcpu_gate_close();
    for (unsigned i = 0; i < vcpu_count(); i++) {
        const struct vcpu *cpu = vcpu_get(i);
        mon_print(m, "%c CPU #%u: pc=0x%016" PRIx64 "%s thread_id=%d\n",
                  cpu == monitor_vcpu(m) ? '*' : ' ', i, vcpu_pc(cpu),
                  vcpu_halted(cpu) ? " (halted)" : "", vcpu_thread_id(cpu));
    }
    vcpu_gate_open();
}

void hmp_cpu(struct monitor *m, json_t *args)
{
    int64_t index = arg_int(args, "index", 0);

    if (index < 0 || index >= vcpu_count()) {
        mon_puts(m, "Error: invalid CPU index\n");
    } else {
        m->cpu = (unsigned)index;
    }
}

void hmp_info_registers(struct monitor *m, json_t *args)
{
    GString *text = g_string_new(NULL);
    bool all = arg_bool(args, "all", false);

    vcpu_gate_close();
    for (unsigned i = 0; i < vcpu_count(); i++) {
        if (all || vcpu_get(i) == monitor_vcpu(m)) {
            g_string_append_printf(text, "%sCPU#%u\n", all && i ? "\n" : "", i);
            vcpu_describe(vcpu_get(i), true, text);
        }
    }
    vcpu_gate_open();
    show(m, text);
}

/* --- mappings ----------------------------------------------------------------------------------- */

#define LINES_MAX 20000u

struct listing {
    GString *out;
    unsigned lines;
    bool wide;
    struct vcpu_mapping range; /* info mem: what is being put together */
};

static bool list_mapping(const struct vcpu_mapping *map, void *opaque)
{
    struct listing *l = opaque;
    int w = l->wide ? 16 : 8;
    static const struct {
        unsigned bit;
        char name;
    } bits[] = {{8, 'G'}, {7, 'P'}, {6, 'D'}, {5, 'A'}, {4, 'C'}, {3, 'T'}, {2, 'U'}, {1, 'W'}};

    g_string_append_printf(l->out, "%0*" PRIx64 ": %0*" PRIx64 " %c", w, map->va, w, map->pa,
                           map->no_execute ? 'X' : '-');
    for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
        bool small_page = bits[i].name == 'P' && map->size == 4096; /* the bit is PAT there */
        g_string_append_c(l->out, map->bits >> bits[i].bit & 1 && !small_page ? bits[i].name : '-');
    }
    g_string_append_c(l->out, '\n');
    return ++l->lines < LINES_MAX;
}

static void end_range(struct listing *l)
{
    const struct vcpu_mapping *r = &l->range;
    int w = l->wide ? 16 : 8;

    if (r->size) {
        g_string_append_printf(l->out, "%0*" PRIx64 "-%0*" PRIx64 " %0*" PRIx64 " %cr%c%c\n", w,
                               r->va, w, r->va + r->size, w, r->size, r->user ? 'u' : '-',
                               r->write ? 'w' : '-', r->no_execute ? '-' : 'x');
        l->lines++;
    }
}

static bool join_mapping(const struct vcpu_mapping *map, void *opaque)
{
    struct listing *l = opaque;
    struct vcpu_mapping *r = &l->range;

    if (r->size && r->va + r->size == map->va && r->user == map->user && r->write == map->write &&
        r->no_execute == map->no_execute) {
        r->size += map->size;
        return true;
    }
    end_range(l);
    *r = *map;
    return l->lines < LINES_MAX;
}

static void list_mappings(struct monitor *m, bool (*fn)(const struct vcpu_mapping *, void *))
{
    struct listing l = {.out = g_string_new(NULL)};
    struct vcpu *cpu = monitor_vcpu(m);

    vcpu_gate_close();
    bool paging = vcpu_paging(cpu);
    l.wide = vcpu_wide(cpu);
    bool complete = vcpu_for_each_mapping(cpu, fn, &l);
    vcpu_gate_open();
    if (fn == join_mapping) {
        end_range(&l);
    }
    if (!paging) {
        g_string_append(l.out, "PG disabled\n");
    } else if (!complete) {
        g_string_append(l.out, "... (there is more)\n");
    }
    show(m, l.out);
}

void hmp_info_mem(struct monitor *m, json_t *args)
{
    list_mappings(m, join_mapping);
}

void hmp_info_tlb(struct monitor *m, json_t *args)
{
    list_mappings(m, list_mapping);
}

void hmp_gva2gpa(struct monitor *m, json_t *args)
{
    gva_t addr = (gva_t)arg_int(args, "addr", 0);
    struct vcpu_mapping map;

    vcpu_gate_close();
    bool mapped = vcpu_translate(monitor_vcpu(m), addr, &map);
    vcpu_gate_open();
    if (mapped) {
        mon_print(m, "gpa: %#" PRIx64 "\n", map.pa + (addr & (map.size - 1)));
    } else {
        mon_puts(m, "Unmapped\n");
    }
}

/* --- formats ------------------------------------------------------------------------------------ */

/* "/10xw": how many, how to show, how wide. */
struct format {
    unsigned count, size;
    char kind;
};

#define FORMAT_COUNT_MAX 65536u

static unsigned size_of(char letter)
{
    return letter == 'b' ? 1 : letter == 'h' ? 2 : letter == 'w' ? 4 : letter == 'g' ? 8 : 0;
}

static bool parse_format(struct monitor *m, const char *text, struct format *f)
{
    bool sized = false;

    *f = (struct format){.count = 1, .size = 4, .kind = 'x'};
    if (!text) {
        return true;
    }
    text++; /* the slash */
    if (isdigit((uint8_t)*text)) {
        f->count = 0;
        while (isdigit((uint8_t)*text) && f->count <= FORMAT_COUNT_MAX) {
            f->count = f->count * 10 + (unsigned)(*text++ - '0');
        }
    }
    for (; *text; text++) {
        if (strchr("xduoci", *text)) {
            f->kind = *text;
        } else if (size_of(*text)) {
            f->size = size_of(*text);
            sized = true;
        } else {
            break;
        }
    }
    if (*text || f->count > FORMAT_COUNT_MAX) {
        mon_puts(m, "Error: a format is /[count][x|d|u|o|c|i][b|h|w|g], the count at most 65536\n");
        return false;
    }
    if (f->kind == 'c' && !sized) {
        f->size = 1;
    }
    if (f->kind == 'i' && !sized) {
        f->size = 0; /* the width of the code segment */
    }
    return true;
}

static void append_value(GString *out, const struct format *f, uint64_t v)
{
    int digits = (int)f->size * 2;
    int64_t s = (int64_t)(v << (64 - 8 * f->size)) >> (64 - 8 * f->size);

    switch (f->kind) {
    case 'd':
        g_string_append_printf(out, "%*" PRId64, digits + digits / 4, s);
        break;
    case 'u':
        g_string_append_printf(out, "%*" PRIu64, digits + digits / 4, v);
        break;
    case 'o':
        g_string_append_printf(out, "0%0*" PRIo64, (int)f->size * 8 / 3, v);
        break;
    case 'c':
        if (isprint((int)(v & 0xff))) {
            g_string_append_printf(out, "'%s%c'", strchr("'\\", (int)v) ? "\\" : "", (char)v);
        } else {
            g_string_append_printf(out, "'\\x%02x'", (unsigned)(v & 0xff));
        }
        break;
    default:
        g_string_append_printf(out, "0x%0*" PRIx64, digits, v);
    }
}

/* --- memory ------------------------------------------------------------------------------------- */

/* Linear or physical; devices are read too. False if there is nothing. */
static bool read_memory(const struct vcpu *cpu, uint64_t addr, void *buf, unsigned len,
                        bool physical)
{
    struct vcpu_mapping map;

    if (!physical && vcpu_read_memory(cpu, addr, buf, len) == len) {
        return true;
    }
    if (physical && vcpu_read_physical(cpu, addr, buf, len) == len) {
        return true;
    }
    if (!physical) {
        if (!vcpu_translate(cpu, addr, &map) || (addr & (map.size - 1)) + len > map.size) {
            return false;
        }
        addr = map.pa + (addr & (map.size - 1));
    }
    return addr_space_read(&as_memory, addr, buf, len) == 0;
}

static void append_address(GString *out, const struct vcpu *cpu, uint64_t addr, bool physical)
{
    g_string_append_printf(out, "%0*" PRIx64 ":", physical || vcpu_wide(cpu) ? 16 : 8, addr);
}

static void dump_values(const struct vcpu *cpu, const struct format *f, uint64_t addr,
                        bool physical, GString *out)
{
    unsigned per_line = f->kind == 'c' ? 8 : 16 / f->size;

    for (unsigned i = 0; i < f->count; i++, addr += f->size) {
        uint8_t raw[8] = {0};
        if (i % per_line == 0) {
            append_address(out, cpu, addr, physical);
        }
        if (!read_memory(cpu, addr, raw, f->size, physical)) {
            g_string_append(out, " Cannot access memory\n");
            return;
        }
        g_string_append_c(out, ' ');
        append_value(out, f, ld_le64(raw));
        if (i % per_line == per_line - 1 || i + 1 == f->count) {
            g_string_append_c(out, '\n');
        }
    }
}

static void dump_code(const struct vcpu *cpu, const struct format *f, uint64_t addr, bool physical,
                      GString *out)
{
    unsigned bits = f->size == 2 ? 16 : f->size == 4 ? 32 : f->size == 8 ? 64 : vcpu_code_bits(cpu);

    for (unsigned i = 0; i < f->count; i++) {
        uint8_t code[16] = {0};
        char text[160] = "(bad)";
        unsigned avail = (unsigned)(physical ? vcpu_read_physical(cpu, addr, code, 15)
                                             : vcpu_read_memory(cpu, addr, code, 15));
        append_address(out, cpu, addr, physical);
        if (!avail) {
            g_string_append(out, "  Cannot access memory\n");
            return;
        }
        unsigned len = vcpu_disassemble(code, avail, addr, bits, text, sizeof(text));
        g_string_append_c(out, ' ');
        for (unsigned k = 0; k < MAX(len, 1u); k++) {
            g_string_append_printf(out, " %02x", code[k]);
        }
        g_string_append_printf(out, "%*s%s\n", len < 10 ? (int)(10 - len) * 3 : 1, "",
                               len ? text : "(bad)");
        addr += MAX(len, 1u);
    }
}

static void dump(struct monitor *m, json_t *args, bool physical)
{
    uint64_t addr = (uint64_t)arg_int(args, "addr", 0);
    struct format f;

    if (!parse_format(m, arg_str(args, "format"), &f)) {
        return;
    }
    GString *out = g_string_new(NULL);
    vcpu_gate_close();
    (f.kind == 'i' ? dump_code : dump_values)(monitor_vcpu(m), &f, addr, physical, out);
    vcpu_gate_open();
    show(m, out);
}

void hmp_x(struct monitor *m, json_t *args)
{
    dump(m, args, false);
}

void hmp_xp(struct monitor *m, json_t *args)
{
    dump(m, args, true);
}

void hmp_print(struct monitor *m, json_t *args)
{
    struct format f;

    if (!parse_format(m, arg_str(args, "format"), &f)) {
        return;
    }
    GString *out = g_string_new(NULL);
    uint64_t v = (uint64_t)arg_int(args, "value", 0);
    if (f.kind == 'c') {
        f.size = 1;
        append_value(out, &f, v & 0xff);
    } else if (f.kind == 'x' || f.kind == 'i') {
        g_string_append_printf(out, "%#" PRIx64, v);
    } else if (f.kind == 'o') {
        g_string_append_printf(out, "%#" PRIo64, v);
    } else if (f.kind == 'u') {
        g_string_append_printf(out, "%" PRIu64, v);
    } else {
        g_string_append_printf(out, "%" PRId64, (int64_t)v);
    }
    g_string_append_c(out, '\n');
    show(m, out);
}

void hmp_gpa2hva(struct monitor *m, json_t *args)
{
    gpa_t addr = (gpa_t)arg_int(args, "addr", 0);
    struct mem_section s;

    if (mem_lookup(&as_memory, addr, &s) && s.host) {
        mon_print(m, "Host virtual address for %#" PRIx64 " (%s) is %p\n", addr, s.mr->name,
                  (void *)s.host);
    } else {
        mon_print(m, "Error: no memory is mapped at %#" PRIx64 "\n", addr);
    }
}

void hmp_sum(struct monitor *m, json_t *args)
{
    int64_t start = arg_int(args, "start", 0), size = arg_int(args, "size", 0);
    uint16_t sum = 0;
    uint8_t buf[4096];

    if (size < 0 || (uint64_t)size > GIB(1)) {
        mon_puts(m, "Error: size: up to 1 GiB\n");
        return;
    }
    for (int64_t done = 0; done < size;) {
        uint64_t n = MIN((uint64_t)(size - done), sizeof(buf));
        memset(buf, 0, sizeof(buf));
        vcpu_read_physical(monitor_vcpu(m), (gpa_t)(start + done), buf, n);
        for (uint64_t i = 0; i < n; i++) {
            /* BSD algorithm, as QEMU's */
            sum = (uint16_t)((sum >> 1 | sum << 15) + buf[i]);
        }
        done += (int64_t)n;
    }
    mon_print(m, "%05d\n", sum);
}

void hmp_info_mtree(struct monitor *m, json_t *args)
{
    static struct addr_space *const spaces[] = {&as_memory, &as_io};
    bool flat = arg_bool(args, "flat", false);

    for (unsigned i = 0; i < ARRAY_SIZE(spaces); i++) {
        char *text = flat ? mem_flat_describe(spaces[i]) : mem_tree_describe(spaces[i]);
        mon_print(m, "%s\n", text);
        g_free(text);
    }
}

/* --- ports -------------------------------------------------------------------------------------- */

static bool port_format(struct monitor *m, json_t *args, struct format *f)
{
    if (!parse_format(m, arg_str(args, "format"), f)) {
        return false;
    }
    if (!arg_has(args, "format")) {
        f->size = 1;
    }
    if (f->size == 0 || f->size == 8) {
        mon_puts(m, "Error: ports are 1, 2 or 4 bytes wide: /b, /h, /w\n");
        return false;
    }
    return true;
}

void hmp_i(struct monitor *m, json_t *args)
{
    uint16_t port = (uint16_t)arg_int(args, "addr", 0);
    struct format f;

    if (port_format(m, args, &f)) {
        uint8_t raw[4] = {0};
        addr_space_read(&as_io, port, raw, f.size);
        mon_print(m, "port%c[0x%04x] = 0x%0*x\n",
                  f.size == 1   ? 'b'
                  : f.size == 2 ? 'w'
                                : 'l',
                  port, (int)f.size * 2, ld_le32(raw));
    }
}

void hmp_o(struct monitor *m, json_t *args)
{
    uint16_t port = (uint16_t)arg_int(args, "addr", 0);
    struct format f;

    if (port_format(m, args, &f)) {
        uint8_t raw[8];
        st_le64(raw, (uint64_t)arg_int(args, "value", 0));
        addr_space_write(&as_io, port, raw, f.size);
    }
}

/* --- interrupts --------------------------------------------------------------------------------- */

json_t *qmp_inject_nmi(struct monitor *m, json_t *args, struct error **err)
{
    cpus_raise_nmi();
    return qmp_empty();
}

void hmp_mce(struct monitor *m, json_t *args)
{
    struct vcpu_mce e = {.bank = (unsigned)CLAMP(arg_int(args, "bank", 0), 0, 255),
                         .status = (uint64_t)arg_int(args, "status", 0),
                         .mcg_status = (uint64_t)arg_int(args, "mcg-status", 0),
                         .addr = (uint64_t)arg_int(args, "addr", 0),
                         .misc = (uint64_t)arg_int(args, "misc", 0)};
    int64_t index = arg_int(args, "cpu", 0);
    struct error *err = NULL;

    if (index < 0 || index >= vcpu_count()) {
        mon_puts(m, "Error: invalid CPU index\n");
        return;
    }
    vcpu_gate_close();
    int ret = vcpu_inject_mce(vcpu_get((unsigned)index), &e, &err);
    vcpu_gate_open();
    if (ret < 0) {
        mon_error(m, err);
    }
}

static bool is_gsi(struct device *dev, void *opaque)
{
    return !strcmp(dev->cls->name, "gsi");
}

static GString *irq_text(void)
{
    struct device *dev = device_for_each(is_gsi, NULL);
    GString *out = g_string_new(NULL);

    for (unsigned n = 0; dev && n < GSI_COUNT; n++) {
        if (gsi_count(dev, n)) {
            g_string_append_printf(out, "%2u: %" PRIu64 "\n", n, gsi_count(dev, n));
        }
    }
    return out;
}

json_t *qmp_x_query_irq(struct monitor *m, json_t *args, struct error **err)
{
    GString *text = irq_text();
    json_t *ret = json_pack("{s:s}", "human-readable-text", text->str);

    g_string_free(text, TRUE);
    return ret;
}

void hmp_info_irq(struct monitor *m, json_t *args)
{
    show(m, irq_text());
}

static bool show_controller(struct device *dev, void *opaque)
{
    bool ioapic = !strcmp(dev->cls->name, "ioapic"), pic = !strcmp(dev->cls->name, "isa-i8259");
    char *text = ioapic ? ioapic_describe(dev) : pic ? i8259_describe(dev) : NULL;

    if (text) {
        mon_print(opaque, "%s", text);
        g_free(text);
    }
    return false;
}

void hmp_info_pic(struct monitor *m, json_t *args)
{
    device_for_each(show_controller, m);
}

struct apic_search {
    int64_t id;
    unsigned index; /* of the next one */
    unsigned wanted;
};

static bool is_wanted_apic(struct device *dev, void *opaque)
{
    struct apic_search *s = opaque;

    if (strcmp(dev->cls->name, "apic")) {
        return false;
    }
    unsigned index = s->index++;
    return s->id >= 0 ? apic_id(dev) == s->id : index == s->wanted;
}

void hmp_info_lapic(struct monitor *m, json_t *args)
{
    struct apic_search s = {.id = arg_int(args, "apic-id", -1), .wanted = m->cpu};

    vcpu_gate_close();
    struct device *apic = device_for_each(is_wanted_apic, &s);
    char *text = apic ? apic_describe(apic) : NULL;
    vcpu_gate_open();
    mon_puts(m, text ? text : "Error: there is no such local APIC\n");
    g_free(text);
}

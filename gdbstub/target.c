/* SPDX-License-Identifier: MIT */
/*
 * What the debugger is told of the target: which registers there are, how memory is laid out. GDB
 * manual, appendices G (target descriptions) and E.13 (memory map).
 *
 * A description of the registers holds from connect to disconnect. It is that of the mode the CPU is
 * in; before it has chosen one (no paging) it is that of the program the machine was started with,
 * since debuggers are mostly started with the same one.
 */
#include "gdbstub/stub.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "gdbstub/gdbstub.h"
#include "hw/core/memory.h"
#include "system/cpu.h"
#include "util/error.h"

/* --- registers -------------------------------------------------------------------------------- */

static enum debug_width program_width = DEBUG_WIDTH_64;

void gdbstub_set_program(const char *path)
{
    uint8_t head[offsetof(Elf32_Ehdr, e_version)] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return;
    }
    bool is_386 = read(fd, head, sizeof(head)) == sizeof(head) && !memcmp(head, ELFMAG, SELFMAG) &&
                  ld_le16(head + offsetof(Elf32_Ehdr, e_machine)) == EM_386;
    close(fd);
    program_width = is_386 ? DEBUG_WIDTH_32 : DEBUG_WIDTH_64;
}

const struct debug_description *stub_describe(struct vcpu *cpu)
{
    const struct debug_description *d = debug_description(cpu, stub.width);

    return d ? d : debug_description(cpu, program_width);
}

int stub_parse_width(const char *text, enum debug_width *width, struct error **err)
{
    static const char *const names[] = {
        [DEBUG_WIDTH_MODE] = "auto",
        [DEBUG_WIDTH_16] = "16",
        [DEBUG_WIDTH_32] = "32",
        [DEBUG_WIDTH_64] = "64",
    };

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(text, names[i])) {
            *width = (enum debug_width)i;
            return 0;
        }
    }
    error_set(err, "registers=%s: it is auto, 16, 32 or 64", text);
    return -EINVAL;
}

static void put_register(GString *out, const struct debug_register *r, unsigned number)
{
    g_string_append_printf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"",
                           r->name, r->bytes * 8, r->type, number);
    if (r->group) {
        g_string_append_printf(out, " group=\"%s\"", r->group);
    }
    g_string_append(out, "/>\n");
}

static void put_feature(GString *out, const struct debug_description *d, unsigned feature)
{
    g_string_append_printf(out, "<feature name=\"%s\">\n%s\n", d->features[feature],
                           d->types[feature]);
    for (unsigned i = 0; i < d->n_regs; i++) {
        if (d->regs[i].feature == feature) {
            put_register(out, &d->regs[i], i);
        }
    }
    g_string_append(out, "</feature>\n");
}

char *stub_target_xml(const struct debug_description *d)
{
    GString *out = g_string_new("<?xml version=\"1.0\"?>\n"
                                "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n");

    g_string_append_printf(out, "<architecture>%s</architecture>\n", d->architecture);
    for (unsigned i = 0; i < d->n_features; i++) {
        put_feature(out, d, i);
    }
    g_string_append(out, "</target>\n");
    return g_string_free(out, FALSE);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* A piece of the map, which grows while the next section is of the same kind. */
struct piece {
    GString *out;
    uint64_t start, end;
    bool rom;
};

static void put_piece(const struct piece *p)
{
    if (p->end != p->start) {
        g_string_append_printf(
            p->out, "<memory type=\"%s\" start=\"0x%" PRIx64 "\" length=\"0x%" PRIx64 "\"/>\n",
            p->rom ? "rom" : "ram", p->start, p->end - p->start);
    }
}

static void extend(struct piece *p, uint64_t end, bool rom)
{
    if (rom != p->rom) {
        put_piece(p);
        p->start = p->end;
        p->rom = rom;
    }
    p->end = end;
}

static void add_section(const struct mem_section *s, void *opaque)
{
    if (s->flags & MEM_SEC_ROM) {
        extend(opaque, s->gpa, false);
        extend(opaque, s->gpa + s->len, true);
    }
}

/*
 * Only ROM is told apart, where the debugger's addresses are physical: what else there is (devices,
 * holes something may yet fill) must stay accessible, and GDB accesses nothing the map leaves out.
 */
char *stub_memory_map(bool physical)
{
    struct piece p = {.out = g_string_new("<?xml version=\"1.0\"?>\n<memory-map>\n")};

    if (physical) {
        addr_space_for_each(&as_memory, add_section, &p);
    }
    extend(&p, UINT64_C(1) << 63, false);
    put_piece(&p);
    p.start = p.end;
    extend(&p, 0, false); /* to the end: 2^64 */
    put_piece(&p);
    g_string_append(p.out, "</memory-map>\n");
    return g_string_free(p.out, FALSE);
}

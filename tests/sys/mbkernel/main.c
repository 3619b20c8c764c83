/* SPDX-License-Identifier: MIT */
/*
 * A multiboot kernel that checks how it was started and says so on COM1.
 *
 * Multiboot Specification 0.6.96: machine state (3.2) and boot information
 * (3.3). The loader is asked to pass a command line that ends in "check=1" and
 * one module whose string ends in "module=1" and whose contents are module.txt.
 * Ends by the debug-exit port (0x10: all right, 0x11: not), else by the
 * keyboard controller's reset, else by a triple fault.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOADER_MAGIC = 0x2badb002,
    INFO_MEMORY = 1 << 0,
    INFO_COMMAND_LINE = 1 << 2,
    INFO_MODULES = 1 << 3,
    INFO_MEMORY_MAP = 1 << 6,
    RANGE_AVAILABLE = 1,
    CR0_PE = 1,
    EFLAGS_VM_IF = 1 << 17 | 1 << 9,
    COM1 = 0x3f8,
    LSR = 5,
    LSR_THRE = 0x20,
    DEBUG_EXIT = 0xf4,
    EXIT_PASS = 0x10,
    EXIT_FAIL = 0x11,
    KBD_COMMAND = 0x64,
    KBD_RESET = 0xfe,
    MEBIBYTE = 1 << 20,
};

#define CR0_PG 0x80000000u

struct entry_state {
    uint32_t eax, ebx, cr0, eflags;
    uint16_t cs, ss, ds, es;
};

struct boot_info {
    uint32_t flags;
    uint32_t mem_lower, mem_upper; /* KiB */
    uint32_t boot_device;
    uint32_t command_line;
    uint32_t module_count, modules;
    uint32_t symbols[4];
    uint32_t map_bytes, map;
};

struct boot_module {
    uint32_t start, end, string, reserved;
};

struct memory_range {
    uint32_t size; /* of what follows */
    uint64_t base, length;
    uint32_t type;
} __attribute__((packed));

struct check {
    const char *what;
    bool (*holds)(void);
};

extern const struct entry_state entry_state;
extern const char image_start[], image_end[];
void triple_fault(void) __attribute__((noreturn));
void main(void);

static const char module_text[] = "doppel multiboot module\n";

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void put_char(char c)
{
    while (!(in8(COM1 + LSR) & LSR_THRE))
        ;
    out8(COM1, c);
}

static void put_string(const char *s)
{
    for (; *s; s++) {
        if (*s == '\n')
            put_char('\r');
        put_char(*s);
    }
}

static void put_hex(uint64_t value)
{
    int shift;

    for (shift = 60; shift >= 0; shift -= 4)
        put_char("0123456789abcdef"[value >> shift & 15]);
}

static const struct boot_info *info(void)
{
    return (const struct boot_info *)entry_state.ebx;
}

static const struct boot_module *module(void)
{
    return (const struct boot_module *)info()->modules;
}

static bool ends_in(uint32_t address, const char *suffix)
{
    const char *s = (const char *)address, *start;
    size_t i;

    for (start = s; *s; s++)
        ;
    for (i = 0; suffix[i]; i++)
        ;
    if ((size_t)(s - start) < i)
        return false;
    for (s -= i; *suffix; s++, suffix++)
        if (*s != *suffix)
            return false;
    return true;
}

/* --- the memory map -------------------------------------------------------- */

static const struct memory_range *first_range(void)
{
    return (const struct memory_range *)info()->map;
}

/* The one after range; NULL at the end or if the map's sizes make no sense. */
static const struct memory_range *next_range(const struct memory_range *range)
{
    uint32_t next = (uint32_t)range + range->size + sizeof(range->size);
    uint32_t end = info()->map + info()->map_bytes;

    if (range->size < sizeof(*range) - sizeof(range->size) || next >= end)
        return NULL;
    return (const struct memory_range *)next;
}

static bool is_available(uint32_t start, uint32_t end)
{
    const struct memory_range *range;

    for (range = first_range(); range; range = next_range(range))
        if (range->type == RANGE_AVAILABLE && range->base <= start &&
            end <= range->base + range->length)
            return true;
    return false;
}

static bool overlap(const struct memory_range *a, const struct memory_range *b)
{
    return a->base < b->base + b->length && b->base < a->base + a->length;
}

static bool map_has_no_overlaps(void)
{
    const struct memory_range *a, *b;

    for (a = first_range(); a; a = next_range(a))
        for (b = next_range(a); b; b = next_range(b))
            if (overlap(a, b))
                return false;
    return true;
}

static bool map_agrees_with_sizes(void)
{
    return info()->mem_lower >= 600 && info()->mem_lower <= 640 &&
           is_available(MEBIBYTE, MEBIBYTE + info()->mem_upper * 1024);
}

static bool map_covers_kernel_and_module(void)
{
    return is_available((uint32_t)image_start, (uint32_t)image_end) &&
           is_available(module()->start, module()->end);
}

static void print_map(void)
{
    const struct memory_range *range;

    for (range = first_range(); range; range = next_range(range)) {
        put_string("mbkernel: range ");
        put_hex(range->base);
        put_string(" + ");
        put_hex(range->length);
        put_string(" type ");
        put_char('0' + range->type % 10);
        put_string("\n");
    }
}

/* --- the machine state and the boot information ------------------------------ */

static bool magic(void)
{
    return entry_state.eax == LOADER_MAGIC;
}

static bool protected_mode(void)
{
    return (entry_state.cr0 & CR0_PE) && !(entry_state.cr0 & CR0_PG);
}

static bool eflags(void)
{
    return !(entry_state.eflags & EFLAGS_VM_IF);
}

static bool selectors(void)
{
    return entry_state.cs != 0 && entry_state.cs != entry_state.ss &&
           entry_state.ds == entry_state.ss && entry_state.es == entry_state.ss;
}

/* With A20 off, 0x5000 and 0x105000 would be the same byte. */
static bool a20(void)
{
    volatile uint8_t *low = (volatile uint8_t *)0x5000;
    volatile uint8_t *high = (volatile uint8_t *)0x105000;
    uint8_t old = *low, was_high = *high;
    bool same;

    *low = 0x5a;
    *high = 0xa5;
    same = *low == 0xa5;
    *high = was_high;
    *low = old;
    return !same;
}

static bool information(void)
{
    uint32_t wanted = INFO_MEMORY | INFO_COMMAND_LINE | INFO_MODULES | INFO_MEMORY_MAP;

    return (info()->flags & wanted) == wanted;
}

static bool command_line(void)
{
    return ends_in(info()->command_line, "check=1");
}

static bool module_place(void)
{
    return info()->module_count == 1 && module()->start % 4096 == 0 &&
           (module()->end <= (uint32_t)image_start || module()->start >= (uint32_t)image_end);
}

static bool module_string(void)
{
    return ends_in(module()->string, "module=1");
}

static bool module_contents(void)
{
    const char *data = (const char *)module()->start;
    size_t i;

    if (module()->end - module()->start != sizeof(module_text) - 1)
        return false;
    for (i = 0; i < sizeof(module_text) - 1; i++)
        if (data[i] != module_text[i])
            return false;
    return true;
}

/* --- the kernel ------------------------------------------------------------- */

static const struct check checks[] = {
    {"magic", magic},
    {"protected mode", protected_mode},
    {"eflags", eflags},
    {"selectors", selectors},
    {"a20", a20},
    {"information", information},
    {"command line", command_line},
    {"module place", module_place},
    {"module string", module_string},
    {"module contents", module_contents},
    {"map without overlaps", map_has_no_overlaps},
    {"map agrees with sizes", map_agrees_with_sizes},
    {"map covers kernel and module", map_covers_kernel_and_module},
};

/* Without magic and information nothing after them can be read. */
static bool essential(const struct check *check)
{
    return check->holds == magic || check->holds == information;
}

static bool run_checks(void)
{
    bool all = true;
    size_t i;

    for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        bool holds = checks[i].holds();

        put_string(holds ? "mbkernel: ok   " : "mbkernel: FAIL ");
        put_string(checks[i].what);
        put_string("\n");
        all = all && holds;
        if (!holds && essential(&checks[i]))
            return false;
    }
    print_map();
    return all;
}

static void finish(bool passed)
{
    put_string(passed ? "mbkernel: all checks passed\n" : "mbkernel: checks FAILED\n");
    out8(DEBUG_EXIT, passed ? EXIT_PASS : EXIT_FAIL);
    put_string("mbkernel: no debug-exit port, reset\n");
    out8(KBD_COMMAND, KBD_RESET);
    triple_fault();
}

void main(void)
{
    put_string("mbkernel: started\n");
    finish(run_checks());
}

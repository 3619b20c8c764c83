/* SPDX-License-Identifier: MIT */
/* Booting a kernel: the memory map, the images, and their placing at each reset or for firmware. */
#include "hw/machine/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/core/device.h"
#include "hw/core/memory.h"
#include "system/cpu_boot.h"
#include "util/error.h"

#define FACS_WAKING_VECTOR 12

struct placed {
    uint64_t addr;
    const void *data; /* NULL: zeros */
    size_t len;
    bool mapped; /* a file: its pages need not stay in memory */
    const char *what;
};

static GArray *images; /* struct placed */
static bool handler_added;
static struct cpu_boot_state start; /* of a kernel without firmware */
static uint64_t facs_addr;          /* 0: no ACPI */

/* --- files and placing ------------------------------------------------------------------------ */

int boot_file_open(struct boot_file *f, const char *name, const char *what, struct error **err)
{
    struct stat st;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not block */

    if (fd < 0 || fstat(fd, &st) < 0) {
        int ret = error_set_errno(err, errno, "could not load %s '%s'", what, name);
        if (fd >= 0) {
            close(fd);
        }
        return ret;
    }
    void *data = S_ISREG(st.st_mode) && st.st_size > 0
                     ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
                     : MAP_FAILED;
    close(fd);
    if (data == MAP_FAILED) {
        error_set(err, "%s '%s' is %s", what, name,
                  S_ISREG(st.st_mode) && st.st_size == 0 ? "empty" : "not a readable file");
        return -EINVAL;
    }
    *f = (struct boot_file){name, data, (size_t)st.st_size};
    return 0;
}

static const struct placed *find_overlap(uint64_t addr, size_t len)
{
    for (guint i = 0; i < images->len; i++) {
        const struct placed *p = &g_array_index(images, struct placed, i);
        if (ranges_overlap(addr, len, p->addr, p->len)) {
            return p;
        }
    }
    return NULL;
}

/* Takes over a copy (data there and not mapped), on failure too. */
static int place(struct boot_plan *plan, uint64_t addr, const void *data, size_t len, bool mapped,
                 const char *what, struct error **err)
{
    struct placed p = {addr, data, len, mapped, what};
    const struct placed *other = find_overlap(addr, len);

    if (range_fits(addr, len, plan->below_4g) && !other) {
        g_array_append_val(images, p);
        return 0;
    }
    if (other) {
        error_set(err, "%s does not fit into memory: %zu bytes at %#" PRIx64 " overlap with %s",
                  what, len, addr, other->what);
    } else {
        error_set(
            err, "%s does not fit into memory: %zu bytes at %#" PRIx64 ", memory ends at %#" PRIx64,
            what, len, addr, plan->below_4g);
    }
    if (!mapped) {
        g_free((void *)(uintptr_t)data);
    }
    return -ENOMEM;
}

int boot_place(struct boot_plan *plan, uint64_t addr, const void *data, size_t len,
               const char *what, struct error **err)
{
    return place(plan, addr, data, len, true, what, err);
}

int boot_copy(struct boot_plan *plan, uint64_t addr, const void *data, size_t len, const char *what,
              struct error **err)
{
    return place(plan, addr, g_memdup2(data, len), len, false, what, err);
}

int boot_zero(struct boot_plan *plan, uint64_t addr, uint64_t len, const char *what,
              struct error **err)
{
    return place(plan, addr, NULL, len, true, what, err);
}

/* Whole pages of a mapped file, so that it does not count as our memory. */
static void give_back(const struct placed *p)
{
    uintptr_t start = ALIGN_DOWN((uintptr_t)p->data, 4096), end = (uintptr_t)p->data + p->len;

    madvise((void *)start, end - start, MADV_DONTNEED);
}

void boot_place_images(void)
{
    for (guint i = 0; i < images->len; i++) {
        const struct placed *p = &g_array_index(images, struct placed, i);
        if (!p->data) {
            addr_space_set(&as_memory, p->addr, 0, p->len);
            continue;
        }
        addr_space_write(&as_memory, p->addr, p->data, p->len);
        if (p->mapped) {
            give_back(p);
        }
    }
}

/* Firmware's part of waking from S3: to the vector in FACS, in real mode (ACPI 6.4, 16.3.2). */
static void start_waking(void)
{
    uint32_t vector = facs_addr ? addr_space_ldl_le(&as_memory, facs_addr + FACS_WAKING_VECTOR) : 0;
    const struct cpu_boot_state wake = {
        .real_mode = true, .cs = (uint16_t)(vector >> 4), .eip = vector & 0xf};

    cpu_set_boot_state(&wake);
}

/* Before the CPUs are reset. */
static void place_at_reset(struct reset_handler *h, enum reset_kind kind)
{
    if (kind == RESET_WAKE) {
        start_waking();
        return;
    }
    boot_place_images();
    cpu_set_boot_state(&start);
}

/* --- the memory map --------------------------------------------------------------------------- */

static void add_e820(struct boot_plan *plan, uint64_t addr, uint64_t end, uint32_t type)
{
    if (end > addr) {
        assert(plan->n_e820 < BOOT_E820_MAX);
        plan->e820[plan->n_e820++] = (struct boot_e820){addr, end - addr, type};
    }
}

static void make_e820(struct boot_plan *plan)
{
    uint64_t ebda = 0x9fc00;

    add_e820(plan, 0, ebda, BOOT_E820_RAM);
    add_e820(plan, ebda, 0xa0000, BOOT_E820_RESERVED);
    add_e820(plan, 0xf0000, MIB(1), BOOT_E820_RESERVED);
    add_e820(plan, MIB(1), plan->ram_top, BOOT_E820_RAM);
    add_e820(plan, plan->ram_top, plan->below_4g, BOOT_E820_ACPI);
    add_e820(plan, 0xfeffc000, 0xff000000, BOOT_E820_RESERVED);
    add_e820(plan, 0xfffc0000, GIB(4), BOOT_E820_RESERVED);
    add_e820(plan, GIB(4), GIB(4) + plan->cfg->ram_size - plan->below_4g, BOOT_E820_RAM);
}

static int place_acpi(struct boot_plan *plan, struct error **err)
{
    plan->ram_top = plan->below_4g;
    if (!plan->acpi) {
        return 0;
    }
    const struct acpi_tables *t = plan->acpi;
    plan->ram_top = ALIGN_DOWN(plan->below_4g - t->tables->len, KIB(4));
    plan->rsdp = BOOT_RSDP_ADDR;
    acpi_tables_relocate(plan->acpi, (uint32_t)plan->ram_top);
    if (boot_copy(plan, plan->ram_top, t->tables->data, t->tables->len, "ACPI tables", err) < 0) {
        return -ENOMEM;
    }
    return boot_copy(plan, plan->rsdp, t->rsdp->data, t->rsdp->len, "ACPI RSDP", err);
}

/* As many as there is room for: a machine of very many sockets goes without. */
static int place_smbios(struct boot_plan *plan, struct error **err)
{
    struct smbios_tables *t = &plan->smbios;
    uint32_t addr = BOOT_SMBIOS_ADDR + ALIGN_UP(SMBIOS_ANCHOR_LEN, 16);

    if (!t->tables || addr + t->tables->len > BOOT_SMBIOS_END) {
        return 0;
    }
    smbios_relocate(t, addr);
    if (boot_copy(plan, addr, t->tables->data, t->tables->len, "SMBIOS tables", err) < 0) {
        return -ENOMEM;
    }
    return boot_copy(plan, BOOT_SMBIOS_ADDR, t->anchor, SMBIOS_ANCHOR_LEN, "SMBIOS", err);
}

/* --- the CPU ---------------------------------------------------------------------------------- */

static int place_gdt(struct boot_plan *plan, struct cpu_boot_state *regs, struct error **err)
{
    static const uint64_t gdt[] = {0, 0, 0x00cf9b000000ffffull /* 32-bit code */,
                                   0x00cf93000000ffffull /* data */};
    uint8_t buf[sizeof(gdt)];

    for (unsigned i = 0; i < ARRAY_SIZE(gdt); i++) {
        st_le64(buf + 8 * i, gdt[i]);
    }
    *regs = (struct cpu_boot_state){
        .gdt_base = BOOT_GDT_ADDR,
        .gdt_limit = sizeof(gdt) - 1,
        .cs = BOOT_CS,
        .ds = BOOT_DS,
        .esp = BOOT_STACK_ADDR,
    };
    return boot_copy(plan, BOOT_GDT_ADDR, buf, sizeof(buf), "GDT", err);
}

static struct reset_handler handler = {.reset = place_at_reset};

/* Of an earlier plan; files stay mapped. */
static void forget(void)
{
    if (!images) {
        return;
    }
    for (guint i = 0; i < images->len; i++) {
        const struct placed *p = &g_array_index(images, struct placed, i);
        if (!p->mapped) {
            g_free((void *)(uintptr_t)p->data);
        }
    }
    g_array_free(images, TRUE);
    images = NULL;
    if (handler_added) {
        reset_handler_remove(&handler);
        handler_added = false;
    }
}

/* Firmware puts its tables and its own data at the end of RAM. */
static void leave_room_for_firmware(struct boot_plan *plan)
{
    plan->ram_top = plan->below_4g > MIB(4) ? plan->below_4g - MIB(1) : plan->below_4g;
}

static int place_tables(struct boot_plan *plan, struct error **err)
{
    if (plan->firmware) {
        leave_room_for_firmware(plan);
        return 0;
    }
    if (place_acpi(plan, err) < 0 || place_smbios(plan, err) < 0) {
        return -ENOMEM;
    }
    make_e820(plan);
    return 0;
}

static int place_kernel(struct boot_plan *plan, const struct boot_file *kernel,
                        struct cpu_boot_state *regs, struct error **err)
{
    static int (*const loaders[])(struct boot_plan *, const struct boot_file *,
                                  struct cpu_boot_state *,
                                  struct error **) = {boot_linux, boot_multiboot, boot_pvh};
    int ret = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(loaders) && ret == 0; i++) {
        ret = loaders[i](plan, kernel, regs, err);
    }
    if (ret == 0) {
        error_set(err,
                  "'%s' is no kernel: neither a Linux bzImage, nor multiboot, nor an ELF "
                  "image with a PVH entry",
                  kernel->name);
        return -EINVAL;
    }
    return ret < 0 ? ret : 0;
}

int boot_load(struct boot_plan *plan, struct error **err)
{
    struct boot_file kernel;

    forget();
    plan->n_e820 = 0;
    images = g_array_new(FALSE, FALSE, sizeof(struct placed));
    if (boot_file_open(&kernel, plan->cfg->kernel, "kernel", err) < 0) {
        return -EINVAL;
    }
    plan->firmware =
        boot_linux_needs_firmware(plan, &kernel) || boot_multiboot_needs_firmware(plan, &kernel);
    if (place_tables(plan, err) < 0 || place_gdt(plan, &start, err) < 0 ||
        place_kernel(plan, &kernel, &start, err) < 0) {
        return -EINVAL;
    }
    if (!plan->firmware) {
        reset_handler_add(&handler);
        handler_added = true;
        facs_addr = plan->acpi ? plan->ram_top : 0; /* the first of the tables */
    }
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Booting a kernel of ours (-kernel), by one of two ways.
 *
 * Directly: images, tables and boot information are put into memory at every reset, and the boot CPU
 * starts in the kernel. Through firmware, for kernels that call the BIOS or want the screen set up:
 * firmware runs as ever, finds an option ROM to boot from (kernel_rom.S), and that asks for the images
 * at the last moment, by selecting an item of fw_cfg.
 */
#ifndef HW_MACHINE_BOOT_H
#define HW_MACHINE_BOOT_H

#include "hw/acpi/tables.h"
#include "hw/machine/machine.h"
#include "hw/machine/smbios.h"

struct device;

#define BOOT_E820_RAM      1u
#define BOOT_E820_RESERVED 2u
#define BOOT_E820_ACPI     3u

struct boot_e820 {
    uint64_t addr, len;
    uint32_t type;
};
#define BOOT_E820_MAX 8

/* What the machine tells; and, below the line, what boot_plan() makes of it. */
struct boot_plan {
    const struct machine_config *cfg;
    uint64_t below_4g;        /* RAM from 0 on */
    struct acpi_tables *acpi; /* NULL: none */
    struct smbios_tables smbios;
    bool screen; /* there is a display adapter */
    /* --- */
    bool firmware; /* through firmware */
    struct boot_e820 e820[BOOT_E820_MAX];
    unsigned n_e820;
    uint32_t rsdp;    /* guest address, 0: none */
    uint64_t ram_top; /* end of usable RAM below 4 GiB: the tables, or firmware's, are above */
};

/* Finds out what cfg->kernel is and loads it (and initrd, modules): to be placed at every reset, or,
 * with plan->firmware set, by boot_place_images(). */
int boot_load(struct boot_plan *plan, struct error **err);
void boot_place_images(void);

/* Gives firmware the option ROM that boots the plan's kernel. */
void boot_publish_rom(struct device *fw_cfg);

/* --- for the loaders of the kinds of kernel ----------------------------------------------------- */

/* A file in memory, mapped; its pages are given back after each use. */
struct boot_file {
    const char *name;
    const uint8_t *data;
    size_t len;
};
int boot_file_open(struct boot_file *f, const char *name, const char *what, struct error **err);

/* Placed at `addr` at every reset. `data` must stay; boot_copy() keeps a copy of its own. Fails with
 * a message naming `what` (which must stay) if it is not all within RAM below 4 GiB, or where
 * something else is. */
int boot_place(struct boot_plan *plan, uint64_t addr, const void *data, size_t len,
               const char *what, struct error **err);
int boot_copy(struct boot_plan *plan, uint64_t addr, const void *data, size_t len, const char *what,
              struct error **err);

/* Zeros (a kernel's bss). */
int boot_zero(struct boot_plan *plan, uint64_t addr, uint64_t len, const char *what,
              struct error **err);

/* Where boot information goes: the end of conventional memory, since kernels may start low. */
#define BOOT_CMDLINE_ADDR 0x00080000u
#define BOOT_INFO_ADDR    0x00090000u
#define BOOT_GDT_ADDR     0x0009f000u
/* The setup part of a Linux image runs in real mode: its heap and stack end where the command line is. */
#define BOOT_SETUP_ADDR         0x00010000u
#define BOOT_SETUP_CMDLINE_ADDR 0x00020000u
#define BOOT_CMDLINE_MAX  0x00010000u
#define BOOT_RSDP_ADDR    0x000f5000u
#define BOOT_SMBIOS_ADDR  0x000f6000u
#define BOOT_SMBIOS_END   0x000ff000u
#define BOOT_STACK_ADDR   0x00080000u
#define BOOT_CS           0x10
#define BOOT_DS           0x18

/* What the option ROM does once the images are placed (kernel_rom.S has the offsets). */
#define BOOT_VECTOR_ADDR 0x0009f100u
struct boot_vector {
    uint16_t real_segment; /* start of a Linux setup part; 0: a multiboot kernel */
    uint16_t sp;
    uint32_t eip; /* with cs a far pointer */
    uint16_t cs, ds;
    uint32_t eax, ebx;
    uint16_t info_segment, gdt_limit;
    uint32_t gdt_base;
};
int boot_put_vector(struct boot_plan *plan, const struct boot_vector *v, struct error **err);

/* Whether a kernel of this kind needs firmware. */
bool boot_linux_needs_firmware(const struct boot_plan *plan, const struct boot_file *kernel);
bool boot_multiboot_needs_firmware(const struct boot_plan *plan, const struct boot_file *kernel);

/* Each: 1 and the kernel is placed, 0: not mine, -errno with err. `regs` starts out with flat
 * segments and a stack. */
struct cpu_boot_state;
int boot_linux(struct boot_plan *plan, const struct boot_file *kernel, struct cpu_boot_state *regs,
               struct error **err);
int boot_multiboot(struct boot_plan *plan, const struct boot_file *kernel,
                   struct cpu_boot_state *regs, struct error **err);
int boot_pvh(struct boot_plan *plan, const struct boot_file *kernel, struct cpu_boot_state *regs,
             struct error **err);

/* ELF: places the loadable segments. `phys` by physical address. Sets the lowest and highest address. */
struct boot_elf {
    bool is64;
    uint64_t entry, low, high;
    uint64_t pvh_entry; /* from the note; UINT64_MAX: none */
};
int boot_elf_load(struct boot_plan *plan, const struct boot_file *f, struct boot_elf *elf,
                  struct error **err);

#endif

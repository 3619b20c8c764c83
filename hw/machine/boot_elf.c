/* SPDX-License-Identifier: MIT */
/*
 * ELF kernels: loadable segments (System V ABI, ELF-32 and ELF-64), and the PVH entry point found by
 * the Xen note 18 (Xen docs, misc/pvh and public/arch-x86/hvm/start_info.h).
 */
#include <elf.h>
#include <errno.h>

#include "hw/machine/boot.h"
#include "system/cpu_boot.h"
#include "util/error.h"

#define NOTE_PHYS32_ENTRY 18
#define SEGMENTS_MAX      256

/* A program header of either class. */
struct segment {
    uint32_t type;
    uint64_t offset, paddr, filesz, memsz, align;
};

static bool read_segment(const struct boot_file *f, bool is64, uint64_t at, struct segment *seg)
{
    if (is64) {
        Elf64_Phdr p;
        if (!range_fits(at, sizeof(p), f->len)) {
            return false;
        }
        memcpy(&p, f->data + at, sizeof(p));
        *seg = (struct segment){p.p_type, p.p_offset, p.p_paddr, p.p_filesz, p.p_memsz, p.p_align};
    } else {
        Elf32_Phdr p;
        if (!range_fits(at, sizeof(p), f->len)) {
            return false;
        }
        memcpy(&p, f->data + at, sizeof(p));
        *seg = (struct segment){p.p_type, p.p_offset, p.p_paddr, p.p_filesz, p.p_memsz, p.p_align};
    }
    return range_fits(seg->offset, seg->filesz, f->len) && seg->filesz <= seg->memsz;
}

/* Notes are {name size, descriptor size, type, name, descriptor}, parts padded to 4 bytes. */
static void find_pvh_note(const uint8_t *p, uint64_t len, uint64_t align, struct boot_elf *elf)
{
    align = align == 8 ? 8 : 4;
    while (len >= 12) {
        uint64_t name = ld_le32(p), desc = ld_le32(p + 4);
        uint64_t at = 12 + ALIGN_UP(name, align), next = at + ALIGN_UP(desc, align);
        if (at + desc > len) {
            return;
        }
        if (ld_le32(p + 8) == NOTE_PHYS32_ENTRY && name == 4 && !memcmp(p + 12, "Xen", 4) &&
            (desc == 4 || desc == 8)) {
            elf->pvh_entry = ld_le32(p + at);
        }
        if (next > len) {
            return;
        }
        p += next;
        len -= next;
    }
}

static int load_segment(struct boot_plan *plan, const struct boot_file *f,
                        const struct segment *seg, struct boot_elf *elf, struct error **err)
{
    if (seg->type == PT_NOTE) {
        find_pvh_note(f->data + seg->offset, seg->filesz, seg->align, elf);
    }
    if (seg->type != PT_LOAD || seg->memsz == 0) {
        return 0;
    }
    if (!range_fits(seg->paddr, seg->memsz, plan->ram_top)) {
        error_set(err, "kernel '%s' does not fit into memory", f->name);
        return -ENOMEM;
    }
    elf->low = MIN(elf->low, seg->paddr);
    elf->high = MAX(elf->high, seg->paddr + seg->memsz);
    if (seg->filesz &&
        boot_place(plan, seg->paddr, f->data + seg->offset, seg->filesz, "the kernel", err) < 0) {
        return -ENOMEM;
    }
    uint64_t zeros = seg->memsz - seg->filesz;
    return zeros ? boot_zero(plan, seg->paddr + seg->filesz, zeros, "the kernel", err) : 0;
}

/* For this kind of CPU, and not just any file with the magic? */
static bool is_x86_elf(const struct boot_file *f)
{
    if (f->len < sizeof(Elf64_Ehdr) || memcmp(f->data, ELFMAG, SELFMAG) ||
        f->data[EI_DATA] != ELFDATA2LSB) {
        return false;
    }
    uint16_t machine = ld_le16(f->data + offsetof(Elf64_Ehdr, e_machine)); /* both classes */
    return (f->data[EI_CLASS] == ELFCLASS32 && machine == EM_386) ||
           (f->data[EI_CLASS] == ELFCLASS64 && machine == EM_X86_64) ||
           (f->data[EI_CLASS] == ELFCLASS32 && machine == EM_X86_64);
}

int boot_elf_load(struct boot_plan *plan, const struct boot_file *f, struct boot_elf *elf,
                  struct error **err)
{
    uint64_t phoff, phentsize, phnum;

    if (!is_x86_elf(f)) {
        return 0;
    }
    *elf = (struct boot_elf){
        .is64 = f->data[EI_CLASS] == ELFCLASS64, .low = UINT64_MAX, .pvh_entry = UINT64_MAX};
    if (elf->is64) {
        Elf64_Ehdr h;
        memcpy(&h, f->data, sizeof(h));
        elf->entry = h.e_entry;
        phoff = h.e_phoff, phentsize = h.e_phentsize, phnum = h.e_phnum;
    } else {
        Elf32_Ehdr h;
        memcpy(&h, f->data, sizeof(h));
        elf->entry = h.e_entry;
        phoff = h.e_phoff, phentsize = h.e_phentsize, phnum = h.e_phnum;
    }
    if (phnum > SEGMENTS_MAX) {
        error_set(err, "kernel '%s' has %d segments, at most %d make sense", f->name, (int)phnum,
                  SEGMENTS_MAX);
        return -EINVAL;
    }
    for (uint64_t i = 0; i < phnum; i++) {
        struct segment seg;
        if (phoff > f->len || !read_segment(f, elf->is64, phoff + i * phentsize, &seg)) {
            error_set(err, "kernel '%s': program header %d is outside the file", f->name, (int)i);
            return -EINVAL;
        }
        if (load_segment(plan, f, &seg, elf, err) < 0) {
            return -EINVAL;
        }
    }
    if (elf->high == 0) {
        error_set(err, "kernel '%s' has nothing to load", f->name);
        return -EINVAL;
    }
    return 1;
}

/* --- PVH -------------------------------------------------------------------------------------- */

#define PVH_MAGIC       0x336ec578u
#define PVH_MEMMAP_ADDR (BOOT_INFO_ADDR + 0x100)
#define PVH_MODULE_ADDR (BOOT_INFO_ADDR + 0x800)

static int place_module(struct boot_plan *plan, const struct boot_elf *elf, uint8_t *info,
                        struct error **err)
{
    struct boot_file initrd;
    uint8_t module[32] = {0};

    if (!plan->cfg->initrd) {
        return 0;
    }
    if (boot_file_open(&initrd, plan->cfg->initrd, "initrd", err) < 0) {
        return -EINVAL;
    }
    uint64_t addr = initrd.len < plan->ram_top ? ALIGN_DOWN(plan->ram_top - initrd.len, KIB(4)) : 0;
    if (addr < elf->high) {
        error_set(err, "initrd '%s' does not fit into memory beside the kernel", initrd.name);
        return -ENOMEM;
    }
    st_le64(module, addr);
    st_le64(module + 8, initrd.len);
    st_le32(info + 12, 1);
    st_le64(info + 16, PVH_MODULE_ADDR);
    return boot_copy(plan, PVH_MODULE_ADDR, module, sizeof(module), "module list", err) < 0
               ? -EINVAL
               : boot_place(plan, addr, initrd.data, initrd.len, "initrd", err);
}

int boot_pvh(struct boot_plan *plan, const struct boot_file *kernel, struct cpu_boot_state *regs,
             struct error **err)
{
    const char *text = plan->cfg->append ? plan->cfg->append : "";
    uint8_t info[56] = {0}, map[BOOT_E820_MAX * 24] = {0};
    struct boot_elf elf;
    int ret = boot_elf_load(plan, kernel, &elf, err);

    if (ret <= 0) {
        return ret;
    }
    if (elf.pvh_entry == UINT64_MAX) {
        error_set(err, "ELF kernel '%s' has neither a PVH entry point nor a multiboot header",
                  kernel->name);
        return -EINVAL;
    }
    for (unsigned i = 0; i < plan->n_e820; i++) {
        st_le64(map + 24 * i, plan->e820[i].addr);
        st_le64(map + 24 * i + 8, plan->e820[i].len);
        st_le32(map + 24 * i + 16, plan->e820[i].type);
    }
    st_le32(info, PVH_MAGIC);
    st_le32(info + 4, 1); /* version */
    st_le64(info + 24, BOOT_CMDLINE_ADDR);
    st_le64(info + 32, plan->rsdp);
    st_le64(info + 40, PVH_MEMMAP_ADDR);
    st_le32(info + 48, plan->n_e820);
    if (strlen(text) >= BOOT_CMDLINE_MAX) {
        error_set(err, "-append: %zu characters are too many", strlen(text));
        return -E2BIG;
    }
    if (place_module(plan, &elf, info, err) < 0 ||
        boot_copy(plan, BOOT_CMDLINE_ADDR, text, strlen(text) + 1, "-append", err) < 0 ||
        boot_copy(plan, PVH_MEMMAP_ADDR, map, sizeof(map), "memory map", err) < 0 ||
        boot_copy(plan, BOOT_INFO_ADDR, info, sizeof(info), "start info", err) < 0) {
        return -EINVAL;
    }
    regs->eip = (uint32_t)elf.pvh_entry;
    regs->ebx = BOOT_INFO_ADDR;
    return 1;
}

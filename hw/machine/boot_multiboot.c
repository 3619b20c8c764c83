/* SPDX-License-Identifier: MIT */
/*
 * Multiboot kernels (Multiboot Specification 0.6.96), ELF or by the address fields of the header,
 * with modules: -initrd "file args,file args".
 */
#include <errno.h>

#include "hw/machine/boot.h"
#include "system/cpu_boot.h"
#include "util/error.h"
#include "util/optlist.h"

#define MB_MAGIC      0x1badb002u
#define MB_BOOT_MAGIC 0x2badb002u
#define MB_SEARCH     8192u

enum {
    MB_HEADER_ADDRESSES = 1u << 16,
    MB_HEADER_REQUIRED = 0xfffcu /* bits 2..15 we do not know */
};
enum {
    MB_INFO_MEMORY = 1 << 0,
    MB_INFO_CMDLINE = 1 << 2,
    MB_INFO_MODS = 1 << 3,
    MB_INFO_MMAP = 1 << 6,
    MB_INFO_LOADER = 1 << 9
};

#define MB_INFO_LEN    116
#define MB_MAP_ADDR    (BOOT_INFO_ADDR + 0x100)
#define MB_MODS_ADDR   (BOOT_INFO_ADDR + 0x400)
#define MB_STRING_ADDR (BOOT_INFO_ADDR + 0x1000)
#define MB_MAX_MODS    32
#define MB_STRINGS_END BOOT_GDT_ADDR

struct mb_state {
    struct boot_plan *plan;
    uint8_t info[MB_INFO_LEN];
    uint32_t strings; /* next free byte of the string area */
    uint64_t next;    /* where the next module goes */
    uint8_t mods[MB_MAX_MODS * 16];
    unsigned n_mods;
};

static const uint8_t *find_header(const struct boot_file *k)
{
    for (size_t at = 0; at + 12 <= MIN(k->len, (size_t)MB_SEARCH); at += 4) {
        const uint8_t *p = k->data + at;
        if (ld_le32(p) == MB_MAGIC && ld_le32(p) + ld_le32(p + 4) + ld_le32(p + 8) == 0) {
            return p;
        }
    }
    return NULL;
}

/* Load by the header's address fields. */
static int load_by_header(struct boot_plan *plan, const struct boot_file *k, const uint8_t *header,
                          uint32_t *entry, uint64_t *end, struct error **err)
{
    size_t at = (size_t)(header - k->data);

    if (at + 32 > k->len) {
        error_set(err, "kernel '%s': the multiboot header is cut short", k->name);
        return -EINVAL;
    }
    uint32_t header_addr = ld_le32(header + 12), load = ld_le32(header + 16);
    uint32_t load_end = ld_le32(header + 20), bss_end = ld_le32(header + 24);
    uint64_t skip = at - (uint64_t)(header_addr - load);
    if (header_addr < load || header_addr - load > at) {
        error_set(err, "kernel '%s': the addresses of the multiboot header make no sense", k->name);
        return -EINVAL;
    }
    uint64_t len = load_end ? (uint64_t)load_end - load : k->len - skip;
    if (load_end < load && load_end) {
        len = UINT64_MAX;
    }
    if (!range_fits(skip, len, k->len)) {
        error_set(err, "kernel '%s': the multiboot header asks for more than the file has",
                  k->name);
        return -EINVAL;
    }
    *entry = ld_le32(header + 28);
    *end = MAX(load + len, (uint64_t)bss_end);
    if (boot_place(plan, load, k->data + skip, len, "the kernel", err) < 0) {
        return -ENOMEM;
    }
    return bss_end > load + len
               ? boot_zero(plan, load + len, bss_end - (load + len), "the kernel", err)
               : 0;
}

/* The guest address of a copy of the text, 0 with err when there is no room. */
static uint32_t put_string(struct mb_state *s, const char *text, struct error **err)
{
    size_t len = strlen(text) + 1;
    uint32_t at = s->strings;

    if (at + len > MB_STRINGS_END) {
        error_set(err, "multiboot: the command lines are too long");
        return 0;
    }
    s->strings += (uint32_t)len;
    return boot_copy(s->plan, at, text, len, "command line", err) < 0 ? 0 : at;
}

static int put_module(struct mb_state *s, const char *text, struct error **err)
{
    struct boot_file f;
    uint8_t *mod = s->mods + 16 * s->n_mods;

    if (s->n_mods == MB_MAX_MODS) {
        error_set(err, "multiboot: more than %d modules", MB_MAX_MODS);
        return -E2BIG;
    }
    char *name = g_strndup(text, strcspn(text, " "));
    int ret = boot_file_open(&f, name, "module", err);
    if (ret == 0) {
        ret = boot_place(s->plan, s->next, f.data, f.len, "a module", err);
    }
    g_free(name);
    uint32_t string = ret == 0 ? put_string(s, text, err) : 0;
    if (!string) {
        return -EINVAL;
    }
    st_le32(mod, (uint32_t)s->next);
    st_le32(mod + 4, (uint32_t)(s->next + f.len));
    st_le32(mod + 8, string);
    s->next = ALIGN_UP(s->next + f.len, KIB(4));
    s->n_mods++;
    return 0;
}

static int put_modules(struct mb_state *s, struct error **err)
{
    int ret = 0;

    if (!s->plan->cfg->initrd) {
        return 0;
    }
    char **parts = g_strsplit(s->plan->cfg->initrd, ",", -1);
    for (char **p = parts; *p && ret == 0; p++) {
        ret = put_module(s, *p, err);
    }
    g_strfreev(parts);
    st_le32(s->info + 20, s->n_mods);
    st_le32(s->info + 24, MB_MODS_ADDR);
    return ret < 0 ? ret
                   : boot_copy(s->plan, MB_MODS_ADDR, s->mods, sizeof(s->mods), "modules", err);
}

static int put_cmdline(struct mb_state *s, const struct boot_file *k, struct error **err)
{
    const char *append = s->plan->cfg->append;
    char *text = g_strdup_printf("%s%s%s", k->name, append ? " " : "", append ? append : "");
    uint32_t at = put_string(s, text, err), loader = at ? put_string(s, "doppel", err) : 0;

    g_free(text);
    st_le32(s->info + 16, at);
    st_le32(s->info + 64, loader);
    return at && loader ? 0 : -EINVAL;
}

/* The specification lets a kernel use the BIOS; and it finds the screen in text mode. */
bool boot_multiboot_needs_firmware(const struct boot_plan *plan, const struct boot_file *kernel)
{
    return find_header(kernel) != NULL;
}

static int put_vector(struct boot_plan *plan, const struct cpu_boot_state *regs, struct error **err)
{
    const struct boot_vector v = {
        .eip = regs->eip,
        .cs = BOOT_CS,
        .ds = BOOT_DS,
        .eax = MB_BOOT_MAGIC,
        .ebx = BOOT_INFO_ADDR,
        .info_segment = BOOT_INFO_ADDR >> 4,
        .gdt_limit = regs->gdt_limit,
        .gdt_base = regs->gdt_base,
    };

    return boot_put_vector(plan, &v, err);
}

int boot_multiboot(struct boot_plan *plan, const struct boot_file *kernel,
                   struct cpu_boot_state *regs, struct error **err)
{
    const uint8_t *header = find_header(kernel);
    struct mb_state s = {.plan = plan, .strings = MB_STRING_ADDR};
    struct boot_elf elf;
    uint64_t end = 0;
    int ret;

    if (!header) {
        return 0;
    }
    uint32_t flags = ld_le32(header + 4);
    if (flags & MB_HEADER_ADDRESSES) {
        ret = load_by_header(plan, kernel, header, &regs->eip, &end, err);
    } else {
        ret = boot_elf_load(plan, kernel, &elf, err);
        if (ret == 0) {
            error_set(err, "multiboot kernel '%s' is neither ELF nor has load addresses",
                      kernel->name);
        }
        ret = ret > 0 ? 0 : -EINVAL;
        regs->eip = ret == 0 ? (uint32_t)elf.entry : 0;
        end = ret == 0 ? elf.high : 0;
    }
    if (ret == 0 && (flags & MB_HEADER_REQUIRED & ~4u)) {
        error_set(err, "multiboot kernel '%s' requires unknown features %#x", kernel->name, flags);
        ret = -EINVAL;
    }
    s.next = ALIGN_UP(MAX(end, MIB(1)), KIB(4));
    if (ret < 0 || put_cmdline(&s, kernel, err) < 0 || put_modules(&s, err) < 0) {
        return -EINVAL;
    }
    st_le32(s.info + 48, MB_MAP_ADDR); /* the option ROM asks firmware and adds what it is told */
    st_le32(s.info,
            MB_INFO_MEMORY | MB_INFO_CMDLINE | MB_INFO_MODS | MB_INFO_MMAP | MB_INFO_LOADER);
    if (boot_copy(plan, BOOT_INFO_ADDR, s.info, sizeof(s.info), "boot information", err) < 0) {
        return -EINVAL;
    }
    return put_vector(plan, regs, err) < 0 ? -EINVAL : 1;
}

/* SPDX-License-Identifier: MIT */
/*
 * ELF64 core files (System V ABI, chapter 4 and 5; the x86-64 supplement): a note NT_PRSTATUS with
 * the registers of each CPU in the layout of Linux's struct elf_prstatus, and a PT_LOAD for each
 * range of RAM. p_vaddr is the physical address, or with paging the linear one.
 */
#include "monitor/dump.h"

#include <elf.h>
#include <errno.h>
#include <glib.h>
#include <unistd.h>

#include "hw/core/memory.h"
#include "system/cpu.h"
#include "system/cpu_inspect.h"
#include "util/error.h"

#define SEGMENTS_MAX 60000u

struct segment {
    uint64_t va, pa, size;
    const uint8_t *host;
};

struct dump {
    const struct dump_options *o;
    GArray *segments; /* struct segment */
    GByteArray *notes;
    bool too_many;
};

/* --- what there is ------------------------------------------------------------------------------ */

static void add_segment(struct dump *d, struct segment s)
{
    struct segment *last =
        d->segments->len ? &g_array_index(d->segments, struct segment, d->segments->len - 1) : NULL;

    if (last && last->va + last->size == s.va && last->pa + last->size == s.pa &&
        last->host + last->size == s.host) {
        last->size += s.size;
    } else if (d->segments->len < SEGMENTS_MAX) {
        g_array_append_val(d->segments, s);
    } else {
        d->too_many = true;
    }
}

static void add_ram(const struct mem_section *s, void *opaque)
{
    struct dump *d = opaque;
    uint64_t start = MAX(s->gpa, d->o->begin);
    uint64_t end =
        MIN(s->gpa + s->len,
            d->o->length > UINT64_MAX - d->o->begin ? UINT64_MAX : d->o->begin + d->o->length);

    if (s->host && start < end) {
        add_segment(d, (struct segment){start, start, end - start, s->host + (start - s->gpa)});
    }
}

/* The parts of a mapping that lie in RAM. */
static bool add_mapping(const struct vcpu_mapping *m, void *opaque)
{
    struct dump *d = opaque;
    uint64_t done = 0;

    while (done < m->size) {
        struct mem_section s;
        bool there = mem_lookup(&as_memory, m->pa + done, &s);
        uint64_t n = MIN(m->size - done, MAX(s.len, (uint64_t)1));
        if (there && s.host) {
            add_segment(d, (struct segment){m->va + done, m->pa + done, n, s.host});
        }
        done += n;
    }
    return !d->too_many;
}

/* --- registers ---------------------------------------------------------------------------------- */

/* Order of struct user_regs_struct of x86-64 Linux. */
static const char *const reg_order[] = {
    "r15",    "r14", "r13", "r12",     "rbp",     "rbx", "r11", "r10", "r9",
    "r8",     "rax", "rcx", "rdx",     "rsi",     "rdi", NULL,  "rip", "cs",
    "eflags", "rsp", "ss",  "fs.base", "gs.base", "ds",  "es",  "fs",  "gs",
};

#define PRSTATUS_SIZE 336u /* sizeof(struct elf_prstatus) there */
#define PRSTATUS_PID  32u
#define PRSTATUS_REGS 112u

static void add_note(struct dump *d, unsigned index, const struct vcpu *cpu)
{
    Elf64_Nhdr head = {.n_namesz = 5, .n_descsz = PRSTATUS_SIZE, .n_type = NT_PRSTATUS};
    uint8_t desc[PRSTATUS_SIZE] = {0};

    st_le32(desc + PRSTATUS_PID, index + 1);
    for (unsigned i = 0; i < ARRAY_SIZE(reg_order); i++) {
        uint64_t v = 0;
        if (reg_order[i]) {
            vcpu_register(cpu, reg_order[i], &v);
        } else {
            vcpu_register(cpu, "rax", &v); /* orig_rax */
        }
        st_le64(desc + PRSTATUS_REGS + 8 * i, v);
    }
    g_byte_array_append(d->notes, (const guint8 *)&head, sizeof(head));
    g_byte_array_append(d->notes, (const guint8 *)"CORE\0\0\0", 8);
    g_byte_array_append(d->notes, desc, sizeof(desc));
}

/* --- writing ------------------------------------------------------------------------------------ */

static int write_all(int fd, const void *buf, uint64_t len, uint64_t *size, struct error **err)
{
    const uint8_t *p = buf;

    while (len) {
        ssize_t n = write(fd, p, MIN(len, MIB(64)));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return error_set_errno(err, n ? errno : ENOSPC, "writing the dump");
        }
        p += n;
        len -= (uint64_t)n;
        *size += (uint64_t)n;
    }
    return 0;
}

static GByteArray *make_headers(const struct dump *d)
{
    uint64_t count = d->segments->len + 1u;
    uint64_t offset = sizeof(Elf64_Ehdr) + count * sizeof(Elf64_Phdr);
    GByteArray *out = g_byte_array_new();
    Elf64_Ehdr e = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(e),
        .e_ehsize = sizeof(e),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = (Elf64_Half)count};
    Elf64_Phdr note = {.p_type = PT_NOTE, .p_offset = offset, .p_filesz = d->notes->len};

    g_byte_array_append(out, (const guint8 *)&e, sizeof(e));
    g_byte_array_append(out, (const guint8 *)&note, sizeof(note));
    offset += d->notes->len;
    for (unsigned i = 0; i < d->segments->len; i++) {
        const struct segment *s = &g_array_index(d->segments, struct segment, i);
        Elf64_Phdr load = {.p_type = PT_LOAD,
                           .p_flags = PF_R | PF_W | PF_X,
                           .p_offset = offset,
                           .p_vaddr = s->va,
                           .p_paddr = s->pa,
                           .p_filesz = s->size,
                           .p_memsz = s->size};
        g_byte_array_append(out, (const guint8 *)&load, sizeof(load));
        offset += s->size;
    }
    return out;
}

static int write_file(int fd, const struct dump *d, uint64_t *size, struct error **err)
{
    GByteArray *head = make_headers(d);
    int ret = write_all(fd, head->data, head->len, size, err);

    if (ret == 0) {
        ret = write_all(fd, d->notes->data, d->notes->len, size, err);
    }
    for (unsigned i = 0; i < d->segments->len && ret == 0; i++) {
        const struct segment *s = &g_array_index(d->segments, struct segment, i);
        ret = write_all(fd, s->host, s->size, size, err);
    }
    g_byte_array_free(head, TRUE);
    return ret;
}

int dump_write(int fd, const struct dump_options *o, uint64_t *size, struct error **err)
{
    struct dump d = {.o = o,
                     .segments = g_array_new(FALSE, FALSE, sizeof(struct segment)),
                     .notes = g_byte_array_new()};
    int ret = -E2BIG;

    *size = 0;
    if (o->paging && vcpu_paging(vcpu_get(0))) {
        d.too_many = !vcpu_for_each_mapping(vcpu_get(0), add_mapping, &d);
    } else {
        addr_space_for_each(&as_memory, add_ram, &d);
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        add_note(&d, i, vcpu_get(i));
    }
    if (d.too_many) {
        error_set(err, "there are too many mappings; dump without paging");
    } else {
        ret = write_file(fd, &d, size, err);
    }
    g_array_free(d.segments, TRUE);
    g_byte_array_free(d.notes, TRUE);
    return ret;
}

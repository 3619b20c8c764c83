/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables (ACPI 6.4 chapter 5; HPET: IA-PC HPET 1.0a; WAET: Microsoft, 2009): FACS, DSDT, FADT
 * revision 3, MADT, HPET, WAET, SSDT, RSDT, RSDP. Loader script: the commands SeaBIOS and OVMF
 * carry out on fw_cfg files.
 */
#include "hw/acpi/tables.h"

#include <stdio.h>

#include "hw/nvram/fw_cfg.h"
#include "system/cpu_model.h"

#define TABLES_FILE "etc/acpi/tables"
#define RSDP_FILE   "etc/acpi/rsdp"
#define LOADER_FILE "etc/table-loader"

#define HEADER_SUM  9 /* offset of the checksum */
#define RSDP_SUM    8
#define RSDP_RSDT   16
#define RSDP_LEN    20
#define HPET_BASE   0xfed00000u
#define HPET_ID     0x8086a201u
#define IOAPIC_BASE 0xfec00000u
#define LAPIC_BASE  0xfee00000u

/* A 32-bit pointer into `tables`, already holding the offset it points to; or a checksum to set. */
struct acpi_fixup {
    bool checksum, in_rsdp;
    uint32_t at, start, len; /* checksum: of len bytes from start */
};

/* --- bytes ------------------------------------------------------------------------------------ */

static void put(GByteArray *b, uint64_t value, unsigned bytes)
{
    uint8_t buf[8];

    st_le64(buf, value);
    g_byte_array_append(b, buf, bytes);
}

static void put_text(GByteArray *b, const char *text, unsigned bytes)
{
    char buf[16] = {0};

    memcpy(buf, text, MIN(strlen(text), (size_t)bytes));
    g_byte_array_append(b, (uint8_t *)buf, bytes);
}

static void pad(GByteArray *b, unsigned bytes)
{
    while (bytes--) {
        put(b, 0, 1);
    }
}

static void align(GByteArray *b, unsigned to)
{
    pad(b, (unsigned)(ALIGN_UP(b->len, to) - b->len));
}

/* Generic address structure of an I/O port. */
static void put_port(GByteArray *b, uint16_t port, unsigned bits)
{
    put(b, port ? 1 : 0, 1); /* system I/O */
    put(b, bits, 1);
    put(b, 0, 1);
    put(b, bits == 8 ? 1 : bits == 16 ? 2 : 3, 1);
    put(b, port, 8);
}

static void put_pointer(struct acpi_tables *t, GByteArray *b, uint32_t target)
{
    struct acpi_fixup fix = {.in_rsdp = b == t->rsdp, .at = b->len};

    g_array_append_val(t->fixups, fix);
    put(b, target, 4);
}

/* --- headers ---------------------------------------------------------------------------------- */

static uint32_t table_begin(struct acpi_tables *t, const char *signature, unsigned revision)
{
    GByteArray *b = t->tables;

    align(b, 8);
    uint32_t start = b->len;
    put_text(b, signature, 4);
    put(b, 0, 4); /* length */
    put(b, revision, 1);
    put(b, 0, 1); /* checksum */
    put_text(b, "DOPPEL", 6);
    put_text(b, "DPLPC   ", 8);
    put(b, 1, 4);
    put_text(b, "DPPL", 4);
    put(b, 1, 4);
    return start;
}

static void table_end(struct acpi_tables *t, uint32_t start)
{
    struct acpi_fixup fix = {.checksum = true, .at = start + HEADER_SUM, .start = start};

    fix.len = t->tables->len - start;
    st_le32(t->tables->data + start + 4, fix.len);
    g_array_append_val(t->fixups, fix);
}

/* --- the tables ------------------------------------------------------------------------------- */

static uint32_t build_facs(struct acpi_tables *t)
{
    align(t->tables, 64);
    uint32_t start = t->tables->len;
    put_text(t->tables, "FACS", 4);
    put(t->tables, 64, 4);
    pad(t->tables, 56);
    return start;
}

static uint32_t copy_dsdt(struct acpi_tables *t, const struct acpi_machine *m)
{
    align(t->tables, 8);
    uint32_t start = t->tables->len;
    g_byte_array_append(t->tables, m->dsdt, (guint)m->dsdt_len);
    return start;
}

enum {
    FADT_WBINVD = 1 << 0,
    FADT_PROC_C1 = 1 << 2,
    FADT_SLP_BUTTON = 1 << 5,
    FADT_RTC_S4 = 1 << 7,
    FADT_RESET_REG_SUP = 1 << 10,
    FADT_USE_PLATFORM_CLOCK = 1 << 15
};
enum { BOOT_ARCH_LEGACY = 1, BOOT_ARCH_8042 = 2 };

static uint32_t build_fadt(struct acpi_tables *t, const struct acpi_machine *m, uint32_t facs,
                           uint32_t dsdt)
{
    GByteArray *b = t->tables;
    uint32_t start = table_begin(t, "FACP", 3);

    put_pointer(t, b, facs);
    put_pointer(t, b, dsdt);
    put(b, 1, 1); /* interrupt model of ACPI 1.0 */
    put(b, 0, 1); /* preferred profile: unspecified */
    put(b, m->sci, 2);
    put(b, m->smi_cmd, 4);
    put(b, m->acpi_enable, 1);
    put(b, m->acpi_disable, 1);
    put(b, 0, 2); /* no S4BIOS, no processor state control */
    put(b, m->pm_base, 4);
    put(b, 0, 4);
    put(b, m->pm_base + 4, 4);
    put(b, 0, 8); /* PM1b control, PM2 */
    put(b, m->pm_base + 8, 4);
    put(b, m->gpe_base, 4);
    put(b, 0, 4);
    put(b, 4, 1); /* lengths: PM1 event, control, PM2, timer, GPE0, GPE1 */
    put(b, 2, 1);
    put(b, 0, 1);
    put(b, 4, 1);
    put(b, 4, 1);
    put(b, 0, 3);
    put(b, 0xfff, 2); /* C2, C3: not supported */
    put(b, 0xfff, 2);
    put(b, 0, 6);    /* flush, duty */
    put(b, 0, 2);    /* RTC alarm day and month: none */
    put(b, 0x32, 1); /* RTC century */
    put(b, BOOT_ARCH_LEGACY | (m->keyboard ? BOOT_ARCH_8042 : 0u), 2);
    put(b, 0, 1);
    put(b,
        FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_RTC_S4 | FADT_RESET_REG_SUP |
            FADT_USE_PLATFORM_CLOCK,
        4);
    put_port(b, 0xcf9, 8);
    put(b, 0x0f, 1);
    put(b, 0, 3);
    put(b, 0, 8); /* 64-bit FACS and DSDT: the 32-bit ones hold */
    put(b, 0, 8);
    put_port(b, m->pm_base, 32);
    put_port(b, 0, 0);
    put_port(b, (uint16_t)(m->pm_base + 4), 16);
    put_port(b, 0, 0);
    put_port(b, 0, 0);
    put_port(b, (uint16_t)(m->pm_base + 8), 32);
    put_port(b, m->gpe_base, 32);
    put_port(b, 0, 0);
    table_end(t, start);
    return start;
}

static void put_override(GByteArray *b, unsigned irq, unsigned gsi, unsigned flags)
{
    put(b, 2, 1);
    put(b, 10, 1);
    put(b, 0, 1);
    put(b, irq, 1);
    put(b, gsi, 4);
    put(b, flags, 2);
}

static void put_lapic(GByteArray *b, uint32_t n, uint32_t apic_id, bool enabled)
{
    put(b, 0, 1);
    put(b, 8, 1);
    put(b, n, 1);
    put(b, apic_id, 1);
    put(b, enabled, 4);
}

static uint32_t build_madt(struct acpi_tables *t, const struct acpi_machine *m)
{
    const unsigned level_high = 0x0d;
    GByteArray *b = t->tables;
    uint32_t start = table_begin(t, "APIC", 1);

    put(b, LAPIC_BASE, 4);
    put(b, 1, 4); /* there are 8259s too */
    for (uint32_t i = 0; i < m->max_cpus; i++) {
        put_lapic(b, i, cpu_apic_id(i), i < m->cpus);
    }
    put(b, 1, 1);
    put(b, 12, 1);
    put(b, m->ioapic_id, 1);
    put(b, 0, 1);
    put(b, IOAPIC_BASE, 4);
    put(b, 0, 4);
    put_override(b, 0, 2, 0);
    for (unsigned irq = 1; irq < 16; irq++) {
        if (m->level_irqs >> irq & 1) {
            put_override(b, irq, irq, level_high);
        }
    }
    put(b, 4, 1); /* LINT1 of all processors: NMI */
    put(b, 6, 1);
    put(b, 0xff, 1);
    put(b, 0, 2);
    put(b, 1, 1);
    table_end(t, start);
    return start;
}

static uint32_t build_hpet(struct acpi_tables *t)
{
    GByteArray *b = t->tables;
    uint32_t start = table_begin(t, "HPET", 1);

    put(b, HPET_ID, 4);
    put(b, 0, 4); /* memory, 64 bits wide */
    put(b, HPET_BASE, 8);
    put(b, 0, 1);
    put(b, 0, 2); /* minimum tick */
    put(b, 0, 1);
    table_end(t, start);
    return start;
}

/* Time stays right without workarounds: the RTC needs no extra reads, the PM timer no double ones. */
static uint32_t build_waet(struct acpi_tables *t)
{
    uint32_t start = table_begin(t, "WAET", 1);

    put(t->tables, 3, 4);
    table_end(t, start);
    return start;
}

/* --- the generated SSDT: AML by hand, ACPI 6.4 chapter 20 --------------------------------------- */

static void aml_name_dword(GByteArray *b, const char *name, uint32_t value)
{
    put(b, 0x08, 1); /* NameOp */
    put_text(b, name, 4);
    put(b, 0x0c, 1); /* DWordPrefix */
    put(b, value, 4);
}

/* Processor (Cxxx, n, 0, 0) {} */
static void aml_processor(GByteArray *b, uint32_t n)
{
    char name[8];

    snprintf(name, sizeof(name), "C%03X", n & 0xfff);
    put(b, 0x835b, 2);
    put(b, 11, 1); /* package length, itself included */
    put_text(b, name, 4);
    put(b, n, 1);
    put(b, 0, 4);
    put(b, 0, 1);
}

/* Scope (\_SB) { ... } with a package length field that any number of processors fits. */
static void aml_processors(GByteArray *b, uint32_t count)
{
    put(b, 0x10, 1);
    uint32_t at = b->len;
    put(b, 0, 3); /* length in three bytes, below */
    put(b, '\\', 1);
    put_text(b, "_SB_", 4);
    for (uint32_t i = 0; i < count; i++) {
        aml_processor(b, i);
    }
    uint32_t len = b->len - at;
    b->data[at] = (uint8_t)(2 << 6 | (len & 0xf));
    b->data[at + 1] = (uint8_t)(len >> 4);
    b->data[at + 2] = (uint8_t)(len >> 12);
}

static uint32_t build_ssdt(struct acpi_tables *t, const struct acpi_machine *m)
{
    uint32_t start = table_begin(t, "SSDT", 1);
    unsigned fitted = m->hpet | (unsigned)m->serial[0] << 1 | (unsigned)m->serial[1] << 2 |
                      (unsigned)m->parallel << 3 | (unsigned)m->keyboard << 4;

    aml_name_dword(t->tables, "PCIB", (uint32_t)m->pci_first);
    aml_name_dword(t->tables, "PCIE", (uint32_t)m->pci_last);
    aml_name_dword(t->tables, "FITT", fitted);
    aml_processors(t->tables, m->max_cpus);
    table_end(t, start);
    return start;
}

static uint32_t build_rsdt(struct acpi_tables *t, const uint32_t *tables, unsigned count)
{
    uint32_t start = table_begin(t, "RSDT", 1);

    for (unsigned i = 0; i < count; i++) {
        put_pointer(t, t->tables, tables[i]);
    }
    table_end(t, start);
    return start;
}

static void build_rsdp(struct acpi_tables *t, uint32_t rsdt)
{
    struct acpi_fixup sum = {.checksum = true, .in_rsdp = true, .at = RSDP_SUM, .len = RSDP_LEN};

    put_text(t->rsdp, "RSD PTR ", 8);
    put(t->rsdp, 0, 1);
    put_text(t->rsdp, "DOPPEL", 6);
    put(t->rsdp, 0, 1); /* ACPI 1.0 */
    put_pointer(t, t->rsdp, rsdt);
    g_array_append_val(t->fixups, sum);
}

/* --- the loader script ------------------------------------------------------------------------ */

enum { LOADER_ALLOCATE = 1, LOADER_ADD_POINTER = 2, LOADER_ADD_CHECKSUM = 3 };
enum { LOADER_ZONE_HIGH = 1, LOADER_ZONE_FSEG = 2 };
#define LOADER_ENTRY 128
#define LOADER_NAME  56

static uint8_t *loader_entry(struct acpi_tables *t, uint32_t command)
{
    uint8_t zeros[LOADER_ENTRY] = {0};

    g_byte_array_append(t->loader, zeros, sizeof(zeros));
    uint8_t *e = t->loader->data + t->loader->len - LOADER_ENTRY;
    st_le32(e, command);
    return e + 4;
}

static void loader_name(uint8_t *at, const char *name)
{
    memcpy(at, name, strlen(name));
}

static void loader_allocate(struct acpi_tables *t, const char *file, uint32_t alignment, int zone)
{
    uint8_t *e = loader_entry(t, LOADER_ALLOCATE);

    loader_name(e, file);
    st_le32(e + LOADER_NAME, alignment);
    e[LOADER_NAME + 4] = (uint8_t)zone;
}

static void loader_fixup(struct acpi_tables *t, const struct acpi_fixup *fix)
{
    const char *file = fix->in_rsdp ? RSDP_FILE : TABLES_FILE;
    uint8_t *e = loader_entry(t, fix->checksum ? LOADER_ADD_CHECKSUM : LOADER_ADD_POINTER);

    loader_name(e, file);
    if (fix->checksum) {
        st_le32(e + LOADER_NAME, fix->at);
        st_le32(e + LOADER_NAME + 4, fix->start);
        st_le32(e + LOADER_NAME + 8, fix->len);
    } else {
        loader_name(e + LOADER_NAME, TABLES_FILE);
        st_le32(e + 2 * LOADER_NAME, fix->at);
        e[2 * LOADER_NAME + 4] = 4;
    }
}

static void build_loader(struct acpi_tables *t)
{
    loader_allocate(t, RSDP_FILE, 16, LOADER_ZONE_FSEG);
    loader_allocate(t, TABLES_FILE, 64, LOADER_ZONE_HIGH);
    /* All pointers of a table come before its checksum: pointers first. */
    for (int pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < t->fixups->len; i++) {
            const struct acpi_fixup *fix = &g_array_index(t->fixups, struct acpi_fixup, i);
            if (fix->checksum == (pass == 1)) {
                loader_fixup(t, fix);
            }
        }
    }
}

/* --- interface -------------------------------------------------------------------------------- */

struct acpi_tables *acpi_tables_build(const struct acpi_machine *m)
{
    struct acpi_tables *t = g_new0(struct acpi_tables, 1);
    uint32_t list[8];
    unsigned n = 0;

    t->tables = g_byte_array_new();
    t->rsdp = g_byte_array_new();
    t->loader = g_byte_array_new();
    t->fixups = g_array_new(FALSE, TRUE, sizeof(struct acpi_fixup));
    uint32_t facs = build_facs(t);
    uint32_t dsdt = copy_dsdt(t, m);
    list[n++] = build_fadt(t, m, facs, dsdt);
    list[n++] = build_ssdt(t, m);
    list[n++] = build_madt(t, m);
    if (m->hpet) {
        list[n++] = build_hpet(t);
    }
    list[n++] = build_waet(t);
    build_rsdp(t, build_rsdt(t, list, n));
    build_loader(t);
    return t;
}

void acpi_tables_free(struct acpi_tables *t)
{
    g_byte_array_free(t->tables, TRUE);
    g_byte_array_free(t->rsdp, TRUE);
    g_byte_array_free(t->loader, TRUE);
    g_array_free(t->fixups, TRUE);
    g_free(t);
}

void acpi_tables_publish(const struct acpi_tables *t, struct device *fw_cfg)
{
    fw_cfg_add_file(fw_cfg, TABLES_FILE, t->tables->data, t->tables->len);
    fw_cfg_add_file(fw_cfg, RSDP_FILE, t->rsdp->data, t->rsdp->len);
    fw_cfg_add_file(fw_cfg, LOADER_FILE, t->loader->data, t->loader->len);
}

static void set_checksum(uint8_t *data, const struct acpi_fixup *fix)
{
    uint8_t sum = 0;

    data[fix->at] = 0;
    for (uint32_t i = 0; i < fix->len; i++) {
        sum = (uint8_t)(sum + data[fix->start + i]);
    }
    data[fix->at] = (uint8_t)-sum;
}

void acpi_tables_relocate(struct acpi_tables *t, uint32_t addr)
{
    for (int pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < t->fixups->len; i++) {
            const struct acpi_fixup *fix = &g_array_index(t->fixups, struct acpi_fixup, i);
            uint8_t *data = fix->in_rsdp ? t->rsdp->data : t->tables->data;
            if (pass == 0 && !fix->checksum) {
                st_le32(data + fix->at, ld_le32(data + fix->at) + addr);
            } else if (pass == 1 && fix->checksum) {
                set_checksum(data, fix);
            }
        }
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * ACPI and SMBIOS tables: lengths, checksums and pointers after loading by script as firmware does
 * it and by us; what iasl (if it is there) makes of them; SMBIOS structures.
 */
#include "hw/acpi/dsdt-pc.aml.h"
#include "hw/acpi/tables.h"
#include "hw/machine/smbios.h"
#include "hw/nvram/fw_cfg.h"
#include "system/cpu_model.h"
#include "tests/dev/dev.h"

#include <glib/gstdio.h>
#include <stdio.h>

static struct isa_bus isa;
static struct device *fw_cfg;

static struct acpi_machine machine(unsigned cpus)
{
    return (struct acpi_machine){
        .dsdt = dsdt_pc_aml,
        .dsdt_len = sizeof(dsdt_pc_aml),
        .cpus = cpus,
        .max_cpus = cpus + 1,
        .pci_first = 0x80000000,
        .pci_last = 0xfebfffff,
        .hpet = true,
        .keyboard = true,
        .serial = {true, false},
        .ioapic_id = 0,
        .sci = 9,
        .pm_base = 0x600,
        .gpe_base = 0xafe0,
        .smi_cmd = 0xb2,
        .acpi_enable = 0xf1,
        .acpi_disable = 0xf0,
        .level_irqs = 1u << 5 | 1u << 9 | 1u << 10 | 1u << 11,
    };
}

static bool sums_to_zero(const uint8_t *p, uint32_t len)
{
    uint8_t sum = 0;

    while (len--)
        sum = (uint8_t)(sum + *p++);
    return sum == 0;
}

/* --- following the pointers ------------------------------------------------------------------- */

/* Tables as they lie in memory. */
struct image {
    const uint8_t *tables, *rsdp;
    uint32_t addr, len;
};

static const uint8_t *table_at(const struct image *img, uint32_t addr, const char *signature)
{
    ck_assert_uint_ge(addr, img->addr);
    ck_assert_uint_lt(addr, img->addr + img->len);
    const uint8_t *t = img->tables + (addr - img->addr);
    ck_assert(range_fits(addr - img->addr, ld_le32(t + 4), img->len));
    if (signature)
        ck_assert_mem_eq(t, signature, 4);
    return t;
}

static void run_iasl(const uint8_t *table)
{
    char *dir = g_dir_make_tmp("doppel-acpi-XXXXXX", NULL);
    char *aml = g_strdup_printf("%s/t.aml", dir), *dsl = g_strdup_printf("%s/t.dsl", dir);
    char *out = NULL, *errors = NULL, *argv[] = {(char *)"iasl", (char *)"-d", aml, NULL};
    int status = 0;

    ck_assert(g_file_set_contents(aml, (const char *)table, ld_le32(table + 4), NULL));
    ck_assert(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &errors,
                           &status, NULL));
    ck_assert_msg(status == 0 && g_file_test(dsl, G_FILE_TEST_EXISTS), "%.4s: %s%s", table, out,
                  errors);
    ck_assert_msg(!strstr(errors, "Error") && !strstr(errors, "Warning"), "%.4s: %s", table,
                  errors);
    g_unlink(aml);
    g_unlink(dsl);
    g_rmdir(dir);
    g_free(aml);
    g_free(dsl);
    g_free(dir);
    g_free(out);
    g_free(errors);
}

static bool have_iasl(void)
{
    char *path = g_find_program_in_path("iasl");

    g_free(path);
    return path != NULL;
}

static void check_table(const struct image *img, uint32_t addr, const char *signature)
{
    const uint8_t *t = table_at(img, addr, signature);

    ck_assert_msg(sums_to_zero(t, ld_le32(t + 4)), "%.4s: checksum", t);
    if (have_iasl())
        run_iasl(t);
}

static void check_all(const struct image *img, unsigned tables)
{
    ck_assert_mem_eq(img->rsdp, "RSD PTR ", 8);
    ck_assert(sums_to_zero(img->rsdp, 20));
    uint32_t rsdt_addr = ld_le32(img->rsdp + 16);
    const uint8_t *rsdt = table_at(img, rsdt_addr, "RSDT");
    check_table(img, rsdt_addr, "RSDT");
    ck_assert_uint_eq(ld_le32(rsdt + 4), 36 + 4 * tables);
    for (unsigned i = 0; i < tables; i++) {
        check_table(img, ld_le32(rsdt + 36 + 4 * i), i == 0 ? "FACP" : NULL);
    }
    const uint8_t *fadt = table_at(img, ld_le32(rsdt + 36), "FACP");
    ck_assert_uint_eq(ld_le32(fadt + 4), 244);
    uint32_t facs = ld_le32(fadt + 36);
    ck_assert_uint_eq(facs % 64, 0);
    ck_assert_uint_eq(ld_le32(table_at(img, facs, "FACS") + 4), 64);
    check_table(img, ld_le32(fadt + 40), "DSDT");
}

START_TEST(test_relocate)
{
    cpu_model_set_topology(1, 1, 4, 1);
    for (unsigned cpus = 1; cpus < 256; cpus += cpus < 4 ? 1 : 83) {
        struct acpi_machine m = machine(cpus);
        m.hpet = cpus != 2;
        struct acpi_tables *t = acpi_tables_build(&m);
        acpi_tables_relocate(t, 0x3ff0000);
        struct image img = {t->tables->data, t->rsdp->data, 0x3ff0000, t->tables->len};
        check_all(&img, m.hpet ? 5 : 4);
        acpi_tables_free(t);
    }
}
END_TEST

/* --- as firmware does it ---------------------------------------------------------------------- */

#define RSDP_AT   0xf0000u
#define TABLES_AT 0x7ff0000u

static uint8_t *file_of(const uint8_t *name, uint8_t *tables, uint8_t *rsdp, uint32_t *addr)
{
    bool is_rsdp = !strcmp((const char *)name, "etc/acpi/rsdp");

    ck_assert(is_rsdp || !strcmp((const char *)name, "etc/acpi/tables"));
    *addr = is_rsdp ? RSDP_AT : TABLES_AT;
    return is_rsdp ? rsdp : tables;
}

static void run_loader(const uint8_t *script, size_t len, uint8_t *tables, uint8_t *rsdp)
{
    uint32_t addr, other;

    ck_assert_uint_eq(len % 128, 0);
    for (size_t i = 0; i < len; i += 128) {
        const uint8_t *e = script + i + 4;
        uint8_t *file = file_of(e, tables, rsdp, &addr);
        uint32_t at, start, n;
        switch (ld_le32(script + i)) {
        case 1: /* allocate */
            ck_assert(is_pow2(ld_le32(e + 56)));
            ck_assert(e[60] == 1 || e[60] == 2);
            break;
        case 2: /* pointer */
            file_of(e + 56, tables, rsdp, &other);
            at = ld_le32(e + 112);
            ck_assert_uint_eq(e[116], 4);
            st_le32(file + at, ld_le32(file + at) + other);
            break;
        case 3: /* checksum */
            at = ld_le32(e + 56), start = ld_le32(e + 60), n = ld_le32(e + 64);
            file[at] = 0;
            for (uint32_t j = 0, sum = 0; j < n; j++) {
                sum += file[start + j];
                if (j == n - 1)
                    file[at] = (uint8_t)-sum;
            }
            break;
        default:
            ck_abort_msg("unknown loader command");
        }
    }
}

START_TEST(test_loader)
{
    struct acpi_machine m = machine(3);
    size_t len, rsdp_len, script_len;

    dev_setup(&isa);
    fw_cfg = dev_make("fw_cfg");
    struct acpi_tables *t = acpi_tables_build(&m);
    acpi_tables_publish(t, fw_cfg);
    acpi_tables_free(t);
    const void *published = fw_cfg_file_data(fw_cfg, "etc/acpi/tables", &len);
    uint8_t *tables = g_memdup2(published, len);
    const void *data = fw_cfg_file_data(fw_cfg, "etc/acpi/rsdp", &rsdp_len);
    uint8_t *rsdp = g_memdup2(data, rsdp_len);
    const uint8_t *script = fw_cfg_file_data(fw_cfg, "etc/table-loader", &script_len);
    run_loader(script, script_len, tables, rsdp);
    struct image img = {tables, rsdp, TABLES_AT, (uint32_t)len};
    check_all(&img, 5);
    g_free(tables);
    g_free(rsdp);
    device_free(fw_cfg);
}
END_TEST

/* --- SMBIOS ----------------------------------------------------------------------------------- */

/* Formatted lengths of the types we make, by DSP0134. */
static unsigned smbios_length(unsigned type)
{
    switch (type) {
    case 1:
        return 0x1b;
    case 3:
        return 0x16;
    case 4:
        return 0x30;
    case 16:
        return 0x17;
    case 17:
        return 0x28;
    case 19:
        return 0x1f;
    case 32:
        return 0x0b;
    case 127:
        return 4;
    }
    ck_abort_msg("type %u", type);
    return 0;
}

/* Behind a structure and its strings. */
static const uint8_t *check_structure(const uint8_t *p, const uint8_t *end)
{
    ck_assert_uint_eq(p[1], smbios_length(p[0]));
    for (p += p[1]; p + 1 < end && (p[0] || p[1]); p++) {
    }
    ck_assert(p + 1 < end);
    return p + 2;
}

static void check_smbios(const struct machine_config *cfg, unsigned expected)
{
    size_t len, anchor_len;
    unsigned count = 0, largest = 0;

    struct smbios_tables built = smbios_build(cfg, "product", "version");
    smbios_publish(&built, fw_cfg);
    smbios_free(&built);
    const uint8_t *a = fw_cfg_file_data(fw_cfg, "etc/smbios/smbios-anchor", &anchor_len);
    const uint8_t *p = fw_cfg_file_data(fw_cfg, "etc/smbios/smbios-tables", &len);
    ck_assert_uint_eq(anchor_len, 31);
    ck_assert(sums_to_zero(a, 31) && sums_to_zero(a + 16, 15));
    ck_assert_uint_eq(ld_le16(a + 22), len);
    for (const uint8_t *end = p + len; p < end; count++) {
        const uint8_t *next = check_structure(p, end);
        largest = MAX(largest, (unsigned)(next - p));
        p = next;
    }
    ck_assert_uint_eq(count, expected);
    ck_assert_uint_eq(ld_le16(a + 28), count);
    ck_assert_uint_eq(ld_le16(a + 8), largest);
}

START_TEST(test_smbios)
{
    struct machine_config cfg = {
        .ram_size = MIB(512),
        .smp = {.cpus = 1, .maxcpus = 1, .sockets = 1, .dies = 1, .cores = 1, .threads = 1},
        .name = "guest",
    };

    dev_setup(&isa);
    fw_cfg = dev_make("fw_cfg");
    check_smbios(&cfg, 8);
    cfg.smp.sockets = 64;
    cfg.ram_size = GIB(3000);
    cfg.name = NULL;
    check_smbios(&cfg, 71);
    device_free(fw_cfg);
}
END_TEST

TEST_MAIN("tables", test_relocate, test_loader, test_smbios)

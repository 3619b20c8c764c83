/* SPDX-License-Identifier: MIT */
/*
 * SMBIOS tables, DMTF DSP0134 2.8: system (type 1), chassis (3), processors (4), memory (16, 17, 19),
 * boot status (32), end (127). Firmware adds its own type 0.
 */
#include "hw/machine/smbios.h"

#include <stdio.h>

#include "hw/nvram/fw_cfg.h"

#define MAX_STRINGS 8

struct smbios {
    GByteArray *tables;
    unsigned count;
    uint16_t largest;
    /* of the structure being made */
    uint32_t start;
    const char *strings[MAX_STRINGS];
    unsigned n_strings;
};

static void put(struct smbios *s, uint64_t value, unsigned bytes)
{
    uint8_t buf[8];

    st_le64(buf, value);
    g_byte_array_append(s->tables, buf, bytes);
}

/* A string field: its number, from 1; none is 0. */
static void put_string(struct smbios *s, const char *text)
{
    if (text && *text) {
        assert(s->n_strings < MAX_STRINGS);
        s->strings[s->n_strings++] = text;
        put(s, s->n_strings, 1);
    } else {
        put(s, 0, 1);
    }
}

static void begin(struct smbios *s, uint8_t type, uint16_t handle)
{
    s->start = s->tables->len;
    s->n_strings = 0;
    put(s, type, 1);
    put(s, 0, 1); /* length of the formatted part */
    put(s, handle, 2);
}

static void end(struct smbios *s)
{
    s->tables->data[s->start + 1] = (uint8_t)(s->tables->len - s->start);
    for (unsigned i = 0; i < s->n_strings; i++) {
        g_byte_array_append(s->tables, (const uint8_t *)s->strings[i],
                            (guint)strlen(s->strings[i]) + 1);
    }
    put(s, 0, s->n_strings ? 1 : 2);
    s->largest = (uint16_t)MAX(s->largest, s->tables->len - s->start);
    s->count++;
}

static void system_information(struct smbios *s, const struct machine_config *cfg,
                               const char *product, const char *version)
{
    static const uint8_t little_endian[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

    begin(s, 1, 0x100);
    put_string(s, "doppel");
    put_string(s, product);
    put_string(s, version);
    put_string(s, NULL);
    for (unsigned i = 0; i < 16; i++) {
        put(s, cfg->uuid[little_endian[i]], 1); /* the first three fields, 2.6 and later */
    }
    put(s, 6, 1); /* wake-up: power switch */
    put_string(s, NULL);
    put_string(s, cfg->name);
    end(s);
}

static void chassis(struct smbios *s, const char *version)
{
    begin(s, 3, 0x300);
    put_string(s, "doppel");
    put(s, 1, 1); /* other */
    put_string(s, version);
    put_string(s, NULL);
    put_string(s, NULL);
    put(s, 3, 1); /* states: safe */
    put(s, 3, 1);
    put(s, 3, 1);
    put(s, 2, 1); /* security: unknown */
    put(s, 0, 4);
    put(s, 0, 1); /* height */
    put(s, 0, 1); /* power cords */
    put(s, 0, 2); /* contained elements */
    put_string(s, NULL);
    end(s);
}

static void processor(struct smbios *s, const struct machine_config *cfg, unsigned socket,
                      const char *version)
{
    char name[24];
    unsigned cores = cfg->smp.dies * cfg->smp.cores;

    snprintf(name, sizeof(name), "CPU %u", socket);
    begin(s, 4, (uint16_t)(0x400 + socket));
    put_string(s, name);
    put(s, 3, 1); /* central processor */
    put(s, 1, 1); /* family: other */
    put_string(s, "doppel");
    put(s, 0, 8); /* id */
    put_string(s, version);
    put(s, 0, 1);    /* voltage */
    put(s, 0, 2);    /* external clock */
    put(s, 2000, 2); /* MHz, nominal */
    put(s, 2000, 2);
    put(s, 0x41, 1); /* populated, enabled */
    put(s, 1, 1);    /* upgrade: other */
    put(s, 0xffff, 2);
    put(s, 0xffff, 2);
    put(s, 0xffff, 2); /* caches: not told */
    put(s, 0, 3);      /* strings */
    put(s, MIN(cores, 255u), 1);
    put(s, MIN(cores, 255u), 1);
    put(s, MIN(cores * cfg->smp.threads, 255u), 1);
    put(s, 2, 2); /* characteristics unknown */
    put(s, 0xfe, 2);
    put(s, cores, 2);
    put(s, cores, 2);
    put(s, cores * cfg->smp.threads, 2);
    end(s);
}

static void memory(struct smbios *s, uint64_t ram_size)
{
    uint64_t mib = ram_size >> 20, kib = ram_size >> 10;

    begin(s, 16, 0x1000);
    put(s, 1, 1); /* other place */
    put(s, 3, 1); /* system memory */
    put(s, 6, 1); /* multi-bit ECC */
    put(s, kib < 0x80000000u ? kib : 0x80000000u, 4);
    put(s, 0xfffe, 2);
    put(s, 1, 2);
    put(s, kib < 0x80000000u ? 0 : ram_size, 8);
    end(s);

    begin(s, 17, 0x1100);
    put(s, 0x1000, 2);
    put(s, 0xfffe, 2);
    put(s, 0xffff, 2); /* widths unknown */
    put(s, 0xffff, 2);
    put(s, mib < 0x7fff ? mib : 0x7fff, 2);
    put(s, 9, 1); /* DIMM */
    put(s, 0, 1);
    put_string(s, "DIMM 0");
    put_string(s, NULL);
    put(s, 7, 1); /* RAM */
    put(s, 2, 2); /* detail: other */
    put(s, 0, 2);
    put_string(s, "doppel");
    put(s, 0, 3); /* strings */
    put(s, 0, 1);
    put(s, mib < 0x7fff ? 0 : mib, 4);
    put(s, 0, 2);
    put(s, 0, 6); /* voltages */
    end(s);

    begin(s, 19, 0x1300);
    put(s, kib < UINT32_MAX ? 0 : UINT32_MAX, 4);
    put(s, kib < UINT32_MAX ? kib - 1 : UINT32_MAX, 4);
    put(s, 0x1000, 2);
    put(s, 1, 1);
    put(s, 0, 8);
    put(s, kib < UINT32_MAX ? 0 : ram_size - 1, 8);
    end(s);
}

static void boot_and_end(struct smbios *s)
{
    begin(s, 32, 0x2000);
    put(s, 0, 6);
    put(s, 0, 1); /* no errors */
    end(s);
    begin(s, 127, 0x7f00);
    end(s);
}

static uint8_t checksum(const uint8_t *data, unsigned len)
{
    uint8_t sum = 0;

    while (len--) {
        sum = (uint8_t)(sum + *data++);
    }
    return (uint8_t)-sum;
}

static void make_anchor(const struct smbios *s, uint8_t a[SMBIOS_ANCHOR_LEN])
{
    memset(a, 0, SMBIOS_ANCHOR_LEN);
    memcpy(a, "_SM_", 4);
    a[5] = 31;
    a[6] = 2;
    a[7] = 8;
    st_le16(a + 8, s->largest);
    memcpy(a + 16, "_DMI_", 5);
    st_le16(a + 22, (uint16_t)s->tables->len);
    st_le16(a + 28, (uint16_t)s->count);
    a[30] = 0x28;
}

void smbios_relocate(struct smbios_tables *t, uint32_t addr)
{
    uint8_t *a = t->anchor;

    st_le32(a + 24, addr);
    a[21] = a[4] = 0;
    a[21] = checksum(a + 16, 15);
    a[4] = checksum(a, SMBIOS_ANCHOR_LEN);
}

struct smbios_tables smbios_build(const struct machine_config *cfg, const char *product,
                                  const char *version)
{
    struct smbios s = {.tables = g_byte_array_new()};
    struct smbios_tables t = {s.tables, g_malloc(SMBIOS_ANCHOR_LEN)};

    system_information(&s, cfg, product, version);
    chassis(&s, version);
    for (unsigned i = 0; i < cfg->smp.sockets; i++) {
        processor(&s, cfg, i, version);
    }
    memory(&s, cfg->ram_size);
    boot_and_end(&s);
    make_anchor(&s, t.anchor);
    smbios_relocate(&t, 0);
    return t;
}

void smbios_free(struct smbios_tables *t)
{
    g_byte_array_free(t->tables, TRUE);
    g_free(t->anchor);
}

void smbios_publish(const struct smbios_tables *t, struct device *fw_cfg)
{
    fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-tables", t->tables->data, t->tables->len);
    fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-anchor", t->anchor, SMBIOS_ANCHOR_LEN);
}

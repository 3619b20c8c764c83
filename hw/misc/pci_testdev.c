/* SPDX-License-Identifier: MIT */
/*
 * pci-testdev (1b36:0005): a PCI function whose BARs count writes, for test suites
 * that measure or check I/O paths. Interface: QEMU's public docs/specs/pci-testdev.
 *
 * BAR 0 (memory) and BAR 1 (ports) begin with a header: writing a test number to its
 * first byte selects a test; the rest says what to write where, and counts matching
 * writes. Every BAR has three tests, which differ there in how the host is notified
 * of a write; here all are plain. BAR 2 is memory with nothing behind it, if asked
 * for by "membar".
 */
#include "hw/core/vmstate.h"
#include "hw/pci/pci.h"
#include "util/error.h"

#include <errno.h>

#define TESTS_PER_BAR 3
#define TEST_NONE     0xff
#define ACCESS_WIDTH  1

/* Header */
#define HDR_TEST   0
#define HDR_WIDTH  1
#define HDR_OFFSET 4
#define HDR_DATA   8
#define HDR_COUNT  12
#define HDR_NAME   16
#define HDR_SIZE   64

struct test_bar {
    uint8_t current; /* TEST_NONE: none */
    uint32_t counts[TESTS_PER_BAR];

    const char *kind; /* wiring */
    unsigned half;    /* bytes of the BAR's first half; the tests' bytes are behind it */
    struct mem_region mr;
};

struct pci_test {
    struct pci_device pci;
    uint64_t membar; /* property */
    struct test_bar bars[2];
    struct mem_region memory;
};

static const struct {
    const char *name;
    uint8_t data;
    bool match; /* counts only this datum */
} tests[TESTS_PER_BAR] = {
    {"no-eventfd", 0xce, false},
    {"wildcard-eventfd", 0xce, false},
    {"datamatch-eventfd", 0xfa, true},
};

static struct pci_test *to_pci_test(const struct device *dev)
{
    return container_of(dev, struct pci_test, pci.dev);
}

static unsigned test_offset(const struct test_bar *bar)
{
    return bar->half + bar->current * ACCESS_WIDTH;
}

static void make_header(const struct test_bar *bar, uint8_t hdr[HDR_SIZE])
{
    const char *name = tests[bar->current].name;
    size_t kind_len = strlen(bar->kind);

    memset(hdr, 0, HDR_SIZE);
    hdr[HDR_TEST] = bar->current;
    hdr[HDR_WIDTH] = ACCESS_WIDTH;
    st_le32(hdr + HDR_OFFSET, test_offset(bar));
    st_le32(hdr + HDR_DATA, tests[bar->current].data);
    st_le32(hdr + HDR_COUNT, bar->counts[bar->current]);
    memcpy(hdr + HDR_NAME, bar->kind, kind_len);
    memcpy(hdr + HDR_NAME + kind_len, name, strlen(name));
}

static uint64_t bar_read(void *opaque, uint64_t off, unsigned size)
{
    const struct test_bar *bar = opaque;
    uint8_t hdr[HDR_SIZE];
    uint64_t val = 0;

    if (bar->current == TEST_NONE || !range_fits(off, size, HDR_SIZE))
        return 0;
    make_header(bar, hdr);
    memcpy(&val, hdr + off, size);
    return HOST_LE_(64, val);
}

/* A number that is none ends the scan for tests: the header reads as zero. */
static void select_test(struct test_bar *bar, uint64_t val)
{
    bar->current = val < TESTS_PER_BAR ? (uint8_t)val : TEST_NONE;
    if (bar->current != TEST_NONE)
        bar->counts[bar->current] = 0;
}

static void bar_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct test_bar *bar = opaque;

    if (off == HDR_TEST) {
        select_test(bar, val);
        return;
    }
    if (bar->current == TEST_NONE || off != test_offset(bar))
        return;
    if (tests[bar->current].match && (size != ACCESS_WIDTH || val != tests[bar->current].data))
        return;
    bar->counts[bar->current]++;
}

static const struct mem_ops bar_ops = {
    .read = bar_read,
    .write = bar_write,
    .valid = {.min = 1, .max = 4},
};

static uint64_t hole_read(void *opaque, uint64_t off, unsigned size)
{
    return UINT64_MAX;
}

static void hole_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
}

static const struct mem_ops hole_ops = {.read = hole_read, .write = hole_write};

static void pci_test_reset(struct device *dev, enum reset_kind kind)
{
    struct pci_test *s = to_pci_test(dev);

    for (unsigned i = 0; i < 2; i++) {
        s->bars[i].current = TEST_NONE;
        memset(s->bars[i].counts, 0, sizeof(s->bars[i].counts));
    }
}

static void init_bar(struct pci_test *s, unsigned n, const char *kind, unsigned half,
                     unsigned flags)
{
    struct test_bar *bar = &s->bars[n];

    bar->kind = kind;
    bar->half = half;
    mem_region_init_io(&bar->mr, kind, 2 * half, &bar_ops, bar);
    pci_register_bar(&s->pci, n, flags, &bar->mr);
}

static int pci_test_realize(struct device *dev, struct error **err)
{
    struct pci_test *s = to_pci_test(dev);

    if (s->membar && !is_pow2(s->membar)) {
        error_set(err, "membar must be a power of two");
        return -EINVAL;
    }
    init_bar(s, 0, "mmio-", 2048, PCI_BAR_MEM32);
    init_bar(s, 1, "portio-", 128, PCI_BAR_IO);
    if (s->membar) {
        mem_region_init_io(&s->memory, "pci-testdev-membar", s->membar, &hole_ops, s);
        pci_register_bar(&s->pci, 2, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &s->memory);
    }
    return 0;
}

static void pci_test_unrealize(struct device *dev)
{
    struct pci_test *s = to_pci_test(dev);

    mem_region_fini(&s->bars[0].mr);
    mem_region_fini(&s->bars[1].mr);
    if (s->membar)
        mem_region_fini(&s->memory);
}

static int pci_test_post_load(void *state, unsigned version, struct error **err)
{
    struct pci_test *s = state;

    for (unsigned i = 0; i < 2; i++) {
        if (s->bars[i].current >= TESTS_PER_BAR)
            s->bars[i].current = TEST_NONE;
    }
    return 0;
}

static const struct vm_field bar_fields[] = {
    VM_U8(struct test_bar, current),
    VM_U32_ARRAY(struct test_bar, counts),
    VM_END,
};
static const struct vmstate bar_vmstate = {.name = "pci-testdev-bar", .fields = bar_fields};

static const struct vm_field pci_test_fields[] = {
    VM_STRUCT(struct pci_test, pci, &pci_device_vmstate),
    VM_STRUCT_ARRAY(struct pci_test, bars, &bar_vmstate),
    VM_END,
};
static const struct vmstate pci_test_vmstate = {
    .name = "pci-testdev",
    .version = 1,
    .fields = pci_test_fields,
    .post_load = pci_test_post_load,
};

static const struct prop pci_test_props[] = {
    PROP_SIZE("membar", struct pci_test, membar, 0, 0, 1ull << 40, "size of BAR 2, 0 for none"),
    PROP_END,
};

static const struct pci_info pci_test_info = {
    .vendor = PCI_VENDOR_REDHAT,
    .device = 0x0005,
    .class_code = PCI_CLASS_OTHERS,
};

DEVICE_DEFINE(pci_test, .name = "pci-testdev", .help = "PCI device that counts accesses",
              .bus = BUS_PCI, .state_size = sizeof(struct pci_test), .props = pci_test_props,
              .pci = &pci_test_info, .vmstate = &pci_test_vmstate, .hotpluggable = true,
              .realize = pci_test_realize, .unrealize = pci_test_unrealize,
              .reset = pci_test_reset);

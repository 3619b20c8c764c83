/* SPDX-License-Identifier: MIT */
/*
 * CPU models, -cpu, and the CPUID leaves made from them (Intel SDM vol. 2, CPUID).
 */
#include "frontends/x86/cpuid.h"
#include "frontends/x86/decode.h"
#include "frontends/x86/sys.h"
#include "translator/simd_ops.h"
#include "util/error.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>

enum { WORD_SUBLEAF = 4 };
static const struct word_row {
    uint32_t leaf;
    uint8_t reg; /* 0..3: EAX, EBX, ECX, EDX; WORD_SUBLEAF: not of subleaf 0 */
} word_rows[X86_W_COUNT] = {
    [X86_W_1_EDX] = {1, 3},           [X86_W_1_ECX] = {1, 2},           [X86_W_6_EAX] = {6, 0},
    [X86_W_7_EBX] = {7, 1},           [X86_W_7_ECX] = {7, 2},           [X86_W_7_EDX] = {7, 3},
    [X86_W_72_EDX] = {7, 3 | WORD_SUBLEAF},
    [X86_W_D1_EAX] = {0xd, 0},        [X86_W_81_ECX] = {0x80000001, 2}, [X86_W_81_EDX] = {0x80000001, 3},
    [X86_W_87_EDX] = {0x80000007, 3},
};

static const struct feature_row {
    const char *name, *alias;
    uint8_t word, bit;
    uint8_t gate; /* enum x86_feature */
} feature_rows[] = {
#define FEATURE(name, alias, word, bit, gate) {name, alias, X86_W_##word, bit, X86_FEAT_##gate},
#include "frontends/x86/cpuid.def"
};

static const struct model_row {
    const char *name, *vendor;
    unsigned family, model, stepping;
    uint32_t level, xlevel;
    const char *id, *features;
} model_rows[] = {
#define MODEL(...) {__VA_ARGS__},
#include "frontends/x86/cpuid.def"
};

/* --- models ------------------------------------------------------------------------- */

static const struct feature_row *find_feature(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(feature_rows); i++) {
        const struct feature_row *f = &feature_rows[i];
        if (!strcmp(f->name, name) || (f->alias && !strcmp(f->alias, name)))
            return f;
    }
    return NULL;
}

static void set_feature(struct x86_model *m, const struct feature_row *f, bool on)
{
    if (on)
        m->words[f->word] |= 1u << f->bit;
    else
        m->words[f->word] &= ~(1u << f->bit);
}

static void set_default_features(struct x86_model *m, const struct model_row *row)
{
    char **names;

    if (!row->features) {
        for (size_t i = 0; i < ARRAY_SIZE(feature_rows); i++)
            set_feature(m, &feature_rows[i], true);
        return;
    }
    names = g_strsplit(row->features, " ", -1);
    for (char **n = names; *n; n++) {
        const struct feature_row *f = find_feature(*n);
        if (f)
            set_feature(m, f, true);
    }
    g_strfreev(names);
}

static uint32_t signature(unsigned family, unsigned model, unsigned stepping)
{
    unsigned ext = family > 15 ? family - 15 : 0;

    return stepping | (model & 15) << 4 | (family - ext) << 8 | (model >> 4) << 16 | ext << 20;
}

static const struct model_row *find_model(const char *name, struct error **err)
{
    const char *names[ARRAY_SIZE(model_rows) + 1] = {0};
    const char *guess;

    if (!strcmp(name, "host"))
        name = "max";
    for (size_t i = 0; i < ARRAY_SIZE(model_rows); i++) {
        names[i] = model_rows[i].name;
        if (!strcmp(model_rows[i].name, name))
            return &model_rows[i];
    }
    guess = util_suggest(name, names);
    if (guess)
        error_set(err, "unknown CPU model '%s' (did you mean '%s'?)", name, guess);
    else
        error_set(err, "unknown CPU model '%s' (see -cpu help)", name);
    return NULL;
}

static void unknown_feature(const char *name, struct error **err)
{
    const char *names[ARRAY_SIZE(feature_rows) + 1] = {0};
    const char *guess;

    for (size_t i = 0; i < ARRAY_SIZE(feature_rows); i++)
        names[i] = feature_rows[i].name;
    guess = util_suggest(name, names);
    if (guess)
        error_set(err, "CPU feature '%s' is not implemented (did you mean '%s'?)", name, guess);
    else
        error_set(err, "CPU feature '%s' is not implemented (see -cpu help)", name);
}

/* QEMU's other features: command lines that want one get a guest without it and a warning. */
static const char *const unimplemented[] = {
    "dtes64", "monitor", "ds-cpl", "vmx", "smx", "est", "tm2", "cid", "fma", "xtpr", "pdcm", "dca",
    "avx", "f16c", "ds", "acpi", "ht", "tm", "pbe", "bmi1", "hle", "avx2", "bmi2", "rtm", "mpx",
    "avx512f", "avx512dq", "adx", "avx512ifma", "clwb", "intel-pt", "avx512pf", "avx512er", "avx512cd",
    "sha-ni", "avx512bw", "avx512vl", "avx512vbmi", "pku", "ospke", "waitpkg", "avx512vbmi2", "gfni",
    "vaes", "vpclmulqdq", "avx512vnni", "avx512bitalg", "avx512-vpopcntdq", "la57", "bus-lock-detect",
    "cldemote", "movdiri", "movdir64b", "pks", "avx512-4vnniw", "avx512-4fmaps", "avx512-vp2intersect",
    "serialize", "tsx-ldtrk", "arch-lbr", "amx-bf16", "avx512-fp16", "amx-tile", "amx-int8",
    "core-capability", "avx-vnni", "avx512-bf16", "cmp-legacy", "svm", "extapic", "cr8legacy", "abm",
    "sse4a", "misalignsse", "osvw", "ibs", "xop", "skinit", "wdt", "lwp", "fma4", "tce", "nodeid-msr",
    "tbm", "topoext", "perfctr-core", "perfctr-nb", "mmxext", "fxsr-opt", "3dnowext", "3dnow", "xsavec",
    "xgetbv1", "xsaves", "xfd", "npt", "lbrv", "nrip-save", "clzero", "xsaveerptr", "wbnoinvd", "ibpb",
    "ibrs", "amd-ssbd", "virt-ssbd", "amd-no-ssb", "kvmclock", "kvm-nopiodelay", "kvm-mmu",
    "kvm-asyncpf", "kvm-steal-time", "kvm-pv-eoi", "kvm-pv-unhalt", "vmware-cpuid-freq", "pmu", "lmce",
};

/* Switches that are no features and change nothing here. */
static const char *const ignored[] = {"migratable", "host-phys-bits", "check", "kvm", "l3-cache", "host-cache-info"};

static bool named_in(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

static int absent_feature(const char *name, struct error **err)
{
    if (named_in(name, ignored, ARRAY_SIZE(ignored)))
        return 0;
    if (!named_in(name, unimplemented, ARRAY_SIZE(unimplemented))) {
        unknown_feature(name, err);
        return -EINVAL;
    }
    warn_report("CPU feature '%s' is not implemented, the guest does without", name);
    return 0;
}

static int parse_switch(const char *value, bool *on)
{
    if (!strcmp(value, "on") || !strcmp(value, "yes") || !strcmp(value, "true"))
        *on = true;
    else if (!strcmp(value, "off") || !strcmp(value, "no") || !strcmp(value, "false"))
        *on = false;
    else
        return -EINVAL;
    return 0;
}

/* vendor=, family= and so on: properties that are no feature bits. 1: not one of these. */
static int parse_property(struct x86_model *m, const char *name, const char *value, struct error **err)
{
    if (!strcmp(name, "vendor")) {
        if (strlen(value) != 12) {
            error_set(err, "CPU property 'vendor' must have 12 characters");
            return -EINVAL;
        }
        memcpy(m->vendor, value, 12);
        return 0;
    }
    if (!strcmp(name, "model-id")) {
        g_strlcpy(m->id, value, sizeof(m->id));
        return 0;
    }
    if (!strcmp(name, "phys-bits")) {
        guint64 v;
        if (!g_ascii_string_to_unsigned(value, 10, 32, 46, &v, NULL)) {
            error_set(err, "CPU property 'phys-bits' must be a number from 32 to 46");
            return -EINVAL;
        }
        m->phys_bits = v;
        return 0;
    }
    return 1;
}

static int parse_word(struct x86_model *m, char *word, struct error **err)
{
    const struct feature_row *f;
    char *value = strchr(word, '=');
    bool on = true;

    if (*word == '+' || *word == '-') {
        on = *word == '+';
        word++;
    } else if (value) {
        int ret;
        *value++ = 0;
        ret = parse_property(m, word, value, err);
        if (ret <= 0)
            return ret;
        if (parse_switch(value, &on)) {
            error_set(err, "CPU feature '%s' takes on or off, not '%s'", word, value);
            return -EINVAL;
        }
    }
    f = find_feature(word);
    if (f) {
        set_feature(m, f, on);
    } else if (on) {
        return absent_feature(word, err);
    }
    return 0; /* switching off what is not there is no mistake */
}

/* Bits that need others. */
static void drop_dependents(struct x86_model *m)
{
    static const struct { const char *name, *needs; } rows[] = {
        {"mmx", "fpu"}, {"fxsr", "fpu"}, {"sse", "fxsr"}, {"sse2", "sse"}, {"sse3", "sse2"}, {"ssse3", "sse2"},
        {"sse4.1", "sse2"}, {"sse4.2", "sse2"}, {"aes", "sse2"}, {"pclmulqdq", "sse2"}, {"lm", "pae"}, {"lm", "msr"}, {"lm", "sse2"}, {"lm", "pge"},
        {"syscall", "msr"}, {"pcid", "lm"}, {"invpcid", "lm"}, {"fsgsbase", "lm"}, {"xsave", "fxsr"},
        {"xsaveopt", "xsave"}, {"pse36", "pse"}, {"nx", "pae"}, {"tsc-deadline", "apic"}, {"x2apic", "apic"}, {"smap", "msr"},
        {"pdpe1gb", "lm"}, {"lahf-lm", "lm"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct feature_row *f = find_feature(rows[i].name), *needs = find_feature(rows[i].needs);
        if (!(m->words[needs->word] >> needs->bit & 1))
            set_feature(m, f, false);
    }
}

/* SIMD runs on the host's units: what those cannot do the guest must not try. */
static void drop_missing_on_host(struct x86_model *m)
{
    static const struct { enum simd_feature feature; const char *name; } rows[] = {
        {SF_SSE3, "sse3"}, {SF_SSSE3, "ssse3"}, {SF_SSE41, "sse4.1"}, {SF_SSE42, "sse4.2"},
        {SF_PCLMUL, "pclmulqdq"}, {SF_AES, "aes"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (!simd_host_has(rows[i].feature))
            set_feature(m, find_feature(rows[i].name), false);
}

/* What depends on the leaves a model has, and the decoder's view of the features. */
static void finish_model(struct x86_model *m)
{
    drop_missing_on_host(m);
    drop_dependents(m);
    for (unsigned w = 0; w < X86_W_COUNT; w++) {
        uint32_t leaf = word_rows[w].leaf;
        if (leaf > (leaf >> 31 ? m->xlevel : m->level))
            m->words[w] = 0;
    }
    m->features = BIT(X86_FEAT_BASE);
    for (size_t i = 0; i < ARRAY_SIZE(feature_rows); i++) {
        const struct feature_row *f = &feature_rows[i];
        if (f->gate != X86_FEAT_COUNT && (m->words[f->word] >> f->bit & 1))
            m->features |= BIT(f->gate);
    }
    if (!memcmp(m->vendor, "AuthenticAMD", 12) && (m->features & BIT(X86_FEAT_SYSCALL)))
        m->features |= BIT(X86_FEAT_SYSCALL32);
    /* LAHF is a bit of 64-bit mode only */
    if (!x86_model_bit(m, 0x80000001, 3, 29))
        m->features |= BIT(X86_FEAT_LAHF);
    if (x86_model_bit(m, 1, 3, 23))
        m->features |= BIT(X86_FEAT_RDPMC);
}

int x86_model_parse(struct x86_model *m, const char *spec, struct error **err)
{
    char **words = g_strsplit(spec && *spec ? spec : "max", ",", -1);
    const struct model_row *row = find_model(words[0], err);
    int ret = row ? 0 : -EINVAL;

    if (row) {
        *m = (struct x86_model){.level = row->level, .xlevel = row->xlevel, .phys_bits = 40,
                                .signature = signature(row->family, row->model, row->stepping),
                                .topology = {1, 1, 1, 1}};
        memcpy(m->vendor, row->vendor, 12);
        g_strlcpy(m->id, row->id, sizeof(m->id));
        set_default_features(m, row);
        for (char **w = words + 1; *w && !ret; w++)
            if (**w)
                ret = parse_word(m, *w, err);
        finish_model(m);
    }
    g_strfreev(words);
    return ret;
}

const char *x86_model_name(unsigned i)
{
    return i < ARRAY_SIZE(model_rows) ? model_rows[i].name : NULL;
}

void x86_model_help(void)
{
    unsigned column = 0;

    printf("CPU models:\n");
    for (size_t i = 0; i < ARRAY_SIZE(model_rows); i++)
        printf("  %-12s %s\n", model_rows[i].name, model_rows[i].id);
    printf("  %-12s the same as max\n\nFeatures (+name, -name, name=on|off):\n", "host");
    for (size_t i = 0; i < ARRAY_SIZE(feature_rows); i++) {
        column += printf("%s%s", column ? " " : "  ", feature_rows[i].name);
        if (column > 66 || i + 1 == ARRAY_SIZE(feature_rows)) {
            printf("\n");
            column = 0;
        }
    }
}

void x86_model_for_each_feature(const struct x86_model *m,
                                void (*fn)(const char *name, bool on, void *opaque), void *opaque)
{
    for (size_t i = 0; i < ARRAY_SIZE(feature_rows); i++) {
        const struct feature_row *f = &feature_rows[i];
        fn(f->name, m->words[f->word] >> f->bit & 1, opaque);
    }
}

bool x86_model_bit(const struct x86_model *m, uint32_t leaf, unsigned reg, unsigned bit)
{
    for (unsigned w = 0; w < X86_W_COUNT; w++)
        if (word_rows[w].leaf == leaf && word_rows[w].reg == reg)
            return m->words[w] >> bit & 1;
    return false;
}

uint64_t x86_cpu_features(const struct x86_cpu *c)
{
    return c->model->features;
}

/* --- topology ------------------------------------------------------------------------- */

static unsigned bits_for(unsigned n)
{
    return n > 1 ? 32 - __builtin_clz(n - 1) : 0;
}

static unsigned core_shift(const struct x86_topology *t)
{
    return bits_for(t->threads);
}

static unsigned package_shift(const struct x86_topology *t)
{
    return core_shift(t) + bits_for(t->cores * t->dies);
}

uint32_t x86_apic_id(const struct x86_topology *t, unsigned index)
{
    unsigned thread = index % t->threads;
    unsigned core = index / t->threads % (t->cores * t->dies);
    unsigned package = index / t->threads / (t->cores * t->dies);

    return package << package_shift(t) | core << core_shift(t) | thread;
}

static unsigned per_package(const struct x86_topology *t)
{
    return t->threads * t->cores * t->dies;
}

/* --- leaves ----------------------------------------------------------------------------- */

static uint32_t word_of(const struct x86_cpu *c, enum x86_cpuid_word w)
{
    return c->model->words[w];
}

static struct x86_cpuid_result text_leaf(const char *s)
{
    return (struct x86_cpuid_result){ld_le32(s), ld_le32(s + 4), ld_le32(s + 8), ld_le32(s + 12)};
}

/* Vendor name: EBX, EDX, ECX. */
static struct x86_cpuid_result vendor_leaf(const struct x86_cpu *c, uint32_t max)
{
    const char *v = c->model->vendor;

    return (struct x86_cpuid_result){max, ld_le32(v), ld_le32(v + 8), ld_le32(v + 4)};
}

static struct x86_cpuid_result leaf_1(const struct x86_cpu *c)
{
    const struct x86_topology *t = &c->model->topology;
    uint32_t ebx = (x86_apic_id(t, vcpu_index(&c->v)) & 0xff) << 24 | (per_package(t) & 0xff) << 16;
    uint32_t ecx = word_of(c, X86_W_1_ECX), edx = word_of(c, X86_W_1_EDX);

    if (edx >> 19 & 1)
        ebx |= 8 << 8; /* CLFLUSH line: 64 bytes */
    if (per_package(t) > 1)
        edx |= 1u << 28;
    if (c->cr4 & CR4_OSXSAVE)
        ecx |= 1u << 27;
    if (!c->apic || !(c->apic->get_base(c->apic_opaque) & 0x800))
        edx &= ~(1u << 9);
    return (struct x86_cpuid_result){c->model->signature, ebx, ecx, edx};
}

/* Deterministic cache parameters: L1 data and code, L2, L3. */
static struct x86_cpuid_result leaf_4(const struct x86_cpu *c, uint32_t sub)
{
    static const struct { uint8_t type, level; uint16_t ways; uint32_t sets; } caches[] = {
        {1, 1, 8, 64}, {2, 1, 8, 64}, {3, 2, 16, 1024}, {3, 3, 16, 16384}};
    const struct x86_topology *t = &c->model->topology;
    unsigned cores, sharing;

    if (sub >= ARRAY_SIZE(caches))
        return (struct x86_cpuid_result){0};
    cores = 1u << (package_shift(t) - core_shift(t));
    sharing = caches[sub].level < 3 ? 1u << core_shift(t) : 1u << package_shift(t);
    return (struct x86_cpuid_result){
        caches[sub].type | caches[sub].level << 5 | 1 << 8 | (MIN(sharing, 4096u) - 1) << 14 |
            (MIN(cores, 64u) - 1) << 26,
        (caches[sub].ways - 1u) << 22 | 63, caches[sub].sets - 1, caches[sub].level == 3 ? 4 : 0};
}

static struct x86_cpuid_result leaf_7(const struct x86_cpu *c, uint32_t sub)
{
    if (sub == 2)
        return (struct x86_cpuid_result){0, 0, 0, word_of(c, X86_W_72_EDX)};
    if (sub)
        return (struct x86_cpuid_result){0};
    return (struct x86_cpuid_result){word_of(c, X86_W_72_EDX) ? 2 : 0, word_of(c, X86_W_7_EBX), word_of(c, X86_W_7_ECX), word_of(c, X86_W_7_EDX)};
}

static struct x86_cpuid_result leaf_b(const struct x86_cpu *c, uint32_t sub)
{
    const struct x86_topology *t = &c->model->topology;
    uint32_t id = x86_apic_id(t, vcpu_index(&c->v));

    if (sub == 0)
        return (struct x86_cpuid_result){core_shift(t), t->threads, 1 << 8, id};
    if (sub == 1)
        return (struct x86_cpuid_result){package_shift(t), per_package(t), 2 << 8 | 1, id};
    return (struct x86_cpuid_result){0, 0, sub & 0xff, id};
}

/* XSAVE: x87 and SSE, which lie in the legacy area. */
static struct x86_cpuid_result leaf_d(const struct x86_cpu *c, uint32_t sub)
{
    if (!x86_cpuid_bit(c, 1, 2, 26))
        return (struct x86_cpuid_result){0};
    if (sub == 0)
        return (struct x86_cpuid_result){x86_xcr0_allowed(c), 576, 576, 0};
    if (sub == 1)
        return (struct x86_cpuid_result){word_of(c, X86_W_D1_EAX), 0, 0, 0};
    return (struct x86_cpuid_result){0};
}

/* TSC and crystal, which also drives the LAPIC timer. */
static struct x86_cpuid_result leaf_15(void)
{
    return (struct x86_cpuid_result){1, X86_TSC_HZ / VCPU_CRYSTAL_HZ, VCPU_CRYSTAL_HZ, 0};
}

static struct x86_cpuid_result basic_leaf(const struct x86_cpu *c, uint32_t leaf, uint32_t sub)
{
    switch (leaf) {
    case 0:
        return vendor_leaf(c, c->model->level);
    case 1:
        return leaf_1(c);
    case 2: /* prefetch of 64 bytes, TLBs; caches are in leaf 4 */
        return (struct x86_cpuid_result){0x00ff0001, 0, 0, 0xf0};
    case 4:
        return leaf_4(c, sub);
    case 6:
        return (struct x86_cpuid_result){word_of(c, X86_W_6_EAX), 0, 0, 0};
    case 7:
        return leaf_7(c, sub);
    case 0xb:
        return leaf_b(c, sub);
    case 0xd:
        return leaf_d(c, sub);
    case 0x15:
        return leaf_15();
    case 0x16: /* base and maximum frequency, bus, in MHz: kernels then need no PIT to find the first */
        return (struct x86_cpuid_result){X86_TSC_HZ / 1000000, X86_TSC_HZ / 1000000, 100, 0};
    default:
        return (struct x86_cpuid_result){0};
    }
}

/* AMD repeats common bits of leaf 1 here. */
static uint32_t extended_edx(const struct x86_cpu *c)
{
    uint32_t edx = word_of(c, X86_W_81_EDX);

    return x86_is_amd(c) ? edx | (word_of(c, X86_W_1_EDX) & 0x0183f3ff) : edx;
}

static struct x86_cpuid_result extended_leaf(const struct x86_cpu *c, uint32_t leaf)
{
    char id[48] = {0};

    memcpy(id, c->model->id, strnlen(c->model->id, sizeof(id)));
    switch (leaf) {
    case 0x80000000:
        return x86_is_amd(c) ? vendor_leaf(c, c->model->xlevel)
                             : (struct x86_cpuid_result){c->model->xlevel, 0, 0, 0};
    case 0x80000001:
        return (struct x86_cpuid_result){x86_is_amd(c) ? c->model->signature : 0, 0, word_of(c, X86_W_81_ECX),
                                         extended_edx(c)};
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
        return text_leaf(id + 16 * (leaf - 0x80000002));
    case 0x80000006: /* L2: 1 MiB, 16 ways, 64-byte lines */
        return (struct x86_cpuid_result){0, 0, 1024u << 16 | 8 << 12 | 64, 0};
    case 0x80000007:
        return (struct x86_cpuid_result){0, 0, 0, word_of(c, X86_W_87_EDX)};
    case 0x80000008:
        return (struct x86_cpuid_result){c->model->phys_bits | 48 << 8, 0, 0, 0};
    default:
        return (struct x86_cpuid_result){0};
    }
}

struct x86_cpuid_result x86_cpuid(const struct x86_cpu *c, uint32_t leaf, uint32_t sub)
{
    if (leaf >> 16 == 0x4000 && x86_cpuid_bit(c, 1, 2, 31)) {
        static const char name[] = "doppeldoppel";
        if (leaf == 0x40000000)
            return (struct x86_cpuid_result){leaf, ld_le32(name), ld_le32(name + 4), ld_le32(name + 8)};
        return (struct x86_cpuid_result){0};
    }
    if (leaf >> 31 && leaf <= c->model->xlevel)
        return extended_leaf(c, leaf);
    if (leaf > c->model->level) {
        if (x86_is_amd(c))
            return (struct x86_cpuid_result){0};
        leaf = c->model->level; /* Intel: the data of the highest basic leaf */
    }
    return basic_leaf(c, leaf, sub);
}

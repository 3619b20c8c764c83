/* SPDX-License-Identifier: MIT */
/*
 * Perf's map file, and guest symbols. Reference: Linux, tools/perf/Documentation/jit-interface.txt;
 * System V ABI, symbol tables.
 */
#include "util/perfmap.h"

#include <elf.h>
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "util/error.h"
#include "util/jitdump.h"

#define SYMBOL_SPAN MIB(1) /* an address further behind a symbol is not its */

struct symbol {
    uint64_t addr;
    char *name;
};

bool perfmap_enabled;
static FILE *map;
static pthread_mutex_t map_lock = PTHREAD_MUTEX_INITIALIZER;
static GArray *symbols; /* of struct symbol, by address */

/* --- symbols ---------------------------------------------------------------------------------- */

static void add_symbol(uint64_t addr, const char *name, size_t len)
{
    struct symbol s = {.addr = addr, .name = g_strndup(name, len)};

    g_array_append_val(symbols, s);
}

static int by_address(gconstpointer a, gconstpointer b)
{
    const struct symbol *x = a, *y = b;

    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* One table of an ELF file of either width; false: it leads out of the file. */
static bool read_table(const uint8_t *p, size_t len, bool wide, uint64_t off, uint64_t size,
                       uint64_t str_off, uint64_t str_size)
{
    uint64_t entry = wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);

    if (off > len || size > len - off || str_off > len || str_size > len - str_off) {
        return false;
    }
    for (uint64_t i = 0; i + entry <= size; i += entry) {
        const uint8_t *e = p + off + i;
        uint8_t info = wide ? e[4] : e[12];
        uint64_t name = ld_le32(e), value = wide ? ld_le64(e + 8) : ld_le32(e + 4);
        const char *text = (const char *)p + str_off + name;
        if ((info & 15) <= STT_FUNC && (info & 15) != STT_OBJECT && name && name < str_size &&
            memchr(text, 0, str_size - name)) {
            add_symbol(value, text, strlen(text));
        }
    }
    return true;
}

struct section {
    uint32_t type, link;
    uint64_t off, size;
};

static bool read_section(const uint8_t *p, size_t len, bool wide, uint64_t index, struct section *s)
{
    uint64_t table = wide ? ld_le64(p + 0x28) : ld_le32(p + 0x20);
    uint64_t size = wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);

    if (table > len || (index + 1) * size > len - table) {
        return false;
    }
    const uint8_t *e = p + table + index * size;
    *s = (struct section){
        .type = ld_le32(e + 4),
        .link = ld_le32(e + (wide ? 40 : 24)),
        .off = wide ? ld_le64(e + 24) : ld_le32(e + 16),
        .size = wide ? ld_le64(e + 32) : ld_le32(e + 20),
    };
    return true;
}

static bool read_elf(const uint8_t *p, size_t len)
{
    bool wide = len > EI_CLASS && p[EI_CLASS] == ELFCLASS64;

    if (len < sizeof(Elf64_Ehdr)) {
        return false;
    }
    unsigned count = ld_le16(p + (wide ? 0x3c : 0x30));
    for (unsigned i = 0; i < count; i++) {
        struct section s, strings;
        if (!read_section(p, len, wide, i, &s)) {
            return false;
        }
        if (s.type == SHT_SYMTAB &&
            (!read_section(p, len, wide, s.link, &strings) ||
             !read_table(p, len, wide, s.off, s.size, strings.off, strings.size))) {
            return false;
        }
    }
    return true;
}

static void read_text(const char *text)
{
    char **lines = g_strsplit(text, "\n", -1);

    for (char **l = lines; *l; l++) {
        char *end;
        uint64_t addr = g_ascii_strtoull(*l, &end, 16);
        if (end != *l && end[0] == ' ' && g_ascii_isalpha(end[1]) && end[2] == ' ') {
            add_symbol(addr, end + 3, strcspn(end + 3, " \t\r"));
        }
    }
    g_strfreev(lines);
}

int guest_symbols_load(const char *path, struct error **err)
{
    GError *gerr = NULL;
    char *bytes;
    gsize len;

    if (!g_file_get_contents(path, &bytes, &len, &gerr)) {
        error_set(err, "%s", gerr->message);
        g_error_free(gerr);
        return -ENOENT;
    }
    if (!symbols) {
        symbols = g_array_new(FALSE, FALSE, sizeof(struct symbol));
    }
    if (len < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG)) {
        read_text(bytes);
    } else if (!read_elf((const uint8_t *)bytes, len)) {
        error_set(err, "'%s' is a damaged ELF file", path);
        g_free(bytes);
        return -EINVAL;
    }
    g_free(bytes);
    g_array_sort(symbols, by_address);
    if (!symbols->len) {
        error_set(err, "'%s' has no symbols", path);
        return -EINVAL;
    }
    return 0;
}

const char *guest_symbol_at(uint64_t addr, uint64_t *off)
{
    guint lo = 0, hi = symbols ? symbols->len : 0;

    while (lo < hi) { /* the first one behind addr */
        guint mid = lo + (hi - lo) / 2;
        if (g_array_index(symbols, struct symbol, mid).addr <= addr) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (!lo) {
        return NULL;
    }
    const struct symbol *s = &g_array_index(symbols, struct symbol, lo - 1);
    *off = addr - s->addr;
    return *off < SYMBOL_SPAN ? s->name : NULL;
}

/* --- the map ---------------------------------------------------------------------------------- */

int perfmap_open(struct error **err)
{
    char *path = g_strdup_printf("/tmp/perf-%d.map", (int)getpid());

    map = fopen(path, "wxe");
    if (!map) {
        int ret = error_set_errno(err, errno, "cannot make '%s'", path);
        g_free(path);
        return ret;
    }
    g_free(path);
    setvbuf(map, NULL, _IOLBF, 0);
    perfmap_enabled = true;
    return 0;
}

int perfmap_open_dump(struct error **err)
{
    int ret = jitdump_open(err);

    perfmap_enabled |= ret == 0;
    return ret;
}

void perfmap_add(const void *code, size_t size, uint64_t pc)
{
    uint64_t off;
    const char *symbol = guest_symbol_at(pc, &off);
    char *name = symbol ? g_strdup_printf("guest:%s+0x%" PRIx64, symbol, off)
                        : g_strdup_printf("guest:0x%" PRIx64, pc);

    if (map) {
        pthread_mutex_lock(&map_lock);
        fprintf(map, "%" PRIxPTR " %zx %s\n", (uintptr_t)code, size, name);
        pthread_mutex_unlock(&map_lock);
    }
    if (jitdump_enabled()) {
        jitdump_add(code, size, name);
    }
    g_free(name);
}

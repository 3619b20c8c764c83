/* SPDX-License-Identifier: MIT */
/*
 * -kernel: small images of each kind end where they should, and damaged ones give one line of
 * error: every header byte by itself, and random damage.
 */
#include "hw/machine/boot.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hw/machine/smbios.h"
#include "tests/dev/guestram.h"
#include "tests/dev/pcibus.h"

#define IMAGE 0x3000u

static uint8_t image[IMAGE];
static size_t image_len;
static char path[64]; /* of a file in memory */
static int kernel_fd;
static struct machine_config cfg;
static struct boot_plan plan;
static bool screen;
static struct acpi_tables *acpi;
static GByteArray *smbios;

static void setup(void)
{
    memory_init();
    device_lock();
    clock_manual(true);
    guest_ram_init();
    kernel_fd = memfd_create("kernel", MFD_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", kernel_fd);
    cfg = (struct machine_config){
        .ram_size = GUEST_RAM_SIZE, .kernel = path, .append = "quiet", .acpi = true};
}

static void write_file(const char *name, const void *data, size_t len)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    close(fd);
}

static void write_kernel(void)
{
    ck_assert_int_eq(ftruncate(kernel_fd, (off_t)image_len), 0);
    ck_assert_int_eq(pwrite(kernel_fd, image, image_len, 0), (ssize_t)image_len);
}

static struct boot_plan make_plan(void)
{
    static uint8_t anchor[SMBIOS_ANCHOR_LEN] = "_SM_";

    return (struct boot_plan){.cfg = &cfg,
                              .below_4g = GUEST_RAM_SIZE,
                              .screen = screen,
                              .acpi = acpi,
                              .smbios = {smbios, anchor}};
}

/* 0, or -errno with a decent message. */
static int boot(void)
{
    struct error *err = NULL;

    write_kernel();
    plan = make_plan();
    int ret = boot_load(&plan, &err);
    ck_assert_int_eq(ret < 0, err != NULL);
    if (err) {
        ck_assert_uint_gt(strlen(error_msg(err)), 10);
        ck_assert_ptr_null(strchr(error_msg(err), '\n'));
        error_free(err);
    } else {
        if (plan.firmware) {
            boot_place_images(); /* the option ROM asks for it */
        }
        device_reset_all(RESET_COLD);
    }
    return ret;
}

static void expect_failure(const char *part)
{
    struct error *err = NULL;

    write_kernel();
    plan = make_plan();
    ck_assert_int_lt(boot_load(&plan, &err), 0);
    ck_assert_msg(strstr(error_msg(err), part) != NULL, "'%s' lacks '%s'", error_msg(err), part);
    error_free(err);
}

/* --- images ----------------------------------------------------------------------------------- */

static void make_bzimage(void)
{
    memset(image, 0x90, IMAGE);
    memset(image, 0, 0x400);
    image_len = 0x2000;
    image[0x1f1] = 1; /* setup: two sectors */
    st_le16(image + 0x1fe, 0xaa55);
    image[0x201] = 0x6a;
    memcpy(image + 0x202, "HdrS", 4);
    st_le16(image + 0x206, 0x020f);
    image[0x211] = 1;
    st_le32(image + 0x22c, 0x7fffffff);
    st_le32(image + 0x238, 2047);
    st_le64(image + 0x258, MIB(1));
    st_le32(image + 0x260, 0x10000);
    memcpy(image + 0x400, "LINUX", 5);
}

static void make_multiboot(bool addresses)
{
    uint32_t flags = addresses ? 0x10003 : 3;

    memset(image, 0, IMAGE);
    image_len = 0x1000;
    st_le32(image + 0x100, 0x1badb002);
    st_le32(image + 0x104, flags);
    st_le32(image + 0x108, -(0x1badb002 + flags));
    st_le32(image + 0x10c, 0x100100);
    st_le32(image + 0x110, 0x100000);
    st_le32(image + 0x114, 0x100800);
    st_le32(image + 0x118, 0x102000);
    st_le32(image + 0x11c, 0x100123);
    memcpy(image + 0x200, "MULTI", 5);
}

static void make_elf32(void)
{
    Elf32_Ehdr h = {.e_type = ET_EXEC,
                    .e_machine = EM_386,
                    .e_version = 1,
                    .e_entry = 0x100000,
                    .e_phoff = 0x34,
                    .e_ehsize = 0x34,
                    .e_phentsize = 32,
                    .e_phnum = 1};
    Elf32_Phdr p = {.p_type = PT_LOAD,
                    .p_offset = 0x200,
                    .p_vaddr = 0x100000,
                    .p_paddr = 0x100000,
                    .p_filesz = 0x100,
                    .p_memsz = 0x4000,
                    .p_flags = 7,
                    .p_align = 0x1000};

    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS32;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    memcpy(image, &h, sizeof(h));
    memcpy(image + 0x34, &p, sizeof(p));
}

static void make_pvh(void)
{
    Elf64_Ehdr h = {.e_type = ET_EXEC,
                    .e_machine = EM_X86_64,
                    .e_version = 1,
                    .e_entry = 0x100000,
                    .e_phoff = 0x40,
                    .e_ehsize = 0x40,
                    .e_phentsize = 56,
                    .e_phnum = 3};
    Elf64_Phdr p[3] = {
        {.p_type = PT_LOAD,
         .p_offset = 0x200,
         .p_paddr = 0x100000,
         .p_filesz = 0x100,
         .p_memsz = 0x1000},
        {.p_type = PT_LOAD,
         .p_offset = 0x300,
         .p_paddr = 0x200000,
         .p_filesz = 0x100,
         .p_memsz = 0x100},
        {.p_type = PT_NOTE, .p_offset = 0x400, .p_filesz = 40, .p_memsz = 40, .p_align = 4},
    };

    memset(image, 0, IMAGE);
    image_len = 0x1000;
    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS64;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    memcpy(image, &h, sizeof(h));
    memcpy(image + 0x40, p, sizeof(p));
    memcpy(image + 0x200, "PVH64", 5);
    st_le32(image + 0x400, 4);
    st_le32(image + 0x404, 8);
    st_le32(image + 0x408, 3); /* another note first */
    memcpy(image + 0x40c, "Abc", 4);
    st_le32(image + 0x418, 4);
    st_le32(image + 0x41c, 4);
    st_le32(image + 0x420, 18);
    memcpy(image + 0x424, "Xen", 4);
    st_le32(image + 0x428, 0x100010);
    st_le64(image + 0x40 + 2 * 56 + 32, 0x2c); /* p_filesz of the notes */
    st_le64(image + 0x40 + 2 * 56 + 40, 0x2c);
}

/* --- what is right ---------------------------------------------------------------------------- */

START_TEST(test_linux)
{
    char initrd[80];

    setup();
    make_bzimage();
    ck_assert_int_eq(boot(), 0);
    ck_assert_mem_eq(guest_mem(0x100000), "LINUX", 5);
    ck_assert_str_eq((char *)guest_mem(BOOT_CMDLINE_ADDR), "quiet");
    uint8_t *zp = guest_mem(BOOT_INFO_ADDR);
    ck_assert_uint_eq(ld_le32(zp + 0x228), BOOT_CMDLINE_ADDR);
    ck_assert_uint_eq(zp[0x210], 0xff);
    ck_assert_uint_ge(zp[0x1e8], 4);
    ck_assert_uint_eq(ld_le32(zp + 0x2d0 + 16), 1);
    memset(guest_mem(0x100000), 0, 5);
    device_reset_all(RESET_WARM); /* placed again */
    ck_assert_mem_eq(guest_mem(0x100000), "LINUX", 5);
    snprintf(initrd, sizeof(initrd), "/tmp/doppel-boot-%d.rd", (int)getpid());
    write_file(initrd, "RAMDISK", 7);
    cfg.initrd = initrd;
    ck_assert_int_eq(boot(), 0);
    uint32_t at = ld_le32(zp + 0x218);
    ck_assert_uint_eq(ld_le32(zp + 0x21c), 7);
    ck_assert_mem_eq(guest_mem(at), "RAMDISK", 7);
    ck_assert_int_eq(truncate(initrd, MIB(20)), 0);
    expect_failure("does not fit into memory");
    cfg.initrd = "/nonexistent";
    expect_failure("could not load initrd '/nonexistent'");
    cfg.initrd = "/dev/null";
    expect_failure("not a readable file");
    g_unlink(initrd);
    cfg.initrd = NULL;
    cfg.append = g_strnfill(3000, 'x');
    expect_failure("-append: 3000 characters");
    g_free((void *)(uintptr_t)cfg.append);
}
END_TEST

/* The kernel's setup part runs, firmware under it. */
START_TEST(test_linux_setup)
{
    setup();
    make_bzimage();
    st_le16(image + 0x206, 0x0207);
    cfg.append = "vga=0x314 quiet";
    ck_assert_int_eq(boot(), 0);
    ck_assert(plan.firmware);
    uint8_t *vector = guest_mem(BOOT_VECTOR_ADDR), *kernel = guest_mem(BOOT_SETUP_ADDR);
    ck_assert_uint_eq(ld_le16(vector), BOOT_SETUP_ADDR >> 4);
    ck_assert_mem_eq(guest_mem(0x100000), "LINUX", 5);
    ck_assert_uint_eq(ld_le32(kernel + 0x228), BOOT_SETUP_CMDLINE_ADDR);
    ck_assert_uint_eq(ld_le16(kernel + 0x1fa), 0x314);
    ck_assert_uint_eq(kernel[0x211], 0x81);
    image[0x211] = 0; /* zImage */
    st_le16(image + 0x206, 0x0201);
    cfg.append = "vga=ask";
    ck_assert_int_eq(boot(), 0);
    kernel = guest_mem(0x90000);
    ck_assert_uint_eq(ld_le16(vector), 0x9000);
    ck_assert_mem_eq(guest_mem(0x10000), "LINUX", 5);
    ck_assert_uint_eq(ld_le16(kernel + 0x20), 0xa33f);
    ck_assert_str_eq((char *)kernel + ld_le16(kernel + 0x22), "vga=ask");
    ck_assert_uint_eq(ld_le16(kernel + 0x1fa), 0xfffd);
    st_le16(image + 0x206, 0x01ff);
    expect_failure("too old");
}
END_TEST

static bool through_firmware(const char *append)
{
    cfg.append = append;
    ck_assert_int_eq(boot(), 0);
    return plan.firmware;
}

/* Waking from S3 leaves memory alone and starts at the vector in FACS. */
START_TEST(test_wake)
{
    struct acpi_machine machine = {.dsdt = image, .dsdt_len = 36, .cpus = 1, .max_cpus = 1};

    setup();
    make_bzimage();
    acpi = acpi_tables_build(&machine);
    ck_assert_int_eq(boot(), 0);
    ck_assert_mem_eq(guest_mem((gpa_t)plan.ram_top), "FACS", 4);
    st_le32(guest_mem((gpa_t)plan.ram_top + 12), 0x9a010);
    memset(guest_mem(0x100000), 0x5a, 5);
    device_reset_all(RESET_WAKE);
    ck_assert_uint_eq(*guest_mem(0x100000), 0x5a);
    device_reset_all(RESET_COLD);
    ck_assert_mem_eq(guest_mem(0x100000), "LINUX", 5);
    acpi_tables_free(acpi);
    acpi = NULL;
}
END_TEST

START_TEST(test_smbios)
{
    setup();
    make_bzimage();
    smbios = g_byte_array_new();
    g_byte_array_append(smbios, (const uint8_t *)"tables", 6);
    ck_assert_int_eq(boot(), 0);
    const uint8_t *anchor = guest_mem(BOOT_SMBIOS_ADDR);
    uint8_t sum = 0;
    for (unsigned i = 0; i < 31; i++) {
        sum = (uint8_t)(sum + anchor[i]);
    }
    ck_assert_mem_eq(anchor, "_SM_", 4);
    ck_assert_uint_eq(sum, 0);
    ck_assert_mem_eq(guest_mem(ld_le32(anchor + 24)), "tables", 6);
    g_byte_array_free(smbios, TRUE);
    smbios = NULL;
}
END_TEST

START_TEST(test_screen)
{
    setup();
    make_bzimage();
    ck_assert(!through_firmware(NULL)); /* nothing to show it on */
    screen = true;
    ck_assert(through_firmware(NULL));
    ck_assert(through_firmware("quiet"));
    ck_assert(!through_firmware("console=ttyS0,115200 quiet"));
    ck_assert(!through_firmware("quiet console=hvc0"));
    ck_assert(through_firmware("console=ttyS0 acpi=off")); /* wants the MP table */
    ck_assert(through_firmware("console=tty0 console=ttyS0"));
    ck_assert(through_firmware("console=ttyS0 vga=ask"));
    ck_assert(through_firmware("earlyprintk=vga,keep console=ttyS0"));
    make_pvh();
    ck_assert(!through_firmware(NULL));
}
END_TEST

START_TEST(test_multiboot)
{
    char mods[200], *initrd;

    setup();
    make_multiboot(true);
    ck_assert_int_eq(boot(), 0);
    ck_assert_mem_eq(guest_mem(0x100200), "MULTI", 5);
    uint8_t *info = guest_mem(BOOT_INFO_ADDR), *vector = guest_mem(BOOT_VECTOR_ADDR);
    ck_assert(plan.firmware);
    ck_assert_uint_eq(ld_le16(vector), 0);
    ck_assert_uint_eq(ld_le32(vector + 4), 0x100123);
    ck_assert_uint_eq(ld_le32(vector + 16), BOOT_INFO_ADDR);
    ck_assert_uint_eq(ld_le32(info) & 4, 4);
    ck_assert(g_str_has_suffix((char *)guest_mem(ld_le32(info + 16)), " quiet"));
    initrd = g_strdup_printf("/tmp/doppel-boot-%d.m", (int)getpid());
    write_file(initrd, "MODULE", 6);
    snprintf(mods, sizeof(mods), "%s a b,%s", initrd, initrd);
    cfg.initrd = mods;
    ck_assert_int_eq(boot(), 0);
    ck_assert_uint_eq(ld_le32(info + 20), 2);
    uint8_t *mod = guest_mem(ld_le32(info + 24));
    ck_assert_mem_eq(guest_mem(ld_le32(mod + 16)), "MODULE", 6);
    ck_assert_uint_eq(ld_le32(mod + 4) - ld_le32(mod), 6);
    ck_assert(g_str_has_suffix((char *)guest_mem(ld_le32(mod + 8)), " a b"));
    ck_assert_uint_ge(ld_le32(mod), 0x102000);
    cfg.initrd = "x,,y";
    expect_failure("could not load module");
    g_unlink(initrd);
    g_free(initrd);
    cfg.initrd = NULL;
    make_multiboot(false);
    expect_failure("neither ELF nor has load addresses");
    make_elf32();
    ck_assert_int_eq(boot(), 0);
    ck_assert_mem_eq(guest_mem(0x100000), "MULTI", 5);
    make_multiboot(true);
    st_le32(image + 0x110, BOOT_GDT_ADDR - 0x100); /* over the GDT */
    st_le32(image + 0x10c, BOOT_GDT_ADDR);
    st_le32(image + 0x114, BOOT_GDT_ADDR + 0x600);
    st_le32(image + 0x118, 0);
    expect_failure("overlap with GDT");
    st_le32(image + 0x110, 0x3f00); /* low memory is the kernel's: real-mode programs start there */
    st_le32(image + 0x10c, 0x4000);
    st_le32(image + 0x114, 0x4600);
    st_le32(image + 0x118, 0xb000);
    ck_assert_int_eq(boot(), 0);
    make_multiboot(true);
    st_le32(image + 0x118, 0xfffffff0); /* bss */
    expect_failure("does not fit into memory");
}
END_TEST

START_TEST(test_pvh)
{
    setup();
    make_pvh();
    ck_assert_int_eq(boot(), 0);
    ck_assert_mem_eq(guest_mem(0x100000), "PVH64", 5);
    uint8_t *info = guest_mem(BOOT_INFO_ADDR);
    ck_assert_uint_eq(ld_le32(info), 0x336ec578);
    ck_assert_str_eq((char *)guest_mem((gpa_t)ld_le64(info + 24)), "quiet");
    ck_assert_uint_ge(ld_le32(info + 48), 4);
    st_le32(image + 0x420, 17);
    expect_failure("neither a PVH entry");
    make_pvh();
    st_le16(image + 18, EM_AARCH64);
    expect_failure("is no kernel");
    make_pvh();
    st_le16(image + 56, 0);
    expect_failure("has nothing to load");
    st_le16(image + 56, 0xffff);
    expect_failure("segments");
    make_pvh();
    st_le64(image + 0x40 + 24, 0x80000000); /* paddr */
    expect_failure("does not fit into memory");
    make_pvh();
    st_le64(image + 0x40 + 56 + 24, 0x100800); /* the second over the first */
    expect_failure("overlap");
    memset(image, 0, IMAGE);
    expect_failure("is no kernel");
    image_len = 0;
    expect_failure("is empty");
    cfg.kernel = "/tmp";
    expect_failure("not a readable file");
    cfg.kernel = "/nonexistent";
    expect_failure("could not load kernel");
}
END_TEST

/* --- what is not ------------------------------------------------------------------------------ */

static void fuzz(void (*make)(void), unsigned from, unsigned to)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
    unsigned good = 0;

    for (unsigned at = from; at < to; at++) {
        make();
        image[at] = values[dev_random() % sizeof(values)];
        good += boot() == 0;
    }
    ck_assert_uint_gt(good, 0);
    for (unsigned i = 0; i < 1500; i++) {
        make();
        for (unsigned n = dev_random() % 6 + 1; n > 0; n--) {
            unsigned at = from + dev_random() % (to - from);
            image[at] =
                dev_random() % 2 ? values[dev_random() % sizeof(values)] : (uint8_t)dev_random();
        }
        if (i % 8 == 0)
            image_len = dev_random() % image_len;
        boot();
    }
}

static void make_multiboot_addresses(void)
{
    make_multiboot(true);
}

static void make_multiboot_elf(void)
{
    make_multiboot(false);
    make_elf32();
}

START_TEST(test_fuzz_linux)
{
    setup();
    cfg.initrd = "/etc/passwd";
    fuzz(make_bzimage, 0x1f1, 0x270);
    screen = true;
    fuzz(make_bzimage, 0x1f1, 0x270);
}
END_TEST

START_TEST(test_fuzz_multiboot)
{
    setup();
    fuzz(make_multiboot_addresses, 0x100, 0x120);
}
END_TEST

START_TEST(test_fuzz_elf)
{
    setup();
    fuzz(make_multiboot_elf, 0, 0x60);
}
END_TEST

START_TEST(test_fuzz_pvh)
{
    setup();
    fuzz(make_pvh, 0, 0xe8);
    fuzz(make_pvh, 0x400, 0x430);
}
END_TEST

TEST_MAIN("boot", test_linux, test_linux_setup, test_wake, test_smbios, test_screen, test_multiboot,
          test_pvh, test_fuzz_linux, test_fuzz_multiboot, test_fuzz_elf, test_fuzz_pvh)

/* SPDX-License-Identifier: MIT */
/*
 * A guest that shows the pictures of a session (bench/vnc_replay's file, its multiboot module) on a
 * standard VGA: the next one for every 'n' on COM1, answered with 'k', or 'e' after the last, from
 * black again; 'b' does the same for what lies below the first rows. Every key pressed turns a square
 * in these, in the upper left corner, into another colour.
 *
 * Bochs VBE extensions (QEMU's docs/specs/standard-vga), 16550 UART, 8259 PIC, 8042.
 */
#include <stdbool.h>
#include <stdint.h>

enum {
    VBE_INDEX = 0x1ce,
    VBE_DATA = 0x1cf,
    VBE_WIDTH = 1,
    VBE_HEIGHT = 2,
    VBE_BITS = 3,
    VBE_ENABLE = 4,
    VBE_ENABLED_LINEAR = 0x41,
    PCI_ADDRESS = 0xcf8,
    PCI_DATA = 0xcfc,
    PCI_CLASS = 8,
    PCI_CLASS_VGA = 0x0300,
    PCI_BAR0 = 0x10,
    COM1 = 0x3f8,
    UART_IER = 1,
    UART_FCR = 2,
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_LSR_READY = 1,
    UART_LSR_EMPTY = 0x20,
    PIC_COMMAND = 0x20,
    PIC_DATA = 0x21,
    PIC2_DATA = 0xa1,
    KBD_DATA = 0x60,
    KBD_STATUS = 0x64,
    KBD_COMMAND = 0x64,
    KBD_WRITE_CONFIG = 0x60,
    KBD_CONFIG = 0x41, /* interrupt on, translation on */
    SQUARE = 48
};

struct boot_info {
    uint32_t flags, unused[4], module_count;
    const struct boot_module {
        const uint32_t *start, *end;
        uint32_t string, reserved;
    } * modules;
};

struct session {
    const uint32_t *first, *next;
    uint32_t width, height, count, shown;
    volatile uint32_t *screen;
};

static void outb(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static uint8_t inb(uint16_t port)
{
    uint8_t v;

    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static void outl(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static uint32_t inl(uint16_t port)
{
    uint32_t v;

    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static void vbe_write(uint16_t index, uint16_t v)
{
    __asm__ volatile("outw %0, %1" : : "a"(index), "Nd"((uint16_t)VBE_INDEX));
    __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"((uint16_t)VBE_DATA));
}

static uint32_t pci_read(unsigned slot, unsigned reg)
{
    outl(PCI_ADDRESS, 0x80000000u | slot << 11 | reg);
    return inl(PCI_DATA);
}

/* Where bus 0's VGA has its memory. */
static uint32_t find_screen(void)
{
    for (unsigned slot = 0; slot < 32; slot++) {
        if (pci_read(slot, PCI_CLASS) >> 16 == PCI_CLASS_VGA) {
            return pci_read(slot, PCI_BAR0) & ~15u;
        }
    }
    return 0;
}

static void clear(const struct session *s)
{
    for (uint32_t i = 0; i < s->width * s->height; i++) {
        s->screen[i] = 0;
    }
}

static void setup_screen(struct session *s)
{
    s->screen = (volatile uint32_t *)find_screen();
    vbe_write(VBE_ENABLE, 0);
    vbe_write(VBE_WIDTH, (uint16_t)s->width);
    vbe_write(VBE_HEIGHT, (uint16_t)s->height);
    vbe_write(VBE_BITS, 32);
    vbe_write(VBE_ENABLE, VBE_ENABLED_LINEAR);
    clear(s);
}

static void setup_interrupts(void)
{
    outb(PIC_COMMAND, 0x11);
    outb(PIC_DATA, 0x20);
    outb(PIC_DATA, 4);
    outb(PIC_DATA, 1);
    outb(PIC_DATA, 0xff & ~(1 << 1 | 1 << 4));
    outb(PIC2_DATA, 0xff);
    outb(KBD_COMMAND, KBD_WRITE_CONFIG);
    outb(KBD_DATA, KBD_CONFIG);
    outb(COM1 + UART_LCR, 3);
    outb(COM1 + UART_FCR, 0);
    outb(COM1 + UART_MCR, 8 | 3);
    outb(COM1 + UART_IER, 1);
}

/* But for the first `skip` pixels. */
static void show_next(struct session *s, uint32_t skip)
{
    uint32_t spans = *s->next++;

    while (spans--) {
        uint32_t at = *s->next++, n = *s->next++;
        for (; n--; at++, s->next++) {
            if (at >= skip) {
                s->screen[at] = *s->next;
            }
        }
    }
    s->shown++;
}

static void send(char c)
{
    while (!(inb(COM1 + UART_LSR) & UART_LSR_EMPTY)) {
    }
    outb(COM1, (uint8_t)c);
}

static void command(struct session *s, char c)
{
    if (c != 'n' && c != 'b') {
        return;
    }
    if (s->shown < s->count) {
        show_next(s, c == 'b' ? SQUARE * s->width : 0);
        send('k');
        return;
    }
    clear(s);
    s->next = s->first;
    s->shown = 0;
    send('e');
}

static void blink(const struct session *s)
{
    static uint32_t colour = 0x123456;

    colour = colour * 1103515245u + 12345;
    for (uint32_t y = 0; y < SQUARE; y++) {
        for (uint32_t x = 0; x < SQUARE; x++) {
            s->screen[y * s->width + x] = colour & 0xffffff;
        }
    }
}

/* False: there was nothing to do. */
static bool work(struct session *s)
{
    if (inb(KBD_STATUS) & 1) {
        if (!(inb(KBD_DATA) & 0x80)) {
            blink(s);
        }
        return true;
    }
    if (inb(COM1 + UART_LSR) & UART_LSR_READY) {
        command(s, (char)inb(COM1));
        return true;
    }
    return false;
}

void main(const struct boot_info *info);

void main(const struct boot_info *info)
{
    const uint32_t *module = info->modules[0].start;
    struct session s = {.first = module + 3,
                        .next = module + 3,
                        .width = module[0],
                        .height = module[1],
                        .count = module[2]};

    setup_screen(&s);
    setup_interrupts();
    send('!');
    for (;;) {
        __asm__ volatile("cli");
        if (!work(&s)) {
            __asm__ volatile("sti; hlt");
        }
    }
}

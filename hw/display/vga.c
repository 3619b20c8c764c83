/* SPDX-License-Identifier: MIT */
/*
 * VGA: registers behind the legacy ports. IBM PS/2 Hardware Interface Technical Reference, "Video
 * Subsystem"; FreeVGA. The beam's position follows from the virtual clock and the CRTC's timing.
 *
 * Not modelled: the vertical retrace interrupt (no PCI adapter wires it), the attribute
 * controller's diagnostic bits, light pen, external clocks. A monitor is always sensed.
 */
#include "vga_int.h"

#include "hw/core/clock.h"
#include "hw/core/vmstate.h"
#include "util/error.h"

#include <errno.h>

#define STATUS0_SENSE   0x10
#define STATUS1_BLANK   0x01
#define STATUS1_RETRACE 0x08

static const uint8_t seq_mask[VGA_SEQ_COUNT] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
static const uint8_t gc_mask[VGA_GC_COUNT] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
static const uint8_t attr_mask[VGA_ATTR_COUNT] = {
    0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
    0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f,
};

/* --- timing ----------------------------------------------------------------------------------- */

/* Bits 8 and 9 of a vertical value are two bits of the overflow register. */
static unsigned vertical(const struct vga *s, unsigned reg, unsigned bit8, unsigned bit9)
{
    unsigned ov = s->crtc[CRTC_OVERFLOW];
    return s->crtc[reg] | (ov >> bit8 & 1) << 8 | (ov >> bit9 & 1) << 9;
}

/* How many scan lines a step of the vertical counter is, as a shift. */
static unsigned lines_shift(const struct vga *s)
{
    return s->crtc[CRTC_MODE] & CRTC_MODE_LINES2 ? 1 : 0;
}

unsigned vga_vertical_total(const struct vga *s)
{
    return (vertical(s, CRTC_VTOTAL, 0, 5) + 2) << lines_shift(s);
}

unsigned vga_vertical_display(const struct vga *s)
{
    return (vertical(s, CRTC_VDISPLAY, 1, 6) + 1) << lines_shift(s);
}

unsigned vga_vertical_sync(const struct vga *s)
{
    return vertical(s, CRTC_VSYNC_FIRST, 2, 7) << lines_shift(s);
}

unsigned vga_line_compare(const struct vga *s)
{
    unsigned bit9 = s->crtc[CRTC_MAX_SCAN] & CRTC_MAX_SCAN_LC9 ? 0x200 : 0;
    return (vertical(s, CRTC_LINE_COMPARE, 4, 4) % 0x200 | bit9) << lines_shift(s);
}

struct beam {
    unsigned columns, shown_columns; /* character clocks in a line */
    unsigned lines, shown_lines;
    unsigned sync_first, sync_count; /* lines of vertical retrace */
    uint64_t clock_hz;               /* of character clocks */
};

static void vga_beam(const struct vga *s, struct beam *b)
{
    uint64_t dots = (s->misc & MISC_CLOCK) == MISC_CLOCK_28 ? 28322000 : 25175000;
    unsigned width = s->seq[SEQ_CLOCKING] & SEQ_CLOCKING_8DOT ? 8 : 9;

    width <<= s->seq[SEQ_CLOCKING] & SEQ_CLOCKING_HALF ? 1 : 0;
    b->columns = s->crtc[CRTC_HTOTAL] + 5u;
    b->shown_columns = s->crtc[CRTC_HDISPLAY] + 1u;
    b->lines = vga_vertical_total(s);
    b->shown_lines = vga_vertical_display(s);
    b->sync_first = vga_vertical_sync(s);
    b->sync_count = (s->crtc[CRTC_VSYNC_LAST] - b->sync_first) & 0xf;
    b->clock_hz = dots / width;
}

/* DISPI modes have no timing of their own: 60 Hz. */
static void dispi_beam(const struct vga *s, struct beam *b)
{
    b->columns = 100;
    b->shown_columns = 80;
    b->shown_lines = s->dispi[DISPI_YRES];
    b->lines = b->shown_lines + b->shown_lines / 20 + 8;
    b->sync_first = b->shown_lines + 2;
    b->sync_count = 4;
    b->clock_hz = 60ull * b->lines * b->columns;
}

static uint8_t beam_status(const struct vga *s)
{
    struct beam b;

    vga_dispi_linear(s) ? dispi_beam(s, &b) : vga_beam(s, &b);
    uint64_t ticks = clock_ns_to_ticks(clock_now(CLK_VIRTUAL), b.clock_hz);
    unsigned column = (unsigned)(ticks % b.columns);
    unsigned line = (unsigned)(ticks / b.columns % b.lines);
    bool sync = line - b.sync_first < b.sync_count;
    bool blank = sync || line >= b.shown_lines || column >= b.shown_columns;

    return (blank ? STATUS1_BLANK : 0) | (sync ? STATUS1_RETRACE : 0);
}

/* --- attribute controller --------------------------------------------------------------------- */

static void attr_write(struct vga *s, uint8_t val)
{
    unsigned index = s->attr_index & 0x1fu;

    if (!s->attr_data) {
        s->attr_index = val & 0x3f;
    } else if (index < VGA_ATTR_COUNT) {
        s->attr[index] = val & attr_mask[index];
    }
    s->attr_data = !s->attr_data;
}

static uint8_t attr_read(const struct vga *s)
{
    unsigned index = s->attr_index & 0x1fu;
    return index < VGA_ATTR_COUNT ? s->attr[index] : 0;
}

static uint8_t status1_read(struct vga *s)
{
    s->attr_data = false;
    return beam_status(s);
}

/* --- DAC -------------------------------------------------------------------------------------- */

static void dac_set_index(struct vga *s, uint8_t val, bool reading)
{
    s->dac_index = val;
    s->dac_reading = reading;
    s->dac_step = 0;
}

void vga_dac_advance(struct vga *s)
{
    s->dac_step = (uint8_t)((s->dac_step + 1) % 3);
    s->dac_index = (uint8_t)(s->dac_index + (s->dac_step == 0));
}

static uint8_t dac_read(struct vga *s)
{
    uint8_t val = s->dac[s->dac_index * 3 + s->dac_step];

    vga_dac_advance(s);
    return val;
}

/* A colour changes when all three parts are there. */
static void dac_write(struct vga *s, uint8_t val)
{
    s->dac_partial[s->dac_step] = s->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC ? val : val & 0x3f;
    if (s->dac_step == 2) {
        memcpy(s->dac + s->dac_index * 3, s->dac_partial, 3);
    }
    vga_dac_advance(s);
}

/* --- sequencer, graphics controller, CRTC ----------------------------------------------------- */

static void seq_write(struct vga *s, uint8_t val)
{
    if (s->seq_index < VGA_SEQ_COUNT) {
        s->seq[s->seq_index] = val & seq_mask[s->seq_index];
        vga_update_window(s);
    }
}

static void gc_write(struct vga *s, uint8_t val)
{
    if (s->gc_index < VGA_GC_COUNT) {
        s->gc[s->gc_index] = val & gc_mask[s->gc_index];
        vga_update_window(s);
    }
}

static void crtc_write(struct vga *s, uint8_t val)
{
    uint8_t mask = 0xff;

    if (s->crtc_index <= CRTC_OVERFLOW && (s->crtc[CRTC_VSYNC_LAST] & CRTC_PROTECT)) {
        mask = s->crtc_index == CRTC_OVERFLOW ? CRTC_OVERFLOW_LC8 : 0;
    }
    if (s->crtc_index < VGA_CRTC_COUNT) {
        uint8_t *reg = &s->crtc[s->crtc_index];
        *reg = (uint8_t)((*reg & ~mask) | (val & mask));
    }
}

/* --- ports ------------------------------------------------------------------------------------ */

/* The CRTC's ports are at 3Bxh or 3Dxh; here always as 3Dxh, or 0 at the wrong place. */
static unsigned canonical_port(const struct vga *s, unsigned port)
{
    bool colour = s->misc & MISC_COLOUR;

    if ((port & ~0xfu) == 0x3d0) {
        return colour ? port : 0;
    }
    if ((port & ~0xfu) == 0x3b0) {
        return colour ? 0 : port + 0x20;
    }
    return port;
}

uint8_t vga_port_read(struct vga *s, unsigned port)
{
    uint8_t val;

    port = canonical_port(s, port);
    if (s->ext && s->ext->port_read(s, port, &val)) {
        return val;
    }
    switch (port) {
    case 0x3c0:
        return s->attr_index;
    case 0x3c1:
        return attr_read(s);
    case 0x3c2:
        return STATUS0_SENSE;
    case 0x3c3:
        return s->enable;
    case 0x3c4:
        return s->seq_index;
    case 0x3c5:
        return s->seq_index < VGA_SEQ_COUNT ? s->seq[s->seq_index] : 0;
    case 0x3c6:
        return s->dac_mask;
    case 0x3c7:
        return s->dac_reading ? 3 : 0;
    case 0x3c8:
        return s->dac_index;
    case 0x3c9:
        return dac_read(s);
    case 0x3ca:
        return s->feature;
    case 0x3cc:
        return s->misc;
    case 0x3ce:
        return s->gc_index;
    case 0x3cf:
        return s->gc_index < VGA_GC_COUNT ? s->gc[s->gc_index] : 0;
    case 0x3d4:
        return s->crtc_index;
    case 0x3d5:
        return s->crtc_index < VGA_CRTC_COUNT ? s->crtc[s->crtc_index] : 0;
    case 0x3da:
        return status1_read(s);
    default:
        return 0xff;
    }
}

void vga_port_write(struct vga *s, unsigned port, uint8_t val)
{
    port = canonical_port(s, port);
    if (s->ext && s->ext->port_write(s, port, val)) {
        return;
    }
    switch (port) {
    case 0x3c0:
        attr_write(s, val);
        break;
    case 0x3c2:
        s->misc = val & 0xef;
        break;
    case 0x3c3:
        s->enable = val & 1;
        break;
    case 0x3c4:
        s->seq_index = val & 7;
        break;
    case 0x3c5:
        seq_write(s, val);
        break;
    case 0x3c6:
        s->dac_mask = val;
        break;
    case 0x3c7:
    case 0x3c8:
        dac_set_index(s, val, port == 0x3c7);
        break;
    case 0x3c9:
        dac_write(s, val);
        break;
    case 0x3ce:
        s->gc_index = val & 0xf;
        break;
    case 0x3cf:
        gc_write(s, val);
        break;
    case 0x3d4:
        s->crtc_index = val & 0x3f;
        break;
    case 0x3d5:
        crtc_write(s, val);
        break;
    case 0x3da:
        s->feature = val & 0x0b;
        break;
    default:
        break;
    }
}

static uint64_t mono_read(void *opaque, uint64_t off, unsigned size)
{
    return vga_port_read(opaque, VGA_PORTS_MONO + (unsigned)off);
}

static void mono_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    vga_port_write(opaque, VGA_PORTS_MONO + (unsigned)off, (uint8_t)val);
}

static uint64_t io_read(void *opaque, uint64_t off, unsigned size)
{
    return vga_port_read(opaque, VGA_PORTS + (unsigned)off);
}

static void io_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    vga_port_write(opaque, VGA_PORTS + (unsigned)off, (uint8_t)val);
}

static const struct mem_ops mono_ops = {
    .read = mono_read, .write = mono_write, .valid = {1, 1, false}};
static const struct mem_ops io_ops = {.read = io_read, .write = io_write, .valid = {1, 1, false}};

/* --- life ------------------------------------------------------------------------------------- */

static void init_window(struct vga *s)
{
    mem_region_init_container(&s->window, "vga-window", VGA_WINDOW_SIZE);
    mem_region_init_io(&s->planar, "vga-planar", VGA_WINDOW_SIZE, &vga_planar_ops, s);
    mem_region_add(&s->window, 0, &s->planar);
    for (unsigned i = 0; i < 2; i++) {
        mem_region_init_alias(&s->direct[i], "vga-direct", &s->vram, 0, VGA_WINDOW_SIZE / 2);
        mem_region_add(&s->window, 0, &s->direct[i]);
        mem_region_set_enabled(&s->direct[i], false);
    }
    s->current = (struct vga_window){.base = 0, .size = VGA_WINDOW_SIZE};
}

int vga_init(struct vga *s, struct error **err)
{
    if (!is_pow2(s->vram_mb)) {
        error_set(err, "vgamem_mb must be a power of two");
        return -EINVAL;
    }
    s->vram_size = (uint32_t)MIB(s->vram_mb);
    int ret = mem_region_init_ram(&s->vram, "vga.vram", s->vram_size, err);
    if (ret < 0) {
        return ret;
    }
    s->memory = ram_ptr(s->vram.ram);
    init_window(s);
    mem_region_init_io(&s->mono_io, "vga-mono", 12, &mono_ops, s);
    mem_region_init_io(&s->vga_io, "vga", 32, &io_ops, s);
    mem_region_init_io(&s->dispi_io, "vga-dispi", 4, &vga_dispi_ops, s);
    s->source = (struct display_source){&vga_source_ops, s};
    return 0;
}

void vga_fini(struct vga *s)
{
    mem_region_del(&s->window, &s->planar);
    for (unsigned i = 0; i < 2; i++) {
        mem_region_del(&s->window, &s->direct[i]);
        mem_region_fini(&s->direct[i]);
    }
    mem_region_fini(&s->planar);
    mem_region_fini(&s->window);
    mem_region_fini(&s->mono_io);
    mem_region_fini(&s->vga_io);
    mem_region_fini(&s->dispi_io);
    mem_region_fini(&s->vram);
}

void vga_reset(struct vga *s)
{
    s->misc = s->feature = 0;
    s->enable = 1;
    s->seq_index = s->gc_index = s->crtc_index = s->attr_index = 0;
    memset(s->seq, 0, sizeof(s->seq));
    memset(s->gc, 0, sizeof(s->gc));
    memset(s->crtc, 0, sizeof(s->crtc));
    memset(s->attr, 0, sizeof(s->attr));
    s->attr_data = s->dac_reading = false;
    s->dac_mask = 0xff;
    s->dac_index = s->dac_step = 0;
    memset(s->dac_partial, 0, sizeof(s->dac_partial));
    memset(s->dac, 0, sizeof(s->dac));
    s->latch = 0;
    vga_dispi_reset(s);
    vga_update_window(s);
}

static int vga_post_load(void *state, unsigned version, struct error **err)
{
    struct vga *s = state;

    if (s->dac_step > 2 || (!s->ext && (s->seq_index > 7 || s->gc_index > 0xf))) {
        error_set(err, "VGA register index out of range");
        return -EINVAL;
    }
    vga_update_window(s);
    return 0;
}

static const struct vm_field vga_fields[] = {
    VM_U8(struct vga, misc),
    VM_U8(struct vga, feature),
    VM_U8(struct vga, enable),
    VM_U8(struct vga, seq_index),
    VM_BUFFER(struct vga, seq),
    VM_U8(struct vga, gc_index),
    VM_BUFFER(struct vga, gc),
    VM_U8(struct vga, crtc_index),
    VM_BUFFER(struct vga, crtc),
    VM_U8(struct vga, attr_index),
    VM_BUFFER(struct vga, attr),
    VM_BOOL(struct vga, attr_data),
    VM_U8(struct vga, dac_mask),
    VM_U8(struct vga, dac_index),
    VM_U8(struct vga, dac_step),
    VM_BOOL(struct vga, dac_reading),
    VM_BUFFER(struct vga, dac_partial),
    VM_BUFFER(struct vga, dac),
    VM_U32(struct vga, latch),
    VM_U16(struct vga, dispi_index),
    VM_U16_ARRAY(struct vga, dispi),
    VM_END,
};

const struct vmstate vga_vmstate = {
    .name = "vga",
    .version = 1,
    .fields = vga_fields,
    .post_load = vga_post_load,
};

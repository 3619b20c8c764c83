/* SPDX-License-Identifier: MIT */
/*
 * "cirrus-vga": Cirrus Logic CL-GD5446 on PCI (1013:00b8). Registers beyond the VGA's, the hidden
 * DAC register, and the adapter. CL-GD5446 Technical Reference Manual.
 *
 * BAR 0 is video memory (cirrus_mem.c), BAR 1 the VGA's ports and, 100h behind, the BLT registers.
 * Extended registers can be read while locked. Not modelled: the video window, capture, clocks,
 * DDC, the signature generator; their registers hold what is written.
 */
#include "cirrus_int.h"

#include "hw/core/vmstate.h"
#include "hw/pci/pci.h"
#include "ui/display.h"
#include "util/error.h"

#include <errno.h>

#define CHIP_ID       0xb8
#define UNLOCKED      0x12
#define LOCKED        0x0f
#define CONFIG_PCI    0x20 /* SR17: bus */
#define CONFIG_FIXED  0x38
#define SR_DRAM       0x0f
#define SR_DRAM_FIXED 0x98 /* how much there is */
#define HIDDEN_READS  4

struct cirrus_pci {
    struct pci_device pci;
    struct cirrus chip;
    struct vga_bus decode;
    struct display *display;
};

/* --- sequencer ------------------------------------------------------------------------------------ */

static void sr_write(struct cirrus *s, uint8_t val)
{
    unsigned index = s->vga.seq_index & 0x1f;

    if (index == SR_UNLOCK) {
        s->sr[index] = (val & 0x17) == UNLOCKED ? UNLOCKED : LOCKED;
        return;
    }
    if (s->sr[SR_UNLOCK] != UNLOCKED) {
        return;
    }
    switch (index) {
    case SR_CURSOR_X:
    case SR_CURSOR_Y:
        s->cursor_fraction[index - SR_CURSOR_X] = s->vga.seq_index >> 5;
        break;
    case SR_CONFIG:
        val = (s->sr[index] & CONFIG_FIXED) | (val & ~CONFIG_FIXED);
        break;
    case SR_DRAM:
        val = (s->sr[index] & SR_DRAM_FIXED) | (val & ~SR_DRAM_FIXED);
        break;
    default:
        break;
    }
    s->sr[index] = val;
    vga_update_window(&s->vga);
}

/* --- graphics controller ---------------------------------------------------------------------------- */

uint8_t cirrus_gr_read(const struct cirrus *s, unsigned index)
{
    if (index == GR_BLT_STATUS) {
        uint8_t busy = s->blt_active ? BLT_BUSY | BLT_BUFFERED : 0;
        return (s->gr[index] & (BLT_AUTOSTART | BLT_START)) | busy;
    }
    return s->gr[index];
}

/* Starting is a rising edge; the bit is there until the end. */
static void status_write(struct cirrus *s, uint8_t val)
{
    if (val & BLT_RESET) {
        cirrus_blt_reset(s);
        val &= (uint8_t)~BLT_START;
    } else if (val & BLT_START && !s->blt_active) {
        cirrus_blt_start(s);
    }
    s->gr[GR_BLT_STATUS] = val & BLT_AUTOSTART;
}

void cirrus_gr_write(struct cirrus *s, unsigned index, uint8_t val)
{
    if (index == GR_BLT_STATUS) {
        status_write(s, val);
        return;
    }
    s->gr[index] = val;
    if (index == GR_BLT_DST + 2 && s->gr[GR_BLT_STATUS] & BLT_AUTOSTART) {
        cirrus_blt_start(s);
    } else if (index < GR_BLT_WIDTH) {
        vga_update_window(&s->vga);
    }
}

/* Three registers are the VGA's, with more bits; the rest can be locked. */
static bool gr_port_write(struct cirrus *s, uint8_t val)
{
    unsigned index = s->vga.gc_index;

    if (index == GC_SET_RESET || index == GC_ENABLE_SR || index == GC_MODE) {
        s->gr[index] = val;
        return false;
    }
    if (index >= VGA_GC_COUNT && s->sr[SR_UNLOCK] == UNLOCKED) {
        cirrus_gr_write(s, index, val);
    }
    return index >= VGA_GC_COUNT;
}

static bool gr_port_read(const struct cirrus *s, uint8_t *val)
{
    unsigned index = s->vga.gc_index;

    if (index >= VGA_GC_COUNT || index == GC_SET_RESET || index == GC_ENABLE_SR ||
        index == GC_MODE) {
        *val = cirrus_gr_read(s, index);
        return true;
    }
    return false;
}

/* BLT registers in memory, by offset; 0 for none: GR0 itself comes first. */
static unsigned blt_reg(unsigned off)
{
    static const uint8_t regs[0x44] = {
        0x00, 0x10, 0x12,
        0x14, 0x01, 0x11,
        0x13, 0x15, /* colours */
        0x20, 0x21, 0x22,
        0x23, 0x24, 0x25,
        0x26, 0x27, /* size, pitches */
        0x28, 0x29, 0x2a,
        0,    0x2c, 0x2d,
        0x2e, 0x2f, /* addresses, skip */
        0x30, 0,    0x32,
        0x33, 0x34, 0x35,
        0,    0, /* mode, operation, key */
        0x38, 0x39, [0x40] = GR_BLT_STATUS,
    };

    return off < ARRAY_SIZE(regs) ? regs[off] : 0;
}

uint8_t cirrus_blt_reg_read(const struct cirrus *s, unsigned off)
{
    unsigned index = blt_reg(off);

    return index || off == 0 ? cirrus_gr_read(s, index) : 0xff;
}

void cirrus_blt_reg_write(struct cirrus *s, unsigned off, uint8_t val)
{
    unsigned index = blt_reg(off);

    if (index || off == 0) {
        cirrus_gr_write(s, index, val);
    }
}

/* --- CRTC ---------------------------------------------------------------------------------------------- */

static bool cr_port_read(const struct cirrus *s, uint8_t *val)
{
    const struct vga *v = &s->vga;

    switch (v->crtc_index) {
    case 0x22:
        *val = (uint8_t)(v->latch >> (v->gc[GC_READ_MAP] & 3) * 8);
        return true;
    case 0x24:
        *val = v->attr_data ? 0x80 : 0;
        return true;
    case 0x26:
        *val = v->attr_index;
        return true;
    case CR_ID:
        *val = CHIP_ID;
        return true;
    default:
        *val = v->crtc_index < CIRRUS_CR_COUNT ? s->cr[v->crtc_index] : 0xff;
        return v->crtc_index >= VGA_CRTC_COUNT;
    }
}

static bool cr_port_write(struct cirrus *s, uint8_t val)
{
    unsigned index = s->vga.crtc_index;

    if (index >= VGA_CRTC_COUNT && index < CIRRUS_CR_COUNT && s->sr[SR_UNLOCK] == UNLOCKED) {
        s->cr[index] = val;
    }
    return index >= VGA_CRTC_COUNT;
}

/* --- DAC ------------------------------------------------------------------------------------------------- */

/* Behind four reads of 3C6h the hidden register is there once; any other access to the DAC starts
 * anew. */
static bool hidden_read(struct cirrus *s, uint8_t *val)
{
    if (s->hidden_count < HIDDEN_READS) {
        s->hidden_count++;
        return false;
    }
    s->hidden_count = 0;
    *val = s->hidden_dac;
    return true;
}

static bool hidden_write(struct cirrus *s, uint8_t val)
{
    bool hidden = s->hidden_count == HIDDEN_READS;

    s->hidden_count = 0;
    if (hidden) {
        s->hidden_dac = val;
    }
    return hidden;
}

/* Colours 0 and 15 of the cursor's palette. */
static uint8_t *cursor_colour(struct cirrus *s)
{
    if (!(s->sr[SR_CURSOR] & SR_CURSOR_COLOURS)) {
        return NULL;
    }
    return &s->cursor_colours[(s->vga.dac_index & 15) == 15][s->vga.dac_step];
}

static bool cursor_colour_read(struct cirrus *s, uint8_t *val)
{
    const uint8_t *colour = cursor_colour(s);

    if (colour) {
        *val = *colour;
        vga_dac_advance(&s->vga);
    }
    return colour;
}

static bool cursor_colour_write(struct cirrus *s, uint8_t val)
{
    uint8_t *colour = cursor_colour(s);

    if (colour) {
        *colour = val & 0x3f;
        vga_dac_advance(&s->vga);
    }
    return colour;
}

/* --- ports ------------------------------------------------------------------------------------------------- */

static bool ext_port_read(struct vga *vga, unsigned port, uint8_t *val)
{
    struct cirrus *s = cirrus_of(vga);

    if (port >= 0x3c7 && port <= 0x3c9) {
        s->hidden_count = 0;
    }
    switch (port) {
    case 0x3c5:
        *val = s->sr[vga->seq_index & 0x1f];
        return vga->seq_index >= VGA_SEQ_COUNT;
    case 0x3c6:
        return hidden_read(s, val);
    case 0x3c9:
        return cursor_colour_read(s, val);
    case 0x3cf:
        return gr_port_read(s, val);
    case 0x3d5:
        return cr_port_read(s, val);
    default:
        return false;
    }
}

static bool ext_port_write(struct vga *vga, unsigned port, uint8_t val)
{
    struct cirrus *s = cirrus_of(vga);

    if (port >= 0x3c7 && port <= 0x3c9) {
        s->hidden_count = 0;
    }
    switch (port) {
    case 0x3c4:
        vga->seq_index = val;
        return true;
    case 0x3c5:
        if (vga->seq_index >= VGA_SEQ_COUNT) {
            sr_write(s, val);
        }
        return vga->seq_index >= VGA_SEQ_COUNT;
    case 0x3c6:
        return hidden_write(s, val);
    case 0x3c9:
        return cursor_colour_write(s, val);
    case 0x3ce:
        vga->gc_index = val & (CIRRUS_GR_COUNT - 1);
        return true;
    case 0x3cf:
        return gr_port_write(s, val);
    case 0x3d5:
        return cr_port_write(s, val);
    default:
        return false;
    }
}

static const struct vga_ext cirrus_ext = {
    .port_read = ext_port_read,
    .port_write = ext_port_write,
    .window = cirrus_window,
    .mapped = cirrus_mapped,
};

/* --- life ---------------------------------------------------------------------------------------------------- */

/* DRAM width and banks as the BIOS reads them: 1, 2 or 4 MiB. */
static uint8_t dram_code(const struct cirrus *s)
{
    return s->vga.vram_mb == 4 ? 0x98 : s->vga.vram_mb == 2 ? 0x18 : 0x10;
}

static void chip_reset(struct cirrus *s)
{
    memset(s->sr, 0, sizeof(s->sr));
    memset(s->gr, 0, sizeof(s->gr));
    memset(s->cr, 0, sizeof(s->cr));
    memset(s->cursor_fraction, 0, sizeof(s->cursor_fraction));
    memset(s->cursor_colours, 0, sizeof(s->cursor_colours));
    s->sr[SR_UNLOCK] = LOCKED;
    s->sr[SR_CONFIG] = CONFIG_PCI;
    s->sr[SR_DRAM] = dram_code(s);
    s->sr[0x15] = (uint8_t)s->vga.vram_mb;
    s->sr[0x1f] = 0x22; /* memory clock */
    s->hidden_dac = s->hidden_count = 0;
    s->blt_active = false;
    vga_reset(&s->vga);
}

static struct cirrus_pci *pci_of(struct device *dev)
{
    return container_of(dev, struct cirrus_pci, pci.dev);
}

static void cirrus_reset(struct device *dev, enum reset_kind kind)
{
    chip_reset(&pci_of(dev)->chip);
    vga_bus_update(&pci_of(dev)->decode);
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size, uint32_t old)
{
    if (off <= PCI_COMMAND) {
        vga_bus_update(&container_of(pci, struct cirrus_pci, pci)->decode);
    }
}

static int cirrus_realize(struct device *dev, struct error **err)
{
    struct cirrus_pci *s = pci_of(dev);
    struct display_source source = {&cirrus_source_ops, &s->chip.vga};

    s->chip.vga.ext = &cirrus_ext;
    int ret = cirrus_mem_init(&s->chip, err);
    if (ret < 0) {
        return ret;
    }
    pci_register_bar(&s->pci, 0, PCI_BAR_MEM32 | PCI_BAR_PREFETCH, &s->chip.bar0);
    pci_register_bar(&s->pci, 1, PCI_BAR_MEM32, &s->chip.bar1);
    vga_bus_init(&s->decode, &s->chip.vga, &s->pci, NULL);
    s->display = display_register(&source, dev, 0);
    return 0;
}

static void cirrus_unrealize(struct device *dev)
{
    struct cirrus_pci *s = pci_of(dev);

    display_unregister(s->display);
    vga_bus_fini(&s->decode);
    cirrus_mem_fini(&s->chip);
}

static int cirrus_post_load(void *state, unsigned version, struct error **err)
{
    struct cirrus_pci *s = state;

    if (s->chip.hidden_count > HIDDEN_READS || s->chip.vga.gc_index >= CIRRUS_GR_COUNT ||
        !cirrus_blt_sane(&s->chip)) {
        error_set(err, "state of the BitBLT engine or the DAC out of range");
        return -EINVAL;
    }
    vga_update_window(&s->chip.vga);
    vga_bus_update(&s->decode);
    return 0;
}

static const struct vmstate blt_vmstate = {
    .name = "cirrus-blt",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_U32(struct cirrus_blt, width),
            VM_U32(struct cirrus_blt, height),
            VM_U32(struct cirrus_blt, dst),
            VM_U32(struct cirrus_blt, src),
            VM_U32(struct cirrus_blt, dst_pitch),
            VM_U32(struct cirrus_blt, src_pitch),
            VM_U32(struct cirrus_blt, pixel),
            VM_U32(struct cirrus_blt, skip),
            VM_U8(struct cirrus_blt, mode),
            VM_U8(struct cirrus_blt, ext),
            VM_U8(struct cirrus_blt, minterms),
            VM_BUFFER(struct cirrus_blt, colour),
            VM_U16(struct cirrus_blt, key),
            VM_U16(struct cirrus_blt, key_mask),
            VM_END,
        },
};

static const struct vmstate cirrus_vmstate = {
    .name = "cirrus-vga",
    .version = 1,
    .post_load = cirrus_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct cirrus_pci, pci, &pci_device_vmstate),
            VM_STRUCT(struct cirrus_pci, chip.vga, &vga_vmstate),
            VM_BUFFER(struct cirrus_pci, chip.sr),
            VM_BUFFER(struct cirrus_pci, chip.gr),
            VM_BUFFER(struct cirrus_pci, chip.cr),
            VM_BUFFER(struct cirrus_pci, chip.cursor_fraction),
            VM_BUFFER(struct cirrus_pci, chip.cursor_colours),
            VM_U8(struct cirrus_pci, chip.hidden_dac),
            VM_U8(struct cirrus_pci, chip.hidden_count),
            VM_STRUCT(struct cirrus_pci, chip.blt, &blt_vmstate),
            VM_BOOL(struct cirrus_pci, chip.blt_active),
            VM_U32(struct cirrus_pci, chip.row_len),
            VM_U32(struct cirrus_pci, chip.row_pos),
            VM_BUFFER(struct cirrus_pci, chip.row),
            VM_END,
        },
};

static const struct prop cirrus_props[] = {
    PROP_U32("vgamem_mb", struct cirrus_pci, chip.vga.vram_mb, 4, 1, 4, "MiB of video memory"),
    PROP_END,
};

static const struct pci_info cirrus_pci_info = {
    .vendor = 0x1013,
    .device = 0x00b8,
    .class_code = PCI_CLASS_DISPLAY_VGA,
    .romfile = "vgabios-cirrus.bin",
    .config_written = config_written,
};

DEVICE_DEFINE(cirrus_vga, .name = "cirrus-vga", .bus = BUS_PCI,
              .help = "Cirrus Logic GD5446, for guests of the nineties", .pci = &cirrus_pci_info,
              .state_size = sizeof(struct cirrus_pci), .props = cirrus_props,
              .vmstate = &cirrus_vmstate, .realize = cirrus_realize, .unrealize = cirrus_unrealize,
              .reset = cirrus_reset);

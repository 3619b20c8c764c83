/* SPDX-License-Identifier: MIT */
/* What the PS/2 keyboard and the PS/2 mouse share: replies, and the queue to the controller. */
#ifndef HW_INPUT_PS2_INT_H
#define HW_INPUT_PS2_INT_H

#include "hw/input/ps2.h"

enum {
    PS2_ACK = 0xfa,
    PS2_RESEND = 0xfe,
    PS2_ERROR = 0xfc,
    PS2_BAT_OK = 0xaa,
    PS2_ECHO = 0xee,
};

void ps2_port_clear(struct ps2_port *p);

/* A reply; lost if the host does not read. */
void ps2_port_put(struct ps2_port *p, uint8_t byte);

/* What the user does: all of it or nothing, without telling the controller. */
bool ps2_port_append(struct ps2_port *p, const uint8_t *bytes, unsigned n);

extern const struct vmstate ps2_port_vmstate;

#endif

/* SPDX-License-Identifier: MIT */
/* The stub among its own files: the session, and what handles packets. */
#ifndef GDBSTUB_STUB_H
#define GDBSTUB_STUB_H

#include "gdbstub/rsp.h"
#include "hw/core/notifier.h"
#include "system/debug.h"
#include "system/mainloop.h"

struct chardev;
struct error;
struct vcpu;

enum {
    SIGNAL_INT = 2,
    SIGNAL_QUIT = 3,
    SIGNAL_TRAP = 5,
    SIGNAL_ABRT = 6,
    SIGNAL_ALRM = 14,
    SIGNAL_STOP = 17
};

/* How vCPUs step: the bits of Qqemu.sstep. */
enum { SSTEP_ENABLE = 1, SSTEP_NOIRQ = 2, SSTEP_NOTIMER = 4 };

struct stub {
    struct chardev *chr;
    bool own_chr; /* made by us */
    struct rsp rsp;
    GByteArray *out;  /* not yet taken by the chardev */
    GByteArray *last; /* the last packet, to be sent again */
    GString *reply;   /* of the packet being handled */
    bool connected;
    bool no_ack;
    bool swbreak, hwbreak; /* the debugger wants to hear of these reasons */
    bool physical;         /* memory by guest-physical address */
    bool extended;
    bool running;   /* it waits for a stop */
    bool silent;    /* running by vm_step() */
    bool reset_run; /* vRun: the stop is told of after the reset */
    unsigned sstep;
    unsigned g_cpu, c_cpu;  /* what Hg and Hc have chosen */
    unsigned list_cpu;      /* next of qsThreadInfo */
    enum debug_width width; /* which description the user wants */
    const struct debug_description *desc;
    char *xml, *memory_map;  /* as text; the map is made when it is read from its start */
    struct deferred stopped; /* a vCPU has stopped by itself */
    bool reading;            /* bytes of the chardev are being handled */
    char *next_place;        /* where to listen after that */
    struct deferred move;
    struct notifier change, reset, shutdown;
};
extern struct stub stub;

/* --- stub.c --- */
void stub_send(const void *data, size_t len); /* a packet */
void stub_send_reply(void);                   /* stub.reply */
void stub_reply(const char *text);            /* stub.reply becomes this */
struct vcpu *stub_cpu(unsigned index);        /* vcpu_get() that is never NULL */

/* --- resume.c: stopping and going on --- */
void stub_pause(void);                /* whatever runs */
void stub_send_stop(unsigned signal); /* the stop reply of stub.c_cpu for no particular reason */
void stub_vcpu_stopped(void *opaque); /* deferred */
void stub_state_changed(struct notifier *n, void *data);
/* What to do with each vCPU from now on: enum debug_run, or -1: not said. No reply if it runs. */
struct stub_action {
    int run;
    gva_t range_start, range_end;
};
void stub_resume(const struct stub_action *actions);
void stub_let_go(void); /* without the debugger: no points, all run */
void handle_vcont(const char *args);
void handle_continue(const char *args, bool step, bool with_signal);

/* --- points.c --- */
void handle_point(const char *args, bool insert);
void stub_points_clear(void);

/* --- packets.c, query.c --- */
void stub_handle(const char *packet, size_t len);
void handle_query(const char *text);
bool parse_range(const char **p, uint64_t *addr, uint64_t *len); /* "addr,len" */
bool parse_thread(const char **p, int *index); /* -1: all; false: no such thread */

/* --- target.c --- */
const struct debug_description *stub_describe(struct vcpu *cpu);
int stub_parse_width(const char *text, enum debug_width *width, struct error **err);
char *stub_target_xml(const struct debug_description *desc);
char *stub_memory_map(bool physical); /* physical: the debugger's addresses are */

/* --- agent.c: agent expressions (GDB manual, appendix F) --- */
struct agent_code {
    size_t len;
    uint8_t code[];
};
/* The value on top when it ends; false: it failed (division by zero, memory that is not there ...). */
bool agent_run(const struct agent_code *a, struct vcpu *cpu, const struct debug_description *desc,
               uint64_t *value);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * State of the one pass that assigns registers and emits code, shared by the emit_*.c files.
 *
 * Flags: each of the six is valid in the host's EFLAGS (host), in vcpu.flags (img), or dead.
 * Wherever the guest may leave the block (fault, exit, helper) all live ones are in vcpu.flags,
 * except at host faults, where the side table says which are still in EFLAGS.
 */
#ifndef BACKENDS_X86_64_EMIT_H
#define BACKENDS_X86_64_EMIT_H

#include "backends/x86_64/regs.h"
#include "backends/x86_64/sidetab.h"
#include "backends/x86_64/stubs.h"
#include "translator/backend.h"
#include "translator/ir.h"

enum temp_kind { TEMP_NONE, TEMP_REG, TEMP_SLOT, TEMP_FOLD };
struct temp_loc {
    uint8_t kind;
    uint8_t n;     /* scratch index or spill slot */
    uint16_t last; /* insn of the last use */
};

/* Owner of a scratch: a temporary, nobody, or the insn being emitted. */
enum { OWNER_FREE = -1, OWNER_INSN = -2 };

/* Code out of line, emitted after the block's end. */
enum cold_kind { COLD_MEM, COLD_STORE, COLD_WINDOW, COLD_GUARD, COLD_EDGE, COLD_EDGE_STUB, COLD_LOOKUP };
struct cold {
    uint8_t kind;
    uint8_t addr, index; /* MEM, STORE: registers */
    uint8_t host_flags;
    uint8_t slot;
    bool soft;           /* EDGE_STUB */
    bool store;          /* MEM: may have to be done on the bounce buffer and committed */
    uint8_t n_fields;
    uint32_t field[2];   /* rel32 fields that lead here */
    uint32_t resume, after; /* MEM: start and end of the code to repeat on the bounce buffer; STORE: .. */
    uint32_t ready;      /* .. of the store with what makes its value, which is ready here */
    struct opnd value;   /* STORE: register or immediate */
    uint32_t info;       /* MEM, STORE: access; GUARD: aux */
    int64_t pc;          /* for the side table */
};
#define COLD_MAX 512

struct emit {
    struct asm_buf a;
    const uint8_t *rx; /* a.start in the executable view */
    const struct ir_block *b;
    struct tb *tb;
    const struct ir_insn *in;
    unsigned i;

    uint8_t host, img;      /* where flags are valid */
    uint8_t live;           /* flags wanted after this insn, faults and exits included */
    uint8_t live_before;
    bool dirty;             /* the guest instruction has changed state already */
    int64_t pc;             /* of the guest instruction, from pc_page */
    struct opnd fold;       /* host address of the load in TEMP_FOLD */
    int16_t owner[SCRATCHES];
    uint8_t lock;           /* scratches that must not be spilled now */
    uint32_t slots;         /* spill slots in use */
    unsigned merge_scratch; /* reserved for merging flags, or NOREG */
    bool folding;           /* the operand's scratches stay for the next insn */
    uint8_t fold_lock;      /* as does this window's */
    bool windows;           /* the block has had some */
    bool flags_dead;        /* the block overwrites all flags before anything looks at them */
    uint8_t soft;           /* exit slots that are soft edges (jit.h) */
    uint8_t keep;           /* of live: flags this insn does not define */
    uint8_t borrowed[4], n_borrowed;
    unsigned n_cold;

    uint8_t uses[IR_MAX_EXITS];      /* insns that leave by the slot */
    uint32_t patch[IR_MAX_EXITS];    /* rel32 field of the patchable jump; 0: none */
    uint32_t stub_off[IR_MAX_EXITS]; /* behind the call of the edge stub */
    uint32_t shared[IR_MAX_EXITS];   /* code shared by several insns */

    struct side_writer side;
    struct cold cold[COLD_MAX];
    struct temp_loc temp[IR_MAX_TEMPS];
    uint8_t live_after[IR_MAX_INSNS];
    uint8_t label_live[IR_MAX_LABELS];
    uint32_t label_fields[IR_MAX_LABELS]; /* chain of rel32 fields through the fields themselves */
};

/* values.c: operands, temporaries, moves. None of them touches the flags. */
struct opnd emit_ref(struct emit *e, ir_ref r, enum asm_size s);
struct opnd emit_src(struct emit *e, unsigned n); /* src[n] in the insn's type */
struct opnd emit_src_rm(struct emit *e, unsigned n, enum asm_size s); /* never an immediate */
unsigned emit_src_reg(struct emit *e, unsigned n, enum asm_size s);  /* in a register that may not be written */
unsigned emit_scratch(struct emit *e);          /* until the end of the insn */
void emit_scratch_free(struct emit *e, unsigned reg);
void emit_load(struct emit *e, enum asm_size s, unsigned reg, const struct opnd *o); /* upper bits undefined below S32 */
void emit_store(struct emit *e, enum asm_size s, const struct opnd *d, unsigned reg);
/* Destination in place: a register or memory operand; wide: a 32-bit result must clear the upper half. */
struct dest {
    struct opnd loc;
    enum asm_size size;
    bool wide, none, temp;
};
struct dest emit_dest(struct emit *e, ir_ref r, enum asm_size s);
struct dest emit_dest_from(struct emit *e, ir_ref r, enum asm_size s, unsigned n); /* reuses src[n] if it dies */
void emit_dest_put(struct emit *e, const struct dest *d, unsigned reg); /* from a scratch */
bool emit_pair_ok(enum asm_size s, const struct opnd *d, const struct opnd *b);
void emit_spill_for_call(struct emit *e); /* every scratch holding something needed later */
void emit_end_insn(struct emit *e);
bool emit_dies(const struct emit *e, ir_ref r);
int64_t emit_const(const struct emit *e, ir_ref r);

/* flags.c */
void flags_keep(struct emit *e, unsigned clobbered); /* before an instruction that changes `clobbered` */
void flags_keep_all(struct emit *e);                 /* before something that may fault or leave: all to vcpu.flags */
void flags_set(struct emit *e, unsigned defined, unsigned clobbered);
void flags_want_carry(struct emit *e);               /* C into the host's carry flag */
unsigned flags_cond(struct emit *e, unsigned cond);  /* host condition equal to cond now */
void flags_to_image(struct emit *e, unsigned which);
void flags_save_host(struct emit *e); /* the host's as they are, all of them */
static inline unsigned emit_fdef(const struct emit *e)
{
    return e->in->fdef;
}

/* emit_mem.c: soft TLB. The operand is valid to the end of the insn (or of the next, if folded). */
struct access {
    struct opnd m;
    struct cold *cold; /* NULL: in a window */
};
struct access mem_access(struct emit *e, unsigned mem, unsigned bytes, unsigned flags); /* ACC_* */
int32_t mem_tlb_offset(unsigned cls, bool write);
void mem_store_end(struct emit *e, struct access *acc); /* after the instruction that writes */
void emit_shift_rmw(struct emit *e, unsigned ir_op, const struct opnd *m);

/* One function per row of forms.def. */
void emit_compare_operands(struct emit *e, bool is_test); /* cmp or test of src[0], src[1] */
void emit_drop_scratches(struct emit *e); /* operands are used up: their scratches are free */
void emit_cold_code(struct emit *e);
void emit_insn_side(struct emit *e, uint8_t host_flags); /* side table entry for the code from here on */
struct cold *emit_cold(struct emit *e, enum cold_kind kind, uint32_t field);

#endif

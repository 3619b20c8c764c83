/* SPDX-License-Identifier: MIT */
/* -d out_asm: the host code of a block with the IR insn each part comes from, by Capstone. */
#include "backends/x86_64/jit.h"
#include "config.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>

#if CONFIG_CAPSTONE
#include <capstone/capstone.h>
#endif

static struct {
    uint32_t end;
    unsigned insn;
} notes[IR_MAX_INSNS];
static unsigned n_notes;

void jit_note_begin(void)
{
    n_notes = 0;
}

void jit_note_insn(uint32_t end, unsigned insn)
{
    if (log_enabled(LOG_OUT_ASM) && n_notes < IR_MAX_INSNS) {
        notes[n_notes].end = end;
        notes[n_notes++].insn = insn;
    }
}

static void log_notes(uint32_t off, unsigned *note)
{
    if (*note < n_notes && (*note == 0 || off >= notes[*note - 1].end)) {
        while (*note + 1 < n_notes && notes[*note].end <= off)
            (*note)++;
        log_printf("  ; insn %u\n", notes[*note].insn);
        (*note)++;
    } else if (*note == n_notes && n_notes && off >= notes[n_notes - 1].end) {
        log_printf("  ; out of line\n");
        (*note)++;
    }
}

#if CONFIG_CAPSTONE
void jit_log_block(const struct tb *tb, const struct ir_block *b, const uint8_t *code, uint32_t entry, unsigned size)
{
    const uint8_t *rx = tb->code;
    uint64_t addr = (uint64_t)(uintptr_t)rx;
    size_t left = size;
    unsigned note = 0;
    cs_insn *insn;
    csh cs;

    if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs) != CS_ERR_OK)
        return;
    insn = cs_malloc(cs);
    log_lock();
    log_printf("host code of block at ram 0x%llx: %u bytes for %u of %u guest instructions\n",
               (unsigned long long)tb->key.phys, size, b->guest_bytes, b->guest_insns);
    while (left) {
        log_notes((uint32_t)(addr - (uint64_t)(uintptr_t)rx) + entry, &note);
        if (!cs_disasm_iter(cs, &code, &left, &addr, insn)) {
            log_printf("  %llx: (%02x)\n", (unsigned long long)addr, *code);
            code++, addr++, left--;
            continue;
        }
        log_printf("  %llx: %s %s\n", (unsigned long long)insn->address, insn->mnemonic, insn->op_str);
    }
    log_unlock();
    cs_free(insn, 1);
    cs_close(&cs);
}
#else
void jit_log_block(const struct tb *tb, const struct ir_block *b, const uint8_t *code, uint32_t entry, unsigned size)
{
    log_printf("host code of block at ram 0x%llx: %u bytes\n", (unsigned long long)tb->key.phys, size);
    for (unsigned i = 0; i < size; i++)
        log_printf("%02x%s", code[i], i % 32 == 31 || i + 1 == size ? "\n" : " ");
}
#endif

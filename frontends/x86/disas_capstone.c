/* SPDX-License-Identifier: MIT */
/* Disassembly by Capstone; apart from disas.c because its header and ours share names. */
#include "frontends/x86/disas.h"
#include "config.h"

#include <stdio.h>

#if CONFIG_CAPSTONE
#include <capstone/capstone.h>
#include <pthread.h>

static csh handles[3]; /* 16, 32, 64 bits */

static void open_handles(void)
{
    static const cs_mode modes[] = {CS_MODE_16, CS_MODE_32, CS_MODE_64};

    for (unsigned i = 0; i < ARRAY_SIZE(handles); i++) {
        if (cs_open(CS_ARCH_X86, modes[i], &handles[i]) != CS_ERR_OK)
            handles[i] = 0;
    }
}

/* A handle is not for two threads at once. */
unsigned x86_disas_capstone(const uint8_t *code, unsigned avail, uint64_t pc, unsigned bits,
                            char *buf, size_t size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    csh *handle = &handles[bits == 64 ? 2 : bits == 32 ? 1 : 0];
    unsigned len = 0;
    cs_insn *insn;

    pthread_once(&once, open_handles);
    if (!*handle)
        return 0;
    pthread_mutex_lock(&lock);
    if (cs_disasm(*handle, code, avail, pc, 1, &insn) == 1) {
        snprintf(buf, size, "%s %s", insn->mnemonic, insn->op_str);
        len = insn->size;
        cs_free(insn, 1);
    }
    pthread_mutex_unlock(&lock);
    return len;
}
#else
unsigned x86_disas_capstone(const uint8_t *code, unsigned avail, uint64_t pc, unsigned bits,
                            char *buf, size_t size)
{
    return 0;
}
#endif

/* SPDX-License-Identifier: MIT */
/*
 * Context ids (exec_state.h): which number a mode has, which generation the address space.
 * Compiled for general registers only: leaf helpers of system instructions change the mode.
 */
#include "translator/exec.h"
#include "translator/exec_state.h"

static uint64_t next_gen = 1;

uint64_t exec_new_gen(void)
{
    return __atomic_fetch_add(&next_gen, 1, __ATOMIC_RELAXED);
}

static uint64_t space_gen(struct exec_state *x)
{
    if (x->space_gens[x->space] < x->min_gen)
        x->space_gens[x->space] = exec_new_gen();
    return x->space_gens[x->space];
}

void exec_set_ctx(struct vcpu *cpu)
{
    struct exec_state *x = cpu->exec;
    uint64_t gen = exec_nonglobal(x) ? space_gen(x) : x->global_gen;

    vcpu_set_ctx(cpu, (uint64_t)x->mode << 48 | gen);
}

void exec_renew_all(struct exec_state *x)
{
    x->stats.renewals++;
    x->stay++;
    x->min_gen = x->global_gen = exec_new_gen();
    for (unsigned i = 0; i < ARRAY_SIZE(x->executed[0]); i++)
        x->executed[0][i] = x->executed[1][i] = 0;
    x->n_executed = 0;
}

static bool same_mode(const struct exec_mode *m, const struct tb_key *k)
{
    return m->used && m->mode == k->mode && m->variant == k->variant && m->cs_base == k->cs_base &&
           m->cs_limit == k->cs_limit;
}

static unsigned mode_number(struct exec_state *x, const struct tb_key *k)
{
    unsigned mask = ARRAY_SIZE(x->modes) - 1;
    unsigned i = ((k->mode ^ k->cs_base << 9 ^ k->cs_limit ^ (uint64_t)k->variant << 50) *
                  0x9e3779b97f4a7c15u) >> 56 & mask;

    for (; x->modes[i].used; i = (i + 1) & mask)
        if (same_mode(&x->modes[i], k))
            return i;
    if (x->n_modes > mask / 4 * 3) {
        for (unsigned n = 0; n <= mask; n++)
            x->modes[n].used = false;
        x->n_modes = 0;
        exec_renew_all(x);
    }
    x->n_modes++;
    x->modes[i] = (struct exec_mode){.mode = k->mode, .cs_base = k->cs_base, .cs_limit = k->cs_limit,
                                     .variant = k->variant, .used = true};
    x->stats.contexts++;
    return i;
}

void vcpu_context_changed(struct vcpu *cpu)
{
    struct exec_state *x = cpu->exec;

    if (!x)
        return;
    x->key = (struct tb_key){0};
    frontend->get_mode(cpu, &x->key);
    x->non_flat = x->key.pc;
    x->key.phys = x->key.phys2 = x->key.pc = 0;
    x->mode = mode_number(x, &x->key);
    exec_set_ctx(cpu);
}

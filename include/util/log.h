/* SPDX-License-Identifier: MIT */
/*
 * The debug log (-d item,... and -D file). One table row per item; the enum,
 * the parser and the help text derive from it. A disabled item costs one test.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include "util/base.h"

struct error;

/* clang-format off */
#define LOG_ITEMS(X)                                                                               \
    X(IN_ASM,       "in_asm",       "guest code of every block translated")                        \
    X(OP,           "op",           "intermediate code of every block")                            \
    X(OP_OPT,       "op_opt",       "intermediate code after optimisation")                        \
    X(OUT_ASM,      "out_asm",      "host code of every block")                                    \
    X(INT,          "int",          "interrupts and exceptions")                                   \
    X(EXEC,         "exec",         "every block entered from the run loop")                       \
    X(CPU,          "cpu",          "CPU state before every block entered")                        \
    X(CPU_RESET,    "cpu_reset",    "CPU state at every reset")                                    \
    X(FPU,          "fpu",          "include FPU and vector state in CPU dumps")                   \
    X(MMU,          "mmu",          "page walks, TLB fills and flushes")                           \
    X(PAGE,         "page",         "code pages: protection and invalidation")                     \
    X(PCALL,        "pcall",        "protected-mode far calls, gates and task switches")           \
    X(SMM,          "smm",          "system management mode entry and exit")                       \
    X(GUEST_ERRORS, "guest_errors", "mistakes of the guest (bad register values, ...)")            \
    X(UNIMP,        "unimp",        "use of features that are not modelled")                       \
    X(IOPORT,       "ioport",       "accesses to ports and MMIO nobody answers")                   \
    X(IRQ,          "irq",          "interrupt lines and messages")                                \
    X(TRACE,        "trace",        "device trace events")                                         \
    X(NOCHAIN,      "nochain",      "do not chain blocks (with exec: shows every block)")          \
    X(STATS,        "stats",        "translator counters at exit")
/* clang-format on */

enum log_bit {
#define LOG_ENUM_(id, name, help) LOG_BIT_##id,
    LOG_ITEMS(LOG_ENUM_)
#undef LOG_ENUM_
        LOG_BIT_COUNT
};

enum log_item {
#define LOG_ENUM_(id, name, help) LOG_##id = 1u << LOG_BIT_##id,
    LOG_ITEMS(LOG_ENUM_)
#undef LOG_ENUM_
};

/* Which items are on; changed by log_set_mask (any thread), read without a lock. */
extern uint32_t log_mask;

static inline bool log_enabled(uint32_t items)
{
    return unlikely(__atomic_load_n(&log_mask, __ATOMIC_RELAXED) & items);
}

void log_set_mask(uint32_t mask);

/* "in_asm,cpu", "all", "none" to a mask. */
int log_parse_items(const char *text, uint32_t *mask, struct error **err);

/*
 * -dfilter: items about guest code (in_asm, op, out_asm, exec, cpu) only within these linear
 * addresses: "start..last", "start+bytes" or "start-bytes" (before start), with commas.
 */
int log_set_filter(const char *text, struct error **err);
bool log_in_filter(uint64_t pc); /* true without a filter */

/* Lines "name  help" for -d help. */
void log_print_help(void);

/* Log to a file ("%d" in its name is the process id); NULL is standard error. */
int log_set_file(const char *path, struct error **err);

/* Unconditional; callers test log_enabled() first. */
void log_printf(const char *fmt, ...) printf_fmt(1, 2);

/* Several log_printf calls of one thread that belong together. */
void log_lock(void);
void log_unlock(void);
void log_flush(void);

/* A line "guest error: ..." if item guest_errors is on. */
#define guest_error(...)                                                                           \
    do {                                                                                           \
        if (log_enabled(LOG_GUEST_ERRORS))                                                         \
            log_line("guest error: ", __VA_ARGS__);                                                \
    } while (0)

/* A line "not modelled: ..." if item unimp is on. */
#define log_unimp(...)                                                                             \
    do {                                                                                           \
        if (log_enabled(LOG_UNIMP))                                                                \
            log_line("not modelled: ", __VA_ARGS__);                                               \
    } while (0)

/* One line with a prefix; the newline is added. */
void log_line(const char *prefix, const char *fmt, ...) printf_fmt(2, 3) cold_fn;

#endif

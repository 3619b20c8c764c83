/* SPDX-License-Identifier: MIT */
/*
 * A program for tests/sys/fpu-guest: several processes at once compute with x87, SSE and the C
 * library and print a hash of all result bits; then unmasked x87, SSE and integer exceptions are
 * taken as signals. What it prints must not depend on where it runs.
 *
 *     fpu PROCESSES ROUNDS
 */
#define _GNU_SOURCE
#include <emmintrin.h>
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t hash = 14695981039346656037ull, seed;

/* FNV-1a */
static void mix(const void *p, unsigned n)
{
    const uint8_t *byte = p;

    while (n--)
        hash = (hash ^ *byte++) * 1099511628211ull;
}

static void mix_float(float v)
{
    mix(&v, sizeof(v));
}

static void mix_double(double v)
{
    mix(&v, sizeof(v));
}

static void mix_extended(long double v)
{
    mix(&v, 10);
}

static void mix_integer(int64_t v)
{
    mix(&v, sizeof(v));
}

static uint64_t random_u64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* --- work ------------------------------------------------------------------------------- */

static void sse(double x, double y)
{
    float f = x;

    mix_double(sin(x));
    mix_double(exp(fmod(x, 50)));
    mix_double(log(y));
    mix_double(pow(y, 1.37));
    mix_double(sqrt(y));
    mix_double(fma(x, y, 1.0));
    mix_double(atan2(x, y));
    mix_float(sinf(f));
    mix_float(f * 0.3f + 1);
    mix_float(sqrtf(fabsf(f)));
    mix_integer((int64_t)x);
}

static void x87(long double l)
{
    mix_extended(l * l / 3);
    mix_extended(sinl(l));
    mix_extended(expl(fmodl(l, 40)));
    mix_extended(logl(fabsl(l) + 1));
    mix_extended(sqrtl(fabsl(l)));
    mix_extended(fmodl(l, 3.3L));
    mix_extended(powl(fabsl(l) + 1, 1.1L));
    mix_extended(rintl(l));
    mix_extended(atan2l(l, 3));
    mix_integer(llrintl(l));
}

static void environment(double x, double y, unsigned n)
{
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    volatile double quotient;

    fesetround(modes[n % 4]);
    mix_double(x / y);
    mix_extended((long double)x / 3);
    mix_double(rint(x));
    fesetround(FE_TONEAREST);
    feclearexcept(FE_ALL_EXCEPT);
    quotient = x / y;
    (void)quotient;
    mix_integer(fetestexcept(FE_ALL_EXCEPT));
}

static void text(double x, long double l)
{
    char buf[80];

    mix(buf, snprintf(buf, sizeof(buf), "%.19Lg %a %g", l, x, x));
    mix_double(strtod(buf, NULL));
}

static void integers(void)
{
    __m128i a = _mm_set_epi64x(random_u64(), random_u64());
    __m128i b = _mm_set_epi64x(random_u64(), random_u64());

    a = _mm_add_epi8(_mm_mullo_epi16(a, b), _mm_unpackhi_epi8(b, a));
    mix(&a, sizeof(a));
}

static void work(unsigned process, unsigned rounds)
{
    seed = 88172645463325252ull ^ process * 0x9e3779b97f4a7c15ull;
    for (unsigned n = 0; n < rounds; n++) {
        double x = (int64_t)random_u64() / 1e15, y = (random_u64() >> 40) / 1e4 + 0.1;
        long double l = x + (long double)y / 7;

        sse(x, y);
        x87(l);
        environment(x, y, n);
        text(x, l);
        integers();
    }
}

static void run_processes(unsigned count, unsigned rounds)
{
    for (unsigned n = 0; n < count; n++) {
        if (fork())
            continue;
        work(n, rounds);
        printf("fpu: process %u hash %016llx\n", n, (unsigned long long)hash);
        fflush(stdout);
        _exit(0);
    }
    while (wait(NULL) > 0)
        ;
}

/* --- exceptions --------------------------------------------------------------------------- */

static sigjmp_buf after_signal;
static volatile int signal_code;

static void on_sigfpe(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    signal_code = info->si_code;
    siglongjmp(after_signal, 1);
}

static volatile double zero_double, big_double = 1e300;
static volatile long double zero_extended, one_extended = 1, big_extended = LDBL_MAX;
static volatile float small_float;
static volatile int zero_int, result_int;

static void wait_x87(void)
{
    __asm__ volatile("fwait");
}

static void sse_divide(void)
{
    zero_double = 1 / zero_double;
}

static void sse_invalid(void)
{
    zero_double = zero_double / zero_double;
}

static void sse_overflow(void)
{
    small_float = big_double;
}

static void x87_divide(void)
{
    one_extended = one_extended / zero_extended;
    wait_x87();
}

static void x87_invalid(void)
{
    one_extended = sqrtl(-one_extended);
    wait_x87();
}

static void x87_overflow(void)
{
    big_extended = big_extended * big_extended;
    wait_x87();
}

static void integer_divide(void)
{
    result_int = 5 / zero_int;
}

static const struct {
    const char *name;
    void (*cause)(void);
} traps[] = {
    {"sse divide", sse_divide},         {"sse invalid", sse_invalid},
    {"sse overflow", sse_overflow},     {"x87 divide", x87_divide},
    {"x87 invalid", x87_invalid},       {"x87 overflow", x87_overflow},
    {"integer divide", integer_divide},
};

static void take_traps(void)
{
    struct sigaction action = {.sa_sigaction = on_sigfpe, .sa_flags = SA_SIGINFO | SA_NODEFER};

    sigaction(SIGFPE, &action, NULL);
    for (unsigned n = 0; n < 3 * sizeof(traps) / sizeof(traps[0]); n++) {
        unsigned i = n % (sizeof(traps) / sizeof(traps[0]));

        fesetenv(FE_DFL_ENV);
        feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
        zero_double = zero_extended = 0;
        one_extended = 1;
        big_extended = LDBL_MAX;
        signal_code = 0;
        if (!sigsetjmp(after_signal, 1))
            traps[i].cause();
        printf("fpu: %s: signal code %d\n", traps[i].name, signal_code);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    run_processes(atoi(argv[1]), atoi(argv[2]));
    take_traps();
    printf("fpu: end\n");
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* SSE floating point: bodies under gravity, and a matrix product in floats. */
#include <math.h>
#include "bench.h"

const char bench_name[] = "sse";

enum { BODIES = 8, STEPS = 64, SIZE = 32 };

struct body {
    double position[3], velocity[3], mass;
};

static struct body bodies[BODIES];
static float a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static double unit(uint64_t *state)
{
    return (bench_random(state) & 0xffffff) / 16777216.0 - 0.5;
}

void bench_prepare(void)
{
    uint64_t state = 11;
    int i, k;

    for (i = 0; i < BODIES; i++) {
        bodies[i].mass = 1 + unit(&state);
        for (k = 0; k < 3; k++) {
            bodies[i].position[k] = 10 * unit(&state);
            bodies[i].velocity[k] = unit(&state);
        }
    }
    for (i = 0; i < SIZE; i++)
        for (k = 0; k < SIZE; k++) {
            a[i][k] = unit(&state);
            b[i][k] = unit(&state);
        }
}

static void attract(struct body *one, struct body *other, double time)
{
    double distance[3], square = 0.01, force;
    int k;

    for (k = 0; k < 3; k++) {
        distance[k] = one->position[k] - other->position[k];
        square += distance[k] * distance[k];
    }
    force = time / (square * sqrt(square));
    for (k = 0; k < 3; k++) {
        one->velocity[k] -= distance[k] * other->mass * force;
        other->velocity[k] += distance[k] * one->mass * force;
    }
}

static void step(double time)
{
    int i, j, k;

    for (i = 0; i < BODIES; i++)
        for (j = i + 1; j < BODIES; j++)
            attract(&bodies[i], &bodies[j], time);
    for (i = 0; i < BODIES; i++)
        for (k = 0; k < 3; k++)
            bodies[i].position[k] += time * bodies[i].velocity[k];
}

/* Four columns at a time: packed SSE at -O3, see scripts/guests/bench. */
static void multiply(void)
{
    int i, j, k;

    memset(c, 0, sizeof(c));
    for (i = 0; i < SIZE; i++)
        for (k = 0; k < SIZE; k++)
            for (j = 0; j < SIZE; j++)
                c[i][j] += a[i][k] * b[k][j];
}

static uint64_t bits(double value)
{
    uint64_t pattern;

    memcpy(&pattern, &value, sizeof(pattern));
    return pattern;
}

uint64_t bench_run(uint64_t iterations)
{
    uint64_t sum = 0;
    int i;

    while (iterations--) {
        for (i = 0; i < STEPS; i++)
            step(0.001);
        multiply();
        a[iterations % SIZE][0] = c[0][iterations % SIZE] * 0.125f;
        sum = bench_mix(sum, bits(bodies[0].position[0]) ^ bits(c[3][5]));
    }
    return sum;
}

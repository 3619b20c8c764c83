/* SPDX-License-Identifier: MIT */
/*
 * Fixed input for the compiler benchmark: never run. Functions of the usual
 * mix (loops, switches, structures, calls), each instantiated several times.
 */
typedef unsigned long size;

struct item {
    struct item *next;
    int key, kind;
    double weight;
    char name[24];
};

static int compare(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a - *b;
}

#define FAMILY(n)                                                                                  \
    struct table##n {                                                                              \
        struct item *bucket[64 + n];                                                               \
        size count;                                                                                \
    };                                                                                             \
    static size hash##n(const char *s)                                                             \
    {                                                                                              \
        size h = 5381 + n;                                                                         \
        for (; *s; s++)                                                                            \
            h = (h << 5) + h * n + (unsigned char)*s;                                              \
        return h % (64 + n);                                                                       \
    }                                                                                              \
    struct item *find##n(struct table##n *t, const char *s)                                        \
    {                                                                                              \
        struct item *i;                                                                            \
        for (i = t->bucket[hash##n(s)]; i; i = i->next)                                            \
            if (!compare(i->name, s))                                                              \
                return i;                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    int insert##n(struct table##n *t, struct item *i)                                              \
    {                                                                                              \
        size h = hash##n(i->name);                                                                 \
        if (find##n(t, i->name))                                                                   \
            return -1;                                                                             \
        i->next = t->bucket[h];                                                                    \
        t->bucket[h] = i;                                                                          \
        return ++t->count > n * 100;                                                               \
    }                                                                                              \
    double weigh##n(const struct table##n *t, int kind)                                            \
    {                                                                                              \
        double sum = n;                                                                            \
        size b;                                                                                    \
        for (b = 0; b < 64 + n; b++) {                                                             \
            const struct item *i;                                                                  \
            for (i = t->bucket[b]; i; i = i->next)                                                 \
                switch (i->kind ^ kind) {                                                          \
                case 0:                                                                            \
                    sum += i->weight;                                                              \
                    break;                                                                         \
                case 1:                                                                            \
                case 7:                                                                            \
                    sum -= i->weight * 0.5;                                                        \
                    break;                                                                         \
                case 2:                                                                            \
                    sum += i->key > n ? i->weight / i->key : 1;                                    \
                    break;                                                                         \
                case 3:                                                                            \
                    sum *= 1.0 + 1.0 / (n + 2);                                                    \
                    break;                                                                         \
                default:                                                                           \
                    if (sum < 0)                                                                   \
                        return sum;                                                                \
                }                                                                                  \
        }                                                                                          \
        return sum;                                                                                \
    }                                                                                              \
    void sort##n(int *v, int low, int high)                                                        \
    {                                                                                              \
        int i = low, j = high, pivot = v[(low + high) / 2 + (n & 0)];                              \
        while (i <= j) {                                                                           \
            while (v[i] < pivot)                                                                   \
                i++;                                                                               \
            while (v[j] > pivot)                                                                   \
                j--;                                                                               \
            if (i <= j) {                                                                          \
                int swap = v[i];                                                                   \
                v[i++] = v[j];                                                                     \
                v[j--] = swap;                                                                     \
            }                                                                                      \
        }                                                                                          \
        if (low < j)                                                                               \
            sort##n(v, low, j);                                                                    \
        if (i < high)                                                                              \
            sort##n(v, i, high);                                                                   \
    }                                                                                              \
    void multiply##n(float(*a)[n + 4], float(*b)[n + 4], float(*c)[n + 4])                         \
    {                                                                                              \
        int i, j, k;                                                                               \
        for (i = 0; i < n + 4; i++)                                                                \
            for (j = 0; j < n + 4; j++) {                                                          \
                float s = 0;                                                                       \
                for (k = 0; k < n + 4; k++)                                                        \
                    s += a[i][k] * b[k][j];                                                        \
                c[i][j] = s;                                                                       \
            }                                                                                      \
    }

FAMILY(1)
FAMILY(2)
FAMILY(3)
FAMILY(4)
FAMILY(5)
FAMILY(6)
FAMILY(7)
FAMILY(8)

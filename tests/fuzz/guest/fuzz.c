/* SPDX-License-Identifier: MIT */
/*
 * Random-code guest: makes the next case. A case is a page and more of bytes at CODE: random ones mixed
 * with instructions that reach the devices (ports, MMIO), control registers, MSRs and descriptor tables.
 * Progress goes to the debug console (port E9h): one dot per 8 cases.
 */
typedef unsigned char byte;
typedef unsigned short u16_t;
typedef unsigned int word;

extern word target[2], registers[8];
void make_tables(void);
int next_case(void);
void set_up_devices(void);

#define CODE      0x200000u
#define CODE_SIZE 0x1200u

/* Survives the cases and resets unless they hit it; then it is as random as the rest. */
static word state, started, count;
#define STARTED 0x600dcafe
static byte *at;

static word rnd(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void out8(u16_t port, byte v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static void out32(u16_t port, word v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

/* What a firmware gives the devices: registers of functions, and their values. */
static const struct {
    word config, value;
} devices[] = {
    {0x80000940, 0},          {0x80000920, 0xc001},     {0x80000904, 7},          /* IDE: bus master */
    {0x80000b40, 0x601},      {0x80000b80, 1},          {0x80000b90, 0xb101},     /* power management */
    {0x80000bd0, 0x01000000}, {0x80000b04, 7},                                    /* and its SMBus */
    {0x80001010, 0xe0000000}, {0x80001018, 0xe1000000}, {0x80001004, 7},          /* VGA */
};

void set_up_devices(void)
{
    for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        out32(0xcf8, devices[i].config);
        out32(0xcfc, devices[i].value);
    }
}

static void put(word v, int bytes)
{
    for (; bytes > 0; bytes--, v >>= 8) {
        *at++ = (byte)v;
    }
}

/* Ports of the machine's devices; neighbours are taken too. */
static const u16_t ports[] = {0x00,  0x08,  0x20,  0x40,  0x43,  0x60,  0x61,  0x64,   0x70,  0x71,
                              0x80,  0x92,  0xa0,  0xb2,  0xc0,  0xd0,  0x170, 0x1ce,  0x1cf, 0x1f0,
                              0x1f2, 0x1f6, 0x1f7, 0x2f8, 0x376, 0x378, 0x3b0, 0x3c0,  0x3c4, 0x3ce,
                              0x3d4, 0x3f6, 0x3f8, 0x4d0, 0x510, 0x514, 0x518, 0xc000, 0xc040,
                              0xcf8, 0xcfc, 0x600, 0x608, 0xafe0};

static const word mmio[] = {0xfee00000, 0xfec00000, 0xfed00000, 0xa0000, 0xb8000, 0xc0000,
                            0xf0000,    0xe0000000, 0xe1000000, 0xfffc0000, 0x20000000};

static word device_address(void)
{
    return mmio[rnd() % (sizeof(mmio) / sizeof(mmio[0]))] + (rnd() & 0xffc);
}

static word device_port(void)
{
    return ports[rnd() % (sizeof(ports) / sizeof(ports[0]))] + (rnd() % 5 == 0 ? rnd() & 7 : 0);
}

/* Operand-size prefix where the mode has 16-bit operands by default. */
static void prefix32(int mode)
{
    if (mode < 2) {
        put(0x66, 1);
    }
}

static void put_port_access(int mode)
{
    static const byte ops[] = {0xec, 0xed, 0xee, 0xef, 0x6c, 0x6d, 0x6e, 0x6f};

    prefix32(mode);
    put(0xba, 1); /* mov edx, port */
    put(device_port(), 4);
    prefix32(mode);
    put(0xb8, 1); /* mov eax, value */
    put(rnd() % 2 ? rnd() : rnd() & 0xff, 4);
    if (rnd() % 16 == 0) {
        put(0xf3, 1);
    }
    put(ops[rnd() & 7], 1);
}

static void put_mmio_access(int mode)
{
    static const byte ops[] = {0x88, 0x89, 0x8a, 0x8b, 0x01, 0x33, 0x87, 0x0f};

    prefix32(mode);
    put(0xbb, 1); /* mov ebx, address */
    put(device_address(), 4);
    if (mode < 2) {
        put(0x67, 1);
    }
    byte op = ops[rnd() & 7];
    put(op, 1);
    if (op == 0x0f) {
        put(0x6f + (rnd() & 1) * 0x10, 1); /* movq mm, [ebx] or back */
    }
    put(0x03 | (rnd() & 0x38), 1);
}

/* System instructions by opcode; the operands are random. */
static void put_system(int mode)
{
    static const word msrs[] = {0x10, 0x1b, 0x174, 0x175, 0x176, 0x1a0, 0x200, 0x250, 0x277,
                                0x2ff, 0x400, 0x6e0, 0x830, 0xc0000080, 0xc0000081, 0xc0000082,
                                0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102};

    switch (rnd() % 8) {
    case 0:
        prefix32(mode);
        put(0xb9, 1);
        put(msrs[rnd() % (sizeof(msrs) / sizeof(msrs[0]))], 4);
        put(rnd() & 1 ? 0x300f : 0x320f, 2);
        break;
    case 1:
        put(0x200f + (rnd() & 3) * 0x100, 2); /* mov cr, dr */
        put(0xc0 | (rnd() & 0x3f), 1);
        break;
    case 2:
        put(0x010f, 2); /* lgdt and its group */
        put(rnd(), 1);
        put(rnd(), 4);
        break;
    case 3:
        put(0x000f, 2); /* lldt, ltr ... */
        put(rnd(), 1);
        break;
    case 4:
        put(0x8e, 1); /* mov sreg */
        put(0xc0 | (rnd() & 0x3f), 1);
        break;
    case 5:
        put(0xcd, 1);
        put(rnd(), 1);
        break;
    case 6:
        put(0xae0f, 2); /* fxsave and its group */
        put(rnd() & 0x3f, 1);
        break;
    default:
        put(rnd() & 1 ? 0xcf : 0xca + (rnd() & 1), 1); /* iret, retf */
    }
}

static void make_case(int mode)
{
    at = (byte *)CODE;
    word style = rnd() % 4; /* how much is structured */

    while (at < (byte *)CODE + CODE_SIZE) {
        word pick = rnd() % 16;
        if (pick < style) {
            put_port_access(mode);
        } else if (pick < 2 * style) {
            put_mmio_access(mode);
        } else if (pick < 2 * style + 1) {
            put_system(mode);
        } else {
            for (word n = 1 + rnd() % 12; n > 0; n--) {
                put(rnd(), 1);
            }
        }
    }
}

/* Timer every millisecond, all else masked; a case may have changed any of it. */
static void set_timer(void)
{
    static const byte init[][2] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28},
                                   {0x21, 0x04}, {0xa1, 0x02}, {0x21, 0x01}, {0xa1, 0x01},
                                   {0x21, 0xfe}, {0xa1, 0xff}, {0x43, 0x34}, {0x40, 0xa9},
                                   {0x40, 0x04}};

    for (unsigned i = 0; i < sizeof(init) / sizeof(init[0]); i++) {
        out8(init[i][0], init[i][1]);
    }
    *(volatile word *)0xfee000f0 = 0x1ff;
    *(volatile word *)0xfee00350 = 0x700;
    *(volatile word *)0xfee000b0 = 0;
}

int next_case(void)
{
    if (started != STARTED) {
        word low, high;
        __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
        state = (low ^ high * 2654435761u) | 1;
        started = STARTED;
    }
    make_tables();
    set_timer();
    if (state == 0) {
        state = 1;
    }
    if ((++count & 7) == 0) {
        out8(0xe9, '.');
    }
    int mode = rnd() & 3;
    make_case(mode);
    for (int i = 0; i < 7; i++) {
        registers[i] = rnd() % 3 == 0 ? device_address() : rnd() % 3 ? rnd() & 0x3fffff : rnd();
    }
    target[0] = CODE + (rnd() & 0xff);
    target[1] = 0;
    return mode;
}

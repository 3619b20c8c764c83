/* SPDX-License-Identifier: MIT */
/* Agent expressions: every operation of the GDB manual, appendix F.2, and what must fail. */
#include "tests/test.h"

#include "accel/accel.h"
#include "frontends/x86/frontend.h"
#include "gdbstub/stub.h"
#include "hw/core/lock.h"
#include "hw/core/memory.h"
#include "system/cpu.h"
#include "system/mainloop.h"

#define AX(...)           .code = {__VA_ARGS__}, .len = sizeof((uint8_t[]){__VA_ARGS__})
/* Two operands of 8 bits, the second one made negative or not, and an operation. */
#define TWO(x, y, op)     AX(0x22, x, 0x22, y, op, 0x27)
#define MINUS(x, y, op)   AX(0x22, x, 0x16, 8, 0x22, y, 0x16, 8, op, 0x27) /* sign extended */
#define MINUS_U(x, y, op) AX(0x22, x, 0x16, 8, 0x22, y, op, 0x27)

static const struct row {
    const char *what;
    uint8_t code[32];
    size_t len;
    bool fails;
    uint64_t value;
} rows[] = {
    {"add", TWO(5, 7, 0x02), .value = 12},
    {"sub", TWO(5, 7, 0x03), .value = (uint64_t)-2},
    {"mul", MINUS(0xfe, 7, 0x04), .value = (uint64_t)-14},
    {"div_signed", MINUS(0xf9, 2, 0x05), .value = (uint64_t)-3},
    {"div_unsigned", MINUS_U(0xff, 2, 0x06), .value = UINT64_MAX / 2},
    {"rem_signed", MINUS(0xf9, 2, 0x07), .value = (uint64_t)-1},
    {"rem_unsigned", TWO(0xf9, 2, 0x08), .value = 1},
    {"lsh", TWO(3, 4, 0x09), .value = 48},
    {"lsh by 64", TWO(3, 64, 0x09), .value = 0},
    {"rsh_signed", MINUS_U(0xf0, 4, 0x0a), .value = UINT64_MAX},
    {"rsh_signed by 200", MINUS_U(0x80, 200, 0x0a), .value = UINT64_MAX},
    {"rsh_unsigned", MINUS_U(0xff, 60, 0x0b), .value = 15},
    {"log_not", AX(0x22, 7, 0x0e, 0x27), .value = 0},
    {"log_not of 0", AX(0x22, 0, 0x0e, 0x27), .value = 1},
    {"bit_and", TWO(0x0f, 0x3c, 0x0f), .value = 0x0c},
    {"bit_or", TWO(0x0f, 0x3c, 0x10), .value = 0x3f},
    {"bit_xor", TWO(0x0f, 0x3c, 0x11), .value = 0x33},
    {"bit_not", AX(0x22, 1, 0x12, 0x27), .value = ~1ull},
    {"equal", TWO(3, 3, 0x13), .value = 1},
    {"less_signed", MINUS(0xff, 0, 0x14), .value = 1},
    {"less_unsigned", MINUS(0xff, 0, 0x15), .value = 0},
    {"ext", AX(0x23, 0x12, 0x80, 0x16, 8, 0x27), .value = (uint64_t)-128},
    {"zero_ext", AX(0x23, 0x12, 0x80, 0x2a, 8, 0x27), .value = 0x80},
    {"ref8", AX(0x23, 0x10, 0x00, 0x17, 0x27), .value = 0x88},
    {"ref16", AX(0x23, 0x10, 0x00, 0x18, 0x27), .value = 0x7788},
    {"ref32", AX(0x23, 0x10, 0x00, 0x19, 0x27), .value = 0x55667788},
    {"ref64", AX(0x23, 0x10, 0x00, 0x1a, 0x27), .value = 0x1122334455667788},
    {"if_goto taken", AX(0x22, 1, 0x20, 0, 8, 0x22, 9, 0x27, 0x22, 5, 0x27), .value = 5},
    {"if_goto not taken", AX(0x22, 0, 0x20, 0, 8, 0x22, 9, 0x27), .value = 9},
    {"goto", AX(0x21, 0, 4, 0x27, 0x22, 6, 0x27), .value = 6},
    {"const16", AX(0x23, 0x12, 0x34, 0x27), .value = 0x1234},
    {"const32", AX(0x24, 0x80, 0, 0, 1, 0x27), .value = 0x80000001},
    {"const64", AX(0x25, 0x80, 0, 0, 0, 0, 0, 0, 1, 0x27), .value = 0x8000000000000001},
    {"reg rbx", AX(0x26, 0, 1, 0x27), .value = 0xb0b0b0b0b0b0},
    {"reg eflags", AX(0x26, 0, 17, 0x27), .value = 2},
    {"dup", AX(0x22, 4, 0x28, 0x04, 0x27), .value = 16},
    {"pop", AX(0x22, 4, 0x22, 5, 0x29, 0x27), .value = 4},
    {"swap", AX(0x22, 4, 0x22, 9, 0x2b, 0x03, 0x27), .value = 5},
    {"pick", AX(0x22, 4, 0x22, 5, 0x22, 6, 0x32, 2, 0x27), .value = 4},
    {"rot", AX(0x22, 1, 0x22, 2, 0x22, 4, 0x33, 0x03, 0x27), .value = (uint64_t)-1},
    {"rot, the last", AX(0x22, 1, 0x22, 2, 0x22, 4, 0x33, 0x29, 0x29, 0x27), .value = 4},
    {"a loop", AX(0x22, 9, 0x22, 1, 0x03, 0x28, 0x20, 0, 2, 0x27), .value = 0},
    {"division by 0", TWO(1, 0, 0x05), .fails = true},
    {"remainder by 0", TWO(1, 0, 0x08), .fails = true},
    {"INT64_MIN / -1", AX(0x25, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x22, 0xff, 0x16, 8, 0x05, 0x27),
     .fails = true},
    {"no memory", AX(0x24, 0x80, 0, 0, 0, 0x19, 0x27), .fails = true},
    {"a wide register", AX(0x26, 0, 40, 0x27), .fails = true},
    {"no such register", AX(0x26, 0xff, 0xff, 0x27), .fails = true},
    {"nothing to pop", AX(0x29, 0x27), .fails = true},
    {"nothing at the end", AX(0x27), .fails = true},
    {"pick too deep", AX(0x22, 1, 0x32, 1, 0x27), .fails = true},
    {"no end", AX(0x22, 1), .fails = true},
    {"cut off", AX(0x25, 1, 2), .fails = true},
    {"goto out of it", AX(0x21, 0xff, 0xff, 0x27), .fails = true},
    {"for ever", AX(0x21, 0, 0), .fails = true},
    {"stack too deep", AX(0x22, 1, 0x21, 0, 0), .fails = true},
    {"float", AX(0x22, 1, 0x01, 0x27), .fails = true},
    {"trace", AX(0x22, 1, 0x22, 1, 0x0c, 0x27), .fails = true},
    {"getv", AX(0x2c, 0, 1, 0x27), .fails = true},
    {"unknown", AX(0x22, 1, 0xff, 0x27), .fails = true},
};

static struct vcpu *setup(void)
{
    static struct mem_region ram;
    uint8_t raw[8];

    memory_init();
    ck_assert_int_eq(mainloop_init(NULL), 0);
    device_lock();
    ck_assert_int_eq(mem_region_init_ram(&ram, "ram", MIB(1), NULL), 0);
    mem_region_add(as_memory.root, 0, &ram);
    cpu_set_address_spaces(&as_memory, &as_smm, &as_io);
    ck_assert_int_eq(accel_add("interp", NULL), 0);
    ck_assert_int_eq(accel_choose(NULL), 0);
    ck_assert_int_eq(accel_create_vcpus(&x86_frontend, 1, NULL), 0);
    addr_space_stq_le(&as_memory, 0x1000, 0x1122334455667788);
    st_le64(raw, 0xb0b0b0b0b0b0);
    debug_write_register(vcpu_get(0), &debug_description(vcpu_get(0), DEBUG_WIDTH_64)->regs[1],
                         raw);
    return vcpu_get(0);
}

static void check(struct vcpu *cpu, const struct row *row)
{
    struct agent_code *code = g_malloc(sizeof(*code) + row->len);
    uint64_t value = 0;

    code->len = row->len;
    memcpy(code->code, row->code, row->len);
    bool ok = agent_run(code, cpu, debug_description(cpu, DEBUG_WIDTH_64), &value);
    g_free(code);
    ck_assert_msg(ok == !row->fails, "%s: %s", row->what, ok ? "did not fail" : "failed");
    ck_assert_msg(!ok || value == row->value, "%s: %llx", row->what, (unsigned long long)value);
}

START_TEST(test_operations)
{
    struct vcpu *cpu = setup();

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        check(cpu, &rows[i]);
}
END_TEST

TEST_MAIN("gdb_agent", test_operations)

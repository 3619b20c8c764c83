/* SPDX-License-Identifier: MIT */
/*
 * The machine without anything: management programs ask a monitor on it what doppel can do. Its CPU
 * finds a HLT at the reset vector.
 */
#include "hw/core/memory.h"
#include "hw/machine/machine.h"
#include "system/cpu.h"

#define ROM_SIZE KIB(4)

static int none_init(const struct machine_config *cfg, struct error **err)
{
    static const uint8_t code[] = {0xfa, 0xf4, 0xeb, 0xfd}; /* cli; hlt; jmp to the hlt */
    static struct mem_region rom;
    int ret = mem_region_init_rom(&rom, "reset-vector", ROM_SIZE, err);

    if (ret == 0) {
        memcpy((uint8_t *)ram_ptr(rom.ram) + ROM_SIZE - 16, code, sizeof(code));
        mem_region_add(as_memory.root, GIB(4) - ROM_SIZE, &rom);
        cpu_set_address_spaces(&as_memory, &as_memory, &as_io);
    }
    return ret;
}

MACHINE_DEFINE(none, .name = "none", .help = "empty machine", .bare = true, .max_cpus = 1, .default_cpu = "max",
               .min_ram = MIB(1), .max_ram = GIB(512), .extra_ram = MIB(1), .init = none_init);

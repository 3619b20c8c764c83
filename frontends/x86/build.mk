# SPDX-License-Identifier: MIT
obj-y += frontends/x86/decode.o frontends/x86/disas.o frontends/x86/disas_capstone.o frontends/x86/translate.o
obj-y += frontends/x86/access.o
obj-y += frontends/x86/gen.o frontends/x86/gen_int.o frontends/x86/gen_flow.o frontends/x86/gen_string.o
obj-y += frontends/x86/gen_sse.o frontends/x86/gen_x87.o frontends/x86/leaf_fpu.o
obj-y += frontends/x86/leaf_string.o
cflags-frontends/x86/leaf_fpu.o = -mgeneral-regs-only -fno-sanitize=all
cflags-frontends/x86/leaf_string.o = -mgeneral-regs-only -fno-sanitize=all
obj-y += frontends/x86/leaf_sys.o
cflags-frontends/x86/leaf_sys.o = -mgeneral-regs-only -fno-sanitize=all
obj-y += frontends/x86/cpu.o frontends/x86/mmu.o frontends/x86/seg.o frontends/x86/far.o frontends/x86/task.o
obj-y += frontends/x86/interrupt.o frontends/x86/smm.o frontends/x86/msr.o frontends/x86/cpuid.o frontends/x86/debug.o
obj-y += frontends/x86/io.o frontends/x86/helper_sys.o frontends/x86/gen_sys.o frontends/x86/frontend.o
obj-y += frontends/x86/helper_fpu.o frontends/x86/helper_int.o frontends/x86/helper_string.o
obj-y += frontends/x86/boot.o frontends/x86/inspect.o frontends/x86/mce.o frontends/x86/debugger.o
together-y += $(addprefix frontends/x86/,decode.o translate.o gen.o gen_int.o gen_flow.o gen_string.o \
    gen_sse.o gen_x87.o gen_sys.o)

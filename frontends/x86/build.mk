# SPDX-License-Identifier: MIT
obj-y += frontends/x86/decode.o frontends/x86/disas.o frontends/x86/disas_capstone.o frontends/x86/translate.o
obj-y += frontends/x86/gen.o frontends/x86/gen_int.o frontends/x86/gen_flow.o frontends/x86/gen_string.o
obj-y += frontends/x86/gen_sse.o frontends/x86/gen_x87.o frontends/x86/leaf_fpu.o
cflags-frontends/x86/leaf_fpu.o = -mgeneral-regs-only -fno-sanitize=all

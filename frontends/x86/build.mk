# SPDX-License-Identifier: MIT
obj-y += frontends/x86/decode.o frontends/x86/gen.o

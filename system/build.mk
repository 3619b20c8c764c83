# SPDX-License-Identifier: MIT
obj-y += system/mainloop.o system/runstate.o system/vcpu_gate.o system/actions.o system/daemon.o
obj-y += system/options.o system/object.o system/fds.o system/rng.o system/hostmem.o

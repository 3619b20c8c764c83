# SPDX-License-Identifier: MIT
obj-y += gdbstub/rsp.o gdbstub/stub.o gdbstub/packets.o gdbstub/query.o gdbstub/resume.o
obj-y += gdbstub/target.o gdbstub/agent.o gdbstub/points.o gdbstub/text.o

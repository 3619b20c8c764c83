# SPDX-License-Identifier: MIT
obj-y += util/error.o util/log.o util/trace.o
obj-y += util/optlist.o

# SPDX-License-Identifier: MIT
obj-y += util/error.o util/log.o util/trace.o util/datafile.o
obj-y += util/optlist.o util/opttext.o util/rows.o util/mgmt_event.o
obj-y += util/perfmap.o util/jitdump.o

# SPDX-License-Identifier: MIT
obj-y += hw/timer/i8254.o hw/timer/hpet.o hw/timer/mc146818rtc.o

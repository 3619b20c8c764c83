# SPDX-License-Identifier: MIT
#
# One non-recursive Makefile. What is built is said by the build.mk of each
# directory (all are found by themselves); see docs/HACKING.md. Variables a
# build.mk may add to (paths are relative to the top):
#
#   obj-y += hw/char/serial.o            part of doppel and of every test
#   obj-$(CONFIG_SLIRP) += net/user.o    only if configured
#   together-y += translator/ir.o        of obj-y, those optimised as one unit
#   cflags-hw/char/serial.o = -O3        extra flags of one object
#   generated-y += hw/acpi/dsdt.aml.h    made under build/generated/ first
#   tool-y += doppel-img                 another program ...
#   tool-obj-doppel-img = img/main.o     ... and its own objects
#   test-y += tests/dev/rtc              program run by make check
#   test-obj-y += tests/lib/clock.o      linked into tests when they need it
#   check-scripts-y += scripts/x         script run by make check
#   check-long-y += tests/sys/x          script run by make check-long
#
#   make MODE=asan|ubsan|tsan|debug|release     make V=1 shows the commands

ifeq ($(wildcard config.mk),)
ifeq ($(filter clean distclean,$(MAKECMDGOALS)),)
$(error run ./configure first)
endif
endif
-include config.mk

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
SHELL := /bin/sh

MODE ?=
B := build$(if $(MODE),/$(MODE))
G := build/generated
export MODE B G

# --- flags ----------------------------------------------------------------

debug-flags  := -O1 -g -DCONFIG_DEBUG=1 -fno-omit-frame-pointer
mode-        := -O2 -g -DCONFIG_DEBUG=0
mode-release := -O2 -DCONFIG_DEBUG=0
mode-debug   := -O0 -g -DCONFIG_DEBUG=1
mode-asan    := $(debug-flags) -fsanitize=address,undefined -fno-sanitize-recover=all
mode-ubsan   := $(debug-flags) -fsanitize=undefined -fno-sanitize-recover=all
mode-tsan    := $(debug-flags) -fsanitize=thread
ifeq ($(filter undefined,$(origin mode-$(MODE))),undefined)
$(error unknown MODE=$(MODE) (asan, ubsan, tsan, debug, release))
endif

WARN := -Wall -Wextra $(WERROR) -Wundef -Wstrict-prototypes -Wmissing-prototypes \
        -Wno-unused-parameter -Wvla
ALL_CFLAGS = -std=gnu11 $(mode-$(MODE)) $(WARN) -fno-strict-aliasing -fno-common -pthread \
             -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iinclude -I. -I$(G) \
             $(PART_CFLAGS) $(USER_CFLAGS)
ALL_LDFLAGS = -pthread -Wl,--as-needed $(filter -fsanitize=% -fno-sanitize%,$(mode-$(MODE))) $(USER_LDFLAGS)
LIBS = $(PART_LIBS) -lm -ldl

# Commands are shown in full with V=1, by name on a terminal, else not at all.
Q := $(if $(V),,@)
say = $(if $(V),,$(if $(MAKE_TERMOUT),@printf '  %-7s %s\n' $(1) $(2)))

# --- what there is ----------------------------------------------------------

BUILD_MKS := $(filter-out build/%,$(sort $(wildcard */build.mk */*/build.mk */*/*/build.mk)))
include $(BUILD_MKS)

GENERATED := $(addprefix $(G)/,$(sort $(generated-y)))
OBJS      := $(addprefix $(B)/obj/,$(sort $(obj-y)))
TEST_LIB  := $(addprefix $(B)/obj/,$(sort $(test-obj-y)))
# Optimising across files while linking, once for all programs: those objects become one.
ifeq ($(CONFIG_LTO)$(filter-out release,$(MODE)),y)
TOGETHER  := $(addprefix $(B)/obj/,$(sort $(together-y)))
OBJS      := $(filter-out $(TOGETHER),$(OBJS)) $(B)/obj/together.o
endif
MAIN      := $(if $(wildcard system/main.c),$(B)/obj/system/main.o)
PROGRAMS  := $(if $(MAIN),$(B)/doppel) $(addprefix $(B)/,$(tool-y))
TESTS     := $(if $(filter y,$(CONFIG_CHECK)),$(sort $(test-y)))
CHECKS    := $(sort $(check-scripts-y))
LONG      := $(sort $(check-long-y))
ifneq ($(T),)
pick      = $(foreach t,$(1),$(if $(findstring $(T),$(t)),$(t)))
TESTS    := $(call pick,$(TESTS))
CHECKS   := $(call pick,$(CHECKS))
LONG     := $(call pick,$(LONG))
endif

.PHONY: all programs tests check check-long check-headers format check-format \
        install uninstall clean distclean
all: $(B)/libdoppel.a $(PROGRAMS) $(if $(MODE),,$(notdir $(PROGRAMS)))
tests: $(addprefix $(B)/,$(TESTS))

# The programs of the default mode are also reachable from the top directory.
ifeq ($(MODE),)
$(notdir $(PROGRAMS)): %: $(B)/%
	@ln -sf $(B)/$* $@
endif

# --- rules ----------------------------------------------------------------

$(B)/obj/%.o: %.c config.mk | $(GENERATED)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(cflags-$*.o) -MMD -MP -c -o $@ $<

$(B)/obj/%.o: %.S config.mk | $(GENERATED)
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(cflags-$*.o) -MMD -MP -c -o $@ $<

$(TOGETHER): private USER_CFLAGS += -O3 -flto
$(B)/obj/together.o: $(TOGETHER)
	$(call say,LTO,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -O3 -flto -flto-partition=one -r -flinker-output=nolto-rel -nostdlib -o $@ $^

# The list of members is part of the archive's identity.
$(B)/libdoppel.list: FORCE
	@mkdir -p $(@D)
	@echo '$(OBJS)' | cmp -s - $@ || echo '$(OBJS)' >$@
FORCE:

$(B)/libdoppel.a: $(OBJS) $(B)/libdoppel.list
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcsT $@ $(OBJS)

$(B)/libtest.a: $(TEST_LIB)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcsT $@ $(TEST_LIB)

# Descriptors sit in linker sections nobody refers to by name: link them all.
whole = -Wl,--whole-archive $(B)/libdoppel.a -Wl,--no-whole-archive

$(B)/doppel: $(MAIN) $(B)/libdoppel.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(MAIN) $(whole) $(LIBS)

define tool-rule
$(B)/$(1): $(addprefix $(B)/obj/,$(tool-obj-$(1))) $(B)/libdoppel.a
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $(addprefix $(B)/obj/,$(tool-obj-$(1))) $$(whole) $$(LIBS)
endef
$(foreach t,$(tool-y),$(eval $(call tool-rule,$(t))))

# Until there is a program that has to link, tests may lack what they do not call.
bring-up := $(if $(MAIN),,-no-pie -Wl,--unresolved-symbols=ignore-all)

$(addprefix $(B)/,$(TESTS)): $(B)/%: $(B)/obj/%.o $(B)/libtest.a $(B)/libdoppel.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(bring-up) $(ldflags-$*) -o $@ $< $(B)/libtest.a $(whole) $(LIBS)

$(G)/%.aml.h: %.asl config.mk
	@mkdir -p $(@D)
	$(call say,IASL,$<)
	$(Q)scripts/asl-to-header '$(IASL)' $< $@

$(G)/%.rom.h: %.S config.mk
	@mkdir -p $(@D)
	$(call say,ROM,$<)
	$(Q)CC='$(CC)' scripts/rom-to-header $< $@

# --- checks ---------------------------------------------------------------

check: all tests
	@scripts/run-tests $(addprefix $(B)/,$(TESTS)) $(CHECKS)

check-long: all tests
	@JOBS=$${JOBS:-1} TEST_TIMEOUT=$${TEST_TIMEOUT:-3600} scripts/run-tests $(LONG)

SOURCE_DIRS := accel backends bench block chardev crypto frontends gdbstub hw include migration \
               monitor net system tests translator ui util
SOURCES = $(shell find $(wildcard $(SOURCE_DIRS)) -name '*.[ch]' | sort)
HEADERS := $(shell find $(wildcard $(filter-out bench tests,$(SOURCE_DIRS))) -name '*.h' | sort)

check-headers: $(HEADERS:%=$(B)/headers/%.ok)
$(B)/headers/%.ok: % config.mk | $(GENERATED)
	@mkdir -p $(@D)
	$(Q)echo '#include "$<"' | $(CC) $(ALL_CFLAGS) -fsyntax-only -MMD -MP -MT $@ -MF $@.d -xc -
	@touch $@

format:
	clang-format -i $(SOURCES)
check-format:
	clang-format --dry-run --Werror $(SOURCES)

# --- installation -----------------------------------------------------------

bindir = $(DESTDIR)$(prefix)/bin
mandir = $(DESTDIR)$(prefix)/share/man/man1
docdir = $(DESTDIR)$(prefix)/share/doc/doppel

install: all
	install -d $(bindir) $(mandir) $(docdir)
	$(if $(PROGRAMS),install $(PROGRAMS) $(bindir))
	install -m 644 $(wildcard docs/*.1) $(mandir)
	install -m 644 README.md LICENSE $(wildcard docs/*.md) $(docdir)
uninstall:
	rm -f $(addprefix $(bindir)/,$(notdir $(PROGRAMS)))
	rm -f $(addprefix $(mandir)/,$(notdir $(wildcard docs/*.1)))
	rm -rf $(docdir)

clean:
	rm -rf build/obj build/asan build/ubsan build/tsan build/debug build/release \
	       build/headers build/tests build/generated build/libdoppel.* build/libtest.a \
	       build/doppel build/doppel-img doppel doppel-img
distclean: clean
	rm -rf build config.mk config.h

-include $(OBJS:.o=.d) $(TOGETHER:.o=.d) $(MAIN:.o=.d) $(TEST_LIB:.o=.d) $(TESTS:%=$(B)/obj/%.d)
-include $(foreach t,$(tool-y),$(patsubst %.o,$(B)/obj/%.d,$(tool-obj-$(t))))
-include $(HEADERS:%=$(B)/headers/%.ok.d)

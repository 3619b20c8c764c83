# SPDX-License-Identifier: MIT
test-y += tests/ui/enc
test-y += tests/ui/vnc_link tests/ui/vnc_scroll tests/ui/vnc_stale
test-obj-y += tests/ui/rfb_decode.o tests/ui/vnc_lab.o
ldflags-tests/ui/vnc_link := -Wl,--wrap=runstate_is_running
ldflags-tests/ui/vnc_stale := -Wl,--wrap=runstate_is_running
ldflags-tests/ui/vnc_scroll := -Wl,--wrap=runstate_is_running
check-scripts-y += tests/ui/vnc-protocol tests/ui/vnc-web tests/ui/vnc-clients
check-scripts-y += tests/ui/window tests/ui/terminal tests/ui/vnc-layout
check-long-y += tests/ui/browser tests/ui/vnc-clients-all tests/ui/installer

# SPDX-License-Identifier: MIT
test-y += tests/ui/enc
test-obj-y += tests/ui/rfb_decode.o
check-scripts-y += tests/ui/vnc-protocol tests/ui/vnc-web tests/ui/vnc-clients
check-scripts-y += tests/ui/window tests/ui/terminal tests/ui/vnc-layout
check-long-y += tests/ui/browser tests/ui/vnc-clients-all tests/ui/installer

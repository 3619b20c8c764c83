# SPDX-License-Identifier: MIT
check-scripts-y += scripts/check-headers scripts/check-layers scripts/check-leaf scripts/check-style

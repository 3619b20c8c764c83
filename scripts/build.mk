# SPDX-License-Identifier: MIT
check-scripts-y += scripts/check-headers

/* SPDX-License-Identifier: MIT */
/* The version of doppel, for -version, the monitors and SMBIOS. */
#ifndef SYSTEM_VERSION_H
#define SYSTEM_VERSION_H

#define DOPPEL_VERSION "0.1.0"

#endif

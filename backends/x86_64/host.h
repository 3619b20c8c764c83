/* SPDX-License-Identifier: MIT */
/* What the host's processor can do. */
#ifndef BACKENDS_X86_64_HOST_H
#define BACKENDS_X86_64_HOST_H

#include "util/base.h"

extern bool host_has_bmi2;
void host_detect(void);

#endif

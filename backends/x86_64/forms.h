/* SPDX-License-Identifier: MIT */
/* Emitters of the IR's operations: one row of forms.def each. */
#ifndef BACKENDS_X86_64_FORMS_H
#define BACKENDS_X86_64_FORMS_H

#include "backends/x86_64/emit.h"

#define FORM(op, fn, arg) void fn(struct emit *e, unsigned arg_);
#include "backends/x86_64/forms.def"
#undef FORM

/* base + index * scale + disp as a host operand, no segment, not wrapped */
struct opnd emit_address(struct emit *e, const struct ir_mem *m);

#endif

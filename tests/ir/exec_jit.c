/* SPDX-License-Identifier: MIT */
/* The tests of exec.c with the code generator in place of the interpreter. */
#define TEST_BACKEND backend_x86_64
#define TEST_SMALL   KIB(256)
#include "tests/ir/exec.c"

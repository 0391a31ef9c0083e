// SPDX-License-Identifier: Apache-2.0
#pragma once

// Include Random123 only through this header. Philox needs no vector instructions; the compiler's headers for them
// would take half of the time that a small file takes to compile.
#define R123_USE_SSE 0
#define R123_USE_X86INTRIN_H 0
#include <Random123/philox.h>

// What the kernels ask of the compiler. Every operation of an Isa is inlined always: a copy out of line would cost a
// call per vector.
#pragma once

#define GALAGO_INLINE inline __attribute__((always_inline))

#if defined(__clang__)
#define GALAGO_UNROLL _Pragma("clang loop unroll(full)")
#else
#define GALAGO_UNROLL _Pragma("GCC unroll 32")
#endif

// After a lambda's parameters: inlined like the operations.
#define GALAGO_LAMBDA __attribute__((always_inline))

// Hides from the compiler where a pointer came from.
#define GALAGO_OPAQUE(pointer) __asm__("" : "+r"(pointer))

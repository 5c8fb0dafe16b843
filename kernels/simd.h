// Function multiversioning: a wheel runs on any x86-64 and still uses AVX2 or AVX-512 where the
// machine has them. The loader picks the clone once. Functions only: GCC ignores it on templates.
#pragma once

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define WARPMIX_SIMD_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define WARPMIX_SIMD_CLONES
#endif

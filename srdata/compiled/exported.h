/* What the compilers of three systems call the same things. */
#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

#ifdef __GNUC__
#define INLINED static inline __attribute__((always_inline))
#else
#define INLINED static inline
#endif

/* Functions in which vectors of 16 bytes are rearranged: by one instruction of SSSE3, or of NEON. */
#if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12)
#define VECTORS
#if defined(__x86_64__)
#define VECTORISED __attribute__((target("ssse3")))
#endif
#endif
#ifndef VECTORISED
#define VECTORISED
#endif

/* Functions of which there is a second one, NAME_wide, for processors with wider vectors, and a call of the one that
 * fits. Not on Windows, where GCC does not align its stack for them (its bug 54412). */
#if defined(__GNUC__) && defined(__x86_64__) && !defined(_WIN32)
#define WIDER __attribute__((target("avx2,fma")))
#define HAS_WIDER (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define FITTING(name, ...) (HAS_WIDER ? name##_wide(__VA_ARGS__) : name(__VA_ARGS__))
#else
#define FITTING(name, ...) name(__VA_ARGS__)
#endif

/* Whether this processor has what the other files were compiled for. */
#include "exported.h"

EXPORTED int srdata_runs_here(void) {
#if defined(VECTORS) && defined(__x86_64__)
    return __builtin_cpu_supports("ssse3") != 0;
#else
    return 1;
#endif
}

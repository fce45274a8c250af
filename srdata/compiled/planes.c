/* RGB images as floats, colour by colour. */
#include <stddef.h>
#include <stdint.h>

#include "exported.h"

enum { CHANNELS = 3 };

/* A 255th in two parts: one of 16 bits, so that a level times it is exact, and what is left of it. Their sum is rounded
 * once, and to what a division gives; times a 255th itself, half of all levels would be off by a bit. */
#define MOST 0x1.01p-8f
#define REST 0x1.010102p-24f

INLINED void fractions(const uint8_t *restrict in, int64_t count, int64_t pixels, float *restrict out) {
    for (int64_t image = 0; image < count; image++, in += CHANNELS * pixels, out += CHANNELS * pixels)
        for (int64_t i = 0; i < pixels; i++)
            for (int channel = 0; channel < CHANNELS; channel++) {
                float level = (float)in[CHANNELS * i + channel];
                out[channel * pixels + i] = level * MOST + level * REST;
            }
}

#ifdef WIDER
WIDER static void fractions_wide(const uint8_t *in, int64_t count, int64_t pixels, float *out) {
    fractions(in, count, pixels, out);
}
#endif

/* Fills `out` (count, 3, pixels) with `in` (count, pixels, 3), each level divided by 255. */
EXPORTED VECTORISED void srdata_fractions(const uint8_t *in, int64_t count, int64_t pixels, float *out) {
    FITTING(fractions, in, count, pixels, out);
}

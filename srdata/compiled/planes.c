/* RGB images as floats, colour by colour. */
#include <stddef.h>
#include <stdint.h>

#include "exported.h"

enum { CHANNELS = 3 };

/* A 255th in two parts: one of 16 bits, so that a level times it is exact, and what is left of it. Their sum is rounded
 * once, and to what a division gives; times a 255th itself, half of all levels would be off by a bit. */
#define MOST 0x1.01p-8f
#define REST 0x1.010102p-24f

static inline float fraction(uint8_t level) { return (float)level * MOST + (float)level * REST; }

/* Fills `out` (count, 3, pixels) with `in` (count, pixels, 3), each level divided by 255. */
EXPORTED VECTORISED void srdata_fractions(const uint8_t *restrict in, int64_t count, int64_t pixels, float *restrict out) {
    for (int64_t image = 0; image < count; image++, in += CHANNELS * pixels, out += CHANNELS * pixels)
        for (int64_t i = 0; i < pixels; i++)
            for (int channel = 0; channel < CHANNELS; channel++)
                out[channel * pixels + i] = fraction(in[CHANNELS * i + channel]);
}

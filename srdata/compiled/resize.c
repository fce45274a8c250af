/* One pass of a resize over rows of levels, where no sum of floats loses anything. */
#include <stddef.h>
#include <stdint.h>

#include "exported.h"

enum { COLUMNS = 512, HELD = 32, AT_ONCE = 4 };

/* Rows as floats, so many of so many columns that they stay near the processor: each is needed for several outputs. */
typedef struct {
    int64_t numbers[HELD];
    float rows[HELD][COLUMNS];
} Held;

INLINED const float *held_row(Held *held, const uint8_t *in, ptrdiff_t samples, int64_t number, ptrdiff_t count) {
    ptrdiff_t slot = (ptrdiff_t)(number % HELD);
    if (held->numbers[slot] != number) {
        for (ptrdiff_t x = 0; x < count; x++) held->rows[slot][x] = (float)in[number * samples + x];
        held->numbers[slot] = number;
    }
    return held->rows[slot];
}

/* Adds one input row, times its weight, or four: rows that follow each other, none of which takes another's slot. */
INLINED void add_rows(Held *held, const uint8_t *in, ptrdiff_t samples, const int64_t *numbers, const float *weights,
    int rows, ptrdiff_t count, float *restrict sums) {
    const float *added[AT_ONCE] = {0};
    for (int row = 0; row < rows; row++) added[row] = held_row(held, in, samples, numbers[row], count);
    if (rows == AT_ONCE)
        for (ptrdiff_t x = 0; x < count; x++)
            sums[x] += (weights[0] * added[0][x] + weights[1] * added[1][x])
                + (weights[2] * added[2][x] + weights[3] * added[3][x]);
    else
        for (ptrdiff_t x = 0; x < count; x++) sums[x] += weights[0] * added[0][x];
}

/* The first `count` columns, COLUMNS at most. */
INLINED void resize_columns(const uint8_t *in, ptrdiff_t samples, const int64_t *numbers, const float *weights,
    ptrdiff_t size, ptrdiff_t taps, ptrdiff_t count, uint8_t *restrict out) {
    Held held;
    for (int slot = 0; slot < HELD; slot++) held.numbers[slot] = -1;
    for (ptrdiff_t y = 0; y < size; y++, numbers += taps, weights += taps, out += samples) {
        float sums[COLUMNS];
        ptrdiff_t tap = 0;
        for (ptrdiff_t x = 0; x < count; x++) sums[x] = 0.5f;
        for (; tap + AT_ONCE <= taps; tap += AT_ONCE)
            add_rows(&held, in, samples, numbers + tap, weights + tap, AT_ONCE, count, sums);
        for (; tap < taps; tap++) add_rows(&held, in, samples, numbers + tap, weights + tap, 1, count, sums);
        for (ptrdiff_t x = 0; x < count; x++) {
            float level = sums[x] < 0 ? 0 : sums[x];
            out[x] = (uint8_t)(int32_t)(level > 255 ? 255 : level);
        }
    }
}

INLINED void resize_rows(const uint8_t *in, ptrdiff_t samples, const int64_t *numbers, const float *weights,
    ptrdiff_t size, ptrdiff_t taps, uint8_t *restrict out) {
    for (ptrdiff_t left = 0; left < samples; left += COLUMNS) {
        ptrdiff_t count = left + COLUMNS < samples ? COLUMNS : samples - left;
        resize_columns(in + left, samples, numbers, weights, size, taps, count, out + left);
    }
}

#ifdef WIDER
WIDER static void resize_rows_wide(const uint8_t *in, ptrdiff_t samples, const int64_t *numbers, const float *weights,
    ptrdiff_t size, ptrdiff_t taps, uint8_t *restrict out) {
    resize_rows(in, samples, numbers, weights, size, taps, out);
}
#endif

/* Fills `out` (size, samples): each row is the sum of the rows of `in` with `numbers` (size, taps), those of an output
 * one after another, times `weights` (size, taps). A half is rounded up, and what is no level becomes the nearest. */
EXPORTED void srdata_resize_rows(const uint8_t *in, int64_t samples, const int64_t *numbers, const float *weights,
    int64_t size, int64_t taps, uint8_t *restrict out) {
    FITTING(resize_rows, in, samples, numbers, weights, size, taps, out);
}

/* The terms of SSIM, as `srdata.metrics.measures.ssim_terms` puts them: what is lost of 1. */
#include <stddef.h>
#include <stdint.h>

#include "exported.h"

enum { WINDOW = 11, HALF = WINDOW / 2, MAPS = 4, LANES = 8, TILE = 64, ROOM = TILE + WINDOW + LANES };

/* Of both images: their sum, their difference, the squares of both added, and that of the difference alone. */
enum { SUM, DIFFERENCE, SQUARES, SQUARE };

/* The mean under the window at each of `count` places, whose samples lie in the same place of all rows; or, where the
 * rows are one row and its shifts, the mean along it. */
INLINED void mean_under(const double *const *rows, const double *weights, ptrdiff_t count, double *restrict out) {
    for (ptrdiff_t x = 0; x < count; x++) {
        double sum = weights[HALF] * rows[HALF][x];
        for (int at = 0; at < HALF; at++) sum += weights[at] * (rows[at][x] + rows[WINDOW - 1 - at][x]);
        out[x] = sum;
    }
}

INLINED void maps_of(const double *one, const double *other, ptrdiff_t width, double (*maps)[ROOM]) {
    double *restrict sums = maps[SUM], *restrict differences = maps[DIFFERENCE];
    double *restrict squares = maps[SQUARES], *restrict square = maps[SQUARE];
    for (ptrdiff_t x = 0; x < width; x++) {
        double s = one[x] + other[x], d = one[x] - other[x];
        sums[x] = s, differences[x] = d, square[x] = d * d, squares[x] = s * s + d * d;
    }
}

/* Adds what a row loses: of contrast and structure, of luminance, and of both at once. */
INLINED void add_lost(double (*means)[ROOM], ptrdiff_t count, const double *constants, double (*lost)[LANES]) {
    for (ptrdiff_t start = 0; start < count; start += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            ptrdiff_t x = start + lane;
            double s = means[SUM][x], d = means[DIFFERENCE][x], squared = s * s + d * d;
            double contrast = 2 * (means[SQUARE][x] - d * d) / (means[SQUARES][x] - squared + 2 * constants[1]);
            double luminance = 2 * d * d / (squared + 2 * constants[0]), there = x < count;
            lost[0][lane] += there * contrast;
            lost[1][lane] += there * luminance;
            lost[2][lane] += there * contrast * luminance;
        }
}

/* The same of columns of which there are `count` places, so few that all that is held stays near the processor. */
INLINED void add_columns(const double *one, const double *other, ptrdiff_t height, ptrdiff_t step, ptrdiff_t count,
    const double *weights, const double *constants, double (*lost)[LANES]) {
    double maps[MAPS][ROOM], rows[MAPS][WINDOW][ROOM], means[MAPS][ROOM] = {{0}}; /* of the last rows, blurred along */
    for (ptrdiff_t y = 0; y < height; y++) {
        maps_of(one + y * step, other + y * step, count + WINDOW - 1, maps);
        for (int map = 0; map < MAPS; map++) {
            const double *window[WINDOW];
            for (int at = 0; at < WINDOW; at++) window[at] = maps[map] + at;
            mean_under(window, weights, count, rows[map][y % WINDOW]);
            if (y < WINDOW - 1) continue;
            for (int at = 0; at < WINDOW; at++) window[at] = rows[map][(y + 1 + at) % WINDOW];
            mean_under(window, weights, count, means[map]);
        }
        if (y >= WINDOW - 1) add_lost(means, count, constants, lost);
    }
}

INLINED void lost_terms(const double *one, const double *other, ptrdiff_t height, ptrdiff_t width,
    const double *weights, const double *constants, double *out) {
    double lost[3][LANES] = {{0}};
    for (ptrdiff_t left = 0, places = width - WINDOW + 1; left < places; left += TILE) {
        ptrdiff_t count = left + TILE < places ? TILE : places - left;
        add_columns(one + left, other + left, height, width, count, weights, constants, lost);
    }
    for (int term = 0; term < 3; term++) {
        out[term] = 0;
        for (int lane = 0; lane < LANES; lane++) out[term] += lost[term][lane];
    }
}

#ifdef WIDER
WIDER static void lost_terms_wide(const double *one, const double *other, ptrdiff_t height, ptrdiff_t width,
    const double *weights, const double *constants, double *out) {
    lost_terms(one, other, height, width, weights, constants, out);
}
#endif

/* What contrast and structure, luminance, and both at once lose, summed over all places that the window fits into, of
 * planes (height, width) that are no smaller than it. */
EXPORTED void srdata_ssim_terms(const double *one, const double *other, int64_t height, int64_t width,
    const double *weights, const double *constants, double *out) {
    FITTING(lost_terms, one, other, height, width, weights, constants, out);
}

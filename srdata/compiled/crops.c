/* Crops of RGB images copied out of memory-mapped blocks, and turned on the way.
 *
 * What `srdata.store.block_reading.crop_rows` does by numpy, torch and OpenCV, to the last bit. Nothing is checked
 * here: whoever calls this knows that what is read is mapped, and that there is room for what is written.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "exported.h"

enum { CHANNELS = 3, LEFT_RIGHT = 1, TOP_BOTTOM = 2, TRANSPOSES = 4 };
enum { AHEAD = 16, CACHE_LINE = 64 };

typedef unsigned char byte;

/* A crop, in the two rows and two columns of blocks that it touches at most. */
typedef struct {
    const byte *upper[2], *lower[2]; /* its first pixels in the blocks of both columns */
    ptrdiff_t rows;                  /* of it that lie in the upper blocks */
    ptrdiff_t step[2];               /* bytes from row to row in both columns */
    size_t bytes[2];                 /* of a row of it in both columns */
} crop;

static const byte *start_of(const crop *one, ptrdiff_t row, int column) {
    const byte *first = row < one->rows ? one->upper[column] : one->lower[column];
    return first + (row < one->rows ? row : row - one->rows) * one->step[column];
}

static void copy_row(const crop *one, ptrdiff_t row, byte *out) {
    for (int column = 0; column < 2; column++) {
        memcpy(out, start_of(one, row, column), one->bytes[column]);
        out += one->bytes[column];
    }
}

/* Rows lie in pages of their own, of which a processor asks for none before it is there. */
static void ask_for_row(const crop *one, ptrdiff_t row) {
#ifdef __GNUC__
    for (int column = 0; column < 2; column++)
        for (size_t at = 0; at < one->bytes[column]; at += CACHE_LINE)
            __builtin_prefetch(start_of(one, row, column) + at);
#endif
}

static void copy_pixel(byte *out, const byte *in) {
    out[0] = in[0];
    out[1] = in[1];
    out[2] = in[2];
}

#ifdef VECTORS
#define chosen __builtin_shufflevector
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint32_t pixels4 __attribute__((vector_size(16)));

static VECTORISED pixels4 load_pixels(const byte *in) { /* four, of the 16 bytes there */
    bytes16 found;
    memcpy(&found, in, 16);
    return (pixels4)chosen(found, found, 0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
}

static VECTORISED void store_pixels(byte *out, pixels4 pixels) {
    bytes16 dense = (bytes16)pixels;
    dense = chosen(dense, dense, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15, 15, 15);
    memcpy(out, &dense, 4 * CHANNELS);
}
#endif

/* A row from right to left. */
static VECTORISED void mirror_row(const byte *in, ptrdiff_t width, byte *out) {
    ptrdiff_t x = 0;
#ifdef VECTORS
    for (; x + 5 < width; x += 5) { /* pixels, and the byte before them, over which the next ones are written */
        bytes16 found;
        memcpy(&found, in + CHANNELS * (width - 5 - x) - 1, 16);
        found = chosen(found, found, 13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, 0);
        memcpy(out + CHANNELS * x, &found, 16);
    }
#endif
    for (; x < width; x++) copy_pixel(out + CHANNELS * x, in + CHANNELS * (width - 1 - x));
}

/* A square whose columns become rows, each `step` bytes after the one before. */
static VECTORISED void transpose(const byte *in, ptrdiff_t side, byte *out, ptrdiff_t step) {
    ptrdiff_t line = CHANNELS * side, right = 0, down = 0;
#ifdef VECTORS
    for (; right + 5 < side; right += 4) /* 16 bytes are read of four pixels */
        for (down = 0; down + 3 < side; down += 4) {
            const byte *from = in + down * line + CHANNELS * right;
            byte *to = out + right * step + CHANNELS * down;
            pixels4 a = load_pixels(from), b = load_pixels(from + line);
            pixels4 c = load_pixels(from + 2 * line), d = load_pixels(from + 3 * line);
            pixels4 ab = chosen(a, b, 0, 4, 1, 5), cd = chosen(c, d, 0, 4, 1, 5);
            store_pixels(to, chosen(ab, cd, 0, 1, 4, 5));
            store_pixels(to + step, chosen(ab, cd, 2, 3, 6, 7));
            ab = chosen(a, b, 2, 6, 3, 7), cd = chosen(c, d, 2, 6, 3, 7);
            store_pixels(to + 2 * step, chosen(ab, cd, 0, 1, 4, 5));
            store_pixels(to + 3 * step, chosen(ab, cd, 2, 3, 6, 7));
        }
#endif
    for (ptrdiff_t y = 0; y < side; y++)
        for (ptrdiff_t x = y < down ? right : 0; x < side; x++)
            copy_pixel(out + x * step + CHANNELS * y, in + y * line + CHANNELS * x);
}

static VECTORISED void copy_turned(const crop *one, ptrdiff_t height, ptrdiff_t width, int turn, byte *out,
    byte *spare) {
    ptrdiff_t line = CHANNELS * width;
    int transposes = turn & TRANSPOSES, mirrors = !transposes && (turn & LEFT_RIGHT);
    int upwards = turn & (transposes ? LEFT_RIGHT : TOP_BOTTOM); /* what follows from the other order of rows */
    byte *rows = transposes ? spare : out;
    for (ptrdiff_t y = 0; y < height; y++) {
        byte *row = rows + (upwards ? height - 1 - y : y) * line;
        if (y + AHEAD < height) ask_for_row(one, y + AHEAD);
        copy_row(one, y, mirrors ? spare : row);
        if (mirrors) mirror_row(spare, width, row);
    }
    if (!transposes) return;
    if (turn & TOP_BOTTOM)
        transpose(spare, width, out + (width - 1) * line, -line);
    else
        transpose(spare, width, out, line);
}

/* Finds a crop at `top` and `left` of an image that is `whole` pixels wide, and whose blocks lie at `places` row by
 * row; gives 0 where one that it touches is not known. */
static int find_crop(const int64_t *places, int64_t origin, int64_t whole, int64_t top, int64_t left, int64_t height,
    int64_t width, int64_t side, crop *one) {
    int64_t columns = (whole + side - 1) / side, across = left / side, number = top / side * columns + across;
    top %= side, left %= side;
    int64_t below = top + height > side ? columns : 0, beside = left + width > side;
    for (int column = 0; column < 2; column++, number += beside, across += beside, left = 0) {
        int64_t rest = whole - across * side, within = beside ? side - left : width;
        int64_t upper = places[number], lower = places[number + below];
        if (!upper || !lower) return 0;
        one->step[column] = CHANNELS * (rest < side ? rest : side);
        one->upper[column] = (const byte *)(intptr_t)(origin + upper) + top * one->step[column] + CHANNELS * left;
        one->lower[column] = (const byte *)(intptr_t)(origin + lower) + CHANNELS * left;
        one->bytes[column] = column ? (size_t)(CHANNELS * width) - one->bytes[0] : (size_t)(CHANNELS * within);
    }
    one->rows = side - top;
    return 1;
}

/* Fills `out` with crops no larger than the side of a block; where a block of one of them is not known, it does nothing
 * and gives 0. Of each, `crops` holds six numbers, the last three of which are the width of its image, its top and its
 * left; and `firsts` the number of the first block of its image, by which `places` holds addresses less `origin`, or 0.
 * `turns` may be null, and crops that are turned are square. `spare` has room for one crop. */
EXPORTED VECTORISED int srdata_copy_crops(const int64_t *places, int64_t origin, const int64_t *firsts,
    const int64_t *crops, int64_t count, int64_t height, int64_t width, int64_t side, const int64_t *turns, byte *out,
    byte *spare) {
    for (int copies = 0; copies < 2; copies++) /* the first time they are only looked for */
        for (int64_t i = 0; i < count; i++) {
            const int64_t *given = crops + 6 * i;
            crop one;
            if (!find_crop(places + firsts[i], origin, given[3], given[4], given[5], height, width, side, &one))
                return 0;
            byte *there = out + i * height * width * CHANNELS;
            if (copies) copy_turned(&one, height, width, turns ? (int)turns[i] : 0, there, spare);
        }
    return 1;
}

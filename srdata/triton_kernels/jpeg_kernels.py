"""JPEG by two kernels in 32-bit integers: coding and decoding blocks, then putting the picture together.

`srdata.degrade.lossy.jpeg` says what is followed of libjpeg-turbo, and gives the numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCKS = 8  # that a program codes
_SPOTS = 512  # pixels that a program puts together

_SIZES = ["height", "width", "small_height", "small_width", "luma", "plane"]
_STEPS = [
    "of_image",
    "of_channel",
    "of_row",
    "of_column",
    "step_row",
    "step_image",
    "step_table",
    "step_column",
]
_COUNTS = ["last_table", "groups", "of_chroma"]


class Chroma(NamedTuple):
    """How chroma is made smaller, and grown again."""

    across: int = 1  # columns of the picture for one sample
    down: int = 1
    shrink_bias: tuple[int, int] = (0, 0)  # of even and odd columns, added to the sum of a cell
    grow_bias: tuple[int, int] = (0, 0)  # of even and odd columns, added to the sum of 4 or 16 parts
    smooth: bool = False  # otherwise samples are repeated


class Numbers(NamedTuple):
    """What comes from tables, float32 on the device of the images."""

    basis: Tensor  # (function, sample), times 2**13
    steps: Tensor  # (row, image, table, column): of quantisation, the last table for chroma
    to_ycc: Tensor  # (3, 3)
    offsets: Tensor  # (3,), added to that
    to_rgb: Tensor  # (3, 2): of both chroma planes


def coded(image: Tensor, numbers: Numbers, chroma: Chroma) -> Tensor:
    """The batch (N, 1 or 3, H, W), uint8 or float32 in 0 … 1, as it comes back from JPEG files."""
    count, channels, height, width = image.shape
    small = -(-height // chroma.down), -(-width // chroma.across)
    luma, plane = (_in_blocks(*size) for size in ((height, width), small if channels == 3 else (0, 0)))
    groups, of_chroma = triton.cdiv(luma, _BLOCKS), triton.cdiv(plane, _BLOCKS)
    samples = torch.empty(count, (luma + 2 * plane) * 64, dtype=torch.uint8, device=image.device)
    result = torch.empty(image.shape, dtype=image.dtype, device=image.device)
    kinds = channels == 3, image.dtype == torch.float32
    with torch.cuda.device_of(image):
        _code[groups + 2 * of_chroma, count](
            image, samples, *numbers[:4], height, width, *small, *image.stride(), *numbers.steps.stride(),
            numbers.steps.shape[2] - 1, luma * 64, plane * 64, groups, of_chroma,
            chroma.across, chroma.down, *chroma.shrink_bias, *kinds, _BLOCKS,
            enable_fp_fusion=False,  # a product not rounded by itself would make other levels of floats
        )  # fmt: skip
        _put_together[triton.cdiv(height * width, _SPOTS), count](
            samples, result, numbers.to_rgb, height, width, *small, luma * 64, plane * 64,
            chroma.across, chroma.down, *chroma.grow_bias, chroma.smooth, *kinds, _SPOTS,
            enable_fp_fusion=False,
        )  # fmt: skip
    return result


def _in_blocks(height: int, width: int) -> int:
    return -(-height // 8) * -(-width // 8)


@triton.jit(do_not_specialize=[*_SIZES, *_STEPS, *_COUNTS])  # or each size would be compiled anew
def _code(
    image, samples, basis, steps, to_ycc, offsets, height, width, small_height, small_width,
    of_image, of_channel, of_row, of_column, step_row, step_image, step_table, step_column,
    last_table, luma, plane, groups, of_chroma,
    ACROSS: tl.constexpr, DOWN: tl.constexpr, EVEN: tl.constexpr, ODD: tl.constexpr,
    COLOURED: tl.constexpr, FLOAT: tl.constexpr, BLOCKS: tl.constexpr,
):  # fmt: skip
    """A group of blocks of one plane: luma first, then what there is of chroma."""
    number, group = tl.program_id(1).to(tl.int64), tl.program_id(0)
    pixels, table = image + number * of_image, steps + number * step_image
    goal = samples + number * (luma + 2 * plane)
    if group < groups:
        _code_plane(
            pixels, goal, basis, table, to_ycc, offsets, group, height, width, height, width,
            of_channel, of_row, of_column, step_row, step_column, 1, 1, 0, 0, COLOURED, FLOAT, BLOCKS,
        )  # fmt: skip
    else:
        which = (group - groups) // of_chroma
        _code_plane(
            pixels, goal + luma + which * plane, basis, table + last_table * step_table,
            to_ycc + 3 * (1 + which), offsets + 1 + which, (group - groups) % of_chroma,
            small_height, small_width, height, width,
            of_channel, of_row, of_column, step_row, step_column, ACROSS, DOWN, EVEN, ODD,
            COLOURED, FLOAT, BLOCKS,
        )  # fmt: skip


@triton.jit
def _code_plane(
    pixels, goal, basis, table, mixture, offset, group, plane_height, plane_width, height, width,
    of_channel, of_row, of_column, step_row, step_column,
    ACROSS: tl.constexpr, DOWN: tl.constexpr, EVEN: tl.constexpr, ODD: tl.constexpr,
    COLOURED: tl.constexpr, FLOAT: tl.constexpr, BLOCKS: tl.constexpr,
):  # fmt: skip
    block, place = group * BLOCKS + tl.arange(0, BLOCKS), tl.arange(0, 8)
    across, down = tl.cdiv(plane_width, 8), tl.cdiv(plane_height, 8)
    row = (block // across * 8)[:, None, None] + place[None, :, None]
    column = (block % across * 8)[:, None, None] + place[None, None, :]
    total = tl.zeros([BLOCKS, 8, 8], tl.int32)
    for lower in tl.static_range(DOWN):
        for right in tl.static_range(ACROSS):
            # rows of chroma are repeated, but columns of the picture
            y = tl.minimum(tl.minimum(row, plane_height - 1) * DOWN + lower, height - 1)
            x = tl.minimum(column * ACROSS + right, width - 1)
            total += _centred(
                pixels + y * of_row + x * of_column, of_channel, mixture, offset, COLOURED, FLOAT
            )
    if ACROSS * DOWN > 1:
        total = (total + tl.where(column % 2 == 0, EVEN, ODD)) >> (ACROSS * DOWN // 2)
    step = tl.load(table + place[:, None] * step_row + place[None, :] * step_column).to(tl.int32)
    levels = _decoded(_quantised(total, step[None], basis), step[None], basis)
    tl.store(goal + row * (across * 8) + column, levels.to(tl.uint8), (block < across * down)[:, None, None])


@triton.jit
def _centred(pixel, of_channel, mixture, offset, COLOURED: tl.constexpr, FLOAT: tl.constexpr):
    """A sample of the plane less 128."""
    if COLOURED:
        mixed = _level(pixel, FLOAT) * _fixed(mixture) + _fixed(offset)
        mixed += _level(pixel + of_channel, FLOAT) * _fixed(mixture + 1)
        mixed += _level(pixel + 2 * of_channel, FLOAT) * _fixed(mixture + 2)
        return mixed >> 16
    else:
        return _level(pixel, FLOAT) - 128


@triton.jit
def _fixed(number):
    return (tl.load(number) * 65536).to(tl.int32)


@triton.jit
def _level(pixel, FLOAT: tl.constexpr):
    """The nearest 8-bit level, ties to even: that is what float32 keeps of a number beside 1.5 * 2**23."""
    sample = tl.load(pixel)
    if FLOAT:
        sample = (tl.minimum(tl.maximum(sample, 0.0), 1.0) * 255.0 + 12582912.0) - 12582912.0
    return sample.to(tl.int32)


@triton.jit
def _quantised(samples, step, basis):
    """The multiple of the step that each coefficient (block, row, column) is nearest to."""
    function, sample = tl.arange(0, 8)[:, None], tl.arange(0, 8)[None, :]
    matrix = tl.load(basis + function * 8 + sample).to(tl.int32)
    rows = (tl.sum(samples[:, :, None, :] * matrix[None, None], 3) + (1 << 10)) >> 11
    coefficients = (tl.sum(rows[:, None] * matrix[None, :, :, None], 2) + (1 << 14)) >> 15
    nearest = (tl.abs(coefficients) + 4 * step) // (8 * step)  # they are eight times too large
    return tl.where(coefficients < 0, -nearest, nearest)


@triton.jit
def _decoded(multiples, step, basis):
    """The samples 0 … 255."""
    function, sample = tl.arange(0, 8)[:, None], tl.arange(0, 8)[None, :]
    matrix = tl.load(basis + function * 8 + sample).to(tl.int32)
    middle = tl.where(function + sample == 0, 128 * 8, 0)
    coefficients = multiples * step + middle[None]
    columns = (tl.sum(coefficients[:, :, None, :] * matrix[None, :, :, None], 1) + (1 << 10)) >> 11
    samples = (tl.sum(columns[:, :, :, None] * matrix[None, None], 2) + (1 << 17)) >> 18
    return tl.minimum(tl.maximum(samples, 0), 255)


@triton.jit(do_not_specialize=_SIZES)
def _put_together(
    samples, result, to_rgb, height, width, small_height, small_width, luma, plane,
    ACROSS: tl.constexpr, DOWN: tl.constexpr, LEFT: tl.constexpr, RIGHT: tl.constexpr, SMOOTH: tl.constexpr,
    COLOURED: tl.constexpr, FLOAT: tl.constexpr, SPOTS: tl.constexpr,
):  # fmt: skip
    """Pixels of an image out of its planes."""
    number, spot = tl.program_id(1).to(tl.int64), tl.program_id(0) * SPOTS + tl.arange(0, SPOTS)
    area = height * width
    inside = spot < area
    y, x = spot // width, spot % width
    source = samples + number * (luma + 2 * plane)
    light = tl.load(source + y * (tl.cdiv(width, 8) * 8) + x, inside, 0).to(tl.int32)
    if COLOURED:
        blue = _grown(
            source + luma, y, x, small_height, small_width, inside, ACROSS, DOWN, LEFT, RIGHT, SMOOTH
        )
        red = _grown(
            source + luma + plane, y, x, small_height, small_width, inside, ACROSS, DOWN, LEFT, RIGHT, SMOOTH
        )
        for channel in tl.static_range(3):
            colour = blue * _fixed(to_rgb + 2 * channel) + red * _fixed(to_rgb + 2 * channel + 1)
            level = tl.minimum(tl.maximum(light + ((colour + (1 << 15)) >> 16), 0), 255)
            _store(result + (number * 3 + channel) * area + spot, level, inside, FLOAT)
    else:
        _store(result + number * area + spot, light, inside, FLOAT)


@triton.jit
def _grown(
    plane, y, x, height, width, inside,
    ACROSS: tl.constexpr, DOWN: tl.constexpr, LEFT: tl.constexpr, RIGHT: tl.constexpr, SMOOTH: tl.constexpr,
):  # fmt: skip
    """Chroma less 128 at pixels of the picture: three parts of the sample there, one of that beside it."""
    wide, row, column = tl.cdiv(width, 8) * 8, y // DOWN, x // ACROSS
    if SMOOTH:
        beside = tl.minimum(tl.maximum(column + tl.where(x % 2 == 0, -1, 1), 0), width - 1)
        total = _three_to_one(plane + row * wide, column, beside, inside)
        if DOWN == 2:
            other = tl.minimum(tl.maximum(row + tl.where(y % 2 == 0, -1, 1), 0), height - 1)
            total = 3 * total + _three_to_one(plane + other * wide, column, beside, inside)
        return ((total + tl.where(x % 2 == 0, LEFT, RIGHT)) >> (2 * DOWN)) - 128
    else:
        return tl.load(plane + row * wide + column, inside, 0).to(tl.int32) - 128


@triton.jit
def _three_to_one(line, near, far, inside):
    return 3 * tl.load(line + near, inside, 0).to(tl.int32) + tl.load(line + far, inside, 0).to(tl.int32)


@triton.jit
def _store(place, level, inside, FLOAT: tl.constexpr):
    if FLOAT:
        tl.store(place, level.to(tl.float32) * (1 / 255), inside)
    else:
        tl.store(place, level.to(tl.uint8), inside)

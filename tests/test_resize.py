"""imresize: its rules, by comparison with the definition written out one output pixel at a time."""

from __future__ import annotations

import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from srdata.errors import UnknownNameError, UsageError
from srdata.resize import imresize
from srdata.resize.interpolation_kernels import KERNELS

NOISE = np.random.default_rng(5).integers(0, 256, (37, 52, 3), dtype=np.uint8)


def sinc(x):
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0


def cubic(x):
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2


# name -> (half width, the kernel within it as a function of the distance)
DEFINITIONS = {
    "bicubic": (2, cubic),
    "bilinear": (1, lambda x: 1 - x),
    "lanczos2": (2, lambda x: sinc(x) * sinc(x / 2)),
    "lanczos3": (3, lambda x: sinc(x) * sinc(x / 3)),
    "box": (0.5, lambda x: 1.0),
}


def by_definition(row, size, ratio, kernel, antialias=True, border="symmetric"):
    """Every output of one row: the input pixels around its centre, weighted by their distance."""
    half, weigh = DEFINITIONS[kernel]
    stretch = max(1 / ratio, 1) if antialias else 1
    outputs = []
    for i in range(size):
        centre = (i + 0.5) / ratio - 0.5
        reach = range(math.floor(centre - half * stretch) - 1, math.ceil(centre + half * stretch) + 2)
        near = [(j, abs(centre - j) / stretch) for j in reach]
        weights = [(j, weigh(distance)) for j, distance in near if distance < half]
        total = sum(weight for _, weight in weights)
        outputs.append(sum(weight * row[beyond(j, len(row), border)] for j, weight in weights) / total)
    return np.array(outputs)


def beyond(j, length, border):
    if border == "replicate":
        return min(max(j, 0), length - 1)
    while not 0 <= j < length:
        j = -1 - j if j < 0 else 2 * length - 1 - j
    return j


@pytest.mark.parametrize("border", ["symmetric", "replicate"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("kernel", DEFINITIONS)
@pytest.mark.parametrize("length", [1, 2, 7, 40])
@pytest.mark.parametrize("ratio", [0.13, 0.41, 0.73, 1.37, 3.07])  # no kernel ends at a pixel's centre
def test_an_axis_is_resized_as_defined(ratio, length, kernel, antialias, border):
    row = np.random.default_rng(length).normal(size=length)
    resized = imresize(row[:, None], (ratio, 1), kernel=kernel, antialias=antialias, border=border)[:, 0]
    wanted = by_definition(row, math.ceil(length * ratio), ratio, kernel, antialias, border)
    np.testing.assert_allclose(resized, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("ratio", [Fraction(1, 4), Fraction(1, 2), Fraction(3)])
@pytest.mark.parametrize(
    ("kernel", "pillow"),
    [("bicubic", "BICUBIC"), ("lanczos3", "LANCZOS"), ("bilinear", "BILINEAR"), ("box", "BOX")],
)
def test_pillow_agrees_away_from_the_border(kernel, pillow, ratio):
    image = NOISE[:32, :48, 0].astype(np.float32)
    wide = Image.fromarray(np.pad(image, 16, mode="symmetric"))
    margin = int(16 * ratio)
    resized = wide.resize([int(side * ratio) for side in wide.size], Image.Resampling[pillow])
    wanted = np.asarray(resized)[margin:-margin, margin:-margin]
    np.testing.assert_allclose(imresize(image, ratio, kernel=kernel), wanted, atol=1e-3)


def test_nearest_is_not_stretched():
    row = np.arange(12.0)[None]
    assert imresize(row, (1, 1 / 3), kernel="nearest").tolist() == [[1, 4, 7, 10]]
    assert imresize(row, (1, 1 / 4), kernel="box").tolist() == [[1.5, 5.5, 9.5]]
    assert imresize(row, (1, 1 / 4), kernel="nearest").tolist() == [[2, 6, 10]]
    assert imresize(row[:, :2], (2, 2), kernel="nearest").tolist() == [[0, 0, 1, 1]] * 2


@pytest.mark.parametrize(
    ("length", "scale", "size"),
    [
        (300, 1 / 3, 100),
        (300, Fraction(1, 3), 100),
        (301, 1 / 4, 76),
        (50, 0.14, 7),
        (7, 0.1, 1),
        (1, 1 / 8, 1),
        (1, 3, 3),
        (5, 1.5, 8),
        (2040, 1 / 1.5, 1360),
        (100, np.float32(0.25), 25),
        (9, 0.1 + 0.2, 3),
        (6, 1, 6),
    ],
)
def test_the_size_is_the_scaled_size_rounded_up(length, scale, size):
    assert 50 * 0.14 > 7  # in floating point, which must not add a pixel
    assert imresize(np.zeros((length, 2)), (scale, 1)).shape == (size, 2)


def test_every_third_of_a_size_is_exact():
    assert [imresize(np.zeros((3 * n, 1)), (1 / 3, 1)).shape[0] for n in range(1, 200)] == list(range(1, 200))


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 3, 4])),
    level=st.integers(0, 255),
    scale=st.sampled_from([1 / 8, 1 / 4, 1 / 3, 1 / 2, 1 / 1.5, 0.7, 1, 1.3, 2, 3, 4]),
    kernel=st.sampled_from(sorted(KERNELS)),
    border=st.sampled_from(["symmetric", "replicate"]),
    rounding=st.sampled_from(["each-pass", "once"]),
)
@settings(deadline=None, max_examples=150)
def test_a_constant_image_stays_constant(shape, level, scale, kernel, border, rounding):
    image = np.full(shape, level, np.uint8)
    resized = imresize(image, scale, kernel=kernel, border=border, rounding=rounding)
    assert resized.dtype == np.uint8
    assert (resized == level).all()


def test_each_axis_by_itself():
    image = NOISE.astype(float)
    for scale in (1 / 4, 0.7, 2):
        apart = imresize(imresize(image, (scale, 1)), (1, scale))
        np.testing.assert_allclose(imresize(image, scale), apart, atol=1e-10)


def test_the_axis_that_shrinks_most_goes_first():
    image = NOISE[:36]
    columns_first = imresize(imresize(image, (1, 1 / 4)), (1 / 2, 1))
    rows_first = imresize(imresize(image, (1 / 2, 1)), (1, 1 / 4))
    assert (columns_first != rows_first).any()
    assert (imresize(image, (1 / 2, 1 / 4)) == columns_first).all()
    assert (imresize(image, size=(18, 13)) == columns_first).all()
    equal = imresize(imresize(image, (1 / 4, 1)), (1, 1 / 4))
    assert (imresize(image, 1 / 4) == equal).all()


def test_only_rounding_in_between_tells_rows_from_columns():
    turned = NOISE.swapaxes(0, 1)
    for image, options in [(NOISE, {"rounding": "once"}), (NOISE / 255, {})]:
        wanted = imresize(image, 1 / 4, **options)
        again = imresize(image.swapaxes(0, 1), 1 / 4, **options).swapaxes(0, 1)
        np.testing.assert_allclose(again, wanted, rtol=0, atol=1e-12)
    assert (imresize(turned, 1 / 4).swapaxes(0, 1) != imresize(NOISE, 1 / 4)).any()


def test_halves_are_rounded_up_and_out_of_range_is_clamped():
    pair = np.array([[0, 1, 2, 3]], np.uint8)
    assert imresize(pair, (1, 1 / 2), kernel="box").tolist() == [[1, 3]]  # 0.5 and 2.5
    edge = np.repeat(np.array([[0, 255]], np.uint8), 8, axis=1)
    double = imresize(edge.astype(float), (1, 2))
    assert double.min() < -10
    assert double.max() > 265
    assert (imresize(edge, (1, 2)) == np.clip(np.floor(double + 0.5), 0, 255)).all()


def test_sixteen_bits():
    image = NOISE.astype(np.uint16) * 257
    resized = imresize(image, 1 / 4)
    assert resized.dtype == np.uint16
    assert np.abs(resized / 257.0 - imresize(NOISE.astype(float), 1 / 4).clip(0, 255)).max() < 0.01
    once = np.floor(imresize(image.astype(float), 1 / 4) + 0.5).clip(0, 65535)
    assert (imresize(image, 1 / 4, rounding="once") == once).all()


def test_floats_are_neither_rounded_nor_clamped():
    for dtype in (np.float16, np.float32, np.float64):
        image = (NOISE.astype(float) / 100).astype(dtype)
        resized = imresize(image, 2)
        assert resized.dtype == np.float64
        np.testing.assert_allclose(resized, imresize(image.astype(float), 2))


def test_an_odd_layout_in_memory_does_not_matter():
    wanted = imresize(NOISE, 1 / 4)
    fortran = np.asfortranarray(NOISE)
    sliced = np.zeros((37, 104, 5), np.uint8)[:, ::2, 1:4]
    sliced[...] = NOISE
    backwards = NOISE[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1]
    for image in (fortran, sliced, backwards):
        assert (imresize(image, 1 / 4) == wanted).all()
        assert (imresize(image, (1 / 2, 1 / 4)) == imresize(NOISE, (1 / 2, 1 / 4))).all()
    grey = np.stack([imresize(NOISE[..., channel], 1 / 4) for channel in range(3)], axis=2)
    assert (grey == wanted).all()
    assert (imresize(NOISE[..., :2], 1 / 4) == wanted[..., :2]).all()


def test_the_input_is_never_written():
    for image in (NOISE.copy(), NOISE.astype(float)):
        before = image.copy()
        image.setflags(write=False)
        for options in ({}, {"rounding": "once"}, {"kernel": "lanczos3"}):
            assert not np.shares_memory(imresize(image, 1, **options), image)
        assert (image == before).all()


def test_extreme_shapes():
    assert imresize(np.full((1, 1), 9, np.uint8), 1 / 4).tolist() == [[9]]
    assert imresize(np.full((1, 1, 3), 9, np.uint8), size=(3, 2)).shape == (3, 2, 3)
    assert imresize(NOISE[:1], 1 / 8).shape == (1, 7, 3)
    assert imresize(NOISE[:, :1], 1 / 8).shape == (5, 1, 3)
    long = np.random.default_rng(0).integers(0, 256, 9000, dtype=np.uint8)
    wanted = by_definition(long.astype(float), 2250, 1 / 4, "bicubic")
    levels = np.clip(np.floor(wanted + 0.5), 0, 255)
    assert (imresize(long[None], (1, 1 / 4)) == levels).all()
    assert (imresize(long[:, None], (1 / 4, 1))[:, 0] == levels).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either scale= or size="),
        ({"scale": 2, "size": (4, 4)}, "either scale= or size="),
        ({"scale": 0}, "scale 0 must be a number above 0"),
        ({"scale": -1.0}, "scale -1.0 must be a number above 0"),
        ({"scale": math.nan}, "scale nan must be a number above 0"),
        ({"scale": math.inf}, "scale inf must be a number above 0"),
        ({"scale": True}, "scale True must be a number above 0"),
        ({"scale": "4"}, "scale '4' must be a number above 0"),
        ({"scale": 1e-9}, "out of range"),
        ({"scale": (1, 2, 3)}, "must be two numbers"),
        ({"size": (0, 4)}, "size 0 must be a whole number of pixels"),
        ({"size": (4, 2.5)}, "size 2.5 must be a whole number of pixels"),
        ({"size": (4, True)}, "size True must be a whole number of pixels"),
        ({"size": 4}, "size 4 must be two numbers"),
        ({"size": "44"}, "must be a whole number of pixels"),
        ({"scale": 2, "kernel": "bicubik"}, "unknown kernel 'bicubik', did you mean 'bicubic'?"),
        ({"scale": 2, "border": "reflect"}, "unknown border 'reflect'"),
        ({"scale": 2, "rounding": "twice"}, "unknown rounding 'twice'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(UsageError) as caught:
        imresize(NOISE, **arguments)
    assert message in str(caught.value)
    assert isinstance(caught.value, UnknownNameError) == message.startswith("unknown")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ([[1, 2], [3, 4]], "not a list"),
        (np.zeros((4, 4), bool), "not bool"),
        (np.zeros((4, 4), complex), "not complex128"),
        (np.zeros((4, 4), np.int64), "not int64"),
        (np.zeros((0, 4), np.uint8), "of shape (0, 4)"),
        (np.zeros(4, np.uint8), "of shape (4,)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "of shape (2, 4, 4, 3)"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(UsageError) as caught:
        imresize(image, 1 / 2)
    assert message in str(caught.value)


@pytest.mark.parametrize(("code", "loaded"), [("", "False"), ("import srdata.resize.on_tensors", "True")])
def test_resizing_a_numpy_image_does_not_load_torch(code, loaded):
    script = f"""import sys, numpy
import srdata.resize
{code}
srdata.resize.imresize(numpy.zeros((8, 8), numpy.uint8), 1 / 2)
print("torch" in sys.modules)"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == loaded

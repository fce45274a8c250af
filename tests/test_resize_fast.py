"""The fast way for uint8 equals the reference in float64, and both equal exact fractions at the halves."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srdata.compiled.library import library
from srdata.resize import fast_uint8, imresize, reference
from srdata.resize.taps import reach, taps

SCALES = (1 / 16, 1 / 8, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 0.37, 1 / 2, 1 / 1.5, 0.7, 1, 1.3, 1.5, 2, 3, 4, 8)
KERNELS = ("bicubic", "bilinear", "lanczos2", "lanczos3", "box", "nearest")
LOSSLESS = {
    ("bicubic", 1 / 2),
    ("bicubic", 1 / 4),
    ("bicubic", 2),
    ("bicubic", 4),
    ("box", 1 / 8),
    ("bilinear", 1 / 8),
}


@pytest.fixture(params=["numpy", "compiled"], scope="module", autouse=True)
def way(request):
    """What is the same by the compiled library, where there is one, and without it."""
    if request.param == "compiled" and library() is None:
        pytest.skip("there is no compiled library: python -m srdata.compiled.build_library")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            patch.setattr(fast_uint8, "compiled_for", lambda rows: False)
        yield


def table_of(length, scale, kernel="bicubic"):
    return taps(length, math.ceil(round(length * scale, 6)), scale, kernel, True)


def by_reference(rows, table, border):
    return reference.to_levels(reference.resample(rows, table, border), rows.dtype)


def pictures(length, width):
    """Images that reach every extreme: noise, black against white in each period, edges, near-constants."""
    rng = np.random.default_rng(length * width)
    y, x = np.mgrid[:length, :width]
    yield rng.integers(0, 256, (length, width), dtype=np.uint8)
    yield (255 * rng.integers(0, 2, (length, width))).astype(np.uint8)
    yield rng.integers(126, 129, (length, width), dtype=np.uint8)
    yield ((x * y) % 256).astype(np.uint8)
    for period in (1, 2, 3, 4, 7):
        yield (255 * ((x // period + y // period) % 2)).astype(np.uint8)


@pytest.mark.parametrize("border", ["symmetric", "replicate"])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", SCALES)
def test_no_sample_differs_from_the_reference(scale, kernel, border):
    for length in (1, 3, 111):
        table = table_of(length, scale, kernel)
        for rows in pictures(length, 97):
            assert (fast_uint8.resample(rows, table, border) == by_reference(rows, table, border)).all()


@given(
    length=st.integers(1, 300),
    width=st.integers(1, 40),
    scale=st.one_of(st.sampled_from(SCALES), st.floats(0.02, 6)),
    kernel=st.sampled_from(KERNELS),
    border=st.sampled_from(["symmetric", "replicate"]),
    seed=st.integers(0, 2**32),
    lowest=st.sampled_from([0, 100, 250]),
)
@settings(deadline=None, max_examples=300)
def test_no_sample_differs_on_any_size(length, width, scale, kernel, border, seed, lowest):
    rows = np.random.default_rng(seed).integers(lowest, 256, (length, width), dtype=np.uint8)
    table = table_of(length, scale, kernel)
    assert (fast_uint8.resample(rows, table, border) == by_reference(rows, table, border)).all()


def test_blocks_that_are_alike_are_done_together():
    rows = np.random.default_rng(2).integers(0, 256, (1300, 530), dtype=np.uint8)
    for scale in (1 / 4, 1 / 3):
        table = table_of(1300, scale)
        runs = fast_uint8.runs(table, "replicate")
        assert max(run.count for run in runs) == fast_uint8.IN_RUN
        assert [run.outputs.start for run in runs[1:]] == [run.outputs.stop for run in runs[:-1]]
        assert (fast_uint8.resample(rows, table, "replicate") == by_reference(rows, table, "replicate")).all()


def test_wide_images_are_done_in_several_blocks():
    rows = np.random.default_rng(1).integers(0, 256, (90, 5000), dtype=np.uint8)
    for scale in (1 / 4, 1 / 3, 0.7):
        table = table_of(90, scale)
        assert len(fast_uint8.blocks(table, "symmetric")) > 1
        assert (fast_uint8.resample(rows, table, "symmetric") == by_reference(rows, table, "symmetric")).all()


def test_which_scales_float32_holds_exactly():
    for kernel, scale in LOSSLESS:
        assert fast_uint8.exact_step(table_of(240, scale, kernel)) > 0
    for kernel, scale in [("bicubic", 1 / 3), ("bicubic", 1 / 8), ("bicubic", 0.7), ("lanczos3", 1 / 2)]:
        assert fast_uint8.exact_step(table_of(240, scale, kernel)) == 0


def halves(rows, table):
    """How many exact sums, in fractions, lie half between two levels; and all sums rounded half up."""
    indices = reach(table.first[:, None] + np.arange(table.weights.shape[1]), table.length, "symmetric")
    weights = [[Fraction(weight).limit_denominator(10**6) for weight in row] for row in table.weights]
    sums = [
        sum(w * int(rows[i, 0]) for w, i in zip(*row, strict=True))
        for row in zip(weights, indices, strict=True)
    ]
    half = sum(total % 1 == Fraction(1, 2) for total in sums)
    return half, [min(max(math.floor(total + Fraction(1, 2)), 0), 255) for total in sums]


@pytest.mark.parametrize(
    ("scale", "are_there"), [(1 / 2, True), (1 / 4, True), (1 / 3, False), (1 / 5, False), (2, True)]
)
def test_halves_are_rounded_up_as_in_exact_arithmetic(scale, are_there):
    rows = np.random.default_rng(3).integers(0, 256, (16000, 1), dtype=np.uint8)
    table = table_of(len(rows), scale)
    count, wanted = halves(rows, table)
    assert (count > 0) == are_there
    assert fast_uint8.resample(rows, table, "symmetric")[:, 0].tolist() == wanted
    assert by_reference(rows, table, "symmetric")[:, 0].tolist() == wanted


@pytest.mark.parametrize(("kernel", "scale"), [("bilinear", 0.7), ("bicubic", 1 / 6), ("bicubic", 0.37)])
def test_without_the_slack_samples_would_differ(monkeypatch, kernel, scale):
    rows = np.random.default_rng(2).integers(0, 256, (600, 900), dtype=np.uint8)
    table = table_of(600, scale, kernel)
    wanted = by_reference(rows, table, "symmetric")
    assert (fast_uint8.resample(rows, table, "symmetric") == wanted).all()
    monkeypatch.setattr(fast_uint8, "slack", lambda table: 0.0)
    assert (fast_uint8.resample(rows, table, "symmetric") != wanted).any()


def test_the_slack_bounds_the_error():
    """The products stray by no more than half the slack: it was doubled for safety."""
    for kernel in ("bicubic", "lanczos3", "bilinear"):
        for scale in (1 / 16, 1 / 3, 0.7, 1.3):
            table = table_of(500, scale, kernel)
            for rows in pictures(500, 211):
                exact = reference.resample(rows, table, "symmetric")
                for block in fast_uint8.blocks(table, "symmetric"):
                    product = block.matrix @ rows[block.first : block.last].astype(np.float32)
                    assert (
                        np.abs(product - exact[block.top : block.bottom]).max() < fast_uint8.slack(table) / 2
                    )


def test_imresize_takes_the_fast_way_for_bytes_alone(monkeypatch):
    image = np.random.default_rng(4).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    calls = []
    resample = fast_uint8.resample

    def counted(rows, taps, border):
        calls.append(rows.shape)
        return resample(rows, taps, border)

    monkeypatch.setattr(fast_uint8, "resample", counted)
    imresize(image.astype(np.uint16), 1 / 4)
    imresize(image, 1 / 4, rounding="once")
    imresize(image.astype(float), 1 / 4)
    assert calls == []
    imresize(image, 1 / 4)
    assert calls == [(40, 180), (60, 30)]

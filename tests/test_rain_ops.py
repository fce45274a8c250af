"""Rain streaks: against lines made by hand, the additive model, and scipy's convolution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from srdata.degrade.ops.rain import RainStreaks, _streak

RAIN = RainStreaks()
BLACK = np.zeros((1, 3, 301, 299), np.float32)
USUAL = {"key": 5, "angle": 20.0, "length": 21.0, "width": 1.0, "density": 1.0, "strength": 100.0}


def test_rain_is_added_alike_to_every_channel_and_clipped(batch: np.ndarray) -> None:
    layer = RAIN.apply(np.zeros_like(batch), [USUAL] * 3)
    assert np.array_equal(layer[:, 0], layer[:, 2])
    assert np.array_equal(RAIN.apply(batch, [USUAL] * 3), np.clip(batch + layer, 0, 1))


def test_upright_and_level_streaks_by_hand() -> None:
    upright = _streak(0.0, 5.0, 1.0)
    assert upright[2:7, 4].tolist() == [1] * 5
    assert upright.sum() == 5
    assert np.allclose(_streak(90.0, 5.0, 1.0), upright.T, atol=1e-6)
    wide = _streak(0.0, 3.0, 3.0)
    assert wide[2:7, 4].tolist() == [1] * 5
    assert wide[4, 2:7].tolist() == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("angle", [-60.0, -20.0, 0.0, 35.0])
def test_streaks_lean_by_their_angle(angle: float) -> None:
    layer = RAIN.apply(BLACK, [{**USUAL, "angle": angle, "length": 41.0}])[0, 0]
    down, across = (ndimage.sobel(layer, axis) for axis in (0, 1))
    doubled = np.arctan2(2 * (down * across).mean(), (across**2 - down**2).mean())
    assert abs((np.degrees(doubled) / 2 - angle + 90) % 180 - 90) < 4


def test_the_amount_of_rain_is_what_was_asked_for() -> None:
    for density, length, width in ((1.0, 21.0, 1.0), (4.0, 11.0, 2.0)):
        layer = RAIN.apply(BLACK, [{**USUAL, "density": density, "length": length, "width": width}])
        expected = density / 1000 * _streak(20.0, length, width).sum() * 0.75 * 100 / 255
        assert abs(layer.mean() / expected - 1) < 0.15
        assert abs(_streak(20.0, length, width).sum() / (length * width) - 1) < 0.15


def test_streaks_are_drops_drawn_out_which_scipy_does_alike() -> None:
    short = RAIN.apply(BLACK, [{**USUAL, "length": 1.0, "width": 1.0, "angle": 0.0}])[0, 0]
    long = RAIN.apply(BLACK, [{**USUAL, "length": 1.0, "width": 1.0, "angle": 45.0}])[0, 0]
    assert np.allclose(short, long, atol=1e-6)
    count = (ndimage.label(short)[1]) / short.size * 1000
    assert 0.8 < count < 1.1


def test_the_border_has_as_much_rain_as_the_middle() -> None:
    params = [{**USUAL, "key": key, "length": 60.0, "density": 2.0} for key in range(20)]
    layers = RAIN.apply(np.zeros((20, 1, 120, 120), np.float32), params)
    assert abs(layers[:, :, :10].mean() / layers[:, :, 55:65].mean() - 1) < 0.15


def test_another_key_gives_other_streaks_and_none_gives_none(batch: np.ndarray) -> None:
    other = {**USUAL, "key": 6}
    assert not np.array_equal(RAIN.apply(batch, [USUAL] * 3), RAIN.apply(batch, [other] * 3))
    for nothing in ({"density": 0.0}, {"strength": 0.0}):
        assert np.array_equal(RAIN.apply(batch, [{**USUAL, **nothing}] * 3), batch)

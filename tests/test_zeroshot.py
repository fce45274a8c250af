"""Zero-shot pairs: fathers are of the image, sons are of their fathers and aligned with them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import ndimage

from srdata import imresize
from srdata.data.single_image.zero_shot import ZeroShot, aligned, downscaled
from srdata.data.single_image.zero_shot_crops import PRESETS, Fathers
from srdata.degrade.numerics.kernel_files import as_correlation
from srdata.errors import UsageError
from srdata.images import Pixels, list_images, read_image
from srdata.rng import generator
from srdata.scale import Scale

SMALL = Fathers(crop=32)


@pytest.fixture(scope="module")
def image(photographs: Path) -> Pixels:
    return read_image(list_images(photographs)[2])[100:200, 100:230]


def ramps(height: int = 90, width: int = 120) -> np.ndarray:
    """Rows in the first channel, columns in the second, 1 in the third: a crop tells where it was taken."""
    rows, columns = np.mgrid[:height, :width] / 256
    return np.stack([rows, columns, np.ones_like(rows)], axis=-1).astype(np.float32)


def numpy_of(tensor: torch.Tensor) -> np.ndarray:
    return tensor.permute(1, 2, 0).numpy()


def test_published_settings() -> None:
    """ZSSR's configs.py: the plain one, the one for a given kernel and the one for real images."""
    ideal, kernel, real = PRESETS["ideal"], PRESETS["kernel"], PRESETS["real"]
    assert ideal == Fathers()
    assert (ideal.crop, ideal.scale, ideal.stretch, ideal.shear) == (128, (0.5, 1.0), 0.25, 0.1)
    assert ideal.odds == {"as_is": 0.05, "turned": 0.45, "affine": 0.5}
    assert (ideal.rotates, kernel.rotates, real.rotates) == (True, False, False)
    assert (kernel.noise, real.noise / 255) == (0, pytest.approx(0.0125))
    assert (real.scale, real.stretch, real.shear) == ((0.75, 1.0), 0, 0)


@pytest.mark.parametrize("scale", [2, 4, "1.6"])
def test_sons_are_the_bicubic_of_their_fathers(image: Pixels, scale) -> None:
    data = ZeroShot(image, scale, fathers=SMALL, batch_size=4, seed=3)
    for step in range(5):
        batch = data.batch(step)
        assert batch.hr.shape == (4, 3, 32, 32)
        assert batch.scale == Scale(scale)
        assert batch.hr.min() >= 0
        assert batch.hr.max() <= 1
        for father, son in zip(batch.hr, batch.lr, strict=True):
            wanted = imresize(numpy_of(father), size=(son.shape[1], son.shape[1])).clip(0, 1)
            np.testing.assert_allclose(numpy_of(son), wanted, atol=1e-6)
    assert batch.lr.shape[2] == 32 / Scale(scale)


def test_fathers_that_are_as_is_or_turned_are_crops_of_the_image_to_the_bit() -> None:
    image, turns = ramps(), []
    data = ZeroShot(image, 2, fathers=Fathers(crop=32, odds={"as_is": 1, "turned": 1}), batch_size=200)
    batch = data.batch(0)
    for father, one in zip(batch.hr, batch.params, strict=True):
        crop = numpy_of(father)
        top, left = (crop[..., :2].min(axis=(0, 1)) * 256).astype(int)
        window = image[top : top + 32, left : left + 32]
        found = [way for way, side in enumerate(all_turns(crop)) if np.array_equal(side, window)]
        assert len(found) == 1
        if one["augment"]["kind"] == "as_is":
            assert found == [0]
        turns += found
    assert set(turns) == set(range(8))


def all_turns(crop: np.ndarray) -> list[np.ndarray]:
    return [np.rot90(side, k) for side in (crop, crop.transpose(1, 0, 2)) for k in range(4)]


def test_every_crop_is_equally_likely() -> None:
    """The first rows and columns of 2000 crops of 32 out of 40x35: 9 by 4 places."""
    form = Fathers(crop=32, odds="as_is")
    corners = np.zeros((9, 4))
    for place in range(2000):
        crop = form.father(ramps(40, 35), form.sample(generator(1, place))["augment"])
        corners[tuple((crop[0, 0, :2] * 256).round().astype(int))] += 1
    assert corners.min() > 0
    assert ((corners - 2000 / 36) ** 2 / (2000 / 36)).sum() < 75  # chi-square of 35: 1e-4


def affine(**told: object) -> dict[str, object]:
    plain = {"kind": "affine", "down": 0.5, "right": 0.5, "scale": 1.0, "stretch": 0.0, "shear": [0.0, 0.0]}
    return {**plain, "angle": 0.0, "mirrored": False, **told}


def test_affine_fathers_by_hand() -> None:
    """Where each pixel of a crop comes from is read from ramps, which bicubic interpolation keeps."""
    image = ramps(81, 121)  # the middle lies on row 40, column 60
    form = Fathers(crop=21)
    offsets = np.mgrid[-10:11, -10:11]  # rows and columns from the middle of the crop

    def places(**told: object) -> np.ndarray:
        return np.moveaxis(form.father(image, affine(**told)) * 256, 2, 0)[:2] - [[[40]], [[60]]]

    np.testing.assert_allclose(places(), offsets, atol=1e-3)
    np.testing.assert_allclose(places(scale=0.5), offsets * 2, atol=1e-3)
    np.testing.assert_allclose(places(mirrored=True), offsets * [[[1]], [[-1]]], atol=1e-3)
    wide = offsets / np.array([0.4, 0.6])[:, None, None]  # 0.2 more across than down
    np.testing.assert_allclose(
        places(scale=0.5, stretch=0.2), wide, atol=0.05
    )  # of OpenCV's 32nds of a pixel
    np.testing.assert_allclose(places(angle=90.0), [offsets[1], -offsets[0]], atol=1e-3)
    down, right = offsets
    sheared = [down - 0.25 * right, right]
    np.testing.assert_allclose(places(shear=[0.0, 0.25]), sheared, atol=0.05)
    corner = places(scale=0.5, down=0.0, right=1.0)
    assert np.abs(corner[0, 0] + 40).max() < 1  # the first row of the image
    assert np.abs(corner[1, :, -1] - 60).max() < 1  # its last column


def test_affine_fathers_hold_nothing_that_is_not_of_the_image() -> None:
    """The third channel of the ramps is 1 everywhere: there is no black, however an image is turned."""
    form = Fathers(crop=64, odds="affine")
    for place in range(100):
        father = form.father(ramps(), form.sample(generator(2, place))["augment"])
        assert father.shape == (64, 64, 3)
        np.testing.assert_allclose(father[..., 2], 1, atol=1e-5)


def test_laws_of_the_draws() -> None:
    drawn = [Fathers().sample(generator(5, place))["augment"] for place in range(6000)]
    kinds = [one["kind"] for one in drawn]
    assert kinds.count("as_is") / 6000 == pytest.approx(0.05, abs=0.012)
    assert kinds.count("turned") / 6000 == pytest.approx(0.45, abs=0.03)
    affines = [one for one in drawn if one["kind"] == "affine"]
    assert np.std([one["stretch"] for one in affines]) == pytest.approx(0.25, abs=0.02)
    assert np.std([one["shear"] for one in affines]) == pytest.approx(0.1, abs=0.01)
    assert np.mean([one["scale"] for one in affines]) == pytest.approx(0.75, abs=0.02)
    assert np.mean([one["mirrored"] for one in affines]) == pytest.approx(0.5, abs=0.05)
    still = [Fathers(rotates=False).sample(generator(5, place))["augment"] for place in range(500)]
    assert {one.get("turn", 0) for one in still} == {0}
    assert {one.get("angle", 0) for one in still} == {0}
    assert not any(one.get("mirrored") for one in still)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("shape", ["gaussian", "off its middle", "even"])
def test_sons_by_a_kernel_lie_where_a_resize_lays_them(scale: int, shape: str) -> None:
    """On a ramp a blur changes nothing, so a son shows at which place of its father it looks."""
    rows, columns = np.mgrid[-7:8, -7:8]
    kernel = np.exp(-(rows**2 + columns**2 * 1.5 + rows * columns) / 4)
    kernel = {"gaussian": kernel, "off its middle": np.roll(kernel, (2, -1)), "even": kernel[1:, 3:]}[shape]
    moved = aligned(as_correlation(kernel, "kernel"), Scale(scale))
    father = ramps(60, 60)
    son = downscaled(father, Scale(scale), moved)
    wanted = imresize(father, size=(60 // scale, 60 // scale))
    inside = slice(12 // scale, -(12 // scale))
    np.testing.assert_allclose(son[inside, inside], wanted[inside, inside], atol=3e-5)


def test_a_son_by_a_kernel_is_scipys_convolution_subsampled(image: Pixels) -> None:
    """At x3 a kernel with its mass in the middle moves by a pixel: the middle of each 3x3 is looked at."""
    line = np.array([0, 0.5, 0.25, 0, 0.25])  # -1/2 + 2/4 = 0, and not symmetric
    kernel = np.outer(line, [0.25, 0.5, 0.25])
    batch = ZeroShot(image, 3, kernel=kernel, fathers=Fathers(crop=30, odds="as_is")).batch(0)
    father = numpy_of(batch.hr[0])
    blurred = np.stack([ndimage.convolve(father[..., c], kernel, mode="mirror") for c in range(3)], axis=-1)
    np.testing.assert_allclose(numpy_of(batch.lr[0])[:-1], blurred[1:-3:3, 1::3], atol=1e-5)


def test_a_kernel_that_is_moved_by_parts_of_a_pixel_makes_nothing_brighter(image: Pixels) -> None:
    kernel = np.arange(30.0).reshape(6, 5)
    son = ZeroShot(np.full_like(image, 100), 2, kernel=kernel, fathers=SMALL).batch(0).lr
    torch.testing.assert_close(son, torch.full_like(son, 100 / 255), atol=1e-5, rtol=0)


def test_kernels_of_files_are_convolved_as_arrays_are(image: Pixels, tmp_path: Path) -> None:
    kernel = np.arange(25.0).reshape(5, 5)
    np.save(tmp_path / "one.npy", kernel)
    by_file = ZeroShot(image, 2, kernel=tmp_path / "one.npy", fathers=SMALL).batch(4)
    assert torch.equal(by_file.lr, ZeroShot(image, 2, kernel=kernel, fathers=SMALL).batch(4).lr)
    np.save(tmp_path / "two.npy", np.stack([kernel, kernel]))
    with pytest.raises(UsageError, match=r"two\.npy holds 2 kernels: give one of them as an array"):
        ZeroShot(image, 2, kernel=tmp_path / "two.npy", fathers=SMALL)


def test_noise_is_on_sons_alone(image: Pixels) -> None:
    grey = np.full_like(image, 128)
    batch = ZeroShot(grey, 2, fathers=Fathers(crop=64, noise=5.0), batch_size=6).batch(0)
    torch.testing.assert_close(batch.hr, torch.full_like(batch.hr, 128 / 255))
    assert (batch.lr * 255).std().item() == pytest.approx(5, abs=0.1)
    assert len({son.numpy().tobytes() for son in batch.lr}) == 6


def test_a_batch_depends_on_its_address_alone(image: Pixels) -> None:
    data = ZeroShot(image, 2, fathers=SMALL, batch_size=3, seed=7)
    row = [batch.hr for batch in itertools.islice(data, 6)]
    assert all(torch.equal(row[step], data.batch(step).hr) for step in range(6))
    assert len({batch.numpy().tobytes() for batch in row}) == 6
    single = ZeroShot(image, 2, fathers=SMALL, batch_size=1, seed=7)
    assert torch.equal(single.batch(2).hr[0], row[2][0])
    assert not torch.equal(ZeroShot(image, 2, fathers=SMALL, seed=8).batch(2).hr[0], row[2][0])


def test_it_resumes_with_the_very_next_batch(image: Pixels) -> None:
    data = ZeroShot(image, 2, fathers=SMALL)
    for _ in range(3):
        next(iter(data))
    state = data.state_dict()
    wanted = [batch.hr for batch in itertools.islice(data, 3)]
    again = ZeroShot(image, 2, fathers=SMALL)
    again.load_state_dict(state)
    assert all(torch.equal(a, b.hr) for a, b in zip(wanted, itertools.islice(again, 3), strict=True))
    with pytest.raises(UsageError, match="the state is of seed 0, this has seed 1: give that one"):
        ZeroShot(image, 2, fathers=SMALL, seed=1).load_state_dict(state)


def test_what_cannot_be(image: Pixels) -> None:
    with pytest.raises(UsageError, match="the image of 130x100 is smaller than crop=128: lower it"):
        ZeroShot(image, 2)
    with pytest.raises(UsageError, match="crop=32 is no multiple of 3, as scale 3 needs"):
        ZeroShot(image, 3, fathers=SMALL)
    with pytest.raises(UsageError, match=r"a kernel goes with a whole scale such as 2, not with 1\.6"):
        ZeroShot(image, 1.6, kernel=np.ones((3, 3)), fathers=SMALL)
    with pytest.raises(UsageError, match=r"a kernel has two axes, not the shape \(3,\)"):
        ZeroShot(image, 2, kernel=np.ones(3), fathers=SMALL)
    with pytest.raises(UsageError, match="does not sum to above 0"):
        ZeroShot(image, 2, kernel=np.zeros((3, 3)), fathers=SMALL)
    with pytest.raises(UsageError, match="give one image"):
        ZeroShot(image[..., 0], 2, fathers=SMALL)
    with pytest.raises(ValidationError, match="must be within 0 … 1"):
        Fathers(scale=(0.5, 2))

"""The compiled library beside what it stands in for: numpy, torch and OpenCV, which stay the reference.

The kind is every crop that a plan of rows can describe, whatever its size, its turn and the blocks that it
touches; and every plane that SSIM takes.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import MakeSample
from numpy.typing import NDArray
from skimage.metrics import structural_similarity as ssim_of_skimage

from srdata import Loader, PairedDataset, doctor
from srdata.compiled import build_library as building
from srdata.compiled.build_library import build_library, library_name, library_path
from srdata.compiled.compiled_crops import CropPlaces
from srdata.compiled.library import SWITCH, library
from srdata.data.crops.to_tensor import to_tensor
from srdata.dihedral.array_turns import TURNS
from srdata.images import turned
from srdata.metrics.measures import ssim_terms
from srdata.metrics.measures.ssim import CONSTANTS, structural_similarity, window
from srdata.store.block_reading.crop_rows import CompiledRows, Integers
from srdata.store.block_reading.mapped_rows import ORIGIN, place_of
from srdata.store.windows import Windows

CHECKOUT = Path(__file__).parents[1]
HEIGHT, WIDTH = 150, 170
Bytes = NDArray[np.uint8]


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """The library, which is made where the checkout was put here without being installed."""
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        pytest.skip("there is no C compiler")
    if library() is None:
        build_library()
        library.cache_clear()
    assert library() is not None


def blocks_of(image: Bytes, side: int) -> list[Bytes]:
    """Its blocks, each in memory of its own that ends with it."""
    return [
        image[top : top + side, left : left + side].copy()
        for top in range(0, HEIGHT, side)
        for left in range(0, WIDTH, side)
    ]


def planned(
    tops: Integers, lefts: Integers, size: tuple[int, int], blocks: list[Bytes], side: int
) -> CompiledRows:
    """Crops of the second image of a set, of which nothing else is known."""
    of_image = [np.full_like(tops, number) for number in (1, 1, HEIGHT, WIDTH)]
    crops = np.stack([*of_image, tops, lefts], axis=1)
    mapped = np.array([0, 0, 0, *map(place_of, blocks), 0])
    return CompiledRows(CropPlaces(crops, np.full_like(tops, 3), mapped, ORIGIN, (*size, side)))


@pytest.mark.parametrize("side", [32, 48, 64, 256])
def test_crops_are_those_of_the_image_turned_as_numpy_turns_them(side: int) -> None:
    rng = np.random.default_rng(side)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    blocks = blocks_of(image, side)
    for length in range(1, min(side, 100) + 1):
        tops, lefts = (rng.integers(0, whole - length, TURNS, endpoint=True) for whole in (HEIGHT, WIDTH))
        tops[:2], lefts[:2] = [0, HEIGHT - length], [WIDTH - length, 0]
        found = planned(tops, lefts, (length, length), blocks, side)
        out, turns = np.full((TURNS + 1, length, length, 3), 7, np.uint8), rng.permutation(TURNS)
        found.copy(slice(0, TURNS), out[:TURNS], turns)
        for one, top, left, turn in zip(out, tops, lefts, turns.tolist(), strict=False):
            np.testing.assert_array_equal(one, turned(image[top : top + length, left : left + length], turn))
        assert (out[TURNS] == 7).all(), "it wrote beyond its end"


def test_crops_that_are_not_turned_need_not_be_square_and_are_taken_in_parts() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    blocks = blocks_of(image, 64)
    for size in ((1, 64), (64, 1), (5, 33), (64, 63)):
        tops, lefts = (
            rng.integers(0, w - s, 9, endpoint=True) for w, s in zip((HEIGHT, WIDTH), size, strict=True)
        )
        found = planned(tops, lefts, size, blocks, 64)
        wide = np.zeros((4, size[0], 80, 3), np.uint8)  # whose rows do not follow each other without a gap
        found.copy(slice(3, 7), wide[:, :, : size[1]])
        for one, top, left in zip(wide, tops[3:7], lefts[3:7], strict=True):
            np.testing.assert_array_equal(
                one[:, : size[1]], image[top : top + size[0], left : left + size[1]]
            )
            assert not one[:, size[1] :].any()


def test_a_loader_gives_the_same_batches_with_and_without(
    sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def epoch() -> list[torch.Tensor]:
        data = PairedDataset(sample(scale=4, lmdb=True), patch_size=48, windows=Windows(size=96, step=48))
        loader = Loader(data, 5, augment=["dihedral"], repeat=3, workers=0, device="cpu")
        return [side for batch in loader for side in (batch.lr, batch.hr)]

    with_it = epoch()
    monkeypatch.setenv(SWITCH, "0")
    library.cache_clear()
    assert library() is None
    try:
        without = epoch()
    finally:
        library.cache_clear()
    assert with_it
    assert all(torch.equal(one, other) for one, other in zip(with_it, without, strict=True))


@pytest.mark.parametrize("size", [(11, 11), (11, 90), (90, 11), (75, 140), (200, 83)])
def test_ssim_is_that_of_opencv_and_of_scikit_image(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(size[0])
    one = rng.uniform(0, 255, size)
    other = np.clip(one + rng.normal(0, 20, size), 0, 255)
    weights = window(torch.float64).numpy()
    terms = ssim_terms.lost_terms(one, other, weights, CONSTANTS)
    first, second, both = ssim_terms._summed_by_opencv(one, other, weights, CONSTANTS)
    np.testing.assert_allclose(terms, [first, first + second - both], rtol=1e-12)
    found = structural_similarity(*(torch.from_numpy(plane)[None, None] for plane in (one, other)))
    settings = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 255}
    if min(size) > 11:  # it takes the window beyond the edges, and leaves these out of the mean
        assert found.item() == pytest.approx(ssim_of_skimage(one, other, **settings), abs=1e-10)


def test_flat_planes_lose_nothing_and_planes_of_another_type_are_left_to_opencv() -> None:
    weights = window(torch.float64).numpy()
    flat = np.full((40, 50), 128.0)
    assert ssim_terms.lost_terms(flat, flat, weights, CONSTANTS).tolist() == [0, 0]
    rng = np.random.default_rng(0)
    one, other = rng.uniform(0, 255, (2, 40, 100))
    found = ssim_terms.lost_terms(one[:, ::2], other[:, ::2], weights, CONSTANTS)
    copies = (np.ascontiguousarray(plane[:, ::2]) for plane in (one, other))
    np.testing.assert_allclose(found, ssim_terms.lost_terms(*copies, weights, CONSTANTS), rtol=1e-12)


def test_planes_of_two_shapes_are_refused_and_not_read_beyond() -> None:
    one, other = torch.zeros(1, 1, 40, 40), torch.zeros(1, 1, 30, 30)
    with pytest.raises(ValueError, match="shapes"):
        structural_similarity(one.double(), other.double())


def test_a_block_that_is_not_known_is_told_and_not_read() -> None:
    tops, lefts = np.array([0, 60, 0, 60]), np.array([0, 0, 60, 60])  # of one, two, two and four blocks
    blocks = blocks_of(np.zeros((HEIGHT, WIDTH, 3), np.uint8), 64)
    for missing, copied in ((0, 0), (3, 1), (1, 2), (4, 3), (8, 4)):
        found, out = planned(tops, lefts, (9, 9), blocks, 64), np.full((4, 9, 9, 3), 7, np.uint8)
        found.places.blocks[3 + missing] = 0
        assert found.copy(slice(0, copied), out[:copied]), "it touches none of those"
        assert not out[:copied].any()
        out[...] = 7
        assert found.copy(slice(0, 4), out) == (copied == 4)
        assert (out == (0 if copied == 4 else 7)).all(), "all or nothing"


@pytest.mark.usefixtures("plain")
def test_the_switch_turns_it_off() -> None:
    assert library() is None


def test_a_library_of_other_sources_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(building.HERE, tmp_path / "compiled")
    monkeypatch.setattr(building, "HERE", tmp_path / "compiled")
    assert library_path().exists()
    source = tmp_path / "compiled" / "crops.c"
    source.write_text(source.read_text() + "/* changed */\n")
    assert not library_path().exists()
    assert build_library(tmp_path).name == library_name()


def test_without_a_compiler_it_says_what_to_install() -> None:
    command = [sys.executable, "-m", "srdata.compiled.build_library"]
    environment = {name: value for name, value in os.environ.items() if name != "CC"} | {"PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, env=environment, check=False)
    assert done.returncode == 1
    assert done.stderr == "there is no C compiler: install one of cc, gcc, clang, or name it in CC\n"


@pytest.mark.parametrize(
    ("compiler", "said"),
    [("gcc 'unclosed", "is no command"), ("/no such/compiler", "No such file"), (sys.executable, "failed")],
)
def test_whatever_is_wrong_with_the_compiler_is_one_error(
    compiler: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", compiler)
    with pytest.raises(RuntimeError, match=said):
        build_library(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.linux
def test_the_path_of_a_compiler_may_have_spaces_and_it_may_say_what_is_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "a compiler"
    compiler.write_text("#!/bin/sh\nprintf '\\377 is wrong' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    with pytest.raises(RuntimeError, match="failed: \ufffd is wrong"):
        build_library(tmp_path)


def test_where_nothing_can_be_written_it_says_who_may(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(RuntimeError, match=r"file cannot be written \(.*\): do it as its owner"):
        build_library(file)


def test_older_libraries_make_room_for_the_new_one(tmp_path: Path) -> None:
    another = library_name().replace(platform.machine(), "mips")  # of a machine that shares the folder
    older = f"library-{platform.machine()}-0{Path(another).suffix}"
    for name in (older, another, "library-0.txt"):
        (tmp_path / name).touch()
    made = build_library(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {made.name, another, "library-0.txt"}


@pytest.mark.usefixtures("plain")
def test_doctor_names_the_command_that_makes_it_and_the_switch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor._compiled().detail.endswith(", as it is turned off by SRDATA_COMPILED=0")
    copy = tmp_path / "a folder" / "compiled"
    shutil.copytree(building.HERE, copy, ignore=shutil.ignore_patterns("built"))
    monkeypatch.delenv(SWITCH)
    for module in (building, doctor):
        monkeypatch.setattr(module, "HERE", copy)
    library_path().parent.mkdir()
    library_path().write_text("of another machine")
    library.cache_clear()
    assert "it does not run here" in doctor._compiled().detail
    library_path().unlink()
    library.cache_clear()
    _, command = doctor._compiled().detail.split("then run ")
    (tmp_path / "srdata").mkdir()  # of which nothing may be taken
    subprocess.run(shlex.split(command), cwd=tmp_path, check=True, capture_output=True)
    library.cache_clear()
    assert doctor._compiled().verdict == "ok"


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 7, 5), (2, 1, 1), (0, 4, 4), (4, 33, 1)])
def test_fractions_are_those_of_torch_for_every_level(shape: tuple[int, int, int]) -> None:
    levels = np.random.default_rng(0).permutation(np.arange(np.prod(shape) * 3) % 256).astype(np.uint8)
    images = levels.reshape(*shape, 3)
    divided = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        found = to_tensor(images, dtype)
        assert torch.equal(found, divided.to(dtype))
        assert found.is_contiguous()
    turned = images[:, ::-1]  # which is not contiguous, so torch does it
    assert torch.equal(to_tensor(turned), divided.flip(2))

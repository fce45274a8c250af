"""Under one key the same pixels, whether trained from a set, exported from it or published of it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import cv2
import datasets
import numpy as np
import pytest
import torch

from srdata import PairedDataset, export, prepare
from srdata.cli import run
from srdata.discovery.known_forms import find_parts
from srdata.errors import UnknownNameError, UsageError
from srdata.exporting.export_set import FORMS
from srdata.images import Pixels, read_image, write_png
from srdata.publishing import publish
from srdata.publishing.formats import FORMS as PUBLISHED
from srdata.recipes.read_recipe import read_set_recipe
from srdata.recipes.set_recipe import Recipe
from srdata.scale import Scale
from srdata.store.windows import Windows
from srdata.vocabulary import PublishForm

Pairs = dict[str, tuple[Pixels, Pixels]]  # key → LR and HR

SCALES = ("1.5", "3", "4")
# None divides by 3 and by 4; of "flat" one side is smaller than a window, of "small" both are.
SIZES = {"plain": (130, 154), "tall": (191, 100), "flat": (50, 131), "small": (47, 58)}


# Names in trainL and in tars of one scale do not tell it, and only whole scales are guessed.
TOLD = [
    (form, scale)
    for form in FORMS
    for scale in SCALES
    if scale != "1.5" or form not in ("kair", "webdataset")
]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Recipe:
    root = tmp_path_factory.mktemp("root")
    image = read_image(photographs / "astronaut.png")
    for key, (height, width) in SIZES.items():
        write_png(root / f"mine/{key}.png", image[:height, 100 : 100 + width])
    return read_set_recipe(root / "mine").changed(windows=Windows(size=60, step=36, threshold=0))


@pytest.fixture(scope="module")
def prepared(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(recipe, scale=SCALES, lmdb=True, root=tmp_path_factory.mktemp("sets"), jobs=1).path


def trained(data: PairedDataset) -> Pairs:
    """What training gets of each item."""
    return {
        item["key"]: (array(item["lr"]), array(item["hr"])) for item in (data[i] for i in range(len(data)))
    }


def array(tensor: torch.Tensor) -> Pixels:
    return np.moveaxis(tensor.numpy(), 0, 2)


def written(folder: Path, scale: str) -> Pairs:
    """What lies in an exported folder at a scale."""
    [part] = find_parts(folder).parts
    [track] = [track for track in part.lr if track.scale == Scale(scale)]
    files = {key: (lr, part.hr.images[key]) for key, lr in part.lr_images(track).items()}
    return {key: (decoded(lr.read_bytes()), decoded(hr.read_bytes())) for key, (lr, hr) in files.items()}


def decoded(png: bytes) -> Pixels:
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image[..., ::-1], np.uint8)


def assert_agree(found: Pairs, wanted: Pairs) -> None:
    """The same keys and pixels; whole HR images may go on beyond what LR covers."""
    assert sorted(found) == sorted(wanted)
    for key, (lr, hr) in wanted.items():
        high = found[key][1] if "_s0" in key else found[key][1][: hr.shape[0], : hr.shape[1]]
        assert np.array_equal(found[key][0], lr), key
        assert np.array_equal(high, hr), key


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize(("form", "scale"), TOLD)
def test_exported(prepared: Path, tmp_path: Path, form: str, scale: str, windows: bool) -> None:
    done = export(prepared, form, tmp_path / "out", scale=scale, windows=windows, jobs=1)
    wanted = trained(PairedDataset(prepared, scale=scale, windows=windows, dtype=torch.uint8))
    assert (done.scales, done.counts) == ((scale,), {"train": len(wanted)})
    assert_agree(written(tmp_path / "out", scale), wanted)


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("form", PUBLISHED)
def test_published(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: PublishForm, windows: bool
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    publish(prepared, out=tmp_path / "out", form=form, windows=windows, i_have_the_rights=True, jobs=1)
    for scale in SCALES:
        wanted = trained(PairedDataset(prepared, scale=scale, windows=windows, dtype=torch.uint8))
        found = PairedDataset(tmp_path / "out", config=f"bicubic_x{scale}", scale=scale, dtype=torch.uint8)
        assert_agree(trained(found), wanted)


def test_the_layout_of_basicsr(recipe: Recipe, tmp_path: Path) -> None:
    built = prepare(recipe, scale=3, layout="basicsr", root=tmp_path, jobs=1)
    shards = prepare(recipe, scale=3, lmdb=True, root=tmp_path, jobs=1)
    found = trained(PairedDataset(built, dtype=torch.uint8))
    assert_agree(found, trained(PairedDataset(shards, windows=True, dtype=torch.uint8)))


@pytest.mark.parametrize("form", FORMS)
def test_scales_whose_sub_images_are_the_same_go_together(recipe: Recipe, tmp_path: Path, form: str) -> None:
    small = recipe.changed(exclude=("tall", "flat", "small"), multiple=12)
    built = prepare(small, scale=SCALES, lmdb=True, root=tmp_path, jobs=1)
    export(built, form, tmp_path / "out", windows=True, jobs=1)
    for scale in SCALES:
        wanted = trained(PairedDataset(built, scale=scale, windows=True, dtype=torch.uint8))
        assert_agree(written(tmp_path / "out", scale), wanted)


@pytest.mark.parametrize("form", FORMS)
def test_others_are_refused_with_remedies_that_work(
    prepared: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", str(prepared), "--to", form, "--sub-images", "--jobs", "1", "--out"]
    assert run([*command, str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said == (
        "srdata: sub-images of x1.5, x3 and x4 show other parts of HR under the same keys in 4 of 4 images, "
        "whose sides these do not all divide: export one, as --scale 4, or whole images, with --whole\n"
    )
    assert list(tmp_path.iterdir()) == []
    for remedy in re.findall(r"--(?:scale \d|whole)", said):
        assert run([*command, str(tmp_path / remedy), *shlex.split(remedy)]) == 0
    with pytest.raises(UnknownNameError, match=r"unknown scale '2' \(known: 1.5, 3, 4\)"):
        export(prepared, form, tmp_path / "two", scale=[4, 2])


def test_the_layout_of_basicsr_refuses_before_any_work(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        UsageError, match="x3 and x4 show other parts of HR under the same keys in 4 of 4 images"
    ):
        prepare(recipe, scale=[3, 4], layout="basicsr", root=tmp_path, jobs=1)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
    command = ["prepare", str(recipe.folder), "--root", str(tmp_path), "--scale", "4"]
    assert run([*command, "--layout", "basicsr"]) == 0
    assert run([*command, "--scale", "3", "--lmdb"]) == 0

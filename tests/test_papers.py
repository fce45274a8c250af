"""Recipes of papers: every one runs end to end, and gives the batches that it states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from pairs import write_folders
from pydantic import BaseModel

from srdata import imresize, prepare
from srdata.difficulty import classify
from srdata.images import list_images, read_image
from srdata.papers import Paper, load_paper, paper_names
from srdata.papers.model import Corpus, Setting, Stage
from srdata.papers.sets import Need, find_set, needs
from srdata.scale import Scale
from srdata.train.alternate import Alternating

NAMES = paper_names()
BIG = ["hubble_deep_field.jpg", "astronaut.png"]  # the photographs that patches of 512 fit into
PUBLISHED = {
    "lol": "low",
    "ve-lol-cap": "low",
    "rain13k": "rain",
    "raintrainl": "rain",
}  # pairs of equal size
SCORED = {"classsr": ("psnr", (128, 64, 48)), "wbsr": ("edges", (128, 64, 0))}

pytestmark = pytest.mark.usefixtures("one_torch_thread")


class Corpora:
    """Prepared stand-ins, made of photographs when they are first needed."""

    def __init__(self, photographs: Path, folder: Path) -> None:
        self.photographs, self.folder, self.root = photographs, folder, folder / "root"
        self.root.mkdir()
        self._made: set[tuple[str, ...]] = set()

    def give(self, need: Need) -> None:
        degradation = need.degradation or "bicubic"
        pairs = degradation.startswith("published:")
        scales = (
            (need.scale,) if pairs or degradation != "bicubic" or need.scale == Scale("1.5") else (2, 3, 4, 8)
        )
        made = (need.corpus, need.split, degradation, str(scales))
        if made in self._made:
            return
        self._made.add(made)
        if pairs:
            self._pairs(need)
        else:
            prepare(
                self._images(need.corpus),
                root=self.root,
                name=re.sub(r"\W+", "-", f"{need.corpus}-{need.split}-{degradation}-{len(self._made)}"),
                scale=scales,
                lmdb=True,
                degradation=degradation,
                splits=[need.split],
                jobs=1,
            )

    def classify(self, name: str, need: Need) -> None:
        for stem, (by, windows) in SCORED.items():
            if name.startswith(stem):
                classify(find_set(self.root, need), by, windows=windows, scales=[need.scale], jobs=1)

    def _images(self, corpus: str) -> Path:
        folder = self.folder / corpus
        folder.mkdir(exist_ok=True)
        for path in self.photographs.iterdir():
            wanted = [*BIG, "rocket.jpg"] if corpus == "div2k" else BIG
            if path.name in wanted and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
        return folder

    def _pairs(self, need: Need) -> None:
        pairs = {}
        for path in list_images(self.photographs):
            hr = read_image(path)[:256, :256]
            pairs[path.stem] = (hr // 2 if need.scale == 1 else imresize(hr, 1 / float(need.scale)), hr)
        track = need.degradation.removeprefix("published:")
        write_folders(self.root / need.corpus, pairs, need.scale, f"{need.corpus}_train_", track)


@pytest.fixture(scope="module")
def corpora(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpora:
    return Corpora(photographs, tmp_path_factory.mktemp("papers"))


def scaled_down(paper: Paper) -> Paper:
    """The recipe with images that the stand-ins have: the first half is the first of two, and so on."""
    halves = {(1, 400): (1, 2), (401, 800): (2, 2), (1, 2000): (1, 2), (1, 100): (1, 1)}

    def smaller(one: Any) -> Any:
        if isinstance(one, Corpus):
            return one.model_copy(update={"images": halves.get(one.images) if one.images else None})
        if isinstance(one, BaseModel):
            return one.model_copy(
                update={name: smaller(getattr(one, name)) for name in type(one).model_fields}
            )
        if isinstance(one, tuple):
            return tuple(smaller(item) for item in one)
        return one

    found: Paper = smaller(paper)
    return found


def opened(paper: Paper, stage: Stage, corpora: Corpora, **options: Any) -> Any:
    if stage.one_image is not None:
        image = read_image(corpora.photographs / "astronaut.png")
        return stage.loader(corpora.root, image=image[:64, :64] if "deep_prior" in stage.one_image else image)
    return stage.loader(corpora.root, workers=0, residency="mapped", **options)


def small(stage: Stage) -> dict[str, int]:
    """Batches of large patches that have to be degraded are made smaller, so that tests are fast."""
    sizes = [one.hr_size for one in stage.settings.values()]
    heavy = max(sizes) >= 96 and any(one.made == "online" for one in stage.settings.values())
    return {"batch_size": 2} if heavy or max(sizes) >= 384 else {}


def endless(loader: Any) -> Iterator[Any]:
    while True:
        yield from loader


def loaders_of(loader: Any, stage: Stage) -> Iterator[tuple[Any, Setting]]:
    if isinstance(loader, Alternating):
        for name, one in loader.loaders.items():
            yield one, stage.tasks[name]
    else:
        yield loader, stage


def bounds(setting: Setting) -> tuple[torch.Tensor, torch.Tensor]:
    """The least and the largest value of each channel, by the settings of the recipe."""
    low, high = setting.look.range
    count = 1 if setting.look.color in ("y", "grey") else 3
    mean, std = torch.zeros(count), torch.ones(count)
    if setting.look.normalised == "loader":
        mean = torch.tensor(setting.look.mean) if setting.look.mean else mean
        std = torch.tensor(setting.look.std) if setting.look.std else std
    return low - (high - low) * mean / std, low + (high - low) * (1 - mean) / std


def check(batch: Any, setting: Setting, count: int) -> None:
    """A batch is as its recipe states."""
    keys = set() if setting.made == "network" else {"lr"}
    keys |= {"lr_up"} & set(setting.outputs) | {"lr_clean"} & set(setting.outputs)
    factors = [factor for factor in (2, 4, 8) if factor < float(setting.scale)]
    keys |= {f"pyramid_x{factor}" for factor in factors if "pyramid" in setting.outputs}
    if setting.one_image is not None:
        assert set(batch.tensors) == ({"lr", "noise"} if "deep_prior" in setting.one_image else {"lr", "hr"})
        assert batch.lr.dtype == torch.float32
        return
    if setting.any_scale is None or setting.any_scale.get("per") == "batch":
        keys.add("hr")
    if setting.any_scale is not None:
        keys |= {"coord", "cell", "rgb"}
    assert set(batch.tensors) == keys
    assert len(batch.keys) == count
    least, most = bounds(setting)
    clipped = "noise" not in str(setting.degradation)
    for name in keys - {"coord", "cell", "rgb"}:
        side = batch.tensors[name]
        assert side.dtype == torch.float32
        assert side.shape[:2] == (count, len(least))
        assert side.std() > 0
        enlarged = name.startswith(("lr_", "pyramid")) or (name == "lr" and setting.upsample)
        over = 0.15 * float((most - least).max()) if enlarged else 1e-3  # bicubic overshoots
        if clipped or name == "hr":
            assert (side.amin((0, 2, 3)) >= least - over).all(), name
            assert (side.amax((0, 2, 3)) <= most + over).all(), name
    if setting.any_scale is not None:
        check_any_scale(batch, setting.any_scale, count)
    else:
        check_sides(batch, setting)


def check_sides(batch: Any, setting: Setting) -> None:
    size = setting.crop.size if setting.crop else 0
    size = size[0] if isinstance(size, dict) else size
    ratio = float(setting.scale)
    low = size if setting.crop and setting.crop.side == "lr" else size / ratio
    assert batch.hr.shape[2:] == (low * ratio, low * ratio)
    if "lr" in batch.tensors:
        assert batch.lr.shape[2:] == (batch.hr.shape[2:] if setting.upsample else (low, low))


def check_any_scale(batch: Any, form: dict[str, Any], count: int) -> None:
    assert batch.lr.shape[2:] == (form["lr_patch"], form["lr_patch"])
    pixels = form["queries"] or batch.hr.shape[2] * batch.hr.shape[3]
    assert batch.rgb.shape == (count, pixels, 3)
    assert batch.coord.shape == batch.cell.shape == (count, pixels, 2)
    assert batch.coord.abs().max() < 1


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_runs(name: str, corpora: Corpora) -> None:
    paper = scaled_down(load_paper(name))
    for need in needs(paper):
        corpora.give(need)
        corpora.classify(name, need)
    for stage in paper.stages:
        options = small(stage)
        loader = opened(paper, stage, corpora, **options)
        for one, setting in loaders_of(loader, stage):
            size = setting.batch.size
            count = options.get("batch_size", size[0] if isinstance(size, dict) else size)
            batches = list(islice(endless(one), 2))
            assert len(batches) == 2
            for batch in batches:
                check(batch, setting, count)

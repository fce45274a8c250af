"""Recipes of papers: every one runs end to end, and gives the batches that it states."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from loopback import serve, zip_of
from pairs import write_folders
from PIL import Image
from pydantic import BaseModel

from srdata import PairedDataset, catalog, imresize, prepare
from srdata.catalog import Shelf
from srdata.cli import cli, run
from srdata.data.loading.multi_loader import Alternating
from srdata.describe import describe, describe_json, overview
from srdata.difficulty import classify
from srdata.errors import RecipeError, UnknownNameError, UsageError
from srdata.images import list_images, read_image, write_png
from srdata.metrics.protocols import PROTOCOLS
from srdata.papers import Paper, Stage, load_paper, load_recipe, paper_names
from srdata.papers.as_text import GROUPS
from srdata.papers.load import names_in
from srdata.papers.requirements import NeededSet, find_set, need_of, needs
from srdata.papers.schema import Corpus, Setting, Status
from srdata.preparation import annotate
from srdata.prepared.image_columns import column_names
from srdata.recipes.set_recipe import Recipe
from srdata.scale import Scale
from srdata.store.index import Index
from srdata.store.set_json import read_set
from srdata.store.windows import Windows

NAMES = paper_names()
PAGE = (Path(__file__).parents[1] / "docs" / "recipes.md").read_text()
BIG = ["hubble_deep_field.jpg", "astronaut.png"]  # the photographs that patches of 512 fit into
CUT = {"gopro", "sidd"}  # whose images are cut into sub-images of 512
MORE = {"div2k": ["rocket.jpg"]}  # so that it has windows of every class
SCORED = {
    "classsr": ("psnr", (128, 64, 48)),
    "arm": ("edges", (128, 64, 48)),
    "pcsr": ("psnr", (128, 64, 48)),
    "wbsr": ("gradients", (128, 64, 0)),
}


class Corpora:
    """Prepared stand-ins, made of photographs when they are first needed."""

    def __init__(self, photographs: Path, folder: Path) -> None:
        self.photographs, self.folder, self.root = photographs, folder, folder / "root"
        self.root.mkdir()
        self._made: set[tuple[str, ...]] = set()

    def give(self, need: NeededSet) -> None:
        degradation = need.degradation or "bicubic"
        pairs = degradation.startswith("published:")
        scales = (
            (need.scale,) if pairs or degradation != "bicubic" or need.scale == Scale("1.5") else (2, 3, 4, 8)
        )
        made = (need.corpus, need.split, degradation, str(scales), str(need.copies))
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
                copies=need.copies,
                splits=[need.split],
                jobs=1,
            )

    def classify(self, name: str, need: NeededSet) -> None:
        for stem, (by, windows) in SCORED.items():
            if name.startswith(stem):
                classify(find_set(self.root, need), by, windows=windows, scales=[need.scale], jobs=1)

    def tell(self, paper: Paper, need: NeededSet) -> None:
        """The texts that prompts are drawn of, where they are not there yet."""
        prompts = [stage.prompt for stage in paper.stages if stage.prompt]
        for column in {name for prompt in prompts for name in prompt.columns}:
            path = find_set(self.root, need)
            if column not in column_names(read_set(path)):
                rows = "".join(
                    f"{key},of {key}\n" for key in Index.of_set(path, read_set(path)).keys.to_pylist()
                )
                (self.folder / "told.csv").write_text(f"key,{column}\n{rows}")
                annotate(path, self.folder / "told.csv")

    def _images(self, corpus: str) -> Path:
        folder = self.folder / corpus
        folder.mkdir(exist_ok=True)
        for path in self.photographs.iterdir():
            wanted = ["chelsea.png"] if corpus in TESTS else [*BIG, *MORE.get(corpus, [])]
            if path.name in wanted and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
        return self._views(folder) if corpus in ("flickr1024", "middlebury") else folder

    def _views(self, folder: Path) -> Path:
        """Each photograph as the left and the right view of a scene."""
        for path in list_images(folder):
            for view in "LR":
                path.with_stem(f"{path.stem}_{view}").symlink_to(path.readlink())
            path.unlink()
        return folder

    def _pairs(self, need: NeededSet) -> None:
        pairs = {}
        wanted = BIG if need.corpus in CUT else None
        for path in list_images(self.photographs):
            if wanted and path.name not in wanted:
                continue
            side = 512 if need.corpus in CUT else 256
            hr = read_image(path)[:side, :side]
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
    """Smaller batches where pixels are many, above all where they are degraded or read as PNG: to be fast."""
    settings = stage.settings.values()
    slow = any(one.made == "online" or "published" in str(one.degradation) for one in settings)
    pixels = max(one.hr_size for one in stage.settings.values()) ** 2
    size = stage.batch.size
    most = max(2, (60_000 if slow else 400_000) // max(1, pixels))
    return {"batch_size": most} if (size if isinstance(size, int) else size[0]) > most else {}


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
    count = 1 if setting.look.color in ("y", "grey") else 6 if setting.data.views else 3
    mean, std = torch.zeros(count), torch.ones(count)
    if setting.look.normalised == "loader":
        mean = torch.tensor(setting.look.mean) if setting.look.mean else mean
        std = torch.tensor(setting.look.std) if setting.look.std else std
    return low - (high - low) * mean / std, low + (high - low) * (1 - mean) / std


def check(batch: Any, setting: Setting, count: int) -> None:
    """A batch is as its recipe states."""
    keys = set() if setting.made == "network" else {"lr"}
    keys |= {"lr_up", "lr_clean", "hr_plain"} & set(setting.outputs)
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
    masked = any("cutblur" in str(step) for step in setting.augment)
    more = {"mask": masked, "label": setting.data.sets[0].label is not None, "difficulty": setting.difficulty}
    assert set(batch.tensors) == keys | {name for name, given in more.items() if given}
    assert len(batch.keys) == count
    least, most = bounds(setting)
    clipped = "noise" not in str(setting.degradation)
    for name in keys - {"coord", "cell", "rgb"}:
        side = batch.tensors[name]
        assert side.dtype == torch.float32
        assert side.shape[:2] == (count, len(least))
        assert side.std() > 0
        over = 0.15 * float((most - least).max()) if overshoots(name, setting) else 1e-3
        if clipped or name == "hr":
            assert (side.amin((0, 2, 3)) >= least - over).all(), name
            assert (side.amax((0, 2, 3)) <= most + over).all(), name
    if setting.any_scale is not None:
        check_any_scale(batch, setting.any_scale, count)
    else:
        check_sides(batch, setting)
    if setting.degradation == "bicubic" and not setting.upsample and {"lr", "hr"} == set(batch.tensors):
        check_alignment(batch, (most - least).reshape(-1, 1, 1))


def overshoots(name: str, setting: Setting) -> bool:
    """Whether this is a bicubic in floats, which goes beyond the range."""
    in_floats = setting.degradation == "bicubic-float" or "rounds" in (setting.any_scale or {})
    return name.startswith(("lr_", "pyramid")) or (name == "lr" and bool(setting.upsample or in_floats))


def check_sides(batch: Any, setting: Setting) -> None:
    size = setting.crop.size if setting.crop else 0
    size = size[0] if isinstance(size, dict) else size
    ratio = float(setting.scale)
    low = size if setting.crop and setting.crop.side == "lr" else size / ratio
    assert batch.hr.shape[2:] == (low * ratio, low * ratio)
    if "lr" in batch.tensors:
        assert batch.lr.shape[2:] == (batch.hr.shape[2:] if setting.upsample else (low, low))


def check_alignment(batch: Any, levels: torch.Tensor) -> None:
    """LR is HR made smaller, but for rounding and what the crop hides near its border: the first images."""
    hr, lr = batch.hr[:3], batch.lr[:3]
    again = imresize(hr, size=tuple(lr.shape[2:]))
    inner = ((again - lr).abs() * 255 / levels)[..., 3:-3, 3:-3]
    assert inner.mean() < 0.5
    assert (inner > 2).float().mean() < 0.03  # MATLAB clips after the rows, floats are not clipped


def check_any_scale(batch: Any, form: dict[str, Any], count: int) -> None:
    assert batch.lr.shape[2:] == (form["lr_patch"], form["lr_patch"])
    pixels = form["queries"] or batch.hr.shape[2] * batch.hr.shape[3]
    assert batch.rgb.shape == (count, pixels, 3)
    assert batch.coord.shape == batch.cell.shape == (count, pixels, 2)
    assert batch.coord.abs().max() < 1


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_runs(name: str, corpora: Corpora) -> None:
    paper = scaled_down(load_paper(name))
    for need in needs(paper.stages):
        corpora.give(need)
        corpora.classify(name, need)
        corpora.tell(paper, need)
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
                if setting.prompt:
                    assert {*batch.prompt} <= {"", *(f"of {key}" for key in batch.keys)}
    check_evaluation(paper, corpora)


def check_evaluation(paper: Paper, corpora: Corpora) -> None:
    """The first test set that srdata knows is made, and read whole."""
    stage = paper.stages[-1]
    known = [name for one in paper.evaluation for name in one.sets if name in TESTS]
    if not known or stage.one_image is not None:
        return
    setting = next(iter(stage.settings.values()))
    hr_alone = setting.made != "stored" or setting.any_scale is not None
    corpora.give(need_of(setting, Corpus(set=known[0], split="test"), hr_alone))
    [batch] = paper.test_loader(corpora.root, known[0], workers=0)
    high = batch.hr.shape[2:]
    assert 288 <= high[0] <= 300
    assert 432 <= high[1] <= 451
    if setting.made != "network" and setting.any_scale is None:
        assert batch.lr.shape[2:] == tuple(int(side / float(setting.scale)) for side in high)


TESTS = {"set5", "set14", "b100", "urban100", "manga109", "bsd68"}

# batch, LR side, HR side, range; as the papers and their code have them
STATED = {
    "hat-x4": (32, 64, 256, (0, 1)),
    "edsr-x2": (16, 96, 192, (0, 255)),
    "edsr-baseline-x3": (16, 48, 144, (0, 255)),
    "imdn-x3": (16, 64, 192, (0, 1)),
    "omni-sr-x4": (64, 64, 256, (-1, 1)),
    "ecbsr-x2": (32, 64, 128, (0, 255)),
    "swinir-x4": (32, 48, 192, (0, 1)),
    "swinir-light-x3": (64, 64, 192, (0, 1)),
    "swinir-denoise-color-25": (8, 128, 128, (0, 1)),
    "swinfir-x4": (32, 60, 240, (0, 1)),
    "craft-x4": (64, 64, 256, (0, 1)),
    "safmn-x2": (64, 64, 128, (0, 1)),
    "elan-light-x4": (64, 64, 256, (0, 255)),
    "adsrnet-x4": (64, 32, 128, (0, 255)),
    "sr-lut-x4": (32, 48, 192, (0, 1)),
    "train2": (16, 64, 128, (0, 1)),
}


@pytest.mark.parametrize("name", STATED)
def test_batches_are_those_of_the_papers(name: str, corpora: Corpora) -> None:
    paper = load_paper(name)
    for need in needs(paper.stages):
        corpora.give(need)
    batch = next(iter(paper.loader(corpora.root, workers=0)))
    count, low, high, (least, most) = STATED[name]
    channels = 1 if name.startswith("ecbsr") else 3
    assert batch.hr.shape == (count, channels, high, high)
    assert batch.lr.shape == (count, channels, low, low)
    assert least <= batch.hr.min() < least + 0.2 * (most - least)
    assert most - 0.2 * (most - least) < batch.hr.max() <= most


def test_training_runs_follow_each_other() -> None:
    known = set(NAMES)
    for name in NAMES:
        before: list[str] = []
        for stage in load_paper(name).stages:
            assert set(stage.init_from) <= {*known, *before}, name
            before.append(stage.name)
    assert load_paper("hat-x4").stage().init_from == ("hat-x2",)
    assert [stage.iterations for stage in load_paper("hat-x2").stages] == [500_000]
    assert [stage.name for stage in load_paper("real-hat-gan-x4").stages] == ["mse", "gan"]


def test_protocols_are_those_of_evaluate() -> None:
    for name in NAMES:
        for one in load_paper(name).evaluation:
            assert one.protocol is None or one.protocol in PROTOCOLS, name
            assert one.protocol or one.note, name


def test_every_setting_has_a_status() -> None:
    named = [name for names in GROUPS.values() for name in names]
    assert sorted(named) == sorted(Stage.model_fields)
    assert {*GROUPS, "evaluation"} == set(Status.model_fields)


def test_no_recipe_of_a_paper_has_the_name_of_another_thing() -> None:
    others = {
        name
        for shelf in (Shelf.RECIPES, Shelf.MANIFESTS, Shelf.DEGRADATIONS)
        for name in catalog.names(shelf)
    }
    assert not others & set(NAMES)


def test_names_that_are_known_and_that_are_not() -> None:
    assert isinstance(load_recipe("div2k"), Recipe)
    assert load_recipe("HAT-x4") == load_paper("hat-x4")
    with pytest.raises(UnknownNameError, match="hat stands for several recipes: take hat-x2, hat-x3, hat-x4"):
        load_recipe("hat")
    with pytest.raises(UnknownNameError, match="take hat-x2, hat-x3, hat-x4"):
        load_recipe("hat-x8")
    with pytest.raises(UnknownNameError, match="no recipe is called asconvsr: take asconvsr-x2"):
        load_recipe("asconvsr")
    with pytest.raises(UnknownNameError, match="'noope': srdata list shows what there is"):
        describe("noope")
    with pytest.raises(UnknownNameError, match=r"'elam-x4', did you mean 'elan-x4'[?]: srdata list shows"):
        load_recipe("elam-x4")
    with pytest.raises(UsageError, match="srdata prepare hat-x4 makes all that it reads"):
        prepare("hat-x4")
    with pytest.raises(UnknownNameError, match="unknown stage of hat-x4 'first'"):
        load_paper("hat-x4").stage("first")


def test_a_set_that_is_missing_is_told_with_its_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"srdata prepare df2k --scale 4 --lmdb --root {tmp_path}"):
        load_paper("hat-x4").loader(tmp_path)
    with pytest.raises(UsageError, match="--scale 3 --lmdb --degradation blur-downsample"):
        load_paper("rcan-bd-x3").loader(tmp_path)
    with pytest.raises(UsageError, match="srdata prepare FOLDER/t91 --scale 2 --lmdb --copies lapsrn"):
        load_paper("lapsrn-x2").loader(tmp_path)
    with pytest.raises(UsageError, match=f"prepare FOLDER --scale 1 --lmdb --name lol --root {tmp_path}"):
        load_paper("ramit-lowlight").loader(tmp_path)
    with pytest.raises(UsageError, match="give it as image="):
        load_paper("zssr-ideal").loader(tmp_path)


def test_what_is_brought_is_found_by_recipes(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """GoPro as its archive lies, by the command that is told."""
    for side in ("target", "input"):
        for name in BIG:
            write_png(tmp_path / f"GOPR/{side}/{name}.png", read_image(photographs / name)[:512, :512])
    assert run(["prepare", "gopro", "--root", str(tmp_path)]) == 2
    told = re.search("`srdata (prepare FOLDER .*)`", capsys.readouterr().err)
    assert told is not None
    ask = told[1].replace("FOLDER", str(tmp_path / "GOPR")).split()
    assert run([*ask, "--root", str(tmp_path / "data"), "--jobs", "1"]) == 0
    loader = load_paper("nafnet-gopro").loader(tmp_path / "data", batch_size=2, workers=0)
    assert next(iter(loader)).hr.shape == (2, 3, 256, 256)
    assert told[1] in describe("gopro")


def test_all_that_recipes_read_is_known_or_brought() -> None:
    read = {need.corpus for name in NAMES for need in needs(load_paper(name).stages)}
    assert read - {*catalog.names(Shelf.RECIPES), *catalog.names(Shelf.BROUGHT)} == set()


def test_a_set_of_another_degradation_is_not_taken(corpora: Corpora, tmp_path: Path) -> None:
    photographs = corpora._images("div2k")
    prepare(photographs, root=tmp_path, scale=3, lmdb=True, degradation="blur-downsample", jobs=1)
    with pytest.raises(UsageError, match="no train images of div2k at x3"):
        load_paper("edsr-x3").loader(tmp_path)
    assert len(next(iter(load_paper("rcan-bd-x3").loader(tmp_path, workers=0)))) == 16


def test_a_set_with_copies_is_for_those_that_ask_for_them(corpora: Corpora) -> None:
    plain = NeededSet("div2k", "train", Scale(4), "bicubic")
    copied = plain._replace(copies="classsr")
    for need in (plain, copied):
        corpora.give(need)
    counts = [read_set(find_set(corpora.root, need)).counts for need in (plain, copied)]
    assert counts == [{"train": 3}, {"train": 15}]


def test_a_length_draws_so_many_images_once(corpora: Corpora) -> None:
    need = NeededSet("div2k", "train", Scale(4), "bicubic")
    corpora.give(need)
    paper = load_paper("edsr-baseline-x4")
    data = {"sets": ({"set": "div2k", "length": 2},)}
    stage = Stage(**{**paper.stages[0].model_dump(), "data": data})
    drawn = [
        {
            key
            for batch in islice(stage.loader(corpora.root, seed=seed, workers=0).forever(), 3)
            for key in batch.keys
        }
        for seed in (0, 1)
    ]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 2


def test_images_are_not_counted_among_copies() -> None:
    with pytest.raises(ValueError, match="images counts those of a set without copies"):
        Corpus(set="div2k", images=(1, 2), copies="classsr")


def test_the_batch_is_shared_by_the_ranks(corpora: Corpora) -> None:
    paper = load_paper("hat-x4")
    for need in needs(paper.stages):
        corpora.give(need)
    shares = [
        next(iter(paper.loader(corpora.root, workers=0, rank=rank, world_size=2, batch_size=8)))
        for rank in (0, 1)
    ]
    assert [len(share) for share in shares] == [4, 4]
    with pytest.raises(UsageError, match="a batch of 32 cannot be shared by 3 ranks"):
        paper.loader(corpora.root, rank=0, world_size=3)


def test_validation_gives_whole_images(corpora: Corpora) -> None:
    paper = load_paper("imdn-x4")
    for split in ("train", "validation"):
        corpora.give(NeededSet("div2k", split, Scale(4), "bicubic"))
    sizes = [tuple(batch.hr.shape[2:]) for batch in paper.loader(corpora.root, "validation", workers=0)]
    assert sorted(sizes) == [(424, 640), (512, 512), (872, 1000)]  # what LR covers


def test_whole_images_are_degraded_without_the_margin_of_crops(corpora: Corpora) -> None:
    """As far as LR covers them; neither cropped nor padded."""
    corpora.give(NeededSet("lsdir", "validation", Scale(4), None))
    stage = load_paper("safmn-real-x2").stage("1")
    loader: Any = stage.loader(corpora.root, "validation", workers=0)
    batch = next(iter(loader))
    assert batch.hr.shape[2:] == (512, 512)
    assert batch.lr.shape[2:] == (256, 256)
    assert loader.scale == 2


def test_lr_in_floats_is_that_of_whole_images(corpora: Corpora) -> None:
    stage = load_paper("hat-imagenet-x4").stage("imagenet")
    for need in (NeededSet("imagenet", split, Scale(4), None) for split in ("train", "validation")):
        corpora.give(need)
    whole = {}
    for batch in stage.loader(corpora.root, "validation", workers=0):
        whole[batch.keys[0]] = batch.hr, imresize(batch.hr, 1 / 4)
        assert (batch.lr - whole[batch.keys[0]][1]).abs().max() < 1e-6
    batch = next(iter(stage.loader(corpora.root, workers=0, augment=(), batch_size=4)))
    for key, hr, lr in zip(batch.keys, batch.hr, batch.lr, strict=True):
        high, low = whole[key]
        corners = high[0, :, :-252:4, :-252:4] == hr[:, :1, :1]  # on the grid of LR
        found = [
            low[0, :, top : top + 64, left : left + 64]
            for top, left in corners.all(dim=0).nonzero().tolist()
            if torch.equal(high[0, :, 4 * top :, 4 * left :][:, :256, :256], hr)
        ]
        assert any((lr - one).abs().max() < 1e-6 for one in found)


def test_lr_of_prosr_is_pillows(corpora: Corpora) -> None:
    corpora.give(NeededSet("set14", "test", Scale(4), None))
    [batch] = load_paper("prosr").test_loader(corpora.root, "set14", workers=0, task="x4")
    assert batch.hr.shape[2:] == (300, 448)
    image = Image.fromarray(read_image(corpora.photographs / "chelsea.png")[:300, :448])
    expected = np.asarray(image.resize((112, 75), Image.Resampling.BICUBIC), np.float32) / 255
    mean = np.array([0.4488, 0.4371, 0.4040])
    found = batch.lr[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, (expected - mean) / 0.0039215, atol=1e-3)


def test_progress_changes_patch_and_batch_by_epoch(corpora: Corpora) -> None:
    paper = load_paper("ramit-denoise-color")
    for need in needs(paper.stages):
        corpora.give(need)
    loader: Any = paper.loader(corpora.root, workers=0)
    for epoch, (count, side) in {0: (64, 64), 99: (64, 64), 100: (32, 96), 200: (16, 128)}.items():
        loader.set_epoch(epoch)
        assert next(iter(loader)).hr.shape == (count, 3, side, side)


def test_crops_of_one_image_stand_together(corpora: Corpora) -> None:
    corpora.give(NeededSet("div2k", "train", Scale(4), "bicubic"))
    batch = next(iter(load_paper("sr-lut-x4").loader(corpora.root, workers=0)))
    runs = [set(batch.keys[start : start + 8]) for start in range(0, 32, 8)]
    assert [len(run) for run in runs] == [1, 1, 1, 1]
    assert len({one.numpy().tobytes() for one in batch.lr}) == 32


def test_each_step_of_carn_has_one_scale_drawn_at_random(corpora: Corpora) -> None:
    for scale in (2, 3, 4):
        corpora.give(NeededSet("div2k", "train", Scale(scale), "bicubic"))
    loader = load_paper("carn").loader(corpora.root, workers=0, batch_size=2)
    batches = list(islice(endless(loader), 24))
    assert {(batch.task, batch.hr.shape[2]) for batch in batches} == {("x2", 128), ("x3", 192), ("x4", 256)}
    assert [batch.task for batch in batches] != ["x2", "x3", "x4"] * 8


def test_an_epoch_of_tasks_is_as_long_as_that_of_one(corpora: Corpora) -> None:
    """EDSR-PyTorch takes 1000 steps an epoch, for MDSR each of one scale drawn at random."""
    for scale in (2, 3, 4):
        corpora.give(NeededSet("div2k", "train", Scale(scale), "bicubic"))
    assert len(load_paper("mdsr").loader(corpora.root, workers=0)) in (999, 1000)


def test_hard_windows_come_more_often(corpora: Corpora) -> None:
    need = NeededSet("div2k", "train", Scale(4), "bicubic")
    corpora.give(need)
    corpora.classify("wbsr-x4", need)
    path = find_set(corpora.root, need)
    windows = Windows(size=128, step=64, threshold=0)
    data = PairedDataset(path, split="train", scale=4, windows=windows)
    scores = dict(zip(data.keys, data.scores("gradients"), strict=True))
    first, last = (stage.loader(corpora.root, workers=0) for stage in load_paper("wbsr-x4").stages)
    means = [
        np.mean([scores[key] for batch in islice(endless(one), 40) for key in batch.keys])
        for one in (first, last)
    ]
    assert means[1] > 1.1 * means[0]


@pytest.mark.parametrize(("name", "all_alike"), [("omni-sr-x4", False), ("craft-x4", True)])
def test_with_replacement_images_come_by_chance(name: str, all_alike: bool, corpora: Corpora) -> None:
    """And without it each comes as often as any other in an epoch."""
    paper = load_paper(name)
    for need in needs(paper.stages):
        corpora.give(need)
    loader = paper.loader(corpora.root, workers=0, batch_size=2, drop_last=False)
    counts = Counter(key for batch in loader for key in batch.keys)
    assert (len(set(counts.values())) == 1) == all_alike, counts


def test_a_mask_is_where_cutout_took_lr(corpora: Corpora) -> None:
    corpora.give(NeededSet("div2k", "train", Scale(4), "bicubic"))
    loader = load_paper("cutblur-x4").loader(corpora.root, workers=0, seed=2)
    taken = 0
    for batch in islice(endless(loader), 30):
        assert batch.mask.shape == (16, 1, 192, 192)
        assert batch.mask.dtype == torch.bool
        assert batch.lr.shape == batch.hr.shape
        branches = {one["augment"][-1]["params"].get("branch") for one in batch.params}
        gone = (~batch.mask).float().mean()
        assert (0.0005 < gone < 0.0015) if branches == {3} else gone == 0
        assert (batch.lr * ~batch.mask == 0).all()
        taken += branches == {3}
    assert 0 < taken < 15


def test_labels_say_which_corpus_an_image_is_of(photographs: Path, tmp_path: Path) -> None:
    """Images are called as their corpus: photographs, faces, which SwinIR mirrors alone, manga and text."""
    labels = {"df2k": 0, "ost": 0, "wed": 0, "ffhq": 1, "manga109": 2, "scut-ctw1500": 3}
    for corpus in labels:
        (tmp_path / corpus).mkdir()
        image = read_image(photographs / "astronaut.png")[:256, :256]
        for number in range(3):
            write_png(tmp_path / corpus / f"{corpus}_{number}.png", image)
        split = "test" if corpus == "manga109" else "train"
        prepare(
            tmp_path / corpus, root=tmp_path, name=f"{corpus}-x4", scale=4, lmdb=True, splits=[split], jobs=1
        )
    seen = set()
    turns: dict[int, set[int]] = {label: set() for label in range(4)}
    loader = load_paper("swinir-real-l-x4").loader(tmp_path, workers=0, batch_size=6, degrade="bicubic")
    for batch in islice(endless(loader), 30):
        corpora = [key.rpartition("_")[0] for key in batch.keys]
        assert batch.label.tolist() == [labels[corpus] for corpus in corpora]
        assert batch.label.dtype == torch.int64
        seen |= set(corpora)
        for label, one in zip(batch.label.tolist(), batch.params, strict=True):
            turns[label].add(one["augment"][0]["params"]["turn"])
    assert seen == set(labels)
    assert turns == {0: set(range(8)), 1: {0, 1}, 2: set(range(8)), 3: set(range(8))}


RECIPES_OF = re.compile(r"^\| (`\w+`(?:, `\w+`)*) \|.*\| ([^|]+) \|$", re.MULTILINE)


def test_the_page_names_the_recipes_that_give_each_tensor() -> None:
    """By what they state; what is said in words beside the names is left aside."""
    stated: dict[str, set[str]] = {}
    for stem in catalog.names(Shelf.PAPERS):
        for name in names_in(stem):
            for tensor in {one for stage in load_paper(name).stages for one in given(stage)}:
                stated.setdefault(tensor, set()).add(stem)
    section = PAGE.partition("## What batches hold")[2].partition("## ")[0]
    told = {
        tensor: set(re.findall(r"[\w-]+", recipes.partition("; ")[0]))
        for tensors, recipes in RECIPES_OF.findall(section)
        for tensor in re.findall(r"\w+", tensors)
    }
    assert told.pop("lr") == told.pop("hr") == {"all"}
    assert told == stated


def given(stage: Stage) -> Iterator[str]:
    """The tensors that a stage states beside LR and HR."""
    yield from (name for name in stage.outputs if name != "pyramid")
    yield from ("pyramid_x2", "pyramid_x4") if "pyramid" in stage.outputs else ()
    yield from ("coord", "cell", "rgb") if stage.any_scale else ()
    yield from ("mask",) if "cutblur" in str(stage.augment) else ()
    yield from ("label",) if stage.data.sets[0].label is not None else ()
    yield from ("difficulty",) if stage.difficulty else ()


def scores_of(name: str, corpora: Corpora) -> dict[str, float]:
    """The score of each window that a recipe reads, by the name of the window."""
    [need] = needs(load_paper(name).stages)
    corpora.give(need)
    corpora.classify(name, need)
    by, (size, step, threshold) = SCORED[name.removesuffix("-x4")]
    windows = Windows(size=size, step=step, threshold=threshold)
    data = PairedDataset(find_set(corpora.root, need), split="train", scale=4, windows=windows)
    return dict(zip(data.keys, data.scores(by), strict=True))


def difficulties(name: str, corpora: Corpora, batches: int, **options: Any) -> list[dict[str, float]]:
    """What the batches of each stage say of windows."""
    stages = load_paper(name).stages
    loaders = (stage.loader(corpora.root, workers=0, batch_size=4, **options) for stage in stages)
    return [
        {
            key: value
            for batch in islice(endless(loader), batches)
            for key, value in zip(batch.keys, batch.difficulty.tolist(), strict=True)
        }
        for loader in loaders
    ]


def test_batches_say_how_hard_their_windows_are(corpora: Corpora) -> None:
    """ClassSR's classes by its thresholds, WBSR's tenths, ARM's score; and any score that is asked for."""
    scores = scores_of("classsr-x4", corpora)
    hard, medium, easy, joint = difficulties("classsr-x4", corpora, 30)
    assert [set(found.values()) for found in (hard, medium, easy)] == [{0}, {1}, {2}]
    assert set(joint.values()) == {0, 1, 2}
    for found in (hard, medium, easy, joint):
        for key, value in found.items():
            assert value == sum(scores[key] >= threshold for threshold in (27.16882, 35.149761))
    scores = scores_of("wbsr-x4", corpora)
    ordered = sorted(scores, key=lambda key: scores[key])
    for found in difficulties("wbsr-x4", corpora, 30):
        assert set(found.values()) == set(range(10))
        for key, value in found.items():
            assert value == ordered.index(key) * 10 // len(ordered)
    scores = scores_of("arm-x4", corpora)
    [found] = difficulties("arm-x4", corpora, 5)
    assert found == pytest.approx({key: scores[key] for key in found})
    scores = scores_of("pcsr-x4", corpora)
    for found in difficulties("pcsr-x4", corpora, 2, difficulty="psnr"):
        assert found == pytest.approx({key: scores[key] for key in found})


def test_recipes_read_sets_of_image_files(photographs: Path, tmp_path: Path) -> None:
    """LR that is stored, made of crops, or made of crops as if of whole images."""
    for corpus in ("df2k", "imagenet"):
        (tmp_path / corpus).mkdir()
        (tmp_path / corpus / "astronaut.png").symlink_to(photographs / "astronaut.png")
        prepare(tmp_path / corpus, root=tmp_path / "data", scale=4, jobs=1)
    recipes = [load_paper(name) for name in ("hat-imagenet-x4", "bsrgan-x4")]
    for stage in (stage for recipe in recipes for stage in recipe.stages):
        batch = next(iter(stage.loader(tmp_path / "data", workers=0, batch_size=1)))
        assert batch.hr.shape[2] == batch.lr.shape[2] * 4 == stage.hr_size


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    [text] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    paper = load_recipe(path)
    assert isinstance(paper, Paper)
    assert [(stage.hr_size, stage.batch.size) for stage in paper.stages] == [(256, 32), (384, 32)]
    assert paper.stages[0].look.range == (-1, 1)
    told = CliRunner().invoke(cli, ["prepare", str(path), "--dry-run", "--root", str(tmp_path)])
    to_do, *plan = told.output.splitlines()
    assert to_do == f"to do: srdata prepare df2k --scale 4 --lmdb --root {tmp_path}"
    assert plan[0] == f"target    {tmp_path}/df2k-x4 (lmdb)"
    for start in (
        "licence of Flickr2K: ",
        "download  ",
        "disk      about ",
        "windows   of 480 pixels, every 240; ",
    ):
        assert [line for line in plan if line.startswith(start)], start
    path.write_text(text.replace("side: lr", "side: left").replace("repeat", "repaet"))
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert "did you mean 'repeat'" in str(caught.value)
    assert 'must be one of hr, lr, not "left"' in str(caught.value) or "'hr' or 'lr'" in str(caught.value)


_MINE = "title: x\nuses: [div2k]\nstatus: unverified\ncrop: {size: 48, side: lr}\nbatch: {size: 4}\n"


def test_a_file_of_ones_own_holds_a_recipe_for_each_scale(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"{_MINE}scales: [4]\nat:\n  4: {{init_from: hat-x2}}\n")
    paper = load_paper(path)
    assert (paper.stages[0].scale.label, paper.stages[0].init_from) == ("x4", ("hat-x2",))
    path.write_text(f"{_MINE}scales: [2, 4]\nat:\n  4: {{init_from: mine-x2}}\n")
    paper = load_paper(tmp_path / "mine-x4.yaml")
    assert (paper.name, paper.stages[0].scale.label) == ("mine-x4", "x4")
    assert load_paper(paper.stages[0].init_from[0]).stages[0].scale.label == "x2"
    told = CliRunner().invoke(cli, ["prepare", f"{tmp_path}/mine-x2.yaml", "--dry-run", "--root", "data"])
    assert told.output.startswith("to do: srdata prepare div2k --scale 2 --lmdb --root data\n")
    with pytest.raises(RecipeError, match=r"mine.yaml:6: scales: .* mine-x2.yaml, mine-x4.yaml: name one"):
        load_recipe(path)
    with pytest.raises(RecipeError, match=r"mine.yaml:6: scales: .* mine-x2.yaml, mine-x4.yaml: name one"):
        load_recipe(tmp_path / "mine-x3.yaml")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("scales: [two]", r"mine.yaml:6: scales\[0\]: must be a number, not 'two'"),
        ("scale: 2\nat: {4: {batch: {size: 1}}}", r"at.4 is none of the scales .* \(there are none\)"),
        ("scales: [2]\nat: 5", "at must be a mapping of settings to values, not 5"),
        ("scale: 2\nstages: 3", "stages must be a list"),
        ("scale: 2\nstages: [3]", r"mine.yaml:1: stages\[0\] must be a mapping"),
        ("scale: 2\ntasks: {a: 3}", "tasks.a must be a mapping"),
    ],
)
def test_settings_of_another_form_are_named(settings: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"{_MINE}{settings}\n")
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_what_is_wrong_in_a_stage_does_not_make_stages_few(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"{_MINE}scale: 2\naugment: flipp\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert "at least 1 item" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("status: confirmed", "needs a source"),
        (
            "status: confirmed\nevidence: [the paper]",
            "look is confirmed, which needs .* OWNER/REPOSITORY:PATH",
        ),
        ("status: confirmed\nevidence: [a/b:c (not the authors')]", "crop is confirmed, which needs"),
        ("status: {rest: confirmed}\nevidence: {data: [a/b:c]}", "evaluation is confirmed, which needs"),
        ("status: {rest: confirmed}\nevidence: {crops: [a/b:c]}", "crops is none of data, degradation"),
        (
            "status: {rest: confirmed}\nevidence: [a/b@1234567:c]\ndeviations: {crop: in the middle}",
            "crop deviates from what the authors do, so it is partial",
        ),
    ],
)
def test_what_is_confirmed_needs_evidence(settings: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"{_MINE.replace('status: unverified', settings)}scale: 2\n")
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


DEPARTS = re.compile(
    r"\b(here (it|they|all|patches|the)|assum|guess|analogy|from memory|not (published|told|offered))"
)


@pytest.mark.parametrize("stem", catalog.names(Shelf.PAPERS))
def test_no_note_of_a_confirmed_recipe_tells_of_a_departure(stem: str) -> None:
    """What is done otherwise than by the authors stands in `deviations`, which the status has to follow."""
    for name in names_in(stem):
        paper = load_paper(name)
        if paper.status.word == "confirmed":
            assert not DEPARTS.search(" ".join(paper.notes)), name


@pytest.mark.parametrize(
    ("difficulty", "message"),
    [
        ("{by: psnr, only: 0}", "only goes with classes: classsr"),
        ("{by: psnr, classes: 3, only: 0}", "only goes with classes: classsr"),
        ("{by: psnr, decay: 0.5}", "decay needs a number of classes"),
        ("{by: psnr, classes: classsr, decay: 0.5}", "decay needs a number of classes"),
    ],
)
def test_difficulty_needs_its_classes(difficulty: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    settings = "title: x\nuses: [div2k]\nscale: 2\nstatus: unverified\ncrop: {size: 48, side: lr}\n"
    path.write_text(f"{settings}batch: {{size: 4}}\ndifficulty: {difficulty}\n")
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_show_says_what_is_unverified_in_another_colour() -> None:
    assert describe("imdn-x2").count("unverified") == 0
    text = describe("train2")
    assert "srdata prepare div2k --scale 4 --lmdb --root data" in text
    coloured = [line for line in text.splitlines() if line.startswith("\x1b[33m")]
    assert any("guesses that run, not a reproduction" in line for line in coloured)
    assert any("augment (unverified)" in line for line in coloured)
    assert not any("crop (partial)" in line for line in coloured)
    assert "{augment: rgb_permute, p: 0.5, per: image}" in describe("swinfir-x4")
    assert json.loads(describe_json("train2"))["paper"]["status"]["augment"] == "unverified"
    told = CliRunner().invoke(cli, ["show", "train2"])
    assert "\x1b" not in told.output  # not a terminal
    assert "augment (unverified)" in told.output


def test_the_list_has_every_recipe() -> None:
    text = overview(Path("nowhere"))
    for stem in catalog.names(Shelf.PAPERS):
        assert f"\n  {stem} " in text
    assert re.search(r"\n  hat  .* HAT · x2 x3 x4 · confirmed", text)


def test_the_page_has_a_row_for_every_recipe() -> None:
    rows = re.findall(r"^\| \[`([^`]+)`\]", PAGE, re.MULTILINE)
    assert rows == catalog.names(Shelf.PAPERS)
    assert "| confirmed |" in next(line for line in PAGE.splitlines() if line.startswith("| [`hat`]"))


def test_the_example_of_the_page_runs(
    corpora: Corpora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpora.give(NeededSet("df2k", "train", Scale(4), "bicubic"))
    (tmp_path / "data").symlink_to(corpora.root)
    monkeypatch.chdir(tmp_path)
    [python] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    scope: dict[str, Any] = {}
    exec(compile(python, "recipes.md", "exec"), scope)  # our own page
    assert scope["batch"].hr.shape == (32, 3, 256, 256)


def test_prepare_takes_the_name_of_a_paper(tmp_path: Path) -> None:
    def told(*arguments: str) -> str:
        done = CliRunner().invoke(cli, ["prepare", *arguments, "--root", str(tmp_path)])
        return done.output + str(done.exception or "")

    lines = told("swinir-real-l-x4", "--dry-run").splitlines()
    assert f"to do: srdata prepare ost --scale 4 --lmdb --root {tmp_path}" in lines
    assert f"to do: srdata prepare FOLDER/ffhq --scale 4 --lmdb --root {tmp_path}" in lines
    assert "hat-x4 says itself how its sets are made: leave --scale, --codec out" in told(
        "hat-x4", "--scale", "2", "--codec", "png"
    )
    assert "leave --copies out" in told("arm-x4", "--copies", "classsr")
    assert "leave --from, --split out" in told("hat-x4", "--from", str(tmp_path), "--split", "train")
    assert "to do: srdata prepare FOLDER --scale 1 --lmdb --name rain13k" in told("ramit-derain", "--lmdb")


DIV2K = """
name: div2k
title: DIV2K
licence: {{name: test, text: for tests}}
citation: none
evidence: {{here: made by this test}}
sets:
  - {{split: train, track: HR, count: 2, sources: [{{archives: [hr.zip], paths: "HR/{{key}}.png"}}]}}
archives:
  hr.zip: {{urls: ["{server}"], digests: [{{sha256: {digest}, evidence: [here]}}]}}
"""


def test_from_a_name_and_a_download_to_batches(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("manifests", "recipes"):
        shutil.copytree(photographs.parents[1] / folder, tmp_path / "package" / folder)
    images = {
        f"HR/{name}.png": (photographs / f"{name}.png").read_bytes() for name in ("astronaut", "chelsea")
    }
    archive = zip_of(images)
    with serve({"hr.zip": archive}) as server:
        manifest = tmp_path / "package/manifests/div2k.yaml"
        digest = hashlib.sha256(archive).hexdigest()
        manifest.write_text(DIV2K.format(server=server.url("hr.zip"), digest=digest))
        monkeypatch.setattr(catalog, "_PACKAGED", tmp_path / "package")
        for name, told in {
            "edsr-x4": "data/div2k-x4: 2 train images",
            "arm-x4": "data/div2k-classsr-copies-x4: 10 train images",
            "esrt-x4": "data/div2k-x4: is here",
            "classsr-x4": "data/div2k-classsr-copies-x4: is here",
        }.items():
            done = CliRunner().invoke(cli, ["prepare", name, "--root", f"{tmp_path}/data", "--jobs", "1"])
            assert told in done.stdout
    batch = next(iter(load_paper("edsr-x4").loader(tmp_path / "data", workers=0)))
    assert set(batch.keys) == {"astronaut", "chelsea"}
    check(batch, load_paper("edsr-x4").stage(), 16)

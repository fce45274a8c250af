"""From a stage of a paper recipe to the loader of its batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdata.common.wording.amounts import how_many
from srdata.data.arbitrary_scale.scale_pairs import ArbitraryScale
from srdata.data.datasets.mixed import InRatio, Mixed
from srdata.data.datasets.paired import PairedDataset
from srdata.data.loading.loader import Loader
from srdata.data.loading.multi_loader import Alternating, Unpaired
from srdata.data.sampling.orders import Order, Several, Shuffled, Weighted
from srdata.data.sampling.schedule import Schedule
from srdata.data.single_image.deep_prior import DeepPrior
from srdata.data.single_image.zero_shot import ZeroShot
from srdata.data.single_image.zero_shot_crops import PRESETS
from srdata.difficulty.thresholds import classes, equal_classes
from srdata.discovery.forms.lmdb_folders import is_lmdb
from srdata.errors import UsageError
from srdata.papers.derived_outputs import WithExtras
from srdata.papers.requirements import find_set, need_of, reads_hr_alone
from srdata.papers.schema import BatchRule, Corpus, Crop, Data, Difficulty, Folders, Setting, StageSettings
from srdata.rng import generator
from srdata.scale import Scale
from srdata.store.set_json import SET_FILE, read_set
from srdata.vocabulary import Only, Split

Batches = Loader | WithExtras | Alternating | Unpaired | ZeroShot | DeepPrior
Options = Mapping[str, Any]


def open_stage(stage: StageSettings, root: Path, split: Split, device: Any, options: Options) -> Batches:
    """The batches of a stage; see `Paper.loader`."""
    if stage.one_image is not None:
        return _of_one_image(stage.one_image, stage.scale, device, options)
    opening = {"device": device, **options}
    if stage.lr_data is not None:
        hr = _data(stage, stage.data, root, split, "hr")
        lr = _data(stage, stage.lr_data, root, split, "lr")
        return Unpaired(_loader(stage, hr, split, opening), _loader(stage, lr, split, opening))
    if stage.tasks:
        loaders = {name: _opened(one, root, split, opening) for name, one in stage.tasks.items()}
        # an epoch goes through the images once, each batch for one task: so do MDSR, CARN, proSR and IPT
        return Alternating(
            loaders, batches=lambda: max(map(len, loaders.values())), seed=options.get("seed", 0)
        )
    loader = _opened(stage, root, split, opening)
    return WithExtras(loader, stage.outputs) if stage.outputs else loader


def open_test(
    setting: Setting, root: Path, name: str, device: Any, options: Options, folders: Folders | None = None
) -> Loader:
    """The whole images of a test set, or of folders, one by one; HR alone where the scale is any."""
    paired = folders is not None and folders.lr is not None
    hr_alone = not paired and (setting.made != "stored" or setting.any_scale is not None)
    how = {"views": setting.data.views, **_side(setting, None, "hr" if hr_alone else None)}
    if folders is None:
        need = need_of(setting, Corpus(set=name, split="test"), hr_alone)
        data = PairedDataset(find_set(root, need), split="test", **how)
    else:
        data = _of_folders(folders, "test", how)
    making = {} if paired or setting.any_scale is not None else _made(setting, None)
    return Loader(data, 1, shuffle=False, device=device, **{**making, **_look(setting), **options})


def _opened(setting: Setting, root: Path, split: Split, options: Options) -> Loader:
    """The loader of a stage without tasks, or of one task."""
    only: Only | None = "hr" if reads_hr_alone(setting) else None
    return _loader(setting, _data(setting, setting.data, root, split, only), split, options)


def _loader(setting: Setting, data: Mixed, split: Split, options: Options) -> Loader:
    crop = setting.crop if split == "train" else None
    settings: dict[str, Any] = {**_made(setting, crop), **_look(setting), "upsample": setting.upsample}
    if split != "train":
        return Loader(data, 1, shuffle=False, **{**settings, **options})
    sizes = _batch_sizes(setting.batch, options)
    settings |= {
        "patch_size": crop and _changing(crop.hr_sizes(setting.scale), setting),
        "order": _order(setting, data, sizes[0]),
        "augment": setting.augment,
    }
    numbers = _numbers(setting, data, options)
    settings |= {**options, "batch_size": _changing(sizes, setting), "difficulty": numbers}
    return Loader(data, **settings, shared_batch=True)


def _data(setting: Setting, data: Data, root: Path, split: Split, only: Only | None) -> Mixed:
    """The corpora as one: each item of each as often as any other, times the corpus' `repeat`."""
    corpora = data.sets
    if split != "train":
        corpora = tuple(
            {one.set: one.model_copy(update={"split": split, "mirrored": False}) for one in corpora}.values()
        )
    windows, crop = (data.windows, setting.crop) if split == "train" else (None, None)
    how = {"windows": windows or False, "views": data.views, **_side(setting, crop, only)}
    if crop and (crop.pad or crop.border or crop.take != "random"):
        placed = {"pad": crop.pad, "take": crop.take, "border": crop.border}
        how |= {**placed, "patch_size": setting.hr_size}
    sets = [_corpus(setting, one, root, how, only) for one in corpora]
    labels = [one.label for one in corpora if one.label is not None]
    ratio = [one.repeat * len(opened) for one, opened in zip(corpora, sets, strict=True)]
    return Mixed(sets, ratio, labels or None)


def _corpus(setting: Setting, corpus: Corpus, root: Path, how: Options, only: Only | None) -> PairedDataset:
    if corpus.split == "train":
        how = {**how, "prompt": setting.prompt}
    if corpus.mirrored:
        how = {**how, "dihedral": "mirror"}
    if corpus.hr is not None:
        path, opened = Path(corpus.hr), _of_folders(corpus, corpus.split, how)
    else:
        need = need_of(setting, corpus, only == "hr")
        path, track = find_set(root, need), None if only == "hr" else need.track
        opened = PairedDataset(path, split=corpus.split, track=track, **how)
    if corpus.images is not None:
        first, last = corpus.images
        opened = opened.subset(range(first - 1, min(last, len(opened))))
    if corpus.length is not None and corpus.length < len(opened):
        drawn = generator(0, "length", corpus.set).permutation(len(opened))[: corpus.length]
        opened = opened.subset(np.sort(drawn))
    return opened if setting.difficulty is None else _of_class(setting, setting.difficulty, opened, path)


def _of_folders(folders: Folders, split: Split, how: Options) -> PairedDataset:
    """What lies in folders, of which a prepared set is one that has splits; raises UsageError."""
    hr = Path(str(folders.hr))
    if isinstance(folders, Corpus) and split != "train":
        raise UsageError(f"{hr} has no split {split!r}: recipe.test_loader(root, NAME) reads test sets")
    splits = read_set(hr).counts if (hr / SET_FILE).is_file() else {}
    chosen = next((one for one in (split, "validation", *splits) if one in splits), None)
    place: dict[str, Any] = {"path": hr, "split": chosen}
    if folders.lr is not None:
        place = {"hr": hr, "lr": folders.lr, "template": folders.template}
    elif how.get("only") == "hr" and chosen is None and not is_lmdb(hr):
        place = {"hr": hr}
    opened = PairedDataset(**place, **how)
    return opened if folders.listed is None else opened.subset(_listed(opened.keys, Path(folders.listed)))


def _listed(keys: Sequence[str], path: Path) -> list[int]:
    """The numbers of the images that a file names at the beginning of its lines; raises UsageError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: leave `listed` out to take all images") from error
    wanted = {PurePosixPath(line.split()[0]).with_suffix("").as_posix() for line in lines if line.strip()}
    if missing := sorted(wanted.difference(keys)):
        images = how_many(len(missing), "image that is", "images that are")
        raise UsageError(f"{path} lists {images} not there, such as {missing[0]}")
    return [number for number, key in enumerate(keys) if key in wanted]


def _of_class(setting: Setting, difficulty: Difficulty, opened: PairedDataset, path: Path) -> PairedDataset:
    """The windows of the class that is wanted alone, or all."""
    if difficulty.only is None:
        return opened
    chosen = opened.subset(classes(opened.scores(difficulty.by, setting.scale)) == difficulty.only)
    if not len(chosen):
        raise UsageError(f"{path} has no window of class {difficulty.only} by its scores")
    return chosen


def _side(setting: Setting, crop: Crop | None, only: Only | None) -> dict[str, Any]:
    """Which side is read. HR alone has a scale where LR is made of whole images, or as if it were."""
    whole = setting.made == "online" and (crop is None or crop.mirrored)
    if only == "hr" and not whole:
        return {"only": "hr"}
    return {"only": only, "scale": setting.scale}


def _made(setting: Setting, crop: Crop | None) -> dict[str, Any]:
    """How LR is made of crops, or of whole images, where it is not read."""
    if setting.any_scale is not None:
        return {"degrade": ArbitraryScale(**setting.any_scale)}
    if setting.made == "online":
        made = {"degrade": setting.degradation, "scale": setting.scale}
        around = {name: getattr(crop, name) for name in ("margin", "anywhere", "loose", "mirrored") if crop}
        return {**made, **around, "plain_hr": "hr_plain" in setting.outputs}
    return {}


def _look(setting: Setting) -> dict[str, Any]:
    look = setting.look
    here = look.normalised == "loader"
    return {
        "color": look.color,
        "value_range": look.range,
        "mean": look.mean if here else None,
        "std": look.std if here else None,
    }


def _batch_sizes(rule: BatchRule, options: Options) -> dict[int, int]:
    """Images in a batch of all ranks, by when each begins to hold: the paper's, or what is asked for."""
    asked = options.get("batch_size", rule.size)
    return asked if isinstance(asked, dict) else {0: asked}


def _changing(sizes: dict[int, int], setting: Setting) -> int | Schedule[int]:
    """The one number there is, or a schedule."""
    return sizes[0] if len(sizes) == 1 else Schedule(sizes, unit=setting.changes)


def _order(setting: Setting, data: Mixed, batch: int) -> Order:
    """The order of the paper; an epoch has at least one batch."""
    rule, count = setting.batch, len(data)
    per_image = setting.crop.per_image if setting.crop else 1
    wanted = rule.steps * batch // (count * per_image) if rule.steps else rule.repeat or 1
    repeat = max(wanted, -(-batch // (count * per_image)))
    if setting.difficulty and setting.difficulty.decay < 1:
        return Weighted(_weights(setting.difficulty, setting.scale, data), length=int(repeat * count))
    if rule.replacement:
        return Weighted(np.ones(count), length=int(repeat * count))
    order: Order = Shuffled(repeat) if len(data.sets) == 1 else InRatio(data, repeat)
    return order if per_image == 1 else Several(order, per_image)


def _numbers(setting: Setting, data: Mixed, options: Options) -> Any:
    """What batches have as `difficulty`: what is asked for, else what the recipe says, if it does."""
    asked = options.get("difficulty")
    if asked is None and setting.difficulty is not None:
        return _grades(setting.difficulty, setting.scale, data)
    return data.scores(asked, setting.scale) if isinstance(asked, str) else asked


def _grades(difficulty: Difficulty, scale: Scale, data: Mixed) -> NDArray[Any]:
    """The class of each item, or its score where there are no classes."""
    scores = data.scores(difficulty.by, scale)
    if difficulty.classes is None:
        return scores
    return classes(scores) if difficulty.classes == "classsr" else equal_classes(scores, difficulty.classes)


def _weights(difficulty: Difficulty, scale: Scale, data: Mixed) -> NDArray[np.float64]:
    """How likely each item is, by its class: the last one is the most likely."""
    grades = _grades(difficulty, scale, data)
    return np.asarray(difficulty.decay ** (grades.max() - grades), np.float64)


def _of_one_image(settings: dict[str, Any], scale: Scale, device: Any, options: Options) -> Batches:
    given = dict(options)
    image = given.pop("image", None)
    if image is None:
        raise UsageError("this is trained on the one image that is to be enlarged: give it as image=")
    if "zero_shot" in settings:
        return ZeroShot(image, scale, fathers=PRESETS[settings["zero_shot"]], device=device, **given)
    return DeepPrior(image, int(scale), device=device, **{**settings["deep_prior"], **given})

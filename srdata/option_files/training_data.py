"""From the options on training data to the settings of a recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from srdata.option_files.degradation_options import Options, Tree, second_order
from srdata.option_files.folder_options import corpora
from srdata.option_files.option_section import (
    Said,
    Section,
    factor,
    numbers,
    text,
    texts,
    truth,
    whole,
)
from srdata.option_files.trainers import TRAINERS, Trainer
from srdata.scale import Scale
from srdata.vocabulary import Color

GIVEN = "published:given"  # LR is what the folder holds, however it was made


class Described(NamedTuple):
    """What an option file says of the data that a network is trained on."""

    root: Section
    degradations: Section | None  # of neosr
    train: Section
    name: str  # of the trainer

    @property
    def trainer(self) -> Trainer:
        return TRAINERS[self.name]

    @property
    def scale(self) -> Said:
        """HR size over LR size."""
        return self.root.take("scale", factor, ": HR size over LR size, such as scale: 4")

    @property
    def sections(self) -> list[Section]:
        """Where options on degradations stand; the first that has one holds."""
        return [one for one in (self.degradations, self.train, self.root) if one is not None]


def settings_of(told: Described, sets: list[str]) -> Tree:
    """The settings of a stage; `sets` are prepared ones that stand for the folders of the options."""
    kind = told.train.take(_kind_name(told), text)
    if (make := _KINDS.get(kind.value.lower())) is None:
        told.train.refuse(_kind_name(told), f"{kind.value} {_other_kind(kind.value)}")
    how = make(told)
    named = [{"set": one} for one in sets]
    one_folder = kind.value.lower() == "srdatapaireddataset"
    data = named or corpora(told.train, told.trainer, paired="made" not in how, one_folder=one_folder)
    low: Any = data[0].get("lr", data[0].get("hr"))
    given = {"degradation": Said(GIVEN, low.origin)} if low and "made" not in how else {}
    return {
        "scale": told.scale,
        "data": {"sets": data},
        **given,
        **how,
        "augment": [*_flips(told), *_mixed(told)],
        "look": _look(told),
        "batch": _batch(told),
        **_length(told),
    }


def _kind_name(told: Described) -> str:
    return {"kair": "dataset_type", "2019": "mode"}.get(told.name, "type")


# What a data set is made of: crop, made, degradation and outputs


def _paired(told: Described) -> Tree:
    task = told.train.find("task", text)
    if task and task.value.lower() != "sr":
        told.train.refuse("task", f"{task.value} is no super-resolution, which is all that is read here")
    return {"crop": _crop(told)}


def _bicubic(told: Described) -> Tree:
    """LR by MATLAB's bicubic of the whole image in floats, of which a crop with a margin is the same."""
    around = {"margin": 3 * math.ceil(told.scale.value), "mirrored": True, "pad": "enlarge"}
    origin = told.train.take(_kind_name(told), text).origin
    return {"made": Said("online", origin), "degradation": "bicubic-float", "crop": {**_crop(told), **around}}


def _of_kair(told: Described) -> Tree:
    return _paired(told) if told.train.has(told.trainer.lr) else _bicubic(told)


def _random(told: Described) -> Tree:
    """Real-ESRGAN's degradations, of a window that the crop lies anywhere in."""
    crop, scale, trainer = _model_crop(told), told.scale.value, told.trainer
    hr_size = crop["size"].value * (scale if crop["side"] == "lr" else 1)
    margin = (trainer.around or (trainer.window or 0) - hr_size) / 2
    if margin < 0 or margin % 1:
        what = f"leaves no place in the {trainer.window} pixels that {trainer.title} degrades"
        told.train.refuse(crop["size"].origin.rpartition(".")[2], f"{crop['size'].value} {what}")
    around = {**_around(int(margin)), "pad": trainer.pad}
    said = told.root.find("high_order_degradation", truth)
    if said and not said.value:
        told.root.refuse("high_order_degradation", "false leaves LR as HR with this type: set it true")
    return {
        "made": Said("online", told.train.take("type", text).origin),
        "degradation": second_order(Options(told.sections, told.name), _sharpened(told)),
        "crop": {**crop, **around},
        **_plain_hr(told),
    }


def _around(margin: Any) -> Tree:
    """A crop lies anywhere in what is degraded, where that is larger."""
    size = margin.value if isinstance(margin, Said) else margin
    return {"margin": margin, "anywhere": True} if size else {}


def _model_crop(told: Described) -> Tree:
    """The crop that the model takes of what it degraded: of BasicSR `gt_size` outside the data sets."""
    if told.name != "basicsr" or not told.root.has("gt_size"):
        return _crop(told)
    size = told.root.take("gt_size", whole)
    if told.train.entries.get("gt_size") == size.value:
        told.train.find("gt_size", whole)
    return {"size": size, "side": "hr"}


def _sharpened(told: Described) -> Said | None:
    """What says that LR is made from a sharpened HR: the GAN model of Real-ESRGAN, or gt_usm."""
    losses = [found for name in _USM if (found := told.root.find(name, truth))]
    asked = told.root.find("gt_usm", truth)
    if losses:
        return Said(True, "model_type" if told.root.find("model_type", text) else losses[0].origin)
    return asked if asked and asked.value else None


def _plain_hr(told: Described) -> Tree:
    """HR as it was, which a loss compares with where its option says so."""
    plain = [found for name in _USM if (found := told.root.find(name, truth)) and not found.value]
    origin = ", ".join(one.origin for one in plain)
    return {"outputs": Said(["hr_plain"], origin)} if plain else {}


_USM = ("l1_gt_usm", "percep_gt_usm", "gan_gt_usm")


def _of_bsrgan(told: Described) -> Tree:
    """KAIR's blind degradation: a window of `H_size` is degraded, and a crop taken anywhere in it."""
    train, scale = told.train, told.scale
    kind = train.find("degradation_type", text) or Said("bsrgan", "the default of degradation_type")
    known = {("bsrgan", 2): "bsrgan-x2", ("bsrgan", 4): "bsrgan", ("bsrgan_plus", 4): "bsrgan-plus"}
    if (kind.value, scale.value) not in known:
        train.refuse("degradation_type", f"{kind.value} at x{scale.value} has no counterpart here")
    size = train.find("lq_patchsize", whole) or Said(64, "the default of lq_patchsize")
    window = train.find("H_size", whole) or Said(size.value * scale.value, "the default of H_size")
    if (margin := window.value - size.value * scale.value) < 0 or margin % 2:
        train.refuse("H_size", f"{window.value} must be an even number of pixels above lq_patchsize x scale")
    around = _around(Said(margin // 2, f"{window.origin}, {size.origin}"))
    return {
        "made": Said("online", train.take("dataset_type", text).origin),
        "degradation": Said(known[kind.value, scale.value], kind.origin),
        "crop": {"size": size, "side": "lr", **around, "pad": "flat"},
    }


_KINDS: dict[str, Callable[[Described], Tree]] = {
    "pairedimagedataset": _paired,
    "pairedimagedadataset": _paired,
    "realesrganpaireddataset": _paired,
    "srdatapaireddataset": _paired,
    "paired": _paired,
    "plain": _paired,
    "lqgt": _paired,
    "lqgt_rcan": _paired,
    "sr": _of_kair,
    "imagenetpaireddataset": _bicubic,
    "realesrgandataset": _random,
    "otf": _random,
    "blindsr": _of_bsrgan,
}
_OTHER = {
    "is of stereo pairs, which are laid out in too many ways": ("stereo",),
    "is of video, and images alone are read here": ("video", "recurrent", "reds", "vimeo", "frame"),
    "is of denoising, which is no super-resolution": (
        "denois",
        "noise",
        "dncnn",
        "ffdnet",
        "jpeg",
        "plainpatch",
    ),
}


def _other_kind(kind: str) -> str:
    for what, words in _OTHER.items():
        if any(word in kind.lower() for word in words):
            return what
    return f"is no data set of super-resolution that is known here; those are {', '.join(_KINDS)}"


# Crops, turns, ranges and batches


def _crop(told: Described) -> Tree:
    found = [(name, side) for name, side in told.trainer.sizes.items() if told.train.has(name)]
    if not found:
        told.train.refuse(next(iter(told.trainer.sizes)), "is missing: the side of a crop")
    (name, side), *others = found
    size = told.train.take(name, whole)
    if side == "hr" and size.value % Scale(told.scale.value).numerator:
        told.train.refuse(name, f"{size.value} is no multiple of what scale {told.scale.value} needs")
    for other, _ in others:
        if told.train.take(other, whole).value * told.scale.value != size.value:
            told.train.refuse(other, f"is another size than {name}, {size.value}: leave one of them out")
    return {"size": size, "side": side}


def _flips(told: Described) -> list[Any]:
    """Mirroring and turns: all eight ways, two by mirroring, four by flips, or none."""
    train = told.train
    if not told.trainer.flips:
        return [Said("dihedral", f"as {told.trainer.title} always does")]
    flip, turn = _turn(told, *told.trainer.flips), _turn(told, "use_rot")
    upside = train.find("use_vflip", truth)
    ways = (flip.value, turn.value, turn.value if upside is None else upside.value)
    origin = ", ".join(one.origin for one in (flip, turn, upside) if one)
    if ways == (True, True, True):
        return [Said("dihedral", origin)]
    laws = {(True, False, False): "h_only", (True, False, True): "hv_only"}
    if ways in laws:
        return [Said({"augment": "dihedral", "law": laws[ways]}, origin)]
    if any(ways):
        train.refuse(
            "use_rot", f"{turn.value} with {flip.origin} {flip.value} has no counterpart: set both true"
        )
    return []


def _turn(told: Described, *names: str) -> Said:
    for name in names:
        if (found := told.train.find(name, truth)) is not None:
            return found
    if told.trainer.turns is None:
        told.train.refuse(
            names[0], f"is missing, without which {told.trainer.title} does not run: say true or false"
        )
    return Said(told.trainer.turns, f"the default of {names[0]}")


def _mixed(told: Described) -> Iterator[Any]:
    """What else is done to a batch."""
    for names, steps in _AUGMENTS.items():
        for name in names.split():
            said = told.train.find(name, truth)
            if said and said.value:
                yield Said(steps, said.origin)
    if told.name == "neosr":
        yield from _mixture(told.train, "augmentation", "aug_prob")
    elif told.name == "redux" and told.root.has("train"):
        loop = Section(told.root.document, "train")
        said = loop.find("use_moa", truth)
        if said and said.value:
            yield from _mixture(loop, "moa_augs", "moa_probs")


_AUGMENTS: dict[str, Tree] = {
    "use_channelshuffle": {"augment": "rgb_permute", "p": 0.5},
    "use_channels_shuffle": {"augment": "rgb_permute"},
    "use_mixup": {"augment": "mixup", "p": 0.5},
}
_MIXED = ("mixup", "cutmix", "resizemix")


def _mixture(section: Section, names: str, odds: str) -> Iterator[Said]:
    """One of several for a batch; cutblur, which is laid out otherwise, is left out."""
    kinds, weights = section.find(names, texts), section.find(odds, numbers())
    if kinds is None:
        return
    if weights is None or len(weights.value) != len(kinds.value) or not sum(weights.value) > 0:
        section.refuse(odds, f"must have a probability for each of {names}")
    both = [
        pair for pair in zip(kinds.value, weights.value, strict=True) if pair[0] in _MIXED and pair[1] > 0
    ]
    if both:
        of, parts = [kind for kind, _ in both], [part for _, part in both]
        done = round(sum(parts) / sum(weights.value), 4)
        yield Said(
            {"augment": "mixture", "p": done, "of": of, "weights": parts}, f"{kinds.origin}, {weights.origin}"
        )


def _look(told: Described) -> Tree:
    look: Tree = {}
    colour = told.train.find("color", text)
    if colour and colour.value.lower() != "rgb":
        named: dict[str, Color] = {"y": "y", "gray": "grey", "grey": "grey"}
        if colour.value.lower() not in named:
            told.train.refuse("color", f"{colour.value} is none of rgb, y and gray")
        look["color"] = Said(named[colour.value.lower()], colour.origin)
    channels = told.root.find("n_channels", whole) if told.name == "kair" else None
    if channels and channels.value == 1:
        look["color"] = Said("grey", channels.origin)
    return {"range": [0, 1], **look, **_normalised(told.train, 1 if "color" in look else 3)}


def _normalised(train: Section, channels: int) -> Tree:
    """Means and deviations, which a trainer takes as one number or one for each channel."""
    found = {name: train.find(name, numbers()) for name in ("mean", "std")}
    if not any(found.values()):
        return {}
    given: Tree = {}
    for name, said in found.items():
        if said is None or len(said.value) not in (1, channels) or (name == "std" and min(said.value) <= 0):
            train.refuse(
                name, f"must be {channels} numbers{' above 0' * (name == 'std')}, as mean and std are both"
            )
        given[name] = Said(said.value * (channels // len(said.value)), said.origin)
    return {**given, "normalised": "loader"}


def _batch(told: Described) -> Tree:
    size, gpus = told.train.take(told.trainer.batch, whole), _number_of(told.root, "num_gpu")
    several = gpus.value if gpus else 1
    batch: Tree = {"size": size}
    if told.trainer.per_gpu and several > 1:
        batch = {"size": Said(size.value * several, f"{size.origin} x {several} of num_gpu"), "gpus": gpus}
    ratio = _number_of(told.train, "dataset_enlarge_ratio")
    if ratio and ratio.value != 1:
        batch["repeat"] = ratio
    return batch


def _number_of(section: Section, name: str) -> Said | None:
    """A number that may be left to the trainer, which is none then."""
    return None if section.entries.get(name) in ("auto", 0) else section.find(name, whole)


def _length(told: Described) -> Tree:
    """How long it is trained, where that is a number of steps."""
    for section, name in (("train", "total_iter"), ("train", "niter"), ("logger", "total_iter")):
        loop: Any = told.root.entries.get(section)
        steps = loop.get(name) if isinstance(loop, dict) else None
        if isinstance(steps, int | float) and not isinstance(steps, bool) and 1 <= steps < 1 << 31:
            return {"iterations": Said(int(steps), f"{section}.{name}")}
    return {}

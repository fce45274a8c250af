"""What a type of data set is: how LR is made, and crops are taken."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from srdata.option_files.degradation_options import Options, Tree, second_order
from srdata.option_files.option_section import Said, text, truth, whole
from srdata.option_files.reading.training_options import TrainingOptions
from srdata.scale import Scale


def _paired(told: TrainingOptions) -> Tree:
    task = told.train.find("task", text)
    if task and task.value.lower() != "sr":
        told.train.refuse("task", f"{task.value} is no super-resolution, which is all that is read here")
    return {"crop": _crop(told)}


def _bicubic(told: TrainingOptions) -> Tree:
    """LR by MATLAB's bicubic of the whole image in floats, of which a crop with a margin is the same."""
    around = {"margin": 3 * math.ceil(told.scale.value), "mirrored": True, "pad": "enlarge"}
    origin = told.kind.origin
    return {"made": Said("online", origin), "degradation": "bicubic-float", "crop": {**_crop(told), **around}}


def _of_kair(told: TrainingOptions) -> Tree:
    return _paired(told) if told.train.has(told.trainer.lr) else _bicubic(told)


def _random(told: TrainingOptions) -> Tree:
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
        "made": Said("online", told.kind.origin),
        "degradation": second_order(Options(told.sections, told.name), _sharpened(told)),
        "crop": {**crop, **around},
        **_plain_hr(told),
    }


def _around(margin: Any) -> Tree:
    """A crop lies anywhere in what is degraded, where that is larger."""
    size = margin.value if isinstance(margin, Said) else margin
    return {"margin": margin, "anywhere": True} if size else {}


def _model_crop(told: TrainingOptions) -> Tree:
    """The crop that the model takes of what it degraded: of BasicSR `gt_size` outside the data sets."""
    if told.name != "basicsr" or not told.root.has("gt_size"):
        return _crop(told)
    size = told.root.take("gt_size", whole)
    if told.train.entries.get("gt_size") == size.value:
        told.train.find("gt_size", whole)
    return {"size": size, "side": "hr"}


def _sharpened(told: TrainingOptions) -> Said | None:
    """What says that LR is made from a sharpened HR: the GAN model of Real-ESRGAN, or gt_usm."""
    losses = [found for name in _USM if (found := told.root.find(name, truth))]
    asked = told.root.find("gt_usm", truth)
    if losses:
        return Said(True, "model_type" if told.root.find("model_type", text) else losses[0].origin)
    return asked if asked and asked.value else None


def _plain_hr(told: TrainingOptions) -> Tree:
    """HR as it was, which a loss compares with where its option says so."""
    plain = [found for name in _USM if (found := told.root.find(name, truth)) and not found.value]
    origin = ", ".join(one.origin for one in plain)
    return {"outputs": Said(["hr_plain"], origin)} if plain else {}


_USM = ("l1_gt_usm", "percep_gt_usm", "gan_gt_usm")


def _of_bsrgan(told: TrainingOptions) -> Tree:
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
        "made": Said("online", told.kind.origin),
        "degradation": Said(known[kind.value, scale.value], kind.origin),
        "crop": {"size": size, "side": "lr", **around, "pad": "flat"},
    }


def _of_srmd(told: TrainingOptions) -> Tree:
    """KAIR's SRMD: crops of HR are blurred, reduced and given noise, by default of 0 to 50."""
    if told.train.has("sigma"):
        told.train.refuse("sigma", "only the default, noise of 0 to 50, has a counterpart here")
    return {
        "made": Said("online", told.kind.origin),
        "degradation": Said("srmd", told.kind.origin),
        "crop": {"size": told.train.take("H_size", whole), "side": "hr"},
    }


KINDS: dict[str, Callable[[TrainingOptions], Tree]] = {
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
    "srmd": _of_srmd,
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


def other_kind(kind: str) -> str:
    """Why a type is none of `KINDS`."""
    for what, words in _OTHER.items():
        if any(word in kind.lower() for word in words):
            return what
    return f"is no data set of super-resolution that is known here; those are {', '.join(KINDS)}"


def _crop(told: TrainingOptions) -> Tree:
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

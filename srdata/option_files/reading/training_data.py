"""From the options on training data to the settings of a recipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from srdata.common.wording.amounts import how_many
from srdata.option_files.degradation_options import Tree
from srdata.option_files.option_section import Said, Section, numbers, text, texts, truth, whole
from srdata.option_files.reading.data_set_kinds import KINDS, other_kind
from srdata.option_files.reading.folder_options import corpora
from srdata.option_files.reading.training_options import TrainingOptions
from srdata.vocabulary import Color

GIVEN = "published:given"  # LR is what the folder holds, however it was made


def settings_of(told: TrainingOptions, sets: list[str]) -> Tree:
    """The settings of a stage; `sets` are prepared ones that stand for the folders of the options."""
    kind = told.kind
    if (make := KINDS.get(kind.value.lower())) is None:
        told.train.refuse(told.kind_name, f"{kind.value} {other_kind(kind.value)}")
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


def _flips(told: TrainingOptions) -> list[Any]:
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


def _turn(told: TrainingOptions, *names: str) -> Said:
    for name in names:
        if (found := told.train.find(name, truth)) is not None:
            return found
    if told.trainer.turns is None:
        told.train.refuse(
            names[0], f"is missing, without which {told.trainer.title} does not run: say true or false"
        )
    return Said(told.trainer.turns, f"the default of {names[0]}")


def _mixed(told: TrainingOptions) -> Iterator[Any]:
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


def _look(told: TrainingOptions) -> Tree:
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
            wanted = how_many(channels, "number") + " above 0" * (name == "std")
            train.refuse(name, f"must be {wanted}, as mean and std are both")
        given[name] = Said(said.value * (channels // len(said.value)), said.origin)
    return {**given, "normalised": "loader"}


def _batch(told: TrainingOptions) -> Tree:
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


def _length(told: TrainingOptions) -> Tree:
    """How long it is trained, where that is a number of steps."""
    for section, name in (("train", "total_iter"), ("train", "niter"), ("logger", "total_iter")):
        loop: Any = told.root.entries.get(section)
        steps = loop.get(name) if isinstance(loop, dict) else None
        if isinstance(steps, int | float) and not isinstance(steps, bool) and 1 <= steps < 1 << 31:
            return {"iterations": Said(int(steps), f"{section}.{name}")}
    return {}

"""How a data set of a trainer is used: crops, turns, ranges and batches; and what of that has no option."""

from __future__ import annotations

from typing import Any

from srdata.augment import load_augment
from srdata.errors import UsageError
from srdata.option_files.writing.option_request import OptionRequest

Tree = dict[str, Any]
Used = tuple[Tree, list[str]]  # options, and what has none


def use(wanted: OptionRequest) -> Used:
    """The options of the training data set on its use, and a line on each setting that has none."""
    parts = [_crop(wanted), _augments(wanted), _look(wanted), _batch(wanted)]
    told = [line for _, lines in parts for line in lines]
    return {name: value for options, _ in parts for name, value in options.items()}, told


def _crop(wanted: OptionRequest) -> Used:
    crop = wanted.setting.crop
    if crop is None:
        raise UsageError(
            "this recipe takes no crops of one size, which is all that trainers have options for"
        )
    size = crop.hr_sizes(wanted.scale)[0]
    told = ["crop.size changes with the epoch; this is the first"] if isinstance(crop.size, dict) else []
    lr_size = int(size / float(wanted.scale))
    if wanted.form == "kair" and wanted.setting.made == "online" and not crop.mirrored:
        plus = wanted.setting.degradation == "bsrgan-plus"
        kind = {"degradation_type": "bsrgan_plus" if plus else "bsrgan"}
        return {**kind, "H_size": size + 2 * crop.margin, "lq_patchsize": lr_size}, told
    names = wanted.trainer.sizes
    name = next((name for name, side in names.items() if side == crop.side), next(iter(names)))
    if wanted.form == "basicsr":
        name = "gt_size"
    return {name: size if names[name] == "hr" else lr_size}, [*told, *_margin(wanted, size)]


def _margin(wanted: OptionRequest, size: int) -> list[str]:
    """A line where the trainer degrades more or less around a crop."""
    crop, trainer = wanted.setting.crop, wanted.trainer
    if crop is None or wanted.setting.made == "stored" or crop.mirrored:
        return []
    theirs = trainer.around // 2 if trainer.around else ((trainer.window or size) - size) // 2
    if (crop.margin, crop.anywhere) == (theirs, theirs > 0):
        return []
    return [f"crop.margin is {crop.margin} in the recipe; {trainer.title} has {theirs}, anywhere in it"]


def _augments(wanted: OptionRequest) -> Used:
    flip, turn, found, told = False, False, dict[str, Any](), list[str]()
    for one in load_augment(wanted.setting.augment).augmentations:
        match one.model_dump(mode="json"):
            case {"augment": "dihedral", "law": "uniform"}:
                flip, turn = True, True
            case {"augment": "dihedral", "law": "h_only"}:
                flip = True
            case {"augment": "mixture", "p": p, "of": of, "weights": weights} if wanted.form == "neosr":
                found = _mixture(p, [part["augment"] for part in of], weights)
            case {"augment": name}:
                told.append(f"augment: {name} has no option")
    if wanted.form != "kair":
        return {"use_hflip": flip, "use_rot": turn, **found}, told
    return {}, told if turn else [*told, "augment: KAIR always flips and turns"]


def _mixture(p: float, names: list[str], weights: list[float] | None) -> Tree:
    parts = weights or [1] * len(names)
    rest = round(sum(parts) * (1 - p) / p, 4)
    return {"augmentation": ["none", *names], "aug_prob": [rest, *parts]}


def _look(wanted: OptionRequest) -> Used:
    look, found, told = wanted.setting.look, dict[str, Any](), list[str]()
    if look.normalised == "loader" and look.mean is not None:
        found |= {"mean": list(look.mean), "std": list(look.std or [])}
    if look.color == "y" and wanted.form != "kair":
        found["color"] = "y"
    elif look.color != "rgb" and (wanted.form, look.color) != ("kair", "grey"):
        told.append(f"look.color: {look.color} has no option")
    if look.range != (0.0, 1.0):
        told.append(f"look.range: {list(look.range)} has no option; it is 0 to 1")
    return found, told


def _batch(wanted: OptionRequest) -> Used:
    rule, trainer = wanted.setting.batch, wanted.trainer
    size = rule.size if isinstance(rule.size, int) else rule.size[0]
    shared = gpus(wanted) > 1
    found: Tree = {trainer.batch: size // rule.gpus if shared else size}
    told = ["batch.size changes with the epoch; this is the first"] if isinstance(rule.size, dict) else []
    if isinstance(rule.repeat, int) and wanted.form != "kair":
        found["dataset_enlarge_ratio"] = rule.repeat
    elif rule.repeat or rule.steps:
        told.append("batch: the length of an epoch has no option")
    workers: dict[str, Tree] = {
        "basicsr": {"num_worker_per_gpu": 6, "use_shuffle": True, "dataset_enlarge_ratio": 1},
        "redux": {"num_worker_per_gpu": 6},
        "kair": {"dataloader_shuffle": True, "dataloader_num_workers": 8},
    }
    return {**workers.get(wanted.form, {}), **found}, told


def gpus(wanted: OptionRequest) -> int:
    """On how many GPUs a batch is shared, as the option file is to say."""
    rule = wanted.setting.batch
    size = rule.size if isinstance(rule.size, int) else rule.size[0]
    return rule.gpus if wanted.trainer.per_gpu and size % rule.gpus == 0 else 1

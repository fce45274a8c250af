"""`SrdataPairedDataset`: pairs as the option files of BasicSR, traiNNer-redux and neosr ask for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from torch import Tensor
from torch.utils.data import Dataset

from srdata.data.crops.regions import Turning
from srdata.data.datasets.pair_types import Pair
from srdata.data.datasets.paired import PairedDataset
from srdata.data.loading.model_input import ModelInput
from srdata.errors import UnknownNameError, UsageError

Options = Callable[[str], Any]  # what an option file says under a name; None where it says nothing

SPLITS = {"train": "train", "val": "validation", "test": "test"}  # by the phase of a trainer


class TrainerItem(TypedDict):
    """One item: tensors (channels, height, width), and what an image of it would be called."""

    lq: Tensor
    gt: Tensor
    lq_path: str
    gt_path: str


class SrdataPairedDataset(Dataset[TrainerItem]):
    """A `PairedDataset` as BasicSR, traiNNer-redux and neosr build it from `type: SrdataPairedDataset`.

    docs/trainers.md says how each of them gets to know it. `opt` are the options of one data set, a mapping
    or an object with attributes; what they are called is what the trainers' own paired data sets call it:
        path           a prepared set, or whatever `PairedDataset` opens; `dataroot_gt` alone says the same,
                       as the option files of traiNNer-redux know no `path`
        dataroot_gt, dataroot_lq
                       two folders or LMDBs, in which LR is called as `filename_tmpl` says
        scale, phase   which the trainers add; in other phases than train items are whole images
        gt_size        side of a crop in HR pixels; or, in LR pixels, `lq_size` of traiNNer-redux and
                       `patch_size` of neosr
        use_hflip, use_rot
                       flips, and turns beside them; both unless they say no
        color          y: the Y channel of BT.601, as BasicSR has it
        mean, std      of each channel, taken off and divided by
    and, where the option file admits names of others,
        split          that of the phase if not given, where there is such a one
        track, windows, seed
                       as in `PairedDataset`

    Each time that a sampler asks for an item it has another crop; of a run that goes on, they begin anew.

    Raises UsageError for what cannot be, and whatever `PairedDataset` raises.

    >>> data = SrdataPairedDataset({"path": "data/div2k-x4", "scale": 4, "phase": "val"})  # doctest: +SKIP
    """

    label = "image pairs"  # what traiNNer-redux counts

    def __init__(self, opt: Any) -> None:
        self.opt = opt
        asked: Options = opt.get if isinstance(opt, Mapping) else lambda name: getattr(opt, name, None)
        self._input = ModelInput(
            color=asked("color") or "rgb", mean=_each(asked("mean")), std=_each(asked("std"))
        )
        self.pairs = _opened(asked)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> TrainerItem:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[TrainerItem]:
        """The items of a batch, which torch's DataLoader asks for together."""
        return [self._item(pair) for pair in self.pairs.__getitems__(indices)]

    def _item(self, pair: Pair) -> TrainerItem:
        lq, gt = (self._input(image[None])[0] for image in (pair["lr"], pair["hr"]))
        name = f"{pair['key']}.png"
        return {"lq": lq, "gt": gt, "lq_path": name, "gt_path": name}


def _each(numbers: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if numbers is None else tuple(numbers)


def _opened(asked: Options) -> PairedDataset:
    """The pairs, of the split of the phase where the options name none and there is such a one."""
    settings = _place(asked) | _crops(asked) | {"scale": asked("scale"), "track": asked("track")}
    split = asked("split")
    try:
        return PairedDataset(**settings, split=split or SPLITS.get(asked("phase")))
    except UnknownNameError as unknown:
        if split:
            raise
        try:
            return PairedDataset(**settings)
        except UsageError as error:
            raise error if isinstance(error, UnknownNameError) else unknown from None


def _place(asked: Options) -> dict[str, Any]:
    """Where the pairs lie."""
    for name in ("meta_info_file", "meta_info"):
        if asked(name):
            raise UsageError(f"{name}: SrdataPairedDataset takes all images of a split; leave {name} out")
    path, gt, lq = (_one(asked, name) for name in ("path", "dataroot_gt", "dataroot_lq"))
    if gt and lq and not path:
        return {"hr": gt, "lr": lq, "template": (asked("filename_tmpl") or "{}").replace("{}", "{key}")}
    if bool(path) == bool(gt) or lq:
        raise UsageError(
            "SrdataPairedDataset: give path, or dataroot_gt alone, as the path of a prepared set; or "
            "dataroot_gt and dataroot_lq, two folders"
        )
    return {"path": path or gt}


def _one(asked: Options, name: str) -> Any:
    """A place; traiNNer-redux makes a list of it."""
    given = asked(name)
    if isinstance(given, list | tuple):
        if len(given) > 1:
            raise UsageError(f"{name}: SrdataPairedDataset opens one set; name one, not {len(given)}")
        given = given[0] if given else None
    return Path(given).expanduser() if given and not str(given).startswith("hf://") else given


def _crops(asked: Options) -> dict[str, Any]:
    """What of an image is an item."""
    settings = {"windows": bool(asked("windows")), "seed": asked("seed") or 0}
    if asked("phase") != "train":
        return settings
    return settings | {"patch_size": _patch(asked), "dihedral": _turning(asked)}


def _patch(asked: Options) -> int:
    """The side of a crop in HR pixels."""
    if asked("gt_size"):
        return int(asked("gt_size"))
    if lr := asked("lq_size") or asked("patch_size"):
        return int(lr * asked("scale"))
    raise UsageError("SrdataPairedDataset: give gt_size, the side of a crop in HR pixels, for training")


def _turning(asked: Options) -> Turning:
    flip, turn = (asked(name) is None or bool(asked(name)) for name in ("use_hflip", "use_rot"))
    if turn and not flip:
        raise UsageError("use_rot without use_hflip is not offered: set both true, or use_rot: false")
    return True if turn else "mirror" if flip else False

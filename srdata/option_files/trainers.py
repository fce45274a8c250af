"""What each trainer calls its options, and by what its option files are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from srdata.common.documents import Document
from srdata.errors import RecipeError
from srdata.option_files.option_section import Section

Side = Literal["hr", "lr"]


class Trainer(NamedTuple):
    """The names of options on data, most of them in `datasets.train`."""

    title: str
    hr: str = "dataroot_gt"
    lr: str = "dataroot_lq"
    sizes: Mapping[str, Side] = {"gt_size": "hr", "lq_size": "lr"}  # of a crop, and on which side
    batch: str = "batch_size_per_gpu"
    per_gpu: bool = True
    flips: tuple[str, ...] = ("use_hflip", "use_flip")  # none: it always turns in eight ways
    by_order: bool = False  # whether pairs are told by the order of their names
    turns: bool | None = None  # whether flips and turns are on where nothing is said; None: it must be said
    window: int | None = None  # the side in HR pixels of what Real-ESRGAN's degradations are done to
    around: int = 0  # or how much larger than the crop that is
    pad: str = "reflect"  # of images that are smaller


TRAINERS: dict[str, Trainer] = {
    "basicsr": Trainer("BasicSR", window=400),
    "redux": Trainer("traiNNer-redux", turns=True, around=32, pad="constant"),
    "neosr": Trainer(
        "neosr", sizes={"patch_size": "lr"}, batch="batch_size", flips=("use_hflip",), turns=True, window=512
    ),
    "kair": Trainer(
        "KAIR",
        hr="dataroot_H",
        lr="dataroot_L",
        sizes={"H_size": "hr"},
        batch="dataloader_batch_size",
        per_gpu=False,
        flips=(),
        by_order=True,
    ),
    "2019": Trainer(
        "BasicSR of 2019",
        hr="dataroot_GT",
        lr="dataroot_LQ",
        sizes={"GT_size": "hr"},
        batch="batch_size",
        per_gpu=False,
        flips=("use_flip",),
    ),
}


def trainer_of(document: Document) -> str:
    """The name in `TRAINERS` of that which reads an option file; RecipeError for one of no training."""
    root = Section(document)
    if not root.has("datasets"):
        _refuse(document, "has no datasets: it is no option file of a training that is known here")
    if not Section(document, "datasets").has("train"):
        _refuse(document, "has no datasets.train: it is for tests or inference; give that of a training")
    train = Section(document, "datasets", "train")
    if document.path.suffix.lower() == ".toml":
        return "neosr"
    if train.has("dataset_type"):
        return "kair"
    if train.has("dataroot_GT"):
        return "2019"
    return "basicsr" if root.has("model_type") or not train.has("type") else "redux"


def _refuse(document: Document, what: str) -> None:
    raise RecipeError([f"{document.path}: {what}"])

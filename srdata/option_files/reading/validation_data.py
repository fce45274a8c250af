"""From the options on validation sets to the evaluation of a recipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from srdata.option_files.option_section import Said, Section
from srdata.option_files.reading.folder_options import corpora
from srdata.option_files.trainers import Trainer

Tree = dict[str, Any]


def evaluations(root: Section, trainer: Trainer, scale: Said, *, made: bool) -> Iterator[Tree | str]:
    """Each set of images that a network is measured on; or a line on one that is not read.

    Where LR is `made` for training, it is made of sets of HR images too.
    """
    for name in Section(root.document, "datasets").rest():
        if name == "train":
            continue
        section = Section(root.document, "datasets", name)
        one_folder = not section.has(trainer.hr) and section.has("path")
        if not section.has(trainer.hr) and not one_folder:
            yield f"datasets.{name}: has no HR images to compare with"
            continue
        paired = one_folder or section.has(trainer.lr)
        if not paired and not made:
            yield f"datasets.{name}: has no LR images, and none are made here"
            continue
        for one in corpora(section, trainer, paired=paired, one_folder=one_folder):
            named = Said([one["set"].value], one["set"].origin)
            yield {"sets": named, **{key: one[key] for key in one if key != "set"}, **_protocol(root, scale)}


def _protocol(root: Section, scale: Said) -> Tree:
    """The protocol of the PSNR that is printed while a network is trained, where it is one that is known."""
    value: Any = root.document.data
    for name in ("val", "metrics", "psnr"):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, dict) or value.get("crop_border") != scale.value:
        return {}
    protocol = "basicsr_y" if value.get("test_y_channel") is True else "basicsr_rgb"
    return {"protocol": Said(protocol, "val.metrics.psnr")}

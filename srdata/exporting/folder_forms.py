"""Where samples go: one function a form, called for each split.

basicsr     DIV2K_train_HR_sub.lmdb, DIV2K_train_LR_bicubic_X4_sub.lmdb
folder      DIV2K_train_HR/0001.png, DIV2K_train_LR_bicubic/X4/0001x4.png   (EDSR)
kair        trainsets/trainH/0001.png, trainsets/trainL/0001.png;
            testsets/Set5/HR/baby.png, testsets/Set5/LR_bicubic/X4/baby.png
webdataset  DIV2K-train-000000.tar: 0001.hr.png, 0001.lr.png, 0001.json, 0002.hr.png, …
hdf5        DIV2K_train_bicubic_X4.h5: /hr/0, /lr/0, /hr/1, …   (super-image)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from srdata.common.files import sync_all
from srdata.exporting.samples import Sample
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.store.folder_names import SHORT, Names
from srdata.store.lmdb_files.basicsr_lmdb import BasicsrWriter

SHARD_BYTES = 1 << 30

Keyed = tuple[str, Sample]  # with the key that it gets


@dataclass(frozen=True)
class Where:
    """The folder that an export is written to, and what its files are called."""

    folder: Path
    names: Names
    scales: tuple[Scale, ...]
    split: str
    sub: bool = False  # sub-images
    shard_bytes: int = SHARD_BYTES


def write_lmdbs(where: Where, samples: Iterable[Keyed]) -> None:
    """An LMDB folder of BasicSR's for each layer."""
    layers = (HR, *(scale.label for scale in where.scales))
    paths = {layer: where.folder / where.names.lmdb(where.split, layer, sub=where.sub) for layer in layers}
    with ExitStack() as stack:
        writers = {layer: stack.enter_context(BasicsrWriter(path)) for layer, path in paths.items()}
        for key, sample in samples:
            for layer, writer in writers.items():
                writer.add_png(key, *sample.layers[layer])
        for writer in writers.values():
            writer.seal()


def write_edsr_folders(where: Where, samples: Iterable[Keyed]) -> None:
    """EDSR's folders."""
    _write_files(where.folder, where.names.templates(where.split, where.scales), samples)


def write_kair_folders(where: Where, samples: Iterable[Keyed]) -> None:
    """KAIR's folders; it pairs images by their order, so both sides have the same names."""
    _write_files(where.folder, kair_templates(where.names, where.split, where.scales), samples)


def _write_files(folder: Path, templates: Mapping[str, str], samples: Iterable[Keyed]) -> None:
    """An image file for each layer, named by templates with {key}."""
    for key, sample in samples:
        for layer, template in templates.items():
            path = folder / template.replace("{key}", key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(sample.layers[layer].data)
    sync_all()


def kair_templates(names: Names, split: str, scales: tuple[Scale, ...]) -> dict[str, str]:
    """For each layer where its images stand, as the folders of KAIR's options do."""
    if split == "train":
        lr = {one.label: "trainL" if len(scales) == 1 else f"trainL_X{one}" for one in scales}
        folders = {HR: "trainsets/trainH", **{label: f"trainsets/{name}" for label, name in lr.items()}}
    else:
        root = f"testsets/{names.stem}{'' if split == 'test' else f'_{SHORT[split]}'}"
        lr = {one.label: f"{root}/LR_{names.track}/X{one}" for one in scales}
        folders = {HR: f"{root}/HR", **lr}
    return {layer: f"{folder}/{{key}}.png" for layer, folder in folders.items()}

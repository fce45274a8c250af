"""Where samples go: one sink a form, each for one split.

basicsr     DIV2K_train_HR_sub.lmdb, DIV2K_train_LR_bicubic_X4_sub.lmdb
folder      DIV2K_train_HR/0001.png, DIV2K_train_LR_bicubic/X4/0001x4.png   (EDSR)
kair        trainsets/trainH/0001.png, trainsets/trainL/0001.png;
            testsets/Set5/HR/baby.png, testsets/Set5/LR_bicubic/X4/baby.png
webdataset  DIV2K-train-000000.tar: 0001.hr.png, 0001.lr.png, 0001.json, 0002.hr.png, …
hdf5        DIV2K_train_bicubic_X4.h5: /hr/0, /lr/0, /hr/1, …   (super-image)
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from srdata.common.closing import Closing
from srdata.common.files import storage_errors
from srdata.exporting.samples import Sample
from srdata.scale import Scale
from srdata.store.basicsr_lmdb import BasicsrWriter
from srdata.store.blocks import HR
from srdata.store.folder_names import SHORT, Names

SHARD_BYTES = 1 << 30


@dataclass(frozen=True)
class Where:
    """The folder that an export is written to, and what its files are called."""

    folder: Path
    names: Names
    scales: tuple[Scale, ...]
    split: str
    sub: bool = False  # sub-images
    shard_bytes: int = SHARD_BYTES


class Sink(Closing):
    """Takes the samples of one split: add every one, then seal."""

    @abstractmethod
    def add(self, key: str, sample: Sample) -> None:
        """Write a sample under a key; raises StoreError or StorageFullError."""

    @abstractmethod
    def seal(self) -> None:
        """Make what was added durable."""

    def close(self) -> None:
        """Let go of the files."""


class LmdbSink(Sink):
    """An LMDB folder of BasicSR's for each layer."""

    def __init__(self, where: Where) -> None:
        layers = (HR, *(scale.label for scale in where.scales))
        self._writers = {
            layer: BasicsrWriter(where.folder / where.names.lmdb(where.split, layer, sub=where.sub))
            for layer in layers
        }

    def add(self, key: str, sample: Sample) -> None:
        for layer, writer in self._writers.items():
            writer.add_png(key, *sample.layers[layer])

    def seal(self) -> None:
        for writer in self._writers.values():
            writer.seal()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


class FileSink(Sink):
    """An image file for each layer, named by templates with {key}."""

    def __init__(self, where: Where, templates: Mapping[str, str]) -> None:
        self._folder = where.folder
        self._templates = templates

    def add(self, key: str, sample: Sample) -> None:
        for layer, template in self._templates.items():
            path = self._folder / template.replace("{key}", key)
            with storage_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(sample.layers[layer].data)

    def seal(self) -> None:
        os.sync()  # all at once: a sync for each of many small files takes far longer


def folder_sink(where: Where) -> FileSink:
    """EDSR's folders."""
    return FileSink(where, where.names.templates(where.split, where.scales))


def kair_sink(where: Where) -> FileSink:
    """KAIR's folders; it pairs images by their order, so both sides have the same names."""
    return FileSink(where, kair_templates(where.names, where.split, where.scales))


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

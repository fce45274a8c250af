"""The images of a prepared set of any layout, with the δ that made each of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from srdata.common.files import inside, write_file
from srdata.common.output_paths import check_folder, check_output
from srdata.common.wording.amounts import how_many
from srdata.degrade import whole_images
from srdata.degrade.chain import load_chain
from srdata.errors import SetError, UnknownNameError, UsageError, path_text
from srdata.images import Pixels, encode_png, grey_plane, read_image
from srdata.prepared.image_columns import column_names, read_column
from srdata.prepared.remote_sets import folder_of, refuse_other_layouts, set_reader
from srdata.scale import OneScale, Scale
from srdata.store.blocks import HR
from srdata.store.index import Index
from srdata.store.set_json import SET_FILE, SetFile, read_set
from srdata.store.tables.choice_table import bad_image, choice_of


class PreparedImages:
    """The images of a set by row and layer; raises SetError if `path` is none or keeps no whole images."""

    def __init__(self, path: str | Path) -> None:
        folder, address = folder_of(path)
        content = read_set(folder)
        if address is not None:
            refuse_other_layouts(path, content)
        self.folder = folder
        self.place: Path | str = folder if address is None else address
        self.content: SetFile = content
        self.index = Index.of_set(folder, content)
        self.scales = tuple(map(Scale, content.scales))
        if content.layout == "folder" and (unnamed := set(self.index.splits) - set(content.templates)):
            raise SetError(
                f"{folder}: {SET_FILE} does not say how files of split {min(unnamed)!r} are called"
            )
        self.splits = {row: split for split in self.index.splits for row in self.index.rows(split)}
        self._reader = set_reader(self.place) if content.layout == "lmdb" else None

    @cached_property
    def columns(self) -> dict[str, pa.Array]:
        """What was told of the images, by column; raises CorruptRecordError."""
        count = len(self.index)
        return {
            name: read_column(self.folder, self.content, name, count) for name in column_names(self.content)
        }

    def told(self, row: int) -> dict[str, Any]:
        """What was told of one image."""
        return {name: values[row].as_py() for name, values in self.columns.items()}

    @property
    def layers(self) -> tuple[str, ...]:
        """HR and the LR layer of each scale."""
        return (HR, *(scale.label for scale in self.scales))

    def chosen(self, wanted: Sequence[OneScale]) -> tuple[Scale, ...]:
        """Those scales of the set that are wanted, for none given all; raises UnknownNameError."""
        scales = set(map(Scale, wanted)) or set(self.scales)
        if unknown := scales - set(self.scales):
            raise UnknownNameError.among("scale", str(min(unknown)), map(str, self.scales))
        return tuple(scale for scale in self.scales if scale in scales)

    def close(self) -> None:
        """Close the files of the set, which Windows would not delete; the next read opens them again."""
        if self._reader is not None:
            self._reader.close()

    def read(self, row: int, layer: str) -> Pixels:
        """One layer of one image; raises CorruptRecordError."""
        if self._reader is not None:
            return self._reader.image(row, layer)
        return read_image(self._path(row, layer))

    def read_as_source(self, row: int, layer: str) -> Pixels:
        """The same, but (height, width, 1) where the source file is grey and the layer has no colours."""
        pixels = self.read(row, layer)
        return grey_plane(pixels) if self.index.channels(row) == 1 else pixels

    def kept_file(self, row: int) -> bytes | None:
        """The JPEG file that HR comes from, where the set keeps it."""
        return None if self._reader is None else self._reader.kept_file(row)

    def file(self, row: int, layer: str) -> Path | None:
        """The image file of a layer; None where the set keeps its images in shards."""
        return None if self._reader is not None else self._path(row, layer)

    def _path(self, row: int, layer: str) -> Path:
        template = self.content.templates[self.splits[row]][layer]
        return inside(self.folder, template.replace("{key}", self.index.key(row)))


def replay_image(images: PreparedImages, row: int, scale: Scale) -> Pixels:
    """The LR image made again from the stored HR and δ; raises UsageError where LR was not made by srdata."""
    delta = images.index.params(row).get(scale.label)
    if delta is None:
        raise UsageError(f"{images.place}: the LR images are published ones, there is no δ to replay")
    degradation = images.content.recipe.get("degradation")
    if not isinstance(degradation, dict) or str(scale) not in degradation:
        raise SetError(f"{images.place}: the recipe does not say how LR at {scale.label} was made")
    chain = load_chain(degradation[str(scale)])
    return whole_images.replay(images.read(row, HR), chain, delta, scale, hr_done=True)


def explain(path: str | Path, key: str) -> dict[str, Any]:
    """What made the LR images of an image: source file, δ of each scale, and the degradation behind it.

    Also of what was left out: why, and, of a set that was chosen, the scores. Raises SetError,
    CorruptRecordError, or UnknownNameError with the nearest key.
    """
    folder, _ = folder_of(path)
    key = path_text(key, "the key of an image")
    bad = {one.key: one.reason for one in read_set(folder).left_out}
    choice = [bad_image(key, bad[key])] if key in bad else choice_of(folder, key)
    if choice and not any(one["key"] == key and one["kept"] and not one["cut"] for one in choice):
        return {"key": key, "choice": choice}
    images = PreparedImages(path)
    row = images.index.row(key)
    return {
        "key": key,
        **({"choice": choice} if choice else {}),
        "split": images.splits[row],
        **_stored(images, row),
        "source_sha256": images.index.source_sha256(row),
        "params": images.index.params(row),
        "pixels": images.index.pixels(row),
        "degradation": images.content.recipe.get("degradation"),
        "versions": images.content.versions,
    }


def _stored(images: PreparedImages, row: int) -> dict[str, str]:
    """How HR is stored, where that is a question."""
    if images.content.codec != "keep":
        return {}
    if (file := images.kept_file(row)) is None:
        return {"stored": "as samples: it comes from no JPEG file that decodes to just that"}
    return {"stored": f"as the JPEG file that it comes from, {how_many(len(file), 'byte')}"}


def replay(path: str | Path, key: str, out: Path | None = None) -> list[str]:
    """Make the LR images of an image again from their δ; a line on each says if it is the stored one.

    `out` is a folder to write them to, as PNG files. Raises SetError, UnknownNameError, or UsageError where
    LR was not made by srdata, and where a file of that name is there with other bytes.
    """
    images = PreparedImages(path)
    row = images.index.row(key)
    lines = []
    if out is not None:
        check_folder(out)
    for scale in images.scales:
        made = replay_image(images, row, scale)
        stored = images.read(row, scale.label)
        different = made.size if made.shape != stored.shape else int(np.count_nonzero(made != stored))
        verdict = "bit for bit the stored image"
        if different:
            verdict = f"differs from the stored image in {different} of {how_many(stored.size, 'sample')}"
        lines.append(f"{key} {scale.label}: {verdict}")
        if out is not None:
            _write_new(out / f"{key}{scale.label}.png", encode_png(made))
    return lines


def _write_new(path: Path, png: bytes) -> None:
    """Write a file, unless it is there with the same bytes; raises UsageError where it has others."""
    check_output(path, ours=lambda there: there.read_bytes() == png)
    write_file(path, png)

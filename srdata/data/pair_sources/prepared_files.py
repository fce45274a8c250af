"""Pairs of a prepared set that keeps image files."""

from __future__ import annotations

from pathlib import Path

from srdata.common.files import inside
from srdata.data.pair_sources.sources import DecodedSource, FileImages, Headers, Images, PairSource, sizes_in
from srdata.errors import CorruptRecordError
from srdata.images import ImagePolicy, Pixels
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.store.index import Index
from srdata.store.records import pixel_hash
from srdata.store.set_json import read_set
from srdata.store.tables.set_files import repair_command
from srdata.store.windows import Integers


class PreparedFiles:
    """Image files of a prepared set, each compared with its hash when this process decodes it first."""

    def __init__(self, files: FileImages, layer: str, index: Index, rows: Integers) -> None:
        self._files = files
        self._layer = layer
        self._index = index
        self._rows = rows
        self._compared = bytearray(len(rows))

    def headers(self) -> Headers:
        """What the files say."""
        return self._files.headers()

    def image(self, number: int) -> Pixels:
        """One of them, decoded; raises CorruptRecordError where it is not what was stored."""
        pixels = self._files.image(number)
        if not self._compared[number]:
            if pixel_hash(pixels) != self._index.pixels(int(self._rows[number])).get(self._layer):
                raise CorruptRecordError(
                    f"{self._files.files[number]} has not the pixels that were stored: "
                    f"{repair_command(self._index.path.parent)}"
                )
            self._compared[number] = 1
        return pixels


def prepared_source(
    folder: Path, split: str, scale: Scale, policy: ImagePolicy | None, verify: bool
) -> PairSource:
    """The pairs of a prepared set that keeps image files."""
    content = read_set(folder)
    templates = content.templates[split]
    index = Index.of_set(folder, content)
    rows = index.rows(split)
    keys = index.keys.take(rows).to_pylist()

    def images(layer: str) -> Images:
        template = templates.get(layer, templates[HR])  # where HR alone is read, scale 1 has none
        files = FileImages([inside(folder, template.replace("{key}", key)) for key in keys], policy)
        return PreparedFiles(files, layer, index, rows) if verify else files

    return DecodedSource(keys, sizes_in(index, rows), scale, images(HR), images(scale.label))

"""The images of a prepared set of any layout, with the δ that made each of them."""

from __future__ import annotations

from pathlib import Path

from srdata.degrade import offline
from srdata.degrade.chain import load_chain
from srdata.errors import SetError, UsageError
from srdata.files import inside
from srdata.images import Pixels, read_image
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.store.index import Index
from srdata.store.reader import SetReader
from srdata.store.setfile import INDEX_FILE, SetFile, read_set


class PreparedImages:
    """The images of a set by row and layer; raises SetError if `path` is none or keeps no whole images."""

    def __init__(self, path: str | Path) -> None:
        folder = Path(path)
        content = read_set(folder)
        if INDEX_FILE not in content.files:
            raise SetError(f"{folder} has the layout {content.layout}, which keeps no index of whole images")
        self.folder = folder
        self.content: SetFile = content
        self.index = Index(folder / INDEX_FILE)
        self.scales = tuple(map(Scale, content.scales))
        self.splits = {row: split for split in self.index.splits for row in self.index.rows(split)}
        self._reader = SetReader(folder, verify=True) if content.layout == "lmdb" else None

    @property
    def layers(self) -> tuple[str, ...]:
        """HR and the LR layer of each scale."""
        return (HR, *(scale.label for scale in self.scales))

    def read(self, row: int, layer: str) -> Pixels:
        """One layer of one image; raises CorruptRecordError."""
        if self._reader is not None:
            return self._reader.image(row, layer)
        template = self.content.templates[self.splits[row]][layer]
        return read_image(inside(self.folder, template.replace("{key}", self.index.key(row))))


def replay_image(images: PreparedImages, row: int, scale: Scale) -> Pixels:
    """The LR image made again from the stored HR and δ; raises UsageError where LR was not made by srdata."""
    delta = images.index.params(row).get(scale.label)
    if delta is None:
        raise UsageError(f"{images.folder}: the LR images are published ones, there is no δ to replay")
    chain = load_chain(images.content.recipe["degradation"][str(scale)])
    stored_hr = images.read(row, HR)  # what the chain does to HR is done
    steps = chain.model_copy(update={"hr": ()})
    return offline.replay(stored_hr, steps, delta[len(chain.hr) :], scale)

"""What is to be published, and in which form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import metadata
from pathlib import Path

from srdata.common.files import sha256_of
from srdata.common.free_space import Need
from srdata.exporting.samples import Cut, Sample, png_share, raw_bytes, samples, samples_of
from srdata.prepared.licences import Terms
from srdata.prepared.set_images import PreparedImages
from srdata.publishing.config_names import published_configs
from srdata.publishing.formats import Config
from srdata.report.sheets import spread
from srdata.store.blocks import HR
from srdata.store.set_json import SET_FILE, SetFile
from srdata.vocabulary import PublishForm

SHARD_BYTES = 500 << 20
MOST_FILES = 90_000  # the Hub advises against 100,000 files in a repository
_LARGE = 1 << 20  # bytes of an HR image from which files of their own serve it better than a table
_LOOKED_AT = 8  # images, to tell how large they are
_WRITERS = ("srdata", "pyarrow", "opencv-python-headless", "huggingface-hub")


@dataclass(frozen=True)
class PublishRequest:
    """What is to be published, and how."""

    images: PreparedImages
    terms: Terms
    repository: str
    form: PublishForm | None  # None: the recipe only
    windows: bool = False
    shard_bytes: int = SHARD_BYTES
    jobs: int = -1

    @property
    def folder(self) -> Path:
        """Where the set is."""
        return self.images.folder

    @property
    def content(self) -> SetFile:
        """What the set says of itself."""
        return self.images.content

    @cached_property
    def versions(self) -> dict[str, str]:
        """What made the pixels, and what writes the files."""
        writers = {name: metadata.version(name) for name in _WRITERS}
        return {**self.content.versions, **writers}

    @property
    def digest(self) -> str:
        """The SHA-256 of all that decides the files."""
        facts = [
            sha256_of(self.folder / SET_FILE),
            self.repository,
            self.form,
            self.windows,
            self.shard_bytes,
            self.versions,
            [one.model_dump(mode="json") for one in self.terms.manifests],
            *([self.terms.own.name] if self.terms.own else []),
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def samples(self, split: str, config: Config, first: int) -> Iterator[Sample]:
        """The pairs of a split from number `first` on.

        Those for training are cut at the set's windows, if that is asked for.
        """
        rows = self.images.index.rows(split).tolist()
        label = f"{config.name} {split}"
        return samples(self.images, rows, self._cut(split, config), label, first=first, jobs=self.jobs)

    def need(self) -> Need:
        """What the pairs take on disk."""
        index, configs = self.images.index, published_configs(self.content) if self.form else ()
        raw = sum(
            raw_bytes(self.images, index.rows(split), self._cut(split, config))
            for config in configs
            for split in index.splits
        )
        return Need(raw, partial(png_share, self.images))

    def _cut(self, split: str, config: Config) -> Cut:
        windows = self.content.windows if self.windows and split == "train" else None
        return Cut((config.scale,), windows, covered=True)


def choose_form(images: PreparedImages, windows: bool) -> PublishForm:
    """Tables for windows and small images; files for large ones, in archives where they are too many."""
    if windows:
        return "parquet"
    cut = Cut(images.scales[:1], covered=True)
    rows = spread(range(len(images.index)), _LOOKED_AT)
    sizes = [len(sample.layers[HR].data) for row in rows for sample in samples_of(images, row, cut)]
    if sum(sizes) < _LARGE * len(sizes):
        return "parquet"
    files = 2 * len(images.scales) * len(images.index)
    return "imagefolder" if files <= MOST_FILES else "webdataset"

"""What is to be published, and in which form."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

from srdata.common.files import sha256_of
from srdata.prepared.licences import Terms
from srdata.publishing.published_pairs import Picture, entries_of, pictures_of
from srdata.report.sheets import spread
from srdata.scale import Scale
from srdata.store.set_json import SET_FILE, SetFile
from srdata.store.windows import Windows
from srdata.vocabulary import PublishForm

SHARD_BYTES = 500 << 20
MOST_FILES = 90_000  # the Hub advises against 100,000 files in a repository
_LARGE = 1 << 20  # bytes of an HR image from which files of their own serve it better than a table
_LOOKED_AT = 8  # images, to tell how large they are
_WRITERS = ("srdata", "pyarrow", "opencv-python-headless", "huggingface-hub")


@dataclass(frozen=True)
class Request:
    """What is to be published, and how."""

    folder: Path
    content: SetFile
    terms: Terms
    repository: str
    form: PublishForm | None  # None: the recipe only
    windows: bool = False
    shard_bytes: int = SHARD_BYTES
    jobs: int = -1

    @cached_property
    def pictures(self) -> list[Picture]:
        """The images of the set."""
        return pictures_of(self.folder)

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
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def cuts(self, split: str) -> Windows | None:
        """The windows at which the images of a split are cut: those for training, if that is asked for."""
        return self.content.windows if self.windows and split == "train" else None


def choose_form(folder: Path, content: SetFile, windows: bool) -> PublishForm:
    """Tables for windows and small images; files for large ones, in archives where they are too many."""
    if windows:
        return "parquet"
    shown = spread(pictures_of(folder), _LOOKED_AT)
    sizes = [len(entry.hr) for entry in entries_of(folder, shown, Scale(content.scales[0]))]
    if sum(sizes) < _LARGE * len(sizes):
        return "parquet"
    files = 2 * len(content.scales) * sum(content.counts.values())
    return "imagefolder" if files <= MOST_FILES else "webdataset"

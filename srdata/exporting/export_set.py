"""`export`: a prepared set in the forms that other training code reads."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from srdata.common.files import PART, part_name, publish_folder, storage_errors, write_file
from srdata.common.free_space import Need, check_room
from srdata.common.output_paths import refuse_address
from srdata.common.processes.one_at_a_time import only_one_at
from srdata.common.wording.amounts import how_many
from srdata.errors import StorageFullError, UnknownNameError, UsageError, given_path
from srdata.exporting.escaped_keys import (
    Check,
    any_key,
    check_file_key,
    check_lmdb_key,
    check_tar_key,
    written_key,
)
from srdata.exporting.folder_forms import (
    SHARD_BYTES,
    Keyed,
    Where,
    write_edsr_folders,
    write_kair_folders,
    write_lmdbs,
)
from srdata.exporting.samples import Cut, Sample, png_share, raw_bytes, samples
from srdata.exporting.set_names import names_in
from srdata.exporting.super_image_hdf5 import write_hdf5
from srdata.exporting.tar_shards import write_webdataset
from srdata.prepared.set_images import PreparedImages
from srdata.scale import OneScale, Scale, scales_of
from srdata.store.blocks import HR
from srdata.store.export_json import DELTAS_FILE, EXPORT_FILE, ExportFile, read_export
from srdata.store.folder_names import Names
from srdata.store.windows import Integers, Windows
from srdata.vocabulary import Backend


class Form(NamedTuple):
    """A form that a set can have outside."""

    write: Callable[[Where, Iterable[Keyed]], None]  # the samples of a split
    check: Check  # raises UsageError for a key that the form cannot hold
    windows: bool = False  # whether those who read it expect the training split in sub-images
    png: bool = True
    # Whether test images whose source file is grey are grey files. Training images are not: EDSR's code cuts
    # their crops out of three channels before it expands grey.
    grey: bool = False


FORMS = {
    "basicsr": Form(write_lmdbs, check_lmdb_key, windows=True),
    "folder": Form(write_edsr_folders, check_file_key, grey=True),
    "kair": Form(write_kair_folders, check_file_key, windows=True, grey=True),
    "webdataset": Form(write_webdataset, check_tar_key),
    "hdf5": Form(write_hdf5, any_key, png=False),
}


@dataclass(frozen=True)
class Export:
    """What to write, and how; `windows` cut the training split."""

    images: PreparedImages
    form: Form
    names: Names
    scales: tuple[Scale, ...]
    windows: Windows | None = None
    escape: bool = False
    shard_bytes: int = SHARD_BYTES
    jobs: int = -1
    backend: Backend = "loky"

    def check(self) -> None:
        """Raise UsageError, before any work, for keys that cannot be written, and scales that differ."""
        index = self.images.index
        for key in index.keys.to_pylist():
            self.key(key)
        if self.windows is not None and "train" in index.splits:
            rows = index.rows("train")
            sizes = np.stack([index.heights[rows], index.widths[rows]], axis=-1)
            remedy = f"export one, as --scale {self.scales[-1]}, or whole images, with --whole"
            check_same_windows(self.windows, sizes, self.scales, remedy)

    def key(self, key: str) -> str:
        """The key under which an image is written."""
        return written_key(key, self.form.check, escape=self.escape)

    def write(self, folder: Path, note: Callable[[Iterable[Keyed]], Iterable[Keyed]] = iter) -> None:
        """Write every sample below `folder`; all pass through `note`, with the keys that they get."""
        for split in self.images.index.splits:
            cut = self._cut(split)
            sub = cut.windows is not None
            where = Where(folder, self.names, self.scales, split, sub, self.shard_bytes)
            self.form.write(where, note(self._keyed(split, cut)))

    def check_room(self, out: Path) -> None:
        """Raise StorageFullError, before any work, where the samples have no room at `out`."""
        index = self.images.index
        raw = sum(raw_bytes(self.images, index.rows(split), self._cut(split)) for split in index.splits)
        need = Need(raw, partial(png_share, self.images)) if self.form.png else Need(raw)
        check_room(out, need, "--out")

    def _cut(self, split: str) -> Cut:
        return Cut(
            self.scales,
            self.windows if split == "train" else None,
            png=self.form.png,
            grey=self.form.grey and split != "train",
        )

    def _keyed(self, split: str, cut: Cut) -> Iterator[Keyed]:
        rows = self.images.index.rows(split).tolist()
        for sample in samples(self.images, rows, cut, split, jobs=self.jobs, backend=self.backend):
            yield self.key(sample.image) + sample.key.removeprefix(sample.image), sample


def check_same_windows(windows: Windows, sizes: Integers, scales: Sequence[Scale], remedy: str) -> None:
    """Raise UsageError where images of these HR sizes (n, 2) are cut otherwise at one scale than at another.

    A form holds one HR image for all scales, and can show only one of them what its LR shows.
    """
    if different := len(windows.differing(sizes, scales)):
        *first, last = (scale.label for scale in scales)
        raise UsageError(
            f"sub-images of {', '.join(first)} and {last} show other parts of HR under the same keys in "
            f"{different} of {how_many(len(sizes), 'image')}, whose sides these do not all divide: {remedy}"
        )


def export(
    path: str | Path,
    to: str,
    out: str | Path,
    *,
    scale: OneScale | Sequence[OneScale] | None = None,
    windows: bool | None = None,
    escape: bool = False,
    shard_bytes: int = SHARD_BYTES,
    jobs: int = -1,
    backend: Backend = "loky",
) -> ExportFile:
    """Write the prepared set at `path` to the new folder `out`, in a form that other training code reads.

    `to` is "basicsr" (LMDB folders), "folder" (EDSR's), "kair", "webdataset" (tars of at most `shard_bytes`)
    or "hdf5" (super-image's). `scale` is one or several of those of the set, None all. `windows` says whether
    the training split is cut into the sub-images that the set has, as `PairedDataset` cuts them; None does so
    for the forms whose readers expect it, BasicSR's and KAIR's. `escape` spells keys that the form cannot
    hold in a way that it can. `out` appears when all of it is written; where it is there already, made of the
    same set in the same way, nothing is done. Beside the images stand export.json and, where LR was made by a
    degradation, deltas.jsonl with what was drawn.

    Raises UsageError, SetError, MissingExtraError, CorruptRecordError, StorageFullError or StoreError.
    """
    folder = given_path(out)
    if to not in FORMS:
        raise UnknownNameError.among("form", to, FORMS)
    refuse_address(folder)
    images = PreparedImages(path)
    form = FORMS[to]
    cut = images.content.windows if (form.windows if windows is None else windows) else None
    scales = images.chosen(scales_of(scale))
    plan = Export(images, form, names_in(images.content), scales, cut, escape, shard_bytes, jobs, backend)
    plan.check()
    content = _content(plan, to)
    if (there := _there(folder, content)) is not None:
        return there
    plan.check_room(folder)
    with only_one_at(folder), new_folder(folder) as part:
        notes = _write(plan, part)
        content = content.model_copy(update={"counts": dict(notes.counts), "keys": notes.renamed})
        write_file(part / EXPORT_FILE, content.model_dump_json(indent=2).encode() + b"\n")
    return content


def _content(plan: Export, to: str) -> ExportFile:
    content = plan.images.content
    return ExportFile(
        form=to,
        name=content.name,
        stem=plan.names.stem,
        track=plan.names.track,
        digest=content.digest,
        recipe=content.recipe,
        scales=tuple(map(str, plan.scales)),
        windows=plan.windows,
        counts={},
        keys={},
    )


def _there(out: Path, content: ExportFile) -> ExportFile | None:
    """The same export, finished before; raises UsageError if something else is at `out`."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    there = read_export(out) if out.is_dir() else None
    if there is not None and there.model_copy(update={"counts": {}, "keys": {}}) == content:
        return there
    raise UsageError(f"{out} is there already and not this export: give another --out, or delete it")


def _write(plan: Export, folder: Path) -> Notes:
    """Write all but export.json."""
    path = folder / DELTAS_FILE
    with storage_errors(folder), path.open("w", encoding="utf-8", newline="\n") as deltas:
        notes = Notes(plan.images.content.seed, deltas)
        plan.write(folder, notes.taken)
        deltas.flush()
        os.fsync(deltas.fileno())
    if not path.stat().st_size:
        path.unlink()
    return notes


@dataclass
class Notes:
    """What is written down while samples pass by."""

    seed: int
    deltas: TextIO
    counts: Counter[str] = field(default_factory=Counter)  # split → samples
    renamed: dict[str, str] = field(default_factory=dict)  # a key that was spelt anew → what it stands for

    def taken(self, keyed: Iterable[Keyed]) -> Iterator[Keyed]:
        """The same samples; each is noted as soon as it is written."""
        last = ""
        for key, sample in keyed:
            yield key, sample
            self.counts[sample.split] += 1
            if key != sample.key:
                self.renamed[key] = sample.key
            if sample.image != last:
                self.deltas.writelines(_delta_lines(sample, self.seed))
            last = sample.image


def _delta_lines(sample: Sample, seed: int) -> Iterator[str]:
    for layer, delta in sample.params.items():
        if layer == HR:  # a copy at another size: the recipe in export.json says which
            continue
        line = {"key": sample.image, "scale": layer.removeprefix("x"), "seed": seed, "delta": delta}
        yield json.dumps(line, sort_keys=True) + "\n"


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write in, which gets the name `path` at the end, or is deleted after an error.

    Only for who holds `only_one_at(path)`: what killed runs left beside it is deleted.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f"{path.name}{PART}*"):
            shutil.rmtree(left, ignore_errors=True)  # by a run that was killed
        part = part_name(path)
        part.mkdir()
        try:
            yield part
            publish_folder(part, path)
        except StorageFullError as error:
            raise StorageFullError(
                f"no room for {path}: free some space and run the command again"
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)

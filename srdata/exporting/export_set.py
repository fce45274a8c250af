"""`export`: a prepared set in the forms that other training code reads."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from srdata.common.files import PART, part_name, publish_folder, storage_errors, write_file
from srdata.common.progress import progress
from srdata.degrade.image_files import DELTAS_FILE
from srdata.errors import StorageFullError, UnknownNameError, UsageError
from srdata.exporting.escaped_keys import (
    Check,
    any_key,
    check_file_key,
    check_lmdb_key,
    check_tar_key,
    written_key,
)
from srdata.exporting.hdf5 import Hdf5Sink
from srdata.exporting.samples import Sample, samples
from srdata.exporting.set_names import names_in
from srdata.exporting.sinks import SHARD_BYTES, LmdbSink, Sink, Where, folder_sink, kair_sink
from srdata.exporting.webdataset import TarSink
from srdata.prepared.set_images import PreparedImages
from srdata.store.blocks import HR
from srdata.store.export_json import EXPORT_FILE, ExportFile, read_export
from srdata.store.folder_names import Names
from srdata.store.shards import lock_part
from srdata.store.windows import Windows
from srdata.vocabulary import Backend

_BUSY = ".exporting"  # stands in the part folder; its lock says that a process writes there


class Form(NamedTuple):
    """A form that a set can have outside."""

    sink: Callable[[Where], Sink]
    check: Check  # raises UsageError for a key that the form cannot hold
    windows: bool = False  # whether those who read it expect the training split in sub-images
    png: bool = True
    # Whether test images whose source file is grey are grey files. Training images are not: EDSR's code cuts
    # their crops out of three channels before it expands grey.
    grey: bool = False


FORMS = {
    "basicsr": Form(LmdbSink, check_lmdb_key, windows=True),
    "folder": Form(folder_sink, check_file_key, grey=True),
    "kair": Form(kair_sink, check_file_key, windows=True, grey=True),
    "webdataset": Form(TarSink, check_tar_key),
    "hdf5": Form(Hdf5Sink, any_key, png=False),
}


@dataclass(frozen=True)
class Export:
    """What to write, and how; `windows` cut the training split."""

    images: PreparedImages
    form: Form
    names: Names
    windows: Windows | None = None
    escape: bool = False
    shard_bytes: int = SHARD_BYTES
    jobs: int = -1
    backend: Backend = "loky"

    def check(self) -> None:
        """Raise UsageError, before any work, for a key that cannot be written."""
        for key in self.images.index.keys.to_pylist():
            self.key(key)

    def key(self, key: str) -> str:
        """The key under which an image is written."""
        return written_key(key, self.form.check, escape=self.escape)

    def write(self, folder: Path) -> Iterator[tuple[str, Sample]]:
        """Write every sample below `folder`; yields each that is written, with the key that it got."""
        for split in self.images.index.splits:
            windows = self.windows if split == "train" else None
            where = Where(
                folder, self.names, self.images.scales, split, windows is not None, self.shard_bytes
            )
            rows = self.images.index.rows(split).tolist()
            with self.form.sink(where) as sink, progress(split, len(rows), "images") as advance:
                for parts in self._samples(split, rows, windows):
                    for sample in parts:
                        key = self.key(sample.image) + sample.key.removeprefix(sample.image)
                        sink.add(key, sample)
                        yield key, sample
                    advance(1)
                sink.seal()

    def _samples(self, split: str, rows: list[int], windows: Windows | None) -> Iterator[list[Sample]]:
        return samples(
            self.images,
            rows,
            windows,
            png=self.form.png,
            grey=self.form.grey and split != "train",
            jobs=self.jobs,
            backend=self.backend,
        )


def export(
    path: str | Path,
    to: str,
    out: str | Path,
    *,
    windows: bool | None = None,
    escape: bool = False,
    shard_bytes: int = SHARD_BYTES,
    jobs: int = -1,
    backend: Backend = "loky",
) -> ExportFile:
    """Write the prepared set at `path` to the new folder `out`, in a form that other training code reads.

    `to` is "basicsr" (LMDB folders), "folder" (EDSR's), "kair", "webdataset" (tars of at most `shard_bytes`)
    or "hdf5" (super-image's). `windows` says whether the training split is cut into the sub-images that the
    set has; None does so for the forms whose readers expect it, BasicSR's and KAIR's. `escape` spells keys
    that the form cannot hold in a way that it can. `out` appears when all of it is written; where it is
    there already, made of the same set in the same way, nothing is done. Beside the images stand export.json
    and, where LR was made by a degradation, deltas.jsonl with what was drawn.

    Raises UsageError, SetError, MissingExtraError, CorruptRecordError, StorageFullError or StoreError.
    """
    if to not in FORMS:
        raise UnknownNameError.among("form", to, FORMS)
    images = PreparedImages(path)
    form = FORMS[to]
    cut = images.content.windows if (form.windows if windows is None else windows) else None
    plan = Export(images, form, names_in(images.content), cut, escape, shard_bytes, jobs, backend)
    content = _content(plan, to)
    if (there := _there(Path(out), content)) is not None:
        return there
    plan.check()
    with new_folder(Path(out)) as part:
        counts, renamed = _write(plan, part)
        content = content.model_copy(update={"counts": counts, "keys": renamed})
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
        scales=content.scales,
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


def _write(plan: Export, folder: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Write everything; gives the number of samples of each split, and the keys that had to be spelt anew."""
    counts: dict[str, int] = {}
    renamed: dict[str, str] = {}
    last = ""
    with storage_errors(folder), (folder / DELTAS_FILE).open("w", encoding="utf-8") as deltas:
        for key, sample in plan.write(folder):
            counts[sample.split] = counts.get(sample.split, 0) + 1
            if key != sample.key:
                renamed[key] = sample.key
            if sample.image != last:
                deltas.writelines(_delta_lines(sample, plan.images.content.seed))
            last = sample.image
        deltas.flush()
        os.fsync(deltas.fileno())
    if not (folder / DELTAS_FILE).stat().st_size:
        (folder / DELTAS_FILE).unlink()
    return counts, renamed


def _delta_lines(sample: Sample, seed: int) -> Iterator[str]:
    for layer, delta in sample.params.items():
        if layer == HR:  # a copy at another size: the recipe in export.json says which
            continue
        line = {"key": sample.image, "scale": layer.removeprefix("x"), "seed": seed, "delta": delta}
        yield json.dumps(line, sort_keys=True) + "\n"


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write in, which gets the name `path` at the end, or is deleted after an error."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob(f"{path.name}{PART}*"):
            _remove_if_left(old)
        part = part_name(path)
        part.mkdir()
        (part / _BUSY).touch()
        handle = lock_part(part / _BUSY)
        try:
            yield part
            (part / _BUSY).unlink()
            publish_folder(part, path)
        except StorageFullError as error:
            raise StorageFullError(
                f"no room for {path}: free some space and run the command again"
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
            if handle is not None:
                os.close(handle)


def _remove_if_left(part: Path) -> None:
    """Delete a folder that a killed run left."""
    if (handle := lock_part(part / _BUSY)) is not None:
        shutil.rmtree(part, ignore_errors=True)
        os.close(handle)

"""A set as the folder of a Hub repository: data, card, recipe, hashes; nothing of the network."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from srdata.common.chunks import chunked
from srdata.common.files import PART, sha256_of, storage_errors, sync_file, sync_folder
from srdata.common.free_space import check_room
from srdata.common.output_paths import check_folder
from srdata.common.processes.one_at_a_time import only_one_at
from srdata.errors import StorageFullError, UsageError
from srdata.exporting.samples import Sample
from srdata.images import encode_png
from srdata.publishing.config_names import published_configs
from srdata.publishing.dataset_card import (
    HASHES,
    LICENCE,
    RECIPE,
    SHEET,
    Story,
    card_text,
    licence_page,
    recipe_text,
)
from srdata.publishing.formats import (
    FORMS,
    ROW_GROUP_BYTES,
    Config,
    FormWriter,
    PiecePlace,
)
from srdata.publishing.publish_request import PublishRequest
from srdata.publishing.published_file import (
    CARD,
    POINTER,
    Published,
    PublishedConfig,
    PublishedSplit,
    pointer_in,
)
from srdata.publishing.written_pieces import Piece, WrittenPieces
from srdata.report import contact_sheet
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.store.index import Index
from srdata.store.tables.set_files import INDEX_FILE, FileEntry, file_entry

_DONE = ".written"  # the list of what is written, while the rest is


def build(request: PublishRequest, target: Path, option: str | None = None) -> Published:
    """Write the repository of a set at `target`, whole or not at all; one that is there already is kept.

    What is finished of it when the disk is full, or the run interrupted, stays beside `target` for the next
    run. The same request gives the same bytes for any number of jobs. Raises UsageError if something else is
    there, StorageFullError, where it has no room before any work (`option` names another place), StoreError,
    CorruptRecordError.
    """
    check_folder(target)
    if there := _there(target, request):
        return there
    part = target.with_name(f"{target.name}{PART}{request.digest[:12]}")
    with only_one_at(target), _kept_for_the_next_run(part), storage_errors(target):
        if there := _there(target, request):
            return there
        for other in set(target.parent.glob(f"{target.name}{PART}*")) - {part}:
            shutil.rmtree(other)  # of another request, whose run was ended
        check_room(target, request.need(), option)
        part.mkdir(parents=True, exist_ok=True)
        made = _fill(part, request)
        part.replace(target)
        sync_folder(target.parent)
    return made


@contextmanager
def _kept_for_the_next_run(part: Path) -> Iterator[None]:
    """Delete a folder after an error, unless a run can go on with it: on a full disk, or interrupted."""
    try:
        yield
    except StorageFullError:
        raise
    except Exception:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _there(target: Path, request: PublishRequest) -> Published | None:
    """The same repository, finished before; raises UsageError if something else is at `target`."""
    if (there := pointer_in(target)) and there.request == request.digest:
        return there
    if target.exists() and any(target.iterdir()):
        raise UsageError(f"{target} is not empty, and not what is asked for now: give another --out")
    return None


def _fill(folder: Path, request: PublishRequest) -> Published:
    configs = published_configs(request.content, request.images.columns)
    form = request.form
    done = WrittenPieces(folder / _DONE)
    published = [_write_config(folder, one, FORMS[form], request, done) for one in configs] if form else []
    downloads = {one.name: _bytes_below(folder / one.folder) for one in published}
    story = Story(
        request.repository,
        request.content,
        request.terms,
        request.versions,
        request.form,
        configs,
        published,
        downloads,
    )
    for name, text in _pages(story, request):
        (folder / name).write_bytes(text)
    (folder / POINTER).unlink(missing_ok=True)
    made = Published(
        request=request.digest,
        name=request.content.name,
        form=request.form or "recipe",
        recipe=request.content.recipe,
        digest=request.content.digest,
        seed=request.content.seed,
        versions=request.versions,
        configs=tuple(published),
        files={name: entry for name, entry in _entries_below(folder) if name != _DONE},
    )
    (folder / POINTER).write_bytes(made.model_dump_json(indent=2).encode() + b"\n")
    sync_file(folder / POINTER)
    done.remove()
    return made


def _pages(story: Story, request: PublishRequest) -> Iterator[tuple[str, bytes]]:
    """The files beside the data."""
    yield CARD, card_text(story).encode()
    yield RECIPE, recipe_text(story.content).encode()
    if story.terms.manifests or story.terms.own:
        yield LICENCE, licence_page(story).encode()
    if story.form:
        sheet = np.asarray(contact_sheet(request.folder))
        yield SHEET, encode_png(sheet, level=6)
    else:
        yield HASHES, "".join(_hash_lines(request)).encode()


def _hash_lines(request: PublishRequest) -> Iterator[str]:
    columns = ["key", "split", "source", "source_sha256", "height", "width", "pixels"]
    for row in pq.read_table(request.folder / INDEX_FILE, columns=columns).to_pylist():
        yield json.dumps({**row, "pixels": json.loads(row["pixels"])}, ensure_ascii=False) + "\n"


def _write_config(
    folder: Path, config: Config, kind: FormWriter, request: PublishRequest, done: WrittenPieces
) -> PublishedConfig:
    """The files of one config, in a folder that is named after them."""
    place = folder / "data" / config.name
    place.mkdir(parents=True, exist_ok=True)
    part = next(place.iterdir(), place / "part")  # an earlier run may have named it already
    part.mkdir(exist_ok=True)
    index = request.images.index
    splits = {
        split: _write_split(part, split, config, kind, request, done)
        for split in sorted(index.splits, key=lambda split: index.rows(split)[0])
    }
    names = sorted((path.relative_to(part).as_posix(), sha256_of(path)) for path in _files(part))
    version = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:8]
    part.replace(part.with_name(version))
    return PublishedConfig(name=config.name, folder=f"data/{config.name}/{version}", splits=splits)


def _write_split(
    folder: Path, split: str, config: Config, kind: FormWriter, request: PublishRequest, done: WrittenPieces
) -> PublishedSplit:
    """The files of one split, piece by piece, after the pieces that are done."""
    pieces = done.of(config.name, split)
    first = sum(piece.samples for piece in pieces)
    rest = request.samples(split, config, first)
    size = request.shard_bytes if kind.sharded else ROW_GROUP_BYTES
    for number, samples in enumerate(chunked(rest, attrgetter("bytes"), most_bytes=size), len(pieces)):
        sizes: list[int] = []
        for path in kind.write(PiecePlace(folder, split, number, first), _counted(samples, sizes), config):
            sync_file(path)
        done.add(piece := Piece(config.name, split, len(sizes), sum(sizes)))
        pieces.append(piece)
        first += piece.samples
    total = sum(piece.bytes for piece in pieces)
    pixels = _pixels(request.images.index, split, config.scale)
    return PublishedSplit(images=first, bytes=total, pixels=pixels)


def _counted(samples: Iterable[Sample], sizes: list[int]) -> Iterator[Sample]:
    """The same samples, their sizes noted as they pass."""
    for sample in samples:
        sizes.append(sample.bytes)
        yield sample


def _pixels(index: Index, split: str, scale: Scale) -> str:
    digest = hashlib.sha256()
    for row in index.rows(split).tolist():
        hashes = index.pixels(row)
        digest.update(f"{index.key(row)} {hashes[HR]} {hashes[scale.label]}\n".encode())
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _entries_below(folder: Path) -> Iterator[tuple[str, FileEntry]]:
    """The size and hash of every file below, each of which is durable after that."""
    for path in _files(folder):
        sync_file(path)
        yield path.relative_to(folder).as_posix(), file_entry(path)


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))

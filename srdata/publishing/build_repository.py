"""A set as the folder of a Hub repository: data, card, recipe, hashes; nothing of the network."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from srdata.common.files import part_name, sha256_of, storage_errors, sync_file, sync_folder
from srdata.common.free_space import check_room
from srdata.common.output_paths import check_folder
from srdata.errors import UsageError
from srdata.exporting.samples import Sample
from srdata.images import encode_png
from srdata.publishing.config_names import configs_of
from srdata.publishing.dataset_card import (
    HASHES,
    LICENCE,
    RECIPE,
    SHEET,
    Story,
    card_text,
    licence_text,
    recipe_text,
)
from srdata.publishing.formats import FORMS, Config, Write
from srdata.publishing.publish_request import Request
from srdata.publishing.published_file import (
    CARD,
    POINTER,
    Published,
    PublishedConfig,
    PublishedSplit,
    pointer_in,
)
from srdata.report import contact_sheet
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.store.index import Index
from srdata.store.set_json import INDEX_FILE, FileEntry, file_entry


def build(request: Request, target: Path, option: str | None = None) -> Published:
    """Write the repository of a set at `target`, whole or not at all; one that is there already is kept.

    The same request gives the same bytes for any number of jobs. Raises UsageError if something else is
    there, StorageFullError, where it has no room before any work (`option` names another place), StoreError,
    CorruptRecordError.
    """
    check_folder(target)
    if (there := pointer_in(target)) and there.request == request.digest:
        return there
    if target.exists() and any(target.iterdir()):
        raise UsageError(f"{target} is not empty, and not what is asked for now: give another --out")
    check_room(target, request.need(), option)
    part = part_name(target)
    with storage_errors(target):
        try:
            part.mkdir(parents=True)
            made = _fill(part, request)
            part.replace(target)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return made


def _fill(folder: Path, request: Request) -> Published:
    configs = configs_of(request.content)
    form = request.form
    published = [_write_config(folder, one, FORMS[form].write, request) for one in configs] if form else []
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
    made = Published(
        request=request.digest,
        name=request.content.name,
        form=request.form or "recipe",
        recipe=request.content.recipe,
        digest=request.content.digest,
        seed=request.content.seed,
        versions=request.versions,
        configs=tuple(published),
        files=dict(_entries_below(folder)),
    )
    (folder / POINTER).write_bytes(made.model_dump_json(indent=2).encode() + b"\n")
    sync_file(folder / POINTER)
    return made


def _pages(story: Story, request: Request) -> Iterator[tuple[str, bytes]]:
    """The files beside the data."""
    yield CARD, card_text(story).encode()
    yield RECIPE, recipe_text(story.content).encode()
    if story.terms.manifests or story.terms.own:
        yield LICENCE, licence_text(story).encode()
    if story.form:
        sheet = np.asarray(contact_sheet(request.folder))
        yield SHEET, encode_png(sheet, level=6)
    else:
        yield HASHES, "".join(_hash_lines(request)).encode()


def _hash_lines(request: Request) -> Iterator[str]:
    columns = ["key", "split", "source", "source_sha256", "height", "width", "pixels"]
    for row in pq.read_table(request.folder / INDEX_FILE, columns=columns).to_pylist():
        yield json.dumps({**row, "pixels": json.loads(row["pixels"])}, ensure_ascii=False) + "\n"


def _write_config(folder: Path, config: Config, write: Write, request: Request) -> PublishedConfig:
    """The files of one config, in a folder that is named after them."""
    part = folder / "data" / config.name / "part"
    part.mkdir(parents=True)
    index = request.images.index
    splits = {
        split: _write_split(part, split, config, write, request)
        for split in sorted(index.splits, key=lambda split: index.rows(split)[0])
    }
    names = sorted((path.relative_to(part).as_posix(), sha256_of(path)) for path in _files(part))
    version = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:8]
    part.replace(part.with_name(version))
    return PublishedConfig(name=config.name, folder=f"data/{config.name}/{version}", splits=splits)


def _write_split(folder: Path, split: str, config: Config, write: Write, request: Request) -> PublishedSplit:
    count = total = 0

    def counted() -> Iterator[Sample]:
        nonlocal count, total
        for sample in request.samples(split, config):
            count, total = count + 1, total + sample.bytes
            yield sample

    write(folder, split, counted(), config, request.shard_bytes)
    return PublishedSplit(
        images=count, bytes=total, pixels=_pixels(request.images.index, split, config.scale)
    )


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

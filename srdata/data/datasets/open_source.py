"""Which source of pairs is meant by what a user gives."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from srdata.common.wording.only_choice import pick
from srdata.data.pair_sources.found_pairs import choose_pairs, narrowed
from srdata.data.pair_sources.prepared_files import prepared_source
from srdata.data.pair_sources.sources import (
    PairSource,
    SetSource,
    file_source,
    two_folders,
)
from srdata.data.pair_sources.table_pairs import TableColumns, table_source
from srdata.discovery.by_name.name_marks import marks_of_folder
from srdata.discovery.forms.lmdb_folders import is_lmdb
from srdata.discovery.forms.table_columns import Given
from srdata.discovery.forms.table_parts import is_table
from srdata.discovery.found_parts import Found
from srdata.discovery.known_forms import look_for_parts
from srdata.discovery.named_files import images_by_name
from srdata.errors import UnknownNameError, UsageError
from srdata.hub.address import HubName
from srdata.hub.open_table import holds_tables
from srdata.images import ImagePolicy, list_folder
from srdata.prepared.image_columns import read_column
from srdata.prepared.remote_sets import folder_of, refuse_other_layouts, set_reader
from srdata.scale import Scale
from srdata.store.index import Index
from srdata.store.set_json import SET_FILE, UNFINISHED, SetFile, read_set, sets_in
from srdata.store.windows import Windows
from srdata.vocabulary import Only


@dataclass(frozen=True)
class SourceChoice:
    """What a user chooses of all that is there; None where there is nothing to choose."""

    split: str | None = None
    scale: Scale | None = None
    track: str | None = None
    template: str = "{key}"
    images: ImagePolicy | None = None
    verify: bool = True
    only: Only | None = None
    config: str | None = None
    columns: Given | None = None


class Opened(NamedTuple):
    """A source, and what is known of where it lies."""

    source: PairSource
    windows: Windows | None = None  # that the set was prepared with
    subimages: bool = False  # whether the images are sub-images already
    prepared: tuple[Path, str] | None = None  # the folder and split of a prepared set
    only: Only | None = None  # the side that alone is there
    table: TableColumns | None = None  # that it reads, which may have more columns

    def column(self, name: str) -> Any:
        """A column that is told of each image; raises UnknownNameError with how to get it."""
        if self.table is not None:
            return self.table.column(name)
        if self.prepared is None:
            raise UnknownNameError(
                f"nothing is told of these images as {name!r}: give beside={{{name!r}: FILE}}, a table of "
                "them or a folder of .txt files"
            )
        folder, split = self.prepared
        content = read_set(folder)
        index = Index.of_set(folder, content)
        return read_column(folder, content, name, len(index)).take(pa.array(index.rows(split)))


def open_given(
    path: Path | HubName | str | None, hr: Path | None, lr: Path | None, choice: SourceChoice
) -> Opened:
    """The source at `path`, or of `hr` and `lr`; raises UsageError when none is there or a choice is open."""
    if path is not None and hr is None and lr is None:
        return _open_path(path, choice)
    if path is None and hr is not None and lr is not None:
        return _open_two(hr, lr, choice)
    if path is None and (folder := hr or lr) is not None:
        scale = choice.scale if hr and choice.scale else Scale(1)
        return Opened(file_source(images_by_name(_folder(folder)), scale, choice.images))
    raise UsageError("give either the path of a prepared set or a folder, or hr=, lr= or both")


def choose_windows(opened: Opened, windows: bool | Windows) -> Windows | None:
    """The windows that are items: those of the set for True, None for whole images; raises UsageError."""
    chosen = opened.windows if windows is True else windows or None
    if chosen is None and windows and not opened.subimages:
        raise UsageError(
            "windows=True takes the windows that a set was prepared with, and here are none: "
            "choose some with windows=Windows(size=480, step=240)"
        )
    return chosen


def _open_path(path: Path | HubName | str, choice: SourceChoice) -> Opened:
    if isinstance(path, HubName):
        return _open_table(path, choice)
    if isinstance(path, str):
        folder, _ = folder_of(path)
        content = read_set(folder)
        refuse_other_layouts(path, content)
        return _open_set(path, folder, content, choice)
    if (path / UNFINISHED).exists():
        raise UsageError(f"{path} is not finished: run the same `srdata prepare` again, it goes on")
    if not (path / SET_FILE).is_file():
        return _open_place(path, choice)
    content = read_set(path)
    if content.layout == "basicsr":
        return _open_place(path, choice)
    return _open_set(path, path, content, choice)


def _open_set(place: Path | str, folder: Path, content: SetFile, choice: SourceChoice) -> Opened:
    """The source of a prepared set that `folder` describes."""
    split = pick("split", choice.split, sorted(content.counts), place)
    if choice.only == "hr":  # of any scale, or of none
        scale = choice.scale or Scale(1)
    else:
        scale = Scale(pick("scale", _text(choice.scale), content.scales, place))
    source = (
        prepared_source(folder, split, scale, choice.images, verify=choice.verify)
        if content.layout == "folder"
        else SetSource(set_reader(place, verify=choice.verify), split, scale)
    )
    return Opened(source, content.windows, prepared=(folder, split))


def _open_place(path: Path, choice: SourceChoice) -> Opened:
    """The source in a folder or file of images that somebody else made."""
    if choice.columns or choice.config:
        return _open_table(path, choice)
    listing = list_folder(path)
    if is_table(path, listing):
        return _open_table(path, choice)
    found = look_for_parts(path, listing)
    if found is not None and found.paired:
        pairs = choose_pairs(path, found, choice.split, choice.track, choice.scale)
        return Opened(pairs.source(choice.images), subimages=found.subimages)
    if holds_tables(path, listing):
        return _open_table(path, choice)
    if found is None or choice.only != "hr":
        raise UsageError(_nothing_at(path, found))
    parts = narrowed(list(found.parts), path, "split", choice.split, lambda part: part.split)
    images = {key: file for part in parts for key, file in part.hr.images.items()}
    return Opened(file_source(images, choice.scale or Scale(1), choice.images), subimages=found.subimages)


def _open_table(place: Path | HubName, choice: SourceChoice) -> Opened:
    """The source in a data set of the Hub, or in a folder or file that `datasets` reads."""
    source, only, table = table_source(
        place,
        choice.config,
        choice.split,
        columns=choice.columns,
        only=choice.only,
        scale=choice.scale,
        policy=choice.images,
    )
    return Opened(source, only=only, table=table)


def _open_two(hr: Path, lr: Path, choice: SourceChoice) -> Opened:
    """The source of two folders of images, or of two of BasicSR's LMDBs; raises UsageError."""
    hr, lr = _folder(hr), _folder(lr)
    if is_lmdb(hr) != is_lmdb(lr):
        raise UsageError(f"{hr} and {lr}: one is an LMDB and the other is not; give two of a kind")
    source = two_folders(hr, lr, choice.template, choice.scale, choice.images)
    return Opened(source, subimages=hr.stem.endswith("_sub"))


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise UsageError(f"there is no folder {path}")
    return path


def _text(scale: Scale | None) -> str | None:
    return None if scale is None else str(scale)


def _nothing_at(path: Path, found: Found | None) -> str:
    """What there is instead of pairs, and what makes some of it; never how LR images would become HR."""
    if not path.exists():
        return f"there is no {path}: prepare it first, `srdata list` shows what can be prepared"
    if is_lmdb(path):
        return f"{path} is one LMDB: give the one with HR images as hr= and the one with LR images as lr="
    if found is None and (sets := sets_in(path)):
        return f"{path} holds prepared sets and no images: give one, such as {sets}"
    if found is None:
        return f"{path} is no prepared set (no set.json) and holds no images: give a folder that does"
    prepare = f"prepare it with `srdata prepare {shlex.quote(str(path))} --scale 4 --lmdb`, or "
    if any(marks_of_folder(part)[0].side == "lr" for part in path.parts[-2:]):
        prepare = ""
    return (
        f"{path} is no prepared set (no set.json), and names and sizes of its images tell no pairs: "
        f"{prepare}give two folders as hr= and lr="
    )

"""The `folder` layout: PNG files in the folders that EDSR's code reads.

DIV2K_train_HR/0001.png   DIV2K_train_LR_bicubic/X4/0001x4.png      sets with a train split
HR/baby.png               LR_bicubic/X4/babyx4.png                  benchmarks
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from srdata.common.files import storage_errors, write_file
from srdata.common.processes.run_claims import Claim
from srdata.errors import ImageError
from srdata.images import encode_png, grey_plane
from srdata.preparation.make_layers import Source, make_layers, read_source
from srdata.preparation.source_items import Bad, Item
from srdata.recipes.set_recipe import Recipe
from srdata.store.folder_names import Names
from srdata.store.index import Index
from srdata.store.records import Row, make_row
from srdata.store.tables.set_files import INDEX_FILE, FileEntry, file_entry, problem_of

JOURNAL = ".journal"


@dataclass(frozen=True)
class Written:
    """One finished image: its row of the index, and the size and hash of each of its files."""

    row: Row
    files: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class FolderTask:
    """Some images whose files one process writes, and the journal in which each that is done is noted."""

    number: int  # of the group of images that have one journal
    items: tuple[Item, ...]
    recipe: Recipe
    target: Path
    claim: Claim
    earlier: Mapping[str, Written] = field(default_factory=dict)  # by key, of those that were done before

    @property
    def journal(self) -> Path:
        """One line of JSON for each finished image; its name changes with the recipe."""
        return self.target / JOURNAL / f"{self.recipe.digest[:16]}-{self.number:05d}.jsonl"


@dataclass(frozen=True)
class FolderDone:
    """What became of a task: the images that are written, and those that are bad."""

    written: tuple[Written, ...]
    bad: tuple[Bad, ...]


def names_of(recipe: Recipe) -> Names:
    """What the files of the set that a recipe makes are called."""
    return Names(recipe.prefix or recipe.name, recipe.degradation_name)


def write_images(task: FolderTask) -> FolderDone:
    """Write the files of some images; those that were done before, and are as they were, are kept."""
    written: list[Written] = []
    bad: list[Bad] = []
    for item in task.items:
        try:
            written.append(_write_image(read_source(item), task.earlier.get(item.key), task))
        except ImageError as error:
            bad.append(Bad(item.key, str(error)))
    return FolderDone(tuple(written), tuple(bad))


def note(task: FolderTask, written: Iterable[Written]) -> None:
    """Write into the journal of a task which of its images are done."""
    with storage_errors(task.journal):
        task.journal.parent.mkdir(parents=True, exist_ok=True)
        with task.journal.open("a") as journal:
            journal.writelines(_line(one) for one in written if one != task.earlier.get(one.row.key))


def note_earlier(target: Path, tasks: Sequence[FolderTask], files: Mapping[str, FileEntry]) -> None:
    """Write into the journals what a set that was finished before says of its images: `files`, and its index.

    Whether it is so is found out for each image, as with every journal.
    """
    path = target / INDEX_FILE
    if INDEX_FILE not in files or problem_of(path, files[INDEX_FILE]) is not None:
        return
    index = Index(path)
    rows = {key: row for row, key in enumerate(index.keys.to_pylist())}
    for task in tasks:
        known = [(item.key, _paths(item, task.recipe).values()) for item in task.items if item.key in rows]
        lines = [
            Written(index.stored_row(rows[key]), {one: files[one].model_dump() for one in paths})
            for key, paths in known
            if all(one in files for one in paths)
        ]
        note(task, lines)


def finished(task: FolderTask) -> list[Written]:
    """The images that are written, in the order of the task."""
    last = noted(task)
    return [last[item.key] for item in task.items if item.key in last]


def noted(task: FolderTask) -> dict[str, Written]:
    """What the journal of a task says of images, by their keys."""
    return {written.row.key: written for written in _read_journal(task)}


def _write_image(source: Source, earlier: Written | None, task: FolderTask) -> Written:
    if earlier and earlier.row.source_sha256 == source.sha256 and _unchanged(task.target, earlier.files):
        return earlier
    made = make_layers(source, task.recipe)
    item = source.item
    paths = _paths(item, task.recipe)
    grey = made.facts.channels == 1 and item.split != "train"  # as `exchange.export.Form.grey`
    for layer, relative in paths.items():
        pixels = made.layers[layer]
        png = encode_png(grey_plane(pixels) if grey else pixels)
        write_file(task.target / relative, png, task.claim.held)
    files = {path: file_entry(task.target / path).model_dump() for path in paths.values()}
    return Written(make_row(made.facts, made.layers), files)


def _paths(item: Item, recipe: Recipe) -> dict[str, str]:
    """The file of each layer of an image."""
    named = names_of(recipe).templates(item.split, recipe.scales)
    return {layer: template.replace("{key}", item.key) for layer, template in named.items()}


def _line(written: Written) -> str:
    """What the journal says of an image."""
    return json.dumps({"row": written.row.model_dump(), "files": written.files}) + "\n"


def _unchanged(target: Path, files: dict[str, dict[str, Any]]) -> bool:
    with suppress(OSError):
        return all(file_entry(target / path).model_dump() == facts for path, facts in files.items())
    return False


def _read_journal(task: FolderTask) -> Iterator[Written]:
    """What an earlier run finished; a line that was cut off in the middle is no line."""
    if not task.journal.exists():
        return
    for line in task.journal.read_text().splitlines():
        with suppress(ValueError, KeyError):
            entry = json.loads(line)
            yield Written(Row.model_validate(entry["row"]), entry["files"])


def folder_tasks(
    groups: Sequence[Sequence[Item]], recipe: Recipe, target: Path, claim: Claim
) -> list[FolderTask]:
    """One task for each group of images."""
    return [FolderTask(number, tuple(group), recipe, target, claim) for number, group in enumerate(groups)]

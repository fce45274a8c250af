"""set.json: what a prepared set is, and the size and hash of every file in it.

It is written last, so a folder that has one is whole. Its last field, `seal`, is the SHA-256 of all that
stands before it; sets of earlier versions have none.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from srdata.common.files import Guard, inside, sha256_of, write_file
from srdata.common.strict_model import StrictModel
from srdata.errors import DamagedSetError, SetError, UsageError
from srdata.scale import Scale
from srdata.store.blocks import HR, BlockLayout
from srdata.store.windows import Windows
from srdata.vocabulary import Layout

FORMAT: Final = 1
SET_FILE = "set.json"
INDEX_FILE = "index.parquet"
UNFINISHED = ".unfinished"  # stands in a folder while a set is made there
_LARGEST_BLOCK = 1 << 16
_SEALED = re.compile(rb'(?P<content>.*),\n  "seal": "(?P<seal>[0-9a-f]{64})"\n}\n', re.DOTALL)


class FileEntry(StrictModel):
    """The size and SHA-256 of one file of a set."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


# What set.json may say of a resolved recipe, in the fields that are read without its model.
_RECIPE_FIELDS = {
    "name": (str,),
    "prefix": (str,),
    "source": (str,),
    "exclude": (list,),
    "degradation": (str, dict, list),
    "hub": (dict,),
}


class Quarantined(StrictModel):
    """An image of the source that was left out, and why."""

    key: str
    reason: str


class SetFile(StrictModel):
    """The content of set.json."""

    format: Literal[1] = FORMAT
    name: str
    layout: Layout = "lmdb"
    recipe: dict[str, Any]  # resolved
    digest: str  # of the resolved recipe
    scales: tuple[str, ...] = Field(min_length=1)  # "4", "1.5"
    codec: str | None = None  # of the blocks; None where the layout has none
    # The side of a block in pixels of its layer.
    block: int | None = Field(default=None, ge=1, le=_LARGEST_BLOCK)
    windows: Windows | None = None
    # split → layer → path of an image file with {key} in it
    templates: dict[str, dict[str, str]] = Field(default={})
    seed: int
    versions: dict[str, str]  # of srdata and of the libraries that made the pixels
    counts: dict[str, int]  # split → images
    files: dict[str, FileEntry]  # path relative to the folder, with "/" → what must be there
    quarantine: tuple[Quarantined, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """What the rest of srdata takes for granted, whoever wrote the file."""
        try:
            scales = tuple(map(Scale, self.scales))
        except UsageError as error:
            raise ValueError(str(error)) from error
        if len(set(scales)) < len(scales):
            raise ValueError("a scale stands twice")
        if self.layout == "lmdb" and (self.codec is None or self.block is None):
            raise ValueError("shards have a codec and a block")
        if self.layout == "folder":
            layers = {HR, *(scale.label for scale in scales)}
            for split in self.counts:
                named = self.templates.get(split, {})
                if missing := layers - {layer for layer, path in named.items() if "{key}" in path}:
                    raise ValueError(f"templates: split {split} has none for {', '.join(sorted(missing))}")
        for field, kinds in _RECIPE_FIELDS.items():
            if not isinstance(self.recipe.get(field), (*kinds, type(None))):
                raise ValueError(f"recipe.{field} is {type(self.recipe[field]).__name__}")
        if not all(isinstance(key, str) for key in self.recipe.get("exclude") or ()):
            raise ValueError("recipe.exclude holds what is no key")
        return self

    @property
    def left_out(self) -> tuple[Quarantined, ...]:
        """The images of the source that are not in the set: those that the recipe excludes, and bad ones."""
        excluded = self.recipe.get("exclude") or ()
        return (
            *(Quarantined(key=key, reason="excluded by the recipe") for key in excluded),
            *self.quarantine,
        )

    @property
    def store_layout(self) -> BlockLayout:
        """How the images are cut into blocks; raises SetError where they are not."""
        if self.block is None:
            raise SetError(f"set {self.name} holds {self.layout} files, not shards: prepare it with --lmdb")
        return BlockLayout(tuple(map(Scale, self.scales)), self.block)


class FileCheck(NamedTuple):
    """What a check of one file found; `problem` is None where it is right."""

    path: str
    problem: str | None


def repair_command(folder: Path) -> str:
    """What to do about damage in the set in `folder`, for errors."""
    return f"run `srdata verify {shlex.quote(str(folder))} --repair`"


def digest_of(recipe: dict[str, Any]) -> str:
    """The digest of a resolved recipe: recipes with one digest make the same set of the same images."""
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def shard_name(number: int) -> str:
    """The path of a shard in a set's folder.

    >>> shard_name(7)
    'shards/00007.lmdb'
    """
    return f"shards/{number:05d}.lmdb"


def file_entry(path: Path) -> FileEntry:
    """The size and hash of a file as it is now."""
    return FileEntry(bytes=path.stat().st_size, sha256=sha256_of(path))


def write_set(folder: Path, content: SetFile, guard: Guard = nullcontext) -> None:
    """Declare the set in `folder` finished: every file that it names must be durable already.

    Raises StoreError or StorageFullError.
    """
    text = content.model_dump_json(indent=2).encode().removesuffix(b"\n}")
    seal = hashlib.sha256(text).hexdigest()
    write_file(folder / SET_FILE, text + f',\n  "seal": "{seal}"\n}}\n'.encode(), guard)


def read_set(folder: Path) -> SetFile:
    """What the set in `folder` says of itself; raises SetError with what to do about it."""
    path = folder / SET_FILE
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SetError(_no_set(folder)) from error
    try:
        found = json.loads(text)
        content = _unsealed(text, found)
        if isinstance(found, dict) and found.get("format", FORMAT) != FORMAT:
            raise SetError(f"{path} has format {found['format']}, not {FORMAT}: use the srdata that made it")
        return SetFile.model_validate_json(content)
    except (ValueError, RecursionError) as error:
        raise DamagedSetError(
            f"{path} is damaged ({_first_line(error)}): {repair_command(folder)}"
        ) from error


def _unsealed(text: bytes, found: Any) -> bytes:
    """The text of a set.json without its seal; raises ValueError where that is not the text's."""
    if not isinstance(found, dict) or "seal" not in found:
        return text
    sealed = _SEALED.fullmatch(text)
    if sealed is None or hashlib.sha256(sealed["content"]).hexdigest() != sealed["seal"].decode():
        raise ValueError("it is not what was sealed")
    return sealed["content"] + b"\n}\n"


def add_file(folder: Path, name: str) -> None:
    """Declare one more file, which must be durable already, a part of the finished set in `folder`.

    The set is whole before and after, and at every moment between. Raises SetError, StoreError or
    StorageFullError.
    """
    content = read_set(folder)
    files = {**content.files, name: file_entry(folder / name)}
    write_set(folder, content.model_copy(update={"files": files}))


def has_file(folder: Path, content: SetFile, name: str) -> bool:
    """Whether a file is part of the set, and there with the hash that it must have."""
    entry = content.files.get(name)
    return entry is not None and problem_of(inside(folder, name), entry) is None


def check_files(folder: Path, content: SetFile, *, full: bool) -> Iterator[FileCheck]:
    """Compare every file of a set with set.json: sizes only, or with `full` the hashes too."""
    for name, entry in content.files.items():
        yield FileCheck(name, problem_of(inside(folder, name), entry, full=full))


def problem_of(path: Path, entry: FileEntry, *, full: bool = True) -> str | None:
    """What is wrong with a file, None where nothing is: with its size, or with `full` its hash too."""
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            return f"has {size} bytes, not {entry.bytes}"
        if full and (found := sha256_of(path)) != entry.sha256:
            return f"has SHA-256 {found}, not {entry.sha256}"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _no_set(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder}: no such folder"
    return f"{folder} is no prepared set, or not a finished one (it has no {SET_FILE}): run srdata prepare"


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).splitlines()[0]

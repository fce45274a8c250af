"""set.json: what a prepared set is, and the size and hash of every file in it.

Those of shards stand in a table of their own, `shards.parquet`, whose size and hash it has; in sets of format
1 it has them all itself. It is written last, so a folder that has one is whole. Its last field, `seal`, is
the SHA-256 of all that stands before it; sets of earlier versions have none.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from srdata.common.files import Guard, inside, write_file
from srdata.common.progress import counted
from srdata.common.strict_model import StrictModel
from srdata.errors import DamagedSetError, SetError, UsageError
from srdata.scale import Scale
from srdata.store.blocks import HR, LARGEST_BLOCK, BlockLayout
from srdata.store.tables.set_files import (
    INDEX_FILE,
    FileEntry,
    Files,
    file_entry,
    problem_of,
    repair_command,
    shard_name,
    shard_number,
    trusted_files,
    with_shards,
)
from srdata.store.tables.shard_table import SHARDS_FILE, write_shard_table
from srdata.store.windows import Windows
from srdata.vocabulary import Layout

FORMAT: Final = 2
_FORMATS = (1, FORMAT)
SET_FILE = "set.json"
_NAMED = 3  # sets, of those in a folder that is none
ADDED = ("scores/", "columns/")  # folders of what is added to finished sets
UNFINISHED = ".unfinished"  # stands in a folder while a set is made there
_SEALED = re.compile(rb'(?P<content>.*),\n  "seal": "(?P<seal>[0-9a-f]{64})"\n}\n', re.DOTALL)


# What set.json may say of a resolved recipe, in the fields that are read without its model.
_RECIPE_FIELDS = {
    "name": (str,),
    "prefix": (str,),
    "source": (str,),
    "exclude": (list,),
    "degradation": (str, dict, list),
    "hub": (dict,),
    "from": (list,),  # the sets whose images these are, where it was made of sets
    "through": (list,),  # the digests of sets that these went through
}


class Quarantined(StrictModel):
    """An image of the source that was left out, and why."""

    key: str
    reason: str


class SetFile(StrictModel):
    """The content of set.json."""

    format: Literal[1, 2] = FORMAT
    name: str
    layout: Layout = "lmdb"
    recipe: dict[str, Any]  # resolved
    digest: str  # of the resolved recipe
    scales: tuple[str, ...] = Field(min_length=1)  # "4", "1.5"
    codec: str | None = None  # of the blocks; None where the layout has none
    # The side of a block in pixels of its layer.
    block: int | None = Field(default=None, ge=1, le=LARGEST_BLOCK)
    windows: Windows | None = None
    # split → layer → path of an image file with {key} in it
    templates: dict[str, dict[str, str]] = Field(default={})
    seed: int
    versions: dict[str, str]  # of srdata and of the libraries that made the pixels
    counts: dict[str, int]  # split → images
    files: Mapping[str, FileEntry]  # path relative to the folder, with "/" → what must be there
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
        for field in ("exclude", "through"):
            if not all(isinstance(one, str) for one in self.recipe.get(field) or ()):
                raise ValueError(f"recipe.{field} holds what is no text")
        for member in self.recipe.get("from") or ():
            if not (isinstance(member, dict) and isinstance(member.get("digest"), str)):
                raise ValueError("recipe.from holds what is no set")
            if not isinstance(member.get("recipe"), dict) or "from" in member["recipe"]:
                raise ValueError("recipe.from holds a set without its recipe")
        return self

    @property
    def origins(self) -> tuple[dict[str, Any], ...]:
        """The recipes by which the images were prepared: its own, or, if it was made of sets, theirs."""
        members = self.recipe.get("from")
        return (self.recipe,) if members is None else tuple(member["recipe"] for member in members)

    @property
    def shard_digests(self) -> frozenset[str]:
        """The digests that shards of the set may have: its own, and those of the sets it was made of."""
        members = (member["digest"] for member in self.recipe.get("from") or ())
        return frozenset([self.digest, *members, *(self.recipe.get("through") or ())])

    @property
    def named(self) -> Mapping[str, FileEntry]:
        """The files that set.json itself names."""
        return self.files.named if isinstance(self.files, Files) else self.files

    def size_of(self, name: str) -> int:
        """The bytes of one of the files; raises KeyError."""
        return self.files.bytes_of(name) if isinstance(self.files, Files) else self.files[name].bytes

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        files = self.files
        return files.bytes if isinstance(files, Files) else sum(entry.bytes for entry in files.values())

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


def digest_of(recipe: dict[str, Any]) -> str:
    """The digest of a resolved recipe: recipes with one digest make the same set of the same images."""
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_set(folder: Path, content: SetFile, guard: Guard = nullcontext) -> None:
    """Declare the set in `folder` finished: every file that it names must be durable already.

    The table of its shards is written, unless `content` was read from a set that has it. Raises StoreError or
    StorageFullError.
    """
    content = content.model_copy(update=_named(folder, content, guard))
    text = content.model_dump_json(indent=2).encode().removesuffix(b"\n}")
    seal = hashlib.sha256(text).hexdigest()
    write_file(folder / SET_FILE, text + f',\n  "seal": "{seal}"\n}}\n'.encode(), guard)


def _named(folder: Path, content: SetFile, guard: Guard) -> dict[str, Any]:
    """The files that set.json itself names, and the format that it has with them."""
    files = content.files
    if isinstance(files, Files):
        return {"files": files.named}
    shards = {name: entry for name, entry in files.items() if shard_number(name) is not None}
    if list(shards) != list(map(shard_name, range(len(shards)))) or content.layout != "lmdb":
        return {"format": 1, "files": {name: entry for name, entry in files.items() if name != SHARDS_FILE}}
    entries = ((entry.bytes, entry.sha256) for entry in shards.values())
    write_shard_table(folder / SHARDS_FILE, entries, guard)
    named = {name: entry for name, entry in files.items() if name not in shards}
    first = {name: entry for name, entry in named.items() if name == INDEX_FILE}
    return {"format": FORMAT, "files": {**first, SHARDS_FILE: file_entry(folder / SHARDS_FILE), **named}}


def sets_in(folder: Path) -> str:
    """Some of the prepared sets that stand in a folder, as a choice; empty where there are none."""
    return " or ".join(sorted(str(file.parent) for file in folder.glob(f"*/{SET_FILE}"))[:_NAMED])


def holds_shards(folder: Path) -> bool:
    """Whether a folder is a finished set whose images are in no files of their own."""
    return (folder / SET_FILE).is_file() and (folder / shard_name(0)).is_file()


def read_set(folder: Path) -> SetFile:
    """What the set in `folder` says of itself; raises SetError with what to do about it."""
    path = folder / SET_FILE
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SetError(_no_set(folder)) from error
    try:
        plain = json.loads(text)
        content = _unsealed(text, plain)
        if isinstance(plain, dict) and plain.get("format", FORMAT) not in _FORMATS:
            raise SetError(f"{path} has format {plain['format']}, not {FORMAT}: use the srdata that made it")
        found = SetFile.model_validate_json(content)
        return found.model_copy(update={"files": with_shards(folder, found.files)})
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
    write_set(folder, changed_files(folder, content, {name: file_entry(folder / name)}))


def changed_files(folder: Path, content: SetFile, changed: Mapping[str, FileEntry]) -> SetFile:
    """What a set says of itself with other files, none of which is a shard."""
    return content.model_copy(update={"files": with_shards(folder, {**content.named, **changed})})


def has_file(folder: Path, content: SetFile, name: str) -> bool:
    """Whether a file is part of the set, and there with the hash that it must have."""
    entry = content.named.get(name)
    return entry is not None and problem_of(inside(folder, name), entry) is None


def check_files(folder: Path, content: SetFile, *, full: bool) -> Iterator[FileCheck]:
    """Compare every file of a set with set.json: sizes only, or with `full` the hashes too.

    Of a set whose table of shards is damaged the other files are, as it is not known what the shards must be.
    """
    files = trusted_files(folder, content.files)
    for name in counted(files, "hashes", len(files), "files") if full else files:
        yield FileCheck(name, problem_of(inside(folder, name), files[name], full=full))


def _no_set(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder}: no such folder"
    if sets := sets_in(folder):
        return f"{folder} is no prepared set, but holds some: give one, such as {sets}"
    return f"{folder} is no prepared set, or not a finished one (it has no {SET_FILE}): run srdata prepare"


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).splitlines()[0]

"""What a data set holds: where its files come from, how they are named, what is known of their bytes.

A manifest is a YAML file in `manifests/`. Nothing in it is a guess: each hash carries the evidence for it.
Where public sources disagree about a file, each of the alternatives stands there.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from srdata import catalog
from srdata.common.documents import check
from srdata.common.strict_model import WrittenModel
from srdata.common.strict_yaml import read_yaml
from srdata.common.wording.amounts import how_many
from srdata.errors import UnknownNameError
from srdata.vocabulary import Split

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Md5 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Url = Annotated[str, Field(pattern="^https?://[^ ]+$")]
FileName = Annotated[str, Field(pattern=r"^[\w()][\w.()+-]*$")]


class Licence(WrittenModel):
    """What may be done with the images; `redistributable` is false unless it is known to be allowed."""

    name: str
    text: str
    redistributable: bool = False
    url: Url | None = None


class Digest(WrittenModel):
    """One version of a file, by its hashes and size, and who says so. A file that agrees is a right file."""

    sha256: Sha256 | None = None
    md5: Md5 | None = None
    bytes: int | None = None
    evidence: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_a_hash(self) -> Self:
        if self.sha256 is None and self.md5 is None:
            raise ValueError("needs sha256 or md5")
        return self

    def agrees(self, sha256: str, md5: str, size: int) -> bool:
        """Whether a file is this version."""
        found = {"sha256": sha256, "md5": md5, "bytes": size}
        return all(getattr(self, name) in (None, value) for name, value in found.items())

    @property
    def text(self) -> str:
        """It in words: `sha256 9d0b…, 3530603713 bytes`."""
        hashes = [f"{name} {value}" for name in ("sha256", "md5") if (value := getattr(self, name))]
        return ", ".join([*hashes, *([how_many(self.bytes, "byte")] if self.bytes is not None else [])])


class Archive(WrittenModel):
    """A zip or tar file: `urls` in the order to try them, and the versions of it known to be right."""

    urls: Annotated[tuple[Url, ...], Field(min_length=1)]
    digests: tuple[Digest, ...] = ()

    @model_validator(mode="after")
    def _http_needs_a_hash(self) -> Self:
        if not self.digests and any(url.startswith("http:") for url in self.urls):
            raise ValueError("an http: address needs a digest, since anyone on the way can change the file")
        return self


class ListedFile(WrittenModel):
    """A single file of a public repository; `key` is the usual name of the image if the file has another."""

    path: str
    bytes: int
    sha256: Sha256
    key: str | None = None


def _listed(text: object) -> object:
    """The files of a listing: a line each, of SHA-256, bytes, path and (if the file is not named so) key."""
    if not isinstance(text, str):
        return text
    files = []
    for line in filter(None, map(str.strip, text.splitlines())):
        match line.split():
            case [sha256, size, path, *key] if size.isdigit() and len(key) <= 1:
                files.append(
                    ListedFile(sha256=sha256, bytes=int(size), path=path, key=key[0] if key else None)
                )
            case _:
                raise ValueError(f"a line must be `sha256 bytes path [key]`, not {line!r}")
    return tuple(files)


class Listing(WrittenModel):
    """Single files with a hash each, below any of `urls`, or in a folder that comes with srdata."""

    evidence: str
    urls: tuple[Url, ...] = ()
    packaged: FileName | None = None
    files: Annotated[tuple[ListedFile, ...], BeforeValidator(_listed, json_schema_input_type=str)]


class ImageSource(WrittenModel):
    """One way to get an image set: unpack all of `archives`, or take files of `listing`.

    `paths` says which of the files: `*` stands for any part of a name, `**/` for any folders, `{key}` for the
    key of an image. Without `{key}` the key is the path itself.
    """

    archives: tuple[FileName, ...] = ()
    listing: str | None = None
    paths: str

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.archives) == bool(self.listing):
            raise ValueError("needs either archives or a listing")
        return self


class Bicubic(WrittenModel):
    """The MATLAB bicubic that reproduces a published LR set, in the words of `imresize`."""

    rounding: Literal["each-pass", "once"]
    border: Literal["symmetric", "replicate"]
    evidence: str


class ImageSet(WrittenModel):
    """The images of one split and track: `HR` (with a scale if each has its own), or an LR track."""

    split: Split
    track: str
    scale: int | None = None
    count: int | None = None
    keys: Annotated[str, Field(pattern=r"^\d+-\d+$")] | None = None  # first and last number, as in the names
    sources: tuple[ImageSource, ...] = ()  # the first that works is taken
    layouts: tuple[str, ...] = ()  # `paths` of other copies in circulation, for files that the user has
    bicubic: Bicubic | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.track != "HR" and self.scale is None:
            raise ValueError("a track of LR images needs its scale")
        if self.keys and self.count not in (None, len(self._numbers)):
            raise ValueError(f"keys {self.keys} are {len(self._numbers)}, but count is {self.count}")
        return self

    @property
    def label(self) -> str:
        """`train HR`, `validation bicubic x4`."""
        return f"{self.split} {self.track}" + (f" x{self.scale}" if self.scale else "")

    @property
    def paths(self) -> tuple[str, ...]:
        """Every known naming of the files, the official ones first."""
        return (*dict.fromkeys([*(source.paths for source in self.sources), *self.layouts]),)

    @cached_property
    def key_range(self) -> tuple[str, ...]:
        """The keys that `keys` stands for."""
        if self.keys is None:
            return ()
        digits = self.keys.index("-")
        return tuple(f"{number:0{digits}d}" for number in self._numbers)

    @property
    def _numbers(self) -> range:
        """Those of the keys, which may be a hundred thousand."""
        first, last = (self.keys or "1-0").split("-")
        return range(int(first), int(last) + 1)


class MemberSet(WrittenModel):
    """Splits of another data set that a composed one is made of."""

    manifest: str
    splits: tuple[Split, ...]


class Manifest(WrittenModel):
    """A data set: licence, citation, image sets and the files they come from."""

    name: Annotated[str, Field(pattern="^[a-z0-9]+$")]
    title: str
    homepage: Url | None = None
    licence: Licence
    citation: str
    notes: tuple[str, ...] = ()  # traps, and what is not known
    by_hand: str | None = None  # what the user has to do where nothing may or can be fetched
    gate: str | None = None  # what to accept where before the files can be fetched with a Hugging Face token
    evidence: dict[str, str] = Field(default={})  # the texts that digests name
    members: tuple[MemberSet, ...] = ()
    sets: tuple[ImageSet, ...] = ()
    archives: dict[FileName, Archive] = Field(default={})
    listings: dict[str, Listing] = Field(default={})

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        problems = [*self._unknown_names(), *self._repeated_sets()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _unknown_names(self) -> list[str]:
        sources = [source for one in self.sets for source in one.sources]
        digests = [digest for archive in self.archives.values() for digest in archive.digests]
        return [
            *(
                f"no archive {name!r}"
                for one in sources
                for name in one.archives
                if name not in self.archives
            ),
            *(
                f"no listing {one.listing!r}"
                for one in sources
                if one.listing and one.listing not in self.listings
            ),
            *(
                f"no evidence {name!r}"
                for one in digests
                for name in one.evidence
                if name not in self.evidence
            ),
        ]

    def _repeated_sets(self) -> list[str]:
        counts = Counter(one.label for one in self.sets)
        return [f"{label} stands there {times} times" for label, times in counts.items() if times > 1]

    def evidence_of(self, digest: Digest) -> list[str]:
        """The evidence for a digest, in full."""
        return [self.evidence[name] for name in digest.evidence]

    def find(
        self, split: str | None = None, track: str | None = None, scale: int | None = None
    ) -> list[tuple[Manifest, ImageSet]]:
        """The image sets of that split, track and scale (None: any), each with the manifest of its files."""
        own = [(self, one) for one in self.sets]
        theirs = [
            (owner, one)
            for member in self.members
            for owner, one in load_manifest(member.manifest).find()
            if one.split in member.splits
        ]
        return [
            (owner, one)
            for owner, one in own + theirs
            if split in (None, one.split) and track in (None, one.track) and scale in (None, one.scale)
        ]

    def get(self, split: str, track: str, scale: int | None = None) -> list[tuple[Manifest, ImageSet]]:
        """As `find`, but UnknownNameError naming what there is if nothing fits."""
        found = self.find(split, track, scale)
        if not found:
            asked = f"{split} {track}" + (f" x{scale}" if scale else "")
            known = [one.label for _, one in self.find()]
            raise UnknownNameError.among(f"image set of {self.name}", asked, known)
        return found


def load_manifest(name: str) -> Manifest:
    """The manifest of the data set `name`; UnknownNameError names the nearest, RecipeError every problem."""
    return read_manifest(catalog.find(catalog.Shelf.MANIFESTS, name))


def read_manifest(path: Path) -> Manifest:
    """The manifest in the YAML file at `path`; RecipeError with every problem in it."""
    return check(Manifest, read_yaml(path))


def path_pattern(paths: str) -> re.Pattern[str]:
    """What `paths` of a source matches, as a regular expression with the group `key`.

    >>> path_pattern("DIV2K_train_LR_wild/{key}x4w*.png").fullmatch("DIV2K_train_LR_wild/0001x4w2.png")["key"]
    '0001'
    """
    spelled = {"**/": "(?:.*/)?", "*": "[^/]*", "{key}": "(?P<key>[^/]+)"}
    parts = re.split(r"(\*\*/|\*|\{key\})", paths)
    return re.compile("".join(spelled.get(part, re.escape(part)) for part in parts))

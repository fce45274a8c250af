"""Images of test sets in training sets: which they are, and what to do about them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from srdata import catalog
from srdata.catalog import Shelf
from srdata.common.wording.amounts import how_many
from srdata.common.wording.finding import Finding
from srdata.duplicates.copies import Copies, Gallery, find_copies, sketches_of
from srdata.duplicates.perceptual_hash import ALIKE, NEAR, TURNS, Near
from srdata.errors import SetError, StoreError, UsageError, given_path
from srdata.fetch.manifest import Manifest, load_manifest
from srdata.hub.address import HubName
from srdata.prepared.set_images import PreparedImages
from srdata.store.set_json import SET_FILE

TRAIN = "train"
HELD_OUT = ("test", "validation")  # the splits that a training set must have nothing of
METHOD = (
    f"Two images count as the same when at most {NEAR} of the 64 bits of their perceptual hashes differ, as "
    "after resizing or compressing again, in any of the 8 ways to mirror and turn them, and their small grey "
    f"images correlate by at least {ALIKE}. Parts cut out of an image, such as sub-images, are not found."
)
_INSTEAD = "name the images that it is made of by --train or --test"


@dataclass(frozen=True)
class Pool:
    """Images that are trained on or held out, of one or more sets that hold the same."""

    galleries: tuple[Gallery, ...]

    @property
    def gallery(self) -> Gallery:
        """The one that is looked at."""
        return self.galleries[0]

    @property
    def label(self) -> str:
        """How it is called in a report."""
        return ", ".join(one.label for one in self.galleries)


class Overlap(NamedTuple):
    """The training images that show the same as images that are held out."""

    train: Pool
    held: Pool
    copies: Copies


def pools(galleries: Iterable[Gallery]) -> list[Pool]:
    """Those galleries, the ones that hold the same images together."""
    groups: dict[object, list[Gallery]] = {}
    for one in galleries:
        groups.setdefault(one.origins() or one, []).append(one)
    return [Pool(tuple(group)) for group in groups.values()]


def prepared_below(root: Path, splits: Sequence[str]) -> list[Gallery]:
    """Those splits of the sets that are prepared below `root` and keep whole images."""
    return [
        Gallery(path, split)
        for path, images in _sets_below(root)
        if isinstance(images, PreparedImages)
        for split in images.index.splits
        if split in splits
    ]


def _sets_below(root: Path) -> Iterator[tuple[Path, PreparedImages | SetError | StoreError]]:
    for path in sorted(root.glob(f"*/{SET_FILE}")):
        try:
            yield path.parent, PreparedImages(path.parent)
        except (SetError, StoreError) as error:
            yield path.parent, error


def overlaps(trains: Sequence[Pool], held: Sequence[Pool], jobs: int, shown: int) -> Iterator[Overlap]:
    """What each of `trains` has in common with each of `held`.

    Raises UsageError for a folder without images, CorruptRecordError and ImageError.
    """
    sketches = [sketches_of(one.gallery, jobs) for one in held]
    for train in trains:
        own = sketches_of(train.gallery, jobs)
        for one, theirs in zip(held, sketches, strict=True):
            yield Overlap(train, one, find_copies(own, theirs, shown=shown))


def benchmarks() -> list[Manifest]:
    """The data sets of the catalogue that have a test split."""
    return [one for one in map(load_manifest, catalog.names(Shelf.MANIFESTS)) if one.find("test", "HR")]


def absent(held: Iterable[Pool]) -> list[Manifest]:
    """The benchmarks that are not among the sets that are held out."""
    here = {one.source for pool in held for one in pool.galleries if one.split == "test"}
    return [one for one in benchmarks() if one.name not in here]


def difference(pair: Near) -> str:
    """How two images that show the same differ."""
    bits = f"{pair.bits} of 64 bits"
    return f"{TURNS[pair.turn]}, {bits}" if pair.turn else bits


def find_leakage(
    root: Path, train: Sequence[Path] = (), test: Sequence[Path] = (), *, jobs: int = -1, shown: int = 20
) -> Iterator[Finding]:
    """Compare all that is trained on with all that is held out: the splits of the sets below `root`.

    All images of the sets and folders `train` are trained on too, and all of `test` held out, whatever
    their split. Raises UsageError where there is nothing to compare, CorruptRecordError and ImageError.
    """
    root, train, test = given_path(root), [*map(given_path, train)], [*map(given_path, test)]
    named = {path.resolve() for path in (*train, *test)}
    free = [one for one in prepared_below(root, (TRAIN, *HELD_OUT)) if one.path.resolve() not in named]
    trains = pools([*(one for one in free if one.split == TRAIN), *map(Gallery, train)])
    held = pools([*(one for one in free if one.split != TRAIN), *map(Gallery, test)])
    _refuse_nothing(trains, held, root)
    leaked: dict[Pool, set[int]] = {}
    for overlap in overlaps(trains, held, jobs, shown):
        leaked.setdefault(overlap.train, set()).update(overlap.copies.ones)
        yield from _lines(overlap)
    for train_pool, numbers in leaked.items():
        if numbers:
            yield Finding("note", "what to do", _remedy(train_pool, sorted(numbers)))
    yield from _notes(root, held)


def _remedy(pool: Pool, numbers: Sequence[int]) -> str:
    """What leaves those images out of what is trained on."""
    keys = [shlex.quote(pool.gallery.key(number)) for number in numbers]
    paths = ", ".join(dict.fromkeys(str(one.path) for one in pool.galleries))
    if pool.gallery.recipe is None:
        return f"take these files out of {paths}: {' '.join(keys)}"
    command = " --exclude ".join([f"srdata prepare {_origin(pool.gallery.recipe)} …", *keys])
    return f"in place of {paths}, the other options as before: {command}"


def _origin(recipe: Mapping[str, Any]) -> str:
    """What `prepare` was given to make a set; where that is not kept, the word of its help."""
    if (hub := recipe.get("hub")) is not None:
        return str(HubName(hub["repository"], hub.get("revision")))
    known = recipe.get("source") is not None and recipe["name"] in catalog.names(Shelf.RECIPES)
    return str(recipe["name"]) if known else "PATH"


def _refuse_nothing(trains: Sequence[Pool], held: Sequence[Pool], root: Path) -> None:
    if not trains:
        raise UsageError(
            f"no set below {root} has training images: prepare one, or name a SET or DIR by --train"
        )
    if not held:
        raise UsageError(
            f"no set below {root} has test images: name a SET or DIR by --test, or "
            f"srdata prepare set5 --scale 4 --lmdb --root {shlex.quote(str(root))}"
        )


def _lines(overlap: Overlap) -> Iterator[Finding]:
    train, held, copies = overlap
    images, there = how_many(len(train.gallery), "image", form=","), len(held.gallery)
    if not copies.total:
        yield Finding("ok", train.label, f"none of {images} in {held.label} ({there:,})")
        return
    ones, others = len(copies.ones), len(copies.others)
    verb = "is" if ones == 1 else "are"
    which = f"{ones:,} of {images} {verb} in {held.label}, {others:,} of its {there:,}"
    yield Finding("problem", train.label, which)
    for pair in copies.nearest:
        what = f"{train.gallery.key(pair.one)} = {held.gallery.key(pair.other)}"
        yield Finding("problem", what, f"difference: {difference(pair)}")
    if (more := copies.total - len(copies.nearest)) > 0:
        yield Finding("problem", how_many(more, "more pair", form=","), f"--pairs {copies.total} names all")


def _notes(root: Path, held: Sequence[Pool]) -> Iterator[Finding]:
    for path, images in _sets_below(root):
        if not isinstance(images, PreparedImages):
            yield Finding("warning", str(path), f"not compared: {images}; {_INSTEAD}")
    if missing := absent(held):
        names = " ".join(one.name for one in missing)
        how = f"compared only if prepared below {root}, or given as folders by --test"
        yield Finding("note", "not prepared", f"{names}: {how}")
    yield Finding("note", "method", METHOD)

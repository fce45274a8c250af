"""What there is to prepare: an `Item` for each HR image of a recipe's source."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from srdata import curation
from srdata.common.safe_names import why_unsafe
from srdata.common.wording.amounts import how_many
from srdata.common.wording.only_choice import pick
from srdata.discovery.forms.table_columns import choose_columns
from srdata.discovery.forms.table_parts import first_size
from srdata.discovery.found_parts import Found, Part
from srdata.discovery.image_addresses import absolute
from srdata.discovery.image_bytes import ImageFile
from srdata.discovery.named_files import KeptFiles, NamedFiles
from srdata.errors import SourceError, UnknownNameError, UsageError, nearest
from srdata.exporting.escaped_keys import key_writer
from srdata.fetch import SourceImage, obtain
from srdata.fetch.manifest import ImageSet, Manifest
from srdata.fetch.remote_files import is_address
from srdata.hub.encoded_images import EncodedColumn, EncodedImage, Keys
from srdata.hub.open_table import load_all
from srdata.preparation.existing_pairs import checked_lr_of, find_pairs, parts_at
from srdata.recipes.image_choice import Tile
from srdata.recipes.manifest_sets import hr_sets, published_sets
from srdata.recipes.multiscale_copies import Smaller, copy_key
from srdata.recipes.set_recipe import HubSource, Recipe
from srdata.store.folder_names import SPLITS
from srdata.vocabulary import Backend, Split

Listed = tuple[str, Split, str]  # the key, split and absolute path of an image that is a file and no more


@dataclass(frozen=True, slots=True)
class Item:
    """One image of the source: its HR file, and its published LR files by scale."""

    key: str
    split: Split
    source: str
    hr: ImageFile
    lr: Mapping[str, ImageFile] = field(default_factory=dict)  # by Scale.label; empty where they are made
    copy: Smaller | None = None  # what is made of the HR file first; none: it is taken as it is
    tile: Tile | None = None  # the part of it that is taken; none: all of it


@dataclass(frozen=True)
class SourceItems:
    """The images that there are to prepare, in the order of the set."""

    every: Callable[[], Iterator[Item]]
    listed: Callable[[], Iterator[Listed]] | None = None  # the same, where nothing else is to be said of them

    def __iter__(self) -> Iterator[Item]:
        return self.every()


@dataclass(frozen=True)
class Bad:
    """An image that cannot be used, and why."""

    key: str
    reason: str


def find_items(
    recipe: Recipe, root: Path, from_dir: Path | None = None, found: Found | None = None
) -> SourceItems:
    """Every image of the recipe's source in the order of the set, downloaded where it has to be.

    `found` is what `find_pairs` gave, where that was asked before. Of a folder its names are held alone.
    """
    return choose_items(recipe, root, from_dir, found)[0]


def choose_items(
    recipe: Recipe,
    root: Path,
    from_dir: Path | None = None,
    found: Found | None = None,
    jobs: int = -1,
    backend: Backend = "loky",
    compute: bool = True,
) -> tuple[SourceItems, curation.Chosen | None]:
    """The same, and what became of the images that the recipe chooses from; None where it takes all.

    Their scores are computed by `jobs` workers where they are not there yet; without `compute` nothing is
    written, and NotScoredError raised.
    """
    source = _source(recipe, root, from_dir, found)
    splits: dict[str, Split] = {}
    if not source.unique and not all(splits.setdefault(key, split) == split for key, split in source.names()):
        source = _told_apart(source)
    excluded = _excluded({key for key, _ in source.names()} if recipe.exclude else set(), recipe)
    stored = key_writer(recipe.store.layout, bool(recipe.escape))

    def items(chosen: curation.Chosen | None = None) -> Iterator[Item]:
        for item in source.items():
            if item.key not in excluded:
                for taken in _chosen(item, chosen):
                    for one in (taken, *_copies(taken, recipe)):
                        yield _under(stored(one.key), one)

    if recipe.copies or stored is not str or not source.unique:
        _refuse_twins(_stored_keys(source, excluded, recipe), items)
    if not recipe.choice:
        return SourceItems(items, _listed(source, excluded, recipe)), None
    whole = (item for item in source.items() if item.key not in excluded)
    scoring = replace(scoring_of(recipe, root, jobs, backend), compute=compute)
    chosen = curation.choose(training_files(whole), recipe, scoring)
    if recipe.choice.tiles:
        _refuse_twins((item.key for item in items(chosen)), lambda: items(chosen))
    return SourceItems(lambda: items(chosen)), chosen


def training_files(items: Iterable[Item]) -> KeptFiles:
    """The files of the images that are chosen from, by their keys: those that are trained on."""
    return KeptFiles((item.key, absolute(item.hr)) for item in items if item.split == "train")


def scoring_of(recipe: Recipe, root: Path, jobs: int, backend: Backend) -> curation.Scoring:
    """How the images of a recipe are scored, and where that is kept: beside a folder here, else below `root`.

    So it is of images at an address, which may be not to be written and has no locks. Raises UsageError for a
    folder of scores among the images, which would be read as a table of them.
    """
    here = None if recipe.folder is None or is_address(recipe.folder) else Path(recipe.folder)
    home = root / curation.SCORES_HOME / recipe.name if here is None else curation.home_beside(here)
    given = Path(recipe.scores_folder or home)
    if here is not None and recipe.scores_folder is not None:
        folder, place = here.resolve(), given.resolve()
        if place.is_relative_to(folder) and not place.relative_to(folder).as_posix().startswith("."):
            raise UsageError(
                f"{given} lies among the images: give another folder as --scores, or leave it out"
            )
    return curation.Scoring(given, recipe.images, jobs, backend)


def _chosen(item: Item, chosen: curation.Chosen | None) -> Iterator[Item]:
    """An image, or its tiles, if they are chosen."""
    if chosen is None or item.split != "train":
        yield item
    elif item.key in chosen.kept:
        tiles = chosen.kept[item.key]
        for tile in (None,) if tiles is None else tiles:
            yield item if tile is None else replace(item, key=tile.key(item.key), tile=tile)


def _under(key: str, item: Item) -> Item:
    return item if item.key == key else replace(item, key=key)


class _Source(NamedTuple):
    """Where images come from, as often as it is asked: their keys and splits, and all of them."""

    names: Callable[[], Iterable[tuple[str, Split]]]
    items: Callable[[], Iterable[Item]]
    piles: Sequence[tuple[NamedFiles, Split]] | None = None  # where they are files of a folder and no more

    @property
    def unique(self) -> bool:
        """Whether no key can be there twice."""
        return self.piles is not None and len(self.piles) == 1


def _source(recipe: Recipe, root: Path, from_dir: Path | None, found: Found | None) -> _Source:
    if recipe.folder is None and recipe.hub is None:
        items = list(_in_manifest(recipe, root, from_dir))
    elif from_dir is not None:
        raise UsageError("the images are a folder of yours or of the Hub already: leave --from out")
    elif recipe.hub is not None:
        items = list(_on_hub(recipe.hub, recipe.splits))
    else:
        there = found or find_pairs(recipe)
        return _Source(
            lambda: ((key, split) for part, split in _taken(recipe, there) for key in part.hr.images),
            lambda: _in_folder(recipe, there),
            _plain_piles(recipe, there),
        )
    return _Source(lambda: ((item.key, item.split) for item in items), lambda: items)


def _plain_piles(recipe: Recipe, found: Found) -> list[tuple[NamedFiles, Split]] | None:
    """The HR files of a folder, where nothing else is taken from there; None where there is more to them."""
    piles = [(part.hr.images, split) for part, split in _taken(recipe, found)]
    plain = [(files, split) for files, split in piles if isinstance(files, NamedFiles)]
    return plain if len(plain) == len(piles) and not recipe.published and os.sep == "/" else None


def _listed(
    source: _Source, excluded: Collection[str], recipe: Recipe
) -> Callable[[], Iterator[Listed]] | None:
    """What `SourceItems.listed` is: of a million images no objects are made."""
    piles = source.piles
    if piles is None or recipe.copies:
        return None

    stored = key_writer(recipe.store.layout, bool(recipe.escape))

    def listed() -> Iterator[Listed]:
        for files, split in piles:
            folder = f"{files.folder.absolute()}/".replace("//", "/")
            for key, place in files.places.items():
                if key not in excluded:
                    yield stored(key), split, folder + place

    return listed


def _told_apart(source: _Source) -> _Source:
    """The images with their split in their keys, as RealSR's, whose splits hold the same keys, need it."""
    return _Source(
        lambda: ((f"{split}/{key}", split) for key, split in source.names()),
        lambda: (replace(item, key=f"{item.split}/{item.key}") for item in source.items()),
    )


def _excluded(keys: set[str], recipe: Recipe) -> frozenset[str]:
    """The keys that a recipe leaves out; raises UnknownNameError for one that is not there."""
    excluded = frozenset(recipe.exclude or ())
    for key in sorted(excluded - keys):
        where = f"among the {len(keys)} of {recipe.name}"
        raise UnknownNameError(f"exclude: no image {key!r} {where}{nearest(key, sorted(keys))}")
    if keys and keys == excluded:
        raise UsageError(
            f"exclude: leaves out all of {recipe.name} ({how_many(len(keys), 'image')}); name fewer"
        )
    return excluded


def _stored_keys(source: _Source, excluded: Collection[str], recipe: Recipe) -> Iterator[str]:
    """The key of every image and copy that is not left out."""
    copies, stored = len(recipe.copies or ()), key_writer(recipe.store.layout, bool(recipe.escape))
    for key, split in source.names():
        if key not in excluded:
            yield stored(key)
            for number in range(copies if split == "train" else 0):
                yield stored(copy_key(key, number))


def _copies(item: Item, recipe: Recipe) -> Iterator[Item]:
    """The smaller copies that a recipe makes of a training image."""
    if item.split == "train":
        for number, copy in enumerate(recipe.copies or ()):
            yield replace(item, key=copy_key(item.key, number), copy=copy)


def found_anywhere(item: Item) -> Item:
    """The same image, whose files are found from any working folder."""
    lr = {layer: absolute(file) for layer, file in item.lr.items()}
    return replace(item, hr=absolute(item.hr), lr=lr)


def _in_folder(recipe: Recipe, found: Found) -> Iterator[Item]:
    """The images of a folder or file of the user's, with the LR images that the recipe takes from there."""
    for part, split in _taken(recipe, found):
        lr = checked_lr_of(part, recipe.published, recipe.scales) if recipe.published else {}
        for key, file in part.hr.images.items():
            yield Item(key, split, recipe.name, file, {label: images[key] for label, images in lr.items()})


def _taken(recipe: Recipe, found: Found) -> Iterator[tuple[Part, Split]]:
    """The parts that a recipe takes, each with its split."""
    for part in parts_at(found.parts, recipe.scales):
        split = part.split or (recipe.splits[0] if recipe.splits else "train")
        if not recipe.splits or split in recipe.splits:
            yield part, split


def _on_hub(hub: HubSource, splits: Sequence[Split]) -> Iterator[Item]:
    found, roots = load_all(hub.name, hub.config)
    wanted = {split: name for name, split in _known_splits(list(found), hub.name).items()}
    for split in splits or wanted:
        name = wanted[pick("split", split, list(wanted), hub.name)]  # type: ignore[index]  # one of them
        table, where = found[name].data, f"{hub.name} {name}"
        columns = choose_columns(table.schema, hub.columns, where, first_size(table, where, roots))
        if columns.hr is None:
            raise UsageError(f"{where} has LR images only: name the column of HR images by --column")
        column = EncodedColumn(table, columns.hr, where, roots)
        for row, key in enumerate(Keys(column, columns.key, f"{split}_")):
            if (problem := why_unsafe(key)) is not None:
                raise SourceError(
                    f"{column.name(row)}: the key {key!r} {problem}: name another column by key"
                )
            yield Item(key, split, str(hub.name), EncodedImage(column, row))


def _known_splits(names: Sequence[str], where: object) -> dict[str, Split]:
    """What the splits of a data set are called here; one alone is for training, whatever its name."""
    if len(names) == 1 and names[0] not in SPLITS:
        return {names[0]: "train"}
    if unknown := [name for name in names if name not in SPLITS]:
        raise UsageError(f"{where} has the splits {', '.join(unknown)}; known are {', '.join(SPLITS)}")
    return {name: SPLITS[name] for name in names}


def _in_manifest(recipe: Recipe, root: Path, from_dir: Path | None) -> Iterator[Item]:
    for owner, hr_set in hr_sets(recipe):
        hr = obtain(owner, hr_set, root, from_dir=from_dir)
        if recipe.published is None:
            yield from (Item(image.key, hr_set.split, owner.name, image.path) for image in hr)
        else:
            lr = _published(recipe, recipe.published, owner, hr_set, root, from_dir)
            for image in hr:
                yield from _paired(image, lr[image.key], owner, hr_set)


def _paired(
    image: SourceImage, lr: Mapping[str, Sequence[Path]], owner: Manifest, hr_set: ImageSet
) -> Iterator[Item]:
    """An HR image with its LR images; where it has several at a scale, an item for each (DIV2K wild)."""
    versions = list(zip(*lr.values(), strict=True))
    for number, paths in enumerate(versions, 1):
        key = image.key if len(versions) == 1 else f"{image.key}w{number}"
        yield Item(key, hr_set.split, owner.name, image.path, dict(zip(lr, paths, strict=True)))


def _published(
    recipe: Recipe, track: str, owner: Manifest, hr_set: ImageSet, root: Path, from_dir: Path | None
) -> dict[str, dict[str, list[Path]]]:
    """The published LR files of each key at each scale."""
    files: dict[str, dict[str, list[Path]]] = {}
    for label, lr_set in published_sets(recipe, track, owner, hr_set).items():
        for image in obtain(owner, lr_set, root, from_dir=from_dir):
            files.setdefault(image.hr, {}).setdefault(label, []).append(image.path)
    return files


def _refuse_twins(keys: Iterator[str], items: Callable[[], Iterator[Item]]) -> None:
    twins = sorted(key for key, count in Counter(keys).items() if count > 1)
    if twins:
        files = " and ".join(str(item.hr) for item in items() if item.key == twins[0])
        more = f" ({how_many(len(twins) - 1, 'more key')})" if len(twins) > 1 else ""
        raise UsageError(f"two images have the key {twins[0]!r}: {files}{more}; rename one of them")

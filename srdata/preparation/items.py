"""What there is to prepare: an `Item` for each HR image of a recipe's source."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from srdata.errors import ImageError, UsageError
from srdata.exchange.blobs import ImageFile
from srdata.exchange.take import find_pairs, lr_of
from srdata.fetch import SourceImage, obtain
from srdata.files import sha256_of
from srdata.images import probe
from srdata.manifest import ImageSet, Manifest, load_manifest
from srdata.recipe import Recipe, Split
from srdata.scale import covered
from srdata.store.blocks import CHANNELS


@dataclass(frozen=True)
class Item:
    """One image of the source: its HR file, and its published LR files by scale."""

    key: str
    split: Split
    source: str
    hr: ImageFile
    lr: Mapping[str, ImageFile] = field(
        default_factory=dict
    )  # by Scale.label; empty where the recipe makes them


@dataclass(frozen=True)
class Bad:
    """An image that cannot be used, and why."""

    key: str
    reason: str


def find_items(recipe: Recipe, root: Path, from_dir: Path | None = None) -> list[Item]:
    """Every image of the recipe's source in the order of the set, downloaded where it has to be."""
    if recipe.folder is not None:
        if from_dir is not None:
            raise UsageError("the images are a folder of yours already: leave --from out")
        items = list(_in_folder(recipe))
    else:
        items = list(_in_manifest(recipe, root, from_dir))
    _refuse_twins(items)
    return items


def stored_sizes(items: Iterable[Item], recipe: Recipe) -> list[tuple[int, int]]:
    """Height and width that will be stored of each HR image, by its header; bad images have none."""
    sizes = []
    for item in items:
        with suppress(ImageError):
            info = probe(item.hr if isinstance(item.hr, Path) else item.hr.read_bytes())
            sizes.append((covered(info.height, recipe.scales), covered(info.width, recipe.scales)))
    return sizes


def sample_bytes(height: int, width: int, recipe: Recipe) -> int:
    """The bytes of the samples of one HR image of this size and its LR images."""
    lr = sum(scale.lr(height) * scale.lr(width) for scale in recipe.scales)
    return CHANNELS * (height * width + lr)


def _in_folder(recipe: Recipe) -> Iterator[Item]:
    """The images of a folder or file of the user's, with the LR images that the recipe takes from there."""
    for part in find_pairs(recipe).parts:
        split = part.split or (recipe.splits[0] if recipe.splits else "train")
        if not recipe.splits or split in recipe.splits:
            lr = lr_of(part, recipe.published, recipe.scales) if recipe.published else {}
            for key, file in part.hr.images.items():
                yield Item(
                    key, split, recipe.name, file, {label: images[key] for label, images in lr.items()}
                )


def digest_of(file: ImageFile) -> str:
    """The SHA-256 of an image file, wherever it lies; raises ImageError or OSError."""
    return sha256_of(file) if isinstance(file, Path) else hashlib.sha256(file.read_bytes()).hexdigest()


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


def hr_sets(recipe: Recipe) -> list[tuple[Manifest, ImageSet]]:
    """The HR sets that a recipe takes, each with the manifest that has its files."""
    manifest = load_manifest(str(recipe.source))
    splits = recipe.splits or [None]
    found = [
        one for split in splits for one in (manifest.get(split, "HR") if split else manifest.find(track="HR"))
    ]
    by_scale = [(owner, one) for owner, one in found if one.scale is not None]
    if by_scale and len(recipe.scales) > 1:
        raise UsageError(f"{manifest.title} has HR images of its own for each scale: give one --scale")
    return [(owner, one) for owner, one in found if one.scale in (None, recipe.scales[0])]


def published_sets(recipe: Recipe, track: str, owner: Manifest, hr_set: ImageSet) -> dict[str, ImageSet]:
    """The published LR set of each scale that belongs to an HR set; raises UnknownNameError."""
    found = {}
    for scale in recipe.scales:
        if scale.denominator != 1:
            raise UsageError(f"LR images are published at whole scales only, not at {scale.label}")
        found[scale.label] = owner.get(hr_set.split, track, int(scale))[0][1]
    return found


def _published(
    recipe: Recipe, track: str, owner: Manifest, hr_set: ImageSet, root: Path, from_dir: Path | None
) -> dict[str, dict[str, list[Path]]]:
    """The published LR files of each key at each scale."""
    files: dict[str, dict[str, list[Path]]] = {}
    for label, lr_set in published_sets(recipe, track, owner, hr_set).items():
        for image in obtain(owner, lr_set, root, from_dir=from_dir):
            files.setdefault(image.hr, {}).setdefault(label, []).append(image.path)
    return files


def _refuse_twins(items: Sequence[Item]) -> None:
    counts = Counter(item.key for item in items)
    twins = sorted(key for key, count in counts.items() if count > 1)
    if twins:
        files = " and ".join(str(item.hr) for item in items if item.key == twins[0])
        more = f" ({len(twins) - 1} more keys)" if len(twins) > 1 else ""
        raise UsageError(f"two images have the key {twins[0]!r}: {files}{more}; rename one of them")

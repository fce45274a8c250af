"""What there is to prepare: an `Item` for each HR image of a recipe's source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from srdata.errors import ImageError, UsageError
from srdata.fetch import obtain
from srdata.images import list_images, probe
from srdata.manifest import ImageSet, Manifest, load_manifest
from srdata.recipe import Recipe
from srdata.scale import Scale, covered
from srdata.store.blocks import CHANNELS


@dataclass(frozen=True)
class Item:
    """One image of the source: its HR file, and its published LR files by scale."""

    key: str
    split: str
    source: str
    hr: Path
    lr: dict[str, Path] = field(default_factory=dict)  # by Scale.label; empty where the recipe makes them


@dataclass(frozen=True)
class Bad:
    """An image that cannot be used, and why."""

    key: str
    reason: str


def find_items(recipe: Recipe, root: Path, from_dir: Path | None = None) -> list[Item]:
    """Every image of the recipe's source in the order of the set, downloaded where it has to be."""
    if recipe.folder is not None:
        items = list(_in_folder(recipe, Path(recipe.folder)))
    else:
        items = list(_in_manifest(recipe, root, from_dir))
    _refuse_twins(items)
    return items


def stored_sizes(items: Iterable[Item], recipe: Recipe) -> list[tuple[int, int]]:
    """Height and width that will be stored of each HR image, by its header; bad images have none."""
    sizes = []
    for item in items:
        with suppress(ImageError):
            info = probe(item.hr)
            sizes.append((covered(info.height, recipe.scales), covered(info.width, recipe.scales)))
    return sizes


def sample_bytes(height: int, width: int, recipe: Recipe) -> int:
    """The bytes of the samples of one HR image of this size and its LR images."""
    lr = sum(scale.lr(height) * scale.lr(width) for scale in recipe.scales)
    return CHANNELS * (height * width + lr)


def _in_folder(recipe: Recipe, folder: Path) -> Iterator[Item]:
    paths = list_images(folder)
    if not paths:
        raise UsageError(f"{folder} holds no images: give a folder with PNG, JPEG, WebP, BMP or TIFF files")
    split = recipe.splits[0] if recipe.splits else "train"
    for path in paths:
        key = path.relative_to(folder).with_suffix("").as_posix()
        yield Item(key, split, recipe.name, path)


def _in_manifest(recipe: Recipe, root: Path, from_dir: Path | None) -> Iterator[Item]:
    for owner, hr_set in hr_sets(recipe):
        hr = obtain(owner, hr_set, root, from_dir=from_dir)
        lr = {
            scale.label: _published(recipe, owner, hr_set, scale, root, from_dir) for scale in recipe.scales
        }
        for image in hr:
            published = {label: images[image.key] for label, images in lr.items() if images}
            yield Item(image.key, hr_set.split, owner.name, image.path, published)


def hr_sets(recipe: Recipe) -> list[tuple[Manifest, ImageSet]]:
    """The HR sets that a recipe takes, each with the manifest that has its files."""
    manifest = load_manifest(str(recipe.source))
    if not recipe.splits:
        return manifest.find(track="HR")
    return [found for split in recipe.splits for found in manifest.get(split, "HR")]


def published_set(recipe: Recipe, owner: Manifest, hr_set: ImageSet, scale: Scale) -> ImageSet | None:
    """The published LR set that belongs to an HR set; None where the recipe makes its own."""
    if recipe.published is None:
        return None
    number = int(scale) if scale.denominator == 1 else None
    [(_, found)] = owner.get(hr_set.split, recipe.published, number)
    return found


def _published(
    recipe: Recipe, owner: Manifest, hr_set: ImageSet, scale: Scale, root: Path, from_dir: Path | None
) -> dict[str, Path]:
    """The published LR file of each key; empty where the recipe makes its own."""
    lr_set = published_set(recipe, owner, hr_set, scale)
    if lr_set is None:
        return {}
    images = {image.key: image.path for image in obtain(owner, lr_set, root, from_dir=from_dir)}
    return images


def _refuse_twins(items: Sequence[Item]) -> None:
    counts = Counter(item.key for item in items)
    twins = sorted(key for key, count in counts.items() if count > 1)
    if twins:
        files = [str(item.hr) for item in items if item.key == twins[0]]
        raise UsageError(
            f"{len(twins)} names stand for several files, such as {', '.join(files)}: rename one"
        )

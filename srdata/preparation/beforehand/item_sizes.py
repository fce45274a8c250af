"""How large the images are that there are to prepare, and what is wrong with them, by their headers alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from srdata.discovery.image_bytes import ImageFile, header_of, size_of
from srdata.errors import ImageError
from srdata.images import MOST_PIXELS, admit
from srdata.images.first_bytes import image_size, ordinary_size
from srdata.preparation.source_items import Item, SourceItems
from srdata.recipes.fitting_sizes import Size, check_hr_size, check_lr_size, has_lr
from srdata.recipes.multiscale_copies import Smaller
from srdata.recipes.set_recipe import Recipe
from srdata.store.blocks import CHANNELS


def stored_sizes(items: Iterable[Item], recipe: Recipe) -> list[Size]:
    """Height and width that will be stored of each HR image, by its header; bad images have none."""
    return sizes_stored([size for item in items if (size := size_of_item(item)) is not None], recipe)


def sizes_stored(sizes: Sequence[Size], recipe: Recipe) -> list[Size]:
    """What is stored of HR images of these sizes."""
    known = {size: (recipe.stored(size[0]), recipe.stored(size[1])) for size in set(sizes)}
    return [known[size] for size in sizes]


def size_of_item(item: Item) -> Size | None:
    """Height and width of what is taken of an HR image, by its header; None of a bad one."""
    if item.tile is not None:
        return item.tile.size, item.tile.size
    return source_size(item.hr, item.copy)


def source_size(file: ImageFile | str, copy: Smaller | None = None) -> Size | None:
    """Height and width of an HR image, or of a copy, as it is, by its header; None of a bad one.

    `file` may be the path of one, which saves time.
    """
    try:
        size = image_size(file) if isinstance(file, str) else size_of(file)
    except ImageError:
        return None
    return size if copy is None else copy.size(*size)


def plain_sizes(items: SourceItems, recipe: Recipe) -> list[Size] | None:
    """Height and width of each image, where all are files and no more, and their first bytes show no problem.

    Of a million no objects are made.
    """
    sizes: list[Size] = []
    for _, _, path in () if items.listed is None else items.listed():
        if (size := _plain_size(path, recipe)) is None:
            return None
        sizes.append(size)
    return sizes if sizes and all(has_lr(size, recipe) for size in set(sizes)) else None


class Looked(NamedTuple):
    """What the headers of the files of an image tell."""

    size: Size | None  # of what is taken of the HR image; none of a bad one
    problem: ImageError | None  # why it cannot be used


def looked_at(item: Item, recipe: Recipe) -> Looked:
    """What the headers of an item's files tell, by their first bytes where these do."""
    size = _plain_size(str(item.hr), recipe) if isinstance(item.hr, Path) else None
    if size is None or item.lr:
        size, problem = size_of_item(item), _header_problem(item, recipe)
    else:
        size, problem = _taken(size, item), None
    if problem is None and size is not None:
        problem = _size_problem(size, item, recipe)
    return Looked(size if size is not None and has_lr(size, recipe) else None, problem)


def _taken(size: Size, item: Item) -> Size:
    """Height and width of what is taken of an HR image of this size."""
    if item.tile is not None:
        return item.tile.size, item.tile.size
    return size if item.copy is None else item.copy.size(*size)


def _size_problem(size: Size, item: Item, recipe: Recipe) -> ImageError | None:
    """Why an image, of which this size is taken, does not fit the scales."""
    stored = recipe.stored(size[0]), recipe.stored(size[1])
    try:
        check_hr_size(size, recipe, item.hr)
        for scale in recipe.scales:
            if (file := item.lr.get(scale.label)) is not None:
                check_lr_size(size_of(file), file, stored, item.hr.name, scale)
    except ImageError as error:
        return error
    return None


def _plain_size(path: str, recipe: Recipe) -> Size | None:
    """Height and width of a file that can be used, where its first bytes show that."""
    size = ordinary_size(path)
    if size is None or size[0] * size[1] > min(MOST_PIXELS, recipe.images.max_pixels):
        return None
    return size


def _header_problem(item: Item, recipe: Recipe) -> ImageError | None:
    """Why an image cannot be used, so far as the headers of its files show it."""
    try:
        for file in (item.hr, *item.lr.values()):
            if not isinstance(file, Path) or _plain_size(str(file), recipe) is None:
                admit(header_of(file), recipe.images, str(file))
    except ImageError as error:
        return error
    return None


def all_bytes(sizes: Iterable[Size], recipe: Recipe) -> int:
    """The bytes of the samples of HR images of these sizes and their LR images."""
    return sum(sample_bytes(*size, recipe) * count for size, count in Counter(sizes).items())


def sample_bytes(height: int, width: int, recipe: Recipe) -> int:
    """The bytes of the samples of one HR image of this size and its LR images."""
    lr = sum(scale.lr(height) * scale.lr(width) for scale in recipe.scales)
    return CHANNELS * (height * width + lr)

"""How many bytes a preparation needs, and whether they are free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from srdata.common.free_space import Need, check_room, free_bytes, readable_bytes, why_no_room
from srdata.discovery.image_bytes import ImageFile
from srdata.errors import ImageError
from srdata.fetch import Planned
from srdata.fetch import plan as downloads
from srdata.images import ImagePolicy, decode_image
from srdata.preparation.beforehand.item_sizes import all_bytes
from srdata.preparation.source_items import Item
from srdata.recipes.fitting_sizes import Size
from srdata.recipes.manifest_sets import needed_sets
from srdata.recipes.set_recipe import Recipe
from srdata.store.codecs import find_codec, kept_file

_LOOKED_AT = 4  # images that are encoded to tell how small all of them will be


def check_download_room(recipe: Recipe, root: Path) -> None:
    """Raise StorageFullError where the files that are to be downloaded, and what is in them, have no room."""
    planned = [one for owner, image_set in needed_sets(recipe) for one in downloads(owner, image_set, root)]
    check_room(root, download_need(planned), "--root")


def download_need(planned: Iterable[Planned]) -> Need:
    """What downloads of known size take, archives twice: packed and unpacked."""
    return Need(sum((one.missing_bytes or 0) * (2 if one.is_archive else 1) for one in set(planned)))


def check_set_room(items: Iterable[Item], sizes: Sequence[Size], recipe: Recipe, target: Path) -> None:
    """Raise StorageFullError where the set, whose HR images have these stored sizes, has no room."""
    check_room(target, set_need(items, sizes, recipe), "--root")


def set_need(items: Iterable[Item], sizes: Sequence[Size], recipe: Recipe) -> Need:
    """What the layers of these images take in the layout and codec of a recipe."""
    samples = all_bytes(sizes, recipe)
    codec = recipe.store.codec if recipe.store.layout == "lmdb" else "png"

    def share() -> float:
        return share_of([item.hr for item in items], recipe.images, codec)

    if recipe.store.layout == "basicsr":  # cut out of raw shards, which stand beside until all is done
        return Need(2 * samples, lambda: (1 + share()) / 2)
    return Need(samples, share)


def share_of(files: Sequence[ImageFile], policy: ImagePolicy | None, codec: str = "png") -> float:
    """What a codec leaves of raw samples, by some of the images."""
    chosen = find_codec(codec)
    packed = raw = 0
    for file in files[:: max(1, len(files) // _LOOKED_AT)]:
        with suppress(ImageError, OSError):
            data = file.read_bytes()
            pixels = decode_image(data, str(file), policy)
            packed += len((chosen.keeps and kept_file(data, pixels)) or chosen.encode(pixels))
            raw += pixels.nbytes
    return packed / raw if raw else 1.0


def room_lines(target: Path, need: Need) -> Iterator[str]:
    """What a plan says of the disk."""
    yield f"free      {readable_bytes(free_bytes(target))}"
    if (problem := why_no_room(target, need)) is not None:
        yield f"no room   {problem}: free some space, or give another --root"

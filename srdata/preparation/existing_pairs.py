"""Taking pairs that others made into a prepared set: LR as it is, keys and splits as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from srdata.discovery.found_parts import GIVEN, Part, Pile, Track, is_unsafe, key_problem
from srdata.discovery.image_bytes import ImageFile
from srdata.discovery.known_forms import Found, by_template, find_parts
from srdata.errors import SourceError, UsageError
from srdata.recipes.set_recipe import PUBLISHED, Recipe
from srdata.scale import Scale
from srdata.store.export_json import EXPORT_FILE, ExportFile, read_export
from srdata.vocabulary import Split


def find_pairs(recipe: Recipe) -> Found:
    """What there is in the folder or file of a recipe, with the keys and splits that export.json gives back.

    Raises UsageError, SourceError, CorruptRecordError.
    """
    path = Path(recipe.folder or "")
    pairs = recipe.pairs
    found = by_template(path, pairs.hr, pairs.lr, recipe.scales) if pairs else find_parts(path)
    exported = read_export(path)
    if exported is not None and (bad := next(filter(is_unsafe, exported.keys.values()), None)) is not None:
        raise SourceError(f"{path}/{EXPORT_FILE}: {bad!r} is no name for an image")
    parts = found.parts if exported is None else [_restored(part, exported) for part in found.parts]
    for part in parts:
        if problem := key_problem(part.hr):
            raise SourceError(problem)
    return Found(found.form, tuple(parts))


def as_found(recipe: Recipe, scales: Sequence[Scale] = ()) -> Recipe:
    """A recipe for a folder, changed so that it takes the LR images that are there, if there are any.

    It takes them at `scales`, or at all that every part has. Raises UsageError where there is a choice.
    """
    found = find_pairs(recipe)
    if found.subimages:
        recipe = recipe.without_windows()
    if (exported := read_export(Path(recipe.folder or ""))) is not None:
        recipe = recipe.changed(prefix=exported.stem)
    parts = [part for part in found.parts if not recipe.splits or part.split in (None, *recipe.splits)]
    if not any(part.lr for part in parts):
        return recipe
    track = recipe.published or _only_track(recipe, parts)
    common = set.intersection(*({one.scale for one in part.lr if one.name == track} for part in parts))
    taken = recipe.changed(degradation=f"{PUBLISHED}{track}", scales=tuple(scales or sorted(common)) or None)
    for part in parts:
        lr_of(part, track, taken.scales)
    return taken


def _only_track(recipe: Recipe, parts: Sequence[Part]) -> str:
    tracks = {track.name for part in parts for track in part.lr}
    if len(tracks) > 1:
        choices = ", ".join(f"--degradation {PUBLISHED}{name}" for name in sorted(tracks))
        raise UsageError(f"{recipe.folder} holds LR images of several kinds: choose one of {choices}")
    return tracks.pop()


def lr_of(part: Part, track: str, scales: Sequence[Scale]) -> dict[str, dict[str, ImageFile]]:
    """The LR images of a part by layer and key; raises UsageError where there are none, or orphans."""
    there = ", ".join(f"{one.name} {one.scale.label}" for one in part.lr) or "none"
    for scale in scales:
        if Track(track, scale) not in part.lr:
            raise UsageError(
                f"{part.hr.where} has no LR images {track} {scale.label} beside it (there are: {there}): "
                "give --scale or --split for those that have, or --degradation to make them"
            )
    return {scale.label: part.lr_images(Track(track, scale)) for scale in scales}


def _restored(part: Part, exported: ExportFile) -> Part:
    """A part with the split, the track and the keys that it had before it was exported."""
    split: Split | None = part.split or ("test" if "test" in exported.counts else None)
    keys = {} if exported.form == "webdataset" else exported.keys  # each KEY.json has told it already
    lr = {
        Track(exported.track if name == GIVEN else name, scale): replace(
            low, pile=_renamed(low.pile, keys, low.template)
        )
        for (name, scale), low in part.lr.items()
    }
    return Part(split, _renamed(part.hr, keys, "{key}"), lr)


def _renamed(pile: Pile, keys: Mapping[str, str], template: str) -> Pile:
    names = {template.format(key=written): template.format(key=key) for written, key in keys.items()}
    return Pile(pile.where, {names.get(name, name): file for name, file in pile.images.items()})

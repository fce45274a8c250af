"""Taking pairs that others made into a prepared set: LR as it is, keys and splits as they were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from srdata import discovery
from srdata.common.wording.amounts import how_many
from srdata.discovery.by_name.image_sizes import size_or_none
from srdata.discovery.by_name.refusals import text
from srdata.discovery.found_parts import Found, Part, Track, key_problem
from srdata.discovery.image_bytes import ImageFile
from srdata.discovery.pairing import listed
from srdata.discovery.unused_files import unused_files
from srdata.errors import SourceError, UsageError
from srdata.fetch.remote_files import place_at
from srdata.images import describe_left_out
from srdata.recipes.set_recipe import PUBLISHED, Recipe
from srdata.scale import Scale
from srdata.store.export_json import read_export


def find_pairs(recipe: Recipe) -> Found:
    """What there is in the folder or file of a recipe, with the keys and splits that export.json gives back.

    Raises UsageError, SourceError, CorruptRecordError.
    """
    path, pairs = place_at(recipe.folder or ""), recipe.pairs
    if isinstance(path, str):
        if pairs is None:
            return discovery.find_parts_at(path)
        return discovery.by_template_at(path, pairs.hr, pairs.lr, recipe.scales)
    if pairs is None:
        found = discovery.find_parts(path)
    else:
        found = discovery.by_template(path, pairs.hr, pairs.lr, recipe.scales)
    for part in found.parts:
        if problem := key_problem(part.hr):
            raise SourceError(problem)
    return found


def as_found(recipe: Recipe, scales: Sequence[Scale], found: Found) -> Recipe:
    """A recipe for a folder, changed so that it takes the LR images that are there, if there are any.

    It takes them at `scales`, or at all that every part has. Raises UsageError where there is a choice.
    """
    if found.subimages:
        recipe = recipe.without_windows()
    folder = place_at(recipe.folder or "")
    if isinstance(folder, Path) and (exported := read_export(folder)) is not None:
        recipe = recipe.changed(prefix=exported.stem)
    parts = [part for part in found.parts if not recipe.splits or part.split in (None, *recipe.splits)]
    if not any(part.lr for part in parts):
        return recipe
    parts = _of_one_scale(recipe, parts, scales)
    track = recipe.published or _only_track(recipe, parts)
    common = set.intersection(*({one.scale for one in part.lr if one.name == track} for part in parts))
    taken = recipe.changed(degradation=f"{PUBLISHED}{track}", scales=tuple(scales or sorted(common)) or None)
    for part in parts:
        lr_of(part, track, taken.scales)
    return taken


def _of_one_scale(recipe: Recipe, parts: list[Part], scales: Sequence[Scale]) -> list[Part]:
    """Where each scale has HR images of its own, those of the one that is asked for, or of the only one."""
    own = sorted({part.scale for part in parts if part.scale is not None})
    if len(own) > 1 and len(scales) != 1:
        choices = " or ".join(f"--scale {scale}" for scale in own)
        raise UsageError(f"{recipe.folder} has HR images of its own for each scale: give {choices}")
    return parts_at(parts, scales) if len(own) > 1 else parts


def parts_at(parts: Sequence[Part], scales: Sequence[Scale]) -> list[Part]:
    """The parts whose HR images are of any scale, or of one of `scales`."""
    return [part for part in parts if part.scale is None or part.scale in scales]


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
            problems = [lr.problem for lr in part.lr.values()]
            if problems and None not in problems:  # then their scale is not known either
                raise UsageError(problems[0])
            raise UsageError(
                f"{part.hr.where} has no LR images {track} {scale.label} beside it (there are: {there}): "
                "give --scale or --split for those that have, or --degradation to make them"
            )
    return {scale.label: part.lr_images(Track(track, scale)) for scale in scales}


def checked_lr_of(part: Part, track: str, scales: Sequence[Scale]) -> dict[str, dict[str, ImageFile]]:
    """The same, when the headers of all images agree; raises UsageError that lists those that do not."""
    found = lr_of(part, track, scales)
    high = {key: size_or_none(file) for key, file in part.hr.images.items()}
    for scale in scales:
        wrong = []
        for key, file in found[scale.label].items():
            hr, lr = high[key], size_or_none(file)
            if hr and lr and (scale.lr(hr[0]), scale.lr(hr[1])) != lr:
                wrong.append(f"{key} (HR {text(hr)}, LR {text(lr)})")
        if wrong:
            how = part.lr[Track(track, scale)].taken_by
            remedy = f"to take the others, {how}" if how else "take them out"
            pairs = f"{len(wrong)} of {how_many(len(high), 'pair')} of {part.hr.where}"
            raise UsageError(f"{scale.label} does not fit {pairs}: {listed(wrong)}; {remedy}")
    return found


def found_lines(recipe: Recipe, found: Found) -> list[str]:
    """What is taken of a folder or file of images, and what is not: a line for each part and each reason."""
    folder = place_at(recipe.folder or "")
    unused = describe_left_out(folder, unused_files(folder, found)) if isinstance(folder, Path) else ()
    lines = []
    for part in found.parts if recipe.published else ():
        for track, lr in part.lr.items():
            if track.name == recipe.published and track.scale in recipe.scales:
                at = f"{len(part.hr.images)} at {track.scale.label}"
                lines.append(f"pairs     {at}: HR in {part.hr.where}, LR in {lr.pile.where}")
    lines += [f"left out  {one}" for one in found.left_out]
    return [*lines, *(f"not used  {one}" for one in unused)]

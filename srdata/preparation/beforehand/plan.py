"""What a preparation asks for and would do, before it does it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from srdata.common.free_space import readable_bytes
from srdata.common.wording.amounts import how_many
from srdata.discovery.found_parts import Found
from srdata.errors import NotScoredError, UsageError
from srdata.fetch import Planned, have
from srdata.fetch import plan as downloads
from srdata.fetch.manifest import load_manifest
from srdata.hub.repository import Repository, look
from srdata.preparation.beforehand.disk_need import download_need, room_lines, set_need
from srdata.preparation.beforehand.item_sizes import all_bytes, looked_at, plain_sizes, sizes_stored
from srdata.preparation.existing_pairs import find_pairs, found_lines
from srdata.preparation.layout_lmdb import layout_of
from srdata.preparation.source_items import SourceItems, choose_items
from srdata.recipes.fitting_sizes import Size
from srdata.recipes.manifest_sets import needed_sets
from srdata.recipes.set_recipe import Recipe

_FLAGS = {"from_dir": "from", "splits": "split"}  # options whose flags have another name
SHOWN = 10  # bad images named in a plan
_STORED_PER_PACKED = 2  # raw samples for each byte of PNG archive; DIV2K's training HR: 6.6 of 3.5 GB


def refuse(name: str, given: Mapping[str, Any]) -> None:
    """Raise UsageError for options `given` with a name that stands for sets made in one way."""
    if others := [f"--{_FLAGS.get(option, option)}" for option, value in given.items() if value]:
        raise UsageError(f"{name} says itself how its sets are made: leave {', '.join(others)} out")


def check_request(recipe: Recipe) -> None:
    """Raise UsageError for settings that do not go together, before anything is downloaded."""
    if len(recipe.scales) > 1 and any(chain.hr for chain in recipe.chains.values()):
        raise UsageError("this degradation alters HR, so give it one --scale and prepare a set for each")
    for scale, chain in recipe.chains.items():
        chain.check_scale(scale)
    if recipe.store.layout != "folder":
        layout_of(recipe)
    if recipe.windows:
        for scale in recipe.scales:
            recipe.windows.check(scale)


def licence_text(recipe: Recipe) -> str:
    """The terms under which the source may be used; what is on the Hub is looked up there."""
    if recipe.hub is not None:
        return look(recipe.hub.name).licence
    if recipe.folder is not None:
        return f"licence: the images of {recipe.folder} are yours to answer for"
    manifest = load_manifest(str(recipe.source))
    owners = [manifest, *(load_manifest(member.manifest) for member in manifest.members)]
    return "\n".join(f"licence of {one.title}: {one.licence.name}: {one.licence.text}" for one in owners)


def plan_text(
    recipe: Recipe, root: Path, target: Path | str, from_dir: Path | None, found: Found | None
) -> str:
    """What preparing a recipe at `target` would do: terms, downloads, images, windows and bytes on disk.

    `found` is what there is in its folder, where that is known.
    """
    lines = [
        f"target    {target} ({recipe.store.layout})",
        f"digest    {recipe.digest}",
        licence_text(recipe),
        *([f"excluded  {', '.join(recipe.exclude)}"] if recipe.exclude else []),
    ]
    if recipe.hub is not None:
        return "\n".join([*lines, *_hub_lines(look(recipe.hub.name))])
    if found is None and recipe.folder is not None:
        found = find_pairs(recipe)
    lines += found_lines(recipe, found) if found is not None else []
    sets = [] if recipe.folder else list(needed_sets(recipe))
    planned = [one for owner, image_set in sets for one in downloads(owner, image_set, root)]
    if from_dir is None:
        lines += [_download_line(one) for one in dict.fromkeys(planned)]
        lines.append(f"download  {_total(planned)}")
    if from_dir is not None or all(have(owner, one, root) for owner, one in sets):
        items, told = _chosen(recipe, root, from_dir, found)
        lines += told
        sizes, problems = _sizes_and_problems(items, recipe)
        stored = sizes_stored(sizes, recipe)
        lines += [f"images    {len(sizes)}", *_cut_lines(sizes, stored, recipe), *_bad_lines(problems)]
        lines += _size_lines(stored, recipe)
        if isinstance(target, Path):
            lines += room_lines(target, set_need(items, stored, recipe))
    else:
        lines += [f"images    {one.label}: {one.count or 'unknown'} of {owner.title}" for owner, one in sets]
        lines += [*_expected_lines(recipe, planned), *room_lines(root, download_need(planned))]
    return "\n".join(lines)


def _chosen(
    recipe: Recipe, root: Path, from_dir: Path | None, found: Found | None
) -> tuple[SourceItems, list[str]]:
    """The images that are taken, and what is said of the others; all images where scores are missing."""
    try:
        items, chosen = choose_items(recipe, root, from_dir, found, compute=False)
    except NotScoredError as error:
        items, _ = choose_items(recipe.without_choice(), root, from_dir, found)
        return items, [f"chosen    not known: {error}; what follows is of all images, whole"]
    lines = () if chosen is None else chosen.lines
    return items, [line.replace(":", "   ", 1) for line in lines]


def _sizes_and_problems(items: SourceItems, recipe: Recipe) -> tuple[list[Size], list[str]]:
    """The sizes that headers tell, and why images cannot be used."""
    if (sizes := plain_sizes(items, recipe)) is not None:
        return sizes, []
    looks = [looked_at(item, recipe) for item in items]
    problems = [str(one.problem) for one in looks if one.problem is not None]
    return [one.size for one in looks if one.size is not None], problems


def _expected_lines(recipe: Recipe, planned: Sequence[Planned]) -> Iterator[str]:
    """What is known of a set before its files are here."""
    if recipe.copies:
        yield f"copies    {len(recipe.copies)} of each training image"
    if recipe.windows:
        size, step = recipe.windows.size, recipe.windows.step
        yield f"windows   of {size} pixels, every {step}; how many depends on the sizes of the images"
    more = ", and the copies" if recipe.copies else ""
    if packed := sum(one.missing_bytes or 0 for one in dict.fromkeys(planned)):
        about = readable_bytes(_STORED_PER_PACKED * packed)
        known = all(one.missing_bytes is not None for one in planned)
        by = "the size of the archives" if known else "the archives whose size is known"
        yield f"disk      about {about} as raw samples, by {by}{more}"
    else:
        yield "disk      unknown, as the sizes of the files are"


def _hub_lines(repository: Repository) -> list[str]:
    size, files = readable_bytes(sum(repository.sizes.values())), how_many(len(repository.sizes), "file")
    return [
        f"commit    {repository.commit}",
        f"download  {size} or less: {files} of all configs, but for what the cache has",
        "images    as many as its tables have rows, which the download brings",
    ]


def _download_line(one: Planned) -> str:
    state = "here" if one.here else readable_bytes(one.missing_bytes)
    unknown = "" if one.hash_known else ", hash not known: recorded at the first download"
    return f"file      {one.name}: {state}{unknown} ({one.url})"


def _total(planned: Sequence[Planned]) -> str:
    missing = [one for one in dict.fromkeys(planned) if not one.here]
    if not missing:
        return "nothing"
    known = sum(one.missing_bytes or 0 for one in missing)
    unknown = sum(one.missing_bytes is None for one in missing)
    files = how_many(unknown, "file")
    return readable_bytes(known) + (f" and {files} of unknown size" if unknown else "")


def _size_lines(sizes: Sequence[Size], recipe: Recipe) -> Iterator[str]:
    """The windows and bytes of images that are stored in these sizes."""
    if recipe.windows and sizes:
        heights, widths = zip(*sizes, strict=True)
        for scale in recipe.scales:
            count = int(recipe.windows.counts(heights, widths, scale).sum())
            yield f"windows   {count} of {recipe.windows.size} pixels at {scale.label}"
    yield f"disk      {readable_bytes(all_bytes(sizes, recipe))} as raw samples, less with another codec"


def _cut_lines(sizes: Sequence[Size], stored: Sequence[Size], recipe: Recipe) -> list[str]:
    """What is cut off HR at the right and bottom to fit the scales: of how many images, and the most."""
    cut = [(before, after) for before, after in zip(sizes, stored, strict=True) if before != after]
    if not cut:
        return []
    before, after = max(cut, key=lambda pair: _lost(*pair))
    scales = " and ".join(scale.label for scale in recipe.scales)
    most = f"{before[1]}x{before[0]} becomes {after[1]}x{after[0]}, {_lost(before, after):.1%} less"
    return [f"cut off   {len(cut)} of {how_many(len(sizes), 'HR image')}, to fit {scales}; at most {most}"]


def _lost(before: tuple[int, int], after: tuple[int, int]) -> float:
    return 1 - math.prod(after) / math.prod(before)


def _bad_lines(bad: Sequence[str]) -> list[str]:
    """The images that their headers show to be unusable: they end the run, or are skipped by --skip-bad."""
    more = [f"bad       and {len(bad) - SHOWN} more"] if len(bad) > SHOWN else []
    return [*(f"bad       {problem}" for problem in bad[:SHOWN]), *more]

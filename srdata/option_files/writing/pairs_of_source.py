"""Where the images of a prepared set, or of a recipe that reads folders, lie for a trainer to read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from srdata.discovery.found_parts import Part, Track
from srdata.discovery.known_forms import look_for_parts
from srdata.errors import UsageError
from srdata.papers.paper import Paper
from srdata.papers.schema import Folders
from srdata.scale import Scale
from srdata.store.set_json import SET_FILE, read_set
from srdata.vocabulary import Split


class WrittenPairs(NamedTuple):
    """Folders or LMDBs of images of one split."""

    name: str
    split: Split
    folders: Folders
    protocol: str | None = None  # by which they are measured


def pairs_in(
    folder: Path, scale: Scale | None, track: str | None, form: str
) -> tuple[Scale, list[WrittenPairs]]:
    """The scale and the pairs of a prepared set, an export or any folder of pairs; raises UsageError."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder of pairs, and no recipe that reads folders")
    folder = folder.resolve()  # a trainer is run elsewhere
    if (folder / SET_FILE).is_file() and read_set(folder).layout == "lmdb":
        out, kind = shlex.quote(f"out/{folder.name}"), "basicsr" if form == "basicsr" else "kair"
        here = shlex.quote(str(folder))
        raise UsageError(
            f"{folder} holds shards, which no trainer reads by itself: `srdata export {here} --to {kind} "
            f"--out {out}`, then `srdata recipe to {form} {out}`; or read it by SrdataPairedDataset "
            "(docs/trainers.md)"
        )
    found = look_for_parts(folder)
    if found is None or not found.paired:
        raise UsageError(f"{folder} holds no pairs of HR and LR images that names and sizes tell")
    tracks = {one for part in found.parts for one in part.lr}
    chosen = [one for one in tracks if (scale is None or one.scale == scale) and track in (None, one.name)]
    if len(chosen) != 1:
        there = ", ".join(sorted(f"{one.name} {one.scale.label}" for one in tracks))
        asked = (
            f", and not {scale.label}"
            if scale and all(one.scale != scale for one in chosen or tracks)
            else ""
        )
        raise UsageError(f"{folder} has {there}{asked}: choose one by --scale and --track")
    return chosen[0].scale, [_pairs(folder, part, chosen[0]) for part in found.parts if chosen[0] in part.lr]


def _pairs(folder: Path, part: Part, track: Track) -> WrittenPairs:
    low = part.lr_images(track)
    key = next(iter(low))
    name = getattr(low[key], "stem", key)  # of an image in an LMDB it is that of its HR image
    template = "{key}" + str(name).removeprefix(Path(key).name)
    where = Folders(hr=str(part.hr.where), lr=str(part.lr[track].pile.where), template=template)
    return WrittenPairs(part.hr.where.stem, part.split or "train", where)


def pairs_of(paper: Paper) -> Iterator[WrittenPairs]:
    """Those that a recipe reads from folders; raises UsageError where it reads prepared sets."""
    stage = paper.stages[-1]
    for corpus in stage.data.sets:
        if corpus.hr is None:
            raise UsageError(
                f"{paper.name} reads the prepared set {corpus.set}: give the folder of an export of it, and "
                f"--like {paper.name}"
            )
        yield WrittenPairs(corpus.set, "train", corpus)
    for one in paper.evaluation:
        if one.hr is not None:
            yield WrittenPairs(one.sets[0], "validation", one, one.protocol)

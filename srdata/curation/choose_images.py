"""`choose`: which images of a source are taken, and which tiles of them, by their scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from srdata.curation.best_tiles import judge_tiles
from srdata.curation.choice_versions import scores_of
from srdata.curation.judge_images import Columns, Scoring, judge_images
from srdata.curation.score_store import How
from srdata.discovery.image_bytes import ImageFile
from srdata.errors import UsageError
from srdata.recipes.image_choice import ChoiceSettings, ImageChoice, Tile, Tiles
from srdata.store.tables.choice_table import choice_schema

_CHUNK = 1024  # images whose tiles are judged together


@dataclass(frozen=True)
class Chosen:
    """The images that are taken, with the tiles of each (None: the image itself), and what became of all."""

    kept: Mapping[str, tuple[Tile, ...] | None]
    table: pa.Table

    @property
    def lines(self) -> list[str]:
        """How many of how many are taken, and what most of the others do not meet."""
        told = []
        for what, tiles in (("images", False), ("tiles", True)):
            rows = self.table.filter(pc.xor(pc.equal(self.table["image"], ""), tiles))
            why = [reason for reason in rows["why"].to_pylist() if reason]
            if len(rows):
                most = "".join(f"; {count} out: {one}" for one, count in Counter(why).most_common(5))
                told.append(f"chosen: {len(rows) - len(why)} of {len(rows)} {what}{most}")
        return told


def choose(files: Mapping[str, ImageFile], settings: ChoiceSettings, scoring: Scoring) -> Chosen:
    """Which of these images meet the conditions of `settings`, and which tiles of them.

    An image that cannot be read is taken, so that preparing it says so. Raises UsageError where none is left.
    """
    choice, schema = settings.choice, _schema(settings.choice)
    images = judge_images(files, settings, scoring)
    kept = [key for key, why in zip(files, images["why"], strict=True) if not why]
    if files and not kept:
        raise UsageError(_nothing_left("where", "images", images["why"]))
    tables = [_table(list(files), [""] * len(files), images, schema)]
    if choice.tiles is None:
        return Chosen(dict.fromkeys(kept), tables[0])
    taken: dict[str, tuple[Tile, ...] | None] = {}
    for start in range(0, len(kept), _CHUNK):
        some = {key: files[key] for key in kept[start : start + _CHUNK]}
        tables += list(_judge_tiles(some, settings, choice.tiles, scoring, taken, schema))
    table = pa.concat_tables(tables).unify_dictionaries()
    if kept and not any(one is None or one for one in taken.values()):
        looked_at = table.filter(pc.not_equal(table["image"], ""))["why"].to_pylist()
        raise UsageError(_nothing_left("tiles", "tiles", looked_at))
    return Chosen(taken, table)


def _schema(choice: ImageChoice) -> pa.Schema:
    return choice_schema(dict.fromkeys((*choice.image_scores, *choice.tile_scores)))


def _judge_tiles(
    files: Mapping[str, ImageFile],
    settings: ChoiceSettings,
    tiles: Tiles,
    scoring: Scoring,
    taken: dict[str, tuple[Tile, ...] | None],
    schema: pa.Schema,
) -> Iterator[pa.Table]:
    """What became of the tiles of some images; `taken` is filled with those that are."""
    choice = settings.choice
    how = How(scores_of(settings, choice.tile_scores), scoring.policy, tiles=tiles)
    found = scoring.of(files, how)
    rows = {row["key"]: row for row in found.table.to_pylist()}
    for key in files:
        if key not in rows:
            taken[key] = None  # it could not be read
            continue
        row = rows[key]
        every = list(tiles.of(row["image_height"], row["image_width"]))
        scores = {one.name: np.array(row[one.column], float) for one in how.scores}
        why = judge_tiles(every, scores, choice, tiles)
        taken[key] = tuple(tile for tile, reason in zip(every, why, strict=True) if not reason)
        keys = [tile.key(key) for tile in every]
        yield _table(keys, [key] * len(keys), {"why": why, "like": [""] * len(keys), **scores}, schema)


def _table(keys: Sequence[str], images: Sequence[str], columns: Columns, schema: pa.Schema) -> pa.Table:
    facts = {"key": keys, "image": images, "kept": [not why for why in columns["why"]], **columns}
    arrays = [
        pa.array(facts[field.name], field.type, from_pandas=True)
        if field.name in facts
        else pa.nulls(len(keys), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _nothing_left(setting: str, what: str, why: Sequence[str]) -> str:
    """What to say where a condition leaves nothing, with the parts that most do not meet."""
    if not why:
        return f"{setting}: no image is as large as a tile: give a smaller size, or leave tiles out"
    most = ", ".join(f"{count} by {reason}" for reason, count in Counter(why).most_common(3))
    return f"{setting} leaves none of the {len(why)} {what}: {most}; srdata curate shows all scores"

"""`choose`: which images of a source are taken, and which tiles of them, by their scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from srdata.common.wording.amounts import how_many
from srdata.curation.best_tiles import judge_tiles
from srdata.curation.choice_versions import scores_of
from srdata.curation.judge_images import Columns, Scoring, judge_images
from srdata.curation.score_store import How
from srdata.discovery.image_bytes import ImageFile
from srdata.errors import UsageError
from srdata.recipes.image_choice import ChoiceSettings, ImageChoice, Tile, Tiles
from srdata.store.tables.choice_table import choice_schema, counts_of


@dataclass(frozen=True)
class Chosen:
    """The images that are taken, with the tiles of each (None: the image itself), and what became of all."""

    kept: Mapping[str, tuple[Tile, ...] | None]
    table: pa.Table

    @property
    def lines(self) -> list[str]:
        """How many of how many are taken, and what most of the others do not meet."""
        told = []
        for what, tiles in (("image", False), ("tile", True)):
            rows = self.table.filter(pc.xor(pc.equal(self.table["image"], ""), tiles))
            why = counts_of(rows["why"])
            taken = why.pop("", 0)
            if len(rows):
                most = "".join(f"; {count} out: {one}" for one, count in why.most_common(5))
                told.append(f"chosen: {taken} of {how_many(len(rows), what)}{most}")
        return told


def choose(files: Mapping[str, ImageFile], settings: ChoiceSettings, scoring: Scoring) -> Chosen:
    """Which of these images meet the conditions of `settings`, and which tiles of them.

    An image that cannot be read is taken, so that preparing it says so. Raises UsageError where none is left.
    """
    choice, schema = settings.choice, _schema(settings.choice)
    images = judge_images(files, settings, scoring)
    kept = [key for key, why in zip(files, images["why"], strict=True) if not why]
    if files and not kept:
        raise UsageError(_nothing_left("where", "image", Counter(images["why"])))
    tables = [_table(list(files), [""] * len(files), images, schema)]
    if choice.tiles is None:
        return Chosen(dict.fromkeys(kept), tables[0])
    taken: dict[str, tuple[Tile, ...] | None] = dict.fromkeys(kept)  # None: it could not be read
    tables += _judge_tiles({key: files[key] for key in kept}, settings, choice.tiles, scoring, taken, schema)
    table = pa.concat_tables(tables).unify_dictionaries()
    if kept and not any(one is None or one for one in taken.values()):
        looked_at = counts_of(table.filter(pc.not_equal(table["image"], ""))["why"])
        raise UsageError(_nothing_left("tiles", "tile", looked_at))
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
    for row in found.each(["key", "image_height", "image_width", *how.columns]):
        key, every = row["key"], list(tiles.of(row["image_height"], row["image_width"]))
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


def _nothing_left(setting: str, what: str, why: Counter[str]) -> str:
    """What to say where a condition leaves nothing, with the parts that most do not meet."""
    if not why:
        return f"{setting}: no image is as large as a tile: give a smaller size, or leave tiles out"
    most = ", ".join(f"{count} by {reason}" for reason, count in why.most_common(3))
    return f"{setting} leaves 0 of {how_many(why.total(), what)}: {most}; srdata curate shows all scores"

"""Rows of score tables: read as pyarrow reads them, a few at a time."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from srdata.curation import score_store
from srdata.curation.likeness import StoredSketches, same_sketches
from srdata.curation.score_rows import Rows
from srdata.curation.score_store import NO_STAMP, SKETCH, How, ScoreTable
from srdata.curation.scored_files import ScoredImages
from srdata.curation.wanted_scores import find_scores
from srdata.duplicates.perceptual_hash import sketch

SCHEMA = pa.schema([("key", pa.string()), ("score", pa.float64()), ("more", pa.binary())])


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files; the second has no `more`, and all have rows of the key b."""
    rows = [
        {
            "key": ["a", "b", "c", "d", "é"],
            "score": [1.0, 2, None, 4, 5],
            "more": [b"1", b"2", b"", None, b"5"],
        },
        {"key": ["b", "f"], "score": [7.0, 8]},
        {"key": ["g", "b"], "score": [9.0, 10], "more": [b"9", b"0"]},
    ]
    paths = [tmp_path / f"{number}.parquet" for number in range(len(rows))]
    for path, some in zip(paths, rows, strict=True):
        pq.write_table(pa.table(some), path, row_group_size=2)
    return paths


def test_rows_are_those_of_all_files_in_order(files: list[Path]) -> None:
    rows = Rows(files, SCHEMA)
    whole = pa.concat_tables([pq.read_table(path) for path in files], promote_options="default")
    whole = whole.select(SCHEMA.names).cast(SCHEMA)
    assert len(rows) == len(whole)
    assert pa.concat_tables(rows.groups(SCHEMA.names)).equals(whole)
    places = np.array([8, 0, 3, 3, 6, 1])
    assert (
        rows.take(places, ["more", "key"]).to_pylist()
        == whole.select(["more", "key"]).take(places).to_pylist()
    )
    assert rows.take(np.array([], np.int64), ["key"]).num_rows == 0
    expected = [1, 2, math.nan, 4, 5, 7, 8, 9, 10]
    assert np.array_equal(rows.numbers("score"), expected, equal_nan=True)
    assert rows.last_of(["b", "nothing", "é", "a"]).tolist() == [8, -1, 4, 0]
    assert rows.last_of().tolist() == [0, 8, 2, 3, 4, 8, 6, 7, 8]


def test_what_is_open_stays_what_it_is(files: list[Path]) -> None:
    """Another process may write new scores while these are read."""
    rows = Rows(files[:1], SCHEMA)
    other = files[0].with_suffix(".new")
    pq.write_table(pa.table({"key": ["z"], "score": [0.0], "more": [b""]}), other)
    other.replace(files[0])
    assert rows.numbers("score")[[0, 4]].tolist() == [1, 5]
    assert Rows(files[:1], SCHEMA).numbers("score").tolist() == [0]


def test_scores_are_merged_and_read_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many images there are: so memory does not grow by what a table has of each."""
    monkeypatch.setattr(score_store, "_PART", 16)
    how = How(find_scores(["entropy"]), sketches=True)
    table = ScoreTable(tmp_path / "images.parquet", how)
    pictures = [
        np.random.default_rng(number // 2).integers(0, 256, (40, 40, 3), np.uint8) for number in range(200)
    ]
    facts = {"bytes": 1, "mtime_ns": 2, "sha256": "", "image_height": 40, "image_width": 40}
    table.add(
        {"key": str(number), **facts, "entropy@1": float(number), SKETCH: sketch(one).tobytes()}
        for number, one in enumerate(pictures)
    )
    table.add(iter([{"key": "7", **facts, "entropy@1": 0.5, SKETCH: bytes(1024)}]))
    assert {group.num_rows for group in table.rows().groups(["key"])} == {16, 200 % 16}
    most = []
    read = Rows._read
    monkeypatch.setattr(Rows, "_read", lambda *one: most.append(len(found := read(*one))) or found)
    known = table.read([str(number) for number in range(201)])
    assert known.places[[0, 7, 200]].tolist() == [0, 199, -1]
    assert known.tells(7, (1, 2))
    assert not known.tells(7, (1, 3))
    assert not known.tells(200, NO_STAMP)
    images = ScoredImages([str(number) for number in range(200)], known, {"3": "damaged"})
    pairs = same_sketches(StoredSketches(images, range(199)))
    keys = {(images.keys[one], images.keys[other]) for one, other in pairs}
    expected = {(str(one), str(one + 1)) for one in range(0, 200, 2)}
    assert keys == expected - {("2", "3"), ("6", "7")}
    assert images.numbers("entropy@1")[[3, 6]].tolist() == [4, 0.5]
    assert max(most) == 16

"""`annotate`: what somebody tells of the images of a prepared set, kept in it."""

from __future__ import annotations

from pathlib import Path

from srdata.common.processes.one_at_a_time import only_one_at
from srdata.discovery.told_columns import read_told
from srdata.errors import UnknownNameError, UsageError, given_path
from srdata.prepared.image_columns import check_column_name, column_names, write_column
from srdata.store.index import Index
from srdata.store.set_json import read_set


def annotate(
    path: str | Path, source: str | Path, *, column: str | None = None, replace: bool = False
) -> dict[str, int]:
    """Add columns to the prepared set at `path`: captions, tags, scores; gives how many images have each.

    `source` is a folder of .txt files that are called after images, or a table (.csv, .tsv, .jsonl, .parquet)
    with a row for each image and its name in a column called key or file_name. `column` is the one that is
    taken of several, or what the only one is to be called. A column that is there is written over with
    `replace` alone. Batches have them by `PairedDataset(…, beside=[…])`, `publish` and `export` write them.

    Raises UsageError, SetError, or CorruptRecordError where the index is damaged.
    """
    folder = given_path(path)
    index = Index.of_set(folder, read_set(folder))
    told = read_told(given_path(source), index.keys.to_pylist())
    if column is not None and column not in told and len(told) > 1:
        raise UnknownNameError.among(f"column of {source}", column, told)
    if column is not None:
        told = {column: told[column] if column in told else next(iter(told.values()))}
    with only_one_at(folder):
        there = set(column_names(read_set(folder)))
        for name in map(check_column_name, told):
            if name in there and not replace:
                raise UsageError(f"{folder} has a column {name} already: give another --column, or --replace")
        for name, values in told.items():
            write_column(folder, name, index.keys, values)
    return {name: len(values) - values.null_count for name, values in told.items()}

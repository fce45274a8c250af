"""Columns of a set: what is told of each image beside its pixels, such as captions, tags and opinions.

    columns/caption.parquet    key and caption of every image, in the order of the index; null for none

A column has a file of its own, so that adding one never changes a file that set.json names already.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from srdata.errors import CorruptRecordError, UnknownNameError, UsageError
from srdata.store.index import Index
from srdata.store.set_json import SetFile, add_file, read_set
from srdata.store.tables.parquet_file import rows_of, write_tables
from srdata.store.tables.set_files import problem_of

COLUMNS_FOLDER = "columns"
COLUMN_NAME = r"[A-Za-z][A-Za-z0-9_-]*"
KINDS: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "list": pa.list_(pa.string()),  # several texts
}
_FILE = re.compile(rf"{COLUMNS_FOLDER}/({COLUMN_NAME})\.parquet")
_TAKEN = {"key", "lr", "hr", "scale", "degradation", "params", "prompt", "label", "difficulty"}


def check_column_name(name: str) -> str:
    """`name` if a column may be called so; raises UsageError."""
    if not re.fullmatch(COLUMN_NAME, name) or name in _TAKEN:
        raise UsageError(
            f"a column cannot be called {name!r}: give letters, digits, dashes and underscores, and none of "
            f"{', '.join(sorted(_TAKEN))}"
        )
    return name


def write_column(folder: Path, name: str, keys: pa.StringArray, values: pa.Array) -> None:
    """Add a column to the set in `folder`: a value, of one of `KINDS`, for each image in its order."""
    file = f"{COLUMNS_FOLDER}/{name}.parquet"
    table = pa.table({"key": keys, name: values})
    write_tables(folder / file, [table], table.schema)
    add_file(folder, file)


def carry_columns(folder: Path) -> None:
    """Add again the columns that a set had before it grew, by the keys of its images; null for new ones."""
    import pyarrow.compute as pc  # takes long, and few sets have columns

    content = read_set(folder)
    index = Index.of_set(folder, content)
    for file in sorted((folder / COLUMNS_FOLDER).glob("*.parquet")):
        if f"{COLUMNS_FOLDER}/{file.name}" not in content.named:
            table = rows_of(file)
            places = pc.index_in(index.keys, table["key"].combine_chunks())
            write_column(folder, file.stem, index.keys, table[file.stem].combine_chunks().take(places))


def column_names(content: SetFile) -> list[str]:
    """The columns that a set has, in alphabetical order."""
    return sorted(match[1] for name in content.named if (match := _FILE.fullmatch(name)))


def kind_of(values: pa.Array) -> str:
    """The name of the type of a column in `KINDS`."""
    return next(name for name, kind in KINDS.items() if kind == values.type)


def has_keys(file: Path, keys: pa.StringArray) -> bool:
    """Whether a column is of the images with these keys, in their order."""
    try:
        return rows_of(file, ["key"]).column(0).combine_chunks().equals(keys)  # type: ignore[no-any-return]  # of Arrow
    except (pa.ArrowException, OSError, KeyError):
        return False


def read_column(folder: Path, content: SetFile, name: str, rows: int) -> pa.Array:
    """A column of a set of so many images; raises UnknownNameError, or CorruptRecordError with a remedy."""
    names = column_names(content)
    if name not in names:
        has = f"it has {', '.join(names)}" if names else "it has none"
        command = f"srdata annotate {shlex.quote(str(folder))} FILE --column {name}"
        raise UnknownNameError(f"{folder} has no column {name!r}, {has}: add it with `{command}`")
    path = folder / COLUMNS_FOLDER / f"{name}.parquet"
    problem = problem_of(path, content.named[f"{COLUMNS_FOLDER}/{name}.parquet"])
    try:
        values = None if problem else rows_of(path, [name]).column(0).combine_chunks()
    except (pa.ArrowException, OSError, KeyError) as error:
        problem = f"cannot be read ({error})"
    if problem or values is None or len(values) != rows or values.type not in KINDS.values():
        raise CorruptRecordError(
            f"{path} {problem or 'is of other images'}: run `srdata annotate` with its source again, "
            "and --replace"
        )
    return values

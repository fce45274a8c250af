"""What somebody tells of images beside them: captions, tags and scores, in text files or in a table.

    FOLDER/0001.txt                 a text for each image, called after it
    captions.csv, .jsonl, .parquet  a row for each image, whose name is in the column key, file_name, …

Several rows of one image are several texts. Names are compared as they are, then without suffix, then without
folders.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from srdata.errors import UsageError
from srdata.prepared.image_columns import KINDS

KEYS = ("key", "__key__", "file_name", "hr_file_name", "filename", "image", "name", "path")  # of images
TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
_TEXT = "caption"  # the column that text files make
_LARGEST = 1 << 20  # bytes of a text file


def read_told(path: Path, wanted: Sequence[str]) -> dict[str, pa.Array]:
    """The columns that `path` tells of the images with the keys `wanted`, each of one of `KINDS`.

    What is not told is null. Raises UsageError where none is, where two names may be of one image, or a
    column holds what is no text, number or list of texts.
    """
    table = _texts(path) if path.is_dir() else _table(path)
    key = next((name for name in KEYS if name in table.column_names), None)
    if key is None:
        raise UsageError(
            f"{path} has the columns {', '.join(table.column_names)}, none of which names images: call it key"
        )
    names = [str(name) for name in table.column(key).to_pylist()]
    rows = _rows_of(names, wanted, path)
    given = [name for name in table.column_names if name not in KEYS]
    if not given:
        raise UsageError(f"{path} names images and tells nothing of them: give it a column such as caption")
    return {name: _aligned(table.column(name), rows, f"{path}: column {name}") for name in given}


def _texts(folder: Path) -> pa.Table:
    files = sorted(folder.rglob("*.txt"))
    if not files:
        raise UsageError(f"{folder} holds no .txt files: call them after the images, as 0001.txt")
    texts = [_text(file) for file in files]
    return pa.table({"key": [file.relative_to(folder).as_posix() for file in files], _TEXT: texts})


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise UsageError(f"{file} has more than {_LARGEST >> 20} MiB, which is no caption: take it away")
        return file.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no text in UTF-8 ({error}): save it as that, or take it away") from error


def _table(path: Path) -> pa.Table:
    if path.suffix not in TABLES or not path.is_file():
        raise UsageError(f"{path} must be a folder of .txt files, or a file that ends in {', '.join(TABLES)}")
    try:
        if path.suffix == ".parquet":
            names = [field.name for field in pq.read_schema(path) if not pa.types.is_struct(field.type)]
            return pq.read_table(path, columns=[name for name in names if name not in ("hr", "lr")])
        if path.suffix == ".jsonl":
            lines = path.read_text("utf-8-sig").splitlines()
            return pa.Table.from_pylist([json.loads(line) for line in lines if line.strip()])
        return pyarrow.csv.read_csv(
            path,
            parse_options=pyarrow.csv.ParseOptions(
                delimiter="\t" if path.suffix == ".tsv" else ",", newlines_in_values=True
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(KEYS, pa.string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        why = str(error).partition("\n")[0][:200]
        raise UsageError(f"{path} cannot be read as {path.suffix[1:]} ({why}): correct it") from error


def _rows_of(names: Sequence[str], wanted: Sequence[str], path: Path) -> list[list[int]]:
    """The rows that tell of each image; raises UsageError where they tell of none."""
    places = {key: place for place, key in enumerate(wanted)}
    rows: list[list[int]] = [[] for _ in wanted]
    called: dict[int, str] = {}
    for row, name in enumerate(names):
        found = next((places[form] for form in _forms(name) if form in places), None)
        if found is None:
            continue
        if called.setdefault(found, name) != name:
            raise UsageError(
                f"{path} has {called[found]!r} and {name!r}, which both may be {wanted[found]!r}: "
                f"name images by their keys, as {wanted[0]!r}"
            )
        rows[found].append(row)
    if not any(rows):
        raise UsageError(
            f"{path} tells of {_some(names)}, the images are {_some(wanted)}: name them by their keys"
        )
    return rows


def _forms(name: str) -> Iterable[str]:
    path = PurePosixPath(name.replace("\\", "/"))
    return (
        name,
        path.as_posix(),
        path.with_suffix("").as_posix() if path.name else name,
        path.name,
        path.stem,
    )


def _aligned(column: pa.ChunkedArray, rows: Sequence[Sequence[int]], what: str) -> pa.Array:
    """The value of each image: lists where one has several texts."""
    kind = next((one for one in KINDS.values() if _fits(column.type, one)), None)
    if kind is None:
        raise UsageError(
            f"{what} holds {column.type}, which is no text, number or list of texts: leave it out"
        )
    values = column.cast(kind).to_pylist()
    if all(len(found) < 2 for found in rows):
        return pa.array([values[found[0]] if found else None for found in rows], kind)
    if kind != KINDS["string"]:
        raise UsageError(f"{what} has several values of an image, which only texts may have: leave one")
    return pa.array([[values[row] for row in found] if found else None for found in rows], KINDS["list"])


def _fits(given: pa.DataType, kind: pa.DataType) -> bool:
    of = pa.types
    if of.is_dictionary(given):
        given = given.value_type
    if of.is_list(given) or of.is_large_list(given):
        return kind == KINDS["list"] and _fits(given.value_type, KINDS["string"])
    tests = {
        "string": (of.is_string, of.is_large_string, of.is_null),
        "int64": (of.is_integer,),
        "float64": (of.is_floating,),
        "bool": (of.is_boolean,),
    }
    return any(KINDS[name] == kind and any(test(given) for test in tests[name]) for name in tests)


def _some(names: Sequence[str]) -> str:
    return f"{', '.join(map(repr, names[:3]))}{' …' if len(names) > 3 else ''}" or "nothing"

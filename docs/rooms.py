"""The rooms of srdata, which of them may import which, and how data goes through them."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "srdata"

# The rooms, lowest first: a module imports from its own room and from lower rows, not from a room beside it.
ROWS: tuple[tuple[str, ...], ...] = (
    ("errors", "vocabulary", "moved"),
    ("rng", "scale", "catalog"),
    ("common",),
    ("triton_kernels", "compiled"),
    ("images", "colour", "resize"),
    ("dihedral",),
    ("degrade", "store", "hub", "fetch", "niqe"),
    ("augment", "recipes"),
    ("prepared",),
    ("discovery", "exporting", "doctor"),
    ("inference", "duplicates", "set_changes"),
    ("curation",),
    ("preparation", "data"),
    ("difficulty", "metrics", "testsets"),
    ("report", "papers", "set_repair"),
    ("publishing", "describe", "option_files"),
    ("cli",),
    ("__main__",),
)
ROW = {room: number for number, row in enumerate(ROWS) for room in row}
_WIDTH = max(map(len, ROW)) + 1

# What becomes of an image on its way, and the rooms that do it.
LINE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("what is asked for", ("cli", "recipes", "papers")),
    ("files of a known data set, a folder of anyone's, a data set of the Hub", ("fetch", "discovery", "hub")),
    ("the images that are worth it, and the tiles of them", ("curation", "duplicates")),
    ("HR pixels, and LR made of them (or read, where they are there)", ("images", "degrade", "resize")),
    ("a prepared set: pixels, hashes and what was drawn", ("preparation", "store", "prepared")),
    ("crops, augmented, as batches on the device", ("data", "augment")),
    ("SR images, and how good they are", ("inference", "metrics")),
)


def picture() -> str:
    """The line of data, and below it the rooms, highest row first, each with what it is for."""
    line = "\n     │\n     ▼\n".join(f"{what}\n     {' · '.join(rooms)}" for what, rooms in LINE)
    rows = [[f"{room:{_WIDTH}}{_purpose(room)}" for room in row] for row in reversed(ROWS)]
    wall = "\n" + "─" * 110 + "\n"
    return f"```text\n{line}\n```\n\n```text\n{wall.join(chr(10).join(row) for row in rows)}\n```"


def _purpose(room: str) -> str:
    """The first line of what the room says of itself."""
    path = PACKAGE / room
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(source.read_text())) or "").splitlines()[0]

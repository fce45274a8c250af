"""Which pieces of a repository are written already: a run that was interrupted goes on behind them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from srdata.common.files import PART, write_file


class Piece(NamedTuple):
    """A shard, or some image files: so many samples of a split that follow those before."""

    config: str
    split: str
    samples: int
    bytes: int  # of images


class WrittenPieces:
    """The list in `file`, a line of JSON for each piece whose files are durable."""

    def __init__(self, file: Path) -> None:
        self._file = file
        for half in file.parent.glob(f"{file.name}{PART}*"):
            half.unlink()
        lines = file.read_bytes().splitlines() if file.exists() else []
        self._pieces = [Piece(*json.loads(line)) for line in lines]

    def of(self, config: str, split: str) -> list[Piece]:
        """The pieces of a split, in order."""
        return [piece for piece in self._pieces if (piece.config, piece.split) == (config, split)]

    def add(self, piece: Piece) -> None:
        """Note a piece whose files are durable."""
        self._pieces.append(piece)
        write_file(self._file, "".join(json.dumps(one) + "\n" for one in self._pieces).encode())

    def remove(self) -> None:
        """Delete the list: all is written."""
        self._file.unlink(missing_ok=True)

"""How far long work has come: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar

SECONDS_BETWEEN_LINES = 10.0

Advance = Callable[[int], None]
T = TypeVar("T")


def counted(items: Iterable[T], what: str, total: int | None, unit: str = "images") -> Iterator[T]:
    """Yield `items`, and show how many of them are done."""
    with progress(what, total, unit) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def progress(what: str, total: int | None, unit: str, scaled: bool = False) -> Iterator[Advance]:
    """Yield a function to call with the number of units just done.

    `total` is None where it is not known; `scaled` writes large numbers with k, M, G (for bytes). Everything
    goes to standard error.
    """
    stream = sys.stderr
    if stream.isatty():
        from tqdm import tqdm  # takes long, and lines of text need it not

        with tqdm(total=total, desc=what, unit=unit, unit_scale=scaled, file=stream) as bar:

            def advance(amount: int) -> None:
                bar.update(amount)

            yield advance
        return
    lines = _Lines(what, total, unit, stream, scaled)
    yield lines.advance
    lines.show()


class _Lines:
    """The same as lines of text: one every few seconds and one at the end."""

    def __init__(self, what: str, total: int | None, unit: str, stream: TextIO, scaled: bool) -> None:
        self.what, self.total, self.unit, self.stream, self.scaled = what, total, unit, stream, scaled
        self.done = 0
        self.shown = time.monotonic()

    def advance(self, amount: int) -> None:
        self.done += amount
        if time.monotonic() - self.shown >= SECONDS_BETWEEN_LINES:
            self.show()

    def show(self) -> None:
        self.shown = time.monotonic()
        of = "" if self.total is None else f"/{self._text(self.total)}"
        self.stream.write(f"{self.what}: {self._text(self.done)}{of} {self.unit}\n")
        self.stream.flush()

    def _text(self, number: int) -> str:
        if not self.scaled:
            return str(number)
        from tqdm import tqdm  # as above

        return str(tqdm.format_sizeof(number))

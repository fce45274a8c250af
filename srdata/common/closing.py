"""What is closed when its `with` block ends.

`contextlib.closing` would do it where each user thinks of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """A context manager whose end is `close`, whether or not there was an error."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is held; doing it twice does no harm."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

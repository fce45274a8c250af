"""What hostile input may do at most: one error of srdata in one line, within 10 s and 1 GiB.

assert "is no .npy file" in told(lambda: read_npy(b"PK", "x.npy"))
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from srdata.errors import RecipeError, SrdataError

MOST_S = 10
MOST_BYTES = 1 << 30


def peak_bytes() -> int:
    """The most memory that this process held since it was last asked for."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10  # type: ignore[index]  # Linux says it


@contextmanager
def within_bounds() -> Iterator[None]:
    """Fail where what is inside takes too much processor time or memory."""
    Path("/proc/self/clear_refs").write_text("5")
    held, started = peak_bytes(), time.process_time()
    yield
    assert time.process_time() - started < MOST_S
    assert peak_bytes() - held < MOST_BYTES


def told(read: Callable[[], object]) -> str | None:
    """What srdata says of an input, None where it takes it; anything else is a failure."""
    found: SrdataError | None = None
    with within_bounds():
        try:
            read()
        except SrdataError as error:
            found = error
    said = None if found is None else str(found)
    assert said is None or "\n" not in said or isinstance(found, RecipeError)
    return said

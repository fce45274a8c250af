"""The model of every file and setting that is checked whole: nothing is coerced, unknown or changed later."""

from __future__ import annotations

import threading
from typing import Any

from pydantic import BaseModel, ConfigDict

_BUILDING = threading.RLock()


class StrictModel(BaseModel):
    """Frozen fields of exactly their types, which may be classes of ours such as Scale, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


class WrittenModel(StrictModel):
    """The same, of what a person writes: built when the first is read, as most runs read few kinds."""

    model_config = ConfigDict(defer_build=True)

    @classmethod
    def model_rebuild(cls, **how: Any) -> bool | None:
        """Build it, by one thread at a time: pydantic before 2.14 may build it twice at once, and fail."""
        with _BUILDING:
            return super().model_rebuild(**how)

"""The model of every file and setting that is checked whole: nothing is coerced, unknown or changed later."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Frozen fields of exactly their types, which may be classes of ours such as Scale, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


class WrittenModel(StrictModel):
    """The same, of what a person writes: built when the first is read, as most runs read none of most kinds.

    Not for what threads are the first to make: pydantic before 2.14 may build it twice at once, and fail.
    """

    model_config = ConfigDict(defer_build=True)

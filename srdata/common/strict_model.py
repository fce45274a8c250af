"""The model of every file and setting that is checked whole: nothing is coerced, unknown or changed later."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Frozen fields of exactly their types, which may be classes of ours such as Scale, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

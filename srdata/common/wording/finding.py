"""What a check of a machine or of sets found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "note", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the report: a verdict, what it is about, and more on it."""

    verdict: Verdict
    what: str
    detail: str

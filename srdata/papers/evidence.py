"""What the settings of a paper recipe rest on: sources and departures, group by group.

`evidence` is a list for all groups, or a mapping from groups to lists, where `rest` is for all that it does
not name. `deviations` says of a group what the loader does otherwise than the authors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from srdata.papers.schema import Status

# OWNER/REPOSITORY:PATH or OWNER/REPOSITORY@COMMIT:PATH, the path a file of the authors or a pattern of files
_SOURCE = re.compile(r"[\w.-]+/[\w.-]+(@[0-9a-f]{7,40})?:[^\s:]+")
_GROUPS = (*Status.model_fields, "rest")


def _by_group(value: Any) -> Any:
    """The forms in which YAML has it: texts for all groups, or by group a text or several."""
    if isinstance(value, list | tuple):
        value = {"rest": value}
    if not isinstance(value, dict):
        return value
    if unknown := value.keys() - set(_GROUPS):
        raise ValueError(f"{min(map(str, unknown))} is none of {', '.join(_GROUPS)}")
    return {group: (told,) if isinstance(told, str) else tuple(told or ()) for group, told in value.items()}


ByGroup = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_by_group), Field(default={})]


def of_group(told: Mapping[str, tuple[str, ...]], group: str) -> tuple[str, ...]:
    """What is told of a group: by its name, else of all that are not named."""
    return told.get(group, told.get("rest", ()))


def unfounded(status: Status, evidence: Mapping[str, Any], deviations: Mapping[str, Any]) -> Iterator[str]:
    """Why a status claims too much, group by group; nothing where it does not."""
    for group in status.of("confirmed"):
        if not any(_SOURCE.fullmatch(source) for source in of_group(evidence, group)):
            yield f"{group} is confirmed, which needs a source of the form OWNER/REPOSITORY:PATH"
        if of_group(deviations, group):
            yield f"{group} deviates from what the authors do, so it is partial and not confirmed"

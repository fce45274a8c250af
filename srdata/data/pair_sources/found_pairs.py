"""The pairs that are chosen of all that somebody else's folder or file holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from srdata.common.wording.only_choice import pick
from srdata.data.pair_sources.sources import PairSource, file_pairs
from srdata.discovery.found_parts import Found
from srdata.discovery.image_bytes import ImageFile
from srdata.images import ImagePolicy
from srdata.scale import Scale

T = TypeVar("T")


@dataclass(frozen=True)
class FoundPairs:
    """Pairs of image files at one scale, by their keys."""

    hr: Mapping[str, ImageFile]
    lr: Mapping[str, ImageFile]
    scale: Scale

    def source(self, policy: ImagePolicy | None) -> PairSource:
        """The pairs as a source; raises UsageError when their sizes do not match."""
        return file_pairs(self.hr, self.lr, self.scale, policy)


def choose_pairs(
    path: Path, found: Found, split: str | None, track: str | None, scale: Scale | None
) -> FoundPairs:
    """The pairs of the parts that are chosen; UsageError for open choices and images without partner."""
    pairs = [(part, one) for part in found.parts for one in part.lr]
    pairs = narrowed(pairs, path, "split", split, lambda pair: pair[0].split)
    pairs = narrowed(pairs, path, "track", track, lambda pair: pair[1].name)
    pairs = narrowed(
        pairs, path, "scale", None if scale is None else str(scale), lambda pair: str(pair[1].scale)
    )
    return FoundPairs(
        {key: file for part, _ in pairs for key, file in part.hr.images.items()},
        {key: file for part, one in pairs for key, file in part.lr_images(one).items()},
        pairs[0][1].scale,
    )


def narrowed(
    found: list[T], path: Path, kind: str, wanted: str | None, value: Callable[[T], str | None]
) -> list[T]:
    """Those with the wanted value, or with none, which fits any."""
    known = sorted({text for one in found if (text := value(one)) is not None})
    if not known:
        return found
    chosen = pick(kind, wanted, known, path)
    return [one for one in found if value(one) in (chosen, None)]

"""Images that each have a smaller companion, called as they are and the same words more, or by their folder.

    0001.png   0001_small.png        thumb_0001.jpg   0001.jpg        scene1/a.png   scene1/b.png

Which words these are nobody can list: that they are the same for most images, and the sizes, tell.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from srdata.discovery.by_name.image_groups import Group
from srdata.discovery.by_name.image_sizes import ImageSizes

_MOST = 0.5  # of the names without an affix: so many have a companion with it
_TRIED = 8  # affixes, those of the most images first

Affix = tuple[str, str]  # before and behind the name of an image
Version = Mapping[str, str]  # of the same images: key → name
_NUMBER = re.compile(r"\d")


def with_companions(group: Group, sizes: ImageSizes) -> list[Group]:
    """The group in parts, the largest images and LR images that are called by them; as it is without such."""
    found = _smaller_ones(_by_affix(group.names), sizes) or _smaller_ones(
        _by_folder(group.names), sizes, sure=True
    )
    if found is None:
        return [group]
    high, low = found
    marks = replace(group.marks, side="lr", sure=False)
    return [
        *(replace(group, names=one, bare={}, whole=False) for one in high),
        *(replace(group, names=one, bare={}, whole=False, marks=marks) for one in low),
    ]


def _smaller_ones(
    versions: Sequence[Version], sizes: ImageSizes, sure: bool = False
) -> tuple[list[Version], list[Version]] | None:
    """The versions of the largest images, and those that are smaller by one ratio; None where none are.

    Also those of which this is doubtful, for it to be said, unless they are to be `sure`.
    """
    if len(versions) < 2:
        return None
    largest, *others = sorted(
        versions, key=lambda one: _pixels(next(iter(one.values())), sizes), reverse=True
    )
    high, low = [largest], list[Version]()
    for one in others:
        pairs = [(key, largest[key], name) for key, name in one.items() if key in largest]
        verdict = sizes.compare(pairs, None)
        if verdict.scale == 1:
            high.append(one)
        elif verdict.kind == "fits" or (len(pairs) > 1 and verdict.kind in ("most", "no scale") and not sure):
            low.append(one)
    return (high, low) if low else None


def _by_affix(names: Mapping[str, str]) -> list[Version]:
    """Names without an affix, and those with one that most have a companion with: 0001 and 0001_small."""
    lengths = set(map(len, names))
    if len(lengths) == 1:  # none is a part of another
        return []
    based = {key: bases for key in names if (bases := list(_bases(key, names, lengths)))}
    found: dict[Affix, dict[str, str]] = defaultdict(dict)
    for key, bases in based.items():
        for base, affix in bases:
            if base not in based:
                found[affix][base] = names[key]
    least = _MOST * (len(names) - len(based))
    common = [one for one in _commonest(found) if len(one) >= least]
    taken = {name for one in common for name in one.values()}
    return [{key: name for key, name in names.items() if name not in taken}, *common] if common else []


def _by_folder(names: Mapping[str, str]) -> list[Version]:
    """Folders that all hold the same few words, each for a version: scene1/a and scene1/b; no numbers."""
    stems = set[str]()
    for key in names:
        stems.add(key.rpartition("/")[2])
        if len(stems) > _TRIED:  # as among a million at once
            return []
    if len(stems) < 2 or any(map(_NUMBER.search, stems)):
        return []
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for key, name in names.items():
        folder, _, stem = key.rpartition("/")
        found[stem][folder] = name
    versions: list[Version] = list(found.values())
    alike = all(one.keys() == versions[0].keys() for one in versions)
    return versions if alike and len(versions[0]) > 1 else []


def _commonest(found: Mapping[Affix, Version]) -> list[Version]:
    return sorted(found.values(), key=len, reverse=True)[:_TRIED]


def _bases(key: str, names: Collection[str], lengths: Collection[int]) -> Iterator[tuple[str, Affix]]:
    """The names that a name has in it from its first letter on or to its last, and what is left then."""
    folder, slash, stem = key.rpartition("/")
    above = len(key) - len(stem)
    cuts = {cut for length in lengths for cut in (len(key) - length, length - above)}
    for cut in sorted(cut for cut in cuts if 0 < cut < len(stem)):
        first, last = stem[:cut], stem[cut:]
        if first[-1].isdecimal() and last[0].isdecimal():
            continue  # 0001 is not in 00012: a number is one word
        if (base := f"{folder}{slash}{first}") in names:
            yield base, ("", last)
        if (base := f"{folder}{slash}{last}") in names:
            yield base, (first, "")


def _pixels(name: str, sizes: ImageSizes) -> int:
    height, width = sizes.size(name) or (0, 0)
    return height * width

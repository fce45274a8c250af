"""Images of one folder that each have a smaller companion, called as they are and the same words more.

    0001.png   0001_small.png        thumb_0001.jpg   0001.jpg

Which words these are nobody can list: that they are the same for most images, and the sizes, tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from srdata.discovery.by_name.image_groups import Group
from srdata.discovery.by_name.image_sizes import ImageSizes

_MOST = 0.5  # of the names without an affix: so many have a companion with it
_TRIED = 8  # affixes, those of the most images first

Affix = tuple[str, str]  # before and behind the name of an image


def with_companions(group: Group, sizes: ImageSizes) -> list[Group]:
    """The group in parts, the largest images and LR images that are called by them; as it is without such."""
    versions = [
        one
        for one in _versions(group.names).values()
        if _of_one_ratio({key: (group.names[key], name) for key, name in one.items()}, sizes)
    ]
    if not versions:
        return [group]
    taken = {name for one in versions for name in one.values()}
    versions.append({key: name for key, name in group.names.items() if name not in taken})
    versions.sort(key=lambda one: _pixels(next(iter(one.values())), sizes), reverse=True)
    low = replace(group.marks, side="lr", sure=False)
    return [
        replace(group, names=names, bare={}, whole=False, marks=low if number else group.marks)
        for number, names in enumerate(versions)
    ]


def _versions(names: Mapping[str, str]) -> dict[Affix, dict[str, str]]:
    """The affixes that most names without one have a companion with: these, by the names without it."""
    based = {key: bases for key in names if (bases := list(_bases(key, names)))}
    found: dict[Affix, dict[str, str]] = defaultdict(dict)
    for key, bases in based.items():
        for base, affix in bases:
            if base not in based:
                found[affix][base] = names[key]
    least = _MOST * (len(names) - len(based))
    common = sorted(found, key=lambda affix: len(found[affix]), reverse=True)[:_TRIED]
    return {affix: found[affix] for affix in common if len(found[affix]) >= least}


def _bases(key: str, names: Iterable[str]) -> Iterator[tuple[str, Affix]]:
    """The names that a name has in it from its first letter on or to its last, and what is left then."""
    folder, slash, stem = key.rpartition("/")
    for cut in range(1, len(stem)):
        first, last = stem[:cut], stem[cut:]
        if first[-1].isdecimal() and last[0].isdecimal():
            continue  # 0001 is not in 00012: a number is one word
        if (base := f"{folder}{slash}{first}") in names:
            yield base, ("", last)
        if (base := f"{folder}{slash}{last}") in names:
            yield base, (first, "")


def _of_one_ratio(pairs: Mapping[str, tuple[str, str]], sizes: ImageSizes) -> bool:
    """Whether one image of each pair is, for the most part, a smaller version of the other."""
    compared = [(key, one, other) for key, (one, other) in pairs.items()]
    for verdict in (sizes.compare(compared, None), sizes.compare([(k, b, a) for k, a, b in compared], None)):
        if verdict.kind == "fits" or (len(pairs) > 1 and verdict.kind in ("most", "no scale")):
            return verdict.scale != 1
    return False


def _pixels(name: str, sizes: ImageSizes) -> int:
    height, width = sizes.size(name) or (0, 0)
    return height * width

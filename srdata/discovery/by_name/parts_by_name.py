"""The pairs among images of any names: a part for each group of HR images, with its LR images."""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from srdata.discovery.by_name.companions import with_companions
from srdata.discovery.by_name.group_links import Link, find_links
from srdata.discovery.by_name.image_groups import Group, marked_groups, normal, share
from srdata.discovery.by_name.image_sizes import ImageSizes
from srdata.discovery.by_name.name_marks import Marks, marks_of_folder, marks_of_image
from srdata.discovery.by_name.refusals import (
    command,
    lr_alone,
    no_names_in_common,
    orphans,
    two_lr,
    without,
    wrong_sizes,
)
from srdata.discovery.found_parts import GIVEN, Lr, Part, Pile, Track
from srdata.discovery.image_bytes import ImageFile
from srdata.discovery.named_files import chosen
from srdata.scale import Scale
from srdata.vocabulary import Split

_ALIKE = 0.5  # of the names of two groups that are versions of the same images


def parts_by_name(root: PurePath, files: Mapping[str, ImageFile]) -> tuple[list[Part], list[str]]:
    """The parts among image files by their names below `root`, and what is left out, in words.

    Where nothing speaks for pairs all images are HR. Raises UsageError where HR cannot be told from LR.
    """
    sizes = ImageSizes(files)
    groups, free = _by_companions(*marked_groups(files), sizes)
    links = find_links(root, groups, free, sizes)
    _refuse_lonely(root, groups, links)
    by_hr: dict[int, list[Link]] = defaultdict(list)
    for link in links:
        by_hr[id(link.hr)].append(link)
    parts = [(some[0].hr, _part(root, some, files)) for some in by_hr.values()]
    parts += [(group, _alone(root, group, files)) for group in _hr_alone(groups, links)]
    used = {name for group, _ in parts for name in group.names.values()}
    used |= {name for link in links for name in link.lr.names.values()}
    rest = [name for name in files if name not in used]
    if links:
        packed = [name for name in rest if not isinstance(files[name], Path)]  # files are listed with others
        parts.sort(key=lambda pair: pair[1].hr.where)
        return _told_apart(parts), [without(packed)] if packed else []
    return _told_apart([*parts, *_free(root, rest, files)]), []


def _by_companions(
    groups: Sequence[Group], free: Sequence[str], sizes: ImageSizes
) -> tuple[list[Group], Sequence[str]]:
    """The same groups and names, where those of HR images that have their LR images beside them are two."""
    found = [
        one for group in groups for one in (with_companions(group, sizes) if group.side == "hr" else [group])
    ]
    spot = _common_folder(free)
    start = f"{spot}/"
    below = {normal(name.removeprefix(start)): name for name in free}
    several = with_companions(Group(spot, Marks(), (), below), sizes)
    return (found, free) if len(several) == 1 else ([*found, *several], [])


def _common_folder(names: Sequence[str]) -> str:
    """The folder, or "", in which all of these names lie."""
    spots = {name[: name.rfind("/") + 1] for name in names}
    return posixpath.commonpath([posixpath.dirname(spot) for spot in spots]) if names else ""


def _refuse_lonely(root: PurePath, groups: Sequence[Group], links: Sequence[Link]) -> None:
    """Raise UsageError for groups that are LR by name and face no HR images."""
    faced = {id(link.lr) for link in links}
    lonely = [group for group in groups if id(group) not in faced and group.side != "hr"]
    sure = [group for group in lonely if group.marks.sure]
    scaled = [group for group in lonely if group.marks.scale and group.side is None]
    versions = [
        one
        for one in scaled
        if any(one is not two and share(one.names, two.names) >= _ALIKE for two in scaled)
    ]
    high = [group for group in groups if group.side == "hr"]
    for group in sure:
        if hr := next((one for one in high if (one.prefix, one.split) == (group.prefix, group.split)), None):
            raise no_names_in_common(root, hr, group)
    if sure or versions:
        raise lr_alone(root, sure or versions)


def _hr_alone(groups: Sequence[Group], links: Sequence[Link]) -> Iterator[Group]:
    """Groups that are HR for sure, without LR images, and no other version of HR images that have some."""
    paired = {id(link.hr): link.hr for link in links} | {id(link.lr): link.lr for link in links}
    for group in groups:
        if id(group) in paired or group.side != "hr" or not group.marks.sure:
            continue
        others = (one for one in paired.values() if one.prefix == group.prefix and one.split == group.split)
        if not any(share(group.names, one.names) >= _ALIKE for one in others):
            yield group


def _part(root: PurePath, links: Sequence[Link], files: Mapping[str, ImageFile]) -> Part:
    hr = links[0].hr
    keys = keys_of(hr, links)
    tracks: dict[Track, list[Link]] = defaultdict(list)
    for link in links:
        tracks[Track(_track(link.lr), link.scale or link.lr.marks.scale or Scale(1))].append(link)
    return Part(
        hr.split or next((link.lr.split for link in links if link.lr.split), None),
        Pile(_where(root, hr), chosen(files, keys)),
        {track: _lr(root, track, some, keys, files) for track, some in sorted(tracks.items())},
        hr.marks.scale,
    )


def _lr(
    root: PurePath,
    track: Track,
    links: Sequence[Link],
    keys: Mapping[str, str],
    files: Mapping[str, ImageFile],
) -> Lr:
    link = links[0]
    there = {key: link.pairs[name] for key, name in keys.items() if name in link.pairs}
    missing = [key for key in keys if key not in there]
    extra = sorted(set(link.lr.names.values()) - set(there.values()))
    problem = None
    if len(links) > 1:
        problem = two_lr(root, link.hr, [one.lr for one in links], track.scale)
    elif link.verdict.kind != "fits":
        problem = wrong_sizes(root, link.hr, link.lr, link.verdict)
    elif missing or extra:
        stems = [name.rpartition("/")[2] for name in extra]
        problem = orphans(root, link.hr, link.lr, missing, stems, link.scale)
    images = chosen(files, there | {name: name for name in extra})
    return Lr(Pile(_where(root, link.lr), images), problem, command(root, link.hr, link.lr, link.scale))


def _track(lr: Group) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", lr.marks.track).strip("-._") or GIVEN


def keys_of(hr: Group, links: Iterable[Link] = ()) -> Mapping[str, str]:
    """The keys of HR images: their names without marks, where those say a side or LR images have no marks."""
    if not hr.bare:
        return hr.names
    sided = any(marks_of_image(key.rpartition("/")[2])[0].side for key in hr.names)
    lower = {key for link in links for group in (link.lr,) for key in (*group.names, *group.bare)}
    return hr.bare if sided or (not any(key in lower for key in hr.names) and lower) else hr.names


def _alone(root: PurePath, group: Group, files: Mapping[str, ImageFile]) -> Part:
    images = chosen(files, keys_of(group))
    return Part(group.split, Pile(_where(root, group), images), scale=group.marks.scale)


def _where(root: PurePath, group: Group) -> PurePath:
    return root / group.spot if group.whole else root / group.pattern


def _free(
    root: PurePath, names: Iterable[str], files: Mapping[str, ImageFile]
) -> Iterator[tuple[Group | None, Part]]:
    """The images of which names say nothing but their split, by their names below the root."""
    splits: dict[Split | None, dict[str, str]] = defaultdict(dict)
    known: dict[str, Split | None] = {}
    for name in names:
        folder = name.rpartition("/")[0]
        if folder not in known:
            said = [marks_of_folder(part)[0].split for part in folder.split("/")]
            known[folder] = next((split for split in reversed(said) if split), None)
        splits[known[folder]][normal(name)] = name
    for split, keys in splits.items():
        yield None, Part(split, Pile(root, chosen(files, keys)))


def _told_apart(parts: Sequence[tuple[Group | None, Part]]) -> list[Part]:
    """The parts, with the split in the keys where two splits hold the same, else the names of folders."""
    plain = [part for _, part in parts]
    if not _twins(plain):
        return plain
    named = [_renamed(part, part.split or "") for part in plain]
    if not _twins(named) and all(part.split for part in plain):
        return named
    return [
        _renamed(part, "/".join(dict.fromkeys(filter(None, (part.split, *(group.prefix if group else ()))))))
        for group, part in parts
    ]


def _twins(parts: Sequence[Part]) -> bool:
    """Whether two parts have a key in common, where not each is of a scale of its own."""
    counts: Counter[tuple[object, str]] = Counter()
    for part in parts if len(parts) > 1 else ():
        counts.update((part.scale, key) for key in part.hr.images)
    return any(count > 1 for count in counts.values())


def _renamed(part: Part, prefix: str) -> Part:
    if not prefix:
        return part
    return replace(
        part,
        hr=_under(prefix, part.hr),
        lr={
            track: replace(
                lr,
                pile=_under(prefix, lr.pile),
            )
            for track, lr in part.lr.items()
        },
    )


def _under(prefix: str, pile: Pile) -> Pile:
    return Pile(pile.where, chosen(pile.images, {f"{prefix}/{key}": key for key in pile.images}))

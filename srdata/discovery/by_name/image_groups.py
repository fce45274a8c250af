"""Images that stand together: in one folder, and where a folder mixes HR and LR, those of one mark."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from srdata.discovery.by_name.name_marks import (
    Marks,
    Side,
    marks_of_folder,
    marks_of_image,
    may_have_marks,
    scale_of,
)
from srdata.errors import UsageError
from srdata.vocabulary import Split

_MOST_SIBLINGS = 16  # folders beside each other that are compared; more are classes of images
_SHARED = 0.5  # of the fewer names of two: what makes them two versions of the same images


@dataclass(frozen=True)
class Group:
    """Images by the names that they have there, and what names say of all of them."""

    spot: str  # the folder, relative to the root: DIV2K_train_LR_bicubic/X4, or "" for the root
    marks: Marks
    prefix: tuple[str, ...]  # what is left of the folder's name and of those above it
    names: Mapping[str, str]  # key → name below the root
    bare: Mapping[str, str] = field(default_factory=dict)  # the same by names without marks, if they have any
    whole: bool = True  # whether it is all of its folder, or what has one mark in its names

    @property
    def split(self) -> Split | None:
        """The split, where the names of folders tell."""
        return self.marks.split

    @property
    def side(self) -> Side | None:
        """The side, where names tell."""
        return self.marks.side

    @cached_property
    def pattern(self) -> str:
        """What --hr or --lr takes for it: its folder, or how its images are called."""
        if self.whole:
            return self.spot or "{key}"
        key, name = next(iter(self.names.items()))
        stem = name.rpartition("/")[2]
        if not self.marks.any and normal(stem) == key.rpartition("/")[2]:
            if any("/" in key for key in self.names):
                return "{key}"
            return "/".join(filter(None, (".", self.spot, "{key}")))  # those that lie in the folder itself
        spot = f"{self.spot}/" if self.spot else ""
        short = key.rpartition("/")[2]
        if short in stem:
            return spot + "{key}".join(stem.rsplit(short, 1))
        return f"{spot}{{key}}/{stem}"  # scene/hr


def normal(name: str) -> str:
    """A name in the one form in which names are compared."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def marked_groups(names: Iterable[str]) -> tuple[list[Group], list[str]]:
    """The groups whose names say a side or scale, or that stand beside such, and all other names."""
    names = list(names)
    scaled = _numbered_folders(names)
    found: dict[tuple[str, Marks, tuple[str, ...]], dict[str, str]] = defaultdict(dict)
    folders: dict[str, tuple[dict[str, str], str]] = {}  # where its images are put, and below what
    for name in names:
        folder, slash, stem = name.rpartition("/")
        if folder not in folders:
            spot, marks, prefix, plain = _read_folder(tuple(folder.split("/")) if slash else (), scaled)
            folders[folder] = found[spot, marks, prefix], "".join(f"{part}/" for part in plain)
        images, below = folders[folder]
        _put(images, below + stem, name)
    groups, free = [], list[str]()
    for (spot, marks, prefix), images in found.items():
        for group in _by_mark(Group(spot, marks, prefix, images)):
            if group.marks.any or not group.whole:
                groups.append(group)
            else:
                free += group.names.values()
    return groups, free


def _put(images: dict[str, str], key: str, name: str) -> None:
    if (there := images.setdefault(normal(key), name)) != name:
        raise UsageError(
            f"two images have one name in two forms of Unicode, {there!r} and {name!r}: rename one"
        )


def _numbered_folders(names: Iterable[str]) -> set[tuple[str, ...]]:
    """The folders called 2, 3, 4 that hold LR images of just that scale, as those of RealSR."""
    said: dict[str, set[str] | None] = {}  # None of folders that no scale has for a name
    for name in names:
        folder, _, stem = name.rpartition("/")
        if folder not in said:
            said[folder] = set() if _is_scale(_last(folder)) else None
        scales = said[folder]
        if scales is not None and (scale := marks_of_image(stem)[0].scale) is not None:
            scales.add(str(scale))
    return {tuple(folder.split("/")) for folder, scales in said.items() if scales == {_last(folder)}}


def _is_scale(name: str) -> bool:
    return name.isdecimal() and str(scale_of(name)) == name


def _last(folder: str) -> str:
    return folder.rpartition("/")[2]


def _read_folder(
    folder: tuple[str, ...], scaled: set[tuple[str, ...]]
) -> tuple[str, Marks, tuple[str, ...], tuple[str, ...]]:
    """The spot, the marks, what is left of the names down to the last mark, and the folders below that."""
    read = [
        (Marks(scale=scale_of(part)), "") if folder[: number + 1] in scaled else marks_of_folder(part)
        for number, part in enumerate(folder)
    ]
    last = max((i for i, (marks, _) in enumerate(read) if marks.any), default=-1)
    sided = max((i for i, (marks, _) in enumerate(read) if marks.side), default=last)
    said = Marks()
    for marks, _ in read:
        said = said.then(marks)
    prefix = tuple(rest for _, rest in read[: sided + 1] if rest)
    below = [(part, marks) for part, (marks, _) in zip(folder[sided + 1 :], read[sided + 1 :], strict=True)]
    plain = tuple(part for part, marks in below if not (marks.any or marks.split))
    spot = folder[: sided + 1]
    for part, marks in below:
        if not (marks.any or marks.split):
            break
        spot = (*spot, part)
    return "/".join(spot), said, prefix, plain


def _by_mark(group: Group) -> list[Group]:
    """The group in parts that show the same, such as 0001_HR and 0001_LR; as it is where there are none."""
    if not may_have_marks(group.names):
        return [group]
    classes: dict[Marks, dict[str, str]] = defaultdict(dict)
    clash = False
    for key, name in group.names.items():
        marks, bare = _bare(key)
        clash |= bare in classes[marks]
        classes[marks][bare] = name
    if clash:
        return [group]
    if len(classes) == 1:
        ((marks, names),) = classes.items()
        if not marks.any:
            return [group]
        sided = marks.then(group.marks) if group.side else group.marks.then(marks)
        return [replace(group, marks=sided, bare=names)]
    if not _show_the_same(classes):
        return [replace(group, bare={key: name for one in classes.values() for key, name in one.items()})]
    return [
        replace(group, marks=group.marks.then(marks), names=bare, whole=False)
        for marks, bare in classes.items()
    ]


def bare_names(images: Mapping[str, str]) -> dict[str, str]:
    """The names without their marks; none where there are no marks, or two would be equal."""
    bare = {_bare(key)[1]: name for key, name in images.items()}
    return bare if len(bare) == len(images) and bare.keys() != images.keys() else {}


def _bare(key: str) -> tuple[Marks, str]:
    folder, _, stem = key.rpartition("/")
    marks, bare = marks_of_image(stem)
    if not folder and not (bare and marks.any):
        return _numbered(key)
    return marks, "/".join(filter(None, (folder, bare)))


def _numbered(stem: str) -> tuple[Marks, str]:
    """The side of hr1, hr_2, … of which the number is the name."""
    word = stem.rstrip("0123456789")
    (marks, rest), number = marks_of_image(word.rstrip("_- ")), stem[len(word) :]
    return (Marks(marks.side, marks.sure), number) if marks.side and number and not rest else (Marks(), stem)


def _show_the_same(classes: Mapping[Marks, Mapping[str, str]]) -> bool:
    """Whether some marked names are, for the most part, those of others."""
    return any(
        one is not other and share(classes[one], classes[other]) >= _SHARED
        for one in classes
        if one.any
        for other in classes
    )


def share(one: Mapping[str, object], other: Mapping[str, object]) -> float:
    """How many of the fewer keys of two are in both, from 0 to 1."""
    fewer, more = sorted((one, other), key=len)
    return sum(key in more for key in fewer) / max(1, len(fewer))


def unmarked_groups(free: Iterable[str], marked: Iterable[Group]) -> list[list[Group]]:
    """Folders beside each other, or beside marked ones, that hold images of the same names.

    Those of one parent stand together, the uppermost first.
    """
    free = list(free)
    beside: dict[tuple[str, ...], list[Group]] = defaultdict(list)
    for group in marked:
        beside[_parent(group)].append(group)
    units = _units(free)
    compared = {parent for parent in units if len(units[parent]) > 1 or parent in beside}
    compared = {parent for parent in compared if len(units[parent]) <= _MOST_SIBLINGS}
    inside: dict[str, list[tuple[dict[str, str], str]]] = {}  # where its images are put, and below what
    for name in free if compared else ():
        folder, slash, stem = name.rpartition("/")
        if folder not in inside:
            inside[folder] = list(_places(tuple(folder.split("/")) if slash else (), compared, units))
        for images, below in inside[folder]:
            images[normal(below + stem)] = name
    found = (
        _alike(parent, units[parent], beside[parent])
        for parent in sorted(units, key=len)
        if parent in compared
    )
    return [groups for groups in found if groups]


_Units = dict[tuple[str, ...], dict[str, dict[str, str]]]


def _units(names: Iterable[str]) -> _Units:
    """The folders in each folder, and "" where there are images, with room for all images in them."""
    units: _Units = defaultdict(lambda: defaultdict(dict))
    for spot in dict.fromkeys(name[: name.rfind("/") + 1] for name in names):
        folder = tuple(spot.split("/")[:-1])
        for depth in (len(folder), *range(len(folder))):
            units[folder[:depth]]["".join(folder[depth : depth + 1])] = {}
    return units


def _places(
    folder: tuple[str, ...], compared: Collection[tuple[str, ...]], units: _Units
) -> Iterator[tuple[dict[str, str], str]]:
    """What holds the images of a folder in those above it that are compared, and their place below that."""
    for depth in range(len(folder) + 1):
        if folder[:depth] in compared:
            unit = "".join(folder[depth : depth + 1])
            yield units[folder[:depth]][unit], "".join(f"{part}/" for part in folder[depth + 1 :])


def _parent(group: Group) -> tuple[str, ...]:
    """The folder in which the folder with the marked name stands."""
    parts = tuple(filter(None, group.spot.split("/")))
    first = next((i for i, part in enumerate(parts) if marks_of_folder(part)[0].any), len(parts))
    return parts[:first]


def _alike(
    parent: tuple[str, ...], units: Mapping[str, Mapping[str, str]], beside: Iterable[Group]
) -> list[Group]:
    """Those units that share names with another one, or with a marked group."""
    others = [keys for group in beside for keys in (group.names, group.bare) if keys]
    found = []
    for unit, images in units.items():
        rest = [other for name, other in units.items() if name != unit]
        if any(share(images, other) >= _SHARED for other in (*rest, *others)):
            path = (*parent, unit) if unit else parent
            spot, said = "/".join(path), Marks()
            for part in path:
                said = said.then(marks_of_folder(part)[0])
            prefix = tuple(left for part in parent if (left := marks_of_folder(part)[1]))
            marks = Marks(split=said.split)
            found.append(Group(spot, marks, prefix, images, bare_names(images), whole=bool(unit)))
    return found

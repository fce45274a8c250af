"""`inspect`: what a file or folder of images is, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from srdata.common.progress import Advance, progress
from srdata.common.wording.amounts import how_many
from srdata.discovery.by_name.refusals import text
from srdata.discovery.forms.lmdb_folders import has_list, stored_keys
from srdata.discovery.found_parts import Found, Lr, Part, Pile, Track, key_problem
from srdata.discovery.image_bytes import ImageFile, LmdbImage, header_of, pixels_of
from srdata.discovery.known_forms import find_parts
from srdata.discovery.unused_files import unused_files
from srdata.errors import SrdataError, given_path
from srdata.images import ImageInfo, ImagePolicy, admit, describe_left_out
from srdata.store.export_json import read_export
from srdata.store.set_json import SET_FILE, check_files, read_set

SHOWN = 10  # problems of one kind, and names in one
Size = tuple[int, int]


@dataclass
class Inspection:
    """What was found: lines that describe it, and every problem."""

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The lines, then the problems."""
        return "\n".join([*self.lines, *(f"PROBLEM {one}" for one in self.problems)])


class CheckSettings(NamedTuple):
    """How images are looked at: by their pixels or only by their headers, and what they may be."""

    full: bool
    policy: ImagePolicy


def inspect(path: str | Path, *, full: bool = False, images: ImagePolicy | None = None) -> Inspection:
    """What is at `path`: its form, images, sizes, pairs and scales, by the headers of all images.

    `full` decodes every image as well; `images` says how those that are not plain 8-bit RGB are to be read,
    such as ImagePolicy(alpha="white"). Whatever is wrong becomes a problem in the result; nothing is raised
    for it, nothing is unpickled, and nothing outside `path` is read.
    """
    told, place = Inspection(), given_path(path)
    try:
        _inspect(place, told, CheckSettings(full, images or ImagePolicy()))
    except (SrdataError, OSError) as error:
        told.problems.append(str(error))
    return told


def _inspect(path: Path, told: Inspection, how: CheckSettings) -> None:
    if (path / SET_FILE).is_file():
        _inspect_set(path, told)
        return
    if (exported := read_export(path)) is not None:
        told.lines.append(f"exported from the srdata set {exported.name} as {exported.form}")
    found = find_parts(path)
    told.problems += found.left_out
    told.lines.append(f"form      {found.form}{', sub-images' if found.subimages else ''}")
    total = sum(
        len(part.hr.images) + sum(len(lr.pile.images) for lr in part.lr.values()) for part in found.parts
    )
    with progress("inspect", total, "images") as advance:
        for part in found.parts:
            _inspect_part(part, told, how, advance)
    told.problems += _unlisted(found.parts)
    if not found.paired:
        told.lines.append("LR        none")
    _tell_unused(path, found, told)


def _tell_unused(path: Path, found: Found, told: Inspection) -> None:
    """What lies beside the images; a problem where it is, or may hold, an image."""
    unused = unused_files(path, found)
    told.lines += [
        f"not used  {line}" for line in describe_left_out(path, (one for one in unused if not one.picture))
    ]
    told.problems += [
        f"not used: {line}" for line in describe_left_out(path, (one for one in unused if one.picture))
    ]


def _inspect_set(path: Path, told: Inspection) -> None:
    content = read_set(path)
    counts = ", ".join(f"{count} {split}" for split, count in content.counts.items())
    told.lines += [
        f"form      prepared set {content.name} of srdata, layout {content.layout}",
        f"images    {counts}",
        f"scale     {', '.join(f'x{scale}' for scale in content.scales)}",
        "see also  srdata verify, which reads every byte",
    ]
    told.problems += [
        f"{one.path} {one.problem}" for one in check_files(path, content, full=False) if one.problem
    ]


def _inspect_part(part: Part, told: Inspection, how: CheckSettings, advance: Advance) -> None:
    high = _inspect_pile(part.hr, f"HR ({part.split or 'split not told'})", told, how, advance)
    for track, lr in part.lr.items():
        low = _inspect_pile(lr.pile, f"LR {track.name} {track.scale.label}", told, how, advance)
        _compare(part, track, lr, high, low, told)


def _inspect_pile(
    pile: Pile, what: str, told: Inspection, how: CheckSettings, advance: Advance
) -> dict[str, Size]:
    """Describe a pile; gives the size of each image that has one."""
    infos: dict[str, ImageInfo] = {}
    sizes: dict[str, Size] = {}
    problems: list[str] = []
    for key, file in pile.images.items():
        try:
            infos[key] = info = header_of(file)
            sizes[key] = info.size
            problems += _listed_otherwise(file, sizes[key])
            if how.full:
                pixels_of(file, how.policy)
            else:
                admit(info, how.policy, str(file))
        except (SrdataError, OSError) as error:
            problems.append(str(error))
        advance(1)
    told.lines.append(
        f"{what}: {how_many(len(pile.images), 'image')} in {pile.where}, "
        f"{_range(sizes)}{_kinds(infos.values())}"
    )
    bad_key = key_problem(pile)
    told.problems += _few([*problems, *([bad_key] if bad_key else [])])
    return sizes


def _kinds(infos: Iterable[ImageInfo]) -> str:
    """How many images are not plain RGB of 8 bits, or lie on their side."""
    found = Counter(kind for info in infos for kind in _kinds_of(info))
    return "".join(f", {count} {kind}" for kind, count in found.items())


def _kinds_of(info: ImageInfo) -> Iterator[str]:
    if info.channels == 1:
        yield "grey"
    if info.deep:
        yield f"of {info.maxval.bit_length()} bits" if info.maxval else "of samples that are not read"
    if info.orientation != 1:
        yield "turned by EXIF orientation"


def _listed_otherwise(file: ImageFile, size: Size) -> Iterator[str]:
    if isinstance(file, LmdbImage) and file.height and (file.height, file.width) != size:
        yield f"{file}: is {text(size)}, listed as {text((file.height, file.width))}"


def _unlisted(parts: Iterable[Part]) -> Iterator[str]:
    """The keys of LMDBs that their lists leave out."""
    listed: dict[Path, set[str]] = {}
    for part in parts:
        for pile in (part.hr, *(lr.pile for lr in part.lr.values())):
            for file in pile.images.values():
                if isinstance(file, LmdbImage):
                    listed.setdefault(file.folder, set()).add(file.name)
    for folder, keys in listed.items():
        if has_list(folder) and (surplus := sorted(stored_keys(folder) - keys)):
            yield f"{folder}: its list lacks {how_many(len(surplus), 'key')}: {', '.join(surplus[:SHOWN])}"


def _compare(
    part: Part, track: Track, lr: Lr, high: dict[str, Size], low: dict[str, Size], told: Inspection
) -> None:
    """Whether every HR image has its LR image, of the size that the scale asks for."""
    try:
        keys = list(part.lr_images(track))
    except SrdataError as error:
        told.problems.append(str(error))
        return
    told.lines.append(f"pairs     {len(keys)} at {track.scale.label}")
    wrong = []
    for key in keys:
        if key in high and key in low:
            wanted = track.scale.lr(high[key][0]), track.scale.lr(high[key][1])
            if low[key] != wanted:
                wrong.append(f"{key}: LR is {text(low[key])}, HR {text(high[key])} asks for {text(wanted)}")
    told.problems += _few(wrong)


def _range(sizes: dict[str, Size]) -> str:
    """The sizes of many images: each if there are few, else the smallest and largest sides."""
    if not sizes:
        return "none readable"
    counts = Counter(sizes.values())
    if len(counts) <= 3:
        return ", ".join(f"{count} of {text(size)}" for size, count in counts.most_common())
    sides = [side for size in sizes.values() for side in size]
    return f"{len(counts)} sizes with sides of {min(sides)} to {max(sides)} pixels"


def _few(problems: list[str]) -> list[str]:
    more = len(problems) - SHOWN
    return [*problems[:SHOWN], *([f"and {more} more like these"] if more > 0 else [])]

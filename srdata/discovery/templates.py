"""HR and LR images that the user names: a folder, an LMDB, or how images are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from srdata.common.safe_names import folded
from srdata.common.wording.amounts import how_many
from srdata.discovery.by_name.group_links import pairs_between
from srdata.discovery.by_name.image_groups import Group, bare_names, normal
from srdata.discovery.by_name.image_sizes import ImageSizes
from srdata.discovery.by_name.name_marks import Marks
from srdata.discovery.by_name.parts_by_name import keys_of
from srdata.discovery.by_name.refusals import example
from srdata.discovery.found_parts import GIVEN, Found, Lr, Part, Pile, Track
from srdata.discovery.image_bytes import ImageFile
from srdata.discovery.pairing import SIDEWAYS, UPRIGHT, listed
from srdata.errors import UsageError
from srdata.scale import Scale


def fitting(path: PurePath, files: Mapping[str, ImageFile], pattern: str) -> Group:
    """The images of a folder or LMDB below `path`, or those that are called so; UsageError for none."""
    if "{key}" in pattern:
        names = _called(files, pattern)
    else:
        folder = "" if pattern in (".", "./") else f"{pattern.rstrip('/')}/"
        names = {name.removeprefix(folder): name for name in files if name.startswith(folder)}
    if not names:
        there = f": one is {next(iter(files))}, and {{key}} stands for its key" if files else ""
        raise UsageError(f"{path}: no image is called {pattern}{there}")
    keys = {normal(key): name for key, name in names.items()}
    return Group(pattern, Marks(), (), keys, bare_names(keys))


def _called(files: Mapping[str, ImageFile], pattern: str) -> dict[str, str]:
    key = "[^/]+" if pattern.startswith("./") else ".+"  # ./{key} lies in the folder itself
    text = re.escape(pattern.removeprefix("./"))
    text = text.replace(r"\{key\}", f"(?P<key>{key})", 1).replace(r"\{key\}", "(?P=key)")
    wanted = re.compile(text)
    found = {}
    for name, file in files.items():
        suffix = file.suffix if isinstance(file, Path) else Path(file.name).suffix
        if match := wanted.fullmatch(name) or wanted.fullmatch(name + suffix):
            found[match["key"]] = name
    return found


def hr_by_template(path: PurePath, hr: Group, files: Mapping[str, ImageFile]) -> Found:
    """Those images as HR."""
    images = {key: files[name] for key, name in keys_of(hr).items()}
    return Found("files by template", (Part(None, Pile(path / hr.spot, images)),))


def pairs_by_template(
    path: PurePath, hr: Group, low: Sequence[Group], files: Mapping[str, ImageFile], scales: Sequence[Scale]
) -> Found:
    """The pairs of those images that fit at one scale; raises UsageError where none do.

    `scales` are tried where sizes have no whole scale, or are those of `low` where it is several.
    """
    hr, low = _apart(hr, low)
    sizes, found, left_out = ImageSizes(files), dict[Track, dict[str, str]](), list[str]()
    for number, group in enumerate(low):
        pairs = pairs_between(hr, group) or pairs_between(_in_lower_case(hr), _in_lower_case(group))
        scale = _scale(sizes, pairs, [scales[number]] if len(low) > 1 else [None, *scales])
        fit = {high: lower for high, lower in pairs.values() if _fits(sizes, high, lower, scale)}
        found[Track(GIVEN, scale)] = fit
        left_out += _unused(group, set(fit.values()), "LR")
    keys = {key: name for key, name in keys_of(hr).items() if all(name in fit for fit in found.values())}
    if not keys:
        raise UsageError(f"{path}: no image of {hr.spot} has its LR image in {low[0].spot} at one scale")
    left_out = [*_unused(hr, set(keys.values()), "HR"), *left_out]
    lr = {
        track: Lr(Pile(path / group.spot, {key: files[fit[name]] for key, name in keys.items()}))
        for group, (track, fit) in zip(low, found.items(), strict=True)
    }
    high = Pile(path / hr.spot, {key: files[name] for key, name in keys.items()})
    return Found("files by template", (Part(None, high, lr),), tuple(left_out))


def _apart(hr: Group, low: Sequence[Group]) -> tuple[Group, Sequence[Group]]:
    """The groups without what two have in common, which belongs to the one that is named more exactly."""
    several = []
    for group in low:
        fewer, more = sorted((hr, group), key=lambda one: len(one.names))
        taken = set(fewer.names.values())
        rest = replace(more, names={key: name for key, name in more.names.items() if name not in taken})
        hr, group = (rest, group) if more is hr else (hr, rest)
        several.append(group)
    return hr, several


def _in_lower_case(group: Group) -> Group:
    """The group by names without upper case, which only the user can say are the same."""
    return replace(group, names={folded(key): name for key, name in group.names.items()}, bare={})


def _scale(sizes: ImageSizes, pairs: Mapping[str, tuple[str, str]], tried: Iterable[Scale | None]) -> Scale:
    """The first of the scales tried, None for any whole one, that most pairs have; UsageError for none."""
    compared = [(key, high, low) for key, (high, low) in pairs.items()]
    verdicts = [sizes.compare(compared, told) for told in tried]
    for verdict in verdicts:
        if verdict.scale is not None:
            return verdict.scale
    verdict = verdicts[-1]
    if verdict.kind == "sideways":
        raise UsageError(f"{SIDEWAYS}, as {example(verdict)}: {UPRIGHT}")
    raise UsageError(
        f"the sizes of HR and LR images are of no one scale, as {example(verdict)}: "
        "give the one that they have by --scale"
    )


def _fits(sizes: ImageSizes, high: str, low: str, scale: Scale) -> bool:
    """Whether a pair has the sizes of its scale, or cannot be read, which is found later and named."""
    hr, lr = sizes.size(high), sizes.size(low)
    return hr is None or lr is None or (scale.lr(hr[0]), scale.lr(hr[1])) == lr


def _unused(group: Group, used: set[str], side: str) -> list[str]:
    names = [name for name in group.names.values() if name not in used]
    return (
        [f"{how_many(len(names), f'{side} image')} without a partner that fits: {listed(names)}"]
        if names
        else []
    )

"""What is said where images look like pairs and it is not clear which: the folders, and how to name them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from srdata.common.safe_names import folded
from srdata.common.wording.amounts import how_many
from srdata.discovery.by_name.image_groups import Group
from srdata.discovery.by_name.image_sizes import Size, Verdict, lies_sideways
from srdata.discovery.pairing import SIDEWAYS, UPRIGHT, listed
from srdata.errors import UsageError
from srdata.scale import Scale


class UnclearPairsError(UsageError):
    """HR and LR cannot be told apart; `--hr` and `--lr` say which they are."""


def contradiction(root: PurePath, hr: Group, lr: Group, verdict: Verdict) -> UnclearPairsError:
    """The error for LR images that are larger than the HR images of their names."""
    return UnclearPairsError(
        f"{root}: by its name {shown(lr)} holds the LR images of {shown(hr)}, but {example(verdict)}: "
        f"if it holds HR images, {command(root, lr, hr)}"
    )


def two_hr(root: PurePath, lr: Group, one: Group, other: Group) -> UnclearPairsError:
    """The error for LR images that two groups may be the HR images of."""
    return UnclearPairsError(
        f"{root}: {shown(one)} and {shown(other)} may both be the HR images of {shown(lr)}: "
        f"say which by {command(root, one, lr)}"
    )


def lr_alone(root: PurePath, groups: Sequence[Group]) -> UnclearPairsError:
    """The error for LR images without any HR images."""
    where = " and ".join(map(shown, groups[:3]))
    return UnclearPairsError(
        f"{root}: {where} {'is' if len(groups) == 1 else 'are'} named as LR, and no HR images have these "
        "names: give the folder that holds the HR images too"
    )


def no_names_in_common(root: PurePath, hr: Group, lr: Group) -> UnclearPairsError:
    """The error for HR and LR images of which no two have one name."""
    alike = {folded(key): key for key in lr.names}
    twins = [f"{key} and {alike[folded(key)]}" for key in hr.names if folded(key) in alike]
    where = f"{root}: {shown(hr)} and {shown(lr)} are named as HR and LR"
    if twins:
        return UnclearPairsError(
            f"{where}, and names differ in upper and lower case alone: {listed(twins)}; "
            f"if these are pairs, {command(root, hr, lr)}"
        )
    names = f"{listed(list(hr.names)[:3])} … and {listed(list(lr.names)[:3])} …"
    return UnclearPairsError(
        f"{where}, and no image has its partner by name ({names}): rename them, or to make LR anew from HR, "
        f"{alone(root, hr)}"
    )


def two_lr(root: PurePath, hr: Group, groups: Sequence[Group], scale: Scale) -> str:
    """What is wrong where two groups may be the LR images of one at a scale."""
    where = " and ".join(map(shown, groups))
    return (
        f"{root}: {where} may both be the LR images of {shown(hr)} at {scale.label}: "
        f"say which by {command(root, hr, groups[0], scale)}"
    )


def wrong_sizes(root: PurePath, hr: Group, lr: Group, verdict: Verdict) -> str:
    """What is wrong where LR images have not the sizes that one scale gives."""
    where = f"{root}: {shown(hr)} and {shown(lr)}"
    if verdict.kind == "unread":
        return f"{where}: no pair of these images can be read: get the files again"
    if verdict.kind == "most" and verdict.scale is not None:
        return (
            f"{where} do not all match at {verdict.scale.label}, as {example(verdict)}: "
            f"to take those that do, {command(root, hr, lr, verdict.scale)}"
        )
    if verdict.kind == "same sizes":
        pairs = command(root, hr, lr, Scale(1))
        return f"{where} hold images of the same names and sizes: if these are pairs, {pairs}"
    if verdict.kind == "sideways":
        return f"{where}: {SIDEWAYS}, as {example(verdict)}: {UPRIGHT}; {_anew(root, hr, lr)}"
    if (scale := _exact(verdict)) is not None:
        return f"{where} have no whole scale, as {example(verdict)}: {command(root, hr, lr, scale)}"
    return f"{where} are of no one scale, as {example(verdict)}: {_anew(root, hr, lr)}"


def _anew(root: PurePath, hr: Group, lr: Group) -> str:
    """How to make LR images; those that are there have to go where no pattern tells HR from them."""
    if not lr.whole and lr.spot == hr.spot and hr.pattern.endswith("{key}"):
        return f"to make LR anew from HR, take {shown(lr)} out of it"
    return f"to make LR anew from HR, {alone(root, hr)}"


def orphans(
    root: PurePath, hr: Group, lr: Group, missing: Sequence[str], extra: Sequence[str], scale: Scale | None
) -> str:
    """What is wrong where images lack their partner; names that differ in case or form alone are told."""
    said = [
        f"no {face} image in {shown(other)} for {how_many(len(names), f'{side} image')} of {shown(one)}: "
        f"{listed(names)}"
        for names, side, face, one, other in ((missing, "HR", "LR", hr, lr), (extra, "LR", "HR", lr, hr))
        if names
    ]
    alike = {folded(name): name for name in extra}
    twins = [f"{key} and {alike[folded(key)]}" for key in missing if folded(key) in alike]
    if twins:
        said.append(f"these names differ in upper and lower case alone: {listed(twins)}")
    return f"{root}: {'; '.join(said)}; to take the pairs that are whole, {command(root, hr, lr, scale)}"


def command(root: PurePath, hr: Group, lr: Group, scale: Scale | None = None) -> str:
    """The command that names two groups, as it is typed."""
    more = f" --scale {scale}" if scale is not None else ""
    words = ("prepare", str(root), "--hr", hr.pattern, "--lr", lr.pattern)
    return f"srdata {shlex.join(words)}{more}"


def alone(root: PurePath, hr: Group) -> str:
    """The command that takes a group as HR, and makes LR."""
    return f"srdata {shlex.join(('prepare', str(root), '--hr', hr.pattern))} --scale 4"


def shown(group: Group) -> str:
    """What a group is called in a message."""
    return group.pattern if not group.whole or group.spot else "the folder itself"


def example(verdict: Verdict) -> str:
    """A pair by which to see what is wrong."""
    if verdict.example is None:
        return "no image can be read"
    key, high, low = verdict.example
    sideways = " (sideways)" if verdict.kind == "most" and lies_sideways(high, low) else ""
    return f"{key} is {text(high)} in HR and {text(low)} in LR{sideways}"


def _exact(verdict: Verdict) -> Scale | None:
    """The scale by the sizes of the example, where it can be written."""
    if verdict.example is None or verdict.kind != "no scale":
        return None
    _, high, low = verdict.example
    for number in {round(high[0] / low[0], 2), round(high[1] / low[1], 2)}:
        try:
            scale = Scale(number)
        except UsageError:
            continue
        if all(scale.lr(one) == other for one, other in zip(high, low, strict=True)):
            return scale
    return None


def text(size: Size) -> str:
    """A size as width x height."""
    return f"{size[1]}x{size[0]}"


def without(names: Iterable[str]) -> str:
    """What is said of images that are in no pair."""
    found = list(names)
    return f"{how_many(len(found), 'image')} in no pair: {listed(found)}"

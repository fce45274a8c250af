"""Which group of LR images faces which group of HR images: by their names, and by the sizes of the images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from srdata.discovery.by_name.image_groups import Group, share, unmarked_groups
from srdata.discovery.by_name.image_sizes import ImageSizes, Verdict
from srdata.discovery.by_name.refusals import contradiction, two_hr
from srdata.scale import Scale


@dataclass(frozen=True)
class Link:
    """LR images that face HR images; pairs are names below the root, HR to LR."""

    hr: Group
    lr: Group
    pairs: Mapping[str, str]
    verdict: Verdict

    @property
    def scale(self) -> Scale | None:
        """The scale that all or most pairs have."""
        return self.verdict.scale

    @property
    def rank(self) -> tuple[object, ...]:
        """What speaks for these HR images, if others could face the LR images too."""
        hr, lr = self.hr, self.lr
        own = hr.marks.scale is not None and hr.marks.scale == self.scale
        return (
            self.verdict.kind == "fits",
            own,
            hr.prefix == lr.prefix,
            hr.split == lr.split,
            (hr.side == "hr") + (hr.side == "hr" and hr.marks.sure),
            len(self.pairs),
        )


def find_links(root: PurePath, groups: Sequence[Group], free: Iterable[str], sizes: ImageSizes) -> list[Link]:
    """The HR group of each LR group that has one; raises UsageError where HR cannot be told from LR."""
    links = [link for hr, lr in _candidates(groups) if (link := _link(root, hr, lr, sizes))]
    faced = {link.lr.spot for link in links} | {link.hr.spot for link in links}
    for beside in unmarked_groups(free, groups):
        if any(_inside(group.spot, spot) for group in beside for spot in faced if group.whole):
            beside = [group for group in beside if not any(_inside(group.spot, spot) for spot in faced)]
        found = [link for hr, lr in _unmarked(beside, groups) if (link := _link(root, hr, lr, sizes))]
        links += found
        faced |= {group.spot for link in found for group in (link.lr, link.hr) if not group.marks.any}
    return list(_best(root, links))


def _inside(spot: str, other: str) -> bool:
    return other != "" and (spot == other or spot.startswith(f"{other}/"))


def _candidates(groups: Sequence[Group]) -> Iterator[tuple[Group, Group]]:
    """HR and LR groups that may face each other by what names say."""
    for lr in groups:
        for hr in groups:
            if lr.side == "hr":  # HR/X4 inside HR
                inside = hr.side == "hr" and hr.marks.scale is None and _inside(lr.spot, hr.spot)
                if inside and lr.marks.scale is not None and hr is not lr:
                    yield hr, lr
            elif hr is not lr and (hr.side == "hr" or (not hr.marks.any and lr.marks.any)):
                yield hr, lr


def _unmarked(beside: Sequence[Group], groups: Sequence[Group]) -> Iterator[tuple[Group, Group]]:
    """The same of folders whose names say nothing: with others that do, and with each other."""
    for one in beside:
        for group in groups:
            yield (group, one) if group.side == "hr" else (one, group)
        for other in beside:
            if one is not other:
                yield one, other


def _link(root: PurePath, hr: Group, lr: Group, sizes: ImageSizes) -> Link | None:
    """The link between two groups, if names and sizes speak for it; raises UsageError if they contradict."""
    if None not in (hr.split, lr.split) and hr.split != lr.split:
        return None
    told, own = lr.marks.scale, hr.marks.scale
    if None not in (told, own) and told != own:
        return None
    pairs = pairs_between(hr, lr)
    if not pairs:
        return None
    compared = [(key, high, low) for key, (high, low) in pairs.items()]
    verdict = sizes.compare(compared, told or own)
    named = (hr.side == "hr") + (lr.side == "lr")
    if verdict.kind == "larger" and _is_surely_lr(lr, named, compared, sizes):
        raise contradiction(root, hr, lr, verdict)
    if not _believed(hr, lr, verdict, named):
        return None
    if verdict.scale == 1 and lr.side is None:
        verdict = verdict._replace(kind="same sizes")
    return Link(hr, lr, dict(pairs.values()), verdict)


def _is_surely_lr(lr: Group, named: int, compared: Sequence[tuple[str, str, str]], sizes: ImageSizes) -> bool:
    """Whether names say that images are LR: by a word for it, or by the scale by which they are larger."""
    if lr.side == "lr":
        return named == 2 or lr.marks.sure
    told = lr.marks.scale
    return (
        told is not None and sizes.compare([(key, low, hr) for key, hr, low in compared], told).kind == "fits"
    )


def pairs_between(hr: Group, lr: Group) -> dict[str, tuple[str, str]]:
    """Key → names of HR and LR, by the names as they are, or without their marks, as fits the most."""
    ways = [(hr.names, lr.names), (hr.names, lr.bare), (hr.bare, lr.bare), (hr.bare, lr.names)]
    found = [{key: (high[key], low[key]) for key in high if key in low} for high, low in ways]
    return max(found, key=len)


def _believed(hr: Group, lr: Group, verdict: Verdict, named: int) -> bool:
    """Whether sizes bear out that LR faces HR, or names are so clear that what is wrong has to be told."""
    match verdict.kind:
        case "fits":
            if verdict.scale != 1:
                return True
            if lr.side is None:  # of HR images for sure, it may be what a restoration begins with
                return hr.side == "hr" and hr.marks.sure and share(hr.names, lr.names) > 0.9
            return lr.side == "lr" and not hr.marks.scale
        case "most" | "no scale":
            if verdict.scale == 1 and lr.side != "lr":
                return False
            return named > 0 or (lr.marks.scale is None and share(hr.names, lr.names) > 0.9)
        case "sideways":
            return named > 0 or share(hr.names, lr.names) > 0.9
        case "other" | "unread":
            return named == 2 or (lr.side == "lr" and lr.marks.sure)
    return False


def _best(root: PurePath, links: Sequence[Link]) -> Iterator[Link]:
    """For each LR group its HR group; raises UsageError where two are as likely."""
    small = {id(link.lr) for link in links if link.verdict.kind == "fits" and link.scale != 1}
    clear = {id(link.hr) for link in links if link.verdict.kind != "same sizes"}
    by_lr: dict[int, list[Link]] = {}
    for link in links:
        doubtful = link.verdict.kind == "same sizes" and id(link.hr) in clear
        if id(link.hr) not in small and not doubtful:
            by_lr.setdefault(id(link.lr), []).append(link)
    for some in by_lr.values():
        ranked = sorted(some, key=lambda link: link.rank, reverse=True)
        if len(ranked) > 1 and ranked[0].rank == ranked[1].rank:
            raise two_hr(root, ranked[0].lr, ranked[0].hr, ranked[1].hr)
        yield ranked[0]

"""The table of the recipes of papers, made from the recipes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from srdata import catalog
from srdata.catalog import Shelf
from srdata.papers import Paper, load_paper
from srdata.papers.files import names_in
from srdata.papers.model import Certainty, Data, Setting, Status

_HEAD = "| recipe | trained on | patch | batch | LR | augmentations | range | status |"


def systems() -> str:
    """A row for each file of recipes."""
    rows = [_row(stem) for stem in catalog.names(Shelf.PAPERS)]
    return "\n".join([_HEAD, "|---" * 8 + "|", *rows])


def _row(stem: str) -> str:
    names = names_in(stem)
    papers = [load_paper(name) for name in names]
    variants = "" if names == [stem] else " " + ", ".join(name.removeprefix(f"{stem}-") for name in names)
    settings = [one for paper in papers for stage in paper.stages for one in stage.settings.values()]
    cells = [
        f"[`{stem}`](../recipes/papers/{stem}.yaml){variants}<br>{papers[0].title}",
        _joined(_data(one.data) for one in settings),
        _joined(_patch(one) for one in settings),
        _joined(_numbers(one.batch.size) for one in settings),
        _joined(_degradation(one) for one in settings),
        _joined(", ".join(_name(step) for step in one.augment) or "none" for one in settings),
        _joined(_range(one) for one in settings),
        _joined(_status(paper) for paper in papers),
    ]
    return "| " + " | ".join(cells) + " |"


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))


def _data(data: Data) -> str:
    sets = " + ".join(dict.fromkeys(one.set for one in data.sets))
    windows = f", sub-images {data.windows.size}/{data.windows.step}" if data.windows else ""
    return f"{sets}{windows}"


def _patch(setting: Setting) -> str:
    if setting.any_scale is not None:
        return f"LR {setting.any_scale['lr_patch']}"
    if setting.crop is None:
        return "one image"
    return f"{setting.crop.side.upper()} {_numbers(setting.crop.size)}"


def _numbers(value: int | dict[int, int]) -> str:
    return " → ".join(map(str, value.values())) if isinstance(value, dict) else str(value)


def _degradation(setting: Setting) -> str:
    if setting.made == "network":
        return "by the network"
    if setting.one_image is not None:
        return "of itself"
    if isinstance(setting.degradation, str):
        return setting.degradation
    steps: Any = setting.degradation
    return ", ".join(step["op"] for step in (steps["steps"] if isinstance(steps, dict) else steps))


def _name(step: str | dict[str, Any]) -> str:
    return step if isinstance(step, str) else str(step.get("law", step["augment"]))


def _range(setting: Setting) -> str:
    low, high = setting.look.range
    colour = "" if setting.look.color == "rgb" else f", {setting.look.color}"
    own = ", mean and std" if setting.look.mean and setting.look.normalised == "loader" else ""
    return f"{low:g} to {high:g}{colour}{own}"


def _status(paper: Paper) -> str:
    """The weakest word, and which groups are not confirmed."""
    return paper.status.word + "".join(_groups(paper.status))


def _groups(status: Status) -> Iterator[str]:
    words: tuple[Certainty, ...] = ("unverified", "partial")
    for word in words:
        groups = status.of(word)
        if groups and len(groups) < len(Status.model_fields):
            yield f"; {word}: {', '.join(groups)}"

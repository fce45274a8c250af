"""The table of the recipes of papers, made from the recipes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from srdata import catalog
from srdata.catalog import Shelf
from srdata.common.documents import check
from srdata.common.strict_yaml import read_yaml
from srdata.papers import Paper, load_paper
from srdata.papers.load import names_in
from srdata.papers.schema import Certainty, Corpus, Data, Setting, Status
from srdata.recipes.brought_sets import Brought

_HEAD = "| recipe | trained on | patch | batch | LR | augmentations | range | status |"


def brought_sets() -> str:
    """A row for each data set that is brought."""
    rows = [f"| `{name}` | {_brought_cells(name)} |" for name in catalog.names(Shelf.BROUGHT)]
    return "\n".join(
        ["| NAME | what it is | where it is | what FOLDER holds | SCALE |", "|---" * 5 + "|", *rows]
    )


def _brought_cells(name: str) -> str:
    one = check(Brought, read_yaml(catalog.find(Shelf.BROUGHT, name)))
    return " | ".join([one.what, one.home or "", one.folder, str(one.scale)])


def systems() -> str:
    """A row for each file of recipes."""
    rows = [_row(stem) for stem in catalog.names(Shelf.PAPERS)]
    return "\n".join([_HEAD, "|---" * 8 + "|", *rows])


def _row(stem: str) -> str:
    names = names_in(stem)
    papers = {name: load_paper(name) for name in names}
    variants = "" if names == [stem] else " " + ", ".join(name.removeprefix(f"{stem}-") for name in names)
    settings = [one for paper in papers.values() for stage in paper.stages for one in stage.settings.values()]
    cells = [
        f"[`{stem}`](../recipes/papers/{stem}.yaml){variants}<br>{papers[names[0]].title}",
        _joined(_data(one.data) for one in settings),
        _joined(_patch(one) for one in settings),
        _joined(_numbers(one.batch.size) for one in settings),
        _joined(_degradation(one) for one in settings),
        _joined(", ".join(_name(step) for step in one.augment) or "none" for one in settings),
        _joined(_range(one) for one in settings),
        _statuses(stem, papers),
    ]
    return "| " + " | ".join(cells) + " |"


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))


def _data(data: Data) -> str:
    sets = " + ".join(dict.fromkeys(_corpus(one) for one in data.sets))
    windows = f", sub-images {data.windows.size}/{data.windows.step}" if data.windows else ""
    return f"{sets}{windows}{', stereo' if data.views else ''}"


def _corpus(corpus: Corpus) -> str:
    return f"{corpus.set} with copies" if corpus.copies else corpus.set


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
    if (setting.any_scale or {}).get("bicubic") == "pillow":
        return "bicubic of Pillow"
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


def _statuses(stem: str, papers: dict[str, Paper]) -> str:
    """What is not confirmed; of each variant where they differ."""
    variants: dict[str, list[str]] = {}
    for name, paper in papers.items():
        variants.setdefault(_status(paper.status), []).append(name.removeprefix(f"{stem}-"))
    if len(variants) == 1:
        return next(iter(variants))
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in variants.items())


def _status(status: Status) -> str:
    words: tuple[Certainty, ...] = ("unverified", "partial", "confirmed")
    named = {word: status.of(word) for word in words}
    if len(Status.model_fields) in map(len, named.values()):
        return status.word
    return "; ".join(f"**{word}** {', '.join(groups)}" for word, groups in named.items() if groups)

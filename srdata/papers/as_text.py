"""A paper recipe as text: every setting spelled out, and how certain it is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
import yaml

from srdata.papers.load import load_paper, names_in
from srdata.papers.paper import Paper, Stage
from srdata.papers.requirements import needs
from srdata.papers.schema import Certainty, Setting

# The settings that a status speaks of.
GROUPS: dict[str, tuple[str, ...]] = {
    "data": ("data", "lr_data", "difficulty"),
    "degradation": ("scale", "degradation", "made"),
    "crop": ("crop", "any_scale", "one_image"),
    "augment": ("augment", "upsample"),
    "look": ("look", "outputs", "prompt"),
    "batch": ("batch", "changes", "tasks"),
    "stages": ("name", "init_from", "iterations", "epochs", "optimiser"),
}


def line(stem: str) -> str:
    """The recipes of one file in a line."""
    names = names_in(stem)
    papers = [load_paper(name) for name in names]
    variants = "" if names == [stem] else " · " + " ".join(name.removeprefix(f"{stem}-") for name in names)
    return f"{stem:24} {papers[0].title}{variants} · {_words(papers)}"


def _words(papers: Sequence[Paper]) -> str:
    words = dict.fromkeys(paper.status.word for paper in papers)
    return ", ".join(_toned(word, word) for word in words)


def lines(paper: Paper) -> Iterator[str]:
    """The recipe in its resolved form. What is unverified says so, in another colour on a terminal."""
    yield f"# recipe {paper.name}: {paper.title}"
    told = {"paper": [paper.paper], "evidence": _by_group(paper.evidence), "note": paper.notes}
    for name, values in {**told, "otherwise": _by_group(paper.deviations)}.items():
        yield from (f"{name:11}{value}" for value in values if value)
    for need in dict.fromkeys(need.how() for need in needs(paper.stages)):
        yield f"{'prepare':11}{need}"
    if guesses := paper.status.of("unverified"):
        yield _toned(
            f"{'unverified':11}{', '.join(guesses)}: guesses that run, not a reproduction", "unverified"
        )
    for stage in paper.stages:
        yield ""
        yield from _stage(paper, stage)
    if paper.evaluation:
        yield from _group(
            paper, "evaluation", [one.model_dump(exclude_none=True) for one in paper.evaluation]
        )


def _by_group(told: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Each text with the group that it speaks of, if it speaks of one."""
    return [
        text if group == "rest" else f"{group}: {text}" for group, texts in told.items() for text in texts
    ]


def common_lines(stem: str) -> Iterator[str]:
    """What the recipes of one file have in common, and how to see each."""
    names = names_in(stem)
    first, *others = (list(lines(load_paper(one))) for one in names)
    shared = [one for one in first[1:] if all(one in other for other in others)]
    yield f"# {stem} stands for {', '.join(names)}, which have in common:"
    for one, following in itertools.pairwise([*shared, ""]):
        if one.startswith(" ") or following.startswith(" ") or not one.endswith(")"):  # no title alone
            yield one
    yield f"# what differs: srdata show {names[0]}"


def _stage(paper: Paper, stage: Stage) -> Iterator[str]:
    """A stage in full; of a later one what differs from the first."""
    first = paper.stages[0]
    settings = _plain(stage) if stage is first else _differing(stage, first)
    if len(paper.stages) > 1:
        yield f"# stage {stage.name}" + ("" if stage is first else f": as {first.name}, but")
    if "tasks" in settings:
        settings["tasks"] = {name: _differing(task, stage) for name, task in stage.tasks.items()}
    for group, names in GROUPS.items():
        found = {name: settings[name] for name in names if name in settings}
        if found:
            yield from _group(paper, group, found)


def _group(paper: Paper, group: str, content: Any) -> Iterator[str]:
    certainty: Certainty = getattr(paper.status, group)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    yield _toned(f"{group} ({certainty})", certainty)
    yield from (_toned(f"  {one}", certainty) for one in text.splitlines())


def _differing(setting: Setting, other: Setting) -> dict[str, Any]:
    base = _plain(other)
    return {name: value for name, value in _plain(setting).items() if base.get(name) != value}


def _plain(setting: Setting) -> dict[str, Any]:
    from srdata.augment import load_augment  # and torch, which a list does not need

    plain = setting.model_dump(mode="json", exclude_none=True)
    steps = load_augment(setting.augment).augmentations
    plain["augment"] = [step.model_dump(mode="json", exclude_none=True) for step in steps]
    return {name: value for name, value in plain.items() if value not in ("", [], {})}


def _toned(text: str, certainty: Certainty) -> str:
    return click.style(text, fg="yellow") if certainty == "unverified" else text

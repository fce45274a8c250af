"""From YAML to a paper recipe: fragments that many share, then the file, then what its scale changes.

    title: HAT
    uses: [basicsr, df2k, five-benchmarks]     # fragments: later ones win, the file over all
    scales: [2, 3, 4]                          # the recipes hat-x2, hat-x3 and hat-x4
    crop: {size: 64, side: lr}
    at:
      4: {init_from: hat-x2}                   # for x4 alone

`variants` instead of `scales` makes recipes of other differences: swinir-denoise-gray-15, -25 and -50.
In a file of one's own, mine.yaml, these are mine-x2.yaml, mine-x3.yaml and mine-x4.yaml.
Settings of a stage stand at the top, where all stages have them, or in `stages`; those of a task likewise.
Mappings are put together by key, everything else is replaced. Fragments use no fragments.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from srdata import catalog
from srdata.catalog import Shelf
from srdata.common.documents import Document, check
from srdata.common.strict_yaml import read_yaml
from srdata.errors import RecipeError, UnknownNameError, UsageError, given_path
from srdata.papers.paper import Paper, Stage
from srdata.papers.schema import Setting
from srdata.recipes.name_meaning import Kind, meaning, meanings, own_paper_file, paper_file
from srdata.recipes.read_recipe import read_set_recipe
from srdata.recipes.set_recipe import Recipe

Raw = dict[str, Any]
_OWN = {"uses", "scales", "variants", "at"}  # what is used up here
_RUN = {*Stage.model_fields, "stages"}  # what belongs to stages, the rest to the paper
_TASK = set(Setting.model_fields)
_REPLACED = {"tasks", "degradation"}  # mappings that are one thing


def load_recipe(name: str | Path) -> Recipe | Paper:
    """The recipe of a set or of a paper: its name, a YAML file, or a folder of images.

    Raises UnknownNameError with the nearest name, or RecipeError with every problem of the file.
    """
    meant = meaning(name)
    return load_paper(name) if meant.kind is Kind.PAPER else read_set_recipe(name)


def load_paper(name: str | Path) -> Paper:
    """The paper recipe of that name, hat-x4, or in that YAML file; mine-x4.yaml is one of those in mine.yaml.

    UnknownNameError names the nearest, or the scales there are.
    """
    path = given_path(name)
    if path.suffix in {".yaml", ".yml"}:
        return _of_file(path)
    if not (found := meanings(name, [Kind.PAPER])):
        raise UnknownNameError.among("recipe of a paper", str(name), paper_names())
    called = found[0].name
    stem = str(paper_file(called))
    document = read_yaml(catalog.find(Shelf.PAPERS, stem))
    variants = _variants(document, stem)
    if called not in variants:
        what = f"{stem} stands for several recipes" if len(variants) > 1 else f"no recipe is called {called}"
        raise UnknownNameError(f"{what}: take {', '.join(variants)}")
    return read_paper(document, called, variants[called])


def paper_names() -> list[str]:
    """The name of every paper recipe that comes with srdata, file by file."""
    return [name for stem in catalog.names(Shelf.PAPERS) for name in names_in(stem)]


def names_in(stem: str) -> list[str]:
    """The names of the recipes in a file: one for each of its scales, or that of the file."""
    return list(_variants(read_yaml(catalog.find(Shelf.PAPERS, stem)), stem))


def read_paper(
    document: Document, name: str, variant: str = "", beside: Mapping[str, str] | None = None
) -> Paper:
    """The recipe in a document, or one of its variants; raises RecipeError with every problem.

    `beside` are the recipes in the same file of one's own, with what loads them.
    """
    if not isinstance(document.data, dict):
        raise RecipeError([document.problem((), "must be a mapping of settings to values")])
    fragments, known = _listed(document, "uses"), _variants(document, name).values()
    try:
        settings = _staged(_merged(dict(document.data), fragments, variant, known), beside or {})
    except UsageError as error:
        raise RecipeError([document.problem((), str(error))]) from error
    return check(Paper, replace(document, data={"name": name, **settings}))


def _merged(given: Raw, fragments: Iterable[Any], variant: str, known: Collection[str]) -> Raw:
    """The settings of the fragments, the file's over them, and over those what is for this variant."""
    merged: Raw = {}
    for fragment in fragments:
        merged = _over(merged, read_yaml(catalog.find(Shelf.FRAGMENTS, str(fragment))).data)
    merged = _over(merged, {key: value for key, value in given.items() if key not in _OWN})
    if "scales" in given:
        merged = _over(merged, {"scale": float(variant) if "." in variant else int(variant)})
    differing = _over({}, given.get("at") or {}, "at")
    for unknown in differing.keys() - known:
        listed = ", ".join(filter(None, known)) or "there are none"
        raise UsageError(f"at.{unknown} is none of the scales or variants here ({listed})")
    return _over(merged, differing.get(variant, {}), f"at.{variant}")


def _staged(merged: Raw, beside: Mapping[str, str]) -> Raw:
    """The settings of the paper, and those of each stage in full."""
    shared = {key: value for key, value in merged.items() if key in _RUN and key != "stages"}
    paper = {key: value for key, value in merged.items() if key not in _RUN or key == "scale"}
    stages = merged.get("stages") or [{}]
    if not isinstance(stages, list):
        raise UsageError("stages must be a list")
    own = [_tasked(_over(shared, stage, f"stages[{place}]")) for place, stage in enumerate(stages)]
    return {**paper, "stages": [_started(stage, beside) for stage in own]}


def _started(stage: Raw, beside: Mapping[str, str]) -> Raw:
    """A stage that starts from recipes of the same file says what loads these."""
    given = stage.get("init_from")
    if isinstance(given, str):
        return {**stage, "init_from": beside.get(given, given)}
    if isinstance(given, list):
        return {**stage, "init_from": [beside.get(one, one) for one in map(str, given)]}
    return stage


def _tasked(stage: Raw) -> Raw:
    shared = {key: value for key, value in stage.items() if key in _TASK}
    if "tasks" not in stage:
        return stage
    tasks = _over({}, stage["tasks"], "tasks")
    return {
        **stage,
        "tasks": {name: _over(shared, task or {}, f"tasks.{name}") for name, task in tasks.items()},
    }


def _over(base: Mapping[str, Any], above: Any, place: str = "") -> Raw:
    """Settings over others: mappings are put together by key, all else is replaced."""
    if not isinstance(above, Mapping):
        raise UsageError(f"{place} must be a mapping of settings to values, not {above!r}")
    merged = dict(base)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = {**merged[key], **value} if both and key not in _REPLACED else value
    return merged


def _of_file(path: Path) -> Paper:
    """The recipe in a file of one's own; raises RecipeError where there are several, or not that one."""
    document = read_yaml(own_paper_file(path))
    variants = _variants(document, document.path.stem)
    names = list(variants) if path == document.path else [path.stem]
    if len(names) > 1 or names[0] not in variants:
        key = next((key for key in ("scales", "variants") if _listed(document, key)), "title")
        there = ", ".join(f"{name}{path.suffix}" for name in variants)
        raise RecipeError([document.problem((key,), f"this file holds {there}: name one of them")])
    beside = {name: str(path.with_stem(name)) for name in variants}
    return read_paper(document, path.stem, variants[names[0]], beside)


def _variants(document: Document, stem: str) -> dict[str, str]:
    """The names of the recipes in a file, each with the scale or variant that it is for."""
    scales = [_number(document, place, scale) for place, scale in enumerate(_listed(document, "scales"))]
    variants = [str(variant) for variant in _listed(document, "variants")]
    if scales and variants:
        raise RecipeError([document.problem(("variants",), "stands beside scales: give one of the two")])
    named = {f"{stem}-x{scale}": scale for scale in scales}
    return named or {f"{stem}-{variant}": variant for variant in variants} or {stem: ""}


def _number(document: Document, place: int, scale: Any) -> str:
    if isinstance(scale, bool) or not isinstance(scale, int | float):
        raise RecipeError([document.problem(("scales", place), f"must be a number, not {scale!r}")])
    return f"{scale:g}"


def _listed(document: Document, key: str) -> list[Any]:
    value = document.data.get(key, []) if isinstance(document.data, dict) else []
    if not isinstance(value, list):
        raise RecipeError([document.problem((key,), "must be a list")])
    return value

"""Every key of recipe files, made from the models that read them."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.settings import comments_of
from srdata.images import ImagePolicy
from srdata.papers.paper import Paper
from srdata.papers.schema import (
    BatchRule,
    Corpus,
    Crop,
    Data,
    Difficulty,
    Look,
    PaperEvaluation,
    Setting,
    StageSettings,
    Status,
)
from srdata.recipes.image_choice import ChoiceSettings, Likeness, Tiles
from srdata.recipes.multiscale_copies import Smaller
from srdata.recipes.set_recipe import HubSource, Pairs, Recipe, Store
from srdata.scale import Scale
from srdata.store.windows import Windows

SET = {  # heading → model
    "A recipe of a set": Recipe,
    "Which images are taken": ChoiceSettings,
    "tiles": Tiles,
    "likeness": Likeness,
    "windows": Windows,
    "store": Store,
    "images": ImagePolicy,
    "copies": Smaller,
    "pairs": Pairs,
    "hub": HubSource,
}
PAPER = {
    "A recipe of a paper": Paper,
    "stages": StageSettings,
    "What batches are made from": Setting,
    "data": Data,
    "sets": Corpus,
    "crop": Crop,
    "look": Look,
    "batch": BatchRule,
    "difficulty": Difficulty,
    "status": Status,
    "evaluation": PaperEvaluation,
}
_HEADINGS = {model: heading for heading, model in {**SET, **PAPER}.items()}
_BOUNDS = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}
_PLAIN = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    Scale: "scale",
    Any: "anything",
}


def set_keys() -> str:
    """The tables of recipes of sets."""
    return "\n\n".join(_table(heading, model) for heading, model in SET.items())


def paper_keys() -> str:
    """The tables of recipes of papers."""
    return "\n\n".join(_table(heading, model) for heading, model in PAPER.items())


def _table(heading: str, model: type[BaseModel]) -> str:
    told = comments_of(model)
    unsaid = {"name"} if model is Paper else set()  # it is that of the file
    unsaid |= {name for base in model.__bases__ for name in getattr(base, "model_fields", {})}
    rows = [
        _row(name, field, told.get(name, ""))
        for name, field in model.model_fields.items()
        if name not in unsaid
    ]
    return "\n".join(
        [f"### {heading}", "", "| key | value | default | meaning |", "|---|---|---|---|", *rows]
    )


def _row(name: str, field: FieldInfo, comment: str) -> str:
    annotation = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    values = " or ".join(dict.fromkeys(_words(annotation)))
    cells = (f"`{name}`", values, _default(field), comment)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "must be given" if field.default_factory is None else ""
    if isinstance(value, BaseModel):
        return "its defaults"
    if value in (None, "", (), {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _words(annotation: Any) -> Iterator[str]:
    """What a key takes, in words."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        given = next((one.json_schema_input_type for one in parts if _takes_other(one)), parts[0])
        words = list(_words(given))
        yield " ".join([words[0], *_bounds(parts[1:])])
        yield from words[1:]
    elif origin is Literal:
        yield from (f"`{str(one).lower() if isinstance(one, bool) else one}`" for one in parts)
    elif origin in (Union, types.UnionType):
        for part in parts:
            yield from _words(part)
    elif origin in (tuple, list):
        words = [word for part in parts if part is not ... for word in _words(part)]
        yield f"list of {' or '.join(dict.fromkeys(words))}"
    elif origin is dict:
        yield "keys and values"
    elif annotation in _PLAIN:
        yield _PLAIN[annotation]
    elif heading := next((_HEADINGS[kind] for kind in annotation.__mro__ if kind in _HEADINGS), ""):
        yield f"[{heading}](#{heading.lower().replace(' ', '-')})"


def _takes_other(metadata: Any) -> bool:
    """Whether it says that a file may have something else than what the model holds."""
    return getattr(metadata, "json_schema_input_type", PydanticUndefined) not in (PydanticUndefined, Any)


def _bounds(metadata: tuple[Any, ...]) -> Iterator[str]:
    """The least and the largest number, where there are such."""
    for one in metadata:
        for part in (one, *getattr(one, "metadata", ())):
            for sign, words in _BOUNDS.items():
                if (limit := getattr(part, sign, None)) is not None:
                    yield words.format(limit)

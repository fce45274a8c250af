"""From the options on folders to where a recipe reads images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from srdata.common.wording.amounts import how_many
from srdata.option_files.option_section import Said, Section, text, texts, word
from srdata.option_files.trainers import Trainer

Tree = dict[str, Any]


def corpora(section: Section, trainer: Trainer, *, paired: bool, one_folder: bool = False) -> list[Tree]:
    """The sets of one section of data, one for each folder of HR images; names are never twice.

    Where they are `paired` there are LR images, in folders of their own unless pairs lie in `one_folder`.
    """
    high = _high(section, trainer)
    low = section.find(trainer.lr, texts)
    name = section.find("name", word) or Said(_name(high.value[0]), high.origin)
    together = (
        low is not None and low.value == high.value
    )  # pairs of one folder, which are found by their names
    if paired and low is None and not one_folder:
        section.refuse(trainer.lr, "is missing: the folder of LR images")
    if not paired or together:
        low = None
    if low and len(low.value) != len(high.value):
        section.refuse(
            trainer.lr, f"has {how_many(len(low.value), 'folder')}, and {trainer.hr} {len(high.value)}"
        )
    common = {} if together else {**_template(section, bool(low)), **_listed(section)}
    found = []
    for place, folder in enumerate(high.value):
        number = "" if place == 0 else f" {place + 1}"
        sides: Tree = {
            "set": Said(f"{name.value}{number}", name.origin),
            "hr": Said(_path(folder), high.origin),
        }
        if low:
            sides["lr"] = Said(_path(low.value[place]), low.origin)
        found.append({**sides, **(_by_order(sides) if trainer.by_order else {}), **common})
    return found


def _name(folder: str) -> str:
    """What a folder is called, where it is written as on Windows too."""
    return re.split(r"[\\/]", folder.rstrip("\\/"))[-1] or "images"


def _high(section: Section, trainer: Trainer) -> Said:
    place = "path" if section.has("path") and not section.has(trainer.hr) else trainer.hr
    return section.take(place, texts, ": the folder of HR images")


def _template(section: Section, paired: bool) -> Tree:
    said = section.find("filename_tmpl", text)
    if said is None or not paired or said.value == "{}":
        return {}
    if said.value.count("{}") != 1 or said.value.replace("{}", "").strip("{}") != said.value.replace(
        "{}", ""
    ):
        section.refuse("filename_tmpl", "must hold {} once, for the name of the HR image")
    return {"template": Said(said.value.replace("{}", "{key}"), said.origin)}


def _by_order(sides: Tree) -> Tree:
    """How LR images are called where a trainer takes them in the order of HR: by the first ones, if here."""
    if "lr" not in sides:
        return {}
    high, low = (_first_name(sides[side].value) for side in ("hr", "lr"))
    if high and low != high and low.startswith(high) and "{" not in low:
        return {"template": Said("{key}" + low.removeprefix(high), "the names of the images")}
    return {}


def _first_name(folder: str) -> str:
    """The first image of a folder, without its suffix; nothing where it cannot be read."""
    try:
        return min((one.stem for one in Path(folder).iterdir() if one.suffix), default="")
    except OSError:
        return ""


def _listed(section: Section) -> Tree:
    """A list of the images that are taken, which of an LMDB are all."""
    backend = section.entries.get("io_backend")
    if isinstance(backend, dict) and backend.get("type") == "lmdb":
        return {}
    for name in ("meta_info_file", "meta_info"):
        if said := section.find(name, text):
            return {"listed": Said(_path(said.value), said.origin)}
    return {}


def _path(given: str) -> str:
    """A path as the trainers take it: from the folder they are run in, with ~ for that of the user."""
    return str(Path.home() / given[2:]) if given.startswith("~/") else given


def missing(sets: list[Tree]) -> list[Said]:
    """The paths of sets that are not there, each once."""
    said = [one[side] for one in sets for side in ("hr", "lr", "listed") if side in one]
    return list({one.value: one for one in said if not _is_there(one.value)}.values())


def _is_there(path: str) -> bool:
    """Whether there is such a file or folder that may be seen."""
    try:
        return Path(path).exists()
    except OSError:  # it may not be seen, or its name is too long
        return False

"""`recipe_from`: the recipe that an option file of a trainer describes, and what it says that has none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from srdata.common.files import write_file
from srdata.common.output_paths import check_output, file_ids, starts_with
from srdata.common.strict_yaml import parse_yaml
from srdata.common.wording.amounts import how_many
from srdata.degrade.chain import load_chain
from srdata.errors import RecipeError, UsageError, given_path
from srdata.option_files.commented_yaml import as_yaml, comment
from srdata.option_files.option_section import Said, Section, word
from srdata.option_files.reading.file_forms import read_options
from srdata.option_files.reading.folder_options import missing
from srdata.option_files.reading.training_data import settings_of
from srdata.option_files.reading.training_options import TrainingOptions
from srdata.option_files.reading.validation_data import evaluations
from srdata.option_files.trainers import trainer_of
from srdata.papers.load import read_paper

MARK = "# Recipe, written by srdata from an option file"
Tree = dict[str, Any]

# Options on data that the loader answers by itself, or is asked for otherwise.
_OTHERWISE = {
    "num_worker_per_gpu n_workers dataloader_num_workers": "say workers= to the loader",
    "prefetch_mode num_prefetch_queue prefetch_factor": "the loader reads ahead by itself",
    "pin_memory persistent_workers": "the loader sees to it by itself",
    "io_backend": "what a folder or an LMDB is shows in its files",
    "use_shuffle dataloader_shuffle": "the loader shuffles, unless it is told shuffle=False",
    "queue_size": "no queue is needed: all is drawn for each image",
    "blur_kernel_size blur_kernel_size2": "has no effect on the sizes of kernels, which are others",
    "shuffle_prob use_sharp": "has no effect on this degradation",
    "accum_iter accumulate": "gradients are added up by the training loop",
    "manual_seed": "say seed= to the loader",
    "num_gpu": "the batch is that of one GPU",
    "dataset_enlarge_ratio": "the loader needs no larger data sets: epochs follow each other without a pause",
}
# Options that do nothing while they are false or 0, and those that then do nothing either.
_SWITCHES = {
    "lq_usm": "lq_usm_radius_range",
    "thicklines_prob": "",
    "dataroot_lq_prob": "",
    "high_order_degradations_debug": "high_order_degradations_debug_limit",
}
_PLACES = ("name", "path", "filename_tmpl", "meta_info", "meta_info_file")
_ON_DATA = (
    "prob",
    "range",
    "usm",
    "queue",
    "degrad",
    "noise",
    "jpeg",
    "blur",
    "resize",
    "manual_seed",
    "num_gpu",
)


class Converted(NamedTuple):
    """A recipe, and what the option file says besides."""

    text: str
    told: list[str]  # what has no counterpart, and which paths are not there
    summary: str


def recipe_from(options: str | Path, out: str | Path, sets: Sequence[str] = ()) -> Converted:
    """Write the recipe that an option file describes to `out`, and return it.

    `sets` are prepared sets that are trained on instead of the folders that the options name. Raises
    RecipeError with what is wrong in the options and where, UsageError where `out` is somebody else's.
    """
    path, out = given_path(options), given_path(out)
    if out.suffix not in {".yaml", ".yml"}:
        raise UsageError(f"{out} is no name of a recipe: give one that ends in .yaml as --out")
    check_output(out, file_ids([path]), starts_with(MARK.encode(), 64))
    converted = converted_options(path, out.parent, sets)
    write_file(out, converted.text.encode())
    return converted


def converted_options(path: Path, folder: Path = Path(), sets: Sequence[str] = ()) -> Converted:
    """The recipe that an option file describes, as a file in `folder` has it."""
    document = read_options(path)
    name = trainer_of(document)
    root, train = Section(document), Section(document, "datasets", "train")
    degradations = Section(document, "degradations") if root.has("degradations") else None
    told = TrainingOptions(root, degradations, train, name)
    settings = settings_of(told, list(sets))
    title = root.find("name", word) or root.find("task", word) or Said(path.stem, "the name of the file")
    tests = list(evaluations(root, told.trainer, told.scale, made="made" in settings))
    found = [one for one in tests if not isinstance(one, str)]
    lines = [*_otherwise(told, bool(sets)), *(one for one in tests if isinstance(one, str))]
    lines += _not_there([*settings["data"]["sets"], *found])
    recipe = {
        "title": title,
        "status": "partial",
        "evidence": [path.name],
        **_beside(settings, folder),
        **({"evaluation": [_placed(one, folder) for one in found]} if found else {}),
    }
    written = "\n".join([*_head(told, path), as_yaml(recipe)]) + _tail(lines)
    _check(written, path, folder)
    return Converted(written, [comment(line) for line in lines], _summary(settings))


def _summary(settings: Tree) -> str:
    crop, sets = settings["crop"], len(settings["data"]["sets"])
    size, side = crop["size"].value, crop["side"].upper()
    batch = settings["batch"]["size"].value
    return f"{how_many(sets, 'set')}, crops of {size} {side} pixels, {batch} in a batch"


def _head(told: TrainingOptions, path: Path) -> Iterator[str]:
    yield f"{MARK} of {told.trainer.title}, {comment(path.name)}."
    yield "# A comment says which option a value comes from; what has no counterpart stands at the end."


def _tail(lines: Iterable[str]) -> str:
    listed = "".join(f"# - {comment(line)}\n" for line in lines)
    return f"\n# Without a counterpart here, or to be seen to:\n{listed}" if listed else ""


def _not_there(entries: list[Tree]) -> list[str]:
    """A line on the paths that are not there."""
    if not (paths := [f"{one.value} ({one.origin})" for one in missing(entries)]):
        return []
    return [f"not there: {', '.join(paths)}; put images there, or train on prepared sets, as --set df2k does"]


def _otherwise(told: TrainingOptions, elsewhere: bool) -> Iterator[str]:
    """What the options say that is not in the recipe, and why."""
    names = [f"{section.named(name)}" for section in told.sections for name in _left(told, section)]
    reasons = {name: why for known, why in _OTHERWISE.items() for name in known.split()}
    if elsewhere:
        reasons |= dict.fromkeys((*_PLACES, told.trainer.hr, told.trainer.lr), "prepared sets stand for it")
    by_reason: dict[str, list[str]] = {}
    for name in names:
        by_reason.setdefault(reasons.get(name.rpartition(".")[2], "has no counterpart"), []).append(name)
    yield from (f"{', '.join(listed)}: {why}" for why, listed in by_reason.items())
    if "cutblur" in (told.train.entries.get("augmentation") or ()):
        yield f"{told.train.named('augmentation')}: cutblur, and several at once, have no counterpart"
    others = [
        name for name in told.root.rest() if not _on_data(name) and name not in ("datasets", "degradations")
    ]
    if others:
        yield f"{', '.join(others)}: not on data"


def _left(told: TrainingOptions, section: Section) -> Iterator[str]:
    off = {name for name in _SWITCHES if not section.entries.get(name)}
    silent = off | {depending for name in off for depending in _SWITCHES[name].split()}
    names = (name for name in section.rest() if name not in silent)
    return (name for name in names if section is not told.root or _on_data(name))


def _on_data(name: str) -> bool:
    return name != "degradations" and any(word in name for word in _ON_DATA)


def _beside(settings: Tree, folder: Path) -> Tree:
    sets = [_placed(one, folder) for one in settings["data"]["sets"]]
    return {**settings, "data": {**settings["data"], "sets": sets}}


def _placed(entry: Tree, folder: Path) -> Tree:
    """The same with paths as they are from the folder of the recipe."""
    sides = {side: entry[side] for side in ("hr", "lr", "listed") if side in entry}
    moved: Tree = {side: Said(_relative(said.value, folder), said.origin) for side, said in sides.items()}
    return {**entry, **moved}


def _relative(path: str, folder: Path) -> str:
    return path if Path(path).is_absolute() else Path(os.path.relpath(path, folder)).as_posix()


def _check(text: str, path: Path, folder: Path) -> None:
    """Raise RecipeError unless the recipe, which says where each value came from, can be loaded."""
    try:
        document = parse_yaml(text.encode(), folder / "recipe.yaml")
        degradation = read_paper(document, "recipe").stages[0].degradation
        if isinstance(degradation, dict):
            load_chain(degradation)
    except RecipeError as error:
        said = [problem.partition(": ")[2] or problem for problem in error.problems]
        raise RecipeError(
            [f"{path}: its options give a recipe that cannot be: {one}" for one in said]
        ) from error

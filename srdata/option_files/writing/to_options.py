"""`options_for`: the section on data of an option file of a trainer, for a prepared set or a recipe."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from srdata.common.files import write_file
from srdata.common.output_paths import check_output, starts_with
from srdata.errors import UsageError
from srdata.option_files.commented_yaml import as_yaml, comment
from srdata.option_files.writing.option_request import Form, OptionRequest
from srdata.option_files.writing.pairs_of_source import WrittenPairs, pairs_in, pairs_of
from srdata.option_files.writing.toml_text import as_toml
from srdata.option_files.writing.written_sets import degraded, kind, places, test_set
from srdata.option_files.writing.written_use import gpus, use
from srdata.papers.load import load_paper
from srdata.papers.schema import BatchRule, Corpus, Crop, Data, Setting
from srdata.recipes.name_meaning import Kind, meanings
from srdata.scale import Scale

Tree = dict[str, Any]
_MARK = "as options on data, written by srdata"


class OptionText(NamedTuple):
    """The options, and what has none."""

    text: str
    told: list[str]


def options_for(
    form: Form,
    source: str | Path,
    *,
    like: str | None = None,
    scale: str | None = None,
    track: str | None = None,
) -> OptionText:
    """The section on data of an option file of `form`, for a prepared set, a folder of pairs or a recipe.

    Crops, turns, batches and degradations are those of the recipe `like`, or of `source` where that is one.
    Raises UsageError where the trainer cannot read that, with what to do.
    """
    wanted = _wanted(form, source, like, None if scale is None else Scale(scale), track)
    train = [one for one in wanted.pairs if one.split == "train"]
    if not train:
        raise UsageError(f"{source} has no training images: give a set that has a split train")
    tree, told = _options(wanted, train)
    return OptionText(_written(form, tree, [f"{source} {_MARK}", *told]), told)


def write_options(out: Path, options: OptionText) -> None:
    """Write them to a file, which is new or was written so before; raises UsageError."""
    check_output(out, ours=starts_with(_MARK.encode(), 4096))
    write_file(out, options.text.encode())


def _wanted(
    form: Form, source: str | Path, like: str | None, scale: Scale | None, track: str | None
) -> OptionRequest:
    if meanings(source, [Kind.PAPER]):
        paper = load_paper(source)
        return OptionRequest(form, paper.stages[-1].scale, list(pairs_of(paper)), paper.stages[-1])
    setting = load_paper(like).stages[-1] if like else None
    found, pairs = pairs_in(Path(source), scale or (setting.scale if setting else None), track, form)
    return OptionRequest(form, found, pairs, setting or _usual(found, pairs))


def _usual(scale: Scale, pairs: list[WrittenPairs]) -> Setting:
    """What most systems do, where nothing is said."""
    data = Data(sets=(Corpus(set=pairs[0].name),))
    crop, batch = Crop(size=64, side="lr"), BatchRule(size=16)
    return Setting(scale=scale, data=data, crop=crop, augment=("dihedral",), batch=batch)


def _options(wanted: OptionRequest, train: list[WrittenPairs]) -> tuple[Tree, list[str]]:
    """All options, as the file has them, and a line on what has none."""
    within, outside, told = degraded(wanted)
    used, unused = use(wanted)
    main = {**kind(wanted), **places(wanted, train, paired=wanted.setting.made == "stored"), **within, **used}
    tests = [test_set(wanted, one) for one in wanted.pairs if one.split != "train"]
    names = ["test"] if wanted.form == "kair" else ["val", *(f"val_{place}" for place in range(2, 99))]
    named = dict(zip(names, tests, strict=False))
    return {**_top(wanted), **outside, "datasets": {"train": main, **named}, **_measured(wanted)}, [
        *told,
        *unused,
    ]


def _measured(wanted: OptionRequest) -> Tree:
    """The PSNR of a protocol that BasicSR has, of those that a recipe's test sets are measured by."""
    known = [one.protocol for one in wanted.pairs if one.protocol in ("basicsr_y", "basicsr_rgb")]
    if not known or wanted.form not in ("basicsr", "redux"):
        return {}
    colour = {"crop_border": int(wanted.scale), "test_y_channel": known[0] == "basicsr_y"}
    return {"val": {"metrics": {"psnr": {"type": "calculate_psnr", **colour}}}}


def _top(wanted: OptionRequest) -> Tree:
    scale = wanted.scale.numerator if wanted.scale.denominator == 1 else float(wanted.scale)
    shared = {"num_gpu": gpus(wanted)} if gpus(wanted) > 1 else {}
    channels = (
        {"n_channels": 1 if wanted.setting.look.color == "grey" else 3} if wanted.form == "kair" else {}
    )
    return {"scale": scale, **shared, **channels}


def _written(form: Form, tree: Tree, told: Iterable[str]) -> str:
    mark = "//" if form == "kair" else "#"
    head = "".join(f"{mark} {comment(line)}\n" for line in told)
    if form == "kair":
        return head + json.dumps(tree, indent=2) + "\n"
    return head + (as_toml(tree) if form == "neosr" else as_yaml(tree))

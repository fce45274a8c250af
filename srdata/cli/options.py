"""What several verbs have in common: arguments and options, and where notes go."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path
from typing import Any

import click

from srdata.errors import nearest
from srdata.scale import Scale


class PathOrAddress(click.Path):
    """A path, or, where `addresses` are taken, an address, which is text; file:// is a path."""

    def __init__(self, addresses: bool = True, **options: Any) -> None:
        super().__init__(path_type=Path, **options)
        self._addresses = addresses

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path or address; fails for an address that is not taken here."""
        if isinstance(value, str) and "://" in value:
            from srdata.fetch.remote_files import place_at, shown

            value = place_at(value)
            if isinstance(value, str):
                if self._addresses:
                    return value
                self.fail(f"{shown(value)} is an address: bring it here, and give its path", param, ctx)
        return super().convert(value, param, ctx)


def local_path(**options: Any) -> PathOrAddress:
    """A path of this machine."""
    return PathOrAddress(addresses=False, **options)


class SetFolder(PathOrAddress):
    """The folder of a prepared set; one that lies in data/ is named for who left that out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "://" in str(value):
            return super().convert(value, param, ctx)
        if not Path(value).exists():
            here = sorted(str(path.parent) for path in Path("data").glob("*/set.json"))
            exact = [one for one in here if Path(one).name == str(value)]
            hint = f", did you mean {exact[0]!r}?" if exact else nearest(f"data/{value}", here)
            self.fail(
                f"there is no folder {value}{hint or '; srdata list shows the prepared sets'}", param, ctx
            )
        return super().convert(value, param, ctx)


class _Windows(click.ParamType[tuple[int, int, int]]):
    name = "windows"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        numbers = re.findall(r"[0-9]+", str(value))
        if len(numbers) not in {2, 3} or re.sub(r"[0-9 ,]", "", str(value)):
            self.fail("give SIZE STEP or SIZE STEP THRESHOLD in HR pixels, such as 480 240", param, ctx)
        size, step, threshold = (*map(int, numbers), 0)[:3]
        if not size or not step:
            self.fail("SIZE and STEP must be 1 or more", param, ctx)
        return size, step, threshold


class WithWindows(click.Command):
    """A verb with `--windows SIZE STEP [THRESHOLD]`: two or three numbers."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What click parses, with the numbers as one value."""
        if "--windows" in args:
            first = args.index("--windows") + 1
            numbers = list(itertools.takewhile(str.isdigit, args[first : first + 3]))
            args = [*args[:first], " ".join(numbers), *args[first + len(numbers) :]]
        return super().parse_args(ctx, args)


WINDOWS = click.option(
    "--windows",
    type=_Windows(),
    metavar="SIZE STEP [THRESHOLD]",
    help="Sub-images in HR pixels, such as 480 240; those of the recipe or set if not given.",
)
ESCAPE = click.option(
    "--escape", is_flag=True, help="Spell keys that cannot be written as they are in a way that can."
)
# Before, --windows was the name of this flag in the verbs that have it.
FLAG_BEFORE = click.option(
    "--windows", "flag_before", is_flag=True, hidden=True, help="The name of --sub-images before."
)


def cut(now: bool | None, before: bool) -> bool | None:
    """Whether training images are cut at the windows of the set, by the flag or by its name before."""
    if before:
        note("--windows is called --sub-images here: it says what is written, not how windows are laid")
    return True if before else now


class _Scale(click.ParamType[Scale]):
    name = "scale"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Scale:
        return Scale(value)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "4|x4|1.5"


SCALE = _Scale()


class _Jobs(click.ParamType[int]):
    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        jobs = int(click.INT.convert(value, param, ctx))
        if jobs == 0:
            self.fail("0 jobs do nothing: give 1 or more, or -1 for one a core", param, ctx)
        return jobs


class _Part(click.ParamType[tuple[int, int]]):
    name = "part"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = re.fullmatch("([0-9]+)/([0-9]+)", str(value))
        number, count = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= count:
            self.fail(f"{value} is no part: give I/N with I from 1 to N, such as 3/32", param, ctx)
        return number, count


PART = _Part()
FOLDER = local_path(exists=True, file_okay=False)
SET = click.argument("prepared", metavar="SET", type=SetFolder(False, exists=True, file_okay=False))
SET_ANYWHERE = click.argument("prepared", metavar="SET", type=SetFolder(exists=True, file_okay=False))
ROOT = click.option(
    "--root",
    type=local_path(file_okay=False),
    default=Path("data"),
    show_default=True,
    help="Folder for downloads and prepared sets.",
)
ROOT_ANYWHERE = click.option(
    "--root",
    type=PathOrAddress(file_okay=False),
    default=Path("data"),
    show_default=True,
    help="Folder for downloads and prepared sets; or an address for sets, as s3://BUCKET/FOLDER.",
)
FROM = click.option(
    "--from",
    "from_dir",
    type=FOLDER,
    help="Use the archives or images in this folder instead of downloading.",
)
JOBS = click.option(
    "--jobs", type=_Jobs(), default=-1, show_default=True, help="Processes; -1 is at most one a core."
)


def _read_policy(context: click.Context, option: click.Parameter, settings: tuple[str, ...]) -> Any:
    if not settings:
        return None
    from srdata.images import read_policy

    return read_policy(settings)


IMAGES = click.option(
    "--images",
    multiple=True,
    metavar="SETTING=VALUE",
    callback=_read_policy,
    help="How images that are not plain 8-bit RGB are read, such as alpha=white or depth16=round; repeat for "
    "several.",
)


def see_modules_here() -> None:
    """Let MODULE:FUNCTION of the user lie in the working folder; last, so that it hides no library."""
    if "" not in sys.path:
        sys.path.append("")


def note(line: str) -> None:
    """Tell the user something that is not what was asked for: a line on standard error."""
    click.echo(line, err=True)


def _named(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str] | None:
    """NAME=VALUE, each name once."""
    pairs = [one.partition("=")[::2] for one in given]
    for one, (name, value) in zip(given, pairs, strict=True):
        if not name.isidentifier() or not value:
            raise click.BadParameter(f"{one!r} is not {option.metavar}", context, option)
    return dict(pairs) or None


WHERE = click.option(
    "--where",
    metavar="CONDITION|CHOICE",
    help="Only training images that meet this, as 'blockiness < 30 and not duplicate'; or a known choice.",
)
SCORE = click.option(
    "--score",
    "scores",
    multiple=True,
    metavar="NAME=MODULE:FUNCTION",
    callback=_named,
    help="A score of your own, or pyiqa:METRIC; repeat for several.",
)
WEIGHTS = click.option(
    "--weights",
    multiple=True,
    metavar="NAME=FILE",
    callback=_named,
    help="Weights that a score needs, such as niqe; repeat for several.",
)
TEST_IMAGES = click.option(
    "--test-images",
    type=click.Path(exists=True, dir_okay=False),
    help="Hashes by srdata hashes of images that leaked means too, beside those that come along.",
)
SCORES_FOLDER = click.option(
    "--scores",
    "scores_folder",
    type=click.Path(file_okay=False),
    help="Where scores are kept; beside the images if not given.",
)

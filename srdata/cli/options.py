"""What several verbs have in common: arguments and options, and where notes go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
SET = click.argument("prepared", metavar="SET", type=FOLDER)
ROOT = click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Folder for downloads and prepared sets.",
)
FROM = click.option(
    "--from",
    "from_dir",
    type=FOLDER,
    help="Use the archives or images in this folder instead of downloading.",
)
JOBS = click.option("--jobs", default=-1, show_default=True, help="Processes; -1 is one a core.")


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


def note(line: str) -> None:
    """Tell the user something that is not what was asked for: a line on standard error."""
    click.echo(line, err=True)

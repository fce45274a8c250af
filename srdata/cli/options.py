"""What several verbs have in common: arguments and options, and where notes go."""

from __future__ import annotations

from pathlib import Path

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


def note(line: str) -> None:
    """Tell the user something that is not what was asked for: a line on standard error."""
    click.echo(line, err=True)

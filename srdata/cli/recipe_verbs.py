"""The verbs that turn option files of trainers into recipes, and recipes and sets into option files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from srdata.cli.options import note


@click.group()
def recipe() -> None:
    """Turn option files of trainers into recipes, and back.

    Of a set it writes an option file as well.

    The trainers are BasicSR and what is made of it (Real-ESRGAN, HAT and others), KAIR, traiNNer-redux and
    neosr.
    """


@recipe.command("from")
@click.argument("options", metavar="OPTIONS", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Recipe to write, such as my.yaml.",
)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="NAME",
    help="Train on this prepared set, such as df2k, instead of the folders in OPTIONS; repeat for several.",
)
def from_(options: Path, out: Path, sets: tuple[str, ...]) -> None:
    """Write the recipe that an option file describes.

    OPTIONS is a .yml, .yaml, .json or .toml file of a training. Each value of the recipe has a comment that
    says which option it comes from. What has no counterpart is listed here and at the end of the recipe.
    """
    from srdata.option_files.reading.from_options import recipe_from

    converted = recipe_from(options, out, sets)
    for line in converted.told:
        note(line)
    click.echo(f"{out}: {converted.summary}")


@recipe.command()
@click.argument("form", type=click.Choice(["basicsr", "redux", "neosr", "kair"]))
@click.argument("source")
@click.option("--like", metavar="RECIPE", help="Crops, batches and degradation of this recipe: hat-x4.")
@click.option("--scale", help="HR size over LR size, where SOURCE has several.")
@click.option("--track", help="Which LR images, such as bicubic, where SOURCE has several.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write; printed here if not given.")
def to(form: Any, source: str, out: Path | None, **options: Any) -> None:
    """Write the section on data of an option file.

    SOURCE is a folder of pairs, such as a prepared set or an export, or a recipe that `recipe from` wrote.
    The trainer reads it by its own data sets.
    """
    from srdata.option_files.writing.to_options import options_for, write_options

    section = options_for(form, source, **options)
    for line in section.told:
        note(line)
    if out is None:
        click.echo(section.text, nl=False)
    else:
        write_options(out, section)
        click.echo(f"{out}: written")

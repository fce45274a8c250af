"""The verbs beside training: how hard the windows of a set are, and how good SR images are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from srdata.cli.options import FOLDER, FROM, IMAGES, JOBS, ROOT, SET, WINDOWS, WithWindows
from srdata.vocabulary import Score, TableFormat


@click.command(cls=WithWindows)
@SET
@click.option(
    "--by",
    type=click.Choice(get_args(Score)),
    default="psnr",
    show_default=True,
    help="PSNR of bicubic (ClassSR), edges (ARM) or gradients (WBSR) of LR, or how far HR is from flat.",
)
@WINDOWS
@click.option("--scale", "scales", multiple=True, help="Only this scale; repeat for several.")
@JOBS
def classify(prepared: Path, windows: tuple[int, int, int] | None, **options: Any) -> None:
    """Score how hard each window of a prepared set is, for samplers and subsets, and keep that in the set."""
    from srdata.difficulty import classify, summary

    for kind in classify(prepared, windows=windows, **options):
        click.echo(summary(prepared, kind))


@click.command()
@click.argument("sr_dir", required=False, type=FOLDER)
@click.option("--set", "set_", help="HR: a data set by name, a prepared set, or a folder.")
@click.option(
    "--scale", "scales", multiple=True, help="HR size over LR size; of several, SR_DIR holds X2, X3 …"
)
@click.option(
    "--protocol", "protocols", multiple=True, help="What is cut, rounded, converted; repeat for several."
)
@click.option(
    "--all-protocols", is_flag=True, help="Show how far the rules of papers differ on these images."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(TableFormat)),
    default="table",
    show_default=True,
    help="How the numbers are printed.",
)
@click.option("--hr", type=FOLDER, help="Folder of HR images.")
@click.option("--name", help="How SR files are called, such as '{key}_x4_SR'; found out if not given.")
@click.option("--baseline", type=click.Choice(["bicubic"]), help="Make and score this instead of SR_DIR.")
@click.option("--measure", "measures", multiple=True, help="Also this measure, or MODULE:FUNCTION of yours.")
@click.option("--weights", multiple=True, metavar="ROLE=FILE", help="Weights that a measure needs.")
@click.option("--split", help="Split of the set: test, else validation, else train, if not given.")
@click.option(
    "--ratings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV of method, image, rater, score: print mean opinion scores and the bias of raters alone.",
)
@IMAGES
@ROOT
@FROM
def evaluate(ratings: Path | None, form: str, **options: Any) -> None:
    """Score SR images as papers do: PSNR, SSIM and other measures, each with what it is."""
    if ratings is not None:
        from srdata.metrics.mos import render_opinions

        click.echo(render_opinions(ratings, form))
        return
    from srdata.cli.evaluate_request import evaluations
    from srdata.metrics.result import render

    click.echo(render(evaluations(**options), form))

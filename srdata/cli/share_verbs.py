"""The verbs that hand a prepared set on: to other training code, and to the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from srdata.cli.options import ESCAPE, FLAG_BEFORE, JOBS, SCALE, SET, cut, local_path, note
from srdata.common.wording.amounts import images_by_split
from srdata.vocabulary import ExportForm, PublishForm


@click.command()
@SET
@click.option(
    "--to",
    type=click.Choice(get_args(ExportForm)),
    required=True,
    help="LMDB folders, EDSR's or KAIR's folders, tars, or super-image's HDF5.",
)
@click.option("--out", type=local_path(file_okay=False), required=True, help="Folder to write.")
@click.option("--scale", type=SCALE, multiple=True, help="Only this scale; repeat for several.")
@click.option(
    "--sub-images/--whole",
    default=None,
    help="Cut the training split at the windows of the set or not; by default for basicsr and kair.",
)
@FLAG_BEFORE
@ESCAPE
@click.option("--shard-bytes", type=int, default=1 << 30, show_default=True, help="Size of a tar.")
@JOBS
def export(prepared: Path, out: Path, sub_images: bool | None, flag_before: bool, **options: Any) -> None:
    """Write a prepared set in a form that other training code reads."""
    from srdata.exporting.export_set import export

    done = export(prepared, out=out, windows=cut(sub_images, flag_before), **options)
    click.echo(f"{out}: {images_by_split(done.counts)}")


@click.command()
@SET
@click.option("--to", metavar="ORG/NAME", help="The data set on the Hugging Face Hub.")
@click.option("--out", type=local_path(), help="Write the repository here, upload nothing.")
@click.option(
    "--form",
    type=click.Choice(get_args(PublishForm)),
    help="Tables, image files or tar files; else by the size of the images.",
)
@click.option("--sub-images", is_flag=True, help="Cut the training images at the windows of the set.")
@FLAG_BEFORE
@click.option("--recipe-only", is_flag=True, help="Card, recipe and hashes, but no pixels.")
@click.option("--licence", help="Under which others may use images of your own, such as cc-by-4.0.")
@click.option("--i-have-the-rights", is_flag=True, help="Publish images of which this is not known.")
@click.option("--public", is_flag=True, help="For everyone to see; private without it.")
@JOBS
def publish(prepared: Path, sub_images: bool, flag_before: bool, **options: Any) -> None:
    """Publish a prepared set on the Hugging Face Hub; run again to resume.

    The token is that of `hf auth login` or HF_TOKEN.
    """
    from srdata import publishing

    windows = bool(cut(sub_images, flag_before))
    outcome = publishing.publish(prepared, log=note, windows=windows, **options)
    click.echo(f"{outcome.where}: {outcome.summary}")

"""The verbs that make sets of prepared sets: of several one, of one several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from srdata.cli.options import ROOT_ANYWHERE, SCALE, SET_ANYWHERE, SetFolder, local_path
from srdata.common.wording.amounts import images_by_split


@click.command()
@click.argument(
    "sets", metavar="SET...", nargs=-1, required=True, type=SetFolder(exists=True, file_okay=False)
)
@click.option("--name", required=True, help="Name of the new set's folder.")
@ROOT_ANYWHERE
def join(sets: tuple[Path | str, ...], name: str, root: Path | str) -> None:
    """Make one set of several, without their sources.

    They have one degradation and the same scales.

    Shards are linked, so that they take no more room; the new set stays whole when the others are deleted.
    SETs and --root may be addresses, as s3://BUCKET/SET: a store copies its own shards by itself.
    """
    from srdata.set_changes import join

    click.echo(_told(join(sets, name, root=root)))


@click.command()
@SET_ANYWHERE
@click.option("--name", required=True, help="Name of the folder of the chosen images' set.")
@click.option(
    "--keys",
    multiple=True,
    metavar="PATTERN",
    help="Take keys by a pattern with the wildcards of a shell; repeat for several.",
)
@click.option(
    "--list",
    "listed",
    type=local_path(exists=True, dir_okay=False),
    help="Take the keys in this text file, one in a line.",
)
@click.option("--score", help="Take by what `srdata classify` gave their windows, on the mean: psnr, …")
@click.option("--above", type=float, help="Take those with a --score above this.")
@click.option("--below", type=float, help="Take those with a --score below this.")
@click.option("--scale", type=SCALE, help="Scale of the --score; not needed where there is one.")
@click.option("--rest", help="Name of the folder of a set of all others, if there is to be one.")
@ROOT_ANYWHERE
def split(prepared: Path | str, name: str, **options: Any) -> None:
    """Make a set of some images of SET, and one of the rest.

    Their source is not needed, and SET stays as it is.
    """
    from srdata.set_changes import split

    for folder in split(prepared, name, **options):
        click.echo(_told(folder))


def _told(place: Path | str) -> str:
    from srdata.prepared.remote_sets import folder_of
    from srdata.store.set_json import read_set

    return f"{place}: {images_by_split(read_set(folder_of(place)[0]).counts)}"

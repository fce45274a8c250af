"""The verbs that look at what there is: in the catalogue, in a folder, in a prepared set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from srdata.cli.options import FOLDER, FROM, IMAGES, JOBS, ROOT, SCALE, SET, SET_ANYWHERE, local_path, note
from srdata.common.wording.amounts import how_many


@click.command("list")
@ROOT
def list_(root: Path) -> None:
    """List data sets, recipes, degradations, and what is already here."""
    from srdata.describe import overview

    click.echo(overview(root))


@click.command()
@click.argument("name")
@click.option("--full", is_flag=True, help="Every setting in its resolved form, every address and hash.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def show(name: str, full: bool, as_json: bool) -> None:
    """Show what a recipe, a degradation or a data set says.

    That is settings, files, bytes, licence and citation.
    """
    from srdata.describe import describe, describe_json

    click.echo(describe_json(name) if as_json else describe(name, full=full))


@click.command()
@click.argument("path", type=local_path(exists=True))
@click.option("--full", is_flag=True, help="Decode every image, not only its header.")
@IMAGES
def inspect(path: Path, full: bool, images: Any) -> None:
    """Say what a file or folder of images is, and what is wrong with it.

    That is its form, counts, sizes, pairs and scale.
    """
    from srdata.discovery.inspection import inspect

    found = inspect(path, full=full, images=images)
    click.echo(found.text)
    if found.problems:
        click.get_current_context().exit(1)


@click.command()
@SET_ANYWHERE
@click.option("--golden", is_flag=True, help="Compare LR with the published LR images, downloaded at need.")
@FROM
@click.option("--replay", type=int, default=0, metavar="N", help="Make N random LR images again and compare.")
@click.option("--repair", is_flag=True, help="Make what is missing or damaged again, from its source, first.")
def verify(prepared: Any, repair: bool, **options: Any) -> None:
    """Check every byte of a prepared set, here or at an address."""
    from srdata.prepared.verification import verify

    if repair and isinstance(prepared, str):
        raise click.UsageError(
            "--repair is for sets of this machine: run the `srdata prepare` that made this"
        )
    if repair:
        from srdata.set_repair import repair as mend

        mend(prepared, from_dir=options["from_dir"], log=note)
    report = verify(prepared, **options)
    click.echo(report.text)
    if not report.ok:
        click.get_current_context().exit(1)


@click.command()
@SET_ANYWHERE
@click.argument("key")
@click.option("--full", is_flag=True, help="All that is kept of it, as JSON, with the degradation behind it.")
def explain(prepared: Any, key: str, full: bool) -> None:
    """Print what was drawn to make the LR images of KEY.

    Of an image that was left out, it says why.
    """
    from srdata.prepared.set_images import explain
    from srdata.report.delta_steps import lines

    found = explain(prepared, key)
    if full:
        click.echo(json.dumps(found, indent=2))
        return
    for row in found.get("choice", ()):
        click.echo(row["line"])
    if "split" not in found:
        return
    click.echo(f"{key} ({found['split']}), made of a file with SHA-256 {found['source_sha256']}")
    if "stored" in found:
        click.echo(f"HR is stored {found['stored']}")
    for layer, drawn in found["params"].items():
        told = lines(drawn) if isinstance(drawn, list) else (f"{name} {one}" for name, one in drawn.items())
        click.echo("\n".join([f"{layer}:", *(f"  {line}" for line in told)]))
    click.echo("all of it, as JSON: add --full")


@click.command()
@SET_ANYWHERE
@click.argument("key")
@click.option("--out", type=local_path(file_okay=False), help="Write the LR images here.")
def replay(prepared: Any, key: str, out: Path | None) -> None:
    """Make the LR images of KEY again, and compare them.

    They are made from what was drawn, and compared with the stored ones.
    """
    from srdata.prepared.set_images import replay

    for line in replay(prepared, key, out):
        click.echo(line)


@click.command()
@click.argument("target", metavar="SET|DEGRADATION")
@click.argument("image", required=False, type=local_path(exists=True, dir_okay=False))
@click.option("--out", type=local_path(dir_okay=False), help="The PNG to write.")
@click.option("--scale", type=SCALE, help="HR size over LR size; the degradation's own, else 4.")
@click.option("--seed", "seeds", multiple=True, type=int, default=(1, 2, 3, 4), help="A row for each.")
def preview(target: str, image: Path | None, out: Path | None, **options: Any) -> None:
    """Draw the pairs of a set, or an image after every step of a degradation."""
    from srdata.report import write_preview

    name = Path(target).name.removesuffix(".yaml")
    for path in write_preview(target, image, out=out or Path(f"{name}.png"), **options):
        click.echo(path)


@click.command()
@SET
@click.option("--out", type=local_path(dir_okay=False), help="The page; NAME.html if not given.")
@click.option(
    "--pairs", type=click.IntRange(0, 200), default=12, show_default=True, help="How many pairs to show."
)
@click.option("--images", "pairs_before", type=click.IntRange(0, 200), hidden=True, help="--pairs before.")
@click.option(
    "--against",
    multiple=True,
    type=FOLDER,
    metavar="SET|DIR",
    help="Search for these images in the set too; repeat for several.",
)
@JOBS
def report(prepared: Path, out: Path | None, pairs: int, pairs_before: int | None, **options: Any) -> None:
    """Write an HTML page that shows a prepared set.

    It has pairs, draws, difficulty, duplicates and the licence.
    """
    from srdata.report import write_report

    if pairs_before is not None:
        note("--images is called --pairs here: elsewhere it says how images are read")
        pairs = pairs_before
    out = out or Path(f"{prepared.resolve().name}.html")
    click.echo(write_report(prepared, out, images=pairs, **options))


@click.command()
@ROOT
@click.option(
    "--leakage",
    is_flag=True,
    help="Search the training images below --root for those of its test sets instead.",
)
@click.option(
    "--train",
    multiple=True,
    type=FOLDER,
    metavar="SET|DIR",
    help="All these images are trained on too; repeat for several.",
)
@click.option(
    "--test",
    multiple=True,
    type=FOLDER,
    metavar="SET|DIR",
    help="All these images are tested on too; repeat for several.",
)
@click.option(
    "--pairs",
    "shown",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="How many of two sets to name.",
)
@JOBS
def doctor(root: Path, leakage: bool, train: tuple[Path, ...], test: tuple[Path, ...], **how: int) -> None:
    """Report versions, codecs, disk, start method, and what is missing.

    With --leakage: which images of test and validation splits stand in training splits, also resized,
    compressed, mirrored or turned. Exit status 1 if there are any.
    """
    from srdata.doctor import examine
    from srdata.duplicates.leakage import find_leakage

    if not leakage and (train or test):
        raise click.UsageError("--train and --test say what to compare: give --leakage too")
    status = 0
    for finding in find_leakage(root, train, test, **how) if leakage else examine(root):
        click.echo(f"{finding.verdict:8} {finding.what:24} {finding.detail}")
        status |= finding.verdict == "problem"
    click.get_current_context().exit(status)


@click.command()
@click.argument("sources", metavar="SET|DIR …", nargs=-1, required=True, type=FOLDER)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The table (CSV) to write."
)
@JOBS
def hashes(sources: tuple[Path, ...], out: Path, jobs: int) -> None:
    """Write hashes of all images of test sets.

    By them `leaked` knows what must not be trained on.
    """
    from srdata.duplicates.known_images import write_table

    click.echo(f"{out}: {how_many(write_table(out, sources, jobs), 'image')}")


@click.command()
def schema() -> None:
    """Print the JSON Schema of recipe files, for editors."""
    from srdata.recipes.set_recipe import schema

    click.echo(json.dumps(schema(), indent=2))

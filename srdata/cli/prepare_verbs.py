"""The verbs that make data: a set of a data set or of images, LR images, a learned resampler."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from srdata.cli.option_groups import InGroups
from srdata.cli.options import (
    ESCAPE,
    FOLDER,
    FROM,
    IMAGES,
    JOBS,
    PART,
    ROOT,
    ROOT_ANYWHERE,
    SCALE,
    SCORE,
    SCORES_FOLDER,
    SET,
    TEST_IMAGES,
    WEIGHTS,
    WHERE,
    WINDOWS,
    PathOrAddress,
    local_path,
    note,
    see_modules_here,
)
from srdata.common.wording.amounts import how_many
from srdata.scale import Scale
from srdata.vocabulary import Backend, CodecName, Layout, StyleName

_TYPED = click.core.ParameterSource.COMMANDLINE


@click.command(
    cls=InGroups,
    groups={
        "Source": "--from --split --exclude --images --skip-bad --config --column --hr --lr",
        "Choice": "--where --score --weights --test-images --scores",
        "Degradation": "--scale --degradation --copies --seed",
        "Storage": "--lmdb --layout --codec --windows --root --name --style --escape",
        "Running": "--dry-run --jobs --backend --plan --part --finish --help --help-all",
    },
    rare="--config --column --hr --lr --score --weights --test-images --scores "
    "--copies --seed --style --escape --backend --plan --part --finish",
)
@click.argument("recipe", metavar="NAME|YAML|PATH|ADDRESS", required=False)
@click.option("--scale", type=SCALE, multiple=True, help="HR size over LR size; repeat for several.")
@click.option("--lmdb", is_flag=True, help="Store LMDB shards instead of image folders.")
@ROOT_ANYWHERE
@click.option("--degradation", help="How LR is made: a name, a YAML file, or published:TRACK.")
@click.option("--copies", help="Add smaller copies of training images, as realesrgan, classsr or lapsrn do.")
@FROM
@click.option("--split", "splits", multiple=True, help="Only this split; repeat for several.")
@click.option(
    "--exclude", multiple=True, metavar="KEY", help="Leave out this image and its copies; repeat for several."
)
@WHERE
@SCORE
@WEIGHTS
@TEST_IMAGES
@SCORES_FOLDER
@click.option("--config", help="Config of a data set of the Hub.")
@click.option("--column", help="Column of its HR images; hr or image if not given.")
@JOBS
@click.option("--codec", type=click.Choice(get_args(CodecName)), help="How blocks are stored in shards.")
@WINDOWS
@ESCAPE
@click.option("--layout", type=click.Choice(get_args(Layout)), help="What is written.")
@click.option(
    "--backend",
    type=click.Choice(get_args(Backend)),
    default="loky",
    show_default=True,
    help="How --jobs run: processes, threads, or a cluster of dask or Ray.",
)
@click.option("--seed", type=int, help="Seed of all randomness.")
@click.option("--name", help="Name of the prepared set's folder.")
@click.option("--hr", help="How the HR images below PATH are called: 'HR/{key}.png', or an LMDB.")
@click.option("--lr", help="How their LR images are called: 'LR/X{scale}/{key}.png', or an LMDB.")
@IMAGES
@click.option("--skip-bad", is_flag=True, help="Leave bad images out and list them in the set.")
@click.option(
    "--style",
    "styles",
    multiple=True,
    type=click.Choice(get_args(StyleName)),
    help="Folders of benchmarks to write; repeat for several. All but rcan if not given.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.option(
    "--plan",
    type=PathOrAddress(dir_okay=False),
    help="With a NAME: write what is to be done to this file or address, for --part on any machine. "
    "Without: do it.",
)
@click.option("--part", type=PART, metavar="I/N", help="Make part I of N of the --plan.")
@click.option("--finish", is_flag=True, help="Declare the set of the --plan finished, when all parts are.")
@click.pass_context
def prepare(
    context: click.Context,
    /,
    dry_run: bool,
    jobs: int,
    backend: Any,
    skip_bad: bool,
    styles: Any,
    plan: Any,
    part: tuple[int, int] | None,
    finish: bool,
    **options: Any,
) -> None:
    """Download, degrade, cut and store a data set; run again to resume.

    A PATH holds images, or pairs of any form that `srdata inspect` knows; LR images that are there are kept.
    An ADDRESS is hf://ORG/NAME, or a folder of images in a bucket, as s3://BUCKET/FOLDER.
    The name of a paper's recipe, such as hat-x4, stands for all the sets that it reads.

    `benchmarks` stands for Set5, Set14, B100, Urban100 and Manga109 (--from your copy of that one), as
    prepared sets and in the folders that EDSR, BasicSR and RCAN read.
    """
    from srdata import preparation
    from srdata.recipes.name_meaning import Kind, meaning

    see_modules_here()
    recipe = options.pop("recipe")
    if part or finish:
        _do_planned(context, plan, part, finish, jobs, backend)
        return
    if recipe is None:
        what = "a name, a YAML file, a path or hf://ORG/NAME"
        more = f"; or do what {plan} says by --part 1/1, and then --finish" if plan else ""
        raise click.UsageError(f"say what to prepare: {what}{more}")
    how = {"jobs": jobs, "backend": backend, "skip_bad": skip_bad, "log": note}
    kind = meaning(recipe).kind
    if styles and kind is not Kind.BENCHMARKS:
        raise click.UsageError("--style says how the files of benchmarks are called: leave it out")
    if plan and (dry_run or kind in (Kind.BENCHMARKS, Kind.PAPER)):
        raise click.UsageError("--plan is for one set: give the name of one, without --dry-run")
    if plan:
        preparation.write_plan(recipe, plan, **how, **options)
    elif kind in (Kind.BENCHMARKS, Kind.PAPER):
        _prepare_several(recipe, kind is Kind.PAPER, styles, dry_run, how, options)
    elif dry_run:
        click.echo(preparation.plan(recipe, **options))
    else:
        built = preparation.prepare(recipe, **how, **options)
        click.echo(f"{built.path}: {built.summary}")


def _prepare_several(
    name: str, of_paper: bool, styles: Any, dry_run: bool, how: dict[str, Any], options: dict[str, Any]
) -> None:
    from srdata import testsets
    from srdata.papers.prepare_all import prepare_sets

    if isinstance(options["root"], str):
        raise click.UsageError(f"{name} stands for several sets: give a folder of this machine as --root")
    if of_paper:
        root = options.pop("root")
        lines = prepare_sets(name, root, options | {"lmdb": None}, dry_run, **how)
    else:
        lines = testsets.prepare_given(options, styles, dry_run, **how)
    for line in lines:
        click.echo(line)


def _do_planned(context: click.Context, plan: Any, part: Any, finish: bool, jobs: int, backend: Any) -> None:
    from srdata import preparation

    if plan is None or (part and finish):
        raise click.UsageError("--part and --finish each go with --plan PLAN, and not with each other")
    taken = {"plan", "part", "finish", "jobs", "backend"}
    given = [
        one for one in context.params if context.get_parameter_source(one) is _TYPED and one not in taken
    ]
    if given:
        named = ", ".join("the name" if one == "recipe" else f"--{one.replace('_', '-')}" for one in given)
        raise click.UsageError(f"the plan says all of that already: leave {named} out")
    if part:
        preparation.make_part(plan, part, jobs=jobs, backend=backend, log=note)
        return
    built = preparation.finish_plan(plan, log=note)
    click.echo(f"{built.path}: {built.summary}")


@click.command()
@click.argument("source", metavar="NAME|YAML|PATH")
@WHERE
@SCORE
@WEIGHTS
@TEST_IMAGES
@SCORES_FOLDER
@IMAGES
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The page; NAME-choice.html if not given."
)
@ROOT
@JOBS
def curate(source: str, out: Path | None, root: Path, jobs: int, **settings: Any) -> None:
    """Score the images of a source, and write a page to choose by.

    It shows histograms, and images beside each threshold.

    Prints the condition for `where:` of a recipe, or --where of prepare. Scores are computed once, and kept.
    """
    from srdata.preparation.beforehand.given_settings import adjusted
    from srdata.report.curate_source import curate

    see_modules_here()
    recipe = adjusted(source, degradation="bicubic", **settings)  # LR images beside them do not matter here
    for line in curate(recipe, source, out or Path(f"{recipe.name}-choice.html"), root=root, jobs=jobs):
        click.echo(line)


@click.command()
@click.argument("source", metavar="IN", type=local_path(exists=True))
@click.argument("target", metavar="OUT", type=local_path(file_okay=False))
@click.option("--degradation", default="bicubic", show_default=True, help="A name or a YAML file.")
@click.option("--scale", type=SCALE, help="HR size over LR size; not needed where there is one choice.")
@click.option("--seed", default=0, show_default=True, help="Seed of all randomness.")
@IMAGES
def degrade(source: Path, target: Path, images: Any, **options: Any) -> None:
    """Degrade an image, or the HR images of a folder, to PNG files in OUT/lr.

    HR images go to OUT/hr where the degradation alters them or LR does not cover all of them, and what was
    drawn to OUT/deltas.jsonl.
    """
    from srdata.preparation.degrade_folder import degrade_files, taken_by

    paths = degrade_files(source, target, policy=images, **options)
    click.echo(taken_by(source, target, paths))


@click.command()
@SET
@click.argument("source", metavar="FILE|FOLDER", type=local_path(exists=True))
@click.option("--column", help="Which column of several to take, or what to call the only one.")
@click.option("--replace", is_flag=True, help="Write over a column of that name.")
def annotate(prepared: Path, source: Path, **options: Any) -> None:
    """Add captions, tags or scores to a prepared set.

    They come from .txt files called after images, or from a table.

    A table (.csv, .tsv, .jsonl, .parquet) has a row for each image, with its name in a column called key or
    file_name. Several rows of one image are several texts.
    """
    from srdata.preparation import annotate

    for name, count in annotate(prepared, source, **options).items():
        click.echo(f"{name}: {how_many(count, 'image')}")


@click.command("train-resampler")
@click.argument("folder", type=FOLDER)
@click.option("--scale", type=SCALE, required=True, help="HR size over LR size: 2, 4 or 8.")
@click.option("--out", type=local_path(dir_okay=False), required=True, help="Weights (safetensors).")
@click.option("--width", type=int, help="Channels of the network; the paper's has 64.")
@click.option("--steps", type=int, help="Steps of training.")
@click.option("--batch-size", type=int, help="Patches in a step.")
@click.option("--patch-size", type=int, help="Side of a patch in HR pixels.")
@click.option("--seed", type=int, help="Seed of all randomness.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
def train_resampler(folder: Path, scale: Scale, out: Path, device: str, **options: Any) -> None:
    """Train a Content Adaptive Resampler on the images in FOLDER.

    Run again to resume.
    """
    from srdata.degrade.learned.car.training import train_resampler

    given = {name: value for name, value in options.items() if value is not None}
    trained = train_resampler(folder, scale, out, device=device, report=note, **given)
    click.echo(f"{trained.weights}: use it as {trained.step}")

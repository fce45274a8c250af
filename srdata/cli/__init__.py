"""The command line: one short function per verb, no logic."""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any, get_args

import click

import srdata
from srdata.errors import SrdataError, nearest
from srdata.vocabulary import Backend, CodecName, ExportForm, Layout, Score, StyleName, TableFormat

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_ROOT = click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Folder for downloads and prepared sets.",
)
_FROM = click.option(
    "--from",
    "from_dir",
    type=_FOLDER,
    help="Use the archives or images in this folder instead of downloading.",
)
_SET = click.argument("prepared", metavar="SET", type=_FOLDER)


class _Verbs(click.Group):
    """Suggests the nearest verb for a mistyped one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = nearest(args[0], self.list_commands(ctx))
            raise click.UsageError(f"{error.message.rstrip('.')}{hint}", ctx) from error


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(srdata.__version__, prog_name="srdata")
@click.option("--verbose", is_flag=True, help="Show the traceback of an error.")
def cli(verbose: bool) -> None:
    """Prepare training data for image super-resolution.

    Start with: srdata prepare sample --scale 4 --lmdb
    """


@cli.command("list")
@_ROOT
def list_(root: Path) -> None:
    """List data sets, recipes, degradations, and what is already here."""
    from srdata.describe import overview

    click.echo(overview(root))


@cli.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print plain JSON.")
def show(name: str, as_json: bool) -> None:
    """Show a recipe or data set in full: files, bytes, licence, citation, resolved settings."""
    from srdata.describe import describe, describe_json

    click.echo(describe_json(name) if as_json else describe(name))


@cli.command()
@click.argument("recipe", metavar="NAME|YAML|PATH|hf://ORG/NAME")
@click.option("--scale", multiple=True, help="HR size over LR size; repeat for several.")
@click.option("--lmdb", is_flag=True, help="Store LMDB shards instead of image folders.")
@_ROOT
@click.option("--degradation", help="How LR is made: a name, a YAML file, or published:TRACK.")
@click.option("--copies", help="Add smaller copies of training images, as realesrgan, classsr or lapsrn do.")
@_FROM
@click.option("--split", "splits", multiple=True, help="Only this split; repeat for several.")
@click.option(
    "--exclude", multiple=True, metavar="KEY", help="Leave out this image and its copies; repeat for several."
)
@click.option("--config", help="Config of a data set of the Hub.")
@click.option("--column", help="Column of its HR images; hr or image if not given.")
@click.option("--jobs", default=-1, show_default=True, help="Processes; -1 is one a core.")
@click.option("--codec", type=click.Choice(get_args(CodecName)), help="How blocks are stored in shards.")
@click.option("--layout", type=click.Choice(get_args(Layout)), help="What is written.")
@click.option(
    "--backend",
    type=click.Choice(get_args(Backend)),
    default="loky",
    show_default=True,
    help="How --jobs run: processes, threads, or a dask cluster.",
)
@click.option("--seed", type=int, help="Seed of all randomness.")
@click.option("--name", help="Name of the prepared set's folder.")
@click.option("--hr", help="How the HR images below PATH are called: 'HR/{key}.png', or an LMDB.")
@click.option("--lr", help="How their LR images are called: 'LR/X{scale}/{key}.png', or an LMDB.")
@click.option("--skip-bad", is_flag=True, help="Leave bad images out and list them in the set.")
@click.option(
    "--style",
    "styles",
    multiple=True,
    type=click.Choice(get_args(StyleName)),
    help="Folders of benchmarks to write; repeat for several. All but rcan if not given.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and do nothing.")
def prepare(dry_run: bool, jobs: int, backend: Any, skip_bad: bool, styles: Any, **options: Any) -> None:
    """Download, degrade, cut and store a data set; run again to resume.

    A PATH holds images, or pairs of any form that `srdata inspect` knows; LR images that are there are kept.
    The name of a paper's recipe, such as hat-x4, stands for all the sets that it reads.

    `benchmarks` stands for Set5, Set14, B100, Urban100 and Manga109 at x2, x3 and x4, at x3 also blurred and
    subsampled (BD) and noisy (DN). Each becomes prepared sets, and files in the folders that other code
    reads: benchmark/ (EDSR), basicsr/ (GTmod2, LRbicx2), basicsr-mod12/ (GTmod12), rcan/. Manga109 may not be
    downloaded: its pages are taken --from your folder.
    """
    from srdata import preparation, testsets
    from srdata.papers.load import is_paper
    from srdata.papers.prepare_all import prepare_sets

    recipe = options.pop("recipe")
    how = {"jobs": jobs, "backend": backend, "skip_bad": skip_bad, "log": _note}
    if styles and recipe != testsets.NAME:
        raise click.UsageError(f"--style says how the files of {testsets.NAME} are called: leave it out")
    if recipe == testsets.NAME:
        for line in testsets.prepare_given(options, styles, dry_run, **how):
            click.echo(line)
        return
    if is_paper(recipe):
        root = options.pop("root")
        for line in prepare_sets(recipe, root, options | {"lmdb": None}, dry_run, **how):
            click.echo(line)
        return
    if dry_run:
        click.echo(preparation.plan(recipe, **options))
        return
    built = preparation.prepare(recipe, **how, **options)
    click.echo(f"{built.path}: {built.summary}")


@cli.command()
@_SET
@click.option("--golden", is_flag=True, help="Compare LR with the published LR images, downloaded at need.")
@_FROM
@click.option("--replay", type=int, default=0, metavar="N", help="Make N random LR images again and compare.")
def verify(prepared: Path, **options: Any) -> None:
    """Check every byte of a prepared set."""
    from srdata.prepared.verification import verify

    report = verify(prepared, **options)
    click.echo(report.text)
    if not report.ok:
        click.get_current_context().exit(1)


@cli.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--full", is_flag=True, help="Decode every image, not only its header.")
def inspect(path: Path, full: bool) -> None:
    """Say what a file or folder of images is: form, counts, sizes, pairs, scale, and what is wrong."""
    from srdata.discovery.inspection import inspect

    found = inspect(path, full=full)
    click.echo(found.text)
    if found.problems:
        click.get_current_context().exit(1)


@cli.command()
@_SET
@click.option(
    "--to",
    type=click.Choice(get_args(ExportForm)),
    required=True,
    help="LMDB folders, EDSR's or KAIR's folders, tars, or super-image's HDF5.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write."
)
@click.option(
    "--windows/--whole",
    default=None,
    help="Cut the training split into the set's sub-images or not; by default for basicsr and kair.",
)
@click.option("--escape", is_flag=True, help="Spell keys that the form cannot hold in a way that it can.")
@click.option("--shard-bytes", type=int, default=1 << 30, show_default=True, help="Size of a tar.")
@click.option("--jobs", default=-1, show_default=True, help="Processes; -1 is one a core.")
def export(prepared: Path, out: Path, **options: Any) -> None:
    """Write a prepared set in a form that other training code reads."""
    from srdata.exporting.export_set import export

    done = export(prepared, out=out, **options)
    click.echo(f"{out}: {', '.join(f'{count} {split}' for split, count in done.counts.items())} images")


@cli.command()
@click.argument("source", metavar="IN", type=click.Path(exists=True, path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(file_okay=False, path_type=Path))
@click.option("--degradation", default="bicubic", show_default=True, help="A name or a YAML file.")
@click.option("--scale", type=float, help="HR size over LR size; not needed where there is one choice.")
@click.option("--seed", default=0, show_default=True, help="Seed of all randomness.")
@click.option(
    "--images",
    multiple=True,
    metavar="SETTING=VALUE",
    help="How images that are not plain 8-bit RGB are read, such as alpha=white or depth16=round; repeat for "
    "several.",
)
def degrade(source: Path, target: Path, images: tuple[str, ...], **options: Any) -> None:
    """Degrade an image or a folder of images to PNG files, with what was drawn in OUT/deltas.jsonl."""
    from srdata.degrade.image_files import degrade_files, read_policy

    paths = degrade_files(source, target, policy=read_policy(images), **options)
    click.echo(f"{target}: {len(paths)} files")


@cli.command()
@_SET
@click.argument("key")
def explain(prepared: Path, key: str) -> None:
    """Print what was drawn to make the LR images of KEY, as JSON."""
    from srdata.prepared.set_images import explain

    click.echo(json.dumps(explain(prepared, key), indent=2))


@cli.command()
@_SET
@click.argument("key")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write the LR images here.")
def replay(prepared: Path, key: str, out: Path | None) -> None:
    """Make the LR images of KEY again from what was drawn, and compare them with the stored ones."""
    from srdata.prepared.set_images import replay

    for line in replay(prepared, key, out):
        click.echo(line)


@cli.command()
@_SET
@click.option(
    "--by",
    type=click.Choice(get_args(Score)),
    default="psnr",
    show_default=True,
    help="PSNR of bicubic (ClassSR), edges (ARM) or gradients (WBSR) of LR, or how far HR is from flat.",
)
@click.option(
    "--windows",
    type=(click.IntRange(1), click.IntRange(1), click.IntRange(0)),
    metavar="SIZE STEP THRESHOLD",
    help="Sub-images in HR pixels; those that the set was prepared with if not given.",
)
@click.option("--scale", "scales", multiple=True, help="Only this scale; repeat for several.")
@click.option("--jobs", default=-1, show_default=True, help="Processes; -1 is one a core.")
def classify(prepared: Path, windows: tuple[int, int, int] | None, **options: Any) -> None:
    """Score how hard each window of a prepared set is, for samplers and subsets, and keep that in the set."""
    from srdata.difficulty import classify, summary

    for kind in classify(prepared, windows=windows, **options):
        click.echo(summary(prepared, kind))


@cli.command()
@click.argument("target", metavar="SET|DEGRADATION")
@click.argument("image", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The PNG to write.")
@click.option("--scale", type=float, help="HR size over LR size; the degradation's own, else 4.")
@click.option("--seed", "seeds", multiple=True, type=int, default=(1, 2, 3, 4), help="A row for each.")
def preview(target: str, image: Path | None, out: Path | None, **options: Any) -> None:
    """Draw a contact sheet: the pairs of a set, or an image after every step of a degradation."""
    from srdata.report import write_preview

    name = Path(target).name.removesuffix(".yaml")
    for path in write_preview(target, image, out=out or Path(f"{name}.png"), **options):
        click.echo(path)


@cli.command()
@_SET
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The page; NAME.html if not given."
)
@click.option(
    "--images", type=click.IntRange(0, 200), default=12, show_default=True, help="How many pairs to show."
)
@click.option(
    "--against",
    multiple=True,
    type=_FOLDER,
    metavar="SET|DIR",
    help="Search for these images in the set too; repeat for several.",
)
@click.option("--jobs", default=-1, show_default=True, help="Processes; -1 is one a core.")
def report(prepared: Path, out: Path | None, **options: Any) -> None:
    """Write an HTML page that shows a prepared set: pairs, draws, difficulty, duplicates, licence."""
    from srdata.report import write_report

    click.echo(write_report(prepared, out or Path(f"{prepared.resolve().name}.html"), **options))


@cli.command()
@_SET
@click.option("--to", metavar="ORG/NAME", help="The data set on the Hugging Face Hub.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the repository here, upload nothing.")
@click.option(
    "--form",
    type=click.Choice(["parquet", "imagefolder", "webdataset"]),
    help="Tables, image files or tar files; else by the size of the images.",
)
@click.option("--windows", is_flag=True, help="Cut the training images at the windows of the set.")
@click.option("--recipe-only", is_flag=True, help="Card, recipe and hashes, but no pixels.")
@click.option("--i-have-the-rights", is_flag=True, help="Publish images of which this is not known.")
@click.option("--public", is_flag=True, help="For everyone to see; private without it.")
@click.option("--jobs", default=-1, show_default=True, help="Processes; -1 is one a core.")
def publish(prepared: Path, **options: Any) -> None:
    """Publish a prepared set on the Hugging Face Hub; run again to resume.

    The token is that of `hf auth login` or HF_TOKEN.
    """
    from srdata import publishing

    outcome = publishing.publish(prepared, log=_note, **options)
    click.echo(f"{outcome.where}: {outcome.summary}")


@cli.command("train-resampler")
@click.argument("folder", type=_FOLDER)
@click.option("--scale", type=int, required=True, help="HR size over LR size: 2, 4 or 8.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Weights (safetensors)."
)
@click.option("--width", type=int, help="Channels of the network; the paper's has 64.")
@click.option("--steps", type=int, help="Steps of training.")
@click.option("--batch-size", type=int, help="Patches in a step.")
@click.option("--patch-size", type=int, help="Side of a patch in HR pixels.")
@click.option("--seed", type=int, help="Seed of all randomness.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
def train_resampler(folder: Path, scale: int, out: Path, device: str, **options: Any) -> None:
    """Train a Content Adaptive Resampler on the images in FOLDER; run again to resume."""
    from srdata.degrade.learned.car.training import train_resampler

    given = {name: value for name, value in options.items() if value is not None}
    trained = train_resampler(folder, scale, out, device=device, report=_note, **given)
    click.echo(f"{trained.weights}: use it as {trained.step}")


@cli.command()
@click.argument("sr_dir", required=False, type=_FOLDER)
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
@click.option("--hr", type=_FOLDER, help="Folder of HR images.")
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
@_ROOT
@_FROM
def evaluate(ratings: Path | None, form: str, **options: Any) -> None:
    """Score SR images as papers do: PSNR, SSIM and other measures, each with what it is."""
    if ratings is not None:
        from srdata.metrics.mos import render_opinions

        click.echo(render_opinions(ratings, form))
        return
    from srdata.cli.evaluate_request import evaluations
    from srdata.metrics.result import render

    click.echo(render(evaluations(**options), form))


@cli.command()
@_ROOT
@click.option(
    "--leakage",
    is_flag=True,
    help="Search the training images below --root for those of its test sets instead.",
)
@click.option(
    "--train",
    multiple=True,
    type=_FOLDER,
    metavar="SET|DIR",
    help="All these images are trained on too; repeat for several.",
)
@click.option(
    "--test",
    multiple=True,
    type=_FOLDER,
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
@click.option("--jobs", default=-1, show_default=True, help="Processes; -1 is one a core.")
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


@cli.command()
def schema() -> None:
    """Print the JSON Schema of recipe files, for editors."""
    from srdata.recipes.set_recipe import schema

    click.echo(json.dumps(schema(), indent=2))


def _note(line: str) -> None:
    click.echo(line, err=True)


def main() -> None:
    """Run the command line: errors become one line on standard error, 2 for a user's mistake, else 1."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    verbose = "--verbose" in arguments or bool(os.environ.get("SRDATA_VERBOSE"))
    arguments = [argument for argument in arguments if argument != "--verbose"]
    try:
        status = cli.main(arguments, prog_name="srdata", standalone_mode=False)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "srdata"
        click.echo(f"{where}: {error.format_message()} (see {where} --help)", err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("srdata: interrupted; run the same command again to go on", err=True)
        return 130
    except SrdataError as error:
        return _tell(error, error.exit_status, verbose)
    except OSError as error:
        return _tell(error, 1, verbose)
    return status or 0


def _tell(error: Exception, status: int, verbose: bool) -> int:
    if verbose:
        traceback.print_exception(error)
    else:
        click.echo(f"srdata: {error}", err=True)
    return status

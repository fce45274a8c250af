"""The verbs beside training: how hard the windows of a set are, SR images of a network, how good they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from srdata.cli.options import (
    FOLDER,
    FROM,
    IMAGES,
    JOBS,
    ROOT,
    SCALE,
    SET,
    WINDOWS,
    WithWindows,
    local_path,
    see_modules_here,
)
from srdata.common.wording.amounts import how_many
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
@click.option("--scale", "scales", type=SCALE, multiple=True, help="Only this scale; repeat for several.")
@JOBS
def classify(prepared: Path, windows: tuple[int, int, int] | None, **options: Any) -> None:
    """Score how hard each window of a prepared set is.

    The scores are kept in the set, for samplers and subsets.
    """
    from srdata.difficulty import classify, summary

    for kind in classify(prepared, windows=windows, **options):
        click.echo(summary(prepared, kind))


@click.command()
@click.argument("model", type=local_path(exists=True, dir_okay=False))
@click.argument("source", metavar="IN", type=local_path(exists=True))
@click.argument("target", metavar="OUT", type=local_path(file_okay=False))
@click.option("--factory", metavar="MODULE:FUNCTION", help="What makes the network that takes the weights.")
@click.option("--trust", is_flag=True, help="MODEL is a program of somebody you trust; it may run any code.")
@click.option("--ensemble", type=click.Choice(["8", "4", "2"]), help="Mean over the image turned so often.")
@click.option("--tile", type=int, help="Side of the tiles that the network sees, in LR pixels.")
@click.option("--overlap", type=int, help="LR pixels that neighbouring tiles share; about 16 if not given.")
@click.option("--multiple", type=int, help="LR pixels of which sides must be a multiple: 8 for SwinIR.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, …")
@IMAGES
def upscale(
    model: Path, source: Path, target: Path, images: Any, ensemble: str | None, **options: Any
) -> None:
    """Run a network on an image, or on all images of a folder.

    It writes PNG files; run again to resume.

    MODEL holds weights (a state dict, .pth or .safetensors, alone or in a checkpoint), a torch.export program
    (.pt2) or a TorchScript file. Weights need --factory, or spandrel, which knows the usual architectures.
    """
    from srdata.inference import load_network, upscale

    see_modules_here()
    loading = {name: options.pop(name) for name in ("factory", "trust", "multiple", "device")}
    network = load_network(model, **loading)
    given = {name: value for name, value in options.items() if value is not None}
    paths = upscale(network, source, target, images=images, ensemble=int(ensemble or 1), **given)
    click.echo(f"{target}: {how_many(len(paths), 'file')} {network.scale.label}")


@click.command()
@click.argument("sr_dir", required=False, type=FOLDER)
@click.option("--set", "set_", help="HR: a data set by name, a prepared set, or a folder.")
@click.option(
    "--scale",
    "scales",
    type=SCALE,
    multiple=True,
    help="HR size over LR size; of several, SR_DIR holds X2, X3 …",
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
    type=local_path(exists=True, dir_okay=False),
    help="CSV of method, image, rater, score: print mean opinion scores and the bias of raters alone.",
)
@IMAGES
@ROOT
@FROM
def evaluate(ratings: Path | None, form: str, **options: Any) -> None:
    """Score SR images as papers do, by PSNR, SSIM and other measures.

    Each says what it is.
    """
    if ratings is not None:
        from srdata.metrics.mos import render_opinions

        click.echo(render_opinions(ratings, form))
        return
    from srdata.cli.evaluate_request import evaluations
    from srdata.metrics.result import render

    click.echo(render(evaluations(**options), form))

"""python -m benchmarks [NAME …] [--peers DIR] [--write FILE] [--device cuda --minutes N --json FILE]"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import click

from benchmarks import (
    codecs,
    command,
    counts,
    crops,
    decoders,
    degrade,
    gathers,
    growth,
    hashing,
    imresize,
    index,
    loader,
    memory,
    peer_loaders,
    pipeline,
    scale,
    scores,
    scoring,
    sharing,
    starting,
    streams,
    worth,
)
from benchmarks.comparison import one_thread
from benchmarks.on_device.run import measured
from benchmarks.on_device.where import DEVICES
from benchmarks.tables import machine, markdown

BENCHMARKS = {
    "imresize": imresize.run,
    "pipeline": pipeline.run,
    "command": command.run,
    "crops": crops.run,
    "codecs": codecs.run,
    "loader": loader.run,
    "cold": loader.run_cold,
    "step": loader.run_step,
    "startup": loader.run_startup,
    "realesrgan": degrade.run_real_esrgan,
    "bsrgan": degrade.run_bsrgan,
    "bare": degrade.run_bare,
    "growth": growth.run,
    "index": index.run,
    "memory": memory.run,
    "streams": streams.run,
    "scale": scale.run,
    "scores": scores.run,
    "scoring": scores.run_growth,
    "worth": worth.run,
    "loaders": peer_loaders.run,
    "gathers": gathers.run,
    "evaluate": scoring.run,
    "decoders": decoders.run,
    "workers": sharing.run,
    "starting": starting.run,
    "hashes": hashing.run,
    "counts": counts.run,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option(
    "--peers", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Holds BasicSR/ …"
)
@click.option(
    "--write", type=click.Path(dir_okay=False, path_type=Path), help="A Markdown file for the tables."
)
@click.option("--device", type=click.Choice(DEVICES), help="Measure on a device instead.")
@click.option("--minutes", type=click.FloatRange(min=0), default=8.0, help="That may take, with --device.")
@click.option(
    "--json",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("device.json"),
    help="Where --device writes what it finds, section by section.",
)
@click.option("--images", type=click.IntRange(min=1), default=scale.IMAGES, help="Of the benchmark `scale`.")
def main(
    names: tuple[str, ...],
    peers: Path | None,
    write: Path | None,
    device: str | None,
    minutes: float,
    file: Path,
    images: int,
) -> None:
    """Measure srdata, beside its peers where --peers has them; every benchmark, or those named."""
    if device != "cuda":
        one_thread()
    text = machine(peers)
    click.echo(text)
    for part in _tables(names, peers, images) if device is None else [measured(device, peers, minutes, file)]:
        click.echo(markdown(part))
        text += markdown(part)
    if write:
        write.write_text(text)


def _tables(names, peers, images):
    for name in names or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="srdata-benchmark-") as folder:
            more = {"images": images} if name == "scale" else {}
            table = BENCHMARKS[name](Path(folder), peers, **more)
        command = f"python -m benchmarks {name}{' --peers DIR' if peers else ''}"
        yield replace(table, note=f"By `{command}`. {table.note}".rstrip())


if __name__ == "__main__":
    main()

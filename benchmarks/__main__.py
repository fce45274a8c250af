"""python -m benchmarks [NAME …] [--peers DIR] [--write FILE]"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks import crops, degrade, growth, imresize, index, loader, memory, pipeline, streams
from benchmarks.comparison import one_thread
from benchmarks.tables import machine, markdown

BENCHMARKS = {
    "imresize": imresize.run,
    "pipeline": pipeline.run,
    "crops": crops.run,
    "loader": loader.run,
    "cold": loader.run_cold,
    "step": loader.run_step,
    "startup": loader.run_startup,
    "realesrgan": degrade.run_real_esrgan,
    "bsrgan": degrade.run_bsrgan,
    "growth": growth.run,
    "index": index.run,
    "memory": memory.run,
    "streams": streams.run,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option(
    "--peers", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Holds BasicSR/ …"
)
@click.option(
    "--write", type=click.Path(dir_okay=False, path_type=Path), help="A Markdown file for the tables."
)
def main(names: tuple[str, ...], peers: Path | None, write: Path | None) -> None:
    """Measure srdata, beside its peers where --peers has them; every benchmark, or those named."""
    one_thread()
    text = machine()
    click.echo(text)
    for name in names or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="srdata-benchmark-") as folder:
            part = markdown(BENCHMARKS[name](Path(folder), peers))
        click.echo(part)
        text += part
    if write:
        write.write_text(text)


if __name__ == "__main__":
    main()

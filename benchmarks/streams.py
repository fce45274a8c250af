"""Streams out of a bucket on this machine, in the first pass and after it, beside those of others."""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import datasets
import fsspec
import numpy as np

import srdata
from benchmarks import stream_readers
from benchmarks.comparison import in_process
from benchmarks.pictures import Image, mosaic
from benchmarks.tables import Table, times
from srdata import imresize

IMAGES, WINDOWS_OF = 8, 3
ROUNDS = 3
WINDOW = 480
_SCRIPT = Path(stream_readers.__file__)


class Way(NamedTuple):
    """A reader, and where its form of the images lies in the bucket."""

    title: str
    reader: str
    form: str
    python: Path


def run(folder: Path, peers: Path | None) -> Table:
    """Pairs per second of each reader, of whole images and of windows."""
    found = Path(peers, "streams", "bin", "python") if peers else Path("/nowhere")
    for name in ("whole", "windows"):
        _write_rows(folder / "rows" / name, name)
        for peer in ("litdata", "mosaicml") if found.exists() else ():
            in_process(found, _SCRIPT, f"write-{peer}", folder / "rows" / name, folder / peer / name)
    images = _pictures(folder / "png")
    srdata.prepare(images, scale=4, lmdb=True, root=folder / "set", name="whole", jobs=1)
    rows = []
    with _bucket(folder) as environment:
        for name in ("whole", "windows"):
            ways = _ways(name, found)
            figures = _figures(ways, name, folder, environment)
            first = figures[0]
            rows += [
                [
                    f"{name}: {way.title}",
                    *(f"{figure[one]:,.0f}" for one in list(figure)[:2]),
                    times(figure["first CPU second"], first["first CPU second"]),
                    *(f"{figure[one]:,.0f}" for one in list(figure)[2:]),
                    times(figure["later CPU second"], first["later CPU second"]),
                ]
                for way, figure in zip(ways, figures, strict=True)
            ]
    each = ["per CPU second", "of Hugging Face's, by CPU"]
    columns = ["", "first pass, pairs/s", *each, "later passes, pairs/s", *each]
    note = (
        f"An S3 server on this machine (moto). {IMAGES} mosaics of 2040x1356 as PNG with LR x4, windows of "
        f"{WINDOW} of {WINDOWS_OF}. Batches of 16 crops of 192 HR pixels as float32 in one process, "
        f"one thread; medians of {ROUNDS} runs, each with an empty cache. The peers have the same PNG files "
        "in chunks of 32 MB of their own form, decoded by OpenCV."
    )
    return Table("Streams out of a bucket", columns, rows, note)


def _ways(name: str, found: Path) -> list[Way]:
    own = Path(sys.executable)
    ways = [Way("Hugging Face's streaming", "hugging_face", "rows", own)]
    if found.exists():
        ways += [
            Way("LitData", "litdata", "litdata", found),
            Way("MosaicML Streaming", "mosaicml", "mosaicml", found),
        ]
    ways += [Way("srdata, Parquet", "srdata", "rows", own), Way("srdata, 64 crops", "srdata-64", "rows", own)]
    return ways + [Way("srdata, a prepared set", "srdata", "set", own)] * (name == "whole")


def _figures(ways: list[Way], name: str, folder: Path, environment: dict[str, str]) -> list[dict[str, float]]:
    """The medians of each way, one after the other in every round."""
    rounds = [[_figure(way, name, folder / "cache", environment) for way in ways] for _ in range(ROUNDS)]
    return [
        {key: statistics.median(one[key] for one in found) for key in found[0]}
        for found in zip(*rounds, strict=True)
    ]


def _figure(way: Way, name: str, cache: Path, environment: dict[str, str]) -> dict[str, float]:
    shutil.rmtree(cache, ignore_errors=True)
    address = f"s3://bucket/{way.form}/{name}"
    told = in_process(way.python, _SCRIPT, way.reader, address, cache, **environment)
    found: dict[str, float] = json.loads(told.splitlines()[-1])
    return found


@contextmanager
def _bucket(folder: Path) -> Iterator[dict[str, str]]:
    """An S3 server with all that is in the folder, and the environment that leads there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ENDPOINT_URL": address,
        "S3_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        os.environ.update(environment)
        system = fsspec.filesystem("s3")
        _when_it_answers(system)
        for path in sorted(one for one in folder.rglob("*") if one.is_file() and "png" not in one.parts):
            system.put_file(str(path), f"bucket/{path.relative_to(folder)}")
        yield environment
    finally:
        server.terminate()
        server.wait()


def _when_it_answers(system: Any, tries: int = 60) -> None:
    for attempt in range(tries):
        try:
            system.mkdir("bucket")
            return
        except OSError:
            if attempt == tries - 1:
                raise
            time.sleep(0.5)


def _pictures(folder: Path) -> Path:
    folder.mkdir()
    for number in range(IMAGES):
        cv2.imwrite(str(folder / f"{number:04d}.png"), mosaic(number + 1)[..., ::-1])
    return folder


def _write_rows(folder: Path, name: str) -> None:
    """Parquet files of whole images, four in each, or of windows, forty in each."""
    folder.mkdir(parents=True)
    rows: list[dict[str, object]] = []
    for number in range(IMAGES if name == "whole" else WINDOWS_OF):
        high = mosaic(number + 1)
        low = imresize(high, scale=1 / 4)
        side = WINDOW // 4
        places = [(top, left) for top in range(0, 220, 60) for left in range(0, 391, 60)]
        for at, (top, left) in enumerate(places if name == "windows" else [(0, 0)]):
            part = low[top : top + side, left : left + side] if name == "windows" else low
            facing = high[top * 4 :, left * 4 :][: part.shape[0] * 4, : part.shape[1] * 4]
            sides = {"lr": {"bytes": png(part)}, "hr": {"bytes": png(facing)}}
            rows.append({**sides, "key": f"{number:04d}_{at:03d}"})
    features = datasets.Features(
        {"lr": datasets.Image(), "hr": datasets.Image(), "key": datasets.Value("string")}
    )
    datasets.disable_progress_bars()
    for number, start in enumerate(range(0, len(rows), many := 4 if name == "whole" else 28)):
        table = datasets.Dataset.from_list(rows[start : start + many], features=features)
        table.to_parquet(str(folder / f"train-{number:05d}.parquet"))


def png(image: Image) -> bytes:
    return cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()

"""Scoring images: time beside the scripts that others choose by, and memory as images grow."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import scipy.io

from benchmarks.comparison import in_process
from benchmarks.pictures import mosaic, write_mosaics
from benchmarks.tables import Table, times
from srdata.curation.source_scores import CHEAP, SCORES, Seen
from srdata.images import read_image
from srdata.niqe import load_natural, naturalness

SIDES = (1356, 2040)
IMAGES = 3
COUNTS = (4000, 16000, 64000)
SMALL = (24, 32)
STAGE1 = "datasets/preparation/filtering/stage1_prefilter.py"
OURS = {  # what they call a score
    "compute_entropy": "entropy",
    "compute_contrast": "contrast",
    "compute_blockiness": "block_steps",
    "compute_aliasing_score": "aliasing",
}

GROW = """
import json, pathlib, sys, time
from srdata.curation.score_store import How
from srdata.curation.scored_files import score_files
from srdata.curation.source_scores import CHEAP
from srdata.curation.wanted_scores import find_scores
files = {path.stem: path for path in sorted(pathlib.Path(sys.argv[1]).glob("*.png"))}
found = []
for again in range(2):
    start = time.process_time()
    score_files(files, How(find_scores(CHEAP), sketches=True), pathlib.Path(sys.argv[2]), jobs=1)
    found.append(time.process_time() - start)
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
print(json.dumps([*found, int(status["VmHWM"].split()[0]) / 1024]))
"""


def run(folder: Path, peers: Path | None) -> Table:
    """CPU seconds of each score, ours and theirs, on the same images."""
    pictures = [mosaic(number, SIDES) for number in range(IMAGES)]
    greys = [cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in pictures]
    theirs = _theirs(peers)
    rows = []
    for name in CHEAP:
        own = _seconds(_own(name), pictures)
        row = [name, f"{own * 1e3:.0f} ms", "", "", ""]
        if name in theirs:
            whose, call = theirs[name]
            other = _seconds(call, greys)
            values = [(_own(name)(one), call(grey)) for one, grey in zip(pictures, greys, strict=True)]
            apart = max(abs(one - two) / abs(two) for one, two in values)
            row[2:] = [whose, f"{other * 1e3:.0f} ms, {times(other, own)}", f"{apart:.0e}"]
        rows.append(row)
    rows += _niqe(folder, peers, pictures)
    total = _seconds(lambda image: [SCORES[name].of(Seen(image, b"")) for name in CHEAP], pictures)
    rows.append(["all", f"{total * 1e3:.0f} ms", "", "", ""])
    note = (
        f"CPU time of an image of {SIDES[1]}x{SIDES[0]} that is decoded, one thread, mean of {IMAGES}. Apart "
        "is the largest relative difference of the values. Scripts: DiverSeg-dataset (`calc_blockiness.py`) "
        "and the CPU part of the three-stage filter (`stage1_prefilter.py`), as they are in --peers; NIQE "
        "with BasicSR's model, by pyiqa of the same Y."
    )
    return Table("Scores of images", ["score", "srdata", "script of", "its time", "apart"], rows, note)


def _niqe(folder: Path, peers: Path | None, pictures: list[Any]) -> list[list[str]]:
    """NIQE with the model in BasicSR's checkout, beside pyiqa where the environment `streams` has it."""
    model = (peers or folder) / "BasicSR" / "basicsr" / "metrics" / "niqe_pris_params.npz"
    if not model.is_file():
        return []
    natural = load_natural(model)
    own = _seconds(lambda image: naturalness(image, natural), pictures)
    row = ["niqe", f"{own * 1e3:.0f} ms", "", "", ""]
    python = (peers or folder) / "streams" / "bin" / "python"
    if python.exists():
        images = write_mosaics(folder / "niqe", IMAGES, SIDES)
        scipy.io.savemat(
            folder / "niqe.mat", {"mu_prisparam": natural.mean[None], "cov_prisparam": natural.covariance}
        )
        told = in_process(python, Path(__file__).with_name("pyiqa_niqe.py"), folder / "niqe.mat", images)
        other, theirs = json.loads(told.splitlines()[-1])
        ours = [naturalness(read_image(path), natural) for path in sorted(images.iterdir())]
        apart = max(abs(one - two) / two for one, two in zip(ours, theirs, strict=True))
        row[2:] = ["pyiqa", f"{other * 1e3:.0f} ms, {times(other, own)}", f"{apart:.0e}"]
    return [row]


def run_growth(folder: Path, peers: Path | None) -> Table:
    """Time and peak memory of scoring more and more images, and of doing it again."""
    write_mosaics(folder / "images", max(COUNTS), SMALL)
    rows, megabytes = [], []
    for count in COUNTS:
        some = folder / f"images-{count}"
        some.mkdir()
        for path in sorted((folder / "images").iterdir())[:count]:
            (some / path.name).hardlink_to(path)
        command = [sys.executable, "-c", GROW, str(some), str(folder / f"scores-{count}")]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        first, again, peak = json.loads(told)
        megabytes.append(peak)
        each = f"{first / count * 1e3:.1f} ms", f"{again / count * 1e3:.2f} ms"
        rows.append([f"{count:,}", *each, f"{peak:.0f} MiB"])
    slope = (megabytes[-1] - megabytes[-2]) / (COUNTS[-1] - COUNTS[-2]) * 1024
    at_most = megabytes[-1] + slope * (100_000 - COUNTS[-1]) / 1024
    note = (
        f"All scores and sketches of images of {SMALL[1]}x{SMALL[0]}, one process. In the end each further "
        f"image takes {slope:.1f} KiB, of which its path, which this benchmark holds, is 0.4: 100,000 take "
        f"{at_most:.0f} MiB."
    )
    columns = ["images", "CPU time per image", "again", "peak memory"]
    return Table("Scoring more and more images", columns, rows, note)


def _seconds(work: Callable[[Any], object], images: list[Any]) -> float:
    """The CPU seconds of an image, of its fastest of two runs."""
    runs = []
    for _ in range(2):
        start = time.process_time()
        for image in images:
            work(image)
        runs.append((time.process_time() - start) / len(images))
    return min(runs)


def _theirs(peers: Path | None) -> dict[str, tuple[str, Callable[[Any], float]]]:
    """Of our names, whose script computes that too, and its function of a grey image."""
    found: dict[str, tuple[str, Callable[[Any], float]]] = {}
    if (
        peers is not None
        and (script := peers / "DiverSeg-dataset" / "blockiness" / "calc_blockiness.py").is_file()
    ):
        diverseg = _functions(script, {"np": np, "cv2": cv2, "BLOCK_SIZE": 8})
        dct = diverseg.DCT()
        found["blockiness"] = (
            "DiverSeg",
            lambda grey: float(diverseg.process_image(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), dct)),
        )
    if peers is not None and (script := peers / "traiNNer-redux" / STAGE1).is_file():
        module = _functions(script, {"np": np, "cv2": cv2})
        for theirs, ours in OURS.items():
            found[ours] = ("three-stage filter", _as_float(getattr(module, theirs)))
    return found


def _own(name: str) -> Callable[[Any], float]:
    return lambda image: SCORES[name].of(Seen(image, b""))


def _as_float(call: Callable[[Any], Any]) -> Callable[[Any], float]:
    return lambda grey: float(call(grey))


def _functions(script: Path, names: dict[str, Any]) -> SimpleNamespace:
    """The functions and classes of a script, without what it imports for other purposes."""
    tree = ast.parse(script.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    exec(compile(tree, str(script), "exec"), names)  # a checkout that the user names
    return SimpleNamespace(**names)

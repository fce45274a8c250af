"""Drawn lines sharpened as by APISR, and targets that LR knows nothing of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from srdata import Loader, PairedDataset, degrade, prepare
from srdata.degrade.chain import load_chain
from srdata.degrade.ops.sharpen import LineSharpen
from srdata.degrade.whole_images import replay
from srdata.errors import UsageError
from srdata.images import read_image, write_png
from srdata.prepared import PreparedImages

CHAIN: dict[str, Any] = {"target": [{"op": "line_sharpen"}], "steps": [{"op": "imresize"}]}


def usm(image: np.ndarray) -> np.ndarray:
    """USMSharp of scripts/anime_strong_usm.py, by OpenCV."""
    kernel = cv2.getGaussianKernel(51, 0)

    def blur(x: np.ndarray) -> np.ndarray:
        return cv2.sepFilter2D(x, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)

    residual = image - blur(image)
    soft = blur((np.abs(residual) * 255 > 10).astype(float))
    return soft * np.clip(image + 0.5 * residual, 0, 1) + (1 - soft) * image


def sketch(grey: np.ndarray, gamma: float) -> np.ndarray:
    """gen_xdog_image of that script, pixel by pixel."""
    d = cv2.GaussianBlur(grey, (0, 0), 0.6) - gamma * cv2.GaussianBlur(grey, (0, 0), 0.6 * 2.5)
    d /= d.max()
    e = 1 + np.tanh(10e8 * (d - -15 / 255))
    e[e >= 1] = 1
    found = 1 - e
    height, width = found.shape
    around = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b]
    seen: set[tuple[int, int]] = set()
    for start in zip(*np.nonzero(found == 1), strict=True):
        if start in seen:
            continue
        piece, queue = {start}, [start]
        while queue:
            row, column = queue.pop()
            for a, b in around:
                place = row + a, column + b
                inside = 0 <= place[0] < height and 0 <= place[1] < width
                if inside and place not in piece and found[place] == 1:
                    piece.add(place)
                    queue.append(place)
        seen |= piece
        if len(piece) < 32:
            for place in piece:
                found[place] = 0
    wide = np.pad(found, 1)
    white = sum(wide[1 + a : 1 + a + height, 1 + b : 1 + b + width] == 1 for a, b in around)
    return (found == 1) | (white >= 3)


@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
def test_lines_are_sharpened_as_by_apisr(photographs: Path, name: str) -> None:
    image = read_image(photographs / f"{name}.png")[60:200, 80:240]
    first = usm(image / 255)
    sharpest = usm(usm(first))
    lines = sketch(cv2.cvtColor(sharpest.astype(np.float32), cv2.COLOR_RGB2GRAY) * 255.0, 0.975)
    theirs = np.rint(np.where(lines[..., None], sharpest, first) * 255)
    ours = LineSharpen().on_bytes(image, {"gamma": 0.975})
    assert 0.001 < lines.mean() < 0.5
    assert np.mean(np.abs(ours - theirs).max(-1) > 1) < 1e-3  # of pixels


def test_lr_knows_nothing_of_the_target(photographs: Path) -> None:
    hr = read_image(photographs / "astronaut.png")[:128, :128]
    made = degrade(hr, CHAIN, 4)
    assert (made.lr == degrade(hr, "bicubic", 4).lr).all()
    assert (made.hr == LineSharpen().on_bytes(hr, made.delta[-1]["params"])).all()
    assert (replay(hr, load_chain(CHAIN), made.delta, 4) == made.lr).all()
    with pytest.raises(UsageError, match="LR cannot be made again of what is kept"):
        replay(made.hr, load_chain(CHAIN), made.delta, 4, hr_done=True)
    assert "target" not in load_chain("bicubic").resolved()


def test_loaders_and_sets_have_the_target_as_hr(photographs: Path, tmp_path: Path) -> None:
    hr = read_image(photographs / "chelsea.png")[:128, :128]
    write_png(tmp_path / "photos/one.png", hr)
    data = PairedDataset(hr=tmp_path / "photos")
    [batch] = Loader(data, 1, degrade=CHAIN, scale=4, plain_hr=True)
    params = batch.params[0]["degradation"][-1]["params"]
    wanted = LineSharpen().on_bytes(hr, params)
    assert (batch.hr[0].permute(1, 2, 0).numpy() * 255 - wanted).__abs__().max() < 0.01
    assert (batch.hr_plain[0].permute(1, 2, 0).numpy() * 255 - hr).__abs__().max() < 0.01
    (tmp_path / "lines.yaml").write_text(json.dumps(CHAIN))
    lines = str(tmp_path / "lines.yaml")
    made = prepare(tmp_path / "photos", scale=4, degradation=lines, root=tmp_path, jobs=1)
    pair = PairedDataset(made.path)[0]
    assert abs(pair["lr"] - batch.lr[0]).max() < 1e-6
    drawn = PreparedImages(made.path).index.params(0)["x4"][-1]["params"]
    kept = (pair["hr"].permute(1, 2, 0).numpy() * 255).round()
    assert (kept == LineSharpen().on_bytes(hr, drawn)).all()

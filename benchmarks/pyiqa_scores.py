"""PSNR and SSIM on Y of a folder by pyiqa, in an environment of its own: pyiqa_scores.py SR HR BORDER

It prints seconds of the clock and of the processor for each image, and the means.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import pyiqa
import torch

ROUNDS = 2


def read(path: Path, border: int) -> Any:
    """The image as pyiqa takes it, its border cut."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)[border:-border, border:-border]
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


if __name__ == "__main__":
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    sr, hr, border = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    options = {"test_y_channel": True, "color_space": "ycbcr", "device": "cpu"}
    metrics = [pyiqa.create_metric(name, **options) for name in ("psnr", "ssim")]
    paths = sorted(hr.iterdir())
    for _ in range(ROUNDS):
        start, busy = time.perf_counter(), time.process_time()
        found = []
        for path in paths:
            pair = [read(folder / path.name, border) for folder in (sr, hr)]
            found.append([float(metric(*pair)) for metric in metrics])
        taken = [(time.perf_counter() - start) / len(paths), (time.process_time() - busy) / len(paths)]
    print(json.dumps([*taken, *(sum(column) / len(paths) for column in zip(*found, strict=True))]))

"""NIQE by pyiqa, in an environment of its own: pyiqa_niqe.py MODEL.mat FOLDER

It prints seconds of the processor for an image that is decoded, of the faster of two runs, and the values.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import cv2
import pyiqa
import torch

if __name__ == "__main__":
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    options = {"device": torch.device("cpu"), "color_space": "ycbcr"}
    metric = pyiqa.create_metric("niqe", pretrained_model_path=sys.argv[1], **options)
    images = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in sorted(Path(sys.argv[2]).iterdir())]
    tensors = [torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255 for image in images]
    runs = []
    for _ in range(2):
        start = time.process_time()
        values = [float(metric(one)) for one in tensors]
        runs.append((time.process_time() - start) / len(images))
    print(json.dumps([min(runs), values]))

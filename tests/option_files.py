"""Option files of trainers, as their users write them, and images where these say that some are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from srdata.images import write_png

PAIRED = """
name: tiny
model_type: SRModel
scale: 4
num_gpu: 2
datasets:
  train:
    name: DIV2K
    type: PairedImageDataset
    dataroot_gt: data/gt
    dataroot_lq: data/lq
    meta_info_file: data/list.txt
    filename_tmpl: '{}x4'
    io_backend: {type: disk}
    gt_size: 32
    use_hflip: yes
    use_rot: true
    num_worker_per_gpu: 6
    batch_size_per_gpu: 2
    dataset_enlarge_ratio: 3
    mean: [0.5, 0.4, 0.3]
    std: [0.5, 0.5, 0.5]
    prefetch_mode: ~
    odd_one: 7
  val:
    name: Set5
    type: PairedImageDataset
    dataroot_gt: data/set5/gt
    dataroot_lq: data/set5/lq
train: {total_iter: 1000, optim_g: {type: Adam, lr: !!float 2e-4}}
val: {metrics: {psnr: {crop_border: 4, test_y_channel: true}}}
path: {pretrain_network_g: ~, resume_state: ~}
"""

_SECOND = {
    "blur_kernel_size": 21,
    "kernel_list": ["iso", "aniso"],
    "kernel_prob": [0.75, 0.25],
    "sinc_prob": 0.2,
    "blur_sigma": [0.2, 3],
    "betag_range": [0.5, 4],
    "betap_range": [1, 2],
}
_AROUND = {
    "resize_prob": [0.2, 0.7, 0.1],
    "resize_range": [0.15, 1.5],
    "gaussian_noise_prob": 0.6,
    "noise_range": [1, 30],
    "poisson_scale_range": [0.05, 3],
    "gray_noise_prob": 0.4,
    "jpeg_range": [30, 95],
}


def twice(options: dict[str, Any]) -> dict[str, Any]:
    """The options of the first degradation, and the same of the second."""
    return options | {f"{name}2": value for name, value in options.items()}


def real_esrgan() -> dict[str, Any]:
    """Options of Real-ESRGAN's GAN model."""
    train = {
        "name": "photos",
        "type": "RealESRGANDataset",
        "dataroot_gt": "data/gt",
        "meta_info": "data/list.txt",
        "io_backend": {"type": "disk"},
        **twice(_SECOND),
        "final_sinc_prob": 0.8,
        "use_hflip": True,
        "use_rot": False,
        "batch_size_per_gpu": 2,
        "gt_size": 256,
    }
    losses = {"l1_gt_usm": True, "percep_gt_usm": True, "gan_gt_usm": False}
    outside = {**losses, **twice(_AROUND), "second_blur_prob": 0.8, "queue_size": 180, "gt_size": 256}
    return {
        "name": "real",
        "model_type": "RealESRGANModel",
        "scale": 4,
        **outside,
        "datasets": {"train": train},
    }


NEOSR = f"""
name = "otf"
model_type = "otf"
scale = 4
[datasets.train]
type = "otf"
dataroot_gt = 'data/gt'
patch_size = 16
batch_size = 2
augmentation = ["none", "mixup", "cutmix", "resizemix", "cutblur"]
aug_prob = [0.5, 0.1, 0.1, 0.1, 0.2]
[degradations]
{chr(10).join(f"{name} = {value}".replace("'", '"') for name, value in twice(_SECOND | _AROUND).items())}
second_blur_prob = 0.4
final_sinc_prob = 0.8
[logger]
total_iter = 500
"""

REDUX = """
name: redux
scale: 2
num_gpu: auto
high_order_degradation: true
jpeg_prob: 0.5
resize_mode_list: [bilinear, area]
resize_mode_prob: [0.75, 0.25]
datasets:
  train:
    name: Train
    type: realesrgandataset
    dataroot_gt: [data/gt, data/more]
    lq_size: 24
    batch_size_per_gpu: 2
    accum_iter: 2
  val: {name: Val, type: singleimagedataset, dataroot_lq: data/lq}
"""

KAIR = """
{
  "task": "classical"  // a comment
  , "scale": 2
  , "n_channels": 3
  , "datasets": {
    "train": {
      "name": "train_dataset", "dataset_type": "sr"
      , "dataroot_H": "data/gt" // path of H, see http://x.org
      , "dataroot_L": null
      , "H_size": 32, "dataloader_batch_size": 2
    }
    , "test": {"name": "Set5", "dataset_type": "sr", "dataroot_H": "data/set5/gt", "dataroot_L": null}
  }
}
"""


def images(places: Iterable[tuple[str, int]], folder: Path, template: str = "{key}", seed: int = 0) -> None:
    """Three images of noise in each place below a folder, with sides of so many pixels."""
    rng = np.random.default_rng(seed)
    for place, side in places:
        for number in range(3):
            name = template.format(key=f"im{number}")
            write_png(folder / place / f"{name}.png", rng.integers(0, 256, (side, side, 3), np.uint8))

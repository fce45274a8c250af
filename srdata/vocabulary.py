"""The names of choices that recipes, settings and the command line share, once each."""

from __future__ import annotations

from typing import Literal

Split = Literal["train", "validation", "test"]
Layout = Literal["folder", "lmdb", "basicsr"]  # what a prepared set is written as
CodecName = Literal["raw", "zstd", "png", "jxl", "keep"]  # of blocks in shards
Backend = Literal["loky", "threading", "dask", "ray"]  # what jobs run on
Score = Literal["psnr", "psnr-y", "edges", "gradients", "deviation"]  # of windows

ExportForm = Literal["basicsr", "folder", "kair", "webdataset", "hdf5"]
PublishForm = Literal["parquet", "imagefolder", "webdataset"]
StyleName = Literal["edsr", "basicsr", "basicsr-mod12", "rcan"]  # of the folders of benchmarks
TableFormat = Literal["table", "csv", "json", "markdown"]  # of results

Only = Literal["lr", "hr"]  # the side of pairs that is wanted alone; the other then has no pixels
Color = Literal["rgb", "y", "ycbcr", "grey"]  # that a network takes
Upsample = Literal["nearest", "bicubic"]  # of LR to the size of HR, before the network
Take = Literal["random", "centre", "square", "centre-square"]  # where the crop of an image lies
Pad = Literal["reflect", "edge", "constant", "enlarge", "flat"]  # of images that are smaller than a crop

# Scores of source images and the version of each: of its definition, and of the digits it is rounded to.
SOURCE_SCORES = {
    "width": 1,
    "height": 1,
    "pixels": 1,
    "aspect": 1,
    "grey": 1,
    "saturation": 1,
    "laplacian": 1,
    "entropy": 1,
    "contrast": 1,
    "blockiness": 1,
    "block_steps": 1,
    "jpeg_quality": 1,
    "noise": 1,
    "aliasing": 1,
    "border": 1,
    "flat": 1,
    "niqe": 1,
}
FLAGS = ("duplicate", "leaked")  # of an image among others

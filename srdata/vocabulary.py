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

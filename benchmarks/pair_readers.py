"""A way to read pairs for training, in a process of its own: pair_readers.py NAME FOLDER PEERS

It prints how many pairs come in a second of the clock and of the processor, how much of the processor it
takes to the first batch, and the memory of the process. Every peer reads the same sub-images, as its
documentation has it.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from stream_readers import BATCH, PATCH, SCALE, batches, cropped, of_row

MEASURED_S = 3.0

Opened = Callable[[], Iterable[int]]  # a pass → the images in each batch


def srdata_loader(folder: Path, peers: Path, **settings: Any) -> Opened:
    from srdata import Loader, PairedDataset
    from srdata.store.windows import Windows

    data = PairedDataset(folder / "set", windows=Windows(), patch_size=PATCH)
    loader = Loader(data, BATCH, augment=["dihedral"], workers=0, **settings)
    return lambda: (len(batch) for batch in loader)


def srdata_bytes(folder: Path, peers: Path) -> Opened:
    import torch

    return srdata_loader(folder, peers, dtype=torch.uint8, channels_last=True)


def srdata_items(folder: Path, peers: Path) -> Opened:
    from srdata import PairedDataset
    from srdata.store.windows import Windows

    return shuffled(PairedDataset(folder / "set", windows=Windows(), patch_size=PATCH, dihedral=True))


def srdata_png(folder: Path, peers: Path) -> Opened:
    from srdata import PairedDataset

    data = PairedDataset(hr=folder / "hr_sub", lr=folder / "lr_sub", patch_size=PATCH, dihedral=True)
    return shuffled(data)


def plain(folder: Path, peers: Path) -> Opened:
    """A data set of ten lines, as tutorials of torch have it: PNG files by OpenCV."""
    names = sorted(path.name for path in (folder / "hr_sub").iterdir())

    class Crops:
        def __len__(self) -> int:
            return len(names)

        def __getitem__(self, at: int) -> dict[str, Any]:
            return cropped(*((folder / side / names[at]).read_bytes() for side in ("lr_sub", "hr_sub")))

    return shuffled(Crops())


def memmap(folder: Path, peers: Path) -> Opened:
    """All images in two files of numpy's, which take images of one size: the least that can be done."""
    import numpy as np

    from benchmarks.bare_gather import gathered

    sides = gathered(*(np.load(folder / f"{side}.npy", mmap_mode="r") for side in ("lr", "hr")))
    return lambda: (len([side.float().div_(255) for side in batch][1]) for batch in islice(sides, 40))


def basicsr(folder: Path, peers: Path) -> Opened:
    from benchmarks.basicsr import BasicSR

    options = {"dataroot_gt": str(folder / "hr_sub.lmdb"), "dataroot_lq": str(folder / "lr_sub.lmdb")}
    options |= {"io_backend": {"type": "lmdb"}, "gt_size": PATCH, "use_hflip": True, "use_rot": True}
    return shuffled(BasicSR(peers / "BasicSR").dataset(options | {"scale": SCALE, "phase": "train"}))


def kair(folder: Path, peers: Path) -> Opened:
    stand_in("matplotlib")
    stand_in("matplotlib.pyplot")
    stand_in("mpl_toolkits")
    stand_in("mpl_toolkits.mplot3d", Axes3D=None)
    sys.path.insert(0, str(peers / "KAIR"))
    options = {"dataroot_H": str(folder / "hr_sub"), "dataroot_L": str(folder / "lr_sub"), "phase": "train"}
    kind = importlib.import_module("data.dataset_sr").DatasetSR
    return shuffled(kind(options | {"n_channels": 3, "scale": SCALE, "H_size": PATCH}))


def trainner(folder: Path, peers: Path) -> Opened:
    root = peers / "traiNNer-redux" / "traiNNer"
    stand_in("torchvision")
    stand_in("torchvision.utils", make_grid=None)
    stand_in("torchvision.transforms")
    stand_in("torchvision.transforms.functional", normalize=None)
    for name in ("traiNNer", "traiNNer.data", "traiNNer.utils"):
        stand_in(name).__path__ = [str(root.parent.joinpath(*name.split(".")))]
    images, utils = importlib.import_module("traiNNer.utils.img_util"), sys.modules["traiNNer.utils"]
    scandir = importlib.import_module("traiNNer.utils.misc").scandir
    utils.__dict__.update(img2tensor=images.img2tensor, get_root_logger=None, scandir=scandir)
    utils.__dict__.update(FileClient=lambda kind: kind)
    options = SimpleNamespace(io_backend={"type": "disk"}, mean=None, std=None, color=None, name="pairs")
    options.__dict__.update(dataroot_gt=[str(folder / "hr_sub")], dataroot_lq=[str(folder / "lr_sub")])
    options.__dict__.update(filename_tmpl="{}", meta_info=None, scale=SCALE, phase="train", gt_size=PATCH)
    options.__dict__.update(use_hflip=True, use_rot=True)
    kind = importlib.import_module("traiNNer.data.paired_image_dataset").PairedImageDataset
    return shuffled(kind(options))


def webdataset(folder: Path, peers: Path) -> Opened:
    import webdataset as wds

    shards = sorted(map(str, (folder / "webdataset").glob("*.tar")))
    data = wds.WebDataset(shards, shardshuffle=len(shards)).shuffle(100).map(of_tar)
    return lambda: batches(data)


def of_tar(sample: Any) -> Any:
    return cropped(sample["lr.png"], sample["hr.png"])


def litdata(folder: Path, peers: Path) -> Opened:
    from litdata import StreamingDataset

    data = StreamingDataset(str(folder / "litdata"), shuffle=True, transform=of_row)
    return lambda: batches(data)


def mosaicml(folder: Path, peers: Path) -> Opened:
    from streaming import StreamingDataset

    class Crops(StreamingDataset):  # type: ignore[misc]  # of a package without types
        def __getitem__(self, at: int) -> Any:
            return of_row(super().__getitem__(at))

    data = Crops(local=str(folder / "mosaicml"), shuffle=True, batch_size=BATCH)
    return lambda: batches(data)


def hugging_face(folder: Path, peers: Path) -> Opened:
    import datasets

    datasets.disable_progress_bars()
    files = sorted(map(str, (folder / "rows").glob("*.parquet")))
    rows = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(folder / "cache"))
    rows = rows.cast_column("lr", datasets.Image(decode=False)).cast_column(
        "hr", datasets.Image(decode=False)
    )
    rows.set_transform(
        lambda rows: {
            "pair": [cropped(lr["bytes"], hr["bytes"]) for lr, hr in zip(rows["lr"], rows["hr"], strict=True)]
        }
    )

    class Crops:
        def __len__(self) -> int:
            return len(rows)

        def __getitem__(self, at: int) -> Any:
            return rows[at]["pair"]

    return shuffled(Crops())


def shuffled(data: Any) -> Opened:
    """Passes over a map-style data set by torch's DataLoader, in this process."""
    from torch.utils.data import DataLoader

    return lambda: (
        len(next(iter(batch.values()))) for batch in DataLoader(data, BATCH, shuffle=True, drop_last=True)
    )


def stand_in(name: str, **members: Any) -> Any:
    """An empty module in the place of one that is imported and not needed here."""
    module = ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    return module


READERS: dict[str, Callable[[Path, Path], Opened]] = {
    one.__name__: one
    for one in (
        *(srdata_loader, srdata_bytes, srdata_items, srdata_png, memmap, plain, basicsr, kair, trainner),
        *(webdataset, litdata, mosaicml, hugging_face),
    )
}


def measured(opened: Callable[[], Opened]) -> dict[str, float]:
    """Pairs in a second, of the clock and of the processor; CPU seconds to the first batch; private MiB."""
    start = time.process_time()
    one_pass = opened()
    stream = (images for _ in iter(int, 1) for images in one_pass())
    next(stream)
    first = time.process_time() - start
    for _ in range(BATCH):
        next(stream)
    begun, busy, pairs = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - begun < MEASURED_S:
        pairs += next(stream)
    rates = pairs / (time.perf_counter() - begun), pairs / (time.process_time() - busy)
    return {"rate": rates[0], "CPU rate": rates[1], "first": first, "memory": private_mib()}


def private_mib() -> float:
    """The memory of this process that it shares with no other, in /proc (Linux)."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024


if __name__ == "__main__":
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    name, folder, peers = sys.argv[1:]
    print(json.dumps(measured(lambda: READERS[name](Path(folder), Path(peers)))))

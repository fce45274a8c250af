"""A way to stream pairs out of a bucket, in a process of its own: stream_readers.py NAME ADDRESS CACHE

It prints how many pairs come in a second, in the first pass and in those after it. Peers run in an
environment of their own, so nothing here imports srdata but its own readers. `write-NAME FROM TO` writes a
peer's form.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

PATCH, SCALE, BATCH = 192, 4, 16
LATER_S = 1.5  # of passes after the first
AT_ONCE = 64  # images for one thread: torch and OpenCV get no more

Passes = Callable[[int], Iterable[int]]  # an epoch → the images in each batch


def srdata(address: str, cache: str, crops: int = 1) -> Passes:
    from srdata import Loader
    from srdata.data import StreamedPairs

    data = StreamedPairs(address, patch_size=PATCH, crops=crops, cache=cache)
    loader = Loader(data, BATCH, workers=0, drop_last=False)
    return lambda epoch: (len(batch) for batch in loader)


def hugging_face(address: str, cache: str) -> Passes:
    import datasets
    import fsspec

    files = fsspec.filesystem("s3").find(address)
    rows = datasets.load_dataset("parquet", data_files=[f"s3://{file}" for file in files], streaming=True)
    data = rows["train"].decode(False).shuffle(seed=0, buffer_size=AT_ONCE)

    def passed(epoch: int) -> Iterable[int]:
        data.set_epoch(epoch)
        return batches(data.map(lambda row: cropped(row["lr"]["bytes"], row["hr"]["bytes"])))

    return passed


def litdata(address: str, cache: str) -> Passes:
    from litdata import StreamingDataset
    from litdata.streaming import downloader

    downloader._OBSTORE_CLIENT_OPTIONS["allow_http"] = True  # the server of this machine has no certificate
    options = {"endpoint_url": os.environ["AWS_ENDPOINT_URL"]}
    data = StreamingDataset(address, cache_dir=cache, shuffle=True, storage_options=options, transform=of_row)
    return lambda epoch: batches(data)


def mosaicml(address: str, cache: str) -> Passes:
    from streaming import StreamingDataset

    class Crops(StreamingDataset):  # type: ignore[misc]  # of a package without types
        def __getitem__(self, at: int) -> Any:
            return of_row(super().__getitem__(at))

    data = Crops(remote=address, local=cache, shuffle=True, batch_size=BATCH)
    return lambda epoch: batches(data)


def of_row(row: Any) -> Any:
    return cropped(row["lr"], row["hr"])


def cropped(lr: bytes, hr: bytes) -> dict[str, Any]:
    """A pair of aligned crops, as tensors, by the fastest decoder that srdata uses as well."""
    import cv2
    import numpy as np
    import torch

    low, high = (cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR_RGB) for one in (lr, hr))
    side = PATCH // SCALE
    top, left = (np.random.randint(0, length - side + 1) for length in low.shape[:2])  # noqa: NPY002  # a generator for each process, as peers have it
    parts = {
        "lr": low[top : top + side, left : left + side],
        "hr": high[top * SCALE :, left * SCALE :][:PATCH, :PATCH],
    }
    return {
        name: torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1))).float().div_(255)
        for name, part in parts.items()
    }


def batches(data: Any) -> Iterable[int]:
    from torch.utils.data import DataLoader

    return (len(batch["hr"]) for batch in DataLoader(data, batch_size=BATCH))


def rows_of(folder: str) -> Iterable[dict[str, bytes]]:
    from pyarrow import parquet

    for path in sorted(Path(folder).glob("*.parquet")):
        for row in parquet.read_table(path).to_pylist():
            yield {side: row[side]["bytes"] for side in ("lr", "hr")}


def write_mosaicml(source: str, target: str) -> None:
    from streaming import MDSWriter

    with MDSWriter(out=target, columns={"lr": "bytes", "hr": "bytes"}, size_limit=32 << 20) as writer:
        for row in rows_of(source):
            writer.write(row)


def write_litdata(source: str, target: str) -> None:
    from litdata import optimize

    rows = list(rows_of(source))
    optimize(fn=_as_it_is, inputs=rows, output_dir=target, chunk_bytes=32 << 20, num_workers=1)


def _as_it_is(row: dict[str, bytes]) -> dict[str, bytes]:
    return row


READERS: dict[str, Callable[[str, str], Passes]] = {
    "srdata": srdata,
    "srdata-64": lambda address, cache: srdata(address, cache, 64),
    "hugging_face": hugging_face,
    "litdata": litdata,
    "mosaicml": mosaicml,
}
WRITERS = {"write-litdata": write_litdata, "write-mosaicml": write_mosaicml}


def measured(passes: Passes) -> dict[str, float]:
    """Pairs in a second, and in one of the processor, in the first pass and in those after it."""
    first = rates(passes, 0, 0)
    later = rates(passes, 1, LATER_S)
    return {
        f"{when} {unit}": rate for when, found in (("first", first), ("later", later)) for unit, rate in found
    }


def rates(passes: Passes, epoch: int, least_s: float) -> list[tuple[str, float]]:
    """Of one pass, or of as many as take so many seconds."""
    start, busy, pairs = time.perf_counter(), time.process_time(), 0
    while not pairs or time.perf_counter() - start < least_s:
        pairs += sum(passes(epoch))
        epoch += 1
    return [
        ("second", pairs / (time.perf_counter() - start)),
        ("CPU second", pairs / (time.process_time() - busy)),
    ]


if __name__ == "__main__":
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    name, where, to = sys.argv[1:]
    if name in WRITERS:
        WRITERS[name](where, to)
    else:
        print(json.dumps(measured(READERS[name](where, to))))

"""The main jobs of srdata in the working folder, and in `found.json` how they ended and what batches hold.

Run as a script with a number of worker processes, which can import it.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from srdata import Loader, PairedDataset
from srdata.cli.exit_status import run, write_what_can_be_written

SHARD = Path("data/sample-x4/shards/00000.lmdb")
FORMS = ("basicsr", "kair", "webdataset", "hdf5")
COMMANDS = (
    "prepare sample --scale 4 --lmdb",
    "prepare sample --scale 2 --scale 4 --root folders",
    "prepare sample --scale 4 --layout basicsr --root basicsr",
    "classify data/sample-x4 --by deviation",
    *(f"export data/sample-x4 --to {form} --out as-{form}" for form in FORMS),
    "publish data/sample-x4 --out published",
    "inspect as-kair",
    "explain data/sample-x4 coffee",
    "verify data/sample-x4 --replay 1",
    "doctor",
)


def damage() -> None:
    data = bytearray(SHARD.read_bytes())
    data[9000] ^= 1
    SHARD.write_bytes(data)


def leave_a_part() -> None:
    """As a run leaves it that was killed just before the shard got its name."""
    shutil.copy(SHARD, f"{SHARD}.part-0123456789ab")
    SHARD.unlink()
    Path("data/sample-x4/index.parquet").unlink()


def batches(kind: str) -> list[float]:
    loader = Loader(PairedDataset("data/sample-x4", patch_size=96), 2, workers=1, kind=kind, seed=1)
    return [float(batch.lr.sum()) for batch in loader]


def main(jobs: str) -> None:
    write_what_can_be_written()
    by = {"prepare": ["--jobs", jobs]}
    statuses = {command: run([*(words := command.split()), *by.get(words[0], [])]) for command in COMMANDS}
    damage()
    statuses["damaged"] = run(["verify", "data/sample-x4"])
    statuses["repair"] = run(["verify", "data/sample-x4", "--repair"])
    leave_a_part()
    statuses["again"] = run(["prepare", "sample", "--scale", "4", "--lmdb", "--jobs", "1"])
    found = {"statuses": statuses, "thread": batches("thread"), "process": batches("process")}
    Path("found.json").write_text(json.dumps(found), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1])

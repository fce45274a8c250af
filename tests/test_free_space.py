"""Room on the disk is looked at before the first byte of work, and what fits is not refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import MakeSample

from srdata import prepare
from srdata.cli import run
from srdata.images import write_png
from srdata.prepared.set_images import PreparedImages


@pytest.fixture
def full(small_device: Path) -> Path:
    """A folder on a file system of 3 MB, of which 1 MB is free."""
    (small_device / "other").write_bytes(bytes(2 << 20))
    return small_device / "here"


def commands(photos: Path, made: Path) -> dict[str, str]:
    """Each verb that writes much, with {} for where; what it writes has 2 to 7 MB."""
    prepared = f"prepare {photos} --scale 2 --jobs 1 --root {{}}"
    return {
        "shards": f"{prepared} --lmdb",
        "shards of PNG": f"{prepared} --lmdb --codec png",
        "folders": prepared,
        "BasicSR": f"{prepared} --layout basicsr --windows 96 96 0",
        "KAIR": f"export {made} --to kair --jobs 1 --out {{}}",
        "HDF5": f"export {made} --to hdf5 --jobs 1 --out {{}}",
        "a folder of the Hub": f"publish {made} --jobs 1 --out {{}}",
        "degraded": f"degrade {photos} {{}} --degradation realesrgan-x4",
    }


@pytest.mark.parametrize("what", commands(Path(), Path()))
def test_what_has_no_room_is_refused_before_a_byte_is_written(
    what: str, full: Path, photographs: Path, sample: MakeSample, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the remedy that is told works."""
    command = commands(photographs, sample(scale=4, lmdb=True))[what]
    assert run(command.format(full).split()) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    option = "--root" if "--root" in command else "--out" if "--out" in command else "OUT"
    assert "no room for" in error
    assert error.endswith(f"are free: free some space, or give another {option}")
    assert not [
        path
        for path in full.parent.rglob("*")
        if path.is_file() and path.stat().st_size and path.name != "other"
    ]
    (full.parent / "other").unlink()
    assert run(command.format(full.parents[1] / "another").split()) == 0, capsys.readouterr().err


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Images that have 2.4 MB as raw samples, and some kilobytes as PNG."""
    for number in range(4):
        write_png(tmp_path / f"flat/{number}.png", np.full((400, 400, 3), 40 * number, np.uint8))
    return tmp_path / "flat"


def test_what_is_cut_out_of_raw_shards_needs_room_for_these(
    full: Path, flat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However small it is then; they stand beside it until all is done."""
    words = ["prepare", str(flat), "--scale", "2", "--layout", "basicsr", "--windows", "96", "96", "0"]
    assert run([*words, "--root", str(full), "--jobs", "1"]) == 1
    assert "no room for" in capsys.readouterr().err
    assert not [path for path in full.rglob("*") if path.is_file() and path.stat().st_size]


def test_what_is_packed_small_enough_is_not_refused(full: Path, flat: Path, tmp_path: Path) -> None:
    assert run(["prepare", str(flat), "--scale", "2", "--root", str(full), "--jobs", "1"]) == 0
    made = prepare(flat, scale=2, lmdb=True, root=tmp_path, jobs=1).path
    assert run(["export", str(made), "--to", "folder", "--out", str(full / "out"), "--jobs", "1"]) == 0
    assert run(["degrade", str(flat), str(full / "deg"), "--degradation", "realesrgan-x4"]) == 0


def test_what_an_earlier_run_has_written_is_not_counted_twice(
    small_device: Path, photographs: Path, tmp_path: Path
) -> None:
    """A set of 2.2 MB on a device of 3 MB, one file of which is to be made again."""
    write_png(tmp_path / "in/one.png", np.random.default_rng(0).integers(0, 255, (700, 700, 3), np.uint8))
    made = prepare(tmp_path / "in", scale=2, root=small_device, jobs=1).path
    file = PreparedImages(made).file(0, "x2")
    assert file is not None
    file.write_bytes(b"")
    assert (
        run(["prepare", str(tmp_path / "in"), "--scale", "2", "--root", str(small_device), "--jobs", "1"])
        == 0
    )


def test_a_plan_shows_what_is_free_and_that_it_is_too_little(
    full: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["prepare", str(photographs), "--scale", "2", "--lmdb", "--dry-run", "--root"]
    assert run([*command, str(full)]) == 0
    told = capsys.readouterr().out
    assert "free      1.05MB" in told
    assert "no room   it takes about" in told
    assert "and 1.05MB are free: free some space, or give another --root" in told
    assert run([*command, str(full.parents[1])]) == 0
    assert "no room" not in capsys.readouterr().out


def test_a_download_that_has_no_room_is_not_begun(full: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is asked of the network: the sizes are those of the manifest."""
    assert run(["prepare", "div2k", "--scale", "4", "--root", str(full), "--jobs", "1"]) == 1
    assert "no room for" in (error := capsys.readouterr().err.splitlines()[-1])
    assert "it takes about 7.96GB" in error

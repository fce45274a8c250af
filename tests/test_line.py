"""The whole line with a real download: archives from a server on this machine, prepared, read, verified."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from loopback import Loopback, cut, serve, zip_of

from srdata import catalog
from srdata.cli import run
from srdata.errors import ImageError, SourceError
from srdata.images import read_image
from srdata.preparation import prepare
from srdata.prepared.verification import verify
from srdata.store.reader import SetReader

MANIFEST = """
name: tiny
title: Tiny
licence: {{name: test, text: for tests, redistributable: true}}
citation: none
evidence: {{here: made by this test}}
sets:
  - split: validation
    track: HR
    count: 5
    sources: [{{archives: [hr.zip], paths: "Tiny_HR/{{key}}.png"}}]
  - split: validation
    track: bicubic
    scale: 4
    count: 5
    sources: [{{archives: [lr.zip], paths: "Tiny_LR_bicubic/X4/{{key}}x4.png"}}]
    bicubic: {{rounding: each-pass, border: symmetric, evidence: MATLAB made them}}
archives:
  hr.zip:
    urls: ["{server}/hr.zip"]
    digests: [{{sha256: {hr}, evidence: [here]}}]
  lr.zip:
    urls: ["{server}/lr.zip"]
    digests: [{{sha256: {lr}, evidence: [here]}}]
"""


def archives(golden: Path, spoil: bool = False) -> dict[str, bytes]:
    hr = {f"Tiny_HR/{path.name}": path.read_bytes() for path in (golden / "set5/HR").glob("*.png")}
    lr = {
        f"Tiny_LR_bicubic/X4/{path.name}": path.read_bytes()
        for path in (golden / "set5/LR_bicubic/X4").glob("*.png")
    }
    if spoil:
        image = cv2.imread(str(golden / "set5/LR_bicubic/X4/birdx4.png"))
        image[10, 10, 0] ^= 1
        lr["Tiny_LR_bicubic/X4/birdx4.png"] = cv2.imencode(".png", image)[1].tobytes()
    return {"hr.zip": zip_of(hr), "lr.zip": zip_of(lr)}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation whose only data set is the one of this test."""
    package = tmp_path / "package"
    for folder in ("manifests", "recipes/degradations"):
        (package / folder).mkdir(parents=True)
    own = catalog.folder(catalog.Shelf.DEGRADATIONS) / "bicubic.yaml"
    (package / "recipes/degradations/bicubic.yaml").write_bytes(own.read_bytes())
    (package / "recipes/tiny.yaml").write_text("source: tiny\nprefix: Tiny\nscales: [4]\nwindows: null\n")
    monkeypatch.setattr(catalog, "_PACKAGED", package)
    return package


@pytest.fixture
def tiny(golden: Path, shelf: Path) -> Iterator[Loopback]:
    files = archives(golden)
    with serve(files) as server:
        offer(shelf, server.url("").rstrip("/"), files)
        yield server


def offer(shelf: Path, address: str, files: dict[str, bytes]) -> None:
    hashes = {name.split(".")[0]: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    (shelf / "manifests/tiny.yaml").write_text(MANIFEST.format(server=address, **hashes))


def test_from_the_name_to_pixels(tiny: Loopback, golden: Path, tmp_path: Path) -> None:
    tiny.next("hr.zip", cut(100_000))
    built = prepare("tiny", lmdb=True, root=tmp_path / "data", jobs=1)
    assert built.path == tmp_path / "data/tiny-x4"
    reader = SetReader(built)
    for path in (golden / "set5/HR").glob("*.png"):
        assert np.array_equal(reader.image(reader.index.row(path.stem), "hr"), read_image(path))
        lr = read_image(golden / f"set5/LR_bicubic/X4/{path.stem}x4.png")
        assert np.array_equal(reader.image(reader.index.row(path.stem), "x4"), lr)
    report = verify(built, golden=True)
    assert report.ok, report.text
    assert re.search(r"validation bicubic x4: 0 of \d+ samples in 5 images differ", report.text)
    part = prepare("tiny", lmdb=True, root=tmp_path / "data", exclude=["bird"], jobs=1)
    assert re.search(r"x4: 0 of \d+ samples in 4 images differ", verify(part, golden=True).text)
    asked = len(tiny.requests)
    prepare("tiny", lmdb=True, root=tmp_path / "data", jobs=1)
    assert len(tiny.requests) == asked, "what is prepared is not asked for again"


def test_one_wrong_sample_is_found(golden: Path, shelf: Path, tmp_path: Path) -> None:
    files = archives(golden, spoil=True)
    with serve(files) as server:
        offer(shelf, server.url("").rstrip("/"), files)
        built = prepare("tiny", root=tmp_path, jobs=1)
        report = verify(built, golden=True)
    assert not report.ok
    assert re.search(r"x4: 1 of \d+ samples in 5 images differs", report.text)


def test_published_lr_can_be_taken_as_it_is(golden: Path, shelf: Path, tmp_path: Path) -> None:
    files = archives(golden, spoil=True)
    with serve(files) as server:
        offer(shelf, server.url("").rstrip("/"), files)
        for layout in ("lmdb", "folder"):
            built = prepare("tiny", root=tmp_path, degradation="published:bicubic", layout=layout, jobs=1)
            report = verify(built, golden=True)
            assert report.ok, report.text
            assert "0 of" in report.text


@pytest.mark.parametrize("rows", [1, -1])
def test_published_lr_of_another_size_is_no_pair(
    golden: Path, shelf: Path, tmp_path: Path, rows: int
) -> None:
    files = archives(golden)
    lr = cv2.imread(str(golden / "set5/LR_bicubic/X4/birdx4.png"))
    with zipfile.ZipFile(io.BytesIO(files["lr.zip"])) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    changed = cv2.resize(lr, (lr.shape[1], lr.shape[0] + rows))
    members["Tiny_LR_bicubic/X4/birdx4.png"] = cv2.imencode(".png", changed)[1].tobytes()
    files["lr.zip"] = zip_of(members)
    with serve(files) as server:
        offer(shelf, server.url("").rstrip("/"), files)
        with pytest.raises(ImageError, match=r"birdx4\.png: is 72x\d+, but bird\.png at x4 asks for 72x72"):
            prepare("tiny", root=tmp_path, degradation="published:bicubic", jobs=1)


def test_files_that_the_user_has_are_not_downloaded(tiny: Loopback, golden: Path, tmp_path: Path) -> None:
    built = prepare("tiny", lmdb=True, root=tmp_path / "a", from_dir=golden / "set5/HR", jobs=1)
    archived = tmp_path / "archives"
    archived.mkdir()
    for name, data in archives(golden).items():
        (archived / name).write_bytes(data)
    again = prepare("tiny", lmdb=True, root=tmp_path / "b", from_dir=archived, jobs=1)
    assert verify(again, golden=True, from_dir=archived).ok
    assert not tiny.requests
    assert built.content.files == again.content.files


def test_a_missing_image_is_named(tiny: Loopback, golden: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for path in sorted((golden / "set5/HR").glob("*.png"))[1:]:
        (mine / path.name).write_bytes(path.read_bytes())
    with pytest.raises(SourceError, match=r"4 .*5"):
        prepare("tiny", root=tmp_path / "data", from_dir=mine, jobs=1)


def test_the_licence_comes_before_the_download(
    tiny: Loopback, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []

    def log(line: str) -> None:
        if line.startswith("licence of Tiny: test: for tests"):
            seen.append(len(tiny.requests))

    prepare("tiny", root=tmp_path / "data", jobs=1, log=log)
    assert seen == [0]
    assert run(["prepare", "tiny", "--root", str(tmp_path / "other"), "--jobs", "1"]) == 0
    assert "licence of Tiny" in capsys.readouterr().err

"""Progress: every verb that may take long says how many images are done, on standard error."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from srdata.cli import run
from srdata.cli.verbs import cli
from srdata.images import read_image, write_png
from tests.storing import PHOTOGRAPHS

# What a verb says at the end of its work on two images, in the folder that is prepared below.
SHOWN = {
    "prepare photos --scale 2 --lmdb --root other": ["photos-x2: 2/2 images"],
    "prepare photos --scale 2 --lmdb --root planned --plan plan": ["sizes: 2/2 images"],
    "prepare photos --scale 2 --layout basicsr --windows 64 32 --root subs": [
        "shards: 2/2 images",
        "train: 2/2 images",
    ],
    "degrade photos degraded --scale 2": ["degrade: 2/2 images"],
    "inspect photos": ["inspect: 2/2 images"],
    "verify data/set --replay 2": ["hashes: 3/3 files", "verify: 2/2 images", "replay: 2/2 images"],
    "verify damaged --repair --from photos": ["hashes: 3/3 files", "damaged: 2/2 images"],
    "preview realesrgan-x4 --seed 1": ["draws: 1000/1000 images"],
    "report data/set --jobs 1": ["perceptual hashes of data/set: 2/2 images", "pictures: 2/2 images"],
    "doctor --leakage --train photos --test photos --jobs 1": ["perceptual hashes of photos: 2/2 images"],
    "split data/set --name some --keys astro* --rest others --root parts": [
        "some: 1/1",
        "others: 1/1 images",
    ],
    "join data/set again --name both --root joined": ["both: 4/4 images"],
    "curate photos --jobs 1": ["2/2 images"],
    "hashes data/set --out known.csv --jobs 1": ["perceptual hashes of data/set: 2/2 images"],
    "classify data/set --windows 32 32 --jobs 1": ["psnr at x2: 2/2 images"],
    "evaluate photos --hr photos --scale 1": ["2/2 images"],
    "export data/set --to kair --out exported --whole --jobs 1": ["2/2 images"],
    "publish data/set --out published --i-have-the-rights --jobs 1": ["2/2 images"],
}
OTHERWISE = {
    "train-resampler": "counts steps: tests/test_car_training.py",
    "upscale": "counts images: tests/test_upscale.py",
    "annotate": "reads small files",
    "recipe": "reads one file",
    "list": "looks at names",
    "show": "reads one file",
    "explain": "reads one row",
    "replay": "makes one image",
    "schema": "reads nothing",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs of 128 pixels, a set of them, and one that is damaged."""
    folder = tmp_path_factory.mktemp("progress")
    for name in ("astronaut", "coffee"):
        write_png(folder / f"photos/{name}.png", read_image(PHOTOGRAPHS / f"{name}.png")[:128, :128])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert (
            run(["prepare", "photos", "--scale", "2", "--lmdb", "--name", "set", "--windows", "64", "32"])
            == 0
        )
    for copy in ("again", "damaged"):
        shutil.copytree(folder / "data/set", folder / copy)
    (folder / "damaged/shards/00000.lmdb").write_bytes(b"")
    return folder


@pytest.mark.parametrize("command", SHOWN)
def test_how_many_images_are_done_is_shown(
    command: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    run(command.split())
    told = capsys.readouterr().err
    for line in SHOWN[command]:
        assert line in told, told


def test_every_verb_is_looked_at() -> None:
    assert {command.split()[0] for command in SHOWN} | set(OTHERWISE) == set(cli.commands)

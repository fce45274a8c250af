"""Never over what a user has: no verb, and no function behind one, writes over another's file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from srdata.cli import cli, run
from srdata.degrade.learned.car.training import train_resampler
from srdata.errors import UsageError
from srdata.images import write_png
from srdata.prepared.set_images import replay
from srdata.report import write_preview, write_report

# Every verb: the command that writes `out` of the set or photograph; None where a verb writes no file that a
# user names (classify keeps its scores in the set, by names of their own).
COMMANDS: dict[str, list[str] | None] = {
    "prepare": ["prepare", "{photos}", "--scale", "2", "--root", "{out.parent}", "--name", "{out.name}"],
    "join": None,  # as split: a set has a folder of its own
    "split": [*("split", "{set}", "--root", "{out.parent}", "--name", "{out.name}"), "--keys", "*"],
    "curate": ["curate", "{photos}", "--out", "{out}", "--scores", "{out.parent}/scores"],
    "hashes": ["hashes", "{photos}", "--out", "{out}"],
    "degrade": None,  # below: its outputs lie in a folder
    "annotate": None,  # into the set, over a column only with --replace: tests/test_beside.py
    "recipe": None,  # of two commands: tests/test_option_files.py, tests/test_written_options.py
    "train-resampler": [
        *("train-resampler", "{photos}", "--scale", "2", "--out", "{out}", "--steps", "1", "--width", "4"),
        *("--batch-size", "1", "--patch-size", "32"),
    ],
    "list": None,
    "show": None,
    "inspect": None,
    "verify": None,
    "explain": None,
    "replay": None,  # below: its outputs lie in a folder
    "preview": ["preview", "bicubic", "{photo}", "--out", "{out}", "--seed", "1"],
    "report": ["report", "{set}", "--out", "{out}"],
    "doctor": None,
    "schema": None,
    "classify": None,
    "upscale": None,  # tests/test_upscale.py: its outputs lie in a folder
    "evaluate": None,
    "export": ["export", "{set}", "--to", "folder", "--out", "{out}"],
    "publish": ["publish", "{set}", "--out", "{out}", "--i-have-the-rights"],
}
WRITING = {verb: words for verb, words in COMMANDS.items() if words is not None}
SAID = (
    "not write it",
    "is read",
    "is a folder",
    "is not empty",
    "is there already",
    "is a file",
    "lies among the images",
    "File exists",
    "no prepared set",
)

each_writing = pytest.mark.parametrize("verb", sorted(WRITING))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a photograph, and a prepared set."""
    root = tmp_path_factory.mktemp("made")
    write_png(root / "photos/one.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    options = ["--scale", "2", "--lmdb", "--root", str(root), "--name", "set", "--jobs", "1"]
    assert run(["prepare", str(root / "photos"), *options]) == 0
    return {"photos": root / "photos", "photo": root / "photos/one.png", "set": root / "set"}


def command(verb: str, made: dict[str, Path], out: Path) -> list[str]:
    words = [word.format(**made, out=out) for word in WRITING[verb]]
    return words if verb in {"preview", "split", "train-resampler"} else [*words, "--jobs", "1"]


def as_it_is(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_verb_is_listed() -> None:
    """A new verb fails here until it is said what it writes."""
    assert set(COMMANDS) == set(cli.commands)


@each_writing
def test_a_file_of_the_user_stays(
    verb: str, made: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "thesis"
    out.write_bytes(b"three years of work")
    before = as_it_is(tmp_path)
    assert run(command(verb, made, out)) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert any(one in told for one in SAID), told
    assert as_it_is(tmp_path) | before == as_it_is(tmp_path)
    assert out.read_bytes() == b"three years of work"


@each_writing
def test_a_folder_of_the_user_stays(verb: str, made: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "photographs"
    out.mkdir()
    (out / "one.png").write_bytes(made["photo"].read_bytes())
    before = as_it_is(out)
    assert run(command(verb, made, out)) == 2
    assert as_it_is(out) == before


@each_writing
@pytest.mark.parametrize("link", ["same", "symbolic", "hard", "roundabout"])
def test_what_is_read_is_never_written(verb: str, link: str, made: dict[str, Path], tmp_path: Path) -> None:
    photo = made["photo"]
    out = {"same": photo, "roundabout": photo.parent / ".." / photo.parent.name / photo.name}.get(
        link, tmp_path / "link.png"
    )
    if link == "symbolic":
        out.symlink_to(photo)
    elif link == "hard":
        os.link(photo, out)
    before = photo.read_bytes()
    assert run(command(verb, made, out)) == 2
    assert photo.read_bytes() == before


@each_writing
def test_what_a_verb_wrote_it_may_write_again(verb: str, made: dict[str, Path], tmp_path: Path) -> None:
    for _ in range(2):
        assert run(command(verb, made, tmp_path / "out")) == 0


def test_a_page_beside_the_one_that_is_named_is_refused_before_any_work(
    made: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "page-draws.png").write_bytes(b"mine")
    assert run(command("preview", made, tmp_path / "page.png")) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page-draws.png"]


def test_weights_beside_those_that_are_named_are_refused_before_any_work(
    made: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "car.upscaler.safetensors").write_bytes(b"mine")
    assert run(command("train-resampler", made, tmp_path / "car.safetensors")) == 2
    assert (tmp_path / "car.upscaler.safetensors").read_bytes() == b"mine"


def test_replay_refuses_another_file_and_leaves_its_own(made: dict[str, Path], tmp_path: Path) -> None:
    ask = ["replay", str(made["set"]), "one", "--out", str(tmp_path)]
    assert run(ask) == 0
    assert run(ask) == 0
    (tmp_path / "onex2.png").write_bytes(b"mine")
    assert run(ask) == 2
    assert (tmp_path / "onex2.png").read_bytes() == b"mine"


def test_degrade_refuses_what_is_there(made: dict[str, Path], tmp_path: Path) -> None:
    ask = ["degrade", str(made["photo"]), str(tmp_path), "--scale", "2"]
    assert run(ask) == 0
    assert run(ask) == 0, "what it wrote before"
    written = as_it_is(tmp_path)
    for name in written:
        elsewhere = tmp_path.parent / f"{tmp_path.name}-mine" / Path(name).relative_to(tmp_path)
        elsewhere.parent.mkdir(parents=True)
        elsewhere.write_bytes(b"mine")
        folder = tmp_path.with_name(f"{tmp_path.name}-mine")
        assert run([*ask[:2], str(folder), *ask[3:]]) == 2, name
        assert elsewhere.read_bytes() == b"mine"
        shutil.rmtree(folder)


def test_degrade_never_writes_over_what_it_reads(made: dict[str, Path], tmp_path: Path) -> None:
    before = made["photo"].read_bytes()
    run(["degrade", str(made["photo"]), str(made["photos"]), "--scale", "2"])
    assert made["photo"].read_bytes() == before


def test_the_functions_behind_the_verbs_refuse_as_well(made: dict[str, Path], tmp_path: Path) -> None:
    mine = tmp_path / "mine.png"
    mine.write_bytes(b"mine")
    calls: list[Callable[[], object]] = [
        lambda: write_preview("bicubic", made["photo"], out=mine),
        lambda: write_preview(made["set"], out=mine),
        lambda: write_report(made["set"], mine),
        lambda: train_resampler(made["photos"], 2, mine, resume=False),
        lambda: replay(made["set"], "one", mine),
    ]
    for call in calls:
        with pytest.raises(UsageError):
            call()
        assert mine.read_bytes() == b"mine"

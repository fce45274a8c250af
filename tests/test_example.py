"""The example as users run it: resumes bit for bit, starts x4 from x2, reads folders and sets, and learns."""

from __future__ import annotations

import io
import re
import runpy
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from srdata import imresize, prepare
from srdata.images import read_image, write_png

SCRIPT = Path(__file__).parents[1] / "examples" / "train.py"
STEPS = 48  # an epoch: as many crops of 8x8 as two images of 64x48 have, in pairs
TINY = "--epochs=2 --batch_size=2 --patch_size=8 --channels=8 --blocks=1 --threads=1 --save_every=5"
LINE = re.compile(r"epoch (\d+): (\d+) s, loss (\S+), PSNR (\S+) dB")
BICUBIC = 33.66  # dB, Set5 x2 on Y, in every paper's table


KILLED = """
import os, runpy, signal, sys, torch
save, saves = torch.save, iter(range(3))
def save_or_die(*given):
    return save(*given) if next(saves, None) is not None else os.kill(os.getpid(), signal.SIGKILL)
torch.save, sys.argv = save_or_die, sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def words(folder: Path, *options: object) -> list[str]:
    return [str(SCRIPT), *TINY.split(), "--root", str(folder / "data"), *map(str, options)]


def train(folder: Path, *options: object) -> str:
    """What the script prints in this process, which saves the time of imports."""
    printed = io.StringIO()
    with redirect_stdout(printed), pytest.MonkeyPatch.context() as patch:
        run_script(patch, *words(folder, *options))
    return printed.getvalue()


def run_script(patch: pytest.MonkeyPatch, *words: str) -> None:
    patch.syspath_prepend(str(SCRIPT.parent))
    patch.setattr(sys, "argv", list(words))
    runpy.run_path(str(SCRIPT), run_name="__main__")


def ending(patch: pytest.MonkeyPatch, *options: object) -> object:
    """What a run ends with: a message, or 0."""
    with pytest.raises(SystemExit) as ended:
        run_script(patch, SCRIPT.name, *map(str, options))
    return ended.value.code


def saved(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def few(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small parts of two photographs, so that an epoch takes a moment."""
    folder = tmp_path_factory.mktemp("example") / "few"
    folder.mkdir()
    for name in ("coffee", "chelsea"):
        part = read_image(photographs / f"{name}.png")[100:148, 200:264]
        write_png(folder / f"{name}.png", part.copy())
    return folder


@pytest.fixture(scope="module")
def trained(few: Path) -> tuple[str, Path]:
    """What a run that nothing interrupted printed, and its checkpoint."""
    path = few.parent / "whole.pt"
    return train(few.parent, "--train_dir", few, "--val_dir", few, "--checkpoint", path), path


def test_a_run_prints_its_progress_from_bicubic_on(trained: tuple[str, Path], few: Path) -> None:
    start, *epochs = trained[0].splitlines()
    assert start == f"{STEPS} steps an epoch, PSNR {bicubic_psnr(few):.2f} dB"
    assert [LINE.fullmatch(line)[1] for line in epochs] == ["1", "2"]  # type: ignore[index]


def bicubic_psnr(folder: Path) -> float:
    """Of MATLAB's rgb2ycbcr as its manual gives it, by scikit-image."""
    found = []
    for path in folder.iterdir():
        hr = read_image(path)
        lr = imresize(hr, 1 / 2)
        sr = np.round(imresize(lr / 255, 2).clip(0, 1) * 255)
        true, made = ((x @ [65.481, 128.553, 24.966] / 255 + 16)[2:-2, 2:-2] for x in (hr, sr))
        found.append(peak_signal_noise_ratio(true, made, data_range=255))
    return sum(found) / len(found)


@pytest.mark.linux
def test_a_run_that_was_killed_ends_with_the_weights_of_one_that_was_not(
    trained: tuple[str, Path], few: Path
) -> None:
    path = few.parent / "killed.pt"
    options = ("--train_dir", few, "--val_dir", few, "--checkpoint", path)
    killed = subprocess.run([sys.executable, "-c", KILLED, *words(few.parent, *options)], check=False)
    assert killed.returncode == -signal.SIGKILL
    whole, halted = saved(trained[1]), saved(path)
    assert halted["step"] == 15, "in the middle of an epoch"
    train(few.parent, *options)
    ended = saved(path)
    assert ended["step"] == whole["step"] == 2 * STEPS
    for name, value in whole["model"].items():
        assert torch.equal(value, ended["model"][name]), name
    assert any(not torch.equal(value, halted["model"][name]) for name, value in whole["model"].items())


def test_a_checkpoint_of_other_settings_is_refused(
    trained: tuple[str, Path], few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = ("--train_dir", few, "--val_dir", few, "--root", few.parent / "data", *TINY.split())
    assert ending(monkeypatch, *folders, "--checkpoint", trained[1], "--lr", 0.1) == (
        f"train.py: {trained[1]} was trained with --lr 0.005: ask for the same, or another file"
    )
    assert ending(monkeypatch, *folders, "--init_from", trained[1], "--channels", 4) == (
        f"train.py: {trained[1]} was trained with --channels 8: ask for the same, or another file"
    )
    assert ending(monkeypatch, *folders, "--init_from", few / "no.pt") == (
        f"train.py: there is no checkpoint {few / 'no.pt'}: correct the path"
    )


def test_x4_starts_from_the_body_of_x2_and_ends_with_l2(trained: tuple[str, Path], few: Path) -> None:
    """At a learning rate of next to nothing, the weights stay what they were."""
    path = few.parent / "x4.pt"
    folders = folders_and_set(few)
    start = ("--init_from", trained[1], "--scale", 4, "--lr", 1e-12, "--epochs", 1, "--l2_epochs", 1)
    said = train(few.parent, *folders, "--checkpoint", path, *start)
    before, after = saved(trained[1])["model"], saved(path)["model"]
    for name, value in after.items():
        if name.startswith("tail."):
            assert value.abs().max() < 1e-9
            assert len(value) == 48
        else:
            assert torch.allclose(value, before[name], rtol=0, atol=1e-9), name
    l1, l2 = (float(LINE.fullmatch(line)[3]) for line in said.splitlines()[1:])  # type: ignore[index]
    assert l1**2 < l2 < l1


def folders_and_set(few: Path) -> tuple[object, ...]:
    """EDSR's folders to train on, and a prepared set to measure on."""
    edsr = few.parent / "edsr"
    for path in few.iterdir():
        hr = read_image(path)
        for name, image in (("HR", hr), ("LR_bicubic/X4", imresize(hr, 1 / 4))):
            (edsr / name).mkdir(parents=True, exist_ok=True)
            write_png(edsr / name / f"{path.stem}{'x4' * name.startswith('LR')}.png", image)
    return "--train_dir", edsr, "--val_dir", prepare(few, scale=4, lmdb=True, root=few.parent / "sets").path


def test_help_names_every_option_with_its_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert ending(monkeypatch, "--help") == 0
    text = capsys.readouterr().out
    defaults = dict(re.findall(r"^  --(\w+) .*\(default: (.+)\)$", text, re.MULTILINE))
    assert {
        "scale": "2",
        "epochs": "100",
        "batch_size": "16",
        "patch_size": "128",
    }.items() <= defaults.items()
    assert "  --val_dir DIR      images on which PSNR is measured after each epoch\n" in text
    assert "A DIR is a folder of HR photographs" in text


def test_commands_of_the_readme_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    read_options = runpy.run_path(str(SCRIPT))["options"]
    text = (SCRIPT.parent / "README.md").read_text().replace("\\\n", "")
    commands = [
        line.split()[1:] for line in text.splitlines() if line.startswith("    python examples/train.py")
    ]
    assert len(commands) == 3
    for words in commands:
        monkeypatch.setattr(sys, "argv", words)
        assert words[0] == "examples/train.py"
        assert read_options().train_dir


@pytest.mark.slow
def test_ten_minutes_on_five_photographs_beat_bicubic_on_set5(
    photographs: Path, golden: Path, tmp_path: Path
) -> None:
    folders = ("--train_dir", photographs, "--val_dir", golden / "set5")
    kept = ("--root", tmp_path, "--checkpoint", tmp_path / "x2.pt")
    options = ("--scale", 2, "--epochs", 100, "--batch_size", 16, "--patch_size", 128)
    words = [sys.executable, str(SCRIPT), *map(str, (*folders, *kept, *options))]
    reached = 0.0
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            print(line, end="")
            if found := LINE.match(line):
                if int(found[2]) > 600:
                    break
                reached = float(found[4])
        run.kill()
    assert reached >= BICUBIC + 0.7

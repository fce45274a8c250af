"""A remedy that is printed works: every message with an option or a command is collected, and typed here."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import NamedTuple

import click
import cv2
import numpy as np
import pytest

import srdata
from srdata.cli import cli, run
from srdata.errors import SrdataError
from srdata.fetch.unpack import extract
from srdata.images import write_png

PACKAGE = Path(srdata.__file__).parent
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
COMMAND = re.compile(rf"\bsrdata ({'|'.join(cli.commands)})\b([^`]*)")


class Message(NamedTuple):
    """A text of the code, with {} for what is put in."""

    where: str
    text: str


class Case(NamedTuple):
    """What goes wrong, a part of what is said then, and the commands with the remedy."""

    wrong: str | Callable[[], object]  # a command, or a call of Python
    said: str
    right: str
    shown: str | None = None  # where nothing goes wrong, the file that shows the message; "" for the output


FROM_FOLDER = "prepare sample --scale 4 --lmdb --name unpacked --from unpacked"
OWN_CHAIN = "prepare photos --scale 2 --degradation own.yaml --name own"

# In a folder with photos/ (one.png), deep/ (16 bits), dotted/ (a.b.png), broken/, pairs/ (HR, LR x2), and the
# sets data/set (x2), data/plain (no windows), data/two (x2 and x3). {} is the message's.
CASES = {
    "--images {}={} (images: {{}: {}} in a recipe, {} in Python)": Case(
        "prepare deep --scale 2", "--images depth16=round", "prepare deep --scale 2 --images depth16=round"
    ),
    "windows.{} {} is no multiple of {}, which scale {} needs: take --windows {} {}": Case(
        "prepare sample --scale 2.37",
        "take --windows 237 237 0",
        "prepare sample --scale 2.37 --windows 237 237 0",
    ),
    "{} was prepared without windows: give some, as --windows 480 240 0": Case(
        "classify data/plain", "--windows 480 240 0", "classify data/plain --windows 48 24 0"
    ),
    "{}, or give --escape": Case(
        "prepare dotted --scale 2 --layout basicsr",
        "or give --escape",
        "prepare dotted --scale 2 --layout basicsr --escape",
    ),
    "{} of {} cannot be used; the others are done and kept. Mend them and run the same command again, "
    "or leave them out with --skip-bad:{}{}": Case(
        "prepare broken --scale 2", "--skip-bad", "prepare broken --scale 2 --skip-bad"
    ),
    "{} holds a set made by another recipe ({}): give this one another --name or --root, or delete that "
    "folder": (
        Case(
            "prepare photos --scale 4 --lmdb --name set",
            "another --name or --root",
            "prepare photos --scale 4 --lmdb --name other",
        )
    ),
    "{} is not empty and no prepared set: give another --name or --root": Case(
        "prepare photos --scale 2 --root . --name deep",
        "give another --name or --root",
        "prepare photos --scale 2 --root . --name else",
    ),
    "{} is a prepared set, whose images are in shards: write them as files by `srdata export {} --to folder "
    "--out DIR`, and take that folder": Case(
        "prepare data/set --scale 2 --name from-set",
        "write them as files by `srdata export",
        "export data/set --to folder --out from-set",
    ),
    "--lr says how the LR images are called: say by --hr how those of HR are": Case(
        "prepare pairs --scale 2 --lr LR/{key}.png",
        "by --hr",
        "prepare pairs --scale 2 --hr HR/{key}.png --lr LR/{key}.png",
    ),
    "the images are a folder of yours or of the Hub already: leave --from out": Case(
        "prepare photos --scale 2 --from deep", "leave --from out", "prepare photos --scale 2"
    ),
    "this degradation alters HR, so give it one --scale and prepare a set for each": Case(
        "prepare photos --scale 2 --scale 4 --degradation realesrgan-x4",
        "give it one --scale",
        "prepare photos --scale 4 --degradation realesrgan-x4",
    ),
    "{} has HR images of its own for each scale: give one --scale": Case(
        "prepare realsr --dry-run --scale 2 --scale 4",
        "give one --scale",
        "prepare realsr --dry-run --scale 2",
    ),
    "{} is not published: nothing is known of the rights to its images. Say under which licence others may "
    "use them, as --licence cc-by-4.0 or --licence cc0-1.0; without one give --i-have-the-rights if you hold "
    "them, or --recipe-only to publish no pixels": Case(
        "publish data/set --out published",
        "--licence cc-by-4.0",
        "publish data/set --out published --licence cc-by-4.0",
    ),
    "the images of {} have a licence, which stays theirs: leave --licence out": Case(
        "publish data/sample-x4 --out samples --licence mit",
        "leave --licence out",
        "publish data/sample-x4 --out samples",
    ),
    "say where to: --to ORG/NAME on the Hub, or --out DIR for a folder here": Case(
        "publish data/set --recipe-only", "--out DIR", "publish data/set --recipe-only --out recipe"
    ),
    "{} has no windows: leave --sub-images out to publish whole images": Case(
        "publish data/plain --out whole --licence mit --sub-images",
        "leave --sub-images out",
        "publish data/plain --out whole --licence mit",
    ),
    "--sub-images is about pixels, and --recipe-only publishes none: leave one of them out": Case(
        "publish data/set --out half --sub-images --recipe-only",
        "leave one of them out",
        "publish data/set --out half --recipe-only",
    ),
    "{} is not empty, and not what is asked for now: give another --out": Case(
        "publish data/set --out photos --recipe-only",
        "give another --out",
        "publish data/set --out another --recipe-only",
    ),
    "{} is there already and not this export: give another --out, or delete it": Case(
        "export data/set --to folder --out photos",
        "give another --out",
        "export data/set --to folder --out exported",
    ),
    "export one, as --scale {}, or whole images, with --whole": Case(
        "export data/two --to folder --out two --sub-images",
        "export one, as --scale 3, or whole images, with --whole",
        "export data/two --to folder --out two --sub-images --scale 3",
    ),
    "prepare one, as --scale {}, or shards, with --lmdb in place of --layout": Case(
        "prepare photos --scale 2 --scale 3 --layout basicsr --windows 30 18",
        "with --lmdb in place of --layout",
        "prepare photos --scale 2 --scale 3 --lmdb --windows 30 18",
    ),
    "HR images are missing for {}: give --set or --hr": Case(
        "evaluate photos", "give --set or --hr", "evaluate photos --hr photos --scale 2"
    ),
    "{}: no such folder; give the one with the HR images as --hr": Case(
        "evaluate photos --set photos/one.png --scale 2", "", "evaluate photos --hr photos --scale 2"
    ),
    "{} is the recipe of a paper, not of one set: srdata prepare {} makes all that it reads": Case(
        lambda: srdata.prepare("hat-x4"), "srdata prepare hat-x4 makes", "prepare hat-x4 --dry-run"
    ),
    "{} stands for several sets: srdata prepare {} makes them": Case(
        lambda: srdata.prepare("benchmarks"), "prepare benchmarks makes", "prepare benchmarks --dry-run"
    ),
    "unknown {}{}: srdata list shows what there is": Case("show nothing", "srdata list shows", "list"),
    "say for which scale, by scale= or --scale: the degradation is not made for one alone": Case(
        "degrade photos degraded", "--scale", "degrade photos degraded --scale 2"
    ),
    "{} is no prepared set, or not a finished one (it has no {}): run srdata prepare": Case(
        "verify photos", "run srdata prepare", "prepare photos --scale 2"
    ),
    "--out": Case(
        "preview bicubic photos/one.png --out photos/one.png",
        "give another --out",
        "preview bicubic photos/one.png --out page.png",
    ),
    "no set below {} has training images: prepare one, or name a SET or DIR by --train": Case(
        "doctor --leakage --root none --test photos",
        "by --train",
        "doctor --leakage --root none --test photos --train other",
    ),
    "no set below {} has test images: name a SET or DIR by --test, or srdata prepare set5 --scale 4 --lmdb "
    "--root {}": Case(
        "doctor --leakage --root none --train photos",
        "by --test",
        "doctor --leakage --root none --train photos --test other",
    ),
    "see also  srdata verify, which reads every byte": Case("inspect data/set", "", "verify data/set", ""),
    "torch finds no {} here: give device='cpu', or see what `srdata doctor` says": Case(
        lambda: srdata.Loader(srdata.PairedDataset("data/sample-x4", patch_size=64), device="cuda:99"),
        "srdata doctor",
        "doctor",
    ),
    "{} is a RAR archive: unpack it yourself and name its folder with --from": Case(
        lambda: extract(Path("images.rar"), Path("unpacked")), "with --from", FROM_FOLDER
    ),
    "delete it and run the same command again to download it, or give another copy with --from": Case(
        lambda: extract(Path("cut.zip"), Path("unpacked")), "with --from", FROM_FOLDER
    ),
    "{} is an archive: unpack it, or give its folder --from for a known data set": Case(
        "prepare zipped --scale 2", "unpack it", f"prepare photos --scale 2 && {FROM_FOLDER}"
    ),
    "none: leave --split out": Case(
        "evaluate photos --set photos --split test --scale 2", "", "evaluate photos --set photos --scale 2"
    ),
    "{} has no HR images for {}: give them as --hr FOLDER": Case(
        "evaluate photos --set realsr --scale 8", "--hr FOLDER", "evaluate photos --hr photos --scale 8"
    ),
    "{} has no LR images {} {} beside it (there are: {}): give --scale or --split for those that have, or "
    "--degradation to make them": Case(
        "prepare pairs --scale 5",
        "give --scale",
        "prepare pairs --scale 2 --name taken && prepare pairs --scale 5 --degradation bicubic --name made",
    ),
    "the sizes of HR and LR images are of no one scale, as {}: give the one that they have by --scale": Case(
        "prepare odd --hr HR/{key}.png --lr LR/{key}.png --scale 2",
        "by --scale",
        "prepare odd --hr HR/{key}.png --lr LR/{key}.png --scale 1.5",
    ),
    "compared only if prepared below {}, or given as folders by --test": Case(
        "doctor --leakage --root none --train photos --test other",
        "by --test",
        "doctor --leakage --root none --train photos --test other --test unpacked",
        "",
    ),
    "name the images that it is made of by --train or --test": Case(
        "doctor --leakage --root damaged --train photos --test other",
        "",
        "doctor --leakage --root damaged --train photos --train deep --test other",
        "",
    ),
    "{} was degraded by a chain of your own: delete what is damaged, and run the `srdata prepare` command "
    "that made the set again": Case(
        "verify data/own --repair --from photos", "", f"{OWN_CHAIN} && verify data/own"
    ),
    "member    {}: {} (srdata show {})": Case("show df2k", "", "show div2k && show flickr2k", ""),
    "srdata prepare {} --scale 4 --lmdb --root {}\nsrdata report {} --against FOLDER": Case(
        "report data/set --out set.html",
        "",
        "prepare sample --scale 4 --lmdb --root data && report data/set --out set.html --against other",
        "set.html",
    ),
    "srdata verify {}  # every byte against its hash\nsrdata explain {} {}  # what was drawn for an "
    "image": Case(
        "report data/set --out set.html", "", "verify data/set && explain data/set one", "set.html"
    ),
    "srdata classify {} --by {}{}": Case(
        "report data/set --out set.html", "", "classify data/set --by deviation", "set.html"
    ),
    "Not prepared in {}, so compared only if given with --against: {}.": Case(
        "report data/set --out set.html", "", "report data/set --out set.html --against other", "set.html"
    ),
    "        ```sh\n        srdata prepare {} --name {} --root data\n        ```\n\n        makes the same "
    "images from their sources, sample for sample: `{}` has the SHA-256 of each\n        source file and the "
    "xxh3-128 of the pixels of each image, as `index.parquet` of the set has them.": Case(
        "publish data/sample-x4 --out card --recipe-only",
        "",
        "prepare card/recipe.yaml --name sample-x4 --root again",
        "card/README.md",
    ),
    "{} was trained with {}: ask for the same, give another --out, or delete it": Case(
        "train-resampler photos --scale 2 --out car.safetensors --steps 2 --width 4 --patch-size 32",
        "give another --out",
        "train-resampler photos --scale 2 --out car2.safetensors --steps 1 --width 4 --patch-size 32",
    ),
}


# The tests that carry out the others. What is neither here nor in a case fails below; nothing is left out.
ELSEWHERE: dict[str, str] = json.loads((Path(__file__).parent / "data/remedies.json").read_text())
# An option, with or without its value, that is put into a message or command; or a verb by its name.
PIECE = re.compile(r"\s*--[a-z-]+( (\{\}|\d+))*(\{\})*\s*|srdata [a-z-]+")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    root = tmp_path_factory.mktemp("remedies")
    photo = np.random.default_rng(0).integers(0, 255, (70, 76, 3), np.uint8)
    for name in ("photos/one.png", "dotted/a.b.png", "pairs/HR/one.png", "broken/one.png"):
        write_png(root / name, photo)
    write_png(root / "pairs/LR/one.png", photo[::2, ::2])
    write_png(root / "other/two.png", photo[::-1, ::-1].transpose(1, 0, 2)[:40].copy())
    (root / "deep").mkdir()
    cv2.imwrite(str(root / "deep/one.png"), photo.astype(np.uint16) * 257)
    (root / "broken/two.png").write_bytes((root / "photos/one.png").read_bytes()[:900])
    write_png(root / "odd/HR/one.png", photo[:69, :75].copy())
    write_png(root / "odd/LR/one.png", photo[:46, :50].copy())
    shutil.copytree(photographs, root / "unpacked")
    (root / "images.rar").write_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(99))
    shutil.make_archive(str(root / "zipped/photos"), "zip", root / "photos")
    (root / "cut.zip").write_bytes((root / "zipped/photos.zip").read_bytes()[:500])
    (root / "damaged/set").mkdir(parents=True)
    (root / "damaged/set/set.json").write_text("{}")
    (root / "own.yaml").write_text("steps:\n- {op: imresize, kernel: box}\n")
    (root / "plain.yaml").write_text("folder: photos\nscales: [2]\nwindows: null\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for command in (
            "prepare photos --scale 2 --lmdb --windows 32 16 --name set",
            "prepare plain.yaml --lmdb --name plain",
            "prepare photos --scale 2 --scale 3 --lmdb --windows 30 18 --name two",
            "prepare sample --scale 4 --lmdb",
            OWN_CHAIN,
            "train-resampler photos --scale 2 --out car.safetensors --steps 1 --width 4 --patch-size 32",
        ):
            assert run(typed(command)) == 0, command
    next((root / "data/own").rglob("*x2.png")).unlink()
    return root


def typed(command: str) -> list[str]:
    jobs = any("--jobs" in one.opts for one in cli.commands[command.split()[0]].params)
    return [*command.split(), *(["--jobs", "1"] if jobs else [])]


@pytest.mark.parametrize("message", CASES)
def test_the_remedy_works(
    message: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    case = CASES[message]
    if isinstance(case.wrong, str):
        assert (run(typed(case.wrong)) == 0) == (case.shown is not None)
        told = capsys.readouterr()
        said = told.err if case.shown is None else told.out
        said = Path(case.shown).read_text() if case.shown else said
    else:
        with pytest.raises(SrdataError) as raised:
            case.wrong()
        said = str(raised.value)
    assert said_by(message).search(unescape(said)), said
    assert case.said in said
    for command in case.right.split(" && "):
        assert run(typed(command)) == 0, capsys.readouterr().err


def said_by(message: str) -> re.Pattern[str]:
    """What a message looks like when it is filled in."""
    lines = (re.escape(line.strip()) for line in message.split("\n"))
    return re.compile(r"\s*".join(lines).replace(r"\{\}", ".*"), re.DOTALL)


def messages() -> Iterator[Message]:
    """Every text in the package, but for docstrings and the command line's own help."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name != "cli":
            tree = ast.parse(path.read_text())
            parts = {
                id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
            }
            lone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if id(node) not in parts | lone and (text := text_of(node)) is not None:
                    yield Message(path.relative_to(PACKAGE).as_posix(), text)


def text_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def test_every_option_and_verb_that_is_named_is_there() -> None:
    known = {name for verb in cli.commands.values() for name in options_of(verb)}
    found = list(messages())
    assert sum(bool(OPTION.search(one.text)) for one in found) > 50
    for one in found:
        assert set(OPTION.findall(one.text)) <= known, one
        for verb, words in COMMAND.findall(one.text):
            own = options_of(cli.commands[verb], hidden=True)
            assert set(OPTION.findall(words.splitlines()[0] if words else "")) <= own, one


def options_of(verb: click.Command, hidden: bool = False) -> set[str]:
    """The options of a verb; of a group, those of its verbs."""
    if isinstance(verb, click.Group):
        return {name for one in verb.commands.values() for name in options_of(one, hidden)}
    options = (one for one in verb.params if isinstance(one, click.Option) and (hidden or not one.hidden))
    return {name for option in options for name in (*option.opts, *option.secondary_opts)}


def test_every_case_is_a_message_of_the_code() -> None:
    """A case whose message is gone has to go too."""
    texts = {one.text for one in messages()}
    assert [message for message in CASES if message not in texts] == []


def test_every_remedy_is_carried_out() -> None:
    """A new one fails here until a case types it, or a test that does is named."""
    found = {one.text for one in messages() if OPTION.search(one.text) or COMMAND.search(one.text)}
    remedies = {text for text in found if not PIECE.fullmatch(text)} | (found & set(CASES))
    assert remedies == set(CASES) | set(ELSEWHERE)
    assert not set(ELSEWHERE) & set(CASES)
    for test in ELSEWHERE.values():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (Path(__file__).parent / file).read_text(), test


def test_what_is_a_piece_and_what_a_remedy() -> None:
    assert all(map(PIECE.fullmatch, ("--hr", " --scale {}", "--degradation {}{}", "srdata report")))
    assert not any(map(PIECE.fullmatch, ("none: leave --split out", "srdata verify {} --repair")))


def test_doctor_says_to_choose_another_root(small_device: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A device of 3 MB, which then is not to be written at all."""
    subprocess.run(["mount", "-o", "remount,ro", small_device], check=True)
    run(["doctor", "--root", str(small_device)])
    said = capsys.readouterr().out
    assert "DIV2K needs about 20 GiB; choose another --root" in said
    assert f"{small_device} cannot be written: choose another --root" in said
    run(["doctor", "--root", str(small_device.parent)])
    said = capsys.readouterr().out
    assert "cannot be written" not in said
    assert ("DIV2K needs" in said) == (shutil.disk_usage(small_device.parent).free < 20 << 30)

"""The command line: every verb, its exit status, and one line for every error."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from srdata import catalog, doctor
from srdata.catalog import Shelf
from srdata.cli import cli, run
from srdata.cli.prepare_verbs import prepare as prepare_verb
from srdata.papers import paper_names

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared set, made by the command of the README."""
    root = tmp_path_factory.mktemp("root")
    assert run(["prepare", "sample", "--scale", "4", "--lmdb", "--root", str(root), "--jobs", "1"]) == 0
    return root / "sample-x4"


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_prepare_prints_where_the_set_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = told(
        capsys, "prepare", "sample", "--scale", 2, "--scale", 4, "--root", tmp_path, "--jobs", 1
    )
    assert status == 0
    assert out == f"{tmp_path}/sample-x2x4-folder: 5 train images, 4.3 MB\n"
    assert "licence of Five sample photographs" in err
    assert "sample-x2x4-folder: 5/5 images" in err, "plain lines where there is no terminal"
    assert (tmp_path / "sample-x2x4-folder/sample_train_LR_bicubic/X4/coffeex4.png").is_file()


@pytest.mark.linux
def test_a_bar_is_drawn_on_a_terminal(tmp_path: Path) -> None:
    """Within a real pseudo-terminal."""
    import fcntl
    import pty
    import termios

    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    command = [sys.executable, "-m", "srdata", "prepare", "sample", "--scale", "4", "--root", str(tmp_path)]
    process = subprocess.Popen([*command, "--jobs", "1"], stderr=terminal, stdout=terminal)
    os.close(terminal)
    shown = b""
    try:
        while piece := os.read(main, 4096):
            shown += piece
    except OSError:  # the other end is closed
        pass
    assert process.wait() == 0
    assert re.search(r"sample-x4-folder: 100%\|█+\| 5\.?0*/5", shown.decode())


def test_verify_says_ok_or_names_what_is_wrong(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = told(capsys, "verify", sample, "--replay", 3)
    assert (status, out.splitlines()[-1]) == (0, "ok")
    assert "3 images made again from their δ" in out
    status, _, err = told(capsys, "verify", sample, "--replay", -3)
    assert (status, err) == (2, "srdata: replay -3 must be 0 or more: how many LR images to make again\n")
    spoilt = tmp_path / "spoilt"
    assert run(["prepare", "sample", "--scale", "4", "--root", str(spoilt), "--jobs", "1"]) == 0
    image = spoilt / "sample-x4-folder/sample_train_HR/coffee.png"
    pixels = cv2.imread(str(image))
    pixels[0, 0] ^= 1
    cv2.imwrite(str(image), pixels)
    status, out, _ = told(capsys, "verify", spoilt / "sample-x4-folder")
    assert status == 1
    assert re.search(r"PROBLEM sample_train_HR/coffee\.png has (\d+ bytes|SHA-256)", out)
    assert "PROBLEM image 'coffee', layer hr: the pixels are not those that were stored" in out


def test_a_flipped_byte_in_a_shard_is_found_and_named(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = shutil.copytree(sample, tmp_path / "sample-x4") / "shards/00000.lmdb"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    status, out, _ = told(capsys, "verify", tmp_path / "sample-x4")
    assert status == 1
    assert "PROBLEM shards/00000.lmdb has SHA-256" in out
    assert re.search(r"PROBLEM .*image '\w+', layer (hr|x4), block \d+", out)


def test_a_truncated_shard_is_an_error_not_a_crash(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = shutil.copytree(sample, tmp_path / "sample-x4") / "shards/00000.lmdb"
    shard.write_bytes(shard.read_bytes()[:-100_000])
    status, out, _ = told(capsys, "verify", tmp_path / "sample-x4")
    assert status == 1
    assert re.search(r"PROBLEM shards/00000\.lmdb has \d+ bytes, not \d+", out)


def test_explain_and_replay(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = told(capsys, "explain", sample, "coffee")
    assert status == 0
    assert out.startswith("coffee (train), made of a file with SHA-256 cc02f8ca")
    assert "\nx4:\n  1        imresize\n" in out
    status, out, _ = told(capsys, "explain", sample, "coffee", "--full")
    assert json.loads(out)["params"]["x4"] == [{"op": "imresize", "version": 1, "params": {}}]
    status, out, _ = told(capsys, "replay", sample, "coffee", "--out", tmp_path)
    assert (status, out) == (0, "coffee x4: bit for bit the stored image\n")
    assert cv2.imread(str(tmp_path / "coffeex4.png")).shape == (100, 150, 3)
    status, _, err = told(capsys, "explain", sample, "cofee")
    assert status == 2
    assert "no image 'cofee'" in err
    assert "did you mean 'coffee'?" in err


def test_degrade_reads_deep_images_as_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((8, 8, 3), 257 * 80, np.uint16))
    command = ("degrade", tmp_path / "deep.png", tmp_path / "out", "--scale", 2)
    status, _, err = told(capsys, *command)
    assert status == 1
    assert "take 8 of them by --images depth16=round" in err
    assert told(capsys, *command, "--images", "depth16=round")[0] == 0
    assert (cv2.imread(str(tmp_path / "out/lr/deep.png")) == 80).all()
    for wrong, message in (("depth61=round", "did you mean 'depth16'?"), ("alpha", "alpha: must be one of")):
        status, _, err = told(capsys, *command, "--images", wrong)
        assert status == 2
        assert err.startswith("srdata: --images: ")
        assert message in err


def test_degrade_writes_png_files_and_what_was_drawn(
    tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--degradation", "bsrgan", "--seed", 1]
    status, out, _ = told(capsys, "degrade", photographs / "coffee.png", tmp_path, *options)
    assert (status, out) == (0, f"{tmp_path}: 1 file in lr\n")
    assert cv2.imread(str(tmp_path / "lr/coffee.png")).shape == (100, 150, 3)
    line = json.loads((tmp_path / "deltas.jsonl").read_text())
    assert (line["key"], line["scale"], line["seed"]) == ("coffee", "4", 1)
    assert line["delta"]


def test_a_resampler_is_trained_and_used(
    tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "car-x2.safetensors"
    options = ["--width", 4, "--steps", 2, "--batch-size", 1, "--patch-size", 32]
    status, printed, err = told(capsys, "train-resampler", photographs, "--scale", 2, "--out", out, *options)
    assert status == 0, err
    step = printed.partition("use it as ")[2]
    (tmp_path / "car.yaml").write_text(f"steps:\n  - {step}")
    status, _, err = told(
        capsys,
        "degrade",
        photographs / "coffee.png",
        tmp_path,
        "--scale",
        2,
        "--degradation",
        tmp_path / "car.yaml",
    )
    assert status == 0, err
    assert cv2.imread(str(tmp_path / "lr/coffee.png")).shape == (200, 300, 3)


def test_preview_draws_steps_and_draws(
    tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = told(
        capsys, "preview", "bsrgan", photographs / "coffee.png", "--out", tmp_path / "p.png", "--seed", 1
    )
    assert status == 0
    assert out.split() == [str(tmp_path / "p.png"), str(tmp_path / "p-draws.png")]
    for path in out.split():
        assert min(cv2.imread(path).shape[:2]) > 200


def test_replay_of_random_degradations_is_exact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--scale", "4", "--lmdb", "--degradation", "realesrgan-x4", "--root", str(tmp_path)]
    assert run(["prepare", "sample", *options, "--jobs", "1"]) == 0
    [prepared] = [path.parent for path in tmp_path.glob("*/set.json")]
    status, out, _ = told(capsys, "verify", prepared, "--replay", 5)
    assert status == 0, out


def test_list_and_show_name_everything(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = told(capsys, "list", "--root", sample.parent)
    assert status == 0
    shelves = [shelf for shelf in Shelf if shelf is not Shelf.FRAGMENTS]
    for shelf in shelves:
        assert set(catalog.names(shelf)) <= set(out.split())
    assert re.search(r"sample-x4 · 5 train · lmdb · 5\.\d+MB", out)
    for shelf in shelves:
        for name in paper_names() if shelf is Shelf.PAPERS else catalog.names(shelf):
            status, out, err = told(capsys, "show", name)
            assert status == 0, err
            assert shelf is Shelf.PAPERS or out.count("\n") <= 80, name  # --full has the rest
    _, out, _ = told(capsys, "show", "div2k")
    assert "sha256" not in out
    assert "sha256" in told(capsys, "show", "div2k", "--full")[1]
    for text in (
        "archive   DIV2K_train_HR.zip: 3.53GB",
        "licence   academic",
        "citation  Agustsson",
        "digest ",
    ):
        assert text in out
    _, out, _ = told(capsys, "show", "ost")
    assert "hash not known: recorded at the first download" in out
    _, out, _ = told(capsys, "show", "div2k", "--json")
    assert json.loads(out)["recipe"]["source"] == "div2k"


def test_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = told(capsys, "prepare", "div2k", "--scale", 4, "--lmdb", "--dry-run", "--root", tmp_path)
    assert status == 0
    for text in ("DIV2K_train_HR.zip: 3.53GB", "download  3.98GB", "licence of DIV2K", "disk", "windows"):
        assert text in out
    assert not list(tmp_path.iterdir())


def test_doctor_tells_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = told(capsys, "doctor", "--root", tmp_path / "not/yet/made")
    assert status == 0
    for text in (
        "numpy",
        "LMDB engine",
        "compiled code",
        "extra jxl",
        "extra metrics",
        "start method",
        "free at",
        "file system",
    ):
        assert text in out


def test_doctor_takes_no_folder_for_an_extra(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no_such_library").mkdir()
    monkeypatch.syspath_prepend(tmp_path)  # as `python -m srdata` does with the folder that one is in
    monkeypatch.setitem(doctor._EXTRAS, "jxl", "no_such_library")
    status, out, _ = told(capsys, "doctor")
    assert status == 0
    assert "not installed: pip install no_such_library" in out


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = told(capsys, "schema")
    assert status == 0
    assert "scales" in json.loads(out)["properties"]


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["prepere"], 2, "No such command 'prepere', did you mean 'prepare'? (see srdata --help)"),
        (
            ["prepare", "dvi2k"],
            2,
            "srdata: unknown recipe, recipe file or folder 'dvi2k', did you mean 'div2k'?",
        ),
        (["prepare", "sample", "--scale", "0"], 2, "srdata: scale 0 must lie between 1 and 64"),
        (["prepare", "sample", "--scale", "x"], 2, "srdata: scale 'x' is no number"),
        (["prepare", "sample", "--degradation", "bsrgn"], 2, "did you mean 'bsrgan'?"),
        (["prepare", "sample", "--codec", "webp"], 2, "(see srdata prepare --help)"),
        (["prepare", "manga109"], 2, "Manga109 cannot be downloaded: Manga109 may not be passed on"),
        (["prepare", "realsr", "--scale", "2", "--scale", "4"], 2, "give one --scale"),
        (["verify", "."], 2, "is no prepared set, or not a finished one"),
    ],
)
def test_errors_are_one_line_and_say_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    found, out, err = told(capsys, *arguments)
    lines = [line for line in err.splitlines() if not line.startswith("licence")]
    assert found == status, err
    assert text in lines[-1]
    assert len(lines) == 1, err
    assert not out


def test_verbose_adds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = told(capsys, "--verbose", "show", "nothing")
    assert "Traceback" in err
    assert "UnknownNameError" in err


def test_python_looks_through_nothing_at_the_end() -> None:
    """It would take a tenth of a second to look for garbage in all that a command imports."""
    code = "import atexit, gc, srdata.cli; atexit.register(lambda: print(len(gc.get_objects())))"
    command = [sys.executable, "-c", f"{code}; srdata.cli.main()", "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(told.splitlines()[-1]) < 1000


def test_a_missing_extra_says_how_to_get_it(tmp_path: Path) -> None:
    """In an interpreter that cannot import imagecodecs."""
    code = (
        "import sys; sys.modules['imagecodecs'] = None; from srdata.cli import run; "
        f"sys.exit(run(['prepare', 'sample', '--lmdb', '--codec', 'jxl', '--root', {str(tmp_path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "needs imagecodecs: run `pip install imagecodecs`" in done.stderr


@pytest.mark.parametrize("verb", ["", *sorted(cli.commands), "recipe from", "recipe to"])
def test_every_verb_explains_itself(verb: str) -> None:
    result = CliRunner().invoke(cli, [*verb.split(), "--help"])
    assert result.exit_code == 0
    if verb:
        found: click.Command = cli
        for name in verb.split():
            assert isinstance(found, click.Group)
            found = found.commands[name]
        assert (found.help or "").strip()
        assert all(option.help for option in found.params if isinstance(option, click.Option))


@pytest.mark.parametrize(("flag", "most"), [("--help", 50), ("--help-all", 200)])
def test_the_help_of_prepare_fits_a_screen_and_leaves_nothing_out(flag: str, most: int) -> None:
    shown = CliRunner().invoke(cli, ["prepare", flag], terminal_width=100).output
    assert shown.count("\n") <= most
    flags = {option.opts[-1] for option in prepare_verb.params if isinstance(option, click.Option)}
    assert (flags <= set(shown.split())) == (flag == "--help-all"), flags - set(shown.split())


def commands_in(path: Path) -> list[str]:
    """Every srdata command in the shell blocks of a page."""
    blocks = re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("srdata ")]


@pytest.mark.parametrize(
    "page", ["README.md", *(f"docs/{p.name}" for p in (REPOSITORY / "docs").glob("*.md"))]
)
def test_commands_in_the_documentation_exist(page: str) -> None:
    for command in commands_in(REPOSITORY / page):
        verb, *arguments = command.split()[1:]
        assert verb in cli.commands, command
        found = cli.commands[verb]
        if isinstance(found, click.Group):
            found = found.commands[arguments[0]]
        known = {name for parameter in found.params for name in parameter.opts}
        assert {word for word in arguments if word.startswith("--")} <= known, command


def test_the_pages_mention_every_verb() -> None:
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    assert not [verb for verb in cli.commands if f"srdata {verb}" not in text and verb != "schema"]
    assert commands_in(REPOSITORY / "README.md"), "the test above looks at something"


def test_python_of_the_first_pages_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block, in order, in an empty folder where the first command has run."""
    monkeypatch.chdir(tmp_path)
    assert run(["prepare", "sample", "--scale", "4", "--lmdb", "--jobs", "1"]) == 0
    text = "".join((REPOSITORY / page).read_text() for page in ("README.md", "docs/preparing.md"))
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    source = "\n".join(blocks).replace("num_workers=2", "num_workers=0").replace("jobs=-1", "jobs=1")
    scope: dict[str, object] = {}
    exec(compile(source, "README.md", "exec"), scope)  # our own page
    batch = scope["batch"]
    assert isinstance(batch, dict)
    assert np.shape(batch["hr"])[1:] == (3, 192, 192)


def options_named(name: str) -> dict[str, click.Option]:
    """The options of all verbs that are called so, by verb."""
    found = {verb: {one.opts[-1]: one for one in command.params} for verb, command in cli.commands.items()}
    options = {verb: ours[name] for verb, ours in found.items() if name in ours}
    return {verb: one for verb, one in options.items() if isinstance(one, click.Option) and not one.hidden}


@pytest.mark.parametrize(
    ("name", "verbs"),
    [("--scale", 8), ("--images", 6), ("--windows", 2), ("--jobs", 8), ("--root", 7), ("--dry-run", 1)],
)
def test_an_option_means_the_same_in_every_verb(name: str, verbs: int) -> None:
    options = options_named(name)
    assert len(options) == verbs
    assert len({(type(one.type), one.metavar) for one in options.values()}) == 1


@pytest.mark.parametrize("spelt", ["1.5", "x1.5", "X1.5"])
def test_a_scale_may_be_spelt_in_three_ways(spelt: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prepare", "sample", "--scale", spelt, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("target    data/sample-x1.5-folder")


def test_pairs_of_a_report_may_still_be_called_images(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pages = []
    for flag in ("--pairs", "--images"):
        assert run(["report", str(sample), flag, "1", "--out", f"{flag[2:]}.html", "--jobs", "1"]) == 0
        pages.append(Path(f"{flag[2:]}.html").read_text())
    assert pages[0] == pages[1]
    assert pages[0].count('class="tile"') == 1
    assert "--images is called --pairs here" in capsys.readouterr().err


def test_a_plan_without_what_it_is_to_be_of_names_what_it_may_be_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["prepare", "--plan", "p.parquet"]) == 2
    assert "or do what p.parquet says by --part 1/1, and then --finish" in capsys.readouterr().err

"""Runs that are ended from outside: their workers end too, and none writes into what another run has made."""

from __future__ import annotations

import errno
import fcntl
import functools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import pytest
import yaml
from conftest import busy
from killed_runs import Forks, content, forks
from loopback import digest_of, manifest_data, serve, slow, zip_of

from srdata import PairedDataset, prepare
from srdata.cli import run as run_line
from srdata.common.processes import file_systems
from srdata.common.processes.run_claims import Claim
from srdata.errors import StoreError, UsageError
from srdata.images import read_image
from srdata.prepared.verification import verify
from srdata.publishing import publish
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale
from srdata.store.set_json import read_set
from tests.storing import wait_until

pytestmark = pytest.mark.linux

LAYOUTS = ["folder", "lmdb", "basicsr"]
ENDS = [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP]

PREPARE = """
import sys
from contextlib import nullcontext
from srdata.common.processes import engines
from srdata.common.processes.run_claims import Claim
from srdata.preparation import prepare, prepare_set
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale

def outlive(*_):
    "Stands in for what ends a worker with its parent."

class Free(Claim):
    "A claim that no other run takes away."
    def held(self):
        return nullcontext()

if __name__ == "__main__":
    folder, root, layout, seed, *without = sys.argv[1:]
    if "ends" in without:
        engines.end_with_parent = outlive
    if "claims" in without:
        prepare_set.Claim = Free
    store = Store(layout=layout, shard_bytes=150_000)
    recipe = Recipe(
        name="set", folder=folder, scales=(Scale(4),), degradation="bsrgan", seed=int(seed), store=store
    )
    prepare(recipe, root=root, name="set", jobs=2)
"""


@pytest.fixture(scope="module")
def pictures(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough small photographs for many shards."""
    folder = tmp_path_factory.mktemp("pictures")
    image = read_image(photographs / "chelsea.png")
    for number in range(24):
        part = image[4 * number : 4 * number + 160, 8 * number : 8 * number + 160, ::-1]
        cv2.imwrite(str(folder / f"{number:04d}.png"), part)
    return folder


@contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """A run in a session of its own, of which nothing is left in the end."""
    command = [sys.executable, "-c", PREPARE, *map(str, arguments)]
    process = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def workers(session: int) -> list[int]:
    """The worker processes of a session that live."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, owner = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(owner) == session and state != "Z" and b"popen_loky" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def written(root: Path) -> list[Path]:
    """What of the images has its name."""
    return [path for path in root.rglob("*") if path.suffix in {".png", ".lmdb"} and path.is_file()]


def snapshot(root: Path) -> dict[Path, tuple[int, int]]:
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size) for path in root.rglob("*") if path.is_file()
    }


def digests(root: Path) -> dict[str, str]:
    return {name: entry.sha256 for name, entry in read_set(root / "set").files.items()}


def made_again(pictures: Path, root: Path, layout: str, seed: int) -> dict[str, str]:
    """The run of PREPARE in this process, which need not start first; the hashes of what it makes."""
    store = Store(layout=layout, shard_bytes=150_000)
    recipe = Recipe(
        name="set", folder=str(pictures), scales=(Scale(4),), degradation="bsrgan", seed=seed, store=store
    )
    prepare(recipe, root=root, name="set", jobs=1)
    return digests(root)


@pytest.fixture(scope="module")
def whole(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], dict[str, str]]:
    """The hashes of the files of a set that nothing disturbed."""
    return functools.cache(
        lambda layout, seed: made_again(pictures, tmp_path_factory.mktemp("whole"), layout, seed)
    )


def race(pictures: Path, root: Path, layout: str, draw: random.Random, *without: str) -> None:
    """End a run at some moment and start one with another seed at once; let workers, if any, finish."""
    with running(pictures, root, layout, 1, *without) as first:
        wait_until(lambda: first.poll() is not None or (root / "set/.unfinished").exists())
        time.sleep(draw.uniform(0, 4))
        os.kill(first.pid, draw.choice(ENDS))
        first.wait()
        if (root / "set/set.json").exists():  # it was faster: then its folder is not to be had
            (root / "set/set.json").unlink()
            (root / "set/.unfinished").touch()
        made_again(pictures, root, layout, 2)
        settle(root, first.pid)


def settle(root: Path, session: int) -> None:
    """Wait until workers that outlived their parent have done what they had to do."""
    before: dict[Path, tuple[int, int]] = {}
    while workers(session) and (now := snapshot(root)) != before:
        before = now
        time.sleep(2)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("turns", [1, pytest.param(17, marks=pytest.mark.slow)])
def test_what_a_killed_run_leaves_does_not_reach_the_next(
    pictures: Path,
    tmp_path: Path,
    whole: Callable[[str, int], dict[str, str]],
    layout: str,
    turns: int,
) -> None:
    for turn in range(turns):
        root = tmp_path / str(turn)
        race(pictures, root, layout, random.Random(f"{layout} {turns} {turn}"))
        report = verify(root / "set")
        assert report.ok, report.text
        assert digests(root) == whole(layout, 2)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent_at_once(pictures: Path, tmp_path: Path, end: signal.Signals) -> None:
    with running(pictures, tmp_path, "folder", 1, "claims") as run:
        wait_until(lambda: written(tmp_path))
        assert workers(run.pid)
        os.kill(run.pid, end)
        run.wait()
        wait_until(lambda: not workers(run.pid), busy(2))
        before = snapshot(tmp_path)
        time.sleep(1)
        assert snapshot(tmp_path) == before


def test_without_that_they_go_on(pictures: Path, tmp_path: Path) -> None:
    """The guard can fail."""
    with running(pictures, tmp_path, "folder", 1, "claims", "ends") as run:
        wait_until(lambda: written(tmp_path))
        run.kill()
        run.wait()
        before = snapshot(tmp_path)
        wait_until(lambda: snapshot(tmp_path) != before)
        assert workers(run.pid)


def stopped(parent: int, mark: Path) -> list[int]:
    """The workers of a run, stopped where none holds the set's mark, for which the next run would wait."""
    while True:
        left = workers(parent)
        for one in left:
            os.kill(one, signal.SIGSTOP)
        with mark.open("rb+") as file, suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return left
        for one in left:
            os.kill(one, signal.SIGCONT)


def left_asleep(pictures: Path, root: Path, layout: str, *without: str) -> dict[str, str]:
    """What a set holds when the workers of a killed run slept while the next made it, and then go on."""
    with running(pictures, root, layout, 1, "ends", *without) as run:
        wait_until(lambda: workers(run.pid) and list(root.rglob("*.part-*")))
        left = stopped(run.pid, root / "set/.unfinished")
        run.kill()
        run.wait()
        made_again(pictures, root, layout, 2)
        for one in left:
            os.kill(one, signal.SIGCONT)
        settle(root, run.pid)
    return digests(root)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_workers_that_live_on_cannot_write_into_the_next_set(
    pictures: Path, tmp_path: Path, whole: Callable[[str, int], dict[str, str]], layout: str
) -> None:
    assert left_asleep(pictures, tmp_path, layout) == whole(layout, 2)
    assert verify(tmp_path / "set").ok


def test_without_either_a_set_is_overwritten(pictures: Path, tmp_path: Path) -> None:
    """The guards can fail, with several tries: a worker may have slept where it had nothing to write."""

    def overwritten(root: Path) -> bool:
        root.mkdir()
        left_asleep(pictures, root, "folder", "claims")
        return not verify(root / "set").ok

    assert any(overwritten(tmp_path / str(number)) for number in range(5))


def test_a_run_that_was_killed_when_all_was_done_but_its_mark_is_finished_by_the_next(
    few: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        made = prepare(few, scale=4, lmdb=True, root=tmp_path, jobs=1).path
        (made / ".unfinished").touch()
        with pytest.raises(UsageError, match="run the same `srdata prepare` again"):
            PairedDataset(made)
    prepare(few, scale=4, lmdb=True, root=tmp_path, jobs=1)
    PairedDataset(made, patch_size=None)


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_prepare_and_doctor_say_so_and_go_on(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: int
) -> None:
    """As on NFS without a lock daemon; the file system is real but for that."""
    line = ["prepare", str(few), "--lmdb", "--name", "set", "--scale", "4", "--jobs", "1", "--root"]
    assert run_line([*line, str(tmp_path / "with")]) == 0
    assert run_line(["doctor", "--root", str(tmp_path / "with")]) == 0
    assert "file locks" not in capsys.readouterr().out

    def flock(handle: int, how: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("fcntl.flock", flock)
    assert run_line([*line, str(tmp_path / "without")]) == 0
    assert "has no working file locks" in (said := capsys.readouterr().err)
    assert "let one run at a time write there" in said
    run_line(["doctor", "--root", str(tmp_path / "without")])
    assert "has no working file locks" in capsys.readouterr().out
    assert digests(tmp_path / "with") == digests(tmp_path / "without")
    publish(tmp_path / "without/set", out=tmp_path / "out", i_have_the_rights=True, jobs=1)


def test_on_a_network_file_system_prepare_says_what_its_locks_do_not_do(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(file_systems, "file_system", lambda folder: "nfs4")
    prepare(few, lmdb=True, root=tmp_path, name="set", scale=4, jobs=1, log=print)
    assert "is on nfs4, where a run on another machine may not see the locks" in capsys.readouterr().out


def test_a_claim_is_lost_to_the_next_and_by_its_end(tmp_path: Path) -> None:
    file = tmp_path / ".unfinished"
    first = Claim.take(file)
    with first.held():
        pass
    second = Claim.take(file)
    with pytest.raises(StoreError, match=r"another run took .* over: this one leaves it alone"), first.held():
        pass
    with second.held():
        file.unlink()
    with pytest.raises(StoreError, match="another run"), second.held():
        pass


@contextmanager
def command(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A run of the command line that signals reach as on a terminal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "srdata", *map(str, arguments)],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with process:
        yield process
        process.kill()


def ended_by(process: subprocess.Popen[str], end: signal.Signals, whole_group: bool) -> tuple[int, str]:
    """The exit status and what was said; asserts that it ends within two seconds."""
    started = time.monotonic()
    (os.killpg if whole_group else os.kill)(process.pid, end)
    status = process.wait()
    assert time.monotonic() - started < busy(2)
    return status, process.communicate()[1]


@pytest.mark.parametrize(
    ("end", "whole_group"),
    [(signal.SIGTERM, False), (signal.SIGHUP, True), (signal.SIGINT, True), (signal.SIGINT, False)],
)
def test_signals_end_a_command_alike(
    pictures: Path, tmp_path: Path, end: signal.Signals, whole_group: bool
) -> None:
    for copy in range(40):
        shutil.copytree(pictures, tmp_path / "many" / str(copy))
    options = ("--lmdb", "--degradation", "bsrgan", "--name", "set", "--jobs", 2)
    with command("prepare", tmp_path / "many", "--root", tmp_path, *options) as process:
        wait_until(lambda: list(tmp_path.rglob("*.lmdb.part-*")))
        status, said = ended_by(process, end, whole_group)
        wait_until(lambda: not workers(process.pid), busy(2))
    assert status == 128 + end
    assert "Traceback" not in said
    how = "" if end == signal.SIGINT else f" by {end.name}"
    assert said.splitlines()[-1] == f"srdata: interrupted{how}; run the same command again to go on"
    assert list(tmp_path.rglob("*.lmdb.part-*")), "for resuming"


@pytest.mark.parametrize(
    ("verb", "end"),
    [
        *(("export", end) for end in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)),
        ("publish", signal.SIGTERM),
    ],
)
def test_a_signal_at_the_very_end_is_quiet(
    made: Path, tmp_path: Path, verb: str, end: signal.Signals
) -> None:
    """When Python and its workers shut down after the work."""
    options = {"export": ("--to", "folder"), "publish": ("--i-have-the-rights",)}[verb]
    with command(verb, made, "--out", tmp_path / end.name, "--jobs", 2, *options) as process:
        assert process.stdout is not None
        assert end.name in process.stdout.readline()
        status, said = ended_by(process, end, whole_group=True)
    assert status in (0, 128 + end)
    assert "Traceback" not in said


def test_a_signal_that_is_ignored_stays_so(few: Path, tmp_path: Path) -> None:
    """As under nohup."""
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); from srdata.cli import main; main()"
    line = [sys.executable, "-c", code, "prepare", few, "--root", tmp_path, "--name", "set", "--jobs", "1"]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: written(tmp_path))
        process.send_signal(signal.SIGHUP)
        assert process.wait() == 0


SLOW_TO_END = """
import time
from srdata.common.processes.ending_signals import EndingSignals
EndingSignals().catch()
try:
    print("ready", flush=True)
    time.sleep(60)
finally:
    time.sleep(60)
"""


def test_a_run_that_is_slow_to_end_says_so_as_well() -> None:
    """As when a library waits for its workers while the run unwinds."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_TO_END], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        status, said = ended_by(process, signal.SIGTERM, whole_group=False)
    assert status == 143
    assert said == "srdata: interrupted by SIGTERM; run the same command again to go on\n"


INTERRUPTED_WHILE_CATCHING = """
import signal, threading
from srdata.cli import main
start = threading.Thread.start
def late(thread):
    start(thread)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
threading.Thread.start = late
main()
"""


def test_signals_are_caught_when_nothing_else_is_to_be_done_before_the_run() -> None:
    """One that came while the thread was started ended the run with a traceback."""
    line = [sys.executable, "-c", INTERRUPTED_WHILE_CATCHING, "--version"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# Commands that are killed and repeated: {photos} are photographs, {set} a prepared set, {own} a copy of it in
# {out}, the folder that is compared.
PREPARED = "prepare {photos} --scale 4 --degradation bsrgan --root {out} --name set"
KILLED = {
    "folder": f"{PREPARED} --jobs 1",
    "folder, two workers": f"{PREPARED} --jobs 2",
    "raw": f"{PREPARED} --lmdb --jobs 1 --seed 7",
    "png": f"{PREPARED} --lmdb --codec png --jobs 1",
    "jxl": f"{PREPARED} --lmdb --codec jxl --jobs 1",
    "basicsr": f"{PREPARED} --layout basicsr --windows 96 48 --jobs 1",
    "downloaded": "prepare tiny --lmdb --root {out} --jobs 1",
    "export basicsr": "export {set} --to basicsr --out {out}/out --jobs 1",
    "export folder": "export {set} --to folder --out {out}/out --jobs 1",
    "export kair": "export {set} --to kair --out {out}/out --jobs 1",
    "export webdataset": "export {set} --to webdataset --out {out}/out --jobs 1 --shard-bytes 300000",
    "export hdf5": "export {set} --to hdf5 --out {out}/out --jobs 1",
    "publish parquet": "publish {set} --i-have-the-rights --form parquet --out {out}/out --jobs 1",
    "publish imagefolder": "publish {set} --i-have-the-rights --form imagefolder --out {out}/out --jobs 1",
    "publish webdataset": "publish {set} --i-have-the-rights --form webdataset --out {out}/out --jobs 1",
    "classify": "classify {own} --by psnr --jobs 1 --windows 64 32 0",
    "degrade": "degrade {photos} {out}/out --degradation realesrgan-x4",
}
SWEEP = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]


@pytest.fixture(scope="module")
def few(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few small photographs, for runs of half a second."""
    folder = tmp_path_factory.mktemp("few")
    image = read_image(photographs / "coffee.png")
    for number in range(8):
        part = image[9 * number : 9 * number + 96, 8 * number : 8 * number + 96, ::-1]
        cv2.imwrite(str(folder / f"{number:04d}.png"), part)
    return folder


@pytest.fixture(scope="module")
def tiny(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An installation whose only data set is served by this machine, slowly."""
    package = tmp_path_factory.mktemp("package")
    (package / "manifests").mkdir()
    (package / "recipes").mkdir()
    (package / "recipes/tiny.yaml").write_text("source: tiny\nscales: [4]\nwindows: null\n")
    (package / "recipes/degradations").symlink_to(Path(__file__).parents[1] / "recipes/degradations")
    archive = zip_of({f"HR/{path.name}": path.read_bytes() for path in sorted(few.iterdir())})
    one = {
        "split": "train",
        "track": "HR",
        "count": len(list(few.iterdir())),
        "sources": [{"archives": ["hr.zip"], "paths": "HR/{key}.png"}],
    }
    with serve({"hr.zip": archive}, life_s=7200) as server:
        server.always("hr.zip", slow(0.01, 5_000))
        served = {"hr.zip": {"urls": [server.url("hr.zip")], "digests": [digest_of(archive)]}}
        text = yaml.safe_dump(manifest_data("tiny", sets=[one], archives=served))
        (package / "manifests/tiny.yaml").write_text(text)
        yield package


@pytest.fixture(scope="module")
def made(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared set that commands go on with."""
    root = tmp_path_factory.mktemp("made")
    made_again(few, root, "lmdb", 1)
    return root / "set"


@pytest.fixture(scope="module")
def commands(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forks(tmp_path_factory.mktemp("log") / "said.txt", tiny) as found:
        yield found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_set_of_many_shards_that_is_killed_again_and_again_has_the_same_bytes(
    commands: Forks, pictures: Path, tmp_path: Path, layout: str
) -> None:
    recipe = tmp_path / "set.yaml"
    store = f"{{layout: {layout}, shard_bytes: 150000}}"
    recipe.write_text(f"folder: {pictures}\nscales: [4]\ndegradation: bsrgan\nstore: {store}\n")
    words = ("prepare", recipe, "--jobs", 1, "--name", "set", "--root")
    whole = commands.run(*words, tmp_path / "whole")
    assert whole.status == 0
    kills, wait_s = 0, whole.took_s / 3
    while kills < 3:
        kills += commands.run(*words, tmp_path / "killed", by=signal.SIGKILL, after_s=wait_s).killed
        if (tmp_path / "killed/set/set.json").exists():  # faster than the first: begin again
            shutil.rmtree(tmp_path / "killed")
            kills, wait_s = 0, wait_s / 2
    assert commands.run(*words, tmp_path / "killed").status == 0, commands.log.read_text()[-2000:]
    assert content(tmp_path / "killed") == content(tmp_path / "whole"), "and nothing is left over"


@pytest.mark.parametrize("what", KILLED)
@pytest.mark.parametrize("kills", [1, pytest.param(60, marks=pytest.mark.slow)])
def test_a_command_that_was_killed_ends_with_the_same_bytes_when_it_is_repeated(
    commands: Forks, few: Path, made: Path, tmp_path: Path, what: str, kills: int
) -> None:
    def fresh(name: str) -> tuple[Path, list[str]]:
        out = tmp_path / name
        out.mkdir()
        if "{own}" in KILLED[what]:
            shutil.copytree(made, out / "set")
        return out, KILLED[what].format(photos=few, set=made, own=out / "set", out=out).split()

    out, arguments = fresh("whole")
    whole = commands.run(*arguments)
    assert whole.status == 0
    expected = content(out)
    draw, hit, turn, within_s = random.Random(f"{what} {kills}"), 0, 0, whole.took_s
    while hit < kills:
        out, arguments = fresh(str(turn := turn + 1))
        for number in range(draw.randint(1, 3)):
            ended = commands.run(*arguments, by=draw.choice(SWEEP), after_s=draw.uniform(0, within_s))
            hit += ended.killed
            if not (number or ended.killed):  # it was faster than the first: kill the next ones sooner
                within_s = min(within_s, ended.took_s)
        assert commands.run(*arguments).status == 0, commands.log.read_text()[-2000:]
        found = content(out)
        assert set(found) == set(expected)
        assert found == expected
        shutil.rmtree(out)
    print(f"{what}: {hit} kills in {turn} turns")

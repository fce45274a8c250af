"""Sets at addresses, on an S3 server and in `memory://`: the bytes of a laptop, and one clear error each."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from s3_server import SECRETS, s3_server
from torch.utils.data import DataLoader

from srdata import Loader, PairedDataset, export, publish
from srdata.cli import run
from srdata.difficulty import classify
from srdata.errors import DamagedSetError, DownloadError, HashMismatchError, SetError, StoreError, UsageError
from srdata.fetch import remote_files
from srdata.fetch.remote_files import place_at
from srdata.fetch.remote_folders import RemoteFolder
from srdata.images import read_image, write_png
from srdata.preparation import Prepared, annotate, finish_plan, make_part, prepare, write_plan
from srdata.prepared.remote_sets import RemoteReader
from srdata.prepared.set_images import explain, replay
from srdata.prepared.verification import verify
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale
from srdata.set_changes import join, split
from srdata.store.windows import Windows
from tests.storing import files_in, write_picture

pytestmark = pytest.mark.filterwarnings("ignore")  # of the server and its libraries


def recipe(folder: object, **settings: Any) -> Recipe:
    """In shards of two images, with LR images that are drawn at random."""
    store = Store(**{"layout": "lmdb", "shard_bytes": 45_000} | settings.pop("store", {}))
    plain = {"name": "set", "scales": (Scale(4),), "degradation": "bsrgan", "seed": 7} | settings
    return Recipe(folder=str(folder), store=store, **plain)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(5):
        write_picture(folder / f"{number:04d}.png", number)
    return folder


@pytest.fixture(scope="module")
def laptop(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the set as one process makes it in a folder."""
    path = prepare(recipe(pictures), root=tmp_path_factory.mktemp("laptop"), name="set", jobs=1).path
    return {
        one.relative_to(path).as_posix(): one.read_bytes() for one in Path(path).rglob("*") if one.is_file()
    }


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with s3_server() as system:
        yield system


OWN = os.environ.get(
    "SRDATA_TEST_STORE"
)  # an address of yours, as s3://bucket/folder, to which tests may write


@pytest.fixture(params=["s3", "memory", *(["yours"] if OWN else [])])
def lab(request: pytest.FixtureRequest, pictures: Path) -> str:
    """The address of an empty folder, beside which there are the pictures."""
    if request.param == "s3":
        request.getfixturevalue("server")
    base = {"s3": "s3://lab", "memory": "memory://lab", "yours": f"{OWN}/{os.getpid()}"}[request.param]
    address = f"{base}/{''.join(letter for letter in request.node.name if letter.isalnum())}"
    for one in pictures.iterdir():
        RemoteFolder(address).put(one, f"pictures/{one.name}")
    return address


def files_at(address: str) -> dict[str, bytes]:
    """What there is, but for the records, which are no part of a set."""
    found = RemoteFolder(address).files()
    return {
        name: remote_files.read_small(one.address) for name, one in found.items() if not name.startswith(".")
    }


def test_a_set_has_the_same_bytes_at_an_address(lab: str, laptop: dict[str, bytes]) -> None:
    built = prepare(recipe(f"{lab}/pictures"), root=f"{lab}/out", name="set", jobs=1)
    assert os.fspath(built) == f"{lab}/out/set"
    assert files_at(f"{lab}/out/set") == laptop
    lines: list[str] = []
    again = prepare(recipe(f"{lab}/pictures"), root=f"{lab}/out", name="set", jobs=1, log=lines.append)
    assert again.content == built.content
    assert lines[-1] == f"{lab}/out/set is prepared already"
    assert not list(Path(os.environ["SRDATA_CACHE"]).glob("making/*/set"))
    assert not Path("s3:").exists()


def test_it_is_read_as_ever(lab: str, pictures: Path, tmp_path: Path) -> None:
    there = prepare(recipe(f"{lab}/pictures"), root=lab, name="set", jobs=1)
    here = prepare(recipe(pictures), root=tmp_path, name="set", jobs=1)
    data, local = (PairedDataset(one, patch_size=32, seed=3) for one in (there, here))
    assert data.keys == local.keys
    assert all((data[i]["hr"] == local[i]["hr"]).all() for i in range(len(data)))
    assert pickle.loads(pickle.dumps(data)).keys == local.keys  # noqa: S301  # its own
    batches = [Loader(one, batch_size=2, device="cpu", seed=1) for one in (data, local)]
    assert all((a.lr == b.lr).all() for a, b in zip(*batches, strict=True))
    if not lab.startswith("memory"):  # which other processes do not see
        assert sum(len(batch["key"]) for batch in DataLoader(data, batch_size=2, num_workers=1)) == len(data)
    key = data.keys[0]
    assert explain(there.path, key) == explain(here.path, key)
    assert replay(there.path, key) == [f"{key} x4: bit for bit the stored image"]
    assert verify(there, replay=2).ok
    assert run(["verify", str(there.path)]) == 0


def test_images_at_an_address_are_scored(
    lab: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["curate", f"{lab}/pictures", "--where", "laplacian >= 0", "--jobs", "1"]) == 0
    assert "the condition is met by 5 of 5 images" in capsys.readouterr().out
    assert {one.name for one in tmp_path.iterdir()} == {"data", "pictures-choice.html"}
    chosen = prepare(recipe(f"{lab}/pictures", where="laplacian >= 0"), name="set", jobs=1)
    assert chosen.path == Path("data/set")
    assert {one.name for one in tmp_path.iterdir()} == {"data", "pictures-choice.html"}


def test_parts_anywhere(lab: str, laptop: dict[str, bytes]) -> None:
    plan, target = f"{lab}/plan.parquet", f"{lab}/set"
    write_plan(recipe(f"{lab}/pictures"), plan, root=lab, name="set", jobs=1)
    make_part(plan, (2, 2), jobs=1)
    with pytest.raises(UsageError, match=r"still lacks 1 of 3 shards \(0\).*--part 1/1"):
        finish_plan(plan)
    with pytest.raises(SetError, match="is not finished: run the same"):
        PairedDataset(target)
    before = RemoteFolder(target).files("shards")
    make_part(plan, (1, 1), jobs=2, backend="threading")
    after = RemoteFolder(target).files("shards")
    assert before.items() <= after.items(), "what was there was not sent again"
    assert finish_plan(plan).content.counts == {"train": 5}
    assert files_at(target) == laptop
    make_part(plan, (1, 2), jobs=1)  # late, and nothing comes of it
    assert files_at(target) == laptop
    assert isinstance(write_plan(recipe(f"{lab}/pictures"), plan, root=lab, name="set", jobs=1), Prepared)


@pytest.mark.slow
def test_workers_and_their_parts_in_processes_of_their_own(
    server: Any, laptop: dict[str, bytes], pictures: Path
) -> None:
    for one in pictures.iterdir():
        server.pipe_file(f"lab/own/{one.name}", one.read_bytes())
    prepare(recipe("s3://lab/own"), root="s3://lab/processes", name="set", jobs=2)
    assert files_at("s3://lab/processes/set") == laptop


@pytest.mark.parametrize("layout", ["folder", "basicsr"])
def test_other_layouts_are_made_here_and_sent(lab: str, pictures: Path, tmp_path: Path, layout: str) -> None:
    made = recipe(pictures, degradation="bicubic", windows=None, store={"layout": layout})
    there, here = (prepare(made, root=root, name="set", jobs=1) for root in (lab, tmp_path))
    local = {
        one.relative_to(here.path).as_posix(): one.read_bytes()
        for one in Path(here).rglob("*")
        if one.is_file()
    }
    assert files_at(str(there.path)) == local
    assert verify(there).ok
    with pytest.raises(UsageError, match=f"keeps {layout} files, no shards: bring it here"):
        PairedDataset(there)


def test_pairs_are_told_by_names_there_too(lab: str, pictures: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs"
    for one in pictures.iterdir():
        hr = read_image(one)
        write_png(pairs / "HR" / one.name, hr)
        write_png(pairs / "LR" / one.name, hr[::4, ::4].copy())
    for one in pairs.rglob("*.png"):
        RemoteFolder(lab).put(one, f"pairs/{one.relative_to(pairs).as_posix()}")
    there, here = (
        prepare(place, root=tmp_path / "out", name=name, lmdb=True, jobs=1)
        for place, name in ((f"{lab}/pairs", "a"), (pairs, "b"))
    )
    assert there.content.files == here.content.files
    assert there.content.recipe["degradation"] == "published:given"


def test_what_was_exported_there_is_taken_from_here(lab: str, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "exported"
    export(prepare(recipe(pictures), root=tmp_path, name="set", jobs=1).path, to="folder", out=out, jobs=1)
    for one in out.rglob("*.*"):
        RemoteFolder(lab).put(one, f"out/{one.relative_to(out).as_posix()}")
    with pytest.raises(UsageError, match="is what `srdata export` wrote: bring it here"):
        prepare(f"{lab}/out", root=tmp_path, lmdb=True, jobs=1)
    assert prepare(out, root=tmp_path, lmdb=True, jobs=1).content.counts == {"train": 5}


def test_a_grown_folder_sends_those_shards_alone_that_change(
    lab: str, pictures: Path, tmp_path: Path
) -> None:
    made = recipe(f"{lab}/pictures")
    first = prepare(made, root=lab, name="set", jobs=1)
    old = PairedDataset(first)
    shards = RemoteFolder(f"{lab}/set").files("shards")
    for number in range(5, 8):
        write_picture(tmp_path / "new.png", number)
        RemoteFolder(lab).put(tmp_path / "new.png", f"pictures/{number:04d}.png")
    lines: list[str] = []
    grown = prepare(made, root=lab, name="set", jobs=1, log=lines.append)
    after = RemoteFolder(f"{lab}/set").files("shards")
    assert [name for name, file in after.items() if shards.get(name) != file] == [
        "shards/00002.lmdb",
        "shards/00003.lmdb",
    ]
    assert f"{lab}/set: 3 images new, gone or changed: making 1 of 3 shards anew, and 1 more" in lines
    whole = prepare(made, root=tmp_path, name="set", jobs=1)
    assert grown.content == whole.content
    assert [item["key"] for item in (old[i] for i in range(len(old)))] == [f"{n:04d}" for n in range(5)]


def test_what_is_damaged_there_is_found_and_made_again(
    lab: str, laptop: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRDATA_CACHE", str(tmp_path))  # in which no shard is yet
    made = recipe(f"{lab}/pictures")
    prepare(made, root=lab, name="set", jobs=1)
    folder = RemoteFolder(f"{lab}/set")
    shard = laptop["shards/00001.lmdb"]
    folder.put_bytes(shard[:-1] + b"x", "shards/00001.lmdb")
    folder.remove("shards/00000.lmdb")
    assert [one.partition(" ")[0] for one in verify(f"{lab}/set").problems] == [
        "shards/00000.lmdb",
        "shards/00001.lmdb",
    ]
    with pytest.raises((HashMismatchError, DownloadError)):
        [PairedDataset(f"{lab}/set")[i] for i in range(5)]
    folder.remove("shards/00001.lmdb")
    prepare(made, root=lab, name="set", jobs=1)
    assert files_at(f"{lab}/set") == laptop


def test_a_set_file_that_is_damaged_there_is_made_again_as_its_error_says(
    lab: str, laptop: dict[str, bytes]
) -> None:
    made = recipe(f"{lab}/pictures")
    prepare(made, root=lab, name="set", jobs=1)
    folder = RemoteFolder(f"{lab}/set")
    shards = folder.files("shards")
    folder.put_bytes(b"{", "set.json")
    for read in (PairedDataset, verify, lambda _: prepare(made, root=lab, name="set", jobs=1)):
        with pytest.raises(
            DamagedSetError, match=r"set/set\.json is damaged: delete it there, and run the same"
        ):
            read(f"{lab}/set")
    folder.remove("set.json")
    prepare(made, root=lab, name="set", jobs=1)
    assert files_at(f"{lab}/set") == laptop
    assert folder.files("shards") == shards, "no shard was sent again"


def test_two_plans_do_not_mix(lab: str) -> None:
    one, other = f"{lab}/one.parquet", f"{lab}/other.parquet"
    write_plan(recipe(f"{lab}/pictures"), one, root=lab, name="set", jobs=1)
    write_plan(recipe(f"{lab}/pictures"), one, root=lab, name="set", jobs=1)  # the same once more
    with pytest.raises(UsageError, match="is being made by another plan or run"):
        write_plan(recipe(f"{lab}/pictures", seed=8), other, root=lab, name="set", jobs=1)
    with pytest.raises(UsageError, match=r"one\.parquet is another plan already"):
        write_plan(recipe(f"{lab}/pictures", seed=8), one, root=lab, name="else", jobs=1)
    with pytest.raises(UsageError, match="is being made by another plan or run"):
        prepare(recipe(f"{lab}/pictures", seed=8), root=lab, name="set", jobs=1)
    folder = RemoteFolder(f"{lab}/set")
    folder.remove(".unfinished")
    write_plan(recipe(f"{lab}/pictures", seed=8), other, root=lab, name="set", jobs=1)
    with pytest.raises(UsageError, match=r"is being made by another plan or run than .*one"):
        make_part(one, (1, 1), jobs=1)
    make_part(other, (1, 1), jobs=1)
    assert finish_plan(other).content.seed == 8


@pytest.mark.parametrize("last", ["shards/00001.lmdb", ".records/00001.parquet", "index.parquet"])
def test_what_dies_in_the_middle_goes_on(
    lab: str, laptop: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    def die(self: RemoteFolder, path: Path, name: str) -> None:
        if name == last:
            raise KeyboardInterrupt
        put(self, path, name)

    put = RemoteFolder.put
    with monkeypatch.context() as patch:
        patch.setattr(RemoteFolder, "put", die)
        with pytest.raises(KeyboardInterrupt):
            prepare(recipe(f"{lab}/pictures"), root=lab, name="set", jobs=1)
    assert "set.json" not in files_at(f"{lab}/set")
    prepare(recipe(f"{lab}/pictures"), root=lab, name="set", jobs=1)
    assert files_at(f"{lab}/set") == laptop


def test_a_part_that_lost_its_claim_writes_no_record(lab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = f"{lab}/plan.parquet"
    write_plan(recipe(f"{lab}/pictures"), plan, root=lab, name="set", jobs=1)
    folder = RemoteFolder(f"{lab}/set")
    put = RemoteFolder.put

    def lose(self: RemoteFolder, path: Path, name: str) -> None:
        put(self, path, name)
        folder.put_bytes(b"plan-of somebody else", ".unfinished")

    monkeypatch.setattr(RemoteFolder, "put", lose)
    with pytest.raises(StoreError, match=r"another run took .* over"):
        make_part(plan, (1, 1), jobs=1)
    assert not folder.files(".records")


def test_a_store_that_keeps_other_bytes_is_noticed(
    lab: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"what is sent")
    system, _ = remote_files.system_of(lab)
    with monkeypatch.context() as patch:
        patch.setattr(system, "put_file", lambda path, target: system.pipe_file(target, b"what is kept"))
        with pytest.raises(HashMismatchError, match="has not the bytes that were sent"):
            RemoteFolder(lab).put(tmp_path / "file", "file")
    RemoteFolder(lab).put(tmp_path / "file", "file")
    assert RemoteFolder(lab).read("file") == b"what is sent"


def test_the_first_that_writes_stays(lab: str) -> None:
    folder = RemoteFolder(lab)
    assert folder.put_first(b"one", "claim") == b"one"
    assert folder.put_first(b"two", "claim") == b"one"


def test_a_store_that_knows_no_condition_is_claimed_too(lab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ceph and others answer, of some version: 501, NotImplemented."""
    system, _ = remote_files.system_of(lab)
    pipe = system.pipe_file

    def refuse(path: str, data: bytes, **how: str) -> None:
        if how:
            raise coded("NotImplemented")
        pipe(path, data)

    monkeypatch.setattr(system, "pipe_file", refuse)
    folder = RemoteFolder(lab)
    assert folder.put_first(b"one", "claim") == b"one"
    assert folder.put_first(b"two", "claim") == b"one"


def coded(code: str) -> OSError:
    """An error that s3fs makes of an answer of S3."""
    error = OSError(5, f"An error occurred ({code}) of keyOfTests")
    error.__cause__ = pytest.importorskip("botocore.exceptions").ClientError(
        {"Error": {"Code": code, "Message": "keyOfTests"}}, "PutObject"
    )
    return error


def test_no_secret_is_kept_or_told(lab: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_plan(recipe(f"{lab}/pictures"), f"{lab}/plan.parquet", root=lab, name="set", jobs=1, log=print)
    make_part(f"{lab}/plan.parquet", (1, 1), jobs=1, log=print)
    finish_plan(f"{lab}/plan.parquet", log=print)
    kept = b"".join(remote_files.read_small(one.address) for one in RemoteFolder(lab).files().values())
    kept += b"".join(one.read_bytes() for one in Path(os.environ["SRDATA_CACHE"]).rglob("*") if one.is_file())
    told = "".join(capsys.readouterr()).encode()
    assert not any(secret.encode() in kept + told for secret in SECRETS)


@pytest.mark.parametrize(
    "place",
    [
        "keyOfTests:secretOfTests@lab/pictures",
        "keyOfTests:secret/OfTests@lab",  # as those of S3 may be
        "keyOfTests:0/secretOfTests@lab",
        "keyOfTests:secretOfTests",
        "keyOfTests@lab/pictures",
        "lab/pictures?X-Amz-Signature=secretOfTests",
    ],
)
def test_an_address_with_a_secret_is_refused_and_not_told(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prepare", f"s3://{place}", "--scale", "4"]) == 2
    said = "".join(capsys.readouterr())
    assert "leave them out, they are taken from the environment" in said
    assert "OfTests" not in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            PermissionError("Access Denied: keyOfTests"),
            "may not be written: give credentials in the environment that have the right to it",
        ),
        (coded("QuotaExceeded"), r"cannot be written \(QuotaExceeded\): run the same again"),
        (
            PermissionError("The difference between the request time and the current time is too large."),
            "the clock of this machine differs",
        ),
        (FileNotFoundError("NoSuchBucket"), "check the address"),
        (
            ConnectionError("http://keyOfTests@host"),
            r"its store does not answer \(ConnectionError\): look at the",
        ),
    ],
)
def test_what_a_store_refuses_is_one_clear_error(
    lab: str, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str, tmp_path: Path
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise error

    (tmp_path / "file").touch()
    system, _ = remote_files.system_of(lab)
    monkeypatch.setattr(system, "put_file", refuse)
    monkeypatch.setattr(remote_files, "_WAIT_S", 0)
    with pytest.raises(DownloadError, match=said) as caught:
        RemoteFolder(lab).put(tmp_path / "file", "file")
    assert "keyOfTests" not in str(caught.value)


def test_a_store_that_does_not_answer_is_asked_once_by_us(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own library has asked as often as it finds right; anything else is begun again."""
    asked: list[str] = []

    def refuse(error: Exception) -> Any:
        def put(path: str, target: str) -> None:
            asked.append(type(error).__name__)
            raise error

        return put

    (tmp_path / "file").touch()
    monkeypatch.setattr(remote_files, "_WAIT_S", 0)
    for error in (ConnectionError(), OSError()):
        monkeypatch.setattr(remote_files.system_of("s3://lab")[0], "put_file", refuse(error))
        with pytest.raises(DownloadError):
            RemoteFolder("s3://lab").put(tmp_path / "file", "file")
    assert asked == ["ConnectionError", *["OSError"] * 4]


def test_what_libraries_log_is_not_told_beside(tmp_path: Path) -> None:
    """Such as the tracebacks of gcsfs."""
    code = """
import logging
from srdata.fetch.remote_files import system_of
system_of("memory://lab")
logging.getLogger("gcsfs").error("a traceback")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr == ""


def test_a_bucket_that_is_not_there(server: Any, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prepare", "s3://nowhere/pictures", "--scale", "4", "--lmdb"]) == 1
    assert run(["prepare", str(pictures), "--scale", "4", "--lmdb", "--root", "s3://nowhere/out"]) == 1
    said = capsys.readouterr().err
    assert said.count("there is no s3://nowhere/") == 2
    assert "Traceback" not in said


def test_other_files_at_the_target_are_left_alone(lab: str) -> None:
    RemoteFolder(lab).put_bytes(b"mine", "set/mine.txt")
    with pytest.raises(UsageError, match="is not empty and no prepared set"):
        prepare(recipe(f"{lab}/pictures"), root=lab, name="set", jobs=1)
    assert set(RemoteFolder(f"{lab}/set").files()) == {"mine.txt"}


@pytest.fixture(scope="module")
def parts(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two sets here, one of which has a column, and with both of which they can be joined and split."""
    root = tmp_path_factory.mktemp("parts")
    paths = []
    for name, numbers in (("one", range(5)), ("two", range(5, 8))):
        for number in numbers:
            write_picture(root / name / f"{number:04d}.png", number)
        path = prepare(recipe(root / name, name=name), root=root / "data", name=name, jobs=1).path
        paths.append(Path(path))
    texts = root / "captions.csv"
    texts.write_text("key,caption\n0000,a cat\n0003,another\n")
    annotate(paths[0], texts)
    return paths[0], paths[1]


def put_set(path: Path, address: str) -> str:
    """The set at an address, as any program would copy it there."""
    for one in path.rglob("*"):
        if one.is_file():
            RemoteFolder(address).put(one, one.relative_to(path).as_posix())
    return address


@pytest.fixture(scope="module")
def put_parts() -> dict[str, list[str]]:
    return {}


@pytest.fixture
def there(lab: str, parts: tuple[Path, Path], put_parts: dict[str, list[str]]) -> list[str]:
    """The same two sets at addresses, once in each store, not to be changed."""
    store = lab.rpartition("/")[0]
    if store not in put_parts:
        put_parts[store] = [put_set(path, f"{store}/parts/{path.name}") for path in parts]
    return put_parts[store]


def test_sets_are_joined_in_a_store_by_the_store(
    lab: str, parts: tuple[Path, Path], there: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = files_in(Path(join(parts, "both", root=tmp_path)))
    with monkeypatch.context() as patch:
        patch.setattr(RemoteReader, "_bring", lambda *_: pytest.fail("a shard was brought here"))
        joined = join(there, "both", root=lab)
        assert join(there, "both", root=lab) == joined, "it is there"
    assert joined == f"{lab}/both"
    assert files_at(f"{lab}/both") == local
    assert ".unfinished" not in RemoteFolder(f"{lab}/both").files()
    assert verify(joined, replay=8).ok


@pytest.mark.parametrize("places", ["here remote remote", "remote remote here"])
def test_sets_are_joined_wherever_they_are(
    lab: str, parts: tuple[Path, Path], there: list[str], tmp_path: Path, places: str
) -> None:
    *sets, root = places.split()
    given = [one if place == "remote" else path for one, path, place in zip(there, parts, sets, strict=True)]
    joined = join(given, "both", root=lab if root == "remote" else tmp_path / "out")
    local = files_in(Path(join(parts, "both", root=tmp_path / "local")))
    assert (files_at(joined) if isinstance(joined, str) else files_in(joined)) == local


def test_a_set_in_a_store_is_split(
    lab: str, parts: tuple[Path, Path], there: list[str], tmp_path: Path
) -> None:
    (tmp_path / "keys.txt").write_text("0000\n0001\n0004\n")
    how = {"listed": tmp_path / "keys.txt", "rest": "rest"}
    local = split(parts[0], "some", root=tmp_path, **how)
    assert split(there[0], "some", root=lab, **how) == [f"{lab}/some", f"{lab}/rest"]
    assert [files_at(f"{lab}/{one.name}") for one in map(Path, local)] == [
        files_in(Path(one)) for one in local
    ]
    with pytest.raises(UsageError, match="has no scores deviation: choose by keys or a list"):
        split(there[0], "hard", score="deviation", above=1, root=lab)
    scored = Path(shutil.copytree(parts[0], tmp_path / "scored"))
    classify(scored, "deviation", jobs=1, windows=Windows(size=32, step=16))
    above = [
        split(one, "all", score="deviation", above=1, root=root)
        for one, root in ((scored, tmp_path), (put_set(scored, f"{lab}/scored"), lab))
    ]
    assert PairedDataset(above[0][0]).keys == PairedDataset(above[1][0]).keys


def test_a_join_that_ended_goes_on_and_nothing_is_written_over(
    lab: str, parts: tuple[Path, Path], there: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def die(self: RemoteFolder, address: str, name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RemoteFolder, "take", die)
        with pytest.raises(KeyboardInterrupt):
            join(there, "both", root=lab)
    with pytest.raises(SetError, match="is not finished"):
        PairedDataset(f"{lab}/both")
    with pytest.raises(UsageError, match="is being made by another plan or run"):
        split(there[0], "both", keys=["0000"], root=lab)
    with pytest.raises(UsageError, match="is being made by another plan or run"):
        prepare(recipe(f"{lab}/pictures"), root=lab, name="both", jobs=1)
    joined = join(there, "both", root=lab)
    assert files_at(str(joined)) == files_in(Path(join(parts, "both", root=tmp_path)))
    with pytest.raises(UsageError, match="both is there already: give another --name"):
        split(there[0], "both", keys=["0000"], root=lab)
    RemoteFolder(lab).put_bytes(b"mine", "mine/file")
    with pytest.raises(UsageError, match="is not empty and no prepared set"):
        join(there, "mine", root=lab)


def test_a_set_that_grows_while_it_is_joined_is_not_mixed(
    lab: str, parts: tuple[Path, Path], there: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    take = RemoteFolder.take

    def grow(self: RemoteFolder, address: str, name: str) -> None:
        take(self, address, name)
        RemoteFolder(there[1]).put_bytes(b"another", "set.json")

    monkeypatch.setattr(RemoteFolder, "take", grow)
    try:
        with pytest.raises(SetError, match="two was changed meanwhile: run the same command again"):
            join(there, "both", root=lab)
    finally:
        RemoteFolder(there[1]).put_bytes((parts[1] / "set.json").read_bytes(), "set.json")
    assert not RemoteFolder(f"{lab}/both").has("set.json")


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("data", Path("data")),
        ("file:///tmp/a%20b", Path("/tmp/a b")),
        ("s3://lab/set/", "s3://lab/set"),
        ("memory://x", "memory://x"),
        ("S3://Lab/Set", "s3://Lab/Set"),
    ],
)
def test_where_what_is_given_lives(given: str, place: object) -> None:
    assert place_at(given) == place


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Path("s3://lab/set"), "is no address: give s3://…, with two slashes, and as text"),
        ("s3://", "names nothing"),
        ("https://lab/set?X-Amz-Signature=1", "has credentials in it"),
        ("s3://[lab/set", r"has a \[ that is not closed"),
        ("nosuch://lab/set", None),
    ],
)
def test_what_is_no_place(given: Any, said: str | None) -> None:
    with pytest.raises(UsageError, match=said or "nosuch:// is not known"):
        RemoteFolder(str(place_at(given))).names()


@pytest.mark.parametrize(
    "line",
    [
        "degrade {pictures} s3://lab/out",
        "export {set} --to folder --out s3://lab/out",
        "replay {set} 0000 --out s3://lab/out",
        "report {set} --out s3://lab/page.html",
        "preview bsrgan --out s3://lab/sheet.png",
        "publish {set} --out s3://lab/out --licence cc0-1.0",
        "list --root s3://lab/out",
        "prepare sample --scale 4 --from s3://lab/pictures",
        "prepare benchmarks --root s3://lab/out",
        "prepare hat-x4 --root s3://lab/out",
        "inspect s3://lab/pictures",
        "annotate s3://lab/set captions.csv",
    ],
)
def test_where_only_paths_are_taken_an_address_is_refused(
    line: str,
    pictures: Path,
    sample: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(line.format(pictures=pictures, set=sample(scale=4, lmdb=True)).split()) == 2
    said = capsys.readouterr().err
    assert "is an address" in said or "give a folder of this machine as --root" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("out", ["s3://lab/out", Path("s3://lab/out")])
def test_from_python_too(
    out: Any, sample: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is an address: give a folder of this machine as --out"):
        export(sample(scale=4, lmdb=True), to="folder", out=out)
    assert not list(tmp_path.iterdir())


def test_sets_are_put_on_the_hub_by_publish(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="put it there by `srdata publish`"):
        prepare(pictures, scale=4, root="hf://lab/sets")
    built = prepare(pictures, scale=4, lmdb=True, root=tmp_path, jobs=1)
    assert publish(built.path, out=tmp_path / "repository", licence="cc0-1.0", jobs=1)


@pytest.mark.parametrize("root", [str, Path])
def test_no_folder_is_called_after_an_address(
    root: Callable[[str], Any], pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((UsageError, DownloadError)):
        prepare(recipe(pictures), root=root("https://127.0.0.1:9/out"), name="set", jobs=1)
    assert not list(tmp_path.iterdir())

"""From a manifest to image files: downloaded once, taken from the user's folders, or an error that helps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import (
    Loopback,
    digest_of,
    manifest_data,
    sends,
    serve,
    slow,
    status,
    tar_of,
    zip_of,
)

from srdata.common.documents import Document, check
from srdata.errors import ArchiveError, DownloadError, HashMismatchError, LicenceError, SourceError
from srdata.fetch import have, obtain, plan
from srdata.fetch.manifest import Manifest, load_manifest

KEYS = ["0001", "0002", "0003"]


@pytest.fixture(scope="module")
def photos(photographs: Path) -> dict[str, bytes]:
    """Three photographs under names of the field."""
    files = [photographs / name for name in ("chelsea.png", "coffee.png", "rocket.jpg")]
    return {f"HR/{key}.png": path.read_bytes() for key, path in zip(KEYS, files, strict=True)}


@pytest.fixture
def server(photos: dict[str, bytes]) -> Iterator[Loopback]:
    packed = {"hr.zip": zip_of(photos), "hr.tar.gz": tar_of(photos)}
    with serve({**packed, **{f"files/{name}": data for name, data in photos.items()}}) as running:
        yield running


def manifest(server: Loopback, *names: str, known: bool = True, **parts: object) -> Manifest:
    """A data set of three images, in any of the archives `names`, the first that works."""
    archives = {
        name: {
            "urls": [server.url(name).replace("http:", "http:" if known else "https:")],
            "digests": [digest_of(server.files[name])] if known else [],
        }
        for name in names
    }
    sources = [{"archives": [name], "paths": "HR/{key}.png"} for name in names]
    hr = {"split": "train", "track": "HR", "count": 3, "keys": "0001-0003", "sources": sources}
    data = manifest_data("tiny", sets=[hr], archives=archives, **parts)
    return check(Manifest, Document(Path("tiny.yaml"), data))  # type: ignore[arg-type]  # plain data


def keys_of(found: Manifest, root: Path, **options: object) -> list[str]:
    [(owner, one)] = found.find(track="HR")
    return [image.key for image in obtain(owner, one, root, **options)]  # type: ignore[arg-type]  # passed on


@pytest.mark.parametrize("name", ["hr.zip", "hr.tar.gz"])
def test_an_archive_is_downloaded_once(
    server: Loopback, photos: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    found = manifest(server, name)
    [(owner, one)] = found.find()
    assert not have(owner, one, tmp_path)
    assert [(p.name, p.missing_bytes, p.here) for p in plan(owner, one, tmp_path)] == [
        (name, len(server.files[name]), False)
    ]
    images = obtain(owner, one, tmp_path)
    assert [image.key for image in images] == KEYS
    assert [image.path.read_bytes() for image in images] == list(photos.values())
    assert keys_of(found, tmp_path) == KEYS
    assert len(server.requests) == 1
    assert have(owner, one, tmp_path)


def test_the_next_source_is_taken_when_one_fails(server: Loopback, tmp_path: Path) -> None:
    server.always("hr.zip", status(404))
    assert keys_of(manifest(server, "hr.zip", "hr.tar.gz"), tmp_path) == KEYS
    server.always("hr.tar.gz", status(403))
    with pytest.raises(DownloadError, match=r": 404 .*: 403 "):
        keys_of(manifest(server, "hr.zip", "hr.tar.gz"), tmp_path / "other")


def test_single_files_are_fetched_where_they_lack(
    server: Loopback, photos: dict[str, bytes], tmp_path: Path
) -> None:
    lines = [
        " ".join([str(digest_of(data)["sha256"]), str(len(data)), name, f"key{number}"])
        for number, (name, data) in enumerate(photos.items())
    ]
    hr = {"split": "test", "track": "HR", "count": 3, "sources": [{"listing": "l", "paths": "HR/*"}]}
    listing = {"evidence": "-", "urls": [server.url("files/")], "files": "\n".join(lines)}
    data = manifest_data("tiny", sets=[hr], listings={"l": listing})
    found = check(Manifest, Document(Path("tiny.yaml"), data))  # type: ignore[arg-type]  # plain data
    assert keys_of(found, tmp_path) == ["key0", "key1", "key2"]
    assert len(server.requests) == 3
    [victim] = tmp_path.rglob("0002.png")
    victim.write_bytes(victim.read_bytes()[:-1])
    assert keys_of(found, tmp_path) == ["key0", "key1", "key2"]
    assert [one.path for one in server.requests[3:]] == ["files/HR/0002.png"], "only the damaged one"
    server.always("files/HR/0002.png", sends(photos["HR/0002.png"][::-1]))
    victim.unlink()
    with pytest.raises((DownloadError, HashMismatchError), match=r"0002\.png"):
        keys_of(found, tmp_path)


@pytest.mark.parametrize("parts", [["DIV/HR"], ["HR"], [], ["deep", "er", "HR"]])
def test_files_of_the_user_are_found_in_any_layout(
    server: Loopback, photos: dict[str, bytes], tmp_path: Path, parts: list[str]
) -> None:
    folder = tmp_path.joinpath("mine", *parts)
    folder.mkdir(parents=True)
    for name, data in photos.items():
        (folder / Path(name).name).write_bytes(data)
    assert keys_of(manifest(server, "hr.zip"), tmp_path / "root", from_dir=tmp_path / "mine") == KEYS
    assert not server.requests


def test_archives_of_the_user_are_checked_and_unpacked(server: Loopback, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "hr.zip").write_bytes(server.files["hr.zip"])
    assert keys_of(manifest(server, "hr.zip"), tmp_path / "a", from_dir=mine) == KEYS
    (mine / "hr.zip").write_bytes(server.files["hr.zip"] + b" ")
    with pytest.raises(HashMismatchError, match=r"hr\.zip has sha256 \w{64}.*expected"):
        keys_of(manifest(server, "hr.zip"), tmp_path / "b", from_dir=mine)
    assert not server.requests


def test_missing_and_surplus_images_are_named(
    server: Loopback, photos: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "HR").mkdir()
    for name in ("0001", "0003", "0004"):
        (tmp_path / f"HR/{name}.png").write_bytes(photos["HR/0001.png"])
    with pytest.raises(SourceError, match="2 images instead of 3; missing: 0002; not expected: 0004"):
        keys_of(manifest(server, "hr.zip"), tmp_path / "root", from_dir=tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"no image in a known layout: HR/\{key\}\.png"):
        keys_of(manifest(server, "hr.zip"), tmp_path / "root", from_dir=tmp_path / "empty")


def test_a_checkout_of_the_source_repository_serves_from_any_level(tmp_path: Path) -> None:
    """Set14 keeps its files under the same names as Set5 and others beside it."""
    found = load_manifest("set14")
    [(owner, one)] = found.find(track="HR")
    for number in range(1, 15):
        for other in ("Set14", "Set5"):
            path = tmp_path / f"{other}/image_SRF_2/img_{number:03d}_SRF_2_HR.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
    for given in (tmp_path, tmp_path / "Set14", tmp_path / "Set14/image_SRF_2"):
        images = obtain(owner, one, tmp_path / "root", from_dir=given)
        assert {image.path.parent for image in images} == {tmp_path / "Set14/image_SRF_2"}
        assert images[0].key == "baboon"


def test_what_may_not_be_downloaded_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LicenceError, match=r"Manga109 cannot be downloaded: .*--from DIR"):
        keys_of(load_manifest("manga109"), tmp_path)
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    [(owner, one)] = load_manifest("lsdir").find("train", "HR")
    with pytest.raises(LicenceError, match="LSDIR is gated: accept the terms at https"):
        obtain(owner, one, tmp_path)


def test_an_unknown_hash_is_recorded_and_holds_from_then_on(
    server: Loopback, photos: dict[str, bytes], tmp_path: Path
) -> None:
    found = manifest(server, "hr.zip", known=False)
    [(owner, one)] = found.find()
    assert not plan(owner, one, tmp_path)[0].hash_known
    mine = tmp_path / "mine"
    mine.mkdir()
    (tmp_path / "downloads/tiny").mkdir(parents=True)
    (tmp_path / "downloads/tiny/hr.zip").write_bytes(server.files["hr.zip"])
    assert keys_of(found, tmp_path) == KEYS
    receipt = (tmp_path / "downloads/tiny/hr.zip.receipt.json").read_text()
    assert str(digest_of(server.files["hr.zip"])["sha256"]) in receipt
    [unpacked] = (tmp_path / "sources/tiny").glob("hr")
    for path in sorted(unpacked.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    unpacked.rmdir()
    (mine / "hr.zip").write_bytes(zip_of({**photos, "HR/note.png": b"-"}))
    with pytest.raises(HashMismatchError, match="expected"):
        keys_of(found, tmp_path, from_dir=mine)


CHILD = """
import sys
from pathlib import Path
from srdata.fetch import obtain
from srdata.fetch.manifest import Manifest
found = Manifest.model_validate_json(sys.stdin.read())
[(owner, one)] = found.find()
obtain(owner, one, Path(sys.argv[1]))
"""


MEET = """
import os, time
Path(sys.argv[1], f"ready-{os.getpid()}").touch()
while len(list(Path(sys.argv[1]).glob("ready-*"))) < 2:
    time.sleep(0.01)
"""


def child(found: Manifest, root: Path) -> subprocess.Popen[bytes]:
    """Another process that obtains the images."""
    (root / "manifest.json").write_text(found.model_dump_json(exclude_none=True))
    with (root / "manifest.json").open() as text:
        return subprocess.Popen([sys.executable, "-c", CHILD, str(root)], stdin=text)


@pytest.mark.linux
def test_another_process_goes_on_where_one_was_killed(server: Loopback, tmp_path: Path) -> None:
    server.next("hr.zip", slow(0.05, 16 << 10))
    process = child(manifest(server, "hr.zip"), tmp_path)
    deadline = time.monotonic() + 20
    while not any(p.stat().st_size > 100_000 for p in tmp_path.rglob("*.part*")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert keys_of(manifest(server, "hr.zip"), tmp_path) == KEYS
    first, second = server.asked("hr.zip")
    assert "range" not in first.headers
    assert int(second.headers["range"].removeprefix("bytes=").rstrip("-")) >= 100_000
    assert "if-range" in second.headers


def test_two_processes_fetching_one_file_do_no_harm(server: Loopback, tmp_path: Path) -> None:
    server.always("hr.zip", slow(0.002, 16 << 10))
    both = [child(manifest(server, "hr.zip"), tmp_path) for _ in range(2)]
    outcomes = [
        (process.wait(timeout=60), process.stderr.read() if process.stderr else "") for process in both
    ]
    assert [code for code, _ in outcomes] == [0, 0], outcomes
    assert len(server.asked("hr.zip")) == 1, "the second waited for the first"


@pytest.mark.linux
def test_two_processes_without_locks_do_no_harm(
    server: Loopback, photos: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a shared file system where every lock is granted to everyone."""
    server.always("hr.zip", slow(0.02, 16 << 10))
    head, call = CHILD.split("obtain(owner")
    code = f"import fcntl\nfcntl.flock = lambda *unused: None\n{head}{MEET}obtain(owner{call}"
    monkeypatch.setattr(f"{__name__}.CHILD", code)
    both = [child(manifest(server, "hr.zip"), tmp_path) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert len(server.asked("hr.zip")) >= 2, "neither waited"
    [(owner, one)] = manifest(server, "hr.zip").find()
    assert [image.path.read_bytes() for image in obtain(owner, one, tmp_path)] == list(photos.values())
    assert not list(tmp_path.rglob("*.part*"))


def test_a_damaged_archive_of_unknown_hash_is_downloaded_once_more(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srdata.fetch.http._check_scheme", lambda url, hash_known: None)
    found = manifest(server, "hr.zip", known=False)
    http = found.archives["hr.zip"].model_copy(update={"urls": (server.url("hr.zip"),)})
    found = found.model_copy(update={"archives": {"hr.zip": http}})
    server.next("hr.zip", sends(server.files["hr.zip"][:5000]))
    assert keys_of(found, tmp_path) == KEYS
    assert len(server.requests) == 2
    server.always("hr.zip", sends(b"PK\x03\x04 broken"))
    with pytest.raises(ArchiveError, match=r"hr\.zip is damaged"):
        keys_of(found, tmp_path / "other")


def test_a_gate_is_told_when_the_token_is_not_enough(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_secret")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url().rstrip("/"))
    server.next("hr.zip", status(403))
    found = manifest(server, "hr.zip", gate="accept the terms there")
    with pytest.raises(DownloadError, match=r"403 .*; tiny is gated: accept the terms there") as caught:
        keys_of(found, tmp_path)
    assert "hf_secret" not in str(caught.value)
    assert keys_of(found, tmp_path) == KEYS
    assert {asked.headers["authorization"] for asked in server.requests} == {"Bearer hf_secret"}
    assert not any("hf_secret" in path.read_text() for path in tmp_path.rglob("*.json"))


def test_an_unpacking_that_was_interrupted_is_done_again(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = manifest(server, "hr.zip")

    def interrupted(*unused: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("srdata.fetch.unpack.publish_folder", interrupted)
        with pytest.raises(KeyboardInterrupt):
            keys_of(found, tmp_path)
    assert not (tmp_path / "sources/tiny/hr").exists()
    assert keys_of(found, tmp_path) == KEYS
    assert threading.active_count() < 20

"""Pushing to a Hub on this machine, and loading again what was pushed; and everything that can go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import datasets
import hf_xet
import huggingface_hub.constants
import numpy as np
import pytest
from hub import (
    Asked,
    Blob,
    Commit,
    Fault,
    Hub,
    Reply,
    echo_token,
    fail,
    hang_up,
    late_failure,
    lose,
    serve_hub,
)
from huggingface_hub import DatasetCard

from srdata import prepare
from srdata.errors import HubError, UsageError
from srdata.images import write_png
from srdata.prepared.set_images import PreparedImages
from srdata.publishing import hub_client as client
from srdata.publishing import publish
from srdata.publishing.published_file import Published
from srdata.publishing.upload import UNFINISHED_CARD, Local, UploadPatience, push, there_already

TOKEN = "hf_rightTokenForTests"
NAME = "lab/noise"
SOON = UploadPatience(tries=3, backoff_s=0)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 small images, whose files need more than one commit."""
    root = tmp_path_factory.mktemp("noise")
    for number in range(30):
        noise = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
        write_png(root / f"photos/{number:02d}.png", noise)
    return prepare(root / "photos", scale=2, lmdb=True, root=root, jobs=1).path


@pytest.fixture(scope="module")
def local(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Local:
    return written(prepared, tmp_path_factory.mktemp("out") / "out", form="imagefolder")


def written(prepared: Path, out: Path, **options: object) -> Local:
    made = publish(prepared, to=NAME, out=out, i_have_the_rights=True, jobs=1, **options)  # type: ignore[arg-type]
    return Local(out, made.content)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A Hub; at the end every commit ever made to it is either whole or says that it is not."""
    with serve_hub(tmp_path / "xet") as hub:
        yield hub
    assert not hub.bugs, hub.bugs[0]
    for repository in hub.repositories.values():
        assert all(whole(commit) or not_to_be_loaded(commit) for commit in repository.commits)


def whole(commit: Commit) -> bool:
    """Whether all files that srdata.json has are there, and of the data those that the card names."""
    pointer = commit.files.get("srdata.json")
    if pointer is None:
        return False
    files = json.loads(pointer.data)["files"]
    sizes = {path: one["bytes"] for path, one in files.items() if path != "README.md"}
    there = {path: blob.size for path, blob in commit.files.items()}
    named = DatasetCard(commit.files["README.md"].data.decode()).data.to_dict()["configs"]
    paths = [one["path"] for config in named for one in config["data_files"] if isinstance(one, dict)]
    return sizes.items() <= there.items() and all(
        any(path.startswith(pattern.partition("*")[0]) for path in files) for pattern in paths
    )


def not_to_be_loaded(commit: Commit) -> bool:
    card = commit.files.get("README.md")
    return card.data == UNFINISHED_CARD.encode() if card else set(commit.files) == {".gitattributes"}


def there(hub: Hub, token: str = TOKEN) -> client.Hub:
    return client.Hub(NAME, token, hub.url)


def send(local: Local, hub: Hub, **options: object) -> int:
    told: list[str] = []
    return push(local, there(hub), **{"public": False, "log": told.append, "patience": SOON, **options})  # type: ignore[arg-type]


def sent_whole(local: Local, hub: Hub) -> bool:
    """Whether the Hub has just the bytes of the folder, as far as they are not with Xet."""
    files = hub.repositories[NAME].files
    mine = {path.relative_to(local.folder).as_posix() for path in local.folder.rglob("*") if path.is_file()}
    return set(files) - {".gitattributes"} == mine and whole(hub.repositories[NAME].commits[-1])


def environment(hub: Hub, folder: Path, **more: str) -> dict[str, str]:
    """HF_ENDPOINT is read when huggingface_hub is imported, so it is for other processes."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
    return {**plain, **quiet, "HF_ENDPOINT": hub.url, "HF_HOME": str(folder), "HF_TOKEN": TOKEN, **more}


def command(*arguments: object) -> list[str]:
    fixed = ["publish", "--to", NAME, "--i-have-the-rights", "--jobs", 1]
    return [sys.executable, "-m", "srdata", "--verbose", *map(str, [*fixed, *arguments])]


def srdata(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), env=environment, capture_output=True, text=True, timeout=60)


LOAD = """
import sys, datasets, numpy
name, out = sys.argv[1:]
found = {}
for streaming in (False, True):
    for row in datasets.load_dataset(name, "bicubic_x2", split="train", streaming=streaming):
        found |= {f"{streaming} {row['key']} {side}": numpy.asarray(row[side]) for side in ("lr", "hr")}
numpy.savez(out, **found)
"""


def assert_no_secret(folder: Path, *texts: str) -> None:
    assert not [text for text in texts if TOKEN in text]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of how this test asks hf_xet for a file
@pytest.mark.parametrize(
    ("form", "more"), [("parquet", {"HF_HUB_DISABLE_XET": "1"}), ("imagefolder", {})], ids=["LFS", "Xet"]
)
def test_what_is_pushed_is_loaded_pixel_for_pixel(
    prepared: Path, local: Local, hub: Hub, tmp_path: Path, form: str, more: dict[str, str]
) -> None:
    settings = environment(hub, tmp_path / "home", **more)
    done = srdata(settings, prepared, "--form", form)
    assert done.returncode == 0, done.stderr
    assert f"{hub.url}/datasets/{NAME}: {form}" in done.stdout
    assert "hashes there as here" in done.stdout
    assert hub.repositories[NAME].private
    assert bool(hub.asked("put")) == bool(more), "the other way was taken"
    paths = list(local.folder.rglob("*.png"))  # hf_xet cannot be asked what it has
    for path, known in zip(paths, hf_xet.hash_files(list(map(str, paths))), strict=True):
        hub.xet_hashes[local.hashes[path.relative_to(local.folder).as_posix()]] = (
            known.hash,
            path.stat().st_size,
        )
    loaded = [sys.executable, "-c", LOAD, NAME, str(tmp_path / "found.npz")]
    subprocess.run(loaded, env={**settings, "HF_HUB_DISABLE_XET": "1"}, check=True, timeout=60)
    images = PreparedImages(prepared)
    with np.load(tmp_path / "found.npz") as found:
        assert len(found) == 2 * 2 * 30
        for row in range(30):
            for streaming in (False, True):
                for side, layer in (("lr", "x2"), ("hr", "hr")):
                    pixels = found[f"{streaming} {images.index.key(row)} {side}"]
                    assert np.array_equal(pixels, images.read(row, layer))
    assert_no_secret(tmp_path, done.stdout, done.stderr)
    assert not [path.name for path in prepared.parent.iterdir() if "publish" in path.name]


def test_a_second_time_nothing_is_sent(local: Local, hub: Hub) -> None:
    assert send(local, hub) == len(local.hashes) == 65
    before = len(hub.repositories[NAME].commits)
    hub.requests.clear()
    assert send(local, hub) == 0
    assert len(hub.repositories[NAME].commits) == before
    assert {one.kind for one in hub.requests} == {"info", "tree", "resolve"}


def test_what_is_there_need_not_be_built_to_know(local: Local, hub: Hub) -> None:
    told: list[str] = []

    def there_as_asked(request: str = local.content.request, public: bool = False) -> Published | None:
        return there_already(there(hub), request, public=public, log=told.append)

    assert there_as_asked() is None
    send(local, hub)
    assert there_as_asked() == local.content
    assert there_as_asked("another request") is None
    files = hub.repositories[NAME].files
    image = next(path for path in files if path.endswith("hr/07.png"))
    for wrong in (Blob(files[image].size, sha256="0" * 64), Blob(1, sha256=files[image].sha256)):
        hub.repositories[NAME].add("by hand", {**files, image: wrong}, 1)
        assert there_as_asked() is None
        hub.repositories[NAME].commits.pop()
    put(hub, "README.md", files["README.md"].data + b"\nSee our paper.\n")
    assert there_as_asked() is None
    hub.repositories[NAME].private = False
    hub.repositories[NAME].commits.pop()
    with pytest.raises(UsageError, match="is public"):
        there_as_asked()


def test_commits_are_of_the_size_that_the_hub_takes(local: Local, hub: Hub) -> None:
    send(local, hub)
    _, *commits = hub.repositories[NAME].commits
    assert [one.title for one in commits] == [f"Add data of {local.content.name}"] * 2 + [
        f"Publish {local.content.name}"
    ]
    assert [one.operations for one in commits] == [51, 11, 4]
    assert not_to_be_loaded(commits[0])
    assert sent_whole(local, hub)


def test_what_is_not_whole_cannot_be_loaded(local: Local, hub: Hub, tmp_path: Path) -> None:
    hub.next("commit", right_answer, fail(403))
    with pytest.raises(HubError):
        send(local, hub)
    hub.content = lambda blob: blob.data  # type: ignore[method-assign]
    folder = hub.checkout(NAME, tmp_path / "half")
    with pytest.raises(Exception, match="unfinished"):
        datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))


def right_answer(asked: Asked, right: object) -> Reply:
    assert callable(right)
    answer: Reply = right()
    return answer


@pytest.mark.parametrize(
    "fault",
    [
        fail(409),
        fail(412),
        fail(429, Retry_After="0"),
        fail(500),
        fail(503),
        late_failure(504),
        hang_up,
    ],
    ids=["409", "412", "429", "500", "503", "late", "cut"],
)
@pytest.mark.parametrize("before", [0, 1, 2], ids=["first", "second", "last"])
def test_passing_failures_are_waited_out(local: Local, hub: Hub, fault: Fault, before: int) -> None:
    hub.next("commit", *[right_answer] * before, fault)
    assert send(local, hub) == len(local.hashes)
    assert sent_whole(local, hub)
    commits = hub.repositories[NAME].commits[1:]
    assert sum(one.operations for one in commits) == 1 + len(local.hashes), "nothing was committed twice"


def test_what_someone_else_commits_meanwhile_is_kept(local: Local, hub: Hub) -> None:
    def after_another(asked: Asked, right: object) -> Reply:
        put(hub, "paper.pdf", b"%PDF")
        return right_answer(asked, right)

    told: list[str] = []
    hub.next("commit", right_answer, after_another)
    send(local, hub, log=told.append)
    assert ["412: A commit has happened since" in line for line in told] == [True]
    assert "paper.pdf" in hub.repositories[NAME].files
    hub.repositories[NAME].commits[-1].files.pop("paper.pdf")
    assert sent_whole(local, hub)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (409, "the Hub is at another change of it (409: no): run the same command again later"),
        (412, "the Hub has got another change of it meanwhile (412: no)"),
        (429, "the Hub asks for patience (429: no)"),
        (503, "the Hub has trouble (503: no)"),
        (401, "the Hub does not accept the token (401: no): log in by `hf auth login`"),
        (402, "the Hub asks for payment (402: no): free storage there"),
        (403, "the Hub does not let this token write there (403: no): give the token write access"),
        (404, "the Hub has no such data set, or hides it from this token (404: no)"),
        (418, "the Hub does not understand the request (418: no)"),
    ],
)
def test_lasting_failures_are_told_and_the_rest_is_sent_later(
    local: Local, hub: Hub, status: int, text: str
) -> None:
    hub.next("commit", right_answer, *[fail(status)] * 3)
    with pytest.raises(HubError) as caught:
        send(local, hub)
    assert str(caught.value).startswith(f"{NAME}: ")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    hub._faults.clear()
    assert send(local, hub) == len(local.hashes) - 50
    assert sent_whole(local, hub)


def test_a_long_wait_is_left_to_the_user(local: Local, hub: Hub) -> None:
    hub.next("commit", fail(429, Retry_After="1000"))
    with pytest.raises(HubError, match="asks for patience for 1000 s"):
        send(local, hub)


def test_waits_are_as_long_as_the_hub_asks(local: Local, hub: Hub) -> None:
    told: list[str] = []
    hub.next("commit", fail(429, Retry_After="1"))
    send(local, hub, log=told.append)
    assert [line.rpartition("(")[2] for line in told] == ["trying again in 1 s)"]


@pytest.mark.parametrize(
    ("kind", "status"), [("info", 401), ("create", 403), ("preupload", 403), ("xet", 403)]
)
def test_refusals_anywhere_name_the_remedy(local: Local, hub: Hub, kind: str, status: int) -> None:
    hub.next(kind, *[fail(status)] * 9)
    with pytest.raises(HubError, match="token") as caught:
        send(local, hub)
    assert NAME in str(caught.value)


def test_a_wrong_token_is_named(local: Local, hub: Hub) -> None:
    with pytest.raises(HubError, match=r"does not accept the token \(401: Invalid credentials"):
        push(local, there(hub, "hf_wrongTokenForTests"), public=False, log=print, patience=SOON)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of how huggingface_hub calls httpx2
def test_large_files_that_arrive_otherwise_are_an_error(
    local: Local, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(asked: Asked, right: object) -> Reply:
        hub.objects[asked.match["oid"]] = b"something else"
        return Reply()

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    hub.next("put", fail(500), *[spoil] * 200)  # the first is tried again by huggingface_hub
    with pytest.raises(HubError, match="422: wrong content"):
        send(local, hub)
    assert set(hub.repositories[NAME].files) == {".gitattributes"}
    hub._faults.clear()
    send(local, hub)
    assert all(hub.content(blob) for blob in hub.repositories[NAME].files.values())


def test_a_hub_without_xet_is_told_apart(local: Local, hub: Hub) -> None:
    hub.next("xet", *[fail(404)] * 20)
    with pytest.raises(HubError, match=r"HF_HUB_DISABLE_XET|404"):
        send(local, hub)


def test_what_the_hub_lost_is_found_by_comparing(local: Local, hub: Hub) -> None:
    hub.next("commit", *[right_answer] * 2, lose("recipe.yaml"))
    with pytest.raises(HubError, match=r"1 file on the Hub is not what was sent, such as recipe\.yaml"):
        send(local, hub)
    lost = hub.repositories[NAME].commits[-1]
    assert not whole(lost)
    assert send(local, hub) == 1
    assert sent_whole(local, hub)
    hub.repositories[NAME].commits.remove(lost)


def test_another_version_replaces_the_first_in_one_step(
    prepared: Path, local: Local, hub: Hub, tmp_path: Path
) -> None:
    send(local, hub)
    tables = written(prepared, tmp_path / "tables", form="parquet")
    send(tables, hub)
    assert sent_whole(tables, hub), "the files of the first are gone"
    bare = written(prepared, tmp_path / "bare", recipe_only=True)
    told: list[str] = []
    send(bare, hub, log=told.append)
    assert told == [f"{NAME}: the version before stays in its history, until the data set is deleted there"]
    assert sent_whole(bare, hub), "no pixels are left, not even in the contact sheet"


def test_a_new_version_of_many_files_leaves_the_old_one_until_the_last_commit(
    local: Local, prepared: Path, hub: Hub, tmp_path: Path
) -> None:
    tables = written(prepared, tmp_path / "tables", form="parquet")
    send(tables, hub)
    hub.next("commit", right_answer, *[fail(403)])
    with pytest.raises(HubError):
        send(local, hub)
    assert whole(hub.repositories[NAME].commits[-1])
    rows = datasets.load_dataset(
        "parquet", data_files=str(tables.folder / "data/**/*.parquet"), cache_dir=str(tmp_path)
    )
    assert len(rows["train"]) == 30
    send(local, hub)
    assert sent_whole(local, hub)


def put(hub: Hub, path: str, data: bytes) -> None:
    """Someone edits a file on its page."""
    repository = hub.repositories[NAME]
    files = {**repository.files, path: Blob(len(data), data)}
    repository.add("by hand", files, 1)


def test_an_edited_card_is_never_lost(prepared: Path, local: Local, hub: Hub, tmp_path: Path) -> None:
    send(local, hub)
    mine = hub.repositories[NAME].files["README.md"].data + b"\nSee our paper.\n"
    put(hub, "README.md", mine)
    told: list[str] = []
    assert send(local, hub, log=told.append) == 0
    assert told == [f"{NAME}: the card was edited on the Hub and stays as it is"]
    with pytest.raises(UsageError, match=f"the card of {NAME} was edited on the Hub"):
        send(written(prepared, tmp_path / "tables", form="parquet"), hub)
    assert hub.repositories[NAME].files["README.md"].data == mine


def test_files_of_others_are_neither_overwritten_nor_deleted(local: Local, hub: Hub) -> None:
    there(hub).create(private=True)
    put(hub, "README.md", b"# Mine\n")
    with pytest.raises(UsageError, match=r"holds files that this srdata did not publish, such as README\.md"):
        send(local, hub)
    del hub.repositories[NAME]
    send(local, hub)
    put(hub, "paper.pdf", b"%PDF")
    assert send(local, hub) == 0
    assert "paper.pdf" in hub.repositories[NAME].files


def test_what_is_public_is_asked_for(local: Local, hub: Hub) -> None:
    send(local, hub, public=True)
    assert not hub.repositories[NAME].private
    with pytest.raises(UsageError, match="is public: give --public to publish there"):
        send(local, hub)
    hub.repositories[NAME].private = True
    told: list[str] = []
    send(local, hub, public=True, log=told.append)
    assert told == [f"{NAME} is private and stays so: change that on the page of its settings"]


def test_the_token_is_in_no_traceback(local: Local, hub: Hub) -> None:
    hub.next("commit", echo_token)
    with pytest.raises(HubError) as caught:
        send(local, hub)
    text = "".join(traceback.format_exception(caught.value)) + repr(there(hub))
    assert "refused: Bearer" not in text
    assert "403: refused: ***" in text
    assert TOKEN not in text


def test_the_token_is_in_no_output_even_if_the_hub_sends_it_back(
    prepared: Path, hub: Hub, tmp_path: Path
) -> None:
    hub.next("create", echo_token)
    done = srdata(environment(hub, tmp_path / "home"), prepared)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "403: refused: ***" in done.stderr
    assert_no_secret(prepared.parent, done.stdout, done.stderr)


def test_no_token_no_upload(
    prepared: Path, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(UsageError, match="no token for the Hub: log in by `hf auth login`, or set HF_TOKEN"):
        publish(prepared, to=NAME, i_have_the_rights=True)


@pytest.mark.linux
def test_an_interrupted_upload_goes_on(prepared: Path, hub: Hub, tmp_path: Path) -> None:
    settings = environment(hub, tmp_path / "home")
    arguments = command(prepared, "--form", "imagefolder")
    process = subprocess.Popen(arguments, env=settings, stderr=subprocess.PIPE, text=True)

    def interrupt(asked: Asked, right: object) -> Reply:
        process.send_signal(signal.SIGINT)
        return Reply(cut=True)

    hub.next("commit", right_answer, interrupt)
    assert "interrupted; run the same command again to go on" in process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert not_to_be_loaded(hub.repositories[NAME].commits[-1])
    done = srdata(settings, prepared, "--form", "imagefolder")
    assert done.returncode == 0, done.stderr
    assert ", 15 sent or removed" in done.stdout
    done = srdata(settings, prepared, "--form", "imagefolder")
    assert done.stdout.endswith(", there already, nothing sent\n")
    assert "images" not in done.stderr.replace("the images of a folder", ""), "nothing was encoded again"


def test_what_is_too_large_for_the_hub_is_published_in_another_form(
    prepared: Path, hub: Hub, tmp_path: Path
) -> None:
    hub.next("commit", fail(413))
    with pytest.raises(HubError, match=r"finds it too large \(413: no\): publish in another --form"):
        send(written(prepared, tmp_path / "table", form="parquet"), hub)
    tars = written(prepared, tmp_path / "tars", form="webdataset")
    send(tars, hub)
    assert sent_whole(tars, hub)

"""Downloads from a real server that misbehaves: what comes is right, or the error says what happened."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx2
import loopback
import pytest
from loopback import (
    Answer,
    Asked,
    Behaviour,
    Loopback,
    cut,
    digest_of,
    page,
    redirect,
    reset,
    sends,
    serve,
    slow,
    status,
    without_length,
)

from srdata.errors import DownloadError, HashMismatchError, StoreError
from srdata.fetch.download import Remote, download
from srdata.fetch.http import Patience, Session, Token, get, open_session, retry_after
from srdata.fetch.manifest import Digest

IMPATIENT = Patience(
    connect_s=2,
    stall_s=0.4,
    stall_bytes=1000,
    tries=3,
    progress_bytes=50_000,
    backoff_s=0.01,
    longest_wait_s=1.5,
)
NAME = "photo.png"


@pytest.fixture(scope="module")
def data(photographs: Path) -> bytes:
    return (photographs / "astronaut.png").read_bytes()


@pytest.fixture(scope="module")
def session():
    with open_session(IMPATIENT) as session:
        yield session


@pytest.fixture
def server(data: bytes, session: Session):
    with serve({NAME: data, "mirror.png": data}) as server:
        server.session = session
        yield server


def fetch(server: Loopback, folder: Path, *names: str, digests: list[dict] | None = None, token=None):
    """Download a file from `names`, an address and its mirrors, by the right digest if none is given."""
    names = names or (NAME,)
    digests = [digest_of(server.files[NAME])] if digests is None else digests
    remote = Remote(
        NAME,
        tuple(name if ":" in name else server.url(name) for name in names),
        tuple(Digest.model_validate({**one, "evidence": ("test",)}) for one in digests),
    )
    return download(remote, folder / NAME, replace(server.session, token=token))


def only_file(folder: Path) -> bytes:
    """The content of the download, beside which nothing may be left."""
    [path] = folder.iterdir()
    assert path.name == NAME
    return path.read_bytes()


def test_a_file_comes_whole(server, data, tmp_path):
    fetched = fetch(server, tmp_path)
    assert only_file(tmp_path) == data
    assert fetched.url == server.url(NAME)
    assert (fetched.bytes, fetched.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_what_is_asked_names_us_and_wants_no_compression(server, tmp_path):
    fetch(server, tmp_path)
    [asked] = server.requests
    assert asked.headers["user-agent"].startswith("srdata/")
    assert asked.headers["accept-encoding"] == "identity"
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("fault", [cut(300_000), reset(300_000)])
def test_a_broken_connection_is_taken_up_where_it_broke(server, data, tmp_path, fault):
    server.next(NAME, fault, fault)
    fetch(server, tmp_path)
    assert only_file(tmp_path) == data
    starts = [int(asked.headers.get("range", "bytes=0-")[6:-1]) for asked in server.requests]
    assert starts == sorted(set(starts)), "each request begins further on"
    assert len(starts) == 3
    assert all(asked.headers["if-range"] == loopback.etag(data) for asked in server.requests[1:])


def test_a_server_without_ranges_starts_over(server, data, tmp_path):
    server.next(NAME, cut(300_000), loopback.without_range)
    fetch(server, tmp_path)
    assert only_file(tmp_path) == data


def test_a_server_that_always_breaks_is_given_up(server, tmp_path):
    server.always(NAME, lambda asked, answer: replace(loopback.without_range(asked, answer), stop_after=9000))
    with pytest.raises(DownloadError, match="peer closed connection"):
        fetch(server, tmp_path)
    assert len(server.requests) == IMPATIENT.tries
    assert not (tmp_path / NAME).exists()


def test_progress_by_any_amount_is_worth_another_try(server, data, tmp_path):
    server.next(NAME, *[cut(100_000)] * 7)
    fetch(server, tmp_path)
    assert only_file(tmp_path) == data
    assert len(server.requests) == 8


def test_a_file_that_changed_meanwhile_is_fetched_anew(server, data, tmp_path):
    """If-Range alone would do; this server ignores it and sends the rest of another version."""
    other = bytes(reversed(data))

    def rest_of_other(asked, answer):
        asked = loopback.Asked(asked.path, {k: v for k, v in asked.headers.items() if k != "if-range"}, data)
        return loopback.right_answer(asked)

    server.files[NAME] = other
    server.next(NAME, cut(300_000), rest_of_other, sends(data))
    fetch(server, tmp_path, digests=[digest_of(data)])
    assert only_file(tmp_path) == data


def test_a_stitched_file_with_a_wrong_hash_is_fetched_once_more_in_one_go(server, data, tmp_path):
    """The mirror goes on after a first part that was wrong, which only the hash of the whole can tell."""
    server.files[NAME] = bytes(len(data))
    server.next(NAME, cut(300_000))
    server.always(NAME, status(404))
    fetch(server, tmp_path, NAME, "mirror.png", digests=[digest_of(data)])
    assert only_file(tmp_path) == data
    assert [asked.headers.get("range") for asked in server.asked("mirror.png")][1:] == [None]


def test_416_starts_over(server, data, tmp_path):
    server.next(NAME, cut(300_000), status(416, Content_Range="bytes */10"))
    fetch(server, tmp_path)
    assert only_file(tmp_path) == data


def test_416_for_a_file_that_is_whole(server, data, tmp_path):
    server.always(NAME, without_length())
    (tmp_path / f"{NAME}.part").write_bytes(data)
    (tmp_path / f"{NAME}.part.json").write_text(f'{{"url": "{server.url(NAME)}", "validator": null}}')
    fetch(server, tmp_path)
    assert only_file(tmp_path) == data


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_is_given_the_time_it_asks_for(server, data, tmp_path, code):
    server.next(NAME, status(code, Retry_After="1"))
    started = time.monotonic()
    fetch(server, tmp_path)
    assert 1 <= time.monotonic() - started < 20  # on a busy machine too
    assert only_file(tmp_path) == data


def test_a_server_that_wants_too_much_time_is_left_for_the_next(server, data, tmp_path):
    server.always(NAME, status(429, Retry_After="3600"))
    started = time.monotonic()
    assert fetch(server, tmp_path, NAME, "mirror.png").url == server.url("mirror.png")
    assert time.monotonic() - started < 20  # of the 3600 s
    with pytest.raises(DownloadError, match="429 Too Many Requests, asks to wait 3600 s"):
        fetch(server, tmp_path / "again")


def test_retry_after_as_a_date():
    assert retry_after("Fri, 31 Dec 9999 23:59:59 GMT") > 1e9


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_refusal_is_final_and_names_the_address(server, tmp_path, code):
    server.always(NAME, status(code))
    with pytest.raises(DownloadError, match=rf"{server.url(NAME)}: {code} .*--from DIR"):
        fetch(server, tmp_path)
    assert len(server.requests) == 1


def test_mirrors_are_tried_in_order_and_all_failures_are_told(server, data, tmp_path):
    server.always(NAME, status(404))
    fetched = fetch(server, tmp_path, NAME, "absent.png", "mirror.png")
    assert only_file(tmp_path) == data
    assert fetched.url == server.url("mirror.png")
    with pytest.raises(DownloadError) as caught:
        fetch(server, tmp_path / "again", NAME, "absent.png")
    assert str(caught.value).count(": 404 ") == 2


def test_a_mirror_goes_on_where_another_stopped(server, data, tmp_path):
    server.next(NAME, cut(500_000))
    server.always(NAME, status(404))
    fetch(server, tmp_path, NAME, "mirror.png")
    [asked] = server.asked("mirror.png")
    assert int(asked.headers["range"][6:-1]) > 0
    assert "if-range" not in asked.headers
    assert only_file(tmp_path) == data


def test_without_a_hash_no_other_address_goes_on(server, data, tmp_path, monkeypatch):
    monkeypatch.setattr("srdata.fetch.http._check_scheme", lambda url, hash_known: None)
    server.next(NAME, cut(500_000))
    server.always(NAME, status(404))
    fetch(server, tmp_path, NAME, "mirror.png", digests=[])
    [asked] = server.asked("mirror.png")
    assert "range" not in asked.headers


def test_wrong_bytes_are_named_with_both_hashes(server, data, tmp_path):
    wrong = data[:-1] + b"!"
    server.always(NAME, sends(wrong))
    with pytest.raises(HashMismatchError) as caught:
        fetch(server, tmp_path)
    for content in (wrong, data):
        assert hashlib.sha256(content).hexdigest() in str(caught.value)
    assert list(tmp_path.iterdir()) == [], "the wrong bytes are not kept"
    assert fetch(server, tmp_path, NAME, "mirror.png").url == server.url("mirror.png")


def test_a_file_may_agree_with_any_of_the_digests(server, data, tmp_path):
    md5 = {"md5": hashlib.md5(data).hexdigest()}
    fetch(server, tmp_path / "a", digests=[digest_of(b"another version"), md5])
    with pytest.raises(HashMismatchError):
        fetch(
            server, tmp_path / "b", digests=[digest_of(b"another version"), {**md5, "bytes": len(data) + 5}]
        )


@pytest.mark.parametrize("behaviour", [page, sends(b"  <html><body>Quota exceeded</body></html>")])
def test_a_web_page_is_told_with_its_first_line(server, data, tmp_path, behaviour):
    server.always(NAME, behaviour)
    with pytest.raises(DownloadError, match="sent a web page instead of the file; it starts with '<"):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []
    fetch(server, tmp_path, NAME, "mirror.png")
    assert only_file(tmp_path) == data


def test_a_body_cut_without_a_length_is_found_by_its_size(server, data, tmp_path):
    server.next(NAME, without_length(after=300_000))
    fetch(server, tmp_path)
    assert only_file(tmp_path) == data
    assert server.requests[1].headers["range"] == "bytes=300000-"


def test_a_body_cut_without_a_length_is_found_by_its_hash(server, data, tmp_path):
    server.always(NAME, without_length(after=300_000))
    with pytest.raises(HashMismatchError):
        fetch(server, tmp_path, digests=[{"sha256": hashlib.sha256(data).hexdigest()}])


def test_an_endless_body_ends(server, data, tmp_path):
    server.always(NAME, lambda asked, answer: loopback.Answer(data * 20, length=False, piece=1 << 20))
    with pytest.raises(DownloadError, match="sends more bytes than the file has"):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("behaviour", [slow(30, 1000), slow(0.05, 10)], ids=["silent", "dripping"])
def test_a_stalled_transfer_is_left_for_the_mirror(server, data, tmp_path, behaviour):
    server.always(NAME, behaviour)
    started = time.monotonic()
    fetch(server, tmp_path, NAME, "mirror.png")
    assert time.monotonic() - started < 20  # of the half minute until the first byte, and more
    assert only_file(tmp_path) == data


def dripping(head: bytes, drops: bytes) -> Behaviour:
    """Send a beginning at once, and then bytes that never make it whole."""

    def raw(asked: Asked, answer: Answer) -> Answer:
        return replace(answer, raw=head + drops * 10_000, stop_after=len(head), pause_s=0.05, piece=1)

    return raw


@pytest.mark.parametrize(
    ("head", "drops"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
    ],
    ids=["a header", "many headers", "the size of a chunk", "what follows it"],
)
def test_what_comes_byte_by_byte_and_is_never_whole_is_left_for_the_mirror(
    server, data, tmp_path, head, drops
):
    server.session = replace(server.session, patience=replace(IMPATIENT, connect_s=0.3, tries=1))
    server.always(NAME, dripping(head, drops))
    started = time.monotonic()
    fetch(server, tmp_path, NAME, "mirror.png")
    assert time.monotonic() - started < 10
    assert only_file(tmp_path) == data


@pytest.mark.parametrize("size", ["9" * 5000, "٣", "-1", "1e9", ""])
def test_sizes_that_are_none_are_not_believed(server, data, tmp_path, size):
    server.next(
        NAME,
        cut(300_000),
        lambda asked, answer: replace(
            answer,
            headers={**answer.headers, "Content-Range": f"bytes 300000-1/{size}".encode().decode("latin-1")},
        ),
    )
    fetch(server, tmp_path)
    assert only_file(tmp_path) == data


def test_redirects_are_followed(server, data, tmp_path):
    server.always("start.png", redirect(f"/{NAME}"))
    fetch(server, tmp_path, "start.png")
    assert only_file(tmp_path) == data


def test_a_loop_of_redirects_ends(server, tmp_path):
    server.always("a.png", redirect(server.url("b.png")))
    server.always("b.png", redirect(server.url("a.png")))
    with pytest.raises(DownloadError, match="redirects more than 10 times"):
        fetch(server, tmp_path, "a.png")
    assert len(server.requests) == 11


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "gopher://x/"])
def test_no_redirect_leads_out_of_http(server, tmp_path, target):
    server.always(NAME, redirect(target))
    with pytest.raises(DownloadError, match="which is refused: only http and https are followed"):
        fetch(server, tmp_path)


def test_an_address_of_another_kind_is_refused(server, tmp_path):
    with pytest.raises(DownloadError, match="only http and https"):
        fetch(server, tmp_path, "file:///etc/hostname")


def test_http_is_refused_where_no_hash_is_known(server, tmp_path):
    with pytest.raises(DownloadError, match="http is refused where no hash of the file is known"):
        fetch(server, tmp_path, digests=[])
    assert server.requests == []


def test_https_is_never_left_for_http(server, tmp_path, monkeypatch):
    """The answer is made up here, since a loopback server has no certificate for https."""
    answers = itertools.cycle([httpx2.Response(302, headers={"Location": server.url(NAME)})])
    monkeypatch.setattr(httpx2.Client, "send", lambda *unused, **also: next(answers))
    request = get(server.session, "https://127.0.0.1/x", {}, hash_known=True)
    with pytest.raises(DownloadError, match="from https down to http"), request:
        pass


def test_a_token_goes_home_and_nowhere_else(server, data, tmp_path):
    with serve({NAME: data}) as stranger:
        server.always(NAME, redirect(stranger.url(NAME)))
        fetch(server, tmp_path, token=Token("hf_secret", server.url()))
    assert server.requests[0].headers["authorization"] == "Bearer hf_secret"
    assert "authorization" not in stranger.requests[0].headers
    assert "secret" not in "".join(
        path.read_text("latin-1") for path in tmp_path.iterdir() if "json" in path.name
    )


def test_an_unreachable_server_is_an_error_in_words(server, tmp_path):
    server.stop()
    with pytest.raises(DownloadError, match="Connection refused"):
        fetch(server, tmp_path)


def test_a_folder_that_cannot_be_written_is_an_error_in_words(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        fetch(server, tmp_path / "file")


def test_a_part_that_is_complete_and_wrong_is_fetched_anew(server, data, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(bytes(len(data)))
    mark = {"url": server.url(NAME), "validator": loopback.etag(data), "total_bytes": len(data)}
    (tmp_path / f"{NAME}.part.json").write_text(json.dumps(mark))
    fetch(server, tmp_path)
    assert only_file(tmp_path) == data
    assert [asked.headers.get("range") for asked in server.requests] == [None]


def test_a_part_that_is_complete_and_right_is_not_asked_for(server, data, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(data)
    mark = {"url": server.url(NAME), "validator": loopback.etag(data), "total_bytes": len(data)}
    (tmp_path / f"{NAME}.part.json").write_text(json.dumps(mark))
    fetch(server, tmp_path)
    assert only_file(tmp_path) == data
    assert server.requests == []


@pytest.mark.parametrize("mark", ["", "{}", '{"url": 1}', "not json"])
def test_a_part_that_cannot_be_trusted_is_not_used(server, data, tmp_path, mark):
    (tmp_path / f"{NAME}.part").write_bytes(b"junk")
    (tmp_path / f"{NAME}.part.json").write_text(mark)
    fetch(server, tmp_path)
    assert only_file(tmp_path) == data
    assert "range" not in server.requests[0].headers


@pytest.mark.parametrize("seed", range(8))
def test_several_at_one_file_without_locks_do_no_harm(server, data, tmp_path, seed):
    """Each ends with the right file, whatever the others start, drop or finish meanwhile."""
    dice = random.Random(seed)
    faults = [cut(300_000), cut(100_000), loopback.without_range, without_length(200_000)]
    server.next(NAME, *dice.choices(faults, k=4))
    server.always(NAME, slow(0.002, 40_000))
    with ThreadPoolExecutor(3) as pool:
        running = []
        for _ in range(3):
            running.append(pool.submit(fetch, server, tmp_path))
            time.sleep(dice.uniform(0, 0.03))
    assert {one.result().sha256 for one in running} == {hashlib.sha256(data).hexdigest()}
    assert only_file(tmp_path) == data

"""One request over HTTP: where it may lead, what its answer means, how long to wait for it."""

from __future__ import annotations

import email.utils
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2

from srdata import __version__
from srdata.common.wording.amounts import how_many
from srdata.errors import DownloadError

MOST_REDIRECTS = 10
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
_EXPECTED = {200, 206, 416}


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how often to ask again."""

    connect_s: float = 15  # and then `stall_s` for all headers of an answer
    stall_s: float = 60  # a transfer that brings fewer than `stall_bytes` in this time has stalled
    stall_bytes: int = 16 << 10
    tries: int = 5  # in a row, with fewer than `progress_bytes` new bytes each
    progress_bytes: int = 256 << 10
    backoff_s: float = 1  # before the second try, doubled before each further one
    longest_wait_s: float = 300  # that a server may ask for by Retry-After


@dataclass(frozen=True)
class Token:
    """A secret for the addresses below `origin` and for no other."""

    secret: str
    origin: str


@dataclass(frozen=True)
class Session:
    """What the requests of one run share."""

    client: httpx2.Client
    patience: Patience
    token: Token | None = None
    sockets: list[socket.socket] = field(default_factory=list)  # of its connections

    def trace(self, event: str, facts: dict[str, Any]) -> None:
        """Note the socket of a new connection, of which httpx tells by its extension `trace`."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self.sockets.append(facts["return_value"].get_extra_info("socket"))

    def hang_up(self) -> None:
        """Wake whoever waits for a connection of this session."""
        waiting = self.sockets[:]
        self.sockets.clear()  # whoever is woken may make new ones at once
        for one in waiting:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class TemporaryError(DownloadError):
    """A failure that may pass; `wait_s` is how long the server asks to wait."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@contextmanager
def open_session(patience: Patience | None = None, token: Token | None = None) -> Iterator[Session]:
    """A session whose connections are closed at the end."""
    patience = patience or Patience()
    timeout = httpx2.Timeout(patience.stall_s, connect=patience.connect_s)
    headers = {"User-Agent": f"srdata/{__version__}", "Accept-Encoding": "identity"}
    with httpx2.Client(timeout=timeout, headers=headers, follow_redirects=False) as client:
        yield Session(client, patience, token)


@contextmanager
def get(session: Session, url: str, headers: dict[str, str], hash_known: bool) -> Iterator[httpx2.Response]:
    """The answer of a server to a GET request: its headers are here, its body is yet to be read.

    `hash_known` allows http: addresses. Raises TemporaryError or DownloadError.
    """
    with _network_errors():
        with _deadline(session, session.patience.connect_s + session.patience.stall_s):
            response = _follow(session, httpx2.URL(url), headers, hash_known)
        try:
            _check_status(response)
            yield response
        finally:
            response.close()


@contextmanager
def _deadline(session: Session, seconds: float) -> Iterator[None]:
    """Hang up after so many seconds; httpx limits the time between two bytes, which may be short for ever."""
    over = threading.Event()

    def end() -> None:
        over.set()
        session.hang_up()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except httpx2.TransportError:
        if not over.is_set():
            raise
    finally:
        timer.cancel()
    if over.is_set():
        raise TemporaryError(f"timed out: sent byte by byte for {seconds:g} s")


def body(response: httpx2.Response, session: Session) -> Iterator[bytes]:
    """The bytes of an answer as they come in; TemporaryError if they come too slowly."""
    patience, chunks = session.patience, response.iter_raw()
    while True:
        since, received = time.monotonic(), 0
        with _deadline(session, 2 * patience.stall_s):  # a piece of a chunked body may never be whole
            for chunk in chunks:
                received += len(chunk)
                if time.monotonic() - since > patience.stall_s:
                    break
                yield chunk
            else:
                return
        if received < patience.stall_bytes:
            raise TemporaryError(f"stalled: {how_many(received, 'byte')} in {patience.stall_s:g} s")
        yield chunk


@contextmanager
def _network_errors() -> Iterator[None]:
    try:
        yield
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
        raise DownloadError(f"no usable address ({error})") from error
    except httpx2.TimeoutException as error:
        raise TemporaryError(f"timed out ({type(error).__name__})") from error
    except httpx2.TransportError as error:
        raise TemporaryError(str(error) or type(error).__name__) from error


def _follow(session: Session, url: httpx2.URL, headers: dict[str, str], hash_known: bool) -> httpx2.Response:
    _check_scheme(url, hash_known)
    for _ in range(MOST_REDIRECTS + 1):
        request = session.client.build_request(
            "GET",
            url,
            headers={**headers, **_secret(session.token, url)},
            extensions={"trace": session.trace},
        )
        response = session.client.send(request, stream=True)
        if not response.has_redirect_location:
            return response
        response.close()
        target = url.join(response.headers["Location"])
        if url.scheme == "https" and target.scheme == "http":
            raise DownloadError(f"redirects from https down to {target}, which is refused")
        _check_scheme(target, hash_known)
        url = target
    raise DownloadError(f"redirects more than {MOST_REDIRECTS} times, last to {url}")


def _check_scheme(url: httpx2.URL, hash_known: bool) -> None:
    if url.scheme not in ("http", "https") or not url.host:
        raise DownloadError(f"leads to {url}, which is refused: only http and https are followed")
    if url.scheme == "http" and not hash_known:
        raise DownloadError(f"leads to {url}: http is refused where no hash of the file is known")


def _secret(token: Token | None, url: httpx2.URL) -> dict[str, str]:
    if token is None:
        return {}
    home = httpx2.URL(token.origin)
    same = (url.scheme, url.host, url.port) == (home.scheme, home.host, home.port)
    return {"Authorization": f"Bearer {token.secret}"} if same else {}


def _check_status(response: httpx2.Response) -> None:
    said = f"{response.status_code} {response.reason_phrase}".strip()
    if response.status_code in _TEMPORARY:
        raise TemporaryError(said, retry_after(response.headers.get("Retry-After")))
    if response.status_code not in _EXPECTED:
        raise DownloadError(said)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise DownloadError(f"sends the file encoded as {response.headers['Content-Encoding']}")


def retry_after(header: str | None) -> float | None:
    """The seconds that a Retry-After header asks to wait, from a number or a date; None if it says nothing.

    >>> retry_after("120"), retry_after("Thu, 01 Jan 1970 00:00:00 GMT"), retry_after("soon")
    (120.0, 0.0, None)
    """
    if header is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}\s*", header):
        return float(header)
    try:
        then = email.utils.parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return max(0.0, then.timestamp() - time.time())

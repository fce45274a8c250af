"""A real HTTP server on this machine that serves archives of real photographs and misbehaves on request.

with serve({"a.zip": zip_of({"HR/0001.png": b"..."})}) as server:
    server.next("a.zip", status(503), cut(1000))   # the first two answers; then it behaves
    server.url("a.zip")                            # http://127.0.0.1:43210/a.zip
    server.requests                                # what was asked, with the headers
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import socket
import struct
import tarfile
import threading
import urllib.parse
import zipfile
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST_LIFE_S = 120.0


@dataclass(frozen=True)
class Answer:
    """What the server sends. The behaviours below turn a right answer into another one."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stop_after: int | None = None  # bytes of the body, after which the connection ends
    reset: bool = False  # the connection ends with a reset
    length: bool = True  # a Content-Length is sent
    pause_s: float = 0.0  # between the pieces of the body
    piece: int = 1 << 16
    raw: bytes = b""  # what is sent in place of all this: `stop_after` at once, then in pieces


Behaviour = Callable[["Asked", Answer], Answer]


@dataclass(frozen=True)
class Asked:
    """A request: its path, its headers in lower case, and the whole file that it is about."""

    path: str
    headers: Mapping[str, str]
    data: bytes


def cut(after: int) -> Behaviour:
    """End the connection after so many bytes of the body."""
    return lambda asked, answer: replace(answer, stop_after=after)


def reset(after: int) -> Behaviour:
    """Reset the connection after so many bytes of the body."""
    return lambda asked, answer: replace(answer, stop_after=after, reset=True)


def without_length(after: int | None = None) -> Behaviour:
    """Send no Content-Length, so that a body that ends early looks whole."""
    return lambda asked, answer: replace(answer, length=False, stop_after=after)


def without_range(asked: Asked, answer: Answer) -> Answer:
    """Send everything, whatever was asked for."""
    return Answer(asked.data, headers={"ETag": etag(asked.data)})


def status(code: int, **headers: str) -> Behaviour:
    """Answer with an error; `Retry_After="1"` becomes a header."""
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked, answer: Answer(b"no", code, spelled)


def redirect(to: str) -> Behaviour:
    """Send the client elsewhere."""
    return lambda asked, answer: Answer(b"", 302, {"Location": to})


def page(asked: Asked, answer: Answer) -> Answer:
    """Send a web page, as a portal or a file host does."""
    return Answer(
        b"<!DOCTYPE html>\n<title>Sign in</title>", headers={"Content-Type": "text/html; charset=utf-8"}
    )


def sends(body: bytes) -> Behaviour:
    """Send these bytes instead."""
    return lambda asked, answer: Answer(body, headers={"ETag": etag(body)})


def slow(pause_s: float, piece: int) -> Behaviour:
    """Send so many bytes, pause, and so on."""
    return lambda asked, answer: replace(answer, pause_s=pause_s, piece=piece)


def etag(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:16]}"'


def right_answer(asked: Asked) -> Answer:
    """What a good server sends, with Range and If-Range."""
    headers = {"ETag": etag(asked.data), "Accept-Ranges": "bytes"}
    wanted = asked.headers.get("range", "")
    if not wanted or asked.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
        return Answer(asked.data, headers=headers)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start, size = int(first), len(asked.data)
    if start >= size:
        return Answer(b"", 416, {**headers, "Content-Range": f"bytes */{size}"})
    end = min(int(last or size) + 1, size)
    return Answer(asked.data[start:end], 206, {**headers, "Content-Range": f"bytes {start}-{end - 1}/{size}"})


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: connections that break are what this server is for."""


class Loopback:
    """The server as a test sees it."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.requests: list[Asked] = []
        self.stopping = threading.Event()
        self._next: dict[str, deque[Behaviour]] = defaultdict(deque)
        self._always: dict[str, Behaviour] = {}
        self._http = _Quiet(("127.0.0.1", 0), self._handler())

    def next(self, name: str, *behaviours: Behaviour) -> None:
        """Treat the next requests for a file so, one after the other."""
        self._next[name].extend(behaviours)

    def always(self, name: str, behaviour: Behaviour) -> None:
        """Treat all further requests for a file so."""
        self._always[name] = behaviour

    def url(self, name: str = "") -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/{urllib.parse.quote(name)}"

    def asked(self, name: str) -> list[Asked]:
        """The requests for one file so far."""
        return [one for one in self.requests if one.path == name]

    def answer(self, asked: Asked) -> Answer:
        self.requests.append(asked)
        queue = self._next[asked.path]
        behaviour = queue.popleft() if queue else self._always.get(asked.path)
        if asked.path not in self.files and behaviour is None:
            return Answer(b"no such file", 404)
        answer = right_answer(asked)
        return behaviour(asked, answer) if behaviour else answer

    def start(self, life_s: float) -> None:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self._timer = threading.Timer(life_s, self.stop)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_GET(self) -> None:
                path = urllib.parse.unquote(self.path).lstrip("/")
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send(server.answer(Asked(path, headers, server.files.get(path, b""))))

            def do_HEAD(self) -> None:
                self.do_GET()

            def send(self, answer: Answer) -> None:
                if answer.raw:
                    self.wfile.write(answer.raw[: answer.stop_after])
                    self.close_connection = True
                    with contextlib.suppress(OSError):
                        self.send_body(replace(answer, body=answer.raw[answer.stop_after :], stop_after=None))
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.length:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.close_connection = answer.stop_after is not None or not answer.length
                if self.close_connection:
                    self.send_header("Connection", "close")
                self.end_headers()
                if self.command != "HEAD":
                    with contextlib.suppress(OSError):
                        self.send_body(answer)

            def send_body(self, answer: Answer) -> None:
                body = answer.body[: answer.stop_after]
                for start in range(0, len(body), answer.piece):
                    self.wfile.write(body[start : start + answer.piece])
                    if answer.pause_s and server.stopping.wait(answer.pause_s):
                        return
                if answer.reset:
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.connection.close()

            def log_message(self, *unused: object) -> None:
                pass

        return Handler


@contextlib.contextmanager
def serve(files: Mapping[str, bytes], life_s: float = LONGEST_LIFE_S) -> Iterator[Loopback]:
    """Serve `files` by name until the block ends."""
    server = Loopback(files)
    server.start(life_s)
    try:
        yield server
    finally:
        server.stop()


def zip_of(files: Mapping[str, bytes]) -> bytes:
    """A zip archive with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tar_of(files: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    """A tar archive with these members, packed by gzip unless `mode` is "w"."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def digest_of(data: bytes, **also: object) -> dict[str, object]:
    """A digest as it stands in a manifest."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "evidence": ["test"], **also}


def manifest_data(name: str, **parts: object) -> dict[str, object]:
    """The data of a manifest that needs only its sets and files."""
    licence = {"name": "test", "text": "for tests"}
    return {
        "name": name,
        "title": name,
        "licence": licence,
        "citation": "-",
        "evidence": {"test": "-"},
        **parts,
    }

"""A small Hugging Face Hub on this machine: repositories, large files by LFS and Xet, faults on request.

with serve_hub(tmp_path) as hub:
    hub.next("commit", fail(412))      # the next answer to a request of this kind; then it behaves
    hub.url                            # for HF_ENDPOINT
    hub.repositories["lab/x"].commits  # what was pushed

It answers what huggingface_hub 2 and datasets 5 ask for: no more, and nothing of it is kept on disk but what
Xet stores in its folder.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
import traceback
import urllib.parse
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

LONGEST_LIFE_S = 300.0
LARGE = {".parquet", ".png", ".tar"}  # by the .gitattributes that a new data set gets
ATTRIBUTES = b"*.parquet filter=lfs\n*.png filter=lfs\n*.tar filter=lfs\n"


@dataclass(frozen=True)
class Blob:
    """A file: its bytes, or the SHA-256 of a large one whose bytes are with LFS or Xet."""

    size: int
    data: bytes = b""
    sha256: str | None = None

    @property
    def oid(self) -> str:
        """What git calls it; of a large file, its pointer."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n"
        data = pointer.encode() if self.sha256 else self.data
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    files: dict[str, Blob]
    operations: int  # files added and deleted


@dataclass
class Repository:
    private: bool
    commits: list[Commit] = field(default_factory=list)

    @property
    def files(self) -> dict[str, Blob]:
        return self.commits[-1].files

    def add(self, title: str, files: dict[str, Blob], operations: int) -> Commit:
        oid = hashlib.sha1(f"{len(self.commits)} {title} {sorted(files)}".encode()).hexdigest()
        self.commits.append(Commit(oid, title, files, operations))
        return self.commits[-1]

    def at(self, revision: str) -> Commit | None:
        if revision == "main":
            return self.commits[-1]
        return next((one for one in self.commits if one.oid == revision), None)


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # the connection ends before the answer


@dataclass(frozen=True)
class Asked:
    """A request; `kind` is what `Hub.next` calls it."""

    kind: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    match: re.Match[str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Fault = Callable[[Asked, Callable[[], Reply]], Reply]


def fail(status: int, message: str = "no", **headers: str) -> Fault:
    """Answer with an error, and do nothing; `Retry_After="1"` becomes a header."""
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked, right: reply({"error": message}, status, **spelled)


def late_failure(status: int) -> Fault:
    """Do what is asked for, but answer with an error, as a server does whose clock ran out."""

    def answer(asked: Asked, right: Callable[[], Reply]) -> Reply:
        right()
        return reply({"error": "timed out"}, status)

    return answer


def hang_up(asked: Asked, right: Callable[[], Reply]) -> Reply:
    """End the connection instead of an answer."""
    return Reply(cut=True)


def lose(path: str) -> Fault:
    """Make the commit, but keep another content for one file, as a Hub does that has a fault."""

    def answer(asked: Asked, right: Callable[[], Reply]) -> Reply:
        body = asked.body
        wrong = b"".join(line + b"\n" for line in body.splitlines() if f'"{path}"'.encode() not in line)
        object.__setattr__(asked, "body", wrong)
        return right()

    return answer


def echo_token(asked: Asked, right: Callable[[], Reply]) -> Reply:
    """Refuse, and send the secret back, as a careless proxy does."""
    return reply({"error": f"refused: {asked.headers.get('authorization')}"}, 403)


def reply(value: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


def missing(code: str) -> Reply:
    return reply({"error": code}, 404, **{"X-Error-Code": code})


_ID = r"(?P<id>[^/]+/[^/]+)"
# Kind, method, path; the first that fits. What has no line is answered 404.
ROUTES = [
    ("create", "POST", r"/api/repos/create"),
    ("validate", "POST", r"/api/validate-yaml"),
    ("preupload", "POST", rf"/api/datasets/{_ID}/preupload/(?P<revision>[^/]+)"),
    ("commit", "POST", rf"/api/datasets/{_ID}/commit/(?P<revision>[^/]+)"),
    ("xet", "GET", rf"/api/datasets/{_ID}/xet-write-token/(?P<revision>[^/]+)"),
    ("paths", "POST", rf"/api/datasets/{_ID}/paths-info/(?P<revision>[^/]+)"),
    ("tree", "GET", rf"/api/datasets/{_ID}/tree/(?P<revision>[^/]+)(?:/(?P<path>.*))?"),
    ("info", "GET", rf"/api/datasets/{_ID}(?:/revision/(?P<revision>[^/]+))?"),
    ("batch", "POST", rf"/datasets/{_ID}\.git/info/lfs/objects/batch"),
    ("put", "PUT", r"/lfs/(?P<oid>[0-9a-f]{64})"),
    ("verify", "POST", r"/lfs/(?P<oid>[0-9a-f]{64})/verify"),
    ("resolve", "HEAD|GET", rf"/datasets/{_ID}/resolve/(?P<revision>[^/]+)/(?P<path>.+)"),
]


class Hub:
    """The Hub as a test sees it."""

    def __init__(self, xet_folder: Path) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}  # large files by SHA-256
        self.xet_folder = xet_folder
        self.xet_hashes: dict[str, tuple[str, int]] = {}  # SHA-256 → hash and size in the store of Xet
        self.requests: list[Asked] = []
        self.bugs: list[str] = []  # of this file; a test that uses it looks that there is none
        self.tokens = {"hf_rightTokenForTests"}
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def next(self, kind: str, *faults: Fault) -> None:
        """Treat the next requests of a kind so, one after the other."""
        self._faults[kind].extend(faults)

    def asked(self, kind: str) -> list[Asked]:
        return [one for one in self.requests if one.kind == kind]

    def checkout(self, name: str, folder: Path) -> Path:
        """The files of a repository as they are now."""
        for path, blob in self.repositories[name].files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(self.content(blob))
        return folder

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        path = urllib.parse.unquote(urllib.parse.urlsplit(target).path)
        for kind, methods, pattern in ROUTES:
            if (match := re.fullmatch(pattern, path)) and method in methods.split("|"):
                asked = Asked(kind, method, path, headers, body, match)
                with self._lock:
                    self.requests.append(asked)
                    queue = self._faults[kind]
                    fault = queue.popleft() if queue else None
                    return fault(asked, lambda: self._right(asked)) if fault else self._right(asked)  # noqa: B023
        return missing("EntryNotFound")

    def _right(self, asked: Asked) -> Reply:
        if asked.kind not in {"put", "create", "validate"} and "id" in asked.match.groupdict():
            if not self._admitted(asked):
                return reply({"error": "Invalid credentials in Authorization header"}, 401)
            if asked.match["id"] not in self.repositories:
                return missing("RepoNotFound")
        return getattr(self, f"_{asked.kind}")(asked)

    def _admitted(self, asked: Asked) -> bool:
        found = self.repositories.get(asked.match["id"])
        reading = (
            asked.kind in {"info", "tree", "resolve", "paths"} and found is not None and not found.private
        )
        return reading or asked.headers.get("authorization", "").removeprefix("Bearer ") in self.tokens

    def _create(self, asked: Asked) -> Reply:
        wanted = asked.json
        name = f"{wanted['organization']}/{wanted['name']}"
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return reply({"error": "Invalid username or password."}, 401)
        if name in self.repositories:
            return reply({"error": "You already created this dataset repo"}, 409)
        self.repositories[name] = Repository(wanted.get("visibility") == "private")
        attributes = {".gitattributes": Blob(len(ATTRIBUTES), ATTRIBUTES)}
        self.repositories[name].add("initial commit", attributes, 1)
        return reply({"url": f"{self.url}/datasets/{name}"})

    def _validate(self, asked: Asked) -> Reply:
        """As far as can be known here: YAML between dashes, and a licence of the list with what it needs."""
        found = re.match(r"---\n(.*?)\n---\n", asked.json["content"], re.DOTALL)
        data = yaml.safe_load(found[1]) if found else None
        problems = [] if isinstance(data, dict) else ["no metadata"]
        if data and data.get("license") == "other" and not {"license_name", "license_link"} <= set(data):
            problems.append('"license_name" and "license_link" are required')
        errors = [{"message": problem} for problem in problems]
        return reply({"errors": errors, "warnings": []}, 400 if errors else 200)

    def _preupload(self, asked: Asked) -> Reply:
        files = [
            {
                "path": one["path"],
                "uploadMode": "lfs" if Path(one["path"]).suffix in LARGE else "regular",
                "shouldIgnore": False,
            }
            for one in asked.json["files"]
        ]
        return reply({"files": files})

    def _batch(self, asked: Asked) -> Reply:
        objects = []
        for one in asked.json["objects"]:
            href = f"{self.url}/lfs/{one['oid']}"
            actions = {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}
            objects.append({**one, **({} if one["oid"] in self.objects else {"actions": actions})})
        return reply({"transfer": "basic", "objects": objects})

    def _put(self, asked: Asked) -> Reply:
        assert "authorization" not in asked.headers, "the token goes to the Hub only"
        self.objects[asked.match["oid"]] = asked.body
        return Reply()

    def _verify(self, asked: Asked) -> Reply:
        data = self.objects[asked.match["oid"]]
        right = hashlib.sha256(data).hexdigest() == asked.match["oid"] and len(data) == asked.json["size"]
        if not right:
            del self.objects[asked.match["oid"]]
        return Reply() if right else reply({"error": "wrong content"}, 422)

    def _xet(self, asked: Asked) -> Reply:
        token = {"casUrl": f"local://{self.xet_folder}", "accessToken": "x", "exp": 4_000_000_000}
        headers = {
            "X-Xet-Cas-Url": token["casUrl"],
            "X-Xet-Access-Token": "x",
            "X-Xet-Token-Expiration": "4000000000",
        }
        return reply(token, **{name: str(value) for name, value in headers.items()})

    def _commit(self, asked: Asked) -> Reply:
        found = self.repositories[asked.match["id"]]
        header, *lines = map(json.loads, asked.body.splitlines())
        if header["value"].get("parentCommit", found.commits[-1].oid) != found.commits[-1].oid:
            return reply({"error": "A commit has happened since. Please refresh and try again."}, 412)
        files = dict(found.files)
        for line in lines:
            self._apply(line["key"], line["value"], files)
        made = found.add(header["value"]["summary"], files, len(lines))
        return reply(
            {"commitUrl": f"{self.url}/datasets/{asked.match['id']}/commit/{made.oid}", "commitOid": made.oid}
        )

    def _apply(self, key: str, value: dict[str, Any], files: dict[str, Blob]) -> None:
        path = value["path"]
        if key == "file":
            data = base64.b64decode(value["content"])
            files[path] = Blob(len(data), data)
        elif key == "lfsFile":
            files[path] = Blob(value["size"], sha256=value["oid"])
        elif key == "deletedFile":
            del files[path]
        else:
            for name in [one for one in files if one.startswith(f"{path.rstrip('/')}/")]:
                del files[name]

    def _info(self, asked: Asked) -> Reply:
        found = self.repositories[asked.match["id"]]
        commit = found.at(asked.match["revision"] or "main")
        if commit is None:
            return missing("RevisionNotFound")
        siblings = [{"rfilename": path} for path in commit.files]
        facts = {"id": asked.match["id"], "sha": commit.oid, "private": found.private, "siblings": siblings}
        return reply({**facts, "tags": [], "downloads": 0, "gated": False})

    def _tree(self, asked: Asked) -> Reply:
        commit = self.repositories[asked.match["id"]].at(asked.match["revision"])
        if commit is None:
            return missing("RevisionNotFound")
        prefix = f"{asked.match['path'].rstrip('/')}/" if asked.match["path"] else ""
        below = {path: blob for path, blob in commit.files.items() if path.startswith(prefix)}
        if prefix and not below:
            return missing("EntryNotFound")
        folders = {path[:end] for path in below for end in range(len(prefix), len(path)) if path[end] == "/"}
        entries = [
            {"type": "directory", "oid": "0" * 40, "size": 0, "path": path} for path in sorted(folders)
        ]
        entries += [_entry(path, blob) for path, blob in sorted(below.items())]
        return reply(entries)

    def _paths(self, asked: Asked) -> Reply:
        commit = self.repositories[asked.match["id"]].at(asked.match["revision"])
        wanted = asked.json["paths"]
        files = commit.files if commit else {}
        return reply([_entry(path, files[path]) for path in wanted if path in files])

    def _resolve(self, asked: Asked) -> Reply:
        commit = self.repositories[asked.match["id"]].at(asked.match["revision"])
        blob = commit.files.get(asked.match["path"]) if commit else None
        if commit is None or blob is None:
            return missing("EntryNotFound")
        data = self.content(blob)
        headers = {
            "X-Repo-Commit": commit.oid,
            "ETag": f'"{blob.sha256 or blob.oid}"',
            "Accept-Ranges": "bytes",
        }
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", asked.headers.get("range", "")):
            start, end = int(wanted[1]), min(int(wanted[2] or len(data)) + 1, len(data))
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
            return Reply(206, data[start:end], headers)
        return Reply(200, data, headers)

    def content(self, blob: Blob) -> bytes:
        """The bytes of a file, wherever they were sent to."""
        if blob.sha256 is None:
            return blob.data
        if blob.sha256 not in self.objects:
            self.objects[blob.sha256] = self._from_xet(blob.sha256)
        return self.objects[blob.sha256]

    def _from_xet(self, sha256: str) -> bytes:
        import hf_xet

        digest, size = self.xet_hashes[sha256]
        target = self.xet_folder / f"got-{sha256}"
        wanted = hf_xet.PyXetDownloadInfo(str(target), digest, size)
        hf_xet.download_files([wanted], f"local://{self.xet_folder}", None, None, None)
        return target.read_bytes()

    @contextlib.contextmanager
    def running(self) -> Iterator[Hub]:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        timer = threading.Timer(LONGEST_LIFE_S, self._http.shutdown)
        timer.daemon = True
        timer.start()
        try:
            yield self
        finally:
            timer.cancel()
            self._http.shutdown()
            self._http.server_close()


def _entry(path: str, blob: Blob) -> dict[str, Any]:
    lfs = {"lfs": {"oid": blob.sha256, "size": blob.size, "pointerSize": 130}} if blob.sha256 else {}
    return {"type": "file", "oid": blob.oid, "size": blob.size, "path": path, **lfs}


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def handle_any(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.read_body(headers)
            try:
                answer = hub.answer(self.command, self.path, headers, body)
            except Exception:
                hub.bugs.append(traceback.format_exc())
                raise
            if answer.cut:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        def read_body(self, headers: dict[str, str]) -> bytes:
            if headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(headers.get("content-length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_HEAD = do_POST = do_PUT = handle_any

        def log_message(self, *unused: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def serve_hub(folder: Path) -> Iterator[Hub]:
    """A Hub until the block ends; `folder` is for what Xet stores."""
    with Hub(folder).running() as hub:
        yield hub

"""The Hugging Face Hub as publishing needs it: what a repository holds, one more commit, what errors mean.

The token goes into the headers of requests and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, RepoFile, get_token
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from srdata import __version__
from srdata.errors import HubError, UsageError
from srdata.fetch.http import retry_after
from srdata.store.tables.set_files import FileEntry

_SECRET = re.compile(r"hf_[A-Za-z0-9]{6,}|Bearer [^\s'\"]+")
_TEMPORARY = {
    408: "took too long",
    409: "is at another change of it",
    412: "has got another change of it meanwhile",
    425: "asks to come again",
    429: "asks for patience",
    500: "has trouble",
    502: "has trouble",
    503: "has trouble",
    504: "took too long",
}
_LASTING = {
    400: ("does not understand the request", "see what it says, and update huggingface_hub and srdata"),
    401: ("does not accept the token", "log in by `hf auth login`, or set HF_TOKEN to a valid token"),
    402: ("asks for payment", "free storage there, or publish to another account"),
    403: (
        "does not let this token write there",
        "give the token write access on the page of its settings, or publish under a name of yours",
    ),
    404: ("has no such data set, or hides it from this token", "check the name, and the rights of the token"),
    413: ("finds it too large", "publish in another --form"),
}


class TemporaryHubError(HubError):
    """A failure that may pass; `wait_s` is how long the Hub asks to wait."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True)
class HubFile:
    """A file of a repository by the hash that the Hub keeps: SHA-256 of a large one, else git's of a blob."""

    bytes: int
    sha256: str | None
    blob: str

    def holds(self, path: Path, sha256: str) -> bool:
        """Whether it is the local file at `path`, which has that SHA-256."""
        if self.sha256 is not None:
            return self.sha256 == sha256
        return path.stat().st_size == self.bytes and self.blob == git_blob(path.read_bytes())


@dataclass(frozen=True)
class HubRepository:
    """What stands in a repository at one commit."""

    head: str
    private: bool
    files: dict[str, HubFile]

    def holds(self, files: Mapping[str, FileEntry]) -> bool:
        """Whether all of these are there, by the hashes of large files and the sizes of small ones."""
        found = ((self.files.get(path), entry) for path, entry in files.items())
        return all(
            one is not None and one.bytes == entry.bytes and one.sha256 in (None, entry.sha256)
            for one, entry in found
        )


def git_blob(data: bytes) -> str:
    """The hash by which git names a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Hub:
    """A data set, ORG/NAME; every method raises HubError, or TemporaryHubError for what may pass."""

    name: str
    token: str = field(repr=False)
    endpoint: str | None = None  # None: that of HF_ENDPOINT, or huggingface.co

    @cached_property
    def _api(self) -> HfApi:
        return HfApi(self.endpoint, token=self.token, library_name="srdata", library_version=__version__)

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"{self._api.endpoint}/datasets/{self.name}"

    def create(self, private: bool) -> None:
        """Make the repository, empty."""
        with self._errors():
            self._api.create_repo(self.name, repo_type="dataset", private=private, exist_ok=True)

    def look(self) -> HubRepository | None:
        """What is there now; None if there is no such repository."""
        with self._errors():
            try:
                info = self._api.dataset_info(self.name)
            except RepositoryNotFoundError as error:
                if error.response.status_code == 404:
                    return None
                raise
            tree = self._api.list_repo_tree(self.name, recursive=True, revision=info.sha, repo_type="dataset")
            files = {
                one.path: HubFile(one.size, one.lfs.sha256 if one.lfs else None, one.blob_id)
                for one in tree
                if isinstance(one, RepoFile)
            }
            return HubRepository(str(info.sha), bool(info.private), files)

    def read(self, path: str, revision: str) -> bytes:
        """The content of a small file."""
        with self._errors(), tempfile.TemporaryDirectory() as folder:
            found = self._api.hf_hub_download(
                self.name, path, repo_type="dataset", revision=revision, cache_dir=folder
            )
            return Path(found).read_bytes()

    def commit(
        self, message: str, parent: str, add: dict[str, Path | bytes], delete: Sequence[str] = ()
    ) -> str:
        """One more commit on `parent`, to be seen at once as a whole; gives its hash.

        Paths to delete that end in "/" are folders.
        """
        with self._errors(), _without_bars():
            done = self._api.create_commit(
                self.name,
                [
                    *(CommitOperationAdd(path, content) for path, content in add.items()),
                    *(CommitOperationDelete(path) for path in delete),
                ],
                commit_message=message,
                repo_type="dataset",
                parent_commit=parent,
            )
            return str(done.oid)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
            raise self._meaning(error) from (None if self._tells_secret(error) else error)

    def _meaning(self, error: Exception) -> HubError:
        """What an error of the client means to a user."""
        answered = next((one for one in _chain(error) if isinstance(one, HfHubHTTPError)), None)
        if answered is None:
            *_, first = _chain(error)
            said = self._safe(_first_line(str(first) or type(first).__name__))
            return TemporaryHubError(
                f"{self.name}: the Hub cannot be reached, or did not finish ({said}): run the same command "
                "again, what is uploaded is kept; where Xet does not work, set HF_HUB_DISABLE_XET=1"
            )
        response = answered.response
        status, said = response.status_code, self._safe(_first_line(answered.server_message or ""))
        reason = f"{status}: {said}" if said else str(status)
        if status in _TEMPORARY:
            wait_s = retry_after(response.headers.get("Retry-After"))
            wait = f" for {wait_s:g} s" if wait_s else ""
            return TemporaryHubError(
                f"{self.name}: the Hub {_TEMPORARY[status]}{wait} ({reason}): "
                "run the same command again later, what is uploaded is kept",
                wait_s,
            )
        what, remedy = _LASTING.get(status, _LASTING[400])
        return HubError(f"{self.name}: the Hub {what} ({reason}): {remedy}")

    def _tells_secret(self, error: Exception) -> bool:
        """Whether a traceback of an error would show the token, as servers may send it back."""
        return any(self._safe(text) != text for text in map(str, _chain(error)))

    def _safe(self, text: str) -> str:
        return _SECRET.sub("***", text.replace(self.token, "***"))


def open_hub(name: str) -> Hub:
    """The repository `name` with the token of the environment or the login; UsageError if there is none."""
    token = get_token()
    if not token:
        raise UsageError(
            "no token for the Hub: log in by `hf auth login`, or set HF_TOKEN to one that may write"
        )
    return Hub(name, token)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it, one after the other."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:200]


@contextmanager
def _without_bars() -> Iterator[None]:
    """Leave the terminal to the progress of srdata."""
    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()

"""What a data set of the Hub is before its data is downloaded: its commit, card and files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srdata.errors import DownloadError, LicenceError, SourceError, SrdataError, UsageError
from srdata.hub.address import HubName

CARD = "README.md"
_LONGEST_TEXT = 500  # characters
_LONGEST_FRONT, _MOST_VALUES, _DEEPEST = 1 << 20, 100_000, 50


@dataclass(frozen=True)
class Repository:
    """A data set at one commit."""

    name: HubName
    commit: str
    card: Mapping[str, Any]
    sizes: Mapping[str, int]  # bytes of each file

    @property
    def configs(self) -> tuple[str, ...]:
        """The names of its configs; none where its card names none."""
        return configs_of(self.card)

    @property
    def licence(self) -> str:
        """Under which terms it may be used, as its card says."""
        named = self.card.get("license_name") or self.card.get("license")
        text = ", ".join(filter(None, map(_text, named if isinstance(named, list) else [named])))
        if not text:
            return f"licence of {self.name}: its card gives none, ask its owner"
        link = _text(self.card.get("license_link"))
        return f"licence of {self.name}: {text}" + (f" ({link})" if link else "") + ", by its card"


def configs_of(card: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the configs in the metadata of a card."""
    configs = card.get("configs")
    listed = [one for one in configs if isinstance(one, dict)] if isinstance(configs, list) else []
    return tuple(name for one in listed if (name := _text(one.get("config_name"))))


def _text(value: Any) -> str:
    """A value of a card as one line; nothing for what is no text or number, which may be endless."""
    if isinstance(value, int) and abs(value) < 10**18:
        value = str(value)
    return " ".join(value[:_LONGEST_TEXT].split()) if isinstance(value, str) else ""


def card_in(folder: Path) -> Mapping[str, Any]:
    """The metadata of the card in a folder; empty where there is none that can be read.

    Raises SourceError where it is large, deep or endless, over which `datasets` would take for ever.
    `huggingface_hub.metadata_load` raises for that, and takes no card with a byte that is no UTF-8.
    """
    path = folder / CARD
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if not text.startswith("---"):
        return {}
    import yaml  # takes long, and few folders have a card

    front = text.split("\n---", 1)[0].removeprefix("---")
    try:
        if _is_endless(front):
            raise SourceError(f"{path}: its metadata are too much, or nested too deep: write simpler ones")
        found = yaml.safe_load(front)
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError):  # of a month 99, of 5,000 digits
        return {}
    return found if isinstance(found, dict) else {}


def _is_endless(front: str) -> bool:
    """Whether YAML has very many values, references counted as what they stand for, or very deep ones."""
    if len(front) > _LONGEST_FRONT:
        return True
    import yaml

    sizes: dict[str, int] = {}  # of what has an anchor
    open_ones: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(front, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            open_ones.append((event.anchor, 1))
            continue
        size = 1
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_ones.pop()
            sizes[anchor or ""] = size
        elif isinstance(event, yaml.ScalarEvent):
            sizes[event.anchor or ""] = size
        elif isinstance(event, yaml.AliasEvent):
            size = sizes.get(event.anchor or "", _MOST_VALUES)  # what is not closed yet holds itself
        anchor, before = open_ones.pop()
        open_ones.append((anchor, before + size))
        if before + size > _MOST_VALUES or len(open_ones) > _DEEPEST:
            return True
    return False


def look(name: HubName) -> Repository:
    """Find a data set on the Hub, or in the cache where there is no network or HF_HUB_OFFLINE is set.

    Raises UsageError where there is none or it is a script, LicenceError where its terms have to be accepted
    first, DownloadError.
    """
    from huggingface_hub import get_cached_repo_tree, snapshot_download

    with hub_errors(name):
        folder = Path(
            snapshot_download(
                name.repository, repo_type="dataset", revision=name.revision, allow_patterns=[CARD]
            )
        )
        tree = get_cached_repo_tree(name.repository, repo_type="dataset", revision=folder.name)
    script = f"{name.repository.rpartition('/')[2]}.py"
    if any(file.path == script for file in tree):  # as loading scripts have to be called
        raise UsageError(
            f"{name} is a script ({script}), which `datasets` runs no more: download its archives from its "
            "page, unpack them, and give the folders as hr= and lr=, or to `srdata prepare`"
        )
    return Repository(name, folder.name, card_in(folder), {file.path: file.size for file in tree})


@contextmanager
def hub_errors(name: HubName) -> Iterator[None]:
    """Turn an error of the client about a data set into one that says what to do; the token is not in it."""
    from httpx2 import HTTPError
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        yield
    except (HTTPError, OSError, CachedRepoTreeNotFoundError) as error:
        raise _meaning(name, error) from None


def _meaning(name: HubName, error: Exception) -> SrdataError:
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import (
        CachedRepoTreeNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    signed_in = get_token() is not None
    login = "log in by `hf auth login`, or set HF_TOKEN"
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, HfHubHTTPError):
        error = error.__cause__  # why the cache was looked at
    page = f"{constants.ENDPOINT}/datasets/{name.repository}"
    match error:
        case GatedRepoError():
            return LicenceError(f"{name} is gated: accept its terms on {page}, then {login}")
        case HfHubHTTPError() if error.response.status_code == 401 and signed_in:
            return UsageError(f"{name}: the Hub does not accept the token: {login} to a valid one")
        case HfHubHTTPError() if (
            isinstance(error, RepositoryNotFoundError) or error.response.status_code == 401
        ):
            return UsageError(
                f"there is no data set {name.repository} on the Hub, or it is hidden from you: "
                f"check the name; where it is private or gated, {login}"
            )
        case RevisionNotFoundError():
            return UsageError(f"{name.repository} has no revision {name.revision!r}: see {page}/tree/main")
        case HfHubHTTPError():
            return DownloadError(
                f"{name}: the Hub answers {error.response.status_code}: run the same again later, "
                "what is downloaded is kept"
            )
        case LocalEntryNotFoundError() | CachedRepoTreeNotFoundError() if constants.HF_HUB_OFFLINE:
            return DownloadError(
                f"{name} is not in the cache, and HF_HUB_OFFLINE is set: unset it to download"
            )
    return DownloadError(
        f"{name}: the Hub cannot be reached, and the cache does not have it ({type(error).__name__}): "
        "run the same again when it can"
    )

"""Open a data set in the forms of `datasets`: one config and split of it as a table on this disk.

What is downloaded, and the table that is made of it, lie in the caches of huggingface_hub and `datasets`
(HF_HOME); what `save_to_disk` wrote is read where it is.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from srdata.common.wording.only_choice import pick
from srdata.errors import SourceError, UnknownNameError
from srdata.hub.address import HubName
from srdata.hub.encoded_images import Table
from srdata.hub.repository import Repository, card_in, configs_of, hub_errors, look
from srdata.images.folder_listing import ImageListing

_SAVED = ("state.json", "dataset_dict.json")  # by save_to_disk
_INDEX = "index.parquet"  # of a prepared set
_DAMAGE = (ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError, LookupError, StopIteration)
_DATA = (".parquet", ".arrow", ".tar")
_METADATA = ("metadata.jsonl", "metadata.csv")


class Loaded(NamedTuple):
    """A split of a data set."""

    table: Table
    split: str
    where: str  # what it is called in errors
    roots: tuple[str, ...]  # the folders that hold the files that it names


def holds_tables(path: Path, listing: ImageListing) -> bool:
    """Whether a folder holds a data set in a form of `datasets` that says which images make a row.

    `listing` is that of the folder: among a million images nothing is looked for twice.
    """
    if path.is_file():
        return path.suffix == ".parquet"
    if any((path / name).is_file() for name in _SAVED) or configs_of(card_in(path)):
        return True
    found = (one.name for one in within_reach(listing, (*_DATA, *_METADATA)))
    return any(name != _INDEX and (name.endswith(_DATA) or name in _METADATA) for name in found)


def within_reach(listing: ImageListing, ends: tuple[str, ...]) -> Iterator[Path]:
    """What in a folder and those in it has a name with one of these ends; nothing hidden, as scores are.

    A folder of such a name in these, in which Spark and Dask write a table in parts, is within reach too.
    """
    for path in (one.path for one in listing.left_out):
        if path.name.endswith(ends) and path.name[0] != ".":
            depth = 3 if path.parent.name.endswith(ends) else 2
            if listing.folder in (*path.parents,)[:depth]:
                yield path


def load(place: Path | HubName, config: str | None, split: str | None) -> Loaded:
    """A split of the data set at `place`, downloaded where it has to be.

    Raises UsageError where config or split are not chosen, UnknownNameError with what there is,
    DownloadError, LicenceError, and SourceError where it is damaged.
    """
    found, roots = load_all(place, config)
    chosen = pick("split", split, list(found), place)
    return Loaded(found[chosen].data, chosen, f"{place} {chosen}", roots)


def load_all(
    place: Path | HubName, config: str | None, streaming: bool = False
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The splits of a data set by name, each a Dataset or, streaming, an IterableDataset of `datasets`.

    Beside them are the folders of the files that they may name.
    """
    if isinstance(place, HubName):
        return _from_hub(look(place), config, streaming)
    with reading_errors(place):
        found = _from_here(place, config, streaming)
    splits = found if isinstance(found, dict) else {str(found.split or "train"): found}
    return splits, (str(place), str(place.resolve()))


def _from_here(place: Path, config: str | None, streaming: bool) -> Any:
    import datasets

    if place.is_file():
        return datasets.load_dataset("parquet", data_files=str(place), streaming=streaming)
    chosen = choose_config(configs_of(card_in(place)), config, place)
    if not any((place / name).is_file() for name in _SAVED):
        return datasets.load_dataset(str(place), chosen, streaming=streaming)
    found = datasets.load_from_disk(str(place))
    if not streaming:
        return found
    splits = found if isinstance(found, dict) else {str(found.split or "train"): found}
    return {name: one.to_iterable_dataset(len(one.cache_files)) for name, one in splits.items()}


def _from_hub(
    repository: Repository, config: str | None, streaming: bool
) -> tuple[dict[str, Any], tuple[str, ...]]:
    import datasets

    name, commit = repository.name, repository.commit
    chosen = choose_config(repository.configs, config, name)
    with reading_errors(name):
        found = datasets.load_dataset(name.repository, chosen, revision=commit, streaming=streaming)
    if streaming:
        return found, (f"hf://datasets/{name.repository}@{commit}",)
    for one in found.values():
        _check_commit(one, name, commit)
    return found, _caches()


def _check_commit(found: Any, name: HubName, commit: str) -> None:
    """Refuse another version, which `datasets` takes from its cache where it cannot reach the Hub."""
    if not all(commit in Path(file["filename"]).parts for file in found.cache_files):
        raise SourceError(
            f"{name}: the cache has another version than {commit}, and the Hub cannot be reached for that one"
        )


def _caches() -> tuple[str, ...]:
    """Where files of the Hub lie; not all of HF_HOME, which has the token in it."""
    import datasets
    from huggingface_hub import constants

    folders = (str(datasets.config.HF_DATASETS_CACHE), str(constants.HF_HUB_CACHE))
    return tuple(dict.fromkeys([*folders, *map(os.path.realpath, folders)]))


def choose_config(known: Sequence[str], wanted: str | None, where: object) -> str | None:
    """The config that is wanted, the default or the only one; None where none is named; UsageError."""
    if not known:
        if wanted not in (None, "default"):
            raise UnknownNameError(f"{where} has no config {wanted!r}, it has none: leave config= out")
        return None
    return pick("config", "default" if wanted is None and "default" in known else wanted, known, where)


@contextmanager
def reading_errors(place: Path | HubName | str) -> Iterator[None]:
    """Turn what `datasets` raises over data that cannot be read into SourceError or DownloadError."""
    with hub_errors(place) if isinstance(place, HubName) else nullcontext(), _data_errors(place):
        yield


@contextmanager
def _data_errors(place: Path | HubName | str) -> Iterator[None]:
    from tarfile import TarError

    from datasets.exceptions import DatasetsError
    from yaml import YAMLError

    try:
        yield
    except (*_DAMAGE, OSError, TarError, DatasetsError, YAMLError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
            raise  # pyarrow's own have no number
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__  # what `datasets` wraps says more
        said = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        raise SourceError(f"{place} cannot be loaded ({said}): get it again, or look at its files") from error

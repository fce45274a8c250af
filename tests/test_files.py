"""A file at its name is a right file: what reaches the disk, in which order, and what a failure leaves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from srdata.common.files import publish_folder, write_file
from srdata.errors import StoreError
from srdata.store.set_json import read_set
from tests.storing import plan_of, write_small_set

pytestmark = pytest.mark.linux

Event = tuple[str, Path]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What this process has the system make durable or rename, in order; all of it is done as well."""
    seen: list[Event] = []

    def noted(name: str, call: Callable[..., None], path_of: Callable[..., Path]) -> None:
        def noting(*arguments: object) -> None:
            seen.append((name, path_of(*arguments)))
            call(*arguments)

        monkeypatch.setattr(os, call.__name__, noting)

    noted("sync", os.fsync, lambda handle: Path(f"/proc/self/fd/{handle}").readlink())
    noted("name", os.replace, lambda _, path: Path(path))
    noted("name", os.rename, lambda _, path: Path(path))
    return seen


def test_a_file_is_durable_before_it_has_its_name(events: list[Event], tmp_path: Path) -> None:
    """And its name before the call returns: else a loss of power leaves a name without content."""
    path = tmp_path / "folder/file"
    write_file(path, b"content")
    (first, part), *rest = events
    assert (first, part.parent) == ("sync", path.parent)
    assert part.name.startswith("file.part-")
    assert rest == [("name", path), ("sync", path.parent)]
    assert path.read_bytes() == b"content"


def test_shards_and_sets_are_durable_before_they_have_their_names(
    events: list[Event], tmp_path: Path
) -> None:
    write_small_set(tmp_path / "set", plan_of())
    named = [place for place, (what, _) in enumerate(events) if what == "name"]
    files = {*read_set(tmp_path / "set").files, "set.json"}
    assert {events[place][1].relative_to(tmp_path / "set").as_posix() for place in named} == files
    assert events[named[-1]][1].name == "set.json", "nothing that set.json names comes after it"
    for place in named:
        path = events[place][1]
        (before, part), after = events[place - 1], events[place + 1]
        assert (before, part.parent) == ("sync", path.parent)
        assert part.name.startswith(f"{path.name}.part-")
        assert after == ("sync", path.parent)


def test_a_folder_is_durable_before_it_has_its_name(events: list[Event], tmp_path: Path) -> None:
    (tmp_path / "part/inner").mkdir(parents=True)
    publish_folder(tmp_path / "part", tmp_path / "whole")
    synced = {path for what, path in events[:2] if what == "sync"}
    assert synced == {tmp_path / "part", tmp_path / "part/inner"}
    assert events[2:] == [("name", tmp_path / "whole"), ("sync", tmp_path)]


def test_what_cannot_have_its_name_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(StoreError, match="cannot write"):
        write_file(tmp_path / "taken", b"content")
    assert list(tmp_path.rglob("*")) == [tmp_path / "taken"]

"""What export.json gives back to an exported set: its keys, splits, and how LR was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from srdata.discovery.found_parts import GIVEN, Found, Part, Pile, Track, is_unsafe
from srdata.discovery.named_files import chosen
from srdata.errors import SourceError
from srdata.store.export_json import EXPORT_FILE, ExportFile, read_export
from srdata.vocabulary import Split


def restored(path: Path, found: Found) -> Found:
    """What was found, as it was before the export; SourceError for keys that lead out, SetError."""
    exported = read_export(path)
    if exported is None:
        return found
    if (bad := next(filter(is_unsafe, exported.keys.values()), None)) is not None:
        raise SourceError(f"{path}/{EXPORT_FILE}: {bad!r} is no name for an image")
    return found._replace(parts=tuple(_restored(part, exported) for part in found.parts))


def _restored(part: Part, exported: ExportFile) -> Part:
    split: Split | None = part.split or ("test" if "test" in exported.counts else None)
    keys = {} if exported.form == "webdataset" else exported.keys  # each KEY.json has told it already
    lr = {
        Track(exported.track if name == GIVEN else name, scale): replace(low, pile=_renamed(low.pile, keys))
        for (name, scale), low in part.lr.items()
    }
    return replace(part, split=split, hr=_renamed(part.hr, keys), lr=lr)


def _renamed(pile: Pile, keys: Mapping[str, str]) -> Pile:
    return Pile(pile.where, chosen(pile.images, {keys.get(name, name): name for name in pile.images}))

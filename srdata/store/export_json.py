"""export.json: what was exported into a folder, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from srdata.common.strict_model import StrictModel
from srdata.errors import SetError
from srdata.store.windows import Windows

FORMAT: Final = 1
EXPORT_FILE = "export.json"
DELTAS_FILE = "deltas.jsonl"  # beside images: a line for each with what was drawn


class ExportFile(StrictModel):
    """The content of export.json: what was exported, and how."""

    format: Literal[1] = FORMAT
    form: str
    name: str  # of the set
    stem: str  # of the names of files: DIV2K
    track: str  # how LR was made: bicubic
    digest: str  # of the recipe
    recipe: dict[str, Any]
    scales: tuple[str, ...]
    windows: Windows | None  # into which the training split is cut
    counts: dict[str, int]  # split → images or sub-images
    keys: dict[str, str]  # a key as it is written → the key that it stands for, where they differ


def read_export(folder: Path) -> ExportFile | None:
    """What export.json in `folder` says; None if there is none. Raises SetError when it is damaged."""
    path = folder / EXPORT_FILE
    if not path.is_file():
        return None
    try:
        return ExportFile.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise SetError(f"{path} is damaged: delete it, or export the set again") from error

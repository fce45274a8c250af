"""Data sets as `datasets` itself writes them, for the tests that read such."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from PIL import Image

from srdata.images import Pixels

Pair = tuple[Pixels, Pixels]  # LR and HR


def noise_pairs(count: int, height: int = 24, width: int = 32, scale: int = 4) -> dict[str, Pair]:
    """Pairs of images that are noise, so that no two crops are equal."""
    rng = np.random.default_rng(7)
    return {
        f"{number:03d}": (
            rng.integers(0, 256, (height // scale, width // scale, 3), np.uint8),
            rng.integers(0, 256, (height, width, 3), np.uint8),
        )
        for number in range(count)
    }


def encoded(image: Pixels, form: str = "PNG", **options: Any) -> bytes:
    """An image file by Pillow."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, form, **options)
    return stream.getvalue()


def table(
    pairs: Mapping[str, Pair], lr: str = "lr", hr: str = "hr", key: str | None = "key"
) -> datasets.Dataset:
    """The pairs as `datasets` keeps them: images that it was given as Pillow's, and their keys."""
    columns: dict[str, Any] = {
        lr: [Image.fromarray(low) for low, _ in pairs.values()],
        hr: [Image.fromarray(high) for _, high in pairs.values()],
    }
    features = {lr: datasets.Image(), hr: datasets.Image()}
    if key is not None:
        columns[key], features[key] = list(pairs), datasets.Value("string")
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def rows_of(rows: list[dict[str, Any]]) -> datasets.Dataset:
    """Rows whose images are given as {"bytes", "path"}."""
    features = datasets.Features({name: datasets.Image() for name in rows[0] if name != "key"})
    if "key" in rows[0]:
        features["key"] = datasets.Value("string")
    return datasets.Dataset.from_list(rows, features=features)


def write_imagefolder(folder: Path, pairs: Mapping[str, Pair], split: str = "train") -> Path:
    """Image files, and the metadata.jsonl that makes columns of them."""
    lines = []
    for key, (low, high) in pairs.items():
        for side, image in (("lr", low), ("hr", high)):
            path = folder / split / side / f"{key}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(image))
        lines.append(json.dumps({"hr_file_name": f"hr/{key}.png", "lr_file_name": f"lr/{key}.png"}))
    (folder / split / "metadata.jsonl").write_text("\n".join(lines))
    return folder

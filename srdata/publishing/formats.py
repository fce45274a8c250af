"""The forms in which pairs are published: files that `datasets` loads without any code.

parquet      train-00000.parquet             columns lr, hr, key, scale, degradation, params, and any others
imagefolder  train/metadata.jsonl            the same, as lr_file_name and hr_file_name
             train/hr/0001.png  train/lr/0001.png
webdataset   train-00000.tar                 0001.lr.png, 0001.hr.png, 0001.json, texts as 0001.caption.txt

The same samples give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from srdata.common.chunks import chunked
from srdata.exporting.escaped_keys import file_stem
from srdata.exporting.samples import Sample
from srdata.exporting.tar_shards import Members, text_members, write_tar
from srdata.prepared.image_columns import KINDS
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.vocabulary import PublishForm

ROW_GROUP_BYTES = 64 << 20  # the Hub's viewer refuses row groups of more than 286 MiB
_ROW_GROUP_ROWS = 100
_FOLDER_FILES = 5000  # the Hub takes 10,000 entries in a folder
# Where a file is cut into the pieces that the Hub stores once: at content, so that most of a changed file is
# not stored again.
_PIECES = {"min_chunk_size": 256 << 10, "max_chunk_size": 1 << 20, "norm_level": 0}


@dataclass(frozen=True)
class Config:
    """The pairs of one degradation at one scale."""

    degradation: str
    scale: Scale
    told: tuple[tuple[str, str], ...] = ()  # other columns of the set: name and kind

    @property
    def name(self) -> str:
        """What is given to `load_dataset`: bicubic_x4."""
        return f"{self.degradation}_{self.scale.label}"

    def sides(self, sample: Sample) -> dict[str, bytes]:
        """The PNG files of a pair, by their columns."""
        return {"lr": sample.layers[self.scale.label].data, "hr": sample.layers[HR].data}

    def facts(self, sample: Sample) -> dict[str, Any]:
        """What is told of a pair; `params` is the δ that made LR as JSON, `null` where none did."""
        whole = self.scale.denominator == 1
        delta = sample.params.get(self.scale.label)
        return {
            "key": sample.key,
            "scale": int(self.scale) if whole else float(self.scale),
            "degradation": self.degradation,
            "params": json.dumps(delta, sort_keys=True, ensure_ascii=False, separators=(",", ":")),
            **{name: sample.told.get(name) for name, _ in self.told},
        }

    @property
    def features(self) -> dict[str, str]:
        """The columns and their types, in the words of `datasets`; "list" is one of texts."""
        number = "int64" if self.scale.denominator == 1 else "float64"
        return {
            "lr": "image",
            "hr": "image",
            "key": "string",
            "scale": number,
            "degradation": "string",
            "params": "string",
            **dict(self.told),
        }


class PiecePlace(NamedTuple):
    """Where a piece of a split goes: the number of the piece, and that of its first sample."""

    folder: Path
    split: str
    number: int
    first: int


def write_parquet(place: PiecePlace, samples: Iterable[Sample], config: Config) -> list[Path]:
    """A shard with the PNG files as they are, in row groups that the viewer takes."""
    schema = _schema(config)
    path = place.folder / f"{place.split}-{place.number:05d}.parquet"
    with pq.ParquetWriter(
        path,
        schema,
        compression="none",  # PNG is
        use_dictionary=["degradation"],
        write_statistics=["key"],
        write_page_index=True,
        use_content_defined_chunking=_PIECES,
    ) as writer:
        for group in chunked(samples, attrgetter("bytes"), most_bytes=ROW_GROUP_BYTES, most=_ROW_GROUP_ROWS):
            rows = [_row(sample, config) for sample in group]
            writer.write_table(pa.Table.from_pylist(rows, schema), row_group_size=len(rows))
    return [path]


def _row(sample: Sample, config: Config) -> dict[str, Any]:
    names = {"lr": f"{sample.key}{config.scale.label}.png", "hr": f"{sample.key}.png"}
    images = {side: {"bytes": png, "path": names[side]} for side, png in config.sides(sample).items()}
    return {**images, **config.facts(sample)}


def _schema(config: Config) -> pa.Schema:
    """The columns, with the types that `datasets` reads from the metadata of the file."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    types = {name: image if kind == "image" else KINDS[kind] for name, kind in config.features.items()}
    features = {name: _feature(kind) for name, kind in config.features.items()}
    return pa.schema(list(types.items()), {"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: str) -> dict[str, Any]:
    """A type, as `datasets` writes it."""
    if kind == "image":
        return {"_type": "Image"}
    texts = {"dtype": "string", "_type": "Value"}
    return {"feature": texts, "_type": "List"} if kind == "list" else {**texts, "dtype": kind}


def write_imagefolder(place: PiecePlace, samples: Iterable[Sample], config: Config) -> list[Path]:
    """PNG files in folders of the number that the Hub takes, and a line on each pair."""
    folder = _made(place.folder / place.split)
    written = [folder / "metadata.jsonl"]
    with written[0].open("r+b" if place.first else "wb") as lines:
        for _ in range(place.first):
            lines.readline()
        lines.truncate(lines.tell())  # what a run wrote of this piece that was interrupted in it
        for number, sample in enumerate(samples, place.first):
            part = f"-{number // _FOLDER_FILES}" if number >= _FOLDER_FILES else ""
            named = {side: f"{side}{part}/{file_stem(sample.key)}.png" for side in ("lr", "hr")}
            for side, png in config.sides(sample).items():
                path = folder / named[side]
                _made(path.parent)
                path.write_bytes(png)
                written.append(path)
            files = {f"{side}_file_name": name for side, name in named.items()}
            lines.write((_json({**files, **config.facts(sample)}) + "\n").encode())
    return written


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def write_pair_tars(place: PiecePlace, samples: Iterable[Sample], config: Config) -> list[Path]:
    """A tar file of pairs, without times and owners."""
    path = place.folder / f"{place.split}-{place.number:05d}.tar"
    write_tar(path, (_members(sample, config) for sample in samples))
    return [path]


def _members(sample: Sample, config: Config) -> Members:
    parts = {f"{side}.png": png for side, png in config.sides(sample).items()}
    parts["json"] = _json(config.facts(sample)).encode()
    stem = file_stem(sample.key)
    return {**{f"{stem}.{suffix}": data for suffix, data in parts.items()}, **text_members(stem, sample)}


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False)


Write = Callable[[PiecePlace, Iterable[Sample], Config], list[Path]]  # the files of a piece


class FormWriter(NamedTuple):
    """How a form is written, and how the card says where its files are."""

    write: Write
    sharded: bool  # a piece is one file, of the size that is asked for
    files: str  # of a split, relative to the folder of its config
    settings: dict[str, Any]  # of `datasets`, beside the files


FORMS: dict[PublishForm, FormWriter] = {
    "parquet": FormWriter(write_parquet, True, "{split}-*.parquet", {}),
    "imagefolder": FormWriter(write_imagefolder, False, "{split}/**", {"drop_labels": True}),
    "webdataset": FormWriter(write_pair_tars, True, "{split}-*.tar", {}),
}

"""`upscale`: image files in, PNG files of what a network makes of them out; run again, it goes on."""

from __future__ import annotations

import hashlib
import json
import math
import os
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srdata.common.files import sha256_of, storage_errors, write_file
from srdata.common.free_space import Need, check_room
from srdata.common.output_paths import check_folder, check_output, file_ids
from srdata.common.progress import progress
from srdata.degrade.learned.user_network import REFUSED, first_line
from srdata.discovery.by_name.image_sizes import size_or_none
from srdata.errors import ImageError, UsageError, given_path
from srdata.images import ImagePolicy, Pixels, decode_image, encode_png, list_images, packed_share, read_image
from srdata.inference.ensemble import TRANSFORMS, self_ensemble
from srdata.inference.network_file import Network
from srdata.inference.tiling import Tiling, tiled

NOTES_FILE = "upscaled.jsonl"  # a line for each image that was begun: what it is made of, and its hash
OVERLAP = 16  # LR pixels, rounded up to what the network needs

BEGINNING = b'{"key": "'
_LOOKED_AT = 4  # images that are encoded to tell how small all of them will be


@dataclass(frozen=True)
class Manner:
    """How a network runs on an image."""

    tile: int | None  # LR pixels; None: the whole image at once
    overlap: int  # LR pixels
    ensemble: int  # turns of the self-ensemble; 1: the image as it lies


class Note(NamedTuple):
    """What is known of a file that was written, or was about to be."""

    key: str  # path below the folder, without .png
    source: str  # sha256 of the image file
    run: str  # digest of the network and its settings
    sha256: str  # of the PNG file


def upscale(
    network: Network,
    source: Path | str,
    out: Path | str,
    *,
    tile: int | None = None,
    overlap: int | None = None,
    ensemble: int = 1,
    images: ImagePolicy | None = None,
) -> list[Path]:
    """Write what `network` makes of an image, or of every image below a folder, as PNG files below `out`.

    `source/a/b.jpg` becomes `out/a/b.png`, 8-bit RGB, clipped and rounded to the nearest level. With `tile`
    the network sees squares of at most that many LR pixels a side, which share `overlap`, by default 16 or
    the next multiple of what it needs; see `tiled`. With `ensemble` 8, 4 or 2 it is the mean over the image
    turned so; see `self_ensemble`. `images` says how files are read that are not plain 8-bit RGB. Gives the
    paths of all files.

    `out/upscaled.jsonl` notes what each file was made of. One that is there, made of the same bytes by the
    same network and settings, stays, so an interrupted run goes on. A bad image is named in an ImageError at
    the end, after the others are written.

    Raises UsageError before any work for settings that make no sense, and where a file would be written over
    one that this did not write; and later where the network fails on an image.
    """
    source, out = given_path(source), given_path(out)
    manner = _manner(network, tile, overlap, ensemble)
    files = _files(source, out)
    notes = _read_notes(out / NOTES_FILE)
    standing = _standing(out, files, notes)
    check_room(out, _need(list(files.values()), network, images), "OUT")
    write_file(out / NOTES_FILE, b"".join(map(_line, notes or ())))
    run, bad = _digest(network, manner, images), []
    with progress("upscale", len(files), "images") as advance:
        for key, file in files.items():
            try:
                data = file.read_bytes()
                begun = Note(key, hashlib.sha256(data).hexdigest(), run, "")
                if begun not in standing:
                    image = decode_image(data, str(file), images)
                    _write(out, begun, encode_png(_enlarged(image, network, manner, str(file))))
            except ImageError as error:
                bad.append(str(error))
            advance(1)
    if bad:
        raise ImageError("\n".join(bad))
    return [_path(out, key) for key in files]


def _manner(network: Network, tile: int | None, overlap: int | None, ensemble: int) -> Manner:
    """How the network runs, checked; raises UsageError."""
    if not isinstance(network, Network):
        raise UsageError(f"a network is a Network, such as load_network gives, not {type(network)}")
    if ensemble not in (1, *TRANSFORMS):
        raise UsageError(f"ensemble={ensemble} is not offered: choose 8, 4 or 2, or 1 for none")
    if tile is None:
        if overlap is not None:
            raise UsageError(f"overlap={overlap} is what tiles share: give tile as well, or leave it out")
        return Manner(None, 0, ensemble)
    unit = _unit(network)
    shared = -(-OVERLAP // unit) * unit if overlap is None else overlap
    Tiling(tile, shared, network.scale, network.multiple, "reflect", 1)
    return Manner(tile, shared, ensemble)


def _unit(network: Network) -> int:
    """Of what the sides of tiles are multiples."""
    return math.lcm(network.multiple, network.scale.denominator)


def _files(source: Path, out: Path) -> dict[str, Path]:
    """The image files by the names that results get; raises UsageError for none, and for twins."""
    if source.is_file():
        return {source.stem: source}
    if out.resolve() == source.resolve():
        raise UsageError(f"{out} is the folder that is read: give another OUT")
    below = out.resolve()
    found = [path for path in list_images(source) if not path.resolve().is_relative_to(below)]
    files: dict[str, Path] = {}
    for path in found:
        key = path.relative_to(source).with_suffix("").as_posix()
        if (there := files.setdefault(key, path)) is not path:
            raise UsageError(f"{path} and {there} would get one name; rename one of them")
    if not files:
        raise UsageError(f"there are no images in {source}: correct the path")
    return files


def _path(out: Path, key: str) -> Path:
    return out / f"{key}.png"


def _standing(out: Path, files: Mapping[str, Path], notes: Sequence[Note] | None) -> set[Note]:
    """What is there of earlier runs, without hashes; raises UsageError for a file that none of them left."""
    check_folder(out, "OUT")
    read = file_ids(files.values())
    check_output(out / NOTES_FILE, read, notes is not None, "OUT")
    standing: set[Note] = set()
    for key in files:
        path = _path(out, key)
        known = [note for note in notes or () if note.key == key and path.is_file()]
        ours = [note for note in known if note.sha256 == sha256_of(path)]
        check_output(path, read, bool(ours), "OUT")
        standing.update(note._replace(sha256="") for note in ours)
    return standing


def _write(out: Path, begun: Note, png: bytes) -> None:
    """Note what is about to be written, then write it: so a file that is there is known to be ours."""
    with storage_errors(out / NOTES_FILE), (out / NOTES_FILE).open("ab") as file:
        file.write(_line(begun._replace(sha256=hashlib.sha256(png).hexdigest())))
        file.flush()
        os.fsync(file.fileno())
    write_file(_path(out, begun.key), png)


def _line(note: Note) -> bytes:
    return json.dumps(note._asdict()).encode() + b"\n"


def _read_notes(path: Path) -> list[Note] | None:
    """The notes; None where the file holds something else. A last line that was cut off is left out."""
    try:
        *lines, cut = path.read_bytes().split(b"\n")
        if not (cut.startswith(BEGINNING) or BEGINNING.startswith(cut)):
            return None
        return [Note(*(str(read[name]) for name in Note._fields)) for read in map(json.loads, lines)]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _digest(network: Network, manner: Manner, images: ImagePolicy | None) -> str:
    """What tells runs apart that give other pixels; one of its own for a network that came from no file."""
    known = {
        "network": network.digest or uuid.uuid4().hex,
        "multiple": network.multiple,
        **asdict(manner),
        "images": (images or ImagePolicy()).model_dump(),
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _need(files: Sequence[Path], network: Network, images: ImagePolicy | None) -> Need:
    """What the files take on disk, by how well the images themselves are packed."""
    sizes = [size for file in files if (size := size_or_none(file)) is not None]
    raw = 3 * sum(network.scale.hr(height) * network.scale.hr(width) for height, width in sizes)

    def share() -> float:
        found = []
        for file in files[:: max(1, len(files) // _LOOKED_AT)]:
            with suppress(ImageError, OSError):
                found.append(read_image(file, images))
        return packed_share(found)

    return Need(raw, share)


def _enlarged(image: Pixels, network: Network, manner: Manner, name: str) -> Pixels:
    """What the network makes of an image (height, width, 3); raises UsageError where it fails."""
    height, width = image.shape[:2]
    x = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].float() / 255
    try:
        sr = _run(x, network, manner)
    except REFUSED as error:
        tile = (manner.tile or 512) // 2
        raise UsageError(
            f"{name}: the network fails on {width}x{height} pixels: {first_line(error)}; "
            f"if memory is short, take --tile {tile}"
        ) from error
    if not bool(torch.isfinite(sr).all()):
        raise UsageError(f"{name}: the network makes numbers that are not finite: its input is RGB in 0–1")
    return sr.clamp(0, 1).mul(255).round().byte()[0].permute(1, 2, 0).numpy()


def _run(x: Tensor, network: Network, manner: Manner) -> Tensor:
    unit = _unit(network)
    whole = -(-max(x.shape[2:]) // unit) * unit
    by_tiles = partial(
        tiled,
        network.model,
        tile=manner.tile or whole,
        overlap=manner.overlap,
        scale=network.scale,
        multiple=network.multiple,
        device=network.device,
    )
    if manner.ensemble == 1:
        return by_tiles(x)
    return self_ensemble(by_tiles, x, transforms=manner.ensemble, at_once=1)

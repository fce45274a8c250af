"""Whether a prepared set is what it says: its files, records and pairs, and its published counterpart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from srdata import rng
from srdata.common.progress import counted
from srdata.common.wording.amounts import how_many
from srdata.errors import CorruptRecordError, DamagedSetError, ImageError, UsageError, given_path
from srdata.fetch import SourceImage, obtain
from srdata.fetch.manifest import load_manifest
from srdata.images import read_image
from srdata.prepared.remote_sets import check_files_at, folder_of
from srdata.prepared.set_images import PreparedImages, replay_image
from srdata.prepared.shard_check import check_shard
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.store.index import Index
from srdata.store.reader import SetReader
from srdata.store.records import pixel_hash
from srdata.store.set_json import SET_FILE, FileCheck, SetFile, check_files, digest_of, read_set
from srdata.store.tables.choice_table import not_taken
from srdata.store.tables.set_files import INDEX_FILE


@dataclass
class Report:
    """What `verify` found: what was checked, and every problem."""

    checked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def text(self) -> str:
        """The report as lines."""
        verdict = "ok" if self.ok else how_many(len(self.problems), "problem")
        return "\n".join([*self.checked, *self.notes, *(f"PROBLEM {one}" for one in self.problems), verdict])


def verify(
    path: str | Path,
    *,
    golden: bool = False,
    replay: int = 0,
    root: str | Path | None = None,
    from_dir: str | Path | None = None,
) -> Report:
    """Check every byte of the prepared set at `path`.

    Every file against set.json, every image against its hash, the sizes of HR and LR, the counts. Of a set at
    an address every file is read through once, and none is kept here. `golden`
    compares LR with the images that the authors of the data set published, which are taken from `from_dir` or
    downloaded below `root` (the folder that holds the set); `replay` makes that many random LR images again
    from their δ. Raises SetError when the folder is no prepared set, UsageError for a `replay` below 0.
    """
    if replay < 0:
        raise UsageError(f"replay {replay} must be 0 or more: how many LR images to make again")
    folder, address = folder_of(path)
    content = read_set(folder)
    report = Report()
    _check_recipe(content, report)
    if address is None:
        _check_files(check_files(folder, content, full=True), report)
        _check_images(folder, content, report)
    else:  # whose shards hold what was checked before they were sent
        _check_files(check_files_at(address, content), report)
        if INDEX_FILE in content.named:
            index = Index.of_set(folder, content)
            _check_counts(index, content, report)
            report.checked.append(f"{how_many(len(index), 'image')} in the index")
    if report.ok and golden:
        given = given_path(from_dir) if from_dir else None
        beside = folder.parent if address is None else Path("data")
        _compare_with_published(PreparedImages(path), given_path(root) if root else beside, given, report)
    if report.ok and replay:
        _replay_some(PreparedImages(path), replay, report)
    report.notes += [f"left out {bad.key}: {bad.reason}" for bad in content.left_out]
    return report


def _check_recipe(content: SetFile, report: Report) -> None:
    """Compare what set.json says of its recipe and takes from it with the recipe itself."""
    recipe = content.recipe
    if digest_of(recipe) != content.digest:
        report.problems.append(f"{SET_FILE}: the digest is not that of the recipe")
    taken = {"scales": list(content.scales), "seed": content.seed}
    for name, value in taken.items():
        if recipe.get(name, value) != value:
            report.problems.append(f"{SET_FILE}: {name} is {value}, but {recipe[name]} in the recipe")


def _check_files(found: Iterable[FileCheck], report: Report) -> None:
    checks = list(found)
    report.problems += [f"{one.path} {one.problem}" for one in checks if one.problem]
    report.checked.append(f"{how_many(len(checks), 'file')} against set.json")


def _check_images(folder: Path, content: SetFile, report: Report) -> None:
    if INDEX_FILE not in content.named:
        return
    try:
        images = PreparedImages(folder)
        total = len(images.index)
        problems = _shard_problems(folder) if content.layout == "lmdb" else _file_problems(images)
        report.problems += [one for one in counted(problems, "verify", total) if one]
    except (CorruptRecordError, DamagedSetError) as error:
        report.problems.append(str(error))
        return
    _check_counts(images.index, content, report)
    pixels = f"{how_many(total, 'image')} in {how_many(len(images.layers), 'layer')}"
    report.checked.append(f"{pixels} against their hashes and sizes")
    if kept := [images.kept_file(row) is not None for row in range(total)] if content.codec == "keep" else []:
        report.notes.append(
            f"kept as the JPEG file it comes from: {sum(kept)} of {how_many(total, 'HR image')}"
        )


def _check_counts(index: Index, content: SetFile, report: Report) -> None:
    counts = {split: len(index.rows(split)) for split in index.splits}
    if counts != content.counts:
        report.problems.append(f"the index has {counts}, set.json says {content.counts}")


def _shard_problems(folder: Path) -> Iterator[str | None]:
    """What is wrong with each image in shards, None where nothing is."""
    reader = SetReader(folder, verify=True)
    for shard in sorted(set(reader.index.shards.tolist())):
        yield from (check.problem for check in check_shard(reader, shard))


def _file_problems(images: PreparedImages) -> Iterator[str | None]:
    """What is wrong with each image in files, None where nothing is."""
    for row in range(len(images.index)):
        yield "; ".join(_image_problems(images, row)) or None


def _image_problems(images: PreparedImages, row: int) -> Iterator[str]:
    key, hashes = images.index.key(row), images.index.pixels(row)
    height, width = int(images.index.heights[row]), int(images.index.widths[row])
    for layer in images.layers:
        try:
            pixels = images.read(row, layer)
        except ImageError as error:
            yield str(error)
            continue
        if pixel_hash(pixels) != hashes.get(layer):
            yield f"image {key!r}, layer {layer}: the pixels are not those that were stored"
        scale = Scale(1) if layer == HR else Scale(layer)
        if pixels.shape[:2] != (scale.lr(height), scale.lr(width)):
            found = f"{pixels.shape[1]}x{pixels.shape[0]}"
            yield f"image {key!r}, layer {layer}: {found} does not fit HR {width}x{height}"


def _compare_with_published(
    images: PreparedImages, root: Path, from_dir: Path | None, report: Report
) -> None:
    """Compare LR with the published images, sample for sample."""
    content = images.content
    source = content.recipe.get("source")
    if source is None:
        raise UsageError(
            f"{images.place} was made of images of a folder or the Hub, for which nothing is published"
        )
    left_out = {one.key for one in content.left_out} | not_taken(images.folder)
    for scale in images.scales:
        published = [
            (owner, one)
            for owner, one in load_manifest(source).find(track="bicubic", scale=int(scale))
            if one.split in content.counts
        ]
        if not published:
            report.notes.append(f"{scale.label}: no published bicubic LR is known for {source}")
        for owner, one in published:
            every = obtain(owner, one, root, from_dir=from_dir)
            found = [image for image in every if image.key not in left_out]
            wrong, samples = _differences(images, counted(found, one.label, len(found)), scale)
            share = f"{wrong} of {how_many(samples, 'sample')} in {how_many(len(found), 'image')}"
            differ = "differs" if wrong == 1 else "differ"
            report.checked.append(f"{one.label}: {share} {differ} from the published")
            if wrong:
                report.problems.append(f"{one.label}: LR is not the published one")


def _differences(images: PreparedImages, published: Iterable[SourceImage], scale: Scale) -> tuple[int, int]:
    """How many samples of LR are not those of the published images, and how many there are."""
    wrong = samples = 0
    for image in published:
        golden = read_image(image.path)
        made = images.read(images.index.row(image.key), scale.label)
        samples += golden.size
        wrong += golden.size if golden.shape != made.shape else int(np.count_nonzero(golden != made))
    return wrong, samples


def _replay_some(images: PreparedImages, count: int, report: Report) -> None:
    total = len(images.index)
    chosen = rng.generator(images.content.seed, "verify").permutation(total)[:count]
    for row in counted(map(int, chosen), "replay", len(chosen)):
        for scale in images.scales:
            key = images.index.key(row)
            if not np.array_equal(replay_image(images, row, scale), images.read(row, scale.label)):
                report.problems.append(f"image {key!r}, {scale.label}: its δ does not give the stored LR")
    made = how_many(len(chosen), "image made again from its δ", "images made again from their δ")
    report.checked.append(made)

"""What comes into a prepared set from forms of others: the same pixels, keys and splits; nothing hostile."""

from __future__ import annotations

import io
import os
import pickle
import re
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import lmdb
import numpy as np
import pytest
import torch
from conftest import checkout
from pairs import Pair, write_folders, write_lmdbs, write_shards

from srdata.cli import run
from srdata.discovery.forms.plain_pickle import LARGEST_BYTES, read_plain_pickle
from srdata.discovery.inspection import inspect
from srdata.errors import (
    ArchiveError,
    CorruptRecordError,
    ImageError,
    MissingExtraError,
    SetError,
    SourceError,
    SrdataError,
    UsageError,
)
from srdata.exporting.export_set import FORMS, export
from srdata.images import Pixels, encode_png, list_images, read_image
from srdata.preparation import Prepared, prepare
from srdata.prepared.set_images import PreparedImages
from srdata.prepared.verification import verify
from srdata.scale import Scale

X4 = Scale(4)


@pytest.fixture(scope="module")
def pairs(photographs: Path) -> dict[str, Pair]:
    """Parts of the photographs, and LR images that no degradation gives: they are turned round."""
    found = {}
    for number, path in enumerate(list_images(photographs)):
        hr = np.ascontiguousarray(read_image(path)[: 96 + 4 * number, :128])
        found[path.stem] = np.ascontiguousarray(hr[::-4, ::-4]), hr
    return found


def take(source: Path, root: Path, **settings: object) -> Prepared:
    return prepare(source, lmdb=True, root=root, jobs=1, **settings)  # type: ignore[arg-type]


def pairs_in(prepared: Path | Prepared, scale: Scale = X4) -> dict[str, Pair]:
    images = PreparedImages(Path(prepared))
    rows = range(len(images.index))
    return {images.index.key(row): (images.read(row, scale.label), images.read(row, "hr")) for row in rows}


def assert_same(found: dict[str, Pair], wanted: dict[str, Pair]) -> None:
    assert set(found) == set(wanted)
    for key, (lr, hr) in wanted.items():
        assert np.array_equal(found[key][0], lr), key
        assert np.array_equal(found[key][1], hr), key


# There and back


@pytest.mark.parametrize("form", list(FORMS))
def test_round_trips_keep_pixels_keys_and_splits(pairs: dict[str, Pair], tmp_path: Path, form: str) -> None:
    splits = {"coffee": "validation", "rocket": "test"}
    there = write_shards(tmp_path / "set", pairs, X4, splits=splits)
    export(there, form, tmp_path / "out", windows=False, jobs=1)
    back = take(tmp_path / "out", tmp_path / "root")
    assert_same(pairs_in(back), pairs)
    images = PreparedImages(back)
    assert {images.index.key(row): split for row, split in images.splits.items()} == {
        key: splits.get(key, "train") for key in pairs
    }
    assert verify(back).ok
    assert inspect(tmp_path / "out").problems == []


@pytest.mark.parametrize("form", list(FORMS))
def test_round_trips_of_keys_that_forms_cannot_hold(
    pairs: dict[str, Pair], tmp_path: Path, form: str
) -> None:
    names = ["img.v2", "größe", "a/b.c", "img%2Ev2", "k" * 300]
    wanted = dict(zip(names, pairs.values(), strict=True))
    there = write_shards(tmp_path / "set", wanted, X4)
    export(there, form, tmp_path / "out", windows=False, escape=True, jobs=1)
    assert_same(pairs_in(take(tmp_path / "out", tmp_path / "root")), wanted)


def test_a_round_trip_at_several_scales(tmp_path: Path, photographs: Path) -> None:
    built = prepare("sample", scale=[2, 3], lmdb=True, root=tmp_path, jobs=1)
    export(built, "webdataset", tmp_path / "out", jobs=1)
    back = take(tmp_path / "out", tmp_path / "root")
    assert back.content.scales == ("2", "3")
    assert back.path.name == "out-x2x3", "the track has its name again: bicubic"
    for scale in (2, 3):
        assert_same(pairs_in(back, Scale(scale)), pairs_in(built, Scale(scale)))
    again = export(back, "folder", tmp_path / "again", jobs=1)
    assert (again.stem, again.track) == ("sample", "bicubic")
    assert take(tmp_path / "out", tmp_path / "root", scale=3).content.scales == ("3",)


def test_it_is_done_once(pairs: dict[str, Pair], tmp_path: Path) -> None:
    write_lmdbs(tmp_path / "in", pairs)
    options = {"hr": "hr.lmdb", "lr": "lr.lmdb"}
    first = take(tmp_path / "in", tmp_path / "root", **options)
    before = (first.path / "set.json").stat().st_mtime_ns
    assert take(tmp_path / "in", tmp_path / "root", **options).path == first.path
    assert (first.path / "set.json").stat().st_mtime_ns == before


# Folders


def test_lr_images_of_edsr_folders_are_kept_unless_others_are_wanted(
    pairs: dict[str, Pair], tmp_path: Path
) -> None:
    source = write_folders(tmp_path / "in", pairs, X4, prefix="DIV2K_train_", track="unknown")
    built = take(source, tmp_path / "root")
    assert built.path.name == "in-unknown-x4"
    assert_same(pairs_in(built), pairs)
    made = take(source, tmp_path / "root", degradation="bicubic", scale=4)
    assert made.content.counts == {"train": 5}, "only HR is taken for HR"
    assert not np.array_equal(pairs_in(made)["coffee"][0], pairs["coffee"][0])
    write_folders(source, pairs, X4, prefix="DIV2K_train_", track="bicubic")
    with pytest.raises(
        UsageError, match="several kinds: choose one of --degradation published:bicubic, --deg"
    ):
        take(source, tmp_path / "other")
    assert_same(pairs_in(take(source, tmp_path / "other", degradation="published:unknown")), pairs)
    with pytest.raises(
        UsageError, match=r"no LR images unknown x2 beside it \(there are: bicubic x4, unknown x4\)"
    ):
        take(source, tmp_path / "other", degradation="published:unknown", scale=2)


def test_names_by_template(pairs: dict[str, Pair], tmp_path: Path) -> None:
    for key, (lr, hr) in pairs.items():
        for image, side in ((lr, "LR"), (hr, "HR")):
            path = tmp_path / f"in/image_SRF_4/{key}_SRF_4_{side}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(image))
    names = {"hr": "image_SRF_{scale}/{key}_SRF_4_HR.png".replace("{scale}", "4")}
    built = take(tmp_path / "in", tmp_path / "root", **names, lr="image_SRF_4/{key}_SRF_4_LR.png")
    assert_same(pairs_in(built), pairs)
    by_scale = take(
        tmp_path / "in", tmp_path / "two", **names, lr="image_SRF_{scale}/{key}_SRF_{scale}_LR.png", scale=4
    )
    assert_same(pairs_in(by_scale), pairs)
    with pytest.raises(UsageError, match="say by --hr how those of HR are"):
        take(tmp_path / "in", tmp_path / "three", lr="{key}.png")
    with pytest.raises(UsageError, match="pairs says how the images of a folder are called: give the folder"):
        take(Path("sample"), tmp_path / "three", hr="{key}.png")
    with pytest.raises(UsageError, match=r"no image is called \{key\}\.tiff: one is "):
        take(tmp_path / "in", tmp_path / "three", hr="{key}.tiff")


def test_orphans_are_named(pairs: dict[str, Pair], tmp_path: Path) -> None:
    source = write_folders(tmp_path / "in", pairs, X4, prefix="DIV2K_train_")
    (source / "DIV2K_train_LR_bicubic/X4/coffeex4.png").unlink()
    with pytest.raises(UsageError, match=r"no LR image in .* for 1 HR image of DIV2K_train_HR: coffee"):
        take(source, tmp_path / "root")
    said = "no LR image in DIV2K_train_LR_bicubic/X4 for 1 HR image of DIV2K_train_HR: coffee"
    assert any(said in one for one in inspect(source).problems)


@pytest.mark.parametrize("suffix", [".npy", ".pt"])
def test_caches_of_plain_arrays(pairs: dict[str, Pair], tmp_path: Path, suffix: str) -> None:
    for key, (lr, hr) in pairs.items():
        for image, name in ((hr, f"DIV2K_train_HR/{key}"), (lr, f"DIV2K_train_LR_bicubic/X4/{key}x4")):
            path = tmp_path / f"bin/{name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if suffix == ".npy":
                np.save(path, image)
            else:
                torch.save(torch.from_numpy(image), path)
    assert_same(pairs_in(take(tmp_path / "bin", tmp_path / "root")), pairs)


def test_images_beside_other_things_are_images(pairs: dict[str, Pair], tmp_path: Path) -> None:
    write_lmdbs(tmp_path, pairs)[1].rename(tmp_path.parent / "lr.lmdb")
    (tmp_path / "notes.tar").write_bytes(b"x")
    (tmp_path / "model.pt").write_bytes(b"x")
    (tmp_path / "mine.png").write_bytes(PNG)
    assert inspect(tmp_path).text.startswith("form      folders\nHR (split not told): 1 image ")


# LMDBs of every generation


def raw_lmdb(folder: Path, images: dict[str, Pixels], meta: bool = False) -> Path:
    """Samples in BGR, as they were stored until 2020."""
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 24) as file, file.begin(write=True) as writing:
        for key, image in images.items():
            writing.put(key.encode(), np.ascontiguousarray(image[..., ::-1]).tobytes())
            if meta:
                writing.put(f"{key}.meta".encode(), f"{image.shape[0]}, {image.shape[1]}, 3".encode())
    return folder


@pytest.fixture(params=["2018", "2019", "2019, one size", "2019, with meta_info.txt", "mmagic", "basicsr"])
def lmdb_pair(request: pytest.FixtureRequest, pairs: dict[str, Pair], tmp_path: Path) -> dict[str, Pair]:
    """HR and LR folders below `tmp_path`/in, named as the field names them."""
    source = tmp_path / "in"
    if request.param == "2019, one size":
        pairs = {key: (lr[:24], hr[:96]) for key, (lr, hr) in pairs.items()}
    for side, name in ((1, "DIV2K_train_HR_sub.lmdb"), (0, "DIV2K_train_LR_bicubic_X4_sub.lmdb")):
        images = {key: pair[side] for key, pair in pairs.items()}
        sizes = {key: image.shape[:2] for key, image in images.items()}
        if request.param in ("mmagic", "basicsr"):
            write_lmdbs(tmp_path / name, pairs)[1 - side].rename(source.mkdir(exist_ok=True) or source / name)
            if request.param == "mmagic":
                lines = (f"{key}.png ({h}, {w}, 3)\n" for key, (h, w) in sizes.items())
                (source / name / "meta_info.txt").write_text("".join(lines))
            continue
        raw_lmdb(source / name, images, meta=request.param == "2018")
        resolutions = [f"3_{h}_{w}" for h, w in sizes.values()]
        listed = {"name": "x", "keys": list(images), "resolution": sorted(set(resolutions))}
        if len(listed["resolution"]) > 1:
            listed["resolution"] = resolutions
        if request.param.endswith("txt"):
            lines = (f"{key}.png ({h},{w},3) 1\n" for key, (h, w) in sizes.items())
            (source / name / "meta_info.txt").write_text("".join(lines))
        elif request.param != "2018":
            (source / name / "meta_info.pkl").write_bytes(pickle.dumps(listed, protocol=3))
    return pairs


def test_lmdb_generations(lmdb_pair: dict[str, Pair], tmp_path: Path) -> None:
    built = take(tmp_path / "in", tmp_path / "root")
    assert_same(pairs_in(built), lmdb_pair)
    assert built.content.counts == {"train": 5}
    assert inspect(tmp_path / "in").problems == []


def test_a_list_that_tells_wrong_sizes_is_not_believed(pairs: dict[str, Pair], tmp_path: Path) -> None:
    """As in a folder that BasicSR ships: the headers of the images say what they are."""
    for folder in write_lmdbs(tmp_path / "in", pairs):
        lines = (folder / "meta_info.txt").read_text()
        (folder / "meta_info.txt").write_text(re.sub(r"\(\d+,", "(80,", lines))
    assert_same(pairs_in(take(tmp_path / "in", tmp_path / "root")), pairs)


def test_one_lmdb_alone_is_hr(pairs: dict[str, Pair], tmp_path: Path) -> None:
    hr, _ = write_lmdbs(tmp_path, pairs)
    built = take(hr, tmp_path / "root", scale=4)
    assert built.path.name == "hr-x4"
    assert np.array_equal(pairs_in(built)["coffee"][1], pairs["coffee"][1])
    hr.rename(tmp_path / "one.lmdb")
    (tmp_path / "lr.lmdb").rename(tmp_path.parent / "elsewhere.lmdb")
    others = {key.upper(): pair for key, pair in pairs.items()}
    write_lmdbs(tmp_path.parent / "more", others)[0].rename(tmp_path / "other.lmdb")
    with pytest.raises(UsageError, match=r"which of one\.lmdb, other\.lmdb are pairs\? Say so with --hr"):
        take(tmp_path, tmp_path / "root")


def test_keys_with_dots_that_basicsr_wrote_and_cannot_read(pairs: dict[str, Pair], tmp_path: Path) -> None:
    """Its writer takes off the last suffix only, its reader all that follows the first dot."""
    folder = tmp_path / "a.lmdb"
    folder.mkdir()
    images = dict(zip(["img.v1", "img.v2"], pairs.values(), strict=False))
    with lmdb.open(str(folder), map_size=1 << 24) as file, file.begin(write=True) as writing:
        for key, (_, hr) in images.items():
            writing.put(key.encode(), encode_png(hr))
    (folder / "meta_info.txt").write_text("".join(f"{key}.png (1,1,3) 1\n" for key in images))
    assert set(pairs_in(take(folder, tmp_path / "root", scale=4))) == set(images)
    (folder / "meta_info.txt").write_text("img.v1.png\nimg.v1.png\n")
    refused(folder, tmp_path, SourceError, r"names 'img\.v1' twice: remove one of the lines", scale=4)


def test_without_h5py_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.h5").touch()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match="needs h5py: run `pip install h5py`"):
        take(tmp_path / "a.h5", tmp_path / "root")


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles_of_every_protocol_are_read(tmp_path: Path, protocol: int) -> None:
    value = {
        "name": "größe",
        "keys": ["a", "a", "b"] * 400,
        "n": [1, 300, 70000, -1, 1 << 40],
        "o": None,
        "e": [[], {}],
    }
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
    assert read_plain_pickle(tmp_path / "a.pkl") == value


# Hostile things


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return open, (str(self.path), "w")


def refused(source: Path, tmp_path: Path, kind: type[SrdataError], message: str, **options: object) -> None:
    """Neither `prepare` nor `inspect` takes it, and nothing was run."""
    with pytest.raises(kind, match=message):
        take(source, tmp_path / "root", **options)
    assert inspect(source).problems
    assert not (tmp_path / "boom").exists()


def test_the_bomb_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "boom"))).close()  # noqa: S301
    assert (tmp_path / "boom").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_beside_an_lmdb_is_never_run(pairs: dict[str, Pair], tmp_path: Path, protocol: int) -> None:
    folder = raw_lmdb(tmp_path / "a.lmdb", {key: hr for key, (_, hr) in pairs.items()})
    bomb = {"keys": Bomb(tmp_path / "boom"), "resolution": ["3_96_128"]}
    (folder / "meta_info.pkl").write_bytes(pickle.dumps(bomb, protocol=protocol))
    refused(
        folder, tmp_path, SourceError, r"is not loaded: write meta_info\.txt beside it, with a line KEY\.png"
    )


SHARED: list[object] = []
for _ in range(60):
    SHARED = [SHARED, SHARED]
BOTH = b"".join(b"h%c\x86q%c" % (number, number + 1) for number in range(60))  # (t, t) of the tuple before
KEYED = b"\x80\x02}X\x04\x00\x00\x00keys]s%bK\x01s."  # {"keys": [], …: 1}


@pytest.mark.parametrize(
    "data",
    [
        KEYED % (b")q\x00" + BOTH),  # years to hash
        KEYED % (b")" + b"\x85" * 1_000_000),  # too deep to hash
        pickle.dumps({"keys": [SHARED], "resolution": ["3_96_128"]}),  # years to print
        pickle.dumps({"keys": ["a"], "resolution": [SHARED]}),
        b"\x80\x02" + b"N" * 200_000 + b"](e" * 100_000 + b".",  # years where each mark is sought from below
    ],
    ids=["wide key", "deep key", "wide name", "wide size", "marks"],
)
def test_a_pickle_that_would_take_years_is_refused(
    data: bytes, pairs: dict[str, Pair], tmp_path: Path
) -> None:
    folder = raw_lmdb(tmp_path / "a.lmdb", {key: hr for key, (_, hr) in pairs.items()})
    (folder / "meta_info.pkl").write_bytes(data)
    refused(folder, tmp_path, SourceError, r"write meta_info\.txt beside it")


@pytest.mark.parametrize("name", ["a.npy", "a.pt", "b.pt", "c.npy"])
def test_arrays_that_are_pickles_are_never_run(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    bomb = Bomb(tmp_path / "boom")
    if name == "a.npy":
        np.save(path, np.array([bomb], object), allow_pickle=True)
    elif name == "a.pt":  # as EDSR's code writes them
        path.write_bytes(pickle.dumps(bomb))
    elif name == "c.npy":
        path.write_bytes(pickle.dumps(np.zeros((8, 8, 3), np.uint8)))
    else:
        torch.save(bomb, path)
    refused(
        path.parent,
        tmp_path,
        ImageError,
        "is not unpickled.*use the image files that it was made of",
        scale=4,
    )


def test_edsr_caches_are_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/0001.pt").write_bytes(pickle.dumps(np.zeros((96, 96, 3), np.uint8)))
    with pytest.raises(ImageError, match=r"0001\.pt: is not a plain array .*use the image files"):
        take(tmp_path / "in", tmp_path / "root", scale=4)


def test_a_cut_lmdb(pairs: dict[str, Pair], tmp_path: Path) -> None:
    hr, _ = write_lmdbs(tmp_path, pairs)
    data = (hr / "data.mdb").read_bytes()
    for wrong in (b"", b"<html>", data[:-4096], data[: len(data) // 2]):
        (hr / "data.mdb").write_bytes(wrong)
        refused(hr, tmp_path, CorruptRecordError, r"data\.mdb", scale=4)


@pytest.mark.parametrize("key", ["../../x", "/x", "a/../../x", "a\\..\\x", "a//b", "", "a\nb"])
def test_keys_that_lead_out(tmp_path: Path, key: str) -> None:
    black = np.zeros((96, 96, 3), np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for group in ("lr", "hr"):
            file.create_dataset(f"{group}/0", data=black).attrs["key"] = key
    refused(tmp_path / "a.h5", tmp_path, SourceError, "is no name for an image: rename it there")


def test_an_export_file_that_leads_out(pairs: dict[str, Pair], tmp_path: Path) -> None:
    export(write_shards(tmp_path / "set", pairs, X4), "folder", tmp_path / "out", jobs=1)
    path = tmp_path / "out/export.json"
    path.write_text(path.read_text().replace('"keys": {}', '"keys": {"coffee": "../../x"}'))
    with pytest.raises(SourceError, match=r"export\.json: '\.\./\.\./x' is no name for an image"):
        take(tmp_path / "out", tmp_path / "root")
    path.write_text("{")
    refused(tmp_path / "out", tmp_path, SetError, r"export\.json is damaged: delete it")


def tar_of(path: Path, members: Sequence[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def named(name: str, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


PNG = encode_png(np.zeros((96, 96, 3), np.uint8))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([(named("../a.hr.png"), PNG)], "leads out of the folder"),
        ([(named("/a.hr.png"), PNG)], "no path inside the folder"),
        ([(named("a.hr.png", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")], "is a link"),
        ([(named("a.hr.png", type=tarfile.LNKTYPE, linkname="b"), b"")], "is a link"),
        ([(named("a.hr.png", type=tarfile.FIFOTYPE), b"")], "is a link, device"),
        ([(named("a.hr.png"), PNG), (named("a.hr.png"), PNG)], "stands for the same file"),
        ([(named("a.hr.png"), PNG), (named("a.json"), b'{"key": "../../x"}')], "no name for an image"),
        ([(named("a.hr.png"), PNG), (named("a.json"), b'{"split": "x"}')], "split one of train, .*valid"),
        ([(named("a.hr.png"), PNG), (named("a.json"), b"[" * 100_000)], "is no JSON"),
        ([(named("a.txt"), b"x")], "no sample holds hr.png or a plain image"),
        ([(named("a.lr.png"), PNG)], "no sample holds hr.png or a plain image"),
    ],
)
def test_hostile_tars(tmp_path: Path, members: Sequence[tuple[tarfile.TarInfo, bytes]], message: str) -> None:
    path = tar_of(tmp_path / "a.tar", members)
    refused(path, tmp_path, SourceError, message, scale=4)


def test_tars_that_are_cut_or_compressed(pairs: dict[str, Pair], tmp_path: Path) -> None:
    members = [(named("a.hr.png"), PNG), (named("a.lr.png"), encode_png(pairs["coffee"][0]))]
    whole = tar_of(tmp_path / "a.tar", members).read_bytes()
    for length in (len(whole) // 3, 600, 511, 1):
        (tmp_path / "a.tar").write_bytes(whole[:length])
        refused(tmp_path / "a.tar", tmp_path, ArchiveError, "is cut short|is damaged", scale=4)
    import gzip

    (tmp_path / "a.tar").write_bytes(gzip.compress(whole))
    refused(tmp_path / "a.tar", tmp_path, ArchiveError, "is compressed: unpack it with gunzip")


def test_hdf5_files_that_point_elsewhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(96 * 96 * 3))
    black = np.zeros((96, 96, 3), np.uint8)
    for name in ("link", "soft", "external", "floats", "huge"):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.create_dataset("lr/0", data=black[:24, :24])
            high = file.create_group("hr")
            if name == "link":
                high["0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/hr/0")
            elif name == "soft":
                high["0"] = h5py.SoftLink("/lr/0")
            elif name == "external":
                high.create_dataset("0", (96, 96, 3), np.uint8, external=[(str(secret), 0, 96 * 96 * 3)])
            elif name == "floats":
                high["0"] = black.astype(np.float32)
            else:
                high.create_dataset("0", (1 << 20, 1 << 20, 3), np.uint8, chunks=(64, 64, 3))
        refused(tmp_path / f"{name}.h5", tmp_path, SrdataError, rf"{name}\.h5")
    (tmp_path / "page.h5").write_bytes(b"<html>")
    refused(tmp_path / "page.h5", tmp_path, SourceError, "is no HDF5 file of image pairs")


# What inspect says


def test_inspect_says_what_is_there(pairs: dict[str, Pair], tmp_path: Path) -> None:
    source = write_folders(tmp_path / "in", pairs, X4, prefix="DIV2K_valid_", track="unknown")
    assert inspect(source, full=True).text.splitlines() == [
        "form      folders",
        f"HR (validation): 5 images in {source}/DIV2K_valid_HR, 5 sizes with sides of 96 to 128 pixels",
        f"LR unknown x4: 5 images in {source}/DIV2K_valid_LR_unknown/X4, "
        "5 sizes with sides of 24 to 32 pixels",
        "pairs     5 at x4",
    ]


def test_inspect_says_what_is_wrong(pairs: dict[str, Pair], tmp_path: Path) -> None:
    wrong = {key: (lr[:20] if key == "coffee" else lr, hr) for key, (lr, hr) in pairs.items()}
    source = write_folders(tmp_path / "in", wrong, X4, prefix="DIV2K_train_")
    path = source / "DIV2K_train_HR/rocket.png"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    (problem,) = inspect(source).problems
    assert (
        "do not all match at x4, as coffee is 128x104 in HR and 32x20 in LR: to take those that do" in problem
    )
    assert len(inspect(source, full=True).problems) == 2, "a cut image has a whole header"
    path.write_bytes(b"<html>")
    assert any("an HTML page, not an image" in problem for problem in inspect(source).problems)


def test_inspect_compares_an_lmdb_with_its_list(pairs: dict[str, Pair], tmp_path: Path) -> None:
    hr, _ = write_lmdbs(tmp_path, pairs)
    lines = (hr / "meta_info.txt").read_text().splitlines()
    (hr / "meta_info.txt").write_text(
        "\n".join(["gone.png (96,128,3) 1", "coffee.png (8,8,3) 1", *lines[3:]])
    )
    assert inspect(hr).problems == [
        f"{hr}: gone: is not in data.mdb: leave it out of meta_info.txt",
        f"{hr}: coffee: is 128x104, listed as 8x8",
        f"{hr}: its list lacks 2 keys: astronaut, chelsea",
    ]


def test_inspect_of_a_prepared_set_and_of_nothing(
    pairs: dict[str, Pair], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = write_shards(tmp_path / "set", pairs, X4)
    assert run(["inspect", str(there)]) == 0
    assert "prepared set test of srdata, layout lmdb" in capsys.readouterr().out
    (there / "shards/00000.lmdb").write_bytes(b"")
    assert run(["inspect", str(there)]) == 1
    assert "PROBLEM shards/00000.lmdb has 0 bytes, not" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    assert run(["inspect", str(tmp_path / "empty")]) == 1
    assert "PROBLEM" in capsys.readouterr().out
    (there / "set.json").write_text("{")
    assert "is damaged" in inspect(there).problems[0]


@pytest.mark.peers
def test_lmdb_folders_that_basicsr_ships(tmp_path: Path) -> None:
    source = checkout("BasicSR") / "tests/data"
    built = take(source, tmp_path, hr="gt.lmdb", lr="lq.lmdb")
    assert {key: (lr.shape, hr.shape) for key, (lr, hr) in pairs_in(built).items()} == {
        "baboon": ((120, 123, 3), (480, 492, 3)),
        "comic": ((90, 60, 3), (360, 240, 3)),
    }
    assert inspect(source / "lq.lmdb").problems == [f"{source}/lq.lmdb: comic: is 60x90, listed as 60x80"]


@pytest.mark.parametrize("form", ["basicsr", "folder", "webdataset", "hdf5"])
def test_inspect_never_raises_over_damage(pairs: dict[str, Pair], tmp_path: Path, form: str) -> None:
    there = write_shards(tmp_path / "set", {key: pairs[key] for key in ("coffee", "rocket")}, X4)
    export(there, form, tmp_path / "out", jobs=1)
    files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.stat().st_size)
    drawn, found = np.random.default_rng(0), 0
    for number in range(60):
        path = files[number % len(files)]
        whole = path.read_bytes()
        data = np.frombuffer(whole, np.uint8).copy()
        places = drawn.integers(0, min(len(data), 2000 if number % 2 else len(data)), 1 + number % 20)
        data[places] = drawn.integers(0, 256, len(places))
        path.write_bytes(data[: len(data) if number % 5 else int(drawn.integers(len(data)))].tobytes())
        found += bool(inspect(tmp_path / "out", full=True).problems)
        path.write_bytes(whole)
    assert found > 20


def test_a_pickle_too_large_for_a_list_of_keys_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").touch()
    os.truncate(tmp_path / "a.pkl", LARGEST_BYTES + 1)
    with pytest.raises(SourceError, match=r"a\.pkl is larger than \d+ bytes; it is not read"):
        read_plain_pickle(tmp_path / "a.pkl")


class PlainUnpickler(pickle.Unpickler):
    """Python's own, which may call nothing."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name}")


@pytest.mark.parametrize("protocol", range(6))
def test_damaged_pickles_are_refused_or_read_as_python_reads_them(tmp_path: Path, protocol: int) -> None:
    whole = pickle.dumps({"keys": ["a", "b"], "resolution": ["3_96_128"] * 2}, protocol=protocol)
    drawn, start = np.random.default_rng(protocol), 11 if protocol >= 4 else 0  # behind the length of a frame
    for _ in range(300):
        data = np.frombuffer(whole, np.uint8).copy()
        data[drawn.integers(start, len(data), 2)] = drawn.integers(0, 256, 2)
        (tmp_path / "a.pkl").write_bytes(data.tobytes())
        try:
            found = read_plain_pickle(tmp_path / "a.pkl")
        except SourceError:
            continue
        assert found == PlainUnpickler(io.BytesIO(data.tobytes())).load()

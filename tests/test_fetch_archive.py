"""Archives: real ones come out whole, hostile and damaged ones leave nothing behind."""

from __future__ import annotations

import io
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from loopback import tar_of, zip_of

from srdata.common.safe_names import NewNames, folded, why_unsafe
from srdata.errors import ArchiveError, StorageFullError, StoreError
from srdata.fetch.unpack import Limits, extract
from tests.storing import files_in

SMALL = Limits(members=20, member_bytes=3_000_000, total_bytes=5_000_000, ratio=10, small_bytes=100_000)


@pytest.fixture(scope="module")
def photos(photographs: Path) -> dict[str, bytes]:
    """Three photographs as an archive of the field holds them."""
    names = ("chelsea.png", "coffee.png", "rocket.jpg")
    return {f"HR/train/{name}": (photographs / name).read_bytes() for name in names}


def refusal(tmp_path: Path, archive: bytes, limits: Limits | None = None) -> str:
    """What the refusal of an archive says; nothing may be left of it."""
    path = tmp_path / "in" / "hostile.archive"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(archive)
    with pytest.raises(ArchiveError) as caught:
        extract(path, tmp_path / "out" / "set", limits)
    assert list((tmp_path / "out").iterdir()) == []
    assert str(path) in str(caught.value)
    return str(caught.value)


def zip_with(change: Callable[[zipfile.ZipInfo], None], data: bytes = b"x", name: str = "a.png") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name)
        change(info)
        archive.writestr(info, data)
    return buffer.getvalue()


def tar_with(change: Callable[[tarfile.TarInfo], None], name: str = "a.png", data: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        change(info)
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "pack",
    [
        zip_of,
        tar_of,
        lambda files: tar_of(files, "w"),
        lambda files: tar_of({f"./{name}": data for name, data in files.items()}),
    ],
    ids=["zip", "tar.gz", "tar", "tar of ."],
)
def test_an_archive_comes_out_whole(photos, tmp_path, pack):
    (tmp_path / "archive").write_bytes(pack(photos))
    extract(tmp_path / "archive", tmp_path / "deep" / "set")
    assert files_in(tmp_path / "deep" / "set") == photos
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["set"]


def test_folders_in_an_archive_are_no_files(photos, tmp_path):
    buffer = io.BytesIO(zip_of(photos))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.mkdir("HR")
        archive.mkdir("empty")
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    extract(tmp_path / "a.zip", tmp_path / "set")
    assert files_in(tmp_path / "set") == photos


def test_a_zip_with_64_bit_sizes_written_to_a_pipe(photos, tmp_path):
    """With data descriptors after the members, as writers do that cannot seek."""
    buffer = io.BytesIO()
    buffer.seekable = lambda: False
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in photos.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    extract(tmp_path / "a.zip", tmp_path / "set")
    assert files_in(tmp_path / "set") == photos


ESCAPING = [
    "../a.png",
    "a/../../b.png",
    "/etc/a.png",
    "a\\..\\..\\b.png",
    "C:\\a.png",
    "C:a.png",
    "a//b.png",
    "a/./b.png",
]
RESERVED = [
    "con",
    "NUL.png",
    "a/aux.txt",
    "com1.png",
    "a.png.",
    "a.png ",
    "dir ./a.png",
    "a\x01.png",
    "a?.png",
    "a*",
]


@pytest.mark.parametrize("name", [*ESCAPING, *RESERVED, "x" * 256, "a/" * 520 + "b"])
def test_a_name_that_escapes_or_is_no_name_everywhere(tmp_path, name):
    good = {"good.png": b"good"}
    said = refusal(tmp_path, zip_of({**good, name: b"x"}))
    assert "the archive is not unpacked" in said
    refusal(tmp_path, tar_of({**good, name: b"x"}))


def test_a_name_with_a_zero_byte(tmp_path):
    archive = zip_of({"good.png": b"x", "evilX.png": b"x"}).replace(b"evilX.png", b"evil\0.png")
    assert "a character that is no part of a file name" in refusal(tmp_path, archive)


@pytest.mark.parametrize(
    "names",
    [
        ("a.png", "A.png"),
        ("A/b.png", "a/B.png"),
        ("caf\u00e9.png", "cafe\u0301.png"),
        ("stra\u00dfe", "STRASSE"),
    ],
)
def test_names_that_are_one_on_some_systems(tmp_path, names):
    assert "stands for the same file as" in refusal(tmp_path, zip_of(dict.fromkeys(names, b"x")))
    assert "stands for the same file as" in refusal(tmp_path, tar_of(dict.fromkeys(names, b"x")))


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "A"), ("a/b/c", "a/b")])
def test_a_name_that_is_a_file_and_a_folder(tmp_path, names):
    assert "stands for the same file as" in refusal(tmp_path, zip_of(dict.fromkeys(names, b"x")))


def test_a_name_that_comes_twice(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", b"first")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.png", b"second")
    assert "'a.png' stands for the same file" in refusal(tmp_path, buffer.getvalue())
    twice = io.BytesIO()
    with tarfile.open(fileobj=twice, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a.png"))
        tar.addfile(tarfile.TarInfo("a.png"))
    assert "'a.png' stands for the same file" in refusal(tmp_path, twice.getvalue())


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_a_zip_with_a_link_or_device(tmp_path, kind):
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = (kind | 0o777) << 16

    assert "is a link or device" in refusal(tmp_path, zip_with(change, b"/etc/passwd"))


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.GNUTYPE_SPARSE,
    ],
)
def test_a_tar_with_a_link_or_device(tmp_path, kind):
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = kind, "/etc/passwd"

    refusal(tmp_path, tar_with(change))


def test_a_link_that_is_then_written_through(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("out/evil.png"))
    assert "is a link" in refusal(tmp_path, buffer.getvalue())
    assert not (tmp_path / "evil.png").exists()


def test_an_encrypted_member(tmp_path):
    plain = zip_of({"a.png": b"x" * 100})
    flagged = bytearray(plain)
    flagged[6] |= 1
    flagged[plain.index(b"PK\x01\x02") + 8] |= 1
    assert "member 'a.png' is encrypted" in refusal(tmp_path, bytes(flagged))


def test_a_zip_bomb(tmp_path):
    bomb = zip_of({"a.png": bytes(2_000_000)})
    assert len(bomb) < 5000
    assert "member 'a.png' unpacks to more than 100000 bytes, as a bomb does" in refusal(
        tmp_path, bomb, SMALL
    )


def test_a_zip_bomb_that_lies_about_its_size(tmp_path):
    bomb = bytearray(zip_of({"a.png": bytes(2_000_000)}))
    size = (2_000_000).to_bytes(4, "little")
    for _ in range(2):
        at = bomb.index(size)
        bomb[at : at + 4] = (10).to_bytes(4, "little")
    refusal(tmp_path, bytes(bomb), SMALL)


def test_a_tar_bomb(tmp_path):
    bomb = tar_of({"a.png": bytes(2_000_000)})
    assert "as a bomb does" in refusal(tmp_path, bomb, SMALL)


def test_many_small_members_are_a_bomb_together(tmp_path):
    noise = random.Random(1)
    names = {f"{i}.png": bytes(90_000) + noise.randbytes(10) for i in range(10)}
    assert "as a bomb does" in refusal(tmp_path, zip_of(names), SMALL)


def test_caps_on_members_and_bytes(tmp_path):
    noise = random.Random(1)
    assert "more than 20 members" in refusal(tmp_path, zip_of({f"{i}.png": b"x" for i in range(21)}), SMALL)
    assert "3000000 bytes" in refusal(tmp_path, zip_of({"a.png": noise.randbytes(3_100_000)}), SMALL)
    both = {"a.png": noise.randbytes(2_900_000), "b.png": noise.randbytes(2_900_000)}
    assert "'b.png' unpacks to more than 2100000 bytes" in refusal(tmp_path, zip_of(both), SMALL)


def test_a_tar_header_that_is_a_bomb(tmp_path):
    def change(info: tarfile.TarInfo) -> None:
        info.pax_headers = {"comment": "x" * 3_000_000}

    assert "a header is larger than 1048576 bytes" in refusal(tmp_path, tar_with(change))


def test_overlapping_members(tmp_path):
    """The same bytes claimed twice, as in the bombs that grow without nesting."""
    noise = random.Random(1).randbytes(50_000)
    plain = zip_of({"a.png": noise})
    start, end = plain.index(b"PK\x01\x02"), plain.index(b"PK\x05\x06")
    entry = plain[start:end]
    tail = bytearray(plain[end:])
    tail[8:12] = (2).to_bytes(2, "little") * 2
    tail[12:16] = (2 * len(entry)).to_bytes(4, "little")
    doubled = plain[:end] + entry.replace(b"a.png", b"b.png") + bytes(tail)
    assert "its members overlap" in refusal(tmp_path, doubled)


@pytest.mark.parametrize(
    "pack", [zip_of, tar_of, lambda files: tar_of(files, "w")], ids=["zip", "tar.gz", "tar"]
)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_truncated_archive(photos, tmp_path, pack, share):
    whole = pack(photos)
    refusal(tmp_path, whole[: int(len(whole) * share)])


def test_a_tar_cut_between_two_members(photos, tmp_path):
    """Where Python's own tarfile sees nothing wrong."""
    whole = tar_of(photos, "w")
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        second = archive.getmembers()[1].offset
    with tarfile.open(fileobj=io.BytesIO(whole[:second])) as archive:
        assert archive.getnames() == list(photos)[:1]
    assert "is cut short" in refusal(tmp_path, whole[:second])


def test_a_wrong_checksum_names_the_member(photos, tmp_path):
    name, data = next(iter(photos.items()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    damaged = bytearray(buffer.getvalue())
    damaged[len(damaged) // 2] ^= 1
    assert f"member {name!r} is damaged (Bad CRC-32" in refusal(tmp_path, bytes(damaged))


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"Rar!\x1a\x07\x01\x00", b"PK\x03\x04", b"\x1f\x8b\x08", b"x" * 5000]
)
def test_what_is_no_archive(tmp_path, content):
    said = refusal(tmp_path, content)
    assert ("RAR archive" in said) == content.startswith(b"Rar!")


@pytest.mark.parametrize(
    "pack", [zip_of, tar_of, lambda files: tar_of(files, "w")], ids=["zip", "tar.gz", "tar"]
)
def test_any_flipped_bytes_give_the_same_files_or_an_error(tmp_path, pack):
    noise = random.Random(7)
    files = {f"HR/{i}.png": noise.randbytes(300) for i in range(5)}
    whole = pack(files)
    outcomes = set()
    for attempt in range(60):
        damaged = bytearray(whole)
        for _ in range(noise.choice([1, 3])):
            damaged[noise.randrange(len(damaged))] ^= 1 << noise.randrange(8)
        (tmp_path / "archive").write_bytes(damaged)
        folder = tmp_path / f"out-{attempt}"
        try:
            extract(tmp_path / "archive", folder, SMALL)
        except ArchiveError:
            outcomes.add("error")
            assert not folder.exists()
        else:
            outcomes.add("files")
            assert sorted(files_in(folder).values()) == sorted(files.values()) or pack is not zip_of
    assert "error" in outcomes


def test_a_folder_that_is_there_already_is_left_alone(photos, tmp_path):
    (tmp_path / "a.zip").write_bytes(zip_of(photos))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").write_text("mine")
    extract(tmp_path / "a.zip", tmp_path / "set")
    assert files_in(tmp_path / "set") == {"mine.txt": b"mine"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "set"]


def test_a_full_disk_is_told_and_leaves_nothing(photos, tmp_path, monkeypatch):
    import errno

    from srdata.fetch import unpack

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a.zip").write_bytes(zip_of(photos))
    monkeypatch.setattr(unpack.os, "fsync", full)
    with pytest.raises(StorageFullError, match="no room to write"):
        extract(tmp_path / "a.zip", tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_place_that_cannot_be_written_is_told(photos, tmp_path):
    (tmp_path / "a.zip").write_bytes(zip_of(photos))
    with pytest.raises(StoreError):
        extract(tmp_path / "a.zip", tmp_path / "a.zip" / "set")


@pytest.mark.parametrize(
    "path",
    ["0001.png", "RealSR(V3)/Canon/Train/4/Canon_001_LR4.png", "\u00e9\u4e2d.png", ".hidden", "a b.png"],
)
def test_the_names_of_the_field_are_safe(path):
    assert why_unsafe(path) is None
    assert NewNames().why_not(path) is None


def test_folding_is_stable():
    assert folded("CAFE\u0301") == folded("caf\u00e9")

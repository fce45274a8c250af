"""Manifests: every file in the catalogue is sound, and no hash in it is made up."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from srdata import catalog
from srdata.catalog import Shelf
from srdata.common.files import sha256_of
from srdata.errors import RecipeError
from srdata.fetch.manifest import Manifest, load_manifest, read_manifest
from srdata.images import probe

NAMES = catalog.names(Shelf.MANIFESTS)
REFERENCE = Path(__file__).parents[2] / "shared/reference"
PHOTOGRAPHS = catalog.folder(Shelf.MANIFESTS) / "sample"


def hashes(manifest: Manifest) -> set[str]:
    """Every SHA-256 and MD5 in a manifest."""
    digests = [digest for archive in manifest.archives.values() for digest in archive.digests]
    files = [file for listing in manifest.listings.values() for file in listing.files]
    return {
        value
        for value in [*(d.sha256 for d in digests), *(d.md5 for d in digests), *(f.sha256 for f in files)]
        if value is not None
    }


@pytest.fixture(scope="module")
def gathered() -> str:
    """The text of what was gathered about data sets, with the evidence for every hash."""
    files = [REFERENCE / "datasets.json", REFERENCE / "datasets_files.json", REFERENCE / "datasets.md"]
    if not all(file.is_file() for file in files):
        pytest.skip(f"the reference about data sets is not at {REFERENCE}")
    return "".join(file.read_text() for file in files)


def unknown(found: set[str], known: str) -> set[str]:
    return {value for value in found if value not in known}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sample"])
def test_no_hash_is_made_up(name: str, gathered: str) -> None:
    assert not unknown(hashes(load_manifest(name)), gathered)


def test_a_made_up_hash_is_noticed(gathered: str) -> None:
    assert unknown({"bdc2d9338d4e574fe81bf7d158758658f5e5e7c4f3d3b69d76e6f70b9e6f6c5b"}, "") == {
        "bdc2d9338d4e574fe81bf7d158758658f5e5e7c4f3d3b69d76e6f70b9e6f6c5b"
    }
    assert unknown({"0" * 64}, gathered)


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_says_what_users_ask(name: str) -> None:
    manifest = load_manifest(name)
    assert manifest.name == name
    assert manifest.licence.text
    assert len(manifest.citation) > 20
    assert manifest.find(track="HR"), "there is HR"
    used = {archive for one in manifest.sets for source in one.sources for archive in source.archives}
    assert used == set(manifest.archives), "every archive belongs to a set"
    for one in manifest.sets:
        assert one.sources or manifest.by_hand, f"{one.label}: from where?"
        assert one.count is None or not one.key_range or len(one.key_range) == one.count


def test_redistribution_is_only_allowed_where_it_is_known() -> None:
    allowed = {name for name in NAMES if load_manifest(name).licence.redistributable}
    assert allowed <= {"sample", "urban100"}


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("div2k", {"train": 800, "validation": 100}),
        ("flickr2k", {"train": 2650}),
        ("df2k", {"train": 3450, "validation": 100}),
        ("set5", {"test": 5}),
        ("set14", {"test": 14}),
        ("b100", {"test": 100}),
        ("urban100", {"test": 100}),
        ("manga109", {"test": 109}),
        ("bsds500", {"train": 200, "validation": 100, "test": 200}),
    ],
)
def test_numbers_of_images_are_those_of_the_field(name: str, counts: dict[str, int]) -> None:
    found: dict[str, int] = {}
    for _, one in load_manifest(name).find(track="HR"):
        found[one.split] = found.get(one.split, 0) + (one.count or 0)
    assert found == counts


def test_div2k_has_all_tracks() -> None:
    tracks = {(one.track, one.scale) for _, one in load_manifest("div2k").find("train")}
    assert tracks == {
        ("HR", None),
        *(("bicubic", scale) for scale in (2, 3, 4, 8)),
        *(("unknown", scale) for scale in (2, 3, 4)),
        *((track, 4) for track in ("mild", "difficult", "wild")),
    }


def test_a_file_with_two_versions_has_both() -> None:
    digests = load_manifest("div2k").archives["DIV2K_train_LR_unknown_X4.zip"].digests
    assert {digest.bytes for digest in digests if digest.bytes} == {208_956_781, 209_091_851}
    assert all(digest.evidence for digest in digests)


def test_df2k_is_composed_not_copied() -> None:
    manifest = load_manifest("df2k")
    assert not manifest.archives
    assert [member.manifest for member in manifest.members] == ["div2k", "flickr2k"]


def test_traps_are_told() -> None:
    assert any("SRF_2" in note and "half" in note for note in load_manifest("urban100").notes)
    assert "never downloaded" in (load_manifest("manga109").by_hand or "")
    assert "accept the terms" in (load_manifest("lsdir").gate or "")


def test_urban100_is_the_full_resolution() -> None:
    for _, one in load_manifest("urban100").find(track="HR"):
        assert all("SRF_4" in source.paths for source in one.sources)


def test_the_packaged_photographs_are_what_their_manifest_says() -> None:
    [listing] = load_manifest("sample").listings.values()
    assert {file.path for file in listing.files} == {
        p.name for p in PHOTOGRAPHS.iterdir() if p.suffix != ".md"
    }
    for file in listing.files:
        path = PHOTOGRAPHS / file.path
        assert (path.stat().st_size, sha256_of(path)) == (file.bytes, file.sha256)
        notice = (PHOTOGRAPHS / "NOTICE.md").read_text()
        info = probe(path)
        assert f"{file.path} ({info.width}x{info.height})" in notice


SOUND = """
name: mine
title: Mine
licence: {name: free, text: do as you like}
citation: a paper that describes the data set
evidence: {seen: here}
sets:
  - {split: train, track: HR, sources: [{archives: [a.zip], paths: "*.png"}]}
archives:
  a.zip:
    urls: ["https://example.org/a.zip"]
    digests: [{md5: 0123456789abcdef0123456789abcdef, evidence: [seen]}]
"""


def test_the_example_is_sound(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SOUND)
    assert read_manifest(tmp_path / "mine.yaml").name == "mine"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("archives: [a.zip]", "archives: [b.zip]", "no archive 'b.zip'"),
        ("evidence: [seen]", "evidence: [dreamt]", "no evidence 'dreamt'"),
        ("evidence: [seen]", "evidence: []", "must hold at least 1, not 0"),
        ("md5: 0123456789abcdef0123456789abcdef, ", "", "needs sha256 or md5"),
        ("md5: 0123", "md5: 012", "md5"),
        ("https://", "ftp://", "urls"),
        ("citation:", "citatoin:", "did you mean 'citation'"),
        ("split: train", "split: training", 'must be one of train, validation, test, not "training"'),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in SOUND
    (tmp_path / "mine.yaml").write_text(SOUND.replace(old, new))
    with pytest.raises(RecipeError, match=words) as caught:
        read_manifest(tmp_path / "mine.yaml")
    assert re.search(r"mine\.yaml:\d+", str(caught.value))


def test_http_needs_a_hash(tmp_path: Path) -> None:
    text = SOUND.replace("https:", "http:")
    (tmp_path / "mine.yaml").write_text(text)
    read_manifest(tmp_path / "mine.yaml")
    (tmp_path / "mine.yaml").write_text(re.sub(r"digests: \[.*\]", "digests: []", text))
    with pytest.raises(RecipeError, match="http: address needs a digest"):
        read_manifest(tmp_path / "mine.yaml")


def test_manifests_round_trip_as_json() -> None:
    for name in NAMES:
        assert json.loads(load_manifest(name).model_dump_json())["name"] == name

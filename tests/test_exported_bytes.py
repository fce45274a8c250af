"""The bytes of every exported and published form of sets of one scale, as the first version wrote them.

The digests hold for certain versions of the libraries that compress, and the PNG streams of one kind of
processor; elsewhere nothing is compared.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import pytest

from srdata import prepare
from srdata.exporting.export_set import export
from srdata.images import encode_png, list_images, read_image, write_png
from srdata.publishing import publish
from srdata.recipes.read_recipe import read_set_recipe
from srdata.store.windows import Windows
from srdata.vocabulary import PublishForm

KEYS = ("plain", "beach/a b.v2", "größe" * 16, "grey", "small")
WRITERS = {"opencv-python-headless": "5.0.0.93", "pyarrow": "26.0.1", "h5py": "3.16.0", "lmdb": "3.0.0"}
PNG = "5e2c9a5d30cbe6a7"  # of a photograph
WHOLE, CUT = False, True
DIGESTS = {
    "export basicsr whole": "cf56fe64d93e71e8",
    "export basicsr cut": "3afd3e00994b183c",
    "export folder whole": "13065449f45aae2e",
    "export folder cut": "22ef8ffc0bf5441c",
    "export kair whole": "ab03fd4abae7a202",
    "export kair cut": "da16a7feb811fec0",
    "export webdataset whole": "6e8c8b6a7f75bd3c",
    "export webdataset cut": "6b609ff662210318",
    "export hdf5 whole": "703ad9ef7d9a80d3",
    "export hdf5 cut": "a0a03de0a00d084b",
    "publish parquet whole": "0a63c7312c0df1ac",
    "publish parquet cut": "d8cc13ea549ff0bc",
    "publish imagefolder whole": "635441b330be28bf",
    "publish imagefolder cut": "1b270a632c8a90d4",
    "publish webdataset whole": "7c5d9ae34a2ac8b2",
    "publish webdataset cut": "9048b611e531197b",
    "layout basicsr": "d36a18b5e29df10e",
}


@pytest.fixture(scope="module", autouse=True)
def the_same_writers(photographs: Path) -> None:
    png = hashlib.sha256(encode_png(read_image(photographs / "coffee.png"))).hexdigest()
    if {name: version(name) for name in WRITERS} != WRITERS or not png.startswith(PNG):
        pytest.skip("other versions, or another processor, compress otherwise")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    """Five images, a grey one and one smaller than a window, to train from and to test on, in all layouts."""
    root = tmp_path_factory.mktemp("root")
    for key, path in zip(KEYS, list_images(photographs), strict=True):
        image = read_image(path)[40:191, 60:213]
        image = image[:50, :62] if key == "small" else image
        write_png(root / f"mine/{key}.png", image[..., 1] if key == "grey" else image)
    recipe = read_set_recipe(root / "mine").changed(windows=Windows(size=64, step=48, threshold=12))
    for split in ("train", "test"):
        for layout in ("lmdb", "folder"):
            name = f"{split}-{layout}"
            prepare(recipe, scale=4, layout=layout, splits=[split], root=root, name=name, jobs=1)
    plain = recipe.changed(exclude=KEYS[1:3])
    prepare(plain, scale=4, layout="basicsr", root=root, name="basicsr", jobs=1)
    return root


def digest(folder: Path, pattern: str = "**/*") -> str:
    """The first digits of the SHA-256 of the names and contents of the files in a folder."""
    names = {path.relative_to(folder).as_posix(): path for path in folder.glob(pattern) if path.is_file()}
    lines = (f"{name} {hashlib.sha256(names[name].read_bytes()).hexdigest()}\n" for name in sorted(names))
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


@pytest.mark.parametrize("windows", [WHOLE, CUT])
@pytest.mark.parametrize("layout", ["lmdb", "folder"])
@pytest.mark.parametrize("form", ["basicsr", "folder", "kair", "webdataset", "hdf5"])
def test_exported(root: Path, tmp_path: Path, form: str, layout: str, windows: bool) -> None:
    for split in ("train", "test"):
        out = tmp_path / split
        export(
            root / f"{split}-{layout}", form, out, windows=windows, escape=True, shard_bytes=200_000, jobs=1
        )
        (out / "export.json").unlink()  # has the digest of the recipe
    assert digest(tmp_path) == DIGESTS[f"export {form} {'cut' if windows else 'whole'}"]


@pytest.mark.parametrize("windows", [WHOLE, CUT])
@pytest.mark.parametrize("layout", ["lmdb", "folder"])
@pytest.mark.parametrize("form", ["parquet", "imagefolder", "webdataset"])
def test_published(root: Path, tmp_path: Path, form: PublishForm, layout: str, windows: bool) -> None:
    options = {"form": form, "windows": windows, "i_have_the_rights": True, "shard_bytes": 200_000, "jobs": 1}
    for split in ("train", "test"):
        publish(root / f"{split}-{layout}", out=tmp_path / split, **options)  # type: ignore[arg-type]
    assert digest(tmp_path, "*/data/**/*") == DIGESTS[f"publish {form} {'cut' if windows else 'whole'}"]


def test_the_layout_of_basicsr(root: Path) -> None:
    assert digest(root / "basicsr", "*.lmdb/*") == DIGESTS["layout basicsr"]

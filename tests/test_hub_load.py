"""Loading from a Hub on this machine: for training, as a stream, as a source; and what goes wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import datasets
import numpy as np
import pytest
from elsewhere import Elsewhere, elsewhere
from hub import Blob, Hub, Repository, fail, serve_hub
from tables import encoded, noise_pairs, rows_of, table

from srdata import prepare
from srdata.errors import UsageError
from srdata.hub.address import HubName, hub_name
from srdata.hub.repository import card_in
from srdata.prepared.set_images import PreparedImages
from srdata.publishing import publish
from srdata.recipes.read_recipe import read_set_recipe
from tests.storing import files_in

TOKEN = "hf_rightTokenForTests"
PAIRS = noise_pairs(12, scale=2)
FORMS = ("parquet", "imagefolder", "webdataset")


def put(hub: Hub, name: str, files: dict[str, bytes], private: bool = False) -> str:
    """One more commit that makes a repository of just these files, the large ones by LFS; gives its hash."""
    found = hub.repositories.setdefault(name, Repository(private))
    blobs = {}
    for path, data in files.items():
        sha256 = hashlib.sha256(data).hexdigest()
        large = path.endswith((".parquet", ".png", ".tar"))
        if large:
            hub.objects[sha256] = data
        blobs[path] = Blob(len(data), sha256=sha256) if large else Blob(len(data), data)
    return found.add("put", blobs, len(blobs)).oid


def parquet(rows: datasets.Dataset, folder: Path) -> bytes:
    """What `datasets` itself writes."""
    rows.to_parquet(folder / "made.parquet")
    return (folder / "made.parquet").read_bytes()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("noise")
    (root / "photos").mkdir()
    for key, (_, high) in PAIRS.items():
        (root / f"photos/{key}.png").write_bytes(encoded(high))
    return prepare(root / "photos", scale=2, lmdb=True, root=root, jobs=1).path


@pytest.fixture(scope="module")
def hub(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A Hub with a set in each form, one by `datasets` itself, and several that cannot be loaded."""
    root = tmp_path_factory.mktemp("hub")
    with serve_hub(root / "xet") as hub:
        for form in FORMS:
            publish(prepared, to="lab/x", out=root / form, form=form, i_have_the_rights=True, jobs=1)
            put(hub, f"lab/{form}", files_in(root / form))
        rows = [{"image": {"bytes": encoded(high)}, "key": key} for key, (_, high) in PAIRS.items()]
        halves = [parquet(rows_of(rows[start::2]), root) for start in (0, 1)]
        card = b"---\nlicense: cc0-1.0\n---\n# Photos\n"
        put(
            hub,
            "lab/photos",
            {
                "README.md": card,
                **{f"data/train-0000{n}-of-00002.parquet": half for n, half in enumerate(halves)},
            },
        )
        both = parquet(table(PAIRS, lr="lq", hr="gt", key="id"), root)
        configs = "".join(
            f"- config_name: {name}\n  data_files:\n  - split: {split}\n    path: {name}/a.parquet\n"
            for name, split in (("easy", "train"), ("hard", "validation"))
        )
        put(
            hub,
            "lab/configs",
            {
                "README.md": f"---\nconfigs:\n{configs}---\n".encode(),
                "easy/a.parquet": both,
                "hard/a.parquet": both,
            },
        )
        put(hub, "old/Div2k", {"README.md": b"# DIV2K", "Div2k.py": b"import datasets"})
        put(hub, "lab/secret", {"data/train.parquet": halves[0]}, private=True)
        good = encoded(PAIRS["000"][1])
        damaged = [{"image": {"bytes": good}}, {"image": {"bytes": good[: len(good) // 2]}}]
        put(hub, "lab/damaged", {"data/train.parquet": parquet(rows_of(damaged), root)})
        put(hub, "lab/cut", {"data/train.parquet": halves[0][:-100]})
        yield hub
    assert not hub.bugs, hub.bugs[0]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def other(hub: Hub, cache: Path) -> Iterator[Elsewhere]:
    with elsewhere({"HF_ENDPOINT": hub.url, "HF_HOME": str(cache)}) as other:
        other(SETTING)
        yield other


SETTING = """
import json, os, numpy as np, torch
from srdata import PairedDataset, prepare
from srdata.data.datasets.streaming import StreamedPairs
def save(data, out):
    np.savez(out, **{f"{item['key']} {side}": item[side].permute(1, 2, 0).numpy()
                     for item in data for side in ("lr", "hr") if side in item})
"""


@pytest.mark.parametrize("kind", ["PairedDataset", "StreamedPairs"])
@pytest.mark.parametrize("form", FORMS)
def test_what_is_published_is_loaded_to_the_pixel(
    form: str, kind: str, prepared: Path, other: Elsewhere, tmp_path: Path
) -> None:
    other(f"data = {kind}('hf://lab/{form}', config='bicubic_x2', split='train', dtype=torch.uint8)")
    other(f"save(data, {str(tmp_path / 'got.npz')!r})")
    assert other.value("str(data.scale)") == "2"
    images = PreparedImages(prepared)
    with np.load(tmp_path / "got.npz") as found:
        assert len(found) == 2 * len(PAIRS)
        for row in range(len(images.index)):
            key = images.index.key(row)
            assert np.array_equal(found[f"{key} hr"], images.read(row, "hr"))
            assert np.array_equal(found[f"{key} lr"], images.read(row, "x2"))


def test_two_ranks_of_two_workers_stream_every_row_once(other: Elsewhere) -> None:
    for name in ("photos", "parquet"):
        other(f"""
from torch.utils.data import DataLoader
seen = []
for rank in (0, 1):
    data = StreamedPairs("hf://lab/{name}", patch_size=8, only="hr", rank=rank, world_size=2)
    seen += [key for batch in DataLoader(data, batch_size=2, num_workers=2) for key in batch["key"]]
""")
        assert sorted(other.value("seen")) == list(PAIRS)


def test_what_the_hub_declares_of_files_is_compared(hub: Hub, other: Elsewhere, tmp_path: Path) -> None:
    rows = parquet(rows_of([{"image": {"bytes": encoded(PAIRS["000"][1])}}]), tmp_path)
    commit = put(hub, "lab/declared", {"data/train.parquet": rows, "small.txt": b"few"})
    other("from pathlib import Path; from srdata.fetch.remote_files import bring_file, look_at")
    place = f"hf://datasets/lab/declared@{commit}"
    assert other.value(f"look_at('{place}/data/train.parquet').sha256") == hashlib.sha256(rows).hexdigest()
    bring = f"bring_file(look_at('{place}/{{}}'), Path({str(tmp_path / 'got')!r}))"
    for name in ("data/train.parquet", "small.txt"):
        other(bring.format(name))
    blob = hub.repositories["lab/declared"].files["small.txt"]
    other(f"small = look_at('{place}/small.txt')")
    object.__setattr__(blob, "data", b"FEW")
    told = other.error(f"bring_file(small, Path({str(tmp_path / 'got')!r}))")
    assert "HashMismatchError: hf://datasets/lab/declared" in told
    assert "small.txt has sha1" in told


def test_a_public_set_of_hr_images_alone(other: Elsewhere, tmp_path: Path) -> None:
    other("data = PairedDataset('hf://lab/photos', dtype=torch.uint8)")
    assert other.value("data.only") == "hr"
    other(f"save(data, {str(tmp_path / 'got.npz')!r})")
    with np.load(tmp_path / "got.npz") as found:
        assert all(np.array_equal(found[f"{key} hr"], high) for key, (_, high) in PAIRS.items())


def test_configs_splits_and_columns_are_chosen(other: Elsewhere) -> None:
    columns = "columns={'hr': 'gt', 'lr': 'lq', 'key': 'id'}"
    other(f"data = PairedDataset('hf://lab/configs', config='hard', {columns})")
    assert other.value("data.keys") == list(PAIRS)
    other("found = PairedDataset('hf://lab/configs', config='hard')")
    assert other.value("[found.only, len(found)]") == [None, len(PAIRS)], "gt and lq are known"
    wrong = {
        columns: "UsageError: hf://lab/configs holds the configs easy, hard: choose one with config=",
        "config='mild'": "UnknownNameError: hf://lab/configs has no config 'mild', it has easy, hard",
        "config='hard', split='train'": "UnknownNameError: hf://lab/configs has no split 'train', it has val",
        "config='hard', columns={'hr': 'HR'}": "UnknownNameError: hf://lab/configs validation has no "
        "column 'HR', it has images in lq, gt, other things in id: name them by columns=",
    }
    for kind in ("PairedDataset", "StreamedPairs"):
        for given, message in wrong.items():
            assert other.error(f"{kind}('hf://lab/configs', {given})").startswith(message)


def test_what_is_not_there_or_hidden_is_told_with_what_to_do(hub: Hub, other: Elsewhere) -> None:
    hub.next("info", fail(404, X_Error_Code="RepoNotFound"))
    assert "UsageError: there is no data set lab/none on the Hub, or it is hidden" in load(other, "lab/none")
    assert "UsageError: there is no data set lab/secret on the Hub, or it is hidden" in load(
        other, "lab/secret"
    )
    assert "no revision 'v9'" in load(other, "lab/photos@v9")
    other("os.environ['HF_TOKEN'] = 'hf_wrongTokenForTests'")
    assert "the Hub does not accept the token: log in by `hf auth login`" in load(other, "lab/secret")
    put(hub, "lab/gated", {"README.md": b"#"})
    for status in (401, 403):
        hub.next("info", fail(status, X_Error_Code="GatedRepo"))
        told = load(other, "lab/gated")
        assert "LicenceError: hf://lab/gated is gated: accept its terms on http://127.0.0.1" in told
    assert "TokenForTests" not in told
    other(f"os.environ['HF_TOKEN'] = {TOKEN!r}")
    assert other.value("len(PairedDataset('hf://lab/secret'))") == len(PAIRS) // 2
    other("del os.environ['HF_TOKEN']")


def load(other: Elsewhere, name: str) -> str:
    return other.error(f"PairedDataset('hf://{name}')")


def test_a_script_says_what_to_do(other: Elsewhere) -> None:
    told = load(other, "old/Div2k")
    assert told.startswith("UsageError: hf://old/Div2k is a script (Div2k.py), which `datasets` runs no more")
    assert "give the folders as hr= and lr=" in told


def test_what_is_damaged_is_named(other: Elsewhere) -> None:
    other("data = PairedDataset('hf://lab/damaged')")
    told = other.error("data[1]")
    assert told.startswith("ImageError: hf://lab/damaged train: row 1, column 'image': damaged image")
    assert load(other, "lab/cut").startswith("SourceError: hf://lab/cut cannot be loaded (")
    assert other.error("list(StreamedPairs('hf://lab/cut'))").startswith(
        "SourceError: hf://lab/cut cannot be"
    )


def test_a_pinned_revision_stays(hub: Hub, other: Elsewhere, cache: Path, tmp_path: Path) -> None:
    def rows(color: int) -> bytes:
        image = np.full((16, 16, 3), color, np.uint8)
        return parquet(rows_of([{"image": {"bytes": encoded(image)}}]), tmp_path)

    old = put(hub, "lab/moving", {"data/train.parquet": rows(1)})
    pixel = "int(PairedDataset('hf://lab/moving', dtype=torch.uint8{})[0]['hr'][0, 0, 0])"
    assert other.value(pixel.format("")) == 1
    put(hub, "lab/moving", {"data/train.parquet": rows(2)})
    assert other.value(pixel.format("")) == 2
    assert other.value(pixel.format(f", revision={old!r}")) == 1
    offline = {"HF_ENDPOINT": hub.url, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
    before = len(hub.requests)
    with elsewhere(offline) as cut_off:
        cut_off(SETTING)
        assert cut_off.value(pixel.format("")) == 2
        told = cut_off.error(pixel.format(f", revision={old!r}"))  # `datasets` would give the newer one
        assert told.startswith(f"SourceError: hf://lab/moving@{old}: the cache has another version")
        assert "is not in the cache, and HF_HUB_OFFLINE is set" in load(cut_off, "lab/never")
    assert len(hub.requests) == before


def test_a_set_is_prepared_of_the_original_bytes(
    hub: Hub, other: Elsewhere, prepared: Path, tmp_path: Path
) -> None:
    settings = f"scale=2, lmdb=True, root={str(tmp_path)!r}, jobs=2, log=told.append"
    other(f"told = []; made = prepare('hf://lab/photos', {settings})")
    commit = hub.repositories["lab/photos"].commits[-1].oid
    told = other.value("told")
    assert told[0] == f"licence of hf://lab/photos@{commit}: cc0-1.0, by its card"
    mine, theirs = PreparedImages(tmp_path / "photos-x2"), PreparedImages(prepared)
    assert mine.content.recipe["hub"] == {"repository": "lab/photos", "revision": commit}
    for row in range(len(mine.index)):
        key = mine.index.key(row)
        there = theirs.index.row(key)
        assert mine.index.source_sha256(row) == hashlib.sha256(encoded(PAIRS[key][1])).hexdigest()
        assert mine.index.pixels(row) == theirs.index.pixels(there)
    assert len(mine.index) == len(PAIRS)
    other(f"told = []; prepare('hf://lab/photos', {settings})")
    assert "is prepared already" in other.value("told")[-1]


def test_another_commit_makes_another_set(hub: Hub, other: Elsewhere, tmp_path: Path) -> None:
    rows = rows_of([{"image": {"bytes": encoded(PAIRS["000"][1])}}])
    old = put(hub, "lab/growing", {"data/train.parquet": parquet(rows, tmp_path)})
    settings = f"scale=2, root={str(tmp_path)!r}, jobs=1"
    other(f"prepare('hf://lab/growing', {settings})")
    more = rows_of([{"image": {"bytes": encoded(high)}} for _, high in PAIRS.values()])
    new = put(hub, "lab/growing", {"data/train.parquet": parquet(more, tmp_path)})
    told = other.error(f"prepare('hf://lab/growing', {settings})")
    assert "holds a set made by another recipe" in told
    assert old in told
    assert new in told
    other(f"again = prepare('hf://lab/growing@{old}', {settings})")
    assert other.value("again.content.counts") == {"train": 1}


def test_an_interrupted_download_is_gone_on_with(hub: Hub, other: Elsewhere, tmp_path: Path) -> None:
    rows = rows_of([{"image": {"bytes": encoded(PAIRS["000"][1]), "path": "a.png"}}])
    put(hub, "lab/flaky", {"data/train.parquet": parquet(rows, tmp_path)})
    settings = f"scale=2, root={str(tmp_path)!r}, jobs=1"
    hub.next("tree", fail(403))
    assert other.error(f"prepare('hf://lab/flaky', {settings})").startswith(
        "DownloadError: hf://lab/flaky: the Hub answers 403: run the same again"
    )
    other(f"again = prepare('hf://lab/flaky', {settings})")
    assert other.value("again.content.counts") == {"train": 1}


def test_columns_configs_and_bad_rows_of_a_source(other: Elsewhere, tmp_path: Path) -> None:
    settings = f"scale=2, root={str(tmp_path)!r}, jobs=1"
    told = other.error(f"prepare('hf://lab/configs', {settings})")
    assert "holds the configs easy, hard: choose one with config=" in told
    told = other.error(f"prepare('hf://lab/configs', config='hard', column='HR', {settings})")
    assert "it has images in lq, gt" in told
    other(f"told = prepare('hf://lab/configs', config='hard', name='told', {settings})")
    assert other.value("told.content.counts") == {"validation": len(PAIRS)}, "gt is HR"
    other(f"made = prepare('hf://lab/configs', config='hard', column='gt', {settings})")
    assert other.value("made.content.counts") == {"validation": len(PAIRS)}
    told = other.error(
        f"prepare('hf://lab/configs', config='hard', column='gt', splits=['test'], name='b', {settings})"
    )
    assert "has no split 'test', it has validation" in told
    told = other.error(f"prepare('hf://lab/damaged', {settings})")
    assert told.startswith("ImageError: ")
    assert "hf://lab/damaged" in told
    other(f"made = prepare('hf://lab/damaged', skip_bad=True, {settings})")
    assert other.value("[bad.key for bad in made.content.quarantine]") == ["train_000001"]
    assert "choose in a data set of the Hub" in other.error("prepare('sample', config='a')")


def test_a_key_that_leads_out_of_the_set_is_refused(hub: Hub, other: Elsewhere, tmp_path: Path) -> None:
    rows = rows_of([{"image": {"bytes": encoded(PAIRS["000"][1])}, "key": "../../x"}])
    put(hub, "lab/hostile", {"data/train.parquet": parquet(rows, tmp_path)})
    told = other.error(f"prepare('hf://lab/hostile', scale=2, root={str(tmp_path)!r}, jobs=1)")
    assert told.startswith("SourceError: hf://lab/hostile")
    assert "the key '../../x' leads out of the folder" in told


def test_a_data_set_cannot_name_the_login_as_an_image(
    hub: Hub, other: Elsewhere, cache: Path, tmp_path: Path
) -> None:
    (cache / "token").write_text("hf_secretOfTheUser")
    rows = datasets.Dataset.from_dict({"hr": [{"bytes": None, "path": str(cache / "token")}]})
    put(hub, "lab/thief", {"data/train.parquet": parquet(rows, tmp_path)})
    for kind in ("PairedDataset", "StreamedPairs"):
        told = other.error(f"next(iter({kind}('hf://lab/thief')))")
        assert "in place of an image" in told
        assert "secret" not in told


def test_the_command_line_takes_a_name_of_the_hub(other: Elsewhere, tmp_path: Path) -> None:
    other("from srdata.cli import run")
    fixed = ["--scale", "2", "--lmdb", "--root", str(tmp_path), "--jobs", "1"]
    chosen = ["--config", "easy", "--column", "gt", "--name", "easy"]
    assert other.value(f"run({['prepare', 'hf://lab/configs', *chosen, *fixed]!r})") == 0
    assert other.value(f"run({['prepare', 'hf://lab/configs', *fixed]!r})") == 2
    assert other.value(f"run({['verify', str(tmp_path / 'easy'), '--replay', '2']!r})") == 0


def test_the_plan_downloads_nothing(hub: Hub, other: Elsewhere, tmp_path: Path) -> None:
    rows = rows_of([{"image": {"bytes": encoded(PAIRS["000"][1])}}])
    commit = put(hub, "lab/planned", {"data/train.parquet": parquet(rows, tmp_path)})
    other("from srdata.preparation import plan")
    text = other.value(f"plan('hf://lab/planned', scale=2, root={str(tmp_path)!r})")
    assert f"commit    {commit}" in text
    assert f"licence of hf://lab/planned@{commit}: its card gives none" in text
    assert not [one for one in hub.asked("resolve") if "lab/planned" in one.path]


def test_the_hub_is_asked_when_a_set_is_planned_or_shown_and_not_before(
    hub: Hub, other: Elsewhere, tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(json.dumps({"scales": [2], "hub": {"repository": "lab/photos"}}))
    before = len(hub.requests)
    other("from srdata.recipes.read_recipe import read_set_recipe")
    assert other.value(f"read_set_recipe({str(file)!r}).hub.revision") is None
    assert other.value("read_set_recipe('hf://lab/photos@main').hub.revision") == "main"
    assert len(hub.requests) == before
    commit = hub.repositories["lab/photos"].commits[-1].oid
    pinned = json.loads(file.read_text()) | {"hub": {"repository": "lab/photos", "revision": commit}}
    (tmp_path / "pinned.yaml").write_text(json.dumps({**pinned, "name": "mine"}))
    other("from srdata.preparation import plan; from srdata.describe import describe")
    for seen in ("plan({!r})", "describe({!r}, full=True)"):
        assert other.value(seen.format(str(file))) == other.value(seen.format(str(tmp_path / "pinned.yaml")))


@pytest.mark.parametrize(
    ("card", "metadata"),
    [
        (b"---\nlicense: mit\n---\n# caf\xe9", {"license": "mit"}),
        (b"# no metadata", {}),
        (b"---\nlicense: [\n---\n", {}),
        (b"---\n- mit\n---\n", {}),
        (b"---\n" + b"[" * 3000, {}),
    ],
)
def test_a_card_that_cannot_be_read_says_nothing(card: bytes, metadata: object, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(card)
    assert card_in(tmp_path) == metadata


def test_names_of_the_hub() -> None:
    assert hub_name("hf://datasets/lab/x@v1") == HubName("lab/x", "v1")
    assert hub_name("hf://lab/x", "main") == HubName("lab/x", "main")
    assert str(HubName("lab/x", "v1")) == "hf://lab/x@v1"
    for wrong in ("hf://", "hf://lab/x/y", "hf://lab/x@", "hf://../x", "hf://lab/x y"):
        with pytest.raises(UsageError, match="names no data set of the Hub"):
            hub_name(wrong)
    with pytest.raises(UsageError, match="name two revisions"):
        hub_name("hf://lab/x@v1", "v2")


def test_a_recipe_names_a_data_set_of_the_hub(tmp_path: Path) -> None:
    commit = "0" * 40
    hub = {"repository": "lab/x", "revision": commit, "config": "a", "column": "gt", "key": "id"}
    (tmp_path / "mine.yaml").write_text(json.dumps({"scales": [2], "hub": hub}))
    recipe = read_set_recipe(tmp_path / "mine.yaml")
    assert recipe.resolved()["hub"] == hub
    (tmp_path / "two.yaml").write_text(json.dumps({"scales": [2], "source": "div2k", "hub": hub}))
    with pytest.raises(UsageError, match="give one of source"):
        read_set_recipe(tmp_path / "two.yaml")
    published = {"scales": [2], "hub": hub, "degradation": "published:bicubic"}
    (tmp_path / "published.yaml").write_text(json.dumps(published))
    with pytest.raises(UsageError, match="a data set of the Hub gives HR images only"):
        read_set_recipe(tmp_path / "published.yaml")
    other = recipe.changed(hub=recipe.hub.model_copy(update={"revision": "1" * 40}) if recipe.hub else None)
    assert other.digest != recipe.digest


def test_lr_images_alone_ask_for_the_column_that_is_hr(hub: Hub, other: Elsewhere, tmp_path: Path) -> None:
    rows = rows_of([{"lr": {"bytes": encoded(high)}} for _, high in PAIRS.values()])
    put(hub, "lab/low", {"data/train.parquet": parquet(rows, tmp_path)})
    other("from srdata.preparation import prepare")
    call = f"prepare('hf://lab/low', scale=2, lmdb=True, root={str(tmp_path)!r}, jobs=1"
    assert "name the column of HR images by --column" in other.error(f"{call})")
    assert other.value(f"{call}, column='lr').content.counts") == {"train": len(PAIRS)}

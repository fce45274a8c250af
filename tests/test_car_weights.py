"""Files of weights: what fits is loaded, everything else is refused with a line that says what to do."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from srdata.degrade.learned.car.network import KernelNetwork, empty_network
from srdata.degrade.learned.car.safetensors_file import notes_of, tensors_of, write_tensors
from srdata.degrade.learned.car.weights import load_kernel_network
from srdata.errors import HashMismatchError, UsageError

State = dict[str, Tensor]


def random_state(scale: int = 2, width: int = 2) -> State:
    generator = torch.Generator().manual_seed(scale)
    empty = empty_network(scale, width).state_dict()
    return {name: torch.rand(value.shape, generator=generator) for name, value in empty.items()}


def put(path: Path, data: bytes) -> tuple[Path, str]:
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


def load(file: tuple[Path, str], scale: int = 2, **options: bool) -> KernelNetwork:
    return load_kernel_network(file[0], scale, sha256=file[1], **options)


@pytest.mark.parametrize(("scale", "width"), [(2, 2), (4, 3), (8, 1)])
def test_safetensors_become_a_network_of_their_width(scale: int, width: int, tmp_path: Path) -> None:
    state = random_state(scale, width)
    network = load(put(tmp_path / "w.safetensors", save(state)), scale)
    assert (network.scale, network.width) == (scale, width)
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert network.ds_1[1].weight.requires_grad
    assert not network.sub_mean.weight.requires_grad


@pytest.mark.parametrize("zipped", [True, False])  # the authors' files are of 2020, not zipped
@pytest.mark.parametrize("prefix", ["module.", ""])
def test_a_pth_loads_only_when_it_is_allowed(zipped: bool, prefix: str, tmp_path: Path) -> None:
    state = random_state()
    path = tmp_path / "kgn.pth"
    torch.save(
        {prefix + name: value for name, value in state.items()}, path, _use_new_zipfile_serialization=zipped
    )
    file = put(path, path.read_bytes())
    with pytest.raises(UsageError, match=r"kgn.pth is a pickle, not safetensors: .* set allow_pth: true"):
        load(file)
    loaded = load(file, allow_pth=True).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


class Evil:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return open, ("/tmp/never",)


@pytest.mark.parametrize(
    "content",
    [
        {"ds_1.1.weight": Evil()},
        [torch.zeros(1)],
        {"ds_1.1.weight": "text"},
        {"x": torch.zeros(1).to_sparse()},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pth_that_holds_more_than_numbers_is_refused(content: object, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "kgn.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UsageError, match=r"save the network's state_dict\(\) as safetensors"):
        load(put(path, path.read_bytes()), allow_pth=True)


@pytest.mark.parametrize("data", [pickle.dumps(Evil(), 2), b"\x80", b"PK\x03\x04 torn", b"\x80\x02}q\x00."])
def test_a_damaged_pickle_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"kgn.pth (is damaged|holds no)"):
        load(put(tmp_path / "kgn.pth", data), allow_pth=True)


def test_torn_pickles_are_always_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "kgn.pth"
    torch.save(random_state(2, 1), path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for length in range(9, len(whole), len(whole) // 60):
        with pytest.raises(UsageError, match=r"kgn.pth"):
            load(put(path, whole[:length]), allow_pth=True)


def test_other_bytes_than_were_pinned_are_refused(tmp_path: Path) -> None:
    path, _ = put(tmp_path / "w.safetensors", save(random_state()))
    with pytest.raises(
        HashMismatchError, match=rf"{path} has the sha256 [0-9a-f]{{64}}, not 0{{64}}: get the file"
    ):
        load_kernel_network(path, 2, sha256="0" * 64)


def test_an_upper_case_hash_is_the_same_hash(tmp_path: Path) -> None:
    path, digest = put(tmp_path / "w.safetensors", save(random_state()))
    upper, lower = (load_kernel_network(path, 2, sha256=one).state_dict() for one in (digest.upper(), digest))
    assert {name: value.tolist() for name, value in upper.items()} == {
        name: value.tolist() for name, value in lower.items()
    }


@pytest.mark.parametrize("wrong", ["", "abc", "g" * 64, "0" * 63])
def test_a_hash_that_is_none_is_named(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no sha256: give the 64 digits"):
        load_kernel_network(tmp_path / "w.safetensors", 2, sha256=wrong)


def without(state: State, name: str) -> State:
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: without(s, "res_4.0.transform.1.bias"), "no res_4.0.transform.1.bias"),
        (lambda s: s | {"extra": torch.zeros(1)}, "an unknown extra"),
        (lambda s: s | {"ds_1.1.bias": torch.zeros(9)}, r"it has ds_1.1.bias \(9,\), not \(2,\)"),
        (lambda s: without(s, "ds_1.1.weight"), "holds no kernel network of CAR"),
        (lambda s: s | {"ds_1.1.weight": torch.zeros(3)}, "holds no kernel network of CAR"),
        (lambda s: random_state(4), "was trained for x4, not x2: give the weights for x2"),
        (lambda s: s | {"ds_1.1.bias": torch.tensor([0.0, float("nan")])}, "not finite"),
        (
            lambda s: {"module." + name: value for name, value in without(s, "ds_1.1.bias").items()},
            "no ds_1.1.bias",
        ),
        (lambda s: {f"{i}": torch.zeros(1) for i in range(9)} | s, "an unknown 2 and 6 more"),
        (lambda s: {}, "holds no kernel network of CAR"),
        (lambda s: s | {"ds_1.1.bias": torch.zeros(2, dtype=torch.int64)}, "holds I64; weights are floats"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    change: Callable[[State], State], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        load(put(tmp_path / "w.safetensors", save(change(random_state()))))


def header(entries: object, data: bytes = b"") -> bytes:
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + data


FOUR = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        b"\xff" * 8 + b"{}",
        (10**6).to_bytes(8, "little") + b"{}",
        b"\x02" + bytes(7) + b"[]",
        header({"a": FOUR | {"data_offsets": [0, 40]}}, bytes(4)),  # beyond the end
        header({"a": FOUR, "b": FOUR}, bytes(4)),  # two tensors on the same bytes
        header({"a": FOUR | {"shape": [2]}}, bytes(4)),
        header({"a": FOUR | {"dtype": "?"}}, bytes(4)),
        header({"a": FOUR | {"dtype": {}}}, bytes(4)),
        header({"a": 1}),
        header([1]),
        header({"__metadata__": 1, "a": FOUR}, bytes(4)),
        (80000).to_bytes(8, "little") + b'{"a":' + b"[" * 79995,
        header({"a" * (1 << 20): FOUR}, bytes(4)),  # a header larger than any network's
    ],
)
def test_hostile_headers_are_a_clear_error(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"w.safetensors (is|holds)"):
        load(put(tmp_path / "w.safetensors", data))


def test_flipped_bytes_are_a_clear_error_or_other_numbers(tmp_path: Path) -> None:
    data = save(random_state(2, 1))
    length = int.from_bytes(data[:8], "little")
    for place in range(0, 8 + length, 37):
        damaged = data[:place] + bytes([data[place] ^ 0x15]) + data[place + 1 :]
        with pytest.raises(UsageError, match=r"w.safetensors"):
            load(put(tmp_path / "w.safetensors", damaged))


def test_paths_that_are_no_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the weights .*none.safetensors: No such file"):
        load_kernel_network(tmp_path / "none.safetensors", 2, sha256="0" * 64)
    with pytest.raises(UsageError, match="is no file of weights"):
        load_kernel_network(tmp_path, 2, sha256="0" * 64)


def test_scales_that_the_network_has_not_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists for x2, x4 and x8, not x3"):
        load_kernel_network(tmp_path, 3, sha256="0" * 64)


def test_what_is_written_is_read_and_has_the_hash_that_was_returned(tmp_path: Path) -> None:
    state, notes = random_state(), {"step": 3, "settings": {"width": 2}}
    digest = write_tensors(tmp_path / "w.safetensors", state, notes)
    data = (tmp_path / "w.safetensors").read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest
    assert notes_of(data, "w") == notes
    assert all(torch.equal(value, state[name]) for name, value in tensors_of(data, "w").items())
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]
    assert write_tensors(tmp_path / "again.safetensors", state, notes) == digest
    assert notes_of(save(state), "w") == {}


@pytest.mark.parametrize("notes", ["{", "[1]"])
def test_damaged_notes_are_named(notes: str) -> None:
    with pytest.raises(UsageError, match="the notes in w are"):
        notes_of(save(random_state(), {"srdata": notes}), "w")

"""Every op of a degradation on the emulated device: values of the CPU, no waits, bounded memory."""

from __future__ import annotations

import pytest
import torch
from degrade_examples import CASES, drawn, op_of, photographs
from emulated_cuda import Emulated, value

from srdata.common.tensors.device_copies import Staging, brought, wanted
from srdata.common.tensors.shapes_alone import ShapesAlone
from srdata.common.tensors.torch_settings import own_settings
from srdata.degrade import load_device_chain
from srdata.degrade.lossy.jpeg import jpeg
from srdata.degrade.ops import OPS
from srdata.degrade.ops.blur import MedianBlur
from srdata.errors import RecipeError

ON_DEVICES = [case for case in CASES if not OPS[case[0]].host_only]


@pytest.mark.parametrize("case", ON_DEVICES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_ops_are_those_of_the_cpu_and_wait_for_nothing(device: Emulated, case: tuple[str, int]) -> None:
    op = op_of(case)
    hr = torch.from_numpy(photographs(48, 64).copy())
    params = drawn(op, len(hr), 48, 64)
    expected = op.apply(hr, params)
    there = hr.to("cuda")
    with own_settings(there.device):
        op.apply(there, params)  # what is kept on the device for good is made by the first call
        device.reset()
        found = op.apply(there, params)
    assert found.device.type == "cuda"
    assert device.waits == []
    assert device.races == []
    assert float((value(found) - expected).abs().max()) <= 1e-5


@pytest.mark.parametrize("case", ON_DEVICES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_what_ops_ask_for_is_known_by_shapes_alone(device: Emulated, case: tuple[str, int]) -> None:
    """So that it is sent with the batch, see `srdata.data.loading.device_stream`."""
    op = op_of(case)
    hr = torch.from_numpy(photographs(48, 64).copy())
    params, there = drawn(op, len(hr), 48, 64), hr.to("cuda")
    with own_settings(there.device):
        expected = op.apply(there, params)
        with wanted() as numbers, ShapesAlone():
            shape = op.apply(hr.to("meta"), params).shape
        tensors = iter(Staging.of(numbers, pin=True).on(there.device))
        device.reset()
        with brought(tensors):
            found = op.apply(there, params)
    assert list(tensors) == []
    assert device.counts["copies to the device"] == 0
    assert shape == found.shape
    assert torch.equal(value(found), value(expected))


def test_images_of_ops_that_are_kin_go_together_and_come_back_in_place(device: Emulated) -> None:
    """Blurs of several settings, none at all, and ways that part and meet again."""
    branches = [
        {"steps": {"op": "blur", "shape": "aniso", "size": [7, 21]}},
        {"steps": [{"op": "blur", "size": 9}, {"op": "jpeg"}]},
        {"steps": []},
        {"steps": {"op": "blur", "shape": "sinc"}},
    ]
    once = {"op": "maybe", "p": 0.5, "steps": {"op": "blur"}}
    chain = load_device_chain([{"op": "one_of", "branches": branches}, once, {"op": "resize", "to": "lr"}])
    hr = torch.from_numpy(photographs(48, 64, count=5).copy()).repeat(2, 1, 1, 1)
    deltas = chain.sample_batch([str(place) for place in range(len(hr))], 0, group=len(hr))
    together = value(chain.apply(hr.to("cuda"), deltas, 2))
    alone = [chain.apply(hr[k : k + 1], deltas[k : k + 1], 2) for k in range(len(hr))]
    assert float((together - torch.cat(alone)).abs().max()) <= 1e-5


def test_medians_take_bounded_memory(device: Emulated) -> None:
    """The neighbours of all pixels at once would be 441 times the batch."""
    hr = torch.rand(2, 3, 200, 200).to("cuda")
    device.reset()
    MedianBlur().apply(hr, [{"size": 21}] * 2)
    assert device.largest <= 1 << 26


def test_what_a_device_is_too_slow_for_is_refused() -> None:
    with pytest.raises(RecipeError, match="error_diffusion can only run on the CPU"):
        load_device_chain([{"op": "error_diffusion"}])


def test_constants_made_by_one_stream_are_there_for_all(device: Emulated) -> None:
    image = torch.rand(1, 3, 20, 20).to("cuda")
    for _ in range(3):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            jpeg(image, 50)
        image.record_stream(stream)
    assert device.races == []

"""Chains: what is drawn depends on its address alone, what is applied on δ alone, mistakes are named."""

from __future__ import annotations

import itertools
import json
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any, Union

import numpy as np
import pytest
import torch
from degrade_examples import photographs
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from srdata.degrade.chain import Chain, load_chain, load_device_chain
from srdata.degrade.model.composite import Step
from srdata.degrade.model.named_ops import OpByName
from srdata.degrade.model.op import Op
from srdata.degrade.numerics import backend
from srdata.degrade.ops import OPS
from srdata.degrade.whole_images import degrade, replay
from srdata.errors import RecipeError, UnknownNameError, UsageError
from srdata.images import read_image
from srdata.resize import imresize

BLUR, NOISE, JPEG = {"op": "blur"}, {"op": "gaussian_noise", "sigma": [1, 30]}, {"op": "jpeg"}
TO_LR = {"op": "resize", "to": "lr"}
LONG = [BLUR, NOISE, JPEG, BLUR, TO_LR, NOISE, JPEG]


def flat(delta: list[Step]) -> list[tuple[str, Any]]:
    """The ops of a δ with what they drew, choices opened."""
    found: list[tuple[str, Any]] = []
    for step in delta:
        params = step["params"]
        if "order" in params:
            found += [pair for item in params["order"] for pair in flat(params["steps"][item])]
        elif "turns" in params:
            found += [pair for turn in params["turns"] for pair in flat(turn)]
        elif "steps" in params:
            found += flat(params["steps"])
        else:
            found.append((step["op"], params))
    return found


def tensor(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(x))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_is_imresize_and_never_leaves_uint8(
    photographs: Path, scale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hr = read_image(photographs / "rocket.jpg")
    monkeypatch.setattr(backend, "from_levels", None)
    lr, _, delta = degrade(hr, "bicubic", scale, key="rocket")
    covered = hr[: hr.shape[0] // scale * scale, : hr.shape[1] // scale * scale]
    assert np.array_equal(lr, imresize(covered, 1 / scale))
    assert delta == [{"op": "imresize", "version": 1, "params": {}}]


def test_draws_are_those_of_the_address() -> None:
    chain = load_chain(LONG)
    assert chain.sample(1, 0, "a") == chain.sample(1, 0, "a")
    others = [chain.sample(*address) for address in ((2, 0, "a"), (1, 1, "a"), (1, 0, "b"))]
    assert all(other != chain.sample(1, 0, "a") for other in others)


def test_adding_and_removing_ops_moves_no_other_draw() -> None:
    whole = flat(load_chain(LONG).sample(7, "a"))
    assert flat(load_chain([*LONG[:3], {"op": "gamma"}, *LONG[3:]]).sample(7, "a")) == [
        *whole[:3],
        flat(load_chain([{"op": "gamma"}]).sample(7, "a"))[0],
        *whole[3:],
    ]
    assert flat(load_chain([BLUR, NOISE, BLUR, TO_LR, NOISE]).sample(7, "a")) == [
        pair for pair in whole if pair[0] != "jpeg"
    ]


def test_reordering_and_wrapping_moves_no_draw() -> None:
    plain = dict(flat(load_chain([BLUR, NOISE, JPEG]).sample(3)))
    shuffled = load_chain([{"op": "shuffled", "items": [JPEG, BLUR, NOISE]}])
    maybe = load_chain([{"op": "maybe", "p": 1.0, "steps": [BLUR, NOISE, JPEG]}])
    assert dict(flat(shuffled.sample(3))) == plain == dict(flat(maybe.sample(3)))


@pytest.mark.parametrize("weights", [(1, 0), (0, 1)])
def test_a_branch_not_taken_keeps_its_numbers(weights: tuple[int, int]) -> None:
    branches = [{"weight": weights[0], "steps": [BLUR, BLUR]}, {"weight": weights[1], "steps": NOISE}]
    last = flat(load_chain([{"op": "one_of", "branches": branches}, BLUR]).sample(5))[-1]
    assert last == flat(load_chain([BLUR, BLUR, BLUR]).sample(5))[-1]


def test_repetitions_draw_anew_and_keep_the_numbers_of_what_follows() -> None:
    once, thrice = (
        flat(load_chain([{"op": "repeat", "times": times, "steps": BLUR}, BLUR]).sample(5))
        for times in (1, 3)
    )
    assert once[-1] == thrice[-1]
    assert once[0] == thrice[0]
    assert len({json.dumps(params) for _, params in thrice}) == 4


def test_choices_are_as_likely_as_written() -> None:
    chain = load_chain(
        [
            {"op": "one_of", "branches": [{"weight": 1, "steps": []}, {"weight": 3, "steps": JPEG}]},
            {"op": "maybe", "p": 0.3, "steps": NOISE},
            {"op": "repeat", "times": [0, 3], "steps": BLUR},
        ]
    )
    drawn = [[step["params"] for step in chain.sample(n)] for n in range(4000)]
    assert np.mean([one[0]["branch"] for one in drawn]) == pytest.approx(0.75, abs=0.03)
    assert np.mean([one[1]["applied"] for one in drawn]) == pytest.approx(0.3, abs=0.03)
    turns = np.bincount([len(one[2]["turns"]) for one in drawn]) / len(drawn)
    assert turns == pytest.approx([0.25] * 4, abs=0.03)


def test_shuffles_are_even_and_keep_what_is_in_order() -> None:
    items = [BLUR, NOISE, JPEG]
    orders = [
        load_chain([{"op": "shuffled", "items": items}]).sample(n)[0]["params"]["order"] for n in range(3000)
    ]
    counts = [orders.count(list(order)) / len(orders) for order in itertools.permutations(range(3))]
    assert counts == pytest.approx([1 / 6] * 6, abs=0.03)
    kept = load_chain([{"op": "shuffled", "items": items, "in_order": [0, 2]}])
    orders = [kept.sample(n)[0]["params"]["order"] for n in range(300)]
    assert all(order.index(0) < order.index(2) for order in orders)
    assert {order.index(1) for order in orders} == {0, 1, 2}
    still = load_chain([{"op": "shuffled", "items": items, "p": 0.0}])
    assert all(still.sample(n)[0]["params"]["order"] == [0, 1, 2] for n in range(50))


def test_a_group_shares_what_decides_sizes_and_nothing_else() -> None:
    chain = load_chain([BLUR, {"op": "resize", "factor": [0.5, 2]}, TO_LR, NOISE])
    deltas = chain.sample_batch(["a", "b", "c", "d"], 0, 0, group=2)
    factors = [delta[1]["params"]["factor"] for delta in deltas]
    assert factors[0] == factors[1] != factors[2] == factors[3]
    assert len({json.dumps(delta[0]) for delta in deltas}) == 4
    assert chain.sample_batch(["a", "b"], 0, 0) == [chain.sample(0, 0, "a"), chain.sample(0, 0, "b")]


@pytest.mark.parametrize("group", [1, 2, 4])
@pytest.mark.parametrize("name", ["realesrgan-x4", "bsrgan", "bsrgan-plus"])
def test_an_image_is_the_same_alone_and_within_a_batch(name: str, group: int) -> None:
    chain, x = load_chain(name), np.concatenate([photographs(80, 96)] * 2)
    deltas = chain.sample_batch(list("abcd"), 0, 0, group=group)
    for batch in (x, tensor(x)):
        together = chain.pair(batch, deltas, 4)
        assert together.lr.shape == (4, 3, 20, 24)
        for place in range(4):
            alone = chain.pair(batch[place : place + 1], deltas[place : place + 1], 4)
            assert np.abs(np.asarray(alone.lr[0]) - np.asarray(together.lr[place])).max() < 1.1 / 255
            assert np.abs(np.asarray(alone.hr[0]) - np.asarray(together.hr[place])).max() < 1.1 / 255


def test_image_and_batch_are_one() -> None:
    chain, x = load_chain("realesrgan-x4"), photographs(80, 96)
    for place, image in enumerate(backend.images(x)):
        delta = chain.sample(0, place)
        pair = chain.pair_image(backend.to_levels(image), delta, 4)
        batch = chain.pair(x[place : place + 1], [delta], 4)
        assert np.array_equal(pair.lr, backend.to_levels(backend.images(batch.lr)[0]))
        assert np.array_equal(pair.hr, backend.to_levels(backend.images(batch.hr)[0]))


def test_stages_end_at_lr() -> None:
    chain, hr = load_chain("realesrgan-x4"), backend.to_levels(backend.images(photographs(80, 96))[0])
    delta = chain.sample(4)
    stages = list(chain.stages(hr, delta, 4))
    pair = chain.pair_image(hr, delta, 4)
    seen = [(name, params) for name, params, _ in stages if name != "resize"]  # which are told the final size
    assert seen == [pair for pair in flat(delta) if pair[0] != "resize"]
    assert np.array_equal(stages[0][2], pair.hr)
    assert np.array_equal(stages[-1][2], pair.lr)


def test_replay_from_the_kept_hr_and_json() -> None:
    chain, hr = load_chain("realesrgan-x4"), backend.to_levels(backend.images(photographs(80, 96))[0])
    lr, _, delta = degrade(hr, chain, 4, key="a")
    told = json.loads(json.dumps(delta))
    assert np.array_equal(replay(hr, load_chain(chain.resolved()), told, 4), lr)
    kept = chain.pair_image(hr, delta, 4).hr
    assert np.array_equal(replay(kept, chain, told, 4, hr_done=True), lr)


def test_a_delta_of_other_ops_is_refused() -> None:
    chain, hr = load_chain([JPEG]), np.zeros((8, 8, 3), np.uint8)
    for delta in (
        [{"op": "blur", "version": 1, "params": {}}],
        [{"op": "jpeg", "version": 99, "params": {}}],
    ):
        with pytest.raises(UsageError, match="drawn by other ops"):
            replay(hr, chain, delta, 1)


def test_chains_survive_pickle_and_their_resolved_form() -> None:
    chain = load_chain("bsrgan")
    assert pickle.loads(pickle.dumps(chain)) == chain  # noqa: S301  # what this test just wrote
    assert load_chain(chain.resolved()).steps == chain.steps


def test_a_chain_must_end_at_the_lr_size() -> None:
    with pytest.raises(UsageError, match=r"ends at 16x8 instead of 4x2.*to: lr"):
        degrade(np.zeros((8, 16, 3), np.uint8), [JPEG], 4)
    with pytest.raises(UsageError, match="ends at 16x8"):
        load_chain([JPEG]).apply(np.zeros((1, 3, 8, 16), np.float32), [load_chain([JPEG]).sample(0)], 4)


def test_a_scale_or_size_that_does_not_fit_is_refused() -> None:
    chain = load_chain("bsrgan")
    with pytest.raises(UsageError, match="made for x4, not for x3"):
        degrade(np.zeros((12, 12, 3), np.uint8), chain, 3)
    with pytest.raises(UsageError, match="crop it to 4x8"):
        chain.pair(np.zeros((1, 3, 9, 7), np.float32), [chain.sample(0)], 4)
    with pytest.raises(UsageError, match="smaller than an LR pixel"):
        degrade(np.zeros((3, 12, 3), np.uint8), chain, 4)


WRONG = """\
steps:
  - op: blur
    sigma: -1
  - op: blur
    sigma: [3, 1]
  - op: jpeg
    quality: 0
  - op: gaussian_nois
  - {op: resize, to: lr, methd: area}
  - op: maybe
    p: 1.5
    steps: {op: blur, size: 4}
  - {op: resize}
  - {op: resize, to: lr, factor: 0}
  - {op: one_of, branches: [{weight: 0, steps: []}]}
  - {op: shuffled, items: [{op: jpeg}]}
  - {op: blur, sigma: "2"}
scales: [0]
"""


def test_every_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG)
    with pytest.raises(RecipeError) as caught:
        load_chain(path)
    text = str(caught.value)
    for line, what in [
        (3, "steps[0].sigma: -1 must be within 0"),
        (5, "steps[1].sigma: the range [3, 1] is empty"),
        (7, "steps[2].quality"),
        (8, "did you mean 'gaussian_noise'?"),
        (9, "did you mean 'method'?"),
        (11, "p: 1.5 must be within 0 … 1"),
        (12, "size"),
        (13, "resize changes nothing"),
        (14, "factor"),
        (15, "weight 0"),
        (16, "items: must hold at least 2, not 1"),
        (17, 'sigma: must be a number or a range [low, high], not "2"'),
        (18, "scales[0]: 0 must be within 1 … 64"),
    ]:
        found = [problem for problem in text.splitlines() if problem.startswith(f"{path}:{line}: ")]
        assert found, f"no problem of line {line} in:\n{text}"
        assert any(what in problem for problem in found), (what, found)


MISTAKEN = (
    *("blur", 3, None, [], {}, {"op": 3}, {"op": None}, {"op": "gausian_blur"}),
    *({"op": "jpeg", "qualty": 9}, {"op": "jpeg", "quality": [30, 195]}, {"op": "imresize", "version": 9}),
    *({"op": "one_of"}, {"op": "one_of", "branches": [{"steps": []}], "weights": 1}, {"op": "kernel_blur"}),
    *({"op": "shuffled", "items": []}, {"op": "maybe", "p": 0.5, "steps": [3]}, {"op": "network"}),
)


@pytest.mark.parametrize("value", MISTAKEN, ids=str)
def test_an_op_is_refused_as_by_a_union_of_all_that_op_tells_apart(value: object) -> None:
    by_name: TypeAdapter[Op] = TypeAdapter(Annotated[Op, OpByName(OPS)])
    kinds = tuple(OPS.values())
    union: TypeAdapter[Op] = TypeAdapter(Annotated[Union[kinds], Field(discriminator="op")])  # noqa: UP007  # of a table
    for validate in (
        lambda one: one.validate_python(value),
        lambda one: one.validate_json(json.dumps(value)),
    ):
        found = []
        for adapter in (by_name, union):
            with pytest.raises(ValidationError) as caught:
                validate(adapter)
            found.append([(one["loc"], one["msg"]) for one in caught.value.errors()])
        assert found[0] == found[1]


def test_the_nearest_setting_is_named_within_ops_made_of_ops() -> None:
    branch = {"weigth": 1, "steps": [{"op": "maybe", "p": 0.5, "steps": {"op": "jpeg", "qualiti": 3}}]}
    with pytest.raises(RecipeError) as caught:
        load_chain([{"op": "one_of", "branches": [branch]}])
    assert "branches[0].weigth: is not known here, did you mean 'weight'?" in str(caught.value)
    assert "steps[0].steps.qualiti: is not known here, did you mean 'quality'?" in str(caught.value)


def test_what_may_change_sizes_may_not_be_done_to_hr() -> None:
    with pytest.raises(RecipeError, match=r"hr: .*resize may change the size of HR"):
        load_chain({"hr": [{"op": "resize", "factor": 0.5}], "steps": [TO_LR]})


HOST_ONLY = """\
hr:
  - {op: unsharp_mask}
  - quality: 50
    op: avif
steps:
  - op: one_of
    branches:
      - steps: []
      - weight: 2
        steps:
          - op: jpeg
          - op: webp
  - op: maybe
    p: 0.5
    steps: {op: jxl}
  - op: shuffled
    items:
      - - {op: blur}
        - {op: riemersma_dither}
      - op: repeat
        times: 2
        steps:
          - op: maybe
            p: 0.1
            steps:
              op: video
"""


def test_every_host_only_op_is_refused_on_a_device_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "host.yaml"
    path.write_text(HOST_ONLY)
    load_chain(path)
    with pytest.raises(RecipeError) as caught:
        load_device_chain(path)
    what = "can only run on the CPU: leave it out, or degrade in workers"
    assert str(caught.value).splitlines() == [
        f"{path}:4: hr[1].op: avif {what}",
        f"{path}:12: steps[0].branches[1].steps[1].op: webp {what}",
        f"{path}:15: steps[1].steps.op: jxl {what}",
        f"{path}:19: steps[2].items[0][1].op: riemersma_dither {what}",
        f"{path}:26: steps[2].items[1].steps[0].steps.op: video {what}",
    ]


def test_a_host_only_op_out_of_no_file_is_refused_by_its_place() -> None:
    steps = [JPEG, {"op": "maybe", "p": 0.5, "steps": ({"op": "webp"},)}]
    for chain in (steps, load_chain(steps)):
        with pytest.raises(RecipeError, match=r"^degradation: steps\[1\]\.steps\[0\]\.op: webp can only run"):
            load_device_chain(chain)


def test_a_chain_without_host_only_ops_is_that_of_the_host() -> None:
    chain = load_chain("realesrgan-x4")
    assert load_device_chain("realesrgan-x4") == chain
    assert load_device_chain(chain) is chain


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'bsrgan'"):
        load_chain("bsrgn")


def test_unrounded_chains_leave_noise_as_it_is() -> None:
    chain = load_chain("denoise-color-50")
    noisy = chain.apply(np.zeros((1, 3, 16, 16), np.float32), [chain.sample(0)], 1)
    assert noisy.min() < -0.1
    rounding = Chain(steps=chain.steps)
    levels = rounding.apply(np.zeros((1, 3, 16, 16), np.float32), [chain.sample(0)], 1) * 255
    assert np.allclose(levels, levels.round(), atol=1e-4)
    assert levels.min() == 0


def test_reading_chains_loads_no_torch() -> None:
    code = (
        "import sys, srdata.degrade.chain as c; c.load_chain('realesrgan-x4'); print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_models_are_built_by_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pydantic 2.11 failed in one of twenty processes whose threads read their first chains at once."""
    under_way: list[type] = []

    def built(kind: type[BaseModel], **how: Any) -> None:
        under_way.append(kind)
        time.sleep(0.05)
        assert under_way == [kind]
        under_way.remove(kind)

    monkeypatch.setattr(BaseModel, "model_rebuild", classmethod(built))
    failed: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    threads = [threading.Thread(target=kind.model_rebuild) for kind in (Chain, OPS["jpeg"], OPS["maybe"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed

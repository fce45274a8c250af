"""What every op promises, checked over the whole table: see `srdata.degrade.model.op`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from degrade_examples import (
    CASES,
    COLOURED,
    EXAMPLES,
    LEARNED,
    PARTS,
    WRONG,
    drawn,
    op_of,
    photographs,
)

from srdata.degrade.chain import load_chain
from srdata.degrade.model.composite import Choice
from srdata.degrade.model.op import BytesOp, name_of
from srdata.degrade.numerics import backend
from srdata.degrade.ops import OPS
from srdata.errors import RecipeError

LEVEL = 1 / 255
CLOSE = 4e-5  # a hundredth of a level: what floats leave of the sums of large kernels
SIDES = (45, 62)  # odd on purpose

each_op = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")


def tensor(x: np.ndarray, device: str = "cpu") -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(x)).to(device)


class OnlyRandom:
    """A generator that has no other way to draw than `random()`."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(3)
        self.asked = False

    def random(self) -> float:
        self.asked = True
        return float(self._rng.random())


def test_every_op_has_an_example() -> None:
    assert set(EXAMPLES) <= set(OPS)
    assert {name: name_of(kind) for name, kind in OPS.items()} == {name: name for name in OPS}
    assert {case[0] for case in CASES} == set(OPS) - LEARNED


@each_op
def test_draws_by_random_alone_and_survives_json(case: Any) -> None:
    op = op_of(case)
    rng: Any = OnlyRandom()
    first, again = drawn(op, 1, *SIDES), drawn(op, 1, *SIDES)
    assert first == again
    assert isinstance(op.sample(rng), dict)
    assert op.draws or not rng.asked


@each_op
def test_result_has_the_promised_shape_type_and_range(case: Any) -> None:
    op, x = op_of(case), photographs(*SIDES)
    params = drawn(op, 2, *SIDES)
    for batch in (x, tensor(x)):
        result = op.apply(batch, params)
        assert type(result) is type(batch)
        assert str(result.dtype).endswith("float32")
        assert result.shape[:2] == batch.shape[:2]
        assert 0 <= float(result.min()) <= float(result.max()) <= 1
        if not op.sets_size:
            assert result.shape == batch.shape
        elif getattr(op, "to", "lr") == "lr" and getattr(op, "step", None) is None:
            assert abs(result.shape[2] - SIDES[0] / PARTS) < 1
            assert abs(result.shape[3] - SIDES[1] / PARTS) < 1


@each_op
def test_input_is_untouched(case: Any) -> None:
    op, x = op_of(case), photographs(*SIDES)
    params = drawn(op, 2, *SIDES)
    for batch in (x.copy(), tensor(x.copy())):
        kept = [dict(one) for one in params]
        op.apply(batch, params)
        assert np.array_equal(np.asarray(batch), x)
        assert params == kept


@each_op
def test_alone_is_as_within_a_batch(case: Any) -> None:
    op, x = op_of(case), photographs(*SIDES, count=3)
    params = drawn(op, 3, *SIDES)
    for batch in (x, tensor(x)):
        together = op.apply(batch, params)
        alone = [op.apply(batch[k : k + 1], params[k : k + 1]) for k in range(3)]
        assert np.abs(np.asarray(together) - np.concatenate([np.asarray(one) for one in alone])).max() < 1e-5


@each_op
def test_numpy_and_torch_agree(case: Any) -> None:
    op, colour = op_of(case), photographs(*SIDES)
    params = drawn(op, 2, *SIDES)
    for x in (colour,) if case[0] in COLOURED else (colour, colour[:, :1]):
        assert np.abs(op.apply(x, params) - np.asarray(op.apply(tensor(x), params))).max() <= CLOSE


@pytest.mark.cuda
@each_op
def test_numpy_and_cuda_agree(case: Any) -> None:
    op, x = op_of(case), photographs(*SIDES)
    params = drawn(op, 2, *SIDES)
    on_device = op.apply(tensor(x, "cuda"), params).cpu().numpy()
    assert np.abs(op.apply(x, params) - on_device).max() <= LEVEL


@each_op
def test_grey_and_tiny_images_work(case: Any) -> None:
    op = op_of(case)
    for height, width in ((5, 7), (4, 2)):
        x = photographs(height, width)[:, :1]
        params = drawn(op, 2, height, width)
        for batch in (x, tensor(x)):
            if case[0] in COLOURED:
                continue  # tested with their rules elsewhere
            assert op.apply(batch, params).shape[1] == 1


@each_op
def test_bytes_and_floats_are_one(case: Any) -> None:
    op = op_of(case)
    if not isinstance(op, BytesOp) or op.in_floats:
        pytest.skip("works on floats")
    x = photographs(*SIDES)
    params = drawn(op, 2, *SIDES)
    floats = op.apply(x, params)
    for image, one, result in zip(backend.images(x), params, backend.images(floats), strict=True):
        levels = backend.to_levels(image)
        assert np.array_equal(op.on_bytes(levels, one), backend.to_levels(result))
        assert np.array_equal(levels, backend.to_levels(image))


@each_op
def test_resolved_form_reads_back(case: Any) -> None:
    op = op_of(case)
    plain = op.model_dump(mode="json")
    assert plain["op"] == case[0]
    assert plain["version"] == op.version
    assert type(op).model_validate_json(type(op).model_validate(plain).model_dump_json()) == op


@each_op
def test_is_frozen(case: Any) -> None:
    op = op_of(case)
    with pytest.raises(ValueError, match="frozen"):
        op.op = "other"


def test_choices_hold_every_kind_of_op() -> None:
    inside = [name for name, kind in OPS.items() if issubclass(kind, Choice)]
    assert inside == ["one_of", "maybe", "shuffled", "repeat"]


@pytest.mark.parametrize(("name", "settings", "message"), WRONG)
def test_wrong_settings_are_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_chain([{"op": name, **settings}])

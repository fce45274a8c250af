"""Self-ensemble: the turns are numpy's, the average is the published one, for every size, type and scale."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from srdata.dihedral.array_turns import TURNS, turn_all
from srdata.dihedral.tensor_turns import turned, unturned
from srdata.errors import UsageError
from srdata.inference.ensemble import TRANSFORMS, SelfEnsemble, self_ensemble

Array = NDArray[np.float32]
SIZES = [(7, 7), (7, 5), (5, 8), (1, 3), (1, 1)]

# The turns in numpy's words, and how to undo them.
BY_NUMPY: dict[int, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    0: (lambda a: a, lambda a: a),
    1: (np.fliplr, np.fliplr),
    2: (np.flipud, np.flipud),
    3: (lambda a: np.rot90(a, 2), lambda a: np.rot90(a, 2)),
    4: (np.transpose, np.transpose),
    5: (lambda a: np.rot90(a, -1), lambda a: np.rot90(a, 1)),
    6: (lambda a: np.rot90(a, 1), lambda a: np.rot90(a, -1)),
    7: (lambda a: np.rot90(a, 2).T, lambda a: np.rot90(a.T, 2)),
}


def image(height: int, width: int, channels: int = 3, count: int = 2) -> Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(height))


class Net(nn.Module):
    """Sees which way is up: no turn of its input merely turns its output."""

    def __init__(self, scale: int = 3, channels: int = 3, gives: int = 3) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.body = nn.Conv2d(channels, gives * scale**2, 3, padding=1)
        self.up = nn.PixelShuffle(scale)
        self.calls: list[tuple[int, ...]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append(tuple(x.shape))
        made: Tensor = self.up(self.body(x).tanh())
        return made


@pytest.mark.parametrize("turn", range(TURNS))
@pytest.mark.parametrize("size", SIZES)
def test_turns_are_those_of_numpy_and_of_the_data_set(turn: int, size: tuple[int, int]) -> None:
    x = image(*size)
    there, back = BY_NUMPY[turn]
    for plane, wanted in zip(turned(x, turn)[0], x[0].numpy(), strict=True):
        assert np.array_equal(plane.numpy(), there(wanted))
        assert np.array_equal(unturned(plane, turn).numpy(), back(plane.numpy()))
    assert torch.equal(unturned(turned(x, turn), turn), x)
    pixels = (x * 255).byte()
    stored = turn_all(pixels.permute(0, 2, 3, 1).contiguous().numpy(), [turn] * len(x))
    assert np.array_equal(turned(pixels, turn).permute(0, 2, 3, 1).numpy(), stored)


def test_four_are_the_quarter_turns_and_two_the_flip() -> None:
    x = torch.arange(6).reshape(2, 3)
    quarters = [turned(x, turn).tolist() for turn in TRANSFORMS[4]]
    assert quarters == [torch.rot90(x, k).tolist() for k in range(4)]
    assert [turned(x, turn).tolist() for turn in TRANSFORMS[2]] == [x.tolist(), x.flip(1).tolist()]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("transforms", [8, 4, 2])
@pytest.mark.parametrize("reduce", ["mean", "median"])
def test_it_is_numpys_average_of_outputs_turned_back(size: tuple[int, int], transforms: int, reduce) -> None:
    net, x = Net(gives=2), image(*size)
    outputs = []
    for there, back in (BY_NUMPY[turn] for turn in TRANSFORMS[transforms]):
        given = np.stack([[there(plane) for plane in one] for one in x.numpy()])
        made = net(torch.from_numpy(given.copy())).detach().numpy()
        outputs.append(np.stack([[back(plane) for plane in one] for one in made]))
    wanted = {"mean": np.mean, "median": np.median}[reduce](outputs, axis=0)
    assert np.abs(outputs[0] - wanted).max() > 0.05  # the ensemble does something here
    made = self_ensemble(net, x, transforms=transforms, reduce=reduce)
    assert made.shape == (2, 2, 3 * size[0], 3 * size[1])
    np.testing.assert_allclose(made.numpy(), wanted, atol=1e-6)


def test_edsrs_definition_gives_the_same() -> None:
    """The list grows by a flip of columns, of rows, then a transposition; inverses go in reverse order."""
    net, x = Net(), image(6, 9)
    inputs = [x]
    for change in (lambda t: t.flip(3), lambda t: t.flip(2), lambda t: t.transpose(2, 3)):
        inputs += [change(one) for one in inputs]
    outputs = [net(one) for one in inputs]
    for number, output in enumerate(outputs):
        output = output.transpose(2, 3) if number > 3 else output
        output = output.flip(2) if number % 4 > 1 else output
        outputs[number] = output.flip(3) if number % 2 else output
    torch.testing.assert_close(self_ensemble(net, x), torch.cat(outputs).unflatten(0, (8, 2)).mean(0))


def test_by_hand() -> None:
    """Row sums that run to the right, of [[1, 2], [4, 8]]; each of the 8 outputs is written out."""
    x = torch.tensor([[[[1.0, 2.0], [4.0, 8.0]]]])
    by_rows = [[[1, 3], [4, 12]], [[3, 2], [12, 8]]]  # as it is, and left-right, turned back
    by_columns = [[[1, 2], [5, 10]], [[5, 10], [4, 8]]]  # the same, down and up
    four = torch.tensor([*by_rows, *by_columns], dtype=torch.float32)
    # Flipping rows does not change row sums, so each of the four comes twice.
    run = lambda image: image.cumsum(3)  # noqa: E731
    assert self_ensemble(run, x)[0, 0].tolist() == four.mean(0).tolist() == [[2.5, 4.25], [6.25, 9.5]]
    assert self_ensemble(run, x, reduce="median")[0, 0].tolist() == [[2.0, 2.5], [4.5, 9.0]]


@pytest.mark.parametrize("transforms", [8, 4, 2])
def test_what_commutes_with_turns_is_left_alone_to_the_bit(transforms: int) -> None:
    x = image(9, 5).half()
    for reduce in ("mean", "median"):
        made = self_ensemble(
            lambda part: part.repeat_interleave(2, 2).repeat_interleave(2, 3), x, reduce=reduce
        )
        assert torch.equal(made, x.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_square_images_go_through_at_once_and_others_by_orientation() -> None:
    net = Net()
    self_ensemble(net, image(6, 6))
    assert net.calls == [(16, 3, 6, 6)]
    net.calls.clear()
    self_ensemble(net, image(4, 6))
    assert net.calls == [(8, 3, 4, 6), (8, 3, 6, 4)]
    net.calls.clear()
    self_ensemble(net, image(4, 6), transforms=2)
    assert net.calls == [(4, 3, 4, 6)]
    net.calls.clear()
    self_ensemble(net, image(4, 6), transforms=4)
    assert net.calls == [(4, 3, 4, 6), (4, 3, 6, 4)]


@pytest.mark.parametrize("size", [(6, 6), (5, 8)])
@pytest.mark.parametrize("at_once", [1, 3, 8, 100])
def test_bounded_batches_give_the_same(size: tuple[int, int], at_once: int) -> None:
    net, x = Net(), image(*size)
    wanted = self_ensemble(net, x)
    net.calls.clear()
    torch.testing.assert_close(self_ensemble(net, x, at_once=at_once), wanted)
    assert max(call[0] for call in net.calls) <= 2 * at_once
    assert sum(call[0] for call in net.calls) == 16


@pytest.mark.parametrize("scale", [1.5, 0.5, 2.37])
def test_scales_that_are_not_whole(scale: float) -> None:
    def model(x: Tensor) -> Tensor:
        size = [round(side * scale) for side in x.shape[2:]]
        return nn.functional.interpolate(x, size, mode="bilinear")

    x = image(11, 17)
    torch.testing.assert_close(self_ensemble(model, x), model(x), atol=1e-5, rtol=0)


def test_half_precision_is_averaged_in_float32() -> None:
    """Halves of 2048 and 2050: their sum of eight is beyond what float16 counts by ones."""

    def model(x: Tensor) -> Tensor:
        return (x * 0 + torch.tensor([2048.0, 2050.0]).repeat(4)[:, None, None, None]).half()

    made = self_ensemble(model, torch.zeros(1, 1, 2, 2, dtype=torch.float16))
    assert made.dtype == torch.float16
    assert made.unique().tolist() == [2048.0]  # 2049 lies between two halves, and the even one is taken
    big = self_ensemble(lambda x: x + 60000, torch.zeros(1, 1, 2, 2, dtype=torch.float16))
    assert big.unique().tolist() == [60000.0]  # eight of them are infinite in float16


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_the_type_is_that_of_the_output(dtype: torch.dtype) -> None:
    assert self_ensemble(lambda x: x.to(dtype), image(4, 5)).dtype == dtype
    net = Net().double()
    exact = image(4, 5).double()
    mean = torch.stack([unturned(net(turned(exact, turn)), turn) for turn in range(8)]).mean(0)
    torch.testing.assert_close(self_ensemble(net, exact), mean, rtol=0, atol=1e-15)


def test_an_image_without_a_batch() -> None:
    net, x = Net(), image(5, 6, count=1)
    assert torch.equal(self_ensemble(net, x[0]), self_ensemble(net, x)[0])


def test_gradients_are_kept_only_when_asked_for() -> None:
    net, x = Net(), image(5, 5)
    assert not self_ensemble(net, x).requires_grad
    made = self_ensemble(net, x, transforms=4, grad=True)
    made.sum().backward()
    assert net.body.weight.grad is not None
    with torch.no_grad():
        assert not self_ensemble(net, x, grad=True).requires_grad


def test_the_module_is_the_function() -> None:
    net, x = Net(), image(5, 6)
    module = SelfEnsemble(net, transforms=4, reduce="median", at_once=2)
    assert torch.equal(module(x), self_ensemble(net, x, transforms=4, reduce="median", at_once=2))
    assert module.eval().model.training is False
    assert set(module.state_dict()) == {"model.body.weight", "model.body.bias"}


def test_the_input_is_never_written() -> None:
    x = image(4, 4)
    before = x.clone()
    self_ensemble(lambda part: part, x).add_(1)
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"transforms": 3}, "transforms=3 is not offered: choose 8, 4 or 2"),
        ({"at_once": 0}, "at_once=0 must be 1 or more, or None for no bound"),
        ({"reduce": "means"}, "unknown reduce 'means', did you mean 'mean'"),
    ],
)
def test_settings_that_make_no_sense(settings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        self_ensemble(Net(), image(4, 4), **settings)
    with pytest.raises(UsageError, match=message):
        SelfEnsemble(Net(), **settings)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda x: [x], "the model gives a list, not a tensor: wrap it in a function that picks one"),
        (lambda x: x[:, :, 1:], r"shapes \(2, 3, 3, 5\) and \(2, 3, 4, 4\) cannot be averaged"),
        (lambda x: x.mean(), "it must give one for each"),
        (lambda x: x[:3], r"the model makes \(3, 3, 4, 5\) of 8 images"),
    ],
)
def test_models_that_cannot_be_averaged(model, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        self_ensemble(model, image(4, 5))


def test_what_is_no_image() -> None:
    with pytest.raises(UsageError, match=r"not a tensor of shape \(4, 4\)"):
        self_ensemble(Net(), torch.zeros(4, 4))


def test_python_of_the_page_runs() -> None:
    page = (Path(__file__).parents[1] / "docs" / "inference.md").read_text()
    scope: dict[str, object] = {}
    for text in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        exec(compile(text, "inference.md", "exec"), scope)  # our own page
    assert np.shape(scope["sr"]) == (1, 3, 90, 120)


@pytest.mark.cuda
def test_on_a_device() -> None:
    net, x = Net(), image(5, 6)
    wanted = self_ensemble(net, x)
    there = self_ensemble(net.cuda(), x.cuda())
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), wanted, atol=1e-3, rtol=0)  # convolutions may run in TF32

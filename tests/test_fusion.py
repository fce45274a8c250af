"""Model ensembles and fused weights: weighted means, of what belongs together only."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from srdata.errors import UsageError
from srdata.inference.fusion import fuse_weights, model_ensemble

X = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(1))


def times(factor: float):
    return lambda x: x * factor


def test_outputs_are_averaged_by_weight() -> None:
    models = [times(1), times(2), times(6)]
    torch.testing.assert_close(model_ensemble(models, X), X * 3)
    torch.testing.assert_close(model_ensemble(models, X, [1, 1, 2]), X * 3.75)
    torch.testing.assert_close(model_ensemble(models, X, [0.5, 0.5, 0]), X * 1.5)
    torch.testing.assert_close(model_ensemble(models, X, reduce="median"), X * 2)
    torch.testing.assert_close(model_ensemble(models[1:], X, reduce="median"), X * 4)


def test_a_model_of_no_weight_does_not_run() -> None:
    def fails(x: Tensor) -> Tensor:
        raise AssertionError

    torch.testing.assert_close(model_ensemble([fails, times(2)], X, [0, 3]), X * 2)


def test_half_precision_is_averaged_in_float32() -> None:
    x = torch.full((1, 1, 2, 2), 60000.0, dtype=torch.float16)
    assert torch.equal(model_ensemble([times(1), times(1)], x), x)


def test_gradients_are_kept_only_when_asked_for() -> None:
    net = nn.Conv2d(3, 3, 1)
    assert not model_ensemble([net, times(1)], X).requires_grad
    assert model_ensemble([net, times(1)], X, grad=True).requires_grad


class Net(nn.Module):
    """Convolution and batch normalisation, and the table of whole numbers that window attention has."""

    table: Tensor

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.register_buffer("table", torch.arange(6).reshape(2, 3))
        for _ in range(seed):
            self.norm(self.conv(torch.rand(2, 3, 5, 5)))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.norm(self.conv(x))
        return made


def test_weights_are_fused_into_a_network_that_loads() -> None:
    nets = [Net(seed) for seed in (1, 2, 4)]
    states = [net.state_dict() for net in nets]
    fused = fuse_weights(states, [1, 2, 1])
    for name in ("conv.weight", "norm.running_var", "norm.bias"):
        wanted = (states[0][name] + 2 * states[1][name] + states[2][name]) / 4
        torch.testing.assert_close(fused[name], wanted)
        assert (fused[name] - states[0][name]).abs().max() > 0 or name == "norm.bias"
    assert torch.equal(fused["table"], nets[0].table)
    assert fused["norm.num_batches_tracked"] == 4
    assert list(fused) == list(states[0])
    Net(0).load_state_dict(fused)


def test_fusing_linear_networks_fuses_their_outputs() -> None:
    """For networks that are linear in their weights both ways are the same."""
    nets = [nn.Conv2d(3, 2, 3) for _ in range(3)]
    fused = copy.deepcopy(nets[0])
    fused.load_state_dict(fuse_weights([net.state_dict() for net in nets], [3, 2, 1]))
    torch.testing.assert_close(fused(X).detach(), model_ensemble(nets, X, [3, 2, 1]))


def test_one_network_is_fused_to_itself_in_new_memory() -> None:
    state = Net(2).state_dict()
    fused = fuse_weights([state])
    assert all(torch.equal(fused[name], state[name]) for name in state)
    assert not any(fused[name].data_ptr() == state[name].data_ptr() for name in state)
    mixed = fuse_weights([state, Net(1).state_dict()], [1, 0])
    assert all(torch.equal(mixed[name], state[name]) for name in state)


def test_types_are_those_of_the_first() -> None:
    half, single = {"a": torch.tensor([1.0]).half()}, {"a": torch.tensor([2.0])}
    assert fuse_weights([half, single])["a"].dtype == torch.float16
    assert fuse_weights([half, single], [0, 1])["a"].dtype == torch.float16
    assert fuse_weights([single, half])["a"].tolist() == [1.5]


def test_masks_that_are_infinite_stay_so() -> None:
    mask = {"mask": torch.tensor([0.0, -torch.inf])}
    assert fuse_weights([mask, mask], [1, 0])["mask"].tolist() == [0.0, -torch.inf]


ONE = {"a": torch.zeros(2), "b": torch.zeros(1)}


@pytest.mark.parametrize(
    ("states", "weights", "message"),
    [
        ([], None, "there are no state dicts: give one at least"),
        ([ONE, ONE], [1], "1 weight for 2 state dicts: give one for each"),
        ([ONE, ONE], [1, -1], r"weights \[1.0, -1.0\] must be 0 or more, and one of them above 0"),
        ([ONE, ONE], [0, 0], "one of them above 0"),
        ([ONE, ONE], [1, float("nan")], "must be 0 or more"),
        ([ONE, {"a": torch.zeros(2)}], None, "state dict 1 lacks b, unlike state dict 0"),
        ([ONE, {**ONE, "c": ONE["a"]}], None, "state dict 1 also has c, unlike"),
        (
            [ONE, {**ONE, "b": torch.zeros(3)}],
            None,
            r"b is \(1,\) in the first state dict and \(3,\) in state dict 1",
        ),
        ([{"params": ONE}], None, r"'params' is a dict, not a tensor; .* such as checkpoint\['params'\]"),
        (
            [{"t": torch.tensor([1, 2])}, {"t": torch.tensor([1, 3])}],
            None,
            "t holds whole numbers that differ: these are not of one architecture",
        ),
    ],
)
def test_what_has_no_mean(states, weights, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fuse_weights(states, weights)


def test_ensembles_that_make_no_sense() -> None:
    with pytest.raises(UsageError, match="there are no models"):
        model_ensemble([], X)
    with pytest.raises(UsageError, match="a median has no weights"):
        model_ensemble([times(1)], X, [1], "median")
    with pytest.raises(UsageError, match="cannot be averaged"):
        model_ensemble([times(1), lambda x: x[:, :, 1:]], X)
    with pytest.raises(UsageError, match="unknown reduce 'sum'"):
        model_ensemble([times(1)], X, reduce="sum")  # type: ignore[arg-type]

"""Draws depend on their address alone; scales are exact fractions."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from srdata.errors import UsageError
from srdata.rng import GOLDEN, Generators, generator, key, seed_of, uniforms, words
from srdata.scale import Scale, covered


def test_a_generator_is_its_address() -> None:
    assert generator(1, 0, "0001", "blur").random() == generator(1, 0, "0001", "blur").random()
    addresses = [(1, 0), (0, 1), (1, "0"), ("1", 0), (10,), (1, 0, 0), ('1",0',), ("1,0",)]
    assert len({key(*address) for address in addresses}) == len(addresses)


def test_generators_of_many_addresses_are_those_of_each() -> None:
    generators = Generators()
    for address in [(1, 0, "0001", "blur"), (1, 0, "0002", "blur"), (2**60,), (1, 0, "0001", "blur")]:
        assert generators.at(*address).random(3).tolist() == generator(*address).random(3).tolist()


def test_known_answer_of_splitmix64() -> None:
    """The first outputs for the state 1234567 in the published C reference."""
    from srdata.rng import _mix

    golden = 0x9E3779B97F4A7C15
    state = np.array([(1234567 + golden * step) % 2**64 for step in (1, 2, 3)], np.uint64)
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [_mix(int(one)) for one in state] == expected
    with np.errstate(over="ignore"):
        assert _mix(state).tolist() == expected


def test_draws_of_many_addresses_equal_draws_of_one() -> None:
    items = np.array([5, 3, 2**40, 5])
    together = uniforms(7, 2, items, draws=3)
    assert together.shape == (4, 3)
    for row, item in zip(together, items, strict=True):
        assert np.array_equal(row, uniforms(7, 2, int(item), draws=3))


@pytest.mark.parametrize("epoch", [0, 1])
def test_draws_are_uniform_and_independent(epoch: int) -> None:
    draws = uniforms(0, epoch, np.arange(50_000), draws=4)
    assert draws.min() >= 0
    assert draws.max() < 1
    for column in draws.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    correlations = np.corrcoef(np.column_stack([draws[:-1], draws[1:]]).T) - np.eye(8)
    assert abs(correlations).max() < 0.02


def test_seeds_and_epochs_do_not_share_streams() -> None:
    first, second = uniforms(1, 0, np.arange(1000), draws=1), uniforms(0, 1, np.arange(1000), draws=1)
    assert not np.intersect1d(first, second).size


@pytest.mark.parametrize(
    ("value", "parts"), [(4, (4, 1)), (1.5, (3, 2)), ("x2.5", (5, 2)), ("1.1", (11, 10))]
)
def test_scales_are_fractions(value: object, parts: tuple[int, int]) -> None:
    scale = Scale(value)  # type: ignore[arg-type]  # parametrised
    assert (scale.numerator, scale.denominator) == parts
    assert copy.deepcopy(scale) == scale
    assert copy.copy(scale) == scale
    rebuild, arguments = scale.__reduce__()
    assert rebuild(*arguments) == scale, "travels to other processes"


@pytest.mark.parametrize("value", [0, -2, 0.5, "four", "nan", "inf", 1.2345, 65, "1/0"])
def test_wrong_scales_are_refused(value: object) -> None:
    with pytest.raises(UsageError, match="scale"):
        Scale(value)  # type: ignore[arg-type]  # parametrised


@given(st.sampled_from([2, 3, 4, 8, 1.5, 2.5, 1.1]), st.integers(1, 5000))
def test_crop_is_what_lr_covers(value: float, size: int) -> None:
    scale = Scale(value)
    assert scale.crop(size) == scale.hr(scale.lr(size)) <= size
    assert size - scale.crop(size) < scale.numerator
    assert covered(size, [scale, Scale(3)]) >= scale.crop(size)


def test_words_are_those_of_splitmix64() -> None:
    """What prng.di.unimi.it/splitmix64.c gives, as Rosetta Code ("Splitmix64") prints it."""
    assert words(1234567, 5).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert words(0, 1).tolist() == [0xE220A8397B1DCDAF]
    assert words(2**64 - 1, 3).dtype == np.uint64  # and wraps round without a warning
    many = words(2**64 - 5, 100_000)  # made in parts
    for place in (0, 32_767, 32_768, 65_536, 99_999):
        assert many[place] == words((2**64 - 5 + place * GOLDEN) % 2**64, 1)[0]


def test_keys_beside_each_other_have_seeds_of_their_own() -> None:
    seeds = [seed_of(number) for number in range(1000)]
    assert len(set(seeds)) == 1000
    bits = np.unpackbits(np.array(seeds, np.uint64).view(np.uint8)).reshape(1000, 64)
    assert stats.binomtest(int(bits.sum()), bits.size).pvalue > 1e-3

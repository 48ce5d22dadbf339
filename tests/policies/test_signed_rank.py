"""The signed-rank test against counting every pattern of signs."""

from itertools import product
from statistics import fmean

import pytest
from airesearch.policies.promotion.signed_rank import best_chance, chance
from hypothesis import given, settings
from hypothesis import strategies as st

# Few sizes, so that ties and zeros are the rule.
GAINS = st.lists(st.integers(-4, 4).map(float), max_size=9)


def losses(gains: list[float]) -> float:
    """The sum of the middle ranks of losses, ranks counted one by one."""
    sizes = sorted(abs(gain) for gain in gains)
    places = {size: fmean(n for n, one in enumerate(sizes, 1) if one == size) for size in sizes}
    return sum(places[abs(gain)] for gain in gains if gain < 0)


def counted(gains: list[float]) -> float:
    """The share of all patterns of signs in which losses weigh as little."""
    sizes = [abs(gain) for gain in gains if gain]
    patterns = list(product((1, -1), repeat=len(sizes)))
    signed = ([sign * size for sign, size in zip(p, sizes, strict=True)] for p in patterns)
    bar = losses([gain for gain in gains if gain])
    return sum(losses(one) <= bar for one in signed) / len(patterns)


@settings(deadline=None)
@given(GAINS)
def test_the_chance_is_that_of_counting(gains: list[float]) -> None:
    assert chance(gains) == counted(gains)


@settings(deadline=None)
@given(GAINS, st.integers(0, 3))
def test_the_best_chance_is_that_of_large_gains_to_come(gains: list[float], more: int) -> None:
    assert best_chance(gains, more) == counted([*gains, *(100.0 + n for n in range(more))])


@settings(deadline=None)
@given(st.lists(st.integers(-20, 20).filter(bool), max_size=11, unique_by=abs), st.integers(0, 3))
def test_no_pairs_to_come_beat_the_best_chance(all_gains: list[int], more: int) -> None:
    gains = [float(gain) for gain in all_gains]
    before = gains[: max(0, len(gains) - more)]
    assert chance(gains) >= best_chance(before, len(gains) - len(before))


@settings(deadline=None)
@given(GAINS, st.randoms())
def test_the_order_and_the_unit_do_not_matter(gains: list[float], random: object) -> None:
    mixed = [gain * 1e-300 for gain in gains]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert chance(mixed) == chance(gains)


@settings(deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), max_size=12))
def test_better_pairs_are_no_likelier(gains: list[float]) -> None:
    assert 0 < chance([abs(gain) for gain in gains]) <= chance(gains) <= 1


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([], 1.0),
        ([0.0, 0.0], 1.0),
        ([1.0], 0.5),
        ([-1.0], 1.0),
        ([1.0, 2.0, 3.0, 4.0, 5.0], 1 / 32),
        ([-1.0, 2.0, 3.0, 4.0, 5.0], 2 / 32),
        ([1.0, 1.0, -1.0], 4 / 8),
    ],
)
def test_known_chances(gains: list[float], expected: float) -> None:
    assert chance(gains) == expected


def test_table_values() -> None:
    """The 5 % points of Wilcoxon's T in tables: n=10, T=10 and n=20, T=60 are below, one more not.

    With losses on ranks that sum to T.
    """
    for count, below, losing in ((10, 10, (1, 2, 7)), (20, 60, (20, 19, 18, 3))):
        assert sum(losing) == below
        gains = [-float(n) if n in losing else float(n) for n in range(1, count + 1)]
        assert chance(gains) <= 0.05
        more = (*losing[:-1], losing[-1] + 1)
        gains = [-float(n) if n in more else float(n) for n in range(1, count + 1)]
        assert chance(gains) > 0.05


def test_two_hundred_pairs_are_exact_and_quick() -> None:
    assert chance([float(n) for n in range(1, 201)]) == 2.0**-200
    assert chance([-float(n) for n in range(1, 201)]) == 1.0

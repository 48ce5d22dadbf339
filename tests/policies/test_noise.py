"""The noise floor: pooled spread, Student's t, and values at the end of what floats can hold."""

import math
from statistics import variance

import pytest
from airesearch.gitlab.record.facts import Interval, Noise
from airesearch.policies.promotion.noise import estimate, interval, pooled
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import trial

# From a table of Student's t, two-sided 95 %.
TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 20: 2.086,
         29: 2.045, 30: 2.042, 60: 2.000, 120: 1.980, 200: 1.972, 100_000: 1.960}  # fmt: skip

VALUES = st.floats(-1e6, 1e6)
GROUPS = st.lists(st.lists(VALUES, min_size=1, max_size=6).map(tuple), max_size=5)


def test_what_pays_no_heed_to_its_seed_says_nothing_of_the_noise() -> None:
    noisy = (1.0, 2.0, 3.0)
    assert pooled([noisy, (5.0,) * 6]) == pooled([noisy])
    assert pooled([noisy, (5.0,) * 3]).freedom == 4, "few that are equal may be luck"
    assert pooled([(5.0,) * 6, (4.0,) * 2]) == Noise(0.0, 6)


@pytest.mark.parametrize(("freedom", "quantile"), TABLE.items())
def test_intervals_reach_as_far_as_the_table_says(freedom: int, quantile: float) -> None:
    found = interval(0.0, 1.0, Noise(1.0, freedom))
    assert found.high == pytest.approx(quantile, abs=6e-4)
    assert found.low == -found.high


@settings(deadline=None)
@given(GROUPS)
def test_noise_is_the_pooled_variance(groups: list[tuple[float, ...]]) -> None:
    found = pooled(groups)
    freedom = sum(len(group) - 1 for group in groups)
    assert found.freedom == freedom
    squares = sum(variance(group) * (len(group) - 1) for group in groups if len(group) > 1)
    due = math.sqrt(squares / freedom) if freedom else 0.0
    assert found.sd == pytest.approx(due, rel=1e-6, abs=1e-5)


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 9))
def test_equal_values_have_exactly_no_noise(value: float, count: int) -> None:
    """And an interval that is the value itself: one trial tells all."""
    found = pooled([(value,) * count, (1.0,)])
    assert found == Noise(0.0, count - 1)
    assert interval(value, 0.0, found) == Interval(value, value)


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=6))
def test_no_values_make_noise_that_is_no_number(values: list[float]) -> None:
    found = pooled([tuple(values)])
    assert found.sd >= 0
    assert not math.isnan(found.sd)


def test_values_that_overflow_leave_nothing_to_tell() -> None:
    for values in ((1.7e308, -1.7e308), (1e200, 0.0, -1e200), (1e300, 1e301, 1.0)):
        assert pooled([values, (1.0, 2.0)]) == Noise(math.inf, len(values))


def test_noise_reads_back() -> None:
    for noise in (Noise(0.1 + 0.2, 12), Noise(0.0, 0), Noise(math.inf, 5), Noise(5e-324, 1)):
        assert Noise.parse(str(noise)) == noise


def test_an_estimate_is_of_the_trials_that_ended_well() -> None:
    trials = [trial(4, 1.0), trial(5, 2.0), trial(6, 6.0), trial(7, None)]
    found = estimate(trials, "loss", Noise(2.0, 5))
    assert found is not None
    assert (found.value, found.count) == (3.0, 3)
    reach = 2.571 * 2.0 / math.sqrt(3)
    assert found.interval is not None
    assert found.interval.high == pytest.approx(3.0 + reach, abs=1e-3)
    assert str(found) == f"n=3, 95% CI {found.interval}"


def test_without_known_noise_an_estimate_has_no_interval() -> None:
    for noise in (None, Noise(0.0, 0)):
        found = estimate([trial(1, 1.5)], "loss", noise)
        assert str(found) == "n=1"
    assert estimate([trial(1, None)], "loss", Noise(1.0, 5)) is None
    assert estimate([trial(1, 1.5)], "another", Noise(1.0, 5)) is None
    assert estimate([], "loss", Noise(1.0, 5)) is None


def test_known_to_be_exact_is_not_unknown() -> None:
    assert str(estimate([trial(1, 1.5)], "loss", Noise(0.0, 5))) == "n=1, 95% CI [1.5, 1.5]"

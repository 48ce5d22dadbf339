"""Comparisons over fresh trials, plans, and places in the error budget."""

import math
import random

import pytest
from airesearch.policies.promotion.comparison import compare_all, compare_pairs
from airesearch.policies.promotion.error_budget import free_place, part
from airesearch.policies.promotion.plan import LOOKS, is_log, is_paired, looks_of


def test_the_first_free_place_is_taken() -> None:
    assert free_place([]) == 1
    assert free_place([(4, 1), (9, 3)]) == 2
    assert free_place([(4, 0), (9, 2)]) == 3


def test_all_places_together_spend_the_error_at_most() -> None:
    assert sum(part(place, 0.95) for place in range(1, 10_000)) == pytest.approx(0.05, rel=1e-3)


def test_a_plan_has_the_looks_that_it_reaches() -> None:
    assert looks_of(LOOKS[0] - 1) == ()
    assert looks_of(8) == (3, 5, 8)


def test_nodes_that_are_lucky_together_are_paired() -> None:
    base = {1: 0.0, 2: 1.0, 3: -1.0, 4: 0.5}
    assert is_paired([base, {n: 5 + value for n, value in base.items()}])
    assert not is_paired([base, {n: 5 - value for n, value in base.items()}])
    assert not is_paired([base, {1: 3.0}])


def test_noise_in_proportion_is_compared_in_logarithms() -> None:
    rng = random.Random(0)
    groups = [
        {n: level * math.exp(0.3 * rng.gauss(0, 1)) for n in range(6)} for level in (1, 10, 100)
    ]
    assert is_log(groups)
    shifted = [{n: 100 + level + rng.gauss(0, 1) for n in range(6)} for level in (0, 10, 20)]
    assert not is_log(shifted)
    assert not is_log([{1: -1.0, 2: 2.0}])


def test_a_noisier_candidate_has_no_freedom_but_its_own() -> None:
    base = [0.0, 0.1, -0.1, 0.05, -0.05, 0.0]
    wild = compare_all([-9.0, 3.0, -6.0], base)
    calm = compare_all([-4.0, -4.1, -3.9], base)
    assert wild is not None
    assert calm is not None
    assert wild.freedom == 2
    assert calm.freedom > 2
    assert wild.gain == pytest.approx(calm.gain)
    assert wild.gain < wild.reaches(0.995)
    assert calm.gain > calm.reaches(0.995)


def test_only_seeds_of_both_sides_are_pairs() -> None:
    found = compare_pairs({7: 1.0, 8: 1.1, 9: 0.0}, {7: 2.0, 8: 2.0}, [2.0, 2.0, 2.1])
    assert found is not None
    assert found.count == 2
    assert compare_pairs({9: 1.0}, {7: 2.0}, [2.0, 2.1]) is None

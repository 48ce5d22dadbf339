"""The order of seeds: nothing is picked, left out, or run twice, and pairs are run side by side."""

from collections.abc import Collection

import pytest
from airesearch.policies.promotion.replication import (
    ESTIMATE,
    FIRST,
    SCREEN,
    Side,
    confirming,
    may_follow,
    next_fresh,
    next_turn,
    screening,
)
from hypothesis import given, settings
from hypothesis import strategies as st

BASELINE = range(1, FIRST + 1)
KEPT = [1, 2, 3, 7, 8, 9, 4, 5, 6]
"""What a promoted node has run, in the order of its trials."""


def turns(
    count: int, incumbent: Collection[int], timing: bool = False
) -> tuple[list[tuple[Side, int]], dict[Side, list[int]]]:
    """The first turns of a new candidate, and what either side has run after them."""
    done: dict[Side, list[int]] = {"candidate": [], "incumbent": list(incumbent)}
    taken: list[tuple[Side, int]] = []
    for _ in range(count):
        side, replicate = next_turn(done["candidate"], done["incumbent"], timing)
        assert replicate not in done[side], "no seed is run twice"
        assert may_follow(done[side], replicate, timing), (side, replicate, done[side])
        done[side].append(replicate)
        taken.append((side, replicate))
    return taken, done


def test_a_baseline_runs_its_seeds_in_order() -> None:
    done: list[int] = []
    for _ in BASELINE:
        done.append(next_fresh(done))
    assert done == list(BASELINE)
    assert FIRST == SCREEN + ESTIMATE


def test_a_candidate_is_screened_alone_and_then_confirmed_in_pairs() -> None:
    taken, _ = turns(8, BASELINE)
    assert taken == [
        ("candidate", 1),
        ("candidate", 2),
        ("candidate", 3),
        ("candidate", 7),
        ("incumbent", 7),
        ("incumbent", 8),
        ("candidate", 8),
        ("candidate", 9),
    ]


def test_who_is_first_in_a_pair_alternates() -> None:
    taken, _ = turns(SCREEN + 2 * 12, BASELINE)
    pairs = [taken[n : n + 2] for n in range(SCREEN, len(taken), 2)]
    assert all({side for side, _ in pair} == {"candidate", "incumbent"} for pair in pairs)
    assert all(first[1] == second[1] for first, second in pairs)
    firsts = [pair[0][0] for pair in pairs]
    assert firsts == ["candidate", "incumbent"] * 6


def test_recorded_trials_of_the_incumbent_are_reused() -> None:
    taken, _ = turns(SCREEN + 3, KEPT)
    assert taken == [("candidate", n) for n in (1, 2, 3, 7, 8, 9)]
    taken, _ = turns(SCREEN + 5, KEPT)
    assert taken[-2:] == [("incumbent", 10), ("candidate", 10)]


def test_the_seeds_between_are_the_winner_s_own() -> None:
    _, done = turns(SCREEN + 2 * 3, BASELINE)
    for _ in range(ESTIMATE):
        again = next_fresh(done["candidate"])
        assert may_follow(done["candidate"], again, timing=False)
        done["candidate"].append(again)
    assert done["candidate"] == KEPT


def test_a_pair_that_was_cut_short_is_ended_first() -> None:
    assert next_turn([1, 2, 3, 7], list(BASELINE), timing=False) == ("incumbent", 7)
    assert next_turn([1, 2, 3], [*BASELINE, 7], timing=False) == ("candidate", 7)
    # The incumbent changed meanwhile: what the new one lacks is run before anything else.
    assert next_turn([1, 2, 3, 7, 8, 9], [1, 2, 3], timing=False) == ("incumbent", 7)


def test_timing_pairs_are_run_back_to_back_and_new() -> None:
    taken, done = turns(12, BASELINE, timing=True)
    assert taken == [
        ("candidate", 7),
        ("incumbent", 7),
        ("incumbent", 8),
        ("candidate", 8),
        ("candidate", 9),
        ("incumbent", 9),
        ("incumbent", 10),
        ("candidate", 10),
        ("candidate", 11),
        ("incumbent", 11),
        ("incumbent", 12),
        ("candidate", 12),
    ]
    assert screening([7, 8, 9, 10, 11, 12], timing=True) == [7, 8, 9]
    assert confirming([7, 8, 9, 10, 11, 12], timing=True) == [10, 11, 12]
    fresh = next_fresh(done["candidate"])
    assert may_follow(done["candidate"], fresh, timing=True)


def test_no_older_seed_of_a_timing_incumbent_is_compared_with() -> None:
    """Another node was compared with it in between."""
    _, done = turns(5, BASELINE, timing=True)
    for _ in range(4):
        done["incumbent"].append(max(done["incumbent"]) + 1)
    latest = max(done["incumbent"])
    for _ in range(6):
        side, replicate = next_turn(done["candidate"], done["incumbent"], timing=True)
        assert replicate not in done[side]
        assert may_follow(done[side], replicate, timing=True)
        assert replicate >= latest
        done[side].append(replicate)


@settings(deadline=None)
@given(st.sets(st.integers(1, 40)), st.sets(st.integers(1, 40)), st.booleans())
def test_whatever_was_run_the_next_turn_is_new(
    candidate: set[int], incumbent: set[int], timing: bool
) -> None:
    """Two workers, a replicate by hand, an older incumbent: any two sets may meet."""
    side, replicate = next_turn(candidate, incumbent, timing)
    assert replicate not in (candidate if side == "candidate" else incumbent)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["compare", "replicate", "promote"]), max_size=30),
    st.booleans(),
)
def test_every_way_through_a_campaign_is_one_that_verify_allows(
    events: list[str], timing: bool
) -> None:
    """Comparisons, replicates by hand and estimates in any order; every side keeps the rule."""
    incumbent, candidate = list(BASELINE), list[int]()
    for event in events:
        if event == "promote":
            for _ in range(ESTIMATE):
                again = next_fresh(candidate)
                assert may_follow(candidate, again, timing)
                candidate.append(again)
            incumbent, candidate = candidate, []
            continue
        own = event == "replicate"
        side, replicate = next_turn(candidate, candidate if own else incumbent, timing)
        done = candidate if own or side == "candidate" else incumbent
        assert replicate not in done, (event, side, candidate, incumbent)
        assert may_follow(done, replicate, timing), (event, side, candidate, incumbent)
        done.append(replicate)


@pytest.mark.parametrize(
    ("done", "replicate"),
    [([], 2), ([1], 3), ([1, 2, 3], 5), ([1, 2, 3], 8), ([1, 2, 3, 7], 9), ([1, 2, 3, 7], 5)],
)
def test_a_seed_that_was_picked_may_not_follow(done: list[int], replicate: int) -> None:
    assert not may_follow(done, replicate, timing=False)


def test_a_seed_that_was_run_may_not_follow() -> None:
    for timing in (False, True):
        for done in ([1], [1, 2, 3], list(BASELINE), KEPT):
            for replicate in done:
                assert not may_follow(done, replicate, timing)


def test_which_pairs_screen_and_which_confirm() -> None:
    pairs = [1, 2, 3, 7, 8]
    assert screening(pairs, timing=False) == [1, 2, 3]
    assert confirming(pairs, timing=False) == [7, 8]
    assert confirming([1, 2, 3, 4, 5, 6], timing=False) == []
    # An incumbent whose second trial failed: two screen, none that confirms is taken for one.
    assert screening([1, 3, 7], timing=False) == [1, 3]

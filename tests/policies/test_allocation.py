"""The staged allocation: when it races and confirms, and that it keeps to its share."""

from dataclasses import replace

from airesearch.gitlab.record.facts import Purpose
from airesearch.policies.allocation.staged import PATIENCE, SHARE, staged
from airesearch.policies.allocation.standing import EXPLORE, Contender, Standing
from airesearch.policies.promotion.plan import LOOKS
from airesearch.policies.promotion.replication import ESTIMATE
from hypothesis import given
from hypothesis import strategies as st

STANDING = Standing([Contender(7, 5.0, 1)], 1.0, 6, False, PATIENCE, 60, 0, None, 0.025)

standings = st.builds(
    Standing,
    contenders=st.lists(
        st.builds(Contender, st.integers(1, 50), st.floats(0.01, 20), st.integers(1, 4)),
        max_size=8,
        unique_by=lambda one: one.node,
    ),
    noise=st.floats(0.1, 3),
    fresh=st.integers(2, 30),
    paired=st.booleans(),
    since=st.integers(0, 40),
    spent=st.integers(6, 300),
    judging=st.integers(0, 100),
    left=st.none() | st.integers(0, 100),
    error=st.floats(0.0001, 0.025),
)


@given(standings)
def test_no_more_than_its_share_and_no_more_than_is_left(now: Standing) -> None:
    said = staged(now)
    if said == EXPLORE:
        return
    cost = 1
    if said.purpose is Purpose.CONFIRM:
        assert said.most in LOOKS
        theirs = said.most if now.paired else max(said.most - now.fresh, 0)
        cost = said.most + theirs + ESTIMATE
    assert now.left is None or cost <= now.left
    assert now.judging + cost <= SHARE * (now.spent + (cost if now.left is None else now.left))
    assert said.node in [one.node for one in now.contenders]


def test_nobody_ahead_is_nobody_to_confirm() -> None:
    assert staged(replace(STANDING, contenders=[])) == EXPLORE


def test_it_waits_while_better_ones_are_found() -> None:
    assert staged(replace(STANDING, since=PATIENCE - 1)) == EXPLORE
    assert staged(STANDING).purpose is Purpose.CONFIRM


def test_the_closest_rivals_race_before_one_is_confirmed() -> None:
    two = [Contender(7, 5.0, 2), Contender(9, 4.9, 1)]
    said = staged(replace(STANDING, contenders=two))
    assert (said.purpose, said.node) == (Purpose.RACE, 9)


def test_a_last_chance_is_taken_with_little_hope() -> None:
    weak = replace(STANDING, contenders=[Contender(7, 1.8, 1)], since=0)
    assert staged(replace(weak, left=60)) == EXPLORE
    assert any(staged(replace(weak, left=left)).purpose is Purpose.CONFIRM for left in range(6, 25))


def test_where_a_race_no_longer_fits_the_best_is_confirmed_alone() -> None:
    many = [Contender(7, 6.0, 1), Contender(8, 5.9, 1), Contender(9, 5.8, 1)]
    said = staged(replace(STANDING, contenders=many, since=0, left=6))
    assert (said.purpose, said.node) == (Purpose.CONFIRM, 7)


def test_what_does_not_fit_is_not_begun() -> None:
    assert staged(replace(STANDING, left=5)) == EXPLORE

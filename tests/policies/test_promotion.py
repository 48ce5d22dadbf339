"""Whether a claim suffices: screens, confirming pairs, and what a campaign may spend on them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import pytest
from airesearch.gitlab.record.facts import Diff, Noise, Operator, Signed, Verdict
from airesearch.gitlab.record.records import Judge, Measure, Promote, Propose, parse
from airesearch.gitlab.tree.search_tree import Node, SearchTree
from airesearch.policies.promotion.decide import decide
from airesearch.policies.promotion.error_budget import part, share
from airesearch.policies.promotion.ruling import Ruling, Standard
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import trial

NOISE = Noise(1.0, 5)
EXACT = Noise(0.0, 5)
ERROR = part(1, 0.95)
STANDARD = Standard("loss", "minimize", 0.95, 0.0, 30, timing=False, simpler=None)
BASELINE = dict.fromkeys(range(1, 7), 100.0)
"""What an incumbent measured before anybody was compared with it."""


def ran(values: Mapping[int, float | None], lines: float | None = None) -> list[Measure]:
    return [trial(replicate, value, lines) for replicate, value in values.items()]


def against(
    values: Mapping[int, float | None],
    incumbent: Mapping[int, float] = BASELINE,
    noise: Noise = NOISE,
    error: float = ERROR,
    **standard: object,
) -> Ruling | None:
    """The ruling on a candidate."""
    held = replace(STANDARD, **standard)  # type: ignore[arg-type]
    return decide(held, ran(values), ran(incumbent), noise, error)


def confirmed(gains: Sequence[float], **given: object) -> Ruling | None:
    """The ruling on a candidate that passed the screen, with these gains on the pairs after it."""
    values = {1: 90.0, 2: 90.0, 3: 90.0} | {n: 100.0 - gain for n, gain in enumerate(gains, 7)}
    incumbent = BASELINE | dict.fromkeys(range(7, 7 + len(gains)), 100.0)
    return against(values, incumbent, **given)  # type: ignore[arg-type]


def told(ruling: Ruling | None) -> Ruling:
    assert ruling is not None, "it asks for another trial"
    return ruling


# The first result.


def test_a_baseline_is_kept_after_six_trials() -> None:
    for count in range(1, 6):
        values = dict.fromkeys(range(1, count + 1), 100.0)
        assert decide(STANDARD, ran(values), None, NOISE, ERROR) is None
    ruling = told(decide(STANDARD, ran(BASELINE), None, NOISE, ERROR))
    assert ruling.verdict is Verdict.KEEP
    assert ruling.evidence == "n=6, 95% CI [99, 101]"
    assert (ruling.delta, ruling.error_spent) == (None, None)


def test_where_single_trials_are_trusted_a_baseline_has_one() -> None:
    single = replace(STANDARD, replicates=1)
    ruling = told(decide(single, ran({1: 100.0}), None, Noise(0.0, 0), ERROR))
    assert (ruling.verdict, ruling.evidence) == (Verdict.KEEP, "n=1")


@pytest.mark.parametrize("fails", range(1, 7))
def test_a_baseline_fails_with_any_of_its_trials(fails: int) -> None:
    values = {n: None if n == fails else 100.0 for n in range(1, fails + 1)}
    ruling = told(decide(STANDARD, ran(values), None, NOISE, ERROR))
    assert (ruling.verdict, ruling.reason) == (Verdict.FAIL, "exit code 1")


# Failures.


@pytest.mark.parametrize(("fails", "spent"), [(1, None), (2, None), (3, None), (7, ERROR)])
def test_a_replicate_that_fails_fails_the_node(fails: int, spent: float | None) -> None:
    seeds = [n for n in (1, 2, 3, 7) if n <= fails]
    ruling = told(against({n: None if n == fails else 1.0 for n in seeds}))
    assert (ruling.verdict, ruling.evidence) == (Verdict.FAIL, "n=0")
    assert ruling.error_spent == spent, "what was looked at is paid for, whatever came of it"


def test_a_failed_trial_counts_even_after_good_ones() -> None:
    for noise in (NOISE, EXACT):
        ruling = told(against({1: None, 2: 1.0, 3: 1.0}, noise=noise))
        assert ruling.verdict is Verdict.FAIL


# Without noise.


@pytest.mark.parametrize(
    ("goal", "value", "best", "effect", "verdict", "said"),
    [
        ("minimize", 0.3, 0.4, 0.0, Verdict.KEEP, "improved by 0.1"),
        ("maximize", 0.5, 0.4, 0.0, Verdict.KEEP, "improved by 0.1"),
        ("minimize", 0.4, 0.4, 0.0, Verdict.DISCARD, "equal"),
        ("minimize", 0.5, 0.4, 0.0, Verdict.DISCARD, "0.1 worse"),
        ("maximize", 0.3, 0.4, 0.0, Verdict.DISCARD, "0.1 worse"),
        ("minimize", 0.3, 0.4, 0.2, Verdict.DISCARD, "min_effect asks for 0.2"),
    ],
)
@pytest.mark.parametrize("how", [{"noise": EXACT}, {"replicates": 1}])
def test_one_trial_tells_all_where_nothing_varies(
    how: dict[str, object], goal: str, value: float, best: float, effect: float, verdict: Verdict,
    said: str,
) -> None:  # fmt: skip
    incumbent = dict.fromkeys(range(1, 7), best)
    ruling = told(against({1: value}, incumbent, goal=goal, min_effect=effect, **how))
    assert (ruling.verdict, ruling.delta) == (verdict, Signed(value - best))
    assert said in ruling.reason
    assert (ruling.evidence, ruling.error_spent) == ("n=1", None)


# The screen.


@pytest.mark.parametrize("gain", [-5.0, 0.0, 0.25])
def test_most_candidates_cost_one_trial(gain: float) -> None:
    ruling = told(against({1: 100.0 - gain}))
    assert ruling.verdict is Verdict.DISCARD
    assert ruling.evidence.startswith("n=1 paired, 95% CI [")
    assert ruling.delta == Signed(-gain)
    assert ruling.error_spent is None, "screening costs nothing"


def test_each_screening_trial_asks_for_more() -> None:
    passes = (0.31, 0.57, 0.70)  # 0.3, 0.8 and 1.2 standard errors of the mean
    for count, gain in enumerate(passes, 1):
        assert against(dict.fromkeys(range(1, count + 1), 100.0 - gain)) is None
        ruling = told(against(dict.fromkeys(range(1, count + 1), 100.05 - gain)))
        assert ruling.verdict is Verdict.DISCARD
        assert "within the noise of 1" in ruling.reason


def test_one_seed_that_was_lucky_for_the_incumbent_does_not_end_it() -> None:
    """Seed 1 gave the incumbent 97; its fresh trials say 100."""
    assert against({1: 99.0}, {**BASELINE, 1: 97.0}) is None
    ruling = told(against({1: 99.0}, {**BASELINE, 1: 97.0}, timing=True))
    assert ruling.verdict is Verdict.DISCARD, "older trials are no reference where load matters"


def test_a_pair_must_be_complete() -> None:
    assert against({1: 90.0, 2: 90.0, 3: 90.0, 7: 90.0}) is None
    assert against({7: 90.0}, BASELINE, timing=True) is None


# Confirming.


@pytest.mark.parametrize(
    ("gains", "kept"),
    [
        ([20.0], False),
        ([20.0, 20.0], True),
        ([5.0, 20.0], False),
        ([5.0, 5.0, 5.0], True),
        ([1.0, 9.0, 9.0, 9.0, 9.0], True),
        ([0.5, 9.0, 9.0, 9.0, 9.0], False),
    ],
)
def test_few_pairs_suffice_that_are_clear_of_the_noise(gains: list[float], kept: bool) -> None:
    ruling = confirmed(gains)
    if not kept:
        assert ruling is None
        return
    ruling = told(ruling)
    assert ruling.verdict is Verdict.KEEP
    assert ruling.error_spent == ERROR
    assert ruling.evidence.startswith(f"n={len(gains)} paired, 95% CI [")
    assert f"better on {len(gains)} of {len(gains)} seeds" in ruling.reason


def test_many_small_gains_suffice_by_their_ranks() -> None:
    gains = [0.4] * 24
    first = next(n for n in range(1, 25) if confirmed(gains[:n]) is not None)
    assert told(confirmed(gains[:first])).verdict is Verdict.KEEP
    assert 2.0**-first <= ERROR / 2 / (24 - first + 1)


def test_one_loss_costs_more_pairs_and_no_more_than_that() -> None:
    gains = [-0.1, *[0.4] * 23]
    found = [confirmed(gains[:n]) for n in range(1, 25)]
    kept = [n for n, one in enumerate(found, 1) if one is not None and one.verdict is Verdict.KEEP]
    assert kept
    assert kept[0] > 11


def test_what_does_not_last_is_discarded() -> None:
    ruling = told(confirmed([1.0, -1.5]))
    assert ruling.verdict is Verdict.DISCARD
    assert "it does not last over more seeds" in ruling.reason
    assert ruling.error_spent == ERROR
    assert confirmed([-1.5]) is None, "one pair alone says little"


def test_what_can_no_longer_suffice_is_discarded_early() -> None:
    gains = [3.0, -2.0] * 12
    first = next(n for n in range(2, 25) if confirmed(gains[:n]) is not None)
    ruling = told(confirmed(gains[:first]))
    assert "can no longer suffice" in ruling.reason
    assert first < 24


def test_when_the_replicates_are_used_up_it_ends() -> None:
    gains = ([0.3, 0.4, -0.1, 0.5, 0.6, -0.2] * 4)[:24]
    rulings = [confirmed(gains[:n], error=1e-9) for n in range(1, 25)]
    assert rulings[-1] is not None
    assert all(one is None or one.verdict is Verdict.DISCARD for one in rulings)


def test_replicates_beyond_the_list_are_no_further_chances() -> None:
    """The looks that were paid for end with the list; who replicates by hand gets no more."""
    lost = [-1.0] * 6
    for more in range(1, 60):
        ruling = confirmed([*lost, *[0.9 + n / 100 for n in range(18 + more)]])
        assert ruling is not None
        assert ruling.verdict is Verdict.DISCARD, f"{more} replicates over the list"


def test_pairs_that_the_incumbent_lacks_are_said() -> None:
    values = dict.fromkeys((1, 2, 3, 7, 4, 5, 6), 90.0)
    ruling = told(against(values, {4: 100.0}))
    assert ruling.verdict is Verdict.DISCARD
    assert "no results on the same seeds" in ruling.reason


# A seed that was picked.

DRAWS = {n: 100.0 + math.sin(7 * n) for n in range(1, 31)}
"""What an incumbent measured on each seed; its noise is below 1."""


def picked(value: float, apart: float = 0.0, incumbent: Mapping[int, float] = DRAWS) -> Ruling:
    """The ruling on what measures the same on every seed, or nearly so."""
    ruling = None
    for pairs in range(1, 25):
        seeds = [1, 2, 3, *range(7, 7 + pairs)]
        values = {seed: value + apart * math.sin(seed) for seed in seeds}
        ruling = against(values, incumbent, NOISE)
        if ruling is not None:
            break
    return told(ruling)


@pytest.mark.parametrize("apart", [0.0, 0.001])
def test_the_luckiest_draw_again_and_again_is_one_draw(apart: float) -> None:
    ruling = picked(min(DRAWS.values()), apart)
    assert ruling.verdict is Verdict.DISCARD
    assert "do not vary with the seed" in ruling.reason


def test_one_draw_is_kept_beyond_luck() -> None:
    assert picked(70.0).verdict is Verdict.KEEP


def test_a_luckier_draw_is_no_gain_over_another_one() -> None:
    assert picked(98.0, incumbent=dict.fromkeys(DRAWS, 98.5)).verdict is Verdict.DISCARD


def test_gains_that_vary_are_held_against_the_pairs_alone() -> None:
    assert picked(97.0, 0.5).verdict is Verdict.KEEP


# The bar.


def test_a_gain_below_min_effect_is_none() -> None:
    assert told(confirmed([3.0] * 24, min_effect=5.0)).verdict is Verdict.DISCARD
    kept = told(confirmed([20.0] * 2, min_effect=5.0))
    assert kept.verdict is Verdict.KEEP
    assert kept.delta == Signed(-20.0), "what is reported is the gain itself"


def simpler(value: float, lines: float, noise: Noise = EXACT) -> Ruling:
    standard = replace(STANDARD, simpler=1.0)
    seeds = range(1, 2) if not noise.sd else [*range(1, 4), *range(7, 31)]
    candidate = ran({seed: value + seed % 2 * noise.sd / 2 for seed in seeds}, lines)
    incumbent = ran(dict.fromkeys(range(1, 31), 100.0), 50.0)
    return told(decide(standard, candidate, incumbent, noise, ERROR))


@pytest.mark.parametrize("noise", [EXACT, Noise(0.1, 20)])
def test_fewer_lines_may_be_a_little_worse(noise: Noise) -> None:
    kept = simpler(100.5, 40.0, noise)
    assert kept.verdict is Verdict.KEEP
    assert "simpler by 10 code lines" in kept.reason
    assert simpler(101.5, 40.0, noise).verdict is Verdict.DISCARD
    assert simpler(100.5, 50.0, noise).verdict is Verdict.DISCARD, "as many lines are no fewer"
    assert simpler(100.5, 60.0, noise).verdict is Verdict.DISCARD


def test_lines_are_not_asked_about_unless_the_task_says_so() -> None:
    candidate = ran({1: 100.0}, 1.0)
    ruling = told(decide(STANDARD, candidate, ran(BASELINE, 50.0), EXACT, ERROR))
    assert (ruling.verdict, ruling.reason) == (Verdict.DISCARD, "loss equal")


# Whatever is measured.

HUGE = st.floats(-1e150, 1e150)
"""What a trial may measure: their squares are numbers too."""
SIDES = st.dictionaries(st.integers(1, 31), HUGE, min_size=1, max_size=31)


@settings(max_examples=300, deadline=None)
@given(SIDES, SIDES, st.sampled_from([0.0, 1e-300, 1.0, 1e150, math.inf]), st.booleans())
def test_any_values_give_a_ruling_that_can_be_recorded(
    candidate: dict[int, float], incumbent: dict[int, float], sd: float, timing: bool
) -> None:
    ruling = against(candidate, incumbent, Noise(sd, 5), timing=timing, simpler=1.0)
    if ruling is None:
        return
    assert "nan" not in f"{ruling.evidence} {ruling.reason} {ruling.delta}"
    record = Judge(
        agent="judge",
        subject="so",
        node=4,
        verdict=ruling.verdict,
        delta=ruling.delta,
        evidence=ruling.evidence,
        error_spent=ruling.error_spent,
        reason=ruling.reason,
    )
    assert parse(str(record)) == record


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_values_at_the_end_of_what_floats_hold_do_not_end_the_lab(goal: str) -> None:
    for value in (1.7e308, -1.7e308):
        for best in (1.7e308, -1.7e308, 0.0):
            seeds = [1, 2, 3, *range(7, 12)]
            incumbent = dict.fromkeys(range(1, 12), best)
            for count in range(1, len(seeds) + 1):
                against(dict.fromkeys(seeds[:count], value), incumbent, goal=goal)


def test_where_the_noise_is_beyond_floats_nothing_is_kept() -> None:
    ruling = told(confirmed([50.0, 50.0], noise=Noise(math.inf, 5)) or
                  against({1: 0.0}, noise=Noise(math.inf, 5)))  # fmt: skip
    assert ruling.verdict is Verdict.DISCARD


# The chance of a false promotion.


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 3).map(float), min_size=6, max_size=6),
    st.sampled_from([0.5, 0.25, 0.1, ERROR]),
)
def test_of_all_patterns_of_signs_at_most_the_error_is_kept(
    sizes: list[float], error: float
) -> None:
    """Every look that a campaign takes at a null candidate, counted: the ranks alone decide.

    With a noise of twice the largest gain few pairs are never clear of it.
    """
    noise = Noise(2 * max(sizes) + 1, 50)
    kept = 0
    for signs in product((1, -1), repeat=len(sizes)):
        gains = [sign * size for sign, size in zip(signs, sizes, strict=True)]
        looks = (confirmed(gains[:n], noise=noise, error=error, replicates=12) for n in range(1, 7))
        verdict = next((one.verdict for one in looks if one is not None), Verdict.DISCARD)
        kept += verdict is Verdict.KEEP
    assert kept / 2 ** len(sizes) <= error


# The ledger.

BASE = "b" * 40


class Campaign:
    """Nodes that workers begin, try, end and promote in any order; who looked at what share."""

    def __init__(self) -> None:
        self.nodes: dict[int, Node] = {0: self._node(0)}
        self.promoted = [0]
        self.spent: dict[int, float] = {}

    def _node(self, node: int) -> Node:
        oid = f"{node:040x}"
        propose = Propose(agent="tuner", subject="try", node=node,
                          parent_node=(0,) if node else (), operator=Operator.IMPROVE,
                          diff=Diff(1, 1, 1), candidate="c" * 40, protocol="c" * 40)  # fmt: skip
        return Node(oid, BASE, oid, propose)

    @property
    def tree(self) -> SearchTree:
        merges = [Promote(agent="judge", subject="promote", node=n) for n in self.promoted]
        return SearchTree(self.nodes.values(), BASE, BASE, tuple(merges))

    def act(self, event: str, node: int) -> None:
        """One event; one that makes no sense now is none."""
        if event == "begin":
            self.nodes.setdefault(node, self._node(node))
        found = self.nodes.get(node)
        if found is None or node in self.promoted:
            return
        if event == "try":
            again = trial(len(found.trials) + 1, 1.0)
            found = self.nodes[node] = replace(found, trials=(*found.trials, again), judged=None)
            if len(found.trials) > 3:
                looked = share(self.tree, found, 0.95)
                self.spent[node] = max(self.spent.get(node, 0.0), looked)
        if event in ("discard", "keep", "promote") and found.trials:
            verdict = Verdict.DISCARD if event == "discard" else Verdict.KEEP
            judged = Judge(agent="judge", subject="so", node=node, verdict=verdict,
                           evidence="n=1", reason="so")  # fmt: skip
            weighed = len(found.trials)
            self.nodes[node] = replace(found, judged=judged, weighed=weighed)
            if event == "promote" and len(found.trials) > 3:
                self.promoted.append(node)
                # A claim that holds costs nothing.
                self.spent.pop(node, None)


EVENTS = st.tuples(
    st.sampled_from(["begin", "try", "try", "try", "discard", "keep", "promote"]),
    st.integers(1, 7),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=90))
def test_all_that_is_ever_spent_is_within_the_campaign_s_error(
    events: list[tuple[str, int]],
) -> None:
    """Nodes appear out of order, end in any, and are tried again after they ended."""
    campaign = Campaign()
    for event, node in events:
        campaign.act(event, node)
        assert sum(campaign.spent.values()) <= 0.05 * (1 + 1e-9), (event, node, campaign.spent)


def test_a_node_that_is_tried_again_pays_as_the_last_one() -> None:
    """Nodes 2 and 3 were confirmed after node 1 was discarded by its first trial."""
    campaign = Campaign()
    for node, trials in ((1, 1), (2, 5), (3, 5), (1, 4)):
        for event in ("begin", *["try"] * trials, "discard"):
            campaign.act(event, node)
    assert campaign.spent == pytest.approx({2: 0.05 / 2, 3: 0.05 / 6, 1: 0.05 / 12})


def test_who_was_promoted_hands_its_part_on() -> None:
    campaign = Campaign()
    for node in range(1, 6):
        for event in ("begin", *["try"] * 5, "promote"):
            campaign.act(event, node)
    for event in ("begin", *["try"] * 5, "discard"):
        campaign.act(event, 6)
    assert campaign.spent == {6: pytest.approx(0.05 / 2)}


def test_screening_and_baselines_spend_nothing() -> None:
    campaign = Campaign()
    for node in range(1, 50):
        for event in ("begin", "try", "try", "try", "discard"):
            campaign.act(event, node)
    for event in ("begin", *["try"] * 4):
        campaign.act(event, 50)
    assert campaign.spent == {50: pytest.approx(0.05 / 2)}


def test_the_parts_sum_to_the_error() -> None:
    total = math.fsum(part(place, 0.95) for place in range(1, 10_000))
    assert 0.0499 < total < 0.05

"""Knobs that trials have shown to do nothing, or nothing but fail, are left alone and said."""

import random
from collections.abc import Callable, Mapping

from airesearch.agents.proposers.tuner.influence import influences
from airesearch.agents.proposers.tuner.knobs import Knob
from airesearch.agents.proposers.tuner.knobs.domains import Choices, Range, Value
from airesearch.agents.proposers.tuner.lessons import Experience, Lessons, learn
from airesearch.agents.proposers.tuner.sampler import Scored, suggest

LR = Knob("lr", 0.1, Range(1e-3, 10, "log"))
ALPHA = Knob("alpha", 0.5, Range(0.05, 5, "log"))
WIDTH = Knob("width", 3, Range(1, 24, "log", integer=True))
COMPILE = Knob("compile", False, Choices((False, True)))
ACT = Knob("act", "relu", Choices(("relu", "tanh", "gelu")))
KNOBS = (LR, ALPHA, WIDTH, COMPILE, ACT)


def searched(
    loss: Callable[[Mapping[str, Value]], float | None], knobs: tuple[Knob, ...], trials: int
) -> tuple[Lessons, list[Experience]]:
    """What is known after so many trials of the shipped sampler."""
    now: dict[str, Value] = {knob.name: knob.value for knob in knobs}
    past = [Experience(now, loss(now))]
    for seed in range(trials):
        lessons = learn(knobs, past, now)
        if not lessons.knobs:
            break
        scored = [Scored(one.values, one.score) for one in past]
        values = {**now, **suggest(lessons.knobs, scored, "minimize", seed)}
        past.append(Experience(values, loss(values)))
    return learn(knobs, past, now), past


def by_lr(values: Mapping[str, Value]) -> float | None:
    return LR.domain.unit(values["lr"])


def test_knobs_that_all_change_nothing_end_the_search() -> None:
    lessons, past = searched(lambda values: 0.25, (ALPHA, WIDTH), 20)
    assert lessons.knobs == () and set(lessons.alone) == {"alpha", "width"}
    assert len(past) < 14
    assert "trials differed in it, and in nothing the metric can see" in lessons.alone["alpha"]


def test_dead_knobs_are_told_from_live_ones() -> None:
    """Each trial changes one knob or two, as small steps do."""
    rng, now = random.Random(3), {knob.name: knob.value for knob in KNOBS[:3]}
    past = [Experience(now, by_lr(now))]
    for _ in range(24):
        turned = rng.sample(KNOBS[:3], rng.choice([1, 2]))
        values = {**now, **{knob.name: knob.domain.at(rng.random()) for knob in turned}}
        past.append(Experience(values, by_lr(values)))
    lessons = learn(KNOBS[:3], past, now)
    assert [knob.name for knob in lessons.knobs] == ["lr"]


def test_a_knob_that_changed_the_metric_once_is_none_of_them() -> None:
    now: dict[str, Value] = {"alpha": 0.5}
    past = [Experience({"alpha": 0.5 + n / 10}, 0.3) for n in range(9)]
    assert learn([ALPHA], past, now).knobs == ()
    assert learn([ALPHA], [*past, Experience({"alpha": 4.0}, 0.2)], now).knobs == (ALPHA,)


def test_a_coarse_metric_and_few_trials_say_nothing() -> None:
    past = [Experience({"alpha": 0.5 + n / 10}, 0.3) for n in range(4)]
    assert learn([ALPHA], past, {"alpha": 0.5}).knobs == (ALPHA,)


def test_what_does_nothing_beside_one_text_is_tried_beside_another() -> None:
    past = [Experience({"act": "relu", "alpha": 0.5 + n / 10}, 0.3) for n in range(9)]
    assert learn([ACT, ALPHA], past, {"act": "relu", "alpha": 0.5}).knobs == (ACT,)
    assert learn([ACT, ALPHA], past, {"act": "tanh", "alpha": 0.5}).knobs == (ACT, ALPHA)


def test_choices_that_only_fail_are_left_alone() -> None:
    past = [Experience({"compile": False, "act": "relu"}, 0.3)]
    past += [Experience({"compile": True, "act": "relu"}, None)] * 3
    past += [Experience({"compile": False, "act": "tanh"}, None)] * 3
    lessons = learn([COMPILE, ACT], past, {"compile": False, "act": "relu"})
    assert [knob.domain for knob in lessons.knobs] == [Choices(("relu", "gelu"))]
    assert lessons.alone == {"compile": "all 3 trials that changed it failed"}


def test_a_number_that_fails_wherever_it_is_moved_is_left_alone() -> None:
    past = [Experience({"width": 3}, 0.3), *(Experience({"width": n}, None) for n in range(4, 9))]
    assert learn([WIDTH], past, {"width": 3}).alone == {
        "width": "all 5 trials that changed it failed"
    }
    assert learn([WIDTH], past[:4], {"width": 3}).knobs == (WIDTH,)


def test_failures_of_everything_blame_no_choice() -> None:
    past = [Experience({"compile": n % 2 == 0}, None) for n in range(9)]
    assert learn([COMPILE], past, {"compile": False}).knobs == (COMPILE,)


def test_what_matters_is_told_once_there_are_trials_enough() -> None:
    rng = random.Random(1)
    past = []
    for _ in range(30):
        values = {knob.name: knob.domain.at(rng.choice([0, 1, 2])) if knob.domain.categories > 2
                  else knob.domain.at(rng.randrange(2)) if knob.domain.categories
                  else knob.domain.at(rng.random()) for knob in KNOBS}  # fmt: skip
        far = (LR.domain.unit(values["lr"]) - 0.5) ** 2
        past.append(Scored(values, far + 0.05 * (values["act"] != "relu")))
    shares = influences(KNOBS, past, "minimize")
    assert sum(shares.values()) > 0.99
    assert max(shares, key=lambda name: shares[name]) == "lr"
    assert shares["lr"] > 2 * max(shares["alpha"], shares["width"], shares["compile"])
    assert influences(KNOBS, past[:5], "minimize") == {}
    assert shares == influences(KNOBS, past, "minimize")

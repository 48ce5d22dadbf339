"""How far a trial missed what was asked of it, and where a next proposer finds that."""

import math
from pathlib import Path
from typing import Any

import pytest
from airesearch.gitlab.record.facts import Goal, Metric, Signed, Status, Trial, Verdict
from airesearch.gitlab.record.records import Judge, Measure
from airesearch.policies.search.distance import Distance, distances
from airesearch.policies.task.task import Budget, Constraint, Objective, Task
from toys import TRAIN, airesearch, code, git, lr, toy

MIB = 1 << 20
GATES = (Constraint("latency", max=10.0), Constraint("recall", min=0.9, max=1.0))


def task(goal: Goal = "minimize") -> Task:
    return Task(
        name="toy",
        objective=Objective("val_error", goal),
        candidate="true",
        editable=("*",),
        constraints=GATES,
        budget=Budget(trial_seconds=3, trial_memory_mb=300, output_mb=2),
    )


def trial(status: Status, metrics: dict[str, float] | None = None, **facts: Any) -> Measure:
    found = {"seed": 1, "duration": 1.0, "peak_memory": MIB, "output_bytes": 0, **facts}
    named = tuple(Metric(name, value) for name, value in (metrics or {}).items())
    return Measure(agent="runner", subject="x", node=1, trial=Trial(1, 1), candidate="a" * 40,
                   protocol="b" * 40, status=status, metric=named, executor="local",
                   sandbox="none", evaluator="pinned", environment="c" * 40, **found)  # fmt: skip


def judged(delta: float | None, verdict: Verdict = Verdict.DISCARD, value: float = 0.5) -> Judge:
    return Judge(agent="judge", subject="x", node=1, verdict=verdict, evidence="n=1", reason="x",
                 metric=(Metric("val_error", value),), incumbent=0,
                 delta=None if delta is None else Signed(delta))  # fmt: skip


MISSES: dict[str, tuple[Measure, list[Distance]]] = {
    "a trial that is well": (trial(Status.OK, {"latency": 99.0}), []),
    "a crash": (trial(Status.CRASH, duration=99.0, peak_memory=999 * MIB), []),
    "time": (trial(Status.TIMEOUT, duration=3.5), [Distance("train_seconds", 3.5, 3.0, 0.5)]),
    "memory": (trial(Status.MEMORY, peak_memory=812 * MIB),
               [Distance("peak_memory_mb", 812.0, 300.0, 512.0)]),
    "output": (trial(Status.OUTPUT, output_bytes=3 * MIB), [Distance("output_mb", 3.0, 2.0, 1.0)]),
    "output that was printed": (trial(Status.OUTPUT, output_bytes=10), []),
    "a gate above": (trial(Status.GATE, {"partial.latency": 12.5, "partial.recall": 0.95}),
                     [Distance("latency", 12.5, 10.0, 2.5)]),
    "a gate below": (trial(Status.GATE, {"partial.recall": 0.65}),
                     [Distance("recall", 0.65, 0.9, 0.25)]),
    "both gates": (trial(Status.GATE, {"partial.latency": 11.0, "partial.recall": 1.5}),
                   [Distance("latency", 11.0, 10.0, 1.0), Distance("recall", 1.5, 1.0, 0.5)]),
    "a gate without its metric": (trial(Status.GATE), []),
    "a gate that can rank": (trial(Status.OK, {"partial.latency": 11.0}), []),
    "an ocean": (trial(Status.GATE, {"partial.recall": -1.7e308, "partial.latency": 1.7e308}),
                 [Distance("latency", 1.7e308, 10.0, 1.7e308),
                  Distance("recall", -1.7e308, 0.9, 1.7e308)]),
}  # fmt: skip


@pytest.mark.parametrize("name", MISSES)
def test_a_miss_has_its_figures(name: str) -> None:
    measured, due = MISSES[name]
    assert list(distances(task(), measured)) == due


@pytest.mark.parametrize(
    ("goal", "delta", "by"),
    [("minimize", 0.1, 0.1), ("minimize", -0.1, -0.1), ("maximize", -0.1, 0.1), ("minimize", 0, 0)],
)
def test_a_discarded_node_came_so_close(goal: Goal, delta: float, by: float) -> None:
    (found,) = distances(task(goal), trial(Status.OK), judged(delta))
    assert found == Distance("val_error", 0.5, 0.5 - delta, by)


@pytest.mark.parametrize(
    "verdict",
    [
        judged(0.1, Verdict.KEEP),
        judged(0.1, Verdict.FAIL),
        judged(None),
        judged(math.inf, value=1.7e308),
    ],
)
def test_no_other_verdict_has_one(verdict: Judge) -> None:
    assert distances(task(), trial(Status.OK), verdict) == ()


def test_a_bound_that_is_no_number_is_no_bound() -> None:
    odd = Task("toy", Objective("x", "minimize"), "true", ("*",),
               constraints=(Constraint("latency", max=math.nan, min=math.inf),))  # fmt: skip
    assert distances(odd, trial(Status.GATE, {"partial.latency": 1.0})) == ()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of miss beside each other, and more crashes than are shown."""
    turns = [
        code("x = bytearray(9 * 10**8)\nimport time; time.sleep(9)\n", "too large"),
        code(TRAIN + "\n".join(f"x{n} = {n}" for n in range(20)), "too long"),
        lr(0.9),
        *(code(f"raise SystemExit('no {n}')\n", f"crash {n}") for n in range(11)),
    ]
    gate = [{"metric": "code_lines", "max": 10}]
    folder = toy(tmp_path_factory.mktemp("distance") / "lab", turns, constraints=gate,
                 search={"policy": "greedy"})  # fmt: skip
    assert airesearch(folder, "run").code == 0
    return folder


def shown(lab: Path, node: int) -> Any:
    return airesearch(lab, "show", str(node), "--json").json()


def test_show_gives_outcome_reason_and_distance(lab: Path) -> None:
    large, long, worse = (shown(lab, node) for node in (1, 2, 3))
    assert (large["outcome"], long["outcome"], worse["outcome"]) == ("memory", "gate", "discard")
    (memory,) = large["distance"]
    assert (memory["metric"], memory["bound"]) == ("peak_memory_mb", 300.0)
    assert memory["by"] == memory["value"] - 300 > 0
    assert long["distance"] == [{"metric": "code_lines", "value": 24.0, "bound": 10.0, "by": 14.0}]
    (behind,) = worse["distance"]
    assert behind["metric"] == "val_error"
    assert (behind["value"], behind["bound"], behind["by"]) == pytest.approx((0.8, 0.4, 0.4))
    assert shown(lab, 0)["distance"] == shown(lab, 4)["distance"] == []


def test_lineage_gives_them_for_every_node_and_sibling(lab: Path) -> None:
    root, leaf = airesearch(lab, "lineage", "14", "--json").json()
    assert (root["outcome"], root["distance"], root["siblings"]) == ("keep", [], [])
    assert (leaf["node"], leaf["outcome"], leaf["distance"]) == (14, "crash", [])
    assert [one["node"] for one in leaf["siblings"]] == list(range(1, 14))
    for one in leaf["siblings"]:
        alone = shown(lab, one["node"])
        assert {key: alone[key] for key in ("outcome", "reason", "distance")} == {
            key: one[key] for key in ("outcome", "reason", "distance")
        }


def test_lineage_names_each_failure_beside_a_node(lab: Path) -> None:
    said = airesearch(lab, "lineage", "14").out.splitlines()
    beside = said[next(n for n, line in enumerate(said) if "beside it" in line) :]
    assert (
        beside[0].strip()
        == "beside it: "
        + ", ".join(["1 memory", "2 gate", "3 discard", *(f"{n} crash" for n in range(4, 11))])
        + " and 3 more"
    )
    assert beside[1].strip().startswith("1 memory: used ")
    assert beside[2].strip() == "2 gate: code_lines is 24, over the 10 allowed by 14"
    assert beside[3].strip() == "4 crash: exit 1: no 0"
    assert len(beside) == 12
    assert beside[-1].strip() == "and 2 more"


def test_a_node_is_held_to_the_task_it_was_measured_under(lab: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(lab), "lab")
    folder = tmp_path / "lab"
    text = (folder / "airesearch.yaml").read_text()
    (folder / "airesearch.yaml").write_text(text.replace("max: 10", "max: 5"))
    git(folder, "commit", "-qam", "Shorter")
    assert shown(folder, 2)["distance"][0]["bound"] == 10

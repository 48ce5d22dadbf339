"""After the rules of judging changed: verdicts from what was measured, and the best that holds."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import chain
from pathlib import Path

from ...gitlab.errors import RefMoved
from ...gitlab.record.facts import Status, Verdict
from ...gitlab.store.own_file import read_own, write_own
from ...gitlab.tree.search_tree import Node
from ...policies.promotion.error_budget import part, share
from ...policies.promotion.ruling import Ruling
from ..campaign import Campaign
from ..snapshot import Snapshot
from ..trials.gates import held_to
from ..trunk.cost import judging
from .judge import judge, rule
from .promote import promote

CONTENDS = "the rules changed, and its trials ask for another"


def rejudge(campaign: Campaign) -> None:
    """Have every verdict follow from the rules in force; no trial is spent.

    Where another worker is first, the next step does the rest. One that judged by older rules, and
    was late, has its verdict looked at as well: by which rules nodes are judged is noticed anew.
    """
    now = campaign.now
    if now.rules is None or campaign.judged_by == (now.rules, _by_others(now)):
        return
    now = campaign.look()
    note = now.lab.home / "judged"
    with suppress(RefMoved):
        found = _differing(now)
        if found and _noted(note) != _done(now, found):
            for node in chain.from_iterable(found.values()):
                _judge_anew(now, now.tree.nodes[node])
            after = _differing(campaign.look())
            left = {rules: set(nodes) & set(after.get(rules, ())) for rules, nodes in found.items()}
            write_own(note, _done(now, left))
        _step_down(campaign.look())
        campaign.judged_by = now.rules, _by_others(now)


def _by_others(now: Snapshot) -> dict[str, int]:
    """How many verdicts name which rules, but for those in force."""
    named = now.tree.judged_under()
    return {rules: named[rules] for rules in named if rules != now.rules}


def _noted(note: Path) -> bytes:
    with suppress(OSError):
        return read_own(note)
    return b""


def _done(now: Snapshot, found: Mapping[str, Collection[int]]) -> bytes:
    """What is noted once these nodes, by the rules that their verdicts name, were looked at."""
    nodes = sorted((rules, sorted(nodes)) for rules, nodes in found.items() if nodes)
    return (
        sha256(f"{now.measured.base} {judging(now.task)!r} {nodes}".encode()).hexdigest().encode()
    )


def _differing(now: Snapshot) -> dict[str, Sequence[int]]:
    """The nodes whose verdicts name rules that judge otherwise than those in force, by these."""
    return {rules: now.tree.with_verdict_under(rules) for rules in _differ(now)}


def _differ(now: Snapshot) -> list[str]:
    """The rules that verdicts name, and that judge otherwise than those in force."""
    mine = judging(now.task)
    tasks = {rules: now.task_under(rules or None) for rules in now.tree.judged_under()}
    return [rules for rules, task in tasks.items() if task is None or judging(task) != mine]


def _judge_anew(now: Snapshot, node: Node) -> None:
    said = node.judged
    # A baseline that was kept is the ground that all is compared with, whatever it misses.
    if said is None or not node.is_settled or (node.is_kept and not node.parents):
        return
    before = now.task_under(said.rules)
    if before is None or judging(before) == judging(now.task):
        return
    if node.id in now.tree.promoted and node.is_kept:
        return  # it won by the rules of then; whether it holds is asked of its trials
    was, due = rule(now, node, before), rule(now, node, now.task)
    if due is None and was is None:
        return
    if due is None:
        shown, error = f"n={len(node.trials)}", _error(now, node)
        due = Ruling(Verdict.CONTEND, shown, CONTENDS, error_spent=error, plan=node.plan)
    is_same = was is not None and was.verdict is due.verdict
    if is_same or due.verdict is said.verdict:
        return
    anew = judge(now, node, due)
    now.notice(f"node {node.id} is judged anew: {anew.outcome}, {due.reason}")


def _error(now: Snapshot, node: Node) -> float:
    if node.plan is not None:
        return part(node.plan.place, now.standard.confidence)
    return share(now.tree, node, now.standard.confidence)


def _step_down(now: Snapshot) -> None:
    """Where the trunk holds a node that misses a bound by now: back to the best that holds."""
    last, best = now.tree.promotions[-1:], now.tree.incumbent
    if last and best is not None and best.id != last[0].node and best.estimating:
        promote(now, best)
        left = now.tree.nodes[last[0].node]
        missed = (t.reason for t in held_to(now.task, left.trials) if t.status is Status.GATE)
        said = next((f"; node {left.id}: {reason}" for reason in missed if reason), "")
        now.notice(f"the trunk stepped down to node {best.id}, the best that holds{said}")

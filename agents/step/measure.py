"""From a proposed node to a measured one: know the outcome, or run the trial; and commit it."""

import json
from dataclasses import replace

from ...gitlab.events import emit
from ...gitlab.names import node_branch
from ...gitlab.record.facts import Purpose, Status, Trial, Verdict
from ...gitlab.record.paths import ENVIRONMENT, RESULT, RUN_LOG
from ...gitlab.record.records import Measure
from ...gitlab.record.unicode import undirected
from ...gitlab.store.trees import Entry, edit
from ...gitlab.tree.search_tree import Node
from ...policies.access.guard import runner_policy
from ..executors.attach import forget, run_trial
from ..snapshot import Snapshot
from ..trials.job import Job
from ..trials.outcome import Outcome
from .known_outcome import known_outcome


def measure(now: Snapshot, node: Node, replicate: int, is_rival: bool = False) -> Node:
    """The node with a trial on the seed of `replicate` recorded on its branch.

    As the incumbent it may be the rival of another node, for whose sake the trial is.
    """
    lab, trial, seed = now.lab, Trial(node.id, replicate), now.seed(replicate)
    stage = "estimate" if node.parents and node.verdict is Verdict.KEEP else "measure"
    purpose = purpose_of(node, is_rival) if now.standard.staged else None
    emit(f"{stage}: before the trial", node.id)
    outcome = known_outcome(now, node, seed)
    if outcome is None:
        outcome = run_trial(now.executor, lab.home, job_of(now, node, trial, seed))
        outcome = replace(outcome, reason=undirected(outcome.reason))
    environment = lab.blob(now.executor.environment)
    record = _record(now, node, trial, outcome, environment=str(environment.oid))
    record = replace(record, purpose=purpose)
    files: dict[str, bytes | Entry | None] = {
        RESULT: _result(record),
        RUN_LOG: outcome.log,
        ENVIRONMENT: environment,
    }
    tip = lab.commit(
        node_branch(node.id),
        record,
        edit(lab.repo, lab.tree_of(node.tip), files),
        [node.tip],
        check=runner_policy().check,
    )
    forget(lab.home, str(trial))
    emit(f"{stage}: after the trial", node.id)
    return node.with_record(tip, record)


def purpose_of(node: Node, is_rival: bool) -> Purpose:
    """What the next trial of a node is for."""
    if is_rival or node.is_on_trial:
        return Purpose.CONFIRM
    if node.is_kept or not node.parents:
        return Purpose.ESTIMATE
    return Purpose.RACE if node.trials else Purpose.EXPLORE


def job_of(now: Snapshot, node: Node, trial: Trial, seed: int) -> Job:
    """What is run for a trial of `node`."""
    # Made anew, not looked up: no commit holds these trees, so a clone or `git gc` may lack them.
    lab, diff = now.lab, node.propose.diff
    candidate = now.candidate(lab.tree_of(node.proposed), node.rules)
    return Job(str(trial), candidate, now.protocol, seed, diff.added + diff.removed)


def _record(now: Snapshot, node: Node, trial: Trial, outcome: Outcome, environment: str) -> Measure:
    shown = next((f"{m.name} {m.value:.6g}" for m in outcome.metrics), "")
    said = shown if outcome.status is Status.OK else f"{outcome.status}, {outcome.reason}"
    return Measure(
        agent="runner",
        subject=said or "ok",
        node=node.id,
        parent_node=node.parents,
        trial=trial,
        candidate=node.propose.candidate,
        protocol=node.propose.protocol,
        status=outcome.status,
        metric=outcome.metrics,
        reason=outcome.reason or None,
        seed=now.seed(trial.replicate),
        duration=round(outcome.duration, 6),
        peak_memory=outcome.peak_memory,
        output_bytes=outcome.output_bytes,
        executor=now.executor.name,
        sandbox=now.executor.sandbox,
        evaluator=now.executor.evaluator,
        environment=environment,
    )


def _result(record: Measure) -> bytes:
    facts = {
        "trial": str(record.trial),
        "status": str(record.status),
        "reason": record.reason,
        "metrics": {metric.name: metric.value for metric in record.metric},
        "seed": record.seed,
        "seconds": record.duration,
        "peak_memory_bytes": record.peak_memory,
        "output_bytes": record.output_bytes,
    }
    return json.dumps(facts, indent=1).encode() + b"\n"

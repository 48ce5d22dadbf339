"""From a proposed node to a measured one: answer from the record, or run the trial, and commit."""

import json
import shutil
import sys
import warnings
from pathlib import Path

from ...gitlab.events import emit
from ...gitlab.record.facts import Status, Trial, Verdict
from ...gitlab.record.paths import ENVIRONMENT, FAILED, REFUSED, RESULT, RUN_LOG
from ...gitlab.record.records import Measure
from ...gitlab.store.change import compare
from ...gitlab.store.refs import node_branch
from ...gitlab.store.trees import edit, read
from ...gitlab.tree.search_tree import Node
from ...policies.access.guard import runner_policy
from ..executors.attach import forget, run_trial
from ..executors.environment import find_command
from ..snapshot import Snapshot as Campaign
from ..trials.job import Job
from ..trials.outcome import Outcome
from ..trials.program_id import same_program

_LINE_COUNTS = {"code_lines", "diff_lines"}
_LARGEST_SOURCE = 1 << 20


def measure(campaign: Campaign, node: Node, replicate: int) -> Node:
    """The node with a trial on the seed of `replicate` recorded on its branch."""
    trial = Trial(node.id, replicate)
    seed = campaign.seed(trial.replicate)
    purpose = "estimate" if node.parents and node.verdict is Verdict.KEEP else "measure"
    emit(f"{purpose}: before the trial", node.id)
    outcome = _without_running(campaign, node, seed) or run_trial(
        campaign.executor, campaign.lab.home, job_of(campaign, node, trial, seed)
    )
    environment = campaign.lab.blob(campaign.executor.environment)
    record = _record(campaign, node, trial, seed, outcome, str(environment.oid))
    tree = edit(
        campaign.lab.repo,
        campaign.lab.tree_of(node.tip),
        {
            RESULT: _result(record),
            RUN_LOG: outcome.log,
            ENVIRONMENT: environment,
        },
    )
    check = runner_policy().check
    tip = campaign.lab.commit(node_branch(node.id), record, tree, [node.tip], check=check)
    forget(campaign.lab.home, str(trial))
    emit(f"{purpose}: after the trial", node.id)
    return node.after(tip, record)


def job_of(campaign: Campaign, node: Node, trial: Trial, seed: int) -> Job:
    """What is run for a trial of `node`."""
    # Made anew, not looked up: no commit holds these trees, so a clone or `git gc` may lack them.
    lab = campaign.lab
    candidate = lab.candidate(lab.tree_of(node.proposed))
    protocol = lab.protocol(lab.tree_of(campaign.tree.base), campaign.task.protected_paths)
    diff = node.propose.diff
    return Job(str(trial), candidate, protocol, seed, diff.added + diff.removed)


def _without_running(campaign: Campaign, node: Node, seed: int) -> Outcome | None:
    """The outcome where no compute is needed to know it."""
    repo, tree = campaign.lab.repo, campaign.lab.tree_of(node.proposed)
    if read(repo, tree, REFUSED) is not None:
        refusals = [line for line in node.propose.body.split("\n") if line.startswith("Refused: ")]
        reasons = "; ".join(line.removeprefix("Refused: ") for line in refusals)
        return Outcome(Status.DENIED, reasons)
    failed = read(repo, tree, FAILED)
    if failed is not None:
        what = failed.decode("utf-8", "replace").strip()
        return Outcome(Status.CRASH, f"the proposer failed: {what}", log=failed)
    return _duplicate(campaign, node, seed) or _invalid(campaign, node)


def _duplicate(campaign: Campaign, node: Node, seed: int) -> Outcome | None:
    """What an earlier node got for the same. Only a first trial: replicates are there to differ."""
    if node.trials:
        return None
    metric = campaign.task.objective.metric
    for other in campaign.tree.alike(node):
        answer = next((trial for trial in other.answers if trial.seed == seed), None)
        if answer is not None and (same := _same(campaign, node, other)):
            value = other.value(metric)
            shown = "" if value is None else f", {metric}={value:.6g}"
            return Outcome(Status.DUPLICATE, f"{same}, which was {answer.status}{shown}")
    return None


def _same(campaign: Campaign, node: Node, other: Node) -> str:
    """In what two nodes are the same; empty where they are not."""
    if node.propose.candidate == other.propose.candidate:
        return f"same candidate as node {other.id}"
    # Comments and formatting are what these two count.
    if node.propose.program is None or _LINE_COUNTS & set(campaign.task.metrics):
        return ""
    if node.propose.program != other.propose.program:
        return ""
    lab = campaign.lab
    # The trailers only say where to look: what is pulled in may say anything.
    if not same_program(lab, lab.tree_of(other.proposed), lab.tree_of(node.proposed)):
        return ""
    return f"same program as node {other.id} (formatting and comments aside)"


def _invalid(campaign: Campaign, node: Node) -> Outcome | None:
    """A changed Python file that will not compile, where trials run in this very Python."""
    program = find_command(campaign.task.candidate, campaign.variables)
    if not node.parents or program is None or not _is_our_python(program):
        return None
    repo, tree = campaign.lab.repo, campaign.lab.tree_of(node.proposed)
    for change in compare(repo, campaign.lab.tree_of(node.onto), tree).paths:
        if not change.path.endswith(".py") or change.size > _LARGEST_SOURCE:
            continue
        fault = _syntax_fault(read(repo, tree, change.path) or b"", change.path)
        if fault:
            return Outcome(Status.INVALID, fault, log=fault.encode("utf-8", "replace") + b"\n")
    return None


def _is_our_python(program: str) -> bool:
    ours = shutil.which(sys.executable)
    return ours is not None and Path(program).resolve() == Path(ours).resolve()


def _syntax_fault(source: bytes, path: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"{path}, line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{path} does not compile: {type(error).__name__}: {error}"
    return ""


def _record(
    campaign: Campaign, node: Node, trial: Trial, seed: int, outcome: Outcome, environment: str
) -> Measure:
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
        seed=seed,
        duration=round(outcome.duration, 6),
        peak_memory=outcome.peak_memory,
        output_bytes=outcome.output_bytes,
        executor=campaign.executor.name,
        sandbox=campaign.executor.sandbox,
        evaluator=campaign.executor.evaluator,
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

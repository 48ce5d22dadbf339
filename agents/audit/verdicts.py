"""Whether verdicts follow from the trials, and promotions from the verdicts."""

from collections.abc import Iterator
from dataclasses import replace

from ...gitlab.reader.trees import edits
from ...gitlab.reader.values import Commit
from ...gitlab.record.facts import Improvement, Metric, Noise, Verdict
from ...gitlab.record.records import Judge, Measure
from .context import CLOCKS_APART_SECONDS, Case
from .figures import fresh_trials, is_well, means
from .node_history import Claims, author_claims
from .values import Promotion, Story, Terms

_ROUNDING = 1e-6


def verdict_claims(case: Case, story: Story) -> Claims:
    """Every verdict of a story."""
    trials: list[Measure] = []
    for before, (commit, record) in zip(story.steps, story.steps[1:], strict=False):
        if isinstance(record, Measure):
            trials.append(record)
        elif isinstance(record, Judge) and trials:
            faults = _judge_faults(case, story, before.commit, commit, record, trials)
            yield from ((commit.id, what) for what in faults)


def _judge_faults(
    case: Case, story: Story, before: Commit, commit: Commit, said: Judge, trials: list[Measure]
) -> Iterator[str]:
    for edit in edits(case.objects, before.tree, commit.tree):
        yield f"the judge may change nothing, and {edit.path} differs"
    if said.metric != means(trials if is_well(trials) else ()):
        yield "its metrics are not those that were measured"
    if said.subject != replace(said, subject=f"{said.verdict}, {said.reason}").subject:
        yield f"its subject {said.subject!r} is not its Verdict and Reason"
    wrong = _incumbent_fault(case, story, commit, said)
    if wrong:
        yield wrong
        return
    terms = case.terms(story)
    rival = None if said.incumbent is None else case.stories.get(said.incumbent)
    if terms is not None and (rival is not None or said.incumbent is None):
        yield from _ledger_faults(case, story, commit, said, trials)
        against = None if rival is None else case.trials_by(rival, commit.time)
        yield from _ruling_faults(said, trials, against, terms)


def _ledger_faults(
    case: Case, story: Story, commit: Commit, said: Judge, trials: list[Measure]
) -> Iterator[str]:
    """Noise and error depend on what others had done by then: both are held to bounds."""
    most = case.most_error(story, commit.time)
    if said.error_spent is not None and not 0 < said.error_spent <= most * (1 + _ROUNDING):
        yield f"its Error-Spent is {said.error_spent}, and at most {most} was its share"
    if said.noise is None:
        return
    least, most_spread = case.spreads(story, commit.time, trials)
    if not least.freedom <= said.noise.freedom <= most_spread.freedom:
        yield (
            f"its Noise rests on {said.noise.freedom} degrees of freedom, and the trials of then "
            f"give {least.freedom} to {most_spread.freedom}"
        )
    squares = said.noise.sd * said.noise.sd * said.noise.freedom
    low, high = least.squares * (1 - _ROUNDING), most_spread.squares * (1 + _ROUNDING)
    if not low <= squares <= high:
        yield f"its Noise is {said.noise.sd}, and the trials of then give another"


def _ruling_faults(
    said: Judge, trials: list[Measure], rival: list[Measure] | None, terms: Terms
) -> Iterator[str]:
    noise = Noise(0.0, 0) if said.noise is None else said.noise
    due = terms.rule(trials, rival, noise, said.error_spent or terms.share(1))
    if due is None:
        yield "it is a verdict, and the trials ask for another trial"
        return
    for name in ("verdict", "delta", "evidence", "error_spent", "reason"):
        # Through the record's own form: a value may be cut to a line of it.
        real = getattr(replace(said, **{name: getattr(due, name)}), name)
        if getattr(said, name) != real:
            key = name.replace("_", "-").title()
            shown = f"its {key} is {getattr(said, name)}"
            yield f"{shown}, and the trials give {real}"


def _incumbent_fault(case: Case, story: Story, commit: Commit, said: Judge) -> str:
    """The incumbent was trunk's own at some time between the proposal and the verdict.

    What cannot be told from the objects is what happened on two machines within minutes.
    """
    base = case.bases.get(story.node)
    if base is None:
        return ""
    row = case.trunk.promotions[base]
    seen = case.seen[story.node]
    if said.incumbent is None:
        held = row[0].record.node if row else None
        return f"it names no Incumbent, and node {held} was it" if seen else ""
    places = [one for one in row if one.record.node == said.incumbent]
    if not places or said.incumbent == story.node:
        return f"its Incumbent {said.incumbent} was never promoted from the same base"
    rival = case.stories.get(said.incumbent, story)
    if rival.propose.protocol != story.propose.protocol:
        return f"its Incumbent {said.incumbent} was measured under another protocol"
    one = places[0]
    if one.place + 1 < seen:
        return f"its Incumbent {said.incumbent} had been replaced before node {story.node} began"
    if one.commit.time > commit.time + CLOCKS_APART_SECONDS:
        return f"its Incumbent {said.incumbent} was promoted only later"
    return ""


def promotion_claims(case: Case, one: Promotion) -> Claims:
    """A merge of trunk: the winner's tree, its verdict, and the figures against the baseline."""
    for what in _promotion_faults(case, one):
        yield one.commit.id, what
    yield from author_claims(one.commit, one.record)


def _promotion_faults(case: Case, one: Promotion) -> Iterator[str]:
    commit, said = one.commit, one.record
    if len(commit.parents) != 2:
        yield f"a promotion has two parents, and it has {len(commit.parents)}"
        return
    if any(p.record.node == said.node for p in case.trunk.promotions[one.base][: one.place]):
        yield f"node {said.node} was promoted before"
    winner = case.stories.get(said.node)
    if winner is None:
        return
    if said.parent_node != winner.propose.parent_node:
        yield "its Parent-Node is not that of the node"
    held = {step.commit.id: step for step in winner.steps}
    step = held.get(commit.parents[1])
    if step is None:
        yield f"its second parent {commit.parents[1]} is not on the branch of node {said.node}"
        return
    if step.commit.tree != commit.tree:
        yield f"its tree {commit.tree} is not the winner's, {step.commit.tree}"
    judged, fresh = fresh_trials(winner, step.commit.id)
    if judged is None or judged.verdict is not Verdict.KEEP:
        yield f"node {said.node} was not judged keep at its second parent"
    elif case.bases.get(said.node) != one.base:
        yield f"node {said.node} grew from another base than trunk's"
    else:
        row = case.trunk.promotions[one.base]
        due = row[one.place - 1].record.node if one.place else None
        if judged.incumbent != due:
            yield f"it was judged against {judged.incumbent}, and the incumbent was {due}"
        yield from _figure_faults(case, one, winner, judged, fresh)


def _figure_faults(
    case: Case, one: Promotion, winner: Story, judged: Judge, fresh: list[Measure]
) -> Iterator[str]:
    terms, said = case.terms(winner), one.record
    if not winner.propose.parent_node:
        fresh = []  # nothing selects a baseline
    if said.metric != (means(fresh) or judged.metric):
        yield "its metrics are not those that were measured after the verdict"
    if terms is None:
        return
    is_noisy = judged.noise is not None and judged.noise.sd > 0
    if winner.propose.parent_node and is_noisy and len(fresh) < terms.estimated:
        yield f"it rests on {len(fresh)} trials after the verdict, of {terms.estimated} due"
    if fresh and not is_well(fresh):
        yield f"a trial of node {said.node} after the verdict failed"
    if said.holdout is not None and not terms.is_sealed:
        yield "it has a Holdout, and the task has none"
    text = terms.estimate(fresh or case.weighed(winner, judged), judged.noise)
    if said.evidence != text:
        yield f"its Evidence is {said.evidence}, and the trials give {text}"
    root = case.roots.get(case.bases[winner.node])
    first = None if root is None or root is winner else case.value(root)
    value = next((m.value for m in said.metric if m.name == terms.metric), None)
    baseline = None if first is None else Metric(terms.metric, first)
    gain = None if first is None or value is None else Improvement.between(first, value)
    if said.baseline != baseline:
        yield f"its Baseline is {said.baseline}, and the baseline measured {baseline}"
    if said.improvement != gain:
        yield f"its Improvement is {said.improvement}, and the trials give {gain}"
    if value is not None:
        text = f"promote node {said.node}, {terms.metric} {value:.6g}"
        if said.subject != replace(said, subject=text).subject:
            yield f"its subject says {said.subject!r}, and it is {text!r}"

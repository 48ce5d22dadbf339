"""Whether verdicts follow from the trials."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...gitlab.reader.trees import edits
from ...gitlab.reader.values import Commit
from ...gitlab.record.facts import Noise, Verdict
from ...gitlab.record.records import Judge, Measure
from ...policies.promotion.contest import Incumbent, contest, planned
from ...policies.promotion.decide import decide
from ...policies.promotion.error_budget import part
from ...policies.promotion.plan import LOOKS
from ..trials.gates import held_to
from .context import AuditContext
from .figures import is_well, means
from .node_history import CLOCKS_APART_SECONDS, Claims, NodeHistory
from .noise_bounds import Known
from .rules import Rules

_ROUNDING = 1e-6


def verdict_claims(context: AuditContext, history: NodeHistory) -> Claims:
    """Every verdict of a node."""
    trials: list[Measure] = []
    last: Judge | None
    last, weighed = None, 0
    for before, (commit, said) in zip(history.steps, history.steps[1:], strict=False):
        if isinstance(said, Measure):
            trials.append(said)
        elif isinstance(said, Judge) and trials:
            for edit in edits(context.objects, before.commit.tree, commit.tree):
                yield commit.id, f"the judge may change nothing, and {edit.path} differs"
            for what in _verdict_faults(context, history, commit, said, trials):
                yield commit.id, what
            for what in _plan_faults(context, history, said, last, len(trials) - weighed):
                yield commit.id, what
            if last is not None and _runs_back(context, history, said, last):
                yield commit.id, "its Rules are older than those of its last verdict"
            begins = said.plan is not None and (last is None or last.plan is None)
            if begins and said.plan is not None and said.plan.after != len(trials):
                yield commit.id, f"its Plan is {said.plan}, and it had {len(trials)} trials"
            last, weighed = said, len(trials)


def _runs_back(context: AuditContext, history: NodeHistory, said: Judge, last: Judge) -> bool:
    now, before = (context.place(history, one.rules) for one in (said, last))
    return now is not None and before is not None and now < before


def _plan_faults(
    context: AuditContext, history: NodeHistory, said: Judge, last: Judge | None, more: int
) -> Iterator[str]:
    """A plan is made once, takes a place that nobody has, and is what later verdicts go by."""
    before, is_anew = (None, True) if last is None else (last.plan, last.rules != said.rules)
    if before is not None and said.plan != before:
        yield f"its Plan is {said.plan}, and it was {before} before its fresh trials"
    begins = before is None and said.plan is not None
    if said.verdict is Verdict.CONTEND and not (begins or more or is_anew):
        yield "it contends anew, and no rules changed since its last verdict"
    if begins and said.verdict is not Verdict.CONTEND:
        yield "its Plan was on no record before its fresh trials"
    if begins and said.plan is not None and said.plan.most not in LOOKS:
        yield f"its Plan is {said.plan}, and the judge looks after {', '.join(map(str, LOOKS))}"
    if begins and said.plan is not None:
        rivals = context.error_places(history.node).get(said.plan.place, set()) - {history.node}
        for other in sorted(rivals):
            yield f"its place {said.plan.place} in the error budget is node {other}'s"


def _verdict_faults(
    context: AuditContext, history: NodeHistory, commit: Commit, said: Judge, trials: list[Measure]
) -> Iterator[str]:
    if wrong := _rules_fault(context, history, said):
        yield wrong
        return
    rules = context.rules(history, said.rules)
    held = trials if rules is None else list(held_to(rules.task, trials))
    if said.metric != means(held if is_well(held) else ()):
        yield "its metrics are not those that were measured"
    if said.subject != replace(said, subject=f"{said.verdict}, {said.reason}").subject:
        yield f"its subject {said.subject!r} is not its Verdict and Reason"
    if wrong := _incumbent_fault(context, history, commit, said):
        yield wrong
        return
    rival = None if said.incumbent is None else context.nodes.get(said.incumbent)
    if rules is not None and (rival is not None or said.incumbent is None):
        yield from _budget_faults(context, history, commit, said, trials, rules)
        if said.noise is None and not (rules.standard.is_single or said.verdict is Verdict.FAIL):
            yield "it has no Noise, and where single trials are not trusted a verdict rests on it"
            return
        tellings = [None] if rival is None else context.trials_known(rival, commit.time)
        selected = 0 if rival is None else context.selected(rival)
        # What is false whatever the judge knew; the likeliest telling says it best.
        theirs = [None if one is None else held_to(rules.task, one) for one in tellings]
        faults = [_ruling_faults(said, held, one, selected, rules) for one in theirs]
        told = list(faults[0])
        if told and all(any(other) for other in faults[1:]):
            yield from told


def _incumbent_fault(
    context: AuditContext, history: NodeHistory, commit: Commit, said: Judge
) -> str:
    """The incumbent was trunk's own at some time between the proposal and the verdict.

    What cannot be told from the objects is what happened on two machines within minutes.
    """
    base = context.base(history.node)
    if base is None:
        return ""
    row, seen = context.trunk.promotions[base], context.promotions_seen(history.node)
    rules = context.rules(history, said.rules)
    if said.incumbent is None:
        held = [p.record.node for p in row[:seen] if context.surely_holds(p, rules)]
        return f"it names no Incumbent, and node {held[0]} was it" if held else ""
    promotion = next((p for p in row if p.record.node == said.incumbent), None)
    if promotion is None or said.incumbent == history.node:
        return f"its Incumbent {said.incumbent} was never promoted from the same base"
    rival = context.nodes.get(said.incumbent) or history
    if rival.propose.protocol != history.propose.protocol:
        return f"its Incumbent {said.incumbent} was measured under another protocol"
    if context.surely_misses(promotion, rules):
        return f"its Incumbent {said.incumbent} misses a bound that was in force"
    last = max(p.place for p in row if p.record.node == said.incumbent)
    if any(context.surely_holds(p, rules) for p in row[last + 1 : seen]):
        return f"its Incumbent {said.incumbent} had been replaced before node {history.node} began"
    if promotion.commit.time > commit.time + CLOCKS_APART_SECONDS:
        return f"its Incumbent {said.incumbent} was promoted only later"
    return ""


def _rules_fault(context: AuditContext, history: NodeHistory, said: Judge) -> str:
    """The rules it was judged by are the trunk's, and no older than those it was proposed under."""
    place = context.place(history, said.rules)
    if place is None:
        return f"its Rules are {said.rules}, which is no commit of people since its base"
    if place < (context.place(history, history.propose.rules) or 0):
        return "its Rules are older than those of its proposal"
    why = context.unread(history, said.rules)
    return f"its Rules cannot be read: {why}" if why and said.rules else ""


def _budget_faults(
    context: AuditContext,
    history: NodeHistory,
    commit: Commit,
    said: Judge,
    trials: list[Measure],
    rules: Rules,
) -> Iterator[str]:
    """Noise and error depend on what others had done by then: both are held to bounds."""
    bounds = context.noise_bounds
    if said.plan is not None:
        due = part(said.plan.place, rules.standard.confidence)
        if said.error_spent is None or abs(said.error_spent - due) > due * _ROUNDING:
            yield f"its Error-Spent is {said.error_spent}, and its place gives {due}"
    elif said.error_spent is not None:
        most = bounds.most_error(history, commit.time, rules.standard.confidence)
        if not 0 < said.error_spent <= most * (1 + _ROUNDING):
            yield f"its Error-Spent is {said.error_spent}, and at most {most} was its share"
    if said.noise is None:
        return
    known: list[Known] = [(history, trials)]
    root = context.root(history.node)
    if root is not None and root is not history and root.judged is not None:
        known.append((root, context.weighed(root, root.judged)))
    base, metric = context.base(history.node), rules.standard.metric
    least, largest = bounds.spreads(base, commit.time, known, metric)
    if not least.freedom <= said.noise.freedom <= largest.freedom:
        yield (
            f"its Noise rests on {said.noise.freedom} degrees of freedom, and the trials of then "
            f"give {least.freedom} to {largest.freedom}"
        )
    squares = said.noise.sd * said.noise.sd * said.noise.freedom
    if not least.squares * (1 - _ROUNDING) <= squares <= largest.squares * (1 + _ROUNDING):
        yield f"its Noise is {said.noise.sd}, and the trials of then give another"


def _ruling_faults(
    said: Judge,
    trials: Sequence[Measure],
    rival: Sequence[Measure] | None,
    selected: int,
    rules: Rules,
) -> Iterator[str]:
    """`selected` is how many of the rival's trials came before it was kept; of a baseline none."""
    noise = Noise(0.0, 0) if said.noise is None else said.noise
    error = said.error_spent or part(1, rules.standard.confidence)
    if rules.standard.staged:
        theirs = None if rival is None else Incumbent(rival, rival[selected:] or rival)
        due = contest(rules.standard, trials, theirs, noise, said.plan, error)
        if due is None and said.plan is not None and len(trials) == said.plan.after:
            standing = contest(rules.standard, trials, theirs, noise, None, error)
            due = None if standing is None else planned(standing, said.plan, error)
    else:
        due = decide(rules.standard, trials, rival, noise, error)
    if due is None and said.verdict is Verdict.CONTEND:
        return
    if due is None:
        yield "it is a verdict, and the trials ask for another trial"
        return
    for name in ("verdict", "delta", "evidence", "error_spent", "reason"):
        # Through the record's own form: a value may be cut to a line of it.
        real = getattr(replace(said, **{name: getattr(due, name)}), name)
        if getattr(said, name) != real:
            key = name.replace("_", "-").title()
            yield f"its {key} is {getattr(said, name)}, and the trials give {real}"

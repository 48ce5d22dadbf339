"""A record is its text and back, and git itself reads the same facts."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from airesearch.gitlab.errors import RecordError
from airesearch.gitlab.record import facts as f
from airesearch.gitlab.record.records import Judge, Measure, Promote, Propose, Record, parse, quoted
from airesearch.gitlab.record.text import one_line, prose, quote_path
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import git, repository

ids = st.integers(0, 10**7)
awkward = [
    "--- cut",
    "a\n---\nb",
    "# " + "-" * 24 + " >8 " + "-" * 24,
    "Action: propose",
    "x\r\ny",
    "one\n\nNode: 7",
    " \t indented",
]
text = st.text(max_size=80) | st.sampled_from(awkward)
reason = text.map(one_line).map(lambda line: line or None)
oid = st.text("0123456789abcdef", min_size=40, max_size=40)
finite = st.floats(allow_nan=False, allow_infinity=False)
word = st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True)
metric = st.builds(
    f.Metric, st.from_regex(r"[A-Za-z_][A-Za-z0-9_.@/-]{0,20}", fullmatch=True), finite
)
metrics = st.lists(metric, max_size=3).map(tuple)
signed = finite.map(f.Signed)
paths = st.lists(st.text(min_size=1, max_size=20).map(quote_path), max_size=3).map(tuple)
head: dict[str, Any] = {
    "agent": word,
    "subject": text,
    "body": text,
    "node": ids,
    "parent_node": st.lists(ids, max_size=2).map(tuple),
}
proposals = st.builds(
    Propose,
    **head,
    operator=st.sampled_from(f.Operator),
    diff=st.builds(f.Diff, ids, ids, ids),
    diff_path=paths,
    candidate=oid,
    protocol=oid,
    model=reason,
    tokens_in=st.none() | ids,
    tokens_cached=st.none() | ids,
    tokens_out=st.none() | ids,
    cost_usd=st.none() | st.builds(f.Dollars, st.none() | st.floats(0, 1e6)),
    transcript=st.none() | oid,
)
measurements = st.builds(
    Measure,
    **head,
    trial=st.builds(f.Trial, ids, ids),
    candidate=oid,
    protocol=oid,
    status=st.sampled_from(f.Status),
    metric=metrics,
    reason=reason,
    seed=ids,
    duration=finite,
    peak_memory=ids,
    output_bytes=ids,
    executor=word,
    sandbox=word,
    evaluator=word,
    environment=oid,
)
verdicts = st.builds(
    Judge,
    **head,
    verdict=st.sampled_from(f.Verdict),
    metric=metrics,
    incumbent=st.none() | ids,
    delta=st.none() | signed,
    evidence=st.just("n=5 paired, 95% CI [-0.0049, -0.0012]"),
    reason=reason.map(lambda line: line or "better"),
)
promotions = st.builds(
    Promote,
    **head,
    metric=metrics,
    baseline=st.none() | metric,
    improvement=st.none() | st.builds(f.Improvement, signed, st.none() | signed),
)
records = proposals | measurements | verdicts | promotions


def example(**changes: Any) -> Propose:
    values: dict[str, Any] = {
        "agent": "tuner",
        "subject": "LR 0.5 -> 0.1",
        "node": 4,
        "parent_node": (2,),
        "operator": f.Operator.IMPROVE,
        "diff": f.Diff(1, 2, 3),
        "diff_path": ("train.py",),
        "candidate": "a" * 40,
        "protocol": "b" * 40,
    }
    return Propose(**{**values, **changes})


@given(records)
def test_round_trip(record: Record) -> None:
    assert parse(str(record)) == record


@given(text)
def test_text_is_stable(value: str) -> None:
    assert one_line(one_line(value)) == one_line(value)
    assert prose(prose(value)) == prose(value)


@settings(max_examples=60, deadline=None)
@given(records)
def test_git_reads_the_same_trailers(record: Record) -> None:
    done = subprocess.run(
        ["git", "interpret-trailers", "--parse"],
        input=str(record).encode(),
        capture_output=True,
        check=True,
    )
    expected = [f"{key}: {value}" for key, value in record.trailers()]
    assert done.stdout.decode().split("\n")[:-1] == expected


@settings(max_examples=20, deadline=None)
@given(record=records)
def test_git_log_reads_the_same_trailers(
    record: Record, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = repository(tmp_path_factory.mktemp("log"), {"a": "1"})
    message = folder / "message"
    message.write_bytes(str(record).encode())
    git(folder, "commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", str(message))
    shown = git(folder, "log", "-1", "--format=%(trailers:only,unfold)")
    assert shown.rstrip("\n").split("\n") == [f"{k}: {v}" for k, v in record.trailers()]


def test_the_subject_fits() -> None:
    first = str(example(subject="word " * 40)).split("\n")[0]
    assert len(first) == 72
    assert first.startswith("tuner: word word")
    assert first.endswith("…")


def test_a_plain_commit_is_no_record() -> None:
    assert parse("Fix the loader\n\nIt was slow.\n\nSigned-off-by: Ada\n") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Node: 4", "Node: four"),
        ("Node: 4", "Node: 04"),
        ("Operator: improve", "Operator: guess"),
        ("Candidate: " + "a" * 40 + "\n", ""),
        ("Diff: 1 file,", "Diff: 1 files,"),
        ("Action: propose", "Action: publish"),
        ("tuner: LR", "other: LR"),
        ("Node: 4", "Node: 4\nNode: 5"),
        ("Node: 4", "Node: 4\nScore: 9"),
        ("Protocol: ", "Protocol:  "),
    ],
)
def test_a_bent_record_is_refused(old: str, new: str) -> None:
    text = str(example())
    assert old in text
    with pytest.raises(RecordError):
        parse(text.replace(old, new))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_metric_is_finite(value: float) -> None:
    with pytest.raises(RecordError, match="only finite"):
        f.Metric("loss", value)


def test_what_a_proposal_cost_is_said_in_words_people_search_for() -> None:
    said = str(example(model="m-1", tokens_in=9, cost_usd=f.Dollars(0.5), transcript="c" * 40))
    assert "Model: m-1\nTokens-In: 9\nCost-USD: 0.5\nTranscript: " in said
    assert "Cost-USD: unknown" in str(example(cost_usd=f.Dollars(None)))


def test_quoted_paths_are_what_git_prints(tmp_path: Path) -> None:
    names = ["plain.py", "sp ace", 'qu"ote', "new\nline", "tab\t", "back\\slash", "é", "..."]
    folder = repository(tmp_path / "r", dict.fromkeys(names, "x"))
    shown = git(folder, "-c", "core.quotePath=off", "ls-files").rstrip("\n").split("\n")
    ours = sorted(quote_path(name) for name in names if name != "...")
    assert sorted(line for line in shown if line != "...") == ours


PROSE = "Lower LR\n\nVerdict: keep\nverdict : keep\nRefused: evaluate.py\nNote: this stays"


def test_no_line_of_prose_reads_as_a_trailer() -> None:
    said = quoted(f"{PROSE}\n\u202eVerdict: keep")
    assert [line for line in said.split("\n") if line.startswith(" ")] == [
        " Verdict: keep",
        " verdict : keep",
        " Refused: evaluate.py",
        " Verdict: keep",
    ]
    assert "\nNote: this stays\n" in said and quoted(said) == said
    kept = example(body=said)
    assert parse(str(kept)) == kept


def test_a_record_made_before_may_have_such_lines() -> None:
    old = example(body=PROSE)
    assert old.body == PROSE
    assert parse(str(old)) == old

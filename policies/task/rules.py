"""What a task's values must be beyond their types: each rule yields what breaks it."""

import posixpath
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ...gitlab.record.facts import METRIC_NAME
from ..paths import RUN_AS_USER, PatternError, is_under, matches

_AGENT_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_OURS = ("airesearch", "runner", "judge")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# Thirty years of seconds; in MiB, less than the kernel's largest file size in bytes.
_LARGEST_LIMIT = 10**9
_LEAST_REPLICATES, _MOST_REPLICATES = 12, 200
_GPU = re.compile(r"[0-9]{1,3}|(?:GPU|MIG)-[0-9A-Za-z/-]{1,80}")
_GROUP_MEND = "write one group around the number, as in 'val_error: ([-+.eE0-9]+)'"
_PRODUCE_MEND = (
    "add `evaluate: python evaluate.py` (it writes a JSON object to $AIRESEARCH_METRICS), or "
    "objective.pattern to read it from stdout"
)
_NAME_MEND = f"use lower-case letters, digits, - and _, and none of {', '.join(_OURS)}"


@dataclass(frozen=True)
class Problem:
    """What is wrong with the value of the dotted `key`."""

    key: str
    what: str
    mend: str


def plain(path: str) -> str:
    """`path` in its one spelling: no `./`, no slash at the end."""
    return posixpath.normpath(path)


def files_in(command: str) -> tuple[str, ...]:
    """The words of a command that may be files of the lab, its program only with a slash in it."""
    program, *words = shlex.split(command) or [""]
    named = [*([program] if "/" in program else []), *words]
    return tuple(plain(word) for word in named if word and word[0] not in "-/")


def command(key: str, text: str) -> Iterator[Problem]:
    """A command has a program, closed quotes and no control characters."""
    if _CONTROL.search(text):
        yield Problem(key, f"{key} holds a control character", "remove it")
    try:
        words = shlex.split(text)
    except ValueError as error:
        yield Problem(key, f"{key} cannot be split into words: {error}", "close the quote")
        return
    if not words or not words[0]:
        yield Problem(key, f"{key} is empty", f"write a command, as in `{key}: python {key}.py`")


def metric(key: str, name: str, made: Collection[str] | None) -> Iterator[Problem]:
    """A metric has a usable name and, where all that are `made` are known, is one of them."""
    if not METRIC_NAME.fullmatch(name):
        yield Problem(key, f"{name!r} cannot be a metric's name", "use letters, digits and _")
    elif name.startswith("partial."):
        what = f"{name!r} cannot be a metric's name: failed trials keep theirs under `partial.`"
        yield Problem(key, what, "choose another name")
    elif made is not None and name not in made:
        yield Problem(key, f"nothing produces the metric {name!r}", _PRODUCE_MEND)


def printed_score(key: str, pattern: str, evaluated: bool) -> Iterator[Problem]:
    """A pattern has a group, and no evaluator beside it."""
    if evaluated:
        yield Problem(key, f"{key} and evaluate both give the score", "keep one of them")
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        yield Problem(key, f"{key} is no regular expression: {error}", _GROUP_MEND)
        return
    if not groups:
        yield Problem(key, f"{key} has no group", _GROUP_MEND)


def bounds(key: str, name: str, least: float | None, most: float | None) -> Iterator[Problem]:
    """A constraint has a bound, and a value can meet it."""
    if least is None and most is None:
        yield Problem(key, f"{key}: the constraint on {name} has no bound", "add max or min")
    elif least is not None and most is not None and least > most:
        what = f"{key}: no {name} is at least {least:g} and at most {most:g}"
        yield Problem(key, what, "swap min and max")


def limit(key: str, value: float | None) -> Iterator[Problem]:
    """A limit is above zero and within what clocks and kernels can count."""
    if value is not None and not 0 < value <= _LARGEST_LIMIT:
        mend = f"give a number above zero, at most {_LARGEST_LIMIT:,}, or leave the line out"
        yield Problem(key, f"{key} is {value}", mend)


def digits(key: str, value: int | None) -> Iterator[Problem]:
    """A float holds 17 significant digits, and one says little."""
    if value is not None and not 2 <= value <= 17:
        yield Problem(key, f"{key} is {value}", "give 2 to 17, or leave the line out for all")


def effect(key: str, value: float) -> Iterator[Problem]:
    """A gain is not negative."""
    if value < 0:
        yield Problem(key, f"{key} is {value}", "give zero or more")


def gpus(key: str, names: tuple[str, ...]) -> Iterator[Problem]:
    """Each GPU is named once, by what CUDA_VISIBLE_DEVICES takes for one."""
    for place, name in enumerate(names):
        if not _GPU.fullmatch(name):
            mend = "name it as nvidia-smi -L does: 0, or GPU-8f6a..."
            yield Problem(f"{key}[{place}]", f"{name!r} is no GPU", mend)
    if len(set(names)) != len(names):
        yield Problem(key, f"{key} names a GPU twice", "name each once")


def confidence(key: str, value: float) -> Iterator[Problem]:
    """A confidence is a probability worth the name."""
    if not 0.5 <= value < 1:
        yield Problem(key, f"{key} is {value}", "give at least 0.5 and less than 1, as in 0.95")


def replicates(key: str, value: int) -> Iterator[Problem]:
    """There are enough seeds for a claim, or one."""
    if value != 1 and not _LEAST_REPLICATES <= value <= _MOST_REPLICATES:
        mend = (
            f"give {_LEAST_REPLICATES} to {_MOST_REPLICATES} (fewer cannot tell luck from gain), "
            "or 1 to trust single trials"
        )
        yield Problem(key, f"{key} is {value}", mend)


def patterns(key: str, given: tuple[str, ...]) -> Iterator[Problem]:
    """There is a pattern, and each is one in gitignore syntax."""
    if not given:
        yield Problem(key, f"{key} is empty", f"name a file agents may change: `{key}: [train.py]`")
    for place, pattern in enumerate(given):
        try:
            matches((pattern,), "-")
        except PatternError as error:
            what = f"{key}: {pattern!r} is no gitignore pattern that is read as meant: {error}"
            yield Problem(f"{key}[{place}]", what, "name a file, a folder or a glob as `src/*.py`")


def paths(key: str, given: tuple[str, ...]) -> Iterator[Problem]:
    """A path names something inside the lab, and not all of it."""
    for place, path in enumerate(given):
        where = f"{key}[{place}]"
        if path.startswith("/") or ".." in path.split("/"):
            yield Problem(where, f"the path {path!r} leads out of the lab", "give a path inside it")
        elif plain(path) == "." or _CONTROL.search(path):
            yield Problem(where, f"{where}: {path!r} is no file or folder of the lab", "name one")


def apart(key: str, given: tuple[str, ...], protected: tuple[str, ...]) -> Iterator[Problem]:
    """What a candidate writes neither is nor holds nor stands in what is protected."""
    for place, path in enumerate(given):
        for other in protected:
            if is_under(plain(path), (other,)) or is_under(other, (plain(path),)):
                what = f"{path!r} is an output, and {other!r} is protected: they overlap"
                yield Problem(f"{key}[{place}]", what, "remove one of the two")


def agents(key: str, names: Collection[str]) -> Iterator[Problem]:
    """A team has an agent, and each has a name that a commit's author can have."""
    if not names:
        yield Problem(key, f"{key} is empty", "add an agent: `team: {tuner: {backend: tuner}}`")
    for name in names:
        if not _AGENT_NAME.fullmatch(name) or name in _OURS:
            yield Problem(f"{key}.{name}", f"{name!r} cannot be an agent's name", _NAME_MEND)


def knobs(key: str, given: Mapping[str, str]) -> Iterator[Problem]:
    """A knob is named with its file, and says what a comment beside it could."""
    mend = 'write as `"train.py:LR": range: 1e-4..1 log`, in quotes, or choices: a, b, or fixed'
    for name, text in given.items():
        file, colon, literal = name.partition(":")
        if not (file and colon and literal):
            yield Problem(f"{key}.{name}", f"{key}: {name!r} names no file and literal", mend)
        elif not re.fullmatch(r"fixed|(range|choices):.+", text.strip()):
            yield Problem(f"{key}.{name}", f"{key}: {text!r} says nothing of a knob", mend)


def opens(key: str, given: tuple[str, ...]) -> Iterator[Problem]:
    """What stands open to an agent is one place of the machine or the home, not all of either.

    Nor anything that the user runs: that would be a way out of the agent's room.
    """
    for place, path in enumerate(given):
        where, name = f"{key}[{place}]", plain(path.removeprefix("~/"))
        mend = "name a file, a folder or a socket of its own, as ~/.cursor"
        is_home = path.startswith("~/")
        if (
            not (is_home or path.startswith("/"))
            or ".." in path.split("/")
            or _CONTROL.search(path)
        ):
            yield Problem(where, f"{path!r} begins with neither / nor ~/", mend)
        elif name in (".", "/", "//"):
            yield Problem(where, f"{path!r} is all there is", mend)
        elif is_home and any(
            is_under(name, (run,)) or is_under(run, (name,)) for run in RUN_AS_USER
        ):
            yield Problem(where, f"{path!r} is or holds what you run yourself", mend)

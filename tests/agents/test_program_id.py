"""The program of a candidate: what counts in Python code, and what is formatting or a comment."""

import ast
from pathlib import Path

import pytest
from airesearch.agents.trials import program_id
from airesearch.agents.trials.program_id import program, same_program, syntax, unlike
from airesearch.gitlab.lab.lab import Lab, open_lab
from airesearch.gitlab.reader.repository import Repository
from airesearch.gitlab.store.trees import EMPTY, Entry, Oid, edit
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import repository


def counts(path: str) -> bool:
    """All but the bus is part of the program, as in a lab without a team.yaml."""
    return not path.startswith("research/")


CODE = b'''"""Train."""
import os

@decorated
def step(a, *, b=1.0, **rest):
    """One step."""
    if a > b:  # a comment
        return f"{a!r:>{b}} {rest['x']}"
    return {**rest, "a": [1, 2, (3,)]}

LR = 0.5
'''
SAME = {
    "a comment": CODE + b"# more\n",
    "a comment taken away": CODE.replace(b"  # a comment", b""),
    "blank lines": CODE.replace(b"\n", b"\n\n"),
    "spaces": CODE.replace(b" = ", b"  =  "),
    "parentheses": CODE.replace(b"0.5", b"(\n  0.5\n)"),
    "a number in another form": CODE.replace(b"0.5", b"5e-1"),
    "quotes": CODE.replace(b'"a"', b"'a'"),
    "a string in two parts": CODE.replace(b'"""Train."""', b'"Tr" "ain."'),
    "a semicolon": CODE.replace(b"import os\n", b"import os;\n"),
    "line ends of another system": CODE.replace(b"\n", b"\r\n"),
    "a byte order mark": b"\xef\xbb\xbf" + CODE,
    "a type comment": CODE.replace(b"LR = 0.5", b"LR = 0.5  # type: float"),
    "an encoding that changes nothing": b"# -*- coding: latin-1 -*-\n" + CODE,
}
OTHER = {
    "a number": CODE.replace(b"0.5", b"0.50001"),
    "a number's type": CODE.replace(b"[1, 2", b"[1.0, 2"),
    "a bool for a number": CODE.replace(b"[1, 2", b"[True, 2"),
    "bytes for a string": CODE.replace(b'"a":', b'b"a":'),
    "a docstring": CODE.replace(b"One step", b"Two steps"),
    "a module's docstring": CODE.replace(b"Train", b"Training"),
    "no docstring": CODE.replace(b'"""Train."""\n', b""),
    "a name": CODE.replace(b"LR", b"RATE"),
    "a default": CODE.replace(b"b=1.0", b"b=2.0"),
    "a keyword for a place": CODE.replace(b"*, b", b"b"),
    "an operator": CODE.replace(b"a > b", b"a >= b"),
    "a decorator": CODE.replace(b"@decorated\n", b""),
    "a conversion": CODE.replace(b"!r", b"!s"),
    "the order": CODE.replace(b"1, 2", b"2, 1"),
    "a tuple for its item": CODE.replace(b"(3,)", b"(3)"),
    "a list for a tuple": CODE.replace(b"(3,)", b"[3]"),
    "a statement moved out": CODE.replace(b"    return {", b"return_ = {"),
    "the interpreter": b"#!/usr/bin/env -S python3 -O\n" + CODE,
    "an encoding that changes a string": CODE.replace(b"Train", b"\xc3\xa9"),
    "None for a name": CODE.replace(b"[1, 2", b"[None, 2"),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab to keep trees in."""
    return open_lab(repository(tmp_path_factory.mktemp("lab"), {"airesearch.yaml": ""}))


def tree(lab: Lab, files: dict[str, bytes], modes: dict[str, int] | None = None) -> Oid:
    """The tree of `files`, plain ones but for `modes`."""
    blobs = {path: lab.repo.create_blob(data) for path, data in files.items()}
    entries = {p: Entry(p, blob, (modes or {}).get(p, 0o100644)) for p, blob in blobs.items()}
    return edit(lab.repo, EMPTY, entries)


def compared(lab: Lab, one: Oid, other: Oid) -> str:
    """Why the audit, by its own reader, finds two trees different programs."""
    repository = Repository(Path(lab.repo.workdir))
    try:
        return unlike(repository.objects, str(one), str(other), counts)
    finally:
        repository.close()


def may_be_program(said: str, lab: Lab, base: Oid, other: Oid) -> bool:
    """Whether the audit, by its own reader, takes `said` for the id of a program."""
    repository = Repository(Path(lab.repo.workdir))
    try:
        return program_id.may_be_program(said, repository.objects, str(base), str(other), counts)
    finally:
        repository.close()


def audited(lab: Lab, one: bytes, other: bytes) -> str:
    """Why the audit finds two texts different programs."""
    return compared(lab, tree(lab, {"a.py": one}), tree(lab, {"a.py": other}))


@pytest.mark.parametrize("name", SAME)
def test_formatting_and_comments_do_not_count(name: str, lab: Lab) -> None:
    assert SAME[name] != CODE
    assert syntax(SAME[name]) == syntax(CODE) != ""
    assert audited(lab, CODE, SAME[name]) == ""


@pytest.mark.parametrize("name", OTHER)
def test_all_else_counts(name: str, lab: Lab) -> None:
    assert OTHER[name] != CODE
    assert syntax(OTHER[name]) not in ("", syntax(CODE))
    assert "by more than comments" in audited(lab, CODE, OTHER[name])


def test_the_encoding_is_the_files_own() -> None:
    text = "x = 'é'\n"
    latin = b"# coding: latin-1\n" + text.encode("latin-1")
    assert syntax(latin) == syntax(text.encode())
    assert syntax(b"# coding: latin-1\n" + text.encode()) != syntax(text.encode())


HOSTILE = {
    "no code": b"def broken(:\n",
    "a NUL": b"x = 1\0\n",
    "bytes of no encoding": b"x = '\xff'\n",
    "an encoding nobody knows": b"# coding: klingon\nx = 1\n",
    "a codec that is no text": b"# coding: zip\nx = 1\n",
    "brackets": b"(" * 100_000 + b")" * 100_000,
    "signs": b"-" * 100_000 + b"1",
    "blocks": b"".join(b" " * n + b"if x:\n" for n in range(300)),
    "a long chain": b"x" + b".a" * 100_000,
    "a long sum": b"1" + b"+1" * 100_000,
    "a long number": b"9" * 10_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_is_told_by_its_bytes(name: str, lab: Lab) -> None:
    assert syntax(HOSTILE[name]) == ""
    base, one, other = (
        tree(lab, {"x.py": data}) for data in (b"", HOSTILE[name], HOSTILE[name] + b"#\n")
    )
    assert program(lab, base, one, counts) != program(lab, base, other, counts)
    assert not same_program(lab, one, other, counts)
    assert "cannot parse it" in compared(lab, one, other)


def test_deep_code_that_parses_is_read() -> None:
    deep = b"x = 1" + b" + 1" * 900 + b"\n"
    assert syntax(deep) == syntax(deep.replace(b" + ", b"+")) != ""
    assert syntax(b"x = 0x" + b"f" * 10_000) != ""


numbers = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()
values = st.recursive(
    numbers | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(values, values)
def test_two_values_are_one_program_where_python_reads_them_alike(one: object, two: object) -> None:
    texts = (repr(one), repr(two))
    dumps, forms = ({read(text) for text in texts} for read in (_dump, _syntax))
    assert len(dumps) == len(forms)


def _dump(text: str) -> str:
    return ast.dump(ast.parse(text))


def _syntax(text: str) -> str:
    return syntax(text.encode())


FILES = {"a.py": CODE, "b.py": b"y = 1\n", "c.txt": b"text\n", "research/log.py": b"1\n"}
TREES: dict[str, tuple[dict[str, bytes | None], dict[str, int], str]] = {
    "comments in two files": ({"a.py": CODE + b"#\n", "b.py": b"y=1"}, {}, ""),
    "a file less": ({"b.py": None}, {}, "b.py differs"),
    "the bus": ({"research/log.py": b"2\n"}, {}, ""),
    "code": ({"b.py": b"y = 2\n", "a.py": CODE + b"#\n"}, {}, "b.py differs by more than"),
    "another kind of file": ({"c.txt": b"text\n\n"}, {}, "c.txt differs"),
    "a new file that is empty": ({"d.py": b""}, {}, "d.py differs"),
    "a new file of comments": ({"d.py": b"# nothing\n"}, {}, "d.py differs"),
    "an executable bit": ({}, {"b.py": 0o100755}, "b.py differs"),
    "a link of the same content": ({}, {"b.py": 0o120000}, "b.py differs"),
    "a name with a newline": ({"e\n.py": b""}, {}, '"e\\n.py" differs'),
    "a folder in place of a file": ({"a.py": None, "a.py/x.py": b""}, {}, "differs"),
    "more than is parsed": (
        {"a.py": CODE + b"#" * (1 << 21) + b"\n"}, {}, "too much Python differs"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TREES)
def test_trees_are_the_same_by_writer_and_audit(name: str, lab: Lab) -> None:
    changed, modes, why = TREES[name]
    here = {path: data for path, data in {**FILES, **changed}.items() if data is not None}
    base, other = tree(lab, FILES), tree(lab, here, modes)
    said = program(lab, base, other, counts)
    assert (said == program(lab, base, base, counts)) is (not why)
    assert same_program(lab, base, other, counts) is (not why)
    assert may_be_program(said, lab, base, other)
    found = compared(lab, base, other)
    assert why in found
    assert bool(found) is bool(why)


def test_two_nodes_far_from_the_base_are_still_compared(lab: Lab) -> None:
    """Each may differ from the base by as much as is parsed, so from the other by twice that."""
    long = b"x = 1\n" + b"#" * 1_000_000 + b"\n"
    base, one, other = (tree(lab, {"a.py": data}) for data in (b"", long, b"\n" + long))
    assert program(lab, base, one, counts) == program(lab, base, other, counts)
    assert same_program(lab, one, other, counts)
    assert compared(lab, one, other) == ""


def test_another_bases_program_is_another(lab: Lab) -> None:
    one, other = tree(lab, FILES), tree(lab, {**FILES, "c.txt": b"else\n"})
    assert program(lab, one, one, counts) != program(lab, other, other, counts)


def test_what_another_python_may_say_is_let_pass(lab: Lab) -> None:
    base, readable, unreadable = (
        tree(lab, {"a.py": data}) for data in (b"", b"x = 1\n", b"x = $1\n")
    )
    assert not may_be_program("0" * 64, lab, base, readable)
    assert not may_be_program(program(lab, base, base, counts), lab, base, readable)
    assert may_be_program("0" * 64, lab, base, unreadable)

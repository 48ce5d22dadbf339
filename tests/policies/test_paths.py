"""Patterns name what git says they name, and what git would read otherwise is refused."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from airesearch.policies.paths import PatternError, is_git_own, is_under, matches
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from toys import git

CASES = 10_000
_PIECES = (
    *("a", "A", "b", "lib", "x.py", ".", "-", "~", "é", "e\u0301", "ß", "{", "}", "(", "+", "$"),
    *("^", "|", "*", "*", "?", "[ab]", "[!a]", "[^b]", "[a-c]", "[a.]", "[A-Z0-9_]", "\\*", "\\?"),
    *("\\a", "\\ ", " ", "\\#", "#", "\\!", "!", "]", "\\[", "\\\\", "\u00a0", "\u2003"),
)
_LETTERS = (
    *("a", "A", "b", "c", "lib", "x.py", ".", "-", "~", "é", "e\u0301", "ß", "{", "(", "+", "$"),
    *("^", "|", "*", "?", " ", "#", "!", "[", "]", "\\", "\u00a0", "\n", "\r", "\t", "\udcff"),
)


def _sound(path: str) -> bool:
    return not any(name in ("", ".", "..", ".git") for name in path.split("/"))


def _accepted(pattern: str) -> bool:
    try:
        matches((pattern,), "-")
    except PatternError:
        return False
    return True


pieces = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=3).map("".join)
segments = st.one_of(pieces, pieces, st.sampled_from(("**", "*", "a", "lib")))
patterns = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(("", "", "", "!")),
    st.sampled_from(("", "", "/")),
    st.lists(segments, min_size=1, max_size=3).map("/".join),
    st.sampled_from(("", "", "/", " ", "/  ")),
).filter(_accepted)
lists = st.lists(patterns, min_size=1, max_size=4).map(tuple)
names = st.lists(st.sampled_from(_LETTERS), min_size=1, max_size=3).map("".join)
free = st.lists(names, min_size=1, max_size=4).map("/".join)
_MEANT = {"[ab]": "a", "[!a]": "b", "[^b]": "c", "[a-c]": "c", "[a.]": "."}


@st.composite
def near(draw: st.DrawFn) -> str:
    """A path that one random pattern may well name."""
    path = re.sub(
        r"\[[^]]+\]", lambda found: _MEANT.get(found[0], "A"), draw(patterns).strip("!/ ")
    )
    path = path.replace("**", draw(st.sampled_from(("a/b", "c")))).replace("\\", "")
    path = path.replace("*", draw(st.sampled_from(("", "a")))).replace("?", "b")
    return draw(st.sampled_from(("{}", "{}", "{}/a", "lib/{}"))).format(path)


paths = st.one_of(free, near()).filter(_sound)


class Referee:
    """`git check-ignore`, asked once for many lists of patterns and paths."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        git(folder, "init", "-q")

    def ask(
        self, asked: list[tuple[tuple[str, ...], str]]
    ) -> dict[tuple[tuple[str, ...], str], bool]:
        """Whether git ignores each path by its list, which stands in a folder of its own."""
        homes = {lines: str(place) for place, lines in enumerate({lines for lines, _ in asked})}
        for lines, home in homes.items():
            (self._folder / home).mkdir()
            text = b"".join(p.encode() + b"\n" for p in lines)
            (self._folder / home / ".gitignore").write_bytes(text)
        questions = [os.fsencode(f"{homes[lines]}/{path}") for lines, path in asked]
        command = ["git", "check-ignore", "--no-index", "--stdin", "-z", "-v", "-n"]
        done = subprocess.run(
            command,
            cwd=self._folder,
            input=b"\0".join(questions) + b"\0",
            capture_output=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        fields = done.stdout.split(b"\0")[:-1]
        said = {fields[n + 3]: fields[n + 2] for n in range(0, len(fields), 4)}
        for home in homes.values():
            shutil.rmtree(self._folder / home)
        found = [said[line] for line in questions]
        verdicts = [bool(pattern) and not pattern.startswith(b"!") for pattern in found]
        return dict(zip(asked, verdicts, strict=True))


def _alone(pattern: str) -> tuple[str]:
    """A list of the one pattern without its `!`."""
    bare = pattern.removeprefix("!") if pattern.startswith("!") else pattern
    return ("\\" + bare if pattern.startswith("!") and bare[0] in "#!" else bare,)


def test_it_agrees_with_git_check_ignore(tmp_path: Path) -> None:
    """The last line that names a path, by git's word on each line alone, decides.

    Git's own verdict on the whole list is never narrower, and is the same where no line says `!`.
    """
    referee = Referee(tmp_path / "git")
    seen = {"cases": 0, "allowed": 0, "stricter": 0}

    @settings(max_examples=110, deadline=None, database=None, phases=[Phase.generate])
    @given(st.lists(lists, min_size=5, max_size=5), st.lists(paths, min_size=20, max_size=20))
    def compare(given_lists: list[tuple[str, ...]], given_paths: list[str]) -> None:
        wanted = [(one, path) for one in given_lists for path in given_paths]
        alone = [(_alone(line), path) for one, path in wanted for line in one]
        git_says = referee.ask(list(dict.fromkeys([*wanted, *alone])))
        for one, path in wanted:
            last = next((p for p in reversed(one) if git_says[_alone(p), path]), "!")
            ours = matches(one, path)
            assert ours == (not last.startswith("!")), (one, path)
            assert git_says[one, path] or not ours, (one, path)
            if not any(line.startswith("!") for line in one):
                assert ours == git_says[one, path], (one, path)
            seen["cases"] += 1
            seen["allowed"] += ours
            seen["stricter"] += git_says[one, path] and not ours

    compare()
    assert seen["cases"] >= CASES
    assert seen["allowed"] > CASES // 20
    assert seen["stricter"] < seen["cases"] // 20


REFUSED = {
    "": "names nothing",
    "   ": "names nothing",
    "/": "names nothing",
    "!": "names nothing",
    "a//b": "empty name",
    "#notes": "comment",
    "./a": ". or ..",
    "a/../b": ". or ..",
    "a\\": "ends in a backslash",
    "a\\/b": "slash cannot be escaped",
    "[": "is no set",
    "[a": "is no set",
    "[[:alpha:]]": "is no set",
    "[é]": "is no set",
    "[a\\]]": "is no set",
    "[z-a]": "backwards",
    "a**": "two ways",
    "a**/b": "two ways",
    "***": "two ways",
    "a/**/": "folders only",
    "a\nb": "cannot be seen",
    "a\r": "cannot be seen",
    "a\u200bb": "cannot be seen",
    "\ufeffa": "cannot be seen",
    "*a*a*a*": "hours",
    "**/a/**/b/**": "hours",
}


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_git_would_read_otherwise_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match=re.escape(REFUSED[pattern])):
        matches(("ok", pattern), "ok")


NAMED = {
    ("src/", "src/a/b.py"): True,
    ("src/", "src"): False,
    ("*.py", "a/b.py"): True,
    ("/*.py", "a/b.py"): False,
    ("Train.py", "train.py"): False,
    ("caf\u00e9", "cafe\u0301"): False,
    ("caf?", "café"): False,
    ("caf??", "café"): True,
    ("a", "a\n"): False,
    ("[!b]c", "a/c"): False,
    ("a[!b]c", "a/c"): False,
    ("a/**/c", "a\nb/x\ny/c"): False,
    ("**/c", "a\nb/x\ny/c"): True,
    ("a ", "a"): True,
    ("a\\ ", "a "): True,
    (".*", ".env"): True,
    ("*", ".env"): True,
    ("*", "a" * 4097): False,
    ("*", "a/" * 64 + "a"): False,
    ("*", "a\ud800"): False,
}


@pytest.mark.parametrize(("pattern", "path"), NAMED)
def test_what_a_pattern_names(pattern: str, path: str) -> None:
    assert matches((pattern,), path) is NAMED[pattern, path]


def test_a_negation_holds_inside_a_folder_that_was_named() -> None:
    """Git never looks into a folder it ignores; here a line that forbids is no decoration."""
    assert not matches(("src/", "!src/key"), "src/key")
    assert not matches(("*", "!src/"), "src/a")
    assert matches(("*", "!src/", "src/a"), "src/a")
    assert not matches(("!src/",), "src/a")
    assert not matches((), "src/a")


def test_the_slowest_patterns_end() -> None:
    for pattern in ("*a*a*b", "**/*a*/**/*b", "**/*a*a*b/**/c"):
        assert not matches((pattern,), "/".join(["a" * 250] * 16))


def test_guarded_names_are_folded() -> None:
    for path in ("Private/key", "PRIVATE", "p\u200brivate/x", "\uff50rivate/x"):
        assert is_under(path, ("private",))
    assert not is_under("privates", ("private",))
    for path in (".gitattributes", "a/.GitModules", ".\u200dgit/config", ".husky/x"):
        assert is_git_own(path)
    assert not is_git_own("a/git")

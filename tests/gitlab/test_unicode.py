"""What cannot be seen is shown escaped, and names that a file system takes for one are one."""

import sys
import unicodedata

import pytest
from airesearch.gitlab.record.unicode import escaped, folded, is_short_for, undirected

UNSEEN = {
    "escape": "\x1b",
    "backspace": "\b",
    "a carriage return alone": "\r",
    "form feed": "\x0c",
    "delete": "\x7f",
    "C1: CSI in one character": "\x9b",
    "C1: next line": "\x85",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "right-to-left override": "\u202e",
    "isolate": "\u2066",
    "arabic letter mark": "\u061c",
    "zero-width space": "\u200b",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "variation selector": "\ufe0f",
    "grapheme joiner": "\u034f",
    "Hangul filler": "\u115f",
    "Khmer vowel": "\u17b4",
    "Mongolian separator": "\u180e",
    "Mongolian variation": "\u180b",
    "half-width filler": "\uffa0",
    "a tag letter": "\U000e0041",
    "variation selector 17": "\U000e0100",
    "not assigned, and ignored": "\U000e0fff",
    "interlinear": "\ufffb",
    "half a character": "\udcff",
}
IGNORED = [name for name in UNSEEN if UNSEEN[name] > "\xa0" and name not in
           ("line separator", "paragraph separator", "half a character")]  # fmt: skip


@pytest.mark.parametrize("name", UNSEEN)
def test_what_is_not_seen_is_shown_by_its_number(name: str) -> None:
    shown = escaped(f"a{UNSEEN[name]}b é")
    assert shown.isprintable() and shown.startswith("a\\") and shown.endswith("b é")


@pytest.mark.parametrize("text", ["a\tb\nc\r\nd", "größe → 模型\u3000\u00a0", "🚀", "עברית", ""])
def test_text_stays(text: str) -> None:
    assert escaped(text) == text


def test_no_character_that_python_cannot_print_passes() -> None:
    """But for spaces, whose width is seen, and what its older tables do not know yet."""
    for number in range(sys.maxunicode + 1):
        char = chr(number)
        if escaped(char) == char and not char.isprintable():
            assert char in "\t\n" or unicodedata.category(char) in ("Zs", "Cn"), hex(number)


@pytest.mark.parametrize("name", IGNORED)
def test_a_name_is_the_same_without_what_is_not_seen(name: str) -> None:
    assert folded(f"eval{UNSEEN[name]}uate.py") == "evaluate.py"


SPELLINGS = {
    "EVALUATE.PY": "evaluate.py",
    "evaluate.py.": "evaluate.py",
    "evaluate.py ... ": "evaluate.py",
    "evaluate.py::$DATA": "evaluate.py",
    "private:stream": "private",
    "private\\key": "private/key",
    "\u212aey": "key",
    "re\u017fearch": "research",
    "pr\u0131vate": "private",
    "PR\u0130VATE": "private",
    "straße": "strasse",
    "STRA\u1e9eE": "strasse",
    "\u03c3\u03c2": "\u03c3\u03c3",
    "\ufb01le": "file",
    "\uff50rivate": "private",
    "e\u0301": "\u00e9",
    "\u1fb3": "\u03b1\u03b9",
    "..": "..",
    "a/../b": "a/../b",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_of_one_name(spelling: str) -> None:
    assert folded(spelling) == SPELLINGS[spelling]
    assert folded(folded(spelling)) == folded(spelling)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("evalua~1.py", "evaluate.py"),
        ("airese~2.yam", "airesearch.yaml"),
        ("git~1", ".git"),
        ("gitatt~1", ".gitattributes"),
        ("gi7eba~1", ".gitmodules"),
        ("ev1a2b~1.py", "evaluate.py"),
        ("ev~123.py", "evaluate.py"),
        ("pre-co~1.yam", ".pre-commit-config.yaml"),
    ],
)
def test_short_names(short: str, long: str) -> None:
    assert is_short_for(short, long)
    assert not is_short_for(short, "train.py") and not is_short_for(short.replace("~", "-"), long)


def test_the_direction_of_writing_is_not_changed() -> None:
    assert undirected("a\u202eb\u2067c\u200fd \u05d0 \ufe0f") == "abcd \u05d0 \ufe0f"

"""Which paths a list of gitignore patterns names, and which paths are never an agent's.

The last line that names a path, or a folder above it, decides. That is git's own reading, but for
one case in which ours is the stricter: git never looks into a folder that a line named, so there
`!src/key` after `src/` has no effect, and here it has. What git's reading leaves out is never in.
"""

import re
from functools import lru_cache

from ..gitlab.record.unicode import folded, has_unseen, is_short_for

_GIT_OWN = (".git", ".husky", ".pre-commit-config.yaml")
_GIT_FILES = (".git", ".gitattributes", ".gitignore", ".gitmodules", *_GIT_OWN[1:])
_RUN_AT_START = ("sitecustomize", "usercustomize")
RUN_AS_USER = (
    *(".bash_login", ".bash_profile", ".bashrc", ".cache/pip", ".cache/uv", ".config/autostart"),
    *(".config/fish", ".config/git", ".config/pip", ".config/systemd", ".config/uv"),
    *(".gitconfig", ".gnupg", ".local/bin", ".local/lib", ".netrc", ".pip", ".profile"),
    *(".pydistutils.cfg", ".pythonrc", ".pythonrc.py", ".ssh", ".zprofile", ".zshenv", ".zshrc"),
)
"""In a home: what starts, configures or is what its user runs, airesearch and its judge too."""
_LONGEST_PATH, _DEEPEST_PATH = 4096, 64
# Each star is a loop over the path: with many, a path could be made that takes hours to match.
_MOST_STARS, _MOST_DOUBLE_STARS = 3, 2
_CLASS = re.compile(r"\[[!^]?(?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[_. ])+\]")
_MENDS = {
    "\\": "it ends in a backslash: git ignores such a line",
    "[": "its [ is no set of letters, digits, dots, spaces and _, as [a-z0-9_]: escape it with \\",
}
_RANGE = re.compile(r"([A-Za-z0-9])-([A-Za-z0-9])")
_TOKEN = re.compile(
    rf"(?P<wild>\*+|\?)|(?P<set>{_CLASS.pattern})|\\(?P<escaped>.)|(?P<plain>[^\\[])"
)


class PatternError(ValueError):
    """A pattern that is refused, since git would read it as nothing or as something unexpected."""


@lru_cache(maxsize=256)
def _rules(patterns: tuple[str, ...]) -> tuple[tuple[bool, re.Pattern[str]], ...]:
    """(whether it names or leaves out, the paths it matches) for each pattern, the last first."""
    from pathspec import GitIgnoreSpec  # 9 ms that a command which only looks need not pay

    spec = GitIgnoreSpec.from_lines([_in_one_spelling(pattern) for pattern in patterns])
    rules = []
    for pattern in reversed(list(spec.patterns)):
        if pattern.regex is None:
            raise PatternError("it names nothing")
        # Where pathspec is laxer than git: `[!a]` is no slash, and no newline ends a name.
        source = re.sub(r"\[\^(?!/)", "[^/", pattern.regex.pattern).replace("|$)", r"|\Z)")
        rules.append((bool(pattern.include), re.compile(source, re.DOTALL)))
    return tuple(rules)


def matches(patterns: tuple[str, ...], path: str) -> bool:
    """Whether gitignore `patterns` name `path`; the last that matches wins, no match means no.

    Raises PatternError for a pattern that is refused. A path of more than 4,096 bytes or
    64 names, or with half a character, has no match.
    """
    rules = _rules(patterns)
    try:
        name = _bytewise(path)
    except UnicodeEncodeError:
        return False
    if len(name) > _LONGEST_PATH or name.count("/") >= _DEEPEST_PATH:
        return False
    return next((include for include, rule in rules if rule.search(name)), False)


def _bytewise(text: str) -> str:
    """One character for each byte, since git compares bytes: its `?` is half an `é`."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _in_one_spelling(pattern: str) -> str:
    """`pattern` as pathspec reads it like git. Raises PatternError where there is no such."""
    if pattern.startswith("#"):
        raise PatternError(r"it is a comment in gitignore syntax: write \# for a name with #")
    if has_unseen(pattern):
        raise PatternError("it holds a character that cannot be seen")
    sign, rest = ("!", pattern[1:]) if pattern.startswith("!") else ("", pattern)
    tokens = _tokens(_bytewise(rest))
    while tokens and tokens[-1] == " ":
        tokens.pop()
    names: list[list[str]] = [[]]
    for token in tokens:
        if token == "/":
            names.append([])
        else:
            names[-1].append(token if token != " " else "[ ]")
    # Empty names, dots, and stars that git reads as something else than they seem.
    if not any(names) or any(not name for name in names[1:-1]):
        raise PatternError("it names nothing: there is an empty name in it")
    if any("".join(name) in (r"\.", r"\.\.") for name in names):
        raise PatternError("no path holds . or .. as a name: start from the lab's root with /")
    if names[-1] == [] and names[-2] == ["**"]:
        raise PatternError("git reads **/ at the end as folders only: write */ instead")
    if any(token.startswith("**") for name in names if name != ["**"] for token in name):
        raise PatternError("git reads ** beside other letters in two ways: write * within a name")
    stars = sum(name.count("*") for name in names if name != ["*"])
    if stars > _MOST_STARS or names.count(["**"]) > _MOST_DOUBLE_STARS:
        most = f"{_MOST_STARS} stars beside letters, or {_MOST_DOUBLE_STARS} times **"
        raise PatternError(f"more than {most} can take hours to match")
    return sign + "/".join("".join(name) for name in names)


def _tokens(pattern: str) -> list[str]:
    """The pattern in pieces; a space that was not escaped stays one, to be cut at the end."""
    tokens, at = [], 0
    while at < len(pattern):
        piece = _TOKEN.match(pattern, at)
        if piece is None:
            raise PatternError(_MENDS[pattern[at]])
        if piece["escaped"] == "/":
            raise PatternError("a slash cannot be escaped: no name holds one")
        if piece["set"] and any(low > high for low, high in _RANGE.findall(piece["set"])):
            raise PatternError("a range runs backwards: write it from low to high, as [a-z]")
        if piece["escaped"] or (piece["plain"] and piece["plain"] not in " /"):
            char = piece["escaped"] or piece["plain"]
            # pathspec cuts white space off the end, and reads bytes of a name as such.
            is_plain = char.isalnum() or ord(char) > 127
            tokens.append(f"[{char}]" if char.isspace() else char if is_plain else f"\\{char}")
        else:
            tokens.append(piece[0].replace("[^", "[!"))
        at = piece.end()
    return tokens


def is_under(path: str, folders: tuple[str, ...]) -> bool:
    """Whether `path` is one of `folders` or below one, however its names are spelled.

    A file system may take several spellings for one: `Private/KEY` must not reach what
    `private/key` guards, nor `PRIVAT~1.` what `private.d` does.
    """
    names = folded(path).split("/")
    guarded = [folded(folder).split("/") for folder in folders]
    return any(len(names) >= len(g) and all(map(_is_spelled, names, g)) for g in guarded)


def is_git_own(path: str) -> bool:
    """Whether `path` could configure git or its hooks: `.gitattributes`, `.gitmodules`, and kin."""
    return any(
        name.startswith(_GIT_OWN) or any(is_short_for(name, own) for own in _GIT_FILES)
        for name in folded(path).split("/")
    )


def is_run_by_python(path: str) -> bool:
    """Whether every Python that can import it runs `path` at its start."""
    # As a file, as a folder, compiled or not: whatever the ending.
    names = [name.split(".")[0] for name in folded(path).split("/")]
    return any(_is_spelled(name, run) for name in names for run in _RUN_AT_START)


def _is_spelled(name: str, guarded: str) -> bool:
    return name == guarded or is_short_for(name, guarded)

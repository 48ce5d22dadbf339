"""What passes from candidate to evaluator: declared outputs, regular files only."""

import shutil
import stat
from pathlib import Path


class BadOutput(Exception):
    """A declared output that is missing or is no regular file; says which and why."""


def pass_outputs(outputs: tuple[str, ...], source: Path, target: Path, limit: int) -> None:
    """Copy each declared output, at most `limit` bytes together. Raises BadOutput.

    Links are never followed: an output that points elsewhere would show the evaluator, or the
    candidate through it, what it may not see. All of the candidate's processes have ended.
    """
    left = limit
    for path in outputs:
        left -= _copy(path, source, target, left)


def _copy(path: str, source: Path, target: Path, limit: int) -> int:
    for part in [*reversed(Path(path).parents), Path(path)]:
        _refuse_special(part, source / part, is_last=part == Path(path))
    found = source / path
    if found.is_dir():
        names = sorted(entry.name for entry in found.iterdir())
        copied = 0
        for name in names:
            copied += _copy(f"{path}/{name}", source, target, limit - copied)
        return copied
    size = found.stat().st_size
    if size > limit:
        raise BadOutput(f"{path} has {size:,} bytes, more than the {limit:,} still allowed")
    (target / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(found, target / path, follow_symlinks=False)
    return size


def _refuse_special(part: Path, place: Path, is_last: bool) -> None:
    try:
        mode = place.lstat().st_mode
    except (OSError, ValueError):
        raise BadOutput(f"the candidate did not write {part}") from None
    if stat.S_ISDIR(mode) or (is_last and stat.S_ISREG(mode)):
        return
    raise BadOutput(f"{part} is not a regular file")

"""Where errors end: each becomes one exit code and a message that says what to type."""

import errno
import io
import os
import signal
import sys
import traceback
from types import FrameType

import click

from .gitlab.errors import AiresearchError, NothingToDo
from .gitlab.record.unicode import escaped

DONE, ERROR, USAGE, NOTHING, BUG, INTERRUPTED = 0, 1, 2, 3, 70, 130
_INTERRUPTED = (
    "interrupted; what was finished is recorded, the rest goes on with the next step or run"
)
_FIXES = {
    "unknown object format": "libgit2 reads sha1 repositories only: work in one of those",
    "no space left": "free space on the disk and type it again: nothing recorded is lost",
    "file too large": "let files be as large as they are: ulimit -f unlimited",
    "no such file or directory: 'git'": "have git on your PATH: apt-get install git",
    "read-only file system": "the lab must be writable: work in a clone",
    "permission denied": "the lab must be writable: work in a clone, or mend its owner",
    "not owned by current user": "trust it: git config --global --add safe.directory '*'",
}


def guarded(command: click.Command) -> int:
    """Run the command line and say its exit code; no traceback but for a bug."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGALRM, _interrupt)
    sys.unraisablehook = _interrupt_again
    _prepare_streams()
    try:
        answer = command.main(prog_name="airesearch", standalone_mode=False)
        sys.stdout.flush()
        # What `Context.exit` was given; a command's own answer is None.
        return answer if isinstance(answer, int) else DONE
    except click.ClickException as wrong:
        shown = io.StringIO()
        wrong.show(shown)
        click.echo(escaped(shown.getvalue()), err=True, nl=False)
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        _ignore_signals()
        return _say(INTERRUPTED, _INTERRUPTED)
    except NothingToDo as nothing:
        return _say(NOTHING, str(nothing))
    except AiresearchError as error:
        return _say(ERROR, f"error: {error}")
    except BrokenPipeError:
        # Whoever read us is gone: leave without a word, and without one at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    except Exception as error:  # the boundary: what has no fix is a bug of ours, said as one
        fix = _fix_for(error)
        if fix:
            return _say(ERROR, f"error: {error}\n  {fix}")
        click.echo(escaped(traceback.format_exc()), err=True)
        return _say(BUG, "this is a bug in airesearch: please report the lines above")
    finally:
        # All is done; one more Ctrl-C must not turn that into a traceback.
        _ignore_signals()


def _ignore_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)


def _prepare_streams() -> None:
    """Print to whatever there is: a closed stream, a terminal that knows few letters."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123
        getattr(sys, name).reconfigure(errors="backslashreplace")


def _fix_for(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _FIXES["no space left"]
    if isinstance(error, OSError) and "/airesearch/" in str(error.filename):
        return "something is in the way among our caches, or was removed: rm -rf .git/airesearch"
    text = str(error).lower()
    # Of an object that is gone pygit2 raises KeyError, of a setting that is not UTF-8 the other.
    frames = traceback.extract_tb(error.__traceback__)
    in_git = isinstance(error, KeyError | UnicodeDecodeError) and "/pygit2/" in frames[-1].filename
    from_git = in_git or type(error).__module__ == "_pygit2"
    default = "the repository itself is at fault; look: git fsck" if from_git else ""
    if from_git and isinstance(error, UnicodeDecodeError):
        default = "a setting of git is not UTF-8; look: git config --list --show-origin"
    return next((fix for sign, fix in _FIXES.items() if sign in text), default)


def _say(code: int, text: str) -> int:
    color = False if os.environ.get("NO_COLOR") else None
    click.secho(escaped(text), err=True, fg="yellow" if code == NOTHING else "red", color=color)
    return code


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _interrupt_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """An interrupt that fell into a finalizer, where Python only prints it, comes again."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, 0.001)
    else:
        sys.__unraisablehook__(unraisable)

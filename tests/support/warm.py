"""The command line in a fork of a process that has imported it already: half a second for each.

Working folder, environment, streams, exit code and what is done at exit are as in a process that
starts anew. `run` has no answer where those settings differ that libraries read when they load, and
`begin` has a process that starts anew then. The first word may be a script, `*.py`, instead.

    python warm.py SOCKET PID    serves at SOCKET until the process PID ends
"""

import importlib
import os
import pickle
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

_READ_AT_LOAD = ("HOME", "XDG_", "GIT_", "PYTHON", "LC_", "LANG", "LD_", "SSL_", "TZ", "COLUMNS")
_STREAMS = "PYTHONIOENCODING"


class _Server(NamedTuple):
    place: str
    settings: dict[str, str]


_server: _Server | None = None


def start(folder: Path) -> None:
    """Have a server for this process, where there are handles of processes: it ends with it."""
    global _server
    if hasattr(os, "pidfd_open"):
        place = str(folder / "warm")
        words = [sys.executable, __file__, place, str(os.getpid())]
        subprocess.run(words, stdin=subprocess.DEVNULL, check=True)
        _server = _Server(place, _settings(os.environ))


class Command:
    """A command that runs beside the test; what a test asks of a `subprocess.Popen`."""

    def __init__(self, line: socket.socket, out: IO[bytes], err: IO[bytes]) -> None:
        self._line = line.makefile("rb")
        self._socket, self._out, self._err = line, out, err
        self.pid = int(self._line.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; how."""
        if self.returncode is None:
            if not select.select([self._socket], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("airesearch", timeout or 0)
            self.returncode = int(self._line.readline())
            self._line.close()
            self._socket.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[bytes, bytes]:
        """Wait for its end; what it printed on both streams, where those are its own."""
        self.wait(timeout)
        self._out.seek(0)
        self._err.seek(0)
        return self._out.read(), self._err.read()


def run(folder: Path, words: Sequence[str], encoding: str = "") -> tuple[int, bytes, bytes] | None:
    """The exit code, and what was printed on both streams; None where there is no server for it.

    `encoding` is that of the streams, as in PYTHONIOENCODING.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        variables = {**os.environ, **({_STREAMS: encoding} if encoding else {})}
        command = _ask(folder, words, variables, out, err)
        return None if command is None else (command.wait(), *command.communicate())


def begin(
    folder: Path, *words: str, err: IO[bytes] | None = None, start_new_session: bool = False
) -> "Command | subprocess.Popen[bytes]":
    """Start a command; where its errors go to `err`, its output is let go."""
    command = _ask(
        folder,
        words,
        os.environ,
        tempfile.TemporaryFile(),  # noqa: SIM115
        err or tempfile.TemporaryFile(),  # noqa: SIM115
        start_new_session,
    )
    if command is not None:
        return command
    return subprocess.Popen(
        [sys.executable, *(() if _is_script(words) else ("-m", "airesearch")), *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if err else subprocess.PIPE,
        stderr=err or subprocess.PIPE,
        start_new_session=start_new_session,
    )


def _ask(
    folder: Path,
    words: Sequence[str],
    variables: Mapping[str, str],
    out: IO[bytes],
    err: IO[bytes],
    is_leader: bool = False,
) -> Command | None:
    """Have a command begun; None where there is no server for it."""
    if _server is None or _settings(variables) != _server.settings or not folder.is_dir():
        return None
    request = pickle.dumps((os.path.abspath(folder), words, dict(variables), is_leader))
    line = socket.socket(socket.AF_UNIX)
    line.connect(_server.place)
    socket.send_fds(line, [len(request).to_bytes(8)], [out.fileno(), err.fileno()])
    line.sendall(request)
    return Command(line, out, err)


def _settings(variables: Mapping[str, str]) -> dict[str, str]:
    names = [n for n in variables if n.startswith(_READ_AT_LOAD) and n != _STREAMS]
    return {name: variables[name] for name in names}


def _is_script(words: Sequence[str]) -> bool:
    return any(word.endswith(".py") for word in words[:1])


def _serve(place: str, master: int) -> None:
    """Answer until the process ends; returns in each fork that is to run a command."""
    life = os.pidfd_open(master)
    server = socket.socket(socket.AF_UNIX)
    server.bind(place)
    server.listen()
    if os.fork():
        os._exit(0)  # no child of the tests' own process
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while life not in select.select([server, life], [], [])[0]:
        line, _ = server.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            server.close()
            os.close(life)
            _answer(line)
            return
        line.close()
    os._exit(0)


def _answer(line: socket.socket) -> None:
    """Have the command run in a fork of this one, which returns, and say how it ended."""
    size, streams, _, _ = socket.recv_fds(line, 8, 2)
    request = b""
    while len(request) < int.from_bytes(size):
        request += line.recv(1 << 20)
    command = os.fork()
    if command:
        line.sendall(b"%d\n" % command)
        _, status = os.waitpid(command, 0)
        line.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    line.close()
    folder, words, variables, is_leader = pickle.loads(request)
    if is_leader:
        os.setsid()
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    encoding, _, errors = variables.get(_STREAMS, "").partition(":")
    if encoding:
        for printed in (sys.stdout, sys.stderr):
            printed.reconfigure(encoding=encoding, errors=errors or None)  # type: ignore[union-attr]
    sys.argv = list(words) if _is_script(words) else ["airesearch", *words]


if __name__ == "__main__":
    from airesearch import cli

    sys.path[0] = ""  # as with `python -m airesearch`: the folder it runs in
    commands = (f"commands.{where.partition(':')[0]}" for where in cli.COMMANDS.values())
    for name in ("agents.proposers.tuner.sampler", *commands):
        importlib.import_module(f"airesearch.{name}")
    _serve(sys.argv[1], int(sys.argv[2]))
    if _is_script(sys.argv):
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        cli.main()

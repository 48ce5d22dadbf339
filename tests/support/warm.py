"""The command line in a fork of a process that has imported it already: half a second for each.

Working folder, environment, streams, exit code and what is done at exit are as in a process that
starts anew. `run` has no answer where those settings differ that libraries read when they load.

    python warm.py SOCKET PID    serves at SOCKET until the process PID ends
"""

import importlib
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_READ_AT_LOAD = ("HOME", "XDG_", "GIT_", "PYTHON", "LC_", "LANG", "LD_", "SSL_", "TZ", "COLUMNS")


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
        _server = _Server(place, _settings())


def run(folder: Path, words: Sequence[str]) -> tuple[int, bytes, bytes] | None:
    """The exit code, and what was printed on both streams; None where there is no server for it."""
    if _server is None or _settings() != _server.settings or not folder.is_dir():
        return None
    request = pickle.dumps((os.path.abspath(folder), words, dict(os.environ)))
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        socket.socket(socket.AF_UNIX) as line,
    ):
        line.connect(_server.place)
        socket.send_fds(line, [len(request).to_bytes(8)], [out.fileno(), err.fileno()])
        line.sendall(request)
        code = int(line.recv(64))
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()


def _settings() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key.startswith(_READ_AT_LOAD)}


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
        _, status = os.waitpid(command, 0)
        line.sendall(b"%d" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    line.close()
    folder, words, variables = pickle.loads(request)
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["airesearch", *words]


if __name__ == "__main__":
    from airesearch import cli

    sys.path[0] = ""  # as with `python -m airesearch`: the folder it runs in
    commands = (f"commands.{where.partition(':')[0]}" for where in cli.COMMANDS.values())
    for name in ("agents.proposers.tuner.sampler", *commands):
        importlib.import_module(f"airesearch.{name}")
    _serve(sys.argv[1], int(sys.argv[2]))
    cli.main()

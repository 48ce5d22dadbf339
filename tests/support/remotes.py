"""Remotes on loopback: git daemon, and git's own HTTP backend behind a password."""

import base64
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "ci", "sesame"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class Daemon:
    """`git daemon` that serves every repository in a folder, and takes pushes if it is told to."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._folder = folder
        self._words = words
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def url(self, name: str) -> str:
        """The URL of a repository."""
        return f"git://127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Begin to listen, on the same port each time."""
        argv = ["git", "daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1",
                f"--port={self.port}", f"--base-path={self._folder}", *self._words]  # fmt: skip
        self._process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                assert self._process.poll() is None and time.monotonic() < until
                time.sleep(0.02)

    def stop(self) -> None:
        """Take no more connections; one that is open goes on to its end."""
        self._process.terminate()
        self._process.wait()


@contextmanager
def served(folder: Path, *words: str) -> Iterator[Daemon]:
    """A daemon for as long as this is open."""
    daemon = Daemon(folder, *(words or ("--enable=receive-pack",)))
    try:
        yield daemon
    finally:
        daemon.stop()


@contextmanager
def guarded(folder: Path) -> Iterator[str]:
    """The address of an HTTP server for the repositories in a folder, behind a password."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            if self.headers.get("Authorization", "").lower() != f"basic {BASIC}".lower():
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="lab"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            given = {
                "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
                "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": USER,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }  # fmt: skip
            answer = subprocess.run(
                ["git", "http-backend"], input=self._body(), capture_output=True,
                env={**os.environ, **given}, check=True,
            ).stdout  # fmt: skip
            head, _, body = answer.partition(b"\r\n\r\n")
            fields = [line.partition(": ") for line in head.decode().split("\r\n")]
            status = next((value for name, _, value in fields if name == "Status"), "200")
            self.send_response(int(status[:3]))
            for name, _, value in fields:
                if name != "Status":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()

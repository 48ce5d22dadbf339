"""An SQLite file that is no record: whatever happens to it, it is made anew and filled again."""

import os
import sqlite3
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from ..store.file_lock import lock_if_possible

_PATIENCE = 10.0
"""Seconds to wait for another process that writes; it may have been halted."""
_DAMAGED = {
    sqlite3.SQLITE_ERROR,  # of a database of somebody else's: it has no such table
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_NOTADB,
}
_PRAGMAS = (
    "page_size=2048",  # a step changes a few rows in many places
    "synchronous=OFF",  # what a power cut takes is read from git again
    "journal_mode=WAL",
    "cache_size=-16384",
)
_BESIDE = ("-journal", "-wal", "-shm")
"""Ends of the names of the files that SQLite has beside one, and opens unasked."""
_inherited: list[sqlite3.Connection] = []
"""What forks were given. SQLite wants them neither used nor closed."""


class Damaged(sqlite3.DatabaseError):
    """The file does not hold what was written to it."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


class Database:
    """The tables of `schema` in a file that the processes of one machine share.

    Without a path, and where the file cannot be written to, they are in this process's memory. What
    raises sqlite3.Error is to be followed by `mend`; the tables may be empty then, as after `look`.
    """

    def __init__(
        self, path: Path | None, schema: str, notice: Callable[[str], object] = str
    ) -> None:
        self._path = path
        self._schema = schema
        self._version = zlib.crc32(schema.encode()) & 0x7FFFFFFF
        self._notice = notice
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._inode = 0
        self._is_mended = False

    def run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Carry out one statement."""
        return self._open().execute(sql, values)

    def run_all(self, sql: str, rows: Iterator[tuple[Any, ...]]) -> None:
        """The same for each of many rows."""
        self._open().executemany(sql, rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction; nobody else writes meanwhile."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self.run("ROLLBACK")
            raise

    def look(self) -> bool:
        """Whether the file was deleted or replaced since it was opened; it is opened anew then."""
        if self._path is None or self._connection is None:
            return False
        try:
            is_there = self._path.stat().st_ino == self._inode
        except OSError:
            is_there = False
        if not is_there:
            self.close()
        return not is_there

    def mend(self, error: sqlite3.Error) -> None:
        """Go on after an error: with a new file, and where that is no use, in memory."""
        if self._path is None:
            raise error
        self.close()
        what = f"{self._path.name}, the index of the lab's nodes,"
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _DAMAGED and not self._is_mended and self._remove():
            self._is_mended = True
            self._notice(f"{what} was not readable and is made anew: {error}")
        else:
            self._path = None
            self._notice(f"{what} is kept in memory: {error}")

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            # What is in memory is each fork's own.
            if self._path is None or self._process == os.getpid():
                return self._connection
            _inherited.append(self._connection)
        if self._path is None:
            self._connection = self._connect(":memory:")
        else:
            with suppress(OSError):
                self._path.parent.mkdir(exist_ok=True)
            with self._alone(self._path):
                _require_files(self._path)
                with suppress(OSError):  # SQLite's own would not be for a group to write
                    os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
                self._connection = self._connect(str(self._path))
                self._inode = self._path.stat().st_ino
        self._process = os.getpid()
        return self._connection

    def _connect(self, place: str) -> sqlite3.Connection:
        """A connection to a database that has the tables."""
        found = sqlite3.connect(
            place, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in _PRAGMAS:
                found.execute(f"PRAGMA {pragma}").fetchall()
            (version,) = found.execute("PRAGMA user_version").fetchone()
            if version == 0:
                script = f"BEGIN IMMEDIATE; {self._schema} PRAGMA user_version={self._version};"
                found.executescript(f"{script} COMMIT")
            elif version != self._version:
                raise Damaged("another version of airesearch wrote it")
        except BaseException:
            found.close()
            raise
        return found

    def _alone(self, path: Path) -> AbstractContextManager[None]:
        return lock_if_possible(path.with_suffix(""), patience=_PATIENCE)

    def close(self) -> None:
        """Let go of the file; it is opened again when it is needed, by a fork for itself."""
        if self._path is None:
            return  # what is in memory would be lost
        if self._connection is not None and self._process == os.getpid():
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

    def _remove(self) -> bool:
        """Whether the file is gone; it stays where another process has replaced it already."""
        assert self._path is not None
        try:
            with self._alone(self._path):
                if self._inode in (0, self._path.lstat().st_ino):
                    for end in (*_BESIDE, ""):
                        Path(f"{self._path}{end}").unlink(missing_ok=True)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


def _require_files(path: Path) -> None:
    """Raises Damaged where SQLite would open what is no file: at a pipe it would wait for good."""
    for end in ("", *_BESIDE):
        with suppress(OSError):
            if not stat.S_ISREG(Path(f"{path}{end}").lstat().st_mode):
                raise Damaged("it is no file")

"""The index of a lab's nodes: what their branches say, in tables that answer for all of them.

It is derived from refs and commits. A row holds for the tip it was read at, whoever wrote it, so
processes that share the file need not agree on when they looked.
"""

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum

from ..errors import RecordError
from ..record.facts import Operator
from ..record.records import Judge, Measure, Propose, parse_checked
from .database import Damaged, Database
from .node import Node, sum_squares, values_of

SCHEMA = """
-- Version 3; raise it where a column comes to mean something else.
CREATE TABLE refs(digest TEXT);
INSERT INTO refs VALUES('');
CREATE TABLE branch(id INTEGER PRIMARY KEY, tip TEXT NOT NULL, place INTEGER NOT NULL, said TEXT);
CREATE INDEX not_packed ON branch(id) WHERE place > 0;
CREATE INDEX unread ON branch(id) WHERE said IS NULL;
CREATE INDEX broken ON branch(id) WHERE said <> '';
CREATE TABLE base(id INTEGER PRIMARY KEY, oid TEXT NOT NULL UNIQUE);
CREATE TABLE record(id INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE child(parent INTEGER, id INTEGER, PRIMARY KEY(parent, id)) WITHOUT ROWID;
CREATE INDEX child_id ON child(id);
CREATE TABLE node(
  id INTEGER PRIMARY KEY,
  base INTEGER NOT NULL,     -- what its lineage started from; 0 where that is not known
  debugs INTEGER NOT NULL,   -- how many repairs in a row end with it
  parent INTEGER,            -- the first one
  is_debug INTEGER NOT NULL,
  has_change INTEGER NOT NULL,
  agent TEXT NOT NULL,
  protocol TEXT NOT NULL,
  candidate TEXT,            -- NULL, as the next, where its trials answer for nobody
  program TEXT,
  status TEXT,
  verdict TEXT,
  rules TEXT NOT NULL,       -- those that the verdict names, empty where none
  place INTEGER,             -- in the error budget; 0 where it was confirmed without a plan
  is_settled INTEGER NOT NULL,
  trials INTEGER NOT NULL,
  microseconds INTEGER NOT NULL
);
CREATE INDEX by_base ON node(base, id);
CREATE INDEX root ON node(protocol, id, base) WHERE parent IS NULL;
CREATE INDEX measured ON node(base, id) WHERE trials > 0;
CREATE INDEX judged ON node(base, rules, id) WHERE verdict IS NOT NULL;
CREATE INDEX waiting ON node(base, id) WHERE NOT is_settled OR verdict = 'keep';
CREATE INDEX placed ON node(base, place) WHERE place IS NOT NULL;
CREATE INDEX failed ON node(base, status, id) WHERE status <> 'ok';
CREATE INDEX replicated ON node(base, trials) WHERE trials > 1;
CREATE INDEX by_candidate ON node(candidate, id) WHERE candidate IS NOT NULL;
CREATE INDEX by_program ON node(program, id) WHERE program IS NOT NULL;
CREATE TABLE score(
  id INTEGER, metric TEXT, base INTEGER NOT NULL, value REAL, squares REAL, freedom INTEGER,
  PRIMARY KEY(id, metric)
) WITHOUT ROWID;
CREATE INDEX by_value ON score(base, metric, value, id) WHERE value IS NOT NULL;
CREATE INDEX spread ON score(base, metric, squares, freedom) WHERE freedom > 0;
CREATE TABLE tally(
  base INTEGER, agent TEXT, nodes INTEGER, trials INTEGER, microseconds INTEGER,
  PRIMARY KEY(base, agent)
) WITHOUT ROWID;
CREATE TRIGGER added AFTER INSERT ON node BEGIN
  INSERT OR IGNORE INTO tally VALUES(new.base, new.agent, 0, 0, 0);
  UPDATE tally SET nodes = nodes + 1, trials = trials + new.trials,
    microseconds = microseconds + new.microseconds WHERE base = new.base AND agent = new.agent;
END;
CREATE TRIGGER removed AFTER DELETE ON node BEGIN
  UPDATE tally SET nodes = nodes - 1, trials = trials - old.trials,
    microseconds = microseconds - old.microseconds WHERE base = old.base AND agent = old.agent;
  DELETE FROM record WHERE id = old.id;
  DELETE FROM child WHERE id = old.id;
  DELETE FROM score WHERE id = old.id;
END;
CREATE TRIGGER moved AFTER UPDATE OF base ON node BEGIN
  UPDATE tally SET nodes = nodes - 1, trials = trials - old.trials,
    microseconds = microseconds - old.microseconds WHERE base = old.base AND agent = old.agent;
  INSERT OR IGNORE INTO tally VALUES(new.base, new.agent, 0, 0, 0);
  UPDATE tally SET nodes = nodes + 1, trials = trials + new.trials,
    microseconds = microseconds + new.microseconds WHERE base = new.base AND agent = new.agent;
  UPDATE score SET base = new.base WHERE id = new.id;
END;
"""
_RELINK = """
WITH RECURSIVE below(id, base, debugs) AS (
  SELECT n.id, ifnull(p.base, 0), CASE WHEN n.is_debug THEN ifnull(p.debugs, 0) + 1 ELSE 0 END
  FROM child c JOIN node n ON n.id = c.id AND n.parent = c.parent AND n.id > n.parent
  LEFT JOIN node p ON p.id = c.parent WHERE c.parent = ?
  UNION ALL
  SELECT n.id, b.base, CASE WHEN n.is_debug THEN b.debugs + 1 ELSE 0 END
  FROM below b JOIN child c ON c.parent = b.id
  JOIN node n ON n.id = c.id AND n.parent = b.id AND n.id > n.parent
)
UPDATE node SET base = below.base, debugs = below.debugs FROM below WHERE node.id = below.id
"""
LARGEST = 2**63 - 1
"""The highest id that a table can hold."""
_LONGEST = 2**50
"""Microseconds: more, and what is no number, counts as so many."""


class Place(IntEnum):
    """Where a branch was found."""

    PACKED = 0
    LOOSE = 1
    TRUNK = 2
    """Nowhere: trunk was promoted to the node, and its merge holds this tip."""


Branch = tuple[str, int]
"""A tip and its place."""


class Index:
    """The tables, as branches and nodes fill them; `SearchTree` asks them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._run = database.run

    @property
    def digest(self) -> str:
        """Of which packed-refs the branches are."""
        return str(self._run("SELECT digest FROM refs").fetchone()[0])

    def branch(self, node: int) -> Branch | None:
        """Where a node's branch stands."""
        found: Branch | None
        found = self._run("SELECT tip, place FROM branch WHERE id = ?", node).fetchone()
        return found

    def branches(self) -> dict[int, Branch]:
        """Where all do."""
        rows = self._run("SELECT id, tip, place FROM branch")
        return {node: (tip, place) for node, tip, place in rows}

    def not_packed(self) -> set[int]:
        """The nodes whose branch was not found in packed-refs."""
        return set(self._ids("SELECT id FROM branch WHERE place > 0"))

    def absent(self) -> list[int]:
        """The promoted nodes without a branch."""
        return self._ids("SELECT id FROM branch WHERE place > 0 AND place = ?", Place.TRUNK)

    def move(self, moved: Iterable[tuple[int, Branch | None]], digest: str) -> None:
        """Take note of where branches stand; None where there is none any more."""
        stand: list[tuple[int, str, int]] = []
        for node, branch in moved:
            if branch is None:
                self._run("DELETE FROM branch WHERE id = ?", node)
                self.remove(node)
            else:
                stand.append((node, *branch))
        self.database.run_all(
            "INSERT INTO branch VALUES(?, ?, ?, NULL) ON CONFLICT(id) DO UPDATE SET"
            " said = CASE WHEN tip = excluded.tip THEN said END,"
            " tip = excluded.tip, place = excluded.place",
            iter(stand),
        )
        self._run("UPDATE refs SET digest = ? WHERE digest <> ?", digest, digest)

    def page(self, last: int | None, most: int, *, newest_first: bool) -> list[int]:
        """So many ids of branches from after `last` on."""
        if newest_first:
            sql = "SELECT id FROM branch WHERE id < ? ORDER BY id DESC LIMIT ?"
            return self._ids(sql, LARGEST if last is None else last, most)
        sql = "SELECT id FROM branch WHERE id > ? ORDER BY id LIMIT ?"
        return self._ids(sql, -1 if last is None else last, most)

    def without_branch(self, first: int, end: int) -> list[int]:
        """The ids from `first` to before `end` that no branch has, in order."""
        these = "FROM branch WHERE id >= ? AND id < ?"
        if self._ids(f"SELECT count(*) {these}", first, end) == [max(end - first, 0)]:
            return []  # as nearly always, and faster than to list them
        return sorted({*range(first, end)}.difference(self._ids(f"SELECT id {these}", first, end)))

    def last(self) -> int | None:
        """The highest id, be its node readable or not."""
        return next(iter(self._ids("SELECT id FROM branch ORDER BY id DESC LIMIT 1")), None)

    def broken(self) -> dict[int, str]:
        """The branches that could not be read, each with the reason."""
        return dict(self._run("SELECT id, said FROM branch WHERE said <> '' ORDER BY id"))

    def state(self, node: int) -> tuple[str, str | None] | None:
        """The tip of a branch, and why it cannot be read there; empty where it can and was.

        None instead of the reason where nobody has read it there.
        """
        found: tuple[str, str | None] | None
        found = self._run("SELECT tip, said FROM branch WHERE id = ?", node).fetchone()
        return found

    def has_unread(self) -> bool:
        """Whether there is a branch that nobody has read where it stands."""
        return self._run("SELECT 1 FROM branch WHERE said IS NULL LIMIT 1").fetchone() is not None

    def unread(self, below: int | None) -> list[tuple[int, str]]:
        """The next few branches that nobody has read where they stand, each with its tip."""
        sql = "SELECT id, tip FROM branch WHERE said IS NULL AND id < ? ORDER BY id LIMIT 250"
        return self._run(sql, LARGEST if below is None else below).fetchall()

    def unread_among(self, nodes: Sequence[int]) -> list[tuple[int, str]]:
        """The same of some nodes."""
        sql = "SELECT id, tip FROM branch WHERE said IS NULL AND id IN "
        return self._run(sql + "(SELECT value FROM json_each(?))", json.dumps(nodes)).fetchall()

    def retry_broken(self) -> None:
        """Have broken branches read again: what they lacked may be there by now."""
        self._run("UPDATE branch SET said = NULL WHERE said <> ''")

    def root(self, base: str) -> int | None:
        """The first node that grew from `base`, a commit of the trunk in hex, and has no parent."""
        sql = (
            "SELECT id FROM node WHERE base = (SELECT id FROM base WHERE oid = ?)"
            " AND parent IS NULL ORDER BY id LIMIT 1"
        )
        return next(iter(self._ids(sql, base)), None)

    def node(self, node: int) -> Node | None:
        """The node as it was read last, be that where its branch stands now or before."""
        row = self._run("SELECT checksum, text FROM record WHERE id = ?", node).fetchone()
        if row is None:
            return None
        checksum, text = row
        if checksum != _checksum(node, text):
            raise Damaged(f"node {node} does not come back as it was written")
        tip, onto, proposed, weighed, *messages = json.loads(text)
        try:
            propose, *rest = map(parse_checked, messages)
        except RecordError as error:
            raise Damaged(f"node {node} was written by another version of airesearch") from error
        assert isinstance(propose, Propose), "as it was written"
        trials = tuple(one for one in rest if isinstance(one, Measure))
        judged = next((one for one in rest if isinstance(one, Judge)), None)
        return Node(tip, onto, proposed, propose, trials, judged, weighed)

    def store(self, found: Iterable[tuple[int, str, Node | str]]) -> None:
        """Take what was read at a tip: a node, or why there is none.

        Where a branch stands elsewhere by now, nothing happens.
        """
        for number, tip, node in found:
            said = node if isinstance(node, str) else ""
            there = self._run(
                "UPDATE branch SET said = ? WHERE id = ? AND tip = ?", said, number, tip
            )
            if not there.rowcount:
                continue
            if isinstance(node, str):
                self.remove(number)
            else:
                self._put(node)

    def remove(self, node: int) -> None:
        """Forget what was read of a node."""
        if self._run("DELETE FROM node WHERE id = ?", node).rowcount:
            self._run(_RELINK, node)

    def _put(self, node: Node) -> None:
        lineage = "SELECT base, debugs FROM node WHERE id = ?"
        before = self._run(lineage, node.id).fetchone()
        self._run("DELETE FROM node WHERE id = ?", node.id)
        is_debug = node.propose.operator is Operator.DEBUG
        base, debugs = 0, int(is_debug)
        if not node.parents:
            self._run("INSERT OR IGNORE INTO base(oid) VALUES(?)", node.onto)
            (base,) = self._run("SELECT id FROM base WHERE oid = ?", node.onto).fetchone()
        # A parent is older. Who claims otherwise descends from nobody.
        elif node.parents[0] < node.id:
            row = self._run(lineage, node.parents[0]).fetchone()
            if row is not None:
                base, debugs = row[0], row[1] + 1 if is_debug else 0
        self._run(
            f"INSERT INTO node VALUES({', '.join('?' * 17)})",
            node.id,
            base,
            debugs,
            min(node.parents[0], LARGEST) if node.parents else None,
            is_debug,
            node.has_change,
            node.propose.agent,
            node.propose.protocol,
            node.propose.candidate if node.answers else None,
            node.propose.program if node.answers else None,
            node.status,
            node.verdict,
            (node.judged.rules or "") if node.judged else "",
            _place(node),
            node.is_settled,
            len(node.trials),
            sum(_microseconds(trial.duration) for trial in node.trials),
        )
        records = (node.propose, *node.trials, *([node.judged] if node.judged else []))
        text = json.dumps([node.tip, node.onto, node.proposed, node.weighed, *map(str, records)])
        self._run("INSERT INTO record VALUES(?, ?, ?)", node.id, _checksum(node.id, text), text)
        children = ((parent, node.id) for parent in node.parents if parent <= LARGEST)
        self.database.run_all("INSERT OR IGNORE INTO child VALUES(?, ?)", children)
        self.database.run_all(
            "INSERT INTO score VALUES(?, ?, ?, ?, ?, ?)",
            ((node.id, metric, base, *facts) for metric, *facts in _scores(node)),
        )
        if before != (base, debugs):
            self._run(_RELINK, node.id)

    def _ids(self, sql: str, *values: object) -> list[int]:
        return [row[0] for row in self._run(sql, *values)]


def _scores(node: Node) -> Iterator[tuple[str, float | None, float | None, int]]:
    """Each metric with the node's value, and how far its replicates lie from their mean."""
    trials = (*node.trials, *node.estimating)
    for metric in dict.fromkeys(one.name for trial in trials for one in trial.metric):
        values = tuple(values_of(node.trials, metric).values())
        if values or node.value(metric) is not None:
            squares = sum_squares(values) if len(values) > 1 else None
            yield metric, node.value(metric), squares, max(len(values) - 1, 0)


def _place(node: Node) -> int | None:
    if node.plan is not None:
        return min(node.plan.place, LARGEST)
    return None if node.judged is None or node.judged.error_spent is None else 0


def _microseconds(seconds: float) -> int:
    is_told = math.isfinite(seconds) and abs(seconds) < _LONGEST / 1e6
    return round(seconds * 1e6) if is_told else _LONGEST


def _checksum(node: int, text: str) -> int:
    return zlib.crc32(f"{node} {text}".encode())

"""A lab with a sealed secret, the attacks it is put through, and what became of each."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from airesearch.agents.executors.local.sandbox import choose, has_own_files, landlock
from airesearch.agents.executors.local.sandbox.bubblewrap import fault
from test_sandbox_lab import without_bubblewrap
from toys import TASK, airesearch, git, repository, toy_files

needs_bubblewrap = pytest.mark.skipif(bool(fault()), reason=f"no bubblewrap here: {fault()}")
needs_own_files = pytest.mark.skipif(
    not has_own_files(choose("auto")), reason="no user namespaces here"
)

EVALUATE = """\
import base64, json, os, zlib
answers = open("private/answers.txt").read().split()
print(answers)
made = json.load(open("out.json"))
if made.get("quote"):
    raise SystemExit("expected " + answers[0])
if made.get("zip"):
    zlib.decompress(base64.b64decode(made["zip"]))
score = (abs(made["a"] - float(answers[1])) + abs(made["b"] - float(answers[2]))) / 2
name = answers[0] if made.get("name") else "size"
with open(os.environ["AIRESEARCH_METRICS"], "w") as file:
    file.write('{"val_error": %s, "%s": %s}' % (json.dumps(score), name, made.get("size", 1)))
"""
"""Careless on purpose: it prints, quotes and splices, and must still give nothing away."""
TOOLS = """\
import glob, json, os, re, shutil, subprocess, sys, time
LAB, HOME, PORT = @PLACES@
def honest(error=0.45, **more):
    with open("out.json", "w") as file:
        json.dump({"a": 1 + error, "b": 2 + error, **more}, file)
def tried(*acts):
    for act in acts:
        try:
            data = act()
        except Exception as error:
            print("stopped:", type(error).__name__)
            continue
        data = data if isinstance(data, bytes) else str(data).encode()
        found = re.search(rb"SEALED-[0-9a-f]{32}", data)
        print("GOT" if found else "stopped: nothing there", found)
def read(path):
    return open(path, "rb").read()
def written(path):
    try:
        open(path, "a").close()
    except OSError as error:
        print("stopped:", type(error).__name__)
    else:
        print("WROTE", path)
"""
"""What every hostile program starts with; it knows where the lab and the home folder lie."""
HONEST = "honest(0.2)\n"


Report = Callable[[str, str, float], None]
"""Enters an attack into the table: its threat, the gate that stopped it, seconds."""


@dataclass(frozen=True)
class Attack:
    """One attack and what must stop it.

    `code` is a program, or a scripted turn; `status` and `words` are what must stand on record,
    `words` in the reason or in the log; `a|b` is either, where machines differ. An attack that
    ends as `ok` must have gained nothing.
    """

    threat: str
    gate: str
    status: str
    words: str
    code: str | Mapping[str, Any]
    needs: str = ""
    """The one sandbox that stops it, where not each does."""


@dataclass(frozen=True)
class Outcome:
    """What the lab has on record of one attack."""

    status: str
    reason: str
    value: float | None
    verdict: str
    seconds: float
    log: str


@dataclass(frozen=True)
class Scene:
    """A lab after its attacks: node N is the N-th, and the last node is an honest one."""

    root: Path
    token: str
    attacks: Mapping[str, Attack]

    @cached_property
    def _nodes(self) -> dict[int, Any]:
        return {node["node"]: node for node in airesearch(self.root, "log", "--json").json()}

    def outcome(self, name: str) -> Outcome:
        """What became of an attack."""
        number = 1 + list(self.attacks).index(name)
        node, tip = self._nodes[number], f"node/{number:06d}"
        seconds = git(self.root, "log", "-2", "--format=%(trailers:key=Duration,valueonly)", tip)
        held = git(self.root, "ls-tree", "--name-only", tip, "research/run.log")
        log = git(self.root, "show", f"{tip}:research/run.log") if held else ""
        return Outcome(
            status=node["status"],
            reason=node["reason"],
            value=node["metrics"].get("val_error"),
            verdict=node["verdict"],
            seconds=float(seconds.strip() or 0),
            log=log,
        )

    def check(self, name: str) -> Outcome:
        """The attack was stopped as its entry says, and the record says so."""
        attack, found = self.attacks[name], self.outcome(name)
        assert found.status in attack.status.split("|"), found
        assert attack.words in f"{found.reason}\n{found.log}", found
        assert "GOT" not in found.log and "WROTE" not in found.log, found
        assert found.verdict != "keep"
        assert found.value is None or found.value > 0.39
        return found

    def check_the_run_went_on(self) -> None:
        """After every attack an honest proposal is measured and promoted, and no file is left."""
        best = airesearch(self.root, "best", "--json").json()
        assert (best["node"], round(best["metric"]["value"], 6)) == (1 + len(self.attacks), 0.2)
        assert git(self.root, "status", "--porcelain", "--ignored") == ""
        for place in ("trials", "desks"):
            folder = self.root / ".git" / "airesearch" / place
            assert not folder.exists() or not any(folder.iterdir())

    def sandbox(self) -> str:
        """What held the trials, as the record has it."""
        form = "--format=%(trailers:key=Sandbox,valueonly)"
        return git(self.root, "log", "-1", "--skip=1", form, "node/000000").strip()

    def check_the_secret_is_sealed(self) -> None:
        """One object of the whole lab holds it: the private file itself."""
        objects = git(self.root, "cat-file", "--batch-all-objects", "--batch")
        assert objects.count(self.token) == 1


MEANS = {
    "bwrap": f"no bubblewrap here: {fault()}" if fault() else "",
    "landlock": "" if landlock.abi() else "this kernel has no Landlock",
}
"""Why each means to hold a trial does not work here; empty where it does."""


def held_by(means: str, folder: Path) -> Mapping[str, str]:
    """The variables under which `means` holds a lab in `folder`; skips where it does not work."""
    if MEANS[means]:
        pytest.skip(MEANS[means])
    return without_bubblewrap(folder / "bin") if means == "landlock" else {}


def candidate(code: str, places: tuple[object, ...]) -> str:
    """A hostile train.py."""
    return TOOLS.replace("@PLACES@", repr(places)) + code


def agent(codes: list[str], places: tuple[object, ...]) -> str:
    """A hostile agent that plays the N-th of `codes` for node N."""
    start = 'NODE = int(re.search("node ([0-9]+)", open(os.environ["AIRESEARCH_BRIEF"]).read())[1])'
    return candidate(f"{start}\nexec({codes!r}[NODE - 1])\n", places)


def strike(
    root: Path,
    attacks: Mapping[str, Attack],
    *,
    by_folder: bool = False,
    port: int = 0,
    env: Callable[[str], Mapping[str, str]] = lambda _: {},
    **task: Any,
) -> Scene:
    """Put a new lab through `attacks`, each a candidate or, `by_folder`, an agent in its folder.

    `env` gives what is added to the lab's environment, from the secret.
    """
    places = (str(root), str(Path.home()), port)
    token = f"SEALED-{secrets.token_hex(16)}"
    settings = {**TASK, "outputs": ["out.json"], "editable": ["*"], "search": {"policy": "greedy"}}
    files = toy_files([_turn(a.code, places) for a in attacks.values()] + [_turn(HONEST, places)])
    if by_folder:
        last = "shutil.copy('honest.py', 'train.py')\n"
        codes = [*(str(a.code) for a in attacks.values()), last]
        team = {"coder": {"backend": "command", "command": "python agent.py"}}
        settings |= {"team": team, "protected": ["agent.py", "honest.py"]}
        files |= {"agent.py": agent(codes, places), "honest.py": candidate(HONEST, places)}
    files |= {
        "train.py": candidate("honest(0.4)\n", places),
        "evaluate.py": EVALUATE,
        "private/answers.txt": f"{token} 1.0 2.0\n",
        "lib/util.py": "A = 1\n",
        "airesearch.yaml": json.dumps({**settings, **task}),
    }
    repository(root, files)
    for words in (("init",), ("run", "--trials", str(1 + len(attacks)))):
        said = airesearch(root, *words, env=env(token))
        assert said.code == 0, said.err
    return Scene(root, token, attacks)


def _turn(code: str | Mapping[str, Any], places: tuple[object, ...]) -> dict[str, Any]:
    if isinstance(code, str):
        return {"subject": "an attack", "write": {"train.py": candidate(code, places)}}
    return {"subject": "an attack", **code}

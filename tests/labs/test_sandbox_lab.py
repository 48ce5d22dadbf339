"""The sandbox as a lab meets it: what the record says, and what reaches research/ and what not."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from airesearch.agents.executors.local.sandbox import landlock
from airesearch.agents.executors.local.sandbox.bubblewrap import fault
from toys import airesearch, code, git, repository, toy, toy_files

SEALED = "the sealed answer is 42"
OUT = 'open("out.txt", "w").write("0.3")\n'
bwrap_only = pytest.mark.skipif(bool(fault()), reason=f"no bubblewrap here: {fault()}")
landlock_only = pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")


def without_bubblewrap(folder: Path) -> dict[str, str]:
    """An environment in which no bwrap is found."""
    folder.mkdir()
    for program in ("setpriv", "prlimit", "sh", "git", "true"):
        found = shutil.which(program)
        assert found is not None
        (folder / program).symlink_to(found)
    return {"PATH": str(folder)}


def measured(lab: Path) -> str:
    return git(lab, "log", "-2", "node/000001")


@bwrap_only
def test_the_record_says_which(tmp_path: Path) -> None:
    lab = toy(tmp_path / "lab", [code(OUT)])
    assert airesearch(lab, "step").code == 0
    assert "Sandbox: bwrap" in measured(lab)
    bare = toy(tmp_path / "bare", [code(OUT)], sandbox="none")
    assert airesearch(bare, "step").code == 0
    assert "Sandbox: none" in measured(bare)


@landlock_only
def test_landlock_serves_where_bubblewrap_is_missing(tmp_path: Path) -> None:
    spy = (
        f"lab = '{tmp_path}/lab'\n"
        "for place in (lab + '/evaluate.py', lab + '/.git/HEAD', '/etc/shadow'):\n"
        "    try: open(place); print('opened', place)\n"
        "    except OSError as error: print(type(error).__name__)\n"
    )
    lab = toy(tmp_path / "lab", [code(spy + OUT)])
    said = airesearch(lab, "step", "--json", env=without_bubblewrap(tmp_path / "bin"))
    assert said.json()["metrics"] == {"val_error": 0.3}
    assert "Sandbox: landlock" in measured(lab)
    log = git(lab, "show", "node/000001:research/run.log")
    assert (log.count("Error"), "opened" in log) == (3, False)


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_reasons_and_logs_name_no_place_of_the_host(tmp_path: Path, sandbox: str) -> None:
    fail = "import os\nprint(__file__, os.getcwd())\nraise SystemExit('in ' + os.getcwd())\n"
    lab = toy(tmp_path / "lab", [code(fail), {"subject": "none"}], sandbox=sandbox)
    assert airesearch(lab, "step", "--json").json()["reason"] == "exit 1: in /candidate"
    assert str(tmp_path) not in git(lab, "show", "node/000001:research/run.log")
    assert str(tmp_path) not in measured(lab)


@bwrap_only
def test_a_candidate_finds_neither_lab_nor_home_nor_keys(tmp_path: Path) -> None:
    places = [tmp_path / "lab" / ".git", tmp_path / "lab", Path.home() / ".ssh", Path.home()]
    spy = (
        "import os, glob\n"
        f"print([p for p in {list(map(str, places))} if os.path.exists(p + '/config')])\n"
        "print('KEY' in str([open(p, 'rb').read() for p in glob.glob('/proc/*/environ')]))\n"
    )
    lab = toy(tmp_path / "lab", [code(spy + OUT)])
    done = airesearch(lab, "step", "--json", env={"MY_KEY": "x"}).json()
    assert done["status"] == "ok"
    assert git(lab, "show", "node/000001:research/run.log") == "[]\nFalse\n"


LEAKS = {
    "printed": ("print(open('private/a').read())\n", "ok"),
    "crashed": ("raise SystemExit(open('private/a').read())\n", "evaluator"),
    "as a name": (
        "import json, os\n"
        "json.dump({open('private/a').read(): 1}, open(os.environ['AIRESEARCH_METRICS'], 'w'))\n"
        "os._exit(0)\n",
        "metric",
    ),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_no_word_of_the_evaluator_reaches_the_bus(tmp_path: Path, leak: str) -> None:
    said, status = LEAKS[leak]
    files: dict[str, Any] = toy_files([code(OUT)])
    files |= {"evaluate.py": said + files["evaluate.py"], "private/a": SEALED}
    lab = repository(tmp_path / "lab", files)
    found = airesearch(lab, "init")
    assert found.code == 0 or status != "ok", found.err
    airesearch(lab, "step")
    nodes = git(lab, "for-each-ref", "--format=%(refname)", "refs/heads/node/").split()
    assert nodes
    for node in nodes:
        assert SEALED not in git(lab, "log", "--format=%B", node)
        for file in git(lab, "ls-tree", "-r", "--name-only", node, "research/").split():
            assert SEALED not in git(lab, "show", f"{node}:{file}")
    result = json.loads(git(lab, "show", f"{nodes[-1]}:research/result.json"))
    assert result["status"] == status


REFUSED = {
    "nowhere": ({"data": ["/no/such/folder"]}, "is no folder"),
    "everything": ({"data": ["/"]}, "would show trials the lab's history"),
    "the trials' own": ({"data": ["/proc"]}, "stands where a trial's own files do"),
    "no device": ({"devices": ["/dev/null/x"]}, "there is no device"),
    "a disk": ({"devices": ["/dev"]}, "there is no device"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_let_in_is_checked(tmp_path: Path, case: str) -> None:
    task, why = REFUSED[case]
    lab = repository(tmp_path / "lab", toy_files([], **task))
    said = airesearch(lab, "init")
    assert said.code == 1
    assert why in said.err


def test_data_that_holds_the_lab_is_refused(tmp_path: Path) -> None:
    for data in (tmp_path, tmp_path / "lab" / ".git" / "objects", tmp_path / "lab" / "private"):
        shutil.rmtree(tmp_path / "lab", ignore_errors=True)
        files = {**toy_files([], data=[os.fspath(data)]), "private/a": SEALED}
        said = airesearch(repository(tmp_path / "lab", files), "init")
        assert "would show trials the lab's history or its private data" in said.err

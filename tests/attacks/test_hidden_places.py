"""A lab anywhere is hidden: below /usr, mounted twice, in several checkouts, its Python inside it.

Each lab stands below /usr in a mount namespace of its own, as in a container whose files are the
customary /usr/src/app. Its trials search all of /usr.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from airesearch.agents.executors.local.sandbox import Kind, SandboxSpec, places
from attacked import MEANS, Report
from sandboxes import NEEDS, said
from sandboxes import kind as kind
from sandboxes import spec as spec
from toys import EVALUATE, TASK, airesearch, git, repository, toy_files

PROGRAMS = ("setpriv", "prlimit", "sh", "git", "true", "mount", "cp", "ln", "mkdir", "cat", "env")
CONTAINER = [shutil.which("unshare") or "unshare", "-Urm", "/bin/sh", "-euc"]
# $1 is the folder that becomes /usr/src, $2 the Python, $3 whether namespaces may be had in there.
SETUP = """
mount --bind "$1" /usr/src
mount --bind /usr/src/app /usr/src/again
mount --bind /usr/src/app/private /usr/src/data/labels
test "$3" = yes || echo 0 > /proc/sys/user/max_user_namespaces
cd /usr/src/app
"""
AS_ANOTHER = f"{CONTAINER[0]} -U --map-user=1000 --map-group=1000"
WITHOUT_POWERS = "setpriv --no-new-privs --inh-caps=-all --bounding-set=-all"
SEARCH = """\
import os
def found(place):
    for folder, folders, names in os.walk(place):
        for name in names:
            path = os.path.join(folder, name)
            try: data = open(path, 'rb').read(1 << 16)
            except OSError: data = b''
            if b'SEALED' in data or name in ('answers.txt', 'HEAD', 'evaluate.py'):
                yield path
"""
SEARCHED = {
    "the checkout": "/usr/src/app",
    "another checkout": "/usr/src/second",
    "the lab where it is mounted again": "/usr/src/again",
    "its labels, mounted among the data": "/usr/src/data",
    "the home folder": "/usr/src/home",
    "the shared lab it is pushed to": "/usr/src/shared",
    "all of /usr/src": "/usr/src",
}


def _can_mount() -> bool:
    probe = ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/usr/src"]
    try:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


pytestmark = pytest.mark.skipif(not _can_mount(), reason="no private mount namespace here")


class Searched:
    """A lab below /usr that was searched, with what its trials found."""

    def __init__(self, folder: Path, means: str) -> None:
        self._source, self.means = folder / "src", means
        token = f"SEALED-{secrets.token_hex(8)}"
        app = self.app = self._source / "app"
        for name in ("again", "data/labels", "data/sets", "home"):
            (self._source / name).mkdir(parents=True)
        (self._source / "home" / ".netrc").write_text(token)
        (self._source / "data" / "sets" / "one").write_text("0.3")
        (self._source / "home" / ".gitconfig").write_text(
            "[user]\nname = A\nemail = a@example.org\n[safe]\ndirectory = *\n"
        )
        train = f"LEARNING_RATE = 0.1\n{SEARCH}for place in {[*SEARCHED.values()]!r}:\n" + (
            "    print(place, 'GOT' if list(found(place)) else 'stopped')\n"
            "import sys; print(sys.prefix)\n"
            "value = open('/usr/src/data/sets/one').read()\n"
            "open('out.txt', 'w').write(value)\n"
        )
        task = {**TASK, "data": ["/usr/src/data"], "team": {"tuner": {"backend": "tuner"}}}
        app.mkdir(parents=True)
        git(app, "init", "-q", "-b", "main")
        for name, text in {
            "train.py": train,
            "evaluate.py": EVALUATE,
            "airesearch.yaml": repr(task).replace("None", "null").replace("'", '"'),
            "private/answers.txt": token,
            ".gitignore": ".venv\n",
        }.items():
            (app / name).parent.mkdir(exist_ok=True)
            (app / name).write_text(text)
        git(app, "add", "-A")
        git(app, "commit", "-qm", "Start")
        git(app, "worktree", "add", "-q", "-b", "other", "../second")
        for link in (app / ".git/worktrees/second/gitdir", self._source / "second/.git"):
            link.write_text(link.read_text().replace(str(self._source), "/usr/src"))
        git(self._source, "clone", "-q", "--bare", "app", "shared")
        git(app, "remote", "add", "origin", "/usr/src/shared")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", app / ".venv"], check=True)
        config = app / ".venv" / "pyvenv.cfg"
        config.write_text(config.read_text().replace(str(app), "/usr/src/app"))
        self._programs = folder / "bin"
        self._programs.mkdir()
        for program in PROGRAMS:
            (self._programs / program).symlink_to(shutil.which(program) or program)

    def run(self, *words: str, user: str = "root") -> "subprocess.CompletedProcess[str]":
        """A command in the lab, by root in there or by a `plain` user."""
        path = f"{self._programs}" if self.means != "bwrap" else os.environ["PATH"]
        env = {
            **os.environ,
            "HOME": "/usr/src/home",
            "GIT_CONFIG_GLOBAL": "/usr/src/home/.gitconfig",
            "VIRTUAL_ENV": "/usr/src/app/.venv",
            "PATH": f"/usr/src/app/.venv/bin:{path}",
        }
        nested = "no" if self.means == "alone" else "yes"
        plain = WITHOUT_POWERS if self.means == "alone" else AS_ANOTHER
        script = f'{SETUP}shift 3; exec {plain if user == "plain" else ""} "$@"'
        return subprocess.run(
            [*CONTAINER, script, "sh", self._source, sys.executable, nested,
             sys.executable, "-m", "airesearch", *words],
            env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def log(self) -> dict[str, str]:
        """What a trial said of each place."""
        text = git(self.app, "show", "node/000000:research/run.log")
        return dict(line.rpartition(" ")[::2] for line in text.splitlines() if " " in line)


@pytest.fixture(scope="module", params=[*MEANS, "alone"])
def searched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    if why := MEANS.get(request.param, MEANS["landlock"]):
        pytest.skip(why)
    lab = Searched(tmp_path_factory.mktemp(request.param), request.param)
    made = lab.run("init")
    assert made.returncode == 0, made.stderr
    return lab


@pytest.mark.parametrize("name", SEARCHED)
def test_a_trial_finds_nothing_of_the_lab(searched: Searched, name: str, stopped: Report) -> None:
    assert searched.log()[SEARCHED[name]] == "stopped"
    stopped("T1", "sandbox", 0.0)


def test_its_python_is_the_one_in_the_checkout(searched: Searched) -> None:
    log = git(searched.app, "show", "node/000000:research/run.log")
    assert "/usr/src/app/.venv" in log.splitlines()


DOCTOR = {
    "bwrap": ("ok", "bwrap"),
    "landlock": ("ok", "in namespaces of its own, since bubblewrap is not installed"),
    "alone": ("warn", "alone, since bubblewrap is not installed: there are no user namespaces"),
}


@pytest.mark.parametrize("user", ["root", "plain"])
def test_the_doctor_says_what_holds_there(searched: Searched, user: str) -> None:
    state, words = DOCTOR[searched.means]
    told = searched.run("doctor", "--json", user=user).stdout
    (found,) = [one for one in json.loads(told) if one["subject"] == "sandbox"]
    assert (found["state"], words in found["says"]) == (state, True), found
    assert ("allow user namespaces" in found["mend"]) == (searched.means == "alone")


def test_a_plain_user_is_held_as_well(searched: Searched) -> None:
    made = searched.run("step", "--json", user="plain")
    assert made.returncode == 0, made.stderr
    log = git(searched.app, "show", "node/000001:research/run.log")
    assert ("GOT" in log, log.count("stopped")) == (False, len(SEARCHED))


def test_a_home_that_holds_programs_is_nobodys() -> None:
    assert places([Path("/"), Path("/usr"), Path("/usr/bin"), Path("/no/such/folder")]) == ()


def test_a_link_among_the_data_shows_nothing_that_is_hidden(
    kind: Kind, spec: SandboxSpec, tmp_path: Path, stopped: Report
) -> None:
    hidden = tmp_path / "many" / "lab"
    hidden.mkdir(parents=True)
    (hidden / "answers").write_text("SEALED")
    (tmp_path / "many" / "set").write_text("open")
    (tmp_path / "data").symlink_to(tmp_path / "many")
    spec = replace(spec, data=(str(tmp_path / "data"),), hidden=places([hidden]))
    script = (
        "import os\n"
        f"print(open('{tmp_path}/data/set').read())\n"
        f"print(tried(lambda: open('{tmp_path}/data/lab/answers').read()))"
    )
    shown, hidden_file = said(kind, spec, script)
    assert (shown, hidden_file.endswith("Error")) == ("open", True)
    stopped("T1", "sandbox", 0.0)


@NEEDS["bwrap"]
def test_a_lab_mounted_twice_is_hidden_from_an_agent_too(tmp_path: Path) -> None:
    token = f"SEALED-{secrets.token_hex(8)}"
    look = "cat /srv/private/answers.txt /srv/.git/HEAD 2>&1; true"
    words = f"sh -c 'mkdir -p lib; echo looked > lib/found; ({look}) >> lib/found'"
    team = {"agent": {"backend": "command", "command": words}}
    files = toy_files([], team=team) | {"private/answers.txt": token}
    lab = repository(tmp_path / "lab", files)
    assert airesearch(lab, "init").code == 0
    step = [sys.executable, "-m", "airesearch", "step"]
    script = 'mount --bind "$1" /srv; cd "$1"; shift; exec "$@"'
    subprocess.run([*CONTAINER, script, "sh", lab, *step], check=True, capture_output=True)
    found = git(lab, "show", "node/000001:lib/found")
    assert found.startswith("looked")
    assert token not in found
    assert "refs/heads" not in found

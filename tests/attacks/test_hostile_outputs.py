"""Whatever a candidate leaves as its output is at most its own failure, with a reason."""

from pathlib import Path

import pytest
from attacked import Report, needs_bubblewrap
from toys import airesearch, code, git, lr, repository, toy_files

START = "import os, socket\nopen('out.txt', 'w').write('0')\nos.mkdir('out')\n"
TRICKS = {
    "a path too long": (
        "for _ in range(28):\n    os.mkdir('d' * 144); os.chdir('d' * 144)\nos.mknod('f')\n"
    ),
    "longer by far": "for _ in range(60):\n    os.mkdir('d' * 250); os.chdir('d' * 250)\n",
    "too deep": "for _ in range(3000):\n    os.mkdir('d'); os.chdir('d')\n",
    "a name that is no text": "open(b'a\\xff\\xfe', 'w').close()\n",
    "a name with an escape": "open('a\\x1b[31m', 'w').close()\n",
    "a name that reads backwards": "open('a\\u202eb', 'w').close()\n",
    "a name with a line's end": "open('a\\nReason: b', 'w').close()\n",
    "a FIFO": "os.mkfifo('x')\n",
    "a socket": "socket.socket(socket.AF_UNIX).bind('x')\n",
    "links in a circle": "os.symlink('x', 'y'); os.symlink('y', 'x')\n",
    "a link above": "os.symlink('..', 'x')\n",
    "another name of its code": "os.link('../train.py', 'x')\n",
    "two names for one file": "open('x', 'w').close(); os.link('x', 'y')\n",
    "a closed folder": "os.mkdir('x'); open('x/y', 'w').close(); os.chmod('x', 0)\n",
    "closed itself": "os.chmod('.', 0)\n",
    "a file nobody may read": "open('x', 'w').close(); os.chmod('x', 0)\n",
    "a sparse terabyte": "open('x', 'w').truncate(1 << 40)\n",
    "more than it may write": "open('x', 'w').write('x' * (3 << 20))\n",
    "many files": "for n in range(12_000):\n    open(str(n), 'w').close()\n",
    "itself a link": "os.chdir('..'); os.rmdir('out'); os.symlink('lib', 'out')\n",
    "itself a link to nothing": "os.remove('../out.txt'); os.symlink('x', '../out.txt')\n",
    "its whole folder closed": "os.chdir('..'); os.chmod('.', 0)\n",
    "gone": "os.chdir('..'); os.rmdir('out')\n",
}  # fmt: skip
FINE = ("a closed folder", "closed itself", "a file nobody may read", "its whole folder closed")
"""What root may read all the same: it gains nothing by it."""


@pytest.fixture(scope="module", params=["a folder for each", "a folder that is kept"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab after all of them, and an honest one; a large lab's folders are kept between trials."""
    turns = [code(f"{START}os.chdir('out')\n{text}") for text in TRICKS.values()]
    honest = lr(0.2)
    honest["write"]["train.py"] += "import os; os.mkdir('out')\n"
    files = toy_files([*turns, honest], outputs=["out", "out.txt"], search={"policy": "greedy"})
    files["train.py"] += "import os; os.mkdir('out')\n"
    files["evaluate.py"] = files["evaluate.py"].replace("float(", "0.1 + float(")
    files["evaluate.py"] = files["evaluate.py"].replace(
        "json.dump", "score += 0.9 * (score == 0.1)\njson.dump"
    )
    many = 1200 if request.param == "a folder that is kept" else 3
    files |= {f"lib/f{n}.py": "A = 1\n" for n in range(many)}
    folder = repository(tmp_path_factory.mktemp("outputs") / "lab", files)
    assert airesearch(folder, "init").code == 0
    said = airesearch(folder, "run", "--trials", str(len(turns) + 1))
    assert said.code == 0, said.err
    return folder


@needs_bubblewrap
@pytest.mark.parametrize("name", TRICKS)
def test_it_is_a_failure_of_its_own(lab: Path, name: str, stopped: Report) -> None:
    node = airesearch(lab, "log", "--json").json()[::-1][1 + list(TRICKS).index(name)]
    assert node["verdict"] == ("discard" if name in FINE and node["status"] == "ok" else "fail")
    assert node["status"] in ("ok", "metric", "output", "crash"), node
    assert node["reason"], node
    assert str(lab) not in node["reason"] and node["reason"].isprintable()
    stopped("T4", "runner", 0.0)


@needs_bubblewrap
def test_the_campaign_went_on(lab: Path) -> None:
    best = airesearch(lab, "best", "--json").json()
    assert best["node"] == len(TRICKS) + 1
    assert airesearch(lab, "verify").code == 0
    assert git(lab, "status", "--porcelain") == ""
    assert not list((lab / ".git" / "airesearch" / "trials").iterdir())

"""The lab that audits are tried on: every kind of outcome, promotions, a human in between."""

from pathlib import Path

from toys import TRAIN, airesearch, code, git, lr, toy

HUMAN = "Notes by hand"
TURNS = [
    lr(0.3),
    lr(0.4, body="Further out."),
    lr(0.15),
    {"subject": "not editable", "write": {"up": "1"}},
    code("import sys; sys.exit(3)"),
    code("def ("),
    lr(0.15, subject="again"),
    {"subject": "lost", "error": "boom"},
    lr(0.1),
    lr(0.2),
]


def healthy(folder: Path) -> Path:
    """Nodes 0 to 10 as `TURNS` play them, a commit by hand, then a second baseline and three more.

    Kept: 0, 1, 3, 9 and, from the second base, 11, 12, 14.
    """
    toy(folder, TURNS, search={"policy": "greedy"})
    assert airesearch(folder, "run").code == 0
    (folder / "notes.txt").write_text("What I saw so far.\n")
    (folder / "train.py").write_text(TRAIN.replace("LR = 0.5", "LR = 0.6"))
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", HUMAN)
    assert airesearch(folder, "run", "--trials", "4").code == 0
    return folder

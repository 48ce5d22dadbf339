"""Any file git can hold: odd names, line endings, sizes, links, submodules.

The 200 MB file costs about 8 s.
"""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from bad_labs import AIRESEARCH, STRICT, complains, files, whole, works
from toys import EVALUATE, TASK, TRAIN, airesearch, git, lr, repository, toy, toy_files

ODD = [
    b"two words.txt",
    b"quote\"d 'n' such",
    b"new\nline",
    b"tab\there",
    b"-rf",
    b"--help",
    "größe/模型.py".encode(),
    b"odd-\xff\xfe/\xc3(.bin",
    b":(glob)star*?[x]",
    b"back\\slash",
    b"trailing ",
    b"e\xcc\x81 and \xc3\xa9",
    b"#hash",
    b"...",
    b"A/b",
    b"a/B",
    b"x" * 250,
]
JSON_READS = (
    ["log", "--json"],
    ["tree"],
    ["best"],
    ["show", "1"],
    ["show", "1", "--json"],
    ["diff", "0", "1"],
)


def plant(folder: Path, names: list[bytes]) -> None:
    for number, name in enumerate(names):
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d\n" % number)


def test_odd_names_beside_the_code(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    plant(folder, ODD)
    count = "import os\nn = sum(len(f) for _, _, f in os.walk(b'.'))\nprint('saw', n)\n"
    train = TRAIN.replace("LR = 0.5", f"{count}LR = 0.5")
    edited = {"subject": "LR 0.2", "write": {"train.py": train.replace("0.5", "0.2")}}
    repository(folder, {**toy_files([edited]), "train.py": train})
    before = files(folder)
    works(airesearch(folder, "init", env=STRICT))
    works(airesearch(folder, "step", env=STRICT))
    after = files(folder)
    assert after.items() >= {k: v for k, v in before.items() if k != "train.py"}.items()
    log = git(folder, "show", "node/000001:research/run.log")
    assert f"saw {len(before)}" in log, "every file was laid out for the candidate"
    assert git(folder, "status", "--porcelain") == ""
    whole(folder)


EDITED = [
    "lib/two words.txt",
    "lib/q\"uo'te",
    "lib/new\nline",
    "lib/-rf",
    "lib/größe/模型.py",
    "lib/:(top)x",
    "lib/back\\slash",
    "lib/trailing ",
    "lib/\x7fdel",
    "lib/#x",
    "lib/a: b",
]


def test_odd_names_an_agent_writes(tmp_path: Path) -> None:
    turn = lr(0.2)
    turn["write"].update(dict.fromkeys(EDITED, "1\n"))
    gone = {"subject": "all gone", "remove": EDITED, "write": lr(0.15)["write"]}
    folder = toy(tmp_path / "lab", [turn, gone])
    assert airesearch(folder, "step", "--json", env=STRICT).json()["promoted"]
    for name in EDITED:
        assert (folder / name).read_text() == "1\n"
    for words in JSON_READS:
        works(airesearch(folder, *words, env=STRICT))
    listed = airesearch(folder, "show", "1", "--json", env=STRICT).json()["diff"]["paths"]
    assert len(listed) == len(EDITED) + 1
    form = "--format=%(trailers:key=Diff-Path,valueonly)"
    lines = git(folder, "log", "--skip=2", "-1", form, "node/000001").splitlines()
    assert [line for line in lines if line] == listed
    assert airesearch(folder, "step", "--json", env=STRICT).json()["promoted"]
    assert not (folder / "lib").exists()
    whole(folder)


def test_a_name_that_is_not_utf_8_is_edited_by_nobody_and_shown(tmp_path: Path) -> None:
    """A human moves such a file: the next base, its diff and its patch show what they can."""
    folder = toy(tmp_path / "lab", [lr(0.2), lr(0.15)])
    plant(folder, [b"lib/odd-\xff"])
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Odd")
    works(airesearch(folder, "step", env=STRICT))
    works(airesearch(folder, "step", env=STRICT))
    for words in (*JSON_READS, ["diff", "0", "2"], ["diff", "0", "2", "--json"]):
        works(airesearch(folder, *words, env=STRICT))
    whole(folder)


BAD_PATHS = [
    "../out",
    "/etc/motd",
    ".git/hooks/post-commit",
    "lib/../../x",
    "lib//x",
    "lib/./x",
    "lib/.git/config",
    "",
    "lib",
    "lib/",
    "lib/a\0b",
    "lib/" + "n" * 300,
    "train.py/x",
    ".gitattributes",
    "lib/.gitmodules",
    "LIB/.GIT/config",
    "airesearch.yaml",
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_bad_path_from_an_agent_is_an_outcome(tmp_path: Path, path: str) -> None:
    """Refused, or failed as the proposer's fault; the run goes on, and the lab stays sound."""
    folder = toy(tmp_path / "lab", [{"subject": "odd", "write": {path: "1\n"}}, lr(0.2)])
    before = files(folder)
    first = airesearch(folder, "step", "--json", env=STRICT).json()
    assert first["verdict"] == "fail", first
    assert files(folder) == before
    assert airesearch(folder, "step", "--json", env=STRICT).json()["promoted"]
    whole(folder)


def test_a_file_becomes_a_folder_and_back(tmp_path: Path) -> None:
    turns = [lr(0.2), lr(0.15), lr(0.12)]
    turns[0]["write"]["lib/x"] = "file\n"
    turns[1]["write"]["lib/x/inner"] = "folder\n"
    turns[1]["remove"] = ["lib/x"]
    turns[2]["write"]["lib/x"] = "file again\n"
    turns[2]["remove"] = ["lib/x/inner"]
    folder = toy(tmp_path / "lab", turns)
    for _ in turns:
        works(airesearch(folder, "step"))
        whole(folder)
    assert git(folder, "status", "--porcelain") == ""


def test_windows_line_endings(tmp_path: Path) -> None:
    crlf = {k: v.replace("\n", "\r\n") for k, v in toy_files([lr(0.2)]).items()}
    folder = repository(tmp_path / "lab", crlf)
    works(airesearch(folder, "init"))
    assert (folder / "train.py").read_bytes() == crlf["train.py"].encode()
    assert airesearch(folder, "step", "--json").json()["promoted"]
    assert git(folder, "status", "--porcelain") == ""


def test_a_swap_keeps_windows_line_endings(tmp_path: Path) -> None:
    turn = {"subject": "swap", "swap": [{"path": "train.py", "old": "LR = 0.5", "new": "LR = 0.2"}]}
    crlf = {k: v.replace("\n", "\r\n") for k, v in toy_files([turn]).items()}
    folder = repository(tmp_path / "lab", crlf)
    works(airesearch(folder, "init"))
    works(airesearch(folder, "step"))
    wanted = crlf["train.py"].replace("LR = 0.5", "LR = 0.2").encode()
    assert (folder / "train.py").read_bytes() == wanted


@pytest.mark.parametrize("setting", ["true", "input"])
def test_autocrlf(tmp_path: Path, setting: str) -> None:
    """The checkout has other bytes than the objects, and is clean to git."""
    folder = tmp_path / "lab"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "core.autocrlf", setting)
    files_ = toy_files([lr(0.2), lr(0.15)])
    task = files_.pop("airesearch.yaml")
    repository(folder, files_)
    (folder / "airesearch.yaml").write_text(task.replace("\n", "\r\n"), newline="")
    works(airesearch(folder, "init"))
    assert airesearch(folder, "step", "--json").json()["promoted"]
    assert airesearch(folder, "step", "--json").json()["promoted"]
    assert git(folder, "status", "--porcelain") == ""
    whole(folder)


def test_git_attributes_of_the_user(tmp_path: Path) -> None:
    """A filter that is not installed here, as git-lfs would be, is none of ours to run."""
    extra = {".gitattributes": "*.py text eol=crlf\n*.bin filter=absent\n", "data.bin": b"\0\xff"}
    folder = repository(tmp_path / "lab", {**toy_files([lr(0.2)]), **extra})
    works(airesearch(folder, "init"))
    assert airesearch(folder, "step", "--json").json()["promoted"]
    assert git(folder, "status", "--porcelain") == ""


def test_a_file_of_200_megabytes(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    with (folder / "data.bin").open("wb") as file:
        for number in range(200):
            file.write(bytes([number]) * (1 << 20))
    budget = {"trial_seconds": 20, "trial_memory_mb": 300, "output_mb": 2}
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "core.bigFileThreshold", "1m")
    repository(folder, toy_files([lr(0.2)], budget=budget))
    for words in (["init"], ["step"]):
        peak = subprocess.run(
            ["/usr/bin/env", "python3", "-c", _PEAK, *AIRESEARCH, *words],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert peak.returncode == 0, peak.stderr
        assert int(peak.stdout.split()[-1]) < 700 << 20
    whole(folder)


_PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print("\\n", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(code)
"""


def test_links_in_the_tree(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("outside\n")
    (folder / "out").symlink_to(tmp_path / "secret.txt")
    (folder / "dangling").symlink_to("no/where")
    (folder / "self").symlink_to("self")
    (folder / "up").symlink_to("..")
    (folder / os.fsdecode(b"odd-\xff")).symlink_to(os.fsdecode(b"t\xff"))
    before = repository(folder, toy_files([lr(0.2)]))
    links = files(before)
    works(airesearch(folder, "init"))
    assert airesearch(folder, "step", "--json").json()["promoted"]
    after = files(folder)
    assert all(after[name] == links[name] for name in ("out", "dangling", "self", "up"))
    assert (tmp_path / "secret.txt").read_text() == "outside\n"
    whole(folder)


def test_an_edit_of_a_link_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    (folder / "lib").mkdir(parents=True)
    (tmp_path / "mine.txt").write_text("mine\n")
    (folder / "lib" / "link").symlink_to(tmp_path / "mine.txt")
    (folder / "lib" / "dir").symlink_to(tmp_path)
    turns = [
        {"subject": "through a link", "write": {"lib/link": "theirs\n"}},
        {"subject": "below a link", "write": {"lib/dir/mine.txt": "theirs\n"}},
        lr(0.2),
    ]
    toy(folder, turns)
    for _ in range(2):
        assert airesearch(folder, "step", "--json").json()["status"] == "denied"
    assert airesearch(folder, "step", "--json").json()["promoted"]
    assert (tmp_path / "mine.txt").read_text() == "mine\n"
    whole(folder)


def test_an_executable_candidate(tmp_path: Path) -> None:
    script = "#!/bin/sh\n# size 5\necho 0.5 > out.txt\n"
    turn = {"subject": "smaller", "swap": [{"path": "train.sh", "old": "0.5", "new": "0.2"}]}
    task = {"candidate": "./train.sh", "editable": ["train.sh"]}
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "train.sh").write_text(script)
    (folder / "train.sh").chmod(0o755)
    repository(folder, toy_files([turn], **task))
    works(airesearch(folder, "init"))
    assert airesearch(folder, "step", "--json").json()["metrics"] == {"val_error": 0.2}
    assert git(folder, "ls-files", "-s", "train.sh").startswith("100755")
    assert os.access(folder / "train.sh", os.X_OK)


def test_a_script_that_is_not_executable(tmp_path: Path) -> None:
    files_ = toy_files([], candidate="./train.sh", editable=["train.sh"])
    folder = repository(tmp_path / "lab", {**files_, "train.sh": "#!/bin/sh\necho 1 > out.txt\n"})
    complains(airesearch(folder, "init"), "train.sh", "execut")


def submodule(folder: Path, other: Path) -> None:
    git(
        folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub"
    )
    git(folder, "commit", "-qm", "Submodule")


def test_submodules_in_the_tree(tmp_path: Path) -> None:
    other = repository(tmp_path / "other", {"a.txt": "1\n"})
    folder = repository(
        tmp_path / "lab", toy_files([lr(0.2), {"subject": "in", "write": {"sub/x": "1"}}])
    )
    submodule(folder, other)
    before = files(folder / "sub")
    works(airesearch(folder, "init"))
    assert airesearch(folder, "step", "--json").json()["promoted"]
    assert airesearch(folder, "step", "--json").json()["status"] == "denied"
    assert git(folder, "status", "--porcelain") == ""
    assert files(folder / "sub") == before
    whole(folder)


def test_a_lab_that_is_a_submodule(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    outer = repository(tmp_path / "outer", {"a.txt": "1\n"})
    submodule(outer, lab)
    sub = outer / "sub"
    works(airesearch(sub, "init"))
    assert airesearch(sub, "step", "--json").json()["promoted"]
    assert "LR = 0.2" in (sub / "train.py").read_text()
    assert git(sub, "status", "--porcelain") == ""
    assert git(outer, "status", "--porcelain").strip() == "M sub"
    git(sub, "fsck", "--strict")


NO_LINKS = {"nul": b"a\0b", "long": b"x/" * 3000, "empty": b""}


def plant_link(folder: Path, target: bytes, path: str) -> None:
    """Commit a link that no file system makes."""
    argv = ["git", "-C", folder, "hash-object", "-w", "--stdin"]
    blob = subprocess.run(argv, input=target, capture_output=True, check=True).stdout.decode()
    git(folder, "update-index", "--add", "--cacheinfo", f"120000,{blob.strip()},{path}")
    git(folder, "commit", "-qm", "A link")


@pytest.mark.parametrize("kind", NO_LINKS)
def test_a_link_that_cannot_be_made_fails_its_node_by_name(kind: str, tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [lr(0.2)])
    plant_link(folder, NO_LINKS[kind], "lib/link")
    said = airesearch(folder, "step")
    assert "Traceback" not in said.err
    shown = airesearch(folder, "show", "1", "--json").json()
    assert shown["status"] == "crash"
    assert "the link lib/link cannot be made: " in shown["reason"]


@pytest.mark.parametrize("kind", NO_LINKS)
@pytest.mark.parametrize("path", ["link", "private/link"])
def test_nor_does_such_a_trunk_make_a_lab(kind: str, path: str, tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    plant_link(folder, NO_LINKS[kind], path)
    complains(airesearch(folder, "init"), f"the link {path} cannot be made: ")


def test_a_name_longer_than_file_systems_take(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    git(folder, "update-index", "--add", "--cacheinfo",
        f"100644,{git(folder, 'rev-parse', 'HEAD:train.py').strip()},{'n' * 1000}")  # fmt: skip
    git(folder, "commit", "-qm", "A name")
    said = airesearch(folder, "init")
    assert "Traceback" not in said.err
    if said.code:
        complains(said, "cannot be made")


def test_a_task_in_a_folder_below_is_not_found_and_that_is_said(tmp_path: Path) -> None:
    """The lab is the repository; `init` in a folder below must not take half of it."""
    inner = {f"model/{path}": text for path, text in toy_files([lr(0.2)]).items()}
    folder = repository(tmp_path / "lab", {**inner, "README.md": "outer\n"})
    complains(airesearch(folder / "model", "init"), "airesearch.yaml")
    assert git(folder, "status", "--porcelain") == ""


def test_private_data_in_the_checkout_stays(tmp_path: Path) -> None:
    """Hidden from the candidate, and never from the user."""
    spy = {"subject": "spy", "write": {"train.py": TRAIN + "print(os.path.exists('private'))\n"}}
    task = yaml.safe_dump({**TASK}, sort_keys=False)
    files_ = {**toy_files([spy]), "private/answers.txt": "42\n", "airesearch.yaml": task}
    folder = repository(tmp_path / "lab", {**files_, "evaluate.py": EVALUATE})
    works(airesearch(folder, "init"))
    works(airesearch(folder, "step"))
    assert "False" in git(folder, "show", "node/000001:research/run.log")
    assert (folder / "private" / "answers.txt").read_text() == "42\n"

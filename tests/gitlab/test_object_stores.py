"""Every folder of this machine that the lab's objects can be read from is known, to be hidden."""

import os
from pathlib import Path

import pygit2
import pytest
from airesearch.gitlab.lab.object_stores import objects_of
from toys import git, repository

SETTINGS = {
    "a path": [("remote.x.url", "{far}")],
    "a relative one": [("remote.x.url", "../{name}")],
    "a URL": [("remote.x.url", "file://{far}")],
    "a URL with a host": [("remote.x.url", "file://localhost{far}")],
    "a URL in percent": [("remote.x.url", "file://{percent}")],
    "where is pushed": [("remote.x.url", "ssh://far"), ("remote.x.pushurl", "{far}")],
    "instead of": [("remote.x.url", "lab:{name}"), ("url.{above}/.insteadOf", "lab:")],
    "pushed instead": [("remote.x.url", "lab:{name}"),
                       ("url.file://{above}/.pushInsteadOf", "lab:")],
    "a branch's own": [("branch.main.remote", "{far}")],
    "pushed by default": [("remote.pushDefault", "{far}")],
}  # fmt: skip


@pytest.mark.parametrize("name", ["far.git", "f\u00fcr the lab.git"])
@pytest.mark.parametrize("kind", SETTINGS)
def test_a_local_remote_is_found_however_it_is_named(kind: str, name: str, tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", {"a": "1\n"})
    far = tmp_path / name
    git(tmp_path, "clone", "-q", "--bare", "lab", name)
    percent = "".join(f"%{byte:02x}" if byte > 126 or byte == 32 else chr(byte)
                      for byte in os.fsencode(far))  # fmt: skip
    for key, value in SETTINGS[kind]:
        filled = {"far": far, "name": name, "percent": percent, "above": tmp_path}
        git(lab, "config", key.format(**filled), value.format(**filled))
    found = [path.resolve() for path in objects_of(pygit2.Repository(lab))]
    assert sorted(found) == sorted([(lab / ".git").resolve(), far.resolve()])


def test_what_the_user_s_own_settings_make_of_a_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = repository(tmp_path / "lab", {"a": "1\n"})
    git(tmp_path, "clone", "-q", "--bare", "lab", "far.git")
    git(lab, "remote", "add", "x", "gh:far.git")
    (tmp_path / ".gitconfig").write_text(f'[url "{tmp_path}/"]\n\tinsteadOf = gh:\n')
    level = pygit2.enums.ConfigLevel.GLOBAL
    before = pygit2.settings.search_path[level]
    pygit2.settings.search_path[level] = str(tmp_path)
    try:
        assert tmp_path / "far.git" in objects_of(pygit2.Repository(lab))
    finally:
        pygit2.settings.search_path[level] = before


@pytest.mark.timeout(20)
def test_one_that_borrows_from_itself_is_one(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", {"a": "1\n"})
    lines = "../objects\n../../.git/objects\n../../.git/../.git/objects\n"
    (lab / ".git" / "objects" / "info" / "alternates").write_text(lines)
    found = objects_of(pygit2.Repository(lab))
    assert found == [lab / ".git", lab / ".git" / "objects"]


def test_one_whose_name_is_in_no_encoding(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", {"a": "1\n"})
    far = tmp_path / os.fsdecode(b"caf\xe9.git")
    git(tmp_path, "clone", "-q", "--bare", "lab", str(far))
    with (lab / ".git" / "config").open("ab") as file:
        file.write(b'[remote "caf\xe9"]\n\turl = %s\n' % bytes(far))
    assert far in objects_of(pygit2.Repository(lab))


def test_what_a_remote_borrows_from_is_found_too_and_a_round_ends(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", {"a": "1\n"})
    git(tmp_path, "clone", "-q", "lab", "lender")
    git(tmp_path, "clone", "-q", "--shared", "lender", "borrower")
    lent, borrowed = tmp_path / "lender/.git/objects", tmp_path / "borrower/.git/objects"
    (lent / "info/alternates").write_text(f"{borrowed}\n")
    git(lab, "remote", "add", "x", str(tmp_path / "borrower"))
    found = objects_of(pygit2.Repository(lab))
    assert {lent, borrowed, tmp_path / "borrower"} <= set(found)


def test_a_branch_that_follows_another_here_hides_nothing(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", {"a": "1\n"})
    git(lab, "config", "branch.side.remote", ".")
    git(lab, "remote", "add", "x", "git@example.com:lab.git")
    assert objects_of(pygit2.Repository(lab)) == [(lab / ".git").resolve()]

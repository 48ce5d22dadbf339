"""No commit that is pushed has a date that is yet to come, wherever in the push it stands."""

import time
from collections.abc import Callable

import pytest
from push_on_nodes import N4, as_node
from pushes import World
from toys import git


def people_s(world: World) -> list[str]:
    return [f"{world.forge('main~4', 'main^', message='Mine')}:refs/heads/main"]


def on_the_side(world: World) -> list[str]:
    return [f"{world.forge('main~4', 'main^', message='Mine')}:refs/heads/idea"]


def below_a_tag(world: World) -> list[str]:
    git(world.lab, "tag", "-a", "-m", "One", "one", world.forge("main~4", "main^", message="Mine"))
    return ["one"]


def behind_a_merge(world: World) -> list[str]:
    side = world.forge("main~4", "main^", message="Mine")
    return [f"{world.forge('main~4', 'main^', side, message='Merge it')}:refs/heads/main"]


def verdict(world: World) -> list[str]:
    return as_node(world, world.forge(N4, f"{N4}^"))


def below_a_verdict(world: World) -> list[str]:
    return as_node(world, world.forge(N4, world.forge(f"{N4}^", f"{N4}~2")))


def promotion(world: World) -> list[str]:
    return [N4, f"{world.forge('main', 'main^', N4)}:refs/heads/main"]


@pytest.mark.parametrize("whose", ["author", "committer"])
@pytest.mark.parametrize(
    "words",
    [people_s, on_the_side, below_a_tag, behind_a_merge, verdict, below_a_verdict, promotion],
)
def test_a_date_to_come_is_refused_with_the_way_out(
    world: World,
    words: Callable[[World], list[str]],
    whose: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = world.shared_refs()
    monkeypatch.setenv(f"GIT_{whose.upper()}_DATE", f"@{int(time.time()) + 900} +0000")
    done = world.push(*words(world))
    assert f"its {whose} date is " in done.stderr
    assert "set the clock of the machine that made it" in done.stderr
    assert world.shared_refs() == before


def test_clocks_that_differ_by_minutes_are_no_future(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
        monkeypatch.setenv(name, f"@{int(time.time()) + 250} +0000")
    done = world.push(*promotion(world))
    assert done.returncode == 0, done.stderr

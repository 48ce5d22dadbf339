"""Which of two places counts, what must hold between knobs, and around which values ranges lie."""

import pytest
from airesearch.agents.proposers.tuner.knobs.domains import Choices, Domain, Range
from airesearch.agents.proposers.tuner.sampler import Exhausted, Scored, suggest
from airesearch.gitlab.errors import AiresearchError
from layouts import (
    ARGPARSE,
    DATACLASS,
    HYDRA,
    NANOGPT,
    NANOGPT_COMMAND,
    OVERRIDDEN,
    alone_in,
    knobs_of,
    space,
)


def domain(name: str, *words: dict[str, str]) -> Domain | None:
    """Of a knob in t.py, for the file now, at the base and at the first base."""
    now, base, first = (*words, *[words[-1]] * (3 - len(words)))
    found = space(now, base=base, first=first)
    return next(entry.domain for entry in found.entries if entry.name == f"t.py:{name}")


def test_what_a_file_of_settings_sets_is_turned_there() -> None:
    found = space(OVERRIDDEN)
    assert knobs_of(found) == [
        *("config.json:learning_rate", "config.json:steps", "train.py:Config.momentum"),
    ]
    assert alone_in(found)["train.py:Config.steps"] == "config.json sets it"


def test_one_that_may_not_be_edited_still_counts() -> None:
    found = space(OVERRIDDEN, sealed=["config.json"], command="python train.py config.json")
    assert knobs_of(found) == ["train.py:Config.momentum"]
    assert "config.json sets it" in alone_in(found).values()


def test_a_dataclass_and_its_yaml() -> None:
    assert knobs_of(space(DATACLASS)) == [
        *("conf/base.yaml:lr", "conf/base.yaml:depth", "conf/base.yaml:dropout"),
    ]


def test_options_but_for_those_that_the_command_gives() -> None:
    names = ["train.py:--lr", "train.py:--width", "train.py:--act"]
    assert knobs_of(space(ARGPARSE)) == names
    assert knobs_of(space(ARGPARSE, "python train.py --width 8 --act=relu")) == names[:1]


def test_groups_of_which_a_list_of_defaults_chooses() -> None:
    found = space(HYDRA)
    betas = [f"conf/optimizer/adam.yaml:betas[{place}]" for place in (0, 1)]
    model = ["conf/model/small.yaml:hidden", "conf/model/small.yaml:dropout"]
    epochs, rate = "conf/config.yaml:epochs", "conf/optimizer/adam.yaml:lr"
    assert knobs_of(found) == [epochs, *model, rate, *betas]
    assert (
        "small.yaml is chosen by conf/config.yaml"
        in alone_in(found)["conf/model/large.yaml:hidden"]
    )
    large = knobs_of(space(HYDRA, "python train.py model=large epochs=5"))
    assert large == [one.replace("small", "large") for one in [*model, rate, *betas]]


def test_globals_that_a_python_file_overrides() -> None:
    found = space(NANOGPT, NANOGPT_COMMAND)
    of_config = ("batch_size", "n_layer", "n_head", "n_embd", "dropout", "learning_rate", "beta2")
    assert knobs_of(found) == [
        *(f"config/train_char.py:{name}" for name in of_config),
        "train.py:weight_decay",
    ]
    alone = alone_in(found)
    assert alone["train.py:compile"] == "the command gives it: --compile=False"
    assert alone["config/finetune.py:n_layer"].startswith("config/train_char.py is named")
    assert alone["model.py:GPTConfig.n_embd"] == "config/train_char.py sets it"


def test_what_a_person_marked_is_a_knob_whatever_else_is_found() -> None:
    files = dict(OVERRIDDEN)
    files["train.py"] = files["train.py"].replace("= 100", "= 100  # range: 10..200")
    assert "train.py:Config.steps" in knobs_of(space(files))
    by_rule = space(OVERRIDDEN, rules={"train.py:Config.steps": "range: 10..200"})
    assert "train.py:Config.steps" in knobs_of(by_rule)


def test_a_rule_may_use_the_name_of_an_earlier_version() -> None:
    files = {"t.py": "class C:\n    a: float = field(default=0.1)\n    b: int = field(default=3)\n"}
    assert knobs_of(space(files, rules={"t.py:field.default#2": "fixed"})) == ["t.py:C.a"]
    with pytest.raises(AiresearchError, match=r"holds t\.py:field\.default#3"):
        space(files, rules={"t.py:field.default#3": "fixed"})


def test_conditions_in_the_code_are_kept() -> None:
    found = space(NANOGPT, NANOGPT_COMMAND)
    assert [one.text for one in found.constraints] == ["config.n_embd % config.n_head == 0"]
    past: list[Scored] = []
    for seed in range(40):
        values = suggest(
            found.knobs, past, "minimize", seed, lambda drawn: found.mend(found.knobs, drawn)
        )
        past.append(Scored(values, seed / 7))
        heads, width = (values[f"config/train_char.py:{name}"] for name in ("n_head", "n_embd"))
        assert isinstance(heads, int) and isinstance(width, int) and width % heads == 0
    assert len({one.values["config/train_char.py:n_head"] for one in past}) > 8


@pytest.mark.parametrize(
    ("line", "count"),
    [
        *(("assert LOW < HIGH", 1), ("if HIGH <= LOW:\n    raise ValueError", 1)),
        *(("# LOW < HIGH", 1), ("# constraint: LOW + 1 <= HIGH", 1), ("# low < high, mostly", 0)),
        *(("assert LOW < HIGH and HIGH % 2 == 0", 2), ("assert LOW < unknown", 0)),
        *(
            ("assert LOW > HIGH", 0),
            ("assert len(x) == HIGH", 0),
            ("assert cfg.LOW < cfg['HIGH']", 1),
        ),
        *(("STEP = 4  # a multiple of LOW", 1), ("STEP = 3  # divisible by LOW", 0)),
    ],
)
def test_conditions_that_are_simple_to_tell_and_hold_now(line: str, count: int) -> None:
    assert len(space({"t.py": f"LOW = 2\nHIGH = 8\n{line}\n"}).constraints) == count


def test_conditions_that_nothing_meets_end_the_search() -> None:
    found = space(
        {"t.py": "LOW = 2  # choices: 2, 9\nHIGH = 8  # choices: 8, 7\nassert LOW < HIGH\n"}
    )
    past = [Scored({"t.py:LOW": 2, "t.py:HIGH": high}, 0.1) for high in (7, 8)]
    with pytest.raises(Exhausted, match="all 2 combinations"):
        suggest(found.knobs, past, "minimize", 1, lambda drawn: found.mend(found.knobs, drawn))


def test_ranges_lie_around_the_first_value_however_often_trunk_moves() -> None:
    first, winner = {"t.py": "SUBSAMPLE = 1.0\nN = 16\n"}, {"t.py": "SUBSAMPLE = 0.904\nN = 64\n"}
    assert domain("SUBSAMPLE", winner, winner, first) == Range(0.05, 1)
    assert domain("N", winner, winner, first) == Range(2, 128, "log", integer=True)
    by_hand = {"t.py": "SUBSAMPLE = 1.0\nN = 500\n"}
    assert domain("N", by_hand, by_hand, first) == Range(62, 4000, "log", integer=True)


def test_comments_count_as_they_are_at_the_newest_base() -> None:
    first, base = {"t.py": "N = 16\n"}, {"t.py": "N = 16  # range: 4..32\n"}
    assert domain("N", base, base, first) == Range(4, 32, integer=True)
    assert domain("N", first, base, first) == Range(4, 32, integer=True)
    fixed = {"t.py": "N = 16  # fixed\n"}
    assert domain("N", first, fixed, first) is None
    assert domain("N", {"t.py": "N = 16  # range: soon\n"}, first) == Range(
        2, 128, "log", integer=True
    )


def test_a_value_at_the_end_of_its_range_is_said() -> None:
    found = space(
        {"t.py": "N = 128\nM = 5  # range: 5..9\nA = 1  # choices: 1, 2\n"},
        base={"t.py": "N = 16\nM = 5  # range: 5..9\nA = 1  # choices: 1, 2\n"},
    )
    assert [entry.end for entry in found.entries] == ["high", "low", ""]


def test_choices_of_powers_keep_their_end() -> None:
    (entry,) = space({"t.py": "N = 2**9\n"}, base={"t.py": "N = 2**6\n"}).entries
    assert entry.domain == Choices(tuple(2**n for n in range(3, 10)))
    assert entry.end == "high"

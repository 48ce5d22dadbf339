"""Knobs in the forms that real projects write them in, and what is passed over with a reason."""

import pytest
from airesearch.agents.proposers.tuner.knobs import assign, find, read, survey, without_literals
from airesearch.agents.proposers.tuner.knobs.domains import Choices, Domain, Range
from airesearch.agents.proposers.tuner.knobs.python.text import literal

NOTEBOOK = """\
TOTAL_BATCH_SIZE = 2**6
ADAM_BETAS = (0.8, 0.95)
WEIGHT_DECAY = 0.2 * 1e-3
w = 0.0
for epoch in range(50):
    w -= 0.01 * (w - 1)
"""


def domains(source: str) -> dict[str, Domain]:
    return {knob.name: knob.domain for knob in find(source)}


def reasons(source: str) -> dict[str, str]:
    return {one.site.name: one.why_alone for one in survey(source) if one.domain is None}


def test_powers_products_tuples_loops_and_steps_are_knobs() -> None:
    assert domains(NOTEBOOK) == {
        "TOTAL_BATCH_SIZE": Choices(tuple(2**n for n in range(3, 10))),
        "ADAM_BETAS[0]": Range(0, 0.95),
        "ADAM_BETAS[1]": Range(0, 0.9975, "near one"),
        "WEIGHT_DECAY": Range(2e-6, 0.02, "log"),
        "epoch.range": Range(6, 400, "log", integer=True),
        "w.rate": Range(1e-4, 1.0, "log"),
    }


def test_they_are_written_as_they_were() -> None:
    values = {"TOTAL_BATCH_SIZE": 16, "ADAM_BETAS[1]": 0.99, "WEIGHT_DECAY": 5e-5, "w.rate": 0.1}
    changed = assign(NOTEBOOK, {**values, "epoch.range": 70})
    assert changed == (
        NOTEBOOK.replace("2**6", "2**4")
        .replace("0.95", "0.99")
        .replace("0.2 *", "0.05 *")
        .replace("50", "70")
        .replace("0.01", "0.1")
    )
    assert without_literals(changed) == without_literals(NOTEBOOK)
    assert read(changed) == {**read(NOTEBOOK), **values, "epoch.range": 70}


@pytest.mark.parametrize(
    ("old", "value", "text"),
    [
        *(("2**16", 100, "100"), ("2 ** 4", 2, "2 ** 1"), ("2**3", 1, "1"), ("1**3", 1, "1")),
        *(("0.2 * 1e-3", 1 / 3, repr(1 / 3)), ("5 * 8", 20, "20"), ("2**3", 0.5, "0.5")),
    ],
)
def test_an_expression_becomes_a_number_where_it_must(old: str, value: float, text: str) -> None:
    assert literal(old, value) == text


OPTIONS = """\
parser.add_argument("--lr", type=float, default=1)
parser.add_argument("--act", default="relu", choices=["relu", "tanh"])
parser.add_argument("--sizes", nargs="+", default=[64, 32])
@click.option("--drop", type=click.FloatRange(0, 0.5), default=0.1)
@click.option("--depth", type=click.IntRange(1, 9), default=3)
@click.option("--eta", type=click.FloatRange(min=1e-4, max=1), default=0.1)
@click.option("--mode", type=click.Choice(["a", "b"]), default="a")
def main(drop, depth, eta, mode, rate: float = typer.Option(0.2, "--rate")):
    pass
"""


def test_options_say_themselves_what_they_may_be() -> None:
    assert domains(OPTIONS) == {
        "--lr": Range(0.01, 100.0, "log"),
        "--act": Choices(("relu", "tanh")),
        "--sizes[0]": Range(8, 512, "log", integer=True),
        "--sizes[1]": Range(4, 256, "log", integer=True),
        "--drop": Range(0, 0.5),
        "--depth": Range(1, 9, integer=True),
        "--eta": Range(1e-4, 1, "log"),
        "--mode": Choices(("a", "b")),
        "main.rate": Range(0.002, 20.0, "log"),
    }


def test_arguments_by_place_are_knobs_of_classes_and_of_the_file_s_own_functions() -> None:
    source = """\
def ring(n, radius):
    return make(n, 3)
points = ring(8, 0.3)
forest = RandomForestRegressor(30, max_depth=5)
net = Sequential(Linear(784, 10), Dropout(0.25), Relu(True))
raise ValueError(3)
"""
    assert list(domains(source)) == [
        *("ring.n", "ring.radius", "RandomForestRegressor[0]", "RandomForestRegressor.max_depth"),
        *("Dropout[0]", "Relu[0]"),
    ]
    assert reasons(source)["Linear[0]"] == "a layer's size, which others must fit"


def test_dicts_and_settings_are_knobs_wherever_they_stand() -> None:
    source = """\
def setup():
    config.lr = 0.1
    args["depth"] = 3
    self.total = 0.5
    train({"eta": 0.3}, dict(gamma=0.2))
    batch_size = 32
    count = 32
    return {"hidden": 64}
"""
    assert list(domains(source)) == [
        *("setup.config.lr", "setup.args.depth", "train.eta", "dict.gamma", "setup.batch_size"),
        "setup.hidden",
    ]


def test_a_default_in_a_field_is_named_as_its_class_and_has_its_old_name_too() -> None:
    source = """\
class Config:
    lr: float = field(default=0.1)
    depth: int = Field(3, ge=1)
def run(rate=Param(default=0.2)):
    pass
"""
    assert list(domains(source)) == ["Config.lr", "Config.depth", "run.rate"]
    aliases = [one.site.alias for one in survey(source)]
    assert aliases == ["field.default", "Field.default", "Param.default"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        *((f"{name} = 0.25", "measurement") for name in ("test_size", "VAL_SPLIT", "eval_ratio")),
        *((f"f({name}=5)", "measurement") for name in ("cv", "n_splits", "n_folds", "eval_iters")),
        *((f"{name} = 100", "printed") for name in ("log_interval", "print_every", "save_steps")),
        *((f"{name} = True", "machine") for name in ("compile", "pin_memory", "use_cuda")),
        *((f"{name} = 4", "machine") for name in ("num_workers", "port", "n_jobs")),
        *((f"{name} = 'x'", "place") for name in ("data_dir", "output_path", "filename")),
        *(
            ("random_state = 3", "seed"),
            ("vocab = 50", "data"),
            ("always_save_x = True", "printed"),
        ),
        *(("plt.plot(x, alpha=0.5)", "plot"), ("ax.set(alpha=0.5)", "plot")),
        ("from matplotlib.patches import Circle\nCircle((0, 0), 1, alpha=0.5)", "plot"),
        ("def plot(x):\n  draw_it(alpha=0.5)", "plot"),
        ("import logging\nlogging.basicConfig(width=20)", "printed"),
        ("param_grid = {'C': [0.1, 1.0]}", "candidates"),
        ("LR = 0.1  # fixed", "fixed"),
        ("# fixed: the paper's\nLR = 0.1", "fixed"),
        ("PIXELS = 28 * 28", "product"),
        ("for i in range(8): pass", "no training"),
        ("class C:\n  n: int = 3\nC(n=4)", "passes its own"),
    ],
)
def test_what_is_left_alone_says_why(line: str, why: str) -> None:
    assert why in next(iter(reasons(line).values()))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("# range: 1e-5 to 1e-1 log\nLR = 0.01", Range(1e-5, 0.1, "log")),
        ("LR = 0.01  # range: [1e-5, 1e-1], log-uniform", Range(1e-5, 0.1, "log")),
        ("N = 64  # range: 2**3..2**9", Range(8, 512, integer=True)),
        ("# choices: relu, tanh\n# the activation\nACT = 'relu'", Choices(("relu", "tanh"))),
        ("# range: 1..9\nN = 3  # range: 2..4", Range(2, 4, integer=True)),
        ("# range: of motion\nN = 3", Range(1, 24, "log", integer=True)),
        ("X = min(0.1, y)  # range: 1..2\nLR = 1.0", Range(0.01, 100.0, "log")),
    ],
)
def test_comments_rule_beside_a_value_and_on_the_line_above(source: str, expected: Domain) -> None:
    assert [*domains(source).values()] == [expected]


def test_a_comment_on_a_tuple_means_each_of_its_numbers() -> None:
    assert domains("BETAS = (0.9, 0.95)  # range: 0.5..0.99") == {
        "BETAS[0]": Range(0.5, 0.99),
        "BETAS[1]": Range(0.5, 0.99),
    }


def test_a_comment_means_what_it_did_before_more_was_found() -> None:
    assert domains("def g(a): pass\nf(LR=0.1, b=g(3))  # choices: 0.1, 0.2")["f.LR"] == Choices(
        (0.1, 0.2)
    )

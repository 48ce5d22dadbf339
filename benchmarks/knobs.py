"""Whether the tuner finds what projects turn: against Optuna's TPE given the same knobs by hand.

Four layouts (a dataclass that a YAML file overrides, argparse, groups of settings as Hydra's,
nanoGPT's globals with a Python file over them), each of them a program that is run in this process.
The tuner gets the files and the command, and has to find what counts; TPE and random search get the
knobs that a person would write down, with ranges, the condition between two of them included. All
start from the same values, each has the same trials. Reported is the share of what could be gained
that was. Needs the extra `bench`: `pip install -e '.[bench]'`.

    python benchmarks/knobs.py [--quick] [--json FILE]
"""

import argparse
import contextlib
import io
import json
import os
import random
import runpy
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airesearch.agents.proposers.base import Brief, Past
from airesearch.agents.proposers.tuner.knobs import assign
from airesearch.agents.proposers.tuner.knobs.domains import Value
from airesearch.agents.proposers.tuner.knobs.languages import language_of
from airesearch.agents.proposers.tuner.tuner import Tuner
from airesearch.gitlab.record.facts import Operator

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
import layouts

Files = Mapping[str, str]
CONFIG = "config/train_char.py:"


@dataclass(frozen=True)
class Layout:
    """A project: its files, its command, and the knobs as a person would write them down."""

    files: Files
    by_hand: Callable[[Any], dict[str, Value]]
    start: Mapping[str, Value]
    """The values that it starts with, by the names of the person."""
    command: str = "python train.py"


def _of_dataclass(trial: Any) -> dict[str, Value]:
    return {
        "conf/base.yaml:lr": trial.suggest_float("lr", 1e-3, 10, log=True),
        "conf/base.yaml:depth": trial.suggest_int("depth", 1, 32, log=True),
        "conf/base.yaml:dropout": trial.suggest_float("dropout", 0, 0.95),
    }


def _of_argparse(trial: Any) -> dict[str, Value]:
    return {
        "train.py:--lr": trial.suggest_float("lr", 5e-3, 50, log=True),
        "train.py:--width": trial.suggest_int("width", 2, 128, log=True),
        "train.py:--act": trial.suggest_categorical("act", ["tanh", "relu", "gelu"]),
    }


def _of_hydra(trial: Any) -> dict[str, Value]:
    adam, small = "conf/optimizer/adam.yaml:", "conf/model/small.yaml:"
    return {
        "conf/config.yaml:epochs": trial.suggest_int("epochs", 1, 80, log=True),
        f"{small}hidden": trial.suggest_int("hidden", 4, 256, log=True),
        f"{small}dropout": trial.suggest_float("dropout", 0, 0.95),
        f"{adam}lr": trial.suggest_float("lr", 1e-5, 0.1, log=True),
        f"{adam}betas[0]": trial.suggest_float("beta1", 0, 0.995),
        f"{adam}betas[1]": trial.suggest_float("beta2", 0, 0.9975),
    }


def _of_nanogpt(trial: Any) -> dict[str, Value]:
    heads = trial.suggest_int("n_head", 1, 48, log=True)
    return {
        f"{CONFIG}batch_size": trial.suggest_int("batch_size", 8, 512, log=True),
        f"{CONFIG}n_layer": trial.suggest_int("n_layer", 1, 48, log=True),
        f"{CONFIG}n_head": heads,
        # As people write it: so many channels a head.
        f"{CONFIG}n_embd": heads * max(1, trial.suggest_int("n_embd", 48, 3072, log=True) // heads),
        f"{CONFIG}dropout": trial.suggest_float("dropout", 0, 0.95),
        f"{CONFIG}learning_rate": trial.suggest_float("learning_rate", 1e-5, 0.1, log=True),
        f"{CONFIG}beta2": trial.suggest_float("beta2", 0.8, 0.9995),
        "train.py:weight_decay": trial.suggest_float("weight_decay", 1e-3, 10, log=True),
    }


LAYOUTS: Mapping[str, Layout] = {
    "dataclass + YAML": Layout(
        layouts.DATACLASS, _of_dataclass, {"lr": 0.1, "depth": 4, "dropout": 0.2}
    ),
    "argparse": Layout(layouts.ARGPARSE, _of_argparse, {"lr": 0.5, "width": 16, "act": "tanh"}),
    "Hydra's groups": Layout(
        layouts.HYDRA,
        _of_hydra,
        {"epochs": 10, "hidden": 32, "dropout": 0.1, "lr": 1e-4, "beta1": 0.9, "beta2": 0.95},
    ),
    "nanoGPT": Layout(
        layouts.NANOGPT,
        _of_nanogpt,
        {
            **{"batch_size": 64, "n_layer": 6, "n_head": 6, "n_embd": 384, "dropout": 0.2},
            **{"learning_rate": 1e-3, "beta2": 0.99, "weight_decay": 0.1},
        },
        layouts.NANOGPT_COMMAND,
    ),
}


@dataclass
class Checkout:
    """Files as a proposer may edit them."""

    files: dict[str, bytes]

    def list(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def read(self, path: str) -> bytes:
        return self.files[path]

    def writable(self, path: str) -> bool:
        return True

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = data


@dataclass
class Project:
    """A layout laid out in a folder, and what was measured of it; a failure has no loss."""

    layout: Layout
    folder: Path
    seed: int
    seen: list[tuple[dict[str, bytes], float | None]] = field(default_factory=list)

    def start(self) -> dict[str, bytes]:
        return {path: text.encode() for path, text in self.layout.files.items()}

    def measure(self, files: dict[str, bytes]) -> float | None:
        """The loss that the program prints."""
        for path, data in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(data)
        said = io.StringIO()
        loss: float | None = None
        with as_program(self.folder, self.layout.command), contextlib.redirect_stdout(said):
            try:
                runpy.run_path("train.py", run_name="__main__")
                loss = float(said.getvalue().split()[-1])
            except Exception:  # a candidate may fail in any way
                loss = None
        self.seen.append((files, loss))
        return loss

    def best(self) -> list[float]:
        """The best loss after the baseline and after each trial."""
        found, curve = float("inf"), []
        for _, loss in self.seen:
            found = min(found, float("inf") if loss is None else loss)
            curve.append(found)
        return curve


@contextlib.contextmanager
def as_program(folder: Path, command: str) -> Iterator[None]:
    """This process as `command` finds it that is started in a folder."""
    before, known, argv, path = Path.cwd(), set(sys.modules), sys.argv, list(sys.path)
    os.chdir(folder)
    sys.argv, sys.path[:0] = command.split()[1:], [str(folder)]
    try:
        yield
    finally:
        os.chdir(before)
        sys.argv, sys.path[:] = argv, path
        for name in ("settings", "compose", "model"):
            if name not in known:
                sys.modules.pop(name, None)


def tuner(project: Project, trials: int) -> None:
    """The shipped tuner, which goes on from the best."""
    proposer = Tuner(None, project.layout.command)
    for number in range(1, trials + 1):
        past = [
            Past(node, "ok" if loss is not None else "crash", loss, files.get)
            for node, (files, loss) in enumerate(project.seen)
        ]
        best = min((one for one in past if one.score is not None), key=lambda one: one.score or 0)
        desk: Any = Checkout(dict(project.seen[best.node][0]))
        brief = Brief(
            number, (best.node,), Operator.IMPROVE, "", "loss", "minimize",
            1000 * project.seed + number, number - 1, past[0], past,
        )  # fmt: skip
        proposer.propose(desk, brief)
        project.measure(desk.files)


def by_hand(sampler: Callable[[Any, int], Any]) -> Callable[[Project, int], None]:
    """A sampler of Optuna's over the knobs of the person."""

    def search(project: Project, trials: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(sampler=sampler(optuna, project.seed))
        study.enqueue_trial(dict(project.layout.start))
        known = study.ask()
        project.layout.by_hand(known)
        study.tell(known, project.seen[0][1])  # the baseline, which all know
        for _ in range(trials):
            trial = study.ask()
            loss = project.measure(edited(project.start(), project.layout.by_hand(trial)))
            study.tell(trial, 1e3 if loss is None else loss)

    return search


def edited(files: dict[str, bytes], values: Mapping[str, Value]) -> dict[str, bytes]:
    """The files with literals changed, as the tuner names them."""
    for full, value in values.items():
        path, _, name = full.partition(":")
        language = language_of(path)
        assert language is not None
        files[path] = assign(files[path].decode(), {name: value}, language).encode()
    return files


METHODS: Mapping[str, Callable[[Project, int], None]] = {
    "tuner": tuner,
    "optuna TPE": by_hand(lambda o, seed: o.samplers.TPESampler(multivariate=True, seed=seed)),
    "random": by_hand(lambda o, seed: o.samplers.RandomSampler(seed=seed)),
}


def campaign(layout: Layout, method: str, seed: int, trials: int) -> list[float]:
    """The best loss after the baseline and each trial."""
    random.seed(seed)
    with tempfile.TemporaryDirectory(prefix="airesearch-bench-") as place:
        project = Project(layout, Path(place), seed)
        project.measure(project.start())
        METHODS[method](project, trials)
        return project.best()


def rows(seeds: range, trials: int) -> Iterator[dict[str, Any]]:
    """Each method in each layout: the mean best loss, and the share of the gain. The least is 0."""
    for name, layout in LAYOUTS.items():
        for method in METHODS:
            curves = [campaign(layout, method, seed, trials) for seed in seeds]
            ends, base = [curve[-1] for curve in curves], curves[0][0]
            half = 1.96 * statistics.stdev(ends) / len(ends) ** 0.5
            yield {
                "layout": name,
                "method": method,
                "seeds": len(ends),
                "trials": trials,
                "baseline": base,
                "loss": statistics.fmean(ends),
                "half": half,
                "gain": 1 - statistics.fmean(ends) / base,
                "curve": [statistics.fmean(one) for one in zip(*curves, strict=True)],
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="4 seeds")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    seeds, trials = range(1, 5 if options.quick else 25), 30
    start, found = time.perf_counter(), []
    print(f"{'layout':<18}{'method':<12}{'seeds':>6}{'baseline':>10}{'loss':>19}{'gained':>9}")
    for row in rows(seeds, trials):
        found.append(row)
        loss = f"{row['loss']:.4f} ± {row['half']:.4f}"
        print(f"{row['layout']:<18}{row['method']:<12}{row['seeds']:>6}{row['baseline']:>10.4f}"
              f"{loss:>19}{row['gain']:>9.1%}", flush=True)  # fmt: skip
    seconds = time.perf_counter() - start
    print(f"{trials} trials each, {seconds:.0f} s; of the gain that there is, all would be 100 %")
    if options.json:
        options.json.write_text(json.dumps({"rows": found, "seconds": seconds}, indent=1) + "\n")


if __name__ == "__main__":
    main()

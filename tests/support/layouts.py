"""Repositories as real projects lay them out, in a few lines each, and the space found in one."""

from collections.abc import Collection, Mapping

from airesearch.agents.proposers.tuner.space import Ground, Space, space_of
from airesearch.agents.proposers.tuner.version import Files, Versions

OVERRIDDEN = {
    "train.py": """\
import json
from dataclasses import dataclass


@dataclass
class Config:
    learning_rate: float = 0.1
    steps: int = 100
    momentum: float = 0.5


cfg = Config(**json.load(open("config.json")))
w, v = 0.0, 0.0
for _ in range(cfg.steps):
    v = cfg.momentum * v - cfg.learning_rate * (w - 1)
    w += v
print("loss", round((w - 1) ** 2, 9))
""",
    "config.json": '{"learning_rate": 0.02, "steps": 40}\n',
}
"""A dataclass whose defaults a JSON file overrides, all but one."""

DATACLASS = {
    "train.py": """\
import math
from dataclasses import dataclass, fields

from settings import load


@dataclass
class Config:
    lr: float = 0.5
    depth: int = 3
    dropout: float = 0.1


cfg = Config(**load("conf/base.yaml"))
loss = math.log10(cfg.lr / 3e-3) ** 2 + 0.1 * (cfg.dropout - 0.3) ** 2
print("loss", loss + 0.01 * abs(cfg.depth - 7))
""",
    "settings.py": """\
def load(path):
    pairs = [line.split("#")[0].split(":") for line in open(path) if ":" in line]
    return {key.strip(): float(value) for key, value in pairs}
""",
    "conf/base.yaml": """\
# what is trained
lr: 1.0e-1  # how far a step goes
depth: 4
dropout: 0.2
""",
}
"""Defaults in a dataclass, values in conf/base.yaml."""

ARGPARSE = {
    "train.py": """\
import argparse
import math

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.5)
parser.add_argument("--width", type=int, default=16)
parser.add_argument("--act", default="tanh", choices=["tanh", "relu", "gelu"])
parser.add_argument("--eval-iters", type=int, default=10)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()
loss = math.log10(args.lr / 0.02) ** 2 + 0.1 * math.log2(args.width / 64) ** 2
print("loss", loss + {"tanh": 0.2, "relu": 0.0, "gelu": 0.05}[args.act])
""",
}
"""Options of a command line."""

HYDRA = {
    "train.py": """\
import math

from compose import compose

# @hydra.main(config_path="conf", config_name="config")
cfg = compose("conf", "config")
opt, model = cfg["optimizer"], cfg["model"]
loss = math.log10(opt["lr"] / 2e-3) ** 2 + (opt["betas"][1] - 0.98) ** 2 * 100
loss += 0.1 * math.log2(model["hidden"] / 100) ** 2 + (model["dropout"] - 0.25) ** 2
print("loss", loss + 0.001 * abs(cfg["epochs"] - 20))
""",
    "compose.py": """\
import yaml


def compose(folder, name):
    read = lambda path: yaml.safe_load(open(f"{folder}/{path}.yaml"))
    cfg = read(name)
    for choice in cfg.pop("defaults"):
        for group, option in choice.items() if isinstance(choice, dict) else ():
            cfg[group] = read(f"{group}/{option}")
    return cfg
""",
    "conf/config.yaml": """\
defaults:
  - model: small
  - optimizer: adam
  - _self_

epochs: 10
seed: 1
""",
    "conf/model/small.yaml": "hidden: 32\ndropout: 0.1\n",
    "conf/model/large.yaml": "hidden: 512\ndropout: 0.3\n",
    "conf/optimizer/adam.yaml": "# range: 1e-5 to 1e-1 log\nlr: 1.0e-4\nbetas: [0.9, 0.95]\n",
    "conf/optimizer/sgd.yaml": "lr: 0.1\nmomentum: 0.9\n",
}
"""Groups of settings, of which a list of defaults chooses."""

NANOGPT = {
    "train.py": """\
import math
import sys

from model import GPT, GPTConfig

out_dir = "out"
eval_interval = 2000
eval_iters = 200
log_interval = 1
always_save_checkpoint = True
batch_size = 12
n_layer = 12
n_head = 12
n_embd = 768
dropout = 0.0
learning_rate = 6e-4
weight_decay = 1e-1
beta2 = 0.95
device = "cuda"
compile = True
seed = 1337
exec(open("configurator.py").read())
model = GPT(GPTConfig(n_layer=n_layer, n_head=n_head, n_embd=n_embd, dropout=dropout))
loss = math.log10(learning_rate / 6e-3) ** 2 + 0.05 * math.log2(model.size / 200) ** 2
loss += 0.1 * abs(n_layer - 4) + (dropout - 0.1) ** 2 + (1 - beta2 - 0.03) ** 2 * 10
print("loss", loss + 0.01 * math.log10(weight_decay / 0.1) ** 2 + 0.02 * abs(n_head - 8))
""",
    "model.py": """\
from dataclasses import dataclass


@dataclass
class GPTConfig:
    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    dropout: float = 0.0


class GPT:
    def __init__(self, config):
        assert config.n_embd % config.n_head == 0
        self.size = config.n_embd
""",
    "configurator.py": """\
for arg in sys.argv[1:]:
    if "=" not in arg:
        exec(open(arg).read())
    else:
        key, val = arg.lstrip("-").split("=")
        globals()[key] = eval(val) if val[:1].isupper() or val[:1].isdigit() else val
""",
    "config/train_char.py": """\
out_dir = "out-char"
eval_interval = 250  # keep frequent because we'll overfit
eval_iters = 200
log_interval = 10  # don't print too too often
always_save_checkpoint = False
batch_size = 64
n_layer = 6
n_head = 6
n_embd = 384
dropout = 0.2
learning_rate = 1e-3  # with baby networks can afford to go a bit higher
beta2 = 0.99
""",
    "config/finetune.py": "learning_rate = 3e-5\nn_layer = 2\n",
}
"""Globals that a file of settings overrides by `exec`, and words of the command after that."""
NANOGPT_COMMAND = "python train.py config/train_char.py --device=cpu --compile=False"


def space(
    files: Mapping[str, str],
    command: str = "python train.py",
    *,
    sealed: Collection[str] = (),
    base: Mapping[str, str] | None = None,
    first: Mapping[str, str] | None = None,
    rules: Mapping[str, str] | None = None,
) -> Space:
    """The search space of files; those that are `sealed` may be read only."""

    def content(of: Mapping[str, str]) -> Files:
        return lambda path: of[path].encode() if path in of else None

    base = files if base is None else base
    ground = Ground(content(files), content(base), content(base if first is None else first))
    writable = set(files) - set(sealed)
    return space_of(Versions(), sorted(files), writable.__contains__, ground, rules or {}, command)


def knobs_of(found: Space) -> list[str]:
    """The names of the knobs."""
    return [knob.name for knob in found.knobs]


def alone_in(found: Space) -> dict[str, str]:
    """Why each other literal is left alone."""
    return {one.name: one.why_alone for one in found.entries if one.domain is None}

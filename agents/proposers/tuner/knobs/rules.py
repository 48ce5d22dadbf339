"""What a knob may be: what its comment says, else what its name and its value suggest."""

import ast
import math
import re

from .domains import Choices, Domain, Range, Value, significant
from .python.constants import value_of

FIXED = re.compile(r"#\s*fixed\s*($|[:;,.(-])")
RANGE = re.compile(r"#\s*range:(.*)")
CHOICES = re.compile(r"#\s*choices:")
RULING = re.compile(r"#\s*(range:\s*[-+.\d\[(]|choices:\s*\S|fixed\s*($|[:;,.(-]))")
"""A comment that rules even from the line above: prose seldom looks so."""
_TINY = 1e-100

SEED = "a random seed, which only the runner sets"
_SEED = re.compile(r"(?i)(.*_)?(seeds?|random_?state|rng)\d?$")
_ALONE = {
    "it is a part of the measurement, and another value another metric": (
        r"(test|val|valid|validation|train|eval|dev|holdout)_"
        r"(size|split|frac(tion)?|ratio|percent(age)?)|(eval|val|valid|validation|test|holdout)_.*"
        r"|(.*_)?(n_|num_|k_?)?(splits?|folds?)|cv|n_repeats|scoring|metrics?|(.*_)?eval"
    ),
    "it is about what is printed, logged or stored": (
        r"verbos.*|debug|quiet|silent|indent|ndigits|decimals|precision|(.*_)?(every|interval|freq)"
        r"|(.*_)?frequency|(print|logging|save|report|plot|display|summary|wandb|tensorboard)_.*"
        r"|log|log_(level|steps?|iters?|dir|freq.*|metrics|images)"
        r"|(.*_)?(checkpoint|checkpoints|ckpt|resume)(_.*)?|(.*_)?(wandb|mlflow|tensorboard)"
        r"|always_save_.*|dpi|line_?width|marker_?size|font_?size|fig_?size|(.*_)?version"
    ),
    "it is about how the machine runs it": (
        r"n_?jobs|(num|n|max)_(workers|threads|processes|gpus|cpus|nodes)|workers|threads|gpus?"
        r"|(.*_)?(device|devices|dtype|host|port|timeout|backend)|(use_)?(compile|cuda|gpu|mps|amp)"
        r"|pin_memory|persistent_workers|prefetch(_factor)?|fp16|bf16|tf32|ddp(_.*)?|local_rank"
        r"|world_size|mixed_precision|use_tpu"
    ),
    "it names a place": r"(.*_)?(path|paths|dir|dirs|folder|file|files|filename|url|uri)",
    "it is the data's or an array's": (
        r"axis|dims?|shape|size|ndim|ndmin|ddof|keepdims|skip_?rows|sample_rate"
        r"|(num|n|max)_classes|vocab(_size)?|(in|input|out|output)_(features?|channels?|dims?|size)"
        r"|image_size|img_size|(num|n)_(labels|features)"
    ),
    "it is Python's own": r"__.*__|frozen|slots|kw_only|strict",
}
_DULL = {why: re.compile(f"(?i)(?:{names})") for why, names in _ALONE.items()}
_FRACTION = re.compile(
    r"(?i).*(dropout|momentum|ratio|fraction|subsample|colsample|smoothing|quantile|threshold).*"
    r"|p|nu|prob(ability)?|(.*_)?(frac|betas?_?\d?)|max_(features|samples)"
)
_RATE = re.compile(r"(?i)c|l1|l2|eta|tol|reg|(.*_)?(lr|rate|decay|alpha|gamma|lam|lambda_?|sigma)")
_COMMON = re.compile(
    r"(?i)(.*_)?(lr|learning_rate|weight_decay|momentum|dropout|batch_size|bs|epochs|n_epochs"
    r"|num_epochs|n_estimators|max_depth|hidden(_(size|dim|units))?|n_layers?|num_layers|n_heads?"
    r"|gamma|l1|l2|warmup(_(steps|iters))?|temperature|num_steps|n_steps|max_iters?)"
)


def is_seed(name: str) -> bool:
    """Whether a knob's name says that it is a random seed, which only the runner sets."""
    return bool(_SEED.fullmatch(word_of(name)))


def is_common(name: str) -> bool:
    """Whether everybody calls a hyperparameter so: then it is one in a function as well."""
    return bool(_COMMON.fullmatch(word_of(name)))


def why_alone(name: str) -> str:
    """Why a name is plainly no knob's; nothing where it may well be one."""
    word = word_of(name)
    return next((why for why, names in _DULL.items() if names.fullmatch(word)), "")


def default_domain(name: str, value: Value) -> Domain | None:
    """The domain a name and a value suggest; None where there is none worth a trial.

    A boolean flips. A float named as a fraction (`dropout`, `momentum`, `ratio` …) stays in
    [0, 1], near one on a log scale of what is missing. A float named as a rate, or of 0.1 at most,
    may grow and shrink a hundredfold, any other tenfold. An integer goes from an eighth to eight
    times its value and stays positive, except that 0 and 1 under the name of a fraction, and every
    integer under that of a rate, count as floats (`C=1`). A negative float spans 4 times to a
    quarter of itself. Zero and negative integers have no range: they are flags more often than
    sizes. Strings and None need a comment, as does a name that is plainly no knob (`verbose`,
    `axis`, `n_jobs`, a path, a version).
    """
    word = word_of(name)
    if value is None or isinstance(value, str) or why_alone(name):
        return None
    if isinstance(value, bool):
        return Choices((value, not value))
    if value and not 1e-30 <= abs(value) <= 1e30:  # a sentinel or a limit of the format
        return None
    if word.lower().endswith("decay"):  # 0.99 decays an average, 1e-4 weights
        is_fraction = 0.5 <= value <= 1
    else:
        is_fraction = 0 <= value <= 1 and bool(_FRACTION.fullmatch(word))
    if is_fraction:
        return _fraction(value)
    is_rate = bool(_RATE.fullmatch(word))
    if isinstance(value, int) and not is_rate:
        return Range(max(1, value // 8), value * 8, "log", integer=True) if value > 0 else None
    if value <= 0:
        return Range(4 * value, value / 4) if value < 0 else None
    span = 100 if is_rate or value <= 0.1 else 10
    return Range(significant(value / span, 3), significant(value * span, 3), "log")


def marked_domain(comment: str, name: str, value: Value, line: int | None) -> Domain:
    """What a `# range:` or `# choices:` comment allows; raises ValueError if it is malformed.

    `line` is where it stands in the source; None where it stands elsewhere.
    """
    at = name if line is None else f"line {line}"
    if found := RANGE.match(comment):
        return _range(found[1].strip(), name, value, at)
    text = comment.partition("choices:")[2]
    words = [word.strip() for word in text.split(",")]
    named = [_read(word) for word in words if word]
    numbers = [one for one in named if type(one) in (int, float)]
    if not all(isinstance(one, int | float) and abs(one) <= 1 / _TINY for one in numbers):
        raise ValueError(f'{at}: "choices:{text}" holds a number beyond what a source can')
    kept = list({(type(one), one): one for one in [*named, value]}.values())
    if len(kept) < 2 or "" in words:
        say = f'{at}: "choices:{text}" needs two values: write "# choices: relu, tanh"'
        raise ValueError(say)
    return Choices(tuple(kept))


def word_of(name: str) -> str:
    """What a knob is called where it stands: `lr` of `conf/a.yaml:optimizer.lr[0]#2`."""
    last = re.split(r"[.:]", name.partition("#")[0])[-1]
    return last.partition("[")[0].lstrip("-").replace("-", "_")


def _fraction(value: float) -> Range | None:
    if value == 1:
        return Range(0.05, 1)
    if value < 0.9:
        return Range(0, 0.95)
    rest = significant(1 - value, 6)
    if rest < 1e-6:
        return None
    return Range(max(0, 1 - 20 * rest), 1 - max(1e-6, rest / 20), "near one")


def _range(text: str, name: str, value: Value, at: str) -> Range:
    if isinstance(value, bool) or not isinstance(value, int | float):
        say = f'{at}: a range needs a number, and {name} is {value!r}: write "# choices: …"'
        raise ValueError(say)
    found = re.fullmatch(
        r"\[?\s*(\S+?)\s*(?:\.\.|\s-\s|\sto\s|,)\s*([^\s\],]+)\s*\]?(?:,?\s+\(?(log|linear)\b.*)?",
        text,
    )
    ends = map(_read, found.groups()[:2]) if found else ()
    numbers = [end for end in ends if isinstance(end, int | float) and abs(end) <= 1 / _TINY]
    numbers = [end for end in numbers if not isinstance(end, bool)]
    is_log = bool(found and found[3] == "log")
    least = _TINY if is_log else -math.inf
    if found is None or len(numbers) < 2 or not least <= numbers[0] < numbers[1]:
        raise ValueError(
            f'{at}: "range: {text}" is no range for {name}: write "# range: LOW..HIGH" or '
            '"# range: LOW..HIGH log", LOW below HIGH and, for log, above zero'
        )
    whole = all(isinstance(one, int) for one in (value, *numbers))
    return Range(numbers[0], numbers[1], "log" if is_log else "linear", integer=whole)


def _read(word: str) -> Value:
    """The literal or the power that a word is, else the word."""
    try:
        if "**" in word:
            return value_of(ast.parse(word, mode="eval").body)
        value = ast.literal_eval(word)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return word  # each is how ast says that it is none
    return value if value is None or isinstance(value, bool | int | float | str) else word

"""The environment of a trial: what it runs in, what it may see of ours, and a record of both."""

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ...gitlab import isolated

_KEPT = frozenset(
    ("PATH", "LANG", "LANGUAGE", "TZ", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH")
)
_KEPT_PREFIXES = ("LC_", "OMP_", "OPENBLAS_", "MKL_", "CUDA_", "NVIDIA_", "ROCR_", "HIP_", "XLA_")
_PROBE_SECONDS = 60
# Each package's own name and version, without its whole description parsed as a letter.
_PROBE = """
import importlib.metadata as m, json, sys
def facts(of):
    text = of.read_text("METADATA") or of.read_text("PKG-INFO") or ""
    lines = text.partition("\\n\\n")[0].splitlines()
    return dict(line.split(": ", 1) for line in lines if line.startswith(("Name: ", "Version: ")))
names = {f["Name"]: f.get("Version") for f in map(facts, m.distributions()) if "Name" in f}
print(json.dumps({"python": sys.version, "executable": sys.executable, "packages": names}))
"""


def trial_environment(
    ours: Mapping[str, str], home: Path, seed: int, temp: Path | None = None
) -> dict[str, str]:
    """The variables a trial sees: ours that are known to be harmless, and the runner's own.

    Everything else stays out, so that no key or token of the user reaches code under research.
    """
    kept = {k: v for k, v in ours.items() if k in _KEPT or k.startswith(_KEPT_PREFIXES)}
    return {
        **kept,
        "PATH": search_path(ours),
        "HOME": str(home),
        "TMPDIR": str(temp or home),
        "AIRESEARCH_SEED": str(seed),
        "PYTHONHASHSEED": str(seed),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        # A trial that calls git must not find the lab around its folder.
        "GIT_CEILING_DIRECTORIES": str(home.parent),
    }


def search_path(ours: Mapping[str, str]) -> str:
    """Where commands are looked up: an activated environment first, else next to our own python."""
    path = ours.get("PATH", os.defpath)
    if "VIRTUAL_ENV" in ours or "CONDA_PREFIX" in ours:
        return path
    return f"{Path(sys.executable).parent}{os.pathsep}{path}"


def find_command(command: str, ours: Mapping[str, str]) -> str | None:
    """The program of this machine that a command line starts, or None where it is not installed.

    One that is named from a folder, as `./train`, is the lab's own: a candidate's file.
    """
    words = shlex.split(command)
    if not words or is_in_lab(words[0]):
        return None
    return shutil.which(words[0], path=search_path(ours))


def is_in_lab(program: str) -> bool:
    """Whether a command names its program by a path in the lab."""
    return "/" in program and not program.startswith("/")


@cache
def describe(program: str | None) -> bytes:
    """The machine and, where `program` is a Python, its version and packages, as JSON."""
    python: dict[str, object] = {}
    if program and "python" in Path(program).name:
        answer = answer_of(isolated.python("-c", _PROBE, program=program))
        python = json.loads(answer) if answer else {}
    facts = {
        "program": program,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpu": gpus(),
        **python,
    }
    return json.dumps(facts, indent=1, sort_keys=True).encode() + b"\n"


def gpus() -> list[str]:
    """The name, memory and driver of each GPU that nvidia-smi shows."""
    smi = shutil.which("nvidia-smi")
    query = "--query-gpu=name,memory.total,driver_version"
    return answer_of([smi, query, "--format=csv,noheader"]).splitlines() if smi else []


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def answer_of(argv: list[str]) -> str:
    """What a program prints; '' where it fails, hangs or is not there."""
    try:
        done = subprocess.run(
            argv,
            cwd=isolated.NOWHERE,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""

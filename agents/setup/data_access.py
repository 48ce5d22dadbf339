"""What of this machine a task gives its trials, checked: folders of data, and devices."""

from pathlib import Path

from ...gitlab.errors import AiresearchError
from ...gitlab.lab.lab import Lab
from ...policies.task.task import FILE, Task

_OF_A_TRIAL = tuple(map(Path, ("/proc", "/dev", "/sys", "/candidate", "/evaluator")))


def require_data_access(lab: Lab, task: Task) -> None:
    """Raises AiresearchError where `data` or `devices` name what is not there, or too much."""
    for folder in task.data:
        if why := _why_not(lab, Path(folder)):
            raise AiresearchError(
                f"{FILE}: data: {folder} {why}", "name a folder of this machine that holds data"
            )
    for device in task.devices:
        if not Path(device).is_char_device():
            raise AiresearchError(
                f"{FILE}: devices: there is no device {device} on this machine",
                "see what there is: ls /dev",
            )


def _why_not(lab: Lab, folder: Path) -> str:
    """What is wrong with a folder of data; a link is judged by what it leads to."""
    real = folder.resolve()
    work = [Path(lab.repo.workdir).resolve()] if lab.repo.workdir else []
    hidden = [lab.home.parent.resolve(), *(folder / "private" for folder in work)]
    if not real.is_dir():
        return "is no folder on this machine"
    if any(secret.is_relative_to(real) or real.is_relative_to(secret) for secret in hidden):
        return "would show trials the lab's history or its private data"
    if any(place.is_relative_to(folder) or folder.is_relative_to(place) for place in _OF_A_TRIAL):
        return "stands where a trial's own files do"
    return ""

"""What of this machine a task gives its trials, checked: folders of data, and devices."""

from pathlib import Path

from ...gitlab.errors import AiresearchError
from ...gitlab.lab.checkout import files_of
from ...gitlab.lab.lab import Lab
from ...gitlab.lab.object_stores import objects_of
from ...policies.task.task import FILE, Task

_OF_A_TRIAL = tuple(map(Path, ("/proc", "/dev", "/sys", "/candidate", "/evaluator")))


def require_data_access(lab: Lab, task: Task) -> None:
    """Raises AiresearchError where `data` or `devices` name what is not there, or too much."""
    private = (folder / "private" for folder in files_of(lab.repo))
    hidden = [path.resolve() for path in (*objects_of(lab.repo), *private)]
    for name in task.data:
        folder = Path(name)
        real = folder.resolve()  # a link is judged by what it leads to
        if not real.is_dir():
            why = "is no folder on this machine"
        elif any(secret.is_relative_to(real) or real.is_relative_to(secret) for secret in hidden):
            why = "would show trials the lab's history or its private data"
        elif any(own.is_relative_to(folder) or folder.is_relative_to(own) for own in _OF_A_TRIAL):
            why = "stands where a trial's own files do"
        else:
            continue
        raise AiresearchError(
            f"{FILE}: data: {name} {why}", "name a folder of this machine that holds data"
        )
    for device in task.devices:
        if not Path(device).is_char_device():
            raise AiresearchError(
                f"{FILE}: devices: there is no device {device} on this machine",
                "see what there is: ls /dev",
            )

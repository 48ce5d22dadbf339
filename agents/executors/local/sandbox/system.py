"""The parts of the system that every trial may read: programs and libraries, nobody's files."""

from pathlib import Path

SYSTEM = tuple(
    map(
        Path,
        (
            "/usr",
            "/bin",
            "/sbin",
            "/lib",
            "/lib32",
            "/lib64",
            "/libx32",
            "/nix/store",
            "/gnu/store",
        ),
    )
)
"""Folders of programs and libraries; some do not exist, some are links into /usr."""

ETC = tuple(
    Path("/etc", name)
    for name in (
        "alternatives",
        "group",
        "ld.so.cache",
        "localtime",
        "nsswitch.conf",
        "OpenCL",
        "passwd",
    )
)
"""What libraries look up in /etc, and no more: each costs a mount. No shadow, no keys."""

HARDWARE = tuple(Path("/sys/devices/system", name) for name in ("cpu", "node"))
"""What numerical libraries read to choose how many threads to start."""

ALL_HARDWARE = Path("/sys")
"""What the drivers' libraries read to find their devices."""


def is_below(path: Path, folders: tuple[Path, ...]) -> bool:
    """Whether `path` is one of `folders` or lies in one."""
    return any(path.is_relative_to(folder) for folder in folders)

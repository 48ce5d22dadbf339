"""The sandbox of a trial: what its processes can see and touch, by the strongest means here."""

from .choice import Kind, Start, choose, confined, has_own_files
from .hidden import places
from .spec import SandboxSpec
from .tools import Tools, tools_for
from .weakness import weaknesses

__all__ = [
    "Kind",
    "SandboxSpec",
    "Start",
    "Tools",
    "choose",
    "confined",
    "has_own_files",
    "places",
    "tools_for",
    "weaknesses",
]

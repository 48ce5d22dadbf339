"""The sandbox of a trial: what its processes can see and touch, by the strongest means here."""

from .choice import Kind, choose, wrap
from .spec import SandboxSpec
from .tools import Tools, tools_for

__all__ = ["Kind", "SandboxSpec", "Tools", "choose", "tools_for", "wrap"]

"""The sandbox of a trial: what its processes can see and touch, by the strongest means here."""

from .choice import Kind, choose, wrap
from .spec import Room
from .tools import Tools, tools_for

__all__ = ["Kind", "Room", "Tools", "choose", "tools_for", "wrap"]

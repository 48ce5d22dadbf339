"""Every allocation of trials by its name."""

from collections.abc import Mapping

from .staged import staged
from .standing import Allocation

ALLOCATIONS: Mapping[str, Allocation] = {"staged": staged}

"""What a sandbox does not keep a trial from on this machine, in words for the doctor."""

import platform
from collections.abc import Iterator

from ..process.meters.kernel_memory import counts_sockets
from . import landlock, seccomp
from .choice import Kind


def weaknesses(kind: Kind) -> Iterator[str]:
    """What a trial held by `kind` can do, or cannot though it should; docs/policy.md says more."""
    if kind == "none":
        yield "trials run as you"
        return
    if not seccomp.is_known():
        yield f"system calls are not filtered on {platform.machine()}: keyrings are open"
    if not counts_sockets():
        yield "memory that sockets hold is not counted"
    if kind == "bwrap" or landlock.has_room():
        return
    yield "there are no user namespaces, so the names of all files and processes are seen"
    if landlock.abi() < 6:
        yield "your processes can be signalled"
    if seccomp.is_known():
        yield "files keep their modes and times, and multiprocessing has no locks"
    else:
        yield "your daemons' sockets are open, and modes and times of your files"

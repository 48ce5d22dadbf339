"""The system calls that a trial is refused: what namespaces and Landlock leave open, and no more.

The table comes first, with the reason for each line; below it is what makes a filter of it for the
kernel (classic BPF). A filter sees a call's number and its arguments, never what a pointer leads
to, so a path cannot be told from another.
"""

import errno
import platform
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_DGRAM, KIND_OF_SOCKET = 2, 0xF
CHANGE_FLAGS = (0x40086602, 0x40087602, 0x401C5820)
"""ioctl(2): FS_IOC_SETFLAGS, FS_IOC_SETVERSION, FS_IOC_FSSETXATTR."""


@dataclass(frozen=True)
class Refusal:
    """Calls that end with an error before the kernel begins them."""

    calls: str
    error: int
    """What errno says; 0 has the call do nothing and report success."""
    why: str
    argument: int = -1
    """The argument that decides, counted from 0; -1 where none does."""
    allowed: tuple[int, ...] = ()
    """Its values that are let through, where an argument decides; with none, see `refused`."""
    refused: tuple[int, ...] = ()
    """Its values that are not, where only some are not."""
    bits: int = 0xFFFFFFFF
    """The bits of the argument that are looked at."""


NONE, QUIET, OLD = errno.EPERM, 0, errno.ENOSYS
ALWAYS = (
    Refusal("add_key request_key keyctl", NONE, "keyrings are the session's, in no namespace"),
    Refusal("socket", errno.EAFNOSUPPORT, "vsock leads to the host of a virtual machine, and more "
            "families are in no namespace", 0, (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK)),
    Refusal("io_uring_setup", OLD, "it makes calls that no filter sees"),
    Refusal("syslog", NONE, "the kernel's log is everybody's, and a crash writes in it"),
    Refusal("shmget shmat shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl", OLD,
            "what they hold is counted as no process's memory, and stays where it is shared"),
    Refusal("memfd_secret bpf", OLD, "what they hold is counted as no process's memory"),
)  # fmt: skip
"""In every sandbox."""
SHARED_PIDS = (
    Refusal("prlimit64", NONE, "it sets the limits of the user's other processes", 0, (0,)),
    Refusal("setpriority ioprio_set", NONE, "it slows all of the user's processes", 0, (0, 1)),
    Refusal("setpriority ioprio_set", NONE, "it slows other processes", 1, (0,)),
    Refusal("sched_setscheduler sched_setparam sched_setattr", NONE, "they slow others", 0, (0,)),
    # A thread library names threads by number when it places them, and gives up if it is refused.
    Refusal("sched_setaffinity", QUIET, "it moves other processes to one core", 0, (0,)),
)
"""Where it sees the numbers of the user's other processes."""
SHARED_FILES = (
    Refusal("socket", errno.EACCES, "it reaches the user's daemons by their path, and by UDP",
            0, (AF_NETLINK,)),
    Refusal("socketpair", errno.EACCES, "an unconnected one sends to any path", 1,
            refused=(SOCK_DGRAM,), bits=KIND_OF_SOCKET),
    # As a file system that keeps no modes does (vfat's `quiet`): copying and unpacking would fail.
    Refusal("chmod fchmod fchmodat fchmodat2", QUIET, "the modes of the user's files"),
    Refusal("utime utimes futimesat utimensat", QUIET, "the times of the user's files"),
    Refusal("chown fchown lchown fchownat", NONE, "the owners of the user's files"),
    Refusal("setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr "
            "removexattrat getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr "
            "flistxattr listxattrat", errno.ENOTSUP, "the attributes of the user's files"),
    Refusal("ioctl", errno.ENOTTY, "the flags of the user's files", 1, refused=CHANGE_FLAGS),
    Refusal("file_setattr mq_open mq_unlink", OLD, "the user's files' flags, and their queues"),
)  # fmt: skip
"""Where it sees the user's files, which Landlock keeps it from opening and from nothing else."""
TRUNCATE = (Refusal("truncate", NONE, "it cuts the user's files, and Landlock 1 and 2 let it"),)


def on_the_host(abi: int) -> tuple[Refusal, ...]:
    """What is refused where the host's files and processes show, and Landlock `abi` keeps them."""
    return ALWAYS + SHARED_PIDS + SHARED_FILES + (TRUNCATE if abi < 3 else ())


CALLS = {
    **{"add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219)},
    **{"socket": (41, 198), "socketpair": (53, 199), "io_uring_setup": (425, 425)},
    **{"syslog": (103, 116), "memfd_secret": (447, 447), "bpf": (321, 280)},
    **{"shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195)},
    **{"semget": (64, 190), "semop": (65, 193), "semtimedop": (220, 192), "semctl": (66, 191)},
    **{"msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187)},
    **{"mq_open": (240, 180), "mq_unlink": (241, 181)},
    **{"prlimit64": (302, 261), "setpriority": (141, 140), "ioprio_set": (251, 30)},
    **{"sched_setscheduler": (144, 119), "sched_setparam": (142, 118)},
    **{"sched_setattr": (314, 274), "sched_setaffinity": (203, 122)},
    **{"chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452)},
    **{"utime": (132, -1), "utimes": (235, -1), "futimesat": (261, -1), "utimensat": (280, 88)},
    **{"chown": (92, -1), "fchown": (93, 55), "lchown": (94, -1), "fchownat": (260, 54)},
    **{"setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7)},
    **{"getxattr": (191, 8), "lgetxattr": (192, 9), "fgetxattr": (193, 10)},
    **{"listxattr": (194, 11), "llistxattr": (195, 12), "flistxattr": (196, 13)},
    **{"removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16)},
    **{"setxattrat": (463, 463), "getxattrat": (464, 464), "listxattrat": (465, 465)},
    **{"removexattrat": (466, 466), "file_setattr": (469, 469)},
    **{"ioctl": (16, 29), "truncate": (76, 45)},
}
"""The number of each call on x86_64 and on aarch64, as asm/unistd.h has it; -1 for none."""
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""The name that the kernel has for a machine's calls (AUDIT_ARCH), and where its numbers stand."""
_X32 = 0x40000000
"""Set in the numbers of a second set of calls that x86_64 has."""

# struct seccomp_data: the number, the machine, an address, six arguments of which the low words.
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
_LOAD, _AND, _JUMP, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x05, 0x15, 0x35, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000


def is_known(machine: str = platform.machine()) -> bool:
    """Whether there are filters for this machine."""
    return machine in _MACHINES and sys.byteorder == "little"


def number(call: str, machine: str = platform.machine()) -> int:
    """The number of a call in the table; -1 where this machine has none."""
    return CALLS[call][_MACHINES[machine][1]]


def program(refusals: tuple[Refusal, ...], machine: str = platform.machine()) -> bytes:
    """The filter as the kernel takes it (an array of struct sock_filter): 8 bytes a line.

    Calls that are made for another machine, as 32-bit programs make them, end the process.
    """
    audit, _ = _MACHINES[machine]
    lines = [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _KILL)]
    lines += [(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for refusal in refusals:
        for call in refusal.calls.split():
            if (known := number(call, machine)) >= 0:
                test = list(_test(refusal))
                lines += [(_EQUAL, 0, len(test), known), *test]
    lines.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _test(refusal: Refusal) -> Iterator[tuple[int, int, int, int]]:
    """The lines for a call that is the refusal's: they end it, or have the next ones decide."""
    end = (_RETURN, 0, 0, _ERROR | refusal.error)
    if refusal.argument < 0:
        yield end
        return
    yield (_LOAD, 0, 0, _ARGUMENTS + 8 * refusal.argument)
    yield (_AND, 0, 0, refusal.bits)
    values = refusal.allowed or refusal.refused
    for after in range(len(values) - 1, -1, -1):
        yield (_EQUAL, after + 1, 0, values[-1 - after])  # past the other values and one line more
    if refusal.refused:
        yield (_JUMP, 0, 0, 1)
    yield end
    yield (_LOAD, 0, 0, _NUMBER)

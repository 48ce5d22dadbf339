"""Give up all access but what is listed, then become another program. Runs as a script of its own.

It imports the standard library alone, and little of that: it is started for each trial. The
numbers are those of linux/landlock.h and hold on x86_64 and aarch64, as on every other machine.
"""

import ctypes
import os
import struct
import sys

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION = 1  # landlock_create_ruleset's flag that asks for the ABI
PATH_BENEATH = 1
NO_NEW_PRIVS = 38  # prctl(2)
CAPABILITIES = 0x20080522  # capset(2), version 3: three words, twice
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
MAKE_SOCK, MAKE_FIFO, MAKE_SYM = 1 << 9, 1 << 10, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

READ = EXECUTE | READ_FILE | READ_DIR
USE = READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV
# No device can be made, and no way out of the folder by a rename or link.
WRITE = (READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG) | (
    MAKE_SOCK | MAKE_FIFO | MAKE_SYM | REFER | TRUNCATE
)
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV


def abi() -> int:
    """The version of Landlock that this kernel speaks; 0 where it has none or it is off."""
    libc = _libc()
    claimed = int(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION))
    # Some of Red Hat's kernels claim an ABI of which they lack a part.
    return next((n for n in range(claimed, 0, -1) if _create(libc, n, close=True) >= 0), 0)


def _create(libc: ctypes.CDLL, version: int, close: bool = False) -> int:
    wanted = attributes(version)
    ruleset = int(libc.syscall(CREATE_RULESET, wanted, ctypes.c_size_t(len(wanted)), 0))
    if close and ruleset >= 0:
        os.close(ruleset)
    return ruleset


def handled(version: int) -> tuple[int, int, int]:
    """The access to files and to the network, and the scopes, that ABI `version` can deny."""
    bits = 13 if version < 2 else 14 if version < 3 else 15 if version < 5 else 16
    return (1 << bits) - 1, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0


def attributes(version: int) -> bytes:
    """A struct landlock_ruleset_attr of the size that ABI `version` knows."""
    files, network, scopes = handled(version)
    size = 8 if version < 4 else 16 if version < 6 else 24
    return struct.pack("=QQQ", files, network, scopes)[:size]


def confine(read: list[str], write: list[str], use: list[str]) -> None:
    """Give up, for good, what is not listed; paths that do not exist are passed over.

    Raises OSError where the kernel refuses.
    """
    libc, version = _libc(), abi()
    files, _, _ = handled(version)
    ruleset = _call(_create(libc, version))
    for paths, access in ((read, READ), (write, WRITE), (use, USE)):
        for path in paths:
            _allow(libc, ruleset, path, access & files)
    _call(libc.prctl(NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))))
    _call(libc.syscall(RESTRICT_SELF, ruleset, 0))
    # Root's powers go past Landlock: with some of them every process's environment can be read.
    _call(libc.capset(struct.pack("=Ii", CAPABILITIES, 0), bytes(24)))
    os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):  # noqa: PTH112, pathlib takes longer to load than all of this
        access &= ON_FILES
    rule = struct.pack("=Qi", access, handle)
    _call(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0))
    os.close(handle)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"landlock: {os.strerror(number)}")
    return answer


def main() -> None:
    """Confine this process to the rules in the first argument, then become the program after it."""
    import json

    confine(**json.loads(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()

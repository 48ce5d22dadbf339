"""Give up all access but what is listed, then become another program. Runs as a script of its own.

It imports the standard library alone, and little of that, no pathlib: each trial starts it. The
numbers are those of the kernel's headers and hold on x86_64 and aarch64, as on every other machine.
"""

import ctypes
import os
import struct
import sys

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION = 1  # landlock_create_ruleset's flag that asks for the ABI
PATH_BENEATH = 1
DEATH_SIGNAL, SECCOMP, NO_NEW_PRIVS = 1, 22, 38  # prctl(2)
FILTER = 2  # the kind of SECCOMP
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

NEW_MOUNTS, NEW_NAME, NEW_IPC, NEW_USER = 1 << 17, 1 << 26, 1 << 27, 1 << 28  # unshare(2)
NEW_PIDS, NEW_NETWORK = 1 << 29, 1 << 30
READ_ONLY, NO_SUID, NO_DEVICES = 1, 2, 4  # mount(2)
REMOUNT, BIND, RECURSIVE, PRIVATE = 1 << 5, 1 << 12, 1 << 14, 1 << 18
DETACH = 2  # umount2(2)
MOUNT_SETATTR, HERE, ALL_BELOW = 442, -100, 0x8000
FLAGS = {
    "read": NO_SUID | READ_ONLY | NO_DEVICES,
    "write": NO_SUID | NO_DEVICES,
    "use": NO_SUID | READ_ONLY,
}
BEGUN = b"begun"
OLD = "/old"
"""Where the host's files are while those of a room are taken from them."""


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
    if not os.path.isdir(path):
        access &= ON_FILES
    rule = struct.pack("=Qi", access, handle)
    _call(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0))
    os.close(handle)


def enter_room(layers: list[list[str]], links: list[list[str]], size: int) -> None:
    """Go on in namespaces of our own, in which nothing is mounted but `layers`, in their order.

    A layer is what stands at a path: of the host's to `read`, `write` or `use`, with where it lies
    there; or `proc`, or `memory`, an empty file system of at most `size` bytes, or `cover`, an
    empty one to read. The process that called waits outside, and ends as the one inside does.
    Raises OSError.
    """
    libc, uid, gid = _libc(), os.getuid(), os.getgid()
    new = NEW_MOUNTS | NEW_NAME | NEW_IPC | NEW_USER | NEW_PIDS | NEW_NETWORK
    _call(libc.unshare(new), "unshare")
    maps = {"setgroups": "deny", "uid_map": f"{uid} {uid} 1", "gid_map": f"{gid} {gid} 1"}
    for name, text in maps.items():
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    if inside := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(inside, 0)[1])
        os._exit(code if code >= 0 else 128 - code)
    _call(libc.prctl(DEATH_SIGNAL, *map(ctypes.c_ulong, (9, 0, 0, 0))), "prctl")
    _call(libc.sethostname(b"trial", ctypes.c_size_t(5)), "sethostname")
    _mount(libc, "/", None, RECURSIVE | PRIVATE)
    _mount(libc, "/tmp", "tmpfs", NO_SUID | NO_DEVICES, "mode=755,size=1m")
    os.mkdir(f"/tmp{OLD}")
    _call(libc.pivot_root(b"/tmp", f"/tmp{OLD}".encode()), "pivot_root")
    os.chdir("/")
    for what, path, source in layers:
        _lay(libc, what, path, OLD + source, size)
    for path, leads_to in links:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(leads_to, path)
    with open("/proc/sys/user/max_user_namespaces", "w") as file:
        file.write("0")  # in one more it would have all powers again
    _call(libc.umount2(OLD.encode(), DETACH), "umount2")
    os.rmdir(OLD)
    for path in ["/", *(path for what, path, _ in layers if what == "cover")]:
        _mount(libc, path, None, REMOUNT | BIND | READ_ONLY | NO_SUID | NO_DEVICES)


def _lay(libc: ctypes.CDLL, what: str, path: str, source: str, size: int) -> None:
    is_hosts = what in FLAGS
    if is_hosts and not os.path.exists(source):
        return
    if not is_hosts or os.path.isdir(source):
        os.makedirs(path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))
    if is_hosts:
        _mount(libc, path, source, BIND | RECURSIVE)
        flags = struct.pack("=QQQQ", FLAGS[what], 0, 0, 0)
        words = (HERE, os.fsencode(path), ALL_BELOW, flags, ctypes.c_size_t(len(flags)))
        _call(libc.syscall(MOUNT_SETATTR, *words), path)
    elif what == "proc":
        _mount(libc, path, "proc", NO_SUID | NO_DEVICES)
    else:
        limit = f"mode=1777,size={size}" if what == "memory" else "mode=755,size=1m"
        _mount(libc, path, "tmpfs", NO_SUID | NO_DEVICES, limit)


def _mount(libc: ctypes.CDLL, path: str, source: str | None, flags: int, options: str = "") -> None:
    """Mount, or change how it is; a `source` that is no path is a kind of file system."""
    words = [None if word is None else os.fsencode(word) for word in (source, path, source)]
    _call(libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None), f"mount {path}")


def filter_calls(lines: bytes) -> None:
    """Have the kernel refuse calls for good, by a filter as `seccomp` makes it."""
    libc, code = _libc(), ctypes.create_string_buffer(lines, len(lines))
    program = struct.pack("@HP", len(lines) // 8, ctypes.addressof(code))
    words = (ctypes.c_ulong(FILTER), program, ctypes.c_ulong(0), ctypes.c_ulong(0))
    _call(libc.prctl(SECCOMP, *words), "seccomp")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(answer: int, what: str = "landlock") -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return answer


def main() -> None:
    """Confine this process by what the first argument says, then become the program after it.

    Writes `begun` to the descriptor `tells` just before, so that what fails until then is ours.
    """
    import json

    wanted, argv = json.loads(sys.argv[1]), sys.argv[2:]
    if wanted["room"] is not None:
        enter_room(**wanted["room"])
        os.chdir(wanted["folder"])
    confine(**wanted["rules"])
    if wanted["filter"]:
        filter_calls(bytes.fromhex(wanted["filter"]))
    os.write(wanted["tells"], BEGUN)
    os.close(wanted["tells"])
    try:
        os.execv(argv[0], argv)
    except OSError as error:
        sys.exit(f"{argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()

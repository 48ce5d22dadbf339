"""Attacks through what the kernel offers beside files: keyrings, sockets, signals, shared memory.

Each is tried in every sandbox, and alone where there are no user namespaces, on a user's daemons,
files and processes that stand beside the trial.
"""

import ctypes
import os
import platform
import resource
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from airesearch.agents.executors.local.sandbox import Kind, landlock, seccomp
from attacked import Report
from sandboxes import kind as kind
from sandboxes import python, spec_in

TOKEN = f"SEALED-{secrets.token_hex(16)}"
SHMGET, SHMAT, SHMCTL, ADD_KEY, KEYCTL = (
    seccomp.number(name) for name in ("shmget", "shmat", "shmctl", "add_key", "keyctl")
)
PRELUDE = """
import ctypes, os, resource, signal, socket, struct, sys, time
V, TOKEN = @VICTIM@, @TOKEN@
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *words):
    words = [ctypes.c_void_p(w) if isinstance(w, int) else w for w in words]
    answer = libc.syscall(number, *words)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer
def attack(*acts):
    for act in acts:
        try:
            data = act()
        except (OSError, AttributeError) as error:
            print("stopped:", error)
        else:
            print("GOT" if TOKEN in str(data) else "DID", data)
def ask(family, place, kind=socket.SOCK_STREAM, proto=0):
    with socket.socket(family, kind, proto) as asking:
        asking.settimeout(2)
        if kind == socket.SOCK_DGRAM and family == socket.AF_UNIX:
            asking.bind(os.path.abspath("answer"))
        asking.connect(place)
        asking.send(b"?")
        return asking.recv(99)
"""


@dataclass(frozen=True)
class Victim:
    """What a user has beside a trial, by the names that an attack knows it under."""

    facts: dict[str, Any]

    def harm(self) -> list[str]:
        """What was done to it."""
        home, pid = Path(self.facts["home"]), self.facts["pid"]
        found = {}
        for name in ("key", "data/set"):
            facts = (home / name).stat()
            found[f"mode of {name}"] = facts.st_mode & 0o777 == 0o640
            found[f"time of {name}"] = facts.st_mtime == 1000
            found[f"size of {name}"] = facts.st_size == len(TOKEN)
            with suppress(OSError):
                found[f"attributes of {name}"] = os.listxattr(home / name) == ["user.was"]
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        found["limits"] = limits == resource.getrlimit(resource.RLIMIT_FSIZE)
        found["cores"] = os.sched_getaffinity(pid) == os.sched_getaffinity(0)
        found["priority"] = os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(0, 0)
        found["policy"] = os.sched_getscheduler(pid) == os.sched_getscheduler(0)
        found["life"] = Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] in "SR"
        return [name for name, is_well in found.items() if not is_well]


@pytest.fixture(scope="module")
def victim() -> Iterator[Victim]:
    """A home folder with a key, daemons on every kind of socket, a process, memory, a keyring."""
    libc = ctypes.CDLL(None, use_errno=True)
    with ExitStack() as held:
        # Paths of sockets are short.
        home = Path(f"/tmp/airesearch-victim-{secrets.token_hex(4)}")
        held.callback(subprocess.run, ["rm", "-rf", home], check=True)
        (home / "data").mkdir(parents=True)
        for name in ("key", "data/set"):
            (home / name).write_text(TOKEN)
            with suppress(OSError):
                os.setxattr(home / name, "user.was", b"1")
            (home / name).chmod(0o640)
            os.utime(home / name, (1000, 1000))
        facts: dict[str, Any] = {"home": str(home), "key": f"key-{secrets.token_hex(4)}"}
        hidden = f"\0airesearch-{secrets.token_hex(4)}"
        for name, family, how, place in (
            ("stream", socket.AF_UNIX, socket.SOCK_STREAM, f"{home}/stream"),
            ("packets", socket.AF_UNIX, socket.SOCK_SEQPACKET, f"{home}/packets"),
            ("letters", socket.AF_UNIX, socket.SOCK_DGRAM, f"{home}/letters"),
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, hidden),
            ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        ):
            server = held.enter_context(socket.socket(family, how))
            server.bind(place)
            facts[name] = server.getsockname()
            threading.Thread(target=_serve, args=(server, how), daemon=True).start()
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", TOKEN])
        held.callback(lambda: (process.kill(), process.wait()))
        facts["pid"] = process.pid
        # This process gets a session keyring of its own, as a login gives one.
        libc.syscall(KEYCTL, 1, None)
        data = TOKEN.encode()
        libc.syscall(ADD_KEY, b"user", facts["key"].encode(), data, len(data), -3)
        facts["shm"] = libc.syscall(SHMGET, 0x5EA1ED, 4096, 0o1600)
        libc.syscall.restype = ctypes.c_void_p
        memory = libc.syscall(SHMAT, facts["shm"], None, 0)
        ctypes.memmove(memory, data, len(data))
        held.callback(libc.syscall, SHMCTL, facts["shm"], 0, None)
        yield Victim(facts)


def _serve(server: socket.socket, how: socket.SocketKind) -> None:
    with suppress(OSError):
        if how != socket.SOCK_DGRAM:
            server.listen()
        while True:
            if how == socket.SOCK_DGRAM:
                data, asker = server.recvfrom(99)
                if data == b"?" and asker:
                    server.sendto(TOKEN.encode(), asker)
                else:
                    Path(server.getsockname()).with_name("letter").write_bytes(data)
            else:
                with server.accept()[0] as asking:
                    asking.recv(1)
                    asking.sendall(TOKEN.encode())


N = {call: seccomp.number(call) for call in seccomp.CALLS}
UNIX, SEARCH, POSSESSED = "socket.AF_UNIX", 10, -3
ATTACKS = {
    "a key of the session's": f"""
key = call({N["keyctl"]}, {SEARCH}, {POSSESSED}, b'user', V['key'].encode(), 0)
buffer = ctypes.create_string_buffer(99)
attack(lambda: call({N["keyctl"]}, 11, key, buffer, 99) and buffer.value)""",
    "a key, asked for": f"""
attack(lambda: (call({N["request_key"]}, b'user', V['key'].encode(), None, 0), TOKEN))""",
    "a key left in the session": f"""
attack(lambda: (call({N["add_key"]}, b'user', b'left', b'x', 1, {POSSESSED}), TOKEN))""",
    "a key left in the user's keyring": f"""
attack(lambda: (call({N["add_key"]}, b'user', b'left', b'x', 1, -4), TOKEN))""",
    "a daemon by its path": f"attack(lambda: ask({UNIX}, V['stream']))",
    "a daemon by its path, in packets": (
        f"attack(lambda: ask({UNIX}, V['packets'], socket.SOCK_SEQPACKET))"
    ),
    "a daemon by its path, in letters": (
        f"attack(lambda: ask({UNIX}, V['letters'], socket.SOCK_DGRAM))"
    ),
    "a letter from one of a pair": """
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
attack(lambda: a.sendto(b'left', V['letters']) and time.sleep(0.3))""",
    "a pair that connects elsewhere": """
def again(how):
    a, b = socket.socketpair(socket.AF_UNIX, how)
    a.settimeout(2); a.connect(V['stream']); a.send(b'?'); return a.recv(99)
attack(*[lambda how=how: again(how) for how in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET)])""",
    "an abstract socket": f"attack(lambda: ask({UNIX}, V['abstract']))",
    "a port": "attack(lambda: ask(socket.AF_INET, tuple(V['tcp'])))",
    "a port by several paths": (
        "attack(lambda: ask(socket.AF_INET, tuple(V['tcp']), socket.SOCK_STREAM, 262))"
    ),
    "a port of letters": "attack(lambda: ask(socket.AF_INET, tuple(V['udp']), socket.SOCK_DGRAM))",
    "the host of a virtual machine": "attack(lambda: (socket.socket(40, 1), TOKEN))",
    "a family in no namespace": """
for family in set(range(64)) - {1, 2, 10, 16}:
    for how in (1, 2, 3, 5):
        try: socket.socket(family, how)
        except OSError as error: assert error.errno == 97, error
        else: print('GOT', family, how)""",
    "the kernel's settings": """
for folder, _, names in os.walk('/proc/sys'):
    for name in names:
        attack(lambda: (os.close(os.open(f'{folder}/{name}', os.O_WRONLY)), TOKEN))""",
    "calls by a ring": f"""
attack(lambda: (call({N["io_uring_setup"]}, 4, ctypes.create_string_buffer(120)), TOKEN))""",
    "the kernel's log": f"""
buffer = ctypes.create_string_buffer(4096)
attack(lambda: (call({N["syslog"]}, 3, buffer, 4096), TOKEN))""",
    "modes": """
attack(lambda: os.chmod(V['home'] + '/key', 0o777),
    lambda: os.chmod(V['home'] + '/data/set', 0))""",
    "modes, by a handle": """
attack(lambda: os.fchmod(os.open(V['home'] + '/data/set', 0), 0o777),
    lambda: os.chmod('/proc/self/fd/%d' % os.open(V['home'] + '/data/set', os.O_PATH), 0o777))""",
    "modes, by a link of its own": """
os.symlink(V['home'] + '/key', 'link')
attack(lambda: os.chmod('link', 0o777), lambda: os.utime('link', (1, 1)))""",
    "times": """
attack(lambda: os.utime(V['home'] + '/key', (1, 1)),
    lambda: os.utime(os.open(V['home'] + '/data/set', 0), (1, 1)))""",
    "owners": "attack(lambda: (os.chown(V['home'] + '/data/set', -1, os.getgid()), TOKEN))",
    "attributes": """
attack(*[lambda n=n: os.setxattr(V['home'] + n, 'user.left', b'1') for n in ('/key', '/data/set')],
    lambda: os.setxattr(os.open(V['home'] + '/data/set', 0), 'user.left', b'1'),
    lambda: os.removexattr(V['home'] + '/data/set', 'user.was'))""",
    "flags": """
import fcntl
handle = os.open(V['home'] + '/data/set', 0)
attack(lambda: (fcntl.ioctl(handle, 0x40086602, (0x40).to_bytes(8, 'little')), TOKEN))""",
    "a file cut short": """
attack(lambda: os.truncate(V['home'] + '/key', 0),
    lambda: os.truncate(V['home'] + '/data/set', 0))""",
    "a file linked, renamed, removed": """
attack(lambda: os.link(V['home'] + '/data/set', 'mine'),
    lambda: os.rename(V['home'] + '/key', 'mine'), lambda: os.unlink(V['home'] + '/data/set'))""",
    "limits of another process": """
attack(lambda: resource.prlimit(V['pid'], resource.RLIMIT_FSIZE, (0, 0)),
    lambda: resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, (0, 0)))""",
    "limits of the worker": """
attack(lambda: (resource.prlimit(V['worker'], resource.RLIMIT_CPU), TOKEN))""",
    "priority of another process": """
attack(lambda: os.setpriority(os.PRIO_PROCESS, V['pid'], 19))""",
    "priority of the user": "attack(lambda: os.setpriority(os.PRIO_USER, os.getuid(), 19))",
    "cores of another process": """
cores = list(os.sched_getaffinity(0))
attack(lambda: os.sched_setaffinity(V['pid'], cores[:1]))""",
    "another process made idle": """
attack(lambda: os.sched_setscheduler(V['pid'], os.SCHED_IDLE, os.sched_param(0)))""",
    "another process killed": "attack(lambda: os.kill(V['pid'], signal.SIGKILL))",
    "another process stopped": """
attack(lambda: signal.pidfd_send_signal(os.pidfd_open(V['pid']), signal.SIGSTOP))""",
    "memory of another process": """
attack(lambda: open('/proc/%d/environ' % V['pid']).read(),
    lambda: open('/proc/%d/mem' % V['pid'], 'rb').read(1))""",
    "another process traced": """
def trace():
    if libc.ptrace(16, V['pid'], None, None): raise OSError('refused')
    return TOKEN, os.waitpid(V['pid'], 0x40000000), libc.ptrace(17, V['pid'], None, None)
attack(trace)""",
    "a handle of another process": """
attack(lambda: (call(438, os.pidfd_open(V['pid']), 1, 0), TOKEN))""",
    "shared memory of the user's": f"""
def look():
    libc.syscall.restype = ctypes.c_void_p
    memory = libc.syscall({N["shmat"]}, V['shm'], None, 0o10000)
    if memory in (None, ctypes.c_void_p(-1).value): raise OSError('refused')
    return ctypes.string_at(memory, len(TOKEN))
attack(look)""",
    "shared memory by its name": f"""
attack(lambda: (call({N["shmget"]}, 0x5ea1ed, 4096, 0), TOKEN))""",
    "shared memory made": f"attack(lambda: (call({N['shmget']}, 77, 4096, 0o1600), TOKEN))",
    "semaphores and queues": f"""
attack(lambda: (call({N["semget"]}, 77, 1, 0o1600), TOKEN),
    lambda: (call({N["msgget"]}, 77, 0o1600), TOKEN))""",
    "memory that no meter sees": f"""
attack(lambda: (call({N["memfd_secret"]}, 0), TOKEN),
    lambda: (call({N["bpf"]}, 0, ctypes.create_string_buffer(struct.pack('4I', 2, 4, 4, 1)
        + bytes(56)), 72), TOKEN))""",
    "descriptors that the sandbox had": """
attack(*[lambda n=n: (os.fstat(n), TOKEN) for n in range(3, 4096)])""",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_the_kernel_is_no_way_out(
    kind: Kind, tmp_path: Path, victim: Victim, stopped: Report, name: str
) -> None:
    if name.startswith("another process") and not sees_alone(kind) and landlock.abi() < 6:
        pytest.skip("Landlock keeps signals from ABI 6 on")
    spec = replace(spec_in(tmp_path), data=(f"{victim.facts['home']}/data",))
    facts = {**victim.facts, "worker": os.getpid()}
    prelude = PRELUDE.replace("@VICTIM@", repr(facts)).replace("@TOKEN@", repr(TOKEN))
    ran = python(kind, spec, f"{prelude}\nattack(lambda: exec({ATTACKS[name]!r}, globals()))\n")
    text = ran.log.decode()
    assert ran.code == 0 and "GOT" not in text, text
    assert victim.harm() == []
    assert not Path(victim.facts["home"], "letter").exists()
    stopped("T1" if "key" in name or "daemon" in name else "T4", "sandbox", ran.seconds)


def sees_alone(kind: Kind) -> bool:
    """Whether no process but the trial's own is seen."""
    return kind == "bwrap" or landlock.has_room()


OTHER_CALLS = {
    "of 32 bits": "b8140000 00cd80c3",  # mov eax, 20; int 0x80; ret
    "of the second set": "b8270000 400f05c3",  # mov eax, 0x40000027; syscall; ret
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86_64 alone has such calls")
@pytest.mark.parametrize("calls", OTHER_CALLS)
def test_calls_under_other_numbers_end_the_process(
    kind: Kind, tmp_path: Path, calls: str, stopped: Report
) -> None:
    script = f"""
import ctypes, mmap
code = bytes.fromhex({OTHER_CALLS[calls]!r})
page = mmap.mmap(-1, 4096, prot=7); page.write(code)
print('GOT', ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))())
"""
    ran = python(kind, spec_in(tmp_path), script)
    assert b"GOT" not in ran.log
    assert ran.code in (-31, 128 + 31)
    stopped("T4", "sandbox", ran.seconds)


# What the first of two trials does, and what would tell the second one of it.
LEFT = {
    "a key": (
        f"call({N['add_key']}, b'user', b'left', b'x', 1, -3)",
        f"(call({N['keyctl']}, 10, -3, b'user', b'left', 0), TOKEN)",
    ),
    "shared memory": (
        f"call({N['shmget']}, 78, 4096, 0o1600)",
        f"(call({N['shmget']}, 78, 4096, 0), TOKEN)",
    ),
    "a file in /dev/shm": (
        "open('/dev/shm/left', 'w').write(TOKEN)",
        "open('/dev/shm/left').read()",
    ),
    "a file in /tmp": ("open('/tmp/left', 'w').write(TOKEN)", "open('/tmp/left').read()"),
    "a semaphore": (
        "libc.sem_open(b'/left', os.O_CREAT, 0o600, 1)",
        "TOKEN if libc.sem_open(b'/left', 0) else ''",
    ),
    "a queue": (
        "ctypes.CDLL('librt.so.1').mq_open(b'/left', os.O_CREAT | 2, 0o600, None)",
        "TOKEN if ctypes.CDLL('librt.so.1').mq_open(b'/left', 0) >= 0 else ''",
    ),
    "an abstract socket and who listens": (
        "s = socket.socket(1); s.bind('\\0left'); s.listen()\nos.fork() or time.sleep(9)",
        "ask(socket.AF_UNIX, '\\0left') or TOKEN",
    ),
    "a time of the data": (
        "os.utime(V['home'] + '/data/set', (1, 1))",
        "TOKEN if os.stat(V['home'] + '/data/set').st_mtime == 1 else ''",
    ),
    "a lock that a child holds": (
        "import fcntl; f = open(V['home'] + '/data/set'); fcntl.flock(f, 2);"
        "os.fork() or (os.setsid(), time.sleep(9))",
        "TOKEN if __import__('fcntl').flock(open(V['home'] + '/data/set'), 6) else ''",
    ),
    "the name of the machine": (
        "socket.sethostname('left')",
        "TOKEN if socket.gethostname() == 'left' else ''",
    ),
}


@pytest.mark.parametrize("name", LEFT)
def test_nothing_passes_from_one_trial_to_the_next(
    kind: Kind, tmp_path: Path, victim: Victim, stopped: Report, name: str
) -> None:
    spec = replace(spec_in(tmp_path), data=(f"{victim.facts['home']}/data",))
    prelude = PRELUDE.replace("@VICTIM@", repr(victim.facts)).replace("@TOKEN@", repr(TOKEN))
    leave, look = LEFT[name]
    python(kind, spec, f"{prelude}\n{leave}\n")
    ran = python(kind, spec, f"{prelude}\nattack(lambda: {look})\n")
    assert b"GOT" not in ran.log, ran.log
    assert ran.code == 0, ran.log
    stopped("T1", "sandbox", ran.seconds)

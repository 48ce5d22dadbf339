"""Attacks that would exhaust the machine: memory, disk, files, output, processes."""

from pathlib import Path

import pytest
from attacked import Attack, Report, Scene, needs_own_files, strike

END = "honest()\n"
MEMORY = ("T4", "runner", "memory", "over the 2")
OUTPUT = ("T4", "runner", "output")
ATTACKS: dict[str, Attack] = {
    "memory": Attack(*MEMORY, "x = bytearray(10**9)\ntime.sleep(9)\n"),
    "memory of many": Attack(
        *MEMORY,
        "for _ in range(5):\n    if os.fork() == 0: x = bytearray(60 << 20); time.sleep(9)\n"
        "time.sleep(9)\n",
    ),
    "memory, shared": Attack(
        *MEMORY,
        "import mmap\nm = mmap.mmap(-1, 400 << 20)\n"
        "for n in range(0, 400 << 20, 4096): m[n] = 1\ntime.sleep(9)\n",
    ),
    "shared memory files": Attack(
        *MEMORY,
        "for n in range(180): open(f'/dev/shm/{n}', 'wb').write(bytes(1 << 20))\n"
        "x = bytearray(90 << 20)\ntime.sleep(9)\n",
    ),
    "temporary files": Attack(
        *MEMORY,
        "for n in range(180): open(f'/tmp/{n}', 'wb').write(bytes(1 << 20))\n"
        "x = bytearray(90 << 20)\ntime.sleep(9)\n",
    ),
    "temporary files past the end": Attack(
        "T4",
        "sandbox",
        "crash|memory",
        "",
        "for n in range(300): open(f'/tmp/{n}', 'wb').write(bytes(1 << 20))\n",
    ),
    "one large file": Attack(
        *OUTPUT,
        "over the 2",
        "with open('x', 'wb') as f:\n    while True: f.write(bytes(1 << 20))\n",
    ),
    "many files": Attack(
        *OUTPUT,
        "allowed",
        "for n in range(10**6): open(f'f{n}', 'wb').write(bytes(1 << 18)), time.sleep(0.001)\n",
    ),
    # Whichever of the two comes first on the machine at hand.
    "inodes": Attack(
        "T4",
        "runner",
        "output|timeout",
        "",
        "for n in range(10**6): os.mkdir(f'd{n}'), os.close(os.open(f'f{n}', os.O_CREAT))\n",
    ),
    "sparse file": Attack(*OUTPUT, "over the 2", "os.truncate(os.open('x', 65), 2**40)\n"),
    "deleted file": Attack(
        *OUTPUT,
        "over the 2",
        "f = open('x', 'wb')\nos.unlink('x')\nwhile True: f.write(bytes(1 << 20))\n",
    ),
    "deep folders": Attack(
        *OUTPUT,
        "cannot be measured",
        "for _ in range(40): os.mkdir('d' * 250), os.chdir('d' * 250)\n",
    ),
    "a flood of output": Attack(*OUTPUT, "printed ", "while True: os.write(1, b'x' * 65536)\n"),
    "a flood of errors": Attack(*OUTPUT, "printed ", "while True: os.write(2, b'\\n' * 65536)\n"),
    "a line without an end, then a failure": Attack(
        "T4", "runner", "crash", "exit 1: ", "sys.exit('x' * 1_900_000)\n"
    ),
    "open files": Attack(
        "T4",
        "sandbox",
        "ok",
        "stopped: OSError",
        "held = []\ndef all():\n    while True: held.append(os.open('/dev/null', os.O_RDONLY))\n"
        f"tried(all)\nheld = [os.close(n) for n in held]\n{END}",
    ),
    "zip bomb for an output": Attack(
        "T4",
        "evaluator",
        "evaluator",
        "the evaluator failed: used ",
        "import base64, zlib\nc = zlib.compressobj(1)\n"
        "z = b''.join(c.compress(bytes(1 << 20)) for _ in range(260)) + c.flush()\n"
        "honest(zip=base64.b64encode(z).decode())\n",
    ),
    "an output nested without end": Attack(
        "T4",
        "evaluator",
        "evaluator",
        "the evaluator failed: exit 1",
        "open('out.json', 'w').write('[' * 1_000_000)\n",
    ),
    "numbers without end": Attack(
        "T4",
        "evaluator",
        "evaluator",
        "the evaluator failed: ",
        "open('out.json', 'w').write('{\"a\": ' + '9' * 1_000_000 + ', \"b\": 1}')\n",
    ),
    "time": Attack("T4", "runner", "timeout", "ran past 5 s", "while True: pass\n"),
    "threads": Attack(
        *MEMORY,
        "import threading\nfor _ in range(300):\n"
        "    try: threading.Thread(target=lambda: (bytearray(2 << 20), time.sleep(9))[1]).start()\n"
        "    except RuntimeError: break\nx = bytearray(300 << 20)\n",
    ),
}
HELD: dict[str, Attack] = {
    "memory files without a name": Attack(
        *MEMORY,
        "held = [os.memfd_create('x') for _ in range(300)]\n"
        "for f in held: os.write(f, bytes(1 << 20))\ntime.sleep(9)\n",
    ),
    "sockets that nobody reads": Attack(
        *MEMORY,
        "import socket\nheld = []\nwhile True:\n    held += socket.socketpair()\n"
        "    for one in held[-2:]:\n        one.setsockopt(1, 7, 1 << 22), one.setblocking(False)\n"
        "        try:\n            while one.send(bytes(1 << 16)): pass\n"
        "        except OSError: pass\n"
        "    if len(held) > 400: time.sleep(9)\n",
    ),
    "pipes that nobody reads": Attack(
        *MEMORY,
        "import fcntl\nfor _ in range(400):\n    out, into = os.pipe()\n"
        "    try: fcntl.fcntl(into, 1031, 1 << 20)\n    except OSError: pass\n"
        "    os.set_blocking(into, False), os.write(into, bytes(1 << 20))\n"
        "x = bytearray(180 << 20)\ntime.sleep(9)\n",
    ),
    "maps of pages that hold nothing": Attack(
        *MEMORY,
        "import mmap\nm = mmap.mmap(-1, 1 << 39, flags=0x4022)\nm.madvise(15)\n"
        "for n in range(0, 1 << 39, 1 << 21): m[n]\ntime.sleep(9)\n",
    ),
    "a process whose first thread has ended": Attack(
        *MEMORY,
        "import ctypes, threading\nheld = []\n"
        "def fill():\n    time.sleep(0.2)\n    held.append(bytearray(300 << 20)), time.sleep(9)\n"
        "threading.Thread(target=fill).start()\n"
        "ctypes.CDLL(None).syscall({'x86_64': 60}.get(os.uname().machine, 93), 0)\n",
    ),
    "deleted files held open": Attack(
        *OUTPUT,
        "over the 2",
        "held = []\nfor _ in range(50):\n"
        "    held.append(os.open('x', os.O_CREAT | os.O_WRONLY))\n"
        "    os.unlink('x'), os.write(held[-1], bytes(1 << 20))\ntime.sleep(9)\n",
    ),
}
# 1,100 processes at most, in a namespace that ends with the first of them.
PROCESSES = {
    "processes": Attack(
        "T4",
        "runner",
        "crash",
        "processes at once, over the 1,000 allowed",
        "for _ in range(1100):\n    if os.fork() == 0: time.sleep(15); os._exit(0)\n"
        "time.sleep(15)\n",
    ),
}
pytestmark = needs_own_files


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("exhaust")
    limits = {"trial_seconds": 5, "trial_memory_mb": 200, "output_mb": 2}
    return strike(folder / "lab", ATTACKS, budget=limits)


@pytest.mark.parametrize("name", ATTACKS)
def test_candidate_is_stopped(scene: Scene, name: str, stopped: Report) -> None:
    attack = ATTACKS[name]
    stopped(attack.threat, attack.gate, scene.check(name).seconds)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    limits = {"trial_seconds": 8, "trial_memory_mb": 200, "output_mb": 2}
    return strike(tmp_path_factory.mktemp("held") / "lab", HELD, budget=limits)


@pytest.mark.parametrize("name", HELD)
def test_what_has_no_name_counts(held: Scene, name: str, stopped: Report) -> None:
    stopped("T4", "runner", held.check(name).seconds)


def test_the_run_went_on(scene: Scene) -> None:
    scene.check_the_run_went_on()


def test_processes_are_counted(tmp_path: Path, stopped: Report) -> None:
    limits = {"trial_seconds": 20, "trial_memory_mb": 4000, "output_mb": 2}
    scene = strike(tmp_path / "lab", PROCESSES, budget=limits)
    stopped("T4", "runner", scene.check("processes").seconds)
    scene.check_the_run_went_on()

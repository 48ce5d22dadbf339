"""Attacks that would leave a process behind when the trial is over."""

import os

import psutil
import pytest
from attacked import Attack, Report, Scene, needs_own_files, strike

MARK = "airesearch-attack-that-outlives"
NAP = f"nap = [sys.executable, '-c', 'import time; time.sleep(120)', '{MARK}']\n"
QUIET = "stdin=-3, stdout=-3, stderr=-3"
END = "honest()\n"
ENDED = ("T4", "runner", "ok", "")
LATE = ("T4", "runner", "timeout", "ran past 2 s")
ATTACKS: dict[str, Attack] = {
    "setsid": Attack(*ENDED, f"{NAP}subprocess.Popen(nap, start_new_session=True, {QUIET})\n{END}"),
    "a child that holds the output": Attack(*ENDED, f"{NAP}subprocess.Popen(nap)\n{END}"),
    "double fork": Attack(
        *ENDED,
        f"{NAP}{END}if os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0: os.execv(nap[0], nap)\n    os._exit(0)\n",
    ),
    "nohup": Attack(*ENDED, f"{NAP}subprocess.Popen(['nohup', *nap], {QUIET})\n{END}"),
    "SIGTERM and SIGHUP ignored": Attack(
        *LATE,
        f"{NAP}import signal\nfor number in range(1, 65):\n"
        "    try: signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
        "subprocess.Popen(nap)\nwhile True: time.sleep(9)\n",
    ),
    "stopped child": Attack(
        *ENDED,
        f"{NAP}import signal\nchild = subprocess.Popen(nap, {QUIET})\n"
        f"child.send_signal(signal.SIGSTOP)\n{END}",
    ),
    "stopped itself": Attack(
        *LATE, f"{NAP}import signal\nsubprocess.Popen(nap)\nos.kill(os.getpid(), signal.SIGSTOP)\n"
    ),
    "closed output": Attack(
        *LATE, f"{NAP}subprocess.Popen(nap)\nos.close(1), os.close(2)\nwhile True: time.sleep(9)\n"
    ),
    "a keeper that starts it anew": Attack(
        *ENDED,
        f"{NAP}{END}if os.fork() == 0:\n    os.setsid()\n"
        f"    while True: subprocess.Popen(nap, {QUIET}); time.sleep(0.02)\n"
        "time.sleep(0.2)\n",
    ),
    "a reaper of its own": Attack(
        *ENDED,
        f"{NAP}import ctypes\n{END}if os.fork() == 0:\n    os.setsid()\n"
        "    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
        "    if os.fork() == 0: os.execv(nap[0], nap)\n    time.sleep(120)\n",
    ),
    "another namespace": Attack(
        "T4",
        "sandbox",
        "ok",
        "stopped: unshare",
        f"{NAP}done = subprocess.run(['unshare', '-Urpf', '--', 'true'], capture_output=True)\n"
        f"print('stopped: unshare' if done.returncode else 'GOT a namespace')\n"
        f"subprocess.Popen(['unshare', '-Urpf', '--kill-child=0', '--', *nap], {QUIET})\n{END}",
    ),
    "at, cron and systemd": Attack(
        "T4",
        "sandbox",
        "ok",
        "stopped: no ",
        "for words in (['at', 'now'], ['crontab', '-'], ['systemd-run', '--user', 'true']):\n"
        "    try: done = subprocess.run(words, input=b'* * * * * true\\n', capture_output=True)\n"
        "    except OSError: print('stopped: no', words[0])\n"
        "    else: print('stopped: no daemon' if done.returncode else 'GOT ' + words[0])\n"
        "for place in ('/var/spool/cron/crontabs/root', '/etc/cron.d/x', HOME + '/.profile'):\n"
        f"    written(place)\n{END}",
    ),
    "nice, tied to one core, in real time": Attack(
        *ENDED,
        f"{NAP}try: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))\n"
        f"except OSError: pass\nos.nice(19)\nsubprocess.Popen(nap, {QUIET})\n{END}",
    ),
    "a zombie left": Attack(*ENDED, f"{END}if os.fork() == 0: os._exit(0)\ntime.sleep(0.1)\n"),
}
pytestmark = needs_own_files


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("outlive")
    limits = {"trial_seconds": 2, "trial_memory_mb": 300, "output_mb": 2}
    return strike(folder / "lab", ATTACKS, budget=limits)


@pytest.mark.parametrize("name", ATTACKS)
def test_candidate_ends_with_its_trial(scene: Scene, name: str, stopped: Report) -> None:
    attack = ATTACKS[name]
    stopped(attack.threat, attack.gate, scene.check(name).seconds)


def test_no_process_is_left(scene: Scene) -> None:
    scene.check_the_run_went_on()
    mine = [p for p in psutil.process_iter(["cmdline", "pid"]) if p.pid != os.getpid()]
    assert not [p for p in mine if MARK in (p.info["cmdline"] or ())]

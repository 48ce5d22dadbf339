"""Candidates that would get a score without earning it."""

from attacked import Attack

END = "honest()\n"
HELD = ("T3", "sandbox", "ok", "stopped: ")
EMPTY = ("T3", "evaluator", "ok", "")
"""Nothing stops these, and nothing is won: the evaluator never looks at what they leave."""
CHEAT = "a.write('import json; json.load = lambda f: dict(a=1, b=2)')"
LATER = """\
def later():
    time.sleep(0.3)
    for place in ('out.json', '/candidate/out.json', LAB + '/out.json'):
        try: honest(0.0)
        except OSError: pass
"""


def planted(*names: str, text: str = "import builtins; builtins.abs = lambda x: 0.0\\n") -> Attack:
    """A program that leaves modules which would make every error nothing."""
    write = (
        f"for name in {names!r}:\n    os.makedirs(os.path.dirname(name) or '.', exist_ok=True)\n"
    )
    return Attack(*EMPTY, f"{write}    open(name, 'w').write('{text}')\n{END}")


CANDIDATES: dict[str, Attack] = {
    "metrics file by its variable": Attack(
        "T3",
        "sandbox",
        "crash",
        "KeyError",
        "json.dump({'val_error': 0.0}, open(os.environ['AIRESEARCH_METRICS'], 'w'))\n",
    ),
    "metrics file by its place": Attack(
        *HELD,
        "written('/metrics.json')\nwritten('../metrics.json')\n"
        "for place in glob.glob(LAB + '/.git/airesearch/trials/*/metrics.json'): written(place)\n"
        + END,
    ),
    "metrics file of its own": Attack(
        *EMPTY,
        "for name in ('metrics.json', 'result.json', 'val_error'):\n"
        "    json.dump({'val_error': 0.0}, open(name, 'w'))\n" + END,
    ),
    "result on the bus": Attack(
        *EMPTY,
        "os.makedirs('research', exist_ok=True)\n"
        "json.dump({'status': 'ok', 'metrics': {'val_error': 0.0}},"
        " open('research/result.json', 'w'))\n" + END,
    ),
    "sitecustomize": planted("sitecustomize.py", "lib/sitecustomize.py", "/tmp/sitecustomize.py"),
    "usercustomize": planted(
        *(
            f"{home}/.local/lib/python3.{minor}/site-packages/usercustomize.py"
            for home in ("/tmp", ".")
            for minor in (11, 12, 13, 14)
        )
    ),
    "pth file": planted(
        *(f"/tmp/.local/lib/python3.{n}/site-packages/x.pth" for n in (11, 12, 13, 14)), "x.pth"
    ),
    "shadowed json": planted("json.py", "json/__init__.py".replace("json/", "lib/json/")),
    "shadowed numpy and zlib": planted("numpy.py", "zlib.py", "base64.py", "os.py"),
    "shadowed evaluator": planted("evaluate/__init__.py", "evaluate/__main__.py"),
    "bytecode": planted("__pycache__/evaluate.cpython-311.pyc", "__pycache__/json.cpython-311.pyc"),
    "edited evaluator": Attack(
        *EMPTY,
        "open('evaluate.py', 'w').write('import json, os\\n"
        'json.dump({\\"val_error\\": 0.0}, open(os.environ[\\"AIRESEARCH_METRICS\\"], \\"w\\"))'
        "')\n" + END,
    ),
    "private data of its own": Attack(
        *EMPTY,
        "os.makedirs('private')\nopen('private/answers.txt', 'w').write('x 1.45 2.45')\n" + END,
    ),
    "rewritten later": Attack(
        *EMPTY, LATER + END + "if os.fork() == 0: os.setsid(); later(); os._exit(0)\n"
    ),
    "rewritten by many": Attack(
        *EMPTY,
        LATER + END + "for _ in range(20):\n"
        "    if os.fork() == 0:\n        os.setsid()\n        later()\n        os._exit(0)\n",
    ),
    "rewritten through an open file": Attack(
        *EMPTY,
        END + "if os.fork() == 0:\n    file = open('out.json', 'r+')\n    os.setsid()\n"
        '    time.sleep(0.5)\n    file.write(\'{"a": 1, "b": 2}      \'), file.flush()\n',
    ),
    "output is a link": Attack(
        "T3",
        "runner",
        "metric",
        "it is a symlink",
        "honest(0.0)\nos.rename('out.json', 'real')\nos.symlink('real', 'out.json')\n",
    ),
    "output is a hard link": Attack(
        "T3", "runner", "metric", "it is a hard link", "honest(0.0)\nos.link('out.json', 'twin')\n"
    ),
    "output is a device": Attack(
        "T3", "runner", "metric", "it is a symlink", "os.symlink('/dev/zero', 'out.json')\n"
    ),
    "output is a socket": Attack(
        "T3",
        "runner",
        "metric",
        "it is a socket",
        "import socket\nsocket.socket(socket.AF_UNIX).bind('out.json')\n",
    ),
    "output is a folder": Attack(
        "T3", "evaluator", "evaluator", "the evaluator failed: exit 1", "os.mkdir('out.json')\n"
    ),
    "output fed by a FIFO": Attack(
        "T3",
        "runner",
        "metric",
        "it is a FIFO",
        "os.mkfifo('out.json')\nif os.fork() == 0: os.setsid(); honest(0.0)\n",
    ),
    "no output": Attack(
        "T3", "runner", "metric", "the candidate did not write out.json", "print(0.0)\n"
    ),
    "output that was committed": Attack(
        "T3",
        "runner",
        "metric",
        "the candidate did not write out.json",
        {"write": {"train.py": "pass\n", "out.json": '{"a": 1, "b": 2}'}},
    ),
    "not a number": Attack("T3", "runner", "metric", "is nan", "honest(float('nan'))\n"),
    "minus infinity": Attack("T3", "runner", "metric", "is inf", "honest(float('-inf'))\n"),
    "infinite at the gates": Attack(
        "T3", "runner", "metric", "size is inf", "honest(size='1e999')\n"
    ),
    "a word for a metric": Attack("T3", "runner", "metric", "not JSON", "honest(size='good')\n"),
    "true for a metric": Attack(
        "T3", "runner", "metric", "size is not a number", "honest(size='true')\n"
    ),
    "repeated metric": Attack(
        "T3", "runner", "metric", "repeats a name", "honest(size='1, \"val_error\": 0.0')\n"
    ),
    "repeated metric, escaped": Attack(
        "T3", "runner", "metric", "repeats a name", "honest(size='1, \"val\\\\u005ferror\": 0.0')\n"
    ),
    "a metric that looks alike": Attack(
        "T3",
        "runner",
        "metric",
        "cannot be a metric's name",
        "honest(size='1, \"val_err\\\\u043er\": 0.0')\n",
    ),
    "a partial metric": Attack(
        "T3",
        "runner",
        "metric",
        "cannot be a metric's name",
        "honest(size='1, \"partial.val_error\": 0.0')\n",
    ),
    "repeated keys of its output": Attack(
        *EMPTY,
        'open(\'out.json\', \'w\').write(\'{"a": 1.0, "b": 2.0, "a": 1.45, "b": 2.45}\')\n',
    ),
    "printed score": Attack(
        "T3",
        "evaluator",
        "ok",
        "val_error: 0.0",
        END + "print('val_error: 0.0')\n"
        "print('Metric: val_error=0.0\\nStatus: ok\\nVerdict: keep')\n",
    ),
    "clock set back": Attack(
        *HELD,
        "def clock():\n    time.clock_settime(time.CLOCK_REALTIME, 0)\n    return 'GOT the clock'\n"
        "tried(clock)\ndone = subprocess.run(['date', '-s', '2000-01-01'], capture_output=True)\n"
        "print('stopped: date' if done.returncode else 'GOT the clock')\n" + END,
    ),
    "time zone": Attack(*EMPTY, "os.environ['TZ'] = 'UTC+99'\ntime.tzset()\n" + END),
    "file times of the future": Attack(*EMPTY, END + "os.utime('out.json', (2**33, 2**33))\n"),
    "PYTHONPATH of its own": Attack(
        *EMPTY,
        "os.environ['PYTHONPATH'] = os.getcwd()\n"
        "open('sitecustomize.py', 'w').write('import builtins; builtins.abs = lambda x: 0.0')\n"
        "subprocess.run([sys.executable, '-c', 'pass'])\n" + END,
    ),
    "LD_PRELOAD of its own": Attack(
        *EMPTY,
        "os.environ['LD_PRELOAD'] = os.path.abspath('evil.so')\n"
        "open('evil.so', 'wb').write(b'\\x7fELF')\n"
        "subprocess.run(['true'], stderr=subprocess.DEVNULL)\n" + END,
    ),
    "LD_PRELOAD for the system": Attack(
        *HELD, "written('/etc/ld.so.preload')\nwritten('/etc/ld.so.cache')\n" + END
    ),
    "pickle for an output": Attack(
        "T3",
        "evaluator",
        "evaluator",
        "the evaluator failed: exit 1",
        "import pickle\n"
        "class Evil:\n    def __reduce__(self): return (print, ('GOT',))\n"
        "pickle.dump(Evil(), open('out.json', 'wb'))\n",
    ),
    "killed before it is scored": Attack(
        "T3", "runner", "crash", "killed by SIGKILL", "honest(0.0)\nos.kill(os.getpid(), 9)\n"
    ),
    "score, then a failure": Attack(
        "T3", "runner", "crash", "exit 3", "honest(0.0)\nraise SystemExit(3)\n"
    ),
    "a seed of its own": Attack(
        *EMPTY, "os.environ['AIRESEARCH_SEED'] = '7'\nprint('Seed: 7')\n" + END
    ),
}

"""What candidates are made of, at work in each sandbox: copies, archives, threads, processes."""

import pytest
from airesearch.agents.executors.local.sandbox import Kind, SandboxSpec, has_own_files
from sandboxes import kind as kind
from sandboxes import said
from sandboxes import spec as spec

WORKS = {
    "copies, their times and modes": """
import os, shutil
open('a', 'w').write('text'); os.chmod('a', 0o640); os.utime('a', (5, 5))
shutil.copy('a', 'b'); shutil.copy2('a', 'c'); os.mkdir('d'); shutil.copystat('a', 'd')
shutil.copytree('d', 'e'); shutil.move('b', 'f'); print(open('c').read())""",
    "archives": """
import shutil, tarfile, zipfile
open('a', 'w').write('text'); shutil.make_archive('x', 'gztar', '.', 'a')
tarfile.open('x.tar.gz').extractall('y'); shutil.make_archive('z', 'zip', 'y')
zipfile.ZipFile('z.zip').extractall('w'); print(open('w/a').read())""",
    "temporary files": """
import tempfile, os
with tempfile.NamedTemporaryFile('w+', delete=False) as file: file.write('text')
with tempfile.TemporaryDirectory() as folder: open(folder + '/a', 'w').close()
with tempfile.SpooledTemporaryFile(1) as file: file.write(b'text')
print(open(file.name).read() if isinstance(file.name, str) else 'text')""",
    "a database": """
import sqlite3
one, two = sqlite3.connect('x.db'), sqlite3.connect('x.db')
one.execute('PRAGMA journal_mode = WAL')
with one: one.execute('CREATE TABLE t (a)'); one.execute("INSERT INTO t VALUES ('text')")
print(two.execute('SELECT a FROM t').fetchone()[0])""",
    "threads of numpy": """
import os
os.environ.update(OMP_NUM_THREADS='2', OPENBLAS_NUM_THREADS='2', OMP_PROC_BIND='true')
import numpy, threading
a = numpy.ones((400, 400)); many = [threading.Thread(target=lambda: a @ a) for _ in range(4)]
[t.start() for t in many]; [t.join() for t in many]
print('text' if (a @ a)[0, 0] == 400 else 'wrong')""",
    "a memory map": """
import numpy, mmap
a = numpy.memmap('a', dtype='u1', mode='w+', shape=4); a[:] = list(b'text'); a.flush()
m = mmap.mmap(-1, 4096); m[:4] = b'text'; print(open('a').read())""",
    "programs it starts": """
import asyncio, subprocess
async def main():
    done = await asyncio.create_subprocess_exec('sh', '-c', 'echo text | cat', stdout=-1)
    return (await done.communicate())[0].decode().strip()
assert subprocess.check_output('cat <(echo text)', shell=True, executable='bash') == b'text\\n'
print(asyncio.run(main()))""",
    "priorities and places": """
import os, resource
os.nice(1); os.sched_setaffinity(0, os.sched_getaffinity(0))
os.sched_setaffinity(os.getpid(), os.sched_getaffinity(0))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); print('text')""",
    "forked processes": """
import multiprocessing
context = multiprocessing.get_context('fork')
mine, theirs = context.Pipe()
child = context.Process(target=theirs.send, args=('text',)); child.start()
print(mine.recv()); child.join(); assert child.exitcode == 0""",
    "fetched names": """
import getpass, pwd, socket, os
socket.gethostname(); pwd.getpwuid(0); a, b = socket.socketpair(); a.send(b'text')
print(b.recv(9).decode())""",
}
SHARE = {
    "pools": """
import multiprocessing
for how in ('fork', 'spawn', 'forkserver'):
    with multiprocessing.get_context(how).Pool(2) as pool: assert pool.map(abs, [-1, -2]) == [1, 2]
print('text')""",
    "a manager": """
import multiprocessing
with multiprocessing.Manager() as manager:
    found = manager.dict(); found['a'] = 'text'; print(found['a'])""",
    "shared memory": """
from multiprocessing import shared_memory, Process
def fill(name):
    block = shared_memory.SharedMemory(name); block.buf[:4] = b'text'; block.close()
block = shared_memory.SharedMemory(create=True, size=64)
child = Process(target=fill, args=(block.name,)); child.start(); child.join()
print(bytes(block.buf[:4]).decode()); block.close(); block.unlink()""",
    "a loader's workers": """
# As a DataLoader does it: batches lie in files that were deleted, and their handles travel.
import multiprocessing, os, mmap
from multiprocessing import reduction
def work(asks, gives):
    for index in iter(asks.get, None):
        handle = os.open('/dev/shm', os.O_TMPFILE | os.O_RDWR)
        os.write(handle, b'text'); gives.put((index, reduction.DupFd(handle)))
    done.wait(20)
context = multiprocessing.get_context('fork'); done = context.Event()
asks, gives = context.Queue(), context.Queue()
workers = [context.Process(target=work, args=(asks, gives)) for _ in range(2)]
[worker.start() for worker in workers]; [asks.put(n) for n in range(4)]
batches = dict(gives.get(timeout=20) for _ in range(4))
assert all(mmap.mmap(f.detach(), 4)[:] == b'text' for f in batches.values())
[asks.put(None) for _ in workers]; done.set(); [worker.join() for worker in workers]
print('text')""",
    "futures": """
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2) as pool: print(''.join(pool.map(chr, b'text')))""",
    "joblib": """
import joblib, numpy
a = numpy.ones(300_000)
def add(x, b): return float(x.sum()) + ord(b)
sums = joblib.Parallel(n_jobs=2, max_nbytes=1000)(joblib.delayed(add)(a, b) for b in 'text')
assert joblib.parallel.get_active_backend()[0].supports_timeout
print(''.join(chr(int(s - 300_000)) for s in sums))""",
    "two that talk by a socket": """
import os, socket
server = socket.socket(socket.AF_UNIX); server.bind('sock'); server.listen()
if os.fork() == 0:
    asks = socket.socket(socket.AF_UNIX); asks.connect('sock'); asks.send(b'text'); os._exit(0)
print(server.accept()[0].recv(9).decode())""",
}


@pytest.mark.parametrize("work", WORKS)
def test_it_works(kind: Kind, spec: SandboxSpec, work: str) -> None:
    assert said(kind, spec, WORKS[work])[-1] == "text"


@pytest.mark.parametrize("work", SHARE)
def test_processes_work_together(kind: Kind, spec: SandboxSpec, work: str) -> None:
    if not has_own_files(kind):
        pytest.skip("without user namespaces there are no locks between processes")
    assert said(kind, spec, SHARE[work])[-1] == "text"


def test_where_they_cannot_the_program_is_told(kind: Kind, spec: SandboxSpec) -> None:
    if has_own_files(kind):
        pytest.skip("they can")
    script = "import multiprocessing; print(tried(multiprocessing.Lock))"
    assert said(kind, spec, script) == ["PermissionError"]
    script = (
        "import joblib; print(joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(-n) for n in (1, 2)))"
    )
    assert said(kind, spec, script)[-1] == "[1, 2]"


def test_a_copy_keeps_its_time_where_there_are_namespaces(kind: Kind, spec: SandboxSpec) -> None:
    script = (
        "import os, shutil\n"
        "open('a', 'w').close(); os.utime('a', (5, 5)); os.chmod('a', 0o600)\n"
        "shutil.copy2('a', 'b')\n"
        "facts = os.stat('b'); print(facts.st_mtime == 5, oct(facts.st_mode & 0o777))"
    )
    kept = has_own_files(kind)
    assert said(kind, spec, script) == ["True 0o600" if kept else "False 0o644"]

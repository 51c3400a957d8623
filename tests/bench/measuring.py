"""Whole processes, measured: wall time, CPU seconds (user and system), peak memory."""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("STEPWRIGHT_CACHE", pathlib.Path.home() / ".cache/stepwright"))
WORK = CACHE / "bench"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
RELEASE = TARGET / "release"


def once(command):
    """One run: (wall s, CPU s, peak MiB). The peak is at least what this program itself takes."""
    started = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nfailed ({child.returncode}): {said.decode()[-500:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def floor():
    """The least that `once` can say of memory, in MiB."""
    return once(["true"])[2]


def peak(command, seen):
    """The peak of a command in MiB. What `once` has `seen` can be no more than this program itself takes; then GNU time,
    which is small, tells what one more run takes."""
    gnu_time = shutil.which("time")
    if not gnu_time or seen > 1.2 * floor():
        return seen
    with tempfile.NamedTemporaryFile() as said:
        once([gnu_time, "--quiet", "--format=%M", f"--output={said.name}", *command])
        return int(said.read()) / 1024


def measure(command, runs, before=lambda: None):
    """Medians over `runs` runs, `before` being called (unmeasured) ahead of each."""
    (measured,) = beside({"": command}, runs, before).values()
    return measured


def beside(commands, runs, before=lambda: None, of=statistics.median):
    """As `measure`, for several commands by turns, so that what else the machine does falls on all of them. `of` is
    taken of wall times and of CPU. A command that has to be another one each time is a function that gives it."""
    taken = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            before()
            taken[name].append(once(command() if callable(command) else command))
    measured = {}
    for name, command in commands.items():
        walls, cpus, peaks = zip(*taken[name])
        before()
        measured[name] = of(walls), of(cpus), peak(command() if callable(command) else command, statistics.median(peaks))
    return measured


def seconds(s):
    return f"{s:.2f} s" if s >= 0.1 else f"{s * 1000:.1f} ms"


def shown(measured):
    wall, cpu, memory = measured
    return f"{seconds(wall)}, CPU {seconds(cpu)}, {memory:.0f} MiB"


def ratios(ours, theirs):
    (wall, cpu, memory), (their_wall, their_cpu, their_memory) = ours, theirs
    return f"{wall / their_wall:.3f} / {cpu / max(their_cpu, 1e-3):.3f} / {memory / their_memory:.2f}"

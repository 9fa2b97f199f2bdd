"""One process, timed as a whole: wall seconds, CPU seconds of all its threads, and the most memory it held.

A process starts with the peak of whoever started it, so that a runner of 500 MiB would lend its own to everything it measures.
This file is therefore also a small program of its own: it starts what is to be measured, waits, and tells what the kernel says.
"""

import contextlib
import dataclasses
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time


@dataclasses.dataclass(frozen=True)
class Measure:
    wall_s: float
    cpu_s: float
    peak_mib: float

    def __add__(self, other):
        """One after the other."""
        return Measure(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s, max(self.peak_mib, other.peak_mib))


NOTHING = Measure(0.0, 0.0, 0.0)


def median(measures):
    return Measure(*(statistics.median(column) for column in zip(*map(dataclasses.astuple, measures))))


def ratios(ours, theirs):
    """Wall and CPU, ours over theirs: the median over the rounds, each of which ran both."""
    pairs = list(zip(ours, theirs))
    return tuple(
        statistics.median(getattr(a, name) / max(getattr(b, name), 1e-9) for a, b in pairs)
        for name in ("wall_s", "cpu_s")
    )


class Failed(Exception):
    """A process that was to be measured did not end with success."""


def measure(command, output=None, data_mib=None):
    """Runs a command; stdout goes to the file `output`, or nowhere. `data_mib` caps its writable memory."""
    os.sync()  # what others wrote before is not to be paid for by this one
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as words:
        order = json.dumps({"command": list(map(str, command)), "output": output and str(output), "data_mib": data_mib})
        helper = subprocess.Popen(
            [sys.executable, "-I", "-S", os.path.abspath(__file__), order],
            stdin=subprocess.DEVNULL, stdout=told, stderr=words, start_new_session=True,
        )
        try:
            helper.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(helper.pid, signal.SIGTERM)
            helper.wait()
            raise
        told.seek(0)
        words.seek(0)
        answer = json.loads(told.read() or b"null")
        tail = words.read().decode(errors="replace").strip()[-1500:]
    if answer is None or answer["status"] != 0:
        status = answer["status"] if answer else "no answer"
        raise Failed(f"`{' '.join(map(str, command))}` ended with {status}\n{tail}")
    return Measure(answer["wall_s"], answer["cpu_s"], answer["peak_mib"])


def cap_holds(data_mib):
    """Whether this system stops a process that wants more than the cap."""
    greedy = [sys.executable, "-I", "-S", "-c", f"b = bytearray({data_mib + 64} << 20)"]
    try:
        measure(greedy, data_mib=data_mib)
    except Failed:
        return True
    return False


def main(order):
    def limit():
        if order["data_mib"]:
            cap = order["data_mib"] << 20
            resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))

    output = open(order["output"], "wb") if order["output"] else subprocess.DEVNULL
    start = time.monotonic()
    process = subprocess.Popen(order["command"], stdin=subprocess.DEVNULL, stdout=output, preexec_fn=limit)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    print(json.dumps({
        "status": os.waitstatus_to_exitcode(status),
        "wall_s": wall,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20),
    }))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

"""The peers: other programs at the same work. They are installed into an environment of their own, and run as whole processes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from measure import measure

VERSIONS = {"polars": "2.1.0", "duckdb": "2.0.0"}
STORES = {"polars": "parquet", "duckdb": "db"}


class Peer:
    """A peer that is installed. Its jobs are in a file of its own, `NAME_jobs.py`."""

    def __init__(self, name, python, work):
        self.name, self.python, self.work = name, python, work
        self.jobs = Path(__file__).with_name(f"{name}_jobs.py")

    def store(self, bill):
        return bill.path.with_suffix(f".{STORES[self.name]}")

    def run(self, *words):
        return measure([self.python, "-B", self.jobs, *words])

    def import_(self, bill):
        for path in (self.store(bill), self.store(bill).with_name(self.store(bill).name + ".wal")):
            path.unlink(missing_ok=True)
        try:
            return self.run("import", bill.path, self.store(bill))
        except BaseException:
            self.forget(bill)  # half of it would be taken for the whole
            raise

    def ready(self, bill):
        """Imports unless a job has done it before."""
        if not self.store(bill).exists():
            self.import_(bill)

    def group(self, bill, fields, output):
        return self.run("group", self.store(bill), output, ",".join(fields))

    def export(self, bill, job):
        """`customers`, a zip for each account, or `month`, one zip."""
        out = self.work / f"{self.name}.out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        taken = self.run(job, self.store(bill), out)
        shutil.rmtree(out)
        return taken

    def forget(self, bill):
        self.store(bill).unlink(missing_ok=True)


def install(names, work, warn):
    """Gives the peers that can be had. One that cannot is said aloud, and left out."""
    environment = work / "peers"
    python = environment / "bin" / "python"
    peers = []
    for name in names:
        try:
            if not python.exists():
                quietly(sys.executable, "-m", "venv", environment)
            if version(python, name) != VERSIONS[name]:
                print(f"installing {name} {VERSIONS[name]}", file=sys.stderr)
                quietly(python, "-m", "pip", "install", "--quiet", f"{name}=={VERSIONS[name]}")
            found = version(python, name)
            if found != VERSIONS[name]:
                raise OSError(f"it is {found or 'not there'} after installing")
            peers.append(Peer(name, python, work))
        except (OSError, subprocess.CalledProcessError) as error:
            said = " ".join((getattr(error, "stderr", None) or str(error)).split())
            warn(f"{name} {VERSIONS[name]} COULD NOT BE INSTALLED; its figures are missing: {said[-300:]}")
    return peers


def version(python, name):
    script = f"import {name}; print({name}.__version__)"
    answer = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def quietly(*command):
    no_noise = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(command, check=True, capture_output=True, text=True, env=no_noise)

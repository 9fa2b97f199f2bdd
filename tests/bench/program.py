"""billkeep's command lines, on one store."""

import json
import shutil
import subprocess

from bill import PAYER
from columns import ROWS_PER_FILE
from measure import measure


class Program:
    def __init__(self, path, store):
        self.path, self.store = path, store
        self.out = store.with_suffix(".out")

    def command(self, *words):
        return [self.path, "--store", self.store, *words]

    def tell(self, *words):
        """Runs a command that is not measured, and gives what it says."""
        return subprocess.run(self.command(*words), check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout

    def start_anew(self):
        """Leaves an empty store."""
        self.remove()
        self.tell("init", "--payer", PAYER)

    def remove(self):
        self.forget_chunks()
        self.store.unlink(missing_ok=True)
        shutil.rmtree(self.out, ignore_errors=True)

    def forget_chunks(self):
        """Removes the cache of compressed chunks, if there is one."""
        for path in self.chunks():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def chunks(self):
        return sorted(self.store.parent.glob(f"{self.store.name}.chunks*"))

    def chunk_bytes(self):
        return sum(path.stat().st_size for path in self.chunks() if path.is_file())

    def holds(self, bill):
        """Whether the store has this bill, and no other of its month."""
        if not self.store.exists():
            return False
        rows = json.loads(self.tell("--format", "json", "bill", "list"))["rows"]
        return [row["lines"] for row in rows if row["month"] == bill.month] == [bill.lines]

    def import_(self, bill, **limits):
        return measure(self.command("-q", "import", bill.path, "--as", "monthly", "--month", bill.month), **limits)

    def show(self, bill, fields, output):
        """Sums by some fields, as CSV; without fields, as the program groups on its own."""
        words = ["--by", ",".join(fields)] if fields else []
        return measure(self.command("-q", "--format", "csv", "bill", "show", bill.month, *words), output=output)

    def export(self, bill, *words, **limits):
        """Exports into a folder that does not exist before."""
        shutil.rmtree(self.out, ignore_errors=True)
        return measure(self.command("-q", "export", bill.month, "-o", self.out, *words), **limits)

    def export_customers(self, bill, **limits):
        return self.export(bill, "--kind", "monthly", "--per", "customer", **limits)

    def export_owner(self, bill, owner):
        return self.export(bill, "--kind", "monthly", "--owner", owner)

    def export_month(self, bill):
        return self.export(bill, "--kind", "monthly", "--rows-per-file", ROWS_PER_FILE)

    def export_through(self, bill, day):
        return self.export(bill, "--kind", "daily", "--through", day, "--rows-per-file", ROWS_PER_FILE)

"""A month's bill as a file, made by the generator of the fixtures, and what is true of it, worked out here from the file alone."""

import collections
import csv
import decimal
import hashlib
import pickle
import subprocess
from pathlib import Path

import columns

PAYER = "100010445724"

decimal.getcontext().traps[decimal.Inexact] = True


class Mismatch(Exception):
    """A result that is not complete and exact."""


def record_digest(row):
    """A number for a record. Sums of them, modulo 2**128, tell whether two piles hold the same records, whatever their order."""
    return int.from_bytes(hashlib.blake2b("\0".join(row).encode(), digest_size=16).digest())


class Pile:
    """Records counted and summed up, apart for each owner and day."""

    def __init__(self):
        self.parts = {}

    def add(self, owner, day, records, digest):
        part = self.parts.setdefault((owner, day), [0, 0])
        part[0] += records
        part[1] = (part[1] + digest) % (1 << 128)

    def merge(self, other):
        for (owner, day), (records, digest) in other.parts.items():
            self.add(owner, day, records, digest)

    def owners(self):
        return {owner for owner, _ in self.parts}

    def records(self):
        return sum(records for records, _ in self.parts.values())

    def select(self, owner=None, through=None):
        """The part of one owner, or from the 1st to a day. What has no day belongs to the whole month only."""
        chosen = Pile()
        for (of, day), part in self.parts.items():
            if (owner is None or of == owner) and (through is None or day != "-" and day <= through):
                chosen.parts[of, day] = list(part)
        return chosen


class Truth:
    """All that results are compared with."""

    def __init__(self, path):
        self.pile = Pile()
        self.by_owner_product_day = collections.defaultdict(lambda: (0, decimal.Decimal(0)))
        self.by_region_project = collections.defaultdict(lambda: (0, decimal.Decimal(0)))
        with open(path, encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            self.header = next(rows)
            at = self.header.index
            owner, product, start, total = map(at, (columns.OWNER, columns.PRODUCT, columns.START, columns.TOTAL))
            region, project = at(columns.REGION), at(columns.PROJECT)
            for row in rows:
                day, amount = row[start][:10], decimal.Decimal(row[total])
                self.pile.add(row[owner], day, 1, record_digest(row))
                for groups, key in (
                    (self.by_owner_product_day, (row[owner], row[product], day)),
                    (self.by_region_project, (row[region], row[project])),
                ):
                    lines, sum_ = groups[key]
                    groups[key] = (lines + 1, sum_ + amount)
        self.by_owner_product_day = dict(self.by_owner_product_day)
        self.by_region_project = dict(self.by_region_project)

    def by_product(self):
        groups = collections.defaultdict(lambda: (0, decimal.Decimal(0)))
        for (_, product, _), (lines, total) in self.by_owner_product_day.items():
            groups[product,] = (groups[product,][0] + lines, groups[product,][1] + total)
        return dict(groups)

    def customers_by_size(self):
        """`(lines, owner)` of all customers, the smallest first; the payer is none."""
        lines = collections.Counter()
        for (owner, _), (records, _) in self.pile.parts.items():
            lines[owner] += records
        return sorted((count, owner) for owner, count in lines.items() if owner != PAYER)


class Bill:
    """A bill's file. It is made when it is asked for the first time, and kept in the work folder."""

    def __init__(self, generator, work, lines, customers, seed, month="2021-03"):
        self.lines, self.customers, self.seed, self.month = lines, customers, seed, month
        self.generator = generator
        # Another generator may make another file.
        version = hashlib.sha256(Path(generator).read_bytes()).hexdigest()[:8]
        self.path = Path(work) / f"{month}-{lines}-lines-{customers}-customers-seed-{seed}-{version}.csv"
        self._truth = None

    def make(self):
        if not self.expected.exists():
            options = {"--lines": self.lines, "--customers": self.customers, "--seed": self.seed, "--month": self.month}
            words = [str(word) for pair in options.items() for word in pair]
            subprocess.run([self.generator, "large", self.path, *words], check=True)
        return self

    @property
    def expected(self):
        """The totals as the generator says they are; written last."""
        return self.path.with_suffix(".expected.csv")

    @property
    def bytes(self):
        return self.path.stat().st_size

    def day(self, number):
        return f"{self.month}-{number:02}"

    def truth(self):
        kept = self.path.with_suffix(".truth")
        if self._truth is None and kept.exists():
            self._truth = pickle.loads(kept.read_bytes())
        if self._truth is None:
            self._truth = Truth(self.path)
            if self._truth.by_owner_product_day != read_groups(self.expected, ["owner", "product", "day"]):
                raise Mismatch("the generator's totals are not those of its file")
            kept.with_suffix(".part").write_bytes(pickle.dumps(self._truth))
            kept.with_suffix(".part").rename(kept)
        return self._truth

    def remove(self):
        for path in (self.path, self.expected, self.path.with_suffix(".truth")):
            path.unlink(missing_ok=True)


def read_groups(path, fields):
    """Reads sums as CSV: `(lines, total)` by the text of the fields."""
    groups = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = tuple(row[field] for field in fields)
            if key in groups:
                raise Mismatch(f"{key} is there twice")
            groups[key] = (int(row["lines"]), decimal.Decimal(row["total"]))
    return groups

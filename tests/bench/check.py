"""Whether results are complete and exact: sums to the last decimal, exports record by record."""

import csv
import hashlib
import io
import zipfile

import columns
from bill import Mismatch, Pile, read_groups, record_digest


def groups(path, fields, truth):
    """Compares sums in a CSV with those of the truth."""
    found = read_groups(path, fields)
    wrong = [key for key in truth.keys() | found.keys() if truth.get(key) != found.get(key)]
    if wrong:
        key = min(wrong)
        raise Mismatch(f"{len(wrong)} sums are wrong, as of {key}: {found.get(key)} instead of {truth.get(key)}")


class Exports:
    """Reads exports back. A CSV that was read before, byte for byte, is not parsed again."""

    def __init__(self, truth):
        self.truth = truth
        self.known = {}

    def check(self, folder, owner=None, through=None, rows_max=None, per_customer=False):
        """Compares all zips of a folder with the records that must be in them, no more and no fewer."""
        found, zips = Pile(), sorted(folder.glob("*.zip"))
        for path in zips:
            pile = self.read_zip(path, rows_max)
            if per_customer and (len(pile.owners()) != 1 or pile.owners() & found.owners()):
                raise Mismatch(f"`{path.name}` is not the one zip of one account")
            if per_customer and not path.name.startswith(f"{min(pile.owners())}-"):
                raise Mismatch(f"`{path.name}` holds the lines of {min(pile.owners())}")
            found.merge(pile)
        if not per_customer and len(zips) != 1:
            raise Mismatch(f"{len(zips)} zips instead of one")
        compare(self.truth.pile.select(owner, through), found)
        return found.records()

    def read_zip(self, path, rows_max):
        pile = Pile()
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
            if bad:
                raise Mismatch(f"`{bad}` in `{path.name}` is damaged")
            for name in archive.namelist():
                if not name.endswith(".csv"):
                    raise Mismatch(f"`{name}` in `{path.name}` is no CSV")
                part = self.read_entry(archive, name)
                if rows_max and part.records() > rows_max:
                    raise Mismatch(f"`{name}` in `{path.name}` has {part.records()} rows, more than {rows_max}")
                pile.merge(part)
        return pile

    def read_entry(self, archive, name):
        with archive.open(name) as raw:
            key = hashlib.file_digest(raw, "sha256").digest()
        if key not in self.known:
            with archive.open(name) as raw:
                rows = csv.reader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""), strict=True)
                if next(rows, None) != self.truth.header:
                    raise Mismatch(f"the header of `{name}` is not the bill's")
                self.known[key] = pile_of(rows, self.truth.header)
        return self.known[key]


def pile_of(rows, header):
    owner, start, pile = header.index(columns.OWNER), header.index(columns.START), Pile()
    for row in rows:
        if len(row) != len(header):
            raise Mismatch(f"a record has {len(row)} cells instead of {len(header)}: {row[:16]}")
        pile.add(row[owner], row[start][:10], 1, record_digest(row))
    return pile


def compare(wanted, found):
    for key in sorted(wanted.parts.keys() | found.parts.keys()):
        want, got = wanted.parts.get(key, [0, 0]), found.parts.get(key, [0, 0])
        if want != got:
            what = "other records" if want[0] == got[0] else f"{got[0]} records instead of {want[0]}"
            raise Mismatch(f"account {key[0]} has {what} on {key[1]}")

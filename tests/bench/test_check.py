"""The checks themselves: a result that lacks anything, or has too much, must not pass. Run with `python3 -m unittest`."""

import csv
import decimal
import io
import tempfile
import unittest
import zipfile
from pathlib import Path

import check
import columns
from bill import Mismatch, Truth

HEADER = [columns.OWNER, columns.PRODUCT, columns.START, columns.REGION, columns.PROJECT, columns.TOTAL, "Note"]
LINES = [
    ["100", "CVM", "2021-03-01 00:00:00", "a", "p", "0.10000000", "one\ntwo"],
    ["100", "CVM", "2021-03-01 00:00:00", "a", "p", "0.10000000", "one\ntwo"],
    ["100", "CVM", "2021-03-02 00:00:00", "a", "p", "0.20000000", ""],
    ["200", "COS, cold", "2021-03-02 01:00:00", "a", "q", "-5.00000001", '"'],
    ["100", "-", "-", "-", "-", "-0.00000003", ""],
]


def text(lines, header=HEADER):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([header, *lines])
    return out.getvalue()


class Checks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "bill.csv").write_text(text(LINES), encoding="utf-8", newline="")
        self.truth = Truth(self.folder / "bill.csv")

    def export(self, zips, **what):
        """Checks an export that holds, for each zip's name, lists of lines: a CSV each."""
        out = Path(tempfile.mkdtemp(dir=self.folder))
        for name, parts in zips.items():
            with zipfile.ZipFile(out / name, "w") as archive:
                for number, part in enumerate(parts):
                    archive.writestr(f"{number}.csv", part if isinstance(part, str) else text(part))
        return check.Exports(self.truth).check(out, **what)

    def refused(self, zips, words, **what):
        with self.assertRaisesRegex(Mismatch, words):
            self.export(zips, **what)

    def test_the_same_records_pass_in_any_order_and_packing(self):
        self.assertEqual(self.export({"m.zip": [LINES[::-1]]}), 5)
        self.assertEqual(self.export({"m.zip": [LINES[3:], LINES[:3]]}, rows_max=3), 5)
        customers = {"100-m.zip": [LINES[:3] + LINES[4:]], "200-m.zip": [LINES[3:4]]}
        self.assertEqual(self.export(customers, per_customer=True), 5)
        self.assertEqual(self.export({"100-m.zip": customers["100-m.zip"]}, owner="100", per_customer=True), 4)
        self.assertEqual(self.export({"m.zip": [LINES[:2]]}, through="2021-03-01"), 2)

    def test_a_record_that_is_lost_doubled_or_altered_is_found(self):
        self.refused({"m.zip": [LINES[1:]]}, "1 records instead of 2 on 2021-03-01")
        self.refused({"m.zip": [[*LINES, LINES[3]]]}, "2 records instead of 1 on 2021-03-02")
        altered = [*LINES[:3], [*LINES[3][:-1], "'"], LINES[4]]
        self.refused({"m.zip": [altered]}, "account 200 has other records on 2021-03-02")
        self.refused({"m.zip": [LINES]}, "account 100 has 1 records instead of 0 on", through="2021-03-01")
        self.refused({"m.zip": [[LINES[0][:-1]]]}, "6 cells instead of 7")

    def test_a_wrong_shape_is_found(self):
        self.refused({"m.zip": [text(LINES, [*HEADER[:-1], "Remark"])]}, "header")
        self.refused({"m.zip": [LINES]}, "5 rows, more than 4", rows_max=4)
        self.refused({"m.zip": [LINES], "n.zip": []}, "2 zips instead of one")
        self.refused({}, "0 zips instead of one")
        self.refused({"100-m.zip": [LINES]}, "one zip of one account", per_customer=True)
        self.refused({"200-m.zip": [LINES[:3]]}, "holds the lines of 100", per_customer=True)
        halves = {"100-m.zip": [LINES[:1]], "100-n.zip": [LINES[1:3]]}
        self.refused(halves, "one zip of one account", per_customer=True)

    def test_sums_are_compared_to_the_last_decimal(self):
        path = self.folder / "sums.csv"
        rows = ["region,project,lines,currency,total", "a,p,3,USD,0.40000000", "a,q,1,USD,-5.00000001"]
        path.write_text("\n".join([*rows, "-,-,1,USD,-0.00000003"]))
        check.groups(path, ["region", "project"], self.truth.by_region_project)
        self.assertEqual(self.truth.by_product()["CVM",], (3, decimal.Decimal("0.4")))
        for last in ("-,-,1,USD,-0.00000002", "-,-,2,USD,-0.00000003", ""):
            path.write_text("\n".join([*rows, last]))
            with self.assertRaisesRegex(Mismatch, "1 sums are wrong"):
                check.groups(path, ["region", "project"], self.truth.by_region_project)


if __name__ == "__main__":
    unittest.main()

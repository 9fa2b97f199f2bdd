"""The jobs that run unless others are asked for. Each measures, checks what came out, and adds rows to the report."""

import collections
import dataclasses
from pathlib import Path

import check
from bill import Bill, Mismatch
from columns import ROWS_PER_FILE
from measure import NOTHING, median, ratios
from report import Bound, Report, Row

PEAK_MIB = 256
OWNER_PRODUCT_DAY = ["owner", "product", "day"]


@dataclasses.dataclass
class Bench:
    """What every job is handed."""

    bill: Bill
    program: object
    peers: list
    runs: int
    work: Path
    report: Report
    make_bill: object
    new_program: object
    exports: check.Exports = None
    days: object = None

    def ready(self):
        """A store with the month in it, and the peers' own."""
        if not self.program.holds(self.bill):
            self.program.start_anew()
            self.program.import_(self.bill)
        for peer in self.peers:
            peer.ready(self.bill)

    def check(self, **what):
        if self.exports is None:
            self.exports = check.Exports(self.bill.truth())
        return self.exports.check(self.program.out, **what)

    def sums(self, fields, truth):
        check.groups(self.work / "sums.csv", fields, truth)

    def row(self, job, measures, *bounds, who="billkeep", lines=None):
        """Of one thing that was measured in several rounds."""
        lines = self.bill.lines if lines is None else lines
        bytes_ = self.bill.bytes * lines // self.bill.lines
        return Row(job, who, median(measures), lines, bytes_, bounds)

    def peer_rows(self, job, theirs):
        return [self.row(job, measures, who=name) for name, measures in theirs.items()]


def beside(ours, theirs, **goals):
    """Wall time over each peer's, from rounds in which both ran; goals by peer."""
    bounds = []
    for name, measures in theirs.items():
        wall, cpu = ratios(ours, measures)
        bounds.append(Bound(name, wall, goals.get(name), cpu_ratio=cpu))
    return bounds


def import_(bench):
    ours, theirs = [], collections.defaultdict(list)
    for _ in range(bench.runs):
        bench.program.start_anew()
        ours.append(bench.program.import_(bench.bill))
        for peer in bench.peers:
            theirs[peer.name].append(peer.import_(bench.bill))
    if not bench.program.holds(bench.bill):
        raise Mismatch("the store does not hold the lines of the file")
    bench.program.show(bench.bill, OWNER_PRODUCT_DAY, bench.work / "sums.csv")
    bench.sums(OWNER_PRODUCT_DAY, bench.bill.truth().by_owner_product_day)

    size = bench.program.store.stat().st_size
    sizes = {peer.name: peer.store(bench.bill).stat().st_size for peer in bench.peers}
    bounds = beside(ours, theirs, polars=1.0, duckdb=0.5)
    bounds.append(Bound("peak MiB", max(measure.peak_mib for measure in ours), PEAK_MIB))
    for name, other in sizes.items():
        bounds.append(Bound(f"size, {name}", size / other, 1.0 if name == "duckdb" else None))
    bounds.append(Bound("size, CSV", size / bench.bill.bytes, 1 / 7))
    bench.report.add(*bench.peer_rows("import", theirs), bench.row("import", ours, *bounds))
    told = ", ".join(f"{name} {other / 1e6:.1f} MB" for name, other in {"billkeep": size, **sizes}.items())
    bench.report.note(f"size: {told}, CSV {bench.bill.bytes / 1e6:.0f} MB")


def rollup(bench):
    group(bench, "rollup", OWNER_PRODUCT_DAY, bench.bill.truth().by_owner_product_day, goal=0.1)


def grouping(bench):
    group(bench, "grouping", ["region", "project"], bench.bill.truth().by_region_project, goal=1.0)


def group(bench, job, fields, truth, goal):
    """Sums by some fields as CSV; the peers' sums are checked as well."""
    bench.ready()
    ours, theirs, output = [], collections.defaultdict(list), bench.work / "sums.csv"
    for _ in range(bench.runs):
        ours.append(bench.program.show(bench.bill, fields, output))
        bench.sums(fields, truth)
        for peer in bench.peers:
            theirs[peer.name].append(peer.group(bench.bill, fields, output))
            bench.sums(fields, truth)
    bench.report.add(*bench.peer_rows(job, theirs), bench.row(job, ours, *beside(ours, theirs, duckdb=goal)))


def open_(bench):
    """The sums of one month, out of a store with 36 of them; the others are a twentieth of its size."""
    program = bench.new_program("open")
    program.start_anew()
    for number in range(36):
        year, month = divmod(2019 * 12 + 9 + number, 12)  # from October 2019 on
        name = f"{year}-{month + 1:02}"
        if name == bench.bill.month:
            program.import_(bench.bill)
            continue
        bill = bench.make_bill(max(bench.bill.lines // 20, 1_000), bench.bill.customers, month=name)
        program.import_(bill)
        bill.remove()
    output, measures = bench.work / "sums.csv", []
    for _ in range(5 * bench.runs):
        measures.append(program.show(bench.bill, [], output))
        bench.sums(["product"], bench.bill.truth().by_product())
    program.remove()
    ms = median(measures).wall_s * 1e3
    bench.report.add(Row("open", "billkeep", median(measures), bounds=(Bound("ms", ms, 30.0),)))


def customers(bench):
    zips(bench, "customers", bench.program.export_customers, per_customer=True)


def month(bench):
    zips(bench, "month", bench.program.export_month, rows_max=ROWS_PER_FILE)


def zips(bench, job, export, **what):
    """Zips with nothing cached, and again; the customers' also after the daily exports of a month."""
    bench.ready()
    first, again, theirs = [], [], collections.defaultdict(list)
    for _ in range(bench.runs):
        bench.program.forget_chunks()
        for measures in (first, again):
            measures.append(export(bench.bill))
            bench.check(**what)
        for peer in bench.peers:
            theirs[peer.name].append(peer.export(bench.bill, job))
    bench.report.add(
        *bench.peer_rows(job, theirs),
        bench.row(f"{job}: first", first, *beside(first, theirs, polars=0.33)),
        bench.row(f"{job}: again", again, *beside(again, theirs, polars=0.067)),
    )
    cache = bench.program.chunk_bytes()
    bench.report.note(f"{job}: {f'the chunk cache has {cache / 1e6:.1f} MB' if cache else 'no chunk cache was made'}")
    if job == "customers":
        bench.days = thirty_days(bench)
        after = [export(bench.bill)]
        bench.check(**what)
        bench.report.add(bench.row(f"{job}: after 30 days", after, *beside(after, theirs, polars=0.067)))


def thirty_days(bench):
    """The first export of the month, then the months to date of day 1 to 30, each from an empty cache on."""
    bench.program.forget_chunks()
    first = bench.program.export_month(bench.bill)
    bench.check(rows_max=ROWS_PER_FILE)
    bench.program.forget_chunks()
    all_, lines = NOTHING, 0
    for number in range(1, 31):
        day = bench.bill.day(number)
        all_ += bench.program.export_through(bench.bill, day)
        lines += bench.check(through=day, rows_max=ROWS_PER_FILE)
    return first, all_, lines


def daily(bench):
    bench.ready()
    first, all_, lines = bench.days or thirty_days(bench)
    bounds = [
        Bound("one month, wall", all_.wall_s / first.wall_s, 2.0),
        Bound("one month, CPU", all_.cpu_s / first.cpu_s, 2.0),
    ]
    bench.report.add(bench.row("daily: one month", [first]), bench.row("daily: 30 days", [all_], *bounds, lines=lines))


def one(bench):
    """One customer's zip: it should take as long as that customer's lines, not as the month."""
    bench.ready()
    by_size = bench.bill.truth().customers_by_size()
    for what, (lines, owner) in (
        ("small", by_size[0]), ("middle", by_size[len(by_size) // 2]), ("largest", by_size[-1])
    ):
        first, again = [], []
        for _ in range(bench.runs):
            bench.program.forget_chunks()
            for measures in (first, again):
                measures.append(bench.program.export_owner(bench.bill, owner))
                bench.check(owner=owner, per_customer=True)
        for when, measures in (("first", first), ("again", again)):
            job = f"one: {what}, {lines:,} line{'s' * (lines > 1)}, {when}"
            bench.report.add(bench.row(job, measures, Bound("ms", median(measures).wall_s * 1e3), lines=lines))

"""The jobs that take long: they run only when they are asked for. Their bills are multiples of `--lines`."""

import check
import jobs
from columns import ROWS_PER_FILE
from measure import Failed, cap_holds
from report import Bound, Row

MANY_CUSTOMERS = 20_000


def one_of_many(bench):
    """One customer of 20,000, five times the lines."""
    bill = bench.make_bill(5 * bench.bill.lines, MANY_CUSTOMERS)
    program = bench.new_program("many")
    try:
        jobs.one(other(bench, bill, program, "one-of-many"))
    finally:
        program.remove()
        bill.remove()


class Renamed:
    """A report in which a job's rows have another name."""

    def __init__(self, report, job):
        self.report, self.job = report, job

    def add(self, row):
        job = f"{self.job}:{row.job.partition(':')[2]}"
        self.report.add(Row(job, row.who, row.measure, row.lines, row.bytes, row.bounds))


def other(bench, bill, program, job):
    """A bench on another bill, without peers."""
    return jobs.Bench(
        bill, program, [], bench.runs, bench.work, Renamed(bench.report, job), bench.make_bill, bench.new_program
    )


def memory(bench):
    """Five times the lines under a cap that the kernel keeps, and the peers' peaks without one."""
    bill = bench.make_bill(5 * bench.bill.lines, bench.bill.customers)
    program = bench.new_program("memory")
    if not cap_holds(jobs.PEAK_MIB):
        bench.report.note("memory: THIS SYSTEM DOES NOT KEEP THE CAP; peaks alone are told")
    try:
        exports = check.Exports(bill.truth())
        program.start_anew()
        capped(bench, bill, "import", program.import_)
        program.show(bill, jobs.OWNER_PRODUCT_DAY, bench.work / "sums.csv")
        bench.sums(jobs.OWNER_PRODUCT_DAY, bill.truth().by_owner_product_day)
        capped(bench, bill, "customers", program.export_customers)
        exports.check(program.out, per_customer=True)
        for peer in bench.peers:
            for job, run in (("import", peer.import_), ("customers", lambda bill: peer.export(bill, "customers"))):
                bench.report.add(Row(f"memory: {job}", peer.name, run(bill), bill.lines, bill.bytes))
            peer.forget(bill)
    finally:
        program.remove()
        bill.remove()


def capped(bench, bill, job, run):
    """Runs under the cap; where that fails, says so and runs without."""
    try:
        measure, held = run(bill, data_mib=jobs.PEAK_MIB), True
    except Failed as error:
        bench.report.note(f"memory: {job} fails with {jobs.PEAK_MIB} MiB of data: {str(error).splitlines()[-1]}")
        measure, held = run(bill), False
    bounds = (
        Bound("peak MiB", measure.peak_mib, jobs.PEAK_MIB),
        Bound("failures under the cap", 0 if held else 1, 0),
    )
    bench.report.add(Row(f"memory: {job}", "billkeep", measure, bill.lines, bill.bytes, bounds))


def growth(bench):
    """Whether a line costs the same in a larger month."""
    single = {}
    for times in (1, 2, 5, 10):
        bill = bench.bill if times == 1 else bench.make_bill(times * bench.bill.lines, bench.bill.customers)
        program = bench.new_program("growth")
        try:
            program.start_anew()
            imported = program.import_(bill)
            exported = program.export_month(bill)
            check.Exports(bill.truth()).check(program.out, rows_max=ROWS_PER_FILE)
            for job, measure in (("import", imported), ("month", exported)):
                ns = measure.wall_s / bill.lines * 1e9
                bounds = (
                    Bound("ns a line", ns),
                    Bound("ns at 1x", ns / single.setdefault(job, ns)),
                    Bound("peak MiB", measure.peak_mib, jobs.PEAK_MIB),
                )
                bench.report.add(Row(f"growth: {job}, {times}x", "billkeep", measure, bill.lines, bill.bytes, bounds))
        finally:
            program.remove()
            if bill is not bench.bill:
                bill.remove()

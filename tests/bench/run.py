#!/usr/bin/env python3
"""Runs whole jobs with billkeep and with its peers, in turn, checks the results, and prints the figures. See README.md here."""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import os
import platform
import signal
import subprocess
import tempfile
from pathlib import Path

import jobs
import peers
import slow_jobs
from bill import Bill, Mismatch
from measure import Failed
from program import Program
from report import Report

ROOT = Path(__file__).resolve().parents[2]

JOBS = {
    "import": jobs.import_,
    "rollup": jobs.rollup,
    "grouping": jobs.grouping,
    "open": jobs.open_,
    "customers": jobs.customers,
    "month": jobs.month,
    "daily": jobs.daily,
    "one": jobs.one,
}
SLOW = {"one-of-many": slow_jobs.one_of_many, "memory": slow_jobs.memory, "growth": slow_jobs.growth}


def say(text):
    print(text, file=sys.stderr, flush=True)


def names(known):
    """A reader of lists of names, `all` and `none`."""
    def read(text):
        chosen = {"all": list(known), "none": []}.get(text, text.split(","))
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]}: there are {', '.join(known)}")
        return chosen

    return read


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=names([*JOBS, *SLOW]), default=list(JOBS), metavar="NAMES",
                        help=f"{','.join(JOBS)} (default: these); slow: {','.join(SLOW)}; or all")
    parser.add_argument("--peers", type=names(peers.VERSIONS), default=list(peers.VERSIONS), metavar="NAMES",
                        help=f"{','.join(peers.VERSIONS)} (default) or none")
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of the month (default 1,000,000)")
    parser.add_argument("--customers", type=int, default=500, help="customers of the month (default 500)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3, help="rounds, of which medians are told (default 3)")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "billkeep-bench",
                        help="folder for bills, stores and peers; kept")
    parser.add_argument("--billkeep", type=Path, help="the program (default: this checkout's, built first)")
    parser.add_argument("--format", choices=["table", "markdown", "json"], default="table")
    return parser.parse_args()


def build(package):
    command = ["cargo", "build", "--quiet", "--release", "--package", package, "--target-dir", ROOT / "target"]
    subprocess.run(command, check=True, cwd=ROOT)
    return ROOT / "target" / "release" / package


def prepare(options):
    """Makes everything that the jobs are handed."""
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    generator = build("billkeep-fixtures")
    path = options.billkeep.resolve() if options.billkeep else build("billkeep")

    def make_bill(lines, customers, month="2021-03"):
        return Bill(generator, work, lines, customers, options.seed, month).make()

    def new_program(name):
        return Program(path, work / f"{name}.redb")

    warnings = []

    def warn(text):
        warnings.append(text)
        say(f"\n!!! {text}\n")

    others = peers.install(options.peers, work, warn)
    bill = make_bill(options.lines, options.customers)
    version = subprocess.run([path, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    about = {
        "lines": bill.lines, "bytes": bill.bytes, "customers": bill.customers, "seed": bill.seed,
        "runs": options.runs, "cores": os.cpu_count(),
        "programs": ", ".join([version, *(f"{peer.name} {peers.VERSIONS[peer.name]}" for peer in others)]),
        "system": f"{platform.system()} {platform.machine()}",
    }
    report = Report(about, say)
    for text in warnings:
        report.notes.append(text)
    program = new_program("billkeep")
    program.remove()  # an earlier program may have made it
    return jobs.Bench(bill, program, others, options.runs, work, report, make_bill, new_program)


def run(bench, chosen):
    for name in chosen:
        say(f"{name} ...")
        try:
            {**JOBS, **SLOW}[name](bench)
        except (Mismatch, Failed, OSError, subprocess.CalledProcessError, json.JSONDecodeError) as error:
            bench.report.fail(name, error)


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bench, code = None, 0
    try:
        bench = prepare(options)
        run(bench, options.jobs)
    except KeyboardInterrupt:
        code = 130
        say("\nstopped")
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")
    if bench is not None:
        print(bench.report.render(options.format))
        code = 1 if bench.report.wrong else code
    sys.exit(code)


if __name__ == "__main__":
    main()

"""What the runner found out: a row for each thing measured, with the bounds it was held against, and how that is written."""

import dataclasses
import json
from typing import Optional

from measure import Measure

HEADINGS = ["job", "who", "wall s", "CPU s", "peak MiB", "MB/s", "rows/s", "beside", "ratio", "CPU ratio", "goal", "met"]


@dataclasses.dataclass(frozen=True)
class Bound:
    """A figure of billkeep's beside a peer's, or beside a number; without a goal it is only told."""

    beside: str
    value: float
    goal: Optional[float] = None
    cpu_ratio: Optional[float] = None

    @property
    def met(self):
        return None if self.goal is None else self.value <= self.goal

    def cells(self):
        goal = "" if self.goal is None else f"<= {self.goal:.3g}"
        cpu = "" if self.cpu_ratio is None else number(self.cpu_ratio)
        return [self.beside, number(self.value), cpu, goal, {True: "yes", False: "NO", None: ""}[self.met]]


@dataclasses.dataclass(frozen=True)
class Row:
    job: str
    who: str
    measure: Optional[Measure]
    lines: int = 0
    bytes: int = 0
    bounds: tuple = ()

    def rates(self):
        """MB/s and rows/s; none where nothing goes through."""
        wall = self.measure.wall_s if self.measure else 0
        return [amount / wall if amount and wall else None for amount in (self.bytes / 1e6, self.lines)]

    def cells(self):
        """A line for each bound, and one at least."""
        first = [self.job, self.who, "", "", "", "", ""]
        if self.measure:
            figures = (self.measure.wall_s, self.measure.cpu_s, self.measure.peak_mib, *self.rates())
            first[2:] = ["" if figure is None else number(figure) for figure in figures]
        lines = [[*first, *bound.cells()] for bound in self.bounds] or [[*first, *[""] * 5]]
        return [lines[0], *([*[""] * 7, *line[7:]] for line in lines[1:])]

    def members(self):
        mb_s, rows_s = self.rates()
        figures = dataclasses.asdict(self.measure) if self.measure else {}
        bounds = [{**dataclasses.asdict(bound), "met": bound.met} for bound in self.bounds]
        rates = {"mb_s": mb_s, "rows_s": rows_s}
        return {"job": self.job, "who": self.who, **figures, **rates, "lines": self.lines, "bounds": bounds}


class Report:
    def __init__(self, about, listen):
        self.about, self.rows, self.notes, self.wrong = about, [], [], []
        self.listen = listen

    def add(self, *rows):
        self.rows.extend(rows)
        for line in (line for row in rows for line in row.cells()):
            self.listen("  " + "  ".join(cell for cell in line if cell))

    def note(self, text):
        """Something that a reader of the figures has to know."""
        self.notes.append(text)
        self.listen(f"  {text}")

    def fail(self, job, error):
        """A job whose figures are not to be believed."""
        self.rows = [row for row in self.rows if row.job.split(":")[0] != job]
        self.wrong.append(f"{job}: {error}")
        self.listen(f"!!! {job}: {error}")

    def render(self, form):
        return {"table": self.table, "markdown": self.markdown, "json": self.json}[form]()

    def title(self):
        about = self.about
        return (
            f"{about['lines']:,} lines, {about['bytes'] / 1e6:,.0f} MB, {about['customers']:,} customers,"
            f" seed {about['seed']}; medians of {about['runs']}; {about['cores']} cores; {about['programs']}"
        )

    def table(self):
        lines = [HEADINGS, *(line for row in self.rows for line in row.cells())]
        widths = [max(len(line[at]) for line in lines) for at in range(len(HEADINGS))]
        right = {2, 3, 4, 5, 6, 8, 9}
        text = [self.title(), ""]
        for line in lines:
            cells = (c.rjust(w) if at in right else c.ljust(w) for at, (c, w) in enumerate(zip(line, widths)))
            text.append("  ".join(cells).rstrip())
        return "\n".join([*text, "", *self.notes, *(f"WRONG: {what}" for what in self.wrong)])

    def markdown(self):
        rule = ["---", "---", *["---:"] * 5, "---", "---:", "---:", "---", "---"]
        lines = [HEADINGS, rule, *(line for row in self.rows for line in row.cells())]
        table = ["| " + " | ".join(line) + " |" for line in lines]
        notes = [f"- {note}" for note in (*self.notes, *(f"**WRONG**: {what}" for what in self.wrong))]
        return "\n".join([self.title(), "", *table, "", *notes])

    def json(self):
        rows = [row.members() for row in self.rows]
        whole = {"format": "billkeep.bench/1", **self.about, "rows": rows, "notes": self.notes, "wrong": self.wrong}
        return json.dumps(whole, indent=2, ensure_ascii=False)


def number(value):
    """Three digits that count, and never an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    for decimals, least in ((1, 10), (2, 1), (3, 0.1)):
        if abs(value) >= least:
            return f"{value:.{decimals}f}"
    return f"{value:.4f}"

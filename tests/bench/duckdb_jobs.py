"""The jobs as DuckDB does them, from a database that it made of the bill.

duckdb_jobs.py import CSV DB | group DB OUT.csv FIELDS | customers DB DIR | month DB DIR
"""

import sys
import zipfile
from pathlib import Path

import duckdb

import columns


def import_(source, target):
    with open(source, encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split(",")
    types = dict.fromkeys(names, "VARCHAR")
    types.update(dict.fromkeys(columns.ACCOUNTS, "BIGINT"))
    types.update(dict.fromkeys(columns.DECIMALS, "DECIMAL(38,8)"))
    types.update(dict.fromkeys(columns.TIMES, "TIMESTAMP"))
    with duckdb.connect(target) as database:
        database.execute(
            "CREATE TABLE bill AS SELECT * FROM read_csv(?, header = true, columns = ?, quote = '\"', escape = '\"',"
            " nullstr = ['-', ''])",
            [source, types],
        )


def group(source, target, fields):
    # What the bill shows as `-` came in as nothing.
    by = {
        "owner": f'"{columns.OWNER}"',
        "product": f"coalesce(\"{columns.PRODUCT}\", '-')",
        "day": f"coalesce(strftime(\"{columns.START}\", '%Y-%m-%d'), '-')",
        "region": f"coalesce(\"{columns.REGION}\", '-')",
        "project": f"coalesce(\"{columns.PROJECT}\", '-')",
    }
    shown = ", ".join(f"{by[field]} AS {field}" for field in fields.split(","))
    with duckdb.connect(source, read_only=True) as database:
        database.execute(
            f'COPY (SELECT {shown}, count(*) AS lines, sum("{columns.TOTAL}") AS total FROM bill'
            f" GROUP BY {fields} ORDER BY {fields}) TO '{target}' (HEADER)"
        )


def customers(source, folder):
    parts = Path(folder) / "parts"
    with duckdb.connect(source, read_only=True) as database:
        accounts = database.execute(f'SELECT count(DISTINCT "{columns.OWNER}") FROM bill').fetchone()[0]
        # A file stays open for each account; otherwise each would be written in many pieces.
        database.execute(f"SET partitioned_write_max_open_files = {min(accounts + 1, 10_000)}")
        database.execute(
            f"COPY bill TO '{parts}' (FORMAT csv, HEADER, PARTITION_BY (\"{columns.OWNER}\"), WRITE_PARTITION_COLUMNS)"
        )
    for part in sorted(parts.iterdir()):
        owner = part.name.split("=")[1]
        with zipped(folder, owner) as archive:
            for number, path in enumerate(sorted(part.iterdir()), 1):
                archive.write(path, f"{owner}-{number}.csv")


def month(source, folder):
    with duckdb.connect(source, read_only=True) as database, zipped(folder, "month") as archive:
        rows = database.execute("SELECT count(*) FROM bill").fetchone()[0]
        for number, first in enumerate(range(0, rows, columns.ROWS_PER_FILE), 1):
            path = Path(folder) / f"{number}.csv"
            database.execute(
                f"COPY (SELECT * FROM bill LIMIT {columns.ROWS_PER_FILE} OFFSET {first}) TO '{path}' (FORMAT csv, HEADER)"
            )
            archive.write(path, path.name)
            path.unlink()


def zipped(folder, stem):
    return zipfile.ZipFile(Path(folder) / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=6)


if __name__ == "__main__":
    jobs = {"import": import_, "group": group, "customers": customers, "month": month}
    jobs[sys.argv[1]](*sys.argv[2:])

"""The jobs as Polars does them, from a Parquet file that it made of the bill.

polars_jobs.py import CSV PARQUET | group PARQUET OUT.csv FIELDS | customers PARQUET DIR | month PARQUET DIR
"""

import io
import sys
import zipfile
from pathlib import Path

import polars

import columns


def import_(source, target):
    with open(source, encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split(",")
    types = dict.fromkeys(names, polars.String)
    types.update(dict.fromkeys(columns.ACCOUNTS, polars.Int64))
    types.update(dict.fromkeys(columns.DECIMALS, polars.Decimal(38, 8)))
    # Amounts alone: elsewhere `-` is a text like any other.
    nothing = dict.fromkeys(columns.DECIMALS, "-")
    bill = polars.scan_csv(source, schema=types, null_values=nothing)
    bill.sink_parquet(target, compression="zstd", compression_level=1)


def group(source, target, fields):
    by = {
        "owner": polars.col(columns.OWNER).alias("owner"),
        "product": polars.col(columns.PRODUCT).alias("product"),
        "day": polars.col(columns.START).str.slice(0, 10).alias("day"),
        "region": polars.col(columns.REGION).alias("region"),
        "project": polars.col(columns.PROJECT).alias("project"),
    }
    fields = fields.split(",")
    groups = polars.scan_parquet(source).group_by([by[field] for field in fields])
    sums = groups.agg(polars.len().alias("lines"), polars.col(columns.TOTAL).sum().alias("total"))
    sums.sort(fields).collect().write_csv(target)


def customers(source, folder):
    parts = polars.read_parquet(source).partition_by(columns.OWNER, as_dict=True, maintain_order=True)
    for (owner,), part in parts.items():
        with zipped(folder, owner) as archive:
            add(archive, f"{owner}.csv", part)


def month(source, folder):
    bill = polars.read_parquet(source)
    with zipped(folder, "month") as archive:
        for number, part in enumerate(bill.iter_slices(columns.ROWS_PER_FILE), 1):
            add(archive, f"{number}.csv", part)


def zipped(folder, stem):
    return zipfile.ZipFile(Path(folder) / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=6)


def add(archive, name, part):
    text = io.BytesIO()
    part.write_csv(text)
    archive.writestr(name, text.getbuffer())


if __name__ == "__main__":
    jobs = {"import": import_, "group": group, "customers": customers, "month": month}
    jobs[sys.argv[1]](*sys.argv[2:])

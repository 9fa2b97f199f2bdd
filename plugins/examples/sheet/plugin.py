"""Makes a spreadsheet (XLSX) of each CSV of a bill, and sends it: PUT {url}/{name}.xlsx."""

import csv
import encodings.cp437  # zip reads the names of files by it
import encodings.utf_8_sig  # and this is how a CSV may begin
import io
import json
import re
import zipfile
from urllib.parse import quote
from xml.sax.saxutils import escape

from billkeep_plugin import error, read_settings, send, setting, url_of
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.sink import Descriptor
from wit_world.imports import http
from wit_world.imports.types import ErrorKind, Receipt, WriteMode

OBJECT_BYTES_MAX = 8 << 20
READ_BYTES = 1 << 20
SHEET_ROWS_MAX = 1_048_576

SCHEMA = {
    "type": "object",
    "required": ["url"],
    "properties": {
        "url": {"type": "string", "x-host": True},
        "kind": {"type": "string", "enum": ["daily", "monthly", "reseller"], "default": "monthly"},
    },
}

# A number that a spreadsheet keeps as it is: no more digits than it has, and no zero in front that it would take away.
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
DIGITS_MAX = 15
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NS = "http://schemas.openxmlformats.org"


def settings(config):
    """Reads settings; returns them, and all that is wrong with them."""
    read, problems = read_settings(config)
    if problems:
        return read, problems
    problems = url_of(read)
    if read.get("kind", "monthly") not in ("daily", "monthly", "reseller"):
        problems.append(setting("kind", "`kind` is `daily`, `monthly` or `reseller`"))
    return read, problems


def column(n):
    """The name of a column: A, B, … Z, AA."""
    name = ""
    while True:
        name = chr(ord("A") + n % 26) + name
        n = n // 26 - 1
        if n < 0:
            return name


def cell(place, text):
    """A number, if it stays what it is; else the text."""
    if NUMBER.fullmatch(text) and sum(c.isdigit() for c in text) <= DIGITS_MAX:
        return f'<c r="{place}"><v>{text}</v></c>'
    # What XML cannot hold is left out.
    text = "".join(c for c in text if c >= " " or c in "\t\n\r")
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def sheet(rows):
    """Writes rows as a workbook of one sheet: the least that spreadsheets read."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:

        def put(name, text):
            # Without the time, so that the same bill gives the same bytes.
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            book.writestr(info, '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + text)

        put(
            "[Content_Types].xml",
            f'<Types xmlns="{NS}/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
            '<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
            "</Types>",
        )
        put(
            "_rels/.rels",
            f'<Relationships xmlns="{NS}/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{NS}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>'
            "</Relationships>",
        )
        put(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{NS}/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{NS}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
            "</Relationships>",
        )
        put(
            "xl/workbook.xml",
            f'<workbook xmlns="{NS}/spreadsheetml/2006/main" xmlns:r="{NS}/officeDocument/2006/relationships">'
            '<sheets><sheet name="bill" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        lines = []
        for number, row in enumerate(rows, 1):
            if number > SHEET_ROWS_MAX:
                raise Err(error(ErrorKind.REJECTED, "SHEET-ROWS", f"a sheet holds {SHEET_ROWS_MAX} rows; set `rows_per_file`"))
            cells = "".join(cell(f"{column(n)}{number}", text) for n, text in enumerate(row))
            lines.append(f'<row r="{number}">{cells}</row>')
        put(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{NS}/spreadsheetml/2006/main"><sheetData>{"".join(lines)}</sheetData></worksheet>',
        )
    return out.getvalue()


def read_all(data):
    whole = bytearray()
    while piece := data.read(len(whole), READ_BYTES):
        whole += piece
    return bytes(whole)


class Session(exports.sink.Session):
    def __init__(self, read):
        self.url = read["url"].rstrip("/")
        self.kind = read.get("kind", "monthly")

    def check(self):
        send("HEAD", f"{self.url}/", [], http.Body_None_())

    def put(self, object, data):
        tags = dict(object.tags)
        if tags.get("object") != "part" or tags.get("kind") != self.kind:
            return Receipt(f"{object.key} (no sheet is made of it)", object.size, None, [])
        try:
            with zipfile.ZipFile(io.BytesIO(read_all(data))) as part:
                books = {name: part.read(name).decode("utf-8-sig") for name in part.namelist() if name.endswith(".csv")}
        except (zipfile.BadZipFile, UnicodeDecodeError) as e:
            raise Err(error(ErrorKind.REJECTED, "SHEET-PART", f"`{object.key}` is no zip of CSVs: {e}")) from None
        for name, text in sorted(books.items()):
            book = sheet(csv.reader(io.StringIO(text, newline="")))
            url = f"{self.url}/{quote(name.removesuffix('.csv'), safe='')}.xlsx"
            send("PUT", url, [("content-type", TYPE), ("idempotency-key", object.idempotency_key)], http.Body_Bytes(book))
        return Receipt(f"{self.url}/ ({len(books)} sheets)", object.size, None, [])

    def commit(self, run_id, receipts):
        pass

    def abort(self, run_id):
        pass


class Sink(exports.Sink):
    def describe(self):
        modes = [WriteMode.IDEMPOTENT_PUT]
        return Descriptor("sheet", "0.1.0", json.dumps(SCHEMA), modes, OBJECT_BYTES_MAX, 1, "plugins/examples/sheet/README.md")

    def validate(self, config):
        return settings(config)[1]

    def open(self, config):
        read, problems = settings(config)
        if problems:
            raise Err(problems[0])
        return Session(read)

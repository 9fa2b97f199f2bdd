"""The published rules of shapes, written from their description alone: compares exports with the lines they were made of.

Arguments: the folder with the export of all lines, then pairs of a shape and the folder with its export. Shapes: l3-monthly, l2,
l1, pack, and l2/customer, l3-monthly/customer, l3/customer, l2/reseller and so on for divided ones.
"""
import csv
import io
import json
import os
import re
import sys
import zipfile
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, getcontext

getcontext().prec = 60

SPELLINGS = {
    "bill_month": ["billmonth", "billingmonth"], "payer": ["payeraccountid", "支付者uin"],
    "owner": ["owneraccountid", "使用者uin"], "reseller": ["reselleraccountid"],
    "product": ["productname", "产品名称"], "subproduct": ["subproductname", "子产品名称"],
    "mode": ["billingmode", "计费模式"], "project": ["projectname", "项目名称"], "region": ["region", "地域"],
    "instance": ["instanceid", "资源id"], "type": ["transactiontype", "交易类型"],
    "transaction_id": ["transactionid", "交易id"], "transaction_time": ["transactiontime", "扣费时间"],
    "order_id": ["orderid", "订单id"], "start": ["usagestarttime", "开始使用时间"],
    "end": ["usageendtime", "结束使用时间"], "component_type": ["componenttype", "组件类型"],
    "component": ["componentname", "组件名称"], "list_price": ["componentlistprice", "组件刊例价"],
    "contract_price": ["componentcontractedprice", "组件单价"],
    "price_unit": ["componentpricemeasurementunit", "组件价格单位"], "usage": ["componentusage", "组件用量"],
    "usage_unit": ["componentusageunit", "组件用量单位"], "duration": ["usageduration", "使用时长"],
    "duration_unit": ["durationunit", "时长单位"], "discount": ["discountrate", "discountmultiplier", "折扣率"],
    "blended": ["blendeddiscountmultiplier"], "currency": ["currency", "币种"], "tax_rate": ["taxrate"],
    "sp_rate": ["spdeductionrate", "savingsplandeductionrate"], "sp_deduct": ["spdeduction", "savingsplandeduction"],
    "ri_duration": ["rideduction(duration)"],
}
MONEY = {
    "total": ["totalcost(includingtax)", "totalcost"], "original_cost": ["originalcost", "组件原价", "组件原价(元)"],
    "after_discount": ["totalamountafterdiscount(excludingtax)", "totalamountafterdiscount", "优惠后总价", "优惠后总价(元)"],
    "voucher": ["voucherdeduction", "代金券支出", "代金券支出(元)"], "incentive": ["赠送账户支出", "赠送账户支出(元)"],
    "cash": ["cashpayment", "现金账户支出", "现金账户支出(元)"], "transfer": ["分成账户支出", "分成账户支出(元)"],
    "before_tax": ["amountbeforetax"], "tax_amount": ["taxamount"], "ri_deduct_cost": ["rideduction(cost)"],
    "sp_deduct_cost": ["spdeduction(cost)", "savingsplandeduction(cost)"], "before_voucher": ["totalamountbeforevoucher"],
    "customer_voucher": ["customervoucherdeduction"],
}
MERGED = {"hourlysettlement", "dailysettlement", "spot", "hourlyrifee", "hourlysavingsplanfee"}
L2_WITHOUT = {
    "component_type", "component", "list_price", "contract_price", "price_unit", "usage", "usage_unit", "duration",
    "duration_unit", "discount", "blended", "sp_rate", "sp_deduct", "ri_duration",
}
SPACE = " \t\r\n\u00a0\u3000"
problems = []


def fold(header):
    return re.sub(r"\s", "", header.replace("（", "(").replace("）", ")")).lower()


def meaning(header):
    for names in (SPELLINGS, MONEY):
        for name, spellings in names.items():
            if fold(header) in spellings:
                return name
    return None


def number(cell):
    text = cell.strip(SPACE)
    if text in ("", "-", "--"):
        return None
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None


def comparable(cell):
    """Numbers by value, texts to the letter."""
    value = number(cell)
    return ("number", value.normalize() + 0) if value is not None else ("text", cell.strip(SPACE))


def load(folder):
    names = sorted(os.listdir(folder))
    zips = [n for n in names if n.endswith(".zip")]
    assert len(zips) == 1, names
    stem = zips[0][:-4]
    manifest = json.load(open(os.path.join(folder, stem + ".manifest.json"), encoding="utf-8"))
    sheets = {}
    with zipfile.ZipFile(os.path.join(folder, zips[0])) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            rows = list(csv.reader(io.StringIO(archive.read(name).decode("utf-8"), newline="")))
            assert name.startswith(stem), name
            sheets[name[len(stem):]] = rows
    listed = [f["name"][len(stem):] for f in manifest["parts"][0]["files"]]
    assert listed == list(sheets), (listed, list(sheets))
    for file, rows in zip(manifest["parts"][0]["files"], sheets.values()):
        check(file["rows"] == len(rows) - 1, "%s: the manifest counts %d rows" % (file["name"], file["rows"]))
        check((file.get("columns") or manifest["columns"]) == rows[0], "%s: other columns in the manifest" % file["name"])
    return sheets, manifest


def check(right, words):
    if not right:
        problems.append(words)


class Lines:
    def __init__(self, sheets):
        self.headers, self.rows = None, []
        for rows in sheets.values():
            self.headers = self.headers or rows[0]
            assert rows[0] == self.headers
            self.rows += rows[1:]
        self.means = [meaning(h) for h in self.headers]
        self.implied = "" if "currency" in self.means else (
            "CNY" if any("元" in h for h in self.headers) else "")

    def at(self, name):
        return self.means.index(name) if name in self.means else None

    def cell(self, row, name):
        at = self.at(name)
        return "" if at is None else row[at].strip(SPACE)

    def currency(self, row):
        return self.cell(row, "currency") if self.at("currency") is not None else self.implied

    def total(self, row):
        """Bills that end at the price after discount have it for their total."""
        name = "total" if self.at("total") is not None else "after_discount"
        return number(self.cell(row, name)) or Decimal(0)

    def reseller(self, row):
        cell = self.cell(row, "reseller")
        return cell if re.fullmatch(r"[1-9][0-9]{8,11}", cell) else "none"


def is_merged(kind):
    folded = re.sub(r"\s", "", kind).lower()
    return folded in MERGED or folded.endswith(("小时结", "日结", "小时费用"))


def grouped(lines, rows, level):
    """Returns rows of (header -> cell), and what passes through."""
    groups, passing = {}, []
    for row in rows:
        if level == "l3-monthly" and not is_merged(lines.cell(row, "type")):
            passing.append(row)
            continue
        texts = ["owner", "currency", "reseller", "product", "instance", "mode", "type", "region"]
        numbers, summed = [], None
        if level == "l3-monthly":
            texts += ["subproduct", "component_type", "component", "price_unit"]
            numbers = ["discount", "list_price", "tax_rate"]
            name = lines.cell(row, "component").lower()
            by_usage = any(w in name for w in ("traffic", "bandwidth", "storage", "times", "流量", "带宽", "存储", "次数"))
            summed = "usage" if by_usage else "duration"
            numbers.append("duration" if by_usage else "usage")
        else:
            texts.append("project")
        key = (summed, lines.currency(row)) + tuple(lines.cell(row, t) for t in texts) + tuple(
            comparable(lines.cell(row, n)) for n in numbers)
        groups.setdefault(key, []).append(row)
    out = []
    for key, members in groups.items():
        summed, currency = key[0], key[1]
        texts = {"owner", "currency", "reseller", "product", "instance", "mode", "type", "region"}
        texts |= {"subproduct", "component_type", "component", "price_unit"} if level == "l3-monthly" else {"project"}
        numbers = {"discount", "list_price", "tax_rate", "usage", "duration"} if level == "l3-monthly" else set()
        made = []
        for at, name in enumerate(lines.means):
            cells = [row[at].strip(SPACE) for row in members]
            shown = [number(c) for c in cells if number(c) is not None]
            same = cells[0] if len(set(cells)) == 1 else "-"
            if name in MONEY or (summed and name == summed):
                made.append(sum(shown, Decimal(0)) if shown else same)
            elif name in texts:
                made.append(cells[0])
            elif name in numbers:
                made.append(min(cells))
            elif name in ("start", "end"):
                times = [c for c in cells if c not in ("", "-")]
                pick = min if name == "start" else max
                made.append(pick(times) if times else same)
            elif level == "l3-monthly" and name in ("order_id", "transaction_id", "transaction_time"):
                made.append("-")
            else:
                made.append(same)
        out.append((currency, members, made))
    return out, passing


def expected(lines, rows, level, payer):
    if level == "l3":
        return lines.headers, [list(row) for row in rows], {}
    keep = [i for i, m in enumerate(lines.means) if level != "l2" or m not in L2_WITHOUT]
    headers = [lines.headers[i] for i in keep]
    groups, passing = grouped(lines, rows, level)
    out, precision, texts = [], {}, {}
    for currency, members, made in groups:
        if level == "l2":
            held = (lines.cell(members[0], "owner"), currency, lines.cell(members[0], "reseller"))
            texts.setdefault(held, members[0])
            for at, name in enumerate(lines.means):
                if name in MONEY and isinstance(made[at], Decimal):
                    rounded = made[at].quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
                    slot = precision.setdefault(held, {})
                    slot[at] = slot.get(at, Decimal(0)) + made[at] - rounded
                    made[at] = rounded
        out.append([str(c) if not isinstance(c, Decimal) else format(c, "f") for c in made])
    out += [list(row) for row in passing]
    differences = {}
    for held, slots in precision.items():
        if any(slots.values()):
            row = []
            for at, name in enumerate(lines.means):
                if at in slots:
                    row.append(format(slots[at], "f"))
                    if name == ("total" if lines.at("total") is not None else "after_discount"):
                        differences[held[1]] = differences.get(held[1], Decimal(0)) + slots[at]
                elif name == "type":
                    row.append("billVirtualId")
                elif name == "payer":
                    row.append(payer)
                elif name in ("owner", "currency", "reseller"):
                    row.append(texts[held][at].strip(SPACE))
                elif name == "bill_month":
                    row.append(texts[held][at].strip(SPACE))
                else:
                    row.append("-")
            out.append(row)
    return headers, [[row[i] for i in keep] for row in out], differences


def compare(what, sheet_rows, headers, rows):
    check(sheet_rows[0] == headers, "%s: the headers are %r and should be %r" % (what, sheet_rows[0], headers))
    have = Counter(tuple(comparable(c) for c in row) for row in sheet_rows[1:])
    want = Counter(tuple(comparable(c) for c in row) for row in rows)
    for row, n in (have - want).items():
        problems.append("%s: %d too many: %r" % (what, n, [v for _, v in row]))
    for row, n in (want - have).items():
        problems.append("%s: %d missing: %r" % (what, n, [v for _, v in row]))


def totals(lines, rows):
    sums = {}
    for row in rows:
        currency = lines.currency(row)
        count, total = sums.get(currency, (0, Decimal(0)))
        sums[currency] = (count + 1, total + lines.total(row))
    return sums


def parts(sheets, mark):
    """The CSVs of a mark, with those that go on from it, as one."""
    found = [s for s in sheets if re.fullmatch(re.escape(mark) + r"(-[0-9]{3})?\.csv", s)]
    rows = []
    for name in found:
        rows += sheets[name][1:] if rows else sheets[name]
    return found, rows


def ties(lines, manifest, level, differences):
    want = totals(lines, lines.rows)
    have = {t["currency"]: t for t in manifest["ties"] if t["level"] == level}
    check(set(have) == set(want), "%s: ties for %r" % (level, sorted(have)))
    for currency, (count, total) in want.items():
        tie = have.get(currency)
        if tie:
            precision = differences.get(currency, Decimal(0))
            check(tie["lines"] == count, "%s: the tie counts %d lines of %d" % (level, tie["lines"], count))
            check(Decimal(tie["total"]) == total, "%s: the tie's total is %s, not %s" % (level, tie["total"], total))
            check(Decimal(tie["precision"]) == precision, "%s: precision %s, not %s" % (level, tie["precision"], precision))
            check(Decimal(tie["rows_total"]) + precision == total, "%s: the tie does not tie" % level)


def summaries(lines, sheets, manifest, mark):
    seen = []
    dimensions = [("product", "product"), ("project", "project"), ("region", "region"), ("mode", "billing-mode")]
    columns = [(lines.at(name), "-by-" + word) for name, word in dimensions if lines.at(name) is not None]
    tags = [i for i, h in enumerate(lines.headers) if re.split("[:：]", fold(h))[0] in ("tag_key", "tagkey", "标签键")
            and re.search("[:：]", h)]
    columns += [(at, "-by-tag-%02d" % (n + 1)) for n, at in enumerate(tags)]
    money = [name for name in MONEY if lines.at(name) is not None]
    order = ["total", "original_cost", "after_discount", "voucher", "incentive", "cash", "transfer", "before_tax",
             "tax_amount", "ri_deduct_cost", "sp_deduct_cost", "before_voucher", "customer_voucher"]
    money = [name for name in order if name in money or name == "total"]
    for at, word in columns:
        found, rows = parts(sheets, mark + word)
        seen += found
        if not rows:
            problems.append("no summary %s" % word)
            continue
        sums = {}
        for row in lines.rows:
            key = (row[at].strip(SPACE), lines.currency(row))
            entry = sums.setdefault(key, [0] + [Decimal(0)] * len(money))
            entry[0] += 1
            for n, name in enumerate(money):
                entry[n + 1] += lines.total(row) if name == "total" else number(lines.cell(row, name)) or 0
        want = [[value, currency] + [str(e[0])] + [format(a, "f") for a in e[1:]] for (value, currency), e in sums.items()]
        compare(word, rows, [lines.headers[at], "Currency", "Lines"] + money, want)
    ties(lines, manifest, "l1", {})
    return seen


def main():
    base, manifest = load(sys.argv[1])
    lines = Lines(base)
    payer = manifest["payer"]
    for shape, folder in zip(sys.argv[2::2], sys.argv[3::2]):
        sheets, manifest = load(folder)
        level, _, per = shape.partition("/")
        check(manifest["form"]["shape"] == level, "the manifest's shape is %r" % manifest["form"])
        seen = []
        if level in ("l1", "pack"):
            seen += summaries(lines, sheets, manifest, "-l1" if level == "pack" else "")
        if level == "pack":
            for inner in ("l2", "l3"):
                found, rows = parts(sheets, "-" + inner)
                seen += found
                headers, want, differences = expected(lines, lines.rows, inner, payer)
                compare("pack " + inner, rows, headers, want)
                ties(lines, manifest, inner, differences)
        elif level != "l1":
            pick = {"customer": lambda r: lines.cell(r, "owner"), "reseller": lines.reseller}.get(per)
            marks = {""} if pick is None else {"-" + pick(row) for row in lines.rows}
            all_differences = {}
            for mark in sorted(marks):
                rows = [row for row in lines.rows if pick is None or "-" + pick(row) == mark]
                found, have = parts(sheets, mark)
                seen += found
                headers, want, differences = expected(lines, rows, level, payer)
                compare(shape + mark, have or [[]], headers, want)
                for currency, difference in differences.items():
                    all_differences[currency] = all_differences.get(currency, Decimal(0)) + difference
            ties(lines, manifest, level, all_differences)
        rows = sum(len(rows) - 1 for rows in sheets.values())
        counted = sum(tie["rows"] for tie in manifest["ties"])
        check(counted == rows, "%s: the ties count %d rows of %d" % (shape, counted, rows))
        check(sorted(seen) == sorted(sheets), "%s: the files are %r, and %r were looked for" % (shape, sorted(sheets), sorted(seen)))
    if problems:
        sys.exit("\n".join(problems[:20]))


main()

"""The strict reading of the rules of shapes: cell by cell to the letter, in order, with files, ties and sums.

Written from the text of the rules, without sight of the renderer. Prints nothing when all is well; else what differs, and ends with 1.
Arguments: the folder with the l3 export, the rows that a CSV may have (0: any number), then pairs of SHAPE[/PER] and a folder.
"""
import csv
import json
import os
import sys
import zipfile
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, setcontext

# Inexact work stops the script rather than pass unseen.
setcontext(Context(prec=200, traps=[Inexact]))
CENT = Decimal("0.01")
ROUNDING = "2 decimals, half away from zero"

# Canonical names and how bills spell them, without case and spaces.
PLAIN = """bill_month=billmonth|bill_day=billingday|payer=payeraccountid,支付者uin|owner=owneraccountid,使用者uin
reseller=reselleraccountid|product=productname,产品名称|subproduct=subproductname,子产品名称|mode=billingmode,计费模式
project=projectname,项目名称|region=region,地域|instance=instanceid,资源id|type=transactiontype,交易类型
transaction_id=transactionid,交易id|transaction_time=transactiontime,扣费时间|order=orderid,订单id
start=usagestarttime,开始使用时间|end=usageendtime,结束使用时间|component_type=componenttype,组件类型
component=componentname,组件名称|list_price=componentlistprice,组件刊例价|contract=componentcontractedprice,组件单价
price_unit=componentpricemeasurementunit,组件价格单位|usage=componentusage,组件用量|usage_unit=componentusageunit,组件用量单位
duration=usageduration,使用时长|duration_unit=durationunit,时长单位|ri_duration=rideduction(duration)
sp_deduct=spdeduction,savingsplandeduction|sp_rate=spdeductionrate,savingsplandeductionrate
discount=discountrate,discountmultiplier,折扣率|blended=blendeddiscountmultiplier|currency=currency|tax_rate=taxrate"""
MONEY = """total=totalcost(includingtax),totalcost|original_cost=originalcost,组件原价|voucher=voucherdeduction,代金券支出(元)
after_discount=totalamountafterdiscount(excludingtax),优惠后总价,优惠后总价(元)|incentive=赠送账户支出(元)|cash=现金账户支出(元)
transfer=分成账户支出(元)|before_tax=amountbeforetax|tax_amount=taxamount|ri_deduct_cost=rideduction(cost)
sp_deduct_cost=spdeduction(cost),savingsplandeduction(cost)|before_voucher=totalamountbeforevoucher
customer_voucher=customervoucherdeduction"""


def names(table):
    pairs = (entry.split("=") for entry in table.replace("\n", "|").split("|"))
    return {spelling: name for name, spellings in pairs for spelling in spellings.split(",")}


PLAIN, MONEY = names(PLAIN), names(MONEY)
MERGED = {"hourlysettlement", "dailysettlement", "spot", "hourlyrifee", "hourlysavingsplanfee"}
BY_USAGE = ("traffic", "bandwidth", "storage", "times", "流量", "带宽", "存储", "次数")
# In the order of the table in docs/COLUMNS.md, by which groups are sorted; the rules do not say where numbers come in.
MONTHLY_KEY = ["product", "subproduct", "mode", "region", "instance", "type", "component_type", "component", "price_unit"]
MONTHLY_SORTED = 8
MONTHLY_NUMBERS = ["discount", "list_price", "tax_rate"]
L2_KEY = ["product", "mode", "project", "region", "instance", "type"]
L2_WITHOUT = {
    "component_type", "component", "list_price", "contract", "price_unit", "usage", "usage_unit", "duration", "duration_unit",
    "discount", "blended", "sp_rate", "sp_deduct", "ri_duration",
}
wrong = []


def must(right, what, *values):
    if not right:
        wrong.append(" ".join([what] + ["%r" % (v,) for v in values]))


def squeeze(text):
    return "".join(text.split()).lower()


def number(cell):
    text = cell.strip().replace(",", "")
    if text in ("", "-", "--"):
        return None
    try:
        value = Decimal(text)
    except ArithmeticError:
        return None
    return value if value.is_finite() else None


def by_value(cell):
    value = number(cell)
    return (1, cell.strip()) if value is None else (0, value)


class Bill:
    """The lines of the l3 export, in its order, as (place, cells)."""

    def __init__(self, files):
        self.header = next(iter(files.values()))[0]
        self.lines = []
        for rows in files.values():
            must(rows[0] == self.header, "l3: a CSV has another header", rows[0])
            self.lines += rows[1:]
        self.lines = list(enumerate(self.lines))
        self.money = [MONEY.get(squeeze(h)) for h in self.header]
        self.means = [m or PLAIN.get(squeeze(h)) for h, m in zip(self.header, self.money)]
        self.where = {m: i for i, m in enumerate(self.means) if m}
        yuan = any("元" in h for h in self.header)
        self.unsaid = "CNY" if yuan else ""
        self.total_name = "total" if "total" in self.where else "after_discount"

    def get(self, cells, name):
        return cells[self.where[name]].strip() if name in self.where else ""

    def currency(self, cells):
        return self.get(cells, "currency") if "currency" in self.where else self.unsaid

    def amount(self, cells, name):
        return number(self.get(cells, self.total_name if name == "total" else name)) or Decimal(0)

    def holder(self, cells):
        """Whose lines never join: owner, currency, reseller."""
        return int(self.get(cells, "owner")), self.currency(cells), self.get(cells, "reseller")


def read(folder):
    here = sorted(n for n in os.listdir(folder) if not n.startswith("."))
    zips = [n[:-4] for n in here if n.endswith(".zip")]
    must(len(zips) == 1 and here == sorted([zips[0] + ".zip", zips[0] + ".manifest.json"]), "not one zip and manifest:", here)
    stem = zips[0]
    with open(os.path.join(folder, stem + ".manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    files = {}
    with zipfile.ZipFile(os.path.join(folder, stem + ".zip")) as archive:
        for name in archive.namelist():
            must(name.startswith(stem) and name not in files, "a CSV is not named after the zip:", name)
            text = archive.read(name).decode("utf-8")
            files[name[len(stem):]] = list(csv.reader(text.splitlines(keepends=True), strict=True))
    listed = manifest["parts"][0]["files"]
    must([f["name"] for f in listed] == [stem + n for n in files], "the manifest lists other files:", [f["name"] for f in listed])
    for entry, (name, rows) in zip(listed, files.items()):
        must(rows and entry["rows"] == len(rows) - 1, "manifest: rows of", name, entry["rows"])
        must(entry.get("columns", manifest["columns"]) == rows[0], "manifest: columns of", name)
    must(manifest["rows"] == sum(len(r) - 1 for r in files.values()), "manifest: rows", manifest["rows"])
    return files, manifest


def chain(files, mark, rows_max, first_bare=True):
    """Takes the CSVs of a mark out of the files: header and rows."""
    found = [mark + ".csv"] if mark + ".csv" in files else [mark + "-001.csv"]
    while mark + "-%03d.csv" % (len(found) + 1) in files:
        found.append(mark + "-%03d.csv" % (len(found) + 1))
    if found[0] not in files:
        wrong.append("there is no CSV `%s.csv`" % mark)
        return [], []
    must(first_bare or len(found) == 1 or found[0].endswith("-001.csv"), "the first of several l3 CSVs is", found[0])
    must(not first_bare or found[0] == mark + ".csv", "the first CSV is", found[0])
    sheets = [files.pop(name) for name in found]
    must(all(s[0] == sheets[0][0] for s in sheets), "CSVs that go on have other headers:", mark)
    sizes = [len(s) - 1 for s in sheets]
    if rows_max:
        must(all(n == rows_max for n in sizes[:-1]) and 0 < sizes[-1] <= rows_max, "rows of each CSV of", mark, sizes)
    else:
        must(len(sizes) == 1, "several CSVs without need:", mark, sizes)
    return sheets[0][0], [row for sheet in sheets for row in sheet[1:]]


def merges(kind):
    kind = squeeze(kind)
    return kind in MERGED or kind.endswith(("小时结", "日结", "小时费用"))


def same(cells):
    return cells[0].strip() if len({c.strip() for c in cells}) == 1 else "-"


def merge(bill, members, summed, smallest, blanked):
    """One row of several lines: text, or Decimal where an amount is summed."""
    row = []
    for at, name in enumerate(bill.means):
        cells = [cells[at] for _, cells in members]
        shown = [v for v in map(number, cells) if v is not None]
        if name and (bill.money[at] or name == summed):
            row.append(sum(shown, Decimal(0)) if shown else same(cells))
        elif name in blanked:
            row.append("-")
        elif name in ("start", "end"):
            times = [c.strip() for c in cells if c.strip() not in ("", "-")]
            row.append((min if name == "start" else max)(times) if times else same(cells))
        elif name in smallest:
            row.append(min(c.strip() for c in cells))
        else:
            row.append(same(cells))
    return row


def monthly(bill, lines):
    """(order, row) of all rows; those that pass through stay as they are, to the letter."""
    groups, out = {}, []
    for place, cells in lines:
        holder = bill.holder(cells)
        if not merges(bill.get(cells, "type")):
            out.append(((holder[0], 1, place), list(cells)))
            continue
        component = bill.get(cells, "component").lower()
        kept, summed = ("duration", "usage") if any(w in component for w in BY_USAGE) else ("usage", "duration")
        texts = tuple(bill.get(cells, n) for n in MONTHLY_KEY)
        values = tuple(by_value(bill.get(cells, n)) for n in MONTHLY_NUMBERS + [kept])
        groups.setdefault((holder, texts, values, kept, summed), []).append((place, cells))
    for (holder, texts, _, kept, summed), members in groups.items():
        row = merge(bill, members, summed, MONTHLY_NUMBERS + [kept], ("order", "transaction_id", "transaction_time"))
        out.append(((holder[0], 0, holder[1], holder[2]) + texts[:MONTHLY_SORTED], row))
    return bill.header, out, {}


def by_resource(bill, lines):
    groups, left, out = {}, {}, []
    for place, cells in lines:
        groups.setdefault((bill.holder(cells), tuple(bill.get(cells, n) for n in L2_KEY)), []).append((place, cells))
    for (holder, texts), members in groups.items():
        row = merge(bill, members, None, (), ())
        rest = left.setdefault(holder, (members[0][1], {}))[1]
        for at, cell in enumerate(row):
            if bill.money[at] and isinstance(cell, Decimal):
                row[at] = cell.quantize(CENT, rounding=ROUND_HALF_UP, context=Context(prec=200))
                rest[at] = rest.get(at, Decimal(0)) + cell - row[at]
        out.append(((holder[0], 0, holder[1], holder[2]) + texts, row))
    precision = {}
    for holder, (cells, rest) in left.items():
        if not any(rest.values()):
            continue
        row = []
        for at, name in enumerate(bill.means):
            filled = name in ("payer", "owner", "reseller", "currency", "bill_month")
            row.append(rest[at] if at in rest else "billVirtualId" if name == "type" else cells[at].strip() if filled else "-")
        out.append(((holder[0], 1) + holder[1:], row))
        at = bill.where[bill.total_name]
        precision[holder[1]] = precision.get(holder[1], Decimal(0)) + rest.get(at, Decimal(0))
    keep = [i for i, name in enumerate(bill.means) if name not in L2_WITHOUT]
    return [bill.header[i] for i in keep], [(order, [row[i] for i in keep]) for order, row in out], precision


def whole(bill, lines):
    return bill.header, [((place,), list(cells)) for place, cells in lines], {}


LEVELS = {"l3": whole, "l3-monthly": monthly, "l2": by_resource}


def compare(what, have, want, money):
    """Each row that is there takes one that should be; the order of those taken must rise."""
    index, summed_at = {}, {}
    for order, row in sorted(want, key=lambda pair: pair[0]):
        marks = tuple(i for i, c in enumerate(row) if isinstance(c, Decimal))
        summed_at[marks] = None
        key = (marks,) + tuple(c.normalize() + 0 if isinstance(c, Decimal) else c for c in row)
        index.setdefault(key, []).append(order)
    last, count = None, 0
    for row in have:
        for marks in summed_at:
            key = (marks,) + tuple(
                (number(c).normalize() + 0 if number(c) is not None else c) if i in marks else c for i, c in enumerate(row))
            if index.get(key):
                order = index[key].pop(0)
                must(last is None or last <= order, "%s: row out of order:" % what, row)
                last = order
                for i in marks:
                    plain = row[i].lstrip("-").replace(".", "", 1)
                    must(plain.isascii() and plain.isdigit(), "%s: a sum is written as" % what, row[i])
                    must(number(row[i]) != 0 or not row[i].startswith("-"), "%s: a sum is minus nothing:" % what, row[i])
                    ends = what.startswith("l2") and money[i] and order[1] == 0
                    must(not ends or row[i][-3:-2] == ".", "%s: not 2 decimals:" % what, row[i])
                break
        else:
            wrong.append("%s: row too many: %r" % (what, row))
    for key, orders in index.items():
        if orders:
            wrong.append("%s: %d missing: %s" % (what, len(orders), [str(c) for c in key[1:]]))


def adds_up(what, bill, header, rows, lines):
    """Every money column of the CSV has the exact sum of the bill's lines, by currency."""
    inside = Bill({"": [header] + rows})
    for name in filter(None, bill.money):
        want, have = {}, {}
        for sums, of, these in ((want, bill, lines), (have, inside, inside.lines)):
            for _, cells in these:
                money = of.currency(cells)
                sums[money] = sums.get(money, Decimal(0)) + of.amount(cells, name)
        must(want == have, "%s: `%s` adds up to" % (what, name), *({k: str(v) for k, v in s.items()} for s in (have, want)))


def tie(bill, manifest, level, rows, precision):
    ties = [t for t in manifest["ties"] if t["level"] == level]
    lines = {}
    for _, cells in bill.lines:
        lines.setdefault(bill.currency(cells), []).append(bill.amount(cells, "total"))
    must([t["currency"] for t in ties] == sorted(lines), "%s: ties of" % level, [t["currency"] for t in ties])
    for t in ties:
        amounts = lines.get(t["currency"], [])
        total, rest = sum(amounts, Decimal(0)), precision.get(t["currency"], Decimal(0))
        must(t["lines"] == len(amounts), "%s: tie: lines" % level, t)
        must(Decimal(t["total"]) == total, "%s: tie: total" % level, t, str(total))
        must(Decimal(t["precision"]) == rest, "%s: tie: precision" % level, t, str(rest))
        must(Decimal(t["rows_total"]) == total - rest, "%s: tie: rows_total" % level, t, str(total - rest))
        if "rows" in t and rows is not None:
            must(t["rows"] == rows.get(t["currency"]), "%s: tie: rows" % level, t, rows)


def lined(bill, files, manifest, level, per, mark, rows_max):
    pick = {"customer": lambda c: str(bill.holder(c)[0]), "reseller": lambda c: bill.get(c, "reseller")}.get(per)
    shares = {}
    for line in bill.lines:
        share = pick(line[1]) if pick else ""
        shares.setdefault("none" if pick and share in ("", "-") else share, []).append(line)
    rests, counts = {}, {}
    for share, lines in shares.items():
        name = mark + ("-" + share if pick else "")
        what = level + name
        header, want, precision = LEVELS[level](bill, lines)
        if pick and level == "l3":
            want = [((bill.holder(row)[0],) + order, row) for order, row in want]
        top, have = chain(files, name, rows_max, first_bare=level != "l3" or bool(mark) or bool(pick))
        must(top == header, "%s: the header is" % what, top)
        money = [MONEY.get(squeeze(h)) for h in header]
        compare(what, have, want, money)
        adds_up(what, bill, header, have, lines)
        for currency, rest in precision.items():
            rests[currency] = rests.get(currency, Decimal(0)) + rest
        for row in have:
            at = header.index(bill.header[bill.where["currency"]]) if "currency" in bill.where else None
            currency = bill.unsaid if at is None else row[at].strip()
            counts[currency] = counts.get(currency, 0) + 1
    tie(bill, manifest, level, counts, rests)


def summary(bill, files, manifest, mark, rows_max):
    tags = [i for i, h in enumerate(bill.header) if squeeze(h).replace("tagkey", "tag_key").startswith(("tag_key:", "标签键:"))]
    sheets = [(bill.where[n], w) for n, w in (("product", "product"), ("project", "project"), ("region", "region"),
                                              ("mode", "billing-mode")) if n in bill.where]
    sheets += [(at, "tag-%02d" % n) for n, at in enumerate(tags, 1)]
    for at, word in sheets:
        what = "l1 by " + word
        header, have = chain(files, "%s-by-%s" % (mark, word), rows_max)
        money = header[3:]
        must(header[:3] == [bill.header[at], "Currency", "Lines"] and money[:1] == ["total"], what + ": the header is", header)
        must(len(set(money)) == len(money) and set(money) == set(filter(None, bill.money)) | {"total"}, what + ": money is", money)
        want = {}
        for _, cells in bill.lines:
            sums = want.setdefault((cells[at].strip(), bill.currency(cells)), [0] + [Decimal(0)] * len(money))
            sums[0] += 1
            for n, name in enumerate(money, 1):
                sums[n] += bill.amount(cells, name)
        must([(r[0], r[1]) for r in have] == sorted(want), what + ": values are", [r[:2] for r in have], sorted(want))
        for row in have:
            sums = want.get((row[0], row[1]))
            must(sums and [Decimal(c) for c in row[2:]] == sums, what + ": sums of", row, sums and [str(s) for s in sums])
    tie(bill, manifest, "l1", None, {})


def main():
    files, base = read(sys.argv[1])
    bill = Bill(files)
    must("form" not in base, "the default export's manifest tells its form")
    rows_max = int(sys.argv[2])
    for shape, folder in zip(sys.argv[3::2], sys.argv[4::2]):
        level, _, per = shape.partition("/")
        files, manifest = read(folder)
        form = manifest.get("form", {})
        must((form.get("shape"), form.get("per")) == (level, per or "consolidated"), "%s: the form is" % shape, form)
        must(manifest["totals"] == base["totals"], "%s: totals differ from those of l3:" % shape, manifest["totals"])
        must((manifest.get("rounding") == ROUNDING) == (level in ("l2", "pack")), "%s: rounding is" % shape, manifest.get("rounding"))
        if level in ("l1", "pack"):
            summary(bill, files, manifest, "-l1" if level == "pack" else "", rows_max)
        for inner in ("l2", "l3") if level == "pack" else () if level == "l1" else (level,):
            lined(bill, files, manifest, inner, per, "-" + inner if level == "pack" else "", rows_max)
        want = {"pack": {"l1", "l2", "l3"}}.get(level, {level})
        must({t["level"] for t in manifest["ties"]} == want, "%s: ties of levels" % shape, manifest["ties"])
        must(not files, "%s: files that no rule names:" % shape, list(files))
    if wrong:
        print("\n".join(wrong[:20] + ["… and %d more" % (len(wrong) - 20)] * (len(wrong) > 20)))
        sys.exit(1)


if __name__ == "__main__":
    main()

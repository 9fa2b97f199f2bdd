//! Words and sentences of the libraries that fields hold, in Chinese.

use std::borrow::Cow;

/// The fields that hold words and sentences of the libraries. What somebody wrote is never taken for one.
const SPOKEN: [&str; 16] = [
    "cause",
    "expected",
    "found",
    "kind",
    "missing",
    "needs",
    "new_mode",
    "of",
    "old_mode",
    "other",
    "parent_role",
    "role",
    "state",
    "wanted",
    "what",
    "whose",
];

/// Each in English, and in Chinese. `{}` stands for any text, which is `{1}`, `{2}` and so on in Chinese, and may be one of these.
const PHRASES: &[(&str, &str)] = &[
    // What bills, files, disputes and deliveries are.
    ("open", "未出账"),
    ("issued", "已出账"),
    ("confirmed", "已确认"),
    ("disputed", "有异议"),
    ("accepted", "已接受"),
    ("discarded", "已放弃"),
    ("sent", "已发送"),
    ("settled", "已结清"),
    ("rejected", "未被采纳"),
    ("withdrawn", "已撤回"),
    ("planned", "已计划"),
    ("uploading", "上传中"),
    ("uploaded", "已上传"),
    ("checked", "已核验"),
    ("delivered", "已投递"),
    ("removing", "移除中"),
    ("removed", "已移除"),
    ("abandoned", "已放弃"),
    ("daily", "日明细"),
    ("monthly", "月明细"),
    ("cumulative", "月初至今"),
    ("adjustment", "调整"),
    ("day", "单日"),
    // People, and whose lines they are.
    ("viewer", "查看者"),
    ("operator", "操作员"),
    ("approver", "审批者"),
    ("admin", "管理员"),
    ("payer", "支付者"),
    ("reseller", "经销商"),
    ("customer", "客户"),
    ("sub-account", "子账号"),
    ("the partner itself", "合作伙伴自身"),
    ("all accounts", "所有账号"),
    ("all customers", "所有客户"),
    ("a second-level reseller's customers", "二级经销商的客户"),
    ("make one first", "请先设置一位"),
    ("the last one cannot be removed while others are there", "还有其他用户时，不能移除最后一位"),
    // Why a bill stays as it is.
    ("the month is not complete", "本月账单尚未出全"),
    ("only an open bill can be issued", "只有未出账的账单才能标记为已出全"),
    ("it was confirmed before", "此前已确认"),
    ("only a confirmed bill can be reopened", "只有已确认的账单才能重新打开"),
    ("disputes about it are not settled", "相关异议尚未结束"),
    ("its decision was put off once already", "已暂缓确认过一次"),
    ("`{}` covers it, which the bill holds as load {}", "账单中的 `{1}`（导入 {2}）已包含该日"),
    ("it is not a day of {}", "它不在 {1} 内"),
    ("it is after the last day, {}", "它晚于最后一天 {1}"),
    // Why a file is not imported.
    ("it is a folder", "是文件夹"),
    ("it begins like no CSV, zip or gzip file", "开头不像 CSV、zip 或 gzip 文件"),
    ("it cannot be kept in `{}` while it is read: {}", "读取时无法暂存到 `{1}`：{2}"),
    (
        "it is an Excel workbook (.xls): save its sheet as “CSV UTF-8”, and import that",
        "是 Excel 工作簿（.xls）：请将工作表另存为“CSV UTF-8”后导入",
    ),
    (
        "it is a zip, or a workbook (.xlsx): unzip it, or save its sheet as “CSV UTF-8”, and import that",
        "是 zip 或工作簿（.xlsx）：请解压，或将工作表另存为“CSV UTF-8”后导入",
    ),
    (
        "it is a spreadsheet's workbook: save its sheet as “CSV UTF-8”, and import that",
        "是电子表格工作簿：请将工作表另存为“CSV UTF-8”后导入",
    ),
    ("it is packed with {}: unpack it, and import the CSV", "是 {1} 压缩文件：请解压后导入 CSV"),
    ("it is a tar archive: unpack it, and import the CSVs in it", "是 tar 归档：请解开后导入其中的 CSV"),
    (
        "it is one part of a zip that was split: put the parts together, and import the whole zip",
        "是分卷 zip 的一部分：请合并各部分后导入整个 zip",
    ),
    (
        "it is a program, as a zip that unpacks itself is: unzip it, and import the CSVs in it",
        "是程序，例如自解压 zip：请解压后导入其中的 CSV",
    ),
    ("it is {}, not a CSV: download the bill as CSV", "是 {1}，不是 CSV：请下载 CSV 格式的账单"),
    ("its packed data is cut; download it again", "压缩数据不完整；请重新下载"),
    (
        "the zip has no directory at its end, so it is cut; download it again",
        "zip 末尾没有目录，文件不完整；请重新下载",
    ),
    ("the zip is damaged: {}; download it again", "zip 已损坏：{1}；请重新下载"),
    ("entry `{}` is damaged: {}; download the zip again", "条目 `{1}` 已损坏：{2}；请重新下载 zip"),
    ("the zip has more than {} entries", "zip 的条目超过 {1} 个"),
    ("the zip holds no CSV", "zip 中没有 CSV"),
    ("two entries have the same name: `{}`", "两个条目同名：`{1}`"),
    (
        "entry `{}` is encrypted: unzip it with its password, and import the CSV",
        "条目 `{1}` 已加密：请用密码解压后导入 CSV",
    ),
    (
        "entry `{}` is a zip in the zip: unzip the outer one, and import what is in it",
        "条目 `{1}` 是 zip 中的 zip：请解压外层后导入其中的内容",
    ),
    (
        "entry `{}` is not a CSV: save its sheet as “CSV UTF-8”, and import that",
        "条目 `{1}` 不是 CSV：请将工作表另存为“CSV UTF-8”后导入",
    ),
    (
        "entry `{}` is an archive in the zip: unzip both, and import the CSVs",
        "条目 `{1}` 是 zip 中的压缩文件：请全部解压后导入 CSV",
    ),
    (
        "{}; unzip it, make a new zip of the CSVs, and import that",
        "{1}；请解压，用其中的 CSV 重新制作 zip 后导入",
    ),
    ("it unpacks to far more than a bill does, as a zip bomb would", "解压后的大小远超账单，像是 zip 炸弹"),
    (
        "its CSVs are of different levels (L2 and L3), which hold the same money",
        "其中的 CSV 明细级别不同（L2 和 L3），包含相同的金额",
    ),
    ("neither its name nor its lines tell the day", "文件名和明细都没有说明日期"),
    ("its lines are of {}, which does not lie in {}", "明细的日期为 {1}，不在 {2} 内"),
    (
        "its lines are of {} to {}, and a `day` file has the lines of one day",
        "明细的日期为 {1} 至 {2}，而 `day` 文件只含一天的明细",
    ),
    ("its name says {}, and the month is {}", "文件名为 {1}，而月份为 {2}"),
    ("its name is that of {}, and the import names mode `{}`", "文件名表示{1}，而导入指定了 `{2}`"),
    ("a complete month", "整月"),
    ("a day", "单日"),
    ("its lines say payer {}, and {}", "明细的支付者为 {1}，而{2}"),
    ("its lines say bill month {}, and {}", "明细的账单月份为 {1}，而{2}"),
    ("its name says {}, and {}", "文件名为 {1}，而{2}"),
    ("the import names payer {}, and {}", "导入指定的支付者为 {1}，而{2}"),
    ("its name says {}", "文件名为 {1}"),
    ("the import names payer {}", "导入指定的支付者为 {1}"),
    ("the import names month {}", "导入指定的月份为 {1}"),
    ("the store is of payer {}", "账单库的支付者为 {1}"),
    ("{}; {}: {} was expected, and the file has {}", "{1}；{2}：应为 {3}，而文件为 {4}"),
    ("{}: {} was expected, and the file has {}", "{1}：应为 {2}，而文件为 {3}"),
    ("lines", "行数"),
    ("total", "合计"),
    // Why a cell cannot be read.
    ("an amount", "金额"),
    (
        "a spreadsheet rewrote this file and cut the digits; import the original file",
        "电子表格软件改写了此文件并截断了数字；请导入原始文件",
    ),
    (
        "a spreadsheet rewrote this file and lost part of the time; import the original file",
        "电子表格软件改写了此文件并丢失了部分时间；请导入原始文件",
    ),
    (
        "it is a spreadsheet's day number; a spreadsheet rewrote this file, import the original file",
        "是电子表格的日期序号；文件被电子表格软件改写，请导入原始文件",
    ),
    (
        "it is an error of a spreadsheet, which rewrote this file; import the original file",
        "是电子表格的错误值；文件被电子表格软件改写，请导入原始文件",
    ),
    (
        "a program rewrote this id as a number with decimals, and its last digits may be wrong; import the original file",
        "某个程序将此编号改写为带小数的数字，末尾几位可能有误；请导入原始文件",
    ),
    ("it has {} digits, and the limit is {}", "有 {1} 位数字，上限为 {2} 位"),
    ("it has {} decimals, and the limit is {}", "有 {1} 位小数，上限为 {2} 位"),
    (
        "its comma may be a decimal mark or separate thousands; write the amount with a point",
        "逗号可能是小数点，也可能是千位分隔符；请用点作小数点",
    ),
    (
        "it has the sign `{}`, which does not agree with the currency of the line",
        "含有符号 `{1}`，与该行的币种不符",
    ),
    ("there is no such day", "没有这一天"),
    ("there is no such time of day", "没有这个时间"),
    ("the time of day is missing", "缺少时间"),
    ("it has a time zone, and the times of a bill have none", "含有时区，而账单的时间没有时区"),
    // What bill storage waits for, and why nothing is written.
    ("on the allowlist", "加入白名单"),
    (" for {} bills", "{1}账单"),
    ("authorised{}", "授权{1}"),
    ("enabled", "开通"),
    ("enabled{} on {}", "在 {2} 开通{1}"),
    ("not allowed: the account is not on the allowlist", "账号不在白名单中"),
    ("not authorised: the storing role is not granted", "没有授予存储角色"),
    ("not enabled: no sink is set for this kind on that day", "当日没有为此类账单设置存储桶"),
    ("not enabled: storing was disabled on {}", "存储已于 {1} 停用"),
    ("not enabled: the sink of that day was removed", "当日的存储桶已移除"),
    ("not enabled: custom bills are not agreed to", "没有同意客户账单"),
    ("no bill: nothing was imported for the month", "该月没有导入任何账单"),
    ("not complete: lines are in through {}", "账单尚未出全：明细截至 {1}"),
    ("not complete: the first day is not in", "账单尚未出全：缺少第一天"),
    (
        "pending: file {} takes lines of these days away, and waits for a decision",
        "待处理文件 {1} 会减少这些日期的明细，尚未决定",
    ),
    ("not confirmed: the bill is {}", "账单未确认：状态为{1}"),
    ("disputed: a disputed bill does not go to a customer", "账单有异议，不能提供给客户"),
    ("already delivered, as delivery {}", "已作为投递 {1} 投递"),
    (
        "a bill of {} does not go to a customer: it holds other accounts' lines and the partner's cost, in {}",
        "包含{1}的账单不能提供给客户：它含有其他账号的明细和合作伙伴的成本（{2}）",
    ),
    ("the lines of account {} do not go to account {}", "账号 {1} 的明细不能提供给账号 {2}"),
    (
        "a customer gets whole lines of its own, `shape=l3` and `per=consolidated`",
        "客户只能得到自己的完整明细：`shape=l3` 和 `per=consolidated`",
    ),
    ("summaries and packs are consolidated: they cannot be divided", "汇总和资料包是合并的，不能拆分"),
    // What keeps a delivery from its place.
    ("the folder `{}` does not exist", "文件夹 `{1}` 不存在"),
    ("`{}` is not a folder", "`{1}` 不是文件夹"),
    ("another program has been delivering to {} for {} seconds", "另一个程序正在向 {1} 投递，已持续 {2} 秒"),
    ("cannot be reached: {}", "无法连接：{1}"),
    ("credentials `{}`: {}", "凭证 `{1}`：{2}"),
    ("signing key `{}`: {}", "签名密钥 `{1}`：{2}"),
    (
        "a probe was written, but could not be removed: {}; the destination must allow removal, which retention and the repair of deliveries need",
        "测试文件已写入，但无法删除：{1}；目标必须允许删除，保留期限和投递修复需要删除",
    ),
    ("a probe could not be removed: {}", "无法删除测试文件：{1}"),
    ("a probe could not be {}: {}", "无法{1}测试文件：{2}"),
    ("looked for", "查找"),
    ("written", "写入"),
    ("read back", "读回"),
    ("a probe was written and did not come back as it was", "测试文件读回后内容不同"),
    ("a probe was removed and is still there", "测试文件已删除，但仍然存在"),
    ("`{}` is not there any more", "`{1}` 已不存在"),
    ("its manifest was signed, and the sink has no key to sign with", "清单曾签名，而存储桶没有签名密钥"),
    ("it was encrypted, and the sink does not say for whom", "内容曾加密，而存储桶没有指明为谁加密"),
    ("{}; create the bucket, or name another", "{1}；请创建存储桶，或指定其他存储桶"),
    ("{}; there is no room left", "{1}；没有剩余空间"),
    (
        "{}; the temporary keys have expired: get new ones; credentials: {}",
        "{1}；临时密钥已过期，请获取新的密钥；凭证：{2}",
    ),
    ("{}; credentials: {}", "{1}；凭证：{2}"),
];

/// Returns the value of a field in Chinese, or as it is.
pub(crate) fn phrase<'a>(field: &str, value: &'a str) -> Cow<'a, str> {
    let told = (field == "why" || SPOKEN.contains(&field)).then(|| chinese(value)).flatten();
    told.map_or(Cow::Borrowed(value), Cow::Owned)
}

fn chinese(value: &str) -> Option<String> {
    PHRASES.iter().find_map(|(english, chinese)| {
        let held = held(english, value)?;
        // What stands in marks is somebody's name for something.
        let told = held.iter().zip(english.split("{}")).map(|(held, before)| {
            if before.ends_with('`') { (*held).to_owned() } else { phrase("why", held).into_owned() }
        });
        let told: Vec<String> = told.collect();
        let mut out = String::new();
        let mut rest = *chinese;
        while let Some((before, after)) = rest.split_once('{') {
            let (number, tail) = after.split_once('}')?;
            out.push_str(before);
            out.push_str(told.get(number.parse::<usize>().ok()?.checked_sub(1)?)?);
            rest = tail;
        }
        Some(out + rest)
    })
}

/// Returns what stands in a value for each `{}` of a sentence, if the value is that sentence.
fn held<'a>(sentence: &str, value: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = sentence.split("{}");
    let mut rest = value.strip_prefix(parts.next()?)?;
    let mut parts = parts.peekable();
    let mut held = Vec::new();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let at = if is_last { rest.strip_suffix(part)?.len() } else { rest.find(part)? };
        held.push(rest.get(..at)?);
        rest = rest.get(at + part.len()..)?;
    }
    rest.is_empty().then_some(held)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn sources(folder: &Path, out: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, out);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                out.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn every_phrase_is_one_of_the_libraries() {
        let mut all = String::new();
        for library in ["core", "sinks"] {
            sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(library).join("src"), &mut all);
        }
        // A sentence may be continued in another line.
        let joined: String = all.split("\\\n").map(str::trim_start).collect();
        let mut unsaid = Vec::new();
        for (english, chinese) in PHRASES {
            for part in english.split("{}") {
                if !joined.contains(part.trim()) {
                    unsaid.push(part);
                }
            }
            for number in 1..=english.matches("{}").count() {
                assert!(chinese.contains(&format!("{{{number}}}")), "{chinese}");
            }
        }
        assert!(unsaid.is_empty(), "the libraries do not say {unsaid:#?}");
    }

    #[test]
    fn sentences_are_told_with_what_they_hold_and_names_stay() {
        let told = |text| phrase("why", text).into_owned();
        assert_eq!(told("not confirmed: the bill is disputed"), "账单未确认：状态为有异议");
        assert_eq!(
            told("its lines say payer 100, and the store is of payer 200"),
            "明细的支付者为 100，而账单库的支付者为 200"
        );
        assert_eq!(told("`/x`: No such file or directory"), "`/x`: No such file or directory");
        assert_eq!(
            told("it is {2}, not a CSV: download the bill as CSV"),
            "是 {2}，不是 CSV：请下载 CSV 格式的账单"
        );
        assert_eq!(
            told("lines: 5 was expected, and the file has 4; total: 3 was expected, and the file has 2"),
            "行数：应为 5，而文件为 4；合计：应为 3，而文件为 2"
        );
        assert_eq!(told("`daily` is not a folder"), "`daily` 不是文件夹");
        for field in ["sink", "name", "file", "column", "text", "profile"] {
            assert_eq!(phrase(field, "daily"), "daily");
        }
    }
}

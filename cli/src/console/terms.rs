//! Words of the engine in the languages of the pages: names of columns and facts, and values as states and kinds.
//!
//! The two are apart, because one word means different things as a name and as a value (`late`, `on`), and because a text that somebody
//! wrote is never taken for a word: only the columns of [`WORD_COLUMNS`] have words of the engine in their cells.

use std::borrow::Cow;

use crate::text::phrase;

use super::words::Language;

/// A word, in English and in Chinese.
type Term = (&'static str, &'static str, &'static str);

/// The columns whose cells are words of the engine. Any other column may hold a text of somebody else's.
const WORD_COLUMNS: [&str; 25] = [
    "action",
    "after",
    "allowed",
    "audience",
    "authorised",
    "basis",
    "cause",
    "custom_bills",
    "direction",
    "due",
    "failure",
    "final",
    "followed",
    "found",
    "four_eyes",
    "kind",
    "lines",
    "mode",
    "outcome",
    "role",
    "said",
    "scope",
    "set_aside",
    "severity",
    "state",
];
/// Columns with words of the engine in some tables, and with texts in others.
const WORD_COLUMNS_OF: [(&str, &str); 6] = [
    ("billkeep.expected/1", "verdict"),
    ("billkeep.retention/1", "where"),
    ("billkeep.retention/1", "what"),
    ("billkeep.retention/1", "days"),
    ("billkeep.storage.history/1", "what"),
    ("billkeep.storage.history/1", "until"),
];
/// Actions of the journal whose details are words of the engine.
const DETAILS: [&str; 4] = ["settings", "user set", "storage authorize", "storage revoke"];
/// Consents for all buckets have no bucket's name.
const CONSENTS: [&str; 2] = ["storing role", "custom bills"];

/// A cell of a table that a command gave.
pub(super) struct Cell<'a> {
    pub(super) shape: &'a str,
    pub(super) column: &'a str,
    pub(super) row: &'a [String],
    pub(super) text: &'a str,
}

impl Language {
    /// Returns the name of a column, a field or a fact in this language; another word stays.
    pub(super) fn name(self, word: &str) -> &str {
        self.pick(find(NAMES, word)).unwrap_or(word)
    }

    /// Returns a value of the engine, as a state or a kind, in this language; another word stays.
    pub(super) fn value(self, word: &str) -> &str {
        self.pick(find(VALUES, word)).unwrap_or(word)
    }

    /// Returns a value as it is used of a subject: a dispute that is open is not a bill that is.
    pub(super) fn value_of<'a>(self, subject: &str, word: &'a str) -> &'a str {
        let of = VALUES.iter().find(|(known, ..)| known.split_once('.') == Some((subject, word)));
        self.pick(of).unwrap_or_else(|| self.value(word))
    }

    /// Returns what a cell shows: a word of the engine in this language, or the text as it is.
    pub(super) fn cell<'a>(self, cell: &Cell<'a>) -> Cow<'a, str> {
        let Cell { shape, column, row, text } = *cell;
        let has = |words: &[&str]| row.iter().any(|cell| words.contains(&cell.as_str()));
        let subject = shape.split(['.', '/']).nth(1).unwrap_or_default();
        let column = match column {
            // A list of facts: the first cell names the fact.
            "setting" => return self.name(text).into(),
            "what" if shape.starts_with("billkeep.delivery.show/") => return self.name(text).into(),
            "value" => row.first().map_or("", String::as_str),
            // The journal's subject of a setting is the setting; another one may be a person's name.
            "subject" if has(&["settings"]) => return self.name(text).into(),
            "detail" if has(&DETAILS) => return self.value(text).into(),
            "sink" if text == "all" && has(&CONSENTS) => return self.value(text).into(),
            column => column,
        };
        if ["why", "abandoned_why"].contains(&column) {
            return phrase(self, text);
        }
        let is_word = WORD_COLUMNS.contains(&column)
            || WORD_COLUMNS_OF.iter().any(|(of, name)| (*of, *name) == (shape, column));
        if is_word { self.value_of(subject, text).into() } else { text.into() }
    }

    fn pick(self, term: Option<&'static Term>) -> Option<&'static str> {
        let (_, english, chinese) = term?;
        Some(match self {
            Language::English => english,
            Language::Chinese => chinese,
        })
    }
}

fn find(terms: &'static [Term], word: &str) -> Option<&'static Term> {
    terms.iter().find(|(known, ..)| *known == word)
}

/// Names of columns, fields and facts.
const NAMES: &[Term] = &[
    ("abandoned_at", "Given up at", "放弃时间"),
    ("abandoned_by", "Given up by", "放弃人"),
    ("abandoned_why", "Given up because", "放弃原因"),
    ("accounts", "Accounts", "账号数"),
    ("action", "Action", "操作"),
    ("actor", "Who", "操作人"),
    ("after", "Leaves after", "送出时机"),
    ("allowed", "Allowed", "白名单"),
    ("amount", "Amount", "金额"),
    ("at", "Time", "时间"),
    ("attempts", "Attempts", "尝试次数"),
    ("audience", "Read by", "读者"),
    ("authorised", "Authorized", "已授权"),
    ("basis", "Basis", "口径"),
    ("bill", "Bill", "账单"),
    ("bill_digest", "Bill's digest", "账单校验码"),
    ("billing_mode", "Billing mode", "计费模式"),
    ("bytes", "Bytes", "字节"),
    ("calendar", "Calendar", "账期日历"),
    ("cause", "Cause", "原因类别"),
    ("commits_since", "Commits since then", "此后的提交数"),
    ("component", "Component", "组件"),
    ("content_digest", "Digest of the lines", "明细校验码"),
    ("count", "Count", "数量"),
    ("coverage", "Days", "覆盖日期"),
    ("currency", "Currency", "币种"),
    ("custom_bills", "Custom bills", "客户账单"),
    ("customer_total", "Customer's total", "客户合计"),
    ("day", "Day", "日期"),
    ("days", "Days", "天数"),
    ("delivered", "Delivered", "已投递"),
    ("delivered_at", "Delivered at", "投递时间"),
    ("delivered_by", "Delivered by", "投递人"),
    ("delivery", "Delivery", "投递"),
    ("detail", "Detail", "详情"),
    ("difference", "Difference", "差额"),
    ("digest", "Digest", "校验码"),
    ("direction", "Direction", "方向"),
    ("dispute", "Dispute", "异议"),
    ("due", "Due", "应到日"),
    ("due_on", "Due on", "应投递日"),
    ("entries", "Entries", "条目数"),
    ("entry", "Entry", "条目"),
    ("failed_at", "Failed at", "失败时间"),
    ("failed_why", "Why it failed", "失败原因"),
    ("failure", "Failure", "失败类型"),
    ("file", "File", "文件"),
    ("files", "Files", "文件"),
    ("final", "Final", "最终"),
    ("first_day", "First day", "首日"),
    ("followed", "In use", "适用"),
    ("form", "Form", "形式"),
    ("found", "Found", "结果"),
    ("four_eyes", "Two-person approval", "双人复核"),
    ("from", "From", "起始日期"),
    ("instance", "Instance", "资源 ID"),
    ("kind", "Kind", "类型"),
    ("lag_days", "Lag in days", "滞后天数"),
    ("last_day", "Last day", "末日"),
    ("last_hash", "Last hash", "最后哈希"),
    ("late", "Pending file", "待处理文件"),
    ("late_days", "Days late", "逾期天数"),
    ("lines", "Lines", "行数"),
    ("load", "Load", "批次"),
    ("location", "Where", "位置"),
    ("manifest", "Manifest", "清单"),
    ("manifest_sha256", "Manifest's SHA-256", "清单 SHA-256"),
    ("missing_days", "Days missing", "缺失天数"),
    ("mode", "Mode", "模式"),
    ("month", "Month", "月份"),
    ("monthly_day", "Monthly on day", "月明细账单日"),
    ("name", "Name", "名称"),
    ("next_attempt", "Next attempt", "下次尝试"),
    ("note", "Note", "备注"),
    ("noted_entry", "Noted entry", "记录的条目"),
    ("number", "Number", "编号"),
    ("other_file", "Other file", "另一文件"),
    ("outcome", "Outcome", "结果"),
    ("owner", "Account", "使用者 UIN"),
    ("parent", "Previous revision", "上一版本"),
    ("part", "File", "文件"),
    ("payer", "Payer", "支付者 UIN"),
    ("planned_at", "Planned at", "计划时间"),
    ("product", "Product", "产品"),
    ("project", "Project", "项目"),
    ("reason", "Reason", "原因"),
    ("recorded_from_entry", "State recorded from entry", "状态记录起始条目"),
    ("region", "Region", "地域"),
    ("reseller_day", "Reseller on day", "经销商账单日"),
    ("revision", "Revision", "版本"),
    ("role", "Role", "角色"),
    ("rows", "Lines", "行数"),
    ("said", "Change", "变更"),
    ("scope", "Whose lines", "范围"),
    ("set_aside", "Set aside", "搁置"),
    ("setting", "Setting", "设置项"),
    ("settled_by", "Settled by load", "结清批次"),
    ("severity", "Severity", "严重程度"),
    ("sha256", "SHA-256", "SHA-256"),
    ("signature", "Signature", "签名"),
    ("sink", "Bucket", "存储桶"),
    ("stake", "At stake", "涉及金额"),
    ("state", "State", "状态"),
    ("subject", "Subject", "对象"),
    ("subproduct", "Subproduct", "子产品"),
    ("supersedes", "Replaces", "替代"),
    ("tag", "Tag", "标签"),
    ("through", "Data through", "数据截至"),
    ("time", "Time", "时间"),
    ("timezone", "Time zone", "时区"),
    ("total", "Total", "合计"),
    ("uin", "Account", "账号"),
    ("until", "Until", "截止日期"),
    ("url", "URL", "URL"),
    ("usage_start", "Used from", "使用开始"),
    ("value", "Value", "值"),
    ("verdict", "Verdict", "结论"),
    ("what", "What", "说明"),
    ("where", "Where", "位置"),
    ("why", "Why", "原因"),
    ("zip_bytes", "Bytes of the zip", "zip 字节"),
    ("zip_sha256", "SHA-256 of the zip", "zip SHA-256"),
    ("zone", "Time zone", "时区"),
];

/// Values of the engine; `subject.word` is a word as it is used of one subject.
const VALUES: &[Term] = &[
    // Bills, files and disputes.
    ("open", "open", "未出账"),
    ("issued", "issued", "已出账"),
    ("disputed", "disputed", "有异议"),
    ("confirmed", "confirmed", "已确认"),
    ("used", "by day of use", "按计费周期"),
    ("paid", "by day of payment", "按扣费周期"),
    ("dispute.open", "open", "待处理"),
    ("late.open", "open", "待处理"),
    ("late.confirmed", "bill confirmed", "账单已确认"),
    ("waiting", "waiting", "待处理"),
    ("accepted", "accepted", "供应商已采纳"),
    ("discarded", "discarded", "已忽略"),
    ("smaller", "less than before", "内容减少"),
    ("sent", "sent", "已发送"),
    ("rejected", "rejected", "未被采纳"),
    ("withdrawn", "withdrawn", "已撤回"),
    ("settled", "settled", "已结清"),
    ("over", "charged too much", "多收"),
    ("under", "charged too little", "少收"),
    ("error", "error", "错误"),
    ("warning", "warning", "警告"),
    ("notice", "notice", "提示"),
    // Files that are expected, and what an import came to.
    ("arrived", "arrived", "已到达"),
    ("due", "due", "应到"),
    ("late", "late", "逾期"),
    ("missing", "missing", "缺失"),
    ("pending", "pending", "待处理"),
    ("double", "double", "重复"),
    ("wrong-basis", "wrong basis", "口径错误"),
    ("cumulative", "month to date", "月累计"),
    ("day", "one day", "单日"),
    ("adjustment", "adjustment", "调整"),
    ("imported", "imported", "已导入"),
    ("dry-run", "checked only", "仅检查"),
    ("unchanged", "unchanged", "无变化"),
    // Deliveries.
    ("daily", "daily", "日明细账单"),
    ("monthly", "monthly", "月明细账单"),
    ("reseller", "reseller", "经销商账单"),
    ("import.monthly", "whole month", "整月"),
    ("planned", "planned", "已计划"),
    ("uploading", "uploading", "上传中"),
    ("uploaded", "uploaded", "已上传"),
    ("checked", "checked", "已核验"),
    ("delivered", "delivered", "已投递"),
    ("removing", "removing", "移除中"),
    ("removed", "removed", "已移除"),
    ("abandoned", "given up", "已放弃"),
    ("passing", "may pass", "暂时性"),
    ("refused", "refused", "被拒绝"),
    ("credentials", "credentials", "凭证"),
    ("damaged", "damaged", "已损坏"),
    ("ok", "ok", "完好"),
    ("altered", "altered", "已被改动"),
    ("unreadable", "unreadable", "无法读取"),
    ("unreachable", "unreachable", "无法访问"),
    ("unseen", "not looked at", "未查看"),
    ("extra", "extra", "多余"),
    ("stale", "left over", "残留"),
    ("repaired", "repaired", "已修复"),
    ("failed", "failed", "失败"),
    ("payer", "the payer's", "支付者"),
    // Bill storage.
    ("confirmation", "confirmation", "确认后"),
    ("storage.issue", "issue", "出账后"),
    ("all", "all", "全部"),
    ("self", "own lines only", "仅自用"),
    ("store", "store", "存储"),
    ("store after confirmation", "store after confirmation", "确认后存储"),
    ("store after issue", "store after issue", "出账后存储"),
    ("off", "off", "关闭"),
    ("on", "on", "开启"),
    ("stop", "stop", "停止"),
    ("replaced", "replaced", "已被替换"),
    ("binding", "binding", "绑定"),
    ("allowlist", "allowlist", "白名单"),
    ("allow", "allow", "允许"),
    ("deny", "deny", "拒绝"),
    ("authorize", "authorize", "授权"),
    ("revoke", "revoke", "撤销"),
    ("storing role", "storing role", "存储角色"),
    ("custom bills", "custom bills", "客户账单"),
    // People and settings.
    ("yes", "yes", "是"),
    ("no", "no", "否"),
    ("viewer", "viewer", "查看者"),
    ("operator", "operator", "操作员"),
    ("approver", "approver", "审批者"),
    ("admin", "admin", "管理员"),
    ("partner", "partner", "合作伙伴"),
    ("customer", "customer", "客户"),
    ("from the first day on", "from the first day on", "自首日起"),
    ("retention.store", "store", "账单库"),
    ("lines of replaced revisions", "lines of replaced revisions", "被替换版本的明细"),
    ("for good", "for good", "永久"),
    // Rules of the checks.
    ("lint.original", "Original cost", "原价"),
    ("lint.after-discount", "Amount after discount", "折后金额"),
    ("lint.before-tax", "Amount before tax", "税前金额"),
    ("lint.tax", "Tax", "税额"),
    ("lint.total", "Total", "合计"),
    ("lint.blended", "Blended discount", "综合折扣"),
    ("lint.customer-total", "Customer's total", "客户合计"),
    ("lint.too-large", "Too large to check", "数值过大，无法核对"),
    ("lint.precision", "Precision difference too large", "精度差异过大"),
    ("lint.precision-gap", "Lines do not come to two decimals", "明细合计不是两位小数"),
    ("lint.duplicate", "Duplicate component", "重复的组件"),
    ("lint.repeated", "Equal lines in one CSV", "同一 CSV 中的相同明细"),
    ("lint.outside", "Day outside the month", "日期不在本月"),
    ("lint.contract", "Discount above the contract", "折扣高于合同"),
    ("lint.unknown-owner", "Unknown account", "未知使用者 UIN"),
    ("lint.negative-owner", "Account with a negative total", "使用者 UIN 合计为负"),
    ("lint.negative-month", "Month with a negative total", "本月合计为负"),
    // Actions of the journal.
    ("init", "init", "建库"),
    ("import", "import", "导入"),
    ("issue", "issue", "标记为已出全"),
    ("confirm", "confirm", "确认"),
    ("confirm first", "confirm first", "首次确认"),
    ("reopen", "reopen", "重新打开"),
    ("reopen first", "reopen first", "首次重新打开"),
    ("defer", "defer", "暂缓确认"),
    ("declare empty", "declare empty", "声明无用量"),
    ("late hold", "late hold", "逾期文件待处理"),
    ("late accept", "late accept", "接受逾期文件"),
    ("late carry forward", "late carry forward", "结转逾期文件"),
    ("late discard", "late discard", "忽略逾期文件"),
    ("pending hold", "pending hold", "文件待处理"),
    ("pending accept", "pending accept", "接受文件"),
    ("pending supersede", "pending supersede", "文件已被取代"),
    ("pending carry forward", "pending carry forward", "结转文件"),
    ("pending discard", "pending discard", "忽略文件"),
    ("dispute open", "dispute open", "提出异议"),
    ("dispute sent", "dispute sent", "发送异议"),
    ("dispute accepted", "dispute accepted", "异议被采纳"),
    ("dispute rejected", "dispute rejected", "异议未被采纳"),
    ("dispute withdrawn", "dispute withdrawn", "撤回异议"),
    ("dispute settled", "dispute settled", "结清异议"),
    ("dispute set aside", "dispute set aside", "搁置异议"),
    ("deliver", "deliver", "投递"),
    ("deliver failed", "deliver failed", "投递失败"),
    ("delivery abandon", "delivery abandon", "放弃投递"),
    ("delivery repair", "delivery repair", "修复投递"),
    ("delivery rebuild", "delivery rebuild", "重建"),
    ("settings", "settings", "设置"),
    ("storage enable", "storage enable", "启用账单存储"),
    ("storage disable", "storage disable", "关闭账单存储"),
    ("storage switch", "storage switch", "更换存储桶"),
    ("storage allow", "storage allow", "加入白名单"),
    ("storage deny", "storage deny", "移出白名单"),
    ("storage authorize", "storage authorize", "授权存储"),
    ("storage revoke", "storage revoke", "撤销授权"),
    ("sink add", "sink add", "添加存储桶"),
    ("sink change", "sink change", "更改存储桶"),
    ("sink remove", "sink remove", "移除存储桶"),
    ("sink test", "sink test", "测试存储桶"),
    ("user set", "user set", "添加或修改用户"),
    ("user remove", "user remove", "移除用户"),
    ("user link", "user link", "生成登录链接"),
    ("user sign in", "user sign in", "登录"),
    ("user token", "user token", "生成令牌"),
    ("user revoke", "user revoke", "收回令牌"),
    ("account set", "account set", "登记账号"),
    ("account end", "account end", "结束账号"),
    ("account import", "account import", "导入账号"),
    ("account price set", "account price set", "设置售价"),
    ("account price remove", "account price remove", "移除售价"),
    ("account column add", "account column add", "添加客户列"),
    ("account column remove", "account column remove", "移除客户列"),
    ("account contract set", "account contract set", "设置合同价"),
    ("account contract remove", "account contract remove", "移除合同价"),
    ("calendar add", "calendar add", "添加日历"),
    ("calendar remove", "calendar remove", "移除日历"),
    ("notify add", "notify add", "添加通知"),
    ("notify remove", "notify remove", "移除通知"),
    ("retention set", "retention set", "设置保留期限"),
    ("retention remove", "retention remove", "按保留期限移除"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<'a>(shape: &'a str, column: &'a str, row: &'a [String], text: &'a str) -> [Cow<'a, str>; 2] {
        [Language::English, Language::Chinese]
            .map(|language| language.cell(&Cell { shape, column, row, text }))
    }

    #[test]
    fn no_term_is_there_twice() {
        for terms in [NAMES, VALUES] {
            for (at, (word, ..)) in terms.iter().enumerate() {
                assert!(terms.iter().skip(at + 1).all(|(other, ..)| other != word), "{word}");
            }
        }
    }

    #[test]
    fn a_late_file_is_no_pending_file_and_a_rule_that_is_on_is_no_day() {
        let none: [String; 0] = [];
        assert_eq!(shown("billkeep.expected/1", "verdict", &none, "late"), ["late", "逾期"]);
        let row = ["four_eyes", "on"].map(str::to_owned);
        assert_eq!(shown("billkeep.settings/1", "value", &row, "on"), ["on", "开启"]);
        assert_eq!(
            shown("billkeep.settings/1", "setting", &row, "four_eyes"),
            ["Two-person approval", "双人复核"]
        );
        assert_eq!(shown("billkeep.dispute.list/1", "state", &none, "open"), ["open", "待处理"]);
    }

    #[test]
    fn what_the_library_says_is_told_in_chinese() {
        let none: [String; 0] = [];
        let said = "the folder `open` does not exist";
        assert_eq!(shown("billkeep.due/1", "why", &none, said), [said, "文件夹 `open` 不存在"]);
    }

    #[test]
    fn what_somebody_wrote_is_never_taken_for_a_word() {
        let none: [String; 0] = [];
        for column in
            ["reason", "note", "name", "actor", "sink", "file", "product", "project", "owner", "part"]
        {
            for text in ["daily", "open", "all", "late", "owner", "on", "store"] {
                assert_eq!(shown("billkeep.delivery.list/1", column, &none, text), [text, text], "{column}");
            }
        }
        // A bucket that is called `daily`, in the list of a delivery's facts.
        let row = ["sink", "daily"].map(str::to_owned);
        assert_eq!(shown("billkeep.delivery.show/1", "value", &row, "daily"), ["daily", "daily"]);
        // A person who is called `viewer`, and a setting.
        let row = ["user set", "viewer"].map(str::to_owned);
        assert_eq!(shown("billkeep.audit.list/1", "subject", &row, "viewer"), ["viewer", "viewer"]);
        let row = ["settings", "four_eyes"].map(str::to_owned);
        assert_eq!(shown("billkeep.audit.list/1", "subject", &row, "four_eyes")[1], "双人复核");
    }
}

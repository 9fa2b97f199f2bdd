//! The words of the pages, in English and Chinese. What an engine tells, of errors and of what was done, stays in English.

use axum::http::{HeaderMap, header};

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Chinese,
}

/// The cookie that keeps the choice.
pub(super) const COOKIE: &str = "billkeep-language";

impl Language {
    /// Returns the language that was chosen, or the one that the browser likes best of these two.
    pub(super) fn of(headers: &HeaderMap) -> Language {
        let text = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let chosen = text(header::COOKIE)
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == COOKIE);
        if let Some((_, value)) = chosen {
            return Language::of_tag(value).unwrap_or(Language::English);
        }
        let mut best = (Language::English, 0_u16);
        for range in text(header::ACCEPT_LANGUAGE).flat_map(|line| line.split(',')) {
            let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
            // A weight is 0 to 1 with three decimals at most: thousandths, without a float.
            let digits: String = weight.trim().chars().filter(char::is_ascii_digit).collect();
            let weight = format!("{digits:0<4}").get(..4).and_then(|digits| digits.parse().ok()).unwrap_or(0);
            if let Some(language) = Language::of_tag(tag.trim())
                && weight > best.1
            {
                best = (language, weight);
            }
        }
        best.0
    }

    pub(super) fn of_tag(tag: &str) -> Option<Language> {
        match tag.split(['-', '_']).next()?.to_ascii_lowercase().as_str() {
            "zh" => Some(Language::Chinese),
            "en" => Some(Language::English),
            _ => None,
        }
    }

    /// Returns its tag, for `lang` and the cookie.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Chinese => "zh-Hans",
        }
    }

    /// Returns the words of the pages.
    pub(super) fn words(self) -> &'static Words {
        match self {
            Language::English => &ENGLISH,
            Language::Chinese => &CHINESE,
        }
    }

    /// Returns a word of the engine as it is said of something: a dispute that is open is not a bill that is.
    pub(super) fn term_in<'a>(self, subject: &str, word: &'a str) -> &'a str {
        let found = TERMS.iter().find(|(known, _, _)| known.split_once('.') == Some((subject, word)));
        match (found, self) {
            (None, _) => self.term(word),
            (Some((_, english, _)), Language::English) => english,
            (Some((_, _, chinese)), Language::Chinese) => chinese,
        }
    }

    /// Returns a word of the engine, as a state, a kind or a column's name, in this language; others stay as they are.
    pub(super) fn term(self, word: &str) -> &str {
        let found = TERMS.iter().find(|(known, _, _)| *known == word);
        match (found, self) {
            (None, _) => word,
            (Some((_, english, _)), Language::English) => english,
            (Some((_, _, chinese)), Language::Chinese) => chinese,
        }
    }
}

macro_rules! words {
    ($($name:ident: $english:literal | $chinese:literal,)*) => {
        /// Words and sentences, by what they are for.
        pub(super) struct Words {
            $(pub(super) $name: &'static str,)*
        }
        const ENGLISH: Words = Words { $($name: $english,)* };
        const CHINESE: Words = Words { $($name: $chinese,)* };
    };
}

words! {
    status: "Status" | "状态总览",
    bills: "Bill Management" | "账单管理",
    disputes: "Disputes" | "争议",
    late: "Pending files" | "待处理文件",
    storage: "Bill Storage" | "账单存储",
    deliveries: "Deliveries" | "交付记录",
    journal: "Journal" | "操作日志",
    settings: "Settings" | "设置",
    import: "Import" | "导入账单",
    skip: "Skip to the content" | "跳到正文",
    main_menu: "Main menu" | "主菜单",
    signed_in_as: "Signed in as" | "当前用户",
    sign_in: "Sign in" | "登录",
    sign_out: "Sign out" | "退出登录",
    sign_in_text: "This page is open to people of this store only. Follow the link that `billkeep serve` printed when it started, or have one made on this machine: `billkeep user link NAME`." | "仅限本账单库的用户访问。请使用 `billkeep serve` 启动时打印的链接，或在本机执行 `billkeep user link NAME` 生成链接。",
    sign_in_ready: "Your link is valid for one sign-in. After that it does nothing any more." | "此链接只能登录一次，之后立即失效。",
    disputed_text: "Disputed: it can be confirmed once its disputes have ended or are set aside." | "有争议：争议结束或搁置后才能确认。",
    has_failed: "failed" | "失败",
    not_delivered: "not delivered" | "未交付",
    allow: "Put on the allowlist:" | "加入白名单：",
    give_up: "Give up" | "放弃",
    delivery: "Delivery" | "交付",
    dispute: "Dispute" | "争议",
    late_file: "Pending file" | "待处理文件",
    expected: "Expected files" | "应到文件",
    rules: "Rules" | "规则",
    retention: "Retention" | "保留期限",
    calendars: "Calendars" | "账期日历",
    sign_in_failed: "This link does nothing: it was used before, it is too old, or the console was started again." | "链接无效：可能已使用、已过期，或控制台已重新启动。",
    language_other: "中文" | "English",
    payer: "Payer" | "付款账号",
    today: "Today" | "今天",
    nothing_to_do: "Nothing needs you today." | "今天没有待办事项。",
    decide: "Waits for a decision" | "等待您的决定",
    files: "Files that are late, missing, double or of the wrong basis" | "迟到、缺失、重复或口径错误的文件",
    failed: "Failed or was interrupted" | "失败或中断",
    due: "Due today" | "今日应交付",
    months: "Months" | "月份",
    look: "Look" | "查看",
    month: "Month" | "月份",
    basis: "Basis" | "口径",
    state: "State" | "状态",
    revision: "Revision" | "版本",
    lines: "Lines" | "明细行",
    total: "Total" | "合计",
    currency: "Currency" | "币种",
    digest: "Digest" | "摘要",
    through: "In through" | "数据截至",
    no_bills: "No bill has been imported yet." | "尚未导入任何账单。",
    import_first: "Import a bill file" | "导入账单文件",
    choose_month: "Choose a month" | "选择月份",
    show: "Show" | "显示",
    group_by: "Group by" | "分组",
    then_by: "then by" | "再按",
    none: "none" | "无",
    csv_file: "CSV File" | "CSV 文件",
    csv_exact: "CSV as imported" | "CSV（原样）",
    csv_text: "CSV File opens in a spreadsheet: account ids stay text, and no cell is a formula. CSV as imported has every cell as it came, for programs." | "“CSV 文件”适合用电子表格打开：账号保持为文本，单元格不会成为公式。“CSV（原样）”保留每个单元格的原始内容，供程序使用。",
    copy: "Copy" | "复制",
    link_for: "Sign-in link for {a}. It works once, within ten minutes. Give it to {a} alone." | "{a} 的登录链接，十分钟内有效，只能使用一次。请仅交给 {a}。",
    token_for: "Token for a program of {a}. It is not shown again." | "{a} 的程序令牌，不会再次显示。",
    you_stay: "You are {a} from now on, and stay signed in. Add other people below, and give each a sign-in link." | "您现在是 {a}，并保持登录状态。请在下方添加其他用户，并为每人生成登录链接。",
    first_person: "Enter yourself first. You become the admin and stay signed in. From then on, only people entered here can act, on the command line too." | "请先登记您自己。您将成为管理员并保持登录状态。此后，只有已登记的用户才能操作，命令行也是如此。",
    you_are: "You are" | "您是",
    enter_me: "Enter me as the admin" | "将我登记为管理员",
    new_link: "New sign-in link" | "新的登录链接",
    new_token: "New token" | "新的令牌",
    token_label: "What the token is for" | "令牌用途",
    four_eyes_few: "This needs two people who may approve. Enter them under People first." | "需要两位可审批的用户。请先在“用户”中登记。",
    four_eyes_on_text: "From then on, confirming and reopening take effect when a second person does the same. Turning this off takes two people as well." | "开启后，确认和重新打开须由第二人再次执行才生效。关闭也需要两个人。",
    scheduler: "Scheduler" | "调度器",
    scheduler_none: "This console delivers nothing by itself." | "此控制台不会自动交付。",
    scheduler_well: "Last went through {a}, as {b}." | "已处理至 {a}，以 {b} 的身份运行。",
    scheduler_stopped: "It delivers nothing, as {a}: {b}" | "以 {a} 的身份运行，目前不交付：{b}",
    choose_a_kind: "Choose a bucket for at least one kind of bill. To stop all of them, use Disable Bucket." | "请至少为一种账单选择存储桶。如需全部停止，请使用“停用存储桶”。",
    nothing_differs: "The settings are as they were; nothing was changed." | "设置与原来相同，未做更改。",
    after_stays: "What bills wait for does not change while they go to the same bucket. Choose `not stored`, save, and choose the bucket again; or choose another bucket." | "账单写入同一存储桶期间，送出时机不能更改。请先选择“不存储”并保存，再重新选择存储桶；或选择其他存储桶。",
    not_stored: "not stored" | "不存储",
    settings_text: "Each kind of bill goes to the bucket chosen here. A new bucket for a kind takes effect tomorrow; what was delivered stays where it is." | "每种账单写入此处选择的存储桶。更换存储桶从明天起生效，已交付的数据保留在原处。",
    bucket_for: "Bucket for {a} bills" | "{a}的存储桶",
    custom_yes: "agreed" | "已同意",
    custom_no: "not agreed" | "未同意",
    waits_agreement: "Reseller bills wait for your agreement to store custom bills." | "经销商账单正在等待您同意存储客户账单。",
    refresh: "Refresh" | "刷新",
    confirm: "Confirm" | "确认账单",
    reopen: "Reopen" | "重新打开",
    issue: "Mark as complete" | "标记为已出全",
    issue_title: "Mark {a} as complete?" | "将 {a} 标记为已出全？",
    issue_facts: "Files are in through {c}: day {a} of {b}." | "文件已到 {c}：第 {a} 天，共 {b} 天。",
    issue_text: "The bill becomes ready to be confirmed. You cannot undo this." | "账单将可供确认。此操作无法撤销。",
    issue_missing: "Days are missing. If their files come later, they wait as late files once the bill is confirmed." | "有缺失的日期。如果账单确认后其文件才到，将作为迟到文件待处理。",
    issue_typed: "To go on, type the month ({a})" | "请输入月份（{a}）以继续",
    reopen_title: "Reopen {a}?" | "重新打开 {a}？",
    reopen_text: "The bill loses its confirmation, and can change again. What was delivered stays delivered. A changed bill is delivered again after its next confirmation. Where two people have to approve, the second one has to reopen it too." | "账单将失去确认状态，可以再次变化。已交付的数据保留。账单变化后，在下次确认后会再次交付。如需两人审批，第二人也须执行此操作。",
    defer_title: "Put off the decision on {a}?" | "暂缓确认 {a}？",
    defer_text: "You can put off the decision once. The bill then waits until seven days after its day of confirmation, and nothing of it changes." | "每份账单只能暂缓一次。账单将等待至确认日之后七天，内容不变。",
    total_now: "Total now" | "当前合计",
    defer: "Put off" | "暂缓确认",
    reason: "Reason" | "原因",
    note: "Note" | "备注",
    unchanged: "The bill has not changed since you looked at it." | "自您上次查看以来，账单没有变化。",
    changed: "The bill has changed since you looked at it." | "自您上次查看以来，账单已发生变化。",
    changed_from_to: "You saw revision {a}; now it is revision {b}." | "您看到的是第 {a} 版，现在是第 {b} 版。",
    confirm_title: "Confirm this bill?" | "确认此账单？",
    confirm_text: "You confirm exactly what is on the screen, by its digest. If the bill has changed meanwhile, nothing is confirmed and you see the difference." | "您确认的正是屏幕上的内容（以摘要为准）。如果账单在此期间发生变化，则不会确认，并会显示差异。",
    cancel: "Cancel" | "取消",
    confirmed_text: "Confirmed: it cannot change any more, and customers' bills can be delivered." | "已确认：账单不再变化，可以交付客户账单。",
    all_decimals: "Show all decimals" | "显示全部小数位",
    two_decimals: "Show two decimals" | "显示两位小数",
    subtotal: "Subtotal" | "小计",
    grand_total: "Total" | "总计",
    by_product: "By product" | "按产品",
    by_day: "By day" | "按日",
    others: "others" | "其他",
    rows_of: "Rows {a} to {b} of {c}" | "第 {a}–{b} 行，共 {c} 行",
    next: "Next" | "下一页",
    previous: "Previous" | "上一页",
    first_page: "First" | "首页",
    differences: "Differences" | "差异",
    lint: "Lint" | "账单检查",
    revisions: "Revisions" | "版本历史",
    overview: "Overview" | "概览",
    dispute_these: "Dispute these lines" | "对这些明细提出争议",
    open_dispute: "Open a dispute" | "提出争议",
    field: "Field" | "字段",
    value: "Value" | "值",
    contains: "Text in any cell" | "任意单元格包含",
    search: "Search" | "搜索",
    no_lines: "No line matches." | "没有匹配的明细。",
    looked_at: "Looked at {a} of {b} lines so far." | "目前已检查 {a} 行，共 {b} 行。",
    go_on: "Go on searching" | "继续搜索",
    direction: "Direction" | "方向",
    over: "charged too much" | "多收",
    under: "charged too little" | "少收",
    amount: "Amount" | "金额",
    from: "From" | "从",
    to: "To" | "到",
    compare: "Compare" | "比较",
    after: "Bills leave after" | "账单送出时机",
    after_default: "confirmation for customers, issue for the partner" | "客户：确认后；合作伙伴：出账后",
    after_confirmation: "confirmation of the month" | "月份确认后",
    after_issue: "issue: complete, not yet confirmed" | "出账后：已完整、尚未确认",
    after_text: "A daily bill shows an open month, so a customer gets it only after issue. A disputed bill goes to no customer." | "日账单反映尚未结束的月份，因此客户只有在选择“出账后”时才会收到。有争议的账单不会送给客户。",
    shared: "Other customers' bills may lie at this place, and each reader reads all" | "允许其他客户的账单存放在同一位置，每位读者都能看到全部",
    shared_place: "Another bucket may be at the same place" | "允许与其他存储桶位于同一位置",
    no_difference: "The two revisions hold the same lines." | "两个版本的明细完全相同。",
    one_revision: "There is one revision only; there is nothing to compare." | "只有一个版本，无可比较。",
    added: "Added" | "新增",
    removed: "Removed" | "删除",
    changed_lines: "Changed" | "变更",
    net: "Net" | "净变化",
    lint_clean: "No line contradicts itself or another." | "没有发现自相矛盾的明细。",
    accept_reopen: "Take it and reopen the bill" | "接受并重新打开账单",
    accept_carry: "Carry it forward to the next open month" | "结转到下一个未确认月份",
    discard: "Do not take it" | "不接受",
    accept_smaller: "Take it all the same" | "仍然接受",
    gone: "What it takes away, by day and account" | "按日期和账户列出的减少项",
    no_late: "No file waits for a decision." | "没有待处理的文件。",
    for_confirmed: "The bill was confirmed when the file came." | "文件到达时，账单已确认。",
    takes_away: "The file takes lines or money away from the bill." | "该文件会减少账单中的明细或金额。",
    ends_early: "The last days of the file have no lines, or far fewer than the days before." | "文件最后几天没有明细，或远少于之前的日期。",
    lacks_csvs: "The file lacks CSVs that the replaced file had." | "该文件缺少被替换文件中的 CSV。",
    month_far_below: "The file has far fewer lines than the month before." | "该文件的明细远少于上个月。",
    accept_smaller_import: "Take the file even if lines or money go" | "即使明细或金额减少也接受该文件",
    no_disputes: "No dispute." | "没有争议。",
    send: "The provider was told" | "已告知供应商",
    accept: "The provider agrees" | "供应商同意",
    reject: "The provider does not agree" | "供应商不同意",
    withdraw: "Withdraw" | "撤回",
    settle: "It was settled" | "已结清",
    set_aside: "Set aside" | "搁置",
    not_allowed: "Bill Storage is not open for this account: it is not on the allowlist. Ask your sales representative, or an admin of this store." | "该账号不在白名单中，无法使用账单存储。请联系您的销售代表或管理员。",
    no_storage: "No account is on the allowlist, so there is nothing to store." | "没有账号在白名单中，因此没有可存储的账单。",
    authorize: "Authorize" | "授权",
    authorize_title: "Authorize the service role" | "授权服务角色",
    authorize_text: "Bill Storage needs your consent to write this account's bills to the bucket that you choose." | "账单存储需要您的同意，才能将该账号的账单写入您选择的存储桶。",
    agree: "Agree" | "同意",
    bucket: "Bucket" | "存储桶",
    create_bucket: "Create Bucket" | "创建存储桶",
    bucket_name: "Name in this store" | "在本库中的名称",
    bucket_url: "URL" | "URL",
    bucket_url_help: "file:///path, s3://bucket/prefix, cos://bucket-appid/prefix?region=…" | "file:///路径、s3://存储桶/前缀、cos://存储桶-appid/前缀?region=…",
    make_bucket: "Make the bucket at the provider too" | "同时在云端创建该存储桶",
    kinds: "Kinds of bills" | "账单类型",
    custom_bills: "Store Custom Bills" | "存储客户账单",
    custom_bills_text: "Agree that the consolidated bills of customer accounts are stored after each confirmation." | "同意在每次确认后存储客户账号的汇总账单。",
    sub_account: "Account (UIN)" | "账号 (UIN)",
    open_account: "Open" | "打开",
    save: "Save Settings" | "保存设置",
    storage_settings: "Settings of bill storage" | "账单存储设置",
    disable: "Disable Bucket" | "停用存储桶",
    disable_title: "Disable bill storage?" | "停用账单存储？",
    disable_text: "What was delivered stays. No new data will be written." | "已交付的数据会保留，但不再写入新数据。",
    calendar_of: "Calendar of" | "交付日历",
    delivered: "delivered" | "已交付",
    is_due: "due" | "应交付",
    deliver: "Deliver" | "交付",
    retry: "Try again" | "重试",
    verify: "Verify now" | "立即核验",
    no_deliveries: "Nothing was delivered yet." | "尚无交付记录。",
    receipt: "Receipt" | "回执",
    manifest: "Manifest" | "清单",
    actor: "Who" | "操作人",
    action: "What" | "操作",
    since: "Since" | "自",
    until: "Until" | "至",
    filter: "Filter" | "筛选",
    journal_whole: "Check the journal" | "校验日志",
    four_eyes: "Confirming and reopening need two people" | "确认和重新打开需要两个人",
    turn_on: "Turn on" | "开启",
    turn_off: "Turn off" | "关闭",
    people: "People" | "用户",
    no_people: "Nobody is entered: whoever can open the store's file may do everything." | "尚未登记用户：任何能打开库文件的人都拥有全部权限。",
    name: "Name" | "名称",
    role: "Role" | "角色",
    enter_person: "Enter or change" | "登记或更改",
    sinks: "Buckets and folders" | "存储桶与文件夹",
    no_sinks: "No bucket or folder yet." | "尚无存储桶或文件夹。",
    test: "Test" | "测试",
    remove: "Remove" | "移除",
    choose_file: "Bill files (CSV or zip), one or several" | "账单文件（CSV 或 zip），可多选",
    accept_unterminated: "Take a file whose last line has no line end" | "接受末行没有换行符的文件",
    strict: "Refuse a file whose lines contradict each other" | "拒绝明细自相矛盾的文件",
    month_if: "Month, where the file does not name it" | "月份（文件未注明时）",
    basis_if: "Basis, where the file does not name it" | "口径（文件未注明时）",
    mode: "What it holds" | "文件内容",
    as_name_says: "as its name says" | "由文件名决定",
    dry_run: "Check only, change nothing" | "仅检查，不做更改",
    done: "Done" | "完成",
    not_done: "Not done" | "未完成",
    not_found: "There is nothing at this address." | "此地址没有内容。",
    went_wrong: "That did not work" | "操作失败",
    back: "Back" | "返回",
    may_not: "Your role looks and does not change this." | "您的角色只能查看，不能更改。",
    run_now: "Deliver what is due" | "交付应交付的账单",
    details: "Details" | "详情",
    product: "Product" | "产品",
    owner: "Account" | "账号",
}

/// Words of the engine that pages show: states, kinds, columns.
const TERMS: &[(&str, &str, &str)] = &[
    ("open", "open", "未出账"),
    ("issued", "issued", "已出账"),
    ("disputed", "disputed", "有争议"),
    ("confirmed", "confirmed", "已确认"),
    ("used", "by day of use", "按使用日"),
    ("paid", "by day of payment", "按支付日"),
    ("daily", "daily", "日账单"),
    ("monthly", "monthly", "月账单"),
    ("reseller", "reseller", "经销商账单"),
    ("delivered", "delivered", "已交付"),
    ("planned", "planned", "已计划"),
    ("uploading", "uploading", "上传中"),
    ("uploaded", "uploaded", "已上传"),
    ("checked", "checked", "已核验"),
    ("abandoned", "given up", "已放弃"),
    ("waiting", "waiting", "等待中"),
    ("accepted", "accepted", "已接受"),
    ("discarded", "discarded", "已丢弃"),
    ("carried", "carried forward", "已结转"),
    ("sent", "sent", "已发送"),
    ("rejected", "rejected", "已拒绝"),
    ("withdrawn", "withdrawn", "已撤回"),
    ("settled", "settled", "已结清"),
    ("yes", "yes", "是"),
    ("no", "no", "否"),
    ("viewer", "viewer", "查看者"),
    ("operator", "operator", "操作员"),
    ("approver", "approver", "审批者"),
    ("admin", "admin", "管理员"),
    ("partner", "partner", "合作伙伴"),
    ("customer", "customer", "客户"),
    ("over", "charged too much", "多收"),
    ("under", "charged too little", "少收"),
    ("month", "Month", "月份"),
    ("basis", "Basis", "口径"),
    ("state", "State", "状态"),
    ("revision", "Revision", "版本"),
    ("lines", "Lines", "行数"),
    ("after", "Leaves after", "送出时机"),
    ("confirmation", "confirmation", "确认后"),
    ("customer_total", "Customer's total", "客户合计"),
    ("currency", "Currency", "币种"),
    ("total", "Total", "合计"),
    ("through", "In through", "数据截至"),
    ("digest", "Digest", "摘要"),
    ("owner", "Account", "账号"),
    ("product", "Product", "产品"),
    ("day", "Day", "日期"),
    ("region", "Region", "地域"),
    ("billing_mode", "Billing mode", "计费模式"),
    ("project", "Project", "项目"),
    ("instance", "Instance", "资源 ID"),
    ("component", "Component", "组件"),
    ("subproduct", "Subproduct", "子产品"),
    ("delivery", "Delivery", "交付"),
    ("sink", "Bucket", "存储桶"),
    ("uin", "Account", "账号"),
    ("kind", "Kind", "类型"),
    ("first_day", "First day", "首日"),
    ("last_day", "Last day", "末日"),
    ("rows", "Rows", "行数"),
    ("bytes", "Bytes", "字节"),
    ("part", "File", "文件"),
    ("location", "Where", "位置"),
    ("due_on", "Due on", "应交付日"),
    ("due", "Due", "应交付"),
    ("why", "Why", "原因"),
    ("what", "What", "项目"),
    ("value", "Value", "值"),
    ("said", "Said", "声明"),
    ("from", "From", "自"),
    ("until", "Until", "至"),
    ("time", "Time", "时间"),
    ("actor", "Who", "操作人"),
    ("reason", "Reason", "原因"),
    ("number", "Number", "编号"),
    ("dispute", "Dispute", "争议"),
    ("late", "Pending file", "待处理文件"),
    ("cause", "Cause", "原因类别"),
    ("smaller", "smaller", "内容减少"),
    ("superseded", "superseded", "已被取代"),
    ("bill", "Bill", "账单"),
    ("file", "File", "文件"),
    ("direction", "Direction", "方向"),
    ("amount", "Amount", "金额"),
    ("difference", "Difference", "差额"),
    ("name", "Name", "名称"),
    ("role", "Role", "角色"),
    ("tokens", "Tokens", "令牌"),
    ("url", "URL", "URL"),
    ("audience", "Read by", "读者"),
    ("options", "Options", "选项"),
    ("on", "On", "日期"),
    ("at", "At", "时间"),
    ("entry", "Entry", "条目"),
    ("action", "What", "操作"),
    ("subject", "Subject", "对象"),
    ("detail", "Detail", "详情"),
    ("allowed", "Allowed", "白名单"),
    ("authorised", "Authorised", "已授权"),
    ("custom_bills", "Custom bills", "客户账单"),
    ("next", "Next", "下一步"),
    ("finding", "Finding", "发现"),
    ("setting", "Setting", "设置项"),
    ("load", "Load", "批次"),
    ("files", "Files", "文件"),
    ("made_at", "Made at", "生成时间"),
    ("dispute.open", "open", "待处理"),
    ("late.open", "open", "待处理"),
    ("parent", "Parent", "上级"),
    ("count", "Count", "数量"),
    ("severity", "Severity", "严重程度"),
    ("stake", "At stake", "涉及金额"),
    ("verdict", "Verdict", "结论"),
    ("late_days", "Days late", "迟到天数"),
    ("missing_days", "Days missing", "缺失天数"),
    ("other_file", "Other file", "另一文件"),
    ("arrived", "arrived", "已到达"),
    ("cumulative", "month to date", "月累计"),
    ("adjustment", "adjustment", "调整"),
    ("set_aside", "Set aside", "搁置"),
    ("settled_by", "Settled by", "结清批次"),
    ("note", "Note", "备注"),
    ("accounts", "Accounts", "账号数"),
    ("all", "all", "全部"),
    ("self", "own lines only", "仅自用"),
    ("store", "store", "存储"),
    ("off", "off", "关闭"),
    ("stop", "stop", "停止"),
    ("binding", "binding", "绑定"),
    ("allowlist", "allowlist", "白名单"),
    ("allow", "allow", "允许"),
    ("deny", "deny", "拒绝"),
    ("authorize", "authorise", "授权"),
    ("revoke", "revoke", "撤销"),
    ("storing role", "storing role", "存储角色"),
    ("custom bills", "custom bills", "客户账单"),
    ("coverage", "Days", "覆盖日期"),
    ("scope", "Whose lines", "范围"),
    ("form", "Form", "形式"),
    ("final", "Final", "最终"),
    ("content_digest", "Digest of the lines", "内容摘要"),
    ("sha256", "SHA-256", "SHA-256"),
    ("manifest_sha256", "Manifest's SHA-256", "清单 SHA-256"),
    ("planned_at", "Planned at", "计划时间"),
    ("supersedes", "Replaces", "替代"),
    ("manifest", "Manifest", "清单"),
    ("tag", "Tag", "标签"),
    ("signature", "Signature", "签名"),
    ("delivered_at", "Delivered at", "交付时间"),
    ("delivered_by", "Delivered by", "交付人"),
    ("failed_at", "Failed at", "失败时间"),
    ("failure", "Failure", "失败类型"),
    ("failed_why", "Why it failed", "失败原因"),
    ("attempts", "Attempts", "尝试次数"),
    ("next_attempt", "Next attempt", "下次尝试"),
    ("abandoned_at", "Given up at", "放弃时间"),
    ("abandoned_by", "Given up by", "放弃人"),
    ("abandoned_why", "Given up because", "放弃原因"),
    ("refused", "refused", "被拒绝"),
    ("passing", "may pass", "暂时性"),
    ("credentials", "credentials", "凭证"),
    ("damaged", "damaged", "已损坏"),
    ("entries", "Entries", "条目数"),
    ("last_hash", "Last hash", "最后哈希"),
    ("noted_entry", "Noted entry", "记录的条目"),
    ("changed_by", "Changed by", "更改人"),
    ("calendar", "Calendar", "账期日历"),
    ("timezone", "Time zone", "时区"),
    ("four_eyes", "Four eyes", "双人复核"),
    ("followed", "Followed", "适用"),
    ("lag_days", "Lag in days", "滞后天数"),
    ("monthly_day", "Monthly on day", "月账单日"),
    ("reseller_day", "Reseller on day", "经销商账单日"),
    ("zone", "Time zone", "时区"),
    ("where", "Where", "位置"),
    ("days", "Days", "天数"),
    ("due_day", "Due on", "应到日"),
    ("event", "Event", "事件"),
    ("state_of", "State", "状态"),
    ("error", "error", "错误"),
    ("warning", "warning", "警告"),
    ("info", "info", "提示"),
    ("confirm", "confirm", "确认"),
    ("issue", "issue", "出账"),
    ("reopen", "reopen", "重新打开"),
    ("defer", "defer", "延后"),
    ("import", "import", "导入"),
    ("init", "init", "建库"),
    ("deliver", "deliver", "交付"),
    ("settings", "settings", "设置"),
    ("storage enable", "storage enable", "启用存储"),
    ("storage disable", "storage disable", "停用存储"),
    ("storage switch", "storage switch", "更换存储桶"),
    ("storage allow", "storage allow", "加入白名单"),
    ("storage authorize", "storage authorise", "授权存储"),
    ("sink add", "sink add", "添加存储桶"),
    ("dispute open", "dispute open", "提出争议"),
    ("user set", "user set", "登记用户"),
    ("user link", "user link", "生成登录链接"),
    ("user sign in", "user sign in", "登录"),
    ("user token", "user token", "生成令牌"),
    ("verify", "verify", "核验"),
    ("usage_start", "Used from", "使用开始"),
    ("place", "Place", "位置"),
    ("rule", "Rule", "规则"),
    ("check", "Check", "检查项"),
    ("result", "Result", "结果"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_cookie_chooses_and_else_the_browser_by_its_weights() {
        let of = |accept: &str, cookie: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(accept).unwrap());
            headers.insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
            Language::of(&headers).tag()
        };
        assert_eq!(of("", ""), "en");
        assert_eq!(of("zh-CN,zh;q=0.9,en;q=0.8", ""), "zh-Hans");
        assert_eq!(of("fr,en;q=0.5,zh;q=0.25", ""), "en");
        assert_eq!(of("en;q=0.8,zh-TW;q=0.85", ""), "zh-Hans");
        assert_eq!(of("zh", "a=b; billkeep-language=en"), "en");
        assert_eq!(of("en", "billkeep-language=zh-Hans"), "zh-Hans");
    }

    #[test]
    fn no_term_is_there_twice() {
        for (at, (word, ..)) in TERMS.iter().enumerate() {
            assert!(TERMS.iter().skip(at + 1).all(|(other, ..)| other != word), "{word}");
        }
    }
}

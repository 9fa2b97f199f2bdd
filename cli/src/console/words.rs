//! The words that the pages themselves write, in English and Chinese. Errors have their texts in `crate::text`.

use axum::http::{HeaderMap, header};

use super::cookies::cookie;
pub(super) use crate::text::Language;

/// The cookie that keeps the choice.
pub(super) const COOKIE: &str = "billkeep-language";

impl Language {
    /// Returns the language that was chosen, or the one that the browser likes best of these two.
    pub(super) fn of(headers: &HeaderMap) -> Language {
        if let Some(chosen) = cookie(headers, COOKIE) {
            return Language::of_tag(&chosen).unwrap_or(Language::English);
        }
        let ranges = headers.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
        let mut best = (Language::English, 0_u16);
        for range in ranges.flat_map(|line| line.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=")).unwrap_or("1");
            // A weight is 0 to 1 with three decimals at most: thousandths, without a float.
            let digits: String = weight.chars().filter(char::is_ascii_digit).collect();
            let weight = format!("{digits:0<4}").get(..4).and_then(|digits| digits.parse().ok()).unwrap_or(0);
            if let Some(language) = Language::of_tag(tag)
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
}

/// Replaces `{a}`, `{b}`, `{c}` in a sentence.
pub(super) fn filled(sentence: &str, values: &[&str]) -> String {
    ["{a}", "{b}", "{c}"]
        .iter()
        .zip(values)
        .fold(sentence.to_owned(), |text, (place, value)| text.replace(place, value))
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
    disputes: "Disputes" | "账单异议",
    late: "Pending files" | "待处理文件",
    storage: "Bill Storage" | "账单存储",
    deliveries: "Deliveries" | "投递记录",
    journal: "Journal" | "操作日志",
    history: "History" | "变更记录",
    settings: "Settings" | "设置",
    import: "Import" | "导入账单",
    skip: "Skip to the content" | "跳到正文",
    main_menu: "Main menu" | "主菜单",
    signed_in_as: "Signed in as" | "当前用户",
    sign_in: "Sign in" | "登录",
    sign_out: "Sign out" | "退出登录",
    sign_in_text: "Only people of this store can sign in. Follow the link that `billkeep serve` printed at its start. Or ask an admin for a new link: on the page Settings, or on this machine with `billkeep user link NAME`." | "只有本账单库的用户才能登录。请使用 `billkeep serve` 启动时打印的链接；或请管理员在“设置”页面，或在本机执行 `billkeep user link NAME` 生成新链接。",
    sign_in_ready: "This link works once. Press the button to sign in." | "此链接只能使用一次。请点击按钮登录。",
    disputed_text: "Disputed: it can be confirmed once its disputes have ended or are set aside." | "有异议：异议结束或搁置后才能确认。",
    has_failed: "failed" | "失败",
    not_delivered: "not delivered" | "未投递",
    allow: "Put on the allowlist:" | "将以下账号加入白名单：",
    give_up: "Give up" | "放弃",
    delivery: "Delivery" | "投递",
    dispute: "Dispute" | "账单异议",
    late_file: "Pending file" | "待处理文件",
    expected: "Expected files" | "待接收文件",
    rules: "Rules" | "规则",
    retention: "Retention" | "保留期限",
    calendars: "Calendars" | "账期日历",
    sign_in_failed: "This link has expired or was already used, or the console was started again." | "链接无效：已使用、已过期，或控制台已重新启动。",
    language_other: "中文" | "English",
    payer: "Payer" | "支付者 UIN",
    today: "Today" | "今天",
    nothing_to_do: "Nothing needs you today." | "今天没有待办事项。",
    decide: "Needs your decision" | "待处理",
    files: "Files that are late, missing, double or of the wrong basis" | "逾期、缺失、重复或口径错误的文件",
    failed: "Failed or interrupted" | "失败或中断",
    due: "Due today" | "今日应投递",
    months: "Months" | "月份",
    query: "View" | "查看",
    month: "Month" | "月份",
    basis: "Basis" | "口径",
    state: "State" | "状态",
    revision: "Revision" | "版本",
    lines: "Lines" | "账单明细",
    total: "Total" | "合计",
    currency: "Currency" | "币种",
    digest: "Digest" | "校验码",
    through: "Data through" | "数据截至",
    no_bills: "No bill has been imported yet." | "尚未导入任何账单。",
    first_steps: "Import a bill file to begin. Until you enter people, anyone who can open the store file has full access." | "请先导入账单文件。在登记用户之前，任何能打开库文件的人都拥有全部权限。",
    enter_people: "Enter people" | "登记用户",
    import_first: "Import a bill file" | "导入账单文件",
    choose_month: "Choose a month" | "选择月份",
    bill_title: "Bill Management {a}" | "{a}账单",
    bill_part_title: "{b} {a}" | "{a}账单 · {b}",
    show: "Show" | "显示",
    group_by: "Group by" | "分组",
    grouped_by: "Group by {a}" | "按{a}汇总",
    lines_count: "{a} lines" | "{a} 条明细",
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
    four_eyes_off_text: "Confirming and reopening then need one person. Turning this off takes two people: the second one presses the same button." | "关闭后，确认和重新打开只需一人。关闭需要两个人：第二人须点击同一按钮。",
    four_eyes_off_asked: "{a} has asked to turn it off. It ends once a second person does the same." | "{a} 已要求关闭。第二人执行同样操作后才生效。",
    scheduler: "Scheduler" | "调度器",
    scheduler_none: "This console delivers nothing by itself." | "此控制台不会自动投递。",
    scheduler_well: "Last went through {a}, as {b}." | "已处理至 {a}，以 {b} 的身份运行。",
    scheduler_stopped: "It delivers nothing, as {a}: {b}" | "以 {a} 的身份运行，目前不投递：{b}",
    choose_a_kind: "Choose a bucket for at least one kind of bill. To stop all of them, use Disable Bucket." | "请至少为一种账单选择存储桶。如需全部停止，请使用“关闭账单存储”。",
    nothing_differs: "The settings are as they were; nothing was changed." | "设置与原来相同，未做更改。",
    after_stays: "What bills wait for does not change while they go to the same bucket. Choose `not stored`, save, and choose the bucket again; or choose another bucket." | "账单写入同一存储桶期间，送出时机不能更改。请先选择“不存储”并保存，再重新选择存储桶；或选择其他存储桶。",
    not_stored: "not stored" | "不存储",
    settings_text: "Each kind of bill goes to the bucket chosen here. A new bucket for a kind takes effect tomorrow; what was delivered stays where it is." | "每种账单写入此处选择的存储桶。更换存储桶从明天起生效，已投递的数据保留在原处。",
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
    issue_missing: "Days are missing. If their files come later, they wait as late files once the bill is confirmed." | "有缺失的日期。如果账单确认后其文件才到，将作为逾期文件待处理。",
    issue_typed: "To go on, type the month ({a})" | "请输入月份（{a}）以继续",
    reopen_title: "Reopen {a}?" | "重新打开 {a}？",
    reopen_text: "The bill loses its confirmation, and can change again. What was delivered stays delivered. A changed bill is delivered again after its next confirmation." | "账单将失去确认状态，可以再次变化。已投递的数据保留。账单变化后，在下次确认后会再次投递。",
    defer_title: "Put off the decision on {a}?" | "暂缓确认 {a}？",
    defer_text: "You can put off the decision once. It is then put off until {a}, and nothing of the bill changes." | "每份账单只能暂缓一次。确认将暂缓至 {a}，账单内容不变。",
    deferred: "{b} put off the decision until {a}." | "{b} 已将确认暂缓至 {a}。",
    confirm_two: "Two people have to confirm. The bill is confirmed once the second one does so." | "需要两个人确认。第二人确认后，账单才成为已确认。",
    reopen_two: "Two people have to reopen. The bill is reopened once the second one does so." | "需要两个人重新打开。第二人执行后才生效。",
    signed_confirm: "{a} has confirmed. The bill is confirmed once a second person confirms it too." | "{a} 已确认。第二人也确认后，账单才成为已确认。",
    signed_reopen: "{a} has asked to reopen. The bill is reopened once a second person does the same." | "{a} 已要求重新打开。第二人执行同样操作后才生效。",
    confirmed_by: "Confirmed by {a} at {b}." | "由 {a} 于 {b} 确认。",
    total_now: "Total now" | "当前合计",
    defer: "Put off" | "暂缓确认",
    reason: "Reason" | "原因",
    note: "Note" | "备注",
    unchanged: "The bill has not changed since you looked at it." | "自您上次查看以来，账单没有变化。",
    changed: "The bill has changed since you looked at it." | "自您上次查看以来，账单已发生变化。",
    changed_from_to: "You saw revision {a}; now it is revision {b}." | "您看到的是第 {a} 版，现在是第 {b} 版。",
    confirm_title: "Confirm this bill?" | "确认此账单？",
    confirm_text: "You confirm exactly what is on the screen, by its digest. If the bill has changed meanwhile, nothing is confirmed and you see the difference." | "您确认的正是屏幕上的内容（以校验码为准）。如果账单在此期间发生变化，则不会确认，并会显示差异。",
    cancel: "Cancel" | "取消",
    confirmed_text: "Confirmed: it cannot change any more, and customers' bills can be delivered." | "已确认：账单不再变化，可以投递客户账单。",
    all_decimals: "Show all decimals" | "显示全部小数位",
    two_decimals: "Show two decimals" | "显示两位小数",
    subtotal: "Subtotal" | "小计",
    grand_total: "Total" | "总计",
    by_product: "By product" | "按产品",
    by_day: "By day" | "按日",
    others: "others" | "项其他",
    rows_of: "Rows {a} to {b} of {c}" | "第 {a}–{b} 行，共 {c} 行",
    next: "Next" | "下一页",
    previous: "Previous" | "上一页",
    first_page: "First" | "首页",
    differences: "Differences" | "差异",
    lint: "Checks" | "账单核对",
    revisions: "Revisions" | "版本历史",
    overview: "Overview" | "概览",
    dispute_these: "Dispute these lines" | "对这些明细提出异议",
    open_dispute: "Open a dispute" | "提出异议",
    dispute_state: "Lines can be disputed while the bill is complete and not yet confirmed." | "只有账单已出全且尚未确认时，才能对明细提出异议。",
    dispute_choose: "Choose the lines first: search for an account, a product or a day, and press Dispute these lines." | "请先选择明细：按使用者 UIN、产品或日期搜索，然后点击“对这些明细提出异议”。",
    field: "Field" | "字段",
    value: "Value" | "值",
    contains: "Text in any cell" | "任意单元格包含",
    search: "Search" | "搜索",
    no_lines: "No line matches." | "没有匹配的明细。",
    looked_at: "Searched {a} of {b} lines." | "已搜索 {a} 行，共 {b} 行。",
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
    after_text: "A daily bill shows an open month, so a customer gets it only after issue. A disputed bill goes to no customer." | "日明细账单反映尚未结束的月份，因此客户只有在选择“出账后”时才会收到。有异议的账单不会送给客户。",
    shared: "Other customers' bills may be stored at this place, where each reader can read all of them" | "允许其他客户的账单存放在同一位置，每位读者都能看到全部",
    shared_place: "Another bucket may be at the same place" | "允许与其他存储桶位于同一位置",
    no_difference: "The two revisions hold the same lines." | "两个版本的明细完全相同。",
    one_revision: "There is one revision only; there is nothing to compare." | "只有一个版本，无可比较。",
    added: "Added" | "新增",
    removed: "Removed" | "删除",
    changed_lines: "Changed" | "变更",
    net: "Net" | "净变化",
    lint_clean: "No line contradicts itself or another." | "没有发现自相矛盾的明细。",
    accept_reopen: "Accept and reopen the bill" | "接受并重新打开账单",
    accept_carry: "Carry it forward to the next open month" | "结转到下一个未确认月份",
    discard: "Reject the file" | "不采纳",
    accept_smaller: "Accept the file all the same" | "仍然接受",
    gone: "What it takes away, by day and account" | "按日期和使用者 UIN 列出的减少项",
    no_late: "No file waits for a decision." | "没有待处理的文件。",
    late_accepted: "accepted as revision {a}" | "已接受（第 {a} 版）",
    late_carried: "carried forward to {a} as load {b}" | "已结转到 {a}（批次 {b}）",
    late_superseded: "superseded by load {a}" | "已被批次 {a} 取代",
    for_confirmed: "The bill was confirmed when the file came." | "文件到达时，账单已确认。",
    takes_away: "The file takes lines or money away from the bill." | "该文件会减少账单中的明细或金额。",
    ends_early: "The last days of the file have no lines, or far fewer than the days before." | "文件最后几天没有明细，或远少于之前的日期。",
    lacks_csvs: "The file lacks CSVs that the replaced file had." | "该文件缺少被替换文件中的 CSV。",
    month_far_below: "The file has far fewer lines than the month before." | "该文件的明细远少于上个月。",
    accept_smaller_import: "Accept the file even if it takes lines or money away" | "即使明细或金额减少也接受该文件",
    no_disputes: "No disputes." | "没有账单异议。",
    send: "Mark as sent to the provider" | "标记为已告知供应商",
    accept: "The provider agrees" | "供应商采纳",
    reject: "The provider does not agree" | "供应商不采纳",
    withdraw: "Withdraw" | "撤回",
    settle: "Mark as settled" | "标记为已结清",
    set_aside: "Set aside" | "搁置",
    not_allowed: "Bill Storage is not open for this account: it is not on the allowlist. Ask your sales representative, or an admin of this store." | "该账号不在白名单中，无法使用账单存储。请联系您的销售代表或管理员。",
    no_storage: "No account is on the allowlist, so there is nothing to store." | "没有账号在白名单中，因此没有可存储的账单。",
    authorize: "Authorize" | "授权",
    authorize_title: "Authorize the service role" | "授权服务角色",
    authorize_text: "Bill Storage needs your consent to write this account's bills to the bucket that you choose." | "账单存储需要您的同意，才能将该账号的账单写入您选择的存储桶。",
    agree: "Agree" | "同意",
    bucket: "Bucket" | "存储桶",
    no_bucket_yet: "There is no bucket yet. An admin creates one here or on the page Settings." | "尚无存储桶。请管理员在此处或“设置”页面创建。",
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
    disable: "Disable Bucket" | "关闭账单存储",
    disable_title: "Disable bill storage?" | "关闭账单存储？",
    disable_text: "What was delivered stays. No new data will be written." | "已投递的数据会保留，但不再写入新数据。",
    calendar_of: "Calendar of" | "投递日历",
    previous_month: "Previous month" | "上个月",
    next_month: "Next month" | "下个月",
    delivered: "delivered" | "已投递",
    is_due: "due" | "应投递",
    deliver: "Deliver" | "投递",
    retry: "Try again" | "重试",
    verify: "Verify now" | "立即核验",
    delivery_failed: "Remove the cause, and press Try again. Or press Give up: the bill is then not delivered." | "请排除原因后点击“重试”；或点击“放弃”，则不再投递该账单。",
    no_deliveries: "No deliveries yet." | "尚无投递记录。",
    receipt: "Receipt" | "回执",
    manifest: "Manifest" | "清单",
    actor: "Who" | "操作人",
    action: "Action" | "操作",
    since: "Since" | "起始日期",
    until: "Until" | "截止日期",
    filter: "Filter" | "筛选",
    journal_whole: "Check the journal" | "校验日志",
    four_eyes: "Confirming and reopening need two people" | "确认和重新打开需要两个人",
    turn_on: "Turn on" | "开启",
    turn_off: "Turn off" | "关闭",
    people: "People" | "用户",
    no_people: "No people yet: anyone who can open the store file has full access." | "尚未登记用户：任何能打开库文件的人都拥有全部权限。",
    name: "Name" | "名称",
    role: "Role" | "角色",
    enter_person: "Add or update" | "添加或修改",
    sinks: "Buckets and folders" | "存储桶与文件夹",
    no_sinks: "No bucket or folder yet." | "尚无存储桶或文件夹。",
    test: "Test" | "测试",
    remove: "Remove" | "移除",
    choose_file: "Bill files (CSV or zip), one or several" | "账单文件（CSV 或 zip），可多选",
    accept_unterminated: "Accept a file whose last line has no line end" | "接受末行没有换行符的文件",
    strict: "Refuse a file whose lines contradict each other" | "拒绝明细自相矛盾的文件",
    month_if: "Month, where the file does not name it" | "月份（文件未注明时）",
    basis_if: "Basis, where the file does not name it" | "口径（文件未注明时）",
    mode: "What it holds" | "文件内容",
    as_name_says: "as its name says" | "由文件名决定",
    dry_run: "Check only, change nothing" | "仅检查，不做更改",
    done: "Done" | "完成",
    not_done: "Not done" | "操作失败",
    not_found: "Page not found" | "找不到页面",
    went_wrong: "Something went wrong" | "操作失败",
    stop_host: "The request is for {a}, which is not a name of this console." | "请求的名称是 {a}，不是此控制台的名称。",
    stop_host_option: "If that is its name, start it with `billkeep serve --host {a}`." | "如果这是它的名称，请用 `billkeep serve --host {a}` 启动。",
    stop_host_proxy: "A proxy in front of it has to pass the `Host` that the browser sent: `proxy_set_header Host $host;` in nginx." | "前面的代理必须转发浏览器发送的 `Host`：在 nginx 中使用 `proxy_set_header Host $host;`。",
    stop_origin: "The request comes from a page of another site." | "请求来自其他网站的页面。",
    stop_csrf: "This form is of an earlier session. Load its page again, and fill it in anew." | "此表单属于之前的会话。请重新加载其页面并重新填写。",
    form_unnamed: "The form does not name its fields." | "表单没有列出其字段。",
    form_lacks: "The form lacks `{a}`." | "表单缺少 `{a}`。",
    form_has: "`{a}` is not a field of this form." | "`{a}` 不是此表单的字段。",
    form_again: "Load the page again, and fill it in anew." | "请重新加载页面并重新填写。",
    form_nothing: "Nothing is chosen: choose at least one of `{a}`." | "尚未选择：请至少选择一项 `{a}`。",
    form_typed: "`{a}` is not the month that the page asked you to type." | "`{a}` 不是页面要求输入的月份。",
    back: "Back" | "返回",
    may_not: "You can view this but not change it: your role is {a}." | "您只能查看，不能更改：您的角色是{a}。",
    run_now: "Deliver now" | "立即投递",
    details: "Details" | "详情",
    product: "Product" | "产品",
    owner: "Account" | "使用者 UIN",
}

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
        assert_eq!(of("en; q=0.5, zh; q=0.9", ""), "zh-Hans");
        assert_eq!(of("zh ;q=0.2 , en", ""), "en");
        assert_eq!(of("zh", "a=b; billkeep-language=en"), "en");
        assert_eq!(of("en", "billkeep-language=zh-Hans"), "zh-Hans");
    }
}

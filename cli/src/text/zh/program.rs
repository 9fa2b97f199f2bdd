//! Chinese texts of errors of the program itself.

use super::super::entry::Text;

const ADD_THERE: &str =
    "请在本机用 `billkeep sink add` 添加；如为文件夹，请用 `--sink-folder DIR` 启动控制台";

pub(super) const TEXTS: &[Text] = &[
    ("console.signed-out", "尚未登录", &[]),
    ("console.somebody-entered", "已有登记的用户", &[]),
    ("console.too-many-readers", "同时读取的文件过多", &[]),
    ("console.request-failed", "程序处理此请求时出错；位置见程序的错误输出", &[]),
    ("console.sink-is-plugin", "插件是程序，不能在控制台添加", &[ADD_THERE]),
    ("console.sink-option", "选项 `{option}` 不能在控制台设置", &[ADD_THERE]),
    ("console.sink-folder", "`{path}` 不在允许从控制台添加存储桶的文件夹之下", &[ADD_THERE]),
    ("upload.others-are-checked", "正在检查其他文件", &["请一分钟后重新上传"]),
    (
        "upload.no-room",
        "正在接收其他文件，没有空间接收此文件",
        &["请一分钟后重新上传；`--upload-mib` 设置所有文件共用的上限"],
    ),
    (
        "upload.too-large",
        "文件超过此处接收的上限 {max} 字节",
        &["`--upload-mib` 设置上限；也可以用 `billkeep import` 导入"],
    ),
    ("upload.not-taken", "无法接收文件：{why}", &[]),
    ("upload.no-file", "没有选择文件", &[]),
    ("upload.not-a-file-name", "`{name}` 不是文件名", &[]),
    ("upload.stopped-coming", "文件传输中断", &[]),
    ("day.future", "{day} 晚于今天（{today}）；没有任何更改", &["`--yes` 表示今天即按该日期处理"]),
    (
        "console.sign-in",
        "请先登录：使用 `billkeep serve` 显示的链接，或用 `billkeep user link NAME` 生成链接",
        &[],
    ),
    ("console.no-host", "请求没有 `Host`，或有多个", &[]),
    (
        "pending.waits",
        "`{file}` 尚待决定（待处理文件 {number}）",
        &[
            "`{show}` 显示它会更改什么、涉及谁",
            "`{accept} --reason TEXT` 接受该文件",
            "`{discard} --reason TEXT` 保持账单不变",
        ],
    ),
    (
        "pending.many-wait",
        "有 {files} 个文件尚待决定，从待处理文件 {number} 开始",
        &[
            "`{show}` 显示它会更改什么、涉及谁",
            "`{accept} --reason TEXT` 接受该文件",
            "`{discard} --reason TEXT` 保持账单不变",
        ],
    ),
    (
        "import.faults",
        "`{name}` 有 {faults} 处错误，共 {kinds} 类",
        &["没有导入任何内容；请更正文件或重新下载"],
    ),
    (
        "settings.approvers",
        "需要两位可审批的用户，而现有 {approvers} 位：否则无人能确认账单或关闭此项",
        &["请先用 `billkeep user set NAME --role approver` 登记"],
    ),
    ("dispute.not-an-amount", "`{amount}` 不是金额", &[]),
];

//! Chinese texts of errors about imported files.

use super::super::entry::Text;

pub(super) const TEXTS: &[Text] = &[
    ("import.read", "无法读取 `{file}`：{why}", &[]),
    ("import.cancelled", "`{file}` 的导入已取消", &[]),
    ("import.container", "`{file}`：{why}", &[]),
    (
        "import.twice",
        "`{file}`：其中的 `{first}` 和 `{second}` 含有相同的明细，会重复计算：请只保留其中一个",
        &[],
    ),
    (
        "import.no-mode",
        "`{file}`：文件名没有说明其内容",
        &[
            "请用 `--mode cumulative`（月初至今）、`--mode day`（单日）、`--mode monthly`（整月）或 `--mode adjustment`（调整）指明",
        ],
    ),
    ("import.no-month", "`{file}`：文件名和明细都没有说明月份", &["请用 `--month YYYY-MM` 指明"]),
    ("import.unclear", "`{file}`：{why}", &[]),
    (
        "import.control",
        "`{file}` 不是预期的文件：{why}",
        &["没有导入任何内容；请重新下载文件，或更正预期的数字"],
    ),
    (
        "import.other-month",
        "`{file}`：没有 {month} 的明细：其明细的日期为 {first} 至 {last}",
        &[
            "如果是 {of_month} 的文件，请用 `--month {of_month}` 或以原文件名导入",
            "如果这些明细确实属于本月，请用 `--accept-outside` 导入",
        ],
    ),
    (
        "import.findings",
        "`{file}` 自相矛盾：{findings}",
        &["没有导入任何内容；如需查看，请不带 `--strict` 导入，然后执行 `billkeep bill lint`"],
    ),
    ("import.do-not-tie", "{what} 不相符：{one} 与 {other}", &[]),
    ("import.unlike", "`{file}`：{why}", &[]),
    ("import.block", "无法生成数据块：{why}", &[]),
    (
        "import.overlap[new_mode=monthly]",
        "",
        &["没有导入任何内容；如要用整月文件替换月初至今的文件，请用 `--mode cumulative` 导入"],
    ),
    (
        "import.overlap",
        "`{new}`（{new_mode}，{new_days}）与账单中的 `{old}`（{old_mode}，{old_days}，导入 {load}）日期重叠",
        &["没有导入任何内容；这些日期已在账单中，否则会重复计算"],
    ),
    (
        "import.older",
        "`{new}` 截至 {new_last}，而账单中的 `{old}`（导入 {load}）截至 {old_last}：会丢失数据",
        &["没有导入任何内容，也没有缺少数据：账单中的文件已包含这些日期"],
    ),
    (
        "import.level",
        "`{new}` 是 {new_level} 账单，而账单中的 `{old}`（导入 {load}）是 {old_level} 账单",
        &["没有导入任何内容；两者包含相同的金额，因此一份账单只保留一种明细级别"],
    ),
    (
        "file.foreign",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：{what}⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.empty",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：文件为空⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.no-lines",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：只有表头，没有明细⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.other-form",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：是{what}，不是 CSV⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.no-header",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：以账单明细开头，没有表头：它是被拆分账单的后一部分⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.lines-above",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：表头在第 {header} 行，上方的行像是账单明细⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.not-text[encoding=UTF-8]",
        "",
        &[
            "如果整个文件使用其他编码，请指明：`--encoding gb18030`",
            "如果只有一个单元格损坏，请更正该单元格，或重新下载文件；没有导入任何内容",
        ],
    ),
    (
        "file.not-text",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：⟦列 `{column}`：⟧字节 {bytes} 不是 {encoding} 文本⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.nul",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：含有零字节，CSV 不会有零字节⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.nul-tail",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：文件以零字节结尾，像是崩溃或下载中断：请重新下载⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.ragged",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：该行有 {cells} 个单元格，而表头有 {headers} 个⟦（另有 {more} 处）⟧",
        &["`--dry-run` 按列和原因统计所有错误；没有导入任何内容"],
    ),
    (
        "file.empty-line",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：该行没有值：请删除该行⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.header-again",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：表头再次出现：多个文件被拼接在一起；请分别导入⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.total-row",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：`{text}`：这是合计行，金额会重复计算；请删除该行或导入原始文件⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.cell",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：列 `{column}`：`{text}` 不是有效的值（应为 {expected}）⟦：{cause}⟧⟦（另有 {more} 处）⟧",
        &["`--dry-run` 按列和原因统计所有错误；没有导入任何内容"],
    ),
    (
        "file.differs",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：列 `{column}`：`{text}`，但 {other}⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.unclosed-quote",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：此处的引号没有闭合：文件被截断或已损坏⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.swallowed-lines",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：列 `{column}` 的引号在 {lines} 行之后才闭合，整行账单会被当作一个单元格⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.unterminated",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：最后一行没有换行符，文件可能被截断⟦（另有 {more} 处）⟧",
        &["如果文件完整，请用 `--accept-unterminated` 导入"],
    ),
    (
        "file.long-cell",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：列 `{column}` 有 {bytes} 字节，超过上限 {max}⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.long-line",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：某行超过 {max} 字节⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "file.outside",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：列 `{column}`：明细的日期为 {day}，而文件的范围为 {coverage}⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "header.encoding",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：表头第 {column} 列不是 UTF-8⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "header.too-many-columns",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：表头有 {columns} 列，超过上限 {max}⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "header.twice",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：表头第 {first} 列和第 {second} 列的含义都是 `{name}`⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "header.focus",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：这是 FOCUS 账单；billkeep 读取 L3 和 L2 账单，请下载当月的账单明细⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "header.foreign",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：这是 {provider} 的账单；billkeep 读取 L3 和 L2 账单，请下载当月的账单明细（{missing}）⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "header.not-a-bill",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：不是 billkeep 支持的账单：{missing}（表头以 `{begins}` 开头）⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
    (
        "header.no-currency",
        "`{file}`⟦，条目 `{entry}`⟧⟦，第 {line} 行⟧：没有币种列（表头 `Currency` 或 `币种`），表头中也没有注明币种（如“元”）⟦（另有 {more} 处）⟧",
        &["没有导入任何内容"],
    ),
];

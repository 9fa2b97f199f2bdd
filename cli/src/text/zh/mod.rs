//! Chinese texts of the program.

mod deliveries;
mod hints;
mod imports;
mod store;

use super::entry::Text;

pub(super) const TEXTS: &[&[Text]] = &[store::TEXTS, imports::TEXTS, deliveries::TEXTS];

/// Words and sentences of the library that fields hold.
const PHRASES: &[(&str, &str)] = &[
    ("the month is not complete", "本月账单尚未出全"),
    ("only an open bill can be issued", "只有未出全的账单才能标记为已出全"),
    ("it was confirmed before", "此前已确认"),
    ("only a confirmed bill can be reopened", "只有已确认的账单才能重新打开"),
    ("disputes about it are not settled", "相关异议尚未结束"),
    ("its decision was put off once already", "已暂缓确认过一次"),
    ("open", "未出全"),
    ("issued", "已出全"),
    ("confirmed", "已确认"),
    ("disputed", "有异议"),
    ("on the allowlist", "加入白名单"),
    ("authorised", "授权"),
    ("enabled", "开通"),
    ("the partner itself", "合作伙伴自身"),
    ("all accounts", "所有账号"),
    ("all customers", "所有客户"),
    ("a second-level reseller's customers", "二级经销商的客户"),
    ("daily", "日明细"),
    ("monthly", "月明细"),
    ("reseller", "经销商"),
    ("cumulative", "月初至今"),
    ("adjustment", "调整"),
    ("day", "单日"),
    ("viewer", "查看者"),
    ("admin", "管理员"),
    ("analyst", "分析员"),
    ("accepted", "已接受"),
    ("discarded", "已放弃"),
    ("make one first", "请先设置一位"),
    ("the last one cannot be removed while others are there", "还有其他用户时，不能移除最后一位"),
];

/// Returns a value in Chinese, or as it is.
pub(super) fn phrase(value: &str) -> &str {
    PHRASES.iter().find(|(known, _)| *known == value).map_or(value, |(_, chinese)| chinese)
}

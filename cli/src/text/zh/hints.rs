//! Hints that several errors share.

/// What to do about a store that is damaged.
pub(super) const CHECK: &str = "`billkeep store check` 会列出受影响的内容";
pub(super) const RESTORE: &str =
    "请恢复一份在没有程序写入时复制的库文件；没有副本时的办法见 docs/DELIVERY.md";
/// What to do where there is no room for a file.
pub(super) const MAKE_ROOM: &str =
    "数据没有丢失；请在该磁盘上腾出空间，或提高文件大小上限（`ulimit -f`），然后重试";

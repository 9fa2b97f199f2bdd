//! What can be wrong with a block.

use crate::values::error::codes;

/// The version byte of a block.
pub(super) const VERSION: u8 = 1;

/// A block that cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The bytes are not what was written.
    #[error("block is damaged: {0}")]
    Damaged(&'static str),
    /// Written by a later version.
    #[error("block has format version {0}, and this program knows {VERSION}")]
    Version(u8),
    /// More than the layout can count.
    #[error("block is too large")]
    TooLarge,
    /// The compressor failed.
    #[error("block cannot be compressed: {0}")]
    Zstd(String),
}

codes!(BlockError {
    own {
        Self::Damaged(why) => Damaged "block.damaged" { why: why },
        Self::Version(version) => Damaged "block.version" { version: version, known: VERSION },
        Self::TooLarge => Internal "block.too-large" {},
        Self::Zstd(why) => Internal "block.compressor" { why: why },
    }
    within {}
});

//! Ids of exports: they have the look of the provider's, and come from the content.
//!
//! The provider ends a consolidated bill's name with an id of time and chance, so that every re-issue has a new
//! name. Ours keeps the id's look and is derived from the content and the coverage: the same bill always has the
//! same name, and a retry finds what an earlier attempt left.

use std::fmt;

use crate::values::period::{Coverage, TimeZone};

impl ExportId {
    /// Makes an export's id of the SHA-256 of its content: the same content and coverage have the same id.
    ///
    /// The id has the look of Tencent Cloud's sample ([`ExportId`]). Its second is the first moment of the day after the
    /// last one covered; the rest comes from `content`. Seconds that 32 bits cannot hold are those of the nearest
    /// end: no day of a month has such a second.
    pub fn of(content: &[u8; 32], coverage: Coverage, zone: TimeZone) -> ExportId {
        let after = coverage.last.next().unwrap_or(coverage.last);
        let second = after.start_unix_s(zone.offset_minutes()).clamp(0, i64::from(u32::MAX));
        let [m0, m1, m2, m3, d0, d1, d2, d3, d4, d5, d6, d7, ..] = *content;
        ExportId {
            unix_s: u32::try_from(second).unwrap_or(u32::MAX),
            micros: u32::from_be_bytes([m0, m1, m2, m3]) % MICROS,
            digits: u64::from_be_bytes([d0, d1, d2, d3, d4, d5, d6, d7]) % DIGITS,
        }
    }
}

/// Microseconds in a second.
const MICROS: u32 = 1_000_000;

/// The first number that ten decimal digits cannot hold.
const DIGITS: u64 = 10_000_000_000;

/// The parts of an id, as in Tencent Cloud's sample (docs/DOMAIN.md#file-names): `61121cbd` `9017a` `1628576957`
/// `1173521960`.
///
/// 33 characters: 8 hexadecimal digits of Unix seconds and 5 of microseconds, in lower case; the same seconds in
/// 10 decimal digits; 10 decimal digits, which the provider draws by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExportId {
    /// The Unix seconds.
    pub unix_s: u32,
    /// The microseconds, less than 1,000,000.
    pub micros: u32,
    /// The last ten digits as a number.
    pub digits: u64,
}

impl fmt::Display for ExportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExportId { unix_s, micros, digits } = self;
        write!(f, "{unix_s:08x}{micros:05x}{unix_s:010}{digits:010}")
    }
}

/// Reads an id of 33 characters; `None` if it has another form or its two seconds differ.
pub(crate) fn parse_id(text: &str) -> Option<ExportId> {
    let id = ExportId {
        unix_s: u32::from_str_radix(text.get(..8)?, 16).ok()?,
        micros: u32::from_str_radix(text.get(8..13)?, 16).ok()?,
        digits: text.get(23..)?.parse().ok()?,
    };
    // The numbers' parsers take signs and capitals, and nobody has looked at the second in decimal yet:
    // what would not be written in the same way was not read rightly.
    (id.micros < MICROS && id.digits < DIGITS && id.to_string() == text).then_some(id)
}

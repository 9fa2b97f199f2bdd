//! Sizes of an import's blocks and segments, for tests alone.
//!
//! With the sizes of the product, a test of what happens between two blocks or segments would need files of millions of
//! lines. `BILLKEEP_TUNING=block_rows=64,segment_mib=1` makes both small. The sizes enter the key of a segment: a store that
//! was imported with others does not find lines that it has. So this is no option of the command line.

use crate::error::CommandError;
use billkeep_core::bills::ImportSettings;

const VARIABLE: &str = "BILLKEEP_TUNING";

/// Sizes that differ from those of the product.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tuning {
    block_rows: Option<u32>,
    segment_mib: Option<usize>,
}

impl Tuning {
    /// Reads the environment.
    ///
    /// # Errors
    /// An error of the kind `User` for a name that is not known and a size that is none.
    pub(crate) fn of_environment() -> Result<Tuning, CommandError> {
        std::env::var(VARIABLE).map_or_else(|_| Ok(Tuning::default()), |text| Tuning::parse(&text))
    }

    fn parse(text: &str) -> Result<Tuning, CommandError> {
        let wrong = || CommandError::user(format!("`{VARIABLE}`: `{text}` does not give sizes"));
        let mut tuning = Tuning::default();
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
            match name {
                "block_rows" => tuning.block_rows = Some(value.parse().map_err(|_| wrong())?),
                "segment_mib" => tuning.segment_mib = Some(value.parse().map_err(|_| wrong())?),
                _ => return Err(wrong()),
            }
        }
        let is_size = tuning.block_rows.is_none_or(|rows| (64..=1_000_000).contains(&rows))
            && tuning.segment_mib.is_none_or(|mib| (1..=1024).contains(&mib));
        if is_size { Ok(tuning) } else { Err(wrong()) }
    }

    /// Returns an import's settings with these sizes.
    pub(crate) fn applied_to(self, settings: ImportSettings) -> ImportSettings {
        ImportSettings {
            block_rows: self.block_rows.unwrap_or(settings.block_rows),
            segment_bytes: self.segment_mib.map_or(settings.segment_bytes, |mib| mib << 20),
            ..settings
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_others_are_refused() {
        let settings =
            Tuning::parse("block_rows=64,segment_mib=2").unwrap().applied_to(ImportSettings::default());
        assert_eq!((settings.block_rows, settings.segment_bytes), (64, 2 << 20));
        assert_eq!(
            Tuning::parse("").unwrap().applied_to(ImportSettings::default()).level,
            ImportSettings::default().level
        );
        for wrong in ["64", "rows=64", "block_rows=x", "block_rows=63", "segment_mib=0"] {
            assert!(Tuning::parse(wrong).is_err(), "{wrong}");
        }
    }
}

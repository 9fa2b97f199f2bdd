//! The second reading of a zip: what the crate `zip` finds in it.
//!
//! A zip tells where its entries are in several places, and readers differ in which of them they believe. What
//! two readers find that share no code is what the file holds; where they differ, it has two meanings.

use std::fs::File;
use std::io::BufReader;

use zip::ZipArchive;

/// What a reader finds of one entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SecondReading {
    /// The name's bytes, as they stand in the directory.
    pub(crate) name: Vec<u8>,
    /// Where the packed data begins.
    pub(crate) from: u64,
    /// How much packed data there is.
    pub(crate) packed: u64,
    /// What it unpacks to.
    pub(crate) unpacked: u64,
    pub(crate) crc: u32,
}

/// Reads the directory again, and refuses a zip in which something else is found.
///
/// The first reader has counted the entries, so there are not too many of them.
pub(crate) fn must_agree(file: File, first: &[SecondReading]) -> Result<(), String> {
    let differs =
        |what: &str| format!("two readers of zips find different things in it: the second one {what}");
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| differs(&format!("says “{e}”")))?;
    if archive.len() != first.len() {
        return Err(differs(&format!("finds {} entries, not {}", archive.len(), first.len())));
    }
    for (index, found) in first.iter().enumerate() {
        let name = String::from_utf8_lossy(&found.name).escape_debug().to_string();
        let entry = archive
            .by_index_raw(index)
            .map_err(|e| differs(&format!("says of entry {} `{name}` “{e}”", index + 1)))?;
        let second = SecondReading {
            name: entry.name_raw().to_vec(),
            from: entry.data_start().unwrap_or_default(),
            packed: entry.compressed_size(),
            unpacked: entry.size(),
            crc: entry.crc32(),
        };
        if second != *found {
            return Err(differs(&format!("finds another entry {} than `{name}`", index + 1)));
        }
    }
    Ok(())
}

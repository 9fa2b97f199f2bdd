//! What a hostile file may not exceed.

/// What a hostile file may not exceed.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes in a cell.
    pub cell_bytes_max: usize,
    /// Bytes in a record.
    pub record_bytes_max: usize,
    /// Entries in a zip.
    pub zip_entries_max: usize,
    /// How many times larger an entry, and the whole zip, may be than its packed form.
    pub zip_ratio_max: u64,
    /// Bytes that all entries of a zip, or a gzip file, unpack to together.
    pub zip_bytes_max: u64,
    /// Bytes that come from a pipe.
    pub piped_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            cell_bytes_max: 1 << 20,
            record_bytes_max: 8 << 20,
            zip_entries_max: 10_000,
            zip_ratio_max: 250,
            zip_bytes_max: 256 << 30,
            piped_bytes_max: 64 << 30,
        }
    }
}

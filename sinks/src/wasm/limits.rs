//! What a guest may use of the machine, and which limit it has run into.

use wasmtime::ResourceLimiter;

/// Elements of all tables of a guest.
const TABLE_ELEMENTS_MAX: usize = 1_000_000;
/// Components made from Python have many.
const PARTS_MAX: usize = 1_000;

/// Counts what a guest uses.
#[derive(Debug)]
pub(super) struct Limits {
    memory_bytes_max: u64,
    memory_bytes: u64,
    table_elements: usize,
    /// The limit that was hit last: a guest that is refused memory says something else.
    hit: Option<String>,
}

impl Limits {
    pub(super) fn new(memory_bytes_max: u64) -> Limits {
        Limits { memory_bytes_max, memory_bytes: 0, table_elements: 0, hit: None }
    }

    pub(super) fn hit(&self) -> Option<&str> {
        self.hit.as_deref()
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, now: usize, wanted: usize, max: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(wanted.saturating_sub(now) as u64);
        if total > self.memory_bytes_max {
            let mib = self.memory_bytes_max >> 20;
            self.hit = Some(format!("its {mib} MiB of memory"));
            return Ok(false);
        }
        if max.is_some_and(|max| wanted > max) {
            return Ok(false);
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, now: usize, wanted: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(wanted.saturating_sub(now));
        if total > TABLE_ELEMENTS_MAX {
            self.hit = Some(format!("its {TABLE_ELEMENTS_MAX} elements of tables"));
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }
}

//! How a part is rendered.

use crate::engine::store::ChunkCache;

/// How the work is done; it does not change the bytes.
#[derive(Clone, Copy)]
pub struct RenderSettings<'a> {
    /// Threads that read and compress. More than there are processors help nothing.
    pub threads: usize,
    /// Where chunks are kept for the next time, if anywhere.
    pub cache: Option<&'a ChunkCache>,
}

impl Default for RenderSettings<'_> {
    fn default() -> Self {
        RenderSettings { threads: 2, cache: None }
    }
}

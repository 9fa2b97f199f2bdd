//! An object store that fails as it is told: at the call of a number, or at some calls by chance of a seed.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use billkeep_fixtures::Rng;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryFutureExt as _, TryStreamExt as _};
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartId, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What a call answers instead of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    TimeOut,
    Reset,
    Status(u16),
    ShortBody,
}

impl Fault {
    pub const ALL: [Fault; 10] = [
        Fault::TimeOut,
        Fault::Reset,
        Fault::Status(403),
        Fault::Status(404),
        Fault::Status(409),
        Fault::Status(412),
        Fault::Status(429),
        Fault::Status(500),
        Fault::Status(503),
        Fault::ShortBody,
    ];

    fn error(self, path: &Path) -> Error {
        let generic = |text: &str| Error::Generic { store: "faulty", source: text.to_owned().into() };
        let (path, source) = (path.to_string(), "injected".into());
        match self {
            Fault::TimeOut => generic("operation timed out"),
            Fault::Reset | Fault::ShortBody => generic("connection reset by peer"),
            Fault::Status(403) => Error::PermissionDenied { path, source },
            Fault::Status(404) => Error::NotFound { path, source },
            Fault::Status(409) => Error::AlreadyExists { path, source },
            Fault::Status(412) => Error::Precondition { path, source },
            Fault::Status(status) => {
                generic(&format!("Server returned non-2xx status code: {status} X: <Code>X</Code>"))
            }
        }
    }
}

/// When calls fail.
#[derive(Debug)]
pub enum When {
    Never,
    /// The call of this number, counted from 1; with `after`, once it has had its effect.
    Call {
        number: u64,
        fault: Fault,
        after: bool,
    },
    /// So many in a hundred calls, each with a fault and a side of it by chance.
    Chance {
        percent: u64,
        rng: Mutex<Rng>,
    },
}

/// Uploads in pieces that somebody knows of and that have not ended.
pub type Uploads = BTreeSet<MultipartId>;

/// Objects in memory, behind faults.
#[derive(Debug)]
pub struct FaultyStore {
    pub inner: Arc<InMemory>,
    when: When,
    calls: AtomicU64,
    uploads: Arc<Mutex<Uploads>>,
}

impl FaultyStore {
    pub fn new(inner: Arc<InMemory>, when: When, uploads: Arc<Mutex<Uploads>>) -> FaultyStore {
        FaultyStore { inner, when, calls: AtomicU64::new(0), uploads }
    }

    /// Runs what ends an upload, and notes that it has.
    async fn ending<T>(&self, id: &MultipartId, effect: impl Future<Output = Result<T>>) -> Result<T> {
        let done = effect.await?;
        self.uploads.lock().unwrap().remove(id);
        Ok(done)
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The fault of the next call, and whether it comes after the effect.
    fn next(&self) -> Option<(Fault, bool)> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        match &self.when {
            When::Never => None,
            When::Call { number: at, fault, after } => (number == *at).then_some((*fault, *after)),
            When::Chance { percent, rng } => {
                let mut rng = rng.lock().unwrap();
                let fails = rng.below(100) < *percent;
                let fault = Fault::ALL[rng.below(Fault::ALL.len() as u64) as usize];
                let after = rng.below(2) == 1;
                fails.then_some((fault, after))
            }
        }
    }

    async fn call<T>(&self, path: &Path, effect: impl Future<Output = Result<T>>) -> Result<T> {
        match self.next() {
            None => effect.await,
            Some((fault, false)) => Err(fault.error(path)),
            Some((fault, true)) => {
                effect.await?;
                Err(fault.error(path))
            }
        }
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a faulty store")
    }
}

#[async_trait::async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.call(path, self.inner.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.call(path, self.inner.put_multipart_opts(path, options)).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let is_head = options.head;
        match self.next() {
            None => self.inner.get_opts(path, options).await,
            // Half of the body arrives, and then nothing any more.
            Some((Fault::ShortBody, _)) if !is_head => {
                let got = self.inner.get_opts(path, options).await?;
                let (meta, range, attributes) = (got.meta.clone(), got.range.clone(), got.attributes.clone());
                let bytes = got.bytes().await?;
                let half = bytes.slice(..bytes.len() / 2);
                let payload = GetResultPayload::Stream(stream::iter([Ok(half)]).boxed());
                Ok(GetResult { payload, meta, range, attributes, extensions: Default::default() })
            }
            Some((fault, _)) => Err(fault.error(path)),
        }
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.call(path, self.inner.get_ranges(path, ranges)).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.next() {
            None => self.inner.delete_stream(paths),
            Some((fault, false)) => stream::iter([Err(fault.error(&Path::default()))]).boxed(),
            Some((fault, true)) => self
                .inner
                .delete_stream(paths)
                .and_then(move |path| async move { Err(fault.error(&path)) })
                .boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.next() {
            None => self.inner.list(prefix),
            Some((fault, _)) => stream::iter([Err(fault.error(&Path::default()))]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.call(&Path::default(), self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.call(from, self.inner.copy_opts(from, to, options)).await
    }
}

#[async_trait::async_trait]
impl MultipartStore for FaultyStore {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        let id = self.call(path, self.inner.create_multipart(path)).await?;
        self.uploads.lock().unwrap().insert(id.clone());
        Ok(id)
    }

    async fn put_part(&self, path: &Path, id: &MultipartId, at: usize, data: PutPayload) -> Result<PartId> {
        self.call(path, self.inner.put_part(path, id, at, data)).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.call(path, self.ending(id, self.inner.complete_multipart(path, id, parts))).await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        let ended = self.ending(id, self.inner.abort_multipart(path, id));
        // The memory has no status for an upload that it does not know; servers say 404.
        let ended = ended.map_err(|e| Error::NotFound { path: path.to_string(), source: e.into() });
        self.call(path, ended).await
    }
}
